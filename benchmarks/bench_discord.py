"""Measure the Discord bot against the fake: acknowledgement, overhead, questions lost or answered twice, memory.

`python -m benchmarks.bench_discord` from the checkout runs everything; `--questions` and `--memory-questions` set the
sizes. The bot is a process of its own, the fake is in this one; both share the machine's cores.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parent.parent
REAL = "import sys; from bot.cli import dateline; sys.argv = ['dateline', 'bot']; dateline()"
SCRIPTED = "import asyncio; from benchmarks.bench_discord import serve_scripted; asyncio.run(serve_scripted())"
QUESTIONS = (
    "Will Hungary arrest Putin?",
    "What did Macron say about the summit?",
    "Who is the prime minister of Hungary?",
)
AT_ONCE = 50

if TYPE_CHECKING:
    from tests.fakes.fake_discord import FakeDiscord, Interaction


def use_test_parts() -> None:
    """The fake and the scripted engine live beside the tests."""
    if str(ROOT / "tests") not in sys.path:
        sys.path.insert(0, str(ROOT / "tests"))


async def serve_scripted() -> None:
    """A bot whose engine answers at once, until it is killed: what is measured then is the bot's own memory."""
    use_test_parts()
    from bot.client import create_bot
    from rag.settings import load_settings
    from tests.fakes.discord_harness import FakeAnswers, FakeEngine

    engine = FakeEngine(answers=FakeAnswers(enabled=False))
    engine.asked = deque(maxlen=10)
    await create_bot(load_settings(), engine).start("token")


@contextlib.asynccontextmanager
async def bot_process(discord: "FakeDiscord", code: str, home: Path, **changes: str) -> AsyncIterator[int]:
    """A connected bot in a process of its own, with these variables changed; yields its process id."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATELINE_", "OPENAI_"))}
    environment = kept | {
        "PYTHONPATH": str(ROOT),
        "DATELINE_HOME": str(home),
        "DATELINE_SEEDS": str(ROOT / "seeds"),
        "DATELINE_DISCORD_TOKEN": "token",
        "DATELINE_DISCORD_API_BASE": discord.api_base,
        "DATELINE_DISCORD_GATEWAY_URL": discord.gateway_url,
        "DATELINE_DISCORD_COOLDOWN_SECONDS": "0",
        "DATELINE_DISCORD_DAILY_BUDGET": "0",
        "DATELINE_DISCORD_QUEUE_LIMIT": "5000",
        "DATELINE_DISCORD_GUILD_READY_SECONDS": "0.1",
        "DATELINE_DISCORD_LOG_LEVEL": "ERROR",
        **changes,
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=environment, cwd=home)
    try:
        await discord.until(lambda: discord.connected, 120)
        yield process.pid
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ask_many(discord: "FakeDiscord", questions: int, at_once: int) -> "list[Interaction]":
    """Ask so many questions, so many of them at a time, each by another user; returns them answered."""
    gate = asyncio.Semaphore(at_once)

    async def ask(number: int) -> "Interaction":
        async with gate:
            options: dict[str, object] = {"question": QUESTIONS[number % len(QUESTIONS)]}
            asked = await discord.slash("ask", options, user=10_000 + number)
            await discord.answered(asked, 600)
            return asked

    return list(await asyncio.gather(*(ask(number) for number in range(questions))))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def measure_real(home: Path, questions: int) -> dict[str, float]:
    """Acknowledgement with 50 questions at once, then many questions: how many were lost or answered twice."""
    from tests.fakes.fake_discord import fake_discord

    async with fake_discord() as discord, bot_process(discord, REAL, home):
        await ask_many(discord, 4, 1)
        first = await ask_many(discord, AT_ONCE, AT_ONCE)
        defers = [(interaction.acknowledged_at - interaction.sent_at) * 1000 for interaction in first]
        discord.requests.clear()
        started = time.perf_counter()
        asked = await ask_many(discord, questions, AT_ONCE)
        seconds = time.perf_counter() - started
        finals = Counter(request.path.split("/")[3] for request in discord.requests if request.payload.get("embeds"))
        times = [finals[interaction.token] for interaction in asked]
        return {
            "defer_p50_ms": statistics.median(defers),
            "defer_p99_ms": percentile(defers, 0.99),
            "questions": questions,
            "lost": times.count(0),
            "answered_twice": sum(1 for count in times if count > 1),
            "questions_per_second": questions / seconds,
            "loaded_defer_p99_ms": percentile(
                [(interaction.acknowledged_at - interaction.sent_at) * 1000 for interaction in asked], 0.99
            ),
        }


async def measure_overhead(home: Path) -> dict[str, float]:
    """From a mention sent to its answer received, with an engine that takes no time."""
    from tests.fakes.discord_harness import FakeEngine, connected
    from tests.fakes.fake_discord import fake_discord

    async with fake_discord() as discord, connected(discord, FakeEngine(), home, discord_daily_budget=0):
        took = []
        for number in range(220):
            started = time.perf_counter()
            said = await discord.say(501, "q", user=20_000 + number)
            while not discord.answers_to(said):
                async with discord.changed:
                    await discord.changed.wait()
            took.append((time.perf_counter() - started) * 1000)
            discord.messages.clear()
        took = took[20:]
        return {"mention_overhead_p50_ms": statistics.median(took), "mention_overhead_p95_ms": percentile(took, 0.95)}


async def measure_memory(home: Path, questions: int) -> dict[str, float]:
    """The bot's resident memory after a tenth of the questions and after all of them."""
    from tests.fakes.fake_discord import fake_discord

    async with fake_discord() as discord, bot_process(discord, SCRIPTED, home) as process_id:
        discord.keep_requests = False
        resident = []
        for part in (questions // 10, questions - questions // 10):
            for _ in range(max(1, part // 500)):
                await ask_many(discord, min(part, 500), AT_ONCE)
                discord.messages.clear()
                discord.interactions.clear()
            resident.append(resident_megabytes(process_id))
        return {"memory_after_tenth_mb": resident[0], "memory_after_all_mb": resident[1], "memory_questions": questions}


def resident_megabytes(process_id: int) -> float:
    """A process's resident memory, as Linux tells it."""
    status = Path(f"/proc/{process_id}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


async def measure(questions: int, memory_questions: int) -> dict[str, float]:
    """Everything, one after the other."""
    use_test_parts()
    measured: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("real", "overhead", "memory"):
            (Path(folder) / name).mkdir()
        measured |= await measure_overhead(Path(folder) / "overhead")
        measured |= await measure_real(Path(folder) / "real", questions)
        measured |= await measure_memory(Path(folder) / "memory", memory_questions)
    return {name: round(value, 1) for name, value in measured.items()}


def main() -> int:
    """Print what was measured as JSON; 1 when a bound of the design is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=1_000)
    parser.add_argument("--memory-questions", type=int, default=10_000)
    given = parser.parse_args()
    measured = asyncio.run(measure(given.questions, given.memory_questions))
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")
    good = (
        measured["defer_p99_ms"] < 500
        and measured["mention_overhead_p50_ms"] < 20
        and measured["lost"] == measured["answered_twice"] == 0
        and measured["memory_after_all_mb"] < measured["memory_after_tenth_mb"] * 1.2
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
