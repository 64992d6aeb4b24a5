"""Outlets that a question names: "Who won, according to CNN?" wants CNN heard first, "CNN news" CNN alone. Pure."""

import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from vectorstore.values import Hit

SECTION = re.compile(r"\s+[-–—|:]\s+.*$")
"""The part of a name behind which feeds put a section: "The Independent - Life and Style"."""
REPORTS = r"(?:says?|said|reports?|reported|writes?|wrote|articles?|story|stories|coverage|according)"

TOLD = (
    r"(?:and )?what (?:did|does|do|has|have) (?:the )?OUTLET "
    r"(?:say|said|report(?:ed)?|write|written|print(?:ed)?|publish(?:ed)?|have)(?: (?:about|on|of|regarding) (?P<topic>.+))?"
)
NEWS_OF = (
    r"(?:(?:what(?:['’]s| is|s) (?:new|the news|the latest)|(?:the )?(?:latest|newest|any|today['’]s)? ?(?:news|headlines"
    r"|stories|articles)) (?:from|in|by|at) (?:the )?OUTLET|(?:the )?OUTLET (?:news|headlines))"
    r"(?: (?:about|on|of) (?P<topic>.+))?"
)
"""Questions for what an outlet says at all, or of a topic: no sentence answers them better than an article's first ones."""
READ_NAMED = 6
"""How many of the passages that are read are of the outlets that a question names, where it names any."""
MAX_TOPIC_WORDS = 5
"""A longer topic is a question of its own, which the reader understands."""


def topic_told(question: str, outlet: str) -> str | None:
    """What a question wants to hear of from this outlet: "" for whatever is newest, None where it asks for something else."""
    asked = " ".join(question.split()).rstrip("?!. ")
    for name in (name.removeprefix("The ") for name in wordings(outlet)):
        for pattern in (TOLD, NEWS_OF) if may_name(asked, name) else ():
            written = pattern.replace("OUTLET", re.escape(name))
            found = re.fullmatch(written, asked, re.IGNORECASE)
            if found and len((found["topic"] or "").split()) <= MAX_TOPIC_WORDS:
                return found["topic"] or ""
    return None


def named_outlets(question: str, outlets: Iterable[str]) -> tuple[str, ...]:
    """Those of the outlets that the question names, in their order.

    A name of several words counts however it is written. One word ("Time", "fortune") is a word of the language as well: it
    counts in its own capitals, or where the question says that it reports.
    """
    return tuple(outlet for outlet in outlets if any(names(question, name) for name in wordings(outlet)))


def wordings(outlet: str) -> tuple[str, ...]:
    """The name as the library has it and without its section."""
    return tuple(dict.fromkeys(name for name in (outlet.strip(), SECTION.sub("", outlet).strip()) if len(name) > 1))


def may_name(question: str, name: str) -> bool:
    """Whether a pattern with this name can match at all: a library has hundreds of outlets, and making a pattern takes .2 ms."""
    return name.casefold() in question.casefold()


def names(question: str, name: str) -> bool:
    if not may_name(question, name):
        return False
    word = re.escape(name)
    if len(name.split()) > 1:
        return bool(re.search(rf"(?<!\w){word}(?!\w)", question, re.IGNORECASE))
    # The first word of a question is written with a capital whatever it is.
    if re.search(rf"(?<!\w)(?<!^){word}(?!\w)", question):
        return True
    said = rf"(?<!\w)(?:according to {word}|{word}(?:['’]s)? {REPORTS})(?!\w)"
    return bool(re.search(said, question, re.IGNORECASE))


def heard_first(of_outlets: Sequence[Sequence[Hit]], others: Sequence[Hit]) -> list[Hit]:
    """Hits of the outlets that a question names, the outlets in turn, before others, of which some are read all the same."""
    in_turn = [hit for turn in zip_longest(*of_outlets) for hit in turn if hit is not None]
    known = {hit.chunk.id for hit in in_turn}
    return [*in_turn[:READ_NAMED], *(hit for hit in others if hit.chunk.id not in known), *in_turn[READ_NAMED:]]
