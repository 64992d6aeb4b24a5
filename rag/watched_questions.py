"""Watched questions: made, stopped, asked again when something new is near, their changes told. For both front ends."""

import asyncio
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import ValidationError

from rag.answer import EXTRACTIVE, Answer, answer_from_record, answer_to_record
from rag.protocols import AnswersQuestions
from rag.watching import Arrivals, has_changed
from vectorstore.errors import DatelineError
from vectorstore.values import Scope
from vectorstore.watches import Said, Watch, WatchChange, WatchStore

log = logging.getLogger("dateline.watch")


@dataclass(frozen=True, slots=True)
class Changed:
    """The answer to a watched question before and now, with the days on which each was found."""

    before: Answer
    found_before: datetime
    after: Answer
    found_after: datetime

    @classmethod
    def of(cls, change: WatchChange) -> "Changed | None":
        """The change that was stored, None where another version of the program stored it in another shape."""
        before, after = readable_record(change.before.record), readable_record(change.after.record)
        if before is None or after is None:
            return None
        return cls(before, found_on(change.before), after, found_on(change.after))


def found_on(said: Said) -> datetime:
    return datetime.fromtimestamp(said.at, UTC)


def readable_record(record: str) -> Answer | None:
    """An answer from its record, None for "" and for a record of another shape."""
    try:
        return answer_from_record(record) if record else None
    except ValidationError:
        log.warning("stored answer of another shape passed over")
        return None


class WatchedQuestions:
    """The watches of one database, asked by one engine. Raises StoreError; the store's work is done in threads."""

    def __init__(self, engine: AnswersQuestions, store: WatchStore) -> None:
        self.engine = engine
        self.store = store

    async def add(self, watch: Watch, answer: Answer | None = None) -> Watch:
        """Watch a question. `answer` is what its asker was told, None where that is not what asking it again would tell."""
        if answer is not None:
            watch = replace(watch, said=record_of(answer), said_at=watch.made_at)
        await asyncio.to_thread(self.store.add, watch)
        return watch

    async def of_server(self, server: int) -> list[Watch]:
        return await asyncio.to_thread(self.store.of_server, server)

    async def of_terminal(self) -> list[Watch]:
        return await asyncio.to_thread(self.store.of_terminal)

    async def find(self, watch_id: str) -> Watch | None:
        return await asyncio.to_thread(self.store.find, watch_id)

    async def stop(self, *watch_ids: str) -> int:
        """Stop watching; returns how many there were."""
        return await asyncio.to_thread(self.store.stop, watch_ids)

    async def stop_in(self, server: int) -> int:
        return await asyncio.to_thread(self.store.stop_in, server)

    async def due(self, latest: float) -> list[Watch]:
        """The watches of channels that have not been looked at since `latest` arrived, those that wait longest first."""
        return [watch for watch in await asyncio.to_thread(self.store.of_channels) if watch.is_due(latest)]

    async def is_near(self, watch: Watch, arrivals: Arrivals, libraries: tuple[str, ...]) -> bool:
        """True if something new may change the answer, or it was never looked at; else notes that nothing did."""
        if watch.is_new or await self.engine.library.any_near(watch.question, arrivals, libraries):
            return True
        await asyncio.to_thread(self.store.note_checked, watch.id, arrivals.latest)
        return False

    async def ask_again(self, watch: Watch, latest: float, libraries: tuple[str, ...], day: str) -> None:
        """Ask a watched question as of the arrival `latest`; a changed answer is stored as to be told.

        What goes wrong with one question is logged and counted, and must not keep the others from being asked.
        """
        try:
            answer = await self.quoted_answer(watch, libraries)
        except DatelineError as error:
            log.warning("watched question not asked", extra={"watch": watch.id, "failure": type(error).__name__})
            await asyncio.to_thread(self.store.note_failure, watch, day)
            return
        changed, said = has_changed(readable_record(watch.said) or answer, answer), Said(record_of(answer), time.time())
        await asyncio.to_thread(self.store.note_answer, watch, said, day, latest, changed)

    async def quoted_answer(self, watch: Watch, libraries: tuple[str, ...]) -> Answer:
        """The answer in quotes alone: a model words the same facts differently each time."""
        scope = Scope(libraries, sources=watch.sources)
        async for event in self.engine.stream(watch.question, (), scope, use_model=False):
            if isinstance(event, Answer):
                return event
        raise AssertionError("stream() ends with an Answer")

    async def untold(self, terminal: bool = False) -> list[WatchChange]:
        """The changes still to be told, oldest first."""
        return await asyncio.to_thread(self.store.untold, terminal)

    async def note_try(self, change: WatchChange) -> None:
        await asyncio.to_thread(self.store.note_try, change.id)

    async def note_told(self, change: WatchChange) -> None:
        await asyncio.to_thread(self.store.note_told, change.id)


def new_watch(question: str, server: int = 0, channel: int = 0, user: int = 0, sources: Sequence[str] = ()) -> Watch:
    """A watch that is made now."""
    return Watch(uuid.uuid4().hex[:8], server, channel, user, question, tuple(sources), time.time())


def can_be_asked_again(answer: Answer) -> bool:
    """False where dates were filtered by: what is new would not be in the filter, or no change but the filter's absence."""
    explained = answer.explanation
    return bool(explained.time) or (explained.since is None and explained.until is None)


def as_asked_again(answer: Answer) -> Answer | None:
    """The answer, if asking its question again, alone and in quotes, gives the same; else None."""
    return answer if answer.standalone_question == answer.question and answer.model == EXTRACTIVE else None


def record_of(answer: Answer) -> str:
    """An answer as it is kept for comparing and telling: without the passages it was made of."""
    return answer_to_record(replace(answer, hits=(), draft=None, timings_ms={}))
