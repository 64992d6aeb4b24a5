"""The commands `ask` and `dateline`: their options and nothing else. Answers go to stdout, everything else to stderr.

Exit codes: 0 answered, 3 refused (the articles do not say), 2 wrong use, 1 failure.
A command imports what it runs when it runs: `--help` must not pay for models and databases.
"""

import gc
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.terminal.errors import WrongUse, begin_command, cli_errors, notify, run_command
from bot.terminal.text_io import as_typed, piped
from rag.ingestion.decoding import path_text

if TYPE_CHECKING:
    from rag.settings import Settings

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
DAY_TYPE = click.DateTime(formats=["%Y-%m-%d"])
INPUT_FILE = click.Path(path_type=Path)
OUTPUT_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)
MCP_PACKAGES = ("mcp", "mcp_types", "starlette", "uvicorn")


class TypedWords(click.ParamType[str]):
    """What was typed in letters, in whatever encoding a terminal has."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return as_typed(value)


class StoredName(click.ParamType[str]):
    """An id, a library or a path as it is stored: bytes that are not UTF-8 as \\xe9."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return path_text(value)


class Address(click.ParamType[str]):
    """A web address, or a folder whose name can be stored and found again."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            os.fsencode(value).decode()
        except UnicodeDecodeError:
            self.fail("the name holds bytes that are not UTF-8: rename the folder, then follow it.", param, ctx)
        return value


WORDS, STORED_NAME = TypedWords(), StoredName()
LIBRARY = click.option(
    "--library",
    default="shared",
    show_default=True,
    type=STORED_NAME,
    help="The library that the articles belong to.",
)


class PathOrUrl(click.Path):
    """A file or folder that exists, or a web address, which stays text."""

    def __init__(self) -> None:
        super().__init__(exists=True, path_type=Path)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | str:
        given = os.fspath(value)
        if given.lower().startswith(("http://", "https://")):
            return given
        return Path(os.fsdecode(super().convert(value, param, ctx)))


def settings_now() -> "Settings":
    """The settings, read when a command runs."""
    from rag.settings import load_settings

    with cli_errors():
        return load_settings()


def existing_folder(_context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a file to write that has no folder to stand in before the work is done, not after."""
    if path and not path.parent.is_dir():
        raise click.BadParameter(f"the folder {path.parent} does not exist.", param=parameter)
    return path


def in_utc(day: datetime | None) -> datetime | None:
    """The midnight that begins a day, in UTC."""
    return day.replace(tzinfo=UTC) if day else None


@click.group(context_settings=HELP_OPTIONS)
@click.version_option(package_name="dateline")
def dateline() -> None:
    """Answers from a library of news articles, every one proven by verbatim, dated quotes."""
    begin_command()


