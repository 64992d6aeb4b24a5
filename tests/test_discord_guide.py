"""docs/discord.md followed word by word against the fake Discord: each command a process, typed as the guide has it."""

import asyncio
import re
import shlex
import signal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from test_discord_process import ROOT, bot_process, finished, start

from tests.fakes.discord_harness import MANAGE, pressed, texts_of
from tests.fakes.fake_discord import FakeDiscord, Interaction, fake_discord

GUIDE = (ROOT / "docs" / "discord.md").read_text()
CHANGES: dict[str, str | None] = {
    "DATELINE_DISCORD_TOKEN": None,
    "DATELINE_PRIVATE_ADDRESSES": "true",
}
"""The token is only where the guide has its reader put it; the address to fetch an article from is on loopback."""


def steps() -> dict[int, str]:
    """The numbered steps of the first section."""
    section = GUIDE.partition("## From the developer portal to the first answer")[2].partition("\n## ")[0]
    found = re.split(r"^(\d+)\. ", section, flags=re.MULTILINE)[1:]
    return {int(number): text for number, text in zip(found[::2], found[1::2], strict=True)}


def block(step: str) -> str:
    """The indented line of a step."""
    return next(line.strip() for line in step.splitlines() if line.startswith("       "))


def commands(step: str) -> list[list[str]]:
    """What a step has one type, as words behind `dateline`."""
    return [shlex.split(words) for words in re.findall(r"`dateline ([^`]+)`", step)]


async def shown(discord: FakeDiscord, interaction: Interaction) -> str:
    """What one person alone was shown."""
    await discord.until(lambda: interaction.messages or interaction.finished, 60)
    return "\n".join(texts_of(discord.messages[one]) for one in interaction.messages or [interaction.original])


async def asked_in_modal(discord: FakeDiscord, message: dict[str, object], action: str, text: str) -> Interaction:
    press = await discord.press(int(message["id"]), pressed(message, action))
    await discord.until(lambda: press.callback)
    modal = press.callback["data"]
    field = modal["components"][0]["components"][0]["custom_id"]
    return await discord.submit(modal["custom_id"], {field: text})


async def reply_of(discord: FakeDiscord, message_id: int) -> dict[str, object]:
    def final() -> list[dict[str, object]]:
        return [one for one in discord.answers_to(message_id) if one.get("components")]

    await discord.until(final, 60)
    return final()[0]


