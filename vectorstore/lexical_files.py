"""The lexical index in a folder: a file for each segment, never changed, and a manifest that names them, written last.

Killed at any moment, the old manifest or the new one is there, and all that it names. A file that is damaged or of another
format makes the whole index one that is not there: the ledger can make it again.
"""

import base64
import json
import os
import shutil
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vectorstore.lexical import LexicalIndex
from vectorstore.segments import Labels, Part, Segment
from vectorstore.strings import Strings

FORMAT = 4
MANIFEST = "manifest.json"
SUFFIX, UNFINISHED = ".segment", ".new"
LOCKS = {"writer.lock", "writer.pid"}
"""What of vectorstore/lock.py lies in the folder while it is written."""
ALIGNMENT = 64
TRIES = 5
"""How often the manifest is read again because another process has replaced it, and its files, meanwhile."""


class LexicalFolder:
    """A saved index. `opened` holds the segments that were opened or written before: they never change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: dict[str, tuple[Segment, dict[str, Any]]] = {}

    def revision(self) -> str | None:
        """The revision of the saved index, None where there is none that can be read."""
        manifest = self.manifest()
        return None if manifest is None else str(manifest["revision"])

    def manifest(self) -> dict[str, Any] | None:
        try:
            written = json.loads((self.folder / MANIFEST).read_text("utf-8"))
            body = written["index"]
            if body["format"] != FORMAT or written["checksum"] != checksum_of(body):
                return None
            return dict(body)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def load(self) -> LexicalIndex | None:
        """The saved index, mapped rather than read; None where there is none, or it is not whole."""
        for _ in range(TRIES):
            manifest = self.manifest()
            if manifest is None:
                return None
            try:
                opened = {part["name"]: self.open(part) for part in manifest["parts"]}
                parts = [Part(opened[part["name"]][0], gone_texts(part)) for part in manifest["parts"]]
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError):
                return None
            self.opened = opened
            return LexicalIndex(str(manifest["revision"]), parts)
        return None

    def open(self, part: dict[str, Any]) -> tuple[Segment, dict[str, Any]]:
        """A segment and what the manifest says of its file. Raises OSError, and ValueError where it is damaged."""
        if part["name"] in self.opened:
            return self.opened[part["name"]]
        entry = part["file"]
        path = self.folder / f"{part['name']}{SUFFIX}"
        size = path.stat().st_size
        if size != entry["bytes"]:
            raise ValueError(f"{path} has {size} bytes instead of {entry['bytes']}")
        mapped = np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
        if zlib.crc32(mapped.data) != entry["checksum"]:
            raise ValueError(f"{path} has another checksum")
        arrays = {
            name: mapped[start : start + count * np.dtype(kind).itemsize].view(kind)
            for name, (kind, start, count) in entry["arrays"].items()
        }
        return segment_from(arrays, part["name"]), entry

    def save(self, index: LexicalIndex) -> None:
        """Replace the saved index; segments that are there already stay as they are. Raises OSError.

        The caller holds the lock of the folder.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            for part in index.parts:
                if part.segment.name not in self.opened:
                    self.opened[part.segment.name] = (part.segment, self.write(part.segment))
            parts = [
                {"name": part.segment.name, "file": self.opened[part.segment.name][1], "dead": packed(part)}
                for part in index.parts
            ]
            body = {"format": FORMAT, "revision": index.revision, "parts": parts}
            written = json.dumps({"checksum": checksum_of(body), "index": body})
            write_whole(self.folder / MANIFEST, [memoryview(written.encode())])
        finally:
            # Also after a failure: a full disk needs the room that half an index takes.
            self.clear_up()

    def write(self, segment: Segment) -> dict[str, Any]:
        """Write a segment's file; returns what the manifest has to say of it."""
        arrays, start, checksum, blocks = {}, 0, 0, list[memoryview]()
        for name, array in arrays_of(segment).items():
            block = np.ascontiguousarray(array).view(np.uint8).data
            padding = memoryview(bytes(-len(block) % ALIGNMENT))
            arrays[name] = [array.dtype.str, start, len(array)]
            blocks += [block, padding]
            checksum = zlib.crc32(padding, zlib.crc32(block, checksum))
            start += len(block) + len(padding)
        write_whole(self.folder / f"{segment.name}{SUFFIX}", blocks)
        return {"bytes": start, "checksum": checksum, "arrays": arrays}

    def clear_up(self) -> None:
        """Delete what the manifest does not name. What another process has mapped, it keeps."""
        manifest = self.manifest()
        names = {part["name"] for part in manifest["parts"]} if manifest else set()
        kept = {MANIFEST, *LOCKS, *(f"{name}{SUFFIX}" for name in names)}
        for path in self.folder.iterdir():
            if path.name in kept:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        self.opened = {name: entry for name, entry in self.opened.items() if name in names}


def write_whole(path: Path, blocks: Sequence[memoryview]) -> None:
    """Write beside the file and move into its place once it is on the disk."""
    new = path.with_name(path.name + UNFINISHED)
    with new.open("wb") as file:
        file.writelines(blocks)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def checksum_of(body: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(body, sort_keys=True).encode())


def packed(part: Part) -> str:
    """Which texts are dead, a bit for each, as text; "" for none."""
    return "" if part.dead is None else base64.b64encode(np.packbits(part.dead).tobytes()).decode()


def gone_texts(part: Mapping[str, Any]) -> NDArray[np.bool_] | None:
    if not part["dead"]:
        return None
    texts = part["file"]["arrays"]["lengths"][2]
    bits = np.frombuffer(base64.b64decode(part["dead"]), dtype=np.uint8)
    return np.unpackbits(bits, count=texts).astype(np.bool_)


def arrays_of(segment: Segment) -> dict[str, NDArray[Any]]:
    """Everything in a segment, by the name it has in the file."""
    strings = {
        "words": segment.words,
        "stems": segment.stems,
        "ids": segment.ids,
        "library_names": segment.libraries.names,
        "source_names": segment.sources.names,
    }
    arrays: dict[str, NDArray[Any]] = {
        "stem_words": segment.stem_words,
        "starts": segment.starts,
        "texts": segment.texts,
        "counts": segment.counts,
        "lengths": segment.lengths,
        "articles": segment.articles,
        "published": segment.published,
        "libraries": segment.libraries.numbers,
        "sources": segment.sources.numbers,
    }
    for name, table in strings.items():
        arrays |= {f"{name}.utf8": table.utf8, f"{name}.starts": table.starts}
    return arrays


def segment_from(arrays: Mapping[str, NDArray[Any]], name: str) -> Segment:
    """A segment of what arrays_of() gives."""

    def strings(table: str) -> Strings:
        return Strings(arrays[f"{table}.utf8"], arrays[f"{table}.starts"])

    return Segment(
        strings("words"),
        strings("stems"),
        arrays["stem_words"],
        arrays["starts"],
        arrays["texts"],
        arrays["counts"],
        arrays["lengths"],
        strings("ids"),
        arrays["articles"],
        arrays["published"],
        Labels(arrays["libraries"], strings("library_names")),
        Labels(arrays["sources"], strings("source_names")),
        name,
    )
