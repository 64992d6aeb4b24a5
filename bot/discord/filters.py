"""The filters of /ask, checked before a question is admitted; what is wrong is said in the guild's language. Pure."""

from datetime import UTC, date, datetime, time

from bot.discord.admission import Rejected
from bot.discord.markdown import escape, one_line, shorten
from bot.discord.translations import Translations
from bot.scope import FutureDay, SwappedDays, UnknownOutlet, scope_of
from rag.library import LibraryStatus
from vectorstore.values import Scope

MAX_OUTLET = 80
"""Characters of an outlet's name in a sentence."""


def read_filters(
    since: str | None, until: str | None, source: str | None, status: LibraryStatus, now: datetime, t: Translations
) -> Scope:
    """The filters as a scope, `until` included, the outlet as its articles write it. Raises Rejected."""
    try:
        first, last = day_of(since), day_of(until)
    except ValueError:
        raise Rejected("wrong_day") from None
    try:
        return scope_of(first, last, (source,) if source else (), status, now)
    except SwappedDays as wrong:
        raise Rejected("since_after_until", since=wrong.since.date(), until=wrong.until.date()) from None
    except FutureDay as wrong:
        raise Rejected("in_the_future", day=wrong.since.date(), newest=t.newest(wrong.newest)) from None
    except UnknownOutlet as wrong:
        outlets = ", ".join(map(outlet_text, wrong.nearest))
        sentence = "unknown_outlet" if outlets else "outlets_unknown"
        raise Rejected(sentence, source=outlet_text(wrong.typed), outlets=outlets) from None


def outlet_text(outlet: str) -> str:
    """A name as it can stand in a sentence."""
    return escape(shorten(one_line(outlet), MAX_OUTLET))


def day_of(text: str | None) -> datetime | None:
    """The beginning of a day in UTC. Raises ValueError for anything but YYYY-MM-DD."""
    return datetime.combine(date.fromisoformat(text.strip()), time(), UTC) if text and text.strip() else None
