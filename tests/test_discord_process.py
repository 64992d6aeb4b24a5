"""`dateline bot` as a process of its own, with the real engine on the seed article, against the fake Discord."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.request import urlopen

import discord as discord_library
import pytest

from bot.discord.admission import NEEDED, permission_names
from bot.discord.check import check_discord, check_engine
from bot.discord.run import check_bot, run_bot, sync_commands
from bot.discord.supervisor import DiscordRefused
from rag.errors import SettingsError
from rag.settings import Settings
from tests.fakes.discord_harness import FakeEngine, bot_settings, pressed, texts_of
from tests.fakes.fake_discord import PERMISSIONS, FakeDiscord, fake_discord

ROOT = Path(__file__).parent.parent
START = "import sys; from bot.cli import dateline; sys.argv[0] = 'dateline'; dateline()"


def environment(discord: FakeDiscord, home: Path, **changes: str | None) -> dict[str, str]:
    """The variables of a process; those changed to None are left out."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATELINE_", "OPENAI_"))}
    given = kept | {
        "PYTHONPATH": str(ROOT),
        "DATELINE_HOME": str(home),
        "DATELINE_SEEDS": str(ROOT / "seeds"),
        "DATELINE_DISCORD_TOKEN": "a-token-that-is-secret",
        "DATELINE_DISCORD_API_BASE": discord.api_base,
        "DATELINE_DISCORD_GATEWAY_URL": discord.gateway_url,
        "DATELINE_DISCORD_COOLDOWN_SECONDS": "0",
        "DATELINE_DISCORD_GUILD_READY_SECONDS": "0.1",
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


async def start(discord: FakeDiscord, home: Path, *arguments: str, **changes: str | None) -> asyncio.subprocess.Process:
    """`dateline` with arguments, by default `bot`, in the folder around `home`."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        START,
        *(arguments or ("bot",)),
        cwd=home.parent,
        env=environment(discord, home, **changes),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def finished(process: asyncio.subprocess.Process, seconds: float = 60.0) -> tuple[int | None, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), seconds)
    return process.returncode, out.decode(), err.decode()


@contextlib.asynccontextmanager
async def bot_process(
    discord: FakeDiscord, home: Path, **changes: str | None
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await start(discord, home, **changes)
    try:
        await discord.until(lambda: discord.connected or process.returncode is not None, 60)
        assert process.returncode is None, (await finished(process))[2]
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.slow
def test_the_whole_flow_from_the_process(tmp_path: Path) -> None:
    async def check() -> None:
        port = free_port()
        async with fake_discord() as discord:
            async with bot_process(discord, tmp_path / "home", DATELINE_DISCORD_PORT=str(port)) as process:
                await discord.until(lambda: discord.syncs == 1)
                said = await discord.say(501, "Will Hungary arrest Putin?")
                await discord.until(lambda: discord.answers_to(said), 60)
                message = discord.answers_to(said)[0]
                assert "signal that Hungary would not seek to arrest Putin" in texts_of(message).replace("**", "")
                passages = await discord.press(int(message["id"]), pressed(message, "passages"))
                await discord.until(lambda: passages.messages)
                assert "**" in texts_of(discord.messages[passages.messages[0]])
                health = await asyncio.to_thread(lambda: json.load(urlopen(f"http://127.0.0.1:{port}/healthz")))
                assert health["gateway"] is True
                numbers = await asyncio.to_thread(lambda: urlopen(f"http://127.0.0.1:{port}/metrics").read().decode())
                assert 'dateline_questions_total{outcome="answer"} 1.0' in numbers, numbers
                process.send_signal(signal.SIGTERM)
                code, _, log = await finished(process)
                assert code == 0
                lines = [json.loads(line) for line in log.splitlines()]
                assert [line for line in lines if line["level"] != "info"] == []
                answered = next(line for line in lines if line["message"] == "answered")
                assert answered["answer_id"] in pressed(message, "passages")
                assert "Hungary" not in log
                assert "a-token-that-is-secret" not in log
            async with bot_process(discord, tmp_path / "home") as process:
                old = await discord.press(int(message["id"]), pressed(message, "up"), user=12)
                await discord.until(lambda: old.messages)
                assert "counted" in texts_of(discord.messages[old.messages[0]])
                assert discord.syncs == 1
                process.send_signal(signal.SIGTERM)
                assert (await finished(process))[0] == 0

    asyncio.run(check())


@pytest.mark.slow
def test_a_refused_intent_ends_the_process_with_one_sentence(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            discord.close_on_identify = 4014
            ended, out, err = await finished(await start(discord, tmp_path / "home"))
            assert ended == 1
            assert out == ""
            assert "Message Content Intent" in err.splitlines()[-1]
            assert "Traceback" not in err

    asyncio.run(check())


def test_a_missing_token_is_told_before_anything_is_opened(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, home=tmp_path / "home")
    for command in (run_bot(settings), sync_commands(settings, print)):
        with pytest.raises(SettingsError, match="DATELINE_DISCORD_TOKEN is not set"):
            asyncio.run(command)
    said: list[str] = []
    assert asyncio.run(check_bot(settings, said.append)) == 1
    assert "Reset Token" in said[0]
    assert not (tmp_path / "home").exists()


def test_check_says_what_is_there_and_what_is_missing(tmp_path: Path) -> None:
    async def look(discord: FakeDiscord) -> tuple[bool, str]:
        said: list[str] = []
        settings = bot_settings(discord, tmp_path)
        complete = await check_engine(FakeEngine(), said.append)
        return complete & await check_discord(settings, FakeEngine(), said.append), "\n".join(said)

    async def check() -> None:
        async with fake_discord() as discord:
            complete, said = await look(discord)
            assert complete
            assert "ok       token" in said
            assert "ok       server “guild-50” (50): every permission" in said
            assert "ok       engine: 1 article in the shared library" in said
            assert f"permissions={PERMISSIONS}" in said
            discord.add_guild(60, [603], permissions=PERMISSIONS & ~(1 << 14))
            complete, said = await look(discord)
            assert not complete
            assert "MISSING  server “guild-60” (60): Embed Links" in said
            assert "MISSING  server “guild-50”" not in said
            discord.close_on_identify = 4014
            complete, said = await look(discord)
            assert not complete
            assert "MISSING  Discord" in said
            assert "Message Content Intent" in said
            discord.invalid_token = True
            complete, said = await look(discord)
            assert not complete
            assert "Reset Token" in said
            assert discord.syncs == 0

    asyncio.run(check())


def test_sync_sends_the_commands_only_when_they_changed(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            said: list[str] = []
            settings = bot_settings(discord, tmp_path / "home")
            assert await sync_commands(settings, said.append) == 0
            assert await sync_commands(settings, said.append) == 0
            assert said == [
                "Commands sent to Discord.",
                "The commands have not changed since they were sent last.",
            ]
            assert discord.syncs == 1
            names = {command["name"] for command in discord.commands}
            assert names == {"ask", "watch", "digest", "help", "forget-me", "library", "settings", "gaps"}
            discord.invalid_token = True
            with pytest.raises(DiscordRefused, match="Reset Token"):
                await sync_commands(settings, said.append)

    asyncio.run(check())


def test_the_guide_lists_every_setting_with_its_default() -> None:
    guide = (ROOT / "docs" / "discord.md").read_text()
    for name, field in Settings.model_fields.items():
        if name.startswith("discord_") and name not in ("discord_token", "discord_api_base", "discord_gateway_url"):
            default = field.default
            shown = f"{default:g}" if isinstance(default, float) else str(default)
            shown = shown.lower() if isinstance(default, bool) else shown
            assert f"| `DATELINE_{name.upper()}` | {shown} |" in guide


def test_the_guide_names_the_permissions_and_settings_that_the_program_has() -> None:
    guide = (ROOT / "docs" / "discord.md").read_text()
    assert f"permissions={NEEDED.value}" in guide
    assert f"permissions={NEEDED.value}`" in (ROOT / "README.md").read_text()
    assert NEEDED.value == PERMISSIONS
    assert all(f"| {name} |" in guide for name in permission_names(NEEDED.value).split(", "))
    assert discord_library.Permissions(PERMISSIONS) == NEEDED


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
