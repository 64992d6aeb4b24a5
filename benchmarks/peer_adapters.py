"""One system each, in a process and an environment of its own: store the articles, answer the questions, say what is shown.

    python benchmarks/peer_adapters.py SYSTEM FOLDER BASE_URL

FOLDER holds articles.jsonl and questions.jsonl; shown.json is written there. Each system runs as its own documents say, with
chunks of about the 220 tokens that the embedding model reads well; imports stand in functions, since no environment has them all.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

from benchmarks.own_process import peak_megabytes

Rows = list[dict[str, str]]
Reply = tuple[str, list[tuple[str, str]]]
"""The answer as a reader sees it, and what it cites: (article id, passage)."""


class ShownAnswer(TypedDict):
    """One answer, after how many seconds."""

    id: str
    seconds: float
    text: str
    citations: list[tuple[str, str]]


class Shown(TypedDict):
    """All that a system showed; seconds to store the articles, highest memory of its process in MB."""

    version: str
    ingest: float
    memory: float
    answers: list[ShownAnswer]


CHUNK_TOKENS, CHUNK_CHARACTERS, PASSAGES = 220, 1_000, 10


async def measured(
    library: str,
    questions: Rows,
    store: Callable[[], Awaitable[object]],
    ask: Callable[[dict[str, str]], Awaitable[Reply]],
) -> Shown:
    """Seconds to store and to answer each question, what was shown, and the memory of this process."""
    started = time.perf_counter()
    await store()
    ingest = time.perf_counter() - started
    answers: list[ShownAnswer] = []
    for question in questions:
        started = time.perf_counter()
        text, citations = await ask(question)
        seconds = time.perf_counter() - started
        answers.append({"id": question["id"], "seconds": seconds, "text": text, "citations": citations})
    return {"version": version(library), "ingest": ingest, "memory": peak_megabytes(), "answers": answers}


async def ask_dateline(folder: Path, questions: Rows, **settings: str) -> Shown:
    from rag.factory import open_engine
    from rag.settings import Settings
    from vectorstore.values import Scope

    async with open_engine(Settings.model_validate({"home": folder / "library", **settings})) as engine:

        async def ask(question: dict[str, str]) -> Reply:
            day = datetime.fromisoformat(question["asked_at"]) if question["asked_at"] else None
            answer = await engine.ask(question["question"], (), Scope(asked_at=day))
            return answer.text, [(citation.article_id, citation.quote) for citation in answer.citations]

        return await measured("dateline", questions, lambda: engine.library.ingest([folder / "articles.jsonl"]), ask)


async def dateline(folder: Path, base_url: str, articles: Rows, questions: Rows) -> Shown:
    return await ask_dateline(folder, questions, embedder_base_url=base_url, embedder_model="embedder")


async def dateline_alone(folder: Path, base_url: str, articles: Rows, questions: Rows) -> Shown:
    """As it is shipped: the embedding model in its own process."""
    return await ask_dateline(folder, questions)


async def dateline_with_model(folder: Path, base_url: str, articles: Rows, questions: Rows) -> Shown:
    served = {"embedder_base_url": base_url, "embedder_model": "embedder", "openai_base_url": base_url}
    return await ask_dateline(folder, questions, model="scripted", **served)


async def llama_index(folder: Path, base_url: str, articles: Rows, questions: Rows) -> Shown:
    """CitationQueryEngine over Chroma; of its sources those that the answer cites."""
    import chromadb
    from llama_index.core import Document, StorageContext, VectorStoreIndex
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.core.query_engine import CitationQueryEngine
    from llama_index.embeddings.openai_like import OpenAILikeEmbedding
    from llama_index.llms.openai_like import OpenAILike
    from llama_index.vector_stores.chroma import ChromaVectorStore

    embedder = OpenAILikeEmbedding("embedder", api_base=base_url, api_key="none", embed_batch_size=64)
    model = OpenAILike("scripted", api_base=base_url, api_key="none", context_window=16_384, is_chat_model=True)
    collection = chromadb.PersistentClient(str(folder / "chroma")).create_collection("articles")
    storage = StorageContext.from_defaults(vector_store=ChromaVectorStore(chroma_collection=collection))
    index = VectorStoreIndex([], storage_context=storage, embed_model=embedder)
    splitter = SentenceSplitter(chunk_size=CHUNK_TOKENS, chunk_overlap=20)
    engine = CitationQueryEngine.from_args(index, llm=model, similarity_top_k=PASSAGES)

    async def store() -> None:
        documents = [Document(text=row["text"], id_=row["id"], metadata={"title": row["title"]}) for row in articles]
        index.insert_nodes(splitter.get_nodes_from_documents(documents))

    async def ask(question: dict[str, str]) -> Reply:
        response = engine.query(question["question"])
        text = str(response)
        sources = enumerate(response.source_nodes, start=1)
        cited = [source.node for number, source in sources if f"[{number}]" in text]
        # Its own label in front of each source is taken off: only the passage is compared.
        return text, [(node.ref_doc_id or "", node.get_content().partition(":\n")[2].strip()) for node in cited]

    return await measured("llama-index-core", questions, store, ask)


async def haiku_rag(folder: Path, base_url: str, articles: Rows, questions: Rows) -> Shown:
    """Its agent, with chunks of whole paragraphs made here: its own chunker wants docling's models."""
    from docling_core.types.doc import DoclingDocument
    from docling_core.types.doc.labels import DocItemLabel
    from haiku.rag.client import HaikuRAG
    from haiku.rag.config.models import AppConfig
    from haiku.rag.store.models.chunk import Chunk

    served = {"provider": "openai", "base_url": base_url, "api_key": "none"}
    config = AppConfig.model_validate({
        "embeddings": {"model": {**served, "name": "embedder", "vector_dim": 384}},
        "qa": {"model": {**served, "name": "scripted"}},
    })  # fmt: skip
    async with HaikuRAG(folder / "haiku.lancedb", config=config, create=True) as client:

        async def store() -> None:
            for row in articles:
                document = DoclingDocument(name=row["title"])
                parts: list[list[tuple[str, str]]] = [[]]
                for paragraph in filter(None, (part.strip() for part in row["text"].split("\n\n"))):
                    item = document.add_text(label=DocItemLabel.TEXT, text=paragraph)
                    if sum(len(text) for _, text in parts[-1]) + len(paragraph) > CHUNK_CHARACTERS and parts[-1]:
                        parts.append([])
                    parts[-1].append((item.self_ref, paragraph))
                chunks = [
                    Chunk(
                        content="\n\n".join(text for _, text in part),
                        metadata={"doc_item_refs": [ref for ref, _ in part], "labels": ["text"] * len(part)},
                        order=order,
                    )
                    for order, part in enumerate(parts)
                ]
                await client.import_document(document, chunks, uri=row["id"], title=row["title"])

        async def ask(question: dict[str, str]) -> Reply:
            text, citations = await client.ask(question["question"])
            return text, [(citation.document_uri, citation.content) for citation in citations]

        return await measured("haiku.rag-slim", questions, store, ask)


