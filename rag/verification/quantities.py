"""Numbers and dates of a text, in words or in figures, as values that can be compared."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rag.verification.lexicon import listed
from rag.verification.tokens import Token

UNITS = dict(
    zip(
        listed(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
            "sixteen seventeen eighteen nineteen"
        ),
        range(20),
        strict=True,
    )
)
TENS = dict(zip(listed("twenty thirty forty fifty sixty seventy eighty ninety"), range(20, 100, 10), strict=True))
SCALES = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
SUFFIXES = {"k": 1_000, "m": 10**6, "mn": 10**6, "bn": 10**9, "b": 10**9, "tn": 10**12}
ORDINALS = dict(
    zip(
        listed(
            "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
            "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
        ),
        range(21),
        strict=True,
    )
)
MONTHS = {
    name: number
    for number, names in enumerate(
        ("january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
         "september sept sep", "october oct", "november nov", "december dec"), start=1
    )
    for name in names.split()
}  # fmt: skip
WEEKDAYS = dict(zip(listed("monday tuesday wednesday thursday friday saturday sunday"), range(7), strict=True))
CURRENCIES = {
    "$": "$", "dollar": "$", "dollars": "$", "usd": "$", "€": "€", "euro": "€", "euros": "€", "£": "£", "pound": "£",
    "pounds": "£", "sterling": "£", "¥": "¥", "yen": "¥", "yuan": "yuan", "rupees": "rupee", "rupee": "rupee",
}  # fmt: skip
MEASURES = {
    word: group.split()[0]
    for group in (
        "kilometre kilometres kilometer kilometers km", "metre metres meter meters", "mile miles mi", "foot feet ft",
        "inch inches", "kilogram kilograms kg", "gram grams", "tonne tonnes ton tons", "pound pounds lb", "litre "
        "litres",
        "hectare hectares", "acre acres", "second seconds", "minute minutes", "hour hours", "day days", "week weeks",
        "month months", "year years", "decade decades", "century centuries", "degree degrees", "watt watts",
        "megawatt megawatts mw", "gigawatt gigawatts gw", "celsius", "fahrenheit",
    )
    for word in group.split()
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number:
    """A number at tokens [first, last]. kind: "" counts, "%" per cent, "th" ordinal, "s" decade; unit: money, "
    "measure."""

    value: float
    kind: str
    unit: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Day:
    """A date as far as it is given, at tokens [first, last]."""

    year: int | None
    month: int
    day: int | None
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything countable in one text. `weekdays` counts from Monday 0; `relative` days count from publication."""

    numbers: tuple[Number, ...]
    days: tuple[Day, ...]
    weekdays: frozenset[int]
    relative: frozenset[int]

    @property
    def years(self) -> frozenset[int]:
        """Years named alone or in dates."""
        alone = {int(number.value) for number in self.numbers if not number.kind and 1_000 <= number.value <= 2_200}
        return frozenset(alone | {day.year for day in self.days if day.year})


def figures(words: Sequence[Token], text: str) -> Figures:
    """Read the numbers and dates of tokenised text."""
    days: list[Day] = []
    numbers: list[Number] = []
    at = 0
    while at < len(words):
        if day := read_day(words, at, text):
            days.append(day)
            at = day.last + 1
        elif number := read_number(words, at, text):
            numbers.append(number)
            at = number.last + 1
        else:
            at += 1
    lows = {word.low for word in words}
    shifts = {"today": 0, "tonight": 0, "yesterday": -1, "tomorrow": 1}
    weekdays = frozenset(WEEKDAYS[word.low] for word in words if word.capital and word.low in WEEKDAYS)
    return Figures(tuple(numbers), tuple(days), weekdays, frozenset(shifts[low] for low in lows & shifts.keys()))


def whole(words: Sequence[Token], at: int, low: int, high: int) -> int | None:
    """The number in figures at a token when it lies in [low, high]; "17th" counts."""
    if not 0 <= at < len(words) or not words[at].low.isdecimal() or len(words[at].low) > 4:
        return None
    value = int(words[at].low)
    return value if low <= value <= high else None


def read_day(words: Sequence[Token], at: int, text: str) -> Day | None:
    """A date that begins at this token: 2025-10-17, October 17, 2025, 17th of October, Oct. 2025."""
    iso = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?!\d)").match(text, words[at].start)
    if iso and at + 2 < len(words) and 1 <= int(iso[2]) <= 12 and 1 <= int(iso[3]) <= 31:
        return Day(int(iso[1]), int(iso[2]), int(iso[3]), at, at + 2)
    day = whole(words, at, 1, 31)
    here = at
    if day is not None:
        here += 1
        while here < len(words) and words[here].low in ("st", "nd", "rd", "th", "of") and here - at < 3:
            here += 1
    if here >= len(words) or not words[here].capital or words[here].low not in MONTHS:
        return None
    month = MONTHS[words[here].low]
    if day is None and (day := whole(words, here + 1, 1, 31)) is not None:
        here += 1
        here += here + 1 < len(words) and words[here + 1].low in ("st", "nd", "rd", "th")
    year = whole(words, here + 1, 1_000, 2_200)
    if day is None and year is None and words[here].low in ("may", "march") and here == at and at == 0:
        return None  # "May" and "March" open sentences as verbs too.
    return Day(year, month, day, at, here + (year is not None))


def read_number(words: Sequence[Token], at: int, text: str) -> Number | None:
    """A number that begins at this token: 20,000, 20 000, 2.5 million, two hundred and three, $5bn, 44th, 12 "
    "per cent."""
    value, last, kind = read_value(words, at, text)
    if value is None:
        return None
    after = words[last + 1].low if last + 1 < len(words) else ""
    unit = CURRENCIES.get(words[at - 1].low, "") if at else ""
    if after in ("%", "percent") or (after == "per" and last + 2 < len(words) and words[last + 2].low == "cent"):
        kind, last = "%", last + (2 if after == "per" else 1)
    elif after in CURRENCIES and after != "$":
        unit = CURRENCIES[after]
    elif not unit:
        unit = MEASURES.get(after, "")
    return Number(value, kind, unit, at, last)


