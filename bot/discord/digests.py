"""The digest in Discord: on demand, and each day in the channels whose servers want it."""

import asyncio
import json
import logging
import time
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta

import discord

from bot.discord.admission import Rejected, channel_ids, check_place, role_ids
from bot.discord.answering import AnswerService
from bot.discord.filters import read_filters
from bot.discord.render import Page, notice_page
from bot.discord.render_digest import digest_page
from bot.discord.replies import (
    SEND_FAILURES,
    ChannelReply,
    acknowledge,
    acknowledged_meanwhile,
    log_failure,
    open_text_channel,
    sent_message,
)
from bot.discord.state import PRIVATE, AsyncState
from bot.discord.translations import LANGUAGES
from vectorstore.bot_state import BotState, GuildSettings
from vectorstore.errors import DatelineError
from vectorstore.ledger import News

log = logging.getLogger("dateline.digest")

BY_DEFAULT = timedelta(days=7)
"""How far /digest looks back where it is not told, from the day's begin: what it shows is named by its day."""
LOOK_EVERY = 60.0
TRY_AGAIN = 900.0
"""Seconds until a digest that could not be sent is tried again."""
CLOSED_TRIES = 3
"""Tries after which a channel that is gone, or closed to the bot, gets no digest any more."""


@dataclass(frozen=True, slots=True)
class BegunDigest:
    """A daily digest whose message was about to be sent: its day, what it tells up to, where and when (epoch seconds)."""

    day: str
    arrived: float
    channel: int
    at: float


@dataclass(frozen=True, slots=True)
class LastDigest:
    """The day of a guild's last daily digest, "" before the first, the arrival up to which it told, and its message.

    begun: the one after it, from before its message is sent until that is noted; None otherwise.
    """

    day: str = ""
    arrived: float = -1.0
    message: int = 0
    begun: BegunDigest | None = None


def read_last(stored: str) -> LastDigest:
    """From its stored form, "" for none."""
    if not stored:
        return LastDigest()
    values = json.loads(stored)
    begun = values.pop("begun", None)
    return LastDigest(**values, begun=BegunDigest(**begun) if begun else None)


