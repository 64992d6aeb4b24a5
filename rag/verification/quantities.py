"""Numbers and dates of a text, in words or in digits, as values that can be compared."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from rag.verification.tokens import Token


def numbered(words: str, start: int = 0, step: int = 1) -> dict[str, int]:
    """Each word with its number; "january|jan" gives both the same."""
    return {word: start + n * step for n, same in enumerate(words.split()) for word in same.split("|")}


UNITS = numbered(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
TENS = numbered("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10)
ORDINALS = numbered(
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
ORDINAL_SUFFIXES = ("st", "nd", "rd", "th")
SCALES = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
SCALE_SUFFIXES = {"k": 1_000, "m": 10**6, "mn": 10**6, "bn": 10**9, "b": 10**9, "tn": 10**12}
MONTH_NUMBERS = numbered(
    "january|jan february|feb march|mar april|apr may june|jun july|jul august|aug september|sept|sep october|oct "
    "november|nov december|dec",
    start=1,
)
WEEKDAYS = numbered("monday tuesday wednesday thursday friday saturday sunday")
NEAR, MIDDLE_OF_MONTH = timedelta(days=92), 15
"""How near to publication a day without a year may lie in the year before or after, where a month is taken by its middle."""
RELATIVE_DAYS = {"today": 0, "tonight": 0, "yesterday": -1, "tomorrow": 1}
CURRENCIES = {
    "$": "$", "dollar": "$", "dollars": "$", "usd": "$", "€": "€", "euro": "€", "euros": "€", "£": "£", "pound": "£",
    "pounds": "£", "sterling": "£", "¥": "¥", "yen": "¥", "yuan": "yuan", "rupees": "rupee", "rupee": "rupee",
}  # fmt: skip
MEASURES = {
    word: group.split()[0]
    for group in (
        "kilometre kilometres kilometer kilometers km", "metre metres meter meters", "mile miles mi", "foot feet ft",
        "inch inches", "kilogram kilograms kg", "gram grams", "tonne tonnes ton tons", "pound pounds lb",
        "litre litres", "hectare hectares", "acre acres", "second seconds", "minute minutes", "hour hours", "day days",
        "week weeks", "month months", "year years", "decade decades", "century centuries", "degree degrees",
        "watt watts", "megawatt megawatts mw", "gigawatt gigawatts gw", "celsius", "fahrenheit",
    )
    for word in group.split()
}  # fmt: skip
ISO_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?!\d)")


@dataclass(frozen=True, slots=True)
class Number:
    """A number at tokens [first, last]. unit: money or measure.

    kind: "" counts, "%" per cent, "th" ordinal, "s" decade, ":" time of day, "." digits with several dots.
    """

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
class Quantities:
    """Numbers and dates of one text. weekdays: Monday is 0; relative: "tomorrow" is 1, in days from publication."""

    numbers: tuple[Number, ...]
    days: tuple[Day, ...]
    weekdays: frozenset[int]
    relative: frozenset[int]

    @property
    def years(self) -> frozenset[int]:
        """Years named alone or in dates."""
        alone = {int(number.value) for number in self.numbers if not number.kind and 1_000 <= number.value <= 2_200}
        return frozenset(alone | {day.year for day in self.days if day.year})

    @property
    def positions(self) -> frozenset[int]:
        """Which tokens are part of a number or date."""
        spans = [(number.first, number.last) for number in self.numbers] + [(day.first, day.last) for day in self.days]
        return frozenset(position for first, last in spans for position in range(first, last + 1))


def read_quantities(words: Sequence[Token], text: str) -> Quantities:
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
    weekdays = frozenset(WEEKDAYS[word.lowercase] for word in words if word.capital and word.lowercase in WEEKDAYS)
    relative = frozenset(RELATIVE_DAYS[word.lowercase] for word in words if word.lowercase in RELATIVE_DAYS)
    return Quantities(tuple(numbers), tuple(days), weekdays, relative)


def word_at(words: Sequence[Token], at: int) -> str:
    """The folded word at a token, "" outside the text."""
    return words[at].lowercase if 0 <= at < len(words) else ""


def integer_at(words: Sequence[Token], at: int, least: int, most: int) -> int | None:
    """The whole number in digits at a token if it is within bounds."""
    word = word_at(words, at)
    return int(word) if word.isdecimal() and len(word) <= 4 and least <= int(word) <= most else None


def read_day(words: Sequence[Token], at: int, text: str) -> Day | None:
    """A date that begins at this token: 2025-10-17, October 17, 2025, 17th of October, Oct. 2025."""
    iso = ISO_DATE.match(text, words[at].start)
    if iso and at + 2 < len(words) and 1 <= int(iso[2]) <= 12 and 1 <= int(iso[3]) <= 31:
        return Day(int(iso[1]), int(iso[2]), int(iso[3]), at, at + 2)
    day = integer_at(words, at, 1, 31)
    here = at
    if day is not None:
        here += 1
        while word_at(words, here) in (*ORDINAL_SUFFIXES, "of") and here - at < 3:
            here += 1
    if here >= len(words) or not words[here].capital or words[here].lowercase not in MONTH_NUMBERS:
        return None
    month = MONTH_NUMBERS[words[here].lowercase]
    if day is None and (day := integer_at(words, here + 1, 1, 31)) is not None:
        here += 1
        here += word_at(words, here + 1) in ORDINAL_SUFFIXES
    year = integer_at(words, here + 1, 1_000, 2_200)
    if day is None and year is None and at == 0 and words[at].lowercase in ("may", "march"):
        return None  # "May" and "March" open sentences as verbs too.
    return Day(year, month, day, at, here + (year is not None))


def read_number(words: Sequence[Token], at: int, text: str) -> Number | None:
    """A number that begins at this token: 20,000, 20 000, 2.5 million, two hundred and three, $5bn, 44th, 12 per cent."""
    value, last, kind = read_value(words, at, text)
    if value is None:
        return None
    after = word_at(words, last + 1)
    unit = CURRENCIES.get(word_at(words, at - 1), "")
    if after in ("%", "percent"):
        kind, last = "%", last + 1
    elif after == "per" and word_at(words, last + 2) == "cent":
        kind, last = "%", last + 2
    elif after in CURRENCIES and after != "$":
        unit = CURRENCIES[after]
    elif not unit:
        unit = MEASURES.get(after, "")
    return Number(value, kind, unit, at, last)


def read_value(words: Sequence[Token], at: int, text: str) -> tuple[float | None, int, str]:
    """The bare value at a token, the last token it takes, and its kind."""
    word = words[at].lowercase
    if re.fullmatch(r"\d[\d.,:]*", word):
        return read_digits(words, at, text)
    if word in ORDINALS:
        return float(ORDINALS[word]), at, "th"
    total, part = 0.0, 0.0
    here = at
    while word := word_at(words, here):
        before = word_at(words, here - 1)
        if word in UNITS or word in TENS:
            part += UNITS.get(word, 0) + TENS.get(word, 0)
        elif word in SCALES and (here > at or before in ("a", "an")):
            part = max(part, 1.0) * SCALES[word]
            if SCALES[word] >= 1_000:
                total, part = total + part, 0.0
        elif word in ORDINALS and here > at and before in TENS:
            return total + part + ORDINALS[word], here, "th"
        elif not (word == "and" and here > at and before in SCALES and word_at(words, here + 1) in UNITS | TENS):
            break
        here += 1
    return (total + part, here - 1, "") if here > at else (None, at, "")


def read_digits(words: Sequence[Token], at: int, text: str) -> tuple[float, int, str]:
    """The value of digits at a token, the last token it takes, and its kind."""
    digits = words[at].lowercase
    last = at
    if ":" in digits:
        hours, _, minutes = digits.partition(":")
        return float(".".join(re.sub(r"\D", "", part) for part in (hours, minutes))), at, ":"
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", digits):
        digits = digits.replace(",", "")
    elif re.fullmatch(r"\d{1,3}(?:\.\d{3}){2,}", digits):
        digits = digits.replace(".", "")
    digits = digits.replace(",", ".")
    if digits.count(".") > 1:
        return float(digits.replace(".", "")), at, "."
    # 20 000: groups of three after a space or a narrow one.
    while (
        len(words[at].lowercase) <= 3
        and re.fullmatch(r"\d{3}", word_at(words, last + 1))
        and text[words[last].end : words[last + 1].start] in (" ", "\u00a0", "\u202f", "\u2009")
    ):
        last += 1
        digits += words[last].lowercase
    value = float(digits)
    after = word_at(words, last + 1)
    joined = bool(after) and words[last + 1].start == words[last].end
    if joined and after in ORDINAL_SUFFIXES:
        return value, last + 1, "th"
    if joined and after == "s":
        return value, last + 1, "s"
    if (joined and after in SCALE_SUFFIXES) or after in ("bn", "mn", "tn"):
        return value * SCALE_SUFFIXES[after], last + 1, ""
    while (scale := word_at(words, last + 1)) in SCALES:
        value, last = value * SCALES[scale], last + 1
    return value, last, ""


def calendar_date(day: Day, published: date | None) -> date | None:
    """The calendar date, a missing year taken from publication: year_of()."""
    year = year_of(day, published)
    return date_in(year, day.month, day.day) if year and day.day else None


def year_of(day: Day, published: date | None) -> int | None:
    """The year of a day or month: its own, else that of publication, or the one before or after where that is near.

    A paper leaves the year out where it is its own; in January "28 December" is the one just past.
    """
    if day.year is not None or published is None:
        return day.year
    for year in (published.year - 1, published.year + 1):
        meant = date_in(year, day.month, day.day or MIDDLE_OF_MONTH)
        if meant is not None and abs(meant - published) <= NEAR:
            return year
    return published.year


def date_in(year: int, month: int, day: int) -> date | None:
    """A calendar date, None where there is no such day."""
    try:
        return date(year, month, day)
    except ValueError:
        return None
