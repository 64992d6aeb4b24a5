"""Fetching as a guest: one request to a site at a time, rests between them, robots.txt obeyed, a site that is busy left alone."""

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from rag.following.clock import Clock
from rag.following.fetching import (
    Failure,
    Fetched,
    Fetcher,
    FetchFailed,
    Redirected,
    Seen,
    follow_redirects,
    unusable,
)
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
        """What is at this address, or at the one that it redirects to, when the turn of each site on the way comes."""
        return await follow_redirects(url, lambda each: self.ask(each, seen, accept))

    async def ask(self, url: str, seen: Seen | None, accept: str) -> Fetched | Redirected | FetchFailed:
        """What one request brings."""
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
            if refusal := rules.refusal(url):
                return refusal
            await self.clock.sleep(max(0.0, site.free_at - self.clock.steady()))
            found = await self.fetcher.ask(url, seen, accept)
            site.free_at = self.clock.steady() + max(self.delay, rules.delay)
            if isinstance(found, FetchFailed) and found.retry_after:
                site.resting_until = self.clock.steady() + min(found.retry_after, MAX_REST)
            return found
