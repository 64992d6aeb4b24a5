"""An engine that answers by script, and a bot on it connected to the fake Discord: what the Discord tests share."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bot.client import create_bot
from bot.discord.client import DatelineBot
from bot.discord.metrics import Metrics
from rag.answer import (
    Answer,
    Citation,
    DraftText,
    Headline,
    Refusal,
    StreamEvent,
    Turn,
    answer_from_record,
    answer_to_record,
)
from rag.digest import Digest
from rag.ingestion.indexing import IngestReport
from rag.library import LibraryStatus
from rag.settings import Settings
from rag.watching import Arrivals, Standing
from tests.fakes.fake_discord import FakeDiscord, fake_discord
from vectorstore.answers import StoredAnswer
from vectorstore.ledger import News
from vectorstore.lock import ShouldStop, never_stop
from vectorstore.values import SHARED_LIBRARY, Article, Scope

PUBLISHED = datetime(2025, 10, 17, tzinfo=UTC)
ARTICLE = Article(
    "putin",
    "Putin speaks with Hungary's prime minister",
    "A first paragraph.\nThat appeared to be a signal. Hungary would not seek to arrest Putin. More followed.\nAn end.",
    source="Example News",
    url="https://news.example/putin",
    published=PUBLISHED,
)
QUOTE = "Hungary would not seek to arrest Putin."
MANAGE = 1 << 5

Script = Callable[[str], AsyncIterator[StreamEvent]]


@dataclass
class FakeLibrary:
    """Articles in memory, by library."""

    storage: dict[str, dict[str, Article]] = field(default_factory=lambda: {SHARED_LIBRARY: {ARTICLE.id: ARTICLE}})

    async def add(
        self, name: str, content: bytes, library: str = SHARED_LIBRARY, url: str = "", stopped: ShouldStop = never_stop
    ) -> IngestReport:
        text = content.decode()
        self.storage.setdefault(library, {})[name] = Article(name, name, text, library, "Upload", url)
        return IngestReport(added=1, titles=(name,))

    async def headlines(self, library: str = SHARED_LIBRARY) -> list[Headline]:
        return [
            Headline(article.id, article.title, article.source, article.url, article.published)
            for article in self.storage.get(library, {}).values()
        ]

    async def article(self, library: str, article_id: str) -> Article | None:
        return self.storage.get(library, {}).get(article_id)

    async def forget(self, library: str, article_id: str, stopped: ShouldStop = never_stop) -> bool:
        return self.storage.get(library, {}).pop(article_id, None) is not None

    fallen: list[Standing] = field(default_factory=list)
    """What became of quoted articles, one change of the library after the other; the last one holds."""

    async def revision(self) -> str:
        return f"{len(self.arrived)}-{len(self.fallen)}"

    async def standing(self, citations: Sequence[Citation]) -> list[Standing]:
        return [self.fallen[-1] if self.fallen else "stands" for _ in citations]

    arrived: list[float] = field(default_factory=list)
    """What `arrivals` tells of, one moment after the other."""

    async def latest_arrival(self) -> float:
        return max(self.arrived, default=0.0)

    async def arrivals(self, after: float) -> Arrivals:
        return Arrivals(max(self.arrived, default=after), {SHARED_LIBRARY: np.zeros((1, 2), np.float32)})

    async def any_near(self, question: str, arrivals: Arrivals, libraries: Sequence[str]) -> bool:
        return "far" not in question

    news: list[News] = field(default_factory=list)
    digests: list[Digest] = field(default_factory=list)

    async def digest(self, news: News) -> Digest:
        self.news.append(news)
        return self.digests.pop(0) if self.digests else Digest(())

    async def status(self, libraries: Sequence[str] = (SHARED_LIBRARY,)) -> LibraryStatus:
        count = sum(len(self.storage.get(library, {})) for library in libraries)
        return LibraryStatus(count, count, 0, PUBLISHED, PUBLISHED, (("Example News", count),), "scripted")


@dataclass
class FakeAnswers:
    """Stored answers in memory."""

    stored: dict[str, StoredAnswer] = field(default_factory=dict)
    enabled: bool = True

    async def save(self, answer: Answer, asked_by: str = "", conversation: str = "") -> None:
        if self.enabled:
            record = answer_to_record(answer)
            moment = datetime.now(UTC).timestamp()
            self.stored[answer.id] = StoredAnswer(
                answer.id, moment, answer.question, answer.question, answer.refused, asked_by, conversation, record
            )

    async def conversation(self, conversation: str, limit: int = 5) -> list[Turn]:
        found = [answer for answer in self.stored.values() if answer.conversation == conversation]
        return [Turn.of(answer_from_record(answer.record)) for answer in found][-limit:]

    async def find(self, answer_id: str) -> StoredAnswer | None:
        return self.stored.get(answer_id)

    async def refused(
        self, since: datetime | None = None, conversation_prefix: str = "", limit: int = 10_000
    ) -> list[StoredAnswer]:
        stored = reversed(self.stored.values())
        return [answer for answer in stored if answer.refused and answer.conversation.startswith(conversation_prefix)][
            :limit
        ]

    async def while_standing(self, answer: Answer) -> Answer:
        return answer

    async def forget_asker(self, asked_by: str) -> int:
        gone = [answer.id for answer in self.stored.values() if answer.asked_by == asked_by]
        for answer_id in gone:
            del self.stored[answer_id]
        return len(gone)


@dataclass
class FakeEngine:
    """Answers with the article above, refuses what mentions Macron, or does what `script` says."""

    script: Script | None = None
    library: FakeLibrary = field(default_factory=FakeLibrary)
    asked: list[tuple[str, tuple[Turn, ...], Scope]] = field(default_factory=list)
    used_model: list[bool] = field(default_factory=list)
    answers: FakeAnswers = field(default_factory=FakeAnswers)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    running: int = 0
    most_running: int = 0

    async def stream(
        self, question: str, history: Sequence[Turn] = (), scope: Scope | None = None, use_model: bool = True
    ) -> AsyncIterator[StreamEvent]:
        self.asked.append((question, tuple(history), scope or Scope()))
        self.used_model.append(use_model)
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            if self.script is not None:
                async for event in self.script(question):
                    yield event
                return
            yield self.refusal(question) if "Macron" in question else self.answer(question)
        finally:
            self.running -= 1

    def answer(self, question: str, text: str = "It would not. [1]") -> Answer:
        start = ARTICLE.text.index(QUOTE)
        citation = Citation(
            1, ARTICLE.id, ARTICLE.title, ARTICLE.source, ARTICLE.url, PUBLISHED, QUOTE, start, start + len(QUOTE)
        )
        return Answer(f"a{next(self.numbers):07d}", question, question, text, (citation,), None, PUBLISHED)

    def refusal(self, question: str) -> Answer:
        nearest = Headline(ARTICLE.id, ARTICLE.title, ARTICLE.source, ARTICLE.url, PUBLISHED)
        refusal = Refusal("The articles do not say.", (nearest,))
        return Answer(f"a{next(self.numbers):07d}", question, question, "", (), refusal, PUBLISHED)


def bot_settings(discord: FakeDiscord, home: Path, **changes: object) -> Settings:
    """Settings for a bot on the fake Discord: no cooldown, no waiting for further servers, short draining."""
    values: dict[str, object] = {
        "home": home,
        "discord_token": "token",
        "discord_api_base": discord.api_base,
        "discord_gateway_url": discord.gateway_url,
        "discord_cooldown_seconds": 0.0,
        "discord_guild_ready_seconds": 0.05,
        "discord_drain_seconds": 0.2,
    }
    return Settings(_env_file=None, **(values | changes))


@dataclass
class Running:
    """A connected bot, the fake Discord and its engine."""

    discord: FakeDiscord
    bot: DatelineBot
    engine: FakeEngine
    task: "asyncio.Task[None]"

    async def settled(self) -> None:
        """Wait until every question taken is answered and kept."""
        await self.discord.until(lambda: not self.bot.queue.slots and not self.bot.history.storing)


@contextlib.asynccontextmanager
async def connected(discord: FakeDiscord, engine: FakeEngine, home: Path, **changes: object) -> AsyncIterator[Running]:
    """A bot that is ready."""
    bot = create_bot(bot_settings(discord, home, **changes), engine, Metrics())
    is_ready = asyncio.Event()

    async def on_ready() -> None:
        is_ready.set()

    bot.add_listener(on_ready)
    task = asyncio.create_task(bot.start("token"))
    try:
        ready = asyncio.create_task(is_ready.wait())
        await asyncio.wait({ready, task}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        await ready
        yield Running(discord, bot, engine, task)
    finally:
        await bot.close()
        await asyncio.wait({task}, timeout=10)


@contextlib.asynccontextmanager
async def running(
    home: Path,
    engine: FakeEngine | None = None,
    guilds: dict[int, Sequence[int]] | None = None,
    **changes: object,
) -> AsyncIterator[Running]:
    """A fake Discord with servers, and a bot that is ready on it."""
    async with fake_discord(guilds) as discord, connected(discord, engine or FakeEngine(), home, **changes) as parts:
        yield parts


def texts_of(message: dict[str, object]) -> str:
    """Everything that can be read in a message."""
    parts = [str(message.get("content") or "")]
    for embed in message.get("embeds") or []:
        parts += [str((embed.get("author") or {}).get("name") or ""), str(embed.get("title") or "")]
        parts.append(str(embed.get("description") or ""))
        parts += [f"{field['name']}\n{field['value']}" for field in embed.get("fields") or []]
        parts.append(str((embed.get("footer") or {}).get("text") or ""))
    return "\n".join(parts)


def custom_ids(message: dict[str, object]) -> list[str]:
    """The custom ids of a message's buttons."""
    return [button["custom_id"] for row in message.get("components") or [] for button in row["components"]]


def pressed(message: dict[str, object], action: str) -> str:
    """The custom id of the button for an action."""
    return next(custom_id for custom_id in custom_ids(message) if f":{action}:" in custom_id)


def drafting(*pieces: str, pause: float = 0.0, text: str = "It would not. [1]") -> Script:
    """A script that streams a draft before the answer."""
    numbers = itertools.count(100)

    async def script(question: str) -> AsyncIterator[StreamEvent]:
        for piece in pieces:
            yield DraftText(piece)
            await asyncio.sleep(pause)
        answer = FakeEngine().answer(question, text)
        yield replace(answer, id=f"b{next(numbers):07d}", model="scripted-model")

    return script
