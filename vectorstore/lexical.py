"""BM25 over the chunks, with title, outlet and date: a cache of the ledger, kept beside the store by its revision."""

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vectorstore.bm25 import BlockwiseBM25, counted
from vectorstore.stems import WORD, stem, word_stems
from vectorstore.values import Scope, calendar_seconds

FORMAT = 3
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


@dataclass(frozen=True, slots=True)
class Labels:
    """A name for each chunk, stored as numbers [chunks] into the list of different names."""

    numbers: NDArray[np.int32]
    names: list[str]

    @classmethod
    def of(cls, labels: Iterable[str]) -> "Labels":
        """Number the names in the order of their first appearance."""
        numbers: dict[str, int] = {}
        return cls(np.array([numbers.setdefault(label, len(numbers)) for label in labels], np.int32), list(numbers))

    def among(self, wanted: Iterable[str]) -> NDArray[np.bool_]:
        """For each chunk: is its name one of these?"""
        return np.isin(self.numbers, [self.names.index(name) for name in wanted if name in self.names])


@dataclass(frozen=True, slots=True)
class ChunkFields:
    """What filters need of each chunk; `published` in epoch seconds, NaN without a date."""

    ids: list[str]
    libraries: Labels
    sources: Labels
    published: NDArray[np.float64]


class LexicalIndex:
    """An immutable BM25 index of one revision of the library. `bm25` is None for a library without words.

    words: by library the words as they are written, in lower case, the most frequent first, with a space between: a list
    of them would take ten times the memory.
    """

    def __init__(
        self, revision: str, bm25: BlockwiseBM25 | None, fields: ChunkFields, words: Mapping[str, str]
    ) -> None:
        self.revision = revision
        self.bm25 = bm25
        self.fields = fields
        self.words = words

    @classmethod
    def build(cls, revision: str, entries: Iterable[LexicalEntry]) -> "LexicalIndex":
        """Index the entries as they come; memory holds counts of words, not texts."""
        vocabulary: dict[str, int] = {}
        ids: list[str] = []
        libraries: list[str] = []
        sources: list[str] = []
        published: list[float] = []
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)

        def numbered() -> Iterator[list[int]]:
            for entry in entries:
                ids.append(entry.chunk_id)
                libraries.append(entry.library)
                sources.append(entry.source)
                published.append(calendar_seconds(entry.published) if entry.published else np.nan)
                words = WORD.findall(entry.searched().lower())
                counts[entry.library].update(words)
                yield [vocabulary.setdefault(stem(word), len(vocabulary)) for word in words]

        blocks = counted(numbered())
        bm25 = None
        if vocabulary:
            bm25 = BlockwiseBM25(backend="numpy")
            bm25.index((blocks, vocabulary), show_progress=False)
        fields = ChunkFields(ids, Labels.of(libraries), Labels.of(sources), np.array(published))
        by_library = {
            library: " ".join(word for word, _ in counter.most_common()) for library, counter in counts.items()
        }
        return cls(revision, bm25, fields, by_library)

    def is_same_as(self, other: "LexicalIndex") -> bool:
        """True if both find the same chunks with the same scores."""
        ours, theirs = self.fields, other.fields
        if self.words != other.words or ours.ids != theirs.ids or (self.bm25 is None) != (other.bm25 is None):
            return False
        labels = [(ours.libraries, theirs.libraries), (ours.sources, theirs.sources)]
        if any(a.names != b.names or not np.array_equal(a.numbers, b.numbers) for a, b in labels):
            return False
        if not np.array_equal(ours.published, theirs.published, equal_nan=True):
            return False
        if self.bm25 is None or other.bm25 is None:
            return True
        return self.bm25.vocab_dict == other.bm25.vocab_dict and all(
            np.array_equal(self.bm25.scores[name], other.bm25.scores[name]) for name in ("data", "indices", "indptr")
        )

    def knows(self, word: str) -> bool:
        """True if some chunk of any library has this word in one of its forms."""
        return self.bm25 is not None and stem(word.lower()) in self.bm25.vocab_dict

    def words_of_libraries(self, libraries: Sequence[str]) -> Iterator[str]:
        """The words of these libraries, in lower case, of each the most frequent first."""
        for library in libraries:
            yield from self.words.get(library, "").split()

    def search(self, question: str, limit: int, scope: Scope) -> list[LexicalMatch]:
        """Best first, at most `limit`, only chunks in scope that share a word with the question."""
        if self.bm25 is None:
            return []
        known = [stem for stem in dict.fromkeys(word_stems(question)) if stem in self.bm25.vocab_dict]
        if not known:
            return []
        scores = np.asarray(self.bm25.get_scores(known), dtype=np.float32)
        if not self.all_in(scope):
            scores = np.where(self.in_scope(scope), scores, 0.0)
        best = np.argsort(-scores, kind="stable")[:limit]
        return [LexicalMatch(self.fields.ids[index], float(scores[index])) for index in best if scores[index] > 0]

    def all_in(self, scope: Scope) -> bool:
        """True if every chunk of this revision is in scope."""
        return not scope.narrowed and set(self.fields.libraries.names) <= set(scope.libraries)

    def in_scope(self, scope: Scope) -> NDArray[np.bool_]:
        """Which chunks may be found; an article without a date is out when a date bound is set."""
        allowed = self.fields.libraries.among(scope.libraries)
        if scope.sources:
            allowed &= self.fields.sources.among(scope.sources)
        if scope.since is not None:
            allowed &= self.fields.published >= calendar_seconds(scope.since)
        if scope.until is not None:
            allowed &= self.fields.published < calendar_seconds(scope.until)
        return allowed

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

    def write(self, folder: Path, bm25: BlockwiseBM25) -> None:
        fields = self.fields
        bm25.save(str(folder), show_progress=False)
        libraries, sources = fields.libraries, fields.sources
        path = folder / "fields.npz"
        np.savez(path, libraries=libraries.numbers, sources=sources.numbers, published=fields.published)
        names = {
            "format": FORMAT,
            "revision": self.revision,
            "chunk_ids": fields.ids,
            "libraries": libraries.names,
            "sources": sources.names,
            "words": dict(self.words),
        }
        (folder / "names.json").write_text(json.dumps(names), "utf-8")

    @classmethod
    def load(cls, folder: Path, revision: str) -> "LexicalIndex | None":
        """The saved index, if it is of this revision and whole; a cache that cannot be read is no error."""
        try:
            names = json.loads((folder / "names.json").read_text("utf-8"))
            if names["format"] != FORMAT or names["revision"] != revision:
                return None
            bm25 = BlockwiseBM25.load(str(folder), mmap=False, load_vocab=True, show_progress=False)
            bm25.backend = "numpy"
            with np.load(folder / "fields.npz") as arrays:
                libraries = Labels(arrays["libraries"], names["libraries"])
                sources = Labels(arrays["sources"], names["sources"])
                fields = ChunkFields(names["chunk_ids"], libraries, sources, arrays["published"])
                return cls(revision, bm25, fields, names["words"])
        except (OSError, ValueError, KeyError, TypeError, EOFError):
            return None
