"""Time words of a question: bounds on when articles were published, the period that it asks about, newer ones first. Pure."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import MAXYEAR, date, datetime, time, timedelta

from rag.answer import day_words
from vectorstore.values import Scope

MONTH_PATTERN = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
DAY_PATTERN = r"\d{1,2}(?:st|nd|rd|th)?"
WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
# A year alone ("since 1990") speaks of events, not of when articles were printed, and so is left to the words.
DATE_PATTERN = (
    rf"(?:\d{{4}}-\d{{2}}-\d{{2}}|{DAY_PATTERN}\s+(?:of\s+)?{MONTH_PATTERN}(?:,?\s+\d{{4}})?|{MONTH_PATTERN}\s+{DAY_PATTERN}(?:,?\s+\d{{4}})?"
    rf"|(?:last\s+)?{WEEKDAY}|yesterday|today)"
)
MONTH_OF_YEAR = rf"{MONTH_PATTERN}(?:\s+\d{{4}})?"
PART_OF_MONTH = rf"(?P<part>early|mid|late|the (?:beginning|middle|end) of)[- ](?P<month>{MONTH_OF_YEAR})"
AS_OF = re.compile(rf"\bas of (?:the )?(?:(?P<day>{DATE_PATTERN})|{PART_OF_MONTH})(?!\w),?", re.IGNORECASE)
DONE_BY = re.compile(rf"(?<=\w )by (?:the )?(?P<day>{DATE_PATTERN})(?!\w)", re.IGNORECASE)
HAD = re.compile(r"\b(?:had|has|have)\b", re.IGNORECASE)
"""Before "by 23 April": what had happened by then, not what will have."""
SINCE = re.compile(rf"\bsince (?:the )?({DATE_PATTERN}|last week|last month|last year)\b", re.IGNORECASE)
COUNTS = {
    "few": 3,
    "couple of": 2,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
} | {"ten": 10, "eleven": 11, "twelve": 12}
DAYS = {"hour": 1 / 24, "day": 1, "week": 7, "month": 31, "year": 366}


def recent_span(count: str = "", many: str = "") -> str:
    """The pattern of "in the past three days", with names for its groups if wanted."""
    counts, units = "|".join(COUNTS), "|".join(f"{unit}s?" for unit in DAYS)
    return rf"(?:in|over|within|during) the (?:last|past) (?:({count}\d{{1,3}}|{counts}) )?({many}{units})"


RECENT_SPAN = recent_span("?:", "?:")
RANGE = re.compile(
    r"\b(?:(?P<day>today|yesterday)|(?P<this>this|last) (?P<unit>week|month)"
    rf"|{recent_span('?P<count>', '?P<many>')})\b",
    re.IGNORECASE,
)
NEWEST = re.compile(
    r"\b(?:latest|newest|most recent(?:ly)?|currently|right now|at the moment|at present|as things stand|so far)\b|\bnow\?*$",
    re.IGNORECASE,
)
LAST_DAY_OF_PART = {"early": 10, "the beginning of": 10, "mid": 20, "the middle of": 20}
"""Of a month; the last one for "late" and "the end of"."""

NEWS_WORDS = (
    r"(?:(?:so )?what(?:['’]?s| is| was| has| did| else)*(?: the)? (?:new|news|happen(?:ed|ing|s)?|going on)(?: in the news)?"
    r"|(?:the |any |all |give me )*(?:news|headlines|articles|stories|events|summary|overview|recap))"
)
PERIOD_NEWS = re.compile(
    rf"(?:{NEWS_WORDS}\s+)?(?:(?:on|of|from|for)\s+)?(?:the\s+)?(?P<day>{DATE_PATTERN})(?:\s+(?:news|headlines))?[\s?.!]*"
    rf"|(?:{NEWS_WORDS}\s+(?:(?:in|of|from|for|during)\s+)?|(?=.*\d{{4}})(?:in\s+)?)"
    rf"(?P<month>{MONTH_OF_YEAR})(?:\s+(?:news|headlines))?[\s?.!]*",
    re.IGNORECASE,
)
"""A question that names a day or a month and nothing else. A month alone ("may") is a word as well."""
IN_PERIOD = re.compile(
    rf",?\s*\b(?:(?:on|of)\s+(?:the\s+)?(?P<day>{DATE_PATTERN})|(?:in|during)\s+(?P<month>{MONTH_OF_YEAR}))(?!\w)",
    re.IGNORECASE,
)
IN_BRACKETS = re.compile(r"\(.*\)")
"""What a follow-up is asked of: its day is not that of the answer."""
YEAR_NAMED = re.compile(r"\d{4}")


@dataclass(frozen=True, slots=True)
class Period:
    """A day or a month that a question names: since <= moment < until, midnights in the asker's zone.

    yearless: the question names no year, and so may mean an earlier one.
    """

    since: datetime
    until: datetime
    yearless: bool = False

    @property
    def is_month(self) -> bool:
        return self.until - self.since > timedelta(days=1)

    @property
    def words(self) -> str:
        """ "18 October 2025", or "October 2025" for a month."""
        return f"{self.since:%B %Y}" if self.is_month else day_words(self.since)

    def within(self, scope: Scope) -> Scope:
        """The scope with no article that was published outside the period."""
        return replace(scope, since=latest(scope.since, self.since), until=earliest(scope.until, self.until))

    def holds(self, day: date) -> bool:
        """True if the day lies in it; in a period without a year the year does not count."""
        if self.yearless:
            return day.month == self.since.month and (self.is_month or day.day == self.since.day)
        return self.since.date() <= day < self.until.date()

    @property
    def searched(self) -> str:
        """What a search finds sentences by that name it: "Saturday, 18 October"."""
        return self.words if self.is_month else f"{self.since:%A}, {self.since.day} {self.since:%B}"

    def nearest_to(self, newest: datetime, oldest: datetime) -> "Period":
        """Itself, or where it names no year the one of all years that is nearest to the newest article."""
        return min(self.in_years_since(oldest), key=lambda meant: abs(meant.since - newest))

    def in_years_since(self, oldest: datetime) -> Iterator["Period"]:
        """Itself, and where it names no year the same of each year before, down to that of the oldest article."""
        yield self
        for year in range(self.since.year - 1, oldest.year - 1, -1) if self.yearless else ():
            try:
                since = self.since.replace(year=year)
            except ValueError:
                continue  # 29 February.
            yield replace(self, since=since, until=end_of_month(since) if self.is_month else since + timedelta(days=1))


@dataclass(frozen=True, slots=True)
class TimeWords:
    """What a question says of time.

    since, until: bounds on the publication; said: they in words, "" for none; newest: newer articles first. vague: they say
    roughly when, as "this week" does. asks_for: the period that is all the question names. without: the question without the
    words for a day or month, "" where it has none; of: the one that an answer must be of, None where the bounds say it.
    """

    since: datetime | None = None
    until: datetime | None = None
    said: str = ""
    newest: bool = False
    vague: bool = False
    asks_for: Period | None = None
    without: str = ""
    of: Period | None = None


def read_time_words(question: str, asked_at: datetime) -> TimeWords:
    """The time words of a question that was asked at that moment."""
    if (period := period_asked_for(question, asked_at)) is not None:
        return TimeWords(asks_for=period, said=f"articles of {period.words}")
    since, until, said, without, of = None, None, [], "", None
    as_of, from_then, within = as_of_day(question, asked_at), SINCE.search(question), RANGE.search(question)
    if as_of:
        words, until = as_of
        without = without_words(question, words)
        said.append(f"articles up to {day_words(until - timedelta(days=1))}")
    if from_then and (day := date_of(from_then.group(1), asked_at)):
        since = day
        said.append(f"articles since {day_words(day)}")
    elif within and since is None and not as_of:
        since, until = range_of(within, asked_at)
        said.append(
            f"articles from {day_words(since)}" + (f" to {day_words(until - timedelta(days=1))}" if until else " on")
        )
    elif not as_of and (named := IN_PERIOD.search(IN_BRACKETS.sub(lambda words: " " * len(words[0]), question))):
        of = period_named(named, asked_at)
        without = without_words(question, named) if of else ""
    newest = bool(NEWEST.search(question))
    if newest:
        said.append("newer articles first")
    # A day that is named is meant; a week or a month says roughly when.
    vague = bool(within and not within["day"] and not as_of and not from_then)
    return TimeWords(since, until, ", ".join(said), newest, vague, without=without, of=of)


def period_asked_for(question: str, asked_at: datetime) -> Period | None:
    """The day or month of "what happened on October 18", "news of 3 May" or "October 18"; None for any other question."""
    found = PERIOD_NEWS.fullmatch(question.strip())
    # "What happened today?" asks for the newest articles.
    if found is None or (found["day"] or "").lower() in ("today", "yesterday"):
        return None
    return period_named(found, asked_at)


def period_named(found: re.Match[str], asked_at: datetime) -> Period | None:
    """The day or month that a pattern found."""
    return day_period(found["day"], asked_at) if found["day"] else month_period(found["month"], asked_at)


def as_of_day(question: str, asked_at: datetime) -> tuple[re.Match[str], datetime] | None:
    """The words "as of 3 May" or "had it opened by 3 May", and the midnight that ends the day; None without such words."""
    found = AS_OF.search(question)
    if found is None:
        found = DONE_BY.search(question)
        if found is None or not HAD.search(question[: found.start()]):
            return None
        day = date_of(found["day"], asked_at)
        # A day that is not over yet is a deadline.
        return (found, day + timedelta(days=1)) if day and day <= asked_at else None
    if found["day"]:
        day = date_of(found["day"], asked_at)
        return (found, day + timedelta(days=1)) if day else None
    month = month_period(found["month"], asked_at)
    last = LAST_DAY_OF_PART.get(found["part"].lower())
    return (found, month.since + timedelta(days=last) if last else month.until) if month else None


def without_words(question: str, words: re.Match[str]) -> str:
    """The question without these words of it, written as a question is."""
    rest = " ".join(f"{question[: words.start()]} {question[words.end() :]}".split()).lstrip(", ")
    rest = rest.replace(" ?", "?").replace(" ,", ",")
    return rest[:1].upper() + rest[1:] if words.start() == 0 else rest


def day_period(words: str, asked_at: datetime) -> Period | None:
    """A day named in words as a period."""
    day = date_of(words, asked_at)
    named = re.search(MONTH_PATTERN, words, re.IGNORECASE)
    if day is None:
        return None
    return Period(day, day + timedelta(days=1), yearless=bool(named) and not YEAR_NAMED.search(words))


def month_period(words: str, asked_at: datetime) -> Period | None:
    """A month named in words, the nearest one that has begun by `asked_at`."""
    year = YEAR_NAMED.search(words)
    first = date_of(f"1 {words}" if year else f"1 {words} {asked_at.year}", asked_at)
    if first is None:
        return None
    if not year and first > asked_at:
        first = first.replace(year=first.year - 1)
    return Period(first, end_of_month(first), yearless=not year)


def end_of_month(first: datetime) -> datetime:
    """The midnight that ends the month that begins then."""
    return (first + timedelta(days=31)).replace(day=1)


def date_of(words: str, asked_at: datetime) -> datetime | None:
    """The midnight that begins a day named in words, the nearest one that is not after `asked_at`."""
    import dateparser

    if (unit := words.lower().removeprefix("last ")) in ("week", "month", "year"):
        return midnight(asked_at) - timedelta(days={"week": 7, "month": 31, "year": 366}[unit])
    parsed = dateparser.parse(
        words.removeprefix("last "),
        languages=["en"],
        settings={
            "RELATIVE_BASE": asked_at.replace(tzinfo=None),
            "PREFER_DATES_FROM": "past",
            "RETURN_AS_TIMEZONE_AWARE": False,
        },
    )
    # No day comes after the last year, and so no midnight that ends it.
    return None if parsed is None or parsed.year == MAXYEAR else midnight(parsed.replace(tzinfo=asked_at.tzinfo))


def range_of(found: re.Match[str], asked_at: datetime) -> tuple[datetime, datetime | None]:
    """The bounds of "today", "last week", "in the past three days": since, and until where it lies in the past."""
    today = midnight(asked_at)
    if found["day"]:
        return (today, None) if found["day"].lower() == "today" else (today - timedelta(days=1), today)
    if found["this"]:
        week = found["unit"].lower() == "week"
        begin = today - timedelta(days=today.weekday()) if week else today.replace(day=1)
        if found["this"].lower() == "this":
            return begin, None
        # Asked on a Monday, "last week" may mean the seven days just past; the wider reading loses nothing.
        return begin - timedelta(days=7 if week else 31), None
    count = found["count"] or "1"
    days = DAYS[found["many"].lower().removesuffix("s")] * (COUNTS.get(count.lower()) or int(count))
    # Of a day in part the whole day: articles often have no time.
    return today - timedelta(days=math.ceil(days)), None


def earliest(one: datetime | None, other: datetime) -> datetime:
    return min(one or other, other)


def latest(one: datetime | None, other: datetime) -> datetime:
    return max(one or other, other)


def midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time(), moment.tzinfo)
