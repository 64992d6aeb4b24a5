"""Open the SQL database that holds the ledger and the bot's state, at its newest version."""

from pathlib import Path
from sqlite3 import Connection as SqliteConnection

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from vectorstore.errors import StoreUnavailable
from vectorstore.schema import migrate


def open_database(url: str) -> Engine:
    """An engine on a migrated database. Raises StoreUnavailable (cannot be opened) or StoreMismatch (too new)."""
    try:
        parsed = make_url(url)
        is_file = parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:")
        if is_file:
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        # The URL may hold a password, and SQLAlchemy's message may hold the URL.
        raise StoreUnavailable(
            f"DATELINE_DATABASE_URL is not a database that can be opened ({type(error).__name__}): "
            "use sqlite:///PATH or postgresql+psycopg://... with its driver installed."
        ) from None
    except OSError as error:
        raise StoreUnavailable(f"The folder of {parsed.database} cannot be made: {error.strerror}.") from None
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", set_sqlite_pragmas)
    try:
        with engine.begin() as connection:
            migrate(connection)
    except SQLAlchemyError as error:
        engine.dispose()
        reason = getattr(error, "orig", None) or error
        raise StoreUnavailable(
            f"The ledger {parsed.render_as_string(hide_password=True)} cannot be opened ({reason}): "
            "check the path and its permissions, or move DATELINE_HOME to a folder of your own."
        ) from None
    return engine


def set_sqlite_pragmas(connection: SqliteConnection, _record: object) -> None:
    """WAL lets questions be answered while an ingest writes; readers and writers wait for each other up to 10 s."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")
