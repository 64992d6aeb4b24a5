"""What Discord and the network do to a bot: rate limits, server errors, lost gateways, events twice or malformed."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.client import create_bot
from bot.discord.client import DatelineBot
from bot.discord.metrics import Metrics
from bot.discord.supervisor import DiscordRefused, supervise
from rag.answer import StreamEvent
from tests.fakes.discord_harness import (
    MANAGE,
    FakeEngine,
    bot_settings,
    connected,
    drafting,
    pressed,
    running,
    texts_of,
)
from tests.fakes.fake_discord import FakeDiscord, Fault, fake_discord, too_many_requests
from vectorstore.errors import StoreUnavailable

CALLBACK = ("POST", r"/interactions/.*/callback")
ORIGINAL = ("PATCH", r"/webhooks/.*/messages/@original")
FOLLOW_UP = ("POST", r"/webhooks/\d+/[^/]+")
MESSAGE = ("POST", r"/channels/\d+/messages")
EDIT = ("PATCH", r"/channels/\d+/messages/\d+")
TYPING = ("POST", r"/channels/\d+/typing")
THREAD = ("POST", r"/channels/\d+/messages/\d+/threads")
COMMANDS = ("PUT", r"/applications/\d+/commands")
ROUTES = {
    "callback": CALLBACK,
    "original": ORIGINAL,
    "follow-up": FOLLOW_UP,
    "message": MESSAGE,
    "edit": EDIT,
    "typing": TYPING,
    "thread": THREAD,
    "commands": COMMANDS,
}


async def use_every_route(discord: FakeDiscord, engine: FakeEngine, home: Path) -> None:
    """A command with a long answer, a press, and a mention in a new thread with a draft: every kind of request."""
    async with connected(discord, engine, home) as parts:
        changed = await discord.slash("settings", {"auto_thread": True}, permissions=MANAGE)
        await discord.until(lambda: changed.messages, 40)
        asked = await discord.slash("ask", {"question": "q"})
        message = await discord.answered(asked, 40)
        assert "It would not" in texts_of(message)
        press = await discord.press(int(message["id"]), pressed(message, "up"))
        await discord.until(lambda: press.messages, 40)
        said = await discord.say(501, "q", user=12)

        def finals() -> list[dict[str, object]]:
            return [one for one in [*discord.bot_messages(said), *discord.answers_to(said)] if one["embeds"]]

        await discord.until(finals, 40)
        await parts.settled()
        assert len(finals()) == 1


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_a_rate_limit_on_any_route_is_waited_out(tmp_path: Path, route: tuple[str, str]) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            fault = too_many_requests(*route)
            discord.faults.append(fault)
            await use_every_route(discord, FakeEngine(drafting("A draft.", pause=0.1)), tmp_path)
            assert fault.hits == 1
            assert discord.refused == []

    asyncio.run(check())


@pytest.mark.slow
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_on_every_route_loses_no_answer(tmp_path: Path, status: int) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            # A draft that a 503 kept from being sent is not edited: the message route has a test of its own.
            routes = [route for route in ROUTES.values() if status != 503 or route != MESSAGE]
            discord.faults += [Fault(method, path, status) for method, path in routes]
            await use_every_route(discord, FakeEngine(drafting("A draft.", pause=0.1)), tmp_path)
            assert all(fault.hits == 1 for fault in discord.faults)

    asyncio.run(check())


def test_a_try_that_failed_but_came_through_leaves_one_answer(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            parts.discord.faults.append(Fault(*MESSAGE, 503, after_doing=True))
            said = await parts.discord.say(501, "q")
            await parts.discord.until(lambda: parts.discord.answers_to(said))
            await parts.settled()
            assert sum(one.path.endswith("/messages") for one in parts.discord.requests) == 2
            assert len(parts.discord.answers_to(said)) == 1

    asyncio.run(check())


def test_when_nothing_can_be_sent_the_next_question_still_can(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            parts.discord.faults.append(Fault(*MESSAGE, 403, times=1, body={"code": 50013, "message": "Missing"}))
            await parts.discord.say(501, "first")
            await parts.discord.until(lambda: parts.discord.faults[0].hits)
            await parts.settled()
            said = await parts.discord.say(501, "second")
            await parts.discord.until(lambda: parts.discord.answers_to(said))

    asyncio.run(check())


def test_an_answer_after_the_token_expired_goes_to_the_channel(tmp_path: Path) -> None:
    async def check() -> None:
        go = asyncio.Event()

        async def script(question: str) -> AsyncIterator[StreamEvent]:
            await go.wait()
            yield FakeEngine().answer(question)

        async with running(tmp_path, FakeEngine(script)) as parts:
            asked = await parts.discord.slash("ask", {"question": "Late @everyone?"})
            await parts.discord.until(lambda: asked.deferred)
            parts.discord.expired.add(asked.token)
            go.set()
            await parts.discord.until(lambda: parts.discord.bot_messages(501))
            message = parts.discord.bot_messages(501)[0]
            assert "It would not. [1]" in texts_of(message)
            assert message["embeds"][0]["author"]["name"] == "user11 asks"
            assert "Late" in message["embeds"][0]["title"]
            assert "@everyone" not in message["content"]

    asyncio.run(check())


def test_a_question_that_could_not_be_acknowledged_is_answered_in_the_channel(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            unknown = {"code": 10062, "message": "Unknown interaction"}
            parts.discord.faults.append(Fault(*CALLBACK, 404, body=unknown))
            await parts.discord.slash("ask", {"question": "q"})
            await parts.discord.until(lambda: parts.discord.bot_messages(501))
            assert "It would not" in texts_of(parts.discord.bot_messages(501)[0])

    asyncio.run(check())


def test_a_question_deleted_meanwhile_is_answered_all_the_same(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord:

            async def script(question: str) -> AsyncIterator[StreamEvent]:
                discord.messages.clear()
                yield FakeEngine().answer(question)

            async with connected(discord, FakeEngine(script), tmp_path):
                await discord.say(501, "q")
                await discord.until(lambda: discord.bot_messages(501))

    asyncio.run(check())


def test_a_mention_during_a_lost_connection_is_answered_once_after_resume(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            before = await parts.discord.say(501, "before")
            await parts.discord.until(lambda: parts.discord.answers_to(before))
            await parts.discord.drop()
            missed = await parts.discord.say(501, "missed", user=12)
            await parts.discord.until(lambda: parts.discord.answers_to(missed))
            assert len(parts.discord.resumes) == 1
            assert len(parts.discord.identifies) == 1
            # Discord may send again what was seen already.
            await parts.discord.dispatch("MESSAGE_CREATE", parts.discord.messages[before])
            await parts.discord.dispatch("MESSAGE_CREATE", parts.discord.messages[missed])
            last = await parts.discord.say(501, "last", user=13)
            await parts.discord.until(lambda: parts.discord.answers_to(last))
            await parts.settled()
            assert [question for question, *_ in parts.engine.asked] == ["before", "missed", "last"]

    asyncio.run(check())


def test_an_answer_under_way_survives_a_reconnect(tmp_path: Path) -> None:
    async def check() -> None:
        go = asyncio.Event()

        async def script(question: str) -> AsyncIterator[StreamEvent]:
            await go.wait()
            yield FakeEngine().answer(question)

        async with running(tmp_path, FakeEngine(script)) as parts:
            said = await parts.discord.say(501, "q")
            await parts.discord.until(lambda: parts.engine.asked)
            await parts.discord.send_raw({"op": 7, "d": None})
            await parts.discord.until(lambda: parts.discord.resumes)
            go.set()
            await parts.discord.until(lambda: parts.discord.answers_to(said))

    asyncio.run(check())


@pytest.mark.parametrize("resumable", [pytest.param(False, marks=pytest.mark.slow), True])
def test_an_invalid_session_is_started_anew_or_resumed(tmp_path: Path, resumable: bool) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            await parts.discord.send_raw({"op": 9, "d": resumable})
            anew = parts.discord.resumes if resumable else parts.discord.identifies
            await parts.discord.until(lambda: len(anew) == (1 if resumable else 2), 30)
            await parts.discord.until(lambda: parts.discord.connected)
            said = await parts.discord.say(501, "q")
            await parts.discord.until(lambda: parts.discord.answers_to(said))

    asyncio.run(check())


@contextlib.asynccontextmanager
async def supervised(
    discord: FakeDiscord, engine: FakeEngine, home: Path, **changes: object
) -> AsyncIterator[tuple["asyncio.Task[None]", asyncio.Event, Metrics]]:
    """A supervisor that starts again quickly."""
    stop, metrics = asyncio.Event(), Metrics()
    settings = bot_settings(discord, home, **changes)
    task = asyncio.create_task(
        supervise(lambda: create_bot(settings, engine, metrics), "token", stop, metrics, first_wait=0.1)
    )
    try:
        yield task, stop, metrics
    finally:
        stop.set()
        await asyncio.wait({task}, timeout=20)
        assert task.done()


def test_a_malformed_event_ends_the_client_but_not_the_bot(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord, supervised(discord, FakeEngine(), tmp_path) as (_, _, metrics):
            await discord.until(lambda: discord.connected)
            await discord.dispatch("MESSAGE_CREATE", {"id": "what", "nothing": "else"})
            await discord.until(lambda: len(discord.identifies) == 2)
            await discord.until(lambda: discord.connected)
            said = await discord.say(501, "q")
            await discord.until(lambda: discord.answers_to(said))
            assert metrics.registry.get_sample_value("dateline_client_restarts_total") == 1

    asyncio.run(check())


def test_a_malformed_interaction_ends_the_client_but_not_the_bot(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord, supervised(discord, FakeEngine(), tmp_path) as (_, _, metrics):
            await discord.until(lambda: discord.connected)
            await discord.dispatch("INTERACTION_CREATE", {"id": "what", "type": 2})
            await discord.until(lambda: len(discord.identifies) == 2)
            await discord.until(lambda: discord.connected)
            await discord.answered(await discord.slash("ask", {"question": "q"}))
            assert metrics.registry.get_sample_value("dateline_client_restarts_total") == 1

    asyncio.run(check())


def test_nobody_listening_at_first_is_tried_again(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            settings = bot_settings(discord, tmp_path, discord_api_base="http://127.0.0.1:9/api")
            elsewhere = [settings, bot_settings(discord, tmp_path)]
            stop, metrics = asyncio.Event(), Metrics()

            def make() -> DatelineBot:
                given = elsewhere.pop(0) if len(elsewhere) > 1 else elsewhere[0]
                return create_bot(given, FakeEngine(), metrics)

            task = asyncio.create_task(supervise(make, "token", stop, metrics, first_wait=0.05))
            await discord.until(lambda: discord.connected, 40)
            await discord.answered(await discord.slash("ask", {"question": "q"}))
            assert metrics.registry.get_sample_value("dateline_client_restarts_total") == 1
            stop.set()
            await asyncio.wait({task}, timeout=20)
            assert task.done()

    asyncio.run(check())


def test_waits_between_tries_grow_up_to_a_limit(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    async def check() -> None:
        stop, tries = asyncio.Event(), 0
        async with fake_discord() as discord:

            def make() -> DatelineBot:
                nonlocal tries
                tries += 1
                if tries == 9:
                    stop.set()
                settings = bot_settings(discord, tmp_path, discord_api_base="http://127.0.0.1:9/api")
                return create_bot(settings, FakeEngine(), Metrics())

            await supervise(make, "token", stop, Metrics(), first_wait=0.01, longest_wait=0.08)

    with caplog.at_level(logging.ERROR, "dateline.bot"):
        asyncio.run(check())
    waits = [one.seconds for one in caplog.records if "starting it again" in one.message]
    assert waits == [0.01, 0.02, 0.04, 0.08, 0.08, 0.08, 0.08, 0.08]


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/users/@me", "/oauth2/applications/@me", "/gateway/bot"])
def test_a_rate_limit_while_logging_in_is_waited_out(tmp_path: Path, path: str) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            fault = too_many_requests("GET", path)
            discord.faults.append(fault)
            async with connected(discord, FakeEngine(), tmp_path):
                await discord.answered(await discord.slash("ask", {"question": "q"}))
            assert fault.hits == 1

    asyncio.run(check())


@pytest.mark.slow
def test_a_first_connection_that_is_refused_is_tried_again(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            discord.faults.append(Fault("GET", "/users/@me", 503, times=2))
            discord.faults.append(Fault("GET", "/gateway/bot", 503, times=1))
            discord.refuse_gateway = 1
            async with supervised(discord, FakeEngine(), tmp_path):
                await discord.until(lambda: discord.connected, 40)
                said = await discord.say(501, "q")
                await discord.until(lambda: discord.answers_to(said))

    asyncio.run(check())


@pytest.mark.parametrize(("code", "words"), [(4004, "Reset Token"), (4014, "Message Content Intent")])
def test_what_a_person_has_to_change_ends_the_bot(tmp_path: Path, code: int, words: str) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            discord.close_on_identify = code
            async with supervised(discord, FakeEngine(), tmp_path) as (task, _, _):
                with pytest.raises(DiscordRefused, match=words):
                    await asyncio.wait_for(asyncio.shield(task), 20)
            assert len(discord.identifies) == 1

    asyncio.run(check())


def test_a_database_that_cannot_be_opened_ends_the_bot(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            url = "sqlite:////proc/nowhere/ledger.sqlite3"
            async with supervised(discord, FakeEngine(), tmp_path, database_url=url) as (task, _, _):
                with pytest.raises(StoreUnavailable):
                    await asyncio.wait_for(asyncio.shield(task), 20)

    asyncio.run(check())


def test_stopping_lets_running_questions_finish_and_takes_no_more(tmp_path: Path) -> None:
    async def check() -> None:
        go = asyncio.Event()

        async def script(question: str) -> AsyncIterator[StreamEvent]:
            await go.wait()
            yield FakeEngine().answer(question)

        engine = FakeEngine(script)
        async with (
            fake_discord() as discord,
            supervised(discord, engine, tmp_path, discord_drain_seconds=10.0) as (task, stop, _),
        ):
            await discord.until(lambda: discord.connected)
            said = await discord.say(501, "q")
            await discord.until(lambda: engine.asked)
            stop.set()
            # The bot is told in a task of its own; the next question finds it closing.
            await asyncio.sleep(0.1)
            late = await discord.answered(await discord.slash("ask", {"question": "late"}, user=12))
            assert "restarting" in texts_of(late)
            go.set()
            await discord.until(lambda: discord.answers_to(said))
            await asyncio.wait_for(task, 10)
            assert len(engine.answers.stored) == 1

    asyncio.run(check())


def test_stopping_interrupts_what_takes_too_long_and_says_so(tmp_path: Path) -> None:
    async def check() -> None:
        async def script(question: str) -> AsyncIterator[StreamEvent]:
            await asyncio.Event().wait()
            yield FakeEngine().answer(question)

        engine = FakeEngine(script)
        async with (
            fake_discord() as discord,
            supervised(discord, engine, tmp_path, discord_questions_at_once=1) as (task, stop, _),
        ):
            await discord.until(lambda: discord.connected)
            said = await discord.say(501, "q")
            waiting = await discord.slash("ask", {"question": "behind it"}, user=12)
            await discord.until(lambda: engine.asked and waiting.deferred)
            stop.set()
            await asyncio.wait_for(task, 10)
            assert "Please ask again" in texts_of(discord.answers_to(said)[0])
            assert "Please ask again" in texts_of(await discord.answered(waiting))

    asyncio.run(check())
