"""Recognise copies of one text, rewritten ones too: they form a duplicate group, which is one piece of evidence.

MinHash (rensa) finds candidates by their pairs of words. Each is then compared sentence by sentence: a copy may be cut,
reordered and reworded, but most of the shorter text has a counterpart in the longer one, and no counterpart has other numbers
or another name in the same place.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property, lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from rag.language import english_words
from rag.sentences import sentence_spans
from rag.text import word_set
from rag.verification.quantities import ORDINALS, TENS, UNITS
from vectorstore.stems import WORD

BANDING = "2"
"""Names the way bands are made: those of another way are made again."""
SHINGLE_WORDS = 2
PERMUTATIONS = 64
BANDS = 32
"""32 bands of 2: texts with .3 of their pairs of words in common share a band with probability .95, with .2 .73, with .02 .01
(Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, 3.4). What misses one rewrite meets another: groups are joined. With
96 bands fewer rewrites are missed, of the 2 % that are, and a ledger grows by 10 KB an article."""
SEED = 17
SAME_SENTENCE_WORDS = 0.3
"""Jaccard similarity of words from which two sentences are one, reworded. Measured: benchmarks/measure_near_duplicates.py."""
COPIES = ((0.55, 0.4), (0.9, 0.2))
"""Shares of the shorter and of the longer text's words that stand in such sentences, from which one is a copy of the other: a cut
text is nearly all in the longer one; one that is not has background in common with another report."""
NEARLY_AS_GOOD = 0.8
"""A counterpart that is at least so much as similar as the best one may be the right one as well."""
MAX_KEPT_APART = 20_000
"""Characters of a text that is kept taken apart, which then takes some 60 bytes a character."""
MAX_PAIRS = 1_000_000
"""Pairs of sentences that are compared at once, some 30 MB."""
NUMBER_WORDS = {word: str(number) for word, number in (UNITS | TENS).items() if number > 1} | {
    word: "3rd" if number == 3 else f"{number}th" for word, number in ORDINALS.items() if number > 2
}
""" "one" is more often a pronoun, "first" an adverb and "second" a measure."""
OTHERWISE_ALIKE = 0.6
"""Jaccard similarity of words that are no names from which two sentences tell the same of different names. A guess: of a sentence
with a third of its words replaced, as the measurement rewords them, .54 are left."""
MAX_NAME_WORDS = 3
"""Words of a name that stands in another's place; more are another sentence."""
BEFORE_NAMES = word_set("""
    mr mrs ms miss dr prof professor sir dame lord lady president vice prime minister premier chancellor king queen prince
    princess pope bishop senator governor mayor judge general captain coach chief sheikh ayatollah secretary
""")
"""What an agency's customers put before a name in place of a first name: "President Putin", "Vladimir Putin"."""
DAYS_AND_MONTHS = word_set("""
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
    october november december jan feb mar apr jun jul aug sep sept oct nov dec
""")
"""Capitals that are no names: of two papers one prints a day later."""
MAX_INITIALS = 2
SHORTEST_VARIANT = 4
"""Letters of a name from which on it may be spelled in two ways: Tom and Tim are two."""
SAME_SOUND = str.maketrans("cqzv", "kksf")
SILENT = re.compile(r"[aeiouyhw]")
DOUBLED = re.compile(r"(.)\1+")

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupedText:
    """A text that may be another one's copy, and its duplicate group."""

    group: str
    text: str


@dataclass(frozen=True)
class Sentence:
    """A sentence's words in lower case without its numbers, its numbers, its names, and all of its words in their order."""

    words: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    in_order: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Sentence":
        written = WORD.findall(text)
        words = [word.lower() for word in written]
        numbers = {NUMBER_WORDS.get(word, word) for word in words if word in NUMBER_WORDS or word[0].isdigit()}
        names = {word for word, shown in zip(words, written, strict=True) if shown[0].isupper()} - DAYS_AND_MONTHS
        if written and written[0][0].isupper() and words[0] in english_words():
            names.discard(words[0])
        plain = frozenset(words) - numbers - NUMBER_WORDS.keys()
        return cls(plain, frozenset(numbers), frozenset(names) & plain, tuple(words))

    @property
    def length(self) -> int:
        return len(self.in_order)

    def conflicts_with(self, other: "Sentence") -> bool:
        """True where each has a number that the other has not: "14 dead" and "19 dead" are two reports."""
        return bool(self.numbers - other.numbers and other.numbers - self.numbers)

    def names_another_than(self, other: "Sentence", ours: Collection[str], theirs: Collection[str]) -> bool:
        """True where the sentences are alike but for a name in the same place that the other's text has nowhere.

        ours, theirs: every name of the two texts.
        """
        own, others = self.names.difference(theirs), other.names.difference(ours)
        if not own or not others:
            return False
        plain, other_plain = self.words - self.names, other.words - other.names
        if len(plain & other_plain) < OTHERWISE_ALIKE * len(plain | other_plain):
            return False
        return any(is_other_name(one, two, own, others, after) for one, two, after in replaced(self, other))


