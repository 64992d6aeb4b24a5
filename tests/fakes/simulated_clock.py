"""Time that passes when it is told to."""

from datetime import UTC, datetime

MONDAY = datetime(2025, 6, 2, tzinfo=UTC).timestamp()


class SimulatedClock:
    """A clock whose sleeps take no time."""

    def __init__(self, start: float = MONDAY) -> None:
        self.time = start

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
