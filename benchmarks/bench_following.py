"""Measure what the bot's own following costs people who ask meanwhile.

`python -m benchmarks.bench_following` from the checkout: a bot with a library of some 550 articles, people who ask one after
the other, first while nothing is followed, then while the bot reads a feed of 150 pages without a rest between two: no site
is read as fast. The bot is a process of its own; the fake Discord and the site are in this one.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.bench_discord import REAL, ROOT, bot_process, use_test_parts
from benchmarks.bench_watch import ask_while, filler_articles, ingest, ledger_of, spread
from rag.following.sources import Discovered, new_source
from vectorstore.followed import FollowedStore
from vectorstore.values import SHARED_LIBRARY

FOLLOWING = {
    "DATELINE_PRIVATE_ADDRESSES": "true",
    "DATELINE_FOLLOW_DELAY_SECONDS": "0",
    "DATELINE_FOLLOW_PAGES": "1000",
    "DATELINE_DISCORD_WATCH_SECONDS": "0",
}

GIVE_UP_SECONDS_A_PAGE = 20.0
"""Reading a page beside people who ask takes some five seconds on two cores."""


def stored_pages(home: Path, source_id: str) -> int:
    """How many pages of the feed are stored as articles."""
    with ledger_of(home) as (_, ledger):
        return FollowedStore(ledger.database).counts(source_id).stored


def follow(home: Path, address: str) -> str:
    """Follow a feed that is due at once; returns its id."""
    with ledger_of(home) as (_, ledger):
        source = new_source(Discovered("feed", address, "Filler"), SHARED_LIBRARY, 86_400.0, 0.0)
        FollowedStore(ledger.database).add(source)
    return source.id


async def measure(library: int, pages: int) -> dict[str, float]:
    """Answers without and with the following, and their ratios."""
    use_test_parts()
    from tests.fakes.fake_discord import fake_discord
    from tests.fakes.fake_site import FakeSite, item, running_site

    articles = list(filler_articles(library + pages))
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        home = Path(name)
        (home / "before.jsonl").write_text("".join(json.dumps(one) + "\n" for one in articles[:library]))
        await ingest(home, ROOT / "seeds", ROOT / "tests/cases/newsroom.jsonl", home / "before.jsonl")
        async with fake_discord() as discord, bot_process(discord, REAL, home, **FOLLOWING):
            await ask_while(discord, lambda: False, 6)
            quiet = await ask_while(discord, lambda: False, 40)
        async with running_site(FakeSite()) as site:
            for one in articles[library:]:
                site.put_article(f"/{one['id']}", one["title"], one["text"])
            items = [item(f"{site.address}/{one['id']}", one["title"]) for one in articles[library:]]
            site.put_feed("/feed.xml", "Filler", items)
            source = follow(home, f"{site.address}/feed.xml")
            async with fake_discord() as discord, bot_process(discord, REAL, home, **FOLLOWING):
                loop = asyncio.get_running_loop()
                began = loop.time()
                at_most = GIVE_UP_SECONDS_A_PAGE * pages
                reading = await ask_while(discord, lambda: stored_pages(home, source) < pages, 1, at_most)
                seconds = loop.time() - began
    measured = {**spread("quiet", quiet), **spread("following", reading), "pages": pages, "pages_seconds": seconds}
    for share in ("p50", "p95"):
        measured[f"slowed_{share}"] = measured[f"following_{share}_ms"] / measured[f"quiet_{share}_ms"]
    return {name: round(value, 2) for name, value in measured.items()}


def main() -> int:
    """Print what was measured as JSON; 1 when people's answers take more than 1.5 times as long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", type=int, default=500)
    parser.add_argument("--pages", type=int, default=150)
    given = parser.parse_args()
    measured = asyncio.run(measure(given.library, given.pages))
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")
    return 0 if measured["slowed_p50"] <= 1.5 else 1


if __name__ == "__main__":
    sys.exit(main())
