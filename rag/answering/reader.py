"""Read passages closely: does one answer the question, which of its sentences does, and with which words?

A cascade: a small network reads every passage, a large one reads the best of them again, each cut to the sentences around
the one that the small network likes best.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag.follow_ups import starts_like_question
from rag.models.passage_network import (
    Encoded,
    Floats,
    NetworkScores,
    PassageNetwork,
    ReaderPassage,
    encode,
    span_scores,
)
from vectorstore.values import Span

MAX_SPAN_TOKENS = 30
UNREAD = -20.0
"""The score of a sentence that was cut off or holds no token: lower than any that the network gives."""
REREAD, REREAD_WITHIN = 3, 2.0
"""Passages that the large network reads: at most so many, and only those that the small one finds as good as the best, within
so many log-odds. It reads 1.9 of them a question, and decides as well as with three (docs/experiments.md)."""
REREAD_TOKENS = 110
"""Of each of them: whole sentences around the best. All of its 220 tokens cost twice the time and are worth nothing: the
areas under the curve are the same or lower (docs/experiments.md)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader thinks of one passage; scores of different passages can be compared.

    answerable: log-odds that the passage answers the question, by the small network; reread: by the large one, None where it
    did not read. sentence_scores: one for each sentence, as log-odds against "none answers", the mean of the networks that read
    it. span: the words that answer best, offsets in the passage's text; None when nothing was read. span_margin: by how much
    the span's score exceeds that of no span (Devlin et al. 2019, section 4.3), as log-odds.
    """

    answerable: float
    sentence_scores: tuple[float, ...]
    span: Span | None
    span_margin: float
    reread: float | None = None

    @property
    def log_odds(self) -> float:
        """That the passage answers: the mean of the networks that read it."""
        return self.answerable if self.reread is None else (self.answerable + self.reread) / 2


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
    scores = span_scores(starts, ends, MAX_SPAN_TOKENS)
    first, last = divmod(int(scores.argmax()), len(offsets))
    return (offsets[first][0], offsets[last][1]), float(scores[first, last])


class Reader:
    """The cascade. Reading the same passages twice gives the same numbers."""

    def __init__(self, small: PassageNetwork, large: PassageNetwork | None = None) -> None:
        self.small, self.large = small, large

    def read(self, question: str, passages: Sequence[ReaderPassage]) -> list[Reading]:
        """One Reading for each passage, in the order given."""
        question = with_question_mark(question)
        encoded = [encode(self.small.tokenizer, question, passage) for passage in passages]
        readings = [interpret(*pair) for pair in zip(encoded, self.small.run(encoded), strict=True)]
        if self.large is None:
            return readings
        again = to_reread(readings)
        windows = {place: best_sentences(encoded[place], readings[place].sentence_scores) for place in again}
        narrowed = [narrow(passages[place], window) for place, window in windows.items()]
        closely = [encode(self.large.tokenizer, question, passage) for passage in narrowed]
        for place, inputs, scores in zip(windows, closely, self.large.run(closely), strict=True):
            readings[place] = combine(readings[place], interpret(inputs, scores), windows[place], passages[place])
        return readings


def with_question_mark(question: str) -> str:
    """A question with its mark, which people leave out and the networks notice: "who is peskov" is .5 log-odds less answered."""
    return f"{question.rstrip()}?" if starts_like_question(question) and question.rstrip()[-1:].isalnum() else question


def to_reread(readings: Sequence[Reading]) -> list[int]:
    """The places of the passages that may hold the answer, the most probable first."""
    ordered = sorted(range(len(readings)), key=lambda place: -readings[place].answerable)[:REREAD]
    return [place for place in ordered if readings[ordered[0]].answerable - readings[place].answerable <= REREAD_WITHIN]


def best_sentences(encoded: Encoded, scores: Sequence[float]) -> tuple[int, int]:
    """The sentence with the highest score and those around it, the better neighbour first, that fit REREAD_TOKENS."""
    sizes = [last - first for first, last in encoded.sentence_tokens]
    if not sizes:
        return 0, 0
    first = last = max(range(len(sizes)), key=lambda place: scores[place])
    room = REREAD_TOKENS - sizes[first]
    while True:
        neighbours = [place for place in (first - 1, last + 1) if 0 <= place < len(sizes) and sizes[place] <= room]
        if not neighbours:
            return first, last + 1
        added = max(neighbours, key=lambda place: scores[place])
        room -= sizes[added]
        first, last = min(first, added), max(last, added)


def narrow(passage: ReaderPassage, window: tuple[int, int]) -> ReaderPassage:
    """The passage cut to a half-open range of its sentences."""
    kept = passage.sentences[slice(*window)]
    if not kept:
        return passage
    start, end = kept[0][0], kept[-1][1]
    return ReaderPassage(passage.text[start:end], passage.title, tuple((a - start, b - start) for a, b in kept))


def combine(small: Reading, large: Reading, window: tuple[int, int], passage: ReaderPassage) -> Reading:
    """What both networks say: of a sentence the mean of their scores; the span is that of the surer one."""
    first, last = window
    shift = passage.sentences[first][0] if last > first else 0
    scores = list(small.sentence_scores)
    for place, score in enumerate(large.sentence_scores, first):
        scores[place] = (scores[place] + score) / 2
    # What lies outside was left out because it scored lower than a neighbour: it stays below all that was read again.
    lowest = min(scores[first:last], default=0.0)
    scores = [score if first <= place < last else min(score, lowest) for place, score in enumerate(scores)]
    span, margin = small.span, small.span_margin
    if large.span is not None and large.span_margin > small.span_margin:
        span, margin = (large.span[0] + shift, large.span[1] + shift), large.span_margin
    return replace(small, sentence_scores=tuple(scores), span=span, span_margin=margin, reread=large.answerable)
