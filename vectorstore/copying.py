"""Copy a whole ledger into another database, which is empty before and holds all of it afterwards, or nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Table, delete, func, insert, select, text

from vectorstore.database import is_postgresql, open_database, transaction
from vectorstore.errors import StoreMismatch, StoreUnavailable
from vectorstore.lock import database_lock
from vectorstore.schema import facts, metadata, revisions, schema_version

COPIED_AT_ONCE = 500
"""Rows in memory; an article's text may be a megabyte."""
TABLES = tuple(table for table in metadata.sorted_tables if table is not schema_version)
MADE_WITH_THE_TABLES = {facts.name, revisions.name}
"""What a database may hold although nobody stored anything: it is replaced."""


@contextmanager
def copied_ledger(
    ledger: Path, url: str, wait_seconds: float, on_wait: Callable[[str], None] | None = None
) -> Iterator[None]:
    """The ledger of a file in an empty database at this URL, for good once the block ends, not at all where it fails.

    Raises StoreMismatch where the database is not empty or no PostgreSQL, StoreBusy, StoreUnavailable.
    """
    source, target = open_database(ledger), open_database(url)
    try:
        with database_lock(target, wait_seconds, on_wait), source.connect() as old, transaction(target) as new:
            refuse_filled(new)
            for table in TABLES:
                copy_rows(old, new, table)
                if number_of_rows(new, table) != number_of_rows(old, table):
                    raise StoreUnavailable(
                        f"{place_of(new)} did not take every row of {table.name}: restore once more."
                    )
            yield
    finally:
        source.dispose()
        target.dispose()


def ensure_empty(url: str) -> None:
    """Raises what copied_ledger() does, before the work that comes before it."""
    target = open_database(url)
    try:
        with transaction(target) as connection:
            refuse_filled(connection)
    finally:
        target.dispose()


def refuse_filled(connection: Connection) -> None:
    """Raises StoreMismatch where somebody has stored something, and where nobody copies to."""
    if not is_postgresql(connection):
        raise StoreMismatch(
            f"{place_of(connection)} is no PostgreSQL: unset DATELINE_DATABASE_URL to restore into DATELINE_HOME."
        )
    for table in TABLES:
        if table.name not in MADE_WITH_THE_TABLES and number_of_rows(connection, table):
            raise StoreMismatch(
                f"{place_of(connection)} holds a library already ({table.name}): set DATELINE_DATABASE_URL to an empty database."
            )


def place_of(connection: Connection) -> str:
    return connection.engine.url.render_as_string(hide_password=True)


def number_of_rows(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar() or 0


def copy_rows(old: Connection, new: Connection, table: Table) -> None:
    """Every row of a table, in place of what is there; the next row gets the number that it would have got."""
    new.execute(delete(table))
    rows = old.execution_options(yield_per=COPIED_AT_ONCE).execute(select(table)).mappings()
    for some in rows.partitions():
        new.execute(insert(table), [dict(row) for row in some])
    numbers = table.autoincrement_column
    if numbers is not None:
        # Rows that bring their numbers leave the counter where it was; and one that was given to a row that is gone, which
        # SQLite remembers of such tables, must not come again (watch_changes).
        last = new.execute(select(func.max(numbers))).scalar() or 0
        if table.dialect_options["sqlite"]["autoincrement"]:
            given = old.execute(text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
            last = max(last, given.scalar() or 0)
        if last:
            new.execute(select(func.setval(func.pg_get_serial_sequence(table.name, numbers.name), last)))
