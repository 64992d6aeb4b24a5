"""The way to the bot's tables: one thread crossing; settings and budgets kept in memory for instant checks."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import ParamSpec, TypeVar

from bot.discord.admission import Rejected
from vectorstore.bot_state import AuditEntry, BotState, ServerSettings
from vectorstore.database import open_database

P = ParamSpec("P")
T = TypeVar("T")

PRIVATE = 0
"""The server of a private conversation."""


class AsyncState:
    """BotState without blocking: `await door.run(door.state.vote, vote)`."""

    def __init__(self, state: BotState) -> None:
        self.state = state

    @classmethod
    async def open(cls, ledger_url: str) -> "AsyncState":
        """The door to a migrated database. Raises StoreUnavailable, StoreMismatch."""
        return cls(BotState(await asyncio.to_thread(open_database, ledger_url)))

    async def run(self, method: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Run a method of the state in a thread: the only place where the bot's SQL leaves the event loop."""
        return await asyncio.to_thread(method, *arguments, **named)

    async def close(self) -> None:
        """Give the connections back."""
        await asyncio.to_thread(self.state.close)


class GuildSettingsCache:
    """Every server's settings and today's number of questions, read once and written through."""

    def __init__(self, door: AsyncState, daily_budget: int) -> None:
        self.door = door
        self.daily_budget = daily_budget
        self.settings: dict[int, ServerSettings] = {}
        self.day = ""
        self.questions: dict[int, int] = {}
        self.changing = asyncio.Lock()

    async def load(self) -> None:
        """Read what is stored."""
        stored = await self.door.run(self.door.state.all_server_settings)
        self.settings = {settings.server: settings for settings in stored}
        self.day = today()
        self.questions = await self.door.run(self.door.state.questions_on, self.day)

    def of(self, server: int) -> ServerSettings:
        """A server's settings; the defaults where its admins changed none."""
        return self.settings.get(server) or ServerSettings(server)

    async def change(self, settings: ServerSettings, user: int, details: str) -> None:
        """Store a server's settings and who changed what."""
        entry = AuditEntry(settings.server, user, time.time(), "settings", details)
        await self.door.run(self.door.state.save_server_settings, settings, entry)
        self.settings[settings.server] = settings

    def budget(self, server: int) -> int:
        """Questions a server may ask a day; 0 when there is no limit."""
        own = self.of(server).daily_budget
        return self.daily_budget if own is None else own

    def check_budget(self, server: int) -> None:
        """Raises Rejected when a server's questions of today are spent."""
        if self.day != today():
            self.day, self.questions = today(), {}
        budget = self.budget(server)
        if server != PRIVATE and budget and self.questions.get(server, 0) >= budget:
            raise Rejected("budget_spent", budget=budget)

    def spend(self, server: int) -> None:
        """Count a question in memory at once, so that the next check sees it."""
        self.questions[server] = self.questions.get(server, 0) + 1

    async def write_down(self, server: int) -> None:
        """Count a question in the database."""
        await self.door.run(self.door.state.count_question, server, today())


def today() -> str:
    """The day in UTC, as budgets count it."""
    return datetime.now(UTC).date().isoformat()
