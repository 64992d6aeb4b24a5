"""Read passages closely: does one answer the question, which of its sentences does, and with which words?

A MiniLM encoder with span, sentence and no-answer outputs, made by training/train_reader.py and run by onnxruntime.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from rag.errors import EmbedderError
from rag.models.onnx import BATCH, open_session
from rag.models.wordpiece import bert_tokenizer
from vectorstore.values import Span

WEIGHTS = "reader.onnx"
WEIGHTS_SHA256 = "b912c6e33badc65d81cf4cb39a24c996b26d939f0c820cfdc915c8be756b51fc"

MAX_QUESTION_TOKENS = 64
MAX_TITLE_TOKENS = 24
READER_MAX_TOKENS = 320
MAX_SPAN_TOKENS = 30
# The score of a sentence that was cut off or holds no token: lower than any that the network gives.
UNREAD = -20.0

CLS, SEP = 101, 102
# Lone surrogates cannot be encoded for the tokenizer; one character stands in for one, so that offsets hold.
SURROGATE = re.compile("[\ud800-\udfff]")

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ReaderPassage:
    """A passage and its sentences, as offsets in `text`."""

    text: str
    title: str
    sentences: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader thinks of one passage; scores of different passages can be compared.

    answerable: log-odds that the passage answers the question. sentence_scores: one for each sentence, as log-odds
    against "none answers". span: the words that answer best, offsets in the passage's text; None when nothing was read.
    span_margin: by how much the span's score exceeds that of no span (Devlin et al. 2019, section 4.3), as log-odds.
    """

    answerable: float
    sentence_scores: tuple[float, ...]
    span: Span | None
    span_margin: float


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


def encode(tokenizer: Tokenizer, question: str, passage: ReaderPassage) -> Encoded:
    """Question and title are cut to their limits, the passage to what is left of READER_MAX_TOKENS."""

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


def network_inputs(batch: Sequence[Encoded]) -> dict[str, Integers]:
    """input_ids, attention_mask and token_type_ids, padded to the longest of the batch."""
    shape = (len(batch), max(len(encoded.ids) for encoded in batch))
    ids, mask, types = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    for row, encoded in enumerate(batch):
        ids[row, : len(encoded.ids)] = encoded.ids
        mask[row, : len(encoded.ids)] = 1
        types[row, encoded.question_length : len(encoded.ids)] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


def log_sum_exp(values: Floats) -> float:
    highest = float(values.max())
    return highest + float(np.log(np.exp(values - highest).sum()))


def interpret(encoded: Encoded, token_scores: Floats, passage_scores: Floats) -> Reading:
    """Turn the network's numbers for one passage into a Reading.

    token_scores: [tokens, 3], start, end and evidence for every token of the input. passage_scores: [2], the score of
    "no sentence answers" and the log-odds that the passage answers. A sentence's score is the soft maximum of its
    tokens' evidence, the same one that training uses.
    """
    read = token_scores[encoded.passage_start : encoded.passage_start + len(encoded.offsets)]
    null, answerable = float(passage_scores[0]), float(passage_scores[1])
    sentence_scores = tuple(
        log_sum_exp(read[first:last, 2]) - float(np.log(last - first)) - null if last > first else UNREAD
        for first, last in encoded.sentence_tokens
    )
    span, score = best_span(read[:, 0], read[:, 1], encoded.offsets)
    none = float(token_scores[0, 0] + token_scores[0, 1])
    return Reading(answerable, sentence_scores, span, UNREAD if span is None else score - none)


def best_span(starts: Floats, ends: Floats, offsets: Sequence[Span]) -> tuple[Span | None, float]:
    """The characters from the best start token to the best end token not before it, at most MAX_SPAN_TOKENS long, and
    the sum of the two tokens' scores."""
    if not offsets:
        return None, UNREAD
    count = len(offsets)
    scores = starts[:, None] + ends[None, :]
    positions = np.arange(count)
    lengths = positions[None, :] - positions[:, None]
    scores = np.where((lengths >= 0) & (lengths < MAX_SPAN_TOKENS), scores, -np.inf)
    first, last = divmod(int(scores.argmax()), count)
    return (offsets[first][0], offsets[last][1]), float(scores[first, last])


class Reader:
    """The network in memory. Reading the same passages twice gives the same numbers."""

    def __init__(self, threads: int = 2, weights: Path | None = None) -> None:
        """Raises EmbedderError when the weights are missing or not the ones that this version was made with."""
        data = files("rag.data")
        path = weights or Path(str(data.joinpath(WEIGHTS)))
        try:
            content = path.read_bytes()
        except OSError as error:
            raise EmbedderError(f"{path} cannot be read ({error.strerror}): install dateline again.") from None
        if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256:
            raise EmbedderError(f"{path} is damaged or of another version: install dateline again.")
        self._session = open_session(content, threads)
        self._tokenizer = bert_tokenizer()

    def read(self, question: str, passages: Sequence[ReaderPassage]) -> list[Reading]:
        """One Reading for each passage, in the order given."""
        encoded = [encode(self._tokenizer, question, passage) for passage in passages]
        # Passages of like length share a batch, so that little is spent on padding.
        order = sorted(range(len(encoded)), key=lambda place: len(encoded[place].ids))
        readings: dict[int, Reading] = {}
        for begin in range(0, len(order), BATCH):
            places = order[begin : begin + BATCH]
            token_scores, passage_scores = self._run(network_inputs([encoded[place] for place in places]))
            for row, place in enumerate(places):
                readings[place] = interpret(encoded[place], token_scores[row], passage_scores[row])
        return [readings[place] for place in range(len(encoded))]

    def _run(self, inputs: Mapping[str, Integers]) -> tuple[Floats, Floats]:
        token_scores, passage_scores = self._session.run(["token_scores", "passage_scores"], dict(inputs))
        return token_scores, passage_scores
