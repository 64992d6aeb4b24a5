"""Deleted articles leave bytes behind: in free pages of a SQLite file, in the log of writes beside it, and where Chroma's index
has room for vectors to come, which it writes as it finds it in memory. This takes them away."""

import struct
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

INDEX_HEADER = struct.Struct("<iQQQQ")
"""How Chroma's header.bin begins: format, offset, how many vectors there is room for, how many there are, bytes of each."""
INDEX_FORMAT = 1


def wipe_database(database: Engine) -> str:
    """Write a SQLite file anew, so that nothing deleted can be read from it; returns why that failed, "" where it did not.

    Readers go on meanwhile, writers wait. It takes the disk space of the database once more, twice for a moment. What another
    kind of database leaves behind is for its own administrator.
    """
    if database.dialect.name != "sqlite":
        return ""
    try:
        with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # secure_delete would be cheaper, but leaves copies of cells that SQLite has moved within and between pages.
            connection.exec_driver_sql("VACUUM")
            # The new file lies in the log of writes until it is copied back, the old pages before it.
            busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    except SQLAlchemyError as error:
        return str(getattr(error, "orig", None) or error)
    return "another process reads it" if busy else ""


def is_made_anew(folder: Path) -> bool:
    """True if Chroma makes files of an index in the folder anew when they are first used: while its log holds all vectors."""
    contents = (header.read_bytes() for header in folder.glob("*/header.bin"))
    headers = (INDEX_HEADER.unpack_from(content) for content in contents if len(content) >= INDEX_HEADER.size)
    return any(kind == INDEX_FORMAT and count == 0 for kind, _, _, count, _ in headers)


def wipe_vectors(folder: Path) -> str:
    """Put zeros where Chroma's files in a folder have room; returns why that failed. Nobody else may write there meanwhile.

    Seen with chromadb 1.5.9: words of an article that had just been read stood there.
    """
    try:
        for header in folder.glob("*/header.bin"):
            kind, _, room, count, size = INDEX_HEADER.unpack_from(header.read_bytes())
            if kind == INDEX_FORMAT:
                put_zeros(header.with_name("data_level0.bin"), count * size, room * size)
                put_zeros(header.with_name("length.bin"), count * 4, room * 4)
    except (OSError, struct.error) as error:
        return f"{folder}: {error}"
    return ""


def put_zeros(path: Path, start: int, end: int) -> None:
    """Overwrite a part of a file, as far as there is one."""
    with path.open("r+b") as file:
        end = min(end, path.stat().st_size)
        file.seek(start)
        for at in range(start, end, 1 << 20):
            file.write(bytes(min(1 << 20, end - at)))
