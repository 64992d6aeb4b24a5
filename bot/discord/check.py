"""`dateline bot --check`: what is missing of token, intents, permissions and articles, and where to click."""

import asyncio
from collections.abc import Callable

import discord

from bot.discord.admission import NEEDED, permission_names
from bot.discord.client import DatelineBot, intents_for, point_elsewhere
from bot.discord.markdown import one_line
from bot.discord.metrics import Metrics
from bot.discord.supervisor import PORTAL, plain_failure
from bot.discord.translations import ENGLISH
from rag.protocols import AnswersQuestions
from rag.settings import Settings

READY_SECONDS = 60.0
Say = Callable[[str], None]


class CheckBot(DatelineBot):
    """The same client with the same intents and no cogs: it connects and looks, while another process answers."""

    def __init__(self, settings: Settings, engine: AnswersQuestions) -> None:
        super().__init__(settings, engine, Metrics())
        self.found = asyncio.Event()

    async def setup_hook(self) -> None:
        """Set up nothing."""

    async def on_ready(self) -> None:
        """Every guild is known."""
        self.found.set()

    def first_sight(self, event: int) -> bool:
        """Leave every interaction to the other process."""
        return False


async def check_discord(settings: Settings, engine: AnswersQuestions, say: Say) -> bool:
    """Connect as the bot would, look around, disconnect; True if nothing is missing."""
    point_elsewhere(settings)
    bot = CheckBot(settings, engine)
    running = asyncio.create_task(bot.start(settings.discord_token.get_secret_value()))
    ready = asyncio.create_task(bot.found.wait())
    try:
        await asyncio.wait({running, ready}, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if running.done() or not ready.done():
            failure = running.exception() if running.done() else TimeoutError()
            say(f"MISSING  Discord: {plain_failure(failure)}")
            return False
        say(f"ok       token: this is {bot.user}")
        say(f"ok       intents: {', '.join(name for name, on in intents_for(settings) if on)}")
        return all([await check_invitation(bot, say), *(check_guild(guild, say) for guild in bot.guilds)])
    finally:
        ready.cancel()
        await bot.close()
        await asyncio.wait({running}, timeout=5)


async def check_invitation(bot: CheckBot, say: Say) -> bool:
    """Show the link that invites the bot; True if it is in any guild."""
    link = discord.utils.oauth_url(bot.application_id or 0, permissions=NEEDED, scopes=("bot", "applications.commands"))
    say(f"ok       invite with: {link}" if bot.guilds else f"MISSING  the bot is in no server: invite it with {link}")
    return bool(bot.guilds)


def check_guild(guild: discord.Guild, say: Say) -> bool:
    """True if a guild grants every permission; channels that withhold some are notes."""
    if guild.unavailable or guild.me is None:
        say(f"note     server {guild.id}: Discord does not show it just now; check again later.")
        return True
    missing = permission_names(NEEDED.value & ~guild.me.guild_permissions.value)
    where = f"server “{one_line(guild.name)}” ({guild.id})"
    if missing:
        say(f"MISSING  {where}: {missing}: Server Settings > Roles > the bot's role > Permissions.")
    else:
        say(f"ok       {where}: every permission")
    for channel in guild.text_channels:
        allowed = channel.permissions_for(guild.me)
        withheld = NEEDED.value & guild.me.guild_permissions.value & ~allowed.value
        if withheld and allowed.view_channel:
            place = f"{where}, #{one_line(channel.name)} ({channel.id})"
            say(f"note     {place}: {permission_names(withheld)}: Edit Channel > Permissions.")
    return not missing


def check_settings(settings: Settings, say: Say) -> bool:
    """True if there is a token at all."""
    if settings.private_addresses:
        say(
            "note     DATELINE_PRIVATE_ADDRESSES=true: admins of every server can have pages of this network read and shown."
        )
    if settings.discord_token.get_secret_value():
        return True
    say(f"MISSING  DATELINE_DISCORD_TOKEN: open your application's Bot page at {PORTAL}, press Reset Token.")
    return False


async def check_engine(engine: AnswersQuestions, say: Say) -> bool:
    """True if there are articles to answer from."""
    status = await engine.library.status()
    if status.articles:
        articles = ENGLISH.count(status.articles, ENGLISH.articles)
        say(f"ok       engine: {articles} in the shared library, embedder {status.embedder}")
        return True
    say("MISSING  articles: run `dateline ingest` with a file or folder of them, or /library add in a server.")
    return False
