"""What a question may search, from the days and outlets that were asked for; for the terminal and for assistants."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rag.errors import QuestionError
from rag.library import LibraryStatus
from rag.text import clean_line
from vectorstore.values import Scope

OUTLETS_NAMED = 10
LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC)


def scope_of(since: datetime | None, until: datetime | None, sources: Sequence[str], status: LibraryStatus) -> Scope:
    """The articles of these outlets, printed from the day `since` to the day `until`, both included.

    since, until: the midnights (UTC) that begin these days. Raises QuestionError where no article can be meant.
    """
    known = [source for source, _ in status.sources]
    for source in sources:
        if source not in known:
            outlets = ", ".join(clean_line(name) for name in known[:OUTLETS_NAMED] if name) or "none has a name"
            raise QuestionError(f"No article is from {source!r}; the outlets are: {outlets}.")
    if since and until and since > until:
        raise QuestionError(f"The first day, {since:%Y-%m-%d}, lies after the last, {until:%Y-%m-%d}: swap them.")
    # No day follows the last one that can be written.
    after = until + timedelta(days=1) if until and until < LAST_DAY else None
    return Scope(since=since, until=after, sources=tuple(sources))
