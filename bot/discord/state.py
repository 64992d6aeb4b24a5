"""The bot's tables without blocking the event loop; settings and budgets are also kept in memory for instant checks."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from bot.discord.admission import Rejected
from bot.discord.translations import Translations, translations_for
from vectorstore.bot_state import AuditEntry, BotState, GuildSettings
from vectorstore.database import open_database
from vectorstore.values import SHARED_LIBRARY

P = ParamSpec("P")
T = TypeVar("T")

PRIVATE = 0
"""The guild id of a private conversation."""
DAYS_COUNTED = 7


def today() -> str:
    """The day in UTC, as budgets count it."""
    return datetime.now(UTC).date().isoformat()


class AsyncState:
    """BotState off the event loop: `await state.run(BotState.vote, vote)`."""

    def __init__(self, blocking: BotState) -> None:
        self.blocking = blocking

    @classmethod
    async def open(cls, ledger_url: str | Path) -> "AsyncState":
        """Open and migrate the database. Raises StoreUnavailable, StoreMismatch."""
        return cls(BotState(await asyncio.to_thread(open_database, ledger_url)))

    async def run(self, method: Callable[Concatenate[BotState, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a method of BotState in a thread: the only place where the bot's SQL leaves the event loop."""
        return await asyncio.to_thread(method, self.blocking, *args, **kwargs)

    async def close(self) -> None:
        await asyncio.to_thread(self.blocking.close)


@dataclass(eq=False)
class GuildSettingsCache:
    """Every guild's settings and its numbers of questions, read once and written through.

    questions: by day and guild; of more than one day, because a clock that is set back must not give a day its budget again.
    """

    state: AsyncState
    daily_budget: int
    day: Callable[[], str] = today
    settings: dict[int, GuildSettings] = field(default_factory=dict)
    questions: dict[str, Counter[int]] = field(default_factory=dict)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def load(self) -> None:
        stored = await self.state.run(BotState.all_guild_settings)
        self.settings = {settings.server: settings for settings in stored}
        day = self.day()
        self.questions = {day: Counter(await self.state.run(BotState.questions_on, day))}

    def of(self, guild: int) -> GuildSettings:
        """A guild's settings, or the defaults if its admins never changed any."""
        return self.settings.get(guild) or GuildSettings(guild)

    def translations(self, guild: int | None) -> Translations:
        """The bot's sentences in a guild's language."""
        return translations_for(self.of(guild or PRIVATE).language)

    def libraries(self, guild: int) -> tuple[str, ...]:
        """What a guild's questions may see: its own articles and the shared ones, never another guild's."""
        if guild == PRIVATE:
            return (SHARED_LIBRARY,)
        own = guild_library(guild)
        return (SHARED_LIBRARY, own) if self.of(guild).shared_library else (own,)

    async def change(self, settings: GuildSettings, user: int, details: str) -> None:
        """Store a guild's settings together with the audit entry of the change."""
        entry = AuditEntry(settings.server, user, time.time(), "settings", details)
        await self.state.run(BotState.save_guild_settings, settings, entry)
        self.settings[settings.server] = settings

    def budget(self, guild: int) -> int:
        """Questions a guild may ask a day; 0 when there is no limit."""
        return self.budget_of(self.of(guild))

    def budget_of(self, settings: GuildSettings) -> int:
        """The same of settings that are not stored yet."""
        return self.daily_budget if settings.daily_budget is None else settings.daily_budget

    def check_budget(self, guild: int) -> None:
        """Raises Rejected when the guild has used up today's questions."""
        budget = self.budget(guild)
        if guild != PRIVATE and budget and self.asked_today(guild) >= budget:
            raise Rejected("budget_spent", count=budget)

    def asked_today(self, guild: int) -> int:
        """How many questions a guild has asked today."""
        return self.questions.get(self.day(), Counter[int]())[guild]

    def consume(self, guild: int) -> None:
        """Count a question in memory at once, so that the next check sees it; `persist_count` follows."""
        self.questions.setdefault(self.day(), Counter())[guild] += 1
        while len(self.questions) > DAYS_COUNTED:
            del self.questions[next(iter(self.questions))]

    async def persist_count(self, guild: int) -> None:
        await self.state.run(BotState.count_question, guild, self.day())


def guild_library(guild: int) -> str:
    return f"discord:{guild}"
