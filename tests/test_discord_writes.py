"""Changes to the library from Discord: one at a time, beside the questions, and no reason for the bot not to end."""

import asyncio
import signal
import time
from pathlib import Path

import pytest
from test_discord_process import bot_process, finished

from bot.client import create_bot
from bot.discord.library_writes import MAX_WAITING, LibraryWrites
from rag.factory import open_engine
from tests.fakes.discord_harness import MANAGE, bot_settings, texts_of
from tests.fakes.fake_discord import FakeDiscord, Interaction, Option, fake_discord
from tests.fakes.fake_model_server import Reply, piece, serving
from vectorstore.errors import StoreBusy, StoreStopped
from vectorstore.lock import writer_lock


async def add(discord: FakeDiscord, channel: int, content: bytes, name: str = "message.txt") -> Interaction:
    """An admin adds a file; what comes of it is in the interaction's messages."""
    discord.files[name] = content
    url = f"http://127.0.0.1:{discord.port}/files/{name}"
    file = {"id": "1", "filename": name, "size": len(content), "url": url, "proxy_url": url}
    options = {"file": Option(11, "1")}
    resolved = {"attachments": {"1": file}}
    return await discord.slash("library add", options, channel=channel, permissions=MANAGE, resolved=resolved)


async def told(discord: FakeDiscord, given: Interaction, seconds: float = 60) -> str:
    await discord.until(lambda: given.messages, seconds)
    return texts_of(discord.messages[given.messages[0]])


def test_changes_are_made_one_at_a_time_and_too_many_are_turned_away() -> None:
    async def check() -> None:
        writes = LibraryWrites()
        running = most = 0

        async def one() -> None:
            nonlocal running, most
            async with writes.turn():
                running += 1
                most = max(most, running)
                await asyncio.sleep(0.001)
                running -= 1

        done = await asyncio.gather(*(one() for _ in range(MAX_WAITING + 5)), return_exceptions=True)
        assert most == 1
        assert [isinstance(one, StoreBusy) for one in done if one is not None] == [True] * 4

    asyncio.run(check())


def test_draining_lets_a_change_finish_and_then_stops_it() -> None:
    async def check() -> None:
        writes = LibraryWrites()
        finished_in_time = asyncio.Event()

        async def short() -> None:
            async with writes.turn():
                await asyncio.sleep(0.1)
                finished_in_time.set()

        async def long() -> None:
            async with writes.turn() as stopped:
                await asyncio.to_thread(lambda: [time.sleep(0.01) for _ in iter(stopped, True)])
                raise StoreStopped("stopped")

        tasks = [asyncio.create_task(short()), asyncio.create_task(long())]
        await asyncio.sleep(0.01)
        await writes.drain(0.3)
        assert finished_in_time.is_set()
        assert isinstance((await asyncio.gather(*tasks, return_exceptions=True))[1], StoreStopped)
        with pytest.raises(StoreBusy, match="about to restart"):
            async with writes.turn():
                pass

    asyncio.run(check())


@pytest.mark.slow
def test_questions_are_answered_while_seven_servers_wait_to_add_articles(tmp_path: Path) -> None:
    async def check() -> None:
        servers = {50 + n: (500 + n,) for n in range(8)}
        async with fake_discord(servers) as discord:
            settings = bot_settings(discord, tmp_path / "home")
            async with open_engine(settings) as engine:
                await engine.library.ingest([Path("seeds")])
                bot = create_bot(settings, engine)
                task = asyncio.create_task(bot.start("token"))
                try:
                    await discord.until(lambda: discord.connected)
                    with writer_lock(settings.home, 0):
                        adds = [await add(discord, 500 + n, b"Article %d." % n, f"{n}.txt") for n in range(7)]
                        asked = await discord.slash("ask", {"question": "Will Hungary arrest Putin?"}, channel=507)
                        answer = await discord.answered(asked, 30)
                        assert "would not seek to arrest" in texts_of(answer)
                        assert not any(one.messages for one in adds)
                    for one in adds:
                        assert "1 added" in await told(discord, one)
                finally:
                    await bot.close()
                    await asyncio.wait({task}, timeout=10)

    asyncio.run(check())


@pytest.mark.slow
def test_the_process_ends_while_an_add_waits_for_another_program(tmp_path: Path) -> None:
    async def check() -> None:
        home = tmp_path / "home"
        async with (
            fake_discord() as discord,
            bot_process(discord, home, DATELINE_DISCORD_DRAIN_SECONDS="1") as process,
        ):
            await discord.until(lambda: discord.syncs == 1)
            with writer_lock(home, 10):
                given = await add(discord, 501, b"An article.")
                await discord.until(lambda: given.callback)
                await asyncio.sleep(1)
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                code, _, log = await finished(process, 30)
            assert code == 0, log
            assert time.monotonic() - began < 15
            assert "do it again" in await told(discord, given)

    asyncio.run(check())


@pytest.mark.slow
def test_the_process_ends_in_the_middle_of_a_large_add(tmp_path: Path) -> None:
    async def check() -> None:
        home = tmp_path / "home"
        text = "\n\n".join(f"The harbour master counted {n} ships in the bay on day {n}." for n in range(40_000))
        async with (
            fake_discord() as discord,
            bot_process(discord, home, DATELINE_DISCORD_DRAIN_SECONDS="1") as process,
        ):
            await discord.until(lambda: discord.syncs == 1)
            given = await add(discord, 501, text.encode())
            await discord.until(lambda: given.callback)
            await asyncio.sleep(3)
            process.send_signal(signal.SIGTERM)
            code, _, log = await finished(process, 45)
            assert code == 0, log
            assert "do it again" in await told(discord, given)

    asyncio.run(check())


@pytest.mark.slow
def test_the_process_ends_in_the_middle_of_an_answer(tmp_path: Path) -> None:
    async def check(base_url: str) -> None:
        changes = {
            "DATELINE_DISCORD_DRAIN_SECONDS": "1",
            "DATELINE_MODEL": "small",
            "OPENAI_BASE_URL": base_url,
        }
        async with fake_discord() as discord, bot_process(discord, tmp_path / "home", **changes) as process:
            await discord.until(lambda: discord.syncs == 1)
            said = await discord.say(501, "Will Hungary arrest Putin?")
            await discord.until(lambda: any("not checked" in texts_of(one) for one in discord.answers_to(said)), 30)
            process.send_signal(signal.SIGTERM)
            code, _, log = await finished(process, 30)
            assert code == 0, log
            assert "Please ask again" in texts_of(discord.answers_to(said)[-1])

    with serving(Reply((piece("Hungary would not seek to arrest Putin [1]. It"), 60.0))) as standin:
        asyncio.run(check(standin.base_url))