@click.command(context_settings=HELP_OPTIONS)
@click.argument("words", nargs=-1, metavar="[QUESTION]...")
@click.option("--since", type=WORDS, metavar="DATE", help="Only articles published on or after this day.")
@click.option("--until", type=WORDS, metavar="DATE", help="Only articles published on or before this day.")
@click.option(
    "--source", "sources", multiple=True, type=WORDS, metavar="OUTLET", help="Only this outlet; may be given again."
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON (docs/formats.md).")
@click.option("--explain", is_flag=True, help="Show how the answer came about: stages, scores, timings.")
@click.option("--no-model", is_flag=True, help="Quote only, even where a model is configured.")
@click.version_option(package_name="dateline")
def ask(
    words: tuple[str, ...],
    since: str | None,
    until: str | None,
    sources: tuple[str, ...],
    as_json: bool,
    explain: bool,
    no_model: bool,
) -> None:
    """Answer a question from the library, with verbatim, dated quotes.

    Without a question on a terminal it is a chat with follow-ups; a question on stdin is answered once.
    """
    begin_command()
    question = as_typed(" ".join(words)) if words else None
    if question is None and not sys.stdin.isatty():
        question = piped()
    if question is None and as_json:
        raise click.UsageError("--json wants a question: give one, or pipe it in.")
    settings = settings_now()
    if no_model:
        settings = settings.model_copy(update={"model": ""})
    # Importing makes half a million objects and hardly any garbage; the search for it took a tenth of the start.
    gc.disable()
    from bot.terminal.ask import AskOptions, ask_once, chat

    options = AskOptions(since, until, sources, as_json, explain)
    run_command(chat(settings, options) if question is None else ask_once(settings, options, question))


dateline.add_command(ask)


@dateline.command("ingest")
@click.argument("sources", nargs=-1, required=True, metavar="PATH_OR_URL...", type=PathOrUrl())
@click.option("--prune", is_flag=True, help="Delete articles that were read from these paths and are gone from them.")
@click.option("--yes", is_flag=True, help="With --prune: delete even more than half of the library, without asking.")
@LIBRARY
def ingest_command(sources: tuple[Path | str, ...], prune: bool, yes: bool, library: str) -> None:
    """Store the articles in files and folders (.txt, .md, .html, .jsonl, .json, .csv, .tsv), or web pages by their URLs.

    Doing it again changes nothing; a changed article is replaced; a run that was killed is finished by the next.
    """
    paths = tuple(source for source in sources if isinstance(source, Path))
    urls = tuple(source for source in sources if isinstance(source, str))
    if paths and urls:
        raise click.UsageError("Give files and folders, or URLs, not both at once.")
    if urls and prune:
        raise click.UsageError("--prune is for folders: a URL lists no articles.")
    settings = settings_now()
    if urls:
        from bot.terminal.follow import store_pages

        run_command(store_pages(settings, urls, library))
    from bot.terminal.library import ingest_paths

    run_command(ingest_paths(settings, paths, prune, yes, library))


@dateline.command("rebuild")
def rebuild_command() -> None:
    """Recompute all chunks and vectors from the stored articles, with the configured model, while the old ones answer.

    Stopped or killed, it goes on when it is run again; the library changes over when all is made.
    """
    settings = settings_now()
    from bot.terminal.library import rebuild_library

    run_command(rebuild_library(settings))


@dateline.command("doctor")
@click.option("--fix", is_flag=True, help="Make again what is missing or damaged and can be made from the articles.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON (docs/formats.md).")
def doctor_command(fix: bool, as_json: bool) -> None:
    """Look for what is wrong with settings, library, models and disk, and say how to mend it.

    Exits with 0 only when all is well.
    """
    from bot.terminal.doctor import examine

    run_command(examine(fix, as_json))


@dateline.command("health")
def health_command() -> None:
    """Say in a moment whether the bot is connected or, where DATELINE_DISCORD_PORT is 0, the library can be read.

    For container engines and timers: exits with 0 only when it is so.
    """
    from bot.terminal.health import tell_health

    run_command(tell_health(settings_now()))


@dateline.command("backup")
@click.argument("file", type=OUTPUT_FILE, callback=existing_folder)
def backup_command(file: Path) -> None:
    """Write the whole library into FILE: articles, vectors, stored answers, the bot's state.

    Questions are answered meanwhile; an ingest waits.
    """
    settings = settings_now()
    from bot.terminal.backup import back_up

    run_command(back_up(settings, file))


@dateline.command("restore")
@click.argument("file", type=INPUT_FILE)
@click.option("--replace", is_flag=True, help="Even where there is a library; it is moved aside, not deleted.")
def restore_command(file: Path, replace: bool) -> None:
    """Put the library back from FILE, made by this version or an older one on any machine. Stop the bot first."""
    settings = settings_now()
    from bot.terminal.backup import restore

    run_command(restore(settings, file, replace))


@dateline.group("library")
def library_group() -> None:
    """See and change what is stored."""


@library_group.command("list")
@click.option(
    "--source", "sources", multiple=True, type=WORDS, metavar="OUTLET", help="Only this outlet; may be given again."
)
@click.option("--since", type=WORDS, metavar="DATE", help="Only articles published on or after this day.")
@click.option("--until", type=WORDS, metavar="DATE", help="Only articles published on or before this day.")
@click.option("--undated", is_flag=True, help="Only articles without a date.")
@click.option("--withdrawn", is_flag=True, help="Only articles that their publishers took back.")
@click.option("--flagged", is_flag=True, help="Only articles with sentences that are never quoted.")
@click.option(
    "--query", default="", type=WORDS, metavar="WORDS", help="Only articles with all of these words in title or text."
)
@click.option("--json", "as_json", is_flag=True, help="Print the articles as JSON (docs/formats.md).")
@LIBRARY
@click.pass_context
def list_command(context: click.Context, /, as_json: bool, **_filters: object) -> None:
    """Every article, or those meant: outlet, date, title, state, id, newest first; apart by tabs when piped."""
    settings = settings_now()
    from bot.terminal.articles import ListOptions, show_articles

    filters = {name: value for name, value in context.params.items() if name != "as_json"}
    # One field for each filter declared above.
    run_command(show_articles(settings, ListOptions(**filters), as_json))


@library_group.command("show")
@click.argument("article_id", type=STORED_NAME)
@click.option("--json", "as_json", is_flag=True, help="Print the article as JSON (docs/formats.md).")
@LIBRARY
def show_command(article_id: str, as_json: bool, library: str) -> None:
    """One article with its text, and what of it is never quoted because it gives instructions."""
    settings = settings_now()
    from bot.terminal.articles import show_article

    run_command(show_article(settings, article_id, library, as_json))


@library_group.command("forget")
@click.argument("ids", nargs=-1, type=STORED_NAME, metavar="[ID]...")
@click.option(
    "--source", "sources", multiple=True, type=WORDS, metavar="OUTLET", help="All of this outlet; may be given again."
)
@click.option("--older-than", type=click.IntRange(0), metavar="DAYS", help="All published so many days ago or more.")
@click.option(
    "--origin",
    default="",
    type=STORED_NAME,
    metavar="PATH",
    help="All that was read from this file, or below this folder.",
)
@click.option("--yes", is_flag=True, help="Even more than one article, without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print what was forgotten as JSON (docs/formats.md).")
@LIBRARY
@click.pass_context
def forget_command(context: click.Context, /, yes: bool, as_json: bool, **_options: object) -> None:
    """Delete articles with everything made from them and every stored quote of them, for good.

    With several options, what all of them mean.
    """
    settings = settings_now()
    from bot.terminal.articles import ForgetOptions, forget_articles

    given = {name: value for name, value in context.params.items() if name not in ("yes", "as_json")}
    # One field for each option declared above.
    run_command(forget_articles(settings, ForgetOptions(**given), yes, as_json))


@library_group.command("stats")
@click.option(
    "--report",
    type=OUTPUT_FILE,
    callback=existing_folder,
    help="Write a page that draws what came when, and what is odd.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON (docs/formats.md).")
@LIBRARY
def stats_command(report: Path | None, as_json: bool, library: str) -> None:
    """Articles by outlet and month; undated, withdrawn, guessed and flagged ones; what it all takes on the disk."""
    settings = settings_now()
    from bot.terminal.articles import show_stats

    run_command(show_stats(settings, library, report, as_json))


@library_group.command("status")
@LIBRARY
def status_command(library: str) -> None:
    """Counts and dates of what is stored, and where."""
    settings = settings_now()
    from bot.terminal.articles import show_status

    run_command(show_status(settings, library))


@dateline.command("replay")
@click.argument("answer_id", type=STORED_NAME)
@click.option("--again", is_flag=True, help="Ask the same question again and show what differs.")
@click.option("--json", "as_json", is_flag=True, help="Print the stored record as JSON.")
def replay_command(answer_id: str, again: bool, as_json: bool) -> None:
    """Show a stored answer with everything it was made of; the beginning of its id is enough."""
    settings = settings_now()
    from bot.terminal.feedback import replay_answer

    run_command(replay_answer(settings, answer_id, again, as_json))


@dateline.command("gaps")
@click.option("--since", type=DAY_TYPE, help="Only questions asked on or after this day (YYYY-MM-DD, UTC).")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Most groups to show.")
def gaps_command(since: datetime | None, limit: int) -> None:
    """List what readers asked and the articles do not say, grouped by similarity, the most asked first."""
    settings = settings_now()
    from bot.terminal.feedback import show_gaps

    run_command(show_gaps(settings, in_utc(since), limit))


@dateline.command("digest")
@click.option(
    "--since",
    default="7 days ago",
    show_default=True,
    type=WORDS,
    metavar="DATE",
    help="What was published from then on.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the digest as JSON (docs/formats.md).")
@LIBRARY
def digest_command(since: str, as_json: bool, library: str) -> None:
    """Show what is new: one quoted key sentence an article, by story, newest first."""
    settings = settings_now()
    from bot.terminal.digest import show_digest

    run_command(show_digest(settings, since, library, as_json))


@dateline.group("watch")
def watch_group() -> None:
    """Watch questions: hear of it when their quoted answer changes."""


@watch_group.command("add")
@click.argument("words", nargs=-1, required=True, metavar="QUESTION...")
@click.option(
    "--source", "sources", multiple=True, type=WORDS, metavar="OUTLET", help="Only this outlet; may be given again."
)
def watch_add_command(words: tuple[str, ...], sources: tuple[str, ...]) -> None:
    """Answer a question now, and again in `dateline watch run` when something new changes the answer."""
    settings = settings_now()
    from bot.terminal.watch import add_watch

    run_command(add_watch(settings, as_typed(" ".join(words)), sources))


@watch_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line (docs/formats.md).")
def watch_list_command(as_json: bool) -> None:
    """Every watched question: its id, when it was answered last, the question."""
    settings = settings_now()
    from bot.terminal.watch import list_watches

    run_command(list_watches(settings, as_json))


@watch_group.command("run")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line (docs/formats.md).")
def watch_run_command(as_json: bool) -> None:
    """Ask those again near which articles arrived, and show each answer that changed with what was said before."""
    settings = settings_now()
    from bot.terminal.watch import run_watches

    run_command(run_watches(settings, as_json))


@watch_group.command("stop")
@click.argument("watch_id", type=STORED_NAME)
def watch_stop_command(watch_id: str) -> None:
    """No longer watch a question."""
    settings = settings_now()
    from bot.terminal.watch import stop_watch

    run_command(stop_watch(settings, watch_id))


@dateline.group("follow")
def follow_group() -> None:
    """Follow feeds, sitemaps, pages and folders: what they bring is stored, what they correct or withdraw, too."""


@follow_group.command("add")
@click.argument("source", type=Address())
@click.option(
    "--every", default="30m", show_default=True, type=WORDS, metavar="TIME", help="How often to read it: 30m, 2h, 1d."
)
@click.option("--page", "page_itself", is_flag=True, help="Follow a page itself even if it has a feed.")
@LIBRARY
def follow_add_command(source: str, every: str, page_itself: bool, library: str) -> None:
    """Follow a feed, sitemap, page (by URL) or folder; says what it found there."""
    settings = settings_now()
    from bot.terminal.follow import add_source

    run_command(add_source(settings, source, library, every, page_itself))


@follow_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the sources as JSON (docs/formats.md).")
def follow_list_command(as_json: bool) -> None:
    """Every source: what came of it, when it was and will be read, what is wrong with it."""
    settings = settings_now()
    from bot.terminal.follow import list_sources

    run_command(list_sources(settings, as_json))


@follow_group.command("remove")
@click.argument("source_id", type=STORED_NAME)
def follow_remove_command(source_id: str) -> None:
    """No longer follow a source; its articles stay."""
    settings = settings_now()
    from bot.terminal.follow import remove_source

    run_command(remove_source(settings, source_id))


@follow_group.command("run")
@click.option("--once", is_flag=True, help="Read what is due now and end.")
@click.option("--now", "everything", is_flag=True, help="Read everything once, whether it is due or not, and end.")
def follow_run_command(once: bool, everything: bool) -> None:
    """Read what is due, again and again until Ctrl-C. Exits with 1 where a source could not be read, after all others."""
    settings = settings_now()
    from bot.terminal.follow import run_sources

    run_command(run_sources(settings, once, everything))


@dateline.group("cases")
def cases_group() -> None:
    """Make cases for `dateline evaluate`."""


@cases_group.command("from-feedback")
@click.option(
    "--out", required=True, type=OUTPUT_FILE, callback=existing_folder, help="File to write, .yaml or .jsonl."
)
@click.option("--since", type=DAY_TYPE, help="Only votes of this day or later (YYYY-MM-DD, UTC).")
def from_feedback_command(out: Path, since: datetime | None) -> None:
    """Draft a case from every stored answer that was voted down, to be reviewed by a person.

    An existing file is left alone: drafts may have been worked on.
    """
    settings = settings_now()
    from bot.terminal.feedback import write_case_drafts

    with cli_errors():
        write_case_drafts(settings, out, in_utc(since))


@dateline.command("evaluate")
@click.argument("cases", nargs=-1, required=True, type=INPUT_FILE)
@click.option("--corpus", multiple=True, type=INPUT_FILE, help="Articles to ask about, a file or folder; repeatable.")
@click.option("--json", "json_file", type=OUTPUT_FILE, callback=existing_folder, help="Write everything measured here.")
@click.option(
    "--report", type=OUTPUT_FILE, callback=existing_folder, help="Write a page with every case and its quotes."
)
@click.option("--baseline", type=INPUT_FILE, help="Compare with this earlier run; a significant loss exits with 1.")
@click.option("--thresholds", type=INPUT_FILE, help="Limits for metrics; a breach exits with 1.")
@click.option(
    "--write-baseline", type=OUTPUT_FILE, callback=existing_folder, help="Keep this run for later comparison."
)
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped; errors are asked again.")
@click.option("--concurrency", default=1, show_default=True, type=click.IntRange(1, 64), help="Questions at a time.")
@click.option("--no-model", is_flag=True, help="Extractive answers, even if a model is set.")
@click.option("--judge", is_flag=True, help="Let a model grade the answers; printed apart from what is measured.")
@click.option("--judge-model", default="", type=WORDS, help="The model that grades; DATELINE_MODEL when not given.")
@click.option("--judge-repeats", default=1, show_default=True, type=click.IntRange(1, 20), help="Grades an answer.")
@click.option("--all", "all_metrics", is_flag=True, help="Print every metric, not only those that decide.")
@click.pass_context
def evaluate_command(context: click.Context, /, **_options: object) -> None:
    """Ask every question of CASES (.jsonl or .yaml) and say how good the answers are.

    With --corpus the questions are put to a library of their own in the cache folder; yours is not touched.
    """
    settings = settings_now()
    from bot.terminal.evaluate import EvaluateOptions, evaluate_cases

    options = EvaluateOptions(**context.params)  # One field for each option declared above.
    run_command(evaluate_cases(settings, options))


@dateline.group("bot", invoke_without_command=True)
@click.option("--check", is_flag=True, help="Only say what is missing: token, intents, permissions, articles.")
@click.pass_context
def bot_group(context: click.Context, check: bool) -> None:
    """Run the Discord bot until Ctrl-C or SIGTERM; docs/discord.md says how to set it up."""
    if context.invoked_subcommand is None:
        settings = settings_now()
        from bot.discord.run import check_bot, run_bot

        run_command(check_bot(settings, click.echo) if check else run_bot(settings))


@bot_group.command("sync")
def sync_command() -> None:
    """Send the bot's commands to Discord if their definition changed."""
    settings = settings_now()
    from bot.discord.run import sync_commands

    run_command(sync_commands(settings, click.echo))


@dateline.command("mcp")
@click.option(
    "--http", "address", type=WORDS, metavar="[HOST:]PORT", help="Serve HTTP here instead, on this machine by default."
)
def mcp_command(address: str | None) -> None:
    """Serve the library to an assistant over the Model Context Protocol: ask, search, passages.

    The assistant starts this and speaks through stdin and stdout; docs/mcp.md says how to set it up.
    """
    settings = settings_now()
    try:
        from bot.mcp.run import serve_http, serve_stdio
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in MCP_PACKAGES:
            raise
        raise WrongUse('`dateline mcp` needs a package that is not installed: pip install "dateline[mcp]".') from None

    run_command(serve_http(settings, address, notify) if address else serve_stdio(settings, notify))