@dataclass(eq=False)
class DigestService:
    """Makes digests of what a guild's questions are answered from."""

    client: discord.Client
    answers: AnswerService
    state: AsyncState
    failed: dict[int, float] = field(default_factory=dict)
    """Channels to which a digest could not be sent, and when that was tried last, by a clock that nobody sets."""
    closed: Counter[int] = field(default_factory=Counter)
    """How often in a row a channel was gone, or closed to the bot."""

    async def show(self, interaction: discord.Interaction, since: str | None) -> None:
        """Show the channel what was published since a day. Raises Rejected, DatelineError, SEND_FAILURES."""
        guild, settings = interaction.guild_id or PRIVATE, self.answers.guild_settings
        if guild == PRIVATE and not self.answers.settings.discord_direct_messages:
            raise Rejected("no_direct_messages")
        channels = channel_ids(interaction.channel_id or 0, interaction.channel)
        check_place(settings.of(guild), channels, role_ids(interaction.user))
        library, t, now = self.answers.engine.library, settings.translations(guild), datetime.now(UTC)
        day = now.replace(hour=0, minute=0, second=0, microsecond=0) - BY_DEFAULT
        if since:
            status = await acknowledged_meanwhile(interaction, library.status(settings.libraries(guild)))
            day = read_filters(since, None, None, status, now, t).since or day
        slot = self.answers.queue.admit(interaction.user.id)
        try:
            reply = await acknowledge(interaction)
            await self.answers.queue.wait_for_turn(slot)
            digest = await library.digest(News(settings.libraries(guild), day))
            newest = None if digest.stories else (await library.status(settings.libraries(guild))).newest
            if reply is not None:
                await reply.finish([digest_page(digest, day, newest, t)])
        finally:
            self.answers.queue.leave(slot)

    async def run(self) -> None:
        """Send the day's digests from the hour of the settings on, until cancelled."""
        await self.client.wait_until_ready()
        while True:
            now = datetime.now(UTC)
            if now.hour >= self.answers.settings.discord_digest_hour:
                for settings in list(self.answers.guild_settings.settings.values()):
                    channel = settings.digest_channel
                    if channel and time.monotonic() - self.failed.get(channel, float("-inf")) > TRY_AGAIN:
                        await self.try_to_send(settings, now)
            await asyncio.sleep(LOOK_EVERY)

    async def try_to_send(self, settings: GuildSettings, now: datetime) -> None:
        """Send a guild its digest of the day. One that fails is tried again later and must not keep others from theirs."""
        try:
            await self.send_or_turn_off(settings, now)
        except (DatelineError, *SEND_FAILURES) as error:
            self.failed[settings.digest_channel] = time.monotonic()
            log.error("digest not sent", extra={"server": settings.server, "failure": type(error).__name__})
        except Exception:
            self.failed[settings.digest_channel] = time.monotonic()
            log.exception("digest not sent", extra={"server": settings.server})

    async def send_or_turn_off(self, settings: GuildSettings, now: datetime) -> None:
        """Send a guild its digest; after some tries of a channel that is gone or closed turn it off, and tell its admins."""
        channel = settings.digest_channel
        try:
            await self.send(settings, now)
        except (discord.NotFound, discord.Forbidden):
            self.closed[channel] += 1
            if self.closed[channel] < CLOSED_TRIES:
                raise
            await self.turn_off(settings)
        self.closed.pop(channel, None)

    async def turn_off(self, settings: GuildSettings) -> None:
        """No longer send a guild's digest to a channel that takes none: in its log, and told where its admins read."""
        guild, channel, cache = settings.server, settings.digest_channel, self.answers.guild_settings
        async with cache.changing:
            present = cache.of(guild)
            if present.digest_channel != channel:
                return
            me, t = self.client.user.id if self.client.user else 0, cache.translations(guild)
            await cache.change(
                replace(present, digest_channel=0), me, t.daily_digest.format(value=f"<#{channel}> → {t.off}")
            )
        log.warning("daily digest turned off, its channel is closed", extra={"server": guild, "channel": channel})
        known = self.client.get_guild(guild)
        notices = known and (known.public_updates_channel or known.system_channel)
        if notices and notices.id != channel:
            page = notice_page(t.settings_changed, t.digest_turned_off.format(channel=f"<#{channel}>"), t)
            with log_failure("turned off digest not told"):
                await ChannelReply(notices, f"{channel}-off").finish([page])

    async def send(self, settings: GuildSettings, now: datetime) -> None:
        """Send a guild what arrived since its last digest, once a day; nothing where nothing did.

        The first one holds what was published in the last day. Raises DatelineError, SEND_FAILURES.
        """
        guild, day = settings.server, now.date().isoformat()
        last = await self.last_of(guild)
        known = self.client.get_guild(guild)
        if last.day == day or known is None or known.unavailable:
            return
        last = await self.with_begun(guild, last)
        if last.day == day:
            return
        library, libraries = self.answers.engine.library, self.answers.guild_settings.libraries(guild)
        latest = await library.latest_arrival()
        since = None if last.day else now - timedelta(days=1)
        digest = await library.digest(News(libraries, since, last.arrived))
        message = last.message
        if digest.stories:
            # Killed between here and the end, the next run looks whether the message came through.
            begun = BegunDigest(day, latest, settings.digest_channel, now.timestamp())
            await self.note(guild, replace(last, begun=begun))
            page = digest_page(digest, None, None, self.answers.guild_settings.translations(guild))
            message = await self.post(settings, page, day) or message
        await self.note(guild, LastDigest(day, latest, message))

    async def with_begun(self, guild: int, last: LastDigest) -> LastDigest:
        """The last digest as it is now that the one that was begun after it is known to have been sent, or not."""
        begun = last.begun
        message = 0 if begun is None else await self.find_message(last, begun)
        if begun is None or not message:
            return last
        sent = LastDigest(begun.day, begun.arrived, message)
        await self.note(guild, sent)
        return sent

    async def find_message(self, last: LastDigest, begun: BegunDigest) -> int:
        """The message of a digest that was begun, 0 where it was not sent, or its channel is gone. Raises SEND_FAILURES."""
        titles = {translations.new_articles for translations in LANGUAGES.values()}

        def is_digest(message: discord.Message) -> bool:
            title = message.embeds[0].title if message.embeds else message.content.split("\n")[0].strip("*")
            own = self.client.user is not None and message.author.id == self.client.user.id
            return own and message.id > last.message and title in titles

        try:
            channel = await open_text_channel(self.client, begun.channel)
        except discord.NotFound:
            return 0
        since = datetime.fromtimestamp(begun.at, UTC)
        return 0 if channel is None else await sent_message(channel, since, is_digest)

    async def last_of(self, guild: int) -> LastDigest:
        """What is known of a guild's last digest."""
        return read_last(await self.state.run(BotState.metadata, fact_name(guild)))

    async def note(self, guild: int, last: LastDigest) -> None:
        """Store what is known of a guild's last digest."""
        await self.state.run(BotState.set_metadata, fact_name(guild), json.dumps(asdict(last)))

    async def post(self, settings: GuildSettings, page: Page, day: str) -> int:
        """Post a page in the guild's channel; returns its message, 0 where the channel takes none.

        The key makes Discord keep one of two where a try that seemed to fail came through.
        """
        channel = await open_text_channel(self.client, settings.digest_channel)
        if channel is None:
            return 0
        messages = await ChannelReply(channel, f"{settings.server}-{day}").finish([page])
        log.info("digest sent", extra={"server": settings.server})
        return messages[0]


def fact_name(guild: int) -> str:
    """Where is stored which digest a guild had last."""
    return f"digest:{guild}"
