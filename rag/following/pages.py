"""The pages of a source's entries: what becomes of each, and its article into the library.

An entry is noted as stored only after its article is whole.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import TypeAlias

from rag.following.articles import (
    PAGE_TYPES,
    PDF_TYPE,
    TEXT_TYPES,
    Told,
    article_of_entry,
    article_of_page,
    entry_kept_as,
    page_text,
)
from rag.following.feeds import Entry
from rag.following.fetching import Failure, Fetched, FetchFailed, Seen, unusable
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
from rag.following.known_articles import KnownArticles
from rag.following.polite import PoliteFetcher
from rag.following.schedule import DAY, GONE_APART, next_page_check, next_page_try
from rag.ingestion.decoding import Unreadable
from rag.ingestion.documents import Documents
from rag.ingestion.read_articles import ReadArticle
from rag.library import Library
from vectorstore.followed import (
    COPY,
    FORGOTTEN,
    SKIPPED,
    STORED,
    WAITING,
    WITHDRAWN,
    FollowedEntry,
    FollowedStore,
    Source,
    with_content_done,
)
from vectorstore.lock import ShouldStop, never_stop

STORED_AT_ONCE = 8
"""Articles stored together: an ingest notices within that many that it is to stop."""
GiveWay: TypeAlias = Callable[[float], Awaitable[None]]
"""Awaited between two steps of work, with the seconds that the last one took: others may need the machine."""
LOOKED_FOR = 30 * DAY
"""How long a page that was never had, or that is gone, is looked for."""
ACCEPT_PAGE = "text/html, application/xhtml+xml, application/pdf;q=0.9, text/plain;q=0.8"


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
    asked_for: bool = False
    """Somebody wants these articles, even if they were deleted before."""

    def clashes(self, article_id: str, digest: str) -> bool:
        """True if it holds this article, or this text, already."""
        return any(entry.article_id == article_id or (digest and entry.text_digest == digest) for entry in self.entries)


class PageReader:
    """Looks at entries that are due and stores what they hold. Raises StoreError, EmbedderError.

    stopped: polled while articles are stored. writing: held while the library changes, by whoever changes it here.
    """

    def __init__(
        self,
        library: Library,
        store: FollowedStore,
        fetcher: PoliteFetcher,
        documents: Documents,
        limits: FollowLimits,
        dice: Random,
    ) -> None:
        self.library = library
        self.store = store
        self.known = KnownArticles(library.storage.ledger, store)
        self.fetcher = fetcher
        self.documents = documents
        self.clock = fetcher.clock
        self.limits = limits
        self.dice = dice
        self.stopped: ShouldStop = never_stop
        self.give_way: GiveWay = go_on
        self.writing = asyncio.Lock()

    async def read_due(self, report: SourceReport) -> None:
        """Look at the entries of a source that are due, as far as limits allow, and store what they hold."""
        began, batch = self.clock.steady(), Batch()
        due = await asyncio.to_thread(self.store.due_entries, report.source.id, self.clock.now(), self.limits.pages)
        for entry in due:
            if self.clock.steady() - began > self.limits.seconds:
                report.notes.append(
                    f"took longer than {self.limits.seconds:.0f} seconds: the rest waits for the next time"
                )
                break
            # What was found at another entry's address may have changed this one meanwhile.
            present = await asyncio.to_thread(self.store.entry, entry.source, entry.key)
            if present is None or present.next_check is None:
                continue
            await self.give_way(0.0)
            await self.read_entry(present, report, batch)
            if len(batch.readings) >= STORED_AT_ONCE:
                await self.store_batch(batch, report)
        await self.store_batch(batch, report)

    async def read_asked_for(self, key: str, report: SourceReport) -> None:
        """Look at one entry because somebody asks for it, even if its article was deleted before."""
        entry, batch = await asyncio.to_thread(self.store.entry, report.source.id, key), Batch()
        if entry is not None:
            if entry.status == FORGOTTEN:
                entry = replace(entry, status=WAITING)
                await asyncio.to_thread(self.store.remember, entry)
            batch.asked_for = True
            await self.read_entry(entry, report, batch)
            await self.store_batch(batch, report)

    async def read_entry(self, entry: FollowedEntry, report: SourceReport, batch: Batch) -> None:
        """Look at one entry: note what became of it, or put its article into the batch."""
        told = entry_kept_as(entry.content, entry.key, entry.address)
        if entry.status in (STORED, WITHDRAWN) and await self.stored_text(entry) is None:
            await self.note(without_article(entry))
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
        if fetched.content_type and fetched.content_type not in (*PAGE_TYPES, PDF_TYPE, *TEXT_TYPES):
            await self.skip(entry, f"is {fetched.content_type}, not a page, PDF or text", report, again=True)
            return
        page = await asyncio.to_thread(page_text, fetched)
        if is_paywalled(page):
            await self.store_own_text(entry, told, "is for subscribers only, the page says", report, batch)
            return
        address = page_address(fetched.url, page)
        stored = await self.library.article(entry.library, entry.article_id or address.own)
        known = Told(told, outlet_of(report.source), stored)
        try:
            reading = await asyncio.to_thread(
                article_of_page, self.documents, fetched, address.own, address.canonical, known, entry.library
            )
        except Unreadable as error:
            if told.content and entry.status != STORED:
                await self.store_own_text(entry, told, str(error).rstrip("."), report, batch)
                return
            await self.try_later(entry, FetchFailed(Failure.PASSING, str(error).rstrip(".")), report)
            return
        if is_withdrawal(reading.article.title, reading.article.text, page):
            await self.take_back(entry, report, batch, self.clock.now() + DAY)
            return
        article, elsewhere = reading.article, without_tracking(entry.address) != address.own
        if entry.status in (STORED, WITHDRAWN) and stored is not None:
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
                why = reason if entry.address else ""
                await self.note(self.looked_at(with_content_done(entry, STORED, why)))
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
            original = await asyncio.to_thread(self.known.original_of, entry, reading.article, canonical, digest)
            if original is not None:
                report.copies += 1
                copied = replace(self.looked_at(with_content_done(entry, COPY)), next_check=None)
                await self.note(replace(copied, article_id=original, text_digest=digest))
                return
            if entry.status == COPY and not entry.failures:
                await self.look_at_original_first(entry)
                return
            article_id = await asyncio.to_thread(self.known.free_id, entry, own, canonical)
        if entry.status == WITHDRAWN:
            report.notes.append(f"{entry.address} is back")
        article = replace(reading.article, id=article_id)
        batch.readings.append(reading.with_article(article))
        stored = self.looked_at(with_content_done(entry, STORED))
        batch.entries.append(replace(stored, article_id=article_id, text_digest=digest))
        if article_id == own and (
            views := await asyncio.to_thread(self.known.other_views, entry, article, self.clock.now())
        ):
            batch.entries += views
            await self.store_batch(batch, report)

    async def look_at_original_first(self, entry: FollowedEntry) -> None:
        """A copy says something new: its original may say the same now. Only what then differs is an article of its own."""
        now = self.clock.now()
        known = await asyncio.to_thread(self.store.of_article, entry.library, entry.article_id)
        originals = [replace(other, next_check=now) for other in known if other.status == STORED]
        await self.note(*originals, replace(entry, failures=1, etag="", last_modified="", next_check=now))

    async def take_back(
        self, entry: FollowedEntry, report: SourceReport, batch: Batch, next_check: float | None
    ) -> None:
        """Withdraw the article of an entry, unless it is to be had under another address, which then holds it."""
        await self.store_batch(batch, report)
        if not entry.article_id or entry.status not in (STORED, WITHDRAWN):
            await self.skip(entry, "was withdrawn by its publisher", report)
            return
        known = await asyncio.to_thread(self.known.others, entry, entry.article_id)
        # The same address, named by another feed or given by hand, is gone as well.
        gone_from = {without_tracking(entry.address), entry.found_at}
        others = [
            other
            for other in known
            if other.status in (STORED, COPY)
            and other.gone_since is None
            and without_tracking(other.address) not in gone_from
        ]
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
        skipped = replace(with_content_done(entry, status, reason), next_check=None)
        looked_at = self.looked_at(skipped)
        if again and looked_at.next_check is not None:
            skipped = replace(looked_at, content=entry.content)
        await self.note(skipped)

    def looked_at(self, entry: FollowedEntry) -> FollowedEntry:
        """An entry whose page was just looked at: when it is looked at again."""
        return replace(entry, next_check=next_page_check(self.clock.now(), entry.first_seen))

    async def note(self, *entries: FollowedEntry) -> None:
        await asyncio.to_thread(self.store.note, entries)

    async def store_batch(self, batch: Batch, report: SourceReport) -> None:
        """Store what the batch holds, and only then note it."""
        if not batch.readings:
            return
        if batch.asked_for:
            await asyncio.to_thread(self.store.let_back, batch.entries)
        readings: Sequence[ReadArticle] = batch.readings
        began = time.perf_counter()
        async with self.writing:
            stored = await self.library.store(
                readings, report.source.library, self.stopped, partial(self.store.forgotten_ids, batch.entries)
            )
        took = time.perf_counter() - began
        report.added += stored.added
        report.changed += stored.changed
        report.unchanged += stored.unchanged
        forgotten = await asyncio.to_thread(self.store.forgotten_ids, batch.entries)
        await self.note(*(without_article(one) if one.article_id in forgotten else one for one in batch.entries))
        batch.readings, batch.entries = [], []
        await self.give_way(took)


def without_article(entry: FollowedEntry) -> FollowedEntry:
    """An entry whose article somebody deleted from the library, which is not to be undone by the next look."""
    return replace(with_content_done(entry, FORGOTTEN), next_check=None)


def outlet_of(source: Source) -> str:
    """The outlet that a source's name stands for; that of a page is the page's own."""
    return "" if source.kind == "page" else source.title


async def go_on(_seconds: float) -> None:
    """Give way to nobody."""
