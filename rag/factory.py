"""Wiring: build the library and the engine that the settings name, and close again what was opened."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from rag.answering.answerability import shipped_parameters
from rag.engine import Engine, Models
from rag.errors import SettingsError
from rag.ingestion.indexing import Storage, check_storage
from rag.library import Library
from rag.models.embedder import MINILM
from rag.models.embedding import embedder_name, open_embedder
from rag.settings import Settings
from rag.stored_answers import StoredAnswers
from vectorstore.answers import AnswerStore
from vectorstore.database import open_database
from vectorstore.ledger import Ledger

if TYPE_CHECKING:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor

    from rag.answering.generative import ModelWriter
    from rag.answering.reader import Reader
    from rag.answering.similarities import Comparer
    from rag.models.openai_client import ModelServer
    from rag.verification.verifier import Verifier
    from vectorstore.vectors import VectorStore


@asynccontextmanager
async def open_engine(settings: Settings, on_wait: Callable[[str], None] | None = None) -> AsyncIterator[Engine]:
    """The engine on the library that the settings name; everything it opened is closed again.

    on_wait is called with a sentence when another process holds the writer lock or a model server lets one wait.
    Raises StoreError, EmbedderError, ModelError, SettingsError.
    """
    threads = ThreadPoolExecutor(settings.threads, "engine")
    server = open_model_server(settings, on_wait)
    # In parallel with opening the library.
    networks = asyncio.create_task(asyncio.to_thread(open_networks, settings.threads))
    comparers = asyncio.create_task(asyncio.to_thread(open_comparer, settings))
    try:
        async with open_library(settings, on_wait) as library:
            await asyncio.to_thread(check_storage, library.storage)
            reader, verifier = await networks
            writer = open_writer(settings, server, verifier, threads) if server else None
            models = Models(shipped_parameters(), reader, open_reranker(settings), writer, await comparers)
            answers = StoredAnswers(AnswerStore(library.storage.ledger.database), settings)
            yield Engine(settings, library, models, answers, threads)
    finally:
        await asyncio.wait([networks, comparers])
        for loading in (networks, comparers):
            loading.exception()  # Retrieved, or asyncio logs it; what ended this first is the error that matters.
        if server is not None:
            await server.close()
        threads.shutdown(wait=False, cancel_futures=True)


@asynccontextmanager
async def open_library(settings: Settings, on_wait: Callable[[str], None] | None = None) -> AsyncIterator[Library]:
    """The library alone, even when its vectors are another model's or lost: what `rebuild` starts from."""
    # Opening Chroma is mostly native code: in parallel with loading the model it costs nothing.
    opening = asyncio.create_task(asyncio.to_thread(open_store, settings))
    try:
        embedder = await asyncio.to_thread(open_embedder, settings, on_wait)
        database = await asyncio.to_thread(open_database, settings.ledger_url)
    finally:
        await asyncio.wait([opening])
        # When both fail, the first error is enough; retrieving the other keeps asyncio from logging it.
        opening.exception()
    try:
        store = opening.result()
        try:
            yield Library(Storage(settings.home, Ledger(database), store, embedder, settings.chunk_tokens), on_wait)
        finally:
            store.close()
    finally:
        database.dispose()


def open_store(settings: Settings) -> "VectorStore":
    """The vectors, in a folder of the home or on the server that the settings name."""
    from vectorstore.vectors import VectorStore

    return VectorStore(settings.vector_place)


@lru_cache(maxsize=1)
def open_networks(threads: int) -> "tuple[Reader, Verifier]":
    """What reads passages and what verifies claims; both use both networks. Loaded once a process: they never change."""
    from rag.answering.reader import Reader
    from rag.models.passage_network import READER, VERIFIER, PassageNetwork
    from rag.verification.verifier import Verifier

    small, large = PassageNetwork(READER, threads), PassageNetwork(VERIFIER, threads)
    return Reader(small, large), Verifier(large, small)


def open_comparer(settings: Settings) -> "Comparer | None":
    """The embedded model for the judge, where the library has another one: it is fitted to the embedded one's similarities."""
    if embedder_name(settings) == MINILM:
        return None
    from rag.answering.similarities import Comparer
    from rag.models.minilm import MiniLM

    return Comparer(MiniLM(settings.threads))


def open_reranker(settings: Settings) -> "BaseNodePostprocessor | None":
    """The LlamaIndex postprocessor that the settings name, if any."""
    if not settings.reranker_class:
        return None
    from llama_index.core.postprocessor.types import BaseNodePostprocessor

    from rag.settings import build_from_path

    reranker = build_from_path(settings.reranker_class, settings.reranker_options, "DATELINE_RERANKER_CLASS")
    if not isinstance(reranker, BaseNodePostprocessor):
        raise SettingsError(f"DATELINE_RERANKER_CLASS={settings.reranker_class} is no LlamaIndex node postprocessor.")
    return reranker


def open_model_server(settings: Settings, on_wait: Callable[[str], None] | None = None) -> "ModelServer | None":
    """The server of the model that writes answers, None when the settings name none. Raises ModelError, SettingsError."""
    if not settings.model:
        return None
    from rag.models.openai_client import Limits, ModelServer
    from rag.models.server import Server

    return ModelServer(Server.of(settings), Limits.of(settings), on_wait)


def open_writer(
    settings: Settings, server: "ModelServer", verifier: "Verifier", threads: ThreadPoolExecutor | None = None
) -> "ModelWriter":
    """What lets that model write, and shows what can be proven."""
    from rag.answering.generative import ModelWriter

    return ModelWriter(
        server,
        verifier,
        settings.model_context_tokens,
        settings.model_answer_tokens,
        settings.verify_with_model,
        threads,
    )
