"""`dateline gaps` and `dateline cases`: from questions asked in real life to what to read next, and to new cases."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.terminal.evaluate import OUT_FILE, in_a_folder, told_in_one_sentence

if TYPE_CHECKING:
    from rag.evaluation.gaps import Gap
    from rag.settings import Settings

DATE = click.DateTime(formats=["%Y-%m-%d"])
WORDINGS_SHOWN = 5


@click.command()
@click.option("--since", type=DATE, help="Only questions asked on or after this day (YYYY-MM-DD, UTC).")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Most groups to show.")
def gaps(since: datetime | None, limit: int) -> None:
    """List what readers asked and the articles do not say, grouped by similarity, the most asked first."""
    from rich.console import Console

    from rag.settings import load_settings

    with told_in_one_sentence():
        found = asyncio.run(read_gaps(load_settings(), since.replace(tzinfo=UTC) if since else None))
    if not found:
        click.echo("No refused questions are stored.", err=True)
        return
    console = Console()
    for gap in found[:limit]:
        console.print(gap_lines(gap), markup=False, highlight=False)
    if len(found) > limit:
        click.echo(f"{len(found) - limit} more groups: raise --limit to see them.", err=True)


async def read_gaps(settings: "Settings", since: datetime | None) -> "list[Gap]":
    """The gaps in the stored questions."""
    from rag.evaluation.gaps import find_gaps
    from rag.factory import open_engine

    async with open_engine(settings) as engine:
        refused = await engine.answers.refused(since)
        return await asyncio.to_thread(find_gaps, refused, engine.library.storage.embedder.embed_question)


def gap_lines(gap: "Gap") -> str:
    """One gap: how often, what, when last, and other wordings of it."""
    last = datetime.fromtimestamp(gap.last_asked, UTC)
    others = [line(wording) for wording in gap.wordings[1 : WORDINGS_SHOWN + 1]]
    more = [f"... and {len(gap.wordings) - WORDINGS_SHOWN - 1} more"] if len(gap.wordings) > WORDINGS_SHOWN + 1 else []
    first = f"{gap.count:4} x  {line(gap.question)}  (last {last:%Y-%m-%d})"
    return "\n".join([first, *(f"         {other}" for other in [*others, *more])])


def line(question: str) -> str:
    """A stored question, anybody's text, on one line of a terminal."""
    from bot.terminal.render import safe

    return safe(question)


@click.group()
def cases() -> None:
    """Make cases for `dateline evaluate`."""


@cases.command("from-feedback")
@click.option("--out", required=True, type=OUT_FILE, callback=in_a_folder, help="File to write, .yaml or .jsonl.")
@click.option("--since", type=DATE, help="Only votes of this day or later (YYYY-MM-DD, UTC).")
def from_feedback(out: Path, since: datetime | None) -> None:
    """Draft a case from every stored answer that was voted down, to be reviewed by a person.

    An existing file is left alone: drafts may have been worked on.
    """
    from rag.evaluation.gaps import drafts_text
    from rag.settings import load_settings

    if out.suffix not in (".yaml", ".yml", ".jsonl"):
        raise click.BadParameter("name a .yaml or .jsonl file.", param_hint="--out")
    if out.exists():
        raise click.BadParameter(f"{out} exists: name a new file.", param_hint="--out")
    with told_in_one_sentence():
        drafts = read_drafts(load_settings(), since.replace(tzinfo=UTC).timestamp() if since else 0.0)
    if not drafts:
        click.echo("No stored answer was voted down.", err=True)
        return
    out.write_text(drafts_text(drafts, out.suffix != ".jsonl"), "utf-8")
    click.echo(
        f"{len(drafts)} drafts in {out}: review each, fill in what is right, and delete its `draft` field.", err=True
    )


def read_drafts(settings: "Settings", since: float) -> "Sequence[dict[str, object]]":
    """A draft for each answer voted down since then, newest vote first; answers no longer stored have none."""
    from rag.evaluation.gaps import case_draft
    from vectorstore.answers import AnswerStore
    from vectorstore.bot_state import BotState
    from vectorstore.database import open_database

    database = open_database(settings.ledger_url)
    try:
        answers = AnswerStore(database)
        reasons: dict[str, list[str]] = {}
        for vote in BotState(database).votes_down(since):
            reasons.setdefault(vote.answer_id, []).append(vote.reason)
        stored = {answer_id: answers.load(answer_id) for answer_id in reasons}
        return [case_draft(answer, reasons[answer_id]) for answer_id, answer in stored.items() if answer]
    finally:
        database.dispose()
