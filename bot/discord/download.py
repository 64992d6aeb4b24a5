"""Download an article file from a URL that an admin gave: bounded in time and size, never from a private network."""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote, urlsplit

import aiohttp

from bot.discord.errors import FileRejected
from rag.ingestion.read_articles import SUFFIXES

SECONDS = 20.0
REDIRECTS = 5
MAX_ADDRESS = 2_000
CHUNK = 65_536
SUFFIX_OF_TYPE = {
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/x-markdown": ".md",
    "application/jsonl": ".jsonl",
    "application/x-ndjson": ".jsonl",
    "application/json": ".json",
    "text/csv": ".csv",
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "message/rfc822": ".eml",
}
BY_TYPE_ALONE = ("text/html", "application/xhtml+xml", "application/pdf")
"""What is sent as one of these is one, whatever its address ends in: sites answer with a page where a file is gone."""
UNICAST = ipaddress.ip_network("2000::/3")
NAT64 = ipaddress.ip_network("64:ff9b::/96")

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


class PrivateAddress(OSError):
    """The connection would have gone to this machine or its own network."""


@dataclass(frozen=True, slots=True)
class Download:
    """A fetched file. name: host and path, with the suffix that says how to read it. url: where it was found."""

    name: str
    content: bytes
    url: str


async def download(
    url: str, largest: int, reachable: Callable[[str], bool] | None = None, seconds: float = SECONDS
) -> Download:
    """Fetch a file of articles of at most `largest` bytes within `seconds`. Raises FileRejected.

    reachable: whether to connect to an IP address; by default only to public ones.
    """
    url = url.strip()
    check_address(url)
    connector = aiohttp.TCPConnector(socket_factory=partial(open_socket, reachable or is_public))
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            ) as session,
            session.get(url, max_redirects=REDIRECTS, headers={"Accept": ", ".join(SUFFIX_OF_TYPE)}) as response,
        ):
            if response.status != 200:
                raise FileRejected("address_answers", status=response.status)
            # Without the question mark's part: it may hold a key, and the name is shown.
            found = str(response.url.with_query(None).with_fragment(None))
            name = name_of(found, response.content_type)
            if (response.content_length or 0) > largest:
                raise too_large(largest)
            content = bytearray()
            async for piece in response.content.iter_chunked(CHUNK):
                content += piece
                if len(content) > largest:
                    raise too_large(largest)
            return Download(name, bytes(content), found)
    except TimeoutError:
        raise FileRejected("address_too_slow", seconds=round(seconds)) from None
    except aiohttp.TooManyRedirects:
        raise FileRejected("address_leads_on") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        if is_private(error):
            raise FileRejected("address_private") from None
        raise FileRejected("nothing_fetched") from None


def check_address(url: str) -> None:
    """Raises FileRejected for anything but a plain http(s) URL."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise FileRejected("no_address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or len(url) > MAX_ADDRESS:
        raise FileRejected("no_web_address")
    if parts.username is not None or parts.password is not None:
        raise FileRejected("address_with_password")


def name_of(url: str, content_type: str) -> str:
    """Host and path, ending in a suffix that the reader knows. Raises FileRejected for what cannot be read."""
    parts = urlsplit(url)
    name = f"{parts.hostname}{unquote(parts.path, errors='replace')}"
    if name.lower().endswith(SUFFIXES) and content_type not in BY_TYPE_ALONE:
        return name
    if content_type in SUFFIX_OF_TYPE:
        suffix = SUFFIX_OF_TYPE[content_type]
        return name if name.lower().endswith(suffix) else name.rstrip("/") + suffix
    raise FileRejected("no_file_there", suffixes=", ".join(SUFFIXES))


def open_socket(reachable: Callable[[str], bool], address: AddressInfo) -> socket.socket:
    """A socket for one resolved address. Checked here, after names are resolved and on every redirect, nothing slips by."""
    family, kind, protocol, _, target = address
    if not reachable(str(target[0])):
        raise PrivateAddress(f"{target[0]} is not to be reached")
    return socket.socket(family, kind, protocol)


def anywhere(address: str) -> bool:
    """Allow every address: for a bot whose admins run the network it is in."""
    return bool(address)


def is_public(address: str) -> bool:
    """True if an IP address belongs to the public internet; an IPv4 address embedded in it decides."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed in NAT64:
            return is_public(str(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)))
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
        if inner is not None:
            return is_public(str(inner))
        # Global unicast is the only range of the public internet; others are local or embed an IPv4 address.
        return parsed in UNICAST and parsed.is_global
    return parsed.is_global and not parsed.is_multicast


def is_private(error: BaseException | None) -> bool:
    """True if PrivateAddress is the reason of a failed connection; aiohttp wraps it."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        if isinstance(error, PrivateAddress) or isinstance(getattr(error, "os_error", None), PrivateAddress):
            return True
        seen.append(error)
        error = error.__cause__ or error.__context__
    return False


def too_large(largest: int) -> FileRejected:
    return FileRejected("download_too_large", largest=f"{largest:,}")
