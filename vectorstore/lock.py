"""One writer at a time: two processes writing to one Chroma folder lose data (chroma issue 7090)."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from vectorstore.errors import StoreBusy, StoreStopped, StoreUnavailable

ShouldStop = Callable[[], bool]
"""Polled by long-running work: True once the program is shutting down."""
FIRST_WAIT_WORD_SECONDS = 2.0
"""When a wait is spoken of again for the first time. A guess: sooner it is noise."""
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
