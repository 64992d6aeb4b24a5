"""Following behind people's questions: what is followed, each guild's own library included, is read while the bot runs."""

import asyncio
import logging
from dataclasses import dataclass

from bot.discord.admission import wait_at_most
from bot.discord.client import DatelineBot
from bot.discord.watches import LONGEST_WAIT, REST
from rag.following.follow import keep_reading, open_follower
from rag.following.pages import SourceReport
from rag.ingestion.forgetting import Forgotten
from rag.library import Library
from rag.settings import Settings
from vectorstore.errors import DatelineError

log = logging.getLogger("dateline.follow")

READ_AGAIN = 300.0
"""Seconds until reading is tried again after the library failed; what failed on the wire waits for its own time."""


@dataclass(eq=False)
class PeopleFirst:
    """Lets the following wait for people's questions, of whichever client runs now."""

    bot: DatelineBot | None = None

    async def give_way(self, seconds: float) -> None:
        """Wait while a question is running or waiting, for some seconds at most; rest after work that took so many seconds."""
        # The queue is made when the client has logged in.
        if self.bot is not None and hasattr(self.bot, "queue"):
            await wait_at_most(self.bot.queue.empty, LONGEST_WAIT)
        await asyncio.sleep(REST * seconds)


async def keep_following(settings: Settings, library: Library, stop: asyncio.Event, people: PeopleFirst) -> None:
    """Read what is due until `stop` is set. What fails is logged, and must not end the bot."""
    while not stop.is_set():
        try:
            async with open_follower(settings, library, give_way=people.give_way) as follower:
                await keep_reading(follower, stop, log_report, log_forgotten)
        except DatelineError as error:
            log.error("following failed", extra={"failure": type(error).__name__, "reason": str(error)})
            await wait_at_most(stop, READ_AGAIN)
        except Exception:
            log.exception("following failed")
            await wait_at_most(stop, READ_AGAIN)


def log_report(report: SourceReport) -> None:
    """One line for a source that was read."""
    counts = {"added": report.added, "changed": report.changed, "withdrawn": len(report.withdrawn)}
    counts |= {"skipped": len(report.skipped), "failed": len(report.failed)}
    level = logging.WARNING if report.error else logging.INFO
    log.log(level, "followed", extra={"source": report.source.id, "reason": report.error, **counts})


def log_forgotten(forgotten: Forgotten) -> None:
    """One line for what was too old to be kept."""
    counts = {"articles": forgotten.articles, "answers": forgotten.answers, "watches": forgotten.watches}
    log.log(logging.WARNING if forgotten.left else logging.INFO, "forgotten", extra={"left": forgotten.left, **counts})
