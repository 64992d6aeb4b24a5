"""Admin commands: checked in code too, logged, and each server with its own library only."""

import asyncio
from pathlib import Path

from tests.fakes.discord_harness import MANAGE, FakeEngine, Running, connected, running, texts_of
from tests.fakes.fake_discord import FakeDiscord, Option, fake_discord


async def run_command(
    parts: Running, name: str, options: dict[str, object] | None = None, channel: int = 501, **named: object
) -> str:
    asked = await parts.discord.slash(name, options, channel=channel, permissions=MANAGE, **named)
    await parts.discord.until(lambda: asked.messages or asked.finished)
    messages = asked.messages or [asked.original]
    assert all(parts.discord.messages[one]["ephemeral"] for one in messages)
    return "\n".join(texts_of(parts.discord.messages[one]) for one in messages)


async def upload(parts: Running, filename: str, content: bytes, channel: int = 501) -> str:
    parts.discord.files[filename] = content
    url = f"http://127.0.0.1:{parts.discord.port}/files/{filename}"
    file = {"id": "1", "filename": filename, "size": len(content), "url": url, "proxy_url": url}
    resolved = {"attachments": {"1": file}}
    return await run_command(parts, "library add", {"file": Option(11, "1")}, channel, resolved=resolved)


def channel_option(discord: FakeDiscord, channel: int) -> tuple[Option, dict[str, object]]:
    given = {**discord.find_channel(channel), "permissions": "0"}
    return Option(7, str(channel)), {"channels": {str(channel): given}}


def test_two_servers_do_not_see_each_others_articles(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, guilds={50: (501,), 60: (601,)}) as parts:
            assert "1 added" in await upload(parts, "ours.txt", b"Our own article.")
            listed = await run_command(parts, "library list")
            assert "ours" in listed
            assert "1 article of this server" in listed
            assert "\n1 article, 17 Oct 2025" in await run_command(parts, "library status")
            assert "ours" not in await run_command(parts, "library list", channel=601)
            assert "no article of that id" in await run_command(
                parts, "library forget", {"article": "ours.txt"}, channel=601
            )
            for channel in (501, 601):
                await parts.discord.answered(
                    await parts.discord.slash("ask", {"question": "q"}, channel=channel, user=channel)
                )
            libraries = [scope.libraries for _, _, scope in parts.engine.asked]
            assert libraries == [("shared", "discord:50"), ("shared", "discord:60")]
            assert "Deleted" in await run_command(parts, "library forget", {"article": "ours.txt"})
            assert parts.engine.library.storage["discord:50"] == {}

    asyncio.run(check())


