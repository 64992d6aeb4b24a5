"""Read what is followed: lists that are due, then their pages, then the library is brought up to date.

Every step is noted only after it is whole (vectorstore/followed.py), one source's failure leaves the others alone.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from rag.following.articles import kept_entry
from rag.following.clock import Clock, RealClock
from rag.following.feed_process import read_feed_within
from rag.following.feeds import Entry, Feed, NotAFeed, distinct, in_utf_8, key_of
from rag.following.fetching import Failure, Fetched, Fetcher, FetchFailed, FetchLimits, Seen, Unfetchable, unpacked
from rag.following.guard import reachable_addresses
from rag.following.pages import FollowLimits, GiveWay, PageReader, SourceReport, go_on
from rag.following.polite import PoliteFetcher
from rag.following.schedule import DAY, HOUR, longest_wait, next_read, next_try
from rag.ingestion.documents import Documents
from rag.ingestion.forgetting import Forgotten
from rag.library import Library
from rag.settings import Settings
from vectorstore.expiry import ExpiryClock
from vectorstore.followed import FollowedStore, ListedEntry, Source

SOURCES_AT_ONCE = 4
ACCEPT_LIST = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
)
SHORTEST_REST, LONGEST_REST = 1.0, 60.0
"""Seconds between two looks for what is due: another process may have added a source."""


OnReport = Callable[[SourceReport], None]


OnForgotten = Callable[[Forgotten], None]


def no_report(_report: SourceReport) -> None:
    """For whoever takes what `read_due` returns."""


def tell_nobody(_forgotten: Forgotten) -> None:
    """For whoever need not hear of what was forgotten."""


class Follower:
    """Reads sources into a library. Raises StoreError, EmbedderError; what fails on the wire is in the reports."""

    def __init__(self, library: Library, store: FollowedStore, pages: PageReader, retention_days: int = 0) -> None:
        self.library = library
        self.retention_days = retention_days
        self.next_forgetting = 0.0
        self.store = store
        self.pages = pages
        self.fetcher = pages.fetcher
        self.clock = pages.clock
        self.dice = pages.dice

    async def read_due(self, show: OnReport = no_report) -> list[SourceReport]:
        """Read every source that is due, a few at a time; `show` hears of each as soon as it is read."""
        places = asyncio.Semaphore(SOURCES_AT_ONCE)
        await asyncio.to_thread(self.heed_clock, self.clock.now())
        due = await asyncio.to_thread(self.store.due, self.clock.now())

        async def read(source: Source) -> SourceReport:
            async with places:
                report = await self.read(source)
            show(report)
            return report

        tasks = [asyncio.create_task(read(source)) for source in due]
        try:
            return await asyncio.gather(*tasks)
        finally:
            # The first error of the store ends the others, too: they would meet the same.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def heed_clock(self, now: float) -> None:
        """Let nothing wait for the day that a clock showed before it was set back."""
        late = [
            source.id
            for source in self.store.sources()
            if source.next_try > now + longest_wait(source.every, source.failures) and not source.stopped
        ]
        self.store.bring_forward(late, now)

    async def read(self, source: Source) -> SourceReport:
        """Read one source: its list if that is due, then the pages that are."""
        report = SourceReport(source)
        if source.next_try <= self.clock.now() and not source.stopped:
            await self.read_list(report)
        if source.kind != "folder":
            await self.pages.read_due(report)
        if source.kind == "page" and (unread := [*report.failed, *report.skipped]):
            report.failed, report.skipped = [], []
            await self.note_failure(report, FetchFailed(Failure.PASSING, unread[0][1]))
        return report

    async def read_once(self, address: str, library: str) -> SourceReport:
        """Store a single page that is not followed; it is known as one article with what is."""
        now = self.clock.now()
        # Its entry belongs to no source, and so is never looked at again by itself.
        source_id = f"single:{key_of(library)[:20]}"
        report = SourceReport(Source(source_id, address, "page", "", DAY, now, library=library))
        await self.read_list(report)
        await self.pages.read_asked_for(key_of(address), report)
        return report

    async def forget_expired(self) -> Forgotten:
        """Forget what is older than articles are kept, once an hour; what that could not do is done the next time."""
        if not self.retention_days or self.clock.steady() < self.next_forgetting:
            return Forgotten()
        self.next_forgetting = self.clock.steady() + HOUR
        async with self.pages.writing:
            now = await asyncio.to_thread(self.believed_now)
            return await self.library.forget_expired(self.retention_days, now, self.pages.stopped)

    def believed_now(self) -> datetime:
        """How late it is for what deletes by age."""
        return datetime.fromtimestamp(ExpiryClock(self.store.database).believed(self.clock.now()), UTC)

    def oldest_kept(self) -> datetime | None:
        """What is older is forgotten; None where everything is kept."""
        if not self.retention_days:
            return None
        return self.believed_now() - timedelta(days=self.retention_days)

    # Lists

    async def read_list(self, report: SourceReport) -> None:
        """Read what a source lists, and note it."""
        source = report.source
        if source.kind == "folder":
            await self.read_folder(report)
        elif source.kind == "page":
            # Its only entry is itself, looked at each time.
            now = self.clock.now()
            page = Entry(key_of(source.address), source.address)
            listed = ListedEntry(page.key, page.url, str(now), kept_entry(page))
            report.source = self.as_read(source)
            await asyncio.to_thread(self.store.note_list, report.source, [listed], now)
        else:
            await self.read_feed(report)

    async def read_folder(self, report: SourceReport) -> None:
        source = report.source
        async with self.pages.writing:
            ingested = await self.library.ingest(
                [Path(source.address)], source.library, newer_than=await asyncio.to_thread(self.oldest_kept)
            )
        report.added, report.changed, report.unchanged = ingested.added, ingested.changed, ingested.unchanged
        report.failed += [(problem.place, problem.reason) for problem in ingested.problems]
        stored = ingested.added + ingested.changed + ingested.unchanged
        if ingested.problems and not stored:
            await self.note_failure(report, FetchFailed(Failure.PASSING, ingested.problems[0].reason.rstrip(".")))
        else:
            report.source = self.as_read(source)
            await asyncio.to_thread(self.store.update, report.source)

    async def read_feed(self, report: SourceReport) -> None:
        source = report.source
        seen = Seen(source.etag, source.last_modified)
        fetched = await self.fetcher.fetch(source.address, seen, ACCEPT_LIST)
        if isinstance(fetched, FetchFailed):
            await self.note_failure(report, fetched)
            return
        if fetched.unchanged:
            report.source = await self.where_it_is_now(self.as_read(source), fetched, report)
            await asyncio.to_thread(self.store.update, report.source)
            return
        feed = await self.feed_of(fetched)
        if isinstance(feed, FetchFailed):
            await self.note_failure(report, feed)
            return
        feed, failed = await self.with_sitemaps(feed)
        if feed.left_out:
            report.notes.append(f"lists more than is read at a time: the first {len(feed.entries):,} entries are read")
        read = await self.where_it_is_now(self.as_read(source), fetched, report)
        if failed is None:
            # An index may be as it was while the sitemaps that it names are not.
            validators = ("", "") if feed.sitemaps else (fetched.etag, fetched.last_modified)
            read = replace(read, etag=validators[0], last_modified=validators[1], title=feed.title or source.title)
        report.source = read
        entries = [listed_entry(entry) for entry in feed.entries]
        left_out = await asyncio.to_thread(self.store.note_list, read, entries, self.clock.now())
        if left_out:
            report.notes.append(f"lists {left_out:,} more entries, which wait until those that wait already are read")
        if failed is not None:
            await self.note_failure(report, failed)

    async def where_it_is_now(self, source: Source, fetched: Fetched, report: SourceReport) -> Source:
        """The source under the address that it moved to for good, if it did and is a feed there; stopped where that one is
        followed already."""
        if fetched.moved_to in ("", source.address):
            return source
        known = await asyncio.to_thread(self.store.sources, source.library)
        if any(one.address == fetched.moved_to and one.id != source.id and not one.stopped for one in known):
            moved = f"has moved for good to {fetched.moved_to}, which is followed already: it is not read any more"
            report.notes.append(moved)
            return replace(source, stopped=True, last_error=moved)
        report.notes.append(f"has moved for good and is read at {fetched.moved_to} from now on")
        return replace(source, address=fetched.moved_to, moved_from=source.address)

    async def feed_of(self, fetched: Fetched) -> Feed | FetchFailed:
        """What a feed or sitemap lists, read beside the event loop: the largest take seconds."""
        try:
            content = fetched.content
            if content.startswith(b"\x1f\x8b"):
                content = unpacked(content, self.fetcher.fetcher.limits.size)
            return await asyncio.to_thread(read_feed_within, in_utf_8(content, fetched.charset), fetched.url)
        except Unfetchable as error:
            return error.failed
        except NotAFeed as error:
            return FetchFailed(Failure.PASSING, str(error))

    async def with_sitemaps(self, feed: Feed) -> tuple[Feed, FetchFailed | None]:
        """An index with the entries of its sitemaps, and the first of them that failed."""
        failed: FetchFailed | None = None
        entries = list(feed.entries)
        title, left_out = feed.title, feed.left_out
        for url in feed.sitemaps:
            fetched = await self.fetcher.fetch(url, accept=ACCEPT_LIST)
            part = fetched if isinstance(fetched, FetchFailed) else await self.feed_of(fetched)
            if isinstance(part, FetchFailed):
                failed = failed or replace(part, reason=f"names {url}, which {part.reason}")
                continue
            entries += part.entries
            title, left_out = title or part.title, left_out or part.left_out
        return replace(feed, title=title, entries=distinct(entries), left_out=left_out), failed

    def as_read(self, source: Source) -> Source:
        """A source that was just read without failure."""
        now = self.clock.now()
        again = next_read(now, source.every, self.dice)
        return replace(source, next_try=again, failures=0, last_success=now, last_error="")

    async def note_failure(self, report: SourceReport, failed: FetchFailed) -> None:
        """Note that a source could not be read, and when it is tried again; one that is gone for good is stopped."""
        source = report.source
        failures = source.failures + 1
        again = next_try(self.clock.now(), source.every, failures, failed.retry_after, self.dice)
        gone = failed.failure is Failure.GONE
        way_out = ": it is no longer read; `dateline follow remove` takes it off the list" if gone else ""
        report.error = f"{failed.reason}{way_out}"
        report.source = replace(
            source, next_try=again, failures=failures, last_error=report.error, stopped=source.stopped or gone
        )
        await asyncio.to_thread(self.store.update, report.source)


def listed_entry(entry: Entry) -> ListedEntry:
    """An entry as the store takes it."""
    return ListedEntry(entry.key, entry.url, entry.fingerprint, kept_entry(entry), entry.withdrawn)


@asynccontextmanager
async def open_fetcher(settings: Settings, clock: Clock) -> AsyncIterator[PoliteFetcher]:
    """What fetches within the settings' limits."""
    limits = FetchLimits(settings.follow_seconds, settings.follow_bytes)
    reachable = reachable_addresses(settings.private_addresses)
    async with Fetcher(limits, reachable, settings.follow_contact, clock.now) as fetcher:
        yield PoliteFetcher(fetcher, clock, settings.follow_delay_seconds)


