"""Who may ask now: allowed channels and roles, cooldown, one running question per user, a bounded queue; permissions."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import discord
from discord import app_commands

from vectorstore.bot_state import GuildSettings

K = TypeVar("K")
V = TypeVar("V")

# Users whose last question is remembered; beyond this many, the oldest cooldown has long expired.
REMEMBERED = 5_000
NOTICE_SECONDS = 10

NEEDED = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
)
"""What an invitation asks for. All but the first two may be missing; the bot then does what is left."""


class Rejected(Exception):
    """A question that is not admitted; `sentence` names the field of Translations that says why."""

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.values = values


class Bounded(OrderedDict[K, V]):
    """Forgets the entries set longest ago beyond `limit`."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        while len(self) > self.limit:
            self.popitem(last=False)


@dataclass(eq=False)
class Slot:
    """An admitted question's place in the queue, held until its answer is shown."""

    user: int
    task: "asyncio.Task[object] | None" = None
    running: bool = False
    arrived: float = field(default_factory=time.perf_counter)


class QuestionQueue:
    """Admits questions, runs a few at once and lets the others wait in order."""

    def __init__(
        self, cooldown_seconds: float, at_once: int, queue_limit: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.cooldown_seconds = cooldown_seconds
        self.permits = asyncio.Semaphore(at_once)
        self.capacity = at_once + queue_limit
        self.clock = clock
        self.open = True
        self.slots: dict[int, Slot] = {}
        self.waiting: list[Slot] = []
        self.last_asked = Bounded[int, float](REMEMBERED)
        self.last_notified = Bounded[int, float](REMEMBERED)
        self.empty = asyncio.Event()
        self.empty.set()

    def admit(self, user: int) -> Slot:
        """Take a slot for a user's question; `leave` gives it back. Raises Rejected."""
        if not self.open:
            raise Rejected("closing")
        if user in self.slots:
            raise Rejected("one_at_a_time")
        left = self.cooldown_seconds - (self.clock() - self.last_asked.get(user, float("-inf")))
        if left > 0:
            raise Rejected("wait_cooldown", seconds=max(1, round(left)))
        if len(self.slots) >= self.capacity:
            raise Rejected("queue_full")
        slot = self.slots[user] = Slot(user)
        self.last_asked[user] = self.clock()
        self.waiting.append(slot)
        self.empty.clear()
        return slot

    def may_notify(self, user: int) -> bool:
        """Whether to say in a channel why a user is rejected: at most once in ten seconds, to avoid a flood."""
        now = self.clock()
        if now - self.last_notified.get(user, float("-inf")) < NOTICE_SECONDS:
            return False
        self.last_notified[user] = now
        return True

    async def wait_for_turn(self, slot: Slot) -> None:
        await self.permits.acquire()
        slot.running = True
        self.waiting.remove(slot)

    def position(self, slot: Slot) -> int:
        """1 for the question that runs next; 0 once it runs."""
        return self.waiting.index(slot) + 1 if slot in self.waiting else 0

    def leave(self, slot: Slot) -> None:
        if slot.running:
            self.permits.release()
            slot.running = False
        elif slot in self.waiting:
            self.waiting.remove(slot)
        if self.slots.get(slot.user) is slot:
            del self.slots[slot.user]
        if not self.slots:
            self.empty.set()

    async def drain(self, seconds: float, apology_seconds: float = 5.0) -> None:
        """Admit no more; let running questions finish for `seconds`, then cancel the rest, which apologise."""
        self.open = False
        await wait_at_most(self.empty, seconds)
        for slot in list(self.slots.values()):
            if slot.task is not None:
                slot.task.cancel()
        await wait_at_most(self.empty, apology_seconds)


def check_place(settings: GuildSettings, channels: set[int], roles: set[int]) -> None:
    """Raises Rejected where a guild's admins do not want the bot to answer."""
    if settings.channels and not channels & set(settings.channels):
        raise Rejected("wrong_channel", channels=" ".join(f"<#{channel}>" for channel in settings.channels[:5]))
    if settings.roles and not roles & set(settings.roles):
        raise Rejected("wrong_role")


def channel_ids(channel_id: int, channel: object) -> set[int]:
    """A channel's id and, for a thread, its parent's."""
    return {channel_id, getattr(channel, "parent_id", None) or channel_id}


def role_ids(user: discord.User | discord.Member) -> set[int]:
    """The roles that the event itself carries; empty for a user in private."""
    return {role.id for role in user.roles} if isinstance(user, discord.Member) else set()


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event with a time limit. asyncio.wait_for would cancel and raise."""
    waiter = asyncio.ensure_future(event.wait())
    await asyncio.wait({waiter}, timeout=seconds)
    waiter.cancel()


def check_is_admin(interaction: discord.Interaction) -> bool:
    """True for a member who may manage the guild; raises MissingPermissions or NoPrivateMessage for anybody else.

    Discord checks `default_permissions` itself, but a guild's admins can override those.
    """
    if interaction.guild_id is None:
        raise app_commands.NoPrivateMessage
    if not interaction.permissions.manage_guild:
        raise app_commands.MissingPermissions(["manage_guild"])
    return True


def permissions_in(channel: discord.abc.Messageable) -> discord.Permissions | None:
    """What the bot may do in a guild's channel; None where that is not known."""
    if isinstance(channel, discord.abc.GuildChannel | discord.Thread) and channel.guild.me is not None:
        try:
            return channel.permissions_for(channel.guild.me)
        except discord.ClientException:
            # A thread whose parent is not known.
            return None
    return None


def permission_names(value: int) -> str:
    shown = (name.replace("_", " ").title() for name, on in discord.Permissions(value) if on)
    # discord.py iterates with the older name of this one.
    return ", ".join("View Channels" if name == "Read Messages" else name for name in shown)