def test_without_the_shared_library_a_server_sees_only_its_own(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            await run_command(parts, "settings", {"shared_library": False})
            await parts.discord.answered(await parts.discord.slash("ask", {"question": "q"}))
            assert parts.engine.asked[0][2].libraries == ("discord:50",)
            assert "turned off" in await run_command(parts, "library status")

    asyncio.run(check())


def test_every_admin_command_is_refused_to_others(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            names = (
                "library list",
                "library status",
                "library log",
                "library add",
                "library forget",
                "settings",
                "gaps",
            )
            for name in names:
                options = {"article": "x"} if name == "library forget" else None
                asked = await parts.discord.slash(name, options, permissions=0)
                message = await parts.discord.answered(asked)
                assert asked.ephemeral
                assert "Manage Server" in texts_of(message)
            named = {command["name"]: command for command in parts.discord.commands}
            for name in ("library", "settings", "gaps"):
                assert int(named[name]["default_member_permissions"]) == MANAGE
                assert named[name]["contexts"] == [0] or named[name]["dm_permission"] is False
            assert named["ask"]["default_member_permissions"] is None
            assert all(command["integration_types"] == [0] for command in parts.discord.commands)
            assert named["ask"]["contexts"] == [0]

    asyncio.run(check())


def test_what_is_no_article_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, discord_upload_bytes=1_000) as parts:
            assert "as text" in await upload(parts, "paper.odt", b"PK")
            assert "split it" in await upload(parts, "long.txt", b"a" * 1_001)
            assert "discord:50" not in parts.engine.library.storage

    asyncio.run(check())


def test_the_log_shows_every_change_of_this_server(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, guilds={50: (501,), 60: (601,)}) as parts:
            await upload(parts, "ours.txt", b"Our own article.")
            await run_command(parts, "library forget", {"article": "ours.txt"})
            await run_command(parts, "settings", {"language": "de", "daily_budget": 3})
            await run_command(parts, "settings")
            text = await run_command(parts, "library log")
            assert text.index("settings") < text.index("library forget") < text.index("library add")
            assert "Sprache: English → Deutsch; Fragen am Tag: " in text
            assert "(Voreinstellung) → 3" in text
            assert "· <@11> ·" in text
            assert "None yet" in await run_command(parts, "library log", channel=601)

    asyncio.run(check())


def test_settings_hold_after_a_restart_and_speak_the_servers_language(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            engine = FakeEngine()
            async with connected(discord, engine, tmp_path) as parts:
                text = await run_command(parts, "settings", {"language": "de", "model": False, "auto_thread": True})
                assert "Sprache: Deutsch" in text
            async with connected(discord, engine, tmp_path):
                message = await discord.answered(await discord.slash("ask", {"question": "Macron?"}))
                assert message["embeds"][0]["description"].startswith("**Die Artikel sagen dazu nichts.**")
                assert [question for question, *_ in engine.asked] == ["Macron?"]
                assert engine.used_model == [False]

    asyncio.run(check())


def test_admins_read_their_servers_language_in_pages_and_failures(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, discord_upload_bytes=1_000) as parts:
            assert "Sprache: Deutsch" in await run_command(parts, "settings", {"language": "de"})
            assert "Häng eine Datei an" in await run_command(parts, "library add")
            assert "1.001 Bytes" in await upload(parts, "long.txt", b"a" * 1_001)
            assert "1 neu, 0 geändert" in await upload(parts, "ours.txt", b"Our own article.")
            assert "1 Artikel dieses Servers" in await run_command(parts, "library list")
            assert "Fragen heute: 0 von 500" in await run_command(parts, "library status")
            assert "Gelöscht." in await run_command(parts, "library forget", {"article": "ours.txt"})
            assert "Änderungen" in await run_command(parts, "library log")
            assert "jede Frage wurde beantwortet" in await run_command(parts, "gaps")
            refused = await parts.discord.slash("gaps", permissions=0)
            assert "Server verwalten" in texts_of(await parts.discord.answered(refused))
            assert "Fragen" in await run_command(parts, "help")

    asyncio.run(check())


def test_only_allowed_channels_and_roles_are_answered(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            thread = discord.add_thread(50, 502)
            async with connected(discord, FakeEngine(), tmp_path) as parts:
                option, resolved = channel_option(discord, 502)
                text = await run_command(parts, "settings", {"allow_channel": option}, resolved=resolved)
                assert "<#502>" in text
                refused = await discord.slash("ask", {"question": "q"}, channel=501)
                assert "<#502>" in texts_of(await discord.answered(refused))
                assert refused.ephemeral
                await discord.answered(await discord.slash("ask", {"question": "in its thread"}, channel=thread))
                role = {"roles": {"701": parts.discord.guild_json(discord.guilds[50])["roles"][1]}}
                await run_command(parts, "settings", {"allow_role": Option(8, "701")}, channel=502, resolved=role)
                refused = await discord.slash("ask", {"question": "without"}, channel=502, user=12)
                assert "roles" in texts_of(await discord.answered(refused))
                await discord.answered(
                    await discord.slash("ask", {"question": "with"}, channel=502, user=13, roles=[701])
                )
                said = await discord.say(502, "mentioned", user=14, roles=[701])
                await discord.until(lambda: discord.answers_to(said))
                questions = [question for question, *_ in parts.engine.asked]
                assert questions == ["in its thread", "with", "mentioned"]

    asyncio.run(check())


def test_gaps_are_this_servers_refused_questions(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, guilds={50: (501,), 60: (601,)}) as parts:
            for user, channel, question in ((1, 501, "Macron?"), (2, 501, "Macron?"), (3, 601, "Macron there?")):
                await parts.discord.answered(
                    await parts.discord.slash("ask", {"question": question}, user=user, channel=channel)
                )
            await parts.settled()
            text = await run_command(parts, "gaps")
            assert "2 × Macron?" in text
            assert "there" not in text

    asyncio.run(check())


def test_the_article_to_forget_is_completed_from_this_servers_list(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            await upload(parts, "ours.txt", b"Our own article.")
            for permissions, names in ((MANAGE, ["ours.txt"]), (0, [])):
                typed = await parts.discord.slash(
                    "library forget", {"article": "our"}, permissions=permissions, complete="article"
                )
                await parts.discord.until(lambda typed=typed: typed.callback)
                assert typed.callback is not None
                assert [one["name"] for one in typed.callback["data"]["choices"]] == names

    asyncio.run(check())
