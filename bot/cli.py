"""The commands `ask` and `dateline`. Answers go to stdout, everything else to stderr; heavy imports wait until needed.

Exit codes: 0 answered, 3 refused (the articles do not say), 2 wrong use, 1 failure.
"""

import asyncio
import gc
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from bot.terminal.evaluate import evaluate
from bot.terminal.feedback import cases, gaps
from vectorstore.errors import DatelineError

if TYPE_CHECKING:
    from rag.ingestion.indexing import IngestReport
    from rag.settings import Settings

ANSWERED, FAILED, WRONG_USE, REFUSED = 0, 1, 2, 3
SHARED = "shared"
PROBLEMS_SHOWN = 50


class OneSentence(click.ClickException):
    """A known failure, shown as one sentence on stderr."""

    exit_code = FAILED

    def show(self, file: IO[str] | None = None) -> None:
        """The sentence and nothing else."""
        from bot.terminal.render import safe

        click.echo(safe(self.message), err=True, file=file)


class WrongUse(OneSentence):
    """The question, an option or a setting cannot be used as it is."""

    exit_code = WRONG_USE


def one_sentence(error: DatelineError) -> OneSentence:
    """A known failure with its exit code."""
    from rag.errors import QuestionError, SettingsError

    return WrongUse(str(error)) if isinstance(error, QuestionError | SettingsError) else OneSentence(str(error))


def finish(work: Coroutine[object, object, int]) -> None:
    """Run a command to its exit code: the one place of the terminal where errors become words."""
    import logging

    # Log lines are for services; at a terminal the answer's note says what happened.
    logging.getLogger("dateline").addHandler(logging.NullHandler())
    try:
        code = asyncio.run(work)
    except DatelineError as error:
        raise one_sentence(error) from error
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # Whoever read the answer has seen enough (`ask ... | head`).
        sys.stderr.close()
        code = ANSWERED
    sys.exit(code)


def settings_now(no_model: bool = False) -> "Settings":
    """The settings, read when a command runs."""
    from rag.settings import load_settings

    try:
        settings = load_settings()
    except DatelineError as error:
        raise one_sentence(error) from error
    return settings.model_copy(update={"model": ""}) if no_model else settings


