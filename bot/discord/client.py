"""The Discord client: lifecycle, intents, command tree, gateway events. What users do is handled by the cogs it is given."""

import asyncio
import hashlib
import json
import logging
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

import discord
import yarl
from discord import app_commands
from discord.ext import commands

from bot.discord.admission import Bounded, QuestionQueue
from bot.discord.answering import AnswerService
from bot.discord.command_translations import CommandTranslator
from bot.discord.conversation import ConversationHistory
from bot.discord.digests import DigestService
from bot.discord.errors import report_error
from bot.discord.library_writes import LibraryWrites
from bot.discord.metrics import Metrics
from bot.discord.replies import SEND_FAILURES, tell_privately
from bot.discord.state import AsyncState, GuildSettingsCache
from bot.discord.watches import WatchService
from rag.protocols import AnswersQuestions
from rag.settings import Settings
from rag.watched_questions import WatchedQuestions
from vectorstore.bot_state import BotState
from vectorstore.errors import DatelineError
from vectorstore.watches import WatchStore

log = logging.getLogger("dateline.bot")

SWITCH_SECONDS = 0.0005
"""How soon threads that compute in Python yield to the event loop. With four of them its worst delay fell from 104 to 75 ms."""
SEEN = 5_000
"""Events remembered, so that one sent again after RESUME is not answered twice."""
RETENTION_EVERY = 24 * 3_600.0

Interaction: TypeAlias = "discord.Interaction[DatelineBot]"
MakeCog: TypeAlias = Callable[["DatelineBot"], commands.Cog]


def point_elsewhere(settings: Settings) -> None:
    """Let discord.py connect to the servers that the settings name, if any, instead of Discord's own."""
    if settings.discord_api_base:
        discord.http.Route.BASE = settings.discord_api_base.rstrip("/")
    if settings.discord_gateway_url:
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.discord_gateway_url)


def intents_for(settings: Settings) -> discord.Intents:
    """Only what is needed, by name: guilds with their channels, messages that mention the bot, private ones if set."""
    return discord.Intents(
        guilds=True,
        guild_messages=True,
        dm_messages=settings.discord_direct_messages,
        message_content=settings.discord_message_content,
    )


