"""The Discord client: `create_bot(settings, engine)` makes it, unstarted. Questions go to bot/discord/answering.py."""

import asyncio
import logging
import secrets
import sys
import time
from collections import OrderedDict

import discord
import yarl
from discord import app_commands
from discord.ext import commands

from bot.discord.admission import QuestionQueue, Rejected, Slot
from bot.discord.answering import AnswerService
from bot.discord.cogs.ask import AskTree, add_user_commands, sync_if_changed
from bot.discord.cogs.buttons import handle_component, handle_modal
from bot.discord.cogs.library import add_admin_commands
from bot.discord.cogs.mentions import handle_message
from bot.discord.cogs.settings import check_place, role_ids
from bot.discord.conversation import ConversationHistory, Question
from bot.discord.library_writes import LibraryWrites
from bot.discord.markdown import escape, one_line, shorten
from bot.discord.metrics import Metrics
from bot.discord.replies import SEND_FAILURES, ChannelReply, InteractionReply, tell_privately
from bot.discord.state import PRIVATE, AsyncState, GuildSettingsCache
from bot.discord.translations import Translations, translations_for
from rag.protocols import AnswersQuestions
from rag.settings import Settings
from vectorstore.bot_state import BotState
from vectorstore.errors import DatelineError

log = logging.getLogger("dateline.bot")

SWITCH_SECONDS = 0.0005
"""How soon threads that compute in Python let the event loop run: its worst delay beside four fell from 104 to 75 ms."""
SEEN = 5_000
"""Events remembered, so that one sent again after RESUME is not answered twice."""
RETENTION_EVERY = 24 * 3_600.0


def create_bot(settings: Settings, engine: AnswersQuestions, metrics: Metrics | None = None) -> "DatelineBot":
    """The unstarted bot."""
    point_elsewhere(settings)
    return DatelineBot(settings, engine, metrics or Metrics())


def point_elsewhere(settings: Settings) -> None:
    """Let discord.py speak to the servers that the settings name, if any, instead of Discord's own."""
    if settings.discord_api_base:
        discord.http.Route.BASE = settings.discord_api_base.rstrip("/")
    if settings.discord_gateway_url:
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.discord_gateway_url)


def intents_for(settings: Settings) -> discord.Intents:
    """Only what is needed, by name: servers with their channels, messages that mention the bot, private ones if set."""
    return discord.Intents(
        guilds=True,
        guild_messages=True,
        dm_messages=settings.discord_direct_messages,
        message_content=settings.discord_message_content,
    )


