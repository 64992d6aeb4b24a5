"""Counted words of some chunks, never changed: what BM25 needs of them, in arrays that a file can hold. Pure.

Many segments together are scored as one index would be (vectorstore/lexical.py): no score is stored, only counts.
"""

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from vectorstore.stems import WORD, stem
from vectorstore.strings import Strings
from vectorstore.values import Scope, calendar_seconds

PAIRS_AT_ONCE = 1_000_000
"""Pairs of word and text that are worked on at once: some 30 MB."""
HIGHEST_COUNT = np.iinfo(np.uint16).max


@dataclass(frozen=True, slots=True)
class LexicalEntry:
    """What BM25 reads of one chunk: `text` is searched together with title, source and the date in words."""

    chunk_id: str
    article_id: str
    text: str
    title: str
    source: str
    library: str
    published: datetime | None

    def searched(self) -> str:
        """Everything that can be found by word."""
        date = f"{self.published.day} {self.published:%B %Y}" if self.published else ""
        return f"{self.title}\n{self.source}\n{date}\n{self.text}"


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A name for each text, stored as numbers [texts] into the different names."""

    numbers: NDArray[np.int32]
    names: Strings

    @classmethod
    def of(cls, labels: Sequence[str]) -> "Labels":
        numbers = {label: number for number, label in enumerate(sorted(set(labels)))}
        return cls(np.array([numbers[label] for label in labels], dtype=np.int32), Strings.of(numbers))

    def among(self, wanted: Iterable[str]) -> NDArray[np.bool_]:
        """For each text: is its name one of these?"""
        places = [place for name in wanted if (place := self.names.place_of(name)) is not None]
        return np.isin(self.numbers, places)


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Some texts and how often each word is in each.

    words: as they are written, in lower case, ordered by stem, so that the pairs of a stem lie together; `stem_words`
    [stems + 1] says where each stem's words begin, `starts` [words + 1] where each word's pairs do. A pair is a text's number
    in `texts` and a count in `counts` [pairs]. lengths: words of each text. articles: the key of each text's article.
    published: calendar seconds, NaN without a date. name: unlike any other segment's.
    """

    words: Strings
    stems: Strings
    stem_words: NDArray[np.int64]
    starts: NDArray[np.int64]
    texts: NDArray[np.int32]
    counts: NDArray[np.uint16]
    lengths: NDArray[np.int32]
    ids: Strings
    articles: NDArray[np.uint64]
    published: NDArray[np.float64]
    libraries: Labels
    sources: Labels
    name: str = field(default_factory=lambda: secrets.token_hex(8))

    def vocabulary(self) -> Iterator[tuple[str, str]]:
        """Stem and word of each word, in order."""
        words = iter(self.words)
        for stem_of_words, count in zip(self.stems, np.diff(self.stem_words).tolist(), strict=True):
            for _ in range(count):
                yield stem_of_words, next(words)


