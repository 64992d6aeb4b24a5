"""What a question may search: days that can be meant, outlets that exist. For every front end."""

import difflib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rag.answer import day_words
from rag.errors import QuestionError
from rag.library import LibraryStatus
from rag.text import clean_line
from vectorstore.values import Scope

OUTLETS_NAMED = 5
"""Outlets named where one is not known."""
SIMILAR = 0.5
"""Ratio of difflib from which an outlet may be what was meant. A guess."""
AHEAD = timedelta(days=1)
"""How far the asker's calendar may be ahead of UTC."""
LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC)


class SwappedDays(QuestionError):
    """The first day lies after the last."""

    def __init__(self, since: datetime, until: datetime) -> None:
        super().__init__(f"The first day, {since:%Y-%m-%d}, lies after the last, {until:%Y-%m-%d}: swap them.")
        self.since, self.until = since, until


class FutureDay(QuestionError):
    """Nothing can have been published since the first day."""

    def __init__(self, since: datetime, newest: datetime | None) -> None:
        there = f"the newest article is of {day_words(newest)}" if newest else "no article has a date"
        super().__init__(f"The first day, {since:%Y-%m-%d}, lies in the future: {there}.")
        self.since, self.newest = since, newest


class UnknownOutlet(QuestionError):
    """No article is from this outlet. `nearest`: what may be meant, else some of those that there are."""

    def __init__(self, typed: str, nearest: Sequence[str]) -> None:
        names = ", ".join(map(clean_line, nearest))
        there = f"the nearest outlets are: {names}" if names else "no article here names its outlet"
        super().__init__(f"No article is from {clean_line(typed)!r}; {there}.")
        self.typed, self.nearest = typed, nearest


def scope_of(
    since: datetime | None, until: datetime | None, sources: Sequence[str], status: LibraryStatus, now: datetime
) -> Scope:
    """The articles of these outlets, printed from the day `since` to the day `until`, both included.

    since, until: the midnights (UTC) that begin these days. An outlet is found however it is capitalised. Raises SwappedDays,
    FutureDay, UnknownOutlet.
    """
    if since and until and since > until:
        raise SwappedDays(since, until)
    if since and since > now + AHEAD:
        raise FutureDay(since, status.newest)
    # No day follows the last one that can be written.
    after = until + timedelta(days=1) if until and until < LAST_DAY else None
    return Scope(since=since, until=after, sources=tuple(known_outlet(source, status) for source in sources))


def known_outlet(typed: str, status: LibraryStatus) -> str:
    """The outlet of this name, as its articles write it. Raises UnknownOutlet with those that come nearest."""
    names = [name for name, _ in status.sources if name]
    for name in names:
        if clean_line(name).casefold() == clean_line(typed).casefold():
            return name
    raise UnknownOutlet(typed, nearest_outlets(typed, names)[:OUTLETS_NAMED] or names[:OUTLETS_NAMED])


def nearest_outlets(typed: str, names: Sequence[str]) -> list[str]:
    """Outlets whose name holds what was typed, then those with a similar name."""
    lowered = {name.lower(): name for name in names}
    holding = [name for name in names if typed.lower() in name.lower()]
    similar = [lowered[match] for match in difflib.get_close_matches(typed.lower(), lowered, OUTLETS_NAMED, SIMILAR)]
    return list(dict.fromkeys([*holding, *similar]))