def say(message: str) -> None:
    """A line for the person at the terminal, not part of the answer."""
    click.echo(message, err=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("words", nargs=-1, metavar="[QUESTION]...")
@click.option("--since", metavar="DATE", help="Only articles published on or after this day.")
@click.option("--until", metavar="DATE", help="Only articles published on or before this day.")
@click.option("--source", "sources", multiple=True, metavar="OUTLET", help="Only this outlet; may be given again.")
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
    question = " ".join(words) if words else None
    if question is None and not sys.stdin.isatty():
        # No question is longer; a whole file piped in by mistake is not read to its end.
        question = sys.stdin.read(100_000)
    if question is None and as_json:
        raise click.UsageError("--json wants a question: give one, or pipe it in.")
    settings = settings_now(no_model)
    # Importing makes half a million objects and hardly any garbage; the search for it took a tenth of the start.
    gc.disable()
    from bot.terminal.ask import Asking, ask_once, chat

    asking = Asking(settings, since, until, sources, as_json, explain, say)
    finish(chat(asking) if question is None else ask_once(asking, question))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dateline")
def dateline() -> None:
    """Answers from a library of news articles, every one proven by verbatim, dated quotes."""


for command in (ask, evaluate, gaps, cases):
    dateline.add_command(command)


@dateline.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--prune", is_flag=True, help="Delete articles that were read from these paths and are gone from them.")
@click.option("--library", default=SHARED, show_default=True, help="The library that the articles belong to.")
def ingest(paths: tuple[Path, ...], prune: bool, library: str) -> None:
    """Store the articles in files and folders (.txt, .md with front matter, .jsonl).

    Doing it again changes nothing; a changed article is replaced; a run that was killed is finished by the next.
    """
    finish(ingest_paths(settings_now(), paths, prune, library))


async def ingest_paths(settings: "Settings", paths: tuple[Path, ...], prune: bool, library: str) -> int:
    """Store them and say what was done; FAILED when an article could not be read."""
    from bot.terminal.ask import progress_bar
    from rag.factory import open_engine

    async with open_engine(settings, on_wait=say) as engine:
        with progress_bar() as progress:
            report = await engine.library.ingest(list(paths), library, prune, progress)
    return report_ingest(report)


def report_ingest(report: "IngestReport") -> int:
    """What an ingest did, in words, and its exit code."""
    from bot.terminal.render import count_words, safe

    for problem in report.problems[:PROBLEMS_SHOWN]:
        say(f"{safe(problem.place)} {safe(problem.reason)}")
    if len(report.problems) > PROBLEMS_SHOWN:
        say(f"... and {len(report.problems) - PROBLEMS_SHOWN:,} more that could not be read.")
    said = [f"{report.added:,} added", f"{report.changed:,} changed", f"{report.unchanged:,} unchanged"]
    said += [f"{report.removed:,} removed"] if report.removed else []
    click.echo(f"{', '.join(said)}; {count_words(report.chunks, 'chunk')} made.")
    return FAILED if report.problems else ANSWERED


@dateline.command()
def rebuild() -> None:
    """Make all vectors and the lexical index anew from the stored articles, with the model of the settings."""
    finish(rebuild_library(settings_now()))


async def rebuild_library(settings: "Settings") -> int:
    """Rebuild and say how many chunks there are."""
    from bot.terminal.ask import progress_bar
    from bot.terminal.render import count_words
    from rag.factory import open_library

    async with open_library(settings, on_wait=say) as library:
        with progress_bar() as progress:
            count = await library.rebuild(progress)
    click.echo(f"{count_words(count, 'chunk')} made.")
    return ANSWERED


@dateline.group()
def library() -> None:
    """See and change what is stored."""


@library.command(name="list")
@click.option("--library", "name", default=SHARED, show_default=True)
def list_articles(name: str) -> None:
    """Every article, newest first: date, outlet, title, id."""
    finish(show_articles(settings_now(), name))


async def show_articles(settings: "Settings", name: str) -> int:
    """One article a line."""
    from bot.terminal.render import dated, safe
    from rag.factory import open_library

    async with open_library(settings) as stored:
        for headline in await stored.headlines(name):
            fields = (
                dated(headline.published),
                safe(headline.source) or "-",
                safe(headline.title),
                safe(headline.article_id),
            )
            click.echo(" · ".join(fields))
    return ANSWERED


@library.command()
@click.argument("article_id")
@click.option("--library", "name", default=SHARED, show_default=True)
def forget(article_id: str, name: str) -> None:
    """Delete one article with everything made from it."""
    finish(forget_article(settings_now(), article_id, name))


async def forget_article(settings: "Settings", article_id: str, name: str) -> int:
    """Delete it, or say that it is not there."""
    from rag.factory import open_library

    async with open_library(settings, on_wait=say) as stored:
        if await stored.forget(name, article_id):
            click.echo(f"{article_id} is deleted.")
            return ANSWERED
    say(f"No article {article_id!r} in the library {name!r}: `dateline library list` shows their ids.")
    return FAILED


@library.command()
@click.option("--library", "name", default=SHARED, show_default=True)
def status(name: str) -> None:
    """Counts and dates of what is stored, and where."""
    finish(show_status(settings_now(), name))


async def show_status(settings: "Settings", name: str) -> int:
    """What is stored, line by line."""
    from bot.terminal.render import dated, safe
    from rag.factory import open_library

    async with open_library(settings) as stored:
        status = await stored.status([name])
    click.echo(f"articles     {status.articles:,} ({dated(status.oldest)} to {dated(status.newest)})")
    click.echo(f"chunks       {status.chunks:,}")
    click.echo(f"unfinished   {status.unfinished:,}" + (" (run `dateline ingest` again)" if status.unfinished else ""))
    outlets = ", ".join(f"{safe(source) or '-'} {count:,}" for source, count in status.sources)
    click.echo(f"outlets      {outlets or '-'}")
    click.echo(f"embedder     {status.embedder}")
    click.echo(f"home         {settings.home}")
    return ANSWERED


@dateline.group(name="bot", invoke_without_command=True)
@click.option("--check", is_flag=True, help="Only say what is missing: token, intents, permissions, articles.")
@click.pass_context
def discord_bot(context: click.Context, check: bool) -> None:
    """Run the Discord bot until Ctrl-C or SIGTERM; docs/discord.md says how to set it up."""
    if context.invoked_subcommand is None:
        settings = settings_now()
        from bot.discord.run import check_bot, run_bot

        finish(check_bot(settings, click.echo) if check else run_bot(settings))


@discord_bot.command()
def sync() -> None:
    """Send the bot's commands to Discord if their definition changed."""
    settings = settings_now()
    from bot.discord.run import sync_commands

    finish(sync_commands(settings, click.echo))


@dateline.command()
@click.argument("answer_id")
@click.option("--again", is_flag=True, help="Ask the same question again and show what differs.")
@click.option("--json", "as_json", is_flag=True, help="Print the stored record as JSON.")
def replay(answer_id: str, again: bool, as_json: bool) -> None:
    """Show a stored answer with everything it was made of; the beginning of its id is enough."""
    from bot.terminal.replay import replay_answer

    finish(replay_answer(settings_now(), answer_id, again, as_json))
