"""The clocks that head the entries of a live blog whose page gives them no day: "14:05", "2.05pm BST", "14.05 Uhr". Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

from vectorstore.values import is_day_alone

CLOCK = re.compile(
    r"\W{0,3}(?:(?:posted|updated|published) )?(?:at )?"
    r"(?P<written>(?P<hour>[01]?\d|2[0-3])(?P<mark>[:.h])(?P<minute>[0-5]\d)(?::[0-5]\d)?"
    r"(?P<named>\s?(?P<half>[ap])\.?m\b\.?|\s?uhr\b|\s?h\b)?(?:\s(?:[A-Z]{2,4}T|GMT|UTC|MEZ|MESZ)\b)?)"
    r"(?P<after>\s*(?:[-–—|:•]\s*|$)|\s)",
    re.IGNORECASE,
)
FARTHEST_MINUTES = 12 * 60
"""From the page's publication to the first entry: what is farther is on another day, or the two are in other zones. A guess."""


@dataclass(frozen=True, slots=True)
class ClockedEntry:
    """minutes: since midnight. written: the clock as the page has it."""

    minutes: int
    written: str
    text: str


def opening_clock(text: str) -> ClockedEntry | None:
    """A line that begins with a clock, as that and what follows; None where it begins with something else."""
    found = CLOCK.match(text)
    if found is None or (found["mark"] == "." and not (found["named"] or found.end() == len(text))):
        # "2.05 million people" is no clock.
        return None
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + 12 * (found["half"].lower() == "p")
    return ClockedEntry(hour * 60 + int(found["minute"]), " ".join(found["written"].split()), text[found.end() :])


def day_of_entries(
    entries: Sequence[ClockedEntry], published: datetime | None, updated: datetime | None
) -> date | None:
    """The day of all of them, where it can only be that of the page; None where midnight may lie between."""
    if published is None or (updated is not None and updated.date() != published.date()):
        return None
    minutes = [entry.minutes for entry in entries]
    rising, falling = (all(step(one, two) for one, two in pairwise(minutes)) for step in (int.__le__, int.__ge__))
    distance = abs(min(minutes) - (published.hour * 60 + published.minute))
    if not (rising or falling) or (distance > FARTHEST_MINUTES and not is_day_alone(published)):
        return None
    return published.date()
