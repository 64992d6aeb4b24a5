"""How fast a question and an ingest are, as ratios measured in one run (machines differ, ratios less so).

    python benchmarks/bench_ask.py [--chunks 10000] [--articles 200]
    python benchmarks/bench_ask.py --sizes 1000 10000 100000

Prints: cold `ask` against importing its two largest libraries; `ask --help`; a warm question against one query embedding and
one raw Chroma query; ingest against the embedder alone; and stock LlamaIndex (VectorStoreIndex on Chroma, same embedder and chunk
size) beside ours. The articles are made of random words: speed does not depend on what they say.

With --sizes instead: for libraries of so many chunks, filled by one process and asked by another, what a question takes, and
what it costs in disk, memory and ingest time that each sentence's vector is stored rather than made when a question comes.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.own_process import REPOSITORY, peak_megabytes, run_step
from rag.factory import open_engine, open_library
from rag.ingestion.indexing import check_embedder
from rag.models.embedder import Passage
from rag.models.minilm import MiniLM
from rag.models.wordpiece import bert_tokenizer
from rag.question import StandaloneQuestion
from rag.sentences import sentence_spans
from rag.settings import Settings
from vectorstore.database import open_database
from vectorstore.ledger import IncomingArticle, IndexedChunk, Ledger
from vectorstore.values import SHARED_LIBRARY, Article, Chunk, Scope

DIMENSION = 384
QUESTION = "Will Hungary arrest Putin?"
WORDS = (REPOSITORY / "rag" / "data" / "bert-base-uncased-vocab.txt").read_text("utf-8").split()[2_000:12_000]


def median_seconds(work: Callable[[], object], times: int) -> float:
    """The median of several runs; the first one warms up and does not count."""
    work()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def process(*command: str, home: str) -> Callable[[], object]:
    """A whole process, waited for."""
    environment = {**os.environ, "DATELINE_HOME": home, "PYTHONPATH": str(REPOSITORY)}
    return lambda: subprocess.run(
        [sys.executable, "-c", *command], env=environment, cwd=home, capture_output=True, check=False
    )


def made_up_text(chance: random.Random, sentences: int) -> str:
    """Sentences of 18 random words in paragraphs of four."""
    lines = []
    for number in range(sentences):
        words = [chance.choice(WORDS) for _ in range(18)]
        lines.append(" ".join(words).capitalize() + "." + ("\n\n" if number % 4 == 3 else " "))
    return "".join(lines).strip()


def cold(home: str) -> None:
    """Whole processes."""
    imports = median_seconds(process("import llama_index.core, chromadb", home=home), 5)
    ask = median_seconds(process("import sys; from bot.cli import ask; ask(sys.argv[1:])", QUESTION, home=home), 5)
    help_ = median_seconds(process("import sys; from bot.cli import ask; ask(sys.argv[1:])", "--help", home=home), 5)
    print(
        f"cold ask / import llama_index.core, chromadb   {ask / imports:5.2f}   ({ask:.2f} s, {imports:.2f} s; goal 1.3)"
    )
    print(f"ask --help / the same                          {help_ / imports:5.2f}   ({help_:.2f} s; goal 0.3)")


async def warm(home: Path, count: int) -> None:
    """A question to a library of `count` chunks, whose vectors are random: searching does not care."""
    await fill(home, count)
    one = await questions(home)
    print(
        f"\n{count:,} chunks, milliseconds: query embedding {one['embed'] * 1e3:.1f}, "
        f"raw Chroma query {one['chroma'] * 1e3:.1f}, "
        f"embedding the sentences of five chunks {one['sentences'] * 1e3:.1f}"
    )
    print(
        f"finding (stored sentence vectors) / (embedding + Chroma)   {one['finding'] / (one['embed'] + one['chroma']):5.2f}"
        f"   ({one['finding'] * 1e3:.1f} ms; goal 3)"
    )
    for name in FILTERS:
        print(f"finding {name:<20} / without filter                    {one[name] / one['finding']:5.2f}   "
              f"({one[name] * 1e3:.1f} ms; goal 2)")  # fmt: skip
    print(f"whole answer with the reader                               {one['answer'] * 1e3:5.0f} ms   (goal 150 ms)")


async def questions(home: Path) -> dict[str, float]:
    """Seconds for each part of a question to a filled library, and this process's memory in MB."""
    async with open_engine(Settings(home=home)) as engine:
        storage = engine.library.storage
        started = time.perf_counter()
        engine.library.lexical()
        load = time.perf_counter() - started
        raw_vector = storage.embedder.embed_question(QUESTION)
        embed = median_seconds(lambda: storage.embedder.embed_question(QUESTION), 30)
        chroma = median_seconds(lambda: storage.store.search(raw_vector, 10, Scope()), 30)
        finding = median_seconds(lambda: engine.retrieve(StandaloneQuestion(QUESTION, Scope())), 30)
        count = storage.store.count()
        filtered = {
            name: median_seconds(partial(engine.retrieve, StandaloneQuestion(QUESTION, scope(count))), 15)
            for name, scope in FILTERS.items()
        }
        _, hits = engine.retrieve(StandaloneQuestion(QUESTION, Scope()))
        passages = [Passage(hit.chunk.text, hit.chunk.spans_within()) for hit in hits[:5]]
        sentences = [Passage(p.text[a:b]) for p in passages for a, b in p.sentences]
        pass_over = median_seconds(lambda: storage.embedder.embed_passages(sentences), 10)
        times = [(await engine.ask(QUESTION)).timings_ms["total"] / 1000 for _ in range(30)]
    return {
        "load": load,
        "embed": embed,
        "chroma": chroma,
        "finding": finding,
        "sentences": pass_over,
        "answer": statistics.median(times),
        **filtered,
        "memory": peak_megabytes(),
    }


