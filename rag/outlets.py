"""Outlets that a question names: "What does CNN say about it?" wants CNN heard first. Pure."""

import re
from collections.abc import Iterable

SECTION = re.compile(r"\s+[-–—|:]\s+.*$")
"""The part of a name behind which feeds put a section: "The Independent - Life and Style"."""
REPORTS = r"(?:says?|said|reports?|reported|writes?|wrote|articles?|story|stories|coverage|according)"


def named_outlets(question: str, outlets: Iterable[str]) -> tuple[str, ...]:
    """Those of the outlets that the question names, in their order.

    A name of several words counts however it is written. One word ("Time", "fortune") is a word of the language as well: it
    counts in its own capitals, or where the question says that it reports.
    """
    return tuple(outlet for outlet in outlets if any(names(question, name) for name in wordings(outlet)))


def wordings(outlet: str) -> tuple[str, ...]:
    """The name as the library has it and without its section."""
    return tuple(dict.fromkeys(name for name in (outlet.strip(), SECTION.sub("", outlet).strip()) if len(name) > 1))


def names(question: str, name: str) -> bool:
    word = re.escape(name)
    if len(name.split()) > 1:
        return bool(re.search(rf"(?<!\w){word}(?!\w)", question, re.IGNORECASE))
    # The first word of a question is written with a capital whatever it is.
    if re.search(rf"(?<!\w)(?<!^){word}(?!\w)", question):
        return True
    said = rf"(?<!\w)(?:according to {word}|{word}(?:['’]s)? {REPORTS})(?!\w)"
    return bool(re.search(said, question, re.IGNORECASE))
