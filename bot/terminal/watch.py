"""`dateline watch`: questions that are asked again when something new is near, and what changed since they were answered."""

import json
import sys
from datetime import UTC, datetime

import click
from rich.text import Text

from bot.scope import scope_of
from bot.terminal.errors import ANSWERED, FAILED, notify
from bot.terminal.render import answer_lines, count_words, dated, joined, make_console, safe
from bot.terminal.text_io import writes_unicode
from rag.answer import QUOTED_FORGOTTEN, Answer, answer_json
from rag.engine import Engine
from rag.errors import QuestionError
from rag.factory import open_engine
from rag.settings import Settings
from rag.watched_questions import Changed, WatchedQuestions, as_asked_again, new_watch
from rag.watching import Arrivals, Difference, Standing, was_forgotten
from vectorstore.values import SHARED_LIBRARY
from vectorstore.watches import Watch, WatchStore

DIFFERENCES: dict[Difference, str] = {
    "answered": "The articles say something of it now.",
    "refused": "The articles no longer say.",
    "reworded": "The articles now say something else.",
}
CAUSES: dict[Standing, str] = {
    "stands": "",
    "unfinished": "",
    "withdrawn": "The article that was quoted has been withdrawn by its publisher.",
    "corrected": "The article that was quoted has been changed and no longer says this.",
    "deleted": "The article that was quoted has been deleted from the library.",
}


async def add_watch(settings: Settings, question: str, sources: tuple[str, ...]) -> int:
    """Answer a question and watch it. Raises QuestionError where it is watched already, or an outlet is unknown."""
    async with open_engine(settings, on_wait=notify) as engine:
        watched = watched_by(engine)
        scope = scope_of(None, None, sources, await engine.library.status(), datetime.now(UTC))
        if any((watch.question, watch.sources) == (question, scope.sources) for watch in await watched.of_terminal()):
            raise QuestionError("This question is watched already: `dateline watch list` shows it.")
        answer = await engine.ask(question, scope=scope)
        make_console().print(joined(answer_lines(answer)))
        await watched.add(new_watch(question, sources=scope.sources), as_asked_again(answer))
        await engine.answers.save(answer)
    notify("Watched: `dateline watch run` asks it again when something new is near.")
    return ANSWERED


async def list_watches(settings: Settings, as_json: bool) -> int:
    """One watch a line."""
    async with open_engine(settings, on_wait=notify) as engine:
        watches = await watched_by(engine).of_terminal()
    if not watches:
        notify("No question is watched: `dateline watch add` watches one.")
    for watch in watches:
        click.echo(as_json_line(watch_json(watch)) if as_json else watch_line(watch))
    return ANSWERED


def as_json_line(value: dict[str, object]) -> str:
    return json.dumps(value, ensure_ascii=not writes_unicode())


def watch_json(watch: Watch) -> dict[str, object]:
    """A watch as `--json` prints it."""
    answered = datetime.fromtimestamp(watch.said_at, UTC).isoformat() if watch.said_at else None
    return {"id": watch.id, "question": watch.question, "sources": list(watch.sources), "answered": answered}


def watch_line(watch: Watch) -> str:
    """Id, when it was answered last, outlets, question."""
    answered = dated(datetime.fromtimestamp(watch.said_at, UTC)) if watch.said_at else "not answered yet"
    outlets = f"{', '.join(safe(source) for source in watch.sources)} · " if watch.sources else ""
    return f"{watch.id} · {answered} · {outlets}{safe(watch.question)}"


async def run_watches(settings: Settings, as_json: bool) -> int:
    """Ask again what something new is near, then show every change that was not shown yet."""
    async with open_engine(settings, on_wait=notify) as engine:
        watched = watched_by(engine)
        asked = await ask_again(engine, watched)
        changes = await watched.untold(terminal=True)
        for change in changes:
            changed = await watched.changed(change)
            if changed is not None:
                if as_json:
                    click.echo(as_json_line(change_json(change.watch, changed)))
                else:
                    make_console().print(joined(change_lines(change.watch, changed)))
                sys.stdout.flush()
            await watched.note_told(change)
    notify(f"{count_words(asked, 'question')} asked again, {count_words(len(changes), 'answer')} changed.")
    return ANSWERED


async def ask_again(engine: Engine, watched: WatchedQuestions) -> int:
    """Ask every watched question near which something arrived, or whose quotes no longer stand; returns how many."""
    latest, asked = await engine.library.latest_arrival(), 0
    since: dict[float, Arrivals] = {}
    for watch in await watched.of_terminal():
        standing = await watched.standing(watch)
        # What another process is storing at this moment is asked about the next time.
        if standing == "unfinished" or (standing == "stands" and not watch.is_due(latest)):
            continue
        if watch.checked not in since:
            since[watch.checked] = await engine.library.arrivals(latest if watch.is_new else watch.checked)
        if standing != "stands" or await watched.is_near(watch, since[watch.checked], (SHARED_LIBRARY,)):
            day = datetime.now(UTC).date().isoformat()
            await watched.ask_again(watch, latest, (SHARED_LIBRARY,), day)
            asked += 1
    return asked


def change_lines(watch: Watch, changed: Changed) -> list[Text]:
    """How the answer to a watched question changed, what it is now and what was said before, both dated."""
    return [
        Text(f"Changed: {safe(watch.question)}", style="bold"),
        Text(change_sentence(changed)),
        *said_lines(f"Now ({dated(changed.found_after)})", changed.after),
        Text(),
        *said_lines(f"Before ({dated(changed.found_before)})", changed.before),
        Text(),
    ]


def change_sentence(changed: Changed) -> str:
    """What changed and, where that is known, why."""
    return " ".join(filter(None, (DIFFERENCES[changed.difference], CAUSES[changed.cause])))


def change_json(watch: Watch, changed: Changed) -> dict[str, object]:
    """A change as `--json` prints it, with both answers whole."""
    return {
        "schema": "dateline/change/1",
        "watch": watch_json(watch),
        "difference": changed.difference,
        "cause": changed.cause,
        "before": {"found": changed.found_before.isoformat(), "answer": answer_json(changed.before)},
        "after": {"found": changed.found_after.isoformat(), "answer": answer_json(changed.after)},
    }


def said_lines(when: str, answer: Answer) -> list[Text]:
    if was_forgotten(answer):
        return [Text(f"{when}:", style="bold"), Text(QUOTED_FORGOTTEN)]
    return [Text(f"{when}:", style="bold"), *answer_lines(answer)]


async def stop_watch(settings: Settings, watch_id: str) -> int:
    """Stop watching, or say that there is no such watch."""
    async with open_engine(settings, on_wait=notify) as engine:
        watched = watched_by(engine)
        stopped = await watched.stop(watch_id) if watch_id in {one.id for one in await watched.of_terminal()} else 0
    if not stopped:
        notify(f"No watch {watch_id!r}: `dateline watch list` shows their ids.")
        return FAILED
    click.echo(f"{watch_id} is no longer watched.")
    return ANSWERED


def watched_by(engine: Engine) -> WatchedQuestions:
    """The watches in the ledger's database."""
    return WatchedQuestions(engine, WatchStore(engine.library.storage.ledger.database))
