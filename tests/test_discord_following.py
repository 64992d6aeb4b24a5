"""Following in the bot's process: read while it runs, ended with it, and no failure of it ends the bot."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.discord.following import PeopleFirst, keep_following
from bot.discord.state import guild_library
from rag.following.sources import Discovered, new_source
from rag.library import Library
from rag.settings import Settings
from tests.fakes.discord_harness import running
from tests.fakes.fake_site import FakeSite, item, running_site
from vectorstore.followed import FollowedStore

TEXT = "The harbour council will vote on the new ferry on Tuesday, Mayor Ada Holm said in the town hall."


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so, for some seconds at most."""
    for _ in range(1_000):
        if condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail("It never was.")


def test_a_guilds_library_is_read_while_the_bot_runs(
    library: Library, own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        settings, stop = Settings(home=own_home, private_addresses=True, follow_delay_seconds=0), asyncio.Event()
        store, own = FollowedStore(library.storage.ledger.database), guild_library(50)
        async with running_site(FakeSite()) as site:
            site.put_article("/ferry", "Ferry vote", TEXT)
            site.put_feed("/feed.xml", "Harbour Post", [item(f"{site.address}/ferry", "Ferry vote")])
            store.add(new_source(Discovered("feed", f"{site.address}/feed.xml", "Harbour Post"), own, 1_800.0, 0.0))
            store.add(new_source(Discovered("feed", f"{site.address}/none.xml", "City Wire"), own, 1_800.0, 0.0))
            following = asyncio.create_task(keep_following(settings, library, stop, PeopleFirst()))
            await until(lambda: len(caplog.records) == 2)
            stop.set()
            async with asyncio.timeout(3):
                await following
        assert list(library.storage.ledger.known(own)) == [f"{site.address}/ferry"]
        assert library.storage.ledger.known("shared") == {}

    with caplog.at_level(logging.INFO, "dateline.follow"):
        asyncio.run(check())
    read = {record.reason: record for record in caplog.records if record.message == "followed"}
    assert read[""].added == 1
    assert "is not there (404): check the address" in read


def test_the_following_waits_for_peoples_questions(library: Library, own_home: Path, tmp_path: Path) -> None:
    async def check() -> None:
        settings, stop = Settings(home=own_home, private_addresses=True, follow_delay_seconds=0), asyncio.Event()
        store, own = FollowedStore(library.storage.ledger.database), guild_library(50)
        async with running_site(FakeSite()) as site, running(tmp_path) as parts:
            site.put_article("/ferry", "Ferry vote", TEXT)
            site.put_feed("/feed.xml", "Harbour Post", [item(f"{site.address}/ferry", "Ferry vote")])
            store.add(new_source(Discovered("feed", f"{site.address}/feed.xml", "Harbour Post"), own, 1_800.0, 0.0))
            asked = parts.bot.queue.admit(11)
            following = asyncio.create_task(keep_following(settings, library, stop, PeopleFirst(parts.bot)))
            await until(lambda: site.asked("/feed.xml") == 1)
            await asyncio.sleep(0.3)
            assert site.asked("/ferry") == 0
            parts.bot.queue.leave(asked)
            await until(lambda: list(library.storage.ledger.known(own)) == [f"{site.address}/ferry"])
            stop.set()
            async with asyncio.timeout(3):
                await following

    asyncio.run(check())


def test_a_library_that_fails_ends_the_following_for_a_while_and_not_the_bot(
    library: Library, own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        settings, stop = Settings(home=own_home), asyncio.Event()
        with library.storage.ledger.database.begin() as connection:
            connection.exec_driver_sql("DROP TABLE followed")
        following = asyncio.create_task(keep_following(settings, library, stop, PeopleFirst()))
        await until(lambda: bool(caplog.records))
        assert not following.done()
        stop.set()
        async with asyncio.timeout(3):
            await following

    with caplog.at_level(logging.INFO, "dateline.follow"):
        asyncio.run(check())
    assert caplog.records[0].failure == "StoreUnavailable"
