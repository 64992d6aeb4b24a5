"""Read passages closely: does one answer the question, which of its sentences does, and with which words?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag.models.passage_network import (
    Encoded,
    Floats,
    NetworkScores,
    PassageNetwork,
    ReaderPassage,
    encode,
)
from vectorstore.values import Span

MAX_SPAN_TOKENS = 30
UNREAD = -20.0
"""The score of a sentence that was cut off or holds no token: lower than any that the network gives."""


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


def log_sum_exp(values: Floats) -> float:
    highest = float(values.max())
    return highest + float(np.log(np.exp(values - highest).sum()))


def interpret(encoded: Encoded, scores: NetworkScores) -> Reading:
    """Turn a network's numbers for one passage into a Reading.

    A sentence's score is the soft maximum of its tokens' evidence, the same one that training uses.
    """
    read = scores.tokens[encoded.passage_start : encoded.passage_start + len(encoded.offsets)]
    null, answerable = float(scores.passage[0]), float(scores.passage[1])
    sentence_scores = tuple(
        log_sum_exp(read[first:last, 2]) - float(np.log(last - first)) - null if last > first else UNREAD
        for first, last in encoded.sentence_tokens
    )
    span, score = best_span(read[:, 0], read[:, 1], encoded.offsets)
    none = float(scores.tokens[0, 0] + scores.tokens[0, 1])
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
    """Reads with one network. Reading the same passages twice gives the same numbers."""

    def __init__(self, network: PassageNetwork) -> None:
        self.network = network

    def read(self, question: str, passages: Sequence[ReaderPassage]) -> list[Reading]:
        """One Reading for each passage, in the order given."""
        encoded = [encode(self.network.tokenizer, question, passage) for passage in passages]
        return [interpret(*pair) for pair in zip(encoded, self.network.run(encoded), strict=True)]