async def fill(home: Path, count: int) -> dict[str, float]:
    """Fill a library with articles of one chunk each; returns the seconds of each part.

    "without" is a second ledger that gets the same chunks without their sentences' vectors.
    """
    chance, texts = np.random.default_rng(1), random.Random(1)
    seconds = dict.fromkeys(("vectors", "ledger", "without", "lexical"), 0.0)

    def timed(part: str, work: Callable[[], object]) -> None:
        started = time.perf_counter()
        work()
        seconds[part] += time.perf_counter() - started

    database = open_database(f"sqlite:///{home.with_name(home.name + '-without') / 'ledger.sqlite3'}")
    bare = Ledger(database)
    async with open_library(Settings(home=home)) as library:
        storage = library.storage
        check_embedder(storage)
        for start in range(0, count, 1_000):
            made = [made_up_chunk(texts, chance, number) for number in range(start, min(start + 1_000, count))]
            vectors = unit_rows(chance, len(made))
            for ledger in (storage.ledger, bare):
                ledger.save([IncomingArticle(article, "bench", article.id) for article, _ in made])
            chunks = [some[0].chunk for _, some in made]
            none = np.zeros((0, DIMENSION), dtype=np.float32)
            without = [(article, [IndexedChunk(some[0].chunk, none)]) for article, some in made]
            timed("vectors", partial(storage.store.upsert, chunks, vectors))
            timed("ledger", partial(storage.ledger.finish, SHARED_LIBRARY, storage.index_key, made))
            timed("without", partial(bare.finish, SHARED_LIBRARY, storage.index_key, without))
        timed("lexical", library.lexical)
    database.dispose()
    return seconds


def minute(number: int) -> datetime:
    """When the article of this number is published: one a minute."""
    return datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=number)


