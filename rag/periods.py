"""Step 2 for a question that names a day or a month and nothing else: what was published then, or what tells of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rag.answer import day_words
from rag.answering.days import sentences_naming
from rag.question import StandaloneQuestion
from rag.time_words import Period, earliest, latest
from vectorstore.ledger import Ledger
from vectorstore.values import Hit

if TYPE_CHECKING:
    from rag.retrieval import HybridRetriever

FOLLOWING = timedelta(days=7)
"""How long after a day an article may call it by its weekday."""


def published_in(
    standalone: StandaloneQuestion, period: Period, ledger: Ledger, limit: int
) -> tuple[StandaloneQuestion, tuple[Hit, ...]] | None:
    """The newest articles that were published in the period, of years before where it names none; None without any."""
    oldest = ledger.counts(standalone.scope.libraries).oldest
    for meant in period.in_years_since(oldest or period.since):
        if chunks := ledger.leading_chunks(meant.within(standalone.scope), limit):
            found = replace(standalone, period=meant, time=f"articles of {meant.words}")
            return found, tuple(Hit(chunk, 1.0) for chunk in chunks)
    return None


def telling_of(
    standalone: StandaloneQuestion, period: Period, ledger: Ledger, retriever: "HybridRetriever"
) -> tuple[StandaloneQuestion, tuple[Hit, ...]]:
    """What articles of other days tell of the period; where none does, the articles that were published next to it."""
    scope = standalone.scope
    counts = ledger.counts(scope.libraries)
    if counts.oldest is not None and counts.newest is not None:
        period = period.nearest_to(counts.newest, counts.oldest)
    naming = replace(standalone, summary_of=None, period=period, time=f"sentences that name {period.words}")
    # "On Tuesday" is written in the days that follow.
    following = retriever.within(replace(period, until=period.until + FOLLOWING).within(scope))
    found = {hit.chunk.id: hit for search in (following, retriever) for hit in search.find(period.searched)}
    if sentences_naming(hits := tuple(found.values()), period).ranked:
        return naming, hits
    before = ledger.leading_chunks(replace(scope, until=earliest(scope.until, period.since)), 1)
    after = ledger.leading_chunks(replace(scope, since=latest(scope.since, period.until)), 1, oldest_first=True)
    return naming, tuple(Hit(chunk, 1.0) for chunk in [*before, *after])


def nothing_of(period: Period, nearest: Sequence[Hit]) -> str:
    """That nothing was published in the period and no article names it, and the days next to it that have articles."""
    days = dict.fromkeys(day_words(hit.chunk.published) for hit in nearest if hit.chunk.published)
    return f"No article is of {period.words}" + (f"; the nearest are of {' and '.join(days)}." if days else ".")
