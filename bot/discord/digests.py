"""The digest in Discord: on demand, and each day in the channels whose servers want it."""

import asyncio
import json
import logging
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

import discord

from bot.discord.admission import Rejected, channel_ids, check_place, role_ids
from bot.discord.answering import AnswerService
from bot.discord.filters import read_filters
from bot.discord.render import Page
from bot.discord.render_digest import digest_page
from bot.discord.replies import SEND_FAILURES, ChannelReply, InteractionReply, open_text_channel
from bot.discord.state import PRIVATE, AsyncState
from vectorstore.bot_state import BotState, GuildSettings
from vectorstore.errors import DatelineError
from vectorstore.ledger import News

log = logging.getLogger("dateline.digest")

BY_DEFAULT = timedelta(days=7)
"""How far /digest looks back where it is not told."""
LOOK_EVERY = 60.0
TRY_AGAIN = timedelta(minutes=15)
NEVER_TRIED = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LastDigest:
    """The day of a guild's last daily digest, "" before the first, and the arrival up to which it told."""

    day: str = ""
    arrived: float = -1.0


def read_last(stored: str) -> LastDigest:
    """From its stored form, "" for none."""
    return LastDigest(**json.loads(stored)) if stored else LastDigest()


@dataclass(eq=False)
class DigestService:
    """Makes digests of what a guild's questions are answered from."""

    client: discord.Client
    answers: AnswerService
    state: AsyncState
    failed: dict[int, datetime] = field(default_factory=dict)
    """Guilds whose digest could not be sent, and when that was tried last."""

    async def show(self, interaction: discord.Interaction, since: str | None) -> None:
        """Show the channel what was published since a day. Raises Rejected, DatelineError, SEND_FAILURES."""
        guild, settings = interaction.guild_id or PRIVATE, self.answers.guild_settings
        if guild == PRIVATE and not self.answers.settings.discord_direct_messages:
            raise Rejected("no_direct_messages")
        channels = channel_ids(interaction.channel_id or 0, interaction.channel)
        check_place(settings.of(guild), channels, role_ids(interaction.user))
        library, t, now = self.answers.engine.library, settings.translations(guild), datetime.now(UTC)
        status = await library.status(settings.libraries(guild))
        day = read_filters(since, None, None, status, now, t).since or now - BY_DEFAULT
        slot = self.answers.queue.admit(interaction.user.id)
        try:
            await interaction.response.defer(thinking=True)
            await self.answers.queue.wait_for_turn(slot)
            digest = await library.digest(News(settings.libraries(guild), day))
            await InteractionReply(interaction, None).finish([digest_page(digest, day, status.newest, t)])
        finally:
            self.answers.queue.leave(slot)

    async def run(self) -> None:
        """Send the day's digests from the hour of the settings on, until cancelled."""
        await self.client.wait_until_ready()
        while True:
            now = datetime.now(UTC)
            if now.hour >= self.answers.settings.discord_digest_hour:
                for settings in list(self.answers.guild_settings.settings.values()):
                    if settings.digest_channel and now - self.failed.get(settings.server, NEVER_TRIED) > TRY_AGAIN:
                        await self.try_to_send(settings, now)
            await asyncio.sleep(LOOK_EVERY)

    async def try_to_send(self, settings: GuildSettings, now: datetime) -> None:
        """Send a guild its digest of the day. One that fails is tried again later and must not keep others from theirs."""
        try:
            await self.send(settings, now)
        except (DatelineError, *SEND_FAILURES) as error:
            self.failed[settings.server] = now
            log.error("digest not sent", extra={"server": settings.server, "failure": type(error).__name__})
        except Exception:
            self.failed[settings.server] = now
            log.exception("digest not sent", extra={"server": settings.server})

    async def send(self, settings: GuildSettings, now: datetime) -> None:
        """Send a guild what arrived since its last digest, once a day; nothing where nothing did.

        The first one holds what was published in the last day. Raises DatelineError, SEND_FAILURES.
        """
        guild, day = settings.server, now.date().isoformat()
        last = read_last(await self.state.run(BotState.metadata, fact_name(guild)))
        if last.day == day or self.client.get_guild(guild) is None:
            return
        library, libraries = self.answers.engine.library, self.answers.guild_settings.libraries(guild)
        latest = await library.latest_arrival()
        since = None if last.day else now - timedelta(days=1)
        digest = await library.digest(News(libraries, since, last.arrived))
        if digest.stories:
            page = digest_page(digest, None, None, self.answers.guild_settings.translations(guild))
            await self.post(settings, page, day)
        written = json.dumps(asdict(LastDigest(day, latest)))
        await self.state.run(BotState.set_metadata, fact_name(guild), written)

    async def post(self, settings: GuildSettings, page: Page, day: str) -> None:
        """Post a page in the guild's channel. The key makes Discord keep one of two where the bot died before noting it."""
        channel = await open_text_channel(self.client, settings.digest_channel)
        if channel is not None:
            await ChannelReply(channel, f"{settings.server}-{day}").finish([page])
            log.info("digest sent", extra={"server": settings.server})


def fact_name(guild: int) -> str:
    """Where is stored which digest a guild had last."""
    return f"digest:{guild}"