class Part:
    """A segment without the texts that are dead: changed or deleted since it was made. `dead` [texts], None for none."""

    def __init__(self, segment: Segment, dead: NDArray[np.bool_] | None = None) -> None:
        self.segment = segment
        self.dead = dead

    @cached_property
    def live(self) -> NDArray[np.bool_]:
        """For each text: is it still one?"""
        return np.ones(len(self.segment.lengths), dtype=np.bool_) if self.dead is None else ~self.dead

    @cached_property
    def count(self) -> int:
        """How many texts are live."""
        return int(np.count_nonzero(self.live))

    @cached_property
    def words(self) -> int:
        """How many words the live texts have."""
        return int(self.segment.lengths[self.live].sum())

    def without(self, articles: NDArray[np.uint64]) -> "Part":
        """The same without the texts of these articles."""
        gone = np.isin(self.segment.articles, articles) & self.live
        if not gone.any():
            return self
        return Part(self.segment, gone if self.dead is None else self.dead | gone)

    def pairs_of(self, stem_of_words: str) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
        """The live texts that have a stem in any of its forms, and how often each has it."""
        segment = self.segment
        place = segment.stems.place_of(stem_of_words)
        if place is None:
            return NO_TEXTS, NO_COUNTS
        first, last = segment.stem_words[place : place + 2]
        begin, end = segment.starts[first], segment.starts[last]
        texts, counts = segment.texts[begin:end], segment.counts[begin:end]
        if last - first > 1:
            sums = np.bincount(texts, weights=counts)
            texts = np.flatnonzero(sums).astype(np.int32)
            counts = np.minimum(sums[texts], HIGHEST_COUNT).astype(np.uint16)
        if self.dead is None:
            return texts, counts
        kept = self.live[texts]
        return texts[kept], counts[kept]

    def pairs(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint16]]]:
        """Word, text and count of every live pair, in order, some words at a time."""
        starts, word = self.segment.starts, 0
        while word < len(self.segment.words):
            end = max(word + 1, int(np.searchsorted(starts, starts[word] + PAIRS_AT_ONCE, "right")) - 1)
            numbers = np.repeat(np.arange(word, end, dtype=np.int64), np.diff(starts[word : end + 1]))
            texts = self.segment.texts[starts[word] : starts[end]]
            counts = self.segment.counts[starts[word] : starts[end]]
            if self.dead is not None:
                kept = self.live[texts]
                numbers, texts, counts = numbers[kept], texts[kept], counts[kept]
            yield numbers, texts, counts
            word = end

    def word_counts(self, library: str) -> Iterator[tuple[str, int]]:
        """The words of a library's live texts, and how often they are written."""
        allowed = self.segment.libraries.among([library]) & self.live
        if not allowed.any():
            return
        sums = np.zeros(len(self.segment.words))
        for words, texts, counts in self.pairs():
            sums += np.bincount(words, weights=counts * allowed[texts], minlength=len(sums))
        for word, count in zip(self.segment.words, sums.tolist(), strict=True):
            if count:
                yield word, int(count)

    def in_scope(self, scope: Scope) -> NDArray[np.bool_]:
        """Which texts may be found; an article without a date is out when a date bound is set."""
        segment = self.segment
        allowed = segment.libraries.among(scope.libraries) & self.live
        if scope.sources:
            allowed &= segment.sources.among(scope.sources)
        if scope.since is not None:
            allowed &= segment.published >= calendar_seconds(scope.since)
        if scope.until is not None:
            allowed &= segment.published < calendar_seconds(scope.until)
        return allowed

    def names(self, labels: Labels) -> set[str]:
        """The names that live texts have."""
        return {labels.names[number] for number in np.unique(labels.numbers[self.live]).tolist()}


NO_TEXTS, NO_COUNTS = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.uint16)


def article_key(library: str, article_id: str) -> int:
    """64 bits that stand for an article; nobody can find a second article with the bits of a given one."""
    name = f"{library}\0{article_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little")


def segment_of(entries: Sequence[LexicalEntry]) -> Segment:
    """Count the words of these chunks; all of them are in memory, so a few thousand at most."""
    numbers: dict[str, int] = {}
    texts = [
        [numbers.setdefault(word, len(numbers)) for word in WORD.findall(entry.searched().lower())] for entry in entries
    ]
    vocabulary = sorted((stem(word), word) for word in numbers)
    place = np.empty(len(vocabulary), dtype=np.int64)
    place[[numbers[word] for _, word in vocabulary]] = np.arange(len(vocabulary))
    lengths = np.array([len(text) for text in texts], dtype=np.int32)
    words = place[np.fromiter(chain.from_iterable(texts), dtype=np.int64, count=int(lengths.sum()))]
    owners = np.repeat(np.arange(len(texts)), lengths)
    pairs, counts = np.unique(words * len(texts) + owners, return_counts=True)
    starts = np.searchsorted(pairs, np.arange(len(vocabulary) + 1) * len(texts))
    return Segment(
        *tables_of(vocabulary),
        starts.astype(np.int64),
        (pairs % len(texts)).astype(np.int32),
        np.minimum(counts, HIGHEST_COUNT).astype(np.uint16),
        lengths,
        Strings.of(entry.chunk_id for entry in entries),
        np.array([article_key(entry.library, entry.article_id) for entry in entries], dtype=np.uint64),
        np.array([calendar_seconds(entry.published) if entry.published else np.nan for entry in entries]),
        Labels.of([entry.library for entry in entries]),
        Labels.of([entry.source for entry in entries]),
    )


