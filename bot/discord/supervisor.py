"""Keep the client running: start it, restart it with back-off when it ends, stop it on request."""

import asyncio
import logging
import random
import time
from collections.abc import Callable

import aiohttp
import discord

from bot.discord.admission import wait_at_most
from bot.discord.client import DatelineBot
from bot.discord.metrics import Metrics
from vectorstore.errors import DatelineError

log = logging.getLogger("dateline.bot")

FIRST_WAIT = 1.0
MAX_WAIT = 60.0
STEADY_AFTER = 120.0
"""A client that ran this long resets the back-off."""

PORTAL = "https://discord.com/developers/applications"
INTENTS_REFUSED = (
    "Discord refused an intent (4014): open your application's Bot page at "
    f"{PORTAL}, switch on Message Content Intent, or set DATELINE_DISCORD_MESSAGE_CONTENT=false."
)
TOKEN_REFUSED = (
    f"Discord does not know this token: open your application's Bot page at {PORTAL}, press Reset Token, "
    "and put the new one into DATELINE_DISCORD_TOKEN."
)
FATAL_CLOSE_CODES = {
    4004: TOKEN_REFUSED,
    4010: "Discord refused the shard (4010): start the bot without settings of your own for shards.",
    4011: "Discord wants more shards than were started (4011): start the bot again.",
    4012: "Discord no longer speaks this API version (4012): upgrade discord.py.",
    4013: "Discord does not know an intent that was asked for (4013): upgrade discord.py.",
    4014: INTENTS_REFUSED,
}


class DiscordRefused(DatelineError):
    """Discord will not admit the bot until a person changes something."""


async def supervise(
    make_bot: Callable[[], DatelineBot],
    token: str,
    stop: asyncio.Event,
    metrics: Metrics,
    first_wait: float = FIRST_WAIT,
    longest_wait: float = MAX_WAIT,
) -> None:
    """Run clients one after the other until `stop` is set. Raises DiscordRefused where a retry is no use."""
    wait = first_wait
    while not stop.is_set():
        started = time.monotonic()
        failure = await run_once(make_bot(), token, stop)
        if stop.is_set():
            return
        message = fatal_reason(failure)
        if message:
            raise DiscordRefused(message) from failure
        if isinstance(failure, DatelineError):
            raise failure
        if time.monotonic() - started > STEADY_AFTER:
            wait = first_wait
        metrics.restarts.inc()
        log.error("client ended, starting it again", exc_info=failure, extra={"seconds": round(wait, 2)})
        await wait_at_most(stop, wait * random.uniform(0.8, 1.2))
        wait = min(wait * 2, longest_wait)


async def run_once(bot: DatelineBot, token: str, stop: asyncio.Event) -> BaseException | None:
    """Run one client until it ends or `stop` is set; returns what it ended with."""
    running = asyncio.create_task(bot.start(token))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await bot.close()
        await asyncio.wait({running}, timeout=5)
        if not running.done():
            running.cancel()
            await asyncio.wait({running})
        return None if running.cancelled() else running.exception()
    finally:
        stopping.cancel()


def fatal_reason(failure: BaseException | None) -> str:
    """What a person has to do if a restart is no use, else ""."""
    if isinstance(failure, discord.LoginFailure):
        return TOKEN_REFUSED
    if isinstance(failure, discord.PrivilegedIntentsRequired):
        return INTENTS_REFUSED
    if isinstance(failure, discord.ConnectionClosed):
        return FATAL_CLOSE_CODES.get(failure.code, "")
    return ""


def plain_failure(failure: BaseException | None) -> str:
    if isinstance(failure, DatelineError):
        return str(failure)
    known = fatal_reason(failure)
    if known:
        return known
    if isinstance(failure, aiohttp.ClientError | OSError | discord.HTTPException | discord.GatewayNotFound):
        return f"Discord cannot be reached ({type(failure).__name__}): check the network and discordstatus.com."
    return f"The client ended ({type(failure).__name__})." if failure else "The client ended."