class DatelineBot(commands.AutoShardedBot):
    """Takes commands, mentions, replies and presses, checks who may ask, and hands questions on."""

    def __init__(self, settings: Settings, engine: AnswersQuestions, metrics: Metrics) -> None:
        super().__init__(
            command_prefix=(),
            help_command=None,
            tree_cls=AskTree,
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
        )
        self.settings = settings
        self.engine = engine
        self.metrics = metrics
        self.seen: OrderedDict[int, None] = OrderedDict()
        self.closing: asyncio.Task[None] | None = None
        self.background: list[asyncio.Task[None]] = []
        add_user_commands(self)
        add_admin_commands(self)

    async def setup_hook(self) -> None:
        """Everything that needs a running loop: database, desk, and commands when their definition changed."""
        settings = self.settings
        sys.setswitchinterval(SWITCH_SECONDS)
        self.state = await AsyncState.open(settings.ledger_url)
        self.guild_settings = GuildSettingsCache(self.state, settings.discord_daily_budget)
        await self.guild_settings.load()
        self.queue = QuestionQueue(
            settings.discord_cooldown_seconds, settings.discord_questions_at_once, settings.discord_queue_limit
        )
        self.history = ConversationHistory(self.engine, self.state)
        self.library_writes = LibraryWrites()
        self.answers = AnswerService(
            self.engine,
            self.history,
            self.queue,
            self.guild_settings,
            self.metrics,
            settings.discord_answer_seconds,
        )
        self.background.append(asyncio.create_task(self.forget_old()))
        try:
            await sync_if_changed(self)
        except SEND_FAILURES as error:
            log.error("commands not synced, the old ones stay", extra={"failure": type(error).__name__})

    async def forget_old(self) -> None:
        """Once a day, delete what is older than the settings keep."""
        while True:
            oldest = time.time() - self.settings.answer_retention_days * 86_400
            day = time.strftime("%Y-%m-%d", time.gmtime(oldest))
            try:
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
        """Finish the running questions and changes in a bounded time, or say that they will not be."""
        if hasattr(self, "desk"):
            seconds = self.settings.discord_drain_seconds
            await asyncio.gather(self.queue.drain(seconds), self.library_writes.drain(seconds))
            await self.history.flush()
        for task in self.background:
            task.cancel()
        self.metrics.gateway(connected=False)
        await super().close()
        if hasattr(self, "door"):
            await self.state.close()

    # Who may ask

    def translations(self, guild: int | None) -> Translations:
        """The words of a server's language."""
        return translations_for(self.guild_settings.of(guild or PRIVATE).language)

    def admit(self, asked: Question, channels: set[int], roles: set[int]) -> Slot:
        """Take a question, at once and without waiting for anything. Raises Rejected.

        channels: the channel's id and, for a thread, its parent's. roles: the asker's.
        """
        if asked.guild == PRIVATE and not self.settings.discord_direct_messages:
            raise Rejected("no_direct_messages")
        settings = self.guild_settings.of(asked.guild)
        check_place(settings, channels, roles)
        self.guild_settings.check_budget(asked.guild)
        slot = self.queue.admit(asked.user)
        self.guild_settings.consume(asked.guild)
        return slot

    def first_sight(self, event: int) -> bool:
        """False for a message or interaction that was seen before: RESUME sends events again."""
        if event in self.seen:
            return False
        self.seen[event] = None
        while len(self.seen) > SEEN:
            self.seen.popitem(last=False)
        return True

    # Interactions

    async def ask_by_interaction(self, interaction: discord.Interaction, asked: Question) -> None:
        """Take a question from a command, button or modal, acknowledge it, answer it."""
        arrived = time.perf_counter()
        channel = interaction.channel
        channels = {asked.channel, getattr(channel, "parent_id", None) or asked.channel}
        translations = self.translations(interaction.guild_id)
        try:
            slot = self.admit(asked, channels, role_ids(interaction.user))
        except Rejected as reason:
            self.metrics.questions.labels("turned_away").inc()
            await tell_privately(interaction, translations.say(reason.sentence, **reason.values))
            return
        fallback = None
        if isinstance(channel, discord.abc.Messageable):
            intro = translations.asked.format(
                user=escape(one_line(interaction.user.display_name)),
                question=escape(shorten(one_line(asked.question), 600)),
            )
            fallback = ChannelReply(channel, str(interaction.id), intro=intro)
        reply: InteractionReply | ChannelReply = InteractionReply(interaction, fallback)
        try:
            await interaction.response.defer(thinking=True)
            self.metrics.defer_seconds.observe(time.perf_counter() - arrived)
        except SEND_FAILURES as error:
            log.warning("acknowledgement failed", extra={"failure": type(error).__name__})
            if fallback is None:
                self.queue.leave(slot)
                return
            reply = fallback
        except BaseException:
            self.queue.leave(slot)
            raise
        await self.answers.answer(slot, asked, reply)

    async def on_interaction(self, interaction: discord.Interaction["DatelineBot"]) -> None:
        """Buttons and modals, by their custom id alone: they work after a restart. Commands are the tree's."""
        if interaction.type is discord.InteractionType.component and self.first_sight(interaction.id):
            await handle_component(self, interaction)
        elif interaction.type is discord.InteractionType.modal_submit and self.first_sight(interaction.id):
            await handle_modal(self, interaction)

    # Messages

    async def on_message(self, message: discord.Message, /) -> None:
        """A message was written somewhere; most are not for the bot."""
        await handle_message(self, message)

    # Gateway and errors

    async def on_ready(self) -> None:
        """Connected, with every server known."""
        self.metrics.gateway(connected=True)
        log.info("ready", extra={"servers": len(self.guilds), "shards": self.shard_count})

    async def on_connect(self) -> None:
        """The gateway is there; servers are still being told."""
        self.metrics.gateway(connected=True)

    async def on_resumed(self) -> None:
        """Connected again without having missed anything."""
        self.metrics.gateway(connected=True)

    async def on_disconnect(self) -> None:
        """The gateway is gone; discord.py reconnects."""
        self.metrics.gateway(connected=False)

    async def on_error(self, event_method: str, /, *_arguments: object, **_named: object) -> None:
        """The one place for what an event handler did not catch."""
        log.exception("event failed", extra={"event": event_method, "number": secrets.token_hex(4)})
