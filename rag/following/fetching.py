"""Bounded, guarded GETs: Fetched, or FetchFailed with a sentence. Knows nothing of feeds, robots.txt or schedules."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from enum import Enum
from importlib.metadata import version
from types import TracebackType
from typing import Self, TypeAlias
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from rag.following.guard import caused_by_private_address, guarded_connector
from rag.text import clean_line

PRODUCT = "Dateline"
"""What robots.txt may call us."""
MAX_URL = 2_000
MAX_REDIRECTS = 8
READ_BYTES = 65_536
PERMANENT = (301, 308)
REDIRECTING = (*PERMANENT, 302, 303, 307)
UNPACKED_AT_ONCE = 1 << 20
CONNECT_SECONDS = 10.0


class Failure(Enum):
    """Why nothing was fetched, as far as it decides what is done about it."""

    PASSING = "passing"
    """May be over the next time: the network, the server, its load."""
    REFUSED = "refused"
    """The site wants no program, or no one without a subscription, to read this: 401, 402, 403, 451, robots.txt."""
    MISSING = "missing"
    """404: not there, perhaps for a while."""
    GONE = "gone"
    """410: not there, and the site says that it will not be."""
    UNUSABLE = "unusable"
    """Not an address on the web that may be fetched; trying again changes nothing."""


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """reason: the end of a sentence whose beginning is the address. retry_after: seconds that the server asked for, or 0.

    status: what the server answered, 0 where there was no whole answer or it was not the reason.
    """

    failure: Failure
    reason: str
    retry_after: float = 0.0
    status: int = 0


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address holds. url: where it was found in the end; moved_to: its new address, "" unless it moved for good.

    unchanged: the server says that it is as it was, and content is empty. content_type: without parameters, lower case; charset:
    the one that the server named beside it, "" where it did not.
    """

    url: str
    content: bytes
    content_type: str = ""
    etag: str = ""
    last_modified: str = ""
    moved_to: str = ""
    unchanged: bool = False
    charset: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the server said when it was asked last, so that it can say "unchanged"."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """seconds: for one request and all of its answer. size: bytes, unpacked."""

    seconds: float
    size: int


@dataclass(frozen=True, slots=True)
class Redirected:
    """The address to ask next. for_good: the one before will not be back."""

    url: str
    for_good: bool


Ask: TypeAlias = Callable[[str], Awaitable[Fetched | Redirected | FetchFailed]]
"""One request to an address."""


class Unfetchable(Exception):
    """Raised within a fetch to end it with this FetchFailed."""

    def __init__(self, failed: FetchFailed) -> None:
        super().__init__(failed.reason)
        self.failed = failed


class Fetcher:
    """Fetches within limits, from reachable addresses only. Opened with `async with`."""

    def __init__(
        self, limits: FetchLimits, reachable: Callable[[str], bool], contact: str, now: Callable[[], float]
    ) -> None:
        self.limits = limits
        self.reachable = reachable
        self.now = now
        self.user_agent = (
            f"{PRODUCT}/{version('dateline')} (reads news for a library of articles{contact and '; '}{contact})"
        )
        self.session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self.session = aiohttp.ClientSession(
            connector=guarded_connector(self.reachable),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            # Unpacked here, piece by piece: a small body may unpack to more than there is memory.
            auto_decompress=False,
            headers={"User-Agent": self.user_agent, "Accept-Encoding": "gzip, deflate"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.session is not None:
            await self.session.close()

    async def fetch(
        self, url: str, seen: Seen | None = None, accept: str = "*/*", size: int = 0, whole: bool = True
    ) -> Fetched | FetchFailed:
        """What is at this address, or at the one that it redirects to; size and whole as in `ask`."""
        return await follow_redirects(url, lambda each: self.ask(each, seen, accept, size, whole))

    async def ask(
        self, url: str, seen: Seen | None = None, accept: str = "*/*", size: int = 0, whole: bool = True
    ) -> Fetched | Redirected | FetchFailed:
        """What one request brings. size: another bound than the usual one, in bytes; whole: what is larger fails, else its
        beginning is enough."""
        if reason := unusable(url):
            return FetchFailed(Failure.UNUSABLE, reason)
        seen = seen or Seen()
        headers = {"Accept": accept}
        if seen.etag:
            headers["If-None-Match"] = seen.etag
        if seen.last_modified:
            headers["If-Modified-Since"] = seen.last_modified
        assert self.session is not None
        try:
            async with (
                asyncio.timeout(self.limits.seconds),
                self.session.get(url, headers=headers, allow_redirects=False) as response,
            ):
                target = response.headers.get("Location", "")
                if response.status in REDIRECTING and target:
                    moved = str(URL(url).join(URL(target)).with_fragment(None))
                    return Redirected(moved, response.status in PERMANENT)
                return await self.answer_of(response, url, seen, size or self.limits.size, whole)
        except Unfetchable as error:
            return error.failed
        except TimeoutError:
            return FetchFailed(Failure.PASSING, f"did not answer in full within {self.limits.seconds:.0f} seconds")
        except (aiohttp.ClientError, OSError, ValueError, zlib.error) as error:
            return failed_connection(error)

    async def answer_of(
        self, response: aiohttp.ClientResponse, url: str, seen: Seen, size: int, whole: bool
    ) -> Fetched:
        """The answer that is no redirect. Raises Unfetchable."""
        if response.status == 304 and (seen.etag or seen.last_modified):
            return Fetched(url, b"", "", seen.etag, seen.last_modified, unchanged=True)
        if response.status != 200:
            raise Unfetchable(failed_status(response, self.now()))
        content = await unpacked_body(response, size, whole)
        etag, last_modified = (response.headers.get(name, "")[:500] for name in ("ETag", "Last-Modified"))
        return Fetched(
            url, content, response.content_type.lower(), etag, last_modified, charset=(response.charset or "").lower()
        )


async def follow_redirects(url: str, ask: Ask) -> Fetched | FetchFailed:
    """What is at the end of the way that begins at this address; each address on it is asked like the first."""
    moved_to, for_good, visited = "", True, set[str]()
    for _ in range(MAX_REDIRECTS + 1):
        if url in visited:
            return FetchFailed(Failure.PASSING, "redirects in a circle")
        visited.add(url)
        found = await ask(url)
        if isinstance(found, FetchFailed):
            return found
        if isinstance(found, Fetched):
            return replace(found, moved_to=moved_to)
        url, for_good = found.url, for_good and found.for_good
        moved_to = url if for_good else moved_to
    return FetchFailed(Failure.PASSING, f"redirects more than {MAX_REDIRECTS} times")


def unusable(url: str) -> str:
    """Why an address may not be fetched, "" if it may: only plain http(s) is."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        URL(url)
    except ValueError:
        return "is not an address: correct it"
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        return f"is no web address ({clean_line(parts.scheme)[:20] or 'nothing'}:): only http and https are fetched"
    if len(url) > MAX_URL:
        return f"is longer than {MAX_URL:,} characters: no site has such an address"
    if parts.username is not None or parts.password is not None:
        return "holds a name or password: leave them out"
    return ""


