"""What a checkup reads of the ledger beyond what answering needs: rows as they are stored, whatever is wrong with them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Select,
    Table,
    Text,
    cast,
    delete,
    func,
    inspect,
    or_,
    select,
    text,
    type_coerce,
)
from sqlalchemy.types import NullType

from vectorstore.columns import BoundedNumber, Whole
from vectorstore.ledger import OF_ARTICLE, Ledger, article_of, raise_revision, slices
from vectorstore.schema import articles, chunks, metadata
from vectorstore.values import Article

ARTICLES_IN_MEMORY = 200
MADE_AGAIN = ("chunks", "staged_chunks")
ROWS_NAMED = 3
"""How many rows of one column are named."""
QUOTE_MARK = "'"


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk as stored. `sentences` and `sentence_vectors` are the bytes of int32 [n, 2] and float16 [n, dimension]."""

    id: str
    position: int
    start: int
    end: int
    sentences: bytes
    sentence_vectors: bytes


@dataclass(frozen=True, slots=True)
class ArticleRows:
    """An article with the digest and index key that were stored for it, and its chunks in reading order."""

    article: Article
    digest: str
    indexed: str
    chunks: tuple[ChunkRow, ...]


def database_faults(ledger: Ledger) -> list[str]:
    """Which tables or columns are gone, else what SQLite's own check says is wrong with the file; [] where nothing is.

    Other databases look after their files themselves.
    """
    with ledger.transaction() as connection:
        if missing := missing_parts(connection):
            return missing
        if connection.dialect.name != "sqlite":
            return []
        said = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check(10)"))]
    return [] if said == ["ok"] else said


def missing_parts(connection: Connection) -> list[str]:
    """The tables and columns that are not there."""
    there = inspect(connection)
    names = set(there.get_table_names())
    missing = [f"the table {table.name} is missing" for table in metadata.sorted_tables if table.name not in names]
    for table in metadata.sorted_tables:
        known = {column["name"] for column in there.get_columns(table.name)} if table.name in names else set()
        missing += [
            f"the column {column.name} of {table.name} is missing"
            for column in table.columns
            if known and column.name not in known
        ]
    return missing


def impossible_numbers(ledger: Ledger) -> list[str]:
    """Which stored numbers are none, or beyond their bounds: table, column and row of each, at most ROWS_NAMED of a column.

    Those of chunks are left out: they are compared with the text, and made again.
    """
    with ledger.transaction() as connection:
        return [
            f"{column.name} of {table.name} {', '.join(str(one).strip(QUOTE_MARK) for one in key)}"
            for table in metadata.sorted_tables
            for column in table.columns
            if table.name not in MADE_AGAIN and isinstance(column.type, BoundedNumber)
            for key in connection.execute(rows_of_no_number(table, column, connection.dialect.name == "sqlite"))
        ]


def rows_of_no_number(table: Table, column: Column[Any], on_sqlite: bool) -> Select[Any]:
    """The primary keys of the rows whose value is no number of the column's kind."""
    number = column.type
    assert isinstance(number, BoundedNumber)
    stored = type_coerce(column, number.impl_instance)
    # To PostgreSQL "not a number" is more than any; SQLite has a kind for each value, and keeps none of those.
    wrong = or_(stored < number.low, stored > number.high)
    if on_sqlite:
        kinds = ("integer",) if isinstance(number, Whole) else ("integer", "real")
        wrong = or_(wrong, func.typeof(column).not_in((*kinds, "null")))
    # A key may be damaged, too: quoted, even bytes are text.
    keys = [func.quote(key) if on_sqlite else cast(key, Text) for key in table.primary_key]
    return select(*keys).where(wrong).limit(ROWS_NAMED)


def article_rows(ledger: Ledger, library: str) -> Iterator[ArticleRows]:
    """Every article of a library, by id. Raises StoreUnavailable."""
    ids = sorted(ledger.known(library))
    # Not as the ledger reads them: what is no number is to be found, and made again.
    as_stored = [type_coerce(column, NullType()).label(column.name) for column in chunks.columns]
    fields = [chunks.c.article_id, *(one for one in as_stored if one.name in ChunkRow.__slots__)]
    for start in range(0, len(ids), ARTICLES_IN_MEMORY):
        batch = ids[start : start + ARTICLES_IN_MEMORY]
        these = select(articles).where(articles.c.library == library, articles.c.id.in_(batch)).order_by(articles.c.id)
        theirs = select(*fields).where(chunks.c.library == library, chunks.c.article_id.in_(batch))
        with ledger.transaction() as connection:
            found = connection.execute(these).all()
            rows = connection.execute(theirs.order_by(chunks.c.article_id, chunks.c.position)).all()
        of_article = {
            article_id: tuple(ChunkRow(*row[1:]) for row in group)
            for article_id, group in groupby(rows, key=lambda row: str(row[0]))
        }
        for row in found:
            yield ArticleRows(article_of(row), row.digest, row.indexed or "", of_article.get(row.id, ()))


def chunks_without_article(ledger: Ledger) -> list[str]:
    """The ids of chunks whose article is gone."""
    query = select(chunks.c.id).outerjoin(articles, OF_ARTICLE).where(articles.c.id.is_(None)).order_by(chunks.c.id)
    with ledger.transaction() as connection:
        return list(connection.execute(query).scalars())


def remove_chunks(ledger: Ledger, chunk_ids: Sequence[str]) -> None:
    """Delete chunks by their ids."""
    with ledger.transaction() as connection:
        changed: set[tuple[str, str]] = set()
        for batch in slices(chunk_ids):
            of = select(chunks.c.library, chunks.c.article_id).where(chunks.c.id.in_(batch))
            changed.update((row.library, row.article_id) for row in connection.execute(of))
            connection.execute(delete(chunks).where(chunks.c.id.in_(batch)))
        raise_revision(connection, sorted(changed))
