"""Is everything there for the bot to run? Says what is missing of token, intents, permissions, articles; where to click."""

import asyncio
from collections.abc import Callable

import discord

from bot.discord.client import DatelineBot, intents_for, point_elsewhere
from bot.discord.metrics import Metrics
from bot.discord.supervisor import PORTAL, plain_failure
from rag.protocols import AnswersQuestions
from rag.settings import Settings

READY_SECONDS = 60.0
NEEDED = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
)
"""What an invitation asks for; each but the first two may be missing, and the bot does what is left."""

Say = Callable[[str], None]


class CheckBot(DatelineBot):
    """The same client with the same intents, without its work: it says hello and looks."""

    def __init__(self, settings: Settings, engine: AnswersQuestions) -> None:
        super().__init__(settings, engine, Metrics())
        self.found = asyncio.Event()

    async def setup_hook(self) -> None:
        """Nothing to set up."""

    async def on_ready(self) -> None:
        """Every server is known now."""
        self.found.set()

    async def on_message(self, message: discord.Message, /) -> None:
        """Another process answers."""

    async def on_interaction(self, interaction: discord.Interaction[DatelineBot]) -> None:
        """Another process answers."""


async def check_discord(settings: Settings, engine: AnswersQuestions, say: Say) -> bool:
    """Connect as the bot would, look around, disconnect. Whether nothing is missing."""
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
    """Whether the bot is in any server; the link that invites it."""
    link = discord.utils.oauth_url(bot.application_id or 0, permissions=NEEDED, scopes=("bot", "applications.commands"))
    say(f"ok       invite with: {link}" if bot.guilds else f"MISSING  the bot is in no server: invite it with {link}")
    return bool(bot.guilds)


def check_guild(guild: discord.Guild, say: Say) -> bool:
    """Whether the bot may do in a server what it needs to, in the server and in each channel it can see."""
    if guild.unavailable or guild.me is None:
        say(f"note     server {guild.id}: Discord does not show it just now; check again later.")
        return True
    missing = names(NEEDED.value & ~guild.me.guild_permissions.value)
    where = f"server {guild.id}"
    if missing:
        say(f"MISSING  {where}: {missing}: Server Settings > Roles > the bot's role > Permissions.")
    else:
        say(f"ok       {where}: every permission")
    for channel in guild.text_channels:
        allowed = channel.permissions_for(guild.me)
        withheld = NEEDED.value & guild.me.guild_permissions.value & ~allowed.value
        if withheld and allowed.view_channel:
            say(f"note     {where}, channel {channel.id}: {names(withheld)}: Edit Channel > Permissions.")
    return not missing


def names(value: int) -> str:
    """Permissions as Discord's own screens name them."""
    shown = (name.replace("_", " ").title() for name, on in discord.Permissions(value) if on)
    # discord.py's older name of it.
    return ", ".join("View Channels" if name == "Read Messages" else name for name in shown)


def check_settings(settings: Settings, say: Say) -> bool:
    """Whether there is a token at all."""
    if settings.discord_token.get_secret_value():
        return True
    say(f"MISSING  DATELINE_DISCORD_TOKEN: open your application's Bot page at {PORTAL}, press Reset Token.")
    return False


async def check_engine(engine: AnswersQuestions, say: Say) -> bool:
    """Whether there are articles to answer from."""
    status = await engine.library.status()
    if status.articles:
        say(f"ok       engine: {status.articles} articles in the shared library, embedder {status.embedder}")
        return True
    say("MISSING  articles: run `dateline ingest` with a file or folder of them, or /library add in a server.")
    return False
