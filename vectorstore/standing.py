"""Whether the articles that a text names are still there, looked at in the transaction that stores the text.

Forgetting notes its articles first and reads the texts that name them afterwards. Who holds off that note while storing
either sees the note or is read: no quote outlives its article.
"""

import json
from collections.abc import Callable, Sequence, Set
from typing import TypeVar

from sqlalchemy import Connection, func, select

from vectorstore.database import FORGETTING_LOCK, is_postgresql, put
from vectorstore.schema import articles, changed_articles, facts
from vectorstore.values import ArticleKey

Text = TypeVar("Text")
FORGETTING = "forgetting"
"""The fact that names the articles that are being forgotten."""


def note_forgetting(connection: Connection, forgotten: Sequence[ArticleKey]) -> None:
    """Note which articles are being forgotten, () for none; waits for those that are storing a text at this moment."""
    if is_postgresql(connection):
        connection.execute(select(func.pg_advisory_xact_lock(FORGETTING_LOCK)))
    put(connection, facts, {"name": FORGETTING, "value": json.dumps(sorted(forgotten)) if forgotten else ""})


def noted_forgetting(connection: Connection) -> list[ArticleKey]:
    """The articles that were begun to be forgotten, of which something may be left."""
    noted = connection.execute(select(facts.c.value).where(facts.c.name == FORGETTING)).scalar()
    return [(library, article_id) for library, article_id in json.loads(noted)] if noted else []


def while_standing(
    connection: Connection, text: Text, named: Set[ArticleKey], without: Callable[[Set[ArticleKey]], Text]
) -> Text:
    """The text, or what `without` makes of it where articles that it names are gone: what this transaction may store.

    Called before the transaction does anything else.
    """
    if is_postgresql(connection):
        connection.execute(select(func.pg_advisory_xact_lock_shared(FORGETTING_LOCK)))
    else:
        # The driver begins a transaction with its first change, which is too late for what is read before.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    gone = gone_among(connection, named)
    return without(gone) if gone else text


def gone_among(connection: Connection, named: Set[ArticleKey]) -> set[ArticleKey]:
    """Which of these articles are being forgotten, or were stored once and are no more.

    What was never stored here counts as standing: an engine of one's own has its articles elsewhere.
    """
    gone = set(noted_forgetting(connection)) & named
    for library, article_id in named - gone:
        key = (changed_articles.c.library == library, changed_articles.c.article_id == article_id)
        there = select(articles.c.id).where(articles.c.library == library, articles.c.id == article_id).exists()
        if connection.execute(select(changed_articles.c.number).where(*key, ~there)).first():
            gone.add((library, article_id))
    return gone
