"""Buttons and modals: passages, votes, follow-ups, newer articles; after a restart, from strangers, and stale ones."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rag.answer import Explanation, StreamEvent
from tests.fakes.discord_harness import (
    MANAGE,
    PUBLISHED,
    FakeAnswers,
    FakeEngine,
    Running,
    connected,
    pressed,
    running,
    texts_of,
)
from tests.fakes.fake_discord import Interaction, fake_discord


async def answered_message(parts: Running, question: str = "Will Hungary arrest Putin?") -> dict[str, object]:
    message = await parts.discord.answered(await parts.discord.slash("ask", {"question": question}))
    await parts.settled()
    return message


async def told(parts: Running, interaction: Interaction) -> str:
    """What the presser alone was told."""
    await parts.discord.until(lambda: interaction.messages or interaction.finished)
    messages = interaction.messages or [interaction.original]
    assert all(parts.discord.messages[one]["ephemeral"] for one in messages)
    return "\n".join(texts_of(parts.discord.messages[one]) for one in messages)


def test_passages_show_the_quote_in_its_paragraph_to_the_presser_alone(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            message = await answered_message(parts)
            press = await parts.discord.press(int(message["id"]), pressed(message, "passages"), user=99)
            text = await told(parts, press)
            assert "That appeared to be a signal. **Hungary would not seek to arrest Putin.** More followed." in text
            assert "First paragraph" not in text
            assert "[The whole article](https://news.example/putin)" in text

    asyncio.run(check())


def test_passages_add_the_neighbours_where_the_quote_is_a_paragraph(tmp_path: Path) -> None:
    async def script(question: str) -> AsyncIterator[StreamEvent]:
        answer = FakeEngine().answer(question)
        quote = "A first paragraph."
        yield replace(answer, citations=(replace(answer.citations[0], quote=quote, start=0, end=len(quote)),))

    async def check() -> None:
        async with running(tmp_path, FakeEngine(script)) as parts:
            message = await answered_message(parts)
            press = await parts.discord.press(int(message["id"]), pressed(message, "passages"))
            text = await told(parts, press)
            assert "> **A first paragraph.**\n> \n> That appeared to be a signal. Hungary" in text

    asyncio.run(check())


def test_one_vote_a_user_that_can_be_changed_with_a_reason(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            message = await answered_message(parts)
            answer_id = pressed(message, "up").rsplit(":", 1)[1]
            up = await parts.discord.press(int(message["id"]), pressed(message, "up"))
            assert "counted" in await told(parts, up)
            down = await parts.discord.press(int(message["id"]), pressed(message, "down"))
            await parts.discord.until(lambda: down.callback)
            assert down.callback is not None
            assert down.callback["type"] == 9
            modal = down.callback["data"]
            assert "counted" in modal["title"]
            votes_on = parts.bot.state.blocking.votes_on
            await parts.discord.until(lambda: [vote.useful for vote in votes_on(answer_id)] == [False])
            field = modal["components"][0]["components"][0]["custom_id"]
            sent = await parts.discord.submit(modal["custom_id"], {field: "wrong year"})
            assert "with your reason" in await told(parts, sent)
            votes = votes_on(answer_id)
            assert [(vote.user, vote.useful, vote.reason) for vote in votes] == [(11, False, "wrong year")]

    asyncio.run(check())


def test_a_reason_outlives_another_press_and_an_empty_form(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            message = await answered_message(parts)
            form = pressed(message, "down").replace("down", "reason")
            for action in ("down", "reason", "down", "empty"):
                if action == "down":
                    press = await parts.discord.press(int(message["id"]), pressed(message, "down"))
                    await parts.discord.until(lambda press=press: press.callback)
                else:
                    text = "wrong year" if action == "reason" else ""
                    assert "counted" in await told(parts, await parts.discord.submit(form, {"text": text}))
            votes = parts.bot.state.blocking.votes_on(form.rpartition(":")[2])
            assert [(vote.useful, vote.reason) for vote in votes] == [(False, "wrong year")]
            up = await parts.discord.press(int(message["id"]), pressed(message, "up"))
            assert "changed" in await told(parts, up)

    asyncio.run(check())


def test_a_follow_up_from_the_modal_knows_the_answer(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            message = await answered_message(parts)
            press = await parts.discord.press(int(message["id"]), pressed(message, "follow"), user=12)
            await parts.discord.until(lambda: press.callback)
            assert press.callback is not None
            modal = press.callback["data"]
            field = modal["components"][0]["components"][0]["custom_id"]
            sent = await parts.discord.submit(modal["custom_id"], {field: "Why not?"}, user=12)
            await parts.discord.answered(sent)
            question, history, _ = parts.engine.asked[1]
            assert question == "Why not?"
            assert [turn.question for turn in history] == ["Will Hungary arrest Putin?"]

    asyncio.run(check())


def test_newer_only_asks_again_for_later_articles(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            message = await answered_message(parts)
            press = await parts.discord.press(int(message["id"]), pressed(message, "newer"), user=12)
            await parts.discord.answered(press)
            question, _, scope = parts.engine.asked[1]
            assert question == "Will Hungary arrest Putin?"
            assert scope.since == PUBLISHED + timedelta(seconds=1)

    asyncio.run(check())


def test_that_nothing_is_newer_is_no_gap_and_asked_on_from_the_answer_before(tmp_path: Path) -> None:
    async def script(question: str) -> AsyncIterator[StreamEvent]:
        engine = FakeEngine()
        asked.append(question)
        yield engine.answer(question) if len(asked) == 1 else replace(engine.refusal(question), id="b0000001")

    asked: list[str] = []

    async def check() -> None:
        async with running(tmp_path, FakeEngine(script)) as parts:
            message = await answered_message(parts)
            newer = await parts.discord.press(int(message["id"]), pressed(message, "newer"), user=12)
            refused = await parts.discord.answered(newer)
            assert "do not say" in texts_of(refused)
            await parts.settled()
            gaps = await told(parts, await parts.discord.slash("gaps", permissions=MANAGE))
            assert "Hungary" not in gaps
            assert pressed(refused, "follow") == pressed(message, "follow")
            said = await parts.discord.say(501, "Why not?", reply_to=int(refused["id"]))
            await parts.discord.until(lambda: parts.discord.answers_to(said))
            assert [turn.question for turn in parts.engine.asked[-1][1]] == ["Will Hungary arrest Putin?"]

    asyncio.run(check())


def test_newer_only_keeps_to_the_outlet_that_was_asked_for(tmp_path: Path) -> None:
    async def script(question: str) -> AsyncIterator[StreamEvent]:
        yield replace(FakeEngine().answer(question), explanation=Explanation(sources=("Example News",)))

    async def check() -> None:
        async with running(tmp_path, FakeEngine(script)) as parts:
            message = await answered_message(parts)
            press = await parts.discord.press(int(message["id"]), pressed(message, "newer"), user=12)
            await parts.discord.answered(press)
            assert parts.engine.asked[1][2].sources == ("Example News",)

    asyncio.run(check())


@pytest.mark.parametrize("store", [True, False], ids=["stored", "not stored"])
def test_buttons_after_a_restart_work_where_answers_are_stored(tmp_path: Path, store: bool) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            engine = FakeEngine(answers=FakeAnswers(enabled=store))
            async with connected(discord, engine, tmp_path) as parts:
                message = await answered_message(parts)
            async with connected(discord, engine, tmp_path) as parts:
                text = await told(parts, await discord.press(int(message["id"]), pressed(message, "passages")))
                assert ("**Hungary would not" in text) == store
                assert ("I no longer have this answer" in text) != store
                sent = await discord.submit(pressed(message, "down").replace("down", "reason"), {"text": "no"})
                assert ("counted" in await told(parts, sent)) == store

    asyncio.run(check())


STALE = {
    "of another program": "something-else",
    "of an unknown action": "dateline:explode:a0000001",
    "of an unknown answer": "dateline:passages:ffffffff",
    "with a wrong answer id": "dateline:up:../../etc",
    "empty": "",
}


@pytest.mark.parametrize("given", STALE.values(), ids=STALE)
def test_a_stale_button_is_answered_politely(tmp_path: Path, given: str) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            message = await answered_message(parts)
            assert "no longer" in await told(parts, await parts.discord.press(int(message["id"]), given))
            assert (
                "no longer" in await told(parts, await parts.discord.submit(given, {"text": "x"}))
                or given == STALE["of an unknown answer"]
            )

    asyncio.run(check())


def test_an_answer_of_another_server_is_not_shown_voted_on_or_continued(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, guilds={50: (501,), 60: (601,)}) as parts:
            message = await answered_message(parts)
            stranger = await parts.discord.answered(
                await parts.discord.slash("ask", {"question": "Another?"}, user=12, channel=601)
            )
            await parts.settled()
            for action in ("passages", "up", "newer"):
                press = await parts.discord.press(int(stranger["id"]), pressed(message, action), user=12)
                assert "no longer" in await told(parts, press)
            sent = await parts.discord.submit(
                pressed(message, "follow").replace("follow", "question"), {"text": "And?"}, user=12, channel=601
            )
            await parts.discord.answered(sent)
            assert parts.engine.asked[-1][1] == ()
            assert parts.bot.state.blocking.votes_in(50) == (0, 0)

    asyncio.run(check())


def test_forget_me_deletes_questions_and_votes_and_says_so(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            message = await answered_message(parts)
            await told(parts, await parts.discord.press(int(message["id"]), pressed(message, "up")))
            await parts.discord.answered(await parts.discord.slash("ask", {"question": "Mine?"}, user=12))
            await parts.settled()
            text = await told(parts, await parts.discord.slash("forget-me"))
            assert "Deleted: 1 stored question with its answer, and 1 vote. " in text
            assert [one.asked_by for one in parts.engine.answers.stored.values()] == ["discord:12"]
            assert "no longer" in await told(
                parts, await parts.discord.press(int(message["id"]), pressed(message, "passages"))
            )

    asyncio.run(check())


def test_help_fits_one_screen(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            text = await told(parts, await parts.discord.slash("help"))
            assert len(text) < 1_600
            assert len(text.splitlines()) < 20
            assert "1 article, 17 Oct 2025 to 17 Oct 2025: Example News" in text
            assert {"/ask", "/watch", "/forget-me", "/library", "/settings", "/gaps"} <= set(
                text.replace("`", " ").split()
            )

    asyncio.run(check())


def test_an_answer_of_another_channel_is_not_shown_or_continued_by_its_number(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            message = await answered_message(parts, "Asked in a channel of its own?")
            elsewhere = await parts.discord.answered(
                await parts.discord.slash("ask", {"question": "Another?"}, user=12, channel=502)
            )
            await parts.settled()
            for action in ("passages", "up", "newer"):
                press = await parts.discord.press(int(elsewhere["id"]), pressed(message, action), user=12)
                assert "no longer" in await told(parts, press)
            forged = pressed(message, "follow").replace("follow", "question")
            await parts.discord.answered(await parts.discord.submit(forged, {"text": "And?"}, user=12, channel=502))
            assert parts.engine.asked[-1][1] == ()

    asyncio.run(check())
