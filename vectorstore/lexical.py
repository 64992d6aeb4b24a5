"""BM25 over the chunks, with title, outlet and date: a cache of the ledger that grows with it. Pure; all is in memory or mapped.

Scores are those of one index over all chunks (Lucene's form, k1 1.5, b .75, as bm25s has it), whatever the segments are.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vectorstore.segments import LexicalEntry, Part, article_key, compacted, merged, segment_of
from vectorstore.stems import stem, word_stems
from vectorstore.values import Scope, Selection

K1, B = 1.5, 0.75
"""bm25s's defaults. Nothing better was found on the public sets."""
ENTRIES_AT_ONCE = 2_000
"""Chunks whose words are counted together; their words take about 2 MB until they are."""


@dataclass(frozen=True, slots=True)
class LexicalMatch:
    """A chunk that shares words with a question; the score is BM25, unbounded, higher is better."""

    chunk_id: str
    score: float


class LexicalSearch(Protocol):
    """What finding asks of a library's words, whoever searches them: the index here, or a server."""

    @property
    def sources(self) -> list[str]:
        """The outlets that have a chunk, in alphabetical order."""
        ...

    def knows(self, word: str) -> bool:
        """True if some chunk of any library has this word in one of its forms."""
        ...

    def words_of_libraries(self, libraries: Sequence[str]) -> Iterator[str]:
        """Words of these libraries, in lower case, of each the most frequent first, then in alphabetical order."""
        ...

    def search(self, question: str, limit: int, scope: Scope) -> list[LexicalMatch]:
        """Best first, ties by id, at most `limit`, only chunks in scope that share a word with the question."""
        ...

    def all_in(self, scope: Scope) -> bool:
        """True if every chunk is in scope."""
        ...

    def selection(self, scope: Scope) -> Selection | None:
        """The chunks that are in scope; None where only who searches knows them."""
        ...


