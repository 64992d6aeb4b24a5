"""One file that holds a whole library: a snapshot of the ledger and every vector, with their checksums.

A zip of `ledger.sqlite3`, `vectors.ids` (a chunk id a line), `vectors.f32` (little-endian float32 [ids, dimension]) and, last,
`manifest.json`. Chroma's own files are left out: they depend on its version, and cannot be copied while it writes.
"""

import hashlib
import json
import shutil
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import numpy as np

from vectorstore.chroma import ChromaServer, VectorPlace
from vectorstore.copying import copied_ledger, ensure_empty
from vectorstore.database import is_damaged, open_database, refuse_lost_ledger
from vectorstore.errors import StoreMismatch, StoreUnavailable
from vectorstore.index_files import note_index_files
from vectorstore.ledger import Ledger
from vectorstore.lock import writer_lock
from vectorstore.schema import MIGRATIONS
from vectorstore.server_lexical import open_lexical
from vectorstore.values import FIRST_COLLECTION
from vectorstore.vectors import VectorStore

BACKUP_SCHEMA = 1
LEDGER, IDS, VECTORS, MANIFEST = "ledger.sqlite3", "vectors.ids", "vectors.f32", "manifest.json"
LEXICAL = "lexical"
PARTS = (LEDGER, "vectors", LEXICAL)
"""What of a home makes up a library."""
LOCK_WAIT_SECONDS = 600.0
BLOCK_BYTES = 1 << 20
VECTORS_IN_MEMORY = 1_000
SNAPSHOT, RESTORING = ".backup-", ".restore-"
"""How folders of unfinished work in the home begin; what a killed process left is cleared by the next one."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. `sha256`: of each member, by its name."""

    schema: int
    dateline: str
    ledger_version: int
    made_at: str
    articles: int
    vectors: int
    dimension: int
    sha256: Mapping[str, str]


def write_backup(
    home: Path, file: Path, on_wait: Callable[[str], None] | None = None, server: ChromaServer | None = None
) -> Manifest:
    """Back the library of a home up while questions are answered from it; only writers wait. Raises StoreError.

    server: where the vectors are, if not in the home.
    The file is there when it is whole, and not before.
    """
    if file.exists():
        raise StoreUnavailable(f"{file} is there already: name a file that is not.")
    refuse_lost_ledger(home / LEDGER)
    if not (home / LEDGER).exists():
        raise StoreUnavailable(f"{home} holds no library: set DATELINE_HOME to the folder that does.")
    partial = file.with_name(f"{file.name}.partial")
    with disk_errors(file), writer_lock(home, LOCK_WAIT_SECONDS, on_wait), emptied_folder(home, SNAPSHOT) as folder:
        snapshot = folder / LEDGER
        copy_ledger(home / LEDGER, snapshot)
        partial.unlink(missing_ok=True)
        try:
            # It holds what people asked: nobody else may read it.
            partial.touch(mode=0o600)
            with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                manifest = write_members(archive, snapshot, server or home / "vectors")
            # More vectors than that are left of what was never finished.
            if (missing := chunks_in(snapshot) - manifest.vectors) > 0:
                raise StoreUnavailable(
                    f"{missing:,} passages have no vectors: run `dateline doctor --fix`, then back the library up again."
                )
            partial.rename(file)
        finally:
            partial.unlink(missing_ok=True)
    return manifest


@contextmanager
def emptied_folder(home: Path, prefix: str) -> Iterator[Path]:
    """A folder in the home for the time of some work, whose writer lock is held."""
    for left_over in home.glob(f"{prefix}*"):
        shutil.rmtree(left_over)
    with TemporaryDirectory(prefix=prefix, dir=home) as folder:
        yield Path(folder)


