"""Time that passes when it is told to."""

from datetime import UTC, datetime

MONDAY = datetime(2025, 6, 2, tzinfo=UTC).timestamp()


class SimulatedClock:
    """A clock whose sleeps take no time. set_back: by how many seconds somebody corrected what it shows."""

    def __init__(self, start: float = MONDAY) -> None:
        self.time = start
        self.set_back = 0.0

    def now(self) -> float:
        return self.time - self.set_back

    def steady(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