class LexicalIndex:
    """An immutable BM25 index of one revision of the library, in parts, the largest first."""

    def __init__(self, revision: str, parts: Sequence[Part]) -> None:
        self.revision = revision
        self.parts = tuple(parts)
        self.texts = sum(part.count for part in parts)
        self.counted: dict[str, list[str]] = {}

    @classmethod
    def build(cls, revision: str, entries: Iterable[LexicalEntry]) -> "LexicalIndex":
        """Index the entries as they come; memory holds counts of words, not texts."""
        return cls(revision, one_part(entries))

    def with_changes(
        self, revision: str, articles: Sequence[tuple[str, str]], entries: Iterable[LexicalEntry]
    ) -> "LexicalIndex":
        """The index of a later revision: `entries` are all chunks that the changed articles (library, id) have now."""
        gone = np.array([article_key(*article) for article in articles], dtype=np.uint64)
        return LexicalIndex(revision, compacted([*(part.without(gone) for part in self.parts), *one_part(entries)]))

    def purged(self) -> "LexicalIndex":
        """The same index without a trace of texts that are gone: until they are merged, parts keep the words of dead ones."""
        parts = [part if part.dead is None else Part(merged([part])) for part in self.parts if part.count]
        return LexicalIndex(self.revision, parts)

    @cached_property
    def norms(self) -> list[NDArray[np.float32]]:
        """For each text of each part, what its length adds to the count of a word in BM25's denominator."""
        mean = sum(part.words for part in self.parts) / max(self.texts, 1) or 1.0
        return [(K1 * (1 - B + B * part.segment.lengths / mean)).astype(np.float32) for part in self.parts]

    @cached_property
    def libraries(self) -> set[str]:
        """The libraries that have a chunk."""
        return set().union(*(part.names(part.segment.libraries) for part in self.parts))

    @cached_property
    def sources(self) -> list[str]:
        """The outlets that have a chunk, in alphabetical order."""
        return sorted(set().union(*(part.names(part.segment.sources) for part in self.parts)))

    def knows(self, word: str) -> bool:
        """True if some chunk of any library has this word in one of its forms."""
        return any(len(part.pairs_of(stem(word.lower()))[0]) for part in self.parts)

    def words_of_libraries(self, libraries: Sequence[str]) -> Iterator[str]:
        """The words of these libraries, in lower case, of each the most frequent first, then in alphabetical order."""
        for library in libraries:
            if library not in self.counted:
                counter = Counter[str]()
                for part in self.parts:
                    for word, count in part.word_counts(library):
                        counter[word] += count
                self.counted[library] = sorted(counter, key=lambda word: (-counter[word], word))
            yield from self.counted[library]

    def search(self, question: str, limit: int, scope: Scope) -> list[LexicalMatch]:
        """Best first, ties by id, at most `limit`, only chunks in scope that share a word with the question."""
        scores = [np.zeros(len(part.segment.lengths), dtype=np.float32) for part in self.parts]
        for asked in dict.fromkeys(word_stems(question)):
            found = [part.pairs_of(asked) for part in self.parts]
            frequency = sum(len(texts) for texts, _ in found)
            rarity = np.float32(np.log(1 + (self.texts - frequency + 0.5) / (frequency + 0.5)))
            for score, norm, (texts, counts) in zip(scores, self.norms, found, strict=True):
                score[texts] += rarity * counts / (counts + norm[texts])
        if not self.all_in(scope):
            for part, score in zip(self.parts, scores, strict=True):
                score[~part.in_scope(scope)] = 0.0
        return best(self.parts, scores, limit)

    def all_in(self, scope: Scope) -> bool:
        """True if every chunk of this revision is in scope."""
        return not scope.narrowed and self.libraries <= set(scope.libraries)

    def selection(self, scope: Scope) -> Selection:
        """The chunks that are in scope."""
        allowed = [part.in_scope(scope) for part in self.parts]

        def ids() -> list[str]:
            return [
                part.segment.ids[number]
                for part, some in zip(self.parts, allowed, strict=True)
                for number in np.flatnonzero(some).tolist()
            ]

        return Selection(sum(int(np.count_nonzero(some)) for some in allowed), self.texts, ids)

    def fingerprint(self) -> str:
        """The same for all indexes that find the same chunks with the same scores, whatever their parts are."""
        digest = hashlib.sha256()
        if not self.texts:
            return digest.hexdigest()
        part = Part(merged(self.parts))
        segment, ids = part.segment, list(part.segment.ids)
        order = np.array(sorted(range(len(ids)), key=ids.__getitem__))
        place = np.empty(len(ids), dtype=np.int64)
        place[order] = np.arange(len(ids))
        for strings in (segment.words, segment.stems, segment.libraries.names, segment.sources.names):
            digest.update("\n".join(strings).encode("utf-8", "surrogatepass"))
        digest.update("\n".join(ids[number] for number in order).encode("utf-8", "surrogatepass"))
        for array in (segment.libraries.numbers, segment.sources.numbers, segment.lengths, segment.published):
            digest.update(array[order].tobytes())
        digest.update(segment.articles[order].tobytes())
        for words, texts, counts in part.pairs():
            by_text = np.argsort(words * len(ids) + place[texts])
            digest.update(words.tobytes() + place[texts][by_text].tobytes() + counts[by_text].tobytes())
        return digest.hexdigest()


def one_part(entries: Iterable[LexicalEntry]) -> list[Part]:
    """The entries as one part, none where there is no entry."""
    iterator = iter(entries)
    parts = []
    while some := list(islice(iterator, ENTRIES_AT_ONCE)):
        parts.append(Part(segment_of(some)))
    return [Part(merged(parts))] if len(parts) > 1 else parts


def best(parts: Sequence[Part], scores: Sequence[NDArray[np.float32]], limit: int) -> list[LexicalMatch]:
    """The texts with the highest scores above 0, ties by id."""
    places = [np.flatnonzero(score > 0) for score in scores]
    found = np.concatenate([score[place] for score, place in zip(scores, places, strict=True)] or [NO_SCORES])
    if limit < 1 or not len(found):
        return []
    least = np.partition(found, len(found) - limit)[len(found) - limit] if limit < len(found) else 0.0
    matches = [
        LexicalMatch(part.segment.ids[number], float(score[number]))
        for part, score, place in zip(parts, scores, places, strict=True)
        for number in place[score[place] >= least].tolist()
    ]
    return sorted(matches, key=lambda match: (-match.score, match.chunk_id))[:limit]


NO_SCORES = np.empty(0, dtype=np.float32)
