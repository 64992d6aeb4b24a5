"""Open the SQL database that holds the ledger and the bot's state, at its newest version."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from sqlite3 import Connection as SqliteConnection

from sqlalchemy import URL, ColumnElement, Connection, Engine, Executable, Table, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DataError, NoSuchModuleError, SQLAlchemyError

from vectorstore.errors import StoreUnavailable
from vectorstore.schema import migrate

SERVER_WAIT_SECONDS = 10
"""How long a PostgreSQL that does not answer is waited for. A guess: a restart takes two."""
MIGRATION_LOCK, WRITER_LOCK, FORGETTING_LOCK = 0x6461_7465_0001, 0x6461_7465_0002, 0x6461_7465_0003
"""Advisory locks of PostgreSQL ("date" and a number), which hold between machines: who migrates, who writes, and who begins
to forget while others store what quotes articles."""
DRIVER_WORDS = 300
"""Characters of what PostgreSQL says: its driver quotes whole statements."""
DAMAGED = ("not a database", "malformed", "no such table", "no such column")
"""SQLite's own words for a file that holds something else, for one that was overwritten in part, or from which a part is gone."""
BUSY_SECONDS = 30
"""How long readers and writers of a file wait for each other. Forgetting writes the whole file anew: of 100,000 passages, 1 GB,
that took longer than ten seconds on a busy machine."""


def open_database(address: str | Path) -> Engine:
    """An engine on a migrated database: a SQLAlchemy URL, or the path of a SQLite file.

    Raises StoreUnavailable (cannot be opened) or StoreMismatch (too new).
    """
    try:
        parsed = URL.create("sqlite", database=str(address)) if isinstance(address, Path) else make_url(address)
        is_file = parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:")
        if is_file:
            refuse_lost_ledger(Path(str(parsed.database)))
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed) if parsed.get_backend_name() == "sqlite" else server_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        # The URL may hold a password, and SQLAlchemy's message may hold the URL.
        raise StoreUnavailable(
            f"DATELINE_DATABASE_URL is not a database that can be opened ({type(error).__name__}): "
            "use sqlite:///PATH or postgresql+psycopg://... with its driver installed."
        ) from None
    except OSError as error:
        raise StoreUnavailable(
            f"The folder of {parsed.database} cannot be made ({error.strerror}): "
            "set DATELINE_HOME to a folder of your own."
        ) from None
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", set_sqlite_pragmas)
    try:
        with engine.begin() as connection:
            if is_postgresql(connection):
                connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            migrate(connection)
    except SQLAlchemyError as error:
        engine.dispose()
        way_out = "free disk space, correct its permissions, or set DATELINE_HOME to a folder of your own"
        raise unavailable(parsed, error, way_out) from None
    return engine


def refuse_lost_ledger(ledger: Path) -> None:
    """Raises StoreUnavailable where a ledger is gone or empty and what was made of its articles lies beside it.

    A new one in its place would call everything there left over.
    """
    if ledger.exists() and ledger.stat().st_size:
        return
    made = (*ledger.parent.glob("vectors/*/*.bin"), *ledger.parent.glob("lexical/*.segment"))
    if made:
        state = "is empty" if ledger.exists() else "is gone"
        raise StoreUnavailable(
            f"The ledger {ledger} {state}, and passages of its articles lie beside it: run `dateline restore` with a backup; "
            f"to begin anew, move {ledger.parent} away and ingest the articles again."
        )


def server_engine(url: URL) -> Engine:
    """An engine for a database on a server. A kept connection is tried before it is used: the server may have been restarted."""
    wait = {"connect_timeout": SERVER_WAIT_SECONDS} if url.get_backend_name() == "postgresql" else {}
    return create_engine(url, pool_pre_ping=True, connect_args=wait)


def is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


@contextmanager
def transaction(database: Engine) -> Iterator[Connection]:
    """Everything or nothing. Raises StoreUnavailable when the database fails."""
    with database_errors(database), database.begin() as connection:
        yield connection


@contextmanager
def database_errors(database: Engine) -> Iterator[None]:
    """Turn what the database raises into one sentence."""
    try:
        yield
    except SQLAlchemyError as error:
        way_out = "free disk space or correct permissions, then run the same command again; what was stored is safe"
        raise unavailable(database.url, error, way_out) from error


def put(connection: Connection, table: Table, row: Mapping[str, object], adding: str = "") -> None:
    """Store a row in the place of the one with its primary key, safe against concurrent writers.

    adding: a column whose number is added to the stored one instead.
    """
    put_all(connection, table, [row], adding)


def put_all(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]], adding: str = "") -> None:
    """Store rows of the same columns as `put` does one."""
    if rows:
        connection.execute(replacing(table, tuple(rows[0]), adding, is_postgresql(connection)), rows)


@lru_cache(maxsize=256)
def replacing(table: Table, names: tuple[str, ...], adding: str, on_postgresql: bool) -> Executable:
    """The statement of `put_all` for rows of these columns. Kept: to make one takes several times as long as to run it."""
    statement = postgresql.insert(table) if on_postgresql else sqlite.insert(table)
    keys = [column.name for column in table.primary_key]
    new: dict[str, ColumnElement[object]] = {name: statement.excluded[name] for name in names if name not in keys}
    if adding:
        new[adding] = table.c[adding] + statement.excluded[adding]
    if not new:
        return statement.on_conflict_do_nothing()
    return statement.on_conflict_do_update(index_elements=keys, set_=new)


def put_if_new(connection: Connection, table: Table, row: Mapping[str, object]) -> None:
    """Store a row unless there is one with its primary key, safe against concurrent writers."""
    insert = postgresql.insert if is_postgresql(connection) else sqlite.insert
    connection.execute(insert(table).values(**row).on_conflict_do_nothing())


def is_damaged(reason: str) -> bool:
    """True where SQLite says that the file is damaged."""
    return any(words in reason for words in DAMAGED)


def unavailable(url: URL, error: SQLAlchemyError, way_out: str) -> StoreUnavailable:
    """A failing database in one sentence; where it is damaged, no disk space and no permission helps."""
    reason = " ".join(str(getattr(error, "orig", None) or error).split())
    if url.get_backend_name() != "sqlite":
        place = url.render_as_string(hide_password=True)
        way_out = "start it or correct DATELINE_DATABASE_URL, then do the same again; what was stored is safe"
        if isinstance(error, DataError):
            way_out = "it does not take what was to be stored, and what was stored is safe"
        return StoreUnavailable(f"The ledger {place} failed ({reason[:DRIVER_WORDS]}): {way_out}.")
    if "is locked" in reason:
        way_out = "another process keeps it busy, as forgetting does: do the same again in a minute"
    if is_damaged(reason):
        way_out = "put a backup of it back, or set DATELINE_HOME to a new folder and ingest the articles again"
    return StoreUnavailable(f"The ledger {url.database} failed ({reason}): {way_out}.")


def set_sqlite_pragmas(connection: SqliteConnection, _record: object) -> None:
    """WAL lets questions be answered while an ingest writes; readers and writers wait for each other."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_SECONDS * 1_000}"):
        connection.execute(f"PRAGMA {pragma}")
