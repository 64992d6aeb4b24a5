"""Step 5: the answer, each quote found in its stored article. Only this step reads articles.

What a model wrote was compared with its quotes before, sentence by sentence: `rag/verification/verifier.py`.
"""

from collections.abc import Sequence
from datetime import datetime

from rag.answer import (
    EMPTY_LIBRARY,
    NOTHING_FOUND,
    READ_AS,
    Answer,
    Citation,
    Explanation,
    Refusal,
    day_words,
    headline_of,
)
from rag.answering.disagreement import disagreement
from rag.answering.extractive import closest_passage
from rag.answering.identifiers import holds_place
from rag.evidence import Evidence, Written
from rag.verification.citations import verify_citations
from vectorstore.ledger import Ledger, LedgerCounts
from vectorstore.values import Hit, Scope

NEAREST_SHOWN = 3
CLOSEST_SHARE = 0.4
"""A refusal quotes the closest passage from this share of the threshold on. Of the own set's refused questions that the
articles do answer, nine in ten lie above it."""


def prove(evidence: Evidence, written: Written, ledger: Ledger) -> Answer:
    """The proven answer; a refusal names what is nearest. Raises UnverifiedAnswer where a quote is not in its article."""
    standalone = evidence.standalone
    differing: tuple[Citation, ...] = ()
    as_of_guessed = False
    if written.refusal:
        counts = ledger.counts(standalone.scope.libraries)
        reason = why_nothing(standalone.scope, counts) if written.refusal == NOTHING_FOUND else written.refusal
        refusal, as_of = refuse(reason, evidence, ledger), counts.newest
    else:
        verify_citations(written.text, written.citations, ledger.intact_article)
        # "Why?" asks for a reason, not for the number that the question before did.
        if not (written.parts or standalone.asks):
            differing = disagreement(standalone.question, evidence.hits, evidence.readings)
        verify_citations("".join(f"[{one.number}]" for one in differing), differing, ledger.intact_article)
        refusal, (as_of, as_of_guessed) = None, newest_publication(written.citations)
    read_as = f"{READ_AS}{standalone.question}" if standalone.respelled else ""
    return Answer(
        id=evidence.id,
        question=evidence.question,
        standalone_question=standalone.question,
        text=written.text,
        citations=written.citations,
        refusal=refusal,
        as_of=as_of,
        as_of_guessed=as_of_guessed,
        hits=(*evidence.hits, *hits_of_parts(evidence, written)),
        model=written.model,
        note=f"{read_as} {written.note}".strip(),
        draft=written.draft,
        disagreement=differing,
        unanswered=written.unanswered,
        model_failed=written.model_failed,
        explanation=explanation_of(evidence, written),
    )


def explanation_of(evidence: Evidence, written: Written) -> Explanation:
    """How it came about."""
    standalone = evidence.standalone
    return Explanation(
        rewritten=standalone.rewritten,
        read_as=standalone.question if standalone.respelled else "",
        time=standalone.time,
        probability=evidence.probability,
        threshold=evidence.threshold,
        features=evidence.answerability.features,
        rates=evidence.rates,
        joined={part.question: part.probability for part, _ in written.parts},
        sources=() if standalone.of_outlet else standalone.scope.sources,
        since=standalone.scope.since,
        until=standalone.scope.until,
    )


def refuse(reason: str, evidence: Evidence, ledger: Ledger) -> Refusal:
    """The nearest headlines and, where it may answer after all, the closest passage: its article is named first."""
    closest = None
    # Of a bare "Why?" the closest passage is the one quoted before.
    if not evidence.standalone.asks and evidence.probability >= evidence.threshold * CLOSEST_SHARE:
        closest = closest_passage(evidence.answerability, evidence.hits, evidence.readings)
    chunks = [hit.chunk for hit in evidence.hits]
    if closest is not None:
        verify_citations("[1]", [closest], ledger.intact_article)
        chunks.sort(key=lambda chunk: chunk.article_id != closest.article_id)
    nearest = tuple(dict.fromkeys(map(headline_of, chunks)))[:NEAREST_SHOWN]
    return Refusal(reason, nearest, closest)


def why_nothing(scope: Scope, counts: LedgerCounts) -> str:
    """Why a search found nothing: the library is empty, the articles are older, or none is near."""
    if not counts.articles:
        return EMPTY_LIBRARY
    if scope.since is not None and counts.newest is not None and counts.newest < scope.since:
        return f"Nothing since {day_words(scope.since)}: the newest article is of {day_words(counts.newest)}."
    return NOTHING_FOUND


def newest_publication(citations: Sequence[Citation]) -> tuple[datetime | None, bool]:
    """When the newest of these articles was published, and whether that is a guess; guesses count where all are."""
    dated = [one for one in citations if one.published]
    known = [one for one in dated if not one.published_guessed]
    return max((one.published for one in known or dated if one.published), default=None), bool(dated) and not known


def hits_of_parts(evidence: Evidence, written: Written) -> tuple[Hit, ...]:
    """The quoted passages that were found for one of the joined questions, not for the whole."""
    known, found = {hit.chunk.id for hit in evidence.hits}, {}
    for hit in (hit for part, _ in written.parts for hit in part.hits if hit.chunk.id not in known):
        if any(holds_place(hit.chunk, (one.library, one.article_id, one.start)) for one in written.citations):
            found[hit.chunk.id] = hit
    return tuple(found.values())
