"""The filters of /ask, checked before a question is admitted: days that can be meant, outlets that exist. Pure."""

import difflib
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from bot.discord.admission import Rejected
from bot.discord.markdown import escape, one_line, shorten
from bot.discord.translations import Translations
from rag.library import LibraryStatus
from vectorstore.values import Scope

NAMED = 5
"""Outlets named where one is not known."""
SIMILAR = 0.5
"""Ratio of difflib from which an outlet may be what was meant. A guess."""
AHEAD = timedelta(days=1)
"""How far the asker's calendar may be ahead of UTC."""


def read_filters(
    since: str | None, until: str | None, source: str | None, status: LibraryStatus, now: datetime, t: Translations
) -> Scope:
    """The filters as a scope, `until` included, the outlet as its articles write it. Raises Rejected."""
    try:
        first, last = day_of(since), day_of(until)
        end = last + timedelta(days=1) if last else None
    except (ValueError, OverflowError):
        raise Rejected("wrong_day") from None
    if first and last and last < first:
        raise Rejected("since_after_until", since=first.date(), until=last.date())
    if first and first > now + AHEAD:
        raise Rejected("in_the_future", day=first.date(), newest=t.date(status.newest))
    return Scope(since=first, until=end, sources=(known_outlet(source, status),) if source else ())


def known_outlet(typed: str, status: LibraryStatus) -> str:
    """The outlet of this name, however it is capitalised. Raises Rejected with those that come nearest."""
    names = [name for name, _ in status.sources if name]
    for name in names:
        if one_line(name).lower() == one_line(typed).lower():
            return name
    nearest = nearest_outlets(typed, names)[:NAMED] or names[:NAMED]
    shown = ", ".join(escape(shorten(one_line(name), 80)) for name in nearest) or "-"
    raise Rejected("unknown_outlet", source=escape(shorten(one_line(typed), 80)), outlets=shown)


def nearest_outlets(typed: str, names: Sequence[str]) -> list[str]:
    """Outlets whose name holds what was typed, then those with a similar name."""
    lowered = {name.lower(): name for name in names}
    holding = [name for name in names if typed.lower() in name.lower()]
    similar = [lowered[match] for match in difflib.get_close_matches(typed.lower(), lowered, NAMED, SIMILAR)]
    return list(dict.fromkeys([*holding, *similar]))


def day_of(text: str | None) -> datetime | None:
    """The beginning of a day in UTC. Raises ValueError for anything but YYYY-MM-DD."""
    return datetime.combine(date.fromisoformat(text.strip()), time(), UTC) if text and text.strip() else None