def copy_ledger(ledger: Path, copy: Path) -> None:
    """The ledger as it is at one moment, without the pages of what was deleted. Raises StoreUnavailable."""
    try:
        with closing(sqlite3.connect(ledger)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        leave_rebuild_out(copy)
    except sqlite3.Error as error:
        way_out = "free disk space or correct its permissions, then do the same again"
        if is_damaged(str(error)):
            way_out = "run `dateline doctor`"
        raise StoreUnavailable(f"The ledger {ledger} cannot be copied ({error}): {way_out}.") from None


def collection_of(snapshot: Path) -> str:
    """The name of the vectors that belong to a ledger's chunks, whatever version it is of."""
    with closing(sqlite3.connect(snapshot)) as connection:
        row = connection.execute("SELECT value FROM facts WHERE name = 'collection'").fetchone()
    return str(row[0]) if row else FIRST_COLLECTION


def chunks_in(snapshot: Path) -> int:
    """How many passages of a ledger are finished and so have vectors."""
    finished = "SELECT library, id FROM articles WHERE indexed IS NOT NULL"
    with closing(sqlite3.connect(snapshot)) as connection:
        count = connection.execute(f"SELECT count(*) FROM chunks WHERE (library, article_id) IN ({finished})")
        return int(count.fetchone()[0])


def leave_rebuild_out(snapshot: Path) -> None:
    """Delete from a copy of the ledger what a rebuild that was stopped has made: its vectors are not backed up."""
    with closing(sqlite3.connect(snapshot)) as connection:
        named = "SELECT name FROM sqlite_master WHERE name IN ('staged_chunks', 'staged_articles', 'replaced_chunks')"
        tables = [name for (name,) in connection.execute(named)]
        with connection:
            deleted = sum(connection.execute(f"DELETE FROM {table}").rowcount for table in tables)
            connection.execute("DELETE FROM facts WHERE name = 'rebuild'")
        if deleted:
            connection.execute("VACUUM")


def write_members(archive: zipfile.ZipFile, snapshot: Path, vectors: VectorPlace) -> Manifest:
    """Everything into the archive, the manifest last."""
    sha256: dict[str, str] = {}
    with snapshot.open("rb") as ledger:
        sha256[LEDGER] = write_member(archive, LEDGER, iter(lambda: ledger.read(BLOCK_BYTES), b""))
    ids: list[str] = []
    dimension = 0

    def rows() -> Iterator[bytes]:
        nonlocal dimension
        for stored in store.stored():
            ids.append(stored.chunk_id)
            dimension = len(stored.vector)
            yield stored.vector.astype("<f4").tobytes()

    store = VectorStore(vectors, collection_of(snapshot))
    try:
        sha256[VECTORS] = write_member(archive, VECTORS, rows())
    finally:
        store.close()
    sha256[IDS] = write_member(archive, IDS, (f"{chunk_id}\n".encode() for chunk_id in ids))
    with closing(sqlite3.connect(snapshot)) as connection:
        ledger_version = connection.execute("SELECT version FROM schema_version").fetchone()[0]
        articles = connection.execute("SELECT count(*) FROM articles").fetchone()[0]
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    counts = (articles, len(ids), dimension)
    manifest = Manifest(BACKUP_SCHEMA, version("dateline"), ledger_version, made_at, *counts, sha256)
    archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=2))
    return manifest


def write_member(archive: zipfile.ZipFile, name: str, blocks: Iterator[bytes]) -> str:
    """Write a member as its bytes come; returns their SHA-256."""
    digest = hashlib.sha256()
    with archive.open(name, "w", force_zip64=True) as member:
        for block in blocks:
            digest.update(block)
            member.write(block)
    return digest.hexdigest()


def restore_backup(
    file: Path,
    home: Path,
    replace: bool,
    on_wait: Callable[[str], None] | None = None,
    server: ChromaServer | None = None,
    database_url: str = "",
) -> tuple[Manifest, Path | None]:
    """Put the library of a backup into a home; returns where the one before it was moved to, None where there was none.

    server: where the vectors go, if not into the home; those of the library before stay there. database_url: an empty
    database for the ledger, if that is not to be a file of the home.
    Home and database are as they were until everything is read, checked and made. Raises StoreError.
    """
    if not replace and any((home / part).exists() for part in PARTS):
        raise StoreUnavailable(f"{home} holds a library: add --replace, or set DATELINE_HOME to a new folder.")
    if database_url:
        ensure_empty(database_url)
    with writer_lock(home, LOCK_WAIT_SECONDS, on_wait), disk_errors(home), emptied_folder(home, RESTORING) as made:
        manifest = read_members(file, made)
        make_library(made, manifest, server)
        if not database_url:
            return manifest, put_in_place(made, home, PARTS)
        with copied_ledger(made / LEDGER, database_url, LOCK_WAIT_SECONDS, on_wait):
            # Within its transaction: killed before that ends, the database is empty, and restoring again does it all.
            return manifest, put_in_place(made, home, PARTS[1:])


