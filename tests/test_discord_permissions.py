"""Cooldown, queue, budget; engines that hang, raise or attack; a loop that never blocks; logs without content."""

import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.discord.admission import REMEMBERED, QuestionQueue, Rejected
from bot.discord.conversation import RECENT
from bot.discord.metrics import Metrics, serve_metrics
from bot.discord.run import JsonLines
from rag.answer import StreamEvent
from rag.errors import ModelError, SettingsError
from tests.fakes.discord_harness import MANAGE, FakeEngine, drafting, pressed, running, texts_of
from tests.fakes.fake_discord import fake_discord

ROOT = Path(__file__).parent.parent


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def reason_of(queue: QuestionQueue, user: int) -> str:
    with pytest.raises(Rejected) as caught:
        queue.admit(user)
    return caught.value.sentence


def test_the_queue_takes_one_question_a_user_and_waits_between_them() -> None:
    async def check() -> None:
        clock = Clock()
        queue = QuestionQueue(10.0, 1, 1, clock)
        first = queue.admit(1)
        assert reason_of(queue, 1) == "one_at_a_time"
        second = queue.admit(2)
        assert reason_of(queue, 3) == "queue_full"
        await queue.wait_for_turn(first)
        assert (queue.position(first), queue.position(second)) == (0, 1)
        queue.leave(first)
        assert reason_of(queue, 1) == "wait_cooldown"
        clock.now += 10
        queue.leave(second)
        queue.leave(queue.admit(1))
        await queue.drain(0.1)
        assert reason_of(queue, 4) == "closing"

    asyncio.run(check())


def test_what_the_queue_remembers_is_bounded() -> None:
    async def check() -> None:
        queue = QuestionQueue(10.0, 1, 1)
        for user in range(REMEMBERED + 500):
            queue.leave(queue.admit(user))
            queue.may_notify(user)
        assert len(queue.last_asked) == len(queue.last_notified) == REMEMBERED
        assert queue.slots == {}
        assert queue.waiting == []

    asyncio.run(check())


def test_a_question_asked_twice_at_once_is_answered_once(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, FakeEngine(drafting("A draft.", pause=0.3))) as parts:
            asked = await asyncio.gather(*(parts.discord.slash("ask", {"question": "q"}) for _ in range(2)))
            messages = [await parts.discord.answered(one) for one in asked]
            texts = sorted(texts_of(message) for message in messages)
            assert "still being answered" in "".join(texts)
            assert [one.ephemeral for one in asked].count(True) == 1
            assert len(parts.engine.asked) == 1

    asyncio.run(check())


def test_200_users_at_once_are_each_answered_or_told_why_not(tmp_path: Path) -> None:
    async def check() -> None:
        engine = FakeEngine(drafting(" ", pause=0.02))
        changes = {"discord_cooldown_seconds": 60.0, "discord_queue_limit": 100, "discord_daily_budget": 0}
        async with running(tmp_path, engine, **changes) as parts:
            asked = [await parts.discord.slash("ask", {"question": "q"}, user=1_000 + n) for n in range(200)]
            messages = [await parts.discord.answered(one, 60) for one in asked]
            turned_away = ["Too many questions" in texts_of(message) for message in messages]
            answered = ["It would not. [1]" in texts_of(message) for message in messages]
            assert all(one != other for one, other in zip(turned_away, answered, strict=True))
            assert sum(answered) == len(engine.asked) >= 104
            assert engine.most_running <= 4
            await parts.settled()
            again = await parts.discord.slash("ask", {"question": "q"}, user=1_000)
            assert "Please wait" in texts_of(await parts.discord.answered(again))

    asyncio.run(check())


def test_the_place_in_the_queue_is_shown(tmp_path: Path) -> None:
    async def check() -> None:
        go = asyncio.Event()

        async def script(question: str) -> AsyncIterator[StreamEvent]:
            await go.wait()
            yield FakeEngine().answer(question)

        async with running(tmp_path, FakeEngine(script), discord_questions_at_once=1) as parts:
            asked = [await parts.discord.slash("ask", {"question": "q"}, user=20 + n) for n in range(3)]
            await parts.discord.until(lambda: all(one.original for one in asked))

            def shown() -> list[str]:
                return [str(parts.discord.messages[one.original]["content"]) for one in asked if one.original]

            await parts.discord.until(lambda: "number 2 in the queue" in shown()[2])
            assert "number 1 in the queue" in shown()[1]
            assert "queue" not in shown()[0]
            go.set()
            for one in asked:
                assert "It would not" in texts_of(await parts.discord.answered(one))

    asyncio.run(check())


