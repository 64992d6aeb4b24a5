"""How time and memory grow with the library, each size in a folder and processes of its own.

    PYTHONPATH=. python benchmarks/scale.py [--sizes 1000 10000 100000] [--keep-in FOLDER] [--steps find ask keep]

Chunks are template sentences with random unit vectors: finding does not depend on what they say. Three steps, each in a
process of its own, on a library that a process before them has filled:

- find: p50 and p95 of finding with and without filters, memory, opening, the lexical index loaded and grown by 500 chunks
- ask: whole answers, by one asker, by 16 at once, and by one while a backup is written
- keep: 100 articles more, a checkup, a backup and a restore

Prints them with the rate of storing without embedding, and by which power of the size each grows.
"""

import argparse
import asyncio
import json
import math
import os
import random
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import accumulate
from pathlib import Path

import numpy as np

from benchmarks.own_process import REPOSITORY, peak_megabytes, run_step
from rag.checkup import check_library
from rag.engine import Engine
from rag.factory import open_engine, open_library
from rag.ingestion.article_fields import ArticleDraft
from rag.ingestion.chunking import chunks_of
from rag.ingestion.indexing import Storage, check_embedder
from rag.ingestion.near_duplicates import BANDING, minhash_bands
from rag.ingestion.read_articles import ReadArticle
from rag.library import Library
from rag.models.embedder import MINILM, Matrix, Passage, PassageVectors, Vector, unit
from rag.retrieval import HitLimits, HybridRetriever
from rag.settings import Settings
from vectorstore.backup import restore_backup, write_backup
from vectorstore.ledger import IncomingArticle, IndexedChunk
from vectorstore.lexical import LexicalIndex
from vectorstore.lexical_store import LexicalStore
from vectorstore.values import SHARED_LIBRARY, Article, Scope

SCRIPT = Path(__file__)
STEPS = ("find", "ask", "keep")
DIMENSION = 384
CHUNKS_OF_ARTICLE = 5
ADDED = 500
"""Chunks by which a library is grown: 100 articles."""
QUESTIONS = 60
ASKERS = 16
WORDS = (REPOSITORY / "rag" / "data" / "bert-base-uncased-vocab.txt").read_text("utf-8").split()[2_000:22_000]
WEIGHTS = list(accumulate(1 / (place + 1) for place in range(len(WORDS))))
"""How often words are used, by Zipf's law: the sum for each word and those before it."""
SENTENCES = (
    "The {} of {} said {} {} would {} {} {} near {} {}.",
    "{} and {} {} {} met in {} {} {} over {} {}.",
    "A {} {} near {} was {} after {} {} had {} {}.",
)
"""Mostly gaps: sentences with more of their words in common would be taken for rewordings of each other."""


class RandomEmbedder:
    """Takes the embedded model's place where its time is not to be measured: each sentence has a direction, always the same."""

    name = MINILM

    def embed_question(self, question: str) -> Vector:
        return unit_rows(zlib.crc32(question.encode()), 1)[0]

    def embed_passages(self, passages: Sequence[Passage]) -> list[PassageVectors]:
        """Each passage lies amid its sentences, as those of the model do."""
        made = []
        for passage in passages:
            rows = unit_rows(zlib.crc32(passage.text.encode()), max(len(passage.sentences), 1))
            made.append(PassageVectors(unit(rows.mean(axis=0)), rows[: len(passage.sentences)]))
        return made


def unit_rows(seed: int, count: int) -> Matrix:
    """Random directions."""
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def made_up_articles(first: int, count: int) -> Iterator[Article]:
    """Articles of these numbers: a chunk of template sentences a line, one outlet of forty, one an hour."""
    for number in range(first, first + count):
        chance = random.Random(number)
        lines = [
            " ".join(form.format(*words_by_chance(chance, form.count("{}"))) for form in SENTENCES * 3)
            for _ in range(CHUNKS_OF_ARTICLE)
        ]
        published = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(hours=number)
        yield Article(
            f"a{number}", f"Report {number}", "\n".join(lines), source=f"Outlet {number % 40}", published=published
        )


def words_by_chance(chance: random.Random, count: int) -> list[str]:
    return chance.choices(WORDS, cum_weights=WEIGHTS, k=count)


def made_up_question(chance: random.Random) -> str:
    return f"What did the {' '.join(words_by_chance(chance, 4))} say of {words_by_chance(chance, 1)[0]}?"


