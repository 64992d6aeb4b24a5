"""`dateline bot`: run it, check it, sync its commands. The composition root: makes the parts and connects them."""

import asyncio
import json
import logging
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType

import aiohttp
import discord

from bot.discord.check import check_discord, check_engine, check_settings
from bot.discord.client import DatelineBot, point_elsewhere
from bot.discord.cogs.ask import AskCog
from bot.discord.cogs.buttons import ButtonsCog
from bot.discord.cogs.digest import DigestCog
from bot.discord.cogs.library import LibraryCog
from bot.discord.cogs.mentions import MentionsCog
from bot.discord.cogs.settings import SettingsCog
from bot.discord.cogs.watch import WatchCog
from bot.discord.following import PeopleFirst, keep_following
from bot.discord.metrics import Metrics, serve_metrics
from bot.discord.state import AsyncState
from bot.discord.supervisor import DiscordRefused, plain_failure, supervise
from bot.seeds import load_seeds
from bot.signals import stop_on_signals
from rag.engine import Engine
from rag.errors import SettingsError
from rag.factory import open_engine
from rag.protocols import AnswersQuestions
from rag.settings import Settings

log = logging.getLogger("dateline.bot")

STANDARD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}
LIBRARIES = ("discord", "aiohttp")

COGS = (AskCog, WatchCog, DigestCog, LibraryCog, SettingsCog, MentionsCog, ButtonsCog)
DONE, MISSING = 0, 1


def create_bot(settings: Settings, engine: AnswersQuestions, metrics: Metrics | None = None) -> DatelineBot:
    """The unstarted bot."""
    point_elsewhere(settings)
    return DatelineBot(settings, engine, metrics or Metrics(), COGS)


async def run_bot(settings: Settings) -> int:
    """Run until SIGTERM or Ctrl-C. Raises DatelineError where a person has to change something first."""
    token = token_of(settings)
    set_up_logging(settings.discord_log_level)
    stop = asyncio.Event()
    stop_on_signals(stop)
    metrics = Metrics()
    async with open_engine(settings) as engine, serve_metrics(metrics, settings.discord_port):
        await fill_empty_library(settings, engine)
        people = PeopleFirst()
        following = asyncio.create_task(keep_following(settings, engine.library, stop, people))

        def make_bot() -> DatelineBot:
            people.bot = create_bot(settings, engine, metrics)
            return people.bot

        try:
            await supervise(make_bot, token, stop, metrics)
        finally:
            stop.set()
            await following
    log.info("stopped")
    return DONE


async def check_bot(settings: Settings, say: Callable[[str], None]) -> int:
    """Say what is there and what is missing, line by line; MISSING when anything is."""
    if not check_settings(settings, say):
        return MISSING
    async with open_engine(settings) as engine:
        await fill_empty_library(settings, engine)
        complete = [await check_engine(engine, say), await check_discord(settings, engine, say)]
    return DONE if all(complete) else MISSING


async def sync_commands(settings: Settings, say: Callable[[str], None]) -> int:
    """Send the commands to Discord if they changed since they were sent last."""
    token = token_of(settings)
    async with open_engine(settings) as engine:
        point_elsewhere(settings)
        bot = SyncBot(settings, engine, Metrics(), COGS)
        try:
            await bot.login(token)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            raise DiscordRefused(plain_failure(error)) from error
        finally:
            await bot.close()
    say("Commands sent to Discord." if bot.sent else "The commands have not changed since they were sent last.")
    return DONE


class SyncBot(DatelineBot):
    """A client that logs in only to send its commands."""

    sent = False

    async def setup_hook(self) -> None:
        self.state = await AsyncState.open(self.settings.ledger_url)
        await self.add_cogs()
        self.sent = await self.sync_if_changed()


def token_of(settings: Settings) -> str:
    """The bot's token. Raises SettingsError when there is none."""
    token = settings.discord_token.get_secret_value()
    if not token:
        raise SettingsError("DATELINE_DISCORD_TOKEN is not set: docs/discord.md says where to find it.")
    return token


async def fill_empty_library(settings: Settings, engine: Engine) -> None:
    """Load seeds/ into an empty shared library, as `ask` does."""
    report = await load_seeds(settings, engine.library)
    if report is not None:
        log.info("seeds loaded", extra={"articles": report.added})


class JsonLines(logging.Formatter):
    """Time, level, logger, message and the record's own fields; exception texts, which may quote users, only if `content`."""

    def __init__(self, content: bool) -> None:
        super().__init__()
        self.content = content

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in record.__dict__.items() if name not in STANDARD_FIELDS}
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = self.failure(record.exc_info[1], record.exc_info[2])
        return json.dumps(line, default=str)

    def failure(self, error: BaseException, trace: TracebackType | None) -> list[str]:
        """The types of the exception and its cause, then the last frames of its traceback."""
        types = [f"{type(error).__name__}: {error}" if self.content else type(error).__name__]
        cause = error.__cause__ or error.__context__
        if cause is not None:
            types.append(f"from {type(cause).__name__}")
        frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
        return [*types, *frames[-12:]]


def set_up_logging(level: str) -> None:
    """Log to stderr from this level on, discord.py's and aiohttp's records included."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(content=level == "DEBUG"))
    for name in ("dateline", *LIBRARIES):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(level)