def test_a_servers_budget_is_kept_over_a_restart_and_does_not_touch_others(tmp_path: Path) -> None:
    async def check() -> None:
        for first in (True, False):
            async with running(tmp_path, guilds={50: (501,), 60: (601,)}) as parts:
                if first:
                    changed = await parts.discord.slash("settings", {"daily_budget": 2}, permissions=MANAGE)
                    await parts.discord.answered(changed)
                asked = [await parts.discord.slash("ask", {"question": "q"}, user=30 + n) for n in range(2)]
                texts = [texts_of(await parts.discord.answered(one)) for one in asked]
                assert all(("It would not" in text) == first for text in texts)
                assert all(("used up its 2 questions" in text) != first for text in texts)
                other = await parts.discord.slash("ask", {"question": "q"}, user=40, channel=601)
                assert "It would not" in texts_of(await parts.discord.answered(other))
                await parts.settled()

    asyncio.run(check())


def test_someone_who_floods_a_channel_is_told_once(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, discord_cooldown_seconds=60.0) as parts:
            first = await parts.discord.say(501, "q")
            await parts.discord.until(lambda: parts.discord.answers_to(first))
            said = [await parts.discord.say(501, f"flood {n}") for n in range(5)]
            last = await parts.discord.say(501, "q", user=12)
            await parts.discord.until(lambda: parts.discord.answers_to(last))
            assert sum(len(parts.discord.answers_to(one)) for one in said) == 1

    asyncio.run(check())


async def hangs(question: str) -> AsyncIterator[StreamEvent]:
    await asyncio.sleep(3_600)
    yield FakeEngine().answer(question)


async def raises(question: str) -> AsyncIterator[StreamEvent]:
    raise RuntimeError(f"could not handle {question}")
    yield FakeEngine().answer(question)


async def fails_known(question: str) -> AsyncIterator[StreamEvent]:
    raise ModelError("The model server is full @everyone: wait a minute.")
    yield FakeEngine().answer(question)


async def ends_without_answer(question: str) -> AsyncIterator[StreamEvent]:
    return
    yield FakeEngine().answer(question)


FAILING = {
    "hangs": (hangs, "took longer than"),
    "raises": (raises, "tell the operator this number"),
    "fails in a known way": (fails_known, "wait a minute"),
    "ends without an answer": (ends_without_answer, "tell the operator this number"),
}


@pytest.mark.parametrize(("script", "words"), FAILING.values(), ids=FAILING)
def test_an_engine_that_fails_costs_one_question_only(
    tmp_path: Path, script: object, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        engine = FakeEngine(script)
        # Time is up for the engine that hangs, and for no other: on a busy machine an answer may take its time.
        seconds = 0.5 if script is hangs else 240.0
        async with running(tmp_path, engine, discord_answer_seconds=seconds) as parts:
            asked = await parts.discord.slash("ask", {"question": "my secret question"})
            message = await parts.discord.answered(asked)
            assert words in texts_of(message)
            assert message["embeds"][0]["title"] == "Something went wrong"
            assert "@everyone" not in texts_of(message)
            engine.script = None
            unhurried = parts.bot.answers.settings.model_copy(update={"discord_answer_seconds": 240.0})
            parts.bot.answers = replace(parts.bot.answers, settings=unhurried)
            # Somebody else: an asker's slot is free a moment after the answer is seen.
            asked = await parts.discord.slash("ask", {"question": "q"}, user=12)
            assert "It would not" in texts_of(await parts.discord.answered(asked))

    with caplog.at_level(logging.INFO):
        asyncio.run(check())
    lines = [JsonLines(content=False).format(record) for record in caplog.records]
    assert all(json.loads(line) for line in lines)
    assert "secret" not in "\n".join(lines)


ATTACKS = {
    "pings": "@everyone <@11> <@&701> [1]",
    "markdown": "# Big **bold** ||spoiler|| [1]",
    "masked link": "[click here](https://evil.example) [1]",
    "masked mark": "It would not. [1](https://evil.example)",
    "fence": "```\nnever closed [1]",
    "zero width": "\u200b\u202e\u2066[1]",
    "nothing": "",
    "surrogates": "broken \ud83d [1]",
}


@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS)
def test_an_engine_that_attacks_reaches_nobody(tmp_path: Path, text: str) -> None:
    async def script(question: str) -> AsyncIterator[StreamEvent]:
        yield FakeEngine().answer(question, text)

    async def check() -> None:
        async with running(tmp_path, FakeEngine(script)) as parts:
            message = await parts.discord.answered(await parts.discord.slash("ask", {"question": "q"}))
            shown = texts_of(message)
            for alive in ("@everyone", "<@1", "<@&", "](https://evil", "1](", "```", "||", "\u202e"):
                assert alive not in shown.replace("\\`\\`\\`", "").replace("\\|\\|", "")
            assert message["allowed_mentions"]["parse"] == []
            assert parts.discord.refused == []

    asyncio.run(check())


