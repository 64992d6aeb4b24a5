"""START HERE: the path of one question, in five steps, each with a door of its own.

    1 understand   rag/question.py   follow-up -> standalone question (follow_ups.py); time words -> filter, preference, day
    2 retrieve     rag/finding.py    dense + lexical, fused, de-duplicated, optional rerank (rag/retrieval.py) -> hits
    3 judge        rag/judging.py    do these hits hold an answer (rag/answering/)? rag/second_look.py: meant otherwise?
    4 write        rag/answering/    quoting.py quotes the sentences that answer, or generative.py lets a model draft, streamed
    5 prove        rag/proving.py    each quote against the stored article; sentences of a model: rag/verification/

Only step 2 searches the store, only steps 1 and 4 may talk to the model that writes, only step 5 reads articles, step 3 computes.
A second look takes steps 2 and 3 once more, and each of several questions in one all of them. What the steps hand to each
other is in rag/evidence.py, what is stored of the answers in rag/stored_answers.py; rag/factory.py builds the engine.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from rag.answer import BROKEN_OFF, NOT_SAID, TRANSLATED, Answer, DraftText, StreamEvent, Turn
from rag.answering.answerability import Parameters
from rag.answering.quoting import quote
from rag.answering.reader import Reader
from rag.answering.similarities import Comparer
from rag.errors import ModelError
from rag.evidence import Evidence, Written
from rag.finding import Finder, Found
from rag.joined_questions import questions_joined_in
from rag.judging import Judge
from rag.language import is_foreign
from rag.library import Library
from rag.protocols import HISTORY_TURNS
from rag.proving import prove
from rag.question import StandaloneQuestion, checked_question, understand
from rag.second_look import SecondLook
from rag.settings import Settings
from rag.stored_answers import StoredAnswers
from rag.verification.citations import UnverifiedAnswer
from vectorstore.values import Hit, Scope

if TYPE_CHECKING:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor

    from rag.answering.generative import ModelWriter, VerifiedText

Result = TypeVar("Result")

log = logging.getLogger("dateline.engine")


@dataclass(frozen=True)
class Models:
    """The models behind the steps: what steps 2, 3 and 4 may use. `writer` None: answers are quoted only.

    comparer: by which the judge compares sentences where the library has another embedding model than it was fitted to.
    """

    parameters: Parameters
    reader: Reader
    reranker: "BaseNodePostprocessor | None" = None
    writer: "ModelWriter | None" = None
    comparer: Comparer | None = None


class StepTimer:
    """Milliseconds by step. A step's time runs from the end of the one before."""

    def __init__(self) -> None:
        self.started = self.last = time.perf_counter()
        self.steps: dict[str, float] = {}

    def finish(self, step: str) -> None:
        """Note that a step is done."""
        now = time.perf_counter()
        self.steps[step], self.last = (now - self.last) * 1000, now

    def total(self) -> dict[str, float]:
        """Every step, and all of them together."""
        return self.steps | {"total": (time.perf_counter() - self.started) * 1000}