def failed_status(response: aiohttp.ClientResponse, now: float) -> FetchFailed:
    """What a status other than 200 means."""
    status, wait = response.status, seconds_to_wait(response.headers.get("Retry-After", ""), now)
    if status == 410:
        return FetchFailed(Failure.GONE, "is gone for good, the server says (410)")
    if status == 404:
        return FetchFailed(Failure.MISSING, "is not there (404): check the address")
    if status in (401, 402, 403, 451):
        return FetchFailed(Failure.REFUSED, f"is not open to this program (the server answers {status})", wait)
    if status == 429:
        return FetchFailed(Failure.PASSING, "is asked too often (429): it is asked less often now", wait, status)
    return FetchFailed(Failure.PASSING, f"cannot be had just now (the server answers {status})", wait, status)


def seconds_to_wait(retry_after: str, now: float) -> float:
    """Retry-After in seconds from now: a number, or a date (RFC 9110). 0 for what is neither."""
    retry_after = retry_after.strip()
    if retry_after.isdecimal() and len(retry_after) < 10:
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return 0.0


async def unpacked_body(response: aiohttp.ClientResponse, size: int, whole: bool) -> bytes:
    """The body, unpacked as it comes, at most `size` bytes of it. Raises Unfetchable for one that breaks off, or is larger where
    the whole is wanted."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise Unfetchable(
            FetchFailed(Failure.PASSING, f"is packed as {clean_line(encoding)[:20]}, which was not asked for")
        )
    unpacker = Unpacker(size) if encoding in ("gzip", "x-gzip", "deflate") else None
    content = bytearray()
    async for block in response.content.iter_chunked(READ_BYTES):
        content += unpacker.feed(block) if unpacker else block
        if len(content) > size:
            if whole:
                raise exceeds_limit(size)
            return bytes(content[:size])
    if unpacker and not unpacker.is_whole:
        raise Unfetchable(FetchFailed(Failure.PASSING, "breaks off before its end"))
    return bytes(content)


def unpacked(content: bytes, size: int) -> bytes:
    """A gzip file's content, at most `size` bytes. Raises Unfetchable for one that is larger, broken or breaks off."""
    unpacker = Unpacker(size)
    try:
        made = unpacker.feed(content)
    except zlib.error:
        raise Unfetchable(FetchFailed(Failure.PASSING, "is packed in a way that cannot be unpacked")) from None
    if len(made) > size:
        raise exceeds_limit(size)
    if not unpacker.is_whole:
        raise Unfetchable(FetchFailed(Failure.PASSING, "breaks off before its end"))
    return made


