"""Watched questions: made, stopped, asked again when something new is near, their changes told. For both front ends."""

import asyncio
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rag.answer import EXTRACTIVE, Answer, answer_to_record, readable_answer
from rag.ingestion.forgetting import articles_of
from rag.protocols import AnswersQuestions
from rag.question import understand
from rag.watching import Arrivals, Difference, Standing, difference, was_forgotten
from vectorstore.errors import DatelineError
from vectorstore.values import Scope
from vectorstore.watches import Said, Watch, WatchChange, WatchStore

log = logging.getLogger("dateline.watch")


@dataclass(frozen=True, slots=True)
class Changed:
    """The answer to a watched question before and now, with the days on which each was found.

    cause: what became of the article that the answer before quoted first; it may stand, and a newer one say more.
    """

    before: Answer
    found_before: datetime
    after: Answer
    found_after: datetime
    cause: Standing = "stands"

    @property
    def difference(self) -> Difference:
        """How the two differ; "reworded" for what an earlier version of the program took for a change."""
        return difference(self.before, self.after) or "reworded"


def found_on(said: Said) -> datetime:
    return datetime.fromtimestamp(said.at, UTC)


class WatchedQuestions:
    """The watches of one database, asked by one engine. Raises StoreError; the store's work is done in threads."""

    def __init__(self, engine: AnswersQuestions, store: WatchStore) -> None:
        self.engine = engine
        self.store = store

    async def add(self, watch: Watch, answer: Answer | None = None) -> Watch:
        """Watch a question. `answer` is what its asker was told, None where that is not what asking it again would tell."""
        if answer is None:
            await asyncio.to_thread(self.store.add, watch)
            return watch
        watch = replace(watch, said=record_of(answer), said_at=watch.made_at)
        await asyncio.to_thread(self.store.add, watch, articles_of(answer))
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

    async def of_channels(self) -> list[Watch]:
        """Every watch of a channel, those that wait longest first."""
        return await asyncio.to_thread(self.store.of_channels)

    async def standing(self, watch: Watch) -> Standing:
        """What became of the articles that the answer said last quotes: the worst, but for what is being stored."""
        said = readable_answer(watch.said)
        if said is None:
            return "stands"
        if was_forgotten(said):
            return "deleted"
        found = await self.engine.library.standing(said.citations)
        return next((one for one in ("unfinished", "deleted", "withdrawn", "corrected") if one in found), "stands")

    async def is_near(self, watch: Watch, arrivals: Arrivals, libraries: tuple[str, ...]) -> bool:
        """True if something new may change the answer, or it was never looked at; else notes that nothing did."""
        # A summary, or the news of a day, is of whatever is new; and no sentence is near "What's new?".
        anything = understand(watch.question, (), Scope(libraries), datetime.now(UTC)).asks_no_question
        if watch.is_new or (anything and arrivals.any_of(libraries)):
            return True
        if await self.engine.library.any_near(watch.question, arrivals, libraries):
            return True
        await asyncio.to_thread(self.store.note_checked, watch.id, arrivals.latest)
        return False

    async def ask_again(self, watch: Watch, latest: float, libraries: tuple[str, ...], day: str) -> bool:
        """Ask a watched question as of the arrival `latest`; a changed answer is stored as to be told.

        False where that came to nothing, and is to be done again. What goes wrong with one question is
        logged and counted, and must not keep the others from being asked.
        """
        try:
            answer = await self.quoted_answer(watch, libraries)
        except DatelineError as error:
            log.warning("watched question not asked", extra={"watch": watch.id, "failure": type(error).__name__})
            await asyncio.to_thread(self.store.note_failure, watch, day)
            return False
        before, said = readable_answer(watch.said), Said(record_of(answer), time.time())
        is_change = before is not None and difference(before, answer) is not None
        named = articles_of(answer)
        return await asyncio.to_thread(self.store.note_answer, watch, said, day, latest, is_change, named)

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

    async def changed(self, change: WatchChange) -> Changed | None:
        """What is to be told of a change, None where another version of the program stored it in another shape."""
        before, after = readable_answer(change.before.record), readable_answer(change.after.record)
        if before is None or after is None:
            return None
        cause: Standing = "deleted" if was_forgotten(before) else "stands"
        if before.citations:
            (cause,) = await self.engine.library.standing(before.citations[:1])
        return Changed(before, found_on(change.before), after, found_on(change.after), cause)

    async def joined(self, changes: Sequence[WatchChange]) -> WatchChange | None:
        """A watch's changes, oldest first, as one: from what was said before the first to what the last says. None, and they are
        no longer to be told, where that is no difference."""
        if not changes:
            return None
        joined = replace(changes[0], after=changes[-1].after, tried=len(changes) == 1 and changes[0].tried)
        before, after = readable_answer(joined.before.record), readable_answer(joined.after.record)
        told_apart = before is not None and after is not None and difference(before, after) is not None
        if len(changes) == 1 and told_apart:
            return joined
        was_joined = await asyncio.to_thread(self.store.join, changes, told_apart)
        return joined if told_apart and was_joined else None

    async def note_try(self, change: WatchChange, came_through: bool = True) -> None:
        """Note that a change is about to be told, or that it certainly was not."""
        await asyncio.to_thread(self.store.note_try, change.id, came_through)

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
