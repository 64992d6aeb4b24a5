"""Packed files, read unpacked and never without end: gzip, bzip2 and xz around one file, zip around many."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from typing import BinaryIO, cast

from rag.ingestion.decoding import Unreadable

PACKED = (".gz", ".bz2", ".xz")
"""At the end of the name of a file that holds one other."""
ARCHIVE = ".zip"
"""The same of one that holds many. Archives within archives are left out."""
MAX_UNPACKED = 2_000_000_000
"""Bytes that one packed file is unpacked to: a thousand times what the largest newspapers print in a month. A guess."""
MAX_MEMBERS = 100_000
XZ_MEMORY = 200_000_000
"""Bytes that unpacking xz may take: three times what its highest level needs."""
READ_AT_ONCE = 1 << 16
UNPACKING_ERRORS = (gzip.BadGzipFile, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)
"""What unpacking raises; bzip2's own is an OSError without a number."""
NOT_UNPACKED = "is damaged, or not packed as its name says: pack it again."


def unpacked_name(name: str) -> str:
    """The name of a file without the ending that says how it is packed."""
    packed = next((ending for ending in PACKED if name.lower().endswith(ending)), "")
    return name[: len(name) - len(packed)]


def opened(file: BinaryIO, name: str) -> BinaryIO:
    """The file itself, or unpacked as its name says, which is bounded and read and sought from its beginning alone."""
    if name == unpacked_name(name):
        return file
    if name.lower().endswith(".gz"):
        whole: object = gzip.GzipFile(fileobj=file)
    elif name.lower().endswith(".bz2"):
        whole = bz2.BZ2File(file)
    else:
        whole = io.BufferedReader(XzStream(file))
    return cast("BinaryIO", BoundedFile(cast("BinaryIO", whole)))


class XzStream(io.RawIOBase):
    """The unpacked bytes of an xz file. lzma.LZMAFile would allocate whatever the file asks for."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self.file, self.at = file, 0
        self.stream = lzma.LZMADecompressor(memlimit=XZ_MEMORY)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """To a place from the beginning."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("xz is read from its beginning")
        if offset < self.at:
            self.file.seek(0)
            self.stream, self.at = lzma.LZMADecompressor(memlimit=XZ_MEMORY), 0
        while self.at < offset and self.read(min(READ_AT_ONCE, offset - self.at)):
            pass
        return self.at

    def readinto(self, buffer: object) -> int:
        """Fill a buffer that can be written to. Raises lzma.LZMAError, EOFError."""
        room = memoryview(cast("bytearray", buffer))
        while True:
            packed = b""
            if self.stream.eof:
                # Files of several streams are one text; zeros may stand between them.
                packed = (self.stream.unused_data or self.file.read(READ_AT_ONCE)).lstrip(b"\0")
                if not packed:
                    return 0
                self.stream = lzma.LZMADecompressor(memlimit=XZ_MEMORY)
            elif self.stream.needs_input and not (packed := self.file.read(READ_AT_ONCE)):
                raise EOFError("the file ends before its stream does")
            piece = self.stream.decompress(packed, len(room))
            if piece:
                room[: len(piece)] = piece
                self.at += len(piece)
                return len(piece)


class BoundedFile:
    """A file that is read up to so many bytes. Raises Unreadable beyond them."""

    def __init__(self, file: BinaryIO, most: int = MAX_UNPACKED) -> None:
        self.file, self.most = file, most

    def read(self, size: int = -1) -> bytes:
        return self.within_bounds(self.file.read(size if size >= 0 else self.most + 1))

    def readline(self, size: int = -1) -> bytes:
        return self.within_bounds(self.file.readline(size if size >= 0 else self.most + 1))

    def seek(self, offset: int) -> int:
        return self.file.seek(offset)

    def tell(self) -> int:
        return self.file.tell()

    def within_bounds(self, content: bytes) -> bytes:
        if self.file.tell() > self.most:
            raise Unreadable(f"unpacks to more than {self.most:,} bytes: divide it.")
        return content
