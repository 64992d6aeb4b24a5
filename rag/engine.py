"""START HERE: the path of one question, in five steps, each in a module of its own.

    1 understand   rag/question.py      follow-up -> standalone question; time words -> filter or preference
    2 retrieve     rag/retrieval.py     dense + lexical, fused, de-duplicated, optional rerank -> hits
    3 judge        rag/answering/       do these hits hold an answer? no -> refusal
    4 write        rag/answering/       quote the sentences that answer, or let a model draft, streamed
    5 prove        rag/verification/    each citation against the stored article; each sentence of a model

Only step 2 reads the store, only step 4 may talk to a model server, only step 5 reads articles. Steps 1 and 3 are pure.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from rag.answer import Answer, Draft, DraftText, Explanation, Refusal, StreamEvent, Turn, headline_of
from rag.answering.answerability import Judgement, Parameters, judge, shipped_parameters
from rag.answering.extractive import write_extract
from rag.errors import ModelError, QuestionError, SettingsError
from rag.ingestion.indexing import Storage, check_embedder
from rag.library import Library
from rag.models.embedder import open_embedder
from rag.protocols import HISTORY_TURNS, AnswersQuestions, KeepsArticles
from rag.question import Understood, understand
from rag.records import answer_to_record, readable_answer
from rag.settings import Settings
from rag.verification.citations import prove
from vectorstore.answers import TERMINAL, AnswerStore, StoredAnswer
from vectorstore.database import open_database
from vectorstore.errors import StoreMismatch
from vectorstore.ledger import Ledger
from vectorstore.values import Hit, Scope

if TYPE_CHECKING:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor

    from rag.answering.features import Reading
    from rag.answering.generative import ModelWriter, ProvenText
    from rag.answering.reader import Reader
    from rag.retrieval import Retrieval
    from vectorstore.vectors import VectorStore

Given = TypeVar("Given")
__all__ = ["AnswersQuestions", "Engine", "KeepsArticles", "open_engine", "open_library"]

log = logging.getLogger("dateline.engine")

NOT_SAID = "The articles do not say."
NEAREST_SHOWN = 3
READ_HITS = 5
"""Passages the reader reads. A sixth costs a sixth of the time and is worth .001 of the area under the curve."""
WORTH_ASKING_A_MODEL = 0.5
"""A model may find what the extractive judge misses: it is asked from this share of the threshold on."""


@dataclass(frozen=True)
class Work:
    """What the steps hand on, for one question."""

    id: str
    question: str
    understood: Understood
    hits: tuple[Hit, ...]
    readings: "tuple[Reading, ...]"
    judgement: Judgement
    timings_ms: dict[str, float]
    started: float


class Engine:
    """Answers questions from one library. Made by `open_engine`, closed by it."""

    def __init__(
        self,
        settings: Settings,
        library: Library,
        answers: AnswerStore,
        parameters: Parameters,
        reader: "Reader | None",
        reranker: "BaseNodePostprocessor | None",
        writer: "ModelWriter | None",
        threads: ThreadPoolExecutor,
    ) -> None:
        self.settings = settings
        self.library = library
        self.answers = answers
        self.parameters = parameters
        self.reader = reader
        self.reranker = reranker
        self.writer = writer
        self.threads = threads

    async def ask(self, question: str, history: Sequence[Turn] = (), scope: Scope | None = None) -> Answer:
        """One proven answer or refusal. Raises QuestionError, StoreError, EmbedderError."""
        async for event in self.stream(question, history, scope):
            if isinstance(event, Answer):
                return event
        raise AssertionError("stream() ends with an Answer")

    async def stream(
        self, question: str, history: Sequence[Turn] = (), scope: Scope | None = None
    ) -> AsyncIterator[StreamEvent]:
        """Draft text as a model writes it, then exactly one Answer."""
        started = time.perf_counter()
        question = checked_question(question, self.settings.question_limit)
        history = history[-HISTORY_TURNS:]
        understood = await self.understand(question, history, scope or Scope())
        understood_ms = milliseconds(started)
        work = await self.in_thread(lambda: self.search(question, understood, started))
        work.timings_ms["understand"] = understood_ms
        note = ""
        if self.writer is not None and work.hits and self.may_answer(work, WORTH_ASKING_A_MODEL):
            try:
                async for event in self.write_with_model(self.writer, work, history):
                    yield event
                return
            except ModelError as error:
                note = f"{error} This answer is quoted without it."
                self.model_failed(work, str(error))
        yield await self.in_thread(lambda: self.answer_by_extract(work, note))

    # The five steps

    async def understand(self, question: str, history: Sequence[Turn], scope: Scope) -> Understood:
        """Step 1. A model rewrites follow-ups where there is one; without it, or when it fails, rules do."""
        now = datetime.now(UTC)
        understood = understand(question, history, scope, now)
        if self.writer is None or not history or not understood.rewritten:
            return understood
        try:
            rewritten = await self.writer.rewrite(question, history)
        except ModelError as error:
            log.warning("model could not rewrite", extra={"reason": str(error)})
            return understood
        return replace(understand(rewritten, (), scope, now), rewritten=f"{self.writer.name} rewrote the follow-up")

    def retrieve(self, question: str, scope: Scope) -> "Retrieval":
        """Step 2."""
        from rag.retrieval import HybridRetriever

        storage = self.library.storage
        retriever = HybridRetriever(
            storage.ledger,
            storage.store,
            storage.embedder,
            self.library.lexical,
            scope,
            self.settings.hits,
            self.settings.hits_per_article,
            self.reranker,
        )
        return retriever.find(question)

    def read(self, question: str, hits: Sequence[Hit]) -> "list[Reading]":
        """Part of step 3: what the trained reader says of the first hits; nothing where none is installed."""
        if self.reader is None:
            return []
        from rag.answering.reader import ReaderPassage

        chunks = [hit.chunk for hit in hits[:READ_HITS]]
        return list(
            self.reader.read(question, [ReaderPassage(one.text, one.title, one.spans_within()) for one in chunks])
        )

    def search(self, question: str, understood: Understood, started: float) -> Work:
        """Steps 2 and 3, in a thread: the hits, and what the judge makes of them."""
        before = time.perf_counter()
        hits = self.retrieve(understood.question, understood.scope).hits
        if understood.prefers_newest:
            hits = newest_first(hits)
        retrieved = time.perf_counter()
        readings = tuple(self.read(understood.question, hits))
        rarity = self.library.lexical().rarity
        judgement = judge(understood.question, hits, readings, rarity, self.parameters)
        timings = {"retrieve": (retrieved - before) * 1000, "judge": milliseconds(retrieved)}
        return Work(uuid.uuid4().hex[:12], question, understood, hits, readings, judgement, timings, started)

    async def write_with_model(
        self, writer: "ModelWriter", work: Work, history: Sequence[Turn]
    ) -> AsyncIterator[StreamEvent]:
        """Step 4 with a model, and step 5 on what it wrote; what could not be proven stays with the quoted answer as its
        draft. Raises ModelError when the server fails before its first word."""
        asked_at = work.understood.scope.asked_at or datetime.now(UTC)
        before = time.perf_counter()
        try:
            async for event in writer.write(work.understood.question, work.hits, history, asked_at):
                if isinstance(event, DraftText):
                    yield event
                    continue
                work.timings_ms["model"] = milliseconds(before)
                if event.broke_off:
                    self.model_failed(work, event.broke_off)
                if event.silent or event.citations:
                    yield await self.in_thread(partial(self.answer_of_model, writer.name, work, event))
                else:
                    note = (
                        f"{event.broke_off} This answer is quoted without it."
                        if event.broke_off
                        else f"Nothing that {writer.name} wrote could be proven, so this is quoted without it."
                    )
                    yield await self.in_thread(partial(self.answer_by_extract, work, note, event.draft))
        finally:
            work.timings_ms.setdefault("model", milliseconds(before))

    def answer_of_model(self, model: str, work: Work, proven: "ProvenText") -> Answer:
        """What a model wrote and the quotes bear out, or its word that the articles do not say."""
        if proven.silent:
            return self.refuse(work, NOT_SAID, draft=proven.draft, model=model)
        prove(proven.text, proven.citations, self.library.storage.ledger.article)
        asked, standalone, as_of = work.question, work.understood.question, newest(proven.citations)
        note = f"{proven.broke_off} This is what it had finished by then." if proven.broke_off else ""
        answer = Answer(work.id, asked, standalone, proven.text, proven.citations, None, as_of, model=model, note=note)
        return self.finish(work, replace(answer, draft=proven.draft))

    def answer_by_extract(self, work: Work, note: str, draft: Draft | None = None) -> Answer:
        """Steps 4 and 5 without a model, or the refusal. `draft`: what a model wrote and nothing bears out."""
        if not work.hits:
            status = self.library.storage.ledger.counts(work.understood.scope.libraries)
            empty = "The library is empty: run `dateline ingest` with a folder of articles."
            return self.refuse(
                work, "No article in this scope says anything of it." if status.articles else empty, note, draft
            )
        if not self.may_answer(work):
            return self.refuse(work, NOT_SAID, note, draft)
        before = time.perf_counter()
        text, citations = write_extract(work.judgement, work.hits, work.readings)
        written = time.perf_counter()
        if not citations:
            return self.refuse(work, NOT_SAID, note, draft)
        prove(text, citations, self.library.storage.ledger.article)
        work.timings_ms["write"] = (written - before) * 1000
        work.timings_ms["prove"] = milliseconds(written)
        asked, standalone = work.question, work.understood.question
        answer = Answer(work.id, asked, standalone, text, citations, None, newest(citations), note=note, draft=draft)
        return self.finish(work, answer)

    # What the steps share

    def model_failed(self, work: Work, reason: str) -> None:
        """Say in the log that the model server failed, without what was asked."""
        log.warning("model failed", extra={"answer_id": work.id, "reason": reason})

    def may_answer(self, work: Work, share: float = 1.0) -> bool:
        """Is an answer probable enough, at this share of the threshold?"""
        return bool(work.judgement.ranked) and work.judgement.probability >= self.threshold * share

    @property
    def threshold(self) -> float:
        """P(answered) from which the program answers: the calibrated one, unless the settings say another."""
        set_by_hand = self.settings.answer_threshold
        return self.parameters.threshold if set_by_hand is None else set_by_hand

    def refuse(
        self, work: Work, reason: str, note: str = "", draft: Draft | None = None, model: str = "extractive"
    ) -> Answer:
        """The articles do not say; the nearest headlines are named as not answering."""
        headlines = dict.fromkeys(headline_of(hit.chunk) for hit in work.hits)
        refusal = Refusal(reason, tuple(headlines)[:NEAREST_SHOWN])
        as_of = self.library.storage.ledger.counts(work.understood.scope.libraries).newest
        asked, standalone = work.question, work.understood.question
        answer = Answer(work.id, asked, standalone, "", (), refusal, as_of, model=model, note=note, draft=draft)
        return self.finish(work, answer)

    def finish(self, work: Work, answer: Answer) -> Answer:
        """The answer with how it came about."""
        explanation = Explanation(
            rewritten=work.understood.rewritten,
            time=work.understood.time,
            probability=work.judgement.probability,
            threshold=self.threshold,
            features=work.judgement.features,
            sources=work.understood.scope.sources,
        )
        timings = work.timings_ms | {"total": milliseconds(work.started)}
        return replace(answer, hits=work.hits, explanation=explanation, timings_ms=timings)

    async def in_thread(self, function: Callable[[], Given]) -> Given:
        """Where work that computes leaves the event loop; as many at once as the settings allow."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, function)

    # What was answered before

    async def remember(self, answer: Answer, asked_by: str = TERMINAL, conversation: str = TERMINAL) -> None:
        """Keep an answer that was shown, and let go of those past their time; nothing when the settings say so."""
        if not self.settings.store_answers:
            return
        now = time.time()
        stored = StoredAnswer(
            answer.id,
            now,
            answer.question,
            answer.standalone_question,
            answer.refused,
            asked_by,
            conversation,
            answer_to_record(answer),
        )
        await self.in_thread(lambda: self.answers.save(stored))
        await self.in_thread(lambda: self.answers.delete_before(now - self.settings.answer_retention_days * 86_400))

    async def conversation(self, conversation: str, limit: int = HISTORY_TURNS) -> list[Turn]:
        """The last turns of a conversation, oldest first."""
        stored = await self.in_thread(lambda: self.answers.recent(conversation, limit))
        answers = [readable_answer(one) for one in reversed(stored)]
        return [Turn.of(answer) for answer in answers if answer is not None]

    async def answer_by_id(self, answer_id: str) -> StoredAnswer | None:
        """A stored answer by its id or the beginning of it."""
        return await self.in_thread(lambda: self.answers.load(answer_id))

    async def refused_questions(
        self, since: datetime | None = None, conversation_prefix: str = "", limit: int = 10_000
    ) -> list[StoredAnswer]:
        """The last `limit` stored questions that were refused, newest first."""
        after = since.timestamp() if since else 0.0
        return await self.in_thread(lambda: self.answers.refused(after, conversation_prefix, limit))

    async def forget_asker(self, asked_by: str) -> int:
        """Delete every stored answer to this asker; returns how many."""
        return await self.in_thread(lambda: self.answers.delete_asked_by(asked_by))


