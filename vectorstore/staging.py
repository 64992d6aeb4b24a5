"""Chunks made anew beside those that answer: kept until all are there, then put in their place in one transaction.

Killed before that, the library is as it was and what was made stays; killed after it, the library is the new one.
"""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, and_, case, delete, func, inspect, select, text, union, update

from vectorstore.database import put
from vectorstore.ledger import (
    IndexedChunk,
    Ledger,
    next_arrival,
    raise_revision,
    replace_chunks,
    slices,
    write_metadata,
)
from vectorstore.schema import articles, chunks, metadata, staged_articles, staged_chunks
from vectorstore.values import Article

REBUILD = "rebuild"
"""The fact that names the rebuild that was begun: what its chunks are made with, and where their vectors are."""
REPLACED = "replaced_chunks"
ROWS_AT_ONCE = 2_000
"""Deleted in one transaction: others that write wait for it."""

STAGED = and_(
    staged_articles.c.library == articles.c.library,
    staged_articles.c.article_id == articles.c.id,
    staged_articles.c.digest == articles.c.digest,
)
"""Joins an article with what was made of it as it is now."""


class Staging:
    """The chunks of a rebuild. The caller holds the writer lock. Every method raises StoreUnavailable."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def begin(self, index_key: str) -> str:
        """Go on with the rebuild that was begun for this index key, or begin one; returns the name of its vectors."""
        begun = self.ledger.metadata(REBUILD)
        if begun and json.loads(begun)["index_key"] == index_key:
            return str(json.loads(begun)["collection"])
        self.clear()
        collection = self.ledger.new_collection()
        self.ledger.set_metadata(REBUILD, json.dumps({"index_key": index_key, "collection": collection}))
        return collection

    def clear(self) -> None:
        """Delete what was made so far."""
        self.empty(staged_chunks.name)
        with self.ledger.transaction() as connection:
            connection.execute(delete(staged_articles))

    def missing(self, library: str) -> list[str]:
        """The articles of a library that are still to be made, by id."""
        query = select(articles.c.id).outerjoin(staged_articles, STAGED)
        query = query.where(articles.c.library == library, staged_articles.c.article_id.is_(None))
        with self.ledger.transaction() as connection:
            return list(connection.execute(query.order_by(articles.c.id)).scalars())

    def add(self, library: str, made: Sequence[tuple[Article, Sequence[IndexedChunk]]]) -> None:
        """Keep what was made of these articles, whose vectors are stored."""
        with self.ledger.transaction() as connection:
            replace_chunks(connection, staged_chunks, library, made)
            for article, _ in made:
                row = {"library": library, "article_id": article.id, "digest": article.digest}
                put(connection, staged_articles, row)

    def drop_outdated(self) -> None:
        """Delete what was made of articles that were changed or deleted since."""
        as_it_is = select(articles.c.id).where(STAGED).exists()
        outdated = select(staged_articles.c.library, staged_articles.c.article_id).where(~as_it_is)
        with self.ledger.transaction() as connection:
            drop_articles(connection, [(row.library, row.article_id) for row in connection.execute(outdated)])

    def chunk_ids(self) -> set[str]:
        """The ids of all chunks that were made."""
        with self.ledger.transaction() as connection:
            return set(connection.execute(select(staged_chunks.c.id)).scalars())

    def make_again(self, chunk_ids: Sequence[str]) -> None:
        """Delete what was made of the articles of these chunks, whose vectors are gone."""
        with self.ledger.transaction() as connection:
            for batch in slices(chunk_ids):
                of = select(staged_chunks.c.library, staged_chunks.c.article_id).where(staged_chunks.c.id.in_(batch))
                drop_articles(connection, [(row.library, row.article_id) for row in connection.execute(of.distinct())])

    def switch(self, index_key: str, embedder: str, collection: str) -> None:
        """Put what was made in the place of what was there. Articles of which nothing was made become unfinished."""
        was_made = select(staged_articles.c.digest).where(STAGED).exists()
        with self.ledger.transaction() as connection:
            changed = changed_by_switch(connection)
            indexed = case((was_made, articles.c.digest + f":{index_key}"), else_=None)
            arrived = case(
                (was_made, func.coalesce(articles.c.arrived, next_arrival(connection, self.ledger.clock()))), else_=None
            )
            connection.execute(update(articles).values(indexed=indexed, arrived=arrived))
            swap_tables(connection)
            connection.execute(delete(staged_articles))
            write_metadata(connection, "collection", collection)
            write_metadata(connection, "embedder", embedder)
            write_metadata(connection, REBUILD, "")
            raise_revision(connection, changed)

    def drop_replaced(self) -> None:
        """Delete the chunks that a switch replaced, a few at a time: a question's answer is stored in between."""
        with self.ledger.transaction() as connection:
            is_there = inspect(connection).has_table(REPLACED)
        if is_there:
            self.empty(REPLACED)
            with self.ledger.transaction() as connection:
                connection.execute(text(f"DROP TABLE {REPLACED}"))

    def empty(self, table: str) -> None:
        statement = text(f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} LIMIT {ROWS_AT_ONCE})")
        deleted = ROWS_AT_ONCE
        while deleted == ROWS_AT_ONCE:
            with self.ledger.transaction() as connection:
                deleted = connection.execute(statement).rowcount


def drop_articles(connection: Connection, dropped: Sequence[tuple[str, str]]) -> None:
    """Delete what was made of these articles (library, id)."""
    for library, article_id in dropped:
        for table in (staged_chunks, staged_articles):
            connection.execute(delete(table).where(table.c.library == library, table.c.article_id == article_id))


def changed_by_switch(connection: Connection) -> list[tuple[str, str]]:
    """The articles (library, id) that a search by words will find otherwise: other chunks, or unfinished until now.

    Another embedding model alone changes no chunk, and the lexical index stays as it is.
    """
    gone = select(chunks.c.library, chunks.c.article_id).where(chunks.c.id.not_in(select(staged_chunks.c.id)))
    new = select(staged_chunks.c.library, staged_chunks.c.article_id).where(
        staged_chunks.c.id.not_in(select(chunks.c.id))
    )
    unfinished = select(articles.c.library, articles.c.id).where(articles.c.indexed.is_(None))
    return [(row[0], row[1]) for row in connection.execute(union(gone, new, unfinished))]


def swap_tables(connection: Connection) -> None:
    """Exchange the tables by their names: no chunk is copied, and writers wait for less than a second."""
    by_article = {index.name: index for table in (chunks, staged_chunks) for index in table.indexes}
    for index in by_article.values():
        index.drop(connection)
    for table, name in ((chunks.name, REPLACED), (staged_chunks.name, chunks.name)):
        connection.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"ALTER INDEX {table}_pkey RENAME TO {name}_pkey"))
    for index in chunks.indexes:
        index.create(connection)
    metadata.create_all(connection, tables=[staged_chunks])
