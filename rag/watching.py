"""The heart of watched questions: is something new near a question, does its answer say something else now? Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rag.answer import QUOTED_FORGOTTEN, Answer, Citation
from rag.text import words_of
from rag.verification.parsed_text import parse_text
from vectorstore.ledger import Arrival, QuotedArticle

NEAR = 0.3
"""Cosine of a question to a sentence from which the sentence may change its answer. Measured: docs/quality.md."""
MOST_ARRIVALS = 5_000
"""Passages compared with each question, some 50 MB; after a larger ingest every question counts as near."""
RELATIVE_WORDS = frozenset(
    words_of(
        "monday tuesday wednesday thursday friday saturday sunday today tonight yesterday tomorrow morning afternoon evening "
        "night noon midnight week weekend month year last next this ago now here there he she it they"
    )
)
"""Words that mean something else in another sentence: answers of these are compared by their whole quotes."""

Standing: TypeAlias = Literal["stands", "unfinished", "withdrawn", "corrected", "deleted"]
"""What became of a quoted article: its quote stands; it is being stored; its publisher took it back; it no longer says the
quote; it is gone from the library."""
Difference: TypeAlias = Literal["answered", "refused", "reworded"]
"""How two answers to one question differ: the articles say something now, or no longer, or something else."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What came into the library: the last arrival, and each library's new sentences as unit vectors [n, dimension].

    complete: False where more came than is compared.
    """

    latest: float
    sentences: Mapping[str, NDArray[np.float32]]
    complete: bool = True

    @classmethod
    def of(cls, arrivals: Sequence[Arrival], after: float) -> "Arrivals":
        """Of the chunks that arrived later than `after`, at most MOST_ARRIVALS + 1 of them."""
        matrices: dict[str, list[NDArray[np.floating]]] = {}
        for arrival in arrivals[:MOST_ARRIVALS]:
            if arrival.sentence_vectors.size:
                matrices.setdefault(arrival.library, []).append(arrival.sentence_vectors)
        sentences = {library: np.concatenate(rows).astype(np.float32) for library, rows in matrices.items()}
        latest = max((arrival.arrived for arrival in arrivals), default=after)
        return cls(latest, sentences, len(arrivals) <= MOST_ARRIVALS)

    def any_of(self, libraries: Sequence[str]) -> bool:
        """True if a sentence of these libraries is new."""
        return not self.complete or any(library in self.sentences for library in libraries)

    def any_near(self, question: NDArray[np.float32], libraries: Sequence[str]) -> bool:
        """True if a new sentence of these libraries may change the answer to a question, given as its unit vector."""
        matrices = [self.sentences[library] for library in libraries if library in self.sentences]
        return not self.complete or any(float((matrix @ question).max()) >= NEAR for matrix in matrices)


def standing_of(citation: Citation, article: QuotedArticle | None) -> Standing:
    """Whether an article still says what was quoted of it; None where it is gone."""
    if article is None:
        return "deleted"
    if article.withdrawn:
        return "withdrawn"
    if not article.finished:
        return "unfinished"
    return "stands" if citation.quote in article.text else "corrected"


def was_forgotten(answer: Answer) -> bool:
    """True for an answer whose words went because an article that it quoted was forgotten."""
    return answer.refusal is not None and answer.refusal.reason == QUOTED_FORGOTTEN


def difference(before: Answer, after: Answer) -> Difference | None:
    """How the answer to a question changed for who reads it, None where it did not.

    What counts is what is said first, and that an article disagrees that did not: that a further quote came or went, or the
    order of the same ones, is no change. Two quotes that give the same words as the answer say the same.
    """
    if before.refused and after.refused:
        return "refused" if was_forgotten(before) else None
    if before.refused or after.refused:
        return "refused" if after.refused else "reworded" if was_forgotten(before) else "answered"
    one, other = before.citations[0], after.citations[0]
    if say_the_same(one, other) or (is_among(one, after.citations) and is_among(other, before.citations)):
        return "reworded" if disagrees_anew(before, after) else None
    return "reworded"


def disagrees_anew(before: Answer, after: Answer) -> bool:
    """True if a value is said to differ that was neither said to differ before nor answered then."""
    known = {answering_words(citation) for citation in (*before.disagreement, *before.citations)}
    return any(answering_words(citation) not in known for citation in after.disagreement)


def is_among(citation: Citation, citations: Sequence[Citation]) -> bool:
    return quoted_words(citation) in map(quoted_words, citations)


def say_the_same(one: Citation, other: Citation) -> bool:
    """True for one sentence, wherever it stands, and for sentences in which the same words answer."""
    if quoted_words(one) == quoted_words(other):
        return True
    answering = answering_words(one)
    return bool(answering) and answering == answering_words(other) and RELATIVE_WORDS.isdisjoint(answering)


def quoted_words(citation: Citation) -> tuple[str, ...]:
    """A quote in lower case, without punctuation and white space: copies of one text differ in those."""
    return tuple(words_of(citation.quote))


def answering_words(citation: Citation) -> tuple[str, ...]:
    """The words in a quote that answer, numbers and days by their value; () where the reader was not sure of any."""
    return tuple(word for span in citation.emphasis for word in values_of(citation.quote[slice(*span)]))


def values_of(text: str) -> list[str]:
    """A text's words; "Nineteen" and "19", "3 May" and "May 3" are the same."""
    parsed = parse_text(text)
    values: dict[int, tuple[int, str]] = {}
    for number in parsed.quantities.numbers:
        values[number.first] = number.last, f"{number.value!r} {number.kind}{number.unit}"
    for day in parsed.quantities.days:
        values[day.first] = day.last, f"{day.year}-{day.month}-{day.day}"
    words: list[str] = []
    last = -1
    for place, word in enumerate(parsed.words):
        if place in values and place > last:
            last, value = values[place]
            words.append(value)
        elif place > last:
            words += words_of(word.text)
    return words
