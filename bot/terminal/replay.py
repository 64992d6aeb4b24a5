"""`dateline replay`: a stored answer with everything it was made of, and how it would be answered now."""

import difflib
import sys

from bot.terminal.errors import ANSWERED
from bot.terminal.render import answer_lines, joined, make_console, safe
from rag.answer import Answer, answer_from_record
from rag.errors import QuestionError
from rag.factory import open_engine
from rag.settings import Settings
from vectorstore.values import Scope


async def replay_answer(settings: Settings, answer_id: str, again: bool, as_json: bool) -> int:
    """Print a stored answer. Raises QuestionError when no answer, or more than one, has this id."""
    async with open_engine(settings) as engine:
        stored = await engine.answers.find(answer_id)
        if stored is None:
            raise QuestionError(
                f"No single stored answer has the id {answer_id!r}: `ask --explain` shows an answer's id."
            )
        if as_json:
            sys.stdout.write(stored.record + "\n")
            return ANSWERED
        answer = answer_from_record(stored.record)
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
