"""START HERE: the path of one question, in five steps, each in a module of its own.

    1 understand   rag/question.py      follow-up -> standalone question; time words -> filter, preference, day; several in one
    2 retrieve     rag/retrieval.py     dense + lexical, fused, de-duplicated, optional rerank -> hits
    3 judge        rag/answering/       do these hits hold an answer? no -> refusal
    4 write        rag/answering/       quote the sentences that answer, or let a model draft, streamed
    5 prove        rag/verification/    each citation against the stored article; each sentence of a model

Only step 2 searches the store, only steps 1 and 4 may talk to a model server, only step 5 reads articles, step 3 is pure.
What is stored of the answers is in rag/stored_answers.py; rag/factory.py builds the engine.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from rag.abbreviations import in_the_articles_words
from rag.answer import (
    BROKEN_OFF,
    EMPTY_LIBRARY,
    ENGLISH_ONLY,
    EXTRACTIVE,
    NO_DATE,
    NO_MORE,
    NO_REASON,
    NOT_SAID,
    NOTHING_FOUND,
    READ_AS,
    TRANSLATED,
    Answer,
    Citation,
    Draft,
    DraftText,
    Explanation,
    Refusal,
    StreamEvent,
    Turn,
    day_words,
    headline_of,
)
from rag.answering.answerability import (
    MEASURED_AT,
    MEASURED_RATES,
    AnswerabilityScore,
    Parameters,
    leading_sentences,
    score_answerability,
)
from rag.answering.days import begins_with, preferring, sentences_naming
from rag.answering.disagreement import disagreement
from rag.answering.extractive import closest_passage, join_extracts, lacks_age, lacks_name, write_extract
from rag.answering.features import is_about
from rag.answering.follow_up import not_told_yet, passages_quoted, quote_what_is_asked
from rag.answering.identifiers import (
    holds_place,
    lacks_identifier,
    lacks_numbered_name,
    of_what_is_named,
    without_lookalikes,
)
from rag.errors import ModelError
from rag.joined_questions import questions_joined_in
from rag.language import is_foreign
from rag.library import Library
from rag.outlets import heard_first, named_outlets
from rag.periods import nothing_of, published_in, telling_of
from rag.protocols import HISTORY_TURNS
from rag.question import StandaloneQuestion, checked_question, of_named_outlet, understand
from rag.settings import Settings
from rag.spelling import respelled
from rag.stored_answers import StoredAnswers
from rag.verification.citations import verify_citations
from vectorstore.values import Hit, Scope

if TYPE_CHECKING:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor

    from rag.answering.generative import ModelWriter, VerifiedText
    from rag.answering.reader import Reader, Reading
    from rag.answering.similarities import Comparer
    from rag.models.passage_network import ReaderPassage
    from vectorstore.ledger import LedgerCounts

Result = TypeVar("Result")

log = logging.getLogger("dateline.engine")

NEAREST_SHOWN = 3
NEWEST_SUMMARISED = 3
"""Articles that "What's new?" quotes from."""
READ_HITS = 8
"""Passages the reader reads."""
SURER = 0.1
"""By how much more probable than the threshold the answer to another reading of a follow-up, or of words that exist, must be: one
of several readings is easily answered. A guess."""
CLOSEST_SHARE = 0.4
"""A refusal quotes the closest passage from this share of the threshold on. Of the own set's refused questions that the
articles do answer, nine in ten lie above it."""


@dataclass(frozen=True)
class Models:
    """The models behind the steps: what steps 2, 3 and 4 may use. `writer` None: answers are quoted only.

    comparer: by which the judge compares sentences where the library has another embedding model than it was fitted to.
    """

    parameters: Parameters
    reader: "Reader"
    reranker: "BaseNodePostprocessor | None" = None
    writer: "ModelWriter | None" = None
    comparer: "Comparer | None" = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What steps 1 to 3 leave for one question. `readings`: of the first hits. `parts`: the same for each question that it joins,
    with what is quoted for it; () for one question."""

    id: str
    question: str
    standalone: StandaloneQuestion
    hits: tuple[Hit, ...]
    readings: "tuple[Reading, ...]"
    answerability: AnswerabilityScore
    parts: "tuple[tuple[Evidence, Written], ...]" = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What step 4 leaves: text with [n] and its citations, or the reason for a refusal. `unanswered`: as in Answer."""

    text: str = ""
    citations: tuple[Citation, ...] = ()
    refusal: str = ""
    model: str = EXTRACTIVE
    note: str = ""
    draft: Draft | None = None
    unanswered: tuple[str, ...] = ()


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

    async def ask(self, question: str, history: Sequence[Turn] = (), scope: Scope | None = None) -> Answer:
        """One proven answer or refusal. Raises QuestionError, StoreError, EmbedderError."""
        async for event in self.stream(question, history, scope):
            if isinstance(event, Answer):
                return event
        raise AssertionError("stream() ends with an Answer")

    async def stream(
        self, question: str, history: Sequence[Turn] = (), scope: Scope | None = None, use_model: bool = True
    ) -> AsyncIterator[StreamEvent]:
        """Draft text as a model writes it, then exactly one Answer. Raises as `ask` does, before the first event."""
        timer = StepTimer()
        writer = self.models.writer if use_model else None
        history = history[-HISTORY_TURNS:]
        question = checked_question(question, self.settings.question_limit, follows=bool(history))
        standalone = await self.understand(question, history, scope or Scope(), writer)
        timer.finish("understand")
        standalone, hits = await self.in_thread(lambda: self.retrieve(standalone))
        timer.finish("retrieve")
        evidence = await self.in_thread(lambda: self.look_again(self.judge(question, standalone, hits)))
        if writer is None:
            # A model answers all that was asked by itself.
            parts = await self.in_thread(lambda: self.judge_parts(question, history, scope or Scope()))
            evidence = replace(evidence, parts=parts)
        timer.finish("judge")
        written = Written(refusal=NOT_SAID)
        async for event in self.write(evidence, history, writer, timer):
            if isinstance(event, Written):
                written = event
            else:
                yield event
        timer.finish("write")
        answer = await self.in_thread(lambda: self.prove(evidence, written))
        timer.finish("prove")
        yield replace(answer, timings_ms=timer.total())

    async def understand(
        self, question: str, history: Sequence[Turn], scope: Scope, writer: "ModelWriter | None"
    ) -> StandaloneQuestion:
        """Step 1. A model rewrites follow-ups and translates, where there is one; without it, or when it fails, rules do."""
        now = datetime.now(UTC)
        standalone = understand(question, history, scope, now)
        if writer is None:
            return standalone
        standalone = replace(standalone, foreign=is_foreign(question))
        if standalone.asks == "more" or not (standalone.foreign or (history and standalone.rewritten)):
            return standalone
        try:
            rewritten = await writer.rewrite(question, history) if history else question
            if standalone.foreign:
                from rag.answering.translation import to_english

                rewritten = await to_english(writer, rewritten)
        except ModelError as error:
            log.warning("model could not rewrite", extra={"reason": str(error)})
            return standalone
        how = "translated the question" if standalone.foreign else "rewrote the follow-up"
        again = understand(rewritten, (), scope, now)
        return replace(again, rewritten=f"{writer.name} {how}", foreign=standalone.foreign)

    def retrieve(self, standalone: StandaloneQuestion) -> tuple[StandaloneQuestion, tuple[Hit, ...]]:
        """Step 2: the hits, and the question with names as the articles write them, searched for again where they differ."""
        from rag.retrieval import HitLimits, HybridRetriever, newest_first, passages_of

        storage, period = self.library.storage, standalone.period
        if standalone.asks == "more":
            return standalone, passages_of(standalone.told_from, standalone.question, standalone.scope, storage)
        lexical = self.library.lexical()
        standalone = of_named_outlet(standalone, lexical.sources)
        if period and (told := published_in(standalone, period, storage.ledger, NEWEST_SUMMARISED)):
            return told
        if standalone.summary_of == "" and period is None:
            chunks = storage.ledger.leading_chunks(standalone.scope, NEWEST_SUMMARISED)
            return standalone, tuple(Hit(chunk, 1.0) for chunk in chunks)
        limits = HitLimits(self.settings.hits, self.settings.hits_per_article)
        retriever = HybridRetriever(storage, lexical, standalone.scope, limits, self.models.reranker)
        if period is not None:
            return telling_of(standalone, period, storage.ledger, retriever)
        hits = retriever.find(standalone.summary_of or standalone.question)
        if standalone.summary_of is not None:
            return standalone, self.beginning_of(hits, standalone.summary_of)
        asked = in_the_articles_words(standalone.question, (hit.chunk.text for hit in hits))
        if asked != standalone.question:
            standalone, hits = replace(standalone, question=asked), retriever.find(asked)
        if not standalone.scope.sources:
            scopes = [replace(standalone.scope, sources=(one,)) for one in named_outlets(asked, lexical.sources)]
            hits = heard_first(retriever.find_in_each(asked, scopes), hits)[: limits.total]
        return standalone, newest_first(hits) if standalone.prefers_newest else tuple(hits)

    def beginning_of(self, hits: Sequence[Hit], subject: str) -> tuple[Hit, ...]:
        """The first passage of the article that a search found first, where that speaks of the subject at all."""
        if not hits or not is_about(hits[0].chunk, subject):
            return ()
        found = hits[0].chunk
        first = self.library.storage.ledger.chunks_of(found.library, found.article_id)[:1]
        return tuple(replace(hits[0], chunk=chunk, sentence_similarities=()) for chunk in first)

    def judge(self, question: str, standalone: StandaloneQuestion, hits: tuple[Hit, ...]) -> Evidence:
        """Step 3: what the reader says of the first hits, and how probable it makes an answer."""
        if standalone.summary_of is not None:
            return Evidence(uuid.uuid4().hex[:12], question, standalone, hits, (), leading_sentences(hits))
        if standalone.asks == "more":
            more, hits = passages_quoted(not_told_yet(standalone.told, hits), hits)
            return Evidence(uuid.uuid4().hex[:12], question, standalone, hits, (), more)
        if standalone.period is not None:
            naming = sentences_naming(hits, standalone.period)
            return Evidence(uuid.uuid4().hex[:12], question, standalone, hits, (), naming)
        # Where all that was found is of another, the refusal names it as nearest.
        hits = of_what_is_named(standalone.question, hits) or hits
        if self.models.comparer is not None:
            hits = self.models.comparer.compared(standalone.question, hits)
        readings = tuple(self.models.reader.read(standalone.question, passages_to_read(standalone.question, hits)))
        answerability = score_answerability(standalone.question, hits, readings, self.models.parameters)
        answerability = without_lookalikes(standalone.question, answerability, hits)
        if standalone.undated_period is not None:
            answerability = preferring(answerability, hits, standalone.undated_period)
        return Evidence(uuid.uuid4().hex[:12], question, standalone, hits, readings, answerability)

    def look_again(self, evidence: Evidence) -> Evidence:
        """Steps 2 and 3 once more where the question may be meant otherwise and that is answered, or more surely."""
        if evidence.standalone.wider is not None and not self.may_answer(evidence):
            evidence = self.look_wider(evidence)
        evidence = self.look_respelled(evidence)
        if evidence.standalone.undated and not self.may_answer(evidence):
            evidence = self.look_undated(evidence)
        if evidence.standalone.other_readings and not self.may_answer(evidence):
            evidence = self.read_otherwise(evidence)
        return evidence

    def look_wider(self, evidence: Evidence) -> Evidence:
        """Without "this week" and the like, where that answers what the bounds kept out."""
        wider = self.judge(evidence.question, *self.retrieve(evidence.standalone.widened()))
        return wider if self.may_answer(wider) else evidence

    def look_undated(self, evidence: Evidence) -> Evidence:
        """Without the words for a day, where the articles within them, or of that day, answer that."""
        asked = evidence.standalone
        meant = replace(asked, question=asked.undated, rewritten=f"read without its day: {asked.undated!r}")
        again = self.judge(evidence.question, *self.retrieve(meant))
        of_period = asked.undated_period is None or begins_with(again.answerability, again.hits, asked.undated_period)
        return again if of_period and self.may_answer(again) else evidence

    def look_respelled(self, evidence: Evidence) -> Evidence:
        """With mistyped words corrected, where there are any and that makes an answer more probable."""
        asked = evidence.standalone
        index, libraries = self.library.lexical(), asked.scope.libraries
        corrected = respelled(asked.question, index, libraries)
        if corrected == asked.question or asked.asks_no_question:
            return evidence
        again = self.judge(evidence.question, *self.retrieve(replace(asked, question=corrected, respelled=True)))
        better = max(evidence, again, key=lambda one: one.answerability.probability)
        if self.may_answer(better):
            return better
        further = respelled(asked.question, index, libraries, english_too=True)
        if further == corrected:
            return better
        surest = self.judge(evidence.question, *self.retrieve(replace(asked, question=further, respelled=True)))
        return surest if surest.answerability.probability >= self.threshold + SURER else better

    def read_otherwise(self, evidence: Evidence) -> Evidence:
        """As what else a follow-up may mean: of those that are answered the most probable."""
        asked = evidence.standalone
        found = [evidence]
        for reading in asked.other_readings:
            meant = replace(asked, question=reading, rewritten=f"read as {reading!r}")
            found.append(self.judge(evidence.question, *self.retrieve(meant)))
        best = max(found, key=lambda one: one.answerability.probability)
        return best if best.answerability.probability >= self.threshold + SURER else evidence

    def judge_parts(self, question: str, history: Sequence[Turn], scope: Scope) -> tuple[tuple[Evidence, Written], ...]:
        """Steps 1 to 4 for each question of several in one: a further one is a follow-up of what was told for the one before."""
        found: list[tuple[Evidence, Written]] = []
        for part in questions_joined_in(question):
            asked = understand(part, history, scope, datetime.now(UTC))
            evidence = self.look_again(self.judge(part, *self.retrieve(asked)))
            quoted = self.quote(evidence, Written())
            cited = tuple(dict.fromkeys(citation.article_id for citation in quoted.citations))
            history = (*history, Turn(part, quoted.text, evidence.standalone.question, cited))
            found.append((evidence, quoted))
        return tuple(found)

    async def write(
        self, evidence: Evidence, history: Sequence[Turn], writer: "ModelWriter | None", timer: StepTimer
    ) -> AsyncIterator[DraftText | Written]:
        """Step 4: a model's draft in pieces, then exactly one Written, quoted where no model wrote what can be shown."""
        quoted = Written()
        if writer is not None and evidence.hits:
            try:
                standalone = evidence.standalone
                asked_at = standalone.scope.asked_at or datetime.now(UTC)
                async for event in writer.write(standalone.question, evidence.hits, history, asked_at):
                    if isinstance(event, DraftText):
                        yield event
                        continue
                    timer.finish("model")
                    if event.interrupted:
                        log.warning("model failed", extra={"answer_id": evidence.id, "reason": event.interrupted})
                    # A model that declines is believed unless the reader is sure: it may have missed the passage.
                    if event.citations or (event.abstained and not self.may_answer(evidence)):
                        yield await in_asked_language(writer, evidence, written_by(writer.name, event))
                        return
                    quoted = Written(note=why_quoted(writer.name, event), draft=event.draft)
            except ModelError as error:
                timer.finish("model")
                log.warning("model failed", extra={"answer_id": evidence.id, "reason": str(error)})
                quoted = Written(note=f"{error} This answer is quoted without it.")
        yield await self.in_thread(lambda: self.quote(evidence, quoted))

    def quote(self, evidence: Evidence, quoted: Written) -> Written:
        """The sentences that answer, or why there are none, added to the note and draft that a model left."""
        if any(told.citations for _, told in evidence.parts):
            text, citations = join_extracts([told.citations for _, told in evidence.parts])
            unanswered = tuple(part.question for part, told in evidence.parts if not told.citations)
            return replace(quoted, text=text, citations=citations, unanswered=unanswered)
        if not evidence.hits:
            counts = self.library.storage.ledger.counts(evidence.standalone.scope.libraries)
            return replace(quoted, refusal=nothing_found(evidence.standalone.scope, counts))
        if evidence.standalone.asks in ("why", "when"):
            return self.quote_follow_up(evidence, quoted)
        if evidence.standalone.period is not None and not self.may_answer(evidence):
            return replace(quoted, refusal=nothing_of(evidence.standalone.period, evidence.hits))
        if self.may_answer(evidence):
            text, citations = write_extract(
                evidence.standalone.question, evidence.answerability, evidence.hits, evidence.readings
            )
            if citations and not self.misses(evidence, citations):
                return replace(quoted, text=text, citations=citations)
        if evidence.standalone.asks == "more":
            return replace(quoted, refusal=NO_MORE)
        # The reader and the words of a search know English; a model would have translated.
        english_only = self.models.writer is None and is_foreign(evidence.question)
        return replace(quoted, refusal=ENGLISH_ONLY if english_only else NOT_SAID)

    def misses(self, evidence: Evidence, citations: Sequence[Citation]) -> bool:
        """True if what the question names was not found (a number, an identifier, a name), or the age that it asks for."""
        asked = evidence.standalone
        if asked.asks_no_question:
            return False
        # The time words of a question are a filter on dates, not what it is about.
        lacks_number = not asked.time and lacks_identifier(asked.question, citations, evidence.hits)
        return (
            lacks_number
            or lacks_numbered_name(asked.question, evidence.hits)
            or lacks_name(asked.question, evidence.hits)
            or lacks_age(asked.question, citations)
        )

    def quote_follow_up(self, evidence: Evidence, quoted: Written) -> Written:
        """The reason or date that a bare "Why?" or "When?" asks for, or that the articles give none."""
        asked, score = evidence.standalone, evidence.answerability
        if self.may_answer(evidence):
            found = quote_what_is_asked(asked.asks, asked.question, asked.told, score, evidence.hits, evidence.readings)
            if found[1]:
                return replace(quoted, text=found[0], citations=found[1])
        return replace(quoted, refusal=NO_REASON if asked.asks == "why" else NO_DATE)

    def prove(self, evidence: Evidence, written: Written) -> Answer:
        """Step 5: the answer, each quote found in its stored article; a refusal names what is nearest."""
        standalone, answerability, ledger = evidence.standalone, evidence.answerability, self.library.storage.ledger
        differing: tuple[Citation, ...] = ()
        as_of_guessed = False
        if written.refusal:
            refusal, as_of = self.refuse(written.refusal, evidence), ledger.counts(standalone.scope.libraries).newest
        else:
            verify_citations(written.text, written.citations, ledger.article)
            if not evidence.parts:
                differing = disagreement(standalone.question, evidence.hits, evidence.readings)
            verify_citations("".join(f"[{one.number}]" for one in differing), differing, ledger.article)
            refusal, (as_of, as_of_guessed) = None, newest_publication(written.citations)
        read_as = f"{READ_AS}{standalone.question}" if standalone.respelled else ""
        return Answer(
            id=evidence.id,
            question=evidence.question,
            standalone_question=standalone.question,
            text=written.text,
            citations=written.citations,
            refusal=refusal,
            as_of=as_of,
            as_of_guessed=as_of_guessed,
            hits=(*evidence.hits, *hits_of_parts(evidence, written.citations)),
            model=written.model,
            note=f"{read_as} {written.note}".strip(),
            draft=written.draft,
            disagreement=differing,
            unanswered=written.unanswered,
            explanation=Explanation(
                rewritten=standalone.rewritten,
                read_as=standalone.question if standalone.respelled else "",
                time=standalone.time,
                probability=answerability.probability,
                threshold=self.threshold,
                features=answerability.features,
                rates=MEASURED_RATES if self.threshold == MEASURED_AT else None,
                joined={part.question: part.answerability.probability for part, _ in evidence.parts},
                sources=standalone.scope.sources,
                since=standalone.scope.since,
                until=standalone.scope.until,
            ),
        )

    def refuse(self, reason: str, evidence: Evidence) -> Refusal:
        """The nearest headlines and, where it may answer after all, the closest passage: its article is named first."""
        closest = None
        # Of a bare "Why?" the closest passage is the one quoted before.
        if not evidence.standalone.asks and evidence.answerability.probability >= self.threshold * CLOSEST_SHARE:
            closest = closest_passage(evidence.answerability, evidence.hits, evidence.readings)
        chunks = [hit.chunk for hit in evidence.hits]
        if closest is not None:
            verify_citations("[1]", [closest], self.library.storage.ledger.article)
            chunks.sort(key=lambda chunk: chunk.article_id != closest.article_id)
        nearest = tuple(dict.fromkeys(map(headline_of, chunks)))[:NEAREST_SHOWN]
        return Refusal(reason, nearest, closest)

    def may_answer(self, evidence: Evidence) -> bool:
        """True if the reader and the judge around it are sure enough of an answer."""
        return bool(evidence.answerability.ranked) and evidence.answerability.probability >= self.threshold

    @property
    def threshold(self) -> float:
        """P(answered) from which the program answers: the calibrated one, unless the settings say another."""
        set_by_hand = self.settings.answer_threshold
        return self.models.parameters.threshold if set_by_hand is None else set_by_hand

    async def in_thread(self, function: Callable[[], Result]) -> Result:
        """Where work that computes leaves the event loop; as many at once as the settings allow."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, function)


def newest_publication(citations: Sequence[Citation]) -> tuple[datetime | None, bool]:
    """When the newest of these articles was published, and whether that is a guess; guesses count where all are."""
    dated = [one for one in citations if one.published]
    known = [one for one in dated if not one.published_guessed]
    return max((one.published for one in known or dated if one.published), default=None), bool(dated) and not known


def hits_of_parts(evidence: Evidence, citations: Sequence[Citation]) -> tuple[Hit, ...]:
    """The quoted passages that were found for one of the joined questions, not for the whole."""
    known, found = {hit.chunk.id for hit in evidence.hits}, {}
    for hit in (hit for part, _ in evidence.parts for hit in part.hits if hit.chunk.id not in known):
        if any(holds_place(hit.chunk, (one.library, one.article_id, one.start)) for one in citations):
            found[hit.chunk.id] = hit
    return tuple(found.values())


def nothing_found(scope: Scope, counts: "LedgerCounts") -> str:
    """Why a search found nothing: the library is empty, the articles are older, or none is near."""
    if not counts.articles:
        return EMPTY_LIBRARY
    if scope.since is not None and counts.newest is not None and counts.newest < scope.since:
        return f"Nothing since {day_words(scope.since)}: the newest article is of {day_words(counts.newest)}."
    return NOTHING_FOUND


def written_by(model: str, proven: "VerifiedText") -> Written:
    """What a model wrote and the quotes support, or its word that the articles do not say."""
    if proven.abstained:
        return Written(refusal=NOT_SAID, model=model, draft=proven.draft)
    note = f"{proven.interrupted} {BROKEN_OFF}" if proven.interrupted else ""
    return Written(proven.text, proven.citations, model=model, note=note, draft=proven.draft)


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
    """A note for the reader of a quoted answer that a model could have written."""
    if written.abstained:
        return f"{model} saw no answer in these passages, so this is quoted without it."
    if written.interrupted:
        return f"{written.interrupted} This answer is quoted without it."
    if not written.draft.text.strip():
        return f"{model} wrote nothing, so nothing could be proven and this is quoted without it."
    return f"Nothing that {model} wrote could be proven, so this is quoted without it."


def passages_to_read(question: str, hits: Sequence[Hit]) -> "list[ReaderPassage]":
    """The first hits as the reader sees them: the title with the outlet before it where the question names that."""
    from rag.models.passage_network import ReaderPassage

    chunks = [hit.chunk for hit in hits[:READ_HITS]]
    named = named_outlets(question, {chunk.source for chunk in chunks})
    return [
        ReaderPassage(
            chunk.text,
            f"{chunk.source}: {chunk.title}" if chunk.source in named else chunk.title,
            chunk.spans_within(),
        )
        for chunk in chunks
    ]
