"""The answers that were shown: stored for follow-ups, replay, gaps and votes, deleted after the retention time."""

import asyncio
import time
from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import datetime

from rag.answer import Answer, Turn, answer_to_record, readable_answer
from rag.follow_ups import ask_instead, bare_word
from rag.ingestion.forgetting import articles_of, without_articles
from rag.protocols import HISTORY_TURNS
from rag.settings import Settings
from vectorstore.answers import TERMINAL, AnswerStore, StoredAnswer
from vectorstore.expiry import ExpiryClock
from vectorstore.values import ArticleKey


class StoredAnswers:
    """What was answered before. Raises StoreUnavailable."""

    def __init__(self, store: AnswerStore, settings: Settings) -> None:
        self.store = store
        self.enabled = settings.store_answers
        self.retention_seconds = settings.answer_retention_days * 86_400

    async def save(self, answer: Answer, asked_by: str = TERMINAL, conversation: str = TERMINAL) -> None:
        """Store an answer and delete expired ones. Called by the front end: only it knows who was shown what.

        An article that was forgotten while this was being answered is in nothing that is stored.
        """
        if not self.enabled:
            return
        now = time.time()
        question, standalone = answer.question, answer.standalone_question
        record = answer_to_record(answer)
        stored = StoredAnswer(answer.id, now, question, standalone, answer.refused, asked_by, conversation, record)

        def without(gone: Set[ArticleKey]) -> StoredAnswer:
            kept = without_articles(answer, gone)
            return replace(stored, standalone_question=kept.standalone_question, record=answer_to_record(kept))

        await asyncio.to_thread(self.store.save_while_standing, stored, articles_of(answer), without)
        await asyncio.to_thread(self.delete_expired, now)

    def delete_expired(self, now: float) -> None:
        """Delete what is older than answers are kept."""
        self.store.delete_before(ExpiryClock(self.store.database).believed(now) - self.retention_seconds)

    async def conversation(self, conversation: str, limit: int = HISTORY_TURNS) -> list[Turn]:
        """The last turns of a conversation, oldest first."""
        stored = await asyncio.to_thread(self.store.recent, conversation, limit)
        answers = [readable_answer(one.record) for one in reversed(stored)]
        return [Turn.of(answer) for answer in answers if answer is not None]

    async def find(self, answer_id: str) -> StoredAnswer | None:
        """A stored answer by its id or the beginning of it."""
        return await asyncio.to_thread(self.store.load, answer_id)

    async def refused(
        self, since: datetime | None = None, conversation_prefix: str = "", limit: int = 10_000
    ) -> list[StoredAnswer]:
        """The last `limit` stored questions that were refused, newest first; of several in one those that were.

        Without those that ask nothing new: a second "Why?", and one of a question that is refused itself.
        """
        after = since.timestamp() if since else 0.0
        return await asyncio.to_thread(self.read_refused, after, conversation_prefix, limit)

    def read_refused(self, after: float, conversation_prefix: str, limit: int) -> list[StoredAnswer]:
        stored = self.store.refused(after, conversation_prefix, limit)
        refused = [one for some in stored for one in ([some] if some.refused else unanswered_parts(some))]
        return [one for one in refused if not (bare_word(one.question) and self.asks_nothing_new(one))]

    def asks_nothing_new(self, follow_up: StoredAnswer) -> bool:
        """True if a bare word's whole question was asked in its conversation before, or is of one that was refused there."""
        word = bare_word(follow_up.question)
        return any(
            follow_up.standalone_question == earlier.standalone_question
            or (earlier.refused and follow_up.standalone_question == ask_instead(word, earlier.standalone_question))
            for earlier in self.store.before(follow_up, HISTORY_TURNS)
        )

    async def while_standing(self, answer: Answer) -> Answer:
        """The answer as it may still be shown: without a word of articles that were forgotten since it was given."""
        gone = await asyncio.to_thread(self.store.gone, articles_of(answer))
        return without_articles(answer, gone)

    async def forget_asker(self, asked_by: str) -> int:
        """Delete every stored answer to this asker; returns how many."""
        return await asyncio.to_thread(self.store.delete_asked_by, asked_by)


def unanswered_parts(stored: StoredAnswer) -> list[StoredAnswer]:
    """Of an answer to several questions, each that it leaves unanswered as a refusal of its own."""
    answer = readable_answer(stored.record)
    parts = answer.unanswered if answer else ()
    return [replace(stored, question=part, standalone_question=part, refused=True) for part in parts]


def apart_by_filter(refused: Sequence[StoredAnswer]) -> tuple[list[StoredAnswer], list[StoredAnswer]]:
    """Those that were asked of every article, and those asked of some outlets or days alone, which the others may answer."""
    filtered = {
        id(stored) for stored in refused if (answer := readable_answer(stored.record)) and answer.explanation.filtered
    }
    return [one for one in refused if id(one) not in filtered], [one for one in refused if id(one) in filtered]
