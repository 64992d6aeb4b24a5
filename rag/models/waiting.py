"""Say while a model server lets one wait, and for how many seconds."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias

from rag.models.chat_stream import ChatPiece
from rag.models.server import Server

OnWait: TypeAlias = Callable[[str], None]
"""Called with a sentence when something lets one wait."""
FIRST_WORD_SECONDS = 3.0
"""From here on silence is said, then each time that it has lasted twice as long. A guess: sooner it is noise."""
POLL_SECONDS = 0.25
SHORT_PAUSE_SECONDS = 1.0


class WaitTeller:
    """Tells how long one reply has been awaited, or its model has been thinking. Without `on_wait` it tells nothing."""

    def __init__(self, on_wait: OnWait | None, server: Server, first_token: float, between_tokens: float) -> None:
        self.on_wait = on_wait
        self.server = server
        self.longest = {"begin": first_token, "go on": between_tokens}
        self.state = "begin"
        self.since = time.monotonic()
        self.next_word = FIRST_WORD_SECONDS

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """Watch the clock until the block ends."""
        watching = asyncio.create_task(self.watch()) if self.on_wait else None
        try:
            yield
        finally:
            if watching:
                watching.cancel()

    @contextmanager
    def telling_from_thread(self) -> Iterator[None]:
        """The same for a caller that blocks."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(POLL_SECONDS):
                self.look()

        if self.on_wait:
            threading.Thread(target=watch, daemon=True).start()
        try:
            yield
        finally:
            over.set()

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            self.look()

    def look(self) -> None:
        """Say how long it has been, if it is time to say so."""
        waited = time.monotonic() - self.since
        if self.state != "pause" and waited >= self.next_word:
            self.next_word *= 2
            self.tell(self.words(waited))

    def words(self, waited: float) -> str:
        """The sentence for what is going on for so many seconds."""
        if self.state == "think":
            return f"{self.server.model} has been thinking for {waited:.0f} s."
        longest = f"waiting up to {self.longest[self.state]:.0f} s"
        return f"{self.server.who} has said nothing for {waited:.0f} s: {longest}."

    def heard(self, piece: ChatPiece, thinking: bool) -> None:
        """Note a piece of the reply: while it thinks the clock goes on, each piece of an answer starts it anew."""
        if not piece.says_something:
            return
        state = "think" if thinking else "go on"
        if state != "think" or self.state != "think":
            self.begin(state)

    def begin_pause(self, why: str, seconds: float) -> None:
        """Say why and how long the next try is awaited, unless it is over at once. `why` ends in ": what to do"."""
        if seconds >= SHORT_PAUSE_SECONDS:
            self.tell(f"{why.rpartition(':')[0]}: it is asked again in {seconds:.0f} s.")
        self.begin("pause")

    def begin(self, state: str) -> None:
        self.state, self.since, self.next_word = state, time.monotonic(), FIRST_WORD_SECONDS

    def tell(self, sentence: str) -> None:
        if self.on_wait:
            self.on_wait(sentence)
