"""How time and memory grow with the library, each size in a folder and processes of its own.

    PYTHONPATH=. python benchmarks/scale.py [--sizes 1000 10000 100000] [--keep FOLDER]

Chunks are template sentences with random unit vectors: finding does not depend on what they say. Prints p50 and p95 of finding
with and without filters, memory, opening, the lexical index built, loaded and grown by 500 chunks, the rate of storing without
embedding, and by which power of the size each of them grows.
"""

import argparse
import asyncio
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.own_process import REPOSITORY, peak_megabytes, run_step
from rag.factory import open_library
from rag.ingestion.indexing import Storage, check_embedder
from rag.retrieval import HitLimits, HybridRetriever
from rag.settings import Settings
from vectorstore.ledger import IncomingArticle, IndexedChunk
from vectorstore.lexical import LexicalIndex
from vectorstore.lexical_store import LexicalStore
from vectorstore.values import SHARED_LIBRARY, Article, Chunk, Scope

SCRIPT = Path(__file__)
DIMENSION = 384
CHUNKS_OF_ARTICLE = 5
ADDED = 500
"""Chunks by which a library is grown: 100 articles."""
QUESTIONS = 60
WORDS = (REPOSITORY / "rag" / "data" / "bert-base-uncased-vocab.txt").read_text("utf-8").split()[2_000:22_000]
WEIGHTS = [1 / (place + 1) for place in range(len(WORDS))]
"""How often words are used, by Zipf's law."""
SENTENCES = (
    "The {} of {} said on {} that the {} would {} the {}.",
    "{} and {} met in {} to speak of {} and of {}.",
    "A {} near {} was {} after the {} had {} it.",
)


def made_up_article(chance: random.Random, number: int) -> tuple[Article, list[IndexedChunk]]:
    """An article of template sentences in chunks of three, one outlet of forty, one an hour; sentence vectors are random."""
    texts = []
    for _ in range(CHUNKS_OF_ARTICLE):
        filled = [form.format(*chance.choices(WORDS, WEIGHTS, k=form.count("{}"))) for form in SENTENCES * 3]
        texts.append(" ".join(filled))
    published = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    outlet = f"Outlet {number % 40}"
    article = Article(f"a{number}", f"Report {number}", "\n".join(texts), source=outlet, published=published)
    chunks, start = [], 0
    for position, text in enumerate(texts):
        end = start + len(text)
        chunk_id = f"{article.id}-{position}"
        chunk = Chunk(
            chunk_id, article.id, SHARED_LIBRARY, position, start, end, text, article.title, outlet, "", published,
            sentences=((start, end),),
        )  # fmt: skip
        chunks.append(IndexedChunk(chunk, unit_rows(number, 1)))
        start = end + 1
    return article, chunks


def unit_rows(seed: int, count: int) -> np.ndarray:
    """Random directions."""
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def store(storage: Storage, first: int, articles: int) -> None:
    """Articles of these numbers into ledger and vectors, not into the lexical index."""
    for start in range(first, first + articles, 200):
        chance = random.Random(start)
        numbers = range(start, min(start + 200, first + articles))
        made = [made_up_article(chance, number) for number in numbers]
        storage.ledger.save([IncomingArticle(article, "scale", article.id) for article, _ in made])
        chunks = [one.chunk for _, some in made for one in some]
        storage.store.upsert(chunks, unit_rows(start, len(chunks)))
        storage.ledger.finish(SHARED_LIBRARY, storage.index_key, made)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


async def fill(home: Path, count: int) -> dict[str, float]:
    """Fill a library; returns the rate of storing and the seconds that its lexical index takes to build."""
    async with open_library(Settings(home=home)) as library:
        storage = library.storage
        check_embedder(storage)
        stored = seconds(lambda: store(storage, 0, count // CHUNKS_OF_ARTICLE))
        before = peak_megabytes()
        built = seconds(storage.lexical.save)
    return {"stored a second": count / stored, "lexical build": built, "MB to build": peak_megabytes() - before}


async def ask(home: Path, count: int) -> dict[str, float]:
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
        measured["MB asking"] = peak_megabytes()
        store(storage, count, ADDED // CHUNKS_OF_ARTICLE)
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
        question = f"What did the {' '.join(chance.choices(WORDS, WEIGHTS, k=4))} say of {chance.choice(WORDS)}?"
        taken.append(seconds(partial(retriever.find, question)))
    return taken[1:]


def shown(name: str, value: float) -> str:
    if name.startswith("MB") or name == "stored a second":
        return f"{value:,.0f}"
    return f"{value * 1e3:,.1f} ms" if value < 1 else f"{value:,.1f} s"


def compare(folder: Path, counts: list[int]) -> None:
    """The table over the sizes, and the growth from the first to the last."""
    rows: dict[str, list[float]] = {}
    for count in counts:
        home = folder / f"library-{count}"
        size = ("--sizes", str(count))
        measured = run_step(SCRIPT, "--fill", home, *size) | run_step(SCRIPT, "--ask", home, *size)
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
    parser.add_argument("--keep", type=Path, help="fill the libraries here, and leave them")
    parser.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fill:
        print(json.dumps(asyncio.run(fill(arguments.fill, arguments.sizes[0]))))
    elif arguments.ask:
        print(json.dumps(asyncio.run(ask(arguments.ask, arguments.sizes[0]))))
    elif arguments.keep:
        compare(arguments.keep, arguments.sizes)
    else:
        with tempfile.TemporaryDirectory() as folder:
            compare(Path(folder), arguments.sizes)


if __name__ == "__main__":
    main()
