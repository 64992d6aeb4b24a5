"""Ask at a terminal: once, or in a chat with follow-ups; drafts shown live, the proven answer in their place."""

import gc
import importlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bot.terminal.render import answer_lines, count_words, joined, safe
from rag.answer import Answer, Turn, answer_json
from rag.engine import Engine
from rag.errors import QuestionError
from rag.factory import open_engine
from rag.ingestion.indexing import OnProgress, Progress
from rag.settings import Settings
from vectorstore.values import Scope

if TYPE_CHECKING:
    from rich.console import Console

ANSWERED, REFUSED = 0, 3
DRAFT_LINES = 12


@dataclass(frozen=True)
class Asking:
    """How questions are asked at this terminal."""

    settings: Settings
    since: str | None
    until: str | None
    sources: tuple[str, ...]
    as_json: bool
    explain: bool
    say: Callable[[str], None]


async def ask_once(asking: Asking, question: str) -> int:
    """One question, one answer. Returns the exit code."""
    async with open_engine(asking.settings, on_wait=asking.say) as engine:
        scope = await prepare(engine, asking)
        answer = await show(engine, asking, question, (), scope)
        await engine.answers.save(answer)
    return REFUSED if answer.refused else ANSWERED


async def chat(asking: Asking) -> int:
    """Questions until the end of input; each may refer to those before it."""
    async with open_engine(asking.settings, on_wait=asking.say) as engine:
        scope = await prepare(engine, asking)
        asking.say("Ask about the articles; an empty line or Ctrl-D ends.")
        history: list[Turn] = []
        while question := read_line("> "):
            try:
                answer = await show(engine, asking, question, history, scope)
            except QuestionError as error:
                asking.say(str(error))
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
        return input(prompt).strip()
    except EOFError:
        return ""


async def prepare(engine: Engine, asking: Asking) -> Scope:
    """The scope of the options; an empty library is filled from seeds/ first. Raises QuestionError on wrong options."""
    # The start is over. What it made stays until the end and need not be looked through again.
    gc.freeze()
    gc.enable()
    status = await engine.library.status()
    if not status.articles and (seeds := seeds_folder(asking.settings)):
        asking.say(f"The library is empty: loading the articles in {seeds} ...")
        report = await engine.library.ingest([seeds])
        asking.say(f"{count_words(report.added, 'article')} loaded; `dateline ingest FOLDER` adds your own.")
        status = await engine.library.status()
    elif status.unfinished:
        asking.say(
            f"{count_words(status.unfinished, 'article')} not finished yet: run `dateline ingest` again to include them."
        )
    known = [source for source, _ in status.sources]
    for source in asking.sources:
        if source not in known:
            outlets = ", ".join(safe(name) for name in known[:10] if name) or "none has a name"
            raise QuestionError(f"No article is from {source!r}; the outlets are: {outlets}.")
    since, until = day(asking.since, "--since"), day(asking.until, "--until")
    if since and until and since > until:
        raise QuestionError(f"--since {asking.since} lies after --until {asking.until}: swap them.")
    return Scope(since=since, until=until + timedelta(days=1) if until else None, sources=asking.sources)


def day(words: str | None, option: str) -> datetime | None:
    """A day given as an ISO date or in words ("last Monday"), as the midnight (UTC) that begins it."""
    if words is None:
        return None
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        import dateparser

        parsed = dateparser.parse(words, languages=["en"], settings={"PREFER_DATES_FROM": "past"})
        if parsed is None:
            raise QuestionError(f"{option} {words!r} is no date: write it as YYYY-MM-DD.") from None
        moment = parsed
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


def seeds_folder(settings: Settings) -> Path | None:
    """The articles that come with the program: of the settings, of the checkout, or of the installed package."""
    import rag

    package = Path(str(rag.__file__)).parent
    folders = [settings.seeds] if settings.seeds else [package.parent / "seeds", package / "seeds"]
    return next((folder for folder in folders if folder.is_dir()), None)


async def show(engine: Engine, asking: Asking, question: str, history: Sequence[Turn], scope: Scope) -> Answer:
    """Print the answer, on a terminal with the draft growing above it until it is proven."""
    console = make_console()
    if asking.as_json or not console.is_terminal or not asking.settings.model:
        answer = await engine.ask(question, history, scope)
    else:
        answer = await show_draft(engine, console, question, history, scope)
    if asking.as_json:
        sys.stdout.write(json.dumps(answer_json(answer), ensure_ascii=False, indent=2) + "\n")
        if asking.explain:
            from rich.console import Console

            Console(stderr=True, highlight=False).print(joined(answer_lines(replace(answer, citations=()), True)))
    else:
        console.print(joined(answer_lines(answer, asking.explain)), soft_wrap=not console.is_terminal)
    return answer


async def show_draft(
    engine: Engine, console: "Console", question: str, history: Sequence[Turn], scope: Scope
) -> Answer:
    """The model's words as they come, marked as a draft and gone when the proven answer is there."""
    from rich.live import Live
    from rich.text import Text

    draft = ""
    with Live(console=console, transient=True, refresh_per_second=8) as live:
        async for event in engine.stream(question, history, scope):
            if isinstance(event, Answer):
                return event
            draft = event.text if event.restart else draft + event.text
            lines = [safe(line) for line in draft.splitlines()][-DRAFT_LINES:]
            live.update(Text("draft, not proven yet\n" + "\n".join(lines), style="dim italic"))
    raise AssertionError("stream() ends with an Answer")


def make_console() -> "Console":
    """stdout as rich sees it: colours on a terminal only, NO_COLOR respected, nothing guessed from the text."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


@contextmanager
def progress_bar() -> Iterator[OnProgress | None]:
    """A bar on stderr while articles are read and indexed; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True)) as bar:
        tasks: dict[str, TaskID] = {}

        def show(progress: Progress) -> None:
            if progress.step not in tasks:
                tasks[progress.step] = bar.add_task(progress.step, total=progress.total)
            bar.update(tasks[progress.step], completed=progress.done, total=progress.total)

        yield show
