"""`ask`: once, or in a chat with follow-ups; drafts shown live, the proven answer in their place."""

import gc
import importlib
import importlib.util
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bot.scope import scope_of
from bot.seeds import load_seeds, seeds_folder
from bot.terminal.errors import ANSWERED, REFUSED, notify
from bot.terminal.render import answer_lines, count_words, joined, make_console, safe
from bot.terminal.text_io import as_typed, writes_unicode
from rag.answer import Answer, Turn, answer_json
from rag.engine import Engine
from rag.errors import QuestionError
from rag.factory import open_engine
from rag.settings import Settings
from rag.verification.citations import UnverifiedAnswer
from vectorstore.values import Scope

DRAFT_LINES = 12


ENDING = ("", "exit", "quit", "bye", ":q")
"""Lines that end a chat."""


@dataclass(frozen=True, slots=True)
class AskOptions:
    """The options of `ask`. `since` and `until` are days, as typed."""

    since: str | None
    until: str | None
    sources: tuple[str, ...]
    as_json: bool
    explain: bool


async def ask_once(settings: Settings, options: AskOptions, question: str) -> int:
    """One question, one answer. Returns the exit code."""
    async with open_engine(settings, on_wait=notify) as engine:
        scope = await prepare(engine, options)
        answer = await show(engine, options, question, (), scope)
        await engine.answers.save(answer)
    return REFUSED if answer.refused else ANSWERED


async def chat(settings: Settings, options: AskOptions) -> int:
    """Questions until the end of input; each may refer to those before it."""
    async with open_engine(settings, on_wait=notify) as engine:
        scope = await prepare(engine, options)
        notify("Ask about the articles; an empty line, `exit` or Ctrl-D ends.")
        history: list[Turn] = []
        while (question := read_line("> ")).casefold() not in ENDING:
            try:
                answer = await show(engine, options, question, history, scope)
            except (QuestionError, UnverifiedAnswer) as error:
                notify(str(error))
                continue
            history.append(Turn.of(answer))
            await engine.answers.save(answer)
    return ANSWERED


def read_line(prompt: str) -> str:
    """A typed line, "" at the end of input; with the line editing that the system has."""
    if importlib.util.find_spec("readline"):
        # Importing it is what gives input() its line editing.
        importlib.import_module("readline")
    try:
        return as_typed(input(prompt)).strip()
    except EOFError:
        return ""


async def prepare(engine: Engine, options: AskOptions) -> Scope:
    """The scope of the options; an empty library is filled from seeds/ first. Raises QuestionError on wrong options."""
    # The start is over. What it made stays until the end and need not be looked through again.
    gc.freeze()
    gc.enable()
    status = await engine.library.status()
    if not status.articles and (seeds := seeds_folder(engine.settings)):
        notify(f"The library is empty: loading the articles in {seeds} ...")
        report = await load_seeds(engine.settings, engine.library)
        added = report.added if report else 0
        notify(f"{count_words(added, 'article')} loaded; `dateline ingest FOLDER` adds your own.")
        status = await engine.library.status()
    elif status.unfinished:
        unfinished = count_words(status.unfinished, "article")
        notify(f"{unfinished} not finished yet: run `dateline ingest` again to include them.")
    since, until = day_option(options.since, "--since"), day_option(options.until, "--until")
    return scope_of(since, until, options.sources, status, datetime.now(UTC))


def day_option(typed: str | None, option: str) -> datetime | None:
    """A day given as an ISO date or in words ("last Monday"), as the midnight (UTC) that begins it.

    Of a month or a year it is the last day for `--until`, else the first.
    """
    if typed is None:
        return None
    try:
        moment = datetime.fromisoformat(typed)
    except ValueError:
        import dateparser

        end = "last" if option == "--until" else "first"
        within = {"PREFER_DAY_OF_MONTH": end, "PREFER_MONTH_OF_YEAR": end}
        parsed = dateparser.parse(typed, languages=["en"], settings={"PREFER_DATES_FROM": "past", **within})
        if parsed is None:
            raise QuestionError(f"{option} {typed!r} is no date: write it as YYYY-MM-DD.") from None
        moment = parsed
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


async def show(engine: Engine, options: AskOptions, question: str, history: Sequence[Turn], scope: Scope) -> Answer:
    """Print the answer, on a terminal with the draft growing above it until it is proven."""
    console = make_console()
    if options.as_json or not console.is_terminal or not engine.settings.model:
        answer = await engine.ask(question, history, scope)
    else:
        answer = await show_draft(engine, console, question, history, scope)
    if options.as_json:
        sys.stdout.write(json.dumps(answer_json(answer), ensure_ascii=not writes_unicode(), indent=2) + "\n")
        if options.explain:
            Console(stderr=True, highlight=False).print(joined(answer_lines(replace(answer, citations=()), True)))
    else:
        console.print(joined(answer_lines(answer, options.explain)), soft_wrap=not console.is_terminal)
    return answer


async def show_draft(engine: Engine, console: Console, question: str, history: Sequence[Turn], scope: Scope) -> Answer:
    """The model's words as they come, marked as a draft and gone when the proven answer is there."""
    draft = ""
    # Waits are told on stderr, above the draft where both are the same terminal, and else where stderr goes.
    together = sys.stderr.isatty()
    with Live(console=console, transient=True, refresh_per_second=8, redirect_stderr=together) as live:
        async for event in engine.stream(question, history, scope):
            if isinstance(event, Answer):
                return event
            draft = event.text if event.restart else draft + event.text
            lines = [safe(line) for line in draft.splitlines()][-DRAFT_LINES:]
            live.update(Text("draft, not proven yet\n" + "\n".join(lines), style="dim italic"))
    raise AssertionError("stream() ends with an Answer")
