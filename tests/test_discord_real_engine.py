"""The bot on the real engine, in one process: what a server adds is found there and nowhere else, and is quoted."""

import asyncio
from pathlib import Path

from bot.client import create_bot
from rag.factory import open_engine
from tests.fakes.discord_harness import MANAGE, bot_settings, custom_ids, pressed, texts_of
from tests.fakes.fake_discord import FakeDiscord, Option, fake_discord

ARTICLE = b""" date 2025-10-20 The harbour of Quellmoor will close on 3 November because its eastern pier is cracked, the town
council said.

The council said that repairs to the eastern pier would take four months. Fishing boats will use the harbour of
Grauwiek until then. Mayor Ilse Brandt said that the repairs cost two million euros.
"""
QUESTION = "When will the harbour of Quellmoor close?"


async def asked(discord: FakeDiscord, question: str, channel: int, user: int) -> dict[str, object]:
    return await discord.answered(await discord.slash("ask", {"question": question}, user=user, channel=channel), 60)


async def add(discord: FakeDiscord, channel: int) -> str:
    discord.files["harbour.txt"] = ARTICLE
    url = f"http://127.0.0.1:{discord.port}/files/harbour.txt"
    file = {"id": "1", "filename": "harbour.txt", "size": len(ARTICLE), "url": url, "proxy_url": url}
    given = await discord.slash(
        "library add",
        {"file": Option(11, "1")},
        channel=channel,
        permissions=MANAGE,
        resolved={"attachments": {"1": file}},
    )
    await discord.until(lambda: given.messages, 60)
    return texts_of(discord.messages[given.messages[0]])


def test_a_servers_article_is_quoted_there_and_unknown_elsewhere(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord({50: (501,), 60: (601,)}) as discord:
            settings = bot_settings(discord, tmp_path / "home", discord_direct_messages=True)
            discord.private_channels[701] = 11
            async with open_engine(settings) as engine:
                bot = create_bot(settings, engine)
                task = asyncio.create_task(bot.start("token"))
                try:
                    await discord.until(lambda: discord.connected)
                    assert "1 added" in await add(discord, 501)
                    here = await asked(discord, QUESTION, 501, 11)
                    assert "will close on 3 November" in texts_of(here)
                    for channel, user in ((601, 12), (701, 11)):
                        elsewhere = await asked(discord, QUESTION, channel, user)
                        assert elsewhere["embeds"][0]["description"].startswith("**The articles do not say.**")
                        assert "November" not in texts_of(elsewhere)
                        assert "harbour of Quellmoor will" not in texts_of(elsewhere)
                    scope = {"question": QUESTION, "since": "2025-10-21"}
                    later = await discord.answered(await discord.slash("ask", scope, user=13), 60)
                    assert "Nothing since 21 Oct 2025; the newest article is of 20 Oct 2025." in texts_of(later)
                    follow_up = pressed(here, "follow").replace("follow", "question")
                    why = await discord.answered(await discord.submit(follow_up, {"text": "Why?"}, 14), 60)
                    assert "because its eastern pier is cracked" in texts_of(why)
                    assert "will close" not in why["embeds"][0]["description"]
                    again = pressed(why, "follow").replace("follow", "question")
                    none = await discord.answered(await discord.submit(again, {"text": "And why?"}, 15), 60)
                    assert "They give no reason beyond what I quoted." in texts_of(none)
                    press = await discord.press(int(here["id"]), pressed(here, "passages"))
                    await discord.until(lambda: press.messages)
                    assert "**" in texts_of(discord.messages[press.messages[0]])
                    stolen = await discord.press(int(elsewhere["id"]), pressed(here, "passages"))
                    await discord.until(lambda: stolen.messages)
                    assert "no longer" in texts_of(discord.messages[stolen.messages[0]])
                    assert len(custom_ids(here)) == 6
                finally:
                    await bot.close()
                    await asyncio.wait({task}, timeout=10)

    asyncio.run(check())
