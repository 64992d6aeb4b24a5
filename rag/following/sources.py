"""What an address is that somebody wants to follow, found out by one look; and the single pages that are stored at once."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from rag.following.articles import PAGE_TYPES, PDF_TYPE, TEXT_TYPES, page_text
from rag.following.feed_process import read_feed_within
from rag.following.feeds import NotAFeed, feed_links, in_utf_8, looks_like_feed, page_title
from rag.following.fetching import Failure, FetchFailed, Unfetchable, unpacked
from rag.following.follow import ACCEPT_LIST
from rag.following.polite import PoliteFetcher
from rag.following.schedule import SHORTEST
from vectorstore.followed import Source, SourceKind, new_source_id

SECONDS_OF_UNIT = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
LONGEST_EVERY = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Discovered:
    """What is at an address. entries: listed there now; sitemaps: named by an index; feeds: that a page offers."""

    kind: SourceKind
    address: str
    title: str = ""
    entries: int = 0
    sitemaps: int = 0
    feeds: tuple[str, ...] = ()


async def discover(address: str, fetcher: PoliteFetcher) -> Discovered | FetchFailed:
    """Look at an address once."""
    if not is_web_address(address):
        return await asyncio.to_thread(discover_folder, address)
    fetched = await fetcher.fetch(address, accept=ACCEPT_LIST)
    if isinstance(fetched, FetchFailed):
        return fetched
    # Only a move for good is a new address; what redirects for now is asked again where it was.
    address = fetched.moved_to or address
    try:
        content = fetched.content
        if content.startswith(b"\x1f\x8b"):
            content = unpacked(content, fetcher.fetcher.limits.size)
        if looks_like_feed(content):
            feed = await asyncio.to_thread(read_feed_within, in_utf_8(content, fetched.charset), fetched.url)
            return Discovered(feed.kind, address, feed.title, len(feed.entries), len(feed.sitemaps))
    except Unfetchable as error:
        return error.failed
    except NotAFeed as error:
        return FetchFailed(Failure.PASSING, str(error))
    if fetched.content_type not in (*PAGE_TYPES, PDF_TYPE, *TEXT_TYPES):
        kind = fetched.content_type or "of no known type"
        return FetchFailed(Failure.UNUSABLE, f"is {kind}: only feeds, sitemaps and pages can be followed")
    page = await asyncio.to_thread(page_text, fetched)
    return Discovered("page", address, page_title(page), feeds=tuple(dict.fromkeys(feed_links(page, fetched.url))))


def is_web_address(address: str) -> bool:
    """True for what is meant to be fetched rather than read from this machine."""
    return address.lower().startswith(("http://", "https://"))


def discover_folder(path: str) -> Discovered | FetchFailed:
    folder = Path(path).expanduser().resolve()
    if folder.is_dir():
        return Discovered("folder", str(folder), folder.name)
    return FetchFailed(Failure.UNUSABLE, "is neither a folder nor an address that begins with http:// or https://")


def new_source(found: Discovered, library: str, every: float, now: float) -> Source:
    """What was found as a source that is due at once."""
    return Source(new_source_id(), found.address, found.kind, found.title, every, now, library=library, next_try=now)


def seconds_of(words: str) -> float:
    """ "30m", "2h" or "1d" in seconds. Raises ValueError with a sentence."""
    number, unit = words[:-1], words[-1:].lower()
    if unit not in SECONDS_OF_UNIT or not number.isascii() or not number.isdecimal() or len(number) > 6:
        raise ValueError(f"{words!r} is no time: give minutes, hours or days as 30m, 2h or 1d.")
    seconds = int(number) * SECONDS_OF_UNIT[unit]
    if not SHORTEST <= seconds <= LONGEST_EVERY:
        raise ValueError(f"{words!r} is not between 5 minutes and 30 days.")
    return seconds
