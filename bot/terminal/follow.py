"""`dateline follow`: sources that are read again and again, and single pages; what became of each, in words."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime

import click

from bot.signals import stop_on_signals
from bot.terminal.errors import ANSWERED, FAILED, CliError, WrongUse, notify
from bot.terminal.render import count_words, forgotten_words, left_words, safe
from bot.terminal.text_io import writes_unicode
from rag.factory import open_library
from rag.following.clock import RealClock
from rag.following.fetching import FetchFailed
from rag.following.follow import keep_reading, open_fetcher, open_follower, read_and_forget
from rag.following.pages import SourceReport
from rag.following.sources import Discovered, discover, new_source, seconds_of
from rag.ingestion.forgetting import Forgotten
from rag.settings import Settings
from vectorstore.database import open_database
from vectorstore.followed import EntryCounts, FollowedStore, Source

FOLLOWED_SCHEMA = "dateline/followed/1"
NAMED_ENTRIES = 5
"""Entries named one by one below a source; more are counted."""


async def add_source(settings: Settings, address: str, library: str, every: str, page_itself: bool) -> int:
    """Look at an address, say what it is, and follow it. Raises WrongUse, CliError."""
    try:
        seconds = seconds_of(every)
    except ValueError as error:
        raise WrongUse(f"--every {error}") from None
    clock = RealClock()
    async with open_fetcher(settings, clock) as fetcher:
        found = await discover(address, fetcher)
        if isinstance(found, Discovered) and found.feeds and not page_itself:
            notify(f"{safe(address)} is a page with a feed, which is followed instead (--page follows the page alone).")
            found = await discover(found.feeds[0], fetcher)
            address = found.address if isinstance(found, Discovered) else address
    if isinstance(found, FetchFailed):
        raise CliError(f"{safe(address)} {safe(found.reason)}.")
    source = new_source(found, library, seconds, clock.now())
    with open_sources(settings) as store:
        known = next((one for one in store.sources(library) if one.address == source.address), None)
        if known is not None:
            raise WrongUse(f"{safe(source.address)} is followed already, as {known.id}.")
        store.add(source)
    click.echo(f"{found_words(found)}: followed as {source.id}, read every {duration(source.every)}.")
    notify("`dateline follow run` reads it from now on, `dateline follow run --once` once.")
    return ANSWERED


@contextmanager
def open_sources(settings: Settings) -> Iterator[FollowedStore]:
    """The sources alone: adding and listing them needs no vectors."""
    database = open_database(settings.ledger_url)
    try:
        yield FollowedStore(database)
    finally:
        database.dispose()


def found_words(found: Discovered) -> str:
    """ "Feed “Harbour Post”, 20 entries"."""
    name = f" “{safe(found.title)}”" if found.title else f" {safe(found.address)}"
    counted = count_words(found.entries, "entry", "entries")
    if found.sitemaps:
        counted = f"{count_words(found.sitemaps, 'sitemap')} in it"
    return f"{found.kind.capitalize()}{name}" + (f", {counted}" if found.kind in ("feed", "sitemap") else "")


async def list_sources(settings: Settings, as_json: bool) -> int:
    """Every source with how it fares."""
    now = time.time()
    with open_sources(settings) as store:
        rows = [(source, store.counts(source.id)) for source in store.sources()]
    if as_json:
        found = {"schema": FOLLOWED_SCHEMA, "sources": [source_json(source, counts) for source, counts in rows]}
        sys.stdout.write(json.dumps(found, ensure_ascii=not writes_unicode(), indent=2) + "\n")
        return ANSWERED
    if not rows:
        notify("Nothing is followed: `dateline follow add ADDRESS` follows a feed, sitemap, page or folder.")
    for source, counts in rows:
        for line in source_lines(source, counts, now):
            click.echo(line)
    return ANSWERED


def source_lines(source: Source, counts: EntryCounts, now: float) -> list[str]:
    """A source in a few lines: what it is, what came of it, when it was and will be read, what is wrong with it."""
    lines = [f"{source.id}  {safe(source.name)}"]
    library = f" · library {safe(source.library)}" if source.library != "shared" else ""
    lines.append(f"  {source.kind} every {duration(source.every)}{library} · {safe(source.address)}")
    if source.kind != "folder":
        lines.append(f"  articles      {counted_entries(counts)}")
    lines.append(f"  last success  {time_words(source.last_success, now)}")
    if source.stopped:
        lines.append("  next try      never: it is gone")
    else:
        lines.append(f"  next try      {time_words(source.next_try, now) if source.next_try > now else 'now'}")
    if source.last_error:
        times = f" ({count_words(source.failures, 'time')} in a row)" if source.failures > 1 else ""
        lines.append(f"  last error    it {safe(source.last_error)}{times}")
    if source.moved_from:
        lines.append(f"  moved from    {safe(source.moved_from)}")
    lines += [
        f"  {status:<13} {safe(address)} {safe(reason)}" for status, address, reason in counts.reasons[:NAMED_ENTRIES]
    ]
    if len(counts.reasons) > NAMED_ENTRIES:
        lines.append("  ...           --json names up to 20")
    return lines


def counted_entries(counts: EntryCounts) -> str:
    """ "20, 3 waiting, 1 withdrawn, 2 skipped"."""
    rest = [(counts.waiting, "waiting"), (counts.withdrawn, "withdrawn"), (counts.skipped, "skipped")]
    return ", ".join([f"{counts.stored:,}", *(f"{number:,} {word}" for number, word in rest if number)])


def source_json(source: Source, counts: EntryCounts) -> dict[str, object]:
    """The documented JSON form of a source, see docs/formats.md."""
    times = {
        name: datetime.fromtimestamp(value, UTC).isoformat() if value else None
        for name in ("added_at", "next_try", "last_success")
        if (value := getattr(source, name)) is not None
    }
    entries = {"articles": counts.stored, "waiting": counts.waiting, "withdrawn": counts.withdrawn}
    unread = [{"status": status, "address": address, "reason": reason} for status, address, reason in counts.reasons]
    hidden = {"etag", "last_modified"}
    plain = {name: value for name, value in asdict(source).items() if name not in hidden}
    return plain | times | entries | {"skipped": counts.skipped, "not_stored": unread}


async def remove_source(settings: Settings, source_id: str) -> int:
    """No longer follow a source; its articles stay."""
    with open_sources(settings) as store:
        removed = store.remove(source_id)
    if not removed:
        notify(f"No source {safe(source_id)!r}: `dateline follow list` shows their ids.")
        return FAILED
    click.echo(f"{source_id} is no longer followed; its articles stay (`dateline library forget` deletes one).")
    return ANSWERED


async def run_sources(settings: Settings, once: bool, everything: bool) -> int:
    """Read what is due, once or until a signal, or everything once; FAILED where a source could not be read."""
    stop, failed, once = asyncio.Event(), False, once or everything

    def show(report: SourceReport) -> None:
        nonlocal failed
        failed = failed or has_failed(report)
        for line in report_lines(report):
            click.echo(line)
        sys.stdout.flush()

    async with open_library(settings, on_wait=notify) as library, open_follower(settings, library) as follower:
        if not follower.store.sources():
            notify("Nothing is followed: `dateline follow add ADDRESS` follows a feed, sitemap, page or folder.")
        if everything:
            await asyncio.to_thread(follower.store.make_due, follower.clock.now())
        if not once:
            stop_on_signals(stop)
            notify("Reading what is followed until Ctrl-C.")
            await keep_reading(follower, stop, show, tell_forgotten)
        elif not await read_and_forget(follower, show, tell_forgotten) and follower.store.sources():
            notify("Nothing is due: `dateline follow list` says when it is, `dateline follow run --now` does not wait.")
    return FAILED if failed and once else ANSWERED


def tell_forgotten(forgotten: Forgotten) -> None:
    """A line for what was too old to be kept."""
    if forgotten.articles:
        click.echo(f"{forgotten_words(forgotten)[:-1]}: older than DATELINE_RETENTION_DAYS.")
    if forgotten.left:
        notify(f"{left_words(forgotten)}: it is tried again within the hour.")


def has_failed(report: SourceReport) -> bool:
    """True for a source of which nothing could be read."""
    return bool(report.error) or bool(report.failed and not (report.added + report.changed + report.unchanged))


def report_lines(report: SourceReport) -> list[str]:
    """What reading one source came to: one line, and one for each thing to know."""
    counts = [(report.added, "added"), (report.changed, "changed"), (report.unchanged, "unchanged")]
    counts += [(report.copies, "under another address"), (len(report.withdrawn), "withdrawn")]
    counts += [(len(report.skipped), "skipped"), (len(report.failed), "to be tried again")]
    told = ", ".join(f"{number:,} {words}" for number, words in counts if number) or "nothing new"
    lines = [f"{safe(report.source.name)}: {told}."]
    if report.error:
        lines.append(f"  {safe(report.source.address)} {safe(report.error)}.")
    lines += [f"  {safe(note)}." for note in report.notes]
    lines += [f"  withdrawn: {safe(article_id)}" for article_id in report.withdrawn]
    lines += named_entries("skipped", report.skipped) + named_entries("not read", report.failed)
    return lines


def named_entries(what: str, entries: Sequence[tuple[str, str]]) -> list[str]:
    """The first of these entries, each with its reason, and how many more there are."""
    lines = [f"  {what}: {safe(address)} {safe(reason)}." for address, reason in entries[:NAMED_ENTRIES]]
    return [*lines, f"  {what}: and {len(entries) - NAMED_ENTRIES:,} more"] if len(entries) > NAMED_ENTRIES else lines


async def store_pages(settings: Settings, addresses: Sequence[str], library: str) -> int:
    """Store single web pages; FAILED when one could not be."""
    failed = False
    async with open_library(settings, on_wait=notify) as stored, open_follower(settings, stored) as follower:
        for address in addresses:
            report = await follower.read_once(address, library)
            # Nothing looks at it again by itself, so that one kind of failure is like the other.
            unread = [("", report.error)] if report.error else [*report.failed, *report.skipped]
            failed = failed or bool(unread)
            for _, reason in unread:
                notify(f"{safe(address)} {safe(reason)}.")
            if not unread:
                click.echo(report_lines(report)[0])
    return FAILED if failed else ANSWERED


def duration(seconds: float) -> str:
    """ "30 minutes", "2 hours", "1 day"."""
    for length, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= length and (seconds % length == 0 or length == 60):
            return count_words(round(seconds / length), name)
    return count_words(round(seconds), "second")


def time_words(at: float, now: float) -> str:
    """A time as people say it: how far from now, and when exactly."""
    if not at:
        return "never"
    apart = abs(at - now)
    length, name = next(
        ((length, name) for length, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")) if apart >= length),
        (1, "second"),
    )
    counted = count_words(int(apart // length), name)
    exactly = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{f'in {counted}' if at > now else f'{counted} ago'} ({exactly})"
