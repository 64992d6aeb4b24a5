"""Articles that answer a question for a number, a date or a person differently. Pure; it would rather miss one than invent
one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from rag.answer import Citation
from rag.answering.extractive import Quote, citation_of, lacks_name
from rag.answering.features import answer_type_of, contains_span, coverage
from rag.answering.persons import (
    Name,
    are_two_persons,
    asks_for_office,
    asks_for_one_person,
    full_name,
    names_any,
    tells_of_change,
)
from rag.answering.reader import Reading
from rag.prompt_injection import flagged_sentences
from rag.text import STOP_WORDS, words_of
from rag.verification.parsed_text import parse_text
from rag.verification.quantities import Number, year_of
from rag.verification.tokens import synonym_stem
from vectorstore.values import Chunk, Hit, Span

SURE = 0.0
"""Log-odds from which the reader must believe that a passage answers and where. Measured: docs/quality.md."""
SURE_OF_NAME = 4.0
"""The same for where a person is named: each passage names somebody. Measured: docs/quality.md."""
SUBJECT_SHARE = 0.6
"""Of the question's words, how many a sentence and its title must hold to speak of the same thing, synonyms counted."""
SUBJECT_SHARE_SURE, SURE_OF_SUBJECT = 0.5, 6.0
"""The same where the reader is surer of the words than this: "lost their lives" is not among the synonyms of "killed"."""
ABOUT = 0.02
"""Numbers that differ by less than this share are the same, one of them rounded."""
MAX_SHOWN = 3
YEAR_KEY = 10_000
"""By this a year counts in a day's key, before 100 times the month and the day; 0 where it is not known."""
OFFICE_DAYS = 31
"""Articles further apart may name two people who held an office one after the other. A guess."""
BOUND = re.compile(r"\b(?:more|less|fewer|over|under|at least|at most|up to|than)\W+(?:than\W+)?$", re.IGNORECASE)
"""Before a number it makes it a bound, which another number may keep."""
ADDED_BEFORE = re.compile(
    r"\b(?:another|an? (?:further|additional|extra|new)|half|half an?|one in|(?:one|two) out of"
    r"|including|(?:among|of) (?:them|whom|these|those))\W+$",
    re.IGNORECASE,
)
PART_AFTER = re.compile(
    r"^\W+(?:more|other|others|further|additional|extra)\b|^[\W_]*(?:and )?(?:an? |one )?(?:half|quarter)\b|^\W+(?:out of|in|of) "
    r"(?:the|them|those|these|its|their|whom|which|every|\d|two|three|four|five|six|seven|eight|nine|ten)\b",
    re.IGNORECASE,
)
"""Around a number these make it a part of another one, or come on top of it: "another four", "two of the dead", "23, among
them five"."""
PLANNED = re.compile(
    r"\b(?:will|would|shall|could|may|might|(?:plan|expect|aim|intend|hope)(?:s|ed|ing)?(?: \w+)? to|(?:is|are|was|were) to"
    r"|from (?:next|19\d\d|20\d\d)|by (?:next|19\d\d|20\d\d))\b",
)
"""A clause with one of these may tell of another time than one without: "employs 400", "will employ 600 from 2027 on"."""
CLAUSE = re.compile(r"[,;:–—]\s|\s(?:and|but|while|whose|which|who|because|as)\s")
"""What parts the clauses of a sentence."""
CHANGED = re.compile(
    r"\b(?:risen?|rises|rising|rose|climb\w*|grow[ns]?|grew|increas\w*|fall(?:en|s|ing)?|fell|dropp\w*|drops|declin\w*|lowered|raised"
    r"|revis\w*|correct\w*|(?:up|down) (?:from|to)|now|no longer)\b",
    re.IGNORECASE,
)
"""In the later article's sentence these tell that a value has changed: that is news, and the earlier one was right."""
GROWING = frozenset(
    map(synonym_stem, ("kill", "injure", "victim", "toll", "casualty", "arrest", "infect", "evacuate", "cull"))
)
"""What is counted while it grows: a later article that counts more of it does not disagree."""


@dataclass(frozen=True, slots=True)
class Value:
    """What one article says: a value as it prints it, in the sentence that says so.

    key: of a number or day, comparable with others of its kind; name: of a person.
    """

    hit: int
    sentence: Span
    words: Span
    kind: str
    key: float = 0.0
    name: Name = ()


def disagreement(question: str, hits: Sequence[Hit], readings: Sequence[Reading]) -> tuple[Citation, ...]:
    """One citation an article, each with its own value as its only emphasis, newest first; () where nothing differs."""
    answer_type = answer_type_of(question)
    if answer_type not in ("count", "when") and not asks_for_one_person(question):
        return ()
    values = [
        value
        for number, (hit, reading) in enumerate(zip(hits, readings, strict=False))
        if (value := value_of(number, hit, reading, question, answer_type)) is not None
        # A like sentence of another town's hall has all of the question's words but its name.
        and not lacks_name(question, [hit])
    ]

    def disagree(one: Value, other: Value) -> bool:
        chunks = hits[one.hit].chunk, hits[other.hit].chunk
        if (chunks[0].library, chunks[0].article_id) == (chunks[1].library, chunks[1].article_id):
            return False
        return differ(one, other) and not is_news(one, other, question, hits)

    differing = [pair for pair in combinations(values, 2) if disagree(*pair)]
    # The first that the search found of each value.
    shown: list[Value] = []
    for value in (value for pair in differing for value in pair):
        if all(disagree(value, other) for other in shown):
            shown.append(value)
    shown.sort(key=lambda value: -hits[value.hit].chunk.recency)
    return tuple(
        citation_of(number, Quote(value.hit, *value.sentence, (value.words,)), hits[value.hit])
        for number, value in enumerate(shown[:MAX_SHOWN], 1)
    )


