"""`dateline gaps`, `cases` and `replay`: what was asked in real life, what to read next, new cases, an answer once more."""

import asyncio
import difflib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from pydantic import ValidationError

from bot.terminal.errors import ANSWERED, notify
from bot.terminal.render import answer_lines, joined, make_console, safe
from rag.answer import Answer, readable_answer
from rag.errors import QuestionError
from rag.evaluation.gaps import Gap, case_draft, drafts_text, find_gaps
from rag.factory import open_engine
from rag.settings import Settings
from rag.stored_answers import apart_by_filter
from vectorstore.answers import AnswerStore
from vectorstore.bot_state import BotState
from vectorstore.database import open_database
from vectorstore.values import Scope

WORDINGS_SHOWN = 5


async def show_gaps(settings: Settings, since: datetime | None, limit: int) -> int:
    """Print the groups of refused questions, the most asked first."""
    async with open_engine(settings, on_wait=notify) as engine:
        of_all, of_some = apart_by_filter(await engine.answers.refused(since))
        embed = engine.library.storage.embedder.embed_question
        gaps, narrowed = [await asyncio.to_thread(find_gaps, refused, embed) for refused in (of_all, of_some)]
    if not gaps and not narrowed:
        notify("No refused questions are stored.")
    print_gaps(gaps, limit)
    if narrowed:
        notify("Asked of some outlets or days alone, so that other articles may say it:")
        print_gaps(narrowed, limit)
    return ANSWERED


def print_gaps(gaps: Sequence[Gap], limit: int) -> None:
    """The first groups, and how many more there are."""
    console = make_console()
    for gap in gaps[:limit]:
        console.print(gap_lines(gap))
    if len(gaps) > limit:
        notify(f"{len(gaps) - limit} more groups: raise --limit to see them.")


def gap_lines(gap: Gap) -> str:
    """One gap: how often, what, when last, and other wordings of it."""
    last = datetime.fromtimestamp(gap.last_asked, UTC)
    others = [safe(wording) for wording in gap.wordings[1 : WORDINGS_SHOWN + 1]]
    more = [f"... and {len(gap.wordings) - WORDINGS_SHOWN - 1} more"] if len(gap.wordings) > WORDINGS_SHOWN + 1 else []
    first = f"{gap.count:4} x  {safe(gap.question)}  (last {last:%Y-%m-%d})"
    return "\n".join([first, *(f"         {other}" for other in [*others, *more])])


def write_case_drafts(settings: Settings, out: Path, since: datetime | None) -> None:
    """Draft a case from every answer voted down. Raises BadParameter for a file that exists or has another ending."""
    if out.suffix not in (".yaml", ".yml", ".jsonl"):
        raise click.BadParameter("name a .yaml or .jsonl file.", param_hint="--out")
    if out.exists():
        raise click.BadParameter(f"{out} exists: name a new file.", param_hint="--out")
    drafts = read_drafts(settings, since.timestamp() if since else 0.0)
    if drafts:
        out.write_text(drafts_text(drafts, out.suffix != ".jsonl"), "utf-8")
        notify(f"{len(drafts)} drafts in {out}: review each, fill in what is right, and delete its `draft` field.")
    else:
        notify("No stored answer was voted down.")


def read_drafts(settings: Settings, since: float) -> list[dict[str, object]]:
    """A draft for each answer voted down since then, newest vote first; answers no longer stored have none."""
    database = open_database(settings.ledger_url)
    try:
        answers = AnswerStore(database)
        reasons: dict[str, list[str]] = {}
        for vote in BotState(database).votes_down(since):
            reasons.setdefault(vote.answer_id, []).append(vote.reason)
        stored = [answer for answer_id in reasons if (answer := answers.load(answer_id))]
    finally:
        database.dispose()
    drafts: list[dict[str, object]] = []
    damaged: list[str] = []
    for answer in stored:
        try:
            drafts.append(case_draft(answer, reasons[answer.id]))
        except ValidationError:
            damaged.append(answer.id)
    if damaged:
        notify(f"No draft of stored answers that are damaged: {', '.join(damaged)}.")
    return drafts


async def replay_answer(settings: Settings, answer_id: str, again: bool, as_json: bool) -> int:
    """Print a stored answer. Raises QuestionError when no answer, or more than one, has this id, or it is damaged."""
    async with open_engine(settings, on_wait=notify) as engine:
        stored = await engine.answers.find(answer_id)
        if stored is None:
            raise QuestionError(
                f"No single stored answer has the id {answer_id!r}: `ask --explain` shows an answer's id."
            )
        if as_json:
            sys.stdout.write(stored.record + "\n")
            return ANSWERED
        answer = readable_answer(stored.record)
        if answer is None:
            raise QuestionError(
                f"The stored answer {stored.id} is damaged: ask its question again, or run `dateline restore` with a backup."
            )
        console = make_console()
        console.print(f"question     {safe(answer.question)}")
        console.print(joined(answer_lines(answer, explain=True)))
        if answer.draft is not None:
            console.print(f"prompt       {answer.draft.prompt_version}\ndraft        {safe(answer.draft.text)}")
        if again:
            now = await engine.ask(answer.standalone_question, scope=Scope(sources=answer.explanation.sources))
            console.print("\n" + "\n".join(diff_lines(answer, now)))
    return ANSWERED


def diff_lines(before: Answer, now: Answer) -> list[str]:
    """What an answer says now that it did not say before, line by line."""
    lines = list(difflib.unified_diff(plain(before), plain(now), "then", "now", lineterm="", n=1))
    return lines or ["Asked again, the answer is the same."]


def plain(answer: Answer) -> list[str]:
    return [line.plain for line in answer_lines(answer)]
