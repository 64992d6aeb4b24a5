"""Time as the following sees it, so that a week can pass in a second."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time and lets it pass."""

    def now(self) -> float:
        """Epoch seconds."""

    def steady(self) -> float:
        """Seconds since some moment. Nobody sets this one: what a running program waits for is measured by it."""

    async def sleep(self, seconds: float) -> None:
        """Return when that much time has passed."""


class RealClock:
    """The machine's own."""

    def now(self) -> float:
        return time.time()

    def steady(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
