"""The ways to ask, against the fake Discord: command, mention, reply, thread, private; drafts; and what is not asked."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from rag.answer import StreamEvent
from tests.fakes.discord_harness import (
    MANAGE,
    QUOTE,
    FakeEngine,
    connected,
    custom_ids,
    drafting,
    pressed,
    running,
    texts_of,
)
from tests.fakes.fake_discord import BOT, READ_MESSAGE_HISTORY, fake_discord, user_json


async def quoting(question: str) -> AsyncIterator[StreamEvent]:
    """A script that answers with nothing but a quote, as the engine does without a model."""
    answer = FakeEngine().answer(question, f"“{QUOTE}” [1]")
    start = QUOTE.index("Putin")
    yield replace(answer, citations=(replace(answer.citations[0], emphasis=((start, start + 5),)),))


def test_ask_is_deferred_and_then_answered_with_sources(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            asked = await parts.discord.slash("ask", {"question": "Will Hungary arrest Putin?"})
            message = await parts.discord.answered(asked)
            assert asked.callback == {"type": 5}
            assert message["embeds"][0]["title"] == "Will Hungary arrest Putin?"
            assert message["embeds"][0]["author"]["name"] == "user11 asks"
            assert message["embeds"][0]["footer"]["text"] == "As of 17 Oct 2025 · 1 outlet"
            assert message["embeds"][0]["description"] == "It would not. [1]"
            field = message["embeds"][0]["fields"][0]
            assert field["name"] == "[1] Example News · 17 Oct 2025"
            assert "[Putin speaks with Hungary's prime minister](https://news.example/putin)" in field["value"]
            assert "> Hungary would not seek to arrest Putin." in field["value"]
            assert len(custom_ids(message)) == 6
            assert message["allowed_mentions"]["parse"] == []
            assert parts.discord.refused == []

    asyncio.run(check())


def test_every_way_to_ask_shows_the_question_and_who_asks_it_and_no_id(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            discord = parts.discord
            first = await discord.answered(await discord.slash("ask", {"question": "Will Hungary arrest Putin?"}))
            await parts.settled()
            follow_up = pressed(first, "follow").replace("follow", "question")
            followed = await discord.answered(await discord.submit(follow_up, {"text": "Since when, *Orban*?"}, 12))
            newer = await discord.answered(await discord.press(int(first["id"]), pressed(first, "newer"), 13))
            said = await discord.say(501, "What did Peskov say?", user=14)
            await discord.until(lambda: discord.answers_to(said))
            mentioned = discord.answers_to(said)[0]
            shown = [one["embeds"][0] for one in (first, followed, newer, mentioned)]
            assert [(embed["title"], embed["author"]["name"]) for embed in shown] == [
                ("Will Hungary arrest Putin?", "user11 asks"),
                ("Since when, \\*Orban\\*?", "user12 asks"),
                ("Will Hungary arrest Putin?", "user13 asks"),
                ("What did Peskov say?", "user14 asks"),
            ]
            answer_id = pressed(first, "passages").rpartition(":")[2]
            assert all(
                answer_id not in texts_of(one) and "extractive" not in texts_of(one) for one in (first, mentioned)
            )
            press = await discord.press(int(first["id"]), pressed(first, "passages"))
            await discord.until(lambda: press.messages)
            assert texts_of(discord.messages[press.messages[0]]).endswith(f"\n{answer_id}")

    asyncio.run(check())


def test_an_answer_of_quotes_says_each_once_with_its_article_below(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, FakeEngine(quoting)) as parts:
            message = await parts.discord.answered(await parts.discord.slash("ask", {"question": "q"}))
            (embed,) = message["embeds"]
            assert embed["description"] == "> Hungary would not seek to arrest **Putin**. [1]"
            assert embed["fields"][0]["name"] == "[1] Example News · 17 Oct 2025"
            assert embed["fields"][0]["value"] == (
                "[Putin speaks with Hungary's prime minister](https://news.example/putin)"
            )

    asyncio.run(check())


def test_quotes_of_one_article_stand_below_its_title_and_no_quotation_mark_stays_open(tmp_path: Path) -> None:
    async def script(question: str) -> AsyncIterator[StreamEvent]:
        first = FakeEngine().answer(question).citations[0]
        quotes = (("a", "“We stay."), ("b", 'He said: "So be it."'), ("a", "and so it was."))
        cited = [replace(first, number=n, article_id=of, quote=quote) for n, (of, quote) in enumerate(quotes, 1)]
        lines = [f"“{citation.quote}” [{citation.number}]" for citation in cited]
        yield replace(FakeEngine().answer(question, "\n".join(lines)), citations=tuple(cited))

    async def check() -> None:
        async with running(tmp_path, FakeEngine(script)) as parts:
            message = await parts.discord.answered(await parts.discord.slash("ask", {"question": "q"}))
            (embed,) = message["embeds"]
            assert embed["description"] == '> “We stay. …” [1]\n\n> He said: "So be it." [2]\n\n> … and so it was. [3]'
            names = [field["name"] for field in embed["fields"]]
            assert names == ["[1] [3] Example News · 17 Oct 2025", "[2] Example News · 17 Oct 2025"]

    asyncio.run(check())


def test_a_refusal_quotes_the_closest_passage_once_as_one_that_may_not_answer(tmp_path: Path) -> None:
    async def script(question: str) -> AsyncIterator[StreamEvent]:
        refused = FakeEngine().refusal(question)
        closest = FakeEngine().answer(question).citations[0]
        yield replace(refused, refusal=replace(refused.refusal, closest=closest))

    async def check() -> None:
        async with running(tmp_path, FakeEngine(script)) as parts:
            message = await parts.discord.answered(await parts.discord.slash("ask", {"question": "q"}))
            (field,) = message["embeds"][0]["fields"]
            assert field["name"] == "Closest, but it may not answer this"
            assert field["value"].startswith(f"> {QUOTE}\n• [Putin speaks")
            assert texts_of(message).count(QUOTE) == 1
            assert "As of" not in texts_of(message)

    asyncio.run(check())


def test_ask_takes_days_and_an_outlet(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            options = {"question": "q", "since": "2025-10-01", "until": "2025-10-17", "source": "Example News"}
            await parts.discord.answered(await parts.discord.slash("ask", options))
            scope = parts.engine.asked[0][2]
            assert scope.since == datetime(2025, 10, 1, tzinfo=UTC)
            assert scope.until == datetime(2025, 10, 18, tzinfo=UTC)
            assert scope.sources == ("Example News",)
            assert scope.libraries == ("shared", "discord:50")
            wrong = await parts.discord.slash("ask", {"question": "q", "since": "last week"}, user=12)
            message = await parts.discord.answered(wrong)
            assert wrong.ephemeral
            assert "2025-10-17" in texts_of(message)
            assert len(parts.engine.asked) == 1

    asyncio.run(check())


FILTERS = {
    "no day": ({"since": "last week"}, "A day looks like 2025-10-17"),
    "a day that never was": ({"until": "2025-02-30"}, "A day looks like 2025-10-17"),
    "since after until": ({"since": "2025-10-17", "until": "2025-10-16"}, "2025-10-17 is after until: 2025-10-16"),
    "the future": ({"since": "2999-01-01"}, "lies in the future; the newest article is of 17 Oct 2025"),
    "a mistyped outlet": ({"source": "Exampel *News*"}, "called “Exampel \\*News\\*”. Nearest: Example News."),
    "an outlet unlike any": ({"source": "Zzz"}, "Nearest: Example News."),
}


@pytest.mark.parametrize(("options", "told"), FILTERS.values(), ids=FILTERS)
def test_a_filter_that_cannot_be_meant_is_told_to_the_asker_alone(
    tmp_path: Path, options: dict[str, object], told: str
) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            asked = await parts.discord.slash("ask", {"question": "q", **options})
            assert told in texts_of(await parts.discord.answered(asked))
            assert asked.ephemeral
            assert parts.engine.asked == []

    asyncio.run(check())


@pytest.mark.parametrize("options", [{"since": "2025-10-17", "until": "2025-10-17"}, {"source": " example news"}])
def test_a_single_day_and_an_outlet_however_written_are_filters(tmp_path: Path, options: dict[str, object]) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            await parts.discord.answered(await parts.discord.slash("ask", {"question": "q", **options}))
            scope = parts.engine.asked[0][2]
            assert scope.sources == (("Example News",) if "source" in options else ())
            assert scope.until == (datetime(2025, 10, 18, tzinfo=UTC) if "until" in options else None)

    asyncio.run(check())


def test_the_outlet_is_completed_from_the_library(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            for letters in ("exa", "exmaple nwes"):
                typed = await parts.discord.slash("ask", {"question": "q", "source": letters}, complete="source")
                await parts.discord.until(lambda typed=typed: typed.callback)
                assert typed.callback is not None
                assert typed.callback["data"]["choices"] == [{"name": "Example News", "value": "Example News"}]

    asyncio.run(check())


def test_a_mention_is_answered_below_it_without_a_ping(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            said = await parts.discord.say(501, "Will Hungary arrest Putin?")
            await parts.discord.until(lambda: parts.discord.answers_to(said))
            message = parts.discord.answers_to(said)[0]
            assert "It would not. [1]" in texts_of(message)
            assert message["allowed_mentions"]["parse"] == []
            assert not message["allowed_mentions"].get("replied_user")
            assert parts.engine.asked[0][0] == "Will Hungary arrest Putin?"

    asyncio.run(check())


def test_a_refusal_is_not_dressed_as_an_answer(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            refused = await parts.discord.answered(await parts.discord.slash("ask", {"question": "And Macron?"}))
            # The asker sees the answer a moment before the next question is admitted.
            await parts.settled()
            answered = await parts.discord.answered(await parts.discord.slash("ask", {"question": "And Putin?"}))
            assert refused["embeds"][0]["title"] == "And Macron?"
            assert refused["embeds"][0]["description"].startswith("**The articles do not say.**")
            assert refused["embeds"][0]["color"] != answered["embeds"][0]["color"]
            assert refused["embeds"][0]["fields"][0]["name"] == "Nearest, but not answering"
            assert texts_of(refused).lower().count("do not say") == 1
            assert "/help" in texts_of(refused)
            assert "As of" not in texts_of(refused)
            assert [one.split(":")[1] for one in custom_ids(refused)] == ["follow", "watch"]

    asyncio.run(check())


def test_what_is_not_meant_for_the_bot_gets_no_answer(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            discord = parts.discord
            await discord.say(501, "talking among ourselves", mention=False)
            await discord.say(501, "@everyone look", mention=False, mention_everyone=True)
            await discord.say(501, "<@&701> look", mention=False, mention_roles=["701"])
            await discord.say(501, "I am a bot", author=user_json(77, bot=True))
            await discord.say(501, "I am a webhook", webhook_id="5")
            await discord.say(501, "I am you", author=user_json(BOT, bot=True))
            last = await discord.say(501, "the only question")
            await discord.until(lambda: discord.answers_to(last))
            assert [question for question, *_ in parts.engine.asked] == ["the only question"]
            assert [one["content"] for one in discord.bot_messages(501)] == ["<@900> I am you", ""]

    asyncio.run(check())


def test_a_mention_is_answered_where_the_bot_may_not_read_what_was_said(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            discord.guilds[50].permissions &= ~READ_MESSAGE_HISTORY
            async with connected(discord, FakeEngine(), tmp_path):
                await discord.say(501, "Will Hungary arrest Putin?")
                await discord.until(
                    lambda: discord.bot_messages(501) and QUOTE in texts_of(discord.bot_messages(501)[-1])
                )
                assert not discord.refused

    asyncio.run(check())


def test_a_mention_without_a_question_is_told_how_to_ask(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            said = await parts.discord.say(501, "")
            await parts.discord.until(lambda: parts.discord.answers_to(said))
            assert "/ask" in texts_of(parts.discord.answers_to(said)[0])
            assert parts.engine.asked == []

    asyncio.run(check())


NO_QUESTIONS = ("hi", "help", "What can you do?", "Thanks!", "   ", "?!")


def test_what_is_no_question_gets_help_privately_costs_nothing_and_is_no_gap(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, discord_daily_budget=1) as parts:
            discord = parts.discord
            for text in NO_QUESTIONS:
                asked = await discord.slash("ask", {"question": text})
                assert "/help" in texts_of(await discord.answered(asked))
                assert asked.ephemeral
            why = await discord.slash("ask", {"question": "And why?"})
            assert "“And why?” alone points back to nothing here" in texts_of(await discord.answered(why))
            assert why.ephemeral
            long = await discord.slash("ask", {"question": "why " * 600})
            assert "2,000 are the most" in texts_of(await discord.answered(long))
            assert long.ephemeral
            first = await discord.answered(await discord.slash("ask", {"question": "The only question?"}))
            follow_up = pressed(first, "follow").replace("follow", "question")
            thanked = await discord.submit(follow_up, {"text": "Thank you!"})
            assert "/help" in texts_of(await discord.answered(thanked))
            assert thanked.ephemeral
            await parts.settled()
            assert [question for question, *_ in parts.engine.asked] == ["The only question?"]
            assert len(parts.engine.answers.stored) == 1

    asyncio.run(check())


@pytest.mark.parametrize("text", ["Hi!", "What can you do?", "help"])
def test_a_mention_with_a_greeting_gets_help_and_no_thread(tmp_path: Path, text: str) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            await parts.discord.answered(
                await parts.discord.slash("settings", {"auto_thread": True}, permissions=MANAGE)
            )
            said = await parts.discord.say(501, text)
            await parts.discord.until(lambda: parts.discord.answers_to(said))
            (message,) = parts.discord.answers_to(said)
            assert "/ask" in message["content"]
            assert not message["embeds"]
            assert parts.discord.guilds[50].threads == []
            assert parts.engine.asked == []

    asyncio.run(check())


def test_a_reply_that_cannot_be_read_is_told_so(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            said = await parts.discord.say(501, "Putin?")
            await parts.discord.until(lambda: parts.discord.answers_to(said))
            answer = int(parts.discord.answers_to(said)[0]["id"])
            unread = await parts.discord.say(501, "", mention=False, reply_to=answer)
            await parts.discord.until(lambda: parts.discord.answers_to(unread))
            assert "Follow up" in texts_of(parts.discord.answers_to(unread)[0])

    asyncio.run(check())


def test_a_reply_knows_what_it_replies_to_and_the_channel_nothing(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            discord, engine = parts.discord, parts.engine
            first = await discord.say(501, "Will Hungary arrest Putin?")
            await discord.until(lambda: discord.answers_to(first))
            answer = int(discord.answers_to(first)[0]["id"])
            await parts.settled()
            second = await discord.say(501, "Why not?", user=12, reply_to=answer)
            await discord.until(lambda: discord.answers_to(second))
            await parts.settled()
            third = await discord.say(501, "Since when?", reply_to=int(discord.answers_to(second)[0]["id"]))
            await discord.until(lambda: discord.answers_to(third))
            other = await discord.say(501, "Something else?", user=13)
            await discord.until(lambda: discord.answers_to(other))
            histories = {question: [turn.question for turn in turns] for question, turns, _ in engine.asked}
            assert histories == {
                "Will Hungary arrest Putin?": [],
                "Why not?": ["Will Hungary arrest Putin?"],
                "Since when?": ["Will Hungary arrest Putin?", "Why not?"],
                "Something else?": [],
            }

    asyncio.run(check())


def test_a_thread_remembers_its_own_turns_after_a_restart_and_no_others(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            thread, other = discord.add_thread(50, 501), discord.add_thread(50, 501)
            engine = FakeEngine()
            async with connected(discord, engine, tmp_path):
                await discord.answered(await discord.slash("ask", {"question": "First?"}, channel=thread))
                await discord.until(lambda: len(engine.answers.stored) == 1)
            async with connected(discord, engine, tmp_path):
                said = await discord.say(thread, "Second?", user=12)
                await discord.until(lambda: discord.answers_to(said))
                await discord.answered(await discord.slash("ask", {"question": "Elsewhere?"}, channel=other))
            histories = {question: [turn.question for turn in turns] for question, turns, _ in engine.asked}
            assert histories == {"First?": [], "Second?": ["First?"], "Elsewhere?": []}

    asyncio.run(check())


def test_a_thread_started_from_an_answer_knows_that_answer(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            engine = FakeEngine()
            async with connected(discord, engine, tmp_path) as parts:
                said = await discord.say(501, "First?")
                await discord.until(lambda: engine.answers.stored)
                await parts.settled()
                answer = int(discord.answers_to(said)[0]["id"])
            discord.add_thread(50, 501, thread_id=answer)
            async with connected(discord, engine, tmp_path):
                await discord.answered(await discord.slash("ask", {"question": "Second?"}, channel=answer))
            assert [turn.question for turn in engine.asked[1][1]] == ["First?"]

    asyncio.run(check())


def test_plain_follow_ups_in_the_bots_own_thread_only_with_the_setting(tmp_path: Path) -> None:
    async def ask_in_own_thread(home: Path, message_content: bool) -> list[str]:
        async with fake_discord() as discord:
            own, foreign = discord.add_thread(50, 501, owner_id=BOT), discord.add_thread(50, 501)
            engine = FakeEngine()
            async with connected(discord, engine, home, discord_message_content=message_content) as parts:
                assert bool(discord.identifies[0]["intents"] & (1 << 15)) == message_content
                await discord.say(foreign, "not for the bot", mention=False)
                await discord.say(own, "plain follow-up" if message_content else "", mention=False)
                last = await discord.say(501, "last", user=12)
                await discord.until(lambda: discord.answers_to(last))
                await parts.settled()
            return sorted(question for question, *_ in engine.asked)

    assert asyncio.run(ask_in_own_thread(tmp_path / "off", False)) == ["last"]
    assert asyncio.run(ask_in_own_thread(tmp_path / "on", True)) == ["last", "plain follow-up"]


def test_private_messages_only_with_the_setting_and_only_from_the_shared_library(tmp_path: Path) -> None:
    async def ask_privately(home: Path, allowed: bool) -> tuple[list[str], str]:
        async with fake_discord() as discord:
            discord.private_channels[601] = 11
            engine = FakeEngine()
            async with connected(discord, engine, home, discord_direct_messages=allowed):
                asked = await discord.slash("ask", {"question": "privately?"}, channel=601)
                text = texts_of(await discord.answered(asked))
            return [scope.libraries[-1] for _, _, scope in engine.asked], text

    assert asyncio.run(ask_privately(tmp_path / "on", True))[0] == ["shared"]
    libraries, text = asyncio.run(ask_privately(tmp_path / "off", False))
    assert libraries == []
    assert "private messages" in text


def test_a_private_message_is_answered_remembered_and_has_its_buttons(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            discord.private_channels[601] = 11
            engine = FakeEngine()
            async with connected(discord, engine, tmp_path, discord_direct_messages=True) as parts:
                said = await discord.say(601, "Will Hungary arrest Putin?", mention=False)
                await discord.until(lambda: discord.answers_to(said))
                await parts.settled()
                again = await discord.say(601, "Why?", mention=False)
                await discord.until(lambda: discord.answers_to(again))
                assert [turn.question for turn in engine.asked[1][1]] == ["Will Hungary arrest Putin?"]
                message = discord.answers_to(said)[0]
                press = await discord.press(int(message["id"]), pressed(message, "passages"))
                await discord.until(lambda: press.messages)
                assert "**" in texts_of(discord.messages[press.messages[0]])

    asyncio.run(check())


def test_a_draft_is_shown_by_edits_a_second_apart_and_the_answer_last(tmp_path: Path) -> None:
    async def check() -> None:
        script = drafting(*["A draft @everyone. "] * 22, pause=0.1)
        async with running(tmp_path, FakeEngine(script)) as parts:
            asked = await parts.discord.slash("ask", {"question": "q"})
            message = await parts.discord.answered(asked)
            edits = [one for one in parts.discord.requests if one.method == "PATCH"]
            drafts = [one for one in edits if not one.payload.get("embeds")]
            assert 2 <= len(drafts) <= 4
            assert all("not checked" in one.payload["content"] for one in drafts)
            assert all("@everyone" not in one.payload["content"] for one in drafts)
            gaps = [later.at - earlier.at for earlier, later in pairwise(drafts)]
            assert min(gaps) > 0.9
            assert edits[-1].payload["embeds"]
            assert not message["content"]

    asyncio.run(check())


def test_a_mentions_draft_becomes_its_answer_in_one_message(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, FakeEngine(drafting("A draft.", pause=0.3))) as parts:
            said = await parts.discord.say(501, "q")
            await parts.discord.until(lambda: any(m["embeds"] for m in parts.discord.answers_to(said)))
            messages = parts.discord.bot_messages(501)
            assert len(messages) == 1
            assert messages[0]["edits"] == 1
            assert "draft" not in texts_of(messages[0]).lower()
            assert parts.discord.typing[501] >= 1

    asyncio.run(check())


def test_a_long_answer_comes_in_pieces_with_the_rest_as_a_file(tmp_path: Path) -> None:
    async def check() -> None:
        text = "A sentence that was proven. [1] " * 700

        async def script(question: str) -> AsyncIterator[StreamEvent]:
            yield FakeEngine().answer(question, text)

        async with running(tmp_path, FakeEngine(script)) as parts:
            asked = await parts.discord.slash("ask", {"question": "q"})
            await parts.discord.until(lambda: len(asked.messages) == 2)
            last = parts.discord.messages[asked.messages[-1]]
            assert text.strip() in last["attachments"][0]["text"]
            assert len(custom_ids(last)) == 6
            await parts.discord.say(501, "q", user=12)
            await parts.discord.until(lambda: any(custom_ids(one) for one in parts.discord.bot_messages(501)[3:]))
            assert parts.discord.refused == []

    asyncio.run(check())


def test_a_mention_is_answered_in_a_thread_where_the_server_wants_that(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            changed = await parts.discord.slash("settings", {"auto_thread": True}, permissions=1 << 5)
            await parts.discord.answered(changed)
            said = await parts.discord.say(501, "Will Hungary arrest Putin? " * 20)
            await parts.discord.until(lambda: parts.discord.bot_messages(said))
            assert len(parts.discord.guilds[50].threads[0]["name"]) <= 100
            await parts.settled()
            second = await parts.discord.say(said, "And then?")
            await parts.discord.until(lambda: parts.discord.answers_to(second))
            assert len(parts.engine.asked[1][1]) == 1

    asyncio.run(check())


def test_without_embeds_or_threads_allowed_the_answer_still_comes(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord({}) as discord:
            discord.add_guild(50, [501], permissions=1 << 10 | 1 << 11)
            async with connected(discord, FakeEngine(), tmp_path):
                await discord.say(501, "q")
                await discord.until(lambda: discord.bot_messages(501))
                (message,) = discord.bot_messages(501)
                assert message["embeds"] == []
                assert "It would not. [1]" in message["content"]
                assert "Hungary would not seek to arrest Putin." in message["content"]

    asyncio.run(check())
