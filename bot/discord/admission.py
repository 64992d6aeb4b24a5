"""Who may ask now: cooldown, one running question a user, a bounded queue. Knows nothing of Discord."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

# Users whose last question is remembered; by then the oldest cooldown is long over.
REMEMBERED = 5_000


class Rejected(Exception):
    """A question that is not taken: `sentence` names the words that say why (bot/discord/translations.py)."""

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.values = values


@dataclass(eq=False)
class Slot:
    """A question that was taken, from admission until its answer is shown."""

    user: int
    task: "asyncio.Task[object] | None" = None
    place: bool = False
    arrived: float = field(default_factory=time.perf_counter)


class QuestionQueue:
    """Takes questions, lets a few run at once and the others wait in order."""

    def __init__(
        self, cooldown_seconds: float, places: int, queue_limit: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.cooldown_seconds = cooldown_seconds
        self.places = asyncio.Semaphore(places)
        self.most = places + queue_limit
        self.clock = clock
        self.open = True
        self.tickets: dict[int, Slot] = {}
        self.waiting: list[Slot] = []
        self.last_asked: OrderedDict[int, float] = OrderedDict()
        self.last_told: OrderedDict[int, float] = OrderedDict()
        self.empty = asyncio.Event()
        self.empty.set()

    def admit(self, user: int) -> Slot:
        """Take a user's question. Raises Rejected."""
        if not self.open:
            raise Rejected("closing")
        if user in self.tickets:
            raise Rejected("one_at_a_time")
        left = self.cooldown_seconds - (self.clock() - self.last_asked.get(user, float("-inf")))
        if left > 0:
            raise Rejected("wait_cooldown", seconds=max(1, round(left)))
        if len(self.tickets) >= self.most:
            raise Rejected("queue_full")
        ticket = self.tickets[user] = Slot(user)
        remember(self.last_asked, user, self.clock())
        self.waiting.append(ticket)
        self.empty.clear()
        return ticket

    def may_notify(self, user: int) -> bool:
        """Whether to say in a channel why a user is turned away: once in ten seconds, or refusals become a flood."""
        now = self.clock()
        if now - self.last_told.get(user, float("-inf")) < 10:
            return False
        remember(self.last_told, user, now)
        return True

    async def take_place(self, ticket: Slot) -> None:
        """Wait until this question's turn has come."""
        await self.places.acquire()
        ticket.place = True
        self.waiting.remove(ticket)

    def position(self, ticket: Slot) -> int:
        """How many questions run before this one, itself counted; 0 once it runs."""
        return self.waiting.index(ticket) + 1 if ticket in self.waiting else 0

    def leave(self, ticket: Slot) -> None:
        """The answer is shown, or never will be."""
        if ticket.place:
            self.places.release()
            ticket.place = False
        elif ticket in self.waiting:
            self.waiting.remove(ticket)
        if self.tickets.get(ticket.user) is ticket:
            del self.tickets[ticket.user]
        if not self.tickets:
            self.empty.set()

    async def drain(self, seconds: float, apology_seconds: float = 5.0) -> None:
        """Take no more questions; let those taken finish for so long, then interrupt the rest, who say so."""
        self.open = False
        await wait_at_most(self.empty, seconds)
        for ticket in list(self.tickets.values()):
            if ticket.task is not None:
                ticket.task.cancel()
        await wait_at_most(self.empty, apology_seconds)


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but not longer."""
    waiter = asyncio.ensure_future(event.wait())
    await asyncio.wait({waiter}, timeout=seconds)
    waiter.cancel()


def remember(moments: OrderedDict[int, float], user: int, now: float) -> None:
    """Note a user's moment, and drop the oldest beyond what is remembered."""
    moments[user] = now
    moments.move_to_end(user)
    while len(moments) > REMEMBERED:
        moments.popitem(last=False)
