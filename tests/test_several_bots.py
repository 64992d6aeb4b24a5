"""Two `dateline bot` processes of two communities answer from one library, its vectors on a real Chroma server, while
`dateline ingest` adds to it."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.fakes.chroma_server import running_chroma
from tests.fakes.discord_harness import texts_of
from tests.fakes.fake_discord import FakeDiscord, fake_discord
from tests.test_chroma_server import MORE, QUESTION, ships
from tests.test_discord_process import bot_process, finished, start

SAID = "Alba 7 came into Port Ellery with 7 crates"
NEW = MORE * 3
"""Articles that are ingested while the bots answer: several batches."""


async def asked(discord: FakeDiscord, question: str) -> str:
    """What a bot says to a mention, its marks left out."""
    said = await discord.say(501, question)
    await discord.until(lambda: discord.answers_to(said), 120)
    return texts_of(discord.answers_to(said)[0]).replace("**", "")


@pytest.mark.slow
def test_two_bots_answer_from_whole_articles_while_another_process_ingests(tmp_path: Path) -> None:
    home = tmp_path / "home"

    async def check(address: str) -> None:
        async with AsyncExitStack() as stack:
            communities = [await stack.enter_async_context(fake_discord()) for _ in range(2)]
            changes: dict[str, str | None] = {"DATELINE_CHROMA_URL": address}
            filled = await finished(await start(communities[0], home, "ingest", str(ships(tmp_path, 20)), **changes))
            assert filled[0] == 0, filled[2]
            bots = [await stack.enter_async_context(bot_process(one, home, **changes)) for one in communities]
            ingest = await start(communities[0], home, "ingest", str(ships(tmp_path, NEW)), **changes)
            ended = asyncio.create_task(finished(ingest, 240))
            during = 0
            while not ended.done():
                for answer in await asyncio.gather(*(asked(one, QUESTION) for one in communities)):
                    assert SAID in answer
                during += not ended.done()
            assert (await ended)[0] == 0, (await ended)[2]
            assert during
            last = f"How many crates did the ship Alba {NEW - 1} bring?"
            for answer in await asyncio.gather(*(asked(one, last) for one in communities)):
                assert f"with {NEW - 1} crates" in answer
            for bot in bots:
                bot.terminate()
                code, _, log = await finished(bot)
                assert code == 0, log
                assert '"level": "error"' not in log
                assert "Traceback" not in log

    with running_chroma(tmp_path) as chroma:
        asyncio.run(check(chroma.place.url))
