"""One writer at a time: two processes writing to one Chroma folder lose data (chroma issue 7090).

The lock of a folder holds on one machine, that of PostgreSQL between machines.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, func, select, text

from vectorstore.database import WRITER_LOCK, database_errors
from vectorstore.errors import StoreBusy, StoreStopped, StoreUnavailable

ShouldStop = Callable[[], bool]
"""Polled by long-running work: True once the program is shutting down."""
FIRST_WAIT_WORD_SECONDS = 2.0
"""When a wait is spoken of again for the first time. A guess: sooner it is noise."""
LOCK_POLL_SECONDS = 0.2
STOPPED_BEFORE = "This was stopped before it began, and nothing was changed: do it again."


def never_stop() -> bool:
    return False


@contextmanager
def writer_lock(
    folder: Path,
    wait_seconds: float,
    on_wait: Callable[[str], None] | None = None,
    stopped: ShouldStop = never_stop,
) -> Iterator[None]:
    """Hold the folder's writer lock; `on_wait` is called with its holder while waiting, `stopped` ends the wait.

    Raises StoreBusy, StoreStopped, StoreUnavailable.

    The operating system frees the lock when its holder dies, however it dies.
    """
    path = folder / "writer.lock"
    lock = FileLock(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            acquire_patiently(lock, folder, wait_seconds, on_wait, stopped)
        (folder / "writer.pid").write_text(str(os.getpid()))
    except Timeout:
        if stopped():
            raise StoreStopped(STOPPED_BEFORE) from None
        raise StoreBusy(
            f"{folder} is being written by {holder(folder)}: try again when it has finished (waited {wait_seconds:.0f} s)."
        ) from None
    except OSError as error:
        lock.release()
        raise StoreUnavailable(
            f"{folder} cannot be written ({error.strerror}): free it, or set DATELINE_HOME to a folder of your own."
        ) from None
    try:
        if stopped():
            raise StoreStopped(STOPPED_BEFORE)
        yield
    finally:
        lock.release()


@contextmanager
def database_lock(
    database: Engine,
    wait_seconds: float,
    on_wait: Callable[[str], None] | None = None,
    stopped: ShouldStop = never_stop,
) -> Iterator[ShouldStop]:
    """Hold PostgreSQL's lock for writing, which holds between machines; on SQLite there is one machine, and nothing to do.

    Yields `stopped`, which raises StoreUnavailable once the lock is lost: the server frees it when its connection ends.
    Raises StoreBusy, StoreStopped, StoreUnavailable.
    """
    if database.dialect.name != "postgresql":
        yield stopped
        return
    with database_errors(database), database.connect() as connection:
        # Outside of transactions: an open one would keep the server from cleaning up.
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        until, next_word = time.monotonic() + wait_seconds, 0.0
        while not connection.execute(select(func.pg_try_advisory_lock(WRITER_LOCK))).scalar():
            if stopped():
                raise StoreStopped(STOPPED_BEFORE)
            left = until - time.monotonic()
            if left <= 0:
                raise StoreBusy(
                    f"{database_holder(connection)} is writing to the ledger's database: try again when it has finished "
                    f"(waited {wait_seconds:.0f} s)."
                )
            if on_wait and wait_seconds - left >= next_word:
                on_wait(f"Waiting for {database_holder(connection)}, which is writing to the ledger's database ...")
                next_word = max(FIRST_WAIT_WORD_SECONDS, 2 * next_word)
            time.sleep(min(LOCK_POLL_SECONDS, left))

        def stopped_or_lost() -> bool:
            with database_errors(database):
                connection.execute(select(1))
            return stopped()

        try:
            yield stopped_or_lost
        finally:
            # Closed, not kept for others: it would keep the lock with it.
            connection.invalidate()


def database_holder(connection: Connection) -> str:
    """Who holds the lock for writing, in words."""
    query = text(
        "SELECT a.pid, host(a.client_addr) AS address FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
        "WHERE l.locktype = 'advisory' AND l.granted AND (l.classid::bigint << 32) + l.objid::bigint = :key"
    )
    row = connection.execute(query, {"key": WRITER_LOCK}).first()
    return f"the program at {row.address}" if row and row.address else "another program"


def acquire_patiently(
    lock: FileLock, folder: Path, wait_seconds: float, on_wait: Callable[[str], None] | None, stopped: ShouldStop
) -> None:
    """Wait for the lock, and say so before and each time that the wait has become twice as long. Raises Timeout."""
    if on_wait:
        on_wait(f"Waiting for {holder(folder)}, which is writing to {folder} ...")
    began, next_word = time.monotonic(), FIRST_WAIT_WORD_SECONDS
    while True:
        waited = time.monotonic() - began
        try:
            lock.acquire(timeout=max(0.0, min(wait_seconds, next_word) - waited), cancel_check=stopped)
            return
        except Timeout:
            if stopped() or next_word >= wait_seconds:
                raise
        if on_wait:
            on_wait(f"Still waiting for {holder(folder)}: {next_word:.0f} s so far, {wait_seconds:.0f} s at most.")
        next_word *= 2


def holder(folder: Path) -> str:
    """The process that wrote its number last, in words."""
    try:
        return f"process {int((folder / 'writer.pid').read_text())}"
    except (OSError, ValueError):
        return "another process"
