"""Read what is followed: lists that are due, then their pages, then the library is brought up to date.

Every step is noted only after it is whole (vectorstore/followed.py), one source's failure leaves the others alone.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from rag.following.articles import (
    PAGE_TYPES,
    TEXT_TYPES,
    Told,
    article_of_entry,
    article_of_page,
    entry_kept_as,
    kept_entry,
)
from rag.following.clock import Clock, RealClock
from rag.following.feeds import Entry, Feed, NotAFeed, key_of, read_feed, site_of
from rag.following.fetching import (
    Failure,
    Fetched,
    Fetcher,
    FetchFailed,
    FetchLimits,
    Seen,
    Unfetchable,
    unpacked,
    unusable,
)
from rag.following.guard import reachable_addresses
from rag.following.identity import (
    is_another_page,
    is_paywalled,
    is_stand_in,
    is_withdrawal,
    may_be_newer_form,
    page_address,
    shows_one_article,
    text_digest,
    without_tracking,
)
from rag.following.polite import PoliteFetcher
from rag.following.schedule import DAY, GONE_APART, next_page_check, next_page_try, next_read, next_try
from rag.ingestion.decoding import Unreadable
from rag.ingestion.read_articles import ReadArticle
from rag.library import Library
from rag.settings import Settings
from vectorstore.followed import (
    COPY,
    FORGOTTEN,
    SKIPPED,
    STORED,
    WAITING,
    WITHDRAWN,
    FollowedEntry,
    FollowedStore,
    ListedEntry,
    Source,
    with_content_done,
)
from vectorstore.lock import ShouldStop, never_stop
from vectorstore.values import Article

SOURCES_AT_ONCE = 4
STORED_AT_ONCE = 8
"""Articles stored together: an ingest notices within that many that it is to stop."""
LOOKED_FOR = 30 * DAY
"""How long a page that was never had, or that is gone, is looked for."""
ACCEPT_LIST = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
)
ACCEPT_PAGE = "text/html, application/xhtml+xml, text/plain;q=0.8"
SHORTEST_REST, LONGEST_REST = 1.0, 60.0
"""Seconds between two looks for what is due: another process may have added a source."""


@dataclass(frozen=True, slots=True)
class FollowLimits:
    """pages: fetched for one source each time it is read. seconds: for all of them."""

    pages: int
    seconds: float


@dataclass(slots=True)
class SourceReport:
    """What reading one source came to. error: why its list or folder could not be read, "" where it could.

    skipped and failed: (address, reason) of entries that are not stored, for good or until a later try.
    """

    source: Source
    error: str = ""
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    copies: int = 0
    withdrawn: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Batch:
    """Articles that were read and are still to be stored, each with its entry as it is noted afterwards."""

    readings: list[ReadArticle] = field(default_factory=list)
    entries: list[FollowedEntry] = field(default_factory=list)

    def clashes(self, article_id: str, digest: str) -> bool:
        """True if it holds this article, or this text, already."""
        return any(entry.article_id == article_id or (digest and entry.text_digest == digest) for entry in self.entries)


class Follower:
    """Reads sources into a library. Raises StoreError, EmbedderError; what fails on the wire is in the reports."""

    def __init__(
        self,
        library: Library,
        store: FollowedStore,
        fetcher: PoliteFetcher,
        clock: Clock,
        limits: FollowLimits,
        dice: Random,
    ) -> None:
        self.library = library
        self.store = store
        self.fetcher = fetcher
        self.clock = clock
        self.limits = limits
        self.dice = dice
        self.stopped: ShouldStop = never_stop
        self.writing = asyncio.Lock()

    async def read_due(self) -> list[SourceReport]:
        """Read every source that is due, a few at a time."""
        places = asyncio.Semaphore(SOURCES_AT_ONCE)
        due = await asyncio.to_thread(self.store.due, self.clock.now())

        async def read(source: Source) -> SourceReport:
            async with places:
                return await self.read(source)

        tasks = [asyncio.create_task(read(source)) for source in due]
        try:
            return await asyncio.gather(*tasks)
        finally:
            # The first error of the store ends the others, too: they would meet the same.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def read(self, source: Source) -> SourceReport:
        """Read one source: its list if that is due, then the pages that are."""
        report = SourceReport(source)
        if source.next_try <= self.clock.now() and not source.stopped:
            await self.read_list(report)
        if source.kind != "folder":
            await self.read_pages(report)
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
        entry = await asyncio.to_thread(self.store.entry, source_id, key_of(address))
        batch = Batch()
        if entry is not None:
            await self.read_entry(replace(entry, status=WAITING) if entry.status == FORGOTTEN else entry, report, batch)
            await self.store_batch(batch, report)
        return report

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
        async with self.writing:
            ingested = await self.library.ingest([Path(source.address)], source.library)
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
            report.source = self.as_read(self.where_it_is_now(source, fetched, report))
            await asyncio.to_thread(self.store.update, report.source)
            return
        feed = await self.feed_of(fetched)
        if isinstance(feed, FetchFailed):
            await self.note_failure(report, feed)
            return
        feed, failed = await self.with_sitemaps(feed)
        if feed.left_out:
            report.notes.append(f"lists more than is read at a time: the first {len(feed.entries):,} entries are read")
        read = self.as_read(self.where_it_is_now(source, fetched, report))
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

    def where_it_is_now(self, source: Source, fetched: Fetched, report: SourceReport) -> Source:
        """The source under the address that it moved to for good, if it did and is a feed there."""
        if fetched.moved_to in ("", source.address):
            return source
        report.notes.append(f"has moved for good and is read at {fetched.moved_to} from now on")
        return replace(source, address=fetched.moved_to, moved_from=source.address)

    async def feed_of(self, fetched: Fetched) -> Feed | FetchFailed:
        """What a feed or sitemap lists, read in a thread: the largest take seconds."""
        try:
            content = fetched.content
            if content.startswith(b"\x1f\x8b"):
                content = unpacked(content, self.fetcher.fetcher.limits.size)
            return await asyncio.to_thread(read_feed, content, fetched.url)
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
        return replace(feed, title=title, entries=tuple(entries), left_out=left_out), failed

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

    # Pages

    async def read_pages(self, report: SourceReport) -> None:
        """Look at the entries of a source that are due, as far as limits allow, and store what they hold."""
        began, batch = self.clock.now(), Batch()
        due = await asyncio.to_thread(self.store.due_entries, report.source.id, began, self.limits.pages)
        for entry in due:
            if self.clock.now() - began > self.limits.seconds:
                report.notes.append(
                    f"took longer than {self.limits.seconds:.0f} seconds: the rest waits for the next time"
                )
                break
            # What was found at another entry's address may have changed this one meanwhile.
            present = await asyncio.to_thread(self.store.entry, entry.source, entry.key)
            if present is None or present.next_check is None:
                continue
            await self.read_entry(present, report, batch)
            if len(batch.readings) >= STORED_AT_ONCE:
                await self.store_batch(batch, report)
        await self.store_batch(batch, report)

    async def read_entry(self, entry: FollowedEntry, report: SourceReport, batch: Batch) -> None:
        """Look at one entry: note what became of it, or put its article into the batch."""
        told = entry_kept_as(entry.content, entry.key, entry.address)
        if entry.status in (STORED, WITHDRAWN) and await self.stored_text(entry) is None:
            # Somebody deleted its article from the library, which is not to be undone by the next look.
            await self.note(replace(with_content_done(entry, FORGOTTEN), next_check=None))
        elif told.withdrawn or is_withdrawal(told.title, ""):
            await self.take_back(entry, report, batch, None)
        elif not entry.address:
            await self.store_own_text(entry, told, "has no page", report, batch)
        elif reason := unusable(entry.address):
            await self.skip(entry, reason, report)
        else:
            asked = entry.status in (STORED, COPY)
            seen = Seen(entry.etag, entry.last_modified) if asked else Seen()
            fetched = await self.fetcher.fetch(entry.address, seen, ACCEPT_PAGE)
            if isinstance(fetched, FetchFailed):
                await self.page_failed(entry, told, fetched, report, batch)
            elif fetched.unchanged:
                report.unchanged += 1
                await self.note(self.looked_at(with_content_done(entry, entry.status)))
            else:
                await self.page_fetched(entry, told, fetched, report, batch)

    async def stored_text(self, entry: FollowedEntry) -> str | None:
        """What the library has as the article of an entry, None where it has none."""
        article = await self.library.article(entry.library, entry.article_id) if entry.article_id else None
        return article.text if article else None

    async def page_failed(
        self, entry: FollowedEntry, told: Entry, failed: FetchFailed, report: SourceReport, batch: Batch
    ) -> None:
        """A page that was not had: gone, refused, or to be tried again."""
        if failed.failure in (Failure.MISSING, Failure.GONE):
            await self.page_missing(entry, failed, report, batch)
        elif failed.failure is Failure.REFUSED and entry.status in (WAITING, SKIPPED):
            await self.store_own_text(entry, told, failed.reason, report, batch)
        elif failed.failure is Failure.UNUSABLE and entry.status in (WAITING, SKIPPED):
            await self.skip(entry, failed.reason, report)
        else:
            await self.try_later(entry, failed, report)

    async def page_missing(self, entry: FollowedEntry, failed: FetchFailed, report: SourceReport, batch: Batch) -> None:
        """The second look that finds a page gone, a day after the first or later, counts as a withdrawal."""
        now = self.clock.now()
        since = entry.gone_since if entry.gone_since is not None else now
        if entry.status == WITHDRAWN:
            later = now + DAY if now - since < LOOKED_FOR else None
            await self.note(replace(entry, content="", gone_since=since, next_check=later))
        elif now - since < GONE_APART:
            report.failed.append((entry.address, failed.reason))
            await self.note(replace(entry, gone_since=since, reason=failed.reason, next_check=since + GONE_APART))
        elif entry.status == STORED:
            await self.take_back(entry, report, batch, now + DAY)
        else:
            await self.skip(replace(entry, gone_since=None), failed.reason, report)

    async def try_later(self, entry: FollowedEntry, failed: FetchFailed, report: SourceReport) -> None:
        """Try a page again, later each time; one that was never had is given up after a month."""
        now, failures = self.clock.now(), entry.failures + 1
        if now - entry.first_seen > LOOKED_FOR and entry.status == WAITING:
            await self.skip(entry, f"could not be had for a month: it {failed.reason}", report)
            return
        if now - entry.first_seen > LOOKED_FOR and entry.status == SKIPPED:
            await self.note(replace(entry, content="", next_check=None))
            return
        report.failed.append((entry.address, failed.reason))
        again = next_page_try(now, failures, failed.retry_after, self.dice)
        await self.note(replace(entry, failures=failures, reason=failed.reason, next_check=again))

    async def page_fetched(
        self, entry: FollowedEntry, told: Entry, fetched: Fetched, report: SourceReport, batch: Batch
    ) -> None:
        """A page that was had."""
        known_entry = entry
        if fetched.content_type and fetched.content_type not in (*PAGE_TYPES, *TEXT_TYPES):
            await self.skip(entry, f"is {fetched.content_type}, not a page or text", report, again=True)
            return
        page = fetched.content.decode("utf-8", "replace") if fetched.content_type not in TEXT_TYPES else ""
        if is_paywalled(page):
            await self.store_own_text(entry, told, "is for subscribers only, the page says", report, batch)
            return
        address = page_address(fetched.url, page)
        stored = await self.library.article(entry.library, entry.article_id or address.own)
        known = Told(told, outlet_of(report.source), stored)
        try:
            reading = await asyncio.to_thread(
                article_of_page, fetched, address.own, address.canonical, known, entry.library
            )
        except Unreadable as error:
            await self.try_later(entry, FetchFailed(Failure.PASSING, str(error).rstrip(".")), report)
            return
        if is_withdrawal(reading.article.title, reading.article.text, page):
            await self.take_back(entry, report, batch, self.clock.now() + DAY)
            return
        article, elsewhere = reading.article, without_tracking(entry.address) != address.own
        if entry.status == STORED and stored is not None:
            another = is_stand_in(stored.text, article.text)
            if entry.found_at != address.own:
                if elsewhere:
                    another = not may_be_newer_form(stored.text, article.text)
                elif not shows_one_article(stored.text, article.text):
                    # Its feed calls another article by the name that it gave to this one.
                    another, entry = False, replace(entry, status=WAITING, article_id="")
        else:
            another = is_another_page(told.title, article.title, article.text, elsewhere)
        if another:
            failed = FetchFailed(Failure.PASSING, "shows another page in its place, an error or a log-in perhaps")
            await self.try_later(known_entry, failed, report)
            return
        read = replace(entry, etag=fetched.etag, last_modified=fetched.last_modified, found_at=address.own)
        await self.identify(read, reading, address.canonical, report, batch)

    async def store_own_text(
        self, entry: FollowedEntry, told: Entry, reason: str, report: SourceReport, batch: Batch
    ) -> None:
        """Take the article from the feed where its page may not be read; a summary is never taken for one."""
        own = without_tracking(entry.address) if entry.address else f"{report.source.address}#{entry.key}"
        try:
            if not told.content:
                raise Unreadable("has no full text in its feed either.")
            known = Told(told, outlet_of(report.source))
            reading = await asyncio.to_thread(article_of_entry, own, known, entry.library)
        except Unreadable as error:
            if entry.status == STORED:
                # What is stored stands until its page says something else.
                await self.note(self.looked_at(with_content_done(entry, STORED, reason)))
            else:
                await self.skip(entry, f"{reason}, and it {str(error).rstrip('.')}", report, again=True)
            return
        await self.identify(entry, reading, own, report, batch)

    async def identify(
        self, entry: FollowedEntry, reading: ReadArticle, canonical: str, report: SourceReport, batch: Batch
    ) -> None:
        """Decide which article this is, and put it into the batch: its own, a newer text of one that is there, or a copy."""
        digest, own = text_digest(reading.article.text), reading.article.id
        if batch.clashes(canonical, digest) or batch.clashes(own, ""):
            await self.store_batch(batch, report)
        article_id = entry.article_id if entry.status in (STORED, WITHDRAWN) and entry.article_id else ""
        if not article_id:
            original = await asyncio.to_thread(self.original_of, entry, reading.article, canonical, digest)
            if original is not None:
                report.copies += 1
                copied = replace(self.looked_at(with_content_done(entry, COPY)), next_check=None)
                await self.note(replace(copied, article_id=original, text_digest=digest))
                return
            if entry.status == COPY and not entry.failures:
                await self.look_at_original_first(entry)
                return
            article_id = await asyncio.to_thread(self.free_id, entry, own, canonical)
        if entry.status == WITHDRAWN:
            report.notes.append(f"{entry.address} is back")
        article = replace(reading.article, id=article_id)
        batch.readings.append(reading.with_article(article))
        stored = self.looked_at(with_content_done(entry, STORED))
        batch.entries.append(replace(stored, article_id=article_id, text_digest=digest))
        if article_id == own and (views := await asyncio.to_thread(self.other_views, entry, article)):
            batch.entries += views
            await self.store_batch(batch, report)

    async def look_at_original_first(self, entry: FollowedEntry) -> None:
        """A copy says something new: its original may say the same now. Only what then differs is an article of its own."""
        now = self.clock.now()
        known = await asyncio.to_thread(self.store.of_article, entry.library, entry.article_id)
        originals = [replace(other, next_check=now) for other in known if other.status == STORED]
        await self.note(*originals, replace(entry, failures=1, etag="", last_modified="", next_check=now))

    def other_views(self, entry: FollowedEntry, article: Article) -> list[FollowedEntry]:
        """Entries of other addresses that hold this article, which its own page holds from now on: a page for telephones, say.

        One that only called itself by this address is looked at again, to get its own.
        """
        stored = self.stored_article(entry.library, article.id)
        views = [
            other
            for other in self.others(entry, article.id)
            if other.status == STORED and other.found_at not in ("", article.id)
        ]
        if stored is None or shows_one_article(stored.text, article.text):
            return [replace(view, status=COPY, next_check=None) for view in views]
        now = self.clock.now()
        return [
            replace(view, status=WAITING, article_id="", etag="", last_modified="", next_check=now) for view in views
        ]

    def others(self, entry: FollowedEntry, article_id: str) -> list[FollowedEntry]:
        """The other entries whose article this is."""
        known = self.store.of_article(entry.library, article_id)
        return [other for other in known if (other.source, other.key) != (entry.source, entry.key)]

    def original_of(self, entry: FollowedEntry, article: Article, canonical: str, digest: str) -> str | None:
        """The article that this page shows under another address, None where it is one of its own.

        Pages of one site with one text, and pages that name a canonical address which was read itself and says much the
        same. What another site printed in the same words is an article of that outlet.
        """
        own = article.id
        if any(other.status == STORED for other in self.others(entry, own)):
            return None  # It has this very address, and holds it from now on.
        for other in self.store.of_text(entry.library, digest) if digest else ():
            if other.article_id not in (own, canonical) and site_of(other.address) == site_of(entry.address):
                return other.article_id
        stored = self.stored_article(entry.library, canonical) if canonical != own else None
        if stored is None or not shows_one_article(stored.text, article.text):
            return None
        held = any(other.status == STORED and other.found_at == canonical for other in self.others(entry, canonical))
        return canonical if held else None

    def stored_article(self, library: str, article_id: str) -> Article | None:
        return self.library.storage.ledger.article(library, article_id)

    def free_id(self, entry: FollowedEntry, own: str, canonical: str) -> str:
        """The canonical address, unless another page with another text has it: some sites give all pages one."""
        if canonical == own:
            return own
        others = self.others(entry, canonical)
        taken = any(other.status == STORED and other.found_at != own for other in others)
        return own if taken else canonical

    async def take_back(
        self, entry: FollowedEntry, report: SourceReport, batch: Batch, next_check: float | None
    ) -> None:
        """Withdraw the article of an entry, unless it is to be had under another address, which then holds it."""
        await self.store_batch(batch, report)
        if not entry.article_id or entry.status not in (STORED, WITHDRAWN):
            await self.skip(entry, "was withdrawn by its publisher", report)
            return
        known = await asyncio.to_thread(self.others, entry, entry.article_id)
        others = [other for other in known if other.status in (STORED, COPY) and other.gone_since is None]
        now = self.clock.now()
        since = entry.gone_since if entry.gone_since is not None else now
        if now - since > LOOKED_FOR:
            next_check = None
        if others:
            holder = replace(others[0], status=STORED, next_check=now)
            gone = replace(
                with_content_done(entry, SKIPPED, f"is gone; its article is at {holder.address}"), next_check=None
            )
            await self.note(gone, holder)
            return
        async with self.writing:
            report.withdrawn += await self.library.withdraw(entry.library, [entry.article_id], self.stopped)
        withdrawn = replace(entry, status=WITHDRAWN, content="", failures=0, gone_since=since, next_check=next_check)
        await self.note(replace(withdrawn, reason="was withdrawn by its publisher"))

    async def skip(self, entry: FollowedEntry, reason: str, report: SourceReport, again: bool = False) -> None:
        """Name an entry that is not stored, and why; it is looked at again when its source says something new of it.

        again: also now and then, because the reason may pass; what its feed says of it is kept for then.
        """
        report.skipped.append((entry.address or entry.key, reason))
        status = entry.status if entry.status in (STORED, WITHDRAWN) else SKIPPED
        skipped = with_content_done(entry, status, reason)
        await self.note(
            self.looked_at(replace(skipped, content=entry.content)) if again else replace(skipped, next_check=None)
        )

    def looked_at(self, entry: FollowedEntry) -> FollowedEntry:
        """An entry whose page was just looked at: when it is looked at again."""
        return replace(entry, next_check=next_page_check(self.clock.now(), entry.first_seen))

    async def note(self, *entries: FollowedEntry) -> None:
        await asyncio.to_thread(self.store.note, entries)

    async def store_batch(self, batch: Batch, report: SourceReport) -> None:
        """Store what the batch holds, and only then note it."""
        if not batch.readings:
            return
        readings: Sequence[ReadArticle] = batch.readings
        async with self.writing:
            stored = await self.library.store(readings, report.source.library, self.stopped)
        report.added += stored.added
        report.changed += stored.changed
        report.unchanged += stored.unchanged
        await self.note(*batch.entries)
        batch.readings, batch.entries = [], []


def outlet_of(source: Source) -> str:
    """The outlet that a source's name stands for; that of a page is the page's own."""
    return "" if source.kind == "page" else source.title


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
    settings: Settings, library: Library, clock: Clock | None = None, dice: Random | None = None
) -> AsyncIterator[Follower]:
    """What reads the sources of a library's database."""
    clock = clock or RealClock()
    limits = FollowLimits(settings.follow_pages, settings.follow_run_seconds)
    store = FollowedStore(library.storage.ledger.database)
    async with open_fetcher(settings, clock) as fetcher:
        yield Follower(library, store, fetcher, clock, limits, dice or Random())


async def keep_reading(follower: Follower, stop: asyncio.Event, show: Callable[[list[SourceReport]], None]) -> None:
    """Read what is due until `stop` is set, which ends it within a second or two: what was begun is begun again next time."""
    ending = threading.Event()
    follower.stopped = ending.is_set
    stopping = asyncio.create_task(stop.wait())
    try:
        while not stop.is_set():
            reading = asyncio.create_task(follower.read_due())
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                ending.set()
                reading.cancel()
                await asyncio.wait({reading})
                return
            show(reading.result())
            due = await asyncio.to_thread(follower.store.next_due)
            rest = LONGEST_REST if due is None else min(max(due - follower.clock.now(), SHORTEST_REST), LONGEST_REST)
            await asyncio.wait({stopping}, timeout=rest)
    finally:
        stopping.cancel()