def checked_question(question: str, limit: int) -> str:
    """The question without white space around it. Raises QuestionError when nobody could answer it."""
    question = " ".join(question.split())
    if not question:
        raise QuestionError('The question is empty: ask, for instance, "Will Hungary arrest Putin?".')
    if len(question) > limit:
        raise QuestionError(
            f"The question has {len(question):,} characters, {limit:,} are the most: ask a shorter one."
        )
    if not any(character.isalnum() for character in question):
        raise QuestionError("The question holds no word: ask it in words.")
    return question


def newest_first(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """A preference, not a filter: place by relevance and place by date count alike."""
    dated = sorted(hits, key=lambda hit: hit.chunk.published.timestamp() if hit.chunk.published else 0.0, reverse=True)
    by_date = {hit.chunk.id: place for place, hit in enumerate(dated)}
    places = {hit.chunk.id: place + by_date[hit.chunk.id] for place, hit in enumerate(hits)}
    return tuple(sorted(hits, key=lambda hit: places[hit.chunk.id]))


def newest(dated: Sequence["HasDate"]) -> datetime | None:
    """The newest of their publication dates."""
    return max((one.published for one in dated if one.published), default=None)


class HasDate(Protocol):
    """Anything with a publication date."""

    @property
    def published(self) -> datetime | None:
        """When it was printed."""
        ...


def milliseconds(since: float) -> float:
    """Milliseconds since a reading of perf_counter."""
    return (time.perf_counter() - since) * 1000


@asynccontextmanager
async def open_engine(settings: Settings, on_wait: Callable[[str], None] | None = None) -> AsyncIterator[Engine]:
    """The engine on the library that the settings name; everything it opened is closed again.

    on_wait is told when another process holds the writer lock. Raises StoreError, EmbedderError, SettingsError.
    """
    threads = ThreadPoolExecutor(settings.threads, "engine")
    writer = open_writer(settings)
    # Beside opening the library, as that is beside loading the embedding model.
    reading = asyncio.create_task(asyncio.to_thread(open_reader, settings))
    try:
        async with open_library(settings, on_wait) as library:
            await asyncio.to_thread(check_storage, library.storage)
            reader = await reading
            answers = AnswerStore(library.storage.ledger.database)
            reranker = open_reranker(settings)
            yield Engine(settings, library, answers, shipped_parameters(), reader, reranker, writer, threads)
    finally:
        await asyncio.wait([reading])
        reading.exception()  # Told already, or less telling than what ended this first.
        if writer is not None:
            await writer.close()
        threads.shutdown(wait=False, cancel_futures=True)


@asynccontextmanager
async def open_library(settings: Settings, on_wait: Callable[[str], None] | None = None) -> AsyncIterator[Library]:
    """The library alone, even when its vectors are another model's or lost: what `rebuild` starts from."""
    # Opening Chroma is mostly native code: beside loading the model it takes no time of its own.
    opening = asyncio.create_task(asyncio.to_thread(open_store, settings))
    try:
        embedder = await asyncio.to_thread(open_embedder, settings)
        database = await asyncio.to_thread(open_database, settings.ledger_url)
    finally:
        await asyncio.wait([opening])
        # When both fail, the first one told is enough; asking for the other keeps asyncio from telling it too.
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
    """The vectors, in a folder of the home."""
    from vectorstore.vectors import VectorStore

    return VectorStore(settings.home / "vectors")


def check_storage(storage: Storage) -> None:
    """Raises StoreMismatch when the vectors are another model's, or fewer than the ledger knows of."""
    check_embedder(storage)
    known, stored = storage.ledger.indexed_chunk_count(), storage.store.count()
    if stored < known:
        raise StoreMismatch(
            f"{storage.store.folder} holds {stored} vectors, the ledger knows of {known}: run `dateline rebuild` to make "
            "them again from the stored articles."
        )


def open_reader(settings: Settings) -> "Reader | None":
    """The trained reader, where the judge's parameters were made for one."""
    if not shipped_parameters().reads:
        return None
    from rag.answering.reader import Reader

    return Reader(settings.threads)


def open_reranker(settings: Settings) -> "BaseNodePostprocessor | None":
    """The LlamaIndex postprocessor that the settings name, if any."""
    if not settings.reranker_class:
        return None
    from llama_index.core.postprocessor.types import BaseNodePostprocessor

    from rag.models.plugins import build_from_path

    reranker = build_from_path(settings.reranker_class, settings.reranker_options, "DATELINE_RERANKER_CLASS")
    if not isinstance(reranker, BaseNodePostprocessor):
        raise SettingsError(f"DATELINE_RERANKER_CLASS={settings.reranker_class} is no LlamaIndex node postprocessor.")
    return reranker


def open_writer(settings: Settings) -> "ModelWriter | None":
    """The model that writes, when the settings name one."""
    if not settings.model:
        return None
    from rag.answering.generative import open_model_writer

    return open_model_writer(settings)