def read_members(file: Path, folder: Path) -> Manifest:
    """Every member into the folder, each compared with its checksum. Raises StoreMismatch, StoreUnavailable."""
    try:
        with zipfile.ZipFile(file) as archive:
            said = json.loads(archive.read(MANIFEST))
            check_version(file, said)
            manifest = Manifest(**said)
            for name in (LEDGER, IDS, VECTORS):
                with archive.open(name) as member, (folder / name).open("wb") as copy:
                    if copied(member, copy) != manifest.sha256[name]:
                        raise zipfile.BadZipFile(f"{name} has another checksum")
            if (folder / VECTORS).stat().st_size != 4 * manifest.dimension * manifest.vectors:
                raise zipfile.BadZipFile(f"{VECTORS} has another length")
    except FileNotFoundError:
        raise StoreUnavailable(f"{file} is not there: correct the name.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, TypeError, ValueError, NotImplementedError) as error:
        raise StoreUnavailable(f"{file} is no whole backup ({error}): use another one.") from None
    return manifest


def check_version(file: Path, manifest: Mapping[str, object]) -> None:
    """Raises StoreMismatch for the backup of a newer program."""
    if int(str(manifest["schema"])) > BACKUP_SCHEMA or int(str(manifest["ledger_version"])) > len(MIGRATIONS):
        raise StoreMismatch(
            f"{file} was made by dateline {manifest['dateline']}, which is newer than this one: install that version."
        )


def copied(member: IO[bytes], copy: IO[bytes]) -> str:
    """Copy a member; returns its SHA-256."""
    digest = hashlib.sha256()
    while block := member.read(BLOCK_BYTES):
        digest.update(block)
        copy.write(block)
    return digest.hexdigest()


def make_library(folder: Path, manifest: Manifest, server: ChromaServer | None) -> None:
    """Bring the ledger up to date, and make vector store and lexical index of what its chunks say."""
    database = open_database(folder / LEDGER)
    ledger = Ledger(database)
    # The library that was backed up may still be there, with its vectors on the same server.
    ledger.forget_own_name()
    if server is not None:
        ledger.set_metadata("collection", ledger.new_collection())
    store = VectorStore(server or folder / "vectors", ledger.collection)
    try:
        with (folder / IDS).open(encoding="utf-8") as lines, (folder / VECTORS).open("rb") as vectors:
            while ids := [line.rstrip("\n") for line in islice(lines, VECTORS_IN_MEMORY)]:
                bytes_of_rows = vectors.read(4 * manifest.dimension * len(ids))
                rows = np.frombuffer(bytes_of_rows, "<f4").reshape(len(ids), manifest.dimension)
                known = ledger.chunks_by_id(ids, withdrawn_too=True)
                kept = [place for place, chunk_id in enumerate(ids) if chunk_id in known]
                store.upsert([known[ids[place]].chunk for place in kept], rows[kept])
        open_lexical(folder / LEXICAL, ledger, store).save()
        if server is None:
            store.settle()
            note_index_files(ledger, folder / "vectors")
    finally:
        store.close()
        database.dispose()


def put_in_place(made: Path, home: Path, parts: Sequence[str]) -> Path | None:
    """Move what was made into the home; returns where what was there is, None where there was nothing."""
    before = move_aside(home)
    for part in parts:
        if (made / part).exists():
            (made / part).rename(home / part)
    return before


def move_aside(home: Path) -> Path | None:
    """Move the library that is there into a folder of its own, so that a wrong restore loses nothing."""
    names = [*PARTS, f"{LEDGER}-wal", f"{LEDGER}-shm"]
    there = [home / name for name in names if (home / name).exists()]
    if not there:
        return None
    before = home / f"before-restore-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    before.mkdir()
    for part in there:
        shutil.move(part, before / part.name)
    return before


@contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Turn a full disk or a missing permission into one sentence."""
    try:
        yield
    except OSError as error:
        way_out = "free disk space, correct its permissions, or name another place"
        raise StoreUnavailable(f"{place} cannot be written ({error.strerror or error}): {way_out}.") from None
