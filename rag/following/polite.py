"""Fetching as a guest: one request to a site at a time, rests between them, robots.txt obeyed, a site that is busy left alone."""

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from rag.following.clock import Clock
from rag.following.fetching import Failure, Fetched, Fetcher, FetchFailed, Seen, unusable
from rag.following.robots import Robots

MAX_REST = 7 * 86_400.0
"""Seconds for which a site may ask to be left alone."""


@dataclass(slots=True)
class Site:
    """When a site may be asked again (by the steady clock). resting_until: it asked to be left alone."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: float = 0.0
    resting_until: float = 0.0


class PoliteFetcher:
    """Fetches pages and feeds as their sites want it."""

    def __init__(self, fetcher: Fetcher, clock: Clock, delay: float) -> None:
        self.fetcher = fetcher
        self.clock = clock
        self.delay = delay
        self.robots = Robots(fetcher, clock)
        self.sites: dict[str, Site] = {}

    async def fetch(self, url: str, seen: Seen | None = None, accept: str = "*/*") -> Fetched | FetchFailed:
        """What is at this address, when its site's turn comes."""
        if reason := unusable(url):
            return FetchFailed(Failure.UNUSABLE, reason)
        site = self.sites.setdefault(str(urlsplit(url).hostname), Site())
        async with site.turn:
            resting = site.resting_until - self.clock.steady()
            if resting > 0:
                return FetchFailed(
                    Failure.PASSING, "belongs to a site that asked to be left alone for a while", resting
                )
            rules = await self.robots.of(url)
            await self.clock.sleep(max(0.0, site.free_at - self.clock.steady()))
            fetched = await self.fetcher.fetch(url, seen, accept, self.robots.refusal)
            site.free_at = self.clock.steady() + max(self.delay, rules.delay)
            if isinstance(fetched, FetchFailed) and fetched.retry_after:
                site.resting_until = self.clock.steady() + min(fetched.retry_after, MAX_REST)
            return fetched
