"""Watched questions over the real socket: behind people's questions, each change told once, across restarts."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_discord_process import bot_process, finished, start
from test_watching import FAR, FIRST, LATER, corpus
from test_watching import QUESTION as HOW_MANY

from bot.discord import watches
from bot.discord.render_watches import change_page
from bot.discord.translations import ENGLISH, GERMAN
from rag.answer import StreamEvent
from rag.watched_questions import Changed
from rag.watching import Standing
from tests.fakes.discord_harness import (
    MANAGE,
    QUOTE,
    FakeEngine,
    Running,
    Script,
    connected,
    custom_ids,
    pressed,
    running,
    texts_of,
)
from tests.fakes.fake_discord import FakeDiscord, Fault, Interaction, embed_problems, fake_discord
from vectorstore.database import open_database
from vectorstore.watches import WatchStore

OFTEN = {"discord_watch_seconds": 0.02}
QUESTION = "Will Hungary arrest Putin?"
LEFT = "Hungary has left the court."


def saying(quote: str) -> Script:
    """A script that quotes something else."""

    async def script(question: str) -> AsyncIterator[StreamEvent]:
        answer = FakeEngine().answer(question)
        citation = replace(answer.citations[0], quote=quote, end=answer.citations[0].start + len(quote))
        numbered = f"{abs(hash((question, quote))):x}"[:12]
        yield replace(answer, id=numbered, text=f"{quote} [1]", citations=(citation,))

    return script


async def told(parts: Running, interaction: Interaction) -> str:
    """What one person alone was shown last."""
    await parts.discord.until(lambda: interaction.messages or (interaction.finished and interaction.ephemeral))
    return texts_of(parts.discord.messages[(interaction.messages or [interaction.original])[-1]])


async def watch(parts: Running, question: str = QUESTION, user: int = 11, channel: int = 501) -> str:
    """Somebody watches a question; returns the word on it."""
    asked = await parts.discord.slash("watch add", {"question": question}, user=user, channel=channel)
    return await told(parts, asked)


def changes(parts: Running, channel: int = 501) -> list[dict[str, object]]:
    return changes_in(parts.discord, channel)


def changes_in(discord: FakeDiscord, channel: int = 501) -> list[dict[str, object]]:
    return [one for one in discord.bot_messages(channel) if "The answer has changed" in texts_of(one)]


async def looked(parts: Running, asked: int) -> None:
    """Wait until the engine was asked so often in all, and a few looks more."""
    await parts.discord.until(lambda: len(parts.engine.asked) >= asked)
    await asyncio.sleep(0.2)


def test_a_changed_answer_is_told_once_with_the_one_before(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, **OFTEN) as parts:
            assert "tell this channel" in await watch(parts)
            assert QUOTE in texts_of(parts.discord.bot_messages(501)[0])
            await looked(parts, 2)
            parts.engine.library.arrived.append(1.0)
            await looked(parts, 3)
            assert changes(parts) == []
            parts.engine.script = saying(LEFT)
            parts.engine.library.arrived.append(2.0)
            await parts.discord.until(lambda: changes(parts))
            await looked(parts, 4)
            (change,) = changes(parts)
            assert change["embeds"][0]["title"] == QUESTION
            now, _, before = change["embeds"][0]["description"].partition("**Before, as of 17 Oct 2025**")
            assert now.startswith("The articles now say something else.\n\n**Now, as of 17 Oct 2025**")
            assert LEFT in now
            assert before.strip() == "It would not. [1]"
            assert change["allowed_mentions"] == {"parse": []}
            assert len(parts.engine.asked) == 4
            assert parts.engine.used_model == [True, False, False, False]
            press = await parts.discord.press(int(change["id"]), pressed(change, "passages"))
            assert LEFT in await told(parts, press)
            assert not parts.discord.refused

    asyncio.run(check())


@pytest.mark.parametrize(
    ("standing", "sentence"),
    [
        ("withdrawn", "withdrawn by its publisher"),
        ("corrected", "no longer says this"),
        ("deleted", "deleted from the library"),
    ],
)
def test_an_answer_whose_article_no_longer_stands_is_asked_again_and_told_once(
    tmp_path: Path, standing: Standing, sentence: str
) -> None:
    async def check() -> None:
        async with running(tmp_path, **OFTEN) as parts:
            await watch(parts)
            await looked(parts, 2)
            library = parts.engine.library
            library.fallen.append("unfinished")
            await asyncio.sleep(0.2)
            assert len(parts.engine.asked) == 2, "what is being stored is waited for"

            async def refusing(question: str) -> AsyncIterator[StreamEvent]:
                library.fallen.append("stands")
                yield FakeEngine().refusal(question)

            parts.engine.script = refusing
            library.fallen.append(standing)
            await parts.discord.until(lambda: changes(parts))
            await looked(parts, 3)
            assert len(parts.engine.asked) == 3
            (change,) = changes(parts)
            assert "The articles no longer say." in texts_of(change)
            library.fallen.append(standing)
            await asyncio.sleep(0.2)
            assert len(parts.engine.asked) == 3, "a refusal quotes nothing"

    asyncio.run(check())


def test_the_button_below_an_answer_watches_its_question(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, **OFTEN) as parts:
            refused = await parts.discord.answered(await parts.discord.slash("ask", {"question": "And Macron?"}))
            press = await parts.discord.press(int(refused["id"]), pressed(refused, "watch"), user=12)
            assert "tell this channel" in await told(parts, press)
            again = await parts.discord.press(int(refused["id"]), pressed(refused, "watch"), user=13)
            assert "watched in this channel already" in await told(parts, again)
            parts.engine.script = saying("Macron will come.")
            parts.engine.library.arrived.append(1.0)
            await parts.discord.until(lambda: changes(parts))
            (change,) = changes(parts)
            assert "Macron will come." in texts_of(change)
            assert "The articles do not say." in texts_of(change)
            other = await parts.discord.press(int(change["id"]), pressed(change, "unwatch"), user=13)
            assert "no such question" in await told(parts, other)
            own = await parts.discord.press(int(change["id"]), pressed(change, "unwatch"), user=12)
            assert "no longer watch" in await told(parts, own)

    asyncio.run(check())


def test_where_no_questions_are_answered_no_button_watches_one(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, **OFTEN) as parts:
            asked = await parts.discord.slash("ask", {"question": QUESTION})
            shown = await parts.discord.answered(asked)
            await parts.bot.guild_settings.change(replace(parts.bot.guild_settings.of(50), channels=(502,)), 11, "")
            press = await parts.discord.press(int(shown["id"]), pressed(shown, "watch"))
            assert "<#502>" in await told(parts, press)
            assert WatchStore(parts.bot.state.blocking.database).of_server(50) == []

    asyncio.run(check())


def test_where_watching_is_turned_off_there_is_no_button(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, discord_watch_seconds=0.0) as parts:
            answer = await parts.discord.answered(await parts.discord.slash("ask", {"question": QUESTION}))
            assert not [one for one in custom_ids(answer) if ":watch:" in one]
            assert "turned watching off" in await watch(parts)

    asyncio.run(check())


def test_nothing_near_is_not_asked_and_the_budget_holds(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, **OFTEN, discord_watch_budget=2) as parts:
            for question in ("near", "far"):
                await watch(parts, question)
            await looked(parts, 4)
            for moment in (1.0, 2.0, 3.0):
                parts.engine.library.arrived.append(moment)
                await asyncio.sleep(0.3)
            asked = [question for question, _, _ in parts.engine.asked]
            # Once by its asker, once to begin with, once more by the day's budget.
            assert asked.count("near") == 3
            assert asked.count("far") == 2

    asyncio.run(check())


def test_peoples_questions_go_first(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, **OFTEN) as parts:
            await watch(parts)
            await looked(parts, 2)
            release = asyncio.Event()

            async def slow(question: str) -> AsyncIterator[StreamEvent]:
                if question == "slow":
                    await release.wait()
                yield FakeEngine().answer(question)

            parts.engine.script = slow
            asked = await parts.discord.slash("ask", {"question": "slow"}, user=12)
            await parts.discord.until(lambda: len(parts.engine.asked) == 3)
            parts.engine.library.arrived.append(1.0)
            await asyncio.sleep(0.4)
            assert len(parts.engine.asked) == 3
            release.set()
            await parts.discord.answered(asked)
            await parts.discord.until(lambda: len(parts.engine.asked) == 4)

    asyncio.run(check())


def test_only_so_many_are_watched(tmp_path: Path) -> None:
    async def check() -> None:
        limits = {"discord_watches_per_user": 1, "discord_watches_per_server": 2}
        async with running(tmp_path, guilds={50: (501, 502), 60: (601,)}, **OFTEN, **limits) as parts:
            assert "I watch this question" in await watch(parts, "one", user=11)
            assert "You watch one question" in await watch(parts, "two", user=11)
            assert "I watch this question" in await watch(parts, "two", user=12, channel=502)
            assert "2 questions are watched" in await watch(parts, "three", user=13)
            assert "I watch this question" in await watch(parts, "three", user=11, channel=601)
            assert len(parts.engine.asked) < 10

    asyncio.run(check())


def test_two_commands_at_once_do_not_both_take_the_last_place(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, **OFTEN, discord_watches_per_server=1) as parts:
            asked = (("one", 11), ("two", 12), ("three", 13))
            said = await asyncio.gather(*(watch(parts, question, user) for question, user in asked))
            assert sum("I watch this question" in text for text in said) == 1
            assert sum("One question is watched" in text for text in said) == 2

    asyncio.run(check())


def test_one_sees_and_stops_ones_own_and_an_admin_all(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, guilds={50: (501,), 60: (601,)}, **OFTEN) as parts:
            for question, user in (("one", 11), ("two", 12)):
                await watch(parts, question, user=user)

            async def listed(user: int, permissions: int = 0, channel: int = 501) -> str:
                given = await parts.discord.slash("watch list", user=user, permissions=permissions, channel=channel)
                return await told(parts, given)

            assert "one · <#501>" in await listed(11)
            assert "two" not in await listed(11)
            assert "None yet" in await listed(13)
            assert "None yet" in await listed(13, MANAGE, channel=601)
            both = await listed(13, MANAGE)
            assert "one" in both
            assert "two" in both
            typed = await parts.discord.slash("watch stop", {"question": "t"}, user=12, complete="question")
            await parts.discord.until(lambda: typed.callback)
            ((choice),) = typed.callback["data"]["choices"]
            assert choice["name"].startswith("two · #")
            stop = {"question": choice["value"]}
            for user, permissions, channel in ((11, 0, 501), (13, MANAGE, 601)):
                given = await parts.discord.slash("watch stop", stop, user, channel, permissions=permissions)
                assert "no such question" in await told(parts, given)
            given = await parts.discord.slash("watch stop", stop, user=13, permissions=MANAGE)
            assert "no longer watch" in await told(parts, given)
            gone = await parts.discord.slash("forget-me", user=11)
            assert "watched no more" in await told(parts, gone)
            assert "None yet" in await listed(13, MANAGE)

    asyncio.run(check())


@pytest.mark.parametrize("came_through", [True, False], ids=["the message came through", "it did not"])
@pytest.mark.parametrize(
    "nonce_is_known",
    [
        pytest.param(True, id="at once"),
        pytest.param(False, marks=pytest.mark.slow, id="after Discord forgot the nonce"),
    ],
)
def test_a_change_is_told_once_when_the_bot_dies_while_telling_it(
    tmp_path: Path, came_through: bool, nonce_is_known: bool
) -> None:
    async def check() -> None:
        engine = FakeEngine()
        async with fake_discord() as discord:
            async with connected(discord, engine, tmp_path, **OFTEN) as parts:
                await watch(parts)
                await looked(parts, 2)
                engine.script = saying(LEFT)
                engine.library.arrived.append(1.0)
                fault = Fault("POST", "/channels/501/messages", 503, 99, after_doing=came_through)
                discord.faults.append(fault)
                await discord.until(lambda: fault.hits >= 3)
                assert len(changes(parts)) == came_through
            discord.faults.clear()
            if not nonce_is_known:
                discord.nonces.clear()
            async with connected(discord, engine, tmp_path, **OFTEN) as parts:
                await discord.until(lambda: changes(parts))
                await asyncio.sleep(0.3)
                assert len(changes(parts)) == 1
            async with connected(discord, engine, tmp_path, **OFTEN) as parts:
                await asyncio.sleep(0.3)
                assert len(changes(parts)) == 1

    asyncio.run(check())


@pytest.mark.parametrize("words", ["A long quote. ", "*_~` > # ", "🙂🙂 "], ids=["words", "markup", "emoji"])
def test_a_long_change_is_one_message_within_the_limits_and_its_file(words: str) -> None:
    answer = FakeEngine().answer(QUESTION * 20)
    quotes = [f"{words * 200}{number}" for number in range(1, 9)]
    first = answer.citations[0]
    citations = tuple(
        replace(first, number=number, article_id=f"a{number}", title=words * 30, quote=quote)
        for number, quote in enumerate(quotes, 1)
    )
    text = "\n".join(f"{quote} [{number}]" for number, quote in enumerate(quotes, 1))
    long = replace(answer, text=text, citations=citations)
    refused = FakeEngine().refusal(QUESTION)
    found = datetime(2025, 11, 28, tzinfo=UTC)
    for before, after in ((long, long), (refused, long), (long, refused)):
        page = change_page(answer.question, Changed(before, found, after, found), GERMAN)
        fields = [{"name": field.name, "value": field.value} for field in page.fields]
        footer, author = {"text": page.footer}, {"name": page.author}
        embed = {"title": page.title, "description": page.body, "fields": fields, "footer": footer, "author": author}
        assert embed_problems([embed]) == []
        assert "**Jetzt, Stand" in page.body
        assert "**Vorher, Stand" in page.body
        assert page.file
    short = change_page("Why?", Changed(refused, found, answer, found), ENGLISH)
    assert short.file == ""
    assert short.body.startswith("The articles say something of it now.")
    assert short.body.endswith("**Before, as of 28 Nov 2025**\nThe articles do not say.")


def test_a_change_says_where_the_articles_disagree_now() -> None:
    answer, found = FakeEngine().answer(QUESTION), datetime(2025, 11, 28, tzinfo=UTC)
    first = replace(answer.citations[0], quote="It costs 8 crowns.", emphasis=((9, 17),))
    other = replace(first, number=2, source="City Wire", quote="It costs 9 crowns.", end=first.start + 18)
    after = replace(answer, citations=(first, other), disagreement=(first, other))
    now, _, before = change_page(QUESTION, Changed(answer, found, after, found), ENGLISH).body.partition("**Before")
    assert "The articles disagree: 8 crowns (Example News, 17 Oct 2025), 9 crowns (City Wire, 17 Oct 2025)." in now
    assert "disagree" not in before


def test_by_setting_the_asker_hears_of_it_in_private_while_a_member(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        async with running(tmp_path, **OFTEN, discord_watch_tells="asker") as parts:
            assert "write to you" in await watch(parts, user=11)
            await watch(parts, "And then?", user=12)
            await looked(parts, 4)
            parts.discord.guilds[50].left.add(12)
            parts.engine.script = saying(LEFT)
            parts.engine.library.arrived.append(1.0)
            await parts.discord.until(lambda: parts.discord.private_channels)
            ((channel, user),) = parts.discord.private_channels.items()
            await parts.discord.until(lambda: changes(parts, channel) and "watch stopped" in caplog.text)
            assert (user, len(changes(parts, channel)), changes(parts)) == (11, 1, [])
            listed = await parts.discord.slash("watch list", user=13, permissions=MANAGE)
            assert "And then?" not in await told(parts, listed)

    asyncio.run(check())


def test_a_channel_that_is_gone_is_watched_no_more(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, **OFTEN) as parts:
            await watch(parts, channel=502)
            await looked(parts, 2)
            guild = parts.discord.guilds[50]
            gone = guild.channels.pop()
            await parts.discord.dispatch("CHANNEL_DELETE", gone)
            parts.engine.script = saying(LEFT)
            parts.engine.library.arrived.append(1.0)
            await looked(parts, 3)
            listed = await parts.discord.slash("watch list", user=13, permissions=MANAGE)
            assert "None yet" in await told(parts, listed)
            await watch(parts)
            await parts.discord.dispatch("GUILD_DELETE", {"id": "50"})
            await parts.discord.until(lambda: parts.bot.get_guild(50) is None)
            await asyncio.sleep(0.1)
            assert await parts.bot.watches.watched.of_server(50) == []

    asyncio.run(check())


@pytest.mark.parametrize(
    ("further", "told"), [((QUOTE,), []), ((QUOTE, LEFT), [LEFT])], ids=["and back", "and back, and again"]
)
def test_changes_that_had_to_wait_are_told_as_one_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, further: tuple[str, ...], told: list[str]
) -> None:
    monkeypatch.setattr(watches, "TELL_AGAIN", 0.5)
    monkeypatch.setattr(watches, "NO_FAILURE", watches.TellingFailure(0.5))

    async def check() -> None:
        async with running(tmp_path, **OFTEN) as parts:
            await watch(parts)
            await looked(parts, 2)
            fault = Fault("POST", "/channels/501/messages", 403, 1, {"code": 50013, "message": "Missing Permissions"})
            parts.discord.faults.append(fault)
            for number, quote in enumerate((LEFT, *further), 1):
                parts.engine.script = saying(quote)
                parts.engine.library.arrived.append(float(number))
                await looked(parts, 2 + number)
            assert fault.hits == 1
            store = WatchStore(parts.bot.state.blocking.database)
            await parts.discord.until(lambda: not store.untold(terminal=False))
            assert [LEFT for one in changes(parts) if LEFT in texts_of(one).partition("Before")[0]] == told
            assert len(changes(parts)) == len(told)

    asyncio.run(check())


def test_a_change_waits_while_its_channel_is_not_allowed(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, **OFTEN) as parts:
            await watch(parts)
            await looked(parts, 2)
            settings = parts.bot.guild_settings
            await settings.change(replace(settings.of(50), channels=(502,)), 11, "")
            parts.engine.script = saying(LEFT)
            parts.engine.library.arrived.append(1.0)
            await looked(parts, 3)
            assert changes(parts) == []
            await settings.change(replace(settings.of(50), channels=()), 11, "")
            await parts.discord.until(lambda: changes(parts))

    asyncio.run(check())


def test_news_are_near_whoever_watches_what_is_new(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, **OFTEN) as parts:
            # "far" is near nothing, says the library.
            await watch(parts, "What's new since the far away summit?")
            await looked(parts, 2)
            parts.engine.library.arrived.append(1.0)
            await looked(parts, 3)

    asyncio.run(check())


def test_an_ingest_that_goes_on_is_waited_for_but_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        monkeypatch.setattr(watches, "PATIENCE", 5)
        async with running(tmp_path, **OFTEN) as parts:
            await watch(parts)
            await looked(parts, 2)
            # As an article arrives with every look, nothing ever settles.
            arriving = iter(range(1, 10_000))

            async def arrive() -> float:
                return float(next(arriving))

            parts.engine.library.latest_arrival = arrive
            await parts.discord.until(lambda: len(parts.engine.asked) == 3)
            assert next(arriving) >= 5

    asyncio.run(check())


@pytest.mark.slow
def test_a_bot_killed_while_it_tells_of_another_process_s_ingest_tells_once(tmp_path: Path) -> None:
    async def check() -> None:
        home, often = tmp_path / "home", {"DATELINE_DISCORD_WATCH_SECONDS": "0.2"}
        async with fake_discord() as discord:

            async def ingest(*records: dict[str, str]) -> None:
                process = await start(discord, home, "ingest", str(corpus(tmp_path, *records)))
                assert (await finished(process))[0] == 0

            await ingest(FIRST)
            async with bot_process(discord, home, **often) as process:
                await discord.until(lambda: discord.syncs == 1)
                asked = await discord.slash("watch add", {"question": HOW_MANY})
                await discord.until(lambda: asked.messages, 60)
                await ingest(FIRST, FAR)
                # The message is made, and the bot is told that it was not.
                discord.faults.append(Fault("POST", "/channels/501/messages", 503, 99, after_doing=True))
                await ingest(FIRST, FAR, LATER)
                await discord.until(lambda: changes_in(discord), 60)
                process.kill()
            discord.faults.clear()
            discord.nonces.clear()
            store = WatchStore(open_database(home / "ledger.sqlite3"))
            assert len(store.untold(terminal=False)) == 1
            async with bot_process(discord, home, **often):
                await discord.until(lambda: not store.untold(terminal=False), 60)
            (change,) = changes_in(discord)
            now, _, before = texts_of(change).replace("*", "").partition("Before, as of 22 May 2025")
            assert "five people" in now
            assert "three people" in before

    asyncio.run(check())