def store(storage: Storage, first: int, articles: int) -> None:
    """Articles of these numbers into ledger and vectors, not into the lexical index, and not by way of an ingest."""
    for start in range(first, first + articles, 200):
        made = list(made_up_articles(start, min(200, first + articles - start)))
        storage.ledger.save(
            [IncomingArticle(article, "scale", article.id, minhash_bands(article.text)) for article in made]
        )
        by_article = [chunks_of(article, str.splitlines) for article in made]
        chunks = [chunk for some in by_article for chunk in some]
        vectors = RandomEmbedder().embed_passages([Passage(chunk.text, chunk.spans_within()) for chunk in chunks])
        storage.store.upsert(chunks, np.stack([one.vector for one in vectors]))
        sentences = iter(vectors)
        indexed = [[IndexedChunk(chunk, next(sentences).sentences, chunk.article_id) for chunk in some]
                   for some in by_article]  # fmt: skip
        storage.ledger.finish(SHARED_LIBRARY, storage.index_key, list(zip(made, indexed, strict=True)))


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


async def fill(home: Path, count: int) -> dict[str, float]:
    """Fill a library; returns the rate of storing and the seconds that its lexical index takes to build."""
    async with open_library(Settings(home=home)) as library:
        storage = library.storage
        check_embedder(storage)
        storage.ledger.set_metadata("banding", BANDING)
        stored = seconds(lambda: store(storage, 0, count // CHUNKS_OF_ARTICLE))
        before = peak_megabytes()
        built = seconds(storage.lexical.save)
    return {"stored a second": count / stored, "lexical build": built, "MB to build": peak_megabytes() - before}


async def find(home: Path, count: int) -> dict[str, float]:
    """Open a library, find, and grow it by 500 chunks."""
    measured: dict[str, float] = {}
    started = time.perf_counter()
    async with open_library(Settings(home=home)) as library:
        storage = library.storage
        storage.store.count()
        measured["open"] = time.perf_counter() - started
        measured["lexical load"] = seconds(library.lexical)
        last = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(hours=count // CHUNKS_OF_ARTICLE)
        tenth = timedelta(hours=count // CHUNKS_OF_ARTICLE // 10)
        scopes = {
            "finding": Scope(),
            "since, a tenth": Scope(since=last - tenth),
            "one outlet of 40": Scope(sources=("Outlet 7",)),
        }
        for name, scope in scopes.items():
            taken = find_often(storage, library.lexical(), scope)
            measured[f"{name} p50"], measured[f"{name} p95"] = np.percentile(taken, [50, 95]).tolist()
        measured["MB finding"] = peak_megabytes()
        store(storage, count // CHUNKS_OF_ARTICLE, ADDED // CHUNKS_OF_ARTICLE)
        measured["lexical append"] = seconds(storage.lexical.save)
        # What another process does that has the library open.
        other = LexicalStore(storage.lexical.folder, storage.ledger)
        measured["lexical follow"] = seconds(other.current)
    return measured


def find_often(storage: Storage, lexical: LexicalIndex, scope: Scope) -> list[float]:
    """Seconds of finding, for different questions; the first is not counted."""
    chance = random.Random(5)
    retriever = HybridRetriever(storage, lexical, scope, HitLimits(10, 3))
    taken = []
    for _ in range(QUESTIONS + 1):
        taken.append(seconds(partial(retriever.find, made_up_question(chance))))
    return taken[1:]


async def ask(home: Path) -> dict[str, float]:
    """Whole answers: the first, one asker's, those of 16 at once, and one asker's while a backup is written."""
    measured: dict[str, float] = {}
    chance, started = random.Random(6), time.perf_counter()
    async with open_engine(Settings(home=home)) as engine:
        await engine.ask(made_up_question(chance))
        measured["open to first answer"] = time.perf_counter() - started
        questions = [made_up_question(chance) for _ in range(QUESTIONS)]
        await ask_in_turn(engine, questions[:10])
        alone = await ask_in_turn(engine, questions)
        began = time.perf_counter()
        shares = [questions[place::ASKERS] for place in range(ASKERS)]
        together = [taken for some in await asyncio.gather(*(ask_in_turn(engine, share) for share in shares))
                    for taken in some]  # fmt: skip
        took = time.perf_counter() - began
        p50, p95 = np.percentile(alone, [50, 95]).tolist()
        measured |= {"answer p50": p50, "answer p95": p95}
        measured["16 askers: answers a second / one's"] = sum(alone) / took
        measured["16 askers: p95 / one's"] = float(np.percentile(together, 95)) / p95
        meanwhile = await ask_while_backing_up(engine, questions)
        measured["slowest during a backup / before"] = max(meanwhile) / max(alone)
        measured["p50 during a backup / before"] = float(np.median(meanwhile)) / p50
        measured["MB asking"] = peak_megabytes()
    return measured


async def ask_in_turn(engine: Engine, questions: Sequence[str]) -> list[float]:
    """Seconds of each, asked one after the other."""
    taken = []
    for question in questions:
        started = time.perf_counter()
        await engine.ask(question)
        taken.append(time.perf_counter() - started)
    return taken


async def ask_while_backing_up(engine: Engine, questions: Sequence[str]) -> list[float]:
    """Seconds of each question that was asked while another process wrote a backup."""
    home = engine.settings.home
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        code = "from bot.cli import dateline; dateline()"
        environment = os.environ | {"DATELINE_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
        command = (sys.executable, "-c", code, "backup", f"{folder}/backup.zip")
        backup = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)
        ended, taken = asyncio.create_task(backup.wait()), list[float]()
        while not ended.done():
            taken += await ask_in_turn(engine, [questions[len(taken) % len(questions)]])
        if ended.result():
            raise RuntimeError(f"The backup failed with {ended.result()}.")
    return taken


async def keep(home: Path, count: int) -> dict[str, float]:
    """What a library costs its keeper: 100 articles more without embedding, a checkup, a backup, a restore."""
    measured: dict[str, float] = {}
    settings = Settings(home=home)
    async with open_library(settings) as opened:
        storage = opened.storage
        library = Library(Storage(home, storage.ledger, storage.store, RandomEmbedder(), storage.chunk_tokens))
        library.lexical()
        # Numbers that no step before has used, so that all of them are new.
        first = 2 * count // CHUNKS_OF_ARTICLE + random.Random().randrange(10**6)
        new = [
            replace(article, id=f"new-{article.id}") for article in made_up_articles(first, ADDED // CHUNKS_OF_ARTICLE)
        ]
        readings = [ReadArticle(ArticleDraft(article), "scale", "scale", "scale") for article in new]
        measured["100 articles more"] = seconds(partial(library.store_readings, readings, SHARED_LIBRARY, bool))
        question = made_up_question(random.Random(7))
        retriever = HybridRetriever(library.storage, library.lexical(), Scope(), HitLimits(10, 3))
        measured["first finding after them"] = seconds(partial(retriever.find, question))
    started = time.perf_counter()
    findings = check_library(settings, False, None)
    measured["doctor"] = time.perf_counter() - started
    if problems := [finding for finding in findings if finding.status == "problem"]:
        raise RuntimeError(f"The filled library is not well: {problems}")
    measured["MB keeping"] = peak_megabytes()
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        file = Path(folder) / "backup.zip"
        measured["backup"] = seconds(partial(write_backup, home, file))
        measured["MB of backup"] = file.stat().st_size / 1e6
        measured["restore"] = seconds(partial(restore_backup, file, Path(folder) / "home", False))
    return measured


def shown(name: str, value: float) -> str:
    if name.startswith("MB") or name == "stored a second":
        return f"{value:,.0f}"
    if "/" in name:
        return f"{value:.2f}"
    return f"{value * 1e3:,.1f} ms" if value < 1 else f"{value:,.1f} s"


def compare(folder: Path, counts: Sequence[int], steps: Sequence[str]) -> None:
    """The table over the sizes, and the growth from the first to the last."""
    rows: dict[str, list[float]] = {}
    for count in counts:
        home, size = folder / f"library-{count}", ("--sizes", str(count))
        filled = home.with_suffix(".json")
        if not filled.exists():
            filled.write_text(json.dumps(run_step(SCRIPT, "--fill", home, *size)), "utf-8")
        measured: dict[str, float] = json.loads(filled.read_text("utf-8"))
        for step in steps:
            measured |= run_step(SCRIPT, f"--{step}", home, *size)
        measured["MB on disk"] = sum(file.stat().st_size for file in home.rglob("*") if file.is_file()) / 1e6
        for name, value in measured.items():
            rows.setdefault(name, []).append(value)
        print(f"{count:,} chunks done", file=sys.stderr, flush=True)
    print("| | " + " | ".join(f"{count:,} chunks" for count in counts) + " | grows as n to the |")
    print("| --- " * (len(counts) + 2) + "|")
    for name, values in rows.items():
        power = math.log(values[-1] / values[0]) / math.log(counts[-1] / counts[0]) if len(counts) > 1 else 0.0
        print(f"| {name} | " + " | ".join(shown(name, value) for value in values) + f" | {power:.2f} |")


def main() -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--steps", choices=STEPS, nargs="+", default=STEPS, help="what to measure")
    parser.add_argument(
        "--keep-in", type=Path, help="fill the libraries here and leave them; those that are there are used"
    )
    for step in ("fill", *STEPS):
        parser.add_argument(f"--{step}", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    count = arguments.sizes[0]
    if arguments.fill:
        print(json.dumps(asyncio.run(fill(arguments.fill, count))))
    elif arguments.find:
        print(json.dumps(asyncio.run(find(arguments.find, count))))
    elif arguments.ask:
        print(json.dumps(asyncio.run(ask(arguments.ask))))
    elif arguments.keep:
        print(json.dumps(asyncio.run(keep(arguments.keep, count))))
    elif arguments.keep_in:
        compare(arguments.keep_in, arguments.sizes, arguments.steps)
    else:
        with tempfile.TemporaryDirectory() as folder:
            compare(Path(folder), arguments.sizes, arguments.steps)


if __name__ == "__main__":
    main()