class Unpacker:
    """Unpacks gzip or zlib as it comes, never much more than `size` bytes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.made = 0
        # 32: gzip or zlib, by its first bytes.
        self.stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        self.started = False

    @property
    def is_whole(self) -> bool:
        """True where the packed stream has come to its end."""
        return self.stream.eof or not self.started

    def feed(self, block: bytes) -> bytes:
        """What this block unpacks to; one byte more than `size` in all is enough to know. Raises zlib.error."""
        made = bytearray()
        while block and self.made <= self.size:
            if self.stream.eof:
                # Several gzip members behind each other are one file; anything else behind the end is padding.
                if not block.startswith(b"\x1f\x8b"):
                    break
                self.stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
            self.started = True
            piece = self.stream.decompress(block, UNPACKED_AT_ONCE)
            self.made += len(piece)
            made += piece
            block = self.stream.unconsumed_tail or self.stream.unused_data
        return bytes(made)


def exceeds_limit(size: int) -> Unfetchable:
    return Unfetchable(
        FetchFailed(Failure.PASSING, f"is larger than {size:,} bytes: raise DATELINE_FOLLOW_BYTES to fetch it")
    )


def failed_connection(error: Exception) -> FetchFailed:
    """Why the connection came to nothing, in words."""
    if caused_by_private_address(error):
        reason = "lies on this machine or its own network: set DATELINE_PRIVATE_ADDRESSES=true where that is meant"
        return FetchFailed(Failure.UNUSABLE, reason)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return FetchFailed(Failure.PASSING, "has a host that no name server knows: check the address and the network")
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return FetchFailed(
            Failure.PASSING, "has no certificate that can be trusted: nothing is read from it until it has"
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return FetchFailed(
            Failure.PASSING, "cannot be connected to: check the address, or wait until the server is back"
        )
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError | ConnectionError):
        return FetchFailed(Failure.PASSING, "breaks off before its end")
    if isinstance(error, zlib.error):
        return FetchFailed(Failure.PASSING, "is packed in a way that cannot be unpacked")
    if isinstance(error, ValueError):
        return FetchFailed(Failure.PASSING, "redirects to something that is no web address")
    return FetchFailed(Failure.PASSING, "answers with something that is not HTTP")
