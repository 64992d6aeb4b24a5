"""`dateline ingest` and `rebuild`: fill the library, make it again."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from bot.terminal.errors import ANSWERED, FAILED, notify
from bot.terminal.render import count_words, safe
from rag.factory import open_library
from rag.ingestion.indexing import IngestReport, OnProgress, Progress
from rag.ingestion.read_articles import ARCHIVE_KIND, ArticleProblem
from rag.settings import Settings

PROBLEMS_SHOWN = 50
UNKNOWN_FIELDS_SHOWN = 30


async def ingest_paths(settings: Settings, paths: Sequence[Path], prune: bool, yes: bool, library: str) -> int:
    """Store the articles and say what was done; FAILED when one could not be read, or not all could be pruned."""
    async with open_library(settings, on_wait=notify) as stored:
        with progress_bar() as progress:
            report = await stored.ingest(paths, library, prune, progress, prune_most=yes)
        gone = f"{count_words(report.unpruned, 'article')} of this library, more than half of it, are gone from these paths"
        if report.unpruned and sys.stdin.isatty() and click.confirm(f"{gone}. Delete them?", err=True):
            pruned = await stored.ingest(paths, library, prune, prune_most=True)
            # What the first pass added and could not read is said too.
            report = replace(report, removed=pruned.removed, unpruned=0)
    notify_of(report.problems, "more that could not be read")
    notify_of(report.read.remarks, "more that were stored with something missing")
    counts = [f"{report.added:,} added", f"{report.changed:,} changed", f"{report.unchanged:,} unchanged"]
    counts += [f"{report.removed:,} removed"] if report.removed else []
    made = count_words(report.chunks, "chunk") + " made"
    made += (
        f", {report.flagged:,} with sentences that are never quoted: they give instructions" if report.flagged else ""
    )
    click.echo(f"{', '.join(counts)}; {made}.")
    for line in reading_lines(report):
        click.echo(line)
    if report.unpruned:
        notify(f"{gone}: nothing was deleted. Add --yes where that is right.")
    return FAILED if report.problems or report.unpruned else ANSWERED


def notify_of(problems: Sequence[ArticleProblem], more: str) -> None:
    """Name the first of them on stderr, and how many more there are."""
    for problem in problems[:PROBLEMS_SHOWN]:
        notify(f"{safe(problem.place)} {safe(problem.reason)}")
    if len(problems) > PROBLEMS_SHOWN:
        notify(f"... and {len(problems) - PROBLEMS_SHOWN:,} {more}.")


def reading_lines(report: IngestReport) -> list[str]:
    """How many files were read, how many skipped and why, which fields were left, how many articles have no date."""
    read = report.read
    kinds = Counter(skipped.kind for skipped in read.skipped)
    reasons = [count_words(count, safe(kind)) for kind, count in sorted(kinds.items())]
    if read.unreadable:
        reasons.append(f"{count_words(read.unreadable, 'file')} that could not be read")
    skipped = f"{len(read.skipped) + read.unreadable:,} skipped" + (f": {', '.join(reasons)}" if reasons else "")
    lost = f", {count_words(read.lost, 'record')} in them could not be read" if read.lost else ""
    lines = [f"{count_words(read.files, 'file')} read{lost}, {skipped}."]
    if any(kind.endswith(ARCHIVE_KIND) for kind in kinds):
        lines.append("Nothing in these archives was read: unpack them and ingest their folders.")
    if read.unknown_fields:
        names = ", ".join(safe(name) for name in read.unknown_fields[:UNKNOWN_FIELDS_SHOWN])
        more = len(read.unknown_fields) - UNKNOWN_FIELDS_SHOWN
        lines.append(f"Fields that were not used: {names}{f' and {more:,} more' if more > 0 else ''}.")
    guessed = f", {read.guessed:,} with a guessed one" if read.guessed else ""
    lines.append(f"{count_words(read.undated, 'article')} without a date{guessed}.")
    return lines


async def rebuild_library(settings: Settings) -> int:
    """Rebuild and say how many chunks there are."""
    async with open_library(settings, on_wait=notify) as stored:
        with progress_bar() as progress:
            count = await stored.rebuild(progress)
    click.echo(f"{count_words(count, 'chunk')} made.")
    return ANSWERED


@contextmanager
def progress_bar() -> Iterator[OnProgress | None]:
    """A bar on stderr while articles are read and indexed; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True)) as bar:
        tasks: dict[str, TaskID] = {}

        def show(progress: Progress) -> None:
            if progress.step not in tasks:
                tasks[progress.step] = bar.add_task(progress.step, total=progress.total)
            bar.update(tasks[progress.step], completed=progress.done, total=progress.total)

        yield show
