"""How much memory an ingest takes: a corpus of 100 MB beside one of 10 MB, each in a process of its own.

    python benchmarks/bench_corpus.py [--megabytes 10 100] [--embedder]

The corpus is made-up text, 5 KB an article, written and read as a stream. The embedded model makes some tens of chunks a
second on two cores, so 100 MB would take more than an hour: unless --embedder is given, a fake takes its place that turns
a text into as many numbers (384) at next to no cost. All else is the real thing: reader, splitter, SQLite, Chroma, lexical index.

Prints for each size: articles, chunks, seconds, the highest resident memory (the kernel's VmHWM) at the start, when all was
read, when all was embedded, and at the end with the lexical index made; what of it is due to Chroma's index, which holds every
vector in memory (4 bytes a number and its graph's links): the rest is what ought not to grow; and the library's size on disk.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding

from rag.factory import open_library
from rag.ingestion.indexing import Progress
from rag.settings import Settings

REPOSITORY = Path(__file__).parent.parent
WORDS = (REPOSITORY / "rag" / "data" / "bert-base-uncased-vocab.txt").read_text("utf-8").split()[2_000:12_000]
ARTICLE_BYTES = 5_000
DIMENSION = 384
INDEX_BYTES = DIMENSION * 4 + 33 * 4 + 8
"""What hnswlib keeps of one vector on its lowest level with Chroma's M of 16: numbers, 32 links and their count, a label."""


class FreeEmbedding(BaseEmbedding):
    """A direction for each text from its checksum: same text, same vector, no model."""

    def direction(self, text: str) -> list[float]:
        """384 numbers between -1 and 1."""
        numbers = np.random.default_rng(crc32(text.encode())).random(DIMENSION, dtype=np.float32) * 2 - 1
        return list(numbers.tolist())

    def _get_query_embedding(self, query: str) -> list[float]:
        return self.direction(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self.direction(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self.direction(text)


def write_corpus(path: Path, megabytes: int) -> None:
    """Articles of sentences of 18 random words, a line each, until the file is as large as that."""
    chance = random.Random(3)
    written = number = 0
    with path.open("w", encoding="utf-8") as file:
        while written < megabytes * 1_000_000:
            text = ""
            while len(text) < ARTICLE_BYTES:
                end = ".\n\n" if chance.random() < 0.25 else ". "
                text += " ".join(chance.choices(WORDS, k=18)).capitalize() + end
            written += file.write(json.dumps({"id": f"a{number}", "text": text}) + "\n")
            number += 1


def resident(name: str) -> float:
    """Megabytes of this process's memory, by the kernel: VmRSS now, VmHWM at its highest."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024 / 1e6


async def ingest(home: Path, corpus: Path, real: bool) -> dict[str, float]:
    """The work of the child process; its report also says the memory at the end of each step."""
    embedder = "" if real else "benchmarks.bench_corpus.FreeEmbedding"
    steps: dict[str, float] = {}

    def watch(progress: Progress) -> None:
        steps[progress.step] = resident("VmHWM")

    async with open_library(Settings(home=home, embedder_class=embedder)) as library:
        before, started = resident("VmHWM"), time.perf_counter()
        report = await library.ingest([corpus], progress=watch)
        seconds = time.perf_counter() - started
    return {
        "articles": report.added,
        "chunks": report.chunks,
        "seconds": seconds,
        "before": before,
        "reading": steps["Reading"],
        "indexing": steps["Indexing"],
        "peak": resident("VmHWM"),
    }


def measure(folder: Path, megabytes: int, real: bool) -> dict[str, float]:
    """Write the corpus and ingest it in a process of its own."""
    corpus, home = folder / f"corpus-{megabytes}.jsonl", folder / f"home-{megabytes}"
    write_corpus(corpus, megabytes)
    command = [sys.executable, "-m", "benchmarks.bench_corpus", "--child", str(home), str(corpus)]
    command += ["--embedder"] if real else []
    child = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True)
    measured: dict[str, float] = json.loads(child.stdout)
    measured["disk"] = sum(file.stat().st_size for file in home.rglob("*") if file.is_file()) / 1e6
    measured["index"] = measured["chunks"] * INDEX_BYTES / 1e6
    return measured


def show(sizes: Sequence[int], measured: Sequence[dict[str, float]]) -> None:
    """The table, and how the memory that is not Chroma's index grew from the first size to the last."""
    columns = ["articles", "chunks", "seconds", "start", "reading", "embedding", "peak", "Chroma", "disk"]
    print(f"| corpus | {' | '.join(columns)} |")
    print("| --- " * 10 + "|")
    for size, one in zip(sizes, measured, strict=True):
        print(
            f"| {size} MB | {one['articles']:,.0f} | {one['chunks']:,.0f} | {one['seconds']:.0f} | {one['before']:.0f} MB "
            f"| {one['reading']:.0f} MB | {one['indexing']:.0f} MB | {one['peak']:.0f} MB | {one['index']:.0f} MB "
            f"| {one['disk']:.0f} MB |"
        )
    rest = [one["peak"] - one["index"] for one in measured]
    print(f"peak, {sizes[-1]} MB / {sizes[0]} MB: {measured[-1]['peak'] / measured[0]['peak']:.2f}; "
          f"without Chroma's index: {rest[-1] / rest[0]:.2f}")  # fmt: skip


def main() -> None:
    """Each size in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--embedder", action="store_true", help="embed with the real model")
    parser.add_argument("--child", nargs=2, type=Path, metavar=("HOME", "CORPUS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(asyncio.run(ingest(*arguments.child, arguments.embedder))))
        return
    with tempfile.TemporaryDirectory() as folder:
        measured = [measure(Path(folder), size, arguments.embedder) for size in arguments.megabytes]
    show(arguments.megabytes, measured)


if __name__ == "__main__":
    main()
