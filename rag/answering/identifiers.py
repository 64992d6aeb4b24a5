"""Numbers and identifiers of a question: "depot 14321", "Dorf7", "Pier 4" are never answered with what only looks alike. Pure."""

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.answer import Citation
from rag.answering.answerability import AnswerabilityScore
from rag.answering.features import text_of
from rag.text import STOP_WORDS
from rag.verification.quantities import MONTH_NUMBERS, WEEKDAYS
from vectorstore.values import Chunk, Hit

IDENTIFIER = re.compile(r"\b(?:[^\W\d_]+-?)?\d(?:[.,]?\d){2,}[^\W\d_]*\b")
YEAR = re.compile(r"(?:1\d|20)\d\ds?")
NUMBERED = re.compile(
    r"(?<![\w.,-])(?P<name>[^\W\d_]{1,40})(?P<gap>[-\u2010\u2011]? ?)(?P<number>\d{1,4})(?P<rest>[A-Za-z]?)(?![\w-]|[.,:/]\d|%)"
)
"""A name with its number: "Dorf7", "A320", "Petrel-2", "Pier 4", "Boeing 737"; a word and a number beside it look the same."""
NEVER_NAMES = STOP_WORDS | MONTH_NUMBERS.keys() | WEEKDAYS.keys()
SPELLED_LETTERS = 3
"""A name of fewer letters may be written otherwise: G7 is the Group of Seven, Q3 the third quarter."""

Numbered = dict[str, set[str]]
"""The numbers that each name has in a text: {"pier": {"4", "41"}}."""


def lacks_identifier(question: str, citations: Sequence[Citation], hits: Sequence[Hit]) -> bool:
    """True if a number or identifier of the question ("depot 14321", "A320") is in no quoted passage, title or outlet.

    The passage around a quote counts, and years do not: asked for strictly, most of such refusals on the dev sets were wrong.
    """
    places = {(citation.library, citation.article_id, citation.start) for citation in citations}
    chunks = [hit.chunk for hit in hits if any(holds_place(hit.chunk, place) for place in places)]
    known = identifiers(" ".join(f"{chunk.text} {chunk.title} {chunk.source}" for chunk in chunks))
    return not identifiers(question) <= known


def holds_place(chunk: Chunk, place: tuple[str, str, int]) -> bool:
    return (chunk.library, chunk.article_id) == place[:2] and chunk.start <= place[2] < chunk.end


def identifiers(text: str) -> frozenset[str]:
    """Words with at least three digits that are no year, in lower case and without separators."""
    words = (re.sub(r"[^\w]", "", word).lower() for word in IDENTIFIER.findall(text))
    return frozenset(word for word in words if not YEAR.fullmatch(word))


def lacks_numbered_name(question: str, hits: Sequence[Hit]) -> bool:
    """True if a name that is written with its number ("Dorf7", "Petrel-2") is in no passage or title that was found."""
    asked = numbered_names(question, joined_only=True)
    known = numbered_names(" . ".join(f"{hit.chunk.title} . {hit.chunk.text}" for hit in hits))
    return any(
        len(name) >= SPELLED_LETTERS and not numbers <= known.get(name, set()) for name, numbers in asked.items()
    )


def numbered_names(text: str, joined_only: bool = False) -> Numbered:
    """Names with their numbers, in lower case, leading zeros and a plural's s left out."""
    found: Numbered = {}
    for match in NUMBERED.finditer(text):
        name = match["name"].lower()
        apart = match["gap"].endswith(" ")
        if YEAR.fullmatch(match["number"]) or (apart and (joined_only or name in NEVER_NAMES)):
            continue
        rest = match["rest"].lower().removesuffix("s")
        found.setdefault(name, set()).add(match["number"].lstrip("0") + rest)
    return found


def written_as_names(text: str) -> frozenset[str]:
    """The words, in lower case, that have their number joined to them or are written with a capital before it."""
    return frozenset(
        match["name"].lower()
        for match in NUMBERED.finditer(text)
        if match["name"][0].isupper() or not match["gap"].endswith(" ")
    )


def names_another(question: str, text: str) -> bool:
    """True if the text has the question's name with other numbers alone: "Pier 41" where "Pier 4" is asked of.

    A number apart from its word makes a name of both where one of the two texts writes the word with a capital.
    """
    asked = numbered_names(question)
    if not asked:
        return False
    said = numbered_names(text)
    # The first word of a question has a capital whatever it is.
    names = written_as_names(question[:1].lower() + question[1:]) | written_as_names(text)
    return any(name in names and name in said and numbers.isdisjoint(said[name]) for name, numbers in asked.items())


def of_what_is_named(question: str, hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """The hits without those whose passage and title have another name that looks alike."""
    return tuple(hit for hit in hits if not names_another(question, f"{hit.chunk.title} . {hit.chunk.text}"))


def without_lookalikes(question: str, score: AnswerabilityScore, hits: Sequence[Hit]) -> AnswerabilityScore:
    """The score without the sentences that have another name that looks alike."""
    ranked = tuple(pair for pair in score.ranked if not names_another(question, text_of(pair[0], hits)))
    return replace(score, ranked=ranked)
