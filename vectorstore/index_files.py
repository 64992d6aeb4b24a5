"""Whether the files of Chroma's index are as the last writer left them.

Chroma keeps no checksums of them, and its native code trusts them: a flipped bit ends the process with signal 11, or a neighbour
is no longer found. So whoever writes notes theirs in the ledger, and a checkup compares them before it opens the folder. Where
none are noted, `read_apart` opens it in a process that may die of it.
"""

import json
import os
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from vectorstore.errors import StoreUnavailable
from vectorstore.ledger import Ledger
from vectorstore.vectors import VectorStore

NOTED = "vector_files"
"""The fact that holds the files' checksums."""
CHECKED_AT_ONCE = 1 << 20
READ_SECONDS = 3_600.0
"""For a process that reads every vector. A guess: 100,000 take half a minute."""
SEARCHED_EVERY = 20
"""Of so many vectors the neighbours of one are looked for: 100,000 take some 15 seconds then. A guess."""
WRITTEN = "index_metadata.pickle"
"""What Chroma writes last of an index."""
CHROMA_DATABASE = "chroma.sqlite3"
PACKAGES = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class NotedFile:
    """A file as it was left. changed: when, in nanoseconds; one of that size and time need not be read again."""

    size: int
    changed: int
    crc32: int


def note_index_files(ledger: Ledger, folder: Path) -> None:
    """Note the files' checksums, for the present revision. The caller holds the writer lock and is done."""
    _, before = noted_files(ledger)
    write_note(
        ledger, ledger.revision, {name: noted_file(folder / name, before.get(name)) for name in file_names(folder)}
    )


def doubt_index_files(ledger: Ledger) -> None:
    """Note that they are being written: killed now, a writer leaves files whose checksums nobody knows."""
    revision, files = noted_files(ledger)
    if revision:
        write_note(ledger, "", files)


def changed_index_files(ledger: Ledger, folder: Path) -> list[str] | None:
    """The files that are others than were noted, or gone; None where none were noted for what is stored now."""
    revision, noted = noted_files(ledger)
    if not revision or revision != ledger.revision:
        return None
    # An index whose whole folder is gone is Chroma's to complain of, or to begin anew: then what is missing are vectors.
    suspected = {name: file for name, file in noted.items() if (folder / name).parent.is_dir()}
    there = {str(file.relative_to(folder)) for file in folder.glob("*/*")}
    return sorted(
        name
        for name, file in suspected.items()
        if name not in there or checksum(folder / name) != (file.size, file.crc32)
    )


def noted_files(ledger: Ledger) -> tuple[str, dict[str, NotedFile]]:
    """The revision at which the files were noted, "" while they are written, and the files by name."""
    noted = ledger.metadata(NOTED)
    if not noted:
        return "", {}
    value = json.loads(noted)
    return value["revision"], {name: NotedFile(**file) for name, file in value["files"].items()}


def write_note(ledger: Ledger, revision: str, files: Mapping[str, NotedFile]) -> None:
    note = {"revision": revision, "files": {name: asdict(file) for name, file in files.items()}}
    ledger.set_metadata(NOTED, json.dumps(note))


def file_names(folder: Path) -> list[str]:
    """The files of every collection's index: each has a folder of its own beside Chroma's database.

    Below a thousand vectors Chroma has not written one yet: it is made of the database each time, and files mean nothing.
    """
    written = [file.parent for file in folder.glob(f"*/{WRITTEN}")]
    return sorted(str(file.relative_to(folder)) for index in written for file in index.iterdir() if file.is_file())


def noted_file(file: Path, before: NotedFile | None) -> NotedFile:
    """What is to be noted of a file. Most writers leave most files alone, and an index of a million vectors is 2 GB."""
    state = file.stat()
    if before is not None and (before.size, before.changed) == (state.st_size, state.st_mtime_ns):
        return before
    return NotedFile(state.st_size, state.st_mtime_ns, checksum(file)[1])


def checksum(file: Path) -> tuple[int, int]:
    """Size and CRC-32. Raises StoreUnavailable."""
    size = crc32 = 0
    try:
        with file.open("rb") as content:
            while block := content.read(CHECKED_AT_ONCE):
                size, crc32 = size + len(block), zlib.crc32(block, crc32)
    except OSError as error:
        raise StoreUnavailable(
            f"{file} cannot be read ({error.strerror}): correct its permissions, or restore a backup."
        ) from None
    return size, crc32


def database_fault(folder: Path) -> str:
    """What SQLite's own check says is wrong with Chroma's database, "" where nothing is or there is none."""
    file = folder / CHROMA_DATABASE
    if not file.exists():
        return ""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            said = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        said = str(error)
    return "" if said == "ok" else said


def read_apart(folder: Path, collection: str) -> str:
    """Read every vector of a collection in a process of its own; returns what that died of, "" where it came through."""
    command = [sys.executable, "-P", "-m", "vectorstore.index_files", str(folder), collection]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(PACKAGES), os.environ.get("PYTHONPATH", ""))))
    }
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=READ_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"was not read within {READ_SECONDS:,.0f} s"
    return f"ends the process that reads it with signal {-done.returncode}" if done.returncode < 0 else ""


def read_everything(folder: Path, collection: str) -> None:
    """Read each vector, and look for the neighbours of some, which follows the links between all."""
    store = VectorStore(folder, collection)
    try:
        for place, stored in enumerate(store.stored()):
            if place % SEARCHED_EVERY == 0:
                store.nearest(stored.vector, 1)
    except StoreUnavailable:
        # A sentence of its own is the checkup's to say; here only a death counts.
        return
    finally:
        store.close()


if __name__ == "__main__":
    read_everything(Path(sys.argv[1]), sys.argv[2])