FILTERS: dict[str, Callable[[int], Scope]] = {
    "since, a half": lambda count: Scope(since=minute(count // 2)),
    "since, a tenth": lambda count: Scope(since=minute(count - count // 10)),
    "since, a hundredth": lambda count: Scope(since=minute(count - count // 100)),
    "since, 200 chunks": lambda count: Scope(since=minute(count - 200)),
    "until, nine tenths": lambda count: Scope(until=minute(count - count // 10)),
    "source, a twentieth": lambda _count: Scope(sources=("Outlet 7",)),
    "source, since": lambda count: Scope(sources=("Outlet 7", "Outlet 8", "Outlet 9"), since=minute(count // 3)),
}
"""Scopes of a library of so many chunks, by what is left of it."""


def made_up_chunk(texts: random.Random, chance: np.random.Generator, number: int) -> tuple[Article, list[IndexedChunk]]:
    """An article of eight sentences in one chunk, with random unit vectors."""
    outlet = f"Outlet {number % 20}"
    article = Article(
        f"a{number}", f"Article {number}", made_up_text(texts, 8), source=outlet, published=minute(number)
    )
    spans = []
    position = 0
    for sentence in article.text.split("."):
        if sentence.strip():
            spans.append((position + len(sentence) - len(sentence.lstrip()), position + len(sentence) + 1))
        position += len(sentence) + 1
    place = (0, 0, len(article.text), article.text)
    chunk = Chunk(f"c{number}", article.id, SHARED_LIBRARY, *place, article.title, outlet, "", article.published,
                  sentences=tuple(spans))  # fmt: skip
    return article, [IndexedChunk(chunk, unit_rows(chance, len(spans)))]


def unit_rows(chance: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Random directions."""
    rows = chance.standard_normal((count, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def sizes(folder: Path, counts: Sequence[int]) -> None:
    """The table over the sizes, and what sentence vectors add to embedding a passage."""
    chance = random.Random(4)
    passages = []
    for _ in range(32):
        text = made_up_text(chance, 8)
        passages.append(Passage(text, sentence_spans(text)))
    model = MiniLM()
    with_sentences = median_seconds(lambda: model.embed_passages(passages), 5)
    alone = median_seconds(lambda: model.embed_passages([Passage(passage.text) for passage in passages]), 5)
    print(f"embedding passages with their sentences' vectors / without   {with_sentences / alone:5.2f}   "
          f"({with_sentences / len(passages) * 1e3:.1f} ms a passage)\n", flush=True)  # fmt: skip
    print("| chunks | finding | embedding five chunks' sentences instead | whole answer | memory, asking | disk | of it sentence "
          "vectors | to store a chunk | of it sentence vectors | lexical index made, loaded |")  # fmt: skip
    print("| --- " * 10 + "|", flush=True)
    for count in counts:
        home = folder / f"library-{count}"
        filled, asked = (
            run_step(Path(__file__), step, home, "--chunks", str(count)) for step in ("--fill", "--questions")
        )
        ledger, bare = (one / "ledger.sqlite3" for one in (home, home.with_name(home.name + "-without")))
        stored = (filled["vectors"] + filled["ledger"]) / count
        extra = (filled["ledger"] - filled["without"]) / count
        print(
            f"| {count:,} | {asked['finding'] * 1e3:.1f} ms | + {asked['sentences'] * 1e3:.0f} ms "
            f"| {asked['answer'] * 1e3:.0f} ms | {asked['memory']:.0f} MB | {megabytes(home):.0f} MB "
            f"| {megabytes(ledger) - megabytes(bare):.0f} MB | {stored * 1e3:.2f} ms | {extra * 1e3:.2f} ms "
            f"| {filled['lexical']:.1f} s, {asked['load']:.2f} s |",
            flush=True,
        )


def megabytes(path: Path) -> float:
    """The size of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


async def ingest(folder: Path, count: int) -> None:
    """Ingest against the embedder alone on the same chunks, and stock LlamaIndex on the same articles."""
    chance = random.Random(2)
    articles = {f"a{number}": made_up_text(chance, 24) for number in range(count)}
    corpus = folder / "corpus.jsonl"
    corpus.write_text("\n".join(json.dumps({"id": name, "text": text}) for name, text in articles.items()), "utf-8")
    async with open_engine(Settings(home=folder / "ours")) as engine:
        started = time.perf_counter()
        report = await engine.library.ingest([corpus])
        ours = time.perf_counter() - started
        ledger = engine.library.storage.ledger
        chunks = [one.chunk for one in ledger.chunks_by_id([e.chunk_id for e in ledger.lexical_entries()]).values()]
        passages = [Passage(chunk.text, chunk.spans_within()) for chunk in chunks]
        started = time.perf_counter()
        for start in range(0, len(passages), 64):
            engine.library.storage.embedder.embed_passages(passages[start : start + 64])
        alone = time.perf_counter() - started
        ask = median_seconds(lambda: engine.retrieve(StandaloneQuestion(QUESTION, Scope())), 20)
    print(f"\ningest of {count} articles, {report.chunks} chunks: embedder alone / ours   {alone / ours:5.2f}   "
          f"({report.chunks / ours:.0f} chunks a second; goal 0.85)")  # fmt: skip
    stock_ingest, stock_query = stock_llama_index(articles, folder / "stock")
    print(f"stock LlamaIndex: its ingest / ours   {stock_ingest / ours:5.2f}")
    print(
        f"stock LlamaIndex: its query / ours (ours also searches by word and weighs sentences)   {stock_query / ask:5.2f}"
    )


def stock_llama_index(articles: dict[str, str], folder: Path) -> tuple[float, float]:
    """Seconds to ingest and to query with VectorStoreIndex and Chroma: same embedder, chunk size and sentence splitter."""
    import chromadb
    from llama_index.core import Document, StorageContext, VectorStoreIndex
    from llama_index.vector_stores.chroma import ChromaVectorStore

    from rag.ingestion.chunking import chunk_splitter

    collection = chromadb.PersistentClient(str(folder)).get_or_create_collection("stock")
    storage = StorageContext.from_defaults(vector_store=ChromaVectorStore(chroma_collection=collection))
    model = MiniLM()
    started = time.perf_counter()
    index = VectorStoreIndex.from_documents(
        [Document(text=text, id_=name) for name, text in articles.items()],
        storage_context=storage,
        embed_model=model,
        transformations=[chunk_splitter(bert_tokenizer(), 220)],
    )
    taken = time.perf_counter() - started
    retriever = index.as_retriever(similarity_top_k=10)
    return taken, median_seconds(lambda: retriever.retrieve(QUESTION), 20)


def main() -> None:
    """Everything, in one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--articles", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="+", help="only the table over libraries of so many chunks")
    parser.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--questions", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fill:
        print(json.dumps(asyncio.run(fill(arguments.fill, arguments.chunks))))
        return
    if arguments.questions:
        print(json.dumps(asyncio.run(questions(arguments.questions))))
        return
    with tempfile.TemporaryDirectory() as folder:
        if arguments.sizes:
            sizes(Path(folder), arguments.sizes)
            return
        cold(folder)
        asyncio.run(ingest(Path(folder), arguments.articles))
        asyncio.run(warm(Path(folder) / "warm", arguments.chunks))


if __name__ == "__main__":
    main()
