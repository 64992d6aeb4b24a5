"""Changes to the library, one at a time.

The writer lock lets only one in anyway, and each that waits for it holds a thread that questions need. Knows nothing of
Discord.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.discord.admission import wait_at_most
from vectorstore.errors import StoreBusy
from vectorstore.lock import ShouldStop

MAX_WAITING = 10
STOPPING_SECONDS = 20.0
"""How long a change may take to see that it was stopped: it looks between batches of passages."""


class LibraryWrites:
    """Lets one change in, a few wait, and turns further ones away."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.open = True
        self.stopped = threading.Event()
        self.taken = 0
        self.idle = asyncio.Event()
        self.idle.set()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[ShouldStop]:
        """Wait for one's turn; what it gives says, to any thread, whether to stop. Raises StoreBusy."""
        if not self.open:
            raise StoreBusy("I am about to restart: try again in a minute.")
        if self.taken > MAX_WAITING:
            raise StoreBusy("Many changes are waiting already: try again in some minutes.")
        self.taken += 1
        self.idle.clear()
        try:
            async with self.lock:
                yield self.stopped.is_set
        finally:
            self.taken -= 1
            if not self.taken:
                self.idle.set()

    async def drain(self, seconds: float) -> None:
        """Take no more; let those taken finish for so long, then stop them. Who asked is told by their own commands."""
        self.open = False
        await wait_at_most(self.idle, seconds)
        self.stopped.set()
        await wait_at_most(self.idle, STOPPING_SECONDS)