class Engine:
    """Answers questions from one library. Made by `rag.factory.open_engine`, closed by it."""

    def __init__(
        self, settings: Settings, library: Library, models: Models, answers: StoredAnswers, threads: ThreadPoolExecutor
    ) -> None:
        self.settings = settings
        self.library = library
        self.models = models
        self.answers = answers
        self.threads = threads
        self.finder = Finder(library, settings, models.reranker)
        self.judging = Judge(models.reader, models.parameters, models.comparer, settings.answer_threshold)
        self.second_look = SecondLook(self.finder, self.judging)

    async def ask(self, question: str, history: Sequence[Turn] = (), scope: Scope | None = None) -> Answer:
        """One proven answer or refusal. Raises QuestionError, StoreError, EmbedderError, UnverifiedAnswer."""
        async for event in self.stream(question, history, scope):
            if isinstance(event, Answer):
                return event
        raise AssertionError("stream() ends with an Answer")

    async def stream(
        self, question: str, history: Sequence[Turn] = (), scope: Scope | None = None, use_model: bool = True
    ) -> AsyncIterator[StreamEvent]:
        """Draft text as a model writes it, then exactly one Answer. Raises as `ask` does."""
        try:
            async for event in self.answer(question, history, scope, use_model):
                yield event
        except UnverifiedAnswer as error:
            # An article changed between steps 2 and 5: what it says now is found by asking once more.
            log.info("asked once more", extra={"reason": str(error)})
            yield DraftText("", restart=True)
            async for event in self.answer(question, history, scope, use_model):
                yield event

    async def answer(
        self, question: str, history: Sequence[Turn], scope: Scope | None, use_model: bool
    ) -> AsyncIterator[StreamEvent]:
        """The five steps."""
        timer = StepTimer()
        writer = self.models.writer if use_model else None
        history = history[-HISTORY_TURNS:]
        question = checked_question(question, self.settings.question_limit, follows=bool(history))
        standalone = await self.understand(question, history, scope or Scope(), writer)
        timer.finish("understand")
        standalone, hits = await self.in_thread(lambda: self.retrieve(standalone))
        timer.finish("retrieve")
        evidence = await self.in_thread(lambda: self.judge(question, standalone, hits))
        timer.finish("judge")
        written = Written(refusal=NOT_SAID)
        async for event in self.write(evidence, history, scope or Scope(), writer, timer):
            if isinstance(event, Written):
                written = event
            else:
                yield event
        timer.finish("write")
        answer = await self.in_thread(lambda: prove(evidence, written, self.library.storage.ledger))
        timer.finish("prove")
        yield replace(answer, timings_ms=timer.total())

    async def understand(
        self, question: str, history: Sequence[Turn], scope: Scope, writer: "ModelWriter | None"
    ) -> StandaloneQuestion:
        """Step 1. A model rewrites follow-ups and translates, where there is one; without it, or when it fails, rules do."""
        now = datetime.now(UTC)
        standalone = await self.in_thread(lambda: understand(question, history, scope, now))
        if writer is None:
            return standalone
        standalone = replace(standalone, foreign=await self.in_thread(lambda: is_foreign(question)))
        if standalone.asks == "more" or not (standalone.foreign or (history and standalone.rewritten)):
            return standalone
        try:
            rewritten = await writer.rewrite(question, history) if history else question
            if standalone.foreign:
                from rag.answering.translation import to_english

                rewritten = await to_english(writer, rewritten)
        except ModelError as error:
            log.warning("model could not rewrite", extra={"reason": str(error)})
            return replace(standalone, foreign=False)
        how = "translated the question" if standalone.foreign else "rewrote the follow-up"
        again = await self.in_thread(lambda: understand(rewritten, (), scope, now))
        # What a follow-up asks of what was told, and what else it may mean, only the rules know.
        return replace(
            again,
            rewritten=f"{writer.name} {how}",
            foreign=standalone.foreign,
            asks=standalone.asks,
            told=standalone.told,
            given=standalone.given,
            told_from=standalone.told_from,
            other_readings=standalone.other_readings,
        )

    def retrieve(self, standalone: StandaloneQuestion) -> Found:
        """Step 2: the hits, and the question as the articles word it. Raises StoreError, EmbedderError."""
        return self.finder.retrieve(standalone)

    def judge(self, question: str, standalone: StandaloneQuestion, hits: tuple[Hit, ...]) -> Evidence:
        """Step 3: what the reader says of the hits, or of those of another reading where that is answered or more surely."""
        return self.second_look.look_again(self.judging.weigh(question, standalone, hits))

    async def write(
        self, evidence: Evidence, history: Sequence[Turn], scope: Scope, writer: "ModelWriter | None", timer: StepTimer
    ) -> AsyncIterator[DraftText | Written]:
        """Step 4: a model's draft in pieces, then exactly one Written, quoted where no model wrote what can be shown."""
        quoted, standalone, joined = Written(), evidence.standalone, questions_joined_in(evidence.question)
        # "Tell me more" is answered with what was not told yet, which a model would not know.
        if writer is not None and evidence.hits and standalone.asks != "more":
            try:
                asked_at = standalone.scope.asked_at or datetime.now(UTC)
                async for event in writer.write(standalone.question, evidence.hits, history, asked_at):
                    if isinstance(event, DraftText):
                        yield event
                        continue
                    timer.finish("model")
                    if event.interrupted:
                        log.warning("model failed", extra={"answer_id": evidence.id, "reason": event.interrupted})
                    # A model that declines is believed unless the reader is sure, or may be of one of several questions.
                    if event.citations or (event.abstained and not evidence.answers and not joined):
                        yield await in_asked_language(writer, evidence, written_by(writer.name, event))
                        return
                    quoted = Written(note=why_quoted(writer.name, event), draft=event.draft, model_failed=True)
            except ModelError as error:
                timer.finish("model")
                log.warning("model failed", extra={"answer_id": evidence.id, "reason": str(error)})
                quoted = Written(note=str(error), model_failed=True)
        # A model answers all that was asked by itself.
        yield await self.in_thread(
            lambda: quote(evidence, replace(quoted, parts=self.quote_each(joined, history, scope)))
        )

    def quote_each(
        self, questions: Sequence[str], history: Sequence[Turn], scope: Scope
    ) -> tuple[tuple[Evidence, Written], ...]:
        """Steps 1 to 4 for each question of several in one: a further one is a follow-up of what was told for the one before."""
        found: list[tuple[Evidence, Written]] = []
        for question in questions:
            asked = understand(question, history, scope, datetime.now(UTC))
            evidence = self.judge(question, *self.retrieve(asked))
            quoted = quote(evidence, Written())
            history = (*history, Turn.quoting(question, quoted.text, evidence.standalone.question, quoted.citations))
            found.append((evidence, quoted))
        return tuple(found)

    async def in_thread(self, function: Callable[[], Result]) -> Result:
        """Where work that computes leaves the event loop; as many at once as the settings allow."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, function)


def written_by(model: str, proven: "VerifiedText") -> Written:
    """What a model wrote and the quotes support, or its word that the articles do not say."""
    if proven.abstained:
        return Written(refusal=NOT_SAID, model=model, draft=proven.draft)
    note = f"{proven.interrupted} {BROKEN_OFF}" if proven.interrupted else ""
    return Written(
        proven.text,
        proven.citations,
        model=model,
        note=note,
        draft=proven.draft,
        model_failed=bool(proven.interrupted),
    )


async def in_asked_language(writer: "ModelWriter", evidence: Evidence, written: Written) -> Written:
    """A proven answer to a foreign question, translated by the model that wrote it; the quotes stay as printed."""
    if not (evidence.standalone.foreign and written.citations):
        return written
    from rag.answering.translation import like_question

    try:
        text = await like_question(writer, written.text, evidence.question)
    except ModelError as error:
        log.warning("model could not translate", extra={"answer_id": evidence.id, "reason": str(error)})
        return written
    return replace(
        written,
        text=text,
        note=f"{writer.name} {TRANSLATED} {written.note}".rstrip(),
    )


def why_quoted(model: str, written: "VerifiedText") -> str:
    """Why what a model could have written is quoted, or refused, without it."""
    if written.abstained:
        return f"{model} saw no answer in these passages."
    if written.interrupted:
        return written.interrupted
    if not written.draft.text.strip():
        return f"{model} wrote nothing, so nothing could be proven."
    return f"Nothing that {model} wrote could be proven."
