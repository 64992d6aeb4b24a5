"""How late it is for whatever deletes by age: a clock that leaps ahead must not empty a library before somebody sees it."""

import json

from sqlalchemy import Engine, select

from vectorstore.database import put, transaction
from vectorstore.schema import facts

FACT = "expiry_clock"
LEAP_SECONDS, DOUBTED_SECONDS = 7 * 86_400.0, 86_400.0
"""A clock that is further ahead of the last look than a week leaps, and is believed after a day: who was away meets the same."""
NOTED_EVERY = 3_600.0


class ExpiryClock:
    """The clock as one database's processes have seen it. Raises StoreUnavailable."""

    def __init__(self, database: Engine) -> None:
        self.database = database

    def believed(self, now: float) -> float:
        """The moment (epoch seconds) up to which things may count as old: `now`, or the last look while that is in doubt."""
        with transaction(self.database) as connection:
            stored = connection.execute(select(facts.c.value).where(facts.c.name == FACT)).scalar()
            seen, doubted = read_looks(stored, now)
            after = look(now, seen, doubted)
            if after[1] != doubted or abs(after[0] - seen) >= NOTED_EVERY or not stored:
                put(connection, facts, {"name": FACT, "value": json.dumps(after)})
        return after[0]


def look(now: float, seen: float, doubted: float | None) -> tuple[float, float | None]:
    """What is believed now, and since when another moment is in doubt."""
    if doubted is not None and now - doubted >= DOUBTED_SECONDS:
        # Whoever looks once a month lags a month behind.
        seen, doubted = doubted, None
    if now - seen <= LEAP_SECONDS:
        return now, None
    return seen, now if doubted is None or doubted > now else doubted


def read_looks(stored: str | None, now: float) -> tuple[float, float | None]:
    """When the clock was looked at last, and since when it is in doubt; as if at `now` where that was never noted."""
    try:
        seen, doubted = json.loads(stored or "")
        return float(seen), None if doubted is None else float(doubted)
    except (ValueError, TypeError):
        return now, None
