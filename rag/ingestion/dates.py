"""The day and time an article was published, from whatever an export writes there. Pure but for the clock.

A date that could be two days is none: an answer says as of when it speaks.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

BLANK = frozenset(
    {
        "",
        "null",
        "none",
        "nan",
        "nat",
        "undefined",
        "unknown",
        "n/a",
        "~",
        "-",
        "0",
        "0000-00-00",
        "0000-00-00 00:00:00",
    }
)
"""What exports write where there is nothing, in lower case."""
OLDEST_YEAR = 1600
"""Newspapers begin in 1605."""
SHOWN = 40

LONGEST = 60
"""Characters of a date; what is longer is a sentence."""

DIGITS = re.compile(r"\d{8,19}(?:\.\d*)?")
HAS_DIGIT = re.compile(r"\d")
HAS_WORD = re.compile(r"[^\W\d_]{3}|[年월月]")
NUMERIC_DAY = re.compile(r"(\d{4}|\d{1,2}(?=\D\d{1,2}\D\d{4}))([./-])(\d{1,2})\2(\d{4}|\d{1,2})\.?(?:[T,\s]+(.+))?")
# Go and Ruby write the zone twice: "+0200 CEST".
OFFSET_AND_NAME = re.compile(r"([+-]\d{2}:?\d{2}) \(?[A-Z]{2,5}\)?$")
# Java's "2025-10-17T14:05+02:00[Europe/Berlin]", pandas' "2025-10-17 14:05 Europe/Berlin".
ZONE_ID = re.compile(r"\s?\[([\w/+-]+)\]$|\s([A-Z]\w+(?:/\w+)+)$")
HAS_OFFSET = re.compile(r"(?:[+-]\d{2}:?\d{2}|Z)$")
# "10:00 ET", "10:00 Pacific Standard Time": of a place, whatever its clocks show that day.
ZONE_OF_PLACE = re.compile(r"\s(?:([ECMP])T|(Eastern|Central|Mountain|Pacific) (?:Standard |Daylight )?Time|(IST))\b")
CLOCKS = {
    "E": "America/New_York",
    "C": "America/Chicago",
    "M": "America/Denver",
    "P": "America/Los_Angeles",
    # Irish and Israeli papers seldom write theirs out, Indian ones always do.
    "I": "Asia/Kolkata",
}
HOURS_OFFSET = re.compile(r"(?<=\d:\d{2}) ?([+-])(\d{1,2})$")
# Logseq's and Obsidian's "[[2025-10-17]]", Org's "<2025-10-17 Fri>".
LINK_BRACKETS = re.compile(r"^(?:\[+|<)([^\[\]<>]+)(?:\]+|>)$")
# JavaScript's "GMT+0200 (Central European Summer Time)".
ZONE_IN_WORDS = re.compile(r"(?:GMT|UTC)([+-]\d{4}) \([^()]*\)$")
# The dates of .NET's JSON: "/Date(1760709900000+0200)/".
DOTNET_DATE = re.compile(r"\\?/Date\((\d{8,19})([+-]\d{4})?\)\\?/")
PUBLISHED_ON = re.compile(
    r"(?:first )?(?:published|posted|publication date|date)\b(?: on| at)?\s*:?\s+",
    re.IGNORECASE,
)
# "March 5, 2024 by admin", "14:30 Uhr".
AFTER_DATE = re.compile(r"\s+(?:by [^\d]{1,40}|Uhr)$", re.IGNORECASE)
# Typesetters' hyphens and dashes, which no program that writes dates means by them.
DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"))
# Epoch time that went through a column of decimals.
EXPONENT = re.compile(r"\d\.\d+e\+?\d{1,2}", re.IGNORECASE)
# The end of a day, which ISO 8601 allows and Python before 3.14 does not read.
END_OF_DAY = re.compile(r"(?<![\d:])24:00(?::00(?:\.0+)?)?(?![\d:])")
# 24:15 is none; it is what programs write for 00:15 that count the hours of a day from 1 to 24, Java's "kk".
HOUR_24 = re.compile(r"(?<![\d:])24(?=:[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?![\d:]))")
UTC_NAME = re.compile(r"\s*\b(?:UTC|GMT)$", re.IGNORECASE)
COMPACT = {8: "%Y%m%d", 14: "%Y%m%d%H%M%S"}
UNITS_IN_A_SECOND = {9: 1, 10: 1, 12: 1e3, 13: 1e3, 15: 1e6, 16: 1e6, 18: 1e9, 19: 1e9}
"""Epoch time by the number of its digits; one digit less is a time before 2001."""
FILE_TIMES, FILE_TIME_SECONDS, FILE_TIME_BEGINS = (125 * 10**15, 140 * 10**15), 1e7, 11_644_473_600
"""Windows' time of files from 1997 to 2044, in tenths of a microsecond since 1601: as nanoseconds since 1970 it would be 1974."""
WHOLE_DATES = {"STRICT_PARSING": True, "REQUIRE_PARTS": ["day", "month", "year"], "PARSERS": ["absolute-time"]}
"""dateparser would fill in what is missing from today's date, and count "2 hours ago" from now."""


