"""Measure watched questions: what they cost people who ask meanwhile, and whether each change is told exactly once.

`python -m benchmarks.bench_watch` from the checkout: 200 watched questions, an ingest of 500 articles in another process,
a bot that is killed (SIGKILL) twice while it tells what changed. The bot is a process of its own, the fake is in this one.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bench_discord import QUESTIONS, REAL, ROOT, bot_process, percentile, use_test_parts
from rag.answer import Answer
from rag.factory import open_engine
from rag.settings import Settings
from rag.watched_questions import new_watch
from rag.watching import difference
from vectorstore.database import open_database
from vectorstore.ledger import Ledger
from vectorstore.values import Scope
from vectorstore.watches import WatchStore

if TYPE_CHECKING:
    from tests.fakes.fake_discord import FakeDiscord

SERVER, CHANNEL = 50, 501
INGEST = "import sys; from bot.cli import dateline; sys.argv = ['dateline', 'ingest', *sys.argv[1:]]; dateline()"
WATCHING = {"DATELINE_DISCORD_WATCH_SECONDS": "5", "DATELINE_DISCORD_WATCH_BUDGET": "0"}
NOT_WATCHING = {"DATELINE_DISCORD_WATCH_SECONDS": "0"}
SYLLABLES = ("bran", "mor", "quel", "grau", "ost", "wiek", "hal", "tern", "vik", "sund", "lau", "den")
THINK_SECONDS, GIVE_UP_SECONDS = 0.5, 900.0


def towns(count: int) -> list[str]:
    """Names of towns, each of three syllables."""
    names = {"".join(random.Random(number).sample(SYLLABLES, 3)).title() for number in range(count * 3)}
    return sorted(names)[:count]


def hall_article(town: str, visitors: int, later: bool) -> dict[str, str]:
    first = f"The swimming hall of {town} had {visitors:,} visitors in May, its director told the town council."
    update = (
        f"A warm summer filled the pool. {visitors:,} visitors came to the swimming hall of {town} in July, said Ida "
        "Brandt, who has run it for three years, and more are expected before the renovation begins."
    )
    return {
        "id": f"{town}-{'july' if later else 'may'}",
        "title": f"Swimming hall of {town}",
        "text": update if later else first,
        "source": "Coast Wire",
        "published": "2025-08-02" if later else "2025-06-01",
    }


def filler_articles(count: int) -> Iterator[dict[str, str]]:
    """Articles of eight printed sentences each, drawn at random."""
    sentences = [line for line in (ROOT / "tests/data/news_sentences.txt").read_text("utf-8").splitlines() if line]
    for number in range(count):
        text = " ".join(random.Random(number).sample(sentences, 8))
        yield {
            "id": f"filler-{number}",
            "title": text[:60],
            "text": text,
            "source": "Filler",
            "published": "2025-07-01",
        }


def write_corpora(folder: Path, articles: int, changing: int) -> tuple[Path, Path, list[str]]:
    """The library to begin with, the ingest, and the questions whose answers the ingest is made to change."""
    names = towns(changing)
    before = [hall_article(town, 1_000 + 13 * number, False) for number, town in enumerate(names)]
    after = [hall_article(town, 2_000 + 17 * number, True) for number, town in enumerate(names)]
    mixed = [*after, *filler_articles(articles - len(after))]
    random.Random(7).shuffle(mixed)
    paths = folder / "before.jsonl", folder / "after.jsonl"
    for path, records in zip(paths, (before, mixed), strict=True):
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return *paths, [f"How many visitors did the swimming hall of {town} have?" for town in names]


def own_questions(count: int) -> list[str]:
    """Questions of the project's own set."""
    lines = (ROOT / "tests/cases/cases.jsonl").read_text("utf-8").splitlines()
    asked = [case["question"] for case in map(json.loads, lines) if not case.get("history")]
    return list(dict.fromkeys(asked))[:count]


