"""What a site's robots.txt allows (RFC 9309), read once a day. The only door to protego."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from protego import Protego

from rag.following.clock import Clock
from rag.following.fetching import PRODUCT, Failure, Fetcher, FetchFailed

KEPT_SECONDS = 86_400.0
KEPT_AFTER_FAILURE = 600.0
MAX_ROBOTS_BYTES = 512_000
"""What RFC 9309 wants to be read at least: what stands behind it is not read."""
MAX_CRAWL_DELAY = 60.0
"""Seconds. Longer ones would let a site stop everything else."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A site's rules as far as they concern us, `until` a moment of the steady clock.

    unreadable: why they could not be had, and nothing is fetched meanwhile.
    """

    parsed: Protego
    until: float
    unreadable: FetchFailed | None = None

    def refusal(self, url: str) -> FetchFailed | None:
        """Why this address is not fetched, None where it may be."""
        if self.unreadable:
            return self.unreadable
        if not self.parsed.can_fetch(url, PRODUCT):
            return FetchFailed(Failure.REFUSED, "is not for programs, the site's robots.txt says")
        return None

    @property
    def delay(self) -> float:
        """Seconds that the site wants between two requests."""
        return min(self.parsed.crawl_delay(PRODUCT) or 0.0, MAX_CRAWL_DELAY)


class Robots:
    """The rules of the sites that were asked."""

    def __init__(self, fetcher: Fetcher, clock: Clock) -> None:
        self.fetcher = fetcher
        self.clock = clock
        self.rules: dict[str, Rules] = {}

    async def of(self, url: str) -> Rules:
        """The rules of the site that an address belongs to."""
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        known = self.rules.get(site)
        if known is None or known.until <= self.clock.steady():
            known = self.rules[site] = await self.read(f"{site}/robots.txt")
        return known

    async def read(self, url: str) -> Rules:
        fetched = await self.fetcher.fetch(url, accept="text/plain", size=MAX_ROBOTS_BYTES, whole=False)
        if isinstance(fetched, FetchFailed):
            # Where there is none, or it is kept from us, everything is allowed; where the server fails, nothing is.
            # What may not be reached at all says so itself when it is fetched.
            absent = fetched.failure is not Failure.PASSING
            kept = KEPT_SECONDS if absent else max(KEPT_AFTER_FAILURE, fetched.retry_after)
            return Rules(Protego.parse(""), self.clock.steady() + kept, None if absent else without_rules(fetched))
        text = fetched.content.decode("utf-8", "replace")
        return Rules(Protego.parse(text), self.clock.steady() + KEPT_SECONDS)


def without_rules(failed: FetchFailed) -> FetchFailed:
    """Why nothing is fetched from a site whose rules could not be had; a server that is down has no rules to speak of."""
    if not failed.status:
        return FetchFailed(Failure.PASSING, failed.reason)
    return FetchFailed(Failure.PASSING, f"is not fetched because the site's robots.txt {failed.reason}")