def test_the_event_loop_is_never_blocked_while_50_questions_compute(tmp_path: Path) -> None:
    def compute() -> int:
        until, total = time.perf_counter() + 0.1, 0
        while time.perf_counter() < until:
            total += sum(range(1_000))
        return total

    async def script(question: str) -> AsyncIterator[StreamEvent]:
        await asyncio.to_thread(compute)
        yield FakeEngine().answer(question, "A sentence that was proven. [1] " * 200)

    async def check() -> float:
        worst = 0.0

        async def probe() -> None:
            nonlocal worst
            while True:
                # The loop's own processor time: what a busy machine adds by the clock is none of the bot's.
                before = time.thread_time()
                await asyncio.sleep(0.005)
                worst = max(worst, time.thread_time() - before)

        async with running(tmp_path, FakeEngine(script)) as parts:
            probing = asyncio.create_task(probe())
            asked = [await parts.discord.slash("ask", {"question": "q"}, user=100 + n) for n in range(50)]
            for one in asked:
                await parts.discord.answered(one, 60)
            probing.cancel()
        return worst

    assert asyncio.run(check()) < 0.1


def test_what_is_held_in_memory_is_bounded(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            for n in range(RECENT + 50):
                await parts.discord.answered(await parts.discord.slash("ask", {"question": "q"}, user=n + 1))
            await parts.settled()
            bot = parts.bot
            assert len(bot.history.recent) == RECENT
            assert bot._connection._view_store._views == {}
            assert bot._connection._view_store._modals == {}
            assert len(bot.cached_messages) == 0
            assert bot.queue.slots == {}

    asyncio.run(check())


IN_MID_ANSWER = """
import asyncio, sys
from pathlib import Path
from tests.fakes.discord_harness import FakeEngine, drafting
from bot.client import create_bot
from bot.discord.metrics import Metrics
from bot.discord.supervisor import supervise
from bot.signals import stop_on_signals
from rag.settings import Settings

async def main():
    stop, metrics = asyncio.Event(), Metrics()
    stop_on_signals(stop)
    engine = FakeEngine(drafting(*["A draft. "] * 1000, pause=0.1))
    settings = Settings(_env_file=None, home=Path(sys.argv[1]), discord_api_base=sys.argv[2],
                        discord_gateway_url=sys.argv[3], discord_guild_ready_seconds=0.05, discord_drain_seconds=1.0)
    await supervise(lambda: create_bot(settings, engine, metrics), "token", stop, metrics)

asyncio.run(main())
"""


@pytest.mark.slow
def test_kill_term_in_mid_answer_apologises_and_ends_in_time(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
            arguments = (str(tmp_path), discord.api_base, discord.gateway_url)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", IN_MID_ANSWER, *arguments, env=environment
            )
            try:
                await discord.until(lambda: discord.connected, 60)
                said = await discord.say(501, "q")
                await discord.until(lambda: discord.answers_to(said))
                assert "Draft" in texts_of(discord.answers_to(said)[0])
                process.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(process.wait(), 15) == 0
                text = texts_of(discord.answers_to(said)[0])
                assert "Please ask again" in text
                assert "Draft" not in text
            finally:
                if process.returncode is None:
                    process.kill()

    asyncio.run(check())


@pytest.mark.slow
def test_health_and_numbers_follow_the_gateway(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            message = await parts.discord.answered(await parts.discord.slash("ask", {"question": "q"}))
            vote = await parts.discord.press(int(message["id"]), pressed(message, "up"))
            await parts.discord.until(lambda: vote.messages)
            registry = parts.bot.metrics.registry
            assert registry.get_sample_value("dateline_questions_total", {"outcome": "answer"}) == 1
            assert registry.get_sample_value("dateline_votes_total", {"useful": "yes"}) == 1
            assert registry.get_sample_value("dateline_defer_seconds_count") == 1
            assert registry.get_sample_value("dateline_gateway_up") == 1
            for session in parts.discord.connected:
                parts.discord.refuse_gateway = 1
                await session.socket.close(code=4000)
            await parts.discord.until(lambda: registry.get_sample_value("dateline_gateway_up") == 0)
            await parts.discord.until(lambda: registry.get_sample_value("dateline_gateway_up") == 1, 30)

    asyncio.run(check())


def test_a_port_that_is_taken_is_told_in_one_sentence() -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            with pytest.raises(SettingsError, match=f"DATELINE_DISCORD_PORT={discord.port} cannot be used"):
                async with serve_metrics(Metrics(), discord.port):
                    raise AssertionError("it was free")

    asyncio.run(check())