@pytest.mark.slow
def test_the_guide_leads_from_the_portal_to_the_first_answer(tmp_path: Path) -> None:
    guide = steps()
    assert list(guide) == [1, 2, 3, 4, 5, 6, 7, 8]
    folder = tmp_path / "start"
    folder.mkdir()
    home = folder / "home"

    async def typed(discord: FakeDiscord, *words: str) -> tuple[int | None, str]:
        code, out, err = await finished(await start(discord, home, *words, **CHANGES))
        return code, out + err

    async def check() -> None:
        async with fake_discord({}) as discord:
            # 1 and 2: the application, its token in .env. 3: every privileged intent stays off: flags of 0.
            discord.token = "a-token-from-the-portal"
            line = block(guide[2])
            assert line == "DATELINE_DISCORD_TOKEN=paste-it-here"
            code, said = await typed(discord, *commands(guide[6])[0])
            assert code == 1
            assert "Reset Token" in said
            (folder / ".env").write_text(line.replace("paste-it-here", "a-wrong-token") + "\n")
            code, said = await typed(discord, *commands(guide[6])[0])
            assert code == 1
            assert "Reset Token" in said
            (folder / ".env").write_text(line.replace("paste-it-here", discord.token) + "\n")
            # 4: the server grants what the address asks for.
            asks = parse_qs(urlsplit(block(guide[4])).query)
            assert asks["scope"] == ["bot applications.commands"]
            discord.add_guild(50, [501], permissions=int(asks["permissions"][0]))
            # 5: articles.
            ((verb, place),) = commands(guide[5])
            assert (verb, place) == ("ingest", "FOLDER")
            code, said = await typed(discord, verb, str(ROOT / "seeds"))
            assert code == 0, said
            # 6: the check.
            ((*check_words,),) = commands(guide[6])
            code, said = await typed(discord, *check_words)
            assert code == 0, said
            assert {line.split()[0] for line in said.splitlines()} <= {"ok", "note"}
            # 7: run it; it has sent its commands by then.
            run_words, sync_words = commands(guide[7])
            assert run_words == ["bot"]
            async with bot_process(discord, home, **CHANGES) as process:
                await discord.until(lambda: discord.syncs == 1)
                # 8: ask.
                question = re.search(r"`/ask question: ([^`]+)`", guide[8])[1]
                first = await discord.answered(await discord.slash("ask", {"question": question}), 60)
                assert "would not seek to arrest Putin" in texts_of(first)
                mentioned = await reply_of(discord, await discord.say(501, question))
                assert "would not seek to arrest Putin" in texts_of(mentioned)
                await everything_else(discord, first, mentioned)
                code, said = await typed(discord, *sync_words)
                assert (code, discord.syncs) == (0, 1), said
                process.send_signal(signal.SIGTERM)
                assert (await finished(process))[0] == 0
        assert not discord.refused

    async def everything_else(discord: FakeDiscord, first: dict[str, object], mentioned: dict[str, object]) -> None:
        """The guide's tables of what people and admins can do."""
        replied = await reply_of(discord, await discord.say(501, "Why?", mention=False, reply_to=int(mentioned["id"])))
        assert replied["embeds"]
        assert "**" in await shown(discord, await discord.press(int(first["id"]), pressed(first, "passages")))
        assert "counted" in await shown(discord, await discord.press(int(first["id"]), pressed(first, "up")))
        assert "with your reason" in await shown(discord, await asked_in_modal(discord, first, "down", "too short"))
        followed = await asked_in_modal(discord, first, "follow", "Who is the Kremlin spokesman?")
        assert "Peskov" in await shown(discord, followed)
        newer = await shown(discord, await discord.press(int(first["id"]), pressed(first, "newer")))
        assert "The articles do not say" in newer
        pressed_watch = await discord.press(int(first["id"]), pressed(first, "watch"))
        assert "tell this channel" in await shown(discord, pressed_watch)
        assert "Hungary" in await shown(discord, await discord.slash("watch list"))
        question = {"question": "Who is the prime minister of Hungary?"}
        added = await discord.slash("watch add", question)
        await discord.until(lambda: added.messages, 60)
        assert "tell this channel" in texts_of(discord.messages[added.messages[-1]])
        new = await discord.answered(await discord.slash("digest", {"since": "2025-10-01"}), 60)
        assert "1 article in 1 story" in texts_of(new)
        refused = await discord.answered(await discord.slash("ask", {"question": "What is the capital of Peru?"}), 60)
        assert refused["embeds"][0]["description"].startswith("**The articles do not say.**")
        assert "/ask" in await shown(discord, await discord.slash("help"))
        discord.files["pier.txt"] = b" date 2025-11-02 The pier of Quellmoor closed on Sunday, the council said.\n"
        for name, options, expected in (
            ("library add", {"url": f"http://127.0.0.1:{discord.port}/files/pier.txt"}, "1 added"),
            ("library list", None, "The pier of Quellmoor"),
            ("library status", None, "1"),
            ("settings", {"auto_thread": True}, "Own thread for each mention: on"),
            ("gaps", None, "capital of Peru"),
            ("library log", None, "library add"),
        ):
            assert expected in await shown(discord, await discord.slash(name, options, permissions=MANAGE))
        await discord.say(501, "When did the pier of Quellmoor close?")
        (thread,) = await threads(discord)
        assert "closed on Sunday" in texts_of(discord.bot_messages(thread)[-1])
        assert "Deleted" in await shown(discord, await discord.slash("forget-me"))

    async def threads(discord: FakeDiscord) -> list[int]:
        def answered() -> list[int]:
            found = [int(one["id"]) for one in discord.guilds[50].threads]
            return [one for one in found if any(m.get("components") for m in discord.bot_messages(one))]

        await discord.until(answered, 60)
        return answered()

    asyncio.run(check())