def tables_of(vocabulary: Sequence[tuple[str, str]]) -> tuple[Strings, Strings, NDArray[np.int64]]:
    """Words, stems, and where each stem's words begin, of a vocabulary in order."""
    stems: dict[str, int] = {}
    for place, (stem_of_word, _) in enumerate(vocabulary):
        stems.setdefault(stem_of_word, place)
    return Strings.of(word for _, word in vocabulary), Strings.of(stems), np.array([*stems.values(), len(vocabulary)])


def merged(parts: Sequence[Part]) -> Segment:
    """One segment of all live texts, in order. Takes little memory beside what it makes."""
    vocabulary = sorted(set(chain.from_iterable(part.segment.vocabulary() for part in parts)))
    place = {key: number for number, key in enumerate(vocabulary)}
    places = [
        np.fromiter((place[key] for key in part.segment.vocabulary()), dtype=np.int64, count=len(part.segment.words))
        for part in parts
    ]
    del place
    frequencies = np.zeros(len(vocabulary), dtype=np.int64)
    for part, new in zip(parts, places, strict=True):
        for words, _, _ in part.pairs():
            frequencies += np.bincount(new[words], minlength=len(vocabulary))
    kept = frequencies > 0
    renumbered = np.cumsum(kept) - 1
    starts = np.concatenate([[0], np.cumsum(frequencies[kept])])
    texts, counts = np.empty(starts[-1], dtype=np.int32), np.empty(starts[-1], dtype=np.uint16)
    free, first = starts[:-1].copy(), 0
    for part, new in zip(parts, places, strict=True):
        of_text = (np.cumsum(part.live) - 1 + first).astype(np.int32)
        for old_words, old_texts, some_counts in part.pairs():
            words = renumbered[new[old_words]]
            begin = np.flatnonzero(np.diff(words, prepend=-1))
            runs = np.diff(np.append(begin, len(words)))
            target = free[words] + np.arange(len(words)) - np.repeat(begin, runs)
            texts[target], counts[target] = of_text[old_texts], some_counts
            free[words[begin]] += runs
        first += part.count
    return Segment(
        *tables_of([key for key, keep in zip(vocabulary, kept.tolist(), strict=True) if keep]),
        starts,
        texts,
        counts,
        np.concatenate([part.segment.lengths[part.live] for part in parts]),
        Strings.of(chain.from_iterable(live_names(part, iter(part.segment.ids)) for part in parts)),
        np.concatenate([part.segment.articles[part.live] for part in parts]),
        np.concatenate([part.segment.published[part.live] for part in parts]),
        merged_labels(parts, [part.segment.libraries for part in parts]),
        merged_labels(parts, [part.segment.sources for part in parts]),
    )


def live_names(part: Part, names: Iterator[str]) -> Iterator[str]:
    return (name for name, live in zip(names, part.live.tolist(), strict=True) if live)


def merged_labels(parts: Sequence[Part], labels: Sequence[Labels]) -> Labels:
    """The labels of all live texts, with the names that these have."""
    names = sorted(set().union(*(part.names(some) for part, some in zip(parts, labels, strict=True))))
    place = {name: number for number, name in enumerate(names)}
    numbers = [
        np.array([place.get(name, -1) for name in some.names], dtype=np.int32)[some.numbers[part.live]]
        for part, some in zip(parts, labels, strict=True)
    ]
    return Labels(np.concatenate(numbers), Strings.of(names))


def compacted(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The same texts in few parts, the largest first: each more than twice as large as the next, at most half of it dead.

    A text is merged about as often as the library can be halved, and there are never more parts than that.
    """
    by_size = sorted((part for part in parts if part.count), key=lambda part: -part.count)
    kept: list[list[Part]] = []
    for part in by_size:
        kept.append([part])
    size = [part.count for part in by_size]
    while len(kept) > 1 and 2 * size[-1] >= size[-2]:
        tail, tail_size = kept.pop(), size.pop()
        kept[-1] += tail
        size[-1] += tail_size
    return tuple(
        group[0] if len(group) == 1 and 2 * group[0].count >= len(group[0].segment.lengths) else Part(merged(group))
        for group in kept
    )