class CommandTree(app_commands.CommandTree["DatelineBot"]):
    """The one place where a command's failure becomes a sentence for its user."""

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        """Tell the user what to do; details go to the log under the number shown."""
        translations = interaction.client.guild_settings.translations(interaction.guild_id)
        if isinstance(error, app_commands.MissingPermissions | app_commands.NoPrivateMessage):
            await tell_privately(interaction, translations.admins_only)
            return
        if isinstance(error, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
            await tell_privately(interaction, translations.command_changed)
            return
        command = interaction.command.qualified_name if interaction.command else ""
        admin = interaction.permissions.manage_guild
        await report_error(interaction, error.__cause__ or error, translations, admin, command=command)

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """False for an interaction that RESUME sent again."""
        return interaction.client.first_sight(interaction.id)


class DatelineBot(commands.AutoShardedBot):
    """Owns the parts that the cogs share. They are made in `setup_hook`, where a loop runs."""

    def __init__(
        self, settings: Settings, engine: AnswersQuestions, metrics: Metrics, cogs: Sequence[MakeCog] = ()
    ) -> None:
        # discord.py would warn at every start that it lacks the libraries of voice channels, which this bot never joins.
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
        super().__init__(
            command_prefix=(),
            help_command=None,
            tree_cls=CommandTree,
            intents=intents_for(settings),
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            max_ratelimit_timeout=60.0,
            guild_ready_timeout=settings.discord_guild_ready_seconds,
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=settings.discord_direct_messages, private_channel=False
            ),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
        )
        self.settings = settings
        self.engine = engine
        self.metrics = metrics
        self.make_cogs = cogs
        self.seen = Bounded[int, None](SEEN)
        self.closing: asyncio.Task[None] | None = None
        self.background: list[asyncio.Task[None]] = []

    async def setup_hook(self) -> None:
        """Open the database, make the shared parts, add the cogs, send their commands if the definition changed."""
        settings = self.settings
        sys.setswitchinterval(SWITCH_SECONDS)
        self.state = await AsyncState.open(settings.ledger_url)
        self.guild_settings = GuildSettingsCache(self.state, settings.discord_daily_budget)
        await self.guild_settings.load()
        self.queue = QuestionQueue(
            settings.discord_cooldown_seconds, settings.discord_questions_at_once, settings.discord_queue_limit
        )
        self.metrics.queue_length.set_function(lambda: len(self.queue.waiting))
        self.history = ConversationHistory(self.engine, self.state)
        self.library_writes = LibraryWrites()
        self.answers = AnswerService(self.engine, self.history, self.queue, self.guild_settings, self.metrics, settings)
        watched = WatchedQuestions(self.engine, WatchStore(self.state.blocking.database))
        self.watches = WatchService(self, watched, self.answers, self.metrics)
        self.digests = DigestService(self, self.answers, self.state)
        await self.add_cogs()
        self.background.append(asyncio.create_task(self.forget_old()))
        self.background.append(asyncio.create_task(self.watches.run()))
        self.background.append(asyncio.create_task(self.digests.run()))
        try:
            await self.sync_if_changed()
        except SEND_FAILURES as error:
            log.error("commands not synced, the old ones stay", extra={"failure": type(error).__name__})

    async def add_cogs(self) -> None:
        """Make the cogs and add their commands and listeners."""
        await self.tree.set_translator(CommandTranslator())
        for make_cog in self.make_cogs:
            await self.add_cog(make_cog(self))

    async def sync_if_changed(self) -> bool:
        """Send the commands to Discord if their definition is not the one sent last; True if they were sent."""
        name = f"discord_commands:{self.application_id}"
        commands = [
            await command.get_translated_payload(self.tree, self.tree.translator or CommandTranslator())
            for command in self.tree.get_commands()
        ]
        definition = json.dumps(commands, sort_keys=True)
        digest = hashlib.sha256(definition.encode()).hexdigest()
        if await self.state.run(BotState.metadata, name) == digest:
            return False
        await self.tree.sync()
        await self.state.run(BotState.set_metadata, name, digest)
        log.info("commands synced")
        return True

    async def forget_old(self) -> None:
        """Once a day, delete what is older than the settings keep."""
        while True:
            try:
                now = await self.state.run(BotState.believed_clock, time.time())
                oldest = now - self.settings.answer_retention_days * 86_400
                day = time.strftime("%Y-%m-%d", time.gmtime(oldest))
                await self.state.run(BotState.forget_before, oldest, day)
            except DatelineError as error:
                log.error("what is old not deleted, tried again in a day", extra={"failure": type(error).__name__})
            await asyncio.sleep(RETENTION_EVERY)

    async def close(self) -> None:
        """Drain, then close. discord.py calls this too when the gateway ends the client."""
        if self.closing is None:
            self.closing = asyncio.create_task(self.drain_and_close())
        await asyncio.shield(self.closing)

    async def drain_and_close(self) -> None:
        """Finish the running questions and changes in a bounded time, or tell their users that they will not be."""
        if hasattr(self, "queue"):
            seconds = self.settings.discord_drain_seconds
            await asyncio.gather(self.queue.drain(seconds), self.library_writes.drain(seconds))
            await self.history.flush()
        for task in self.background:
            task.cancel()
        self.metrics.gateway(connected=False)
        await super().close()
        if hasattr(self, "state"):
            await self.state.close()

    def first_sight(self, event: int) -> bool:
        """False for a message or interaction that was seen before: RESUME sends events again."""
        if event in self.seen:
            return False
        self.seen[event] = None
        return True

    async def on_message(self, message: discord.Message, /) -> None:
        """There are no text commands to look for; a cog listens for questions."""

    async def on_ready(self) -> None:
        self.metrics.gateway(connected=True)
        log.info("ready", extra={"servers": len(self.guilds), "shards": self.shard_count})

    async def on_connect(self) -> None:
        """Connected, though not every guild is known yet."""
        self.metrics.gateway(connected=True)

    on_resumed = on_connect

    async def on_disconnect(self) -> None:
        self.metrics.gateway(connected=False)

    async def on_error(self, event_method: str, /, *_arguments: object, **_named: object) -> None:
        """The one place for what an event handler did not catch."""
        log.exception("event failed", extra={"event": event_method, "number": secrets.token_hex(4)})
