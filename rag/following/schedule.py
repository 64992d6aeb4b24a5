"""When a source or page is looked at next. Pure: the time and the dice are given."""

from random import Random

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
SHORTEST = 5 * MINUTE
"""Between two reads of one source, whatever is asked for."""
LONGEST_BACK_OFF = DAY
LONGEST_RETRY_AFTER = 7 * DAY
"""For which a server may ask; a slip of a digit must not end the following."""
JITTER = 0.1
PAGE_CHECKS = (HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY)
"""Ages at which a page is read again: corrections come soon. After the last one only when its source says that it changed."""
GONE_APART = DAY
"""Two looks that both find a page gone lie at least this far apart before it counts as withdrawn."""


def next_read(now: float, every: float, dice: Random) -> float:
    """When a source that was read is read again."""
    return now + max(every, SHORTEST) * (1 + dice.uniform(0, JITTER))


def next_try(now: float, every: float, failures: int, retry_after: float, dice: Random) -> float:
    """When a source that failed `failures` times in a row is tried again: later each time, never before the server wants."""
    usual = max(every, SHORTEST)
    back_off = min(usual * 2.0 ** min(failures - 1, 20), max(LONGEST_BACK_OFF, usual))
    return now + max(back_off, min(retry_after, LONGEST_RETRY_AFTER)) * (1 + dice.uniform(0, JITTER))


def longest_wait(every: float, failures: int) -> float:
    """The most that a source is put off. What lies further ahead was noted by a clock that was ahead itself."""
    usual = max(every, SHORTEST)
    return (max(usual, LONGEST_RETRY_AFTER) if failures else usual) * (1 + JITTER)


def next_page_check(now: float, first_seen: float) -> float | None:
    """When a page that was read is read again; None when it is old enough to be left alone."""
    return next((first_seen + age for age in PAGE_CHECKS if first_seen + age > now), None)


def next_page_try(now: float, failures: int, retry_after: float, dice: Random) -> float:
    """When a page that could not be read is tried again."""
    back_off = min(5 * MINUTE * 2.0 ** min(failures - 1, 20), LONGEST_BACK_OFF)
    return now + max(back_off, min(retry_after, LONGEST_RETRY_AFTER)) * (1 + dice.uniform(0, JITTER))
