"""Changes to the library, one at a time.

The writer lock admits only one anyway, and each change that waits for it holds a thread that questions need.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.discord.admission import wait_at_most
from bot.discord.errors import ChangeRejected
from vectorstore.lock import ShouldStop

MAX_WAITING = 10
STOPPING_SECONDS = 20.0
"""How long a change may take to notice that it was stopped: it checks between batches of passages."""


class LibraryWrites:
    """Runs one change at a time, lets a few wait, and rejects further ones."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.open = True
        self.stopped = threading.Event()
        self.accepted = 0
        self.idle = asyncio.Event()
        self.idle.set()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[ShouldStop]:
        """Wait for this change's turn; yields what tells any thread whether to stop. Raises ChangeRejected."""
        if not self.open:
            raise ChangeRejected("writes_closed")
        if self.accepted > MAX_WAITING:
            raise ChangeRejected("writes_waiting")
        self.accepted += 1
        self.idle.clear()
        try:
            async with self.lock:
                yield self.stopped.is_set
        finally:
            self.accepted -= 1
            if not self.accepted:
                self.idle.set()

    async def drain(self, seconds: float) -> None:
        """Accept no more; let those accepted finish for `seconds`, then stop them. Their commands tell the admins."""
        self.open = False
        await wait_at_most(self.idle, seconds)
        self.stopped.set()
        await wait_at_most(self.idle, STOPPING_SECONDS)
