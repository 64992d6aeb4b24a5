"""Articles that answer a question for a number or a date differently. Pure; it would rather miss one than invent one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from rag.answer import Citation
from rag.answering.extractive import Quote, citation_of
from rag.answering.features import answer_type_of, content_stems, coverage
from rag.answering.reader import Reading
from rag.prompt_injection import flagged_sentences
from rag.text import stems_of
from rag.verification.parsed_text import parse_text
from rag.verification.quantities import Number
from vectorstore.values import Hit, Span

SURE = 0.0
"""Log-odds from which the reader must believe that a passage answers and where. Measured: docs/quality.md."""
SUBJECT_SHARE = 0.6
"""Of the question's words, how many a sentence and its title must hold to speak of the same thing."""
ABOUT = 0.02
"""Numbers that differ by less than this share are the same, one of them rounded."""
MAX_SHOWN = 3
BOUND = re.compile(r"\b(?:more|less|fewer|over|under|at least|at most|up to|than)\W+(?:than\W+)?$", re.IGNORECASE)
"""Before a number it makes it a bound, which another number may keep."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one article says: a value as it prints it, in the sentence that says so. key: comparable with others of its kind."""

    hit: int
    sentence: Span
    words: Span
    kind: str
    key: float


def disagreement(question: str, hits: Sequence[Hit], readings: Sequence[Reading]) -> tuple[Citation, ...]:
    """One citation an article, each with its own value as its only emphasis, newest first; () where nothing differs."""
    answer_type = answer_type_of(question)
    if answer_type not in ("count", "when"):
        return ()
    figures = [
        figure
        for number, (hit, reading) in enumerate(zip(hits, readings, strict=False))
        if (figure := figure_of(number, hit, reading, question, answer_type)) is not None
    ]
    articles = {figure.hit: (hits[figure.hit].chunk.library, hits[figure.hit].chunk.article_id) for figure in figures}
    differing = [
        pair for pair in combinations(figures, 2) if articles[pair[0].hit] != articles[pair[1].hit] and differ(*pair)
    ]
    if not differing:
        return ()
    # The first that the search found of each value.
    shown: list[Figure] = []
    for figure in (figure for pair in differing for figure in pair):
        if all(differ(figure, other) and articles[figure.hit] != articles[other.hit] for other in shown):
            shown.append(figure)
    shown.sort(key=lambda figure: -hits[figure.hit].chunk.recency)
    return tuple(
        citation_of(number, Quote(figure.hit, *figure.sentence, (figure.words,)), hits[figure.hit])
        for number, figure in enumerate(shown[:MAX_SHOWN], 1)
    )


def figure_of(number: int, hit: Hit, reading: Reading, question: str, answer_type: str) -> Figure | None:
    """The number or date that the reader underlines in a passage; None where it is not sure, or the sentence is of
    something else."""
    if reading.span is None or reading.log_odds < SURE or reading.span_margin < SURE:
        return None
    chunk = hit.chunk
    first, last = reading.span[0] + chunk.start, reading.span[1] + chunk.start
    place = next((n for n, (start, end) in enumerate(chunk.sentences) if start <= first and last <= end), None)
    if place is None or flagged_sentences(chunk, chunk.sentences)[place]:
        return None
    sentence = chunk.sentences[place]
    text = chunk.sentence_text(sentence)
    if coverage(content_stems(question), stems_of(f"{text} {chunk.title}")) < SUBJECT_SHARE:
        return None
    parsed, shift = parse_text(text), sentence[0]

    def underlined(quantity_first: int, quantity_last: int) -> Span | None:
        span = parsed.words[quantity_first].start + shift, parsed.words[quantity_last].end + shift
        return span if first <= span[0] and span[1] <= last else None

    if answer_type == "when":
        for day in parsed.quantities.days:
            if day.day is not None and (words := underlined(day.first, day.last)):
                published = None if chunk.published_guessed else chunk.published
                year = day.year or (published.year if published else 0)
                return Figure(number, sentence, words, "day", year * 372 + day.month * 31 + day.day)
        return None
    for quantity in parsed.quantities.numbers:
        words = underlined(quantity.first, quantity.last)
        if words and counts(quantity) and not BOUND.search(text[: words[0] - shift]):
            return Figure(number, sentence, words, quantity.kind + quantity.unit, quantity.value)
    return None


def counts(number: Number) -> bool:
    """True for an amount: no ordinal, decade or time of day."""
    return number.kind in ("", "%")


def differ(one: Figure, other: Figure) -> bool:
    """True for two values of one kind of which neither is the other, rounded."""
    if one.kind != other.kind:
        return False
    return one.key != other.key if one.kind == "day" else abs(one.key - other.key) > ABOUT * max(one.key, other.key)