class NoDate(Exception):
    """Why a value is no publication date, as the end of a sentence."""


def parse_published(value: object) -> datetime | None:
    """An aware datetime in the article's own zone, UTC where none is given; None where the value says nothing.

    Raises NoDate for a value that means something else, or a day in the future.
    """
    value = unwrapped(value)
    if value is None or str(value).strip().lower() in BLANK:
        return None
    try:
        moment = read_moment(value)
        # Far from any calendar's ends, whatever the zone.
        utc = moment.astimezone(UTC)
    except (ValueError, TypeError, KeyError, OverflowError, OSError):
        raise NoDate(f"the date {shown(value)}, which cannot be read: write it as YYYY-MM-DD") from None
    if utc > datetime.now(UTC) + timedelta(days=1):
        raise NoDate(f"the date {moment:%Y-%m-%d}, which lies in the future: correct it")
    if moment.year < OLDEST_YEAR:
        raise NoDate(f"the date {moment:%Y-%m-%d}, older than any newspaper: correct it")
    if not utc.timestamp():
        raise NoDate(f"the date {shown(value)}, where the clocks of computers begin: correct it")
    return moment


def shown(value: object) -> str:
    return repr(str(value)[:SHOWN])


def unwrapped(value: object) -> object:
    """The value in a list of one, or in MongoDB's {"$date": {"$numberLong": ...}}."""
    # Three of them and no more: YAML can write a list that holds itself.
    for _ in range(3):
        if isinstance(value, list | Mapping) and len(value) == 1:
            value = value[0] if isinstance(value, list) else next(iter(value.values()))
    return value


def read_moment(value: object) -> datetime:
    """Raises ValueError, TypeError, KeyError, OverflowError or OSError."""
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime.combine(value, time())
    elif isinstance(value, list) and len(value) >= 3:
        # feedparser's parsed times: year, month, day, hour, minute, second, ... in UTC; or a day alone.
        year, month, day, hour, minute, second = (int(part) for part in [*value[:6], 0, 0, 0][:6])
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    elif isinstance(value, Mapping):
        moment = datetime(int(value["year"]), int(value["month"]), int(value["day"]), tzinfo=UTC)
    elif isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError
    else:
        moment = written_moment(" ".join(str(value).split()))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@lru_cache(maxsize=4_096)
