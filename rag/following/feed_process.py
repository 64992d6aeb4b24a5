"""Read large feeds in a process of their own, with bounded time and memory: `python -m rag.following.feed_process BYTES URL`.

feedparser takes 10 to 30 µs for each element, and for what is written on purpose as much as the square of its size: 20,000
attributes in one element, which are 200 KB, hold it for five seconds. The feed comes in on standard input and goes out as JSON.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, fields

from rag.following.feeds import MAX_ENTRIES, MAX_SITEMAPS, Entry, Feed, FeedKind, NotAFeed, read_feed
from rag.ingestion.child_process import bound_memory, child_environment

READ_HERE_BYTES = 32_768
"""Bytes up to which a feed is read here: the slowest of that size that were tried took .2 seconds, less than a process takes to
start."""
SECONDS_A_FEED = 30.0
"""The slowest honest one, 2,000 entries with their texts in 5 MB, takes four of the processor."""
FEED_MEMORY_BYTES = 1_000_000_000
"""Address space of the child. Bounded where the operating system can (not Windows, macOS)."""
FEED_CHILD = "rag.following.feed_process"


def read_feed_within(content: bytes, url: str, seconds: float = SECONDS_A_FEED) -> Feed:
    """The entries of a feed or sitemap, in bounded time whoever wrote it. Raises NotAFeed."""
    if len(content) <= READ_HERE_BYTES:
        return read_feed(content, url)
    command = [sys.executable, "-P", "-m", FEED_CHILD, str(FEED_MEMORY_BYTES), url]
    try:
        done = subprocess.run(
            command,
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotAFeed(f"takes longer than {seconds:g} seconds to read, which no feed should") from None
    except (OSError, ValueError) as error:
        raise NotAFeed(f"cannot be read now: its reader does not start ({type(error).__name__})") from None
    if done.returncode:
        raise NotAFeed("ends the program that reads it, as too much memory would: it is not read")
    return feed_in(done.stdout)


def feed_in(answer: bytes) -> Feed:
    """The feed in a child's answer, checked: whoever wrote the feed may have taken it over. Raises NotAFeed."""
    try:
        told = json.loads(answer)
        if "problem" in told:
            raise NotAFeed(str(told["problem"])[:500])
        kind: FeedKind = "sitemap" if told["kind"] == "sitemap" else "feed"
        entries = tuple(entry_in(entry) for entry in told["entries"][: 2 * MAX_ENTRIES])
        sitemaps = tuple(str(sitemap) for sitemap in told["sitemaps"][:MAX_SITEMAPS])
        return Feed(kind, str(told["title"]), entries, sitemaps, bool(told["left_out"]))
    except (LookupError, TypeError, ValueError):
        raise NotAFeed("ends the program that reads it (an answer that is none): it is not read") from None


def entry_in(told: Mapping[str, object]) -> Entry:
    """Raises LookupError or TypeError for what is no entry."""
    words = {field.name: told[field.name] for field in fields(Entry) if field.type is str}
    if not all(isinstance(value, str) for value in words.values()):
        raise TypeError
    return Entry(**{name: str(value) for name, value in words.items()}, withdrawn=told["withdrawn"] is True)


def read_from_input() -> None:
    """Read one feed, and say what it lists or why it is none."""
    bound_memory(int(sys.argv[1]))
    try:
        answer: dict[str, object] = asdict(read_feed(sys.stdin.buffer.read(), sys.argv[2]))
    except NotAFeed as error:
        answer = {"problem": str(error)}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    read_from_input()