def value_of(number: int, hit: Hit, reading: Reading, question: str, answer_type: str) -> Value | None:
    """The number, date or person that the reader underlines in a passage; None where it is not sure, or the sentence is
    of something else."""
    if reading.span is None or reading.log_odds < SURE or reading.span_margin < SURE:
        return None
    chunk = hit.chunk
    first, last = reading.span[0] + chunk.start, reading.span[1] + chunk.start
    place = next((n for n, (start, end) in enumerate(chunk.sentences) if start <= first and last <= end), None)
    if place is None or flagged_sentences(chunk, chunk.sentences)[place]:
        return None
    sentence = chunk.sentences[place]
    text = chunk.sentence_text(sentence)
    share = SUBJECT_SHARE_SURE if reading.span_margin >= SURE_OF_SUBJECT else SUBJECT_SHARE
    if share_of_subject(question, f"{text} {chunk.title}") < share:
        return None
    underlined = first - sentence[0], last - sentence[0]
    if answer_type == "when":
        return day_in(number, chunk, sentence, underlined)
    if answer_type == "count":
        return amount_in(number, chunk, sentence, underlined)
    name = full_name(text[slice(*underlined)])
    if name is None or reading.span_margin < SURE_OF_NAME or tells_of_change(text):
        return None
    return Value(number, sentence, (first, last), "person", name=name)


def day_in(number: int, chunk: Chunk, sentence: Span, underlined: Span) -> Value | None:
    """The first whole date among the underlined words of a sentence."""
    parsed = parse_text(chunk.sentence_text(sentence))
    for day in parsed.quantities.days:
        words = parsed.words[day.first].start, parsed.words[day.last].end
        if day.day is not None and contains_span(underlined, words):
            year = year_of(day, chunk.published_day) or 0
            return Value(number, sentence, shifted(words, sentence), "day", year * YEAR_KEY + day.month * 100 + day.day)
    return None


def amount_in(number: int, chunk: Chunk, sentence: Span, underlined: Span) -> Value | None:
    """The amount among the underlined words of a sentence; None where there are several, or it is a bound or a part."""
    text = chunk.sentence_text(sentence)
    parsed = parse_text(text)
    amounts = [
        (quantity, words)
        for quantity in parsed.quantities.numbers
        if contains_span(underlined, words := (parsed.words[quantity.first].start, parsed.words[quantity.last].end))
        and is_amount(quantity)
    ]
    if len(amounts) != 1:
        return None
    [(amount, words)] = amounts
    before, after = text[: words[0]], text[words[1] :]
    if BOUND.search(before) or ADDED_BEFORE.search(before) or PART_AFTER.search(after):
        return None
    return Value(number, sentence, shifted(words, sentence), amount.kind + amount.unit, amount.value)


def shifted(words: Span, sentence: Span) -> Span:
    """Offsets in a sentence as offsets in its article."""
    return words[0] + sentence[0], words[1] + sentence[0]


def is_amount(number: Number) -> bool:
    """False for an ordinal, decade or time of day."""
    return number.kind in ("", "%")


def subject_stems(text: str) -> frozenset[str]:
    """The stems of its words of content, shared by synonyms."""
    return frozenset(synonym_stem(word) for word in words_of(text) if word not in STOP_WORDS)


def share_of_subject(question: str, text: str) -> float:
    """Of the question's words of content, how many the text holds."""
    return coverage(subject_stems(question), subject_stems(text))


def differ(one: Value, other: Value) -> bool:
    """True for two values of one kind of which neither is the other, rounded or spelt otherwise."""
    if one.kind != other.kind:
        return False
    if one.kind == "person":
        return are_two_persons(one.name, other.name)
    if one.kind == "day":
        # A day of no known year is the same day of any.
        whole = min(one.key, other.key) >= YEAR_KEY
        return one.key != other.key if whole else one.key % YEAR_KEY != other.key % YEAR_KEY
    return abs(one.key - other.key) > ABOUT * max(one.key, other.key)


def is_planned(value: Value, hits: Sequence[Hit]) -> bool:
    """True for a value in a clause that tells what will be: not in "17 died, and the toll may rise"."""
    text, start = hits[value.hit].chunk.sentence_text(value.sentence), value.words[0] - value.sentence[0]
    begins = max((found.end() for found in CLAUSE.finditer(text, 0, start)), default=0)
    ends = CLAUSE.search(text, start)
    return PLANNED.search(text[begins : ends.start() if ends else len(text)]) is not None


def is_news(one: Value, other: Value, question: str, hits: Sequence[Hit]) -> bool:
    """True where both may have been right, each on its day, or an article knows of the other's value."""
    if one.kind == "person":
        if names_any(hits[one.hit].chunk.text, other.name) or names_any(hits[other.hit].chunk.text, one.name):
            return True
        days = [hits[value.hit].chunk.published_day for value in (one, other)]
        if not asks_for_office(question):
            return False
        return days[0] is None or days[1] is None or abs((days[0] - days[1]).days) > OFFICE_DAYS
    if one.kind != "day" and is_planned(one, hits) != is_planned(other, hits):
        return True
    earlier, later = sorted((one, other), key=lambda value: hits[value.hit].chunk.recency)
    earlier_day, later_day = hits[earlier.hit].chunk.published_day, hits[later.hit].chunk.published_day
    if later_day is None or earlier_day == later_day:
        return False
    if CHANGED.search(hits[later.hit].chunk.sentence_text(later.sentence)):
        return True
    return one.kind != "day" and later.key > earlier.key and not GROWING.isdisjoint(subject_stems(question))
