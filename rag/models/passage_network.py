"""The networks that read a passage for a question, or for a claim: their input, their weights, their scores.

Both are encoders with outputs for every token (start, end and evidence of an answer) and for the passage ("none", "answers"
and, of the verifier, "supported"). training/ makes them; onnxruntime runs them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from rag.errors import EmbedderError
from rag.models.onnx import open_session
from rag.models.wordpiece import bert_tokenizer
from rag.text import SURROGATE
from vectorstore.values import Span

MAX_QUESTION_TOKENS = 64
MAX_TITLE_TOKENS = 24
READER_MAX_TOKENS = 320

CLS, SEP = 101, 102

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Weights:
    """A network's file in rag/data/ and the SHA-256 of the version that this program was made with."""

    file: str
    sha256: str


READER = Weights("reader.onnx", "6d4b97a5a486dcd7b4f5a92dd6f8420019043ea29d3f4b1409a4cf9a4f701649")
"""MiniLM, six layers, in 8 bits: reads every passage."""
VERIFIER = Weights("verifier.onnx", "519a94fcd42944caf7959ae52b2e1f7c94bc6ed8b4f04d3b88a077493f280ffc")
"""MPNet, twelve layers, in 4 bits: reads the best passages a second time, and verifies claims."""


@dataclass(frozen=True, slots=True)
class ReaderPassage:
    """A passage and its sentences, as offsets in `text`."""

    text: str
    title: str
    sentences: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Encoded:
    """The network's input: [CLS] question [SEP] title [SEP] passage [SEP].

    passage_start: position of the passage's first token. offsets: its tokens' characters. sentence_tokens: for each
    sentence, which of these tokens are its own, half-open; an empty range when none is left after truncation.
    """

    ids: list[int]
    question_length: int
    passage_start: int
    offsets: list[Span]
    sentence_tokens: list[Span]


@dataclass(frozen=True, slots=True)
class NetworkScores:
    """tokens [tokens, 3]: start, end and evidence for every token of the input. passage [2 or 3]: the score of "no
    sentence answers", the log-odds that the passage answers and, of the verifier, that it supports the claim."""

    tokens: Floats
    passage: Floats


def encode(tokenizer: Tokenizer, question: str, passage: ReaderPassage) -> Encoded:
    """Question (or claim) and title are cut to their limits, the passage to what is left of READER_MAX_TOKENS."""

    def tokenize(text: str) -> Encoding:
        return tokenizer.encode(SURROGATE.sub("\ufffd", text), add_special_tokens=False)

    asked = tokenize(question).ids[:MAX_QUESTION_TOKENS]
    title = tokenize(passage.title).ids[:MAX_TITLE_TOKENS]
    passage_start = len(asked) + len(title) + 3
    tokens = tokenize(passage.text)
    room = READER_MAX_TOKENS - passage_start - 1
    offsets = tokens.offsets[:room]
    starts = np.array([start for start, _ in offsets], dtype=np.int64)
    sentence_tokens = [
        (int(np.searchsorted(starts, start)), int(np.searchsorted(starts, end))) for start, end in passage.sentences
    ]
    ids = [CLS, *asked, SEP, *title, SEP, *tokens.ids[:room], SEP]
    return Encoded(ids, len(asked) + 2, passage_start, offsets, sentence_tokens)


def network_inputs(encoded: Encoded) -> dict[str, Integers]:
    """input_ids, attention_mask and token_type_ids, each [1, tokens]."""
    ids = np.array([encoded.ids], dtype=np.int64)
    types = (np.arange(len(encoded.ids)) >= encoded.question_length).astype(np.int64)[None]
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": types}


def span_scores(starts: Floats, ends: Floats, longest: int) -> Floats:
    """Start plus end score of every span [first token, last token]; -inf where it ends before it begins or is longer."""
    positions = np.arange(len(starts))
    lengths = positions[None, :] - positions[:, None]
    scores: Floats = np.where((lengths >= 0) & (lengths < longest), starts[:, None] + ends[None, :], -np.inf)
    return scores


class PassageNetwork:
    """One of the networks in memory. The same input gives the same numbers, whatever else is read."""

    def __init__(self, weights: Weights, threads: int = 2, path: Path | None = None) -> None:
        """Raises EmbedderError when the weights are missing, not of this version, or beyond the installed onnxruntime."""
        path = path or Path(str(files("rag.data").joinpath(weights.file)))
        try:
            content = path.read_bytes()
        except OSError as error:
            raise EmbedderError(f"{path} cannot be read ({error.strerror}): install dateline again.") from None
        if hashlib.sha256(content).hexdigest() != weights.sha256:
            raise EmbedderError(f"{path} is damaged or of another version: install dateline again.")
        try:
            self._session = open_session(content, threads)
        except Exception as error:  # noqa: BLE001  # onnxruntime's own errors have nothing else in common
            reason = " ".join(str(error).split())[:200]
            raise EmbedderError(
                f"The installed onnxruntime cannot run {path} ({reason}): upgrade it with `pip install -U onnxruntime`."
            ) from None
        self._inputs = frozenset(taken.name for taken in self._session.get_inputs())
        self.tokenizer = bert_tokenizer()

    def run(self, encoded: Sequence[Encoded]) -> list[NetworkScores]:
        """The scores of each input, in the order given.

        One after the other: batches take a fifth more time for their padding, and an input's numbers would depend on those
        beside it, because its activations are rounded to 8 bits on one scale with theirs.
        """
        return [self.scores(one) for one in encoded]

    def scores(self, encoded: Encoded) -> NetworkScores:
        # MPNet has no segment types.
        inputs = {name: values for name, values in network_inputs(encoded).items() if name in self._inputs}
        tokens, passages = self._session.run(["token_scores", "passage_scores"], inputs)
        return NetworkScores(tokens[0], passages[0])
