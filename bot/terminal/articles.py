"""`dateline library`: list, show, forget and count what is stored."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from bot.scope import known_outlet, scope_of
from bot.terminal.ask import day_option
from bot.terminal.errors import ANSWERED, FAILED, WrongUse, notify
from bot.terminal.render import (
    article_lines,
    count_words,
    dated,
    forgotten_words,
    joined,
    left_words,
    make_console,
    safe,
    version_lines,
)
from bot.terminal.text_io import writes_unicode
from rag.answer import date_words, dates_json, headline_of, iso
from rag.factory import open_library
from rag.ingestion.decoding import path_text
from rag.library import Library
from rag.library_report import stats_html
from rag.library_stats import LibraryStats, OutletStats
from rag.settings import Settings
from vectorstore.listing import ArticleFilter, ListedArticle

ARTICLES_SCHEMA, ARTICLE_SCHEMA = "dateline/articles/1", "dateline/article/1"
STATS_SCHEMA, FORGOTTEN_SCHEMA = "dateline/library-stats/1", "dateline/forgotten/1"
NAMED_BEFORE_FORGETTING = 5
"""Articles named before it is asked whether to forget them; more are counted."""
MONTHS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The filters of `library list`, as typed. flagged: only articles with passages that are never quoted in full."""

    library: str
    sources: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    undated: bool = False
    withdrawn: bool = False
    flagged: bool = False
    query: str = ""


@dataclass(frozen=True, slots=True)
class ForgetOptions:
    """What `library forget` is to forget: everything that is given must hold."""

    library: str
    ids: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    older_than: int | None = None
    origin: str = ""


async def show_articles(settings: Settings, options: ListOptions, as_json: bool) -> int:
    """A table on a terminal; elsewhere one article a line, its fields apart by tabs. Raises QuestionError."""
    async with open_library(settings) as stored:
        listed = await stored.listed(await filter_of(stored, options))
        flagged: dict[str, int] = {}
        if options.flagged:
            flagged = await stored.flagged(options.library, [entry.article.id for entry in listed])
            listed = [entry for entry in listed if entry.article.id in flagged]
    if as_json:
        print_json({"schema": ARTICLES_SCHEMA, "articles": [listed_json(entry) for entry in listed]})
    elif sys.stdout.isatty():
        make_console().print(article_table(listed))
        click.echo(count_words(len(listed), "article") + ".")
    else:
        for entry in listed:
            click.echo("\t".join(listed_fields(entry)))
    if not listed:
        notify("No article is stored that meets all of this.")
    return ANSWERED


async def filter_of(stored: Library, options: ListOptions) -> ArticleFilter:
    """The filter that the options mean. Raises QuestionError for days and outlets that cannot be."""
    status = await stored.status([options.library])
    since, until = day_option(options.since, "--since"), day_option(options.until, "--until")
    scope = scope_of(since, until, options.sources, status, datetime.now(UTC))
    return ArticleFilter(
        options.library,
        sources=scope.sources,
        since=scope.since,
        until=scope.until,
        undated=options.undated,
        withdrawn=options.withdrawn,
        words=tuple(options.query.split()),
    )


def listed_fields(entry: ListedArticle) -> list[str]:
    """Outlet, date, title, state, id and last error: what nothing is known of is "-", so that every line has as many fields."""
    headline = headline_of(entry.article)
    fields = (headline.source, date_words(headline), headline.title, entry.state, headline.article_id, entry.last_error)
    return [safe(field) or "-" for field in fields]


