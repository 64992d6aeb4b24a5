"""How fast a question and an ingest are, as ratios measured in one run (machines differ, ratios less so).

    python benchmarks/bench_ask.py [--chunks 10000] [--articles 200]

Prints: cold `ask` against importing its two largest libraries; `ask --help`; a warm question against one query embedding and
one raw Chroma query; ingest against the embedder alone; and stock LlamaIndex (VectorStoreIndex on Chroma, same embedder and chunk
size) beside ours. The articles are made of random words: speed does not depend on what they say.
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
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rag.embed import Passage
from rag.engine import open_engine
from rag.minilm import MiniLM, bert_tokenizer
from rag.settings import Settings
from vectorstore.ledger import IndexedChunk
from vectorstore.values import Article, Chunk, Scope

REPOSITORY = Path(__file__).parent.parent
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
    chance = np.random.default_rng(1)
    texts = random.Random(1)
    async with open_engine(Settings(home=home)) as engine:
        shelves = engine.library.shelves
        shelves.ledger.set_fact("embedder", shelves.embedder.name)
        for start in range(0, count, 1_000):
            fill(engine.library.shelves, texts, chance, start, min(1_000, count - start))
        engine.library.lexical()
        raw_vector = shelves.embedder.embed_question(QUESTION)
        embed = median_seconds(lambda: shelves.embedder.embed_question(QUESTION), 30)
        chroma = median_seconds(lambda: shelves.store.search(raw_vector, 10, Scope()), 30)
        found = median_seconds(lambda: engine.retrieve(QUESTION, Scope()), 30)
        hits = engine.retrieve(QUESTION, Scope()).hits
        passages = [Passage(hit.chunk.text, hit.chunk.spans_within()) for hit in hits[:5]]
        sentences = [Passage(p.text[a:b]) for p in passages for a, b in p.sentences]
        pass_over = median_seconds(lambda: shelves.embedder.embed_passages(sentences), 10)
        times = []
        for _ in range(30):
            times.append((await engine.ask(QUESTION)).timings_ms["total"] / 1000)
        whole = statistics.median(times)
    print(
        f"\n{count:,} chunks, milliseconds: query embedding {embed * 1e3:.1f}, raw Chroma query {chroma * 1e3:.1f}, "
        f"embedding the sentences of five chunks {pass_over * 1e3:.1f}"
    )
    print(
        f"finding (stored sentence vectors) / (embedding + Chroma)   {found / (embed + chroma):5.2f}"
        f"   ({found * 1e3:.1f} ms; goal 3)"
    )
    print(f"whole answer with the reader                               {whole * 1e3:5.0f} ms   (goal 150 ms)")  # fmt: skip


def fill(shelves: object, texts: random.Random, chance: np.random.Generator, start: int, count: int) -> None:
    """Store articles of one chunk each, with random unit vectors."""
    from rag.ingest import Shelves
    from vectorstore.ledger import IncomingArticle

    assert isinstance(shelves, Shelves)
    made, vectors = [], chance.standard_normal((count, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for number in range(start, start + count):
        article = Article(f"a{number}", f"Article {number}", made_up_text(texts, 8))
        spans = []
        position = 0
        for sentence in article.text.split("."):
            if sentence.strip():
                spans.append((position + len(sentence) - len(sentence.lstrip()), position + len(sentence) + 1))
            position += len(sentence) + 1
        chunk = Chunk(f"c{number}", article.id, "shared", 0, 0, len(article.text), article.text, article.title, "", "", None,
                      sentences=tuple(spans))  # fmt: skip
        rows = chance.standard_normal((len(spans), 384)).astype(np.float32)
        made.append((article, [IndexedChunk(chunk, rows / np.linalg.norm(rows, axis=1, keepdims=True))]))
    shelves.ledger.save([IncomingArticle(article, "bench", article.id) for article, _ in made])
    shelves.store.upsert([some[0].chunk for _, some in made], vectors)
    shelves.ledger.finish("shared", shelves.index_key, made)


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
        ledger = engine.library.shelves.ledger
        chunks = [one.chunk for one in ledger.chunks_by_id([e.chunk_id for e in ledger.lexical_entries()]).values()]
        passages = [Passage(chunk.text, chunk.spans_within()) for chunk in chunks]
        started = time.perf_counter()
        for start in range(0, len(passages), 64):
            engine.library.shelves.embedder.embed_passages(passages[start : start + 64])
        alone = time.perf_counter() - started
        ask = median_seconds(lambda: engine.retrieve(QUESTION, Scope()), 20)
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

    from rag.chunks import chunk_splitter

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
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cold(folder)
        asyncio.run(ingest(Path(folder), arguments.articles))
        asyncio.run(warm(Path(folder) / "warm", arguments.chunks))


if __name__ == "__main__":
    main()