def read_value(words: Sequence[Token], at: int, text: str) -> tuple[float | None, int, str]:
    """The bare value at a token, the last token it takes, and whether it is an ordinal or a decade."""
    low = words[at].low
    if low[0].isdigit():
        return read_digits(words, at, text)
    if low in ORDINALS:
        return float(ORDINALS[low]), at, "th"
    total, part, last = 0.0, 0.0, at - 1
    here = at
    while here < len(words):
        low = words[here].low
        if low in UNITS or low in TENS:
            part += UNITS.get(low, 0) + TENS.get(low, 0)
        elif low in SCALES and (here > at or (here and words[here - 1].low in ("a", "an"))):
            part = max(part, 1.0) * SCALES[low]
            if SCALES[low] >= 1_000:
                total, part = total + part, 0.0
        elif low in ORDINALS and here > at and words[here - 1].low in TENS:
            return total + part + ORDINALS[low], here, "th"
        elif not (
            low == "and"
            and here > at
            and words[here - 1].low in SCALES
            and here + 1 < len(words)
            and (words[here + 1].low in UNITS or words[here + 1].low in TENS)
        ):
            break
        last = here
        here += 1
    return (total + part, last, "") if last >= at else (None, at, "")


def read_digits(words: Sequence[Token], at: int, text: str) -> tuple[float | None, int, str]:
    """The value of figures at a token."""
    low = words[at].low
    last = at
    if ":" in low:
        hours, _, minutes = low.partition(":")
        return float(f"{hours}.{minutes.replace(':', '')}"), at, ":"
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", low):
        low = low.replace(",", "")
    elif re.fullmatch(r"\d{1,3}(?:\.\d{3}){2,}", low):
        low = low.replace(".", "")
    low = low.replace(",", ".")
    if low.count(".") > 1:
        return float(low.replace(".", "")), at, "."
    # 20 000: groups of three after a space or a narrow one.
    while (
        len(words[at].low) <= 3
        and last + 1 < len(words)
        and re.fullmatch(r"\d{3}", words[last + 1].low)
        and text[words[last].end : words[last + 1].start] in (" ", "\u00a0", "\u202f", "\u2009")
    ):
        last += 1
        low += words[last].low
    value = float(low)
    if last + 1 < len(words):
        after, joined = words[last + 1].low, words[last + 1].start == words[last].end
        if joined and after in ("st", "nd", "rd", "th"):
            return value, last + 1, "th"
        if joined and after == "s":
            return value, last + 1, "s"
        if (joined and after in SUFFIXES) or after in ("bn", "mn", "tn"):
            return value * SUFFIXES[after], last + 1, ""
        while last + 1 < len(words) and words[last + 1].low in SCALES:
            value, last = value * SCALES[words[last + 1].low], last + 1
    return value, last, ""


def resolved(day: Day, published: date | None) -> date | None:
    """The calendar date, its missing year taken from publication."""
    year = day.year or (published.year if published else None)
    try:
        return date(year, day.month, day.day) if year and day.day else None
    except ValueError:
        return None