async def paper_qa(folder: Path, base_url: str, articles: Rows, questions: Rows) -> Shown:
    """Docs without its agent; the reader is shown a reference, and the excerpt behind it is what counts as cited."""
    from paperqa import Docs, Settings

    served = {"model": "openai/scripted", "api_base": base_url, "api_key": "none"}
    models = {"model_list": [{"model_name": "scripted", "litellm_params": served}]}
    settings = Settings(
        llm="scripted",
        llm_config=models,
        summary_llm="scripted",
        summary_llm_config=models,
        embedding="openai/embedder",
        embedding_config={"ndim": 384, "kwargs": {"api_base": base_url, "api_key": "none", "encoding_format": "float"}},
        parsing={
            "use_doc_details": False,
            "multimodal": False,
            "reader_config": {"chunk_chars": CHUNK_CHARACTERS, "overlap": 100},
        },
    )
    docs = Docs()

    async def store() -> None:
        for number, row in enumerate(articles):
            path = folder / f"{number}.txt"
            path.write_text(row["text"], "utf-8")
            await docs.aadd(
                path, citation=row["title"], docname=f"article{number}", dockey=row["id"], settings=settings
            )

    async def ask(question: dict[str, str]) -> Reply:
        session = await docs.aquery(question["question"], settings=settings)
        cited = [context for context in session.contexts if context.id in session.raw_answer]
        return session.answer, [(str(context.text.doc.dockey), context.text.text) for context in cited]

    return await measured("paper-qa", questions, store, ask)


SYSTEMS = {
    run.__name__: run for run in (dateline, dateline_with_model, dateline_alone, llama_index, haiku_rag, paper_qa)
}


def rows(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


if __name__ == "__main__":
    system, place, server = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    found = asyncio.run(SYSTEMS[system](place, server, rows(place / "articles.jsonl"), rows(place / "questions.jsonl")))
    (place / "shown.json").write_text(json.dumps(found), "utf-8")
