"""Store the answers that were given: for replay, gaps, and the history of a conversation."""

import json
import re
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine, delete, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from vectorstore.columns import LAST_MOMENT
from vectorstore.database import put, transaction
from vectorstore.schema import answers
from vectorstore.standing import gone_among, while_standing
from vectorstore.values import ArticleKey

TERMINAL = ""
"""Who asks, and in which conversation, at a terminal."""


ANSWER_STEP = 1e-3
"""Seconds between answers whose clock does not tell which came first."""
ANSWERS_AT_ONCE = 200
"""Read in one transaction; an answer takes some 20 KB."""
PARTLY_REFUSED = '"unanswered":["'
"""In the record of an answer to several questions, one of which the articles do not answer."""
NAMED_ARTICLE = re.compile(r'"article_id":("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """One answer as stored. `answered_at` is epoch seconds; `record` the whole answer as JSON (rag/answer.py).

    asked_by and conversation are opaque keys of the asker ("discord:<user id>"), TERMINAL for the terminal.
    """

    id: str
    answered_at: float
    question: str
    standalone_question: str
    refused: bool
    asked_by: str
    conversation: str
    record: str


class AnswerStore:
    """The answers of one ledger. Every method is one short transaction and raises StoreUnavailable."""

    def __init__(self, database: Engine) -> None:
        self.database = database

    def save(self, answer: StoredAnswer) -> None:
        """Store an answer under its id, in the place of an earlier one with that id."""
        with transaction(self.database) as connection:
            put(connection, answers, answer_row(answer))

    def save_while_standing(
        self,
        answer: StoredAnswer,
        named: Set[ArticleKey],
        without: Callable[[Set[ArticleKey]], StoredAnswer],
    ) -> None:
        """Store an answer, or what `without` makes of it where articles that it names have been forgotten meanwhile.

        It comes after its conversation's other answers, also where the clock was set back: "Why?" refers to the last of them.
        """
        with transaction(self.database) as connection:
            kept = while_standing(connection, answer, named, without)
            put(connection, answers, answer_row(replace(kept, answered_at=next_moment(connection, kept))))

    def gone(self, named: Set[ArticleKey]) -> set[ArticleKey]:
        """Which of these articles are being forgotten, or were stored once and are no more."""
        with transaction(self.database) as connection:
            return gone_among(connection, named)

    def replace(self, answer: StoredAnswer) -> None:
        """Store an answer in the place of the one with its id; nothing where that was deleted meanwhile."""
        with transaction(self.database) as connection:
            connection.execute(update(answers).where(answers.c.id == answer.id).values(answer_row(answer)))

    def load(self, id_prefix: str) -> StoredAnswer | None:
        """The answer whose id is or begins with this; None when there is none, or more than one."""
        escaped = answers.c.id.startswith(id_prefix, autoescape=True)
        found = self.select(escaped, limit=2)
        exact = [answer for answer in found if answer.id == id_prefix]
        return exact[0] if exact else found[0] if len(found) == 1 else None

    def recent(self, conversation: str, limit: int) -> list[StoredAnswer]:
        """The last answers of a conversation, newest first."""
        return self.select(answers.c.conversation == conversation, limit)

    def before(self, answer: StoredAnswer, limit: int) -> list[StoredAnswer]:
        """The last answers that were given in the conversation of one before it, newest first."""
        earlier = (answers.c.conversation == answer.conversation) & (answers.c.answered_at < answer.answered_at)
        return self.select(earlier, limit)

    def refused(self, since: float = 0.0, conversation_prefix: str = "", limit: int = 10_000) -> list[StoredAnswer]:
        """What was refused after `since` (epoch seconds), as a whole or one of several questions in it, newest first."""
        in_conversation = answers.c.conversation.startswith(conversation_prefix, autoescape=True)
        refused = answers.c.refused | answers.c.record.contains(PARTLY_REFUSED, autoescape=True)
        return self.select(refused & (answers.c.answered_at >= since) & in_conversation, limit)

    def naming(self, article_ids: Set[str]) -> Iterator[StoredAnswer]:
        """The answers whose records name any of these articles, in the order of their ids."""
        last = ""
        while page := self.page_after(last):
            yield from (answer for answer in page if not article_ids.isdisjoint(articles_named(answer.record)))
            last = page[-1].id

    def page_after(self, last: str) -> list[StoredAnswer]:
        query = select(answers).where(answers.c.id > last).order_by(answers.c.id).limit(ANSWERS_AT_ONCE)
        with transaction(self.database) as connection:
            return [StoredAnswer(**row) for row in connection.execute(query).mappings()]

    def delete(self, answer_id: str) -> None:
        """Delete one answer."""
        with transaction(self.database) as connection:
            connection.execute(delete(answers).where(answers.c.id == answer_id))

    def delete_before(self, moment: float) -> int:
        """Delete the answers given before `moment` (epoch seconds); returns how many."""
        with transaction(self.database) as connection:
            return connection.execute(delete(answers).where(answers.c.answered_at < moment)).rowcount

    def delete_asked_by(self, asked_by: str) -> int:
        """Delete every answer to this asker; returns how many."""
        with transaction(self.database) as connection:
            return connection.execute(delete(answers).where(answers.c.asked_by == asked_by)).rowcount

    def select(self, condition: ColumnElement[bool], limit: int) -> list[StoredAnswer]:
        """The stored answers that meet a condition, newest first."""
        query = select(answers).where(condition).order_by(answers.c.answered_at.desc(), answers.c.id).limit(limit)
        with transaction(self.database) as connection:
            return [StoredAnswer(**row) for row in connection.execute(query).mappings()]


def next_moment(connection: Connection, answer: StoredAnswer) -> float:
    """When an answer was given, or a little later than the last one of its conversation."""
    others = (answers.c.conversation == answer.conversation, answers.c.id != answer.id)
    # A damaged moment puts nothing off for ever.
    query = select(func.max(answers.c.answered_at)).where(*others, answers.c.answered_at <= LAST_MOMENT)
    last = connection.execute(query).scalar()
    return answer.answered_at if last is None else max(answer.answered_at, last + ANSWER_STEP)


def answer_row(answer: StoredAnswer) -> dict[str, object]:
    return {column.name: getattr(answer, column.name) for column in answers.columns}


def articles_named(record: str) -> set[str]:
    """The ids of all articles that a record names, as cited, found, near or a copy; no parser reads all records as fast."""
    return {json.loads(named) for named in NAMED_ARTICLE.findall(record)}
