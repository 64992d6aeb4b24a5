"""Failures inside the bot: whoever asked is told, in words that are theirs, and nothing is half done."""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from test_discord_admin import run_command

from bot.discord.check import check_discord
from rag.answer import StreamEvent
from rag.errors import EmbedderError, QuestionError
from tests.fakes.discord_harness import MANAGE, FakeEngine, Running, bot_settings, pressed, running, texts_of
from tests.fakes.fake_discord import Interaction, fake_discord
from vectorstore.errors import DatelineError, StoreUnavailable

INTERNAL = "The ledger /srv/secret/ledger.sqlite3 failed (disk I/O error): free disk space."


def raising(error: Exception) -> FakeEngine:
    async def script(question: str) -> AsyncIterator[StreamEvent]:
        raise error
        yield

    return FakeEngine(script)


def without_table(parts: Running, table: str) -> None:
    """Take a table out of the bot's database: every use of it fails from then on."""
    with parts.bot.state.blocking.database.begin() as connection:
        connection.execute(text(f"DROP TABLE {table}"))


async def told(parts: Running, interaction: Interaction) -> str:
    await parts.discord.until(lambda: interaction.messages or interaction.finished)
    return "\n".join(texts_of(parts.discord.messages[one]) for one in interaction.messages or [interaction.original])


@pytest.mark.parametrize("error", [StoreUnavailable(INTERNAL), EmbedderError(INTERNAL), RuntimeError(INTERNAL)])
def test_what_only_the_operator_can_mend_is_a_number_in_the_channel_and_a_sentence_in_the_log(
    tmp_path: Path, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> str:
        async with running(tmp_path, raising(error)) as parts:
            return texts_of(await parts.discord.answered(await parts.discord.slash("ask", {"question": "q"})))

    with caplog.at_level(logging.WARNING, "dateline.bot"):
        shown = asyncio.run(check())
    assert "secret" not in shown
    number = re.search(r"[0-9a-f]{8}", shown)[0]
    (logged,) = [one for one in caplog.records if getattr(one, "number", "") == number]
    assert logged.server == 50
    assert ("secret" in logged.reason) == isinstance(error, DatelineError)


def test_what_the_asker_can_mend_is_said_in_the_channel(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, raising(QuestionError("The question holds no word: ask it in words."))) as parts:
            message = await parts.discord.answered(await parts.discord.slash("ask", {"question": "q"}))
            assert "ask it in words" in texts_of(message)

    asyncio.run(check())


def test_a_modal_whose_work_fails_tells_who_sent_it(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            message = await parts.discord.answered(await parts.discord.slash("ask", {"question": "q"}))
            await parts.settled()
            without_table(parts, "votes")
            sent = await parts.discord.submit(pressed(message, "down").replace("down", "reason"), {"text": "no"})
            shown = await told(parts, sent)
            assert "this number" in shown
            assert "votes" not in shown

    asyncio.run(check())


def test_an_answer_that_cannot_be_rendered_tells_who_asked(tmp_path: Path) -> None:
    async def script(question: str) -> AsyncIterator[StreamEvent]:
        yield replace(FakeEngine().answer(question), as_of="no date")

    async def check() -> None:
        async with running(tmp_path, FakeEngine(script)) as parts:
            said = await parts.discord.say(501, "q")
            await parts.discord.until(lambda: parts.discord.answers_to(said))
            assert "this number" in texts_of(parts.discord.answers_to(said)[0])
            await parts.settled()
            assert "this number" in texts_of(
                await parts.discord.answered(await parts.discord.slash("ask", {"question": "q"}))
            )
            await parts.settled()
            assert parts.bot.queue.slots == {}

    asyncio.run(check())


def test_a_question_that_runs_while_its_asker_is_forgotten_is_not_stored(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def script(question: str) -> AsyncIterator[StreamEvent]:
        await go_on.wait()
        yield FakeEngine().answer(question)

    async def check() -> None:
        async with running(tmp_path, FakeEngine(script)) as parts:
            asked = await parts.discord.slash("ask", {"question": "q"})
            await parts.discord.until(lambda: parts.engine.running)
            assert "0 stored questions" in await told(parts, await parts.discord.slash("forget-me"))
            go_on.set()
            message = await parts.discord.answered(asked)
            await parts.settled()
            assert parts.engine.answers.stored == {}
            press = await parts.discord.press(int(message["id"]), pressed(message, "passages"))
            assert "no longer" in await told(parts, press)
            await parts.discord.answered(await parts.discord.slash("ask", {"question": "another"}))
            await parts.settled()
            assert len(parts.engine.answers.stored) == 1

    asyncio.run(check())


def test_two_changes_of_settings_at_once_are_both_made(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            options = ({"language": "de"}, {"daily_budget": 7}, {"auto_thread": True}, {"model": False})
            given = [await parts.discord.slash("settings", one, permissions=MANAGE) for one in options]
            for one in given:
                await told(parts, one)
            settings = parts.bot.guild_settings.of(50)
            assert (settings.language, settings.daily_budget) == ("de", 7)
            assert (settings.auto_thread, settings.model) == (True, False)
            (stored,) = parts.bot.state.blocking.all_guild_settings()
            assert stored == settings
            assert "Fragen am Tag: unbegrenzt" in await run_command(parts, "settings", {"daily_budget": 0})
            await run_command(parts, "settings", {"daily_budget": -1})
            assert parts.bot.guild_settings.of(50).daily_budget is None

    asyncio.run(check())


def test_a_list_that_does_not_fit_is_attached_whole(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            for n in range(24):
                url = f"https://outlet.example/{n}/" + "x" * 200
                await parts.engine.library.add(f"article-{n}.txt", b"Text.", "discord:50", url)
            listed = await parts.discord.slash("library list", permissions=MANAGE)
            shown = await told(parts, listed)
            assert "attached file" in shown
            (attached,) = parts.discord.messages[listed.messages[-1]]["attachments"]
            assert all(f"article-{n}.txt" in attached["text"] for n in range(24))
            assert parts.discord.refused == []

    asyncio.run(check())


def test_what_discord_itself_writes_is_not_a_question(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, discord_message_content=True) as parts:
            for kind in (1, 6, 7, 18, 21):
                await parts.discord.say(501, "", type=kind)
            said = await parts.discord.say(501, "q")
            await parts.discord.until(lambda: parts.discord.answers_to(said))
            assert len(parts.discord.bot_messages(501)) == 1

    asyncio.run(check())


def test_the_last_day_that_can_be_written_is_a_day_like_any_other(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            asked = await parts.discord.slash("ask", {"question": "q", "until": "9999-12-31"})
            assert "Hungary would not seek" in await told(parts, asked)
            asked = await parts.discord.slash("ask", {"question": "q", "until": "10000-01-01"})
            assert "A day looks like" in await told(parts, asked)

    asyncio.run(check())


def test_retention_goes_on_after_a_failure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            without_table(parts, "shown_answers")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(parts.bot.forget_old(), 0.3)

    asyncio.run(check())
    assert any("tried again in a day" in one.message for one in caplog.records)


def test_a_server_that_discord_does_not_show_is_a_note_of_the_check(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            discord.add_guild(60, [601]).withheld = True
            said: list[str] = []
            assert await check_discord(bot_settings(discord, tmp_path), FakeEngine(), said.append)
            assert "note     server 60: Discord does not show it just now" in "\n".join(said)
            assert "ok       server “guild-50” (50)" in "\n".join(said)

    asyncio.run(check())
