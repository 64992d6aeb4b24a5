"""Step 3: do the hits hold an answer? The reader reads them, `rag/answering/answerability.py` weighs what it says. Pure."""

import uuid
from collections.abc import Sequence, Set
from dataclasses import replace

from rag.answering.answerability import AnswerabilityScore, Parameters, leading_sentences, score_answerability
from rag.answering.days import preferring, sentences_naming
from rag.answering.extractive import flags_of
from rag.answering.features import Candidate
from rag.answering.follow_up import not_told_yet, passages_quoted
from rag.answering.identifiers import of_what_is_named, without_lookalikes
from rag.answering.reader import Reader, Reading
from rag.answering.similarities import Comparer
from rag.evidence import Evidence
from rag.models.passage_network import ReaderPassage
from rag.outlets import named_outlets
from rag.prompt_injection import flagged_sentences, without_flagged
from rag.question import StandaloneQuestion
from vectorstore.values import Hit

READ_HITS = 8
"""Passages the reader reads."""


class Judge:
    """Says of which sentences an answer would be made, and how probable it is that they are one."""

    def __init__(
        self, reader: Reader, parameters: Parameters, comparer: Comparer | None, set_by_hand: float | None
    ) -> None:
        self.reader = reader
        self.parameters = parameters
        self.comparer = comparer
        self.threshold = parameters.threshold if set_by_hand is None else set_by_hand
        self.rates = parameters.rates if self.threshold == parameters.threshold else None

    def weigh(self, question: str, standalone: StandaloneQuestion, hits: tuple[Hit, ...]) -> Evidence:
        """The evidence that these hits are; nothing is read for a summary, the news of a day or "Tell me more"."""
        readings: tuple[Reading, ...] = ()
        if standalone.summary_of is not None:
            score = leading_sentences(hits)
        elif standalone.asks == "more":
            score, hits = passages_quoted(not_told_yet(standalone.told, hits), hits)
        elif standalone.period is not None:
            score = sentences_naming(hits, standalone.period)
        else:
            hits, readings, score = self.read(standalone, hits)
        return Evidence(uuid.uuid4().hex[:12], question, standalone, hits, readings, score, self.threshold, self.rates)

    def read(
        self, standalone: StandaloneQuestion, hits: tuple[Hit, ...]
    ) -> tuple[tuple[Hit, ...], tuple[Reading, ...], AnswerabilityScore]:
        """What the reader says of the first hits, and how probable that makes an answer."""
        question = standalone.question
        # Where all that was found is of another, the refusal names it as nearest.
        hits = of_what_is_named(question, hits) or hits
        if self.comparer is not None:
            hits = self.comparer.compared(question, hits)
        readings = tuple(self.reader.read(question, passages_to_read(question, hits)))
        score = score_answerability(question, hits, readings, self.parameters)
        if withheld := answered_by_flagged(score.ranked, hits):
            # What would be quoted instead is said of something else.
            hits = tuple(like_none_of_the_flagged(hit) if at in withheld else hit for at, hit in enumerate(hits))
            readings = tuple(self.reader.read(question, passages_to_read(question, hits, withheld)))
            score = score_answerability(question, hits, readings, self.parameters)
        score = without_lookalikes(question, score, hits)
        if standalone.undated_period is not None:
            score = preferring(score, hits, standalone.undated_period)
        return hits, readings, score


def answered_by_flagged(ranked: Sequence[tuple[Candidate, float]], hits: Sequence[Hit]) -> frozenset[int]:
    """The places of the passages with a sentence that is never quoted, and better than any that is; none where the best that
    is quoted is of the same article."""
    flags = flags_of(ranked, hits)
    first = flags.index(False) if False in flags else len(flags)
    quoted = ranked[first][0] if first < len(ranked) else None
    better = {one.hit for one, _ in ranked[:first]}
    articles = {(hits[at].chunk.library, hits[at].chunk.article_id) for at in better}
    if quoted is not None and (hits[quoted.hit].chunk.library, hits[quoted.hit].chunk.article_id) in articles:
        return frozenset()
    return frozenset(better)


def like_none_of_the_flagged(hit: Hit) -> Hit:
    """A hit whose sentences that are never quoted are like no question."""
    flags = flagged_sentences(hit.chunk, hit.chunk.sentences)
    similarities = zip(hit.sentence_similarities, flags, strict=False)
    return replace(hit, sentence_similarities=tuple(0.0 if flagged else value for value, flagged in similarities))


def passages_to_read(question: str, hits: Sequence[Hit], withheld: Set[int] = frozenset[int]()) -> list[ReaderPassage]:
    """The first hits as the reader sees them: the title with the outlet before it where the question names that.

    withheld: the places of those that are read without what is never quoted.
    """
    chunks = [hit.chunk for hit in hits[:READ_HITS]]
    named = named_outlets(question, {chunk.source for chunk in chunks})
    return [
        ReaderPassage(
            without_flagged(chunk) if at in withheld else chunk.text,
            f"{chunk.source}: {chunk.title}" if chunk.source in named else chunk.title,
            chunk.spans_within(),
        )
        for at, chunk in enumerate(chunks)
    ]
