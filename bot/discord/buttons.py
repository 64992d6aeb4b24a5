"""The buttons below an answer as values. Their custom ids say what they do, so that they survive a restart."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bot.discord.translations import Translations
from rag.answer import Answer

PASSAGES, UP, DOWN, FOLLOW_UP, NEWER = "passages", "up", "down", "follow", "newer"
WATCH, UNWATCH = "watch", "unwatch"
REASON, QUESTION = "reason", "question"
CUSTOM_ID = re.compile(r"dateline:(?P<action>[a-z]+):(?P<answer>[0-9A-Za-z_\-]{1,32})")


@dataclass(frozen=True, slots=True)
class Button:
    """One button: its label, and the action and answer in its custom id."""

    label: str
    custom_id: str
    primary: bool = False


Buttons: TypeAlias = Sequence[Button]


def custom_id(action: str, answer_id: str) -> str:
    """What Discord sends back when a button is pressed or a modal submitted."""
    return f"dateline:{action}:{answer_id}"


def read_custom_id(given: str) -> tuple[str, str] | None:
    """Action and answer id of a custom id; None if it is of another program or an older version."""
    match = CUSTOM_ID.fullmatch(given)
    return (match["action"], match["answer"]) if match else None


def answer_buttons(answer: Answer, t: Translations, followed: str = "", watchable: bool = True) -> Buttons:
    """The buttons of an answer; a refusal has nothing to show, to judge or to renew.

    followed: the id of the answer that "Follow up" goes on from, where that is not this one.
    watchable: False where asking again later could not tell anything new.
    """
    follow_up = Button(t.follow_up, custom_id(FOLLOW_UP, followed or answer.id))
    watch = [Button(t.watch, custom_id(WATCH, answer.id))] if watchable else []
    if answer.refused:
        return [follow_up, *watch]
    passages = passages_button(answer, t)
    newer = [Button(t.newer_only, custom_id(NEWER, answer.id))] if answer.as_of is not None else []
    return [
        *passages,
        Button(f"👍 {t.useful}", custom_id(UP, answer.id)),
        Button(f"👎 {t.not_useful}", custom_id(DOWN, answer.id)),
        follow_up,
        *newer,
        *watch,
    ]


def passages_button(answer: Answer, t: Translations) -> list[Button]:
    return [Button(t.passages, custom_id(PASSAGES, answer.id), primary=True)] if answer.citations else []


def change_buttons(answer: Answer, watch_id: str, t: Translations, askable: bool = True) -> Buttons:
    """The buttons of a watched question's changed answer; where none of it can be asked, only that which stops the watch.

    That one names the answer, too, by which its message is known again.
    """
    stop = Button(t.stop_watching, custom_id(UNWATCH, f"{watch_id}-{answer.id}"))
    if not askable:
        return [stop]
    return [*passages_button(answer, t), Button(t.follow_up, custom_id(FOLLOW_UP, answer.id)), stop]