def written_moment(text: str) -> datetime:
    """ISO 8601, epoch time, day and month in numbers, RFC 822, and then in words. Raises ValueError."""
    if dotnet := DOTNET_DATE.fullmatch(text):
        moment = day_or_epoch(dotnet[1])
        return moment.astimezone(datetime.strptime(dotnet[2], "%z").tzinfo) if dotnet[2] else moment
    text = text.translate(DASHES)
    text = " ".join(
        PUBLISHED_ON.sub("", LINK_BRACKETS.sub(r"\1", text).strip("\"'“”‘’"), count=1).replace("|", " ").split()
    )
    text = ZONE_IN_WORDS.sub(r"\1", OFFSET_AND_NAME.sub(r"\1", AFTER_DATE.sub("", text)))
    if place := ZONE_ID.search(text) or ZONE_OF_PLACE.search(text):
        return moment_at(place, text)
    text = HOURS_OFFSET.sub(lambda hours: f"{hours[1]}{int(hours[2]):02}:00", text)
    if EXPONENT.fullmatch(text):
        text = f"{float(text):.0f}"
    if DIGITS.fullmatch(text):
        return day_or_epoch(text)
    if END_OF_DAY.search(text):
        return written_moment(END_OF_DAY.sub("00:00", text)) + timedelta(days=1)
    text = HOUR_24.sub("00", text)
    if len(text) <= LONGEST and HAS_DIGIT.search(text):
        for reading in (iso_moment, numeric_moment, rfc_822_moment, worded_moment):
            with suppress(ValueError):
                return reading(text)
    raise ValueError(text)


def moment_at(place: re.Match[str], text: str) -> datetime:
    """A time with the name of the place whose clocks show it; an offset beside it says more. Raises ValueError."""
    bare = (text[: place.start()] + text[place.end() :]).strip()
    moment = written_moment(bare)
    if moment.tzinfo is not None or HAS_OFFSET.search(bare):
        return moment
    words = next(filter(None, place.groups()))
    try:
        zone = ZoneInfo(words if "/" in words else CLOCKS[words[0]])
    except (ZoneInfoNotFoundError, KeyError, ValueError):
        return moment
    offset = moment.replace(tzinfo=zone).utcoffset()
    return moment.replace(tzinfo=timezone(offset)) if offset is not None else moment


def day_or_epoch(text: str) -> datetime:
    """YYYYMMDD, YYYYMMDDHHMMSS, or seconds to nanoseconds since 1970."""
    whole = text.partition(".")[0]
    if len(whole) in COMPACT:
        return datetime.strptime(whole, COMPACT[len(whole)])
    if len(whole) not in UNITS_IN_A_SECOND:
        raise ValueError(text)
    if FILE_TIMES[0] <= int(whole) < FILE_TIMES[1]:
        return datetime.fromtimestamp(int(whole) / FILE_TIME_SECONDS - FILE_TIME_BEGINS, UTC)
    return datetime.fromtimestamp(float(text) / UNITS_IN_A_SECOND[len(whole)], UTC)


def iso_moment(text: str) -> datetime:
    bare = UTC_NAME.sub("", text)
    moment = datetime.fromisoformat(bare)
    return moment if bare == text else moment.replace(tzinfo=UTC)


def numeric_moment(text: str) -> datetime:
    """Year first, or day and month: day first between full stops, otherwise only where one of the two is above 12."""
    found = NUMERIC_DAY.fullmatch(text)
    if found is None:
        raise ValueError(text)
    first, separator, second, third, clock = found.groups()
    if len(first) == 4:
        year, month, day = first, second, third
    else:
        year, month, day = third, second, first
        if separator != "." and int(month) > 12:
            month, day = day, month
        elif separator != "." and int(day) <= 12 and int(day) != int(month):
            raise ValueError(text)
    whole = f"{int(year):04}-{int(month):02}-{int(day):02}"
    if not clock:
        return datetime.fromisoformat(whole)
    try:
        return iso_moment(f"{whole} {clock}")
    except ValueError:
        return worded_moment(f"{datetime.fromisoformat(whole):%d %B %Y} {clock}")


def rfc_822_moment(text: str) -> datetime:
    """ "Fri, 17 Oct 2025 14:05:00 +0200": what feeds write, read faster than in words."""
    moment = parsedate_to_datetime(text)
    # A zone that it does not know it leaves out, and what it does not understand it guesses.
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def worded_moment(text: str) -> datetime:
    """A whole date with the name of its month, in any language that dateparser knows."""
    import dateparser

    if not HAS_WORD.search(text):
        raise ValueError(text)
    parsed: datetime | None = dateparser.parse(text, settings=WHOLE_DATES)
    if parsed is None:
        raise ValueError(text)
    offset = parsed.utcoffset()
    return parsed.replace(tzinfo=None if offset is None else timezone(offset))