@dataclass(frozen=True)
class ComparedText:
    """A text as it is compared: by its sentences."""

    text: str

    @classmethod
    def of(cls, text: str) -> "ComparedText":
        """The text, taken apart at most once while an ingest compares many with it."""
        return kept_apart(text) if len(text) <= MAX_KEPT_APART else cls(text)

    @cached_property
    def sentences(self) -> list[Sentence]:
        found = [Sentence.of(self.text[start:end]) for start, end in sentence_spans(self.text)]
        return [sentence for sentence in found if sentence.words]

    @cached_property
    def length(self) -> int:
        """How many words it has."""
        return sum(sentence.length for sentence in self.sentences)

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(name for sentence in self.sentences for name in sentence.names)

    @cached_property
    def word_counts(self) -> NDArray[np.intp]:
        """How many different words each sentence has [sentences]."""
        return np.array([len(sentence.words) for sentence in self.sentences], dtype=np.intp)

    @cached_property
    def places(self) -> "WordPlaces":
        return WordPlaces.of(self.sentences)

    def counterparts(self, other: "ComparedText") -> Iterator[tuple[Sentence, list[Sentence]]]:
        """The sentences that the other text has, reworded, each with the best of its counterparts there."""
        if not other.sentences:
            return
        at_once = max(MAX_PAIRS // len(other.sentences), 1)
        for start in range(0, len(self.sentences), at_once):
            sentences = self.sentences[start : start + at_once]
            shared = other.places.shared(sentences, len(other.sentences))
            either = self.word_counts[start : start + at_once, np.newaxis] + other.word_counts - shared
            similarities = shared / either
            best = similarities.max(axis=1)
            for row in np.flatnonzero(best >= SAME_SENTENCE_WORDS):
                least = max(SAME_SENTENCE_WORDS, NEARLY_AS_GOOD * best[row])
                yield sentences[row], [other.sentences[place] for place in np.flatnonzero(similarities[row] >= least)]

    def similarity(self, other: "ComparedText") -> float | None:
        """Share of the shorter text that the longer one has, too; 0 where they are no copies.

        None where they tell the same with different numbers or names: neither may stand for the other.
        """
        shorter, longer = sorted((self, other), key=lambda compared: compared.length)
        common = 0
        for sentence, found in shorter.counterparts(longer):
            if is_conflict(sentence, found, shorter.names, longer.names):
                return None
            common += sentence.length
        of_shorter, of_longer = common / max(shorter.length, 1), common / max(longer.length, 1)
        is_copy = any(of_shorter >= least and of_longer >= least_of_longer for least, least_of_longer in COPIES)
        return of_shorter if is_copy else 0.0

    def agrees_with(self, other: "ComparedText") -> bool:
        """True unless they give different numbers or names for the same."""
        pairs = self.counterparts(other)
        return not any(is_conflict(sentence, found, self.names, other.names) for sentence, found in pairs)


@dataclass(frozen=True)
class WordPlaces:
    """Which sentences of a text have a word: those of word n are `places[starts[n] : starts[n] + counts[n]]`."""

    numbers: Mapping[str, int]
    starts: NDArray[np.intp]
    counts: NDArray[np.intp]
    places: NDArray[np.intp]

    @classmethod
    def of(cls, sentences: Sequence[Sentence]) -> "WordPlaces":
        by_word: dict[str, list[int]] = {}
        for place, sentence in enumerate(sentences):
            for word in sentence.words:
                by_word.setdefault(word, []).append(place)
        counts = np.array([len(places) for places in by_word.values()], dtype=np.intp)
        places = np.array(list(chain.from_iterable(by_word.values())), dtype=np.intp)
        return cls({word: number for number, word in enumerate(by_word)}, counts.cumsum() - counts, counts, places)

    def shared(self, sentences: Sequence[Sentence], width: int) -> NDArray[np.intp]:
        """How many words each of some sentences shares with each of this text's `width` ones [sentences, width].

        Counted for all at once: an article is compared with twenty others, and pair by pair that took as long as embedding it.
        """
        found = [
            (row, number)
            for row, sentence in enumerate(sentences)
            for word in sentence.words
            if (number := self.numbers.get(word)) is not None
        ]
        rows, numbers = np.array(found, dtype=np.intp).reshape(-1, 2).T
        counts = self.counts[numbers]
        # For each word found, the run of its places: an offset for the whole run, and a step for each place in it.
        offsets = np.repeat(self.starts[numbers] - (counts.cumsum() - counts), counts)
        places = self.places[offsets + np.arange(len(offsets))]
        cells = np.repeat(rows, counts) * width + places
        return np.bincount(cells, minlength=len(sentences) * width).reshape(len(sentences), width)


@lru_cache(maxsize=512)
def kept_apart(text: str) -> ComparedText:
    """A text of the last few hundred: what has many words in common with others is compared with most of what comes."""
    return ComparedText(text)


def is_conflict(
    sentence: Sentence, counterparts: Sequence[Sentence], ours: Collection[str], theirs: Collection[str]
) -> bool:
    """True if each of the best counterparts has other numbers, or another name in the same place; see names_another_than."""
    return all(sentence.conflicts_with(one) or sentence.names_another_than(one, ours, theirs) for one in counterparts)


def replaced(sentence: Sentence, other: Sentence) -> Iterator[tuple[Words, Words, str]]:
    """What stands in the place of what in two sentences, and the word that both go on with, "" at the end."""
    matcher = SequenceMatcher(None, sentence.in_order, other.in_order, autojunk=False)
    for change, start, end, other_start, other_end in matcher.get_opcodes():
        if change == "replace":
            after = sentence.in_order[end] if end < len(sentence.in_order) else ""
            yield sentence.in_order[start:end], other.in_order[other_start:other_end], after


def is_other_name(one: Words, two: Words, own: frozenset[str], others: frozenset[str], after: str) -> bool:
    """True if two runs of words in the same place are names of different bearers.

    own, others: names that only one of the two texts has. after: what follows, which may be the rest of both names.
    """
    if max(len(one), len(two)) > MAX_NAME_WORDS or not own.issuperset(one) or not others.issuperset(two):
        return False
    if after in BEFORE_NAMES or not BEFORE_NAMES.isdisjoint((*one, *two)) or is_initials(one) != is_initials(two):
        return False
    return not any(is_variant(a, b) for a in one for b in two)


def is_initials(words: Words) -> bool:
    """True for "U.S." and "EU", which another paper spells out."""
    return max(map(len, words)) <= MAX_INITIALS


def is_variant(name: str, other: str) -> bool:
    """True for spellings of one name: Kyiv and Kiev, Zelenskyy and Zelensky; and for Hungary and Hungarian."""
    sounds, other_sounds = consonants(name), consonants(other)
    # Katar and Qatar are one, Kell and Qell are two.
    shortest = SHORTEST_VARIANT + (name[0] != other[0])
    if min(len(name), len(other)) < shortest or not sounds or not other_sounds:
        return False
    return sounds == other_sounds or (name[:4] == other[:4] and sounds[:3] == other_sounds[:3])


def consonants(name: str) -> str:
    """What stays of a name however it is transliterated: its consonants, none doubled, without accents."""
    letters = unicodedata.normalize("NFKD", name).translate(SAME_SOUND)
    return DOUBLED.sub(r"\1", SILENT.sub("", "".join(filter(str.isalpha, letters))))


def shingles(text: str) -> frozenset[str]:
    """Every pair of neighbouring words; a shorter text is one shingle."""
    words = WORD.findall(text.lower())
    count = max(len(words) - SHINGLE_WORDS + 1, 1)
    return frozenset(" ".join(words[start : start + SHINGLE_WORDS]) for start in range(count))


def minhash_bands(text: str) -> tuple[str, ...]:
    """Keys of which similar texts share at least one, the more the more similar they are."""
    from rensa import RMinHash

    minhash = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
    minhash.update(sorted(shingles(text)))
    digest = minhash.digest()
    rows = PERMUTATIONS // BANDS
    return tuple(
        f"{band}:{hashlib.sha256(repr(digest[band * rows : (band + 1) * rows]).encode()).hexdigest()[:12]}"
        for band in range(BANDS)
    )


def duplicate_groups_of(text: str, candidates: Sequence[GroupedText]) -> list[str]:
    """The groups of which a text is a copy, the most similar first; none where it is no copy.

    The others are to become one with the first: this text is the link between them. Left out is a group that has a text with
    other numbers than this one or the first group: a cut text may lack the number in which a report and its update differ.
    """
    compared = ComparedText.of(text)
    scored = [(compared.similarity(other), other, group) for group, other in compared_candidates(candidates)]
    conflicting = {group for similarity, _, group in scored if similarity is None}
    copies = [
        (similarity, other, group) for similarity, other, group in scored if similarity and group not in conflicting
    ]
    if not copies:
        return []
    copies.sort(key=lambda copy: (-copy[0], copy[2]))
    first = copies[0][2]
    kept = [other for _, other, group in copies if group == first]
    groups = [first]
    for group in dict.fromkeys(group for _, _, group in copies[1:]):
        members = [other for _, other, of in copies if of == group]
        if group != first and all(one.agrees_with(other) for one in kept for other in members):
            groups.append(group)
            kept += members
    return groups


def compared_candidates(candidates: Sequence[GroupedText]) -> list[tuple[str, ComparedText]]:
    return [(candidate.group, ComparedText.of(candidate.text)) for candidate in candidates]