async def ingest(home: Path, *paths: Path) -> float:
    """Ingest in a process of its own; returns its seconds."""
    began = time.perf_counter()
    environment = os.environ | {"DATELINE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", INGEST, *map(str, paths)]
    process = await asyncio.create_subprocess_exec(*words, env=environment, stdout=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0
    return time.perf_counter() - began


@contextmanager
def ledger_of(home: Path) -> Iterator[tuple[WatchStore, Ledger]]:
    database = open_database(home / "ledger.sqlite3")
    try:
        yield WatchStore(database), Ledger(database)
    finally:
        database.dispose()


def watch_all(home: Path, questions: Sequence[str]) -> None:
    """Watch the questions in the one channel, as /watch does."""
    with ledger_of(home) as (store, _):
        for number, question in enumerate(questions):
            store.add(new_watch(question, SERVER, CHANNEL, 30_000 + number))


def settled(home: Path) -> bool:
    """True if every watched question was looked at since the last arrival, and every change told."""
    with ledger_of(home) as (store, ledger):
        latest = ledger.latest_arrival()
        return not store.untold(terminal=False) and not any(one.is_due(latest) for one in store.of_channels())


def wait_until_settled(home: Path, seconds: float = GIVE_UP_SECONDS) -> None:
    give_up = time.monotonic() + seconds
    while not settled(home) and time.monotonic() < give_up:
        time.sleep(0.5)


async def with_news(home: Path, questions: Sequence[str], since: float) -> set[str]:
    """The questions near which something arrived: the others are not asked again, whatever their answer would be."""
    async with open_engine(Settings(_env_file=None, home=home)) as engine:
        arrivals = await engine.library.arrivals(since)
        return {question for question in questions if await engine.library.any_near(question, arrivals, ("shared",))}


async def said(home: Path, questions: Sequence[str]) -> list[Answer]:
    """What the engine answers, asked directly: the truth that what was told is compared with."""
    async with open_engine(Settings(_env_file=None, home=home)) as engine:
        return [await engine.ask(question, (), Scope(("shared", f"discord:{SERVER}"))) for question in questions]


async def ask_while(
    discord: "FakeDiscord", goes_on: Callable[[], bool], least: int = 20, at_most: float = GIVE_UP_SECONDS
) -> list[float]:
    """One person after the other asks while something goes on; milliseconds from each command to its answer.

    Raises TimeoutError when it goes on for longer than `at_most` seconds: what was waited for will not come.
    """
    took: list[float] = []
    give_up = time.monotonic() + at_most
    while goes_on() or len(took) < least:
        if time.monotonic() > give_up:
            raise TimeoutError(f"still waiting after {at_most:.0f} s and {len(took)} questions")
        options: dict[str, object] = {"question": QUESTIONS[len(took) % len(QUESTIONS)]}
        began = time.perf_counter()
        await discord.answered(await discord.slash("ask", options, user=10_000 + len(took)), 120)
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(THINK_SECONDS)
    return took


def told(discord: "FakeDiscord") -> Counter[str]:
    """How often a change of each question was told."""
    messages = [one for one in discord.bot_messages(CHANNEL) for embed in one["embeds"] or [] if is_change(embed)]
    return Counter(str(message["embeds"][0]["title"]) for message in messages)


def is_change(embed: dict[str, object]) -> bool:
    return (embed.get("author") or {}).get("name") == "The answer has changed"


def spread(name: str, took: Sequence[float]) -> dict[str, float]:
    return {f"{name}_p50_ms": statistics.median(took), f"{name}_p95_ms": percentile(took, 0.95), f"{name}_n": len(took)}


async def measure_without(folder: Path, before: Path, after: Path) -> dict[str, float]:
    """A bot that watches nothing: quiet, and while the articles are ingested."""
    from tests.fakes.fake_discord import fake_discord

    home = folder / "without"
    await ingest(home, ROOT / "seeds", ROOT / "tests/cases/newsroom.jsonl", before)
    async with fake_discord() as discord, bot_process(discord, REAL, home, **NOT_WATCHING):
        await ask_while(discord, lambda: False, 6)
        quiet = await ask_while(discord, lambda: False, 40)
        ingesting = asyncio.create_task(ingest(home, after))
        meanwhile = await ask_while(discord, lambda: not ingesting.done(), 1)
        seconds = await ingesting
    return {**spread("quiet", quiet), **spread("ingest", meanwhile), "ingest_seconds": seconds}


async def measure_with(folder: Path, before: Path, after: Path, questions: Sequence[str]) -> dict[str, float]:
    """A bot that watches: while the articles are ingested, while the questions are asked again, across two kills."""
    from tests.fakes.fake_discord import fake_discord

    home = folder / "with"
    await ingest(home, ROOT / "seeds", ROOT / "tests/cases/newsroom.jsonl", before)
    said_before = await said(home, questions)
    watch_all(home, questions)
    async with fake_discord() as discord:
        async with bot_process(discord, REAL, home, **WATCHING) as process:
            await ask_while(discord, lambda: False, 6)
            await asyncio.to_thread(wait_until_settled, home)
            with ledger_of(home) as (_, ledger):
                began_at = ledger.latest_arrival()
            ingesting = asyncio.create_task(ingest(home, after))
            during_ingest = await ask_while(discord, lambda: not ingesting.done(), 1)
            await ingesting
            during_asking = await ask_while(discord, lambda: sum(told(discord).values()) < 8, 1)
            os.kill(process, signal.SIGKILL)
        async with bot_process(discord, REAL, home, **WATCHING) as process:
            during_asking += (await ask_while(discord, lambda: sum(told(discord).values()) < 20, 8))[3:]
            os.kill(process, signal.SIGKILL)
        async with bot_process(discord, REAL, home, **WATCHING):
            during_asking += (await ask_while(discord, lambda: not settled(home), 8))[3:]
            await asyncio.sleep(5)
        counts = told(discord)
    said_after = await said(home, questions)
    pairs = zip(questions, said_before, said_after, strict=True)
    differ = {question for question, one, other in pairs if difference(one, other)}
    changed = differ & await with_news(home, questions, began_at)
    return {
        **spread("ingest_watching", during_ingest),
        **spread("asking_again", during_asking),
        "watched": len(questions),
        "changed_near_news": len(changed),
        "changed_by_ranking_alone": len(differ - changed),
        "told": sum(counts.values()),
        "told_twice": sum(1 for count in counts.values() if count > 1),
        "not_told": len(changed - set(counts)),
        "told_without_change": len(set(counts) - changed),
    }


async def measure(watched: int, articles: int) -> dict[str, float]:
    """Everything, and the ratios that the bounds are about."""
    use_test_parts()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for home in ("with", "without"):
            (folder / home).mkdir()
        before, after, changing = write_corpora(folder, articles, min(40, watched // 2))
        questions = [*changing, *own_questions(watched - len(changing))]
        assert len(questions) == watched
        with contextlib.chdir(folder):
            measured = await measure_without(folder, before, after)
            measured |= await measure_with(folder, before, after, questions)
    for share in ("p50", "p95"):
        measured[f"ingest_slowed_{share}"] = measured[f"ingest_watching_{share}_ms"] / measured[f"ingest_{share}_ms"]
        measured[f"asking_slowed_{share}"] = measured[f"asking_again_{share}_ms"] / measured[f"quiet_{share}_ms"]
    return {name: round(value, 2) for name, value in measured.items()}


def main() -> int:
    """Print what was measured as JSON; 1 when a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watched", type=int, default=200)
    parser.add_argument("--articles", type=int, default=500)
    given = parser.parse_args()
    measured = asyncio.run(measure(given.watched, given.articles))
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")
    once = measured["told_twice"] == measured["not_told"] == measured["told_without_change"] == 0
    return 0 if once and max(measured["ingest_slowed_p50"], measured["asking_slowed_p50"]) <= 1.5 else 1


if __name__ == "__main__":
    sys.exit(main())
