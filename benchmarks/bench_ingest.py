"""What an ingest costs beside its embedder: a folder of short articles for the first time, unchanged, and with some changed.

    PYTHONPATH=. python benchmarks/bench_ingest.py [--articles 10000] [--changed 100] [--profile]

Articles are made up: sentences of common words, rarer ones, names and numbers, so that they share pairs of words as news
does; each makes one chunk or two. The embedder alone embeds a tenth of the same chunks before the first ingest and after
it: on a machine with other work the two say how much that differs. All else is the real thing, in one process: files,
SQLite, Chroma, lexical index.

Prints, by the clock and by this process's own processor time: the chunks a second of the embedder and of the ingest, and
their ratio; how many times as fast the unchanged folder was; what share of the first time the changed one took. --profile:
where the main thread's time went.
"""

import argparse
import asyncio
import cProfile
import pstats
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.bench_corpus import WORDS
from rag.factory import open_library
from rag.ingestion.chunking import chunks_of
from rag.ingestion.indexing import PASSAGES_AT_ONCE, IngestReport, Storage, batches
from rag.ingestion.read_articles import ReadArticle, read_paths
from rag.library import Library
from rag.models.embedder import Passage
from rag.settings import Settings

COMMON = """the the the the of of of to to to and and and a a a in in in that is was for on on said with as it he by at from be
are has have will not an they were which would their who had its been this you your if all new more when about or after we can
please then now one two also do how what tell note must should write add use only no any before"""
COMMON_SHARE = 0.45
"""Of all words: near what such words take in news."""
SENTENCES = (3, 12)
FILES_IN_A_FOLDER = 500


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds by the clock, and of this process's processor time."""

    wall: float
    processor: float


def sentence(chance: random.Random) -> str:
    """Sixteen to twenty-six words, with a name and a number here and there."""
    common = COMMON.split()
    words = [
        chance.choice(common) if chance.random() < COMMON_SHARE else chance.choice(WORDS)
        for _ in range(chance.randint(16, 26))
    ]
    if chance.random() < 0.4:
        words[chance.randrange(1, len(words))] = chance.choice(WORDS).capitalize()
    if chance.random() < 0.3:
        words[chance.randrange(1, len(words))] = str(chance.randint(2, 9_999))
    return f"{' '.join(words).capitalize()}."


def write_articles(folder: Path, count: int) -> list[Path]:
    """One file an article, with its title and day before the text."""
    chance = random.Random(5)
    paths = []
    for number in range(count):
        path = folder / f"{number // FILES_IN_A_FOLDER:03}" / f"{number:06}.txt"
        path.parent.mkdir(exist_ok=True)
        text = " ".join(sentence(chance) for _ in range(chance.randint(*SENTENCES)))
        title = " ".join(chance.choices(WORDS, k=7)).capitalize()
        path.write_text(f"Title: {title}\nDate: 2025-{number % 12 + 1:02}-{number % 28 + 1:02}\n\n{text}\n", "utf-8")
        paths.append(path)
    return paths


def change(paths: Sequence[Path]) -> None:
    """Each of these articles says something more."""
    chance = random.Random(6)
    for path in paths:
        path.write_text(f"{path.read_text('utf-8').rstrip()} {sentence(chance)}\n", "utf-8")


def embedder_alone(storage: Storage, paths: Sequence[Path]) -> tuple[int, Cost]:
    """Embed the chunks of these articles; how many they are, and what the embedding of them cost."""
    articles = [reading.article for reading in read_paths(paths) if isinstance(reading, ReadArticle)]
    chunks = [chunk for article in articles for chunk in chunks_of(article, storage.splitter.split_text)]
    passages = [Passage(chunk.text, chunk.spans_within()) for chunk in chunks]
    wall, processor = time.perf_counter(), time.process_time()
    for batch in batches(passages, PASSAGES_AT_ONCE):
        storage.embedder.embed_passages(batch)
    return len(passages), Cost(time.perf_counter() - wall, time.process_time() - processor)


async def timed(work: Callable[[], Awaitable[IngestReport]]) -> tuple[IngestReport, Cost]:
    wall, processor = time.perf_counter(), time.process_time()
    report = await work()
    return report, Cost(time.perf_counter() - wall, time.process_time() - processor)


async def measure(folder: Path, count: int, changed: int, profile: cProfile.Profile | None) -> None:
    articles = folder / "articles"
    articles.mkdir()
    paths = write_articles(articles, count)
    sample = paths[::10]

    async def ingest(library: Library) -> IngestReport:
        with profile or nullcontext():
            # In this thread, so that it can be profiled; the embedder has its own in any case.
            return library.ingest_paths([articles], "shared", False, None, False, None)

    async with open_library(Settings(home=folder / "home")) as library:
        storage = library.storage
        embedder_alone(storage, sample[:20])
        alone = [embedder_alone(storage, sample)]
        first, cost = await timed(lambda: ingest(library))
        alone.append(embedder_alone(storage, sample))
    async with open_library(Settings(home=folder / "home")) as library:
        unchanged, again = await timed(lambda: ingest(library))
        change(paths[:: count // changed][:changed])
        some, updated = await timed(lambda: ingest(library))
    assert (first.added, unchanged.unchanged, some.changed) == (count, count, changed)
    print(
        f"{count:,} articles, {first.chunks:,} chunks; {first.flagged} flagged; {some.chunks} chunks of {changed} changed"
    )
    for name in ("wall", "processor"):
        speeds = [chunks / getattr(one, name) for chunks, one in alone]
        seconds, same, few = (getattr(one, name) for one in (cost, again, updated))
        speed, alone_mean = first.chunks / seconds, fmean(speeds)
        print(f"{name:10} embedder alone {speeds[0]:.1f} and {speeds[1]:.1f} a second, ingest {speed:.1f} ({seconds:.1f} s): "
              f"{speed / alone_mean:.2f} (goal 0.85)")  # fmt: skip
        print(f"{'':10} unchanged {same:.2f} s: {seconds / same:.0f} times as fast (goal 50); "
              f"changed {few:.2f} s: {few / seconds:.1%} of the first (goal 3 %)")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--changed", type=int, default=100)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    profile = cProfile.Profile() if options.profile else None
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), options.articles, options.changed, profile))
    if profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(60)


if __name__ == "__main__":
    main()