def article_table(listed: Sequence[ListedArticle]) -> Table:
    """Outlet, date and title, the id below it; the state where it is not the usual one. Fits 80 columns."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("Outlet", max_width=18, overflow="fold")
    table.add_column("Date", max_width=18)
    table.add_column("Title", overflow="fold")
    table.add_column("State", no_wrap=True)
    for entry in listed:
        headline = headline_of(entry.article)
        cell = Text(safe(headline.title)).append(f"\n{safe(headline.article_id)}", style="dim")
        if entry.last_error:
            cell.append(f"\n{safe(entry.last_error)}", style="red")
        outlet = Text(safe(headline.source)) if headline.source else Text("no outlet", style="dim")
        date = Text(date_words(headline)) if headline.published else Text("undated", style="dim")
        table.add_row(outlet, date, cell, Text(entry.state, style="" if entry.state == "ready" else "yellow"))
    return table


def listed_json(entry: ListedArticle) -> dict[str, object]:
    """The documented JSON form of a listed article, see docs/formats.md."""
    headline = headline_of(entry.article)
    return {
        "article_id": headline.article_id,
        "title": headline.title,
        "source": headline.source,
        "url": headline.url,
        **dates_json(headline),
        "state": entry.state,
        "withdrawn": iso(entry.withdrawn),
        "arrived": iso(entry.arrived),
        "origin": entry.origin,
        "characters": entry.characters,
        "last_error": entry.last_error,
    }


async def show_article(settings: Settings, article_id: str, library: str, as_json: bool) -> int:
    """One article: what it is, what of it is never quoted, its text, what it said before. FAILED when it is not there."""
    async with open_library(settings) as stored:
        article = await stored.article(library, article_id)
        listed = await stored.listed(ArticleFilter(library, ids=(article_id,)))
        passages = await stored.passages(library, article_id)
        versions = await stored.versions(library, article_id)
    if article is None or not listed:
        notify(no_such_article(article_id, library))
        return FAILED
    if as_json:
        earlier = [
            {"title": version.title, "text": version.text, "replaced_at": iso(datetime.fromtimestamp(version.replaced_at, UTC))}
            for version in versions
        ]  # fmt: skip
        told = {"author": article.author, "language": article.language, "origins": dict(article.origins)}
        said = {"passages": len(passages), "text": article.text, "earlier_versions": earlier}
        print_json({"schema": ARTICLE_SCHEMA} | listed_json(listed[0]) | told | said)
        return ANSWERED
    lines = article_lines(article, passages, listed[0].withdrawn) + version_lines(article, versions)
    make_console().print(joined(lines), soft_wrap=True)
    return ANSWERED


def no_such_article(article_id: str, library: str) -> str:
    return f"No article {safe(article_id)!r} in the library {safe(library)!r}: `dateline library list` shows their ids."


async def forget_articles(settings: Settings, options: ForgetOptions, yes: bool, as_json: bool) -> int:
    """Forget what is meant and say how much it was; more than one article only after a yes. Raises WrongUse, QuestionError."""
    async with open_library(settings, on_wait=notify) as stored:
        found = await stored.listed(await forget_filter(stored, options))
        missing = set(options.ids) - {entry.article.id for entry in found}
        # One of several ids may be missing because another option leaves it out.
        for article_id in sorted(missing):
            notify(no_such_article(article_id, options.library))
        if len(found) > 1 and not yes and not confirmed(found):
            notify(f"Nothing was deleted. Add --yes to forget {count_words(len(found), 'article')}.")
            return FAILED
        forgotten = await stored.forget_articles([(options.library, entry.article.id) for entry in found])
    if as_json:
        print_json({"schema": FORGOTTEN_SCHEMA} | asdict(forgotten))
    elif found or not missing:
        click.echo(forgotten_words(forgotten, found[0].article.id if len(found) == 1 else ""))
    if forgotten.left:
        notify(f"{left_words(forgotten)}: run the same command again later.")
    return FAILED if missing or forgotten.left else ANSWERED


async def forget_filter(stored: Library, options: ForgetOptions) -> ArticleFilter:
    """The filter that the options mean. Raises WrongUse where they mean a whole library, QuestionError for unknown outlets."""
    if not (options.ids or options.sources or options.older_than is not None or options.origin):
        raise WrongUse("Say what to forget: an id, --source, --older-than or --origin.")
    status = await stored.status([options.library])
    before = None if options.older_than is None else datetime.now(UTC) - timedelta(days=options.older_than)
    sources = tuple(known_outlet(source, status) for source in options.sources)
    wanted = ArticleFilter(options.library, ids=options.ids, sources=sources, before=before, origin=options.origin)
    if options.origin and not await stored.listed(replace(wanted, ids=(), sources=(), before=None)):
        # Files are stored by their whole paths, and typed as they lie from here.
        return replace(wanted, origin=path_text(await asyncio.to_thread(Path(options.origin).resolve)))
    return wanted


def confirmed(found: Sequence[ListedArticle]) -> bool:
    """Name the first of them and ask, where there is somebody to ask."""
    if not sys.stdin.isatty():
        return False
    for entry in found[:NAMED_BEFORE_FORGETTING]:
        notify("  " + " · ".join(listed_fields(entry)[:3]))
    if len(found) > NAMED_BEFORE_FORGETTING:
        notify(f"  and {len(found) - NAMED_BEFORE_FORGETTING:,} more")
    return click.confirm(f"Forget {count_words(len(found), 'article')} for good?", err=True)


async def show_stats(settings: Settings, library: str, report: Path | None, as_json: bool) -> int:
    """Numbers of one library; as a page where a file is given."""
    async with open_library(settings) as stored:
        stats = await stored.stats(library)
    if report is not None:
        await asyncio.to_thread(report.write_text, stats_html(stats, datetime.now(UTC)), "utf-8")
        notify(f"Written: {report}.")
    if as_json:
        print_json(stats_json(stats))
    elif report is None:
        for line in stats_lines(stats):
            click.echo(line)
    return ANSWERED


def stats_lines(stats: LibraryStats) -> list[str]:
    """The totals, the sizes, and each outlet with its last months."""
    total = stats.total
    sizes = ", ".join(f"{part} {size_words(size)}" for part, size in stats.sizes.items())
    lines = [
        f"articles     {total.articles:,} ({total.characters:,} characters)",
        f"undated      {total.undated:,}",
        f"guessed      {total.guessed:,} (dates that nothing but a guess gives)",
        f"withdrawn    {total.withdrawn:,} (stored, in no answer)",
        f"unfinished   {total.unfinished:,}",
        f"flagged      {count_words(total.flagged, 'passage')} with sentences that are never quoted",
        f"on disk      {sizes} (all libraries)",
        "",
    ]
    for outlet in stats.outlets:
        lines += outlet_lines(outlet)
    return lines


def outlet_lines(outlet: OutletStats) -> list[str]:
    """An outlet with what is odd in it, and its last months."""
    counts, months = outlet.counts, list(outlet.months.items())
    odd = [(counts.undated, "undated"), (counts.guessed, "guessed"), (counts.withdrawn, "withdrawn")]
    told = [f"{count:,} {name}" for count, name in odd if count]
    told += [count_words(counts.flagged, "flagged passage")] if counts.flagged else []
    lines = [", ".join([f"{safe(outlet.name) or '-'}  {count_words(counts.articles, 'article')}", *told])]
    if earlier := sum(count for _, count in months[:-MONTHS_SHOWN]):
        lines.append(f"  before   {earlier:>6,}")
    return lines + [f"  {month}  {count:>6,}" for month, count in months[-MONTHS_SHOWN:]]


def stats_json(stats: LibraryStats) -> dict[str, object]:
    """The documented JSON form of a library's numbers, see docs/formats.md."""
    outlets = [{"source": outlet.name} | asdict(outlet.counts) | {"months": outlet.months} for outlet in stats.outlets]
    found = {"schema": STATS_SCHEMA, "library": stats.library} | asdict(stats.total)
    return found | {"bytes": dict(stats.sizes), "outlets": outlets}


def size_words(size: int) -> str:
    """ "3.1 MB"."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} B"


async def show_status(settings: Settings, library: str) -> int:
    """What is stored, line by line."""
    async with open_library(settings) as stored:
        found = await stored.status([library])
        withdrawn = len(await stored.withdrawn(library))
    outlets = ", ".join(f"{safe(source) or '-'} {count:,}" for source, count in found.sources)
    click.echo(f"articles     {found.articles:,} ({dated(found.oldest)} to {dated(found.newest)})")
    click.echo(f"chunks       {found.chunks:,}")
    click.echo(f"unfinished   {found.unfinished:,}" + (" (run `dateline ingest` again)" if found.unfinished else ""))
    if withdrawn:
        click.echo(f"withdrawn    {withdrawn:,} (stored, in no answer)")
    click.echo(f"outlets      {outlets or '-'}")
    click.echo(f"embedder     {found.embedder}")
    click.echo(f"home         {settings.home}")
    return ANSWERED


def print_json(found: dict[str, object]) -> None:
    """One JSON object on stdout."""
    sys.stdout.write(json.dumps(found, ensure_ascii=not writes_unicode(), indent=2) + "\n")
