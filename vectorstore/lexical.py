"""BM25 over the chunks, with title, outlet and date: a cache of the ledger, kept beside the store by its revision."""

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vectorstore.stems import stem
from vectorstore.values import Scope

if TYPE_CHECKING:
    from vectorstore.bm25 import BlockwiseBM25

WORD = re.compile(r"\w+")
FORMAT = 2
# bm25s defaults are k1 1.5, b .75; "lucene" is its default scoring. Nothing better was found on the public sets.


@dataclass(frozen=True, slots=True)
class LexicalEntry:
    """What BM25 reads of one chunk: `text` is searched together with title, source and the date in words."""

    chunk_id: str
    text: str
    title: str
    source: str
    library: str
    published: datetime | None

    def searched(self) -> str:
        """Everything that can be found by word."""
        date = f"{self.published.day} {self.published:%B %Y}" if self.published else ""
        return f"{self.title}\n{self.source}\n{date}\n{self.text}"


@dataclass(frozen=True, slots=True)
class LexicalMatch:
    """A chunk that shares words with a question; the score is BM25, unbounded, higher is better."""

    chunk_id: str
    score: float


def stems_of(text: str) -> list[str]:
    """The stems of a text, in order."""
    return [stem(word) for word in WORD.findall(text.lower())]


class LexicalIndex:
    """An immutable BM25 index of one revision of the library."""

    def __init__(
        self,
        revision: str,
        bm25: "BlockwiseBM25 | None",
        chunk_ids: list[str],
        libraries: NDArray[np.int32],
        library_names: list[str],
        sources: NDArray[np.int32],
        source_names: list[str],
        published: NDArray[np.float64],
    ) -> None:
        self.revision = revision
        self.bm25 = bm25
        self.chunk_ids = chunk_ids
        self.libraries = libraries
        self.library_names = library_names
        self.sources = sources
        self.source_names = source_names
        self.published = published

    @classmethod
    def build(cls, revision: str, entries: Iterable[LexicalEntry]) -> "LexicalIndex":
        """Index the entries as they come; memory holds counts of words, not texts."""
        from vectorstore.bm25 import BlockwiseBM25, counted

        vocabulary: dict[str, int] = {}
        chunk_ids: list[str] = []
        library_numbers: dict[str, int] = {}
        source_numbers: dict[str, int] = {}
        libraries: list[int] = []
        sources: list[int] = []
        published: list[float] = []

        def numbered() -> Iterator[list[int]]:
            for entry in entries:
                chunk_ids.append(entry.chunk_id)
                libraries.append(library_numbers.setdefault(entry.library, len(library_numbers)))
                sources.append(source_numbers.setdefault(entry.source, len(source_numbers)))
                published.append(entry.published.timestamp() if entry.published else np.nan)
                yield [vocabulary.setdefault(stem, len(vocabulary)) for stem in stems_of(entry.searched())]

        blocks = counted(numbered())
        bm25 = None
        if vocabulary:
            bm25 = BlockwiseBM25(backend="numpy")
            bm25.index((blocks, vocabulary), show_progress=False)
        return cls(
            revision,
            bm25,
            chunk_ids,
            np.array(libraries, dtype=np.int32),
            list(library_numbers),
            np.array(sources, dtype=np.int32),
            list(source_numbers),
            np.array(published, dtype=np.float64),
        )

    def search(self, question: str, limit: int, scope: Scope) -> list[LexicalMatch]:
        """Best first, at most `limit`, only chunks in scope that share a word with the question."""
        if self.bm25 is None:
            return []
        known = [stem for stem in dict.fromkeys(stems_of(question)) if stem in self.bm25.vocab_dict]
        if not known:
            return []
        scores = np.asarray(self.bm25.get_scores(known), dtype=np.float32)
        if not self.all_in(scope):
            scores = np.where(self.in_scope(scope), scores, 0.0)
        best = np.argsort(-scores, kind="stable")[:limit]
        return [LexicalMatch(self.chunk_ids[index], float(scores[index])) for index in best if scores[index] > 0]

    def all_in(self, scope: Scope) -> bool:
        """Is every chunk of this revision in scope?"""
        return not scope.narrowed and set(self.library_names) <= set(scope.libraries)

    def in_scope(self, scope: Scope) -> NDArray[np.bool_]:
        """Which chunks may be found; an article without a date is out when a date bound is set."""
        allowed = np.isin(self.libraries, [number_of(name, self.library_names) for name in scope.libraries])
        if scope.sources:
            allowed &= np.isin(self.sources, [number_of(name, self.source_names) for name in scope.sources])
        if scope.since is not None:
            allowed &= self.published >= scope.since.timestamp()
        if scope.until is not None:
            allowed &= self.published < scope.until.timestamp()
        return allowed

    def rarity(self, word: str) -> float:
        """How rare a word is, in [0, 1]: 1 for a word of no chunk, 0 for a word of every chunk (idf over its maximum)."""
        stems = stems_of(word)
        if not stems or not self.chunk_ids:
            return 0.0
        total = len(self.chunk_ids)
        count = min(self.chunk_count(stem) for stem in stems)
        return float(np.log((total + 1) / (count + 1)) / np.log(total + 1))

    def chunk_count(self, stem: str) -> int:
        """In how many chunks a stem occurs: the length of its column in the index."""
        number = self.bm25.vocab_dict.get(stem) if self.bm25 is not None else None
        if self.bm25 is None or number is None:
            return 0
        starts = self.bm25.scores["indptr"]
        return int(starts[number + 1] - starts[number])

    def save(self, folder: Path) -> None:
        """Write beside the store and move into place: a reader sees the old index or the new one, never half.

        Raises OSError.
        """
        if self.bm25 is None:
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = folder.with_name(folder.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        try:
            self.write(new, self.bm25)
        except OSError:
            # A full disk needs the room that half an index takes.
            shutil.rmtree(new, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)

    def write(self, folder: Path, bm25: "BlockwiseBM25") -> None:
        """The files of the index."""
        bm25.save(str(folder), show_progress=False)
        np.savez(folder / "fields.npz", libraries=self.libraries, sources=self.sources, published=self.published)
        names = {
            "format": FORMAT,
            "revision": self.revision,
            "chunk_ids": self.chunk_ids,
            "libraries": self.library_names,
            "sources": self.source_names,
        }
        (folder / "names.json").write_text(json.dumps(names), "utf-8")

    @classmethod
    def load(cls, folder: Path, revision: str) -> "LexicalIndex | None":
        """The saved index, if it is of this revision and whole; a cache that cannot be read is no error."""
        try:
            names = json.loads((folder / "names.json").read_text("utf-8"))
            if names["format"] != FORMAT or names["revision"] != revision:
                return None
            from vectorstore.bm25 import BlockwiseBM25

            bm25 = BlockwiseBM25.load(str(folder), mmap=False, load_vocab=True, show_progress=False)
            bm25.backend = "numpy"
            with np.load(folder / "fields.npz") as fields:
                return cls(
                    revision,
                    bm25,
                    names["chunk_ids"],
                    fields["libraries"],
                    names["libraries"],
                    fields["sources"],
                    names["sources"],
                    fields["published"],
                )
        except (OSError, ValueError, KeyError, TypeError, EOFError):
            return None


def number_of(name: str, names: list[str]) -> int:
    """Where a name stands, -1 when it is unknown (and so matches nothing)."""
    return names.index(name) if name in names else -1
