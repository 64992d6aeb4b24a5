"""Download an article file from a URL that an admin gave: bounded in time and size, never from a private network."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import aiohttp

from bot.discord.errors import FileRejected
from rag.following.guard import caused_by_private_address, guarded_connector, is_public
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
    "text/tab-separated-values": ".tsv",
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "message/rfc822": ".eml",
}
BY_TYPE_ALONE = ("text/html", "application/xhtml+xml", "application/pdf")
"""What is sent as one of these is one, whatever its address ends in: sites answer with a page where a file is gone."""


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
    connector = guarded_connector(reachable or is_public)
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
        if caused_by_private_address(error):
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


def too_large(largest: int) -> FileRejected:
    return FileRejected("download_too_large", largest=largest)