@asynccontextmanager
async def open_follower(
    settings: Settings,
    library: Library,
    clock: Clock | None = None,
    dice: Random | None = None,
    give_way: GiveWay = go_on,
) -> AsyncIterator[Follower]:
    """What reads the sources of a library's database, and gives way to others between two pages."""
    clock = clock or RealClock()
    limits = FollowLimits(settings.follow_pages, settings.follow_run_seconds)
    store = FollowedStore(library.storage.ledger.database)
    with Documents() as documents:
        async with open_fetcher(settings, clock) as fetcher:
            pages = PageReader(library, store, fetcher, documents, limits, dice or Random())
            pages.give_way = give_way
            yield Follower(library, store, pages, settings.retention_days)


async def read_and_forget(follower: Follower, show: OnReport, tell_forgotten: OnForgotten) -> list[SourceReport]:
    """Read what is due, then forget what is too old; `tell_forgotten` hears of it where there was something."""
    reports = await follower.read_due(show)
    forgotten = await follower.forget_expired()
    if forgotten != Forgotten():
        tell_forgotten(forgotten)
    return reports


async def keep_reading(
    follower: Follower, stop: asyncio.Event, show: OnReport, tell_forgotten: OnForgotten = tell_nobody
) -> None:
    """Read what is due and forget what is too old until `stop` is set, which ends it within a second or two.

    What was begun is begun again next time.
    """
    ending = threading.Event()
    follower.pages.stopped = ending.is_set
    stopping = asyncio.create_task(stop.wait())
    try:
        while not stop.is_set():
            reading = asyncio.create_task(read_and_forget(follower, show, tell_forgotten))
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                ending.set()
                reading.cancel()
                await asyncio.wait({reading})
                return
            reading.result()
            due = await asyncio.to_thread(follower.store.next_due)
            rest = LONGEST_REST if due is None else min(max(due - follower.clock.now(), SHORTEST_REST), LONGEST_REST)
            await asyncio.wait({stopping}, timeout=rest)
    finally:
        stopping.cancel()
