"""What a guild's own library follows: looked at, added, listed, removed. Reading it is following.py's."""

import asyncio
from collections.abc import Sequence

from bot.discord.errors import SourceRejected
from bot.discord.markdown import dotted, link, one_line, shorten, shorten_escaped
from bot.discord.reasons import reason_words
from bot.discord.render import Page, notice_page
from bot.discord.state import guild_library
from bot.discord.translations import Translations
from rag.following.clock import RealClock
from rag.following.fetching import FetchFailed
from rag.following.follow import open_fetcher
from rag.following.schedule import DAY, HOUR, MINUTE
from rag.following.sources import discover, is_web_address, new_source
from rag.settings import Settings
from vectorstore.followed import EntryCounts, FollowedStore, Source

LOOK_SECONDS = 120.0
"""Longest look at an address; Discord waits 15 minutes for an answer."""


class GuildSources:
    """The sources of one guild. Raises SourceRejected, StoreUnavailable.

    adding: held from the last check to the row, since two commands at once must not both take the last place.
    """

    def __init__(self, store: FollowedStore, settings: Settings, guild: int, adding: asyncio.Lock) -> None:
        self.store = store
        self.settings = settings
        self.library = guild_library(guild)
        self.adding = adding

    async def all(self) -> list[Source]:
        """Every source, oldest first."""
        return await asyncio.to_thread(self.store.sources, self.library)

    async def add(self, address: str, every: float) -> Source:
        """Look at a web address and follow it, or the feed that its page offers."""
        address = address.strip()
        if not is_web_address(address):
            # A path would be one of the operator's machine.
            raise SourceRejected("follow_web_only")
        self.check_room(await self.all())
        source = await self.look_at(address, every)
        async with self.adding:
            present = await self.all()
            self.check_room(present)
            if any(known.address == source.address for known in present):
                raise SourceRejected("followed_already", address=shown_address(source.address))
            await asyncio.to_thread(self.store.add, source)
        return source

    def check_room(self, present: Sequence[Source]) -> None:
        limit = self.settings.discord_sources_per_server
        if len(present) >= limit:
            raise SourceRejected("too_many_sources", count=limit)

    async def look_at(self, address: str, every: float) -> Source:
        """What is at an address, as a source that is due at once."""
        clock = RealClock()
        try:
            async with asyncio.timeout(LOOK_SECONDS), open_fetcher(self.settings, clock) as fetcher:
                found = await discover(address, fetcher)
                if not isinstance(found, FetchFailed) and found.feeds:
                    found = await discover(found.feeds[0], fetcher)
        except TimeoutError:
            raise SourceRejected("address_too_slow", seconds=round(LOOK_SECONDS)) from None
        if isinstance(found, FetchFailed):
            raise SourceRejected("not_followable", address=shown_address(address), words=one_line(found.reason))
        return new_source(found, self.library, every, clock.now())

    async def remove(self, source_id: str) -> Source | None:
        """No longer follow one of this guild's sources; None where it has none of that id."""
        source = next((known for known in await self.all() if known.id == source_id), None)
        if source is None or not await asyncio.to_thread(self.store.remove, source.id):
            return None
        return source

    async def page(self, t: Translations) -> Page:
        """All of them, with how each fares."""
        rows = [(source, await asyncio.to_thread(self.store.counts, source.id)) for source in await self.all()]
        lines = [line for source, counts in rows for line in followed_lines(source, counts, t)]
        return notice_page(t.followed_sources, "\n".join(lines) or t.nothing_followed, t)


def followed_lines(source: Source, counts: EntryCounts, t: Translations) -> list[str]:
    """A source: what it is, what came of it, when it was and will be read, what is wrong with it."""
    read = t.read_at.format(when=time_mark(source.last_success)) if source.last_success else t.never_read
    following = t.source_gone if source.stopped else t.read_next.format(when=time_mark(source.next_try))
    lines = [
        f"**{link(source.name, source.address)}** `{source.id}`",
        "-# "
        + dotted(
            t.say(f"kind_{source.kind}"),
            every_words(source.every, t),
            t.count(counts.stored, t.articles),
            read,
            following,
        ),
    ]
    if source.last_error:
        lines.append(f"⚠ {shorten_escaped(reason_words(one_line(source.last_error), t), 300)}")
    return lines


def time_mark(at: float) -> str:
    """A time that Discord shows in its reader's own words: "in 5 minutes"."""
    return f"<t:{int(at)}:R>"


def every_words(seconds: float, t: Translations) -> str:
    """How often a source is read."""
    for length, forms in ((DAY, t.every_days), (HOUR, t.every_hours)):
        if seconds % length == 0:
            return t.count(int(seconds // length), forms)
    return t.count(round(seconds / MINUTE), t.every_minutes)


def shown_address(address: str) -> str:
    """An address as the reader gave it, on one line; whoever shows the sentence around it escapes both."""
    return shorten(one_line(address), 200)
