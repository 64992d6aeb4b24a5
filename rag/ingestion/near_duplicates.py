"""Recognise copies of one text, rewritten ones too: they form a duplicate group, which is one piece of evidence.

MinHash (rensa) finds candidates by their pairs of words. Each is then compared sentence by sentence: a copy may be cut,
reordered and reworded, but most of the shorter text has a counterpart in the longer one, and no counterpart has other numbers.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from rag.sentences import sentence_spans
from rag.text import jaccard
from rag.verification.quantities import TENS, UNITS
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
NUMBER_WORDS = {word: str(number) for word, number in (UNITS | TENS).items() if number > 1}
""" "one" is more often a pronoun."""


@dataclass(frozen=True, slots=True)
class GroupedText:
    """A text that may be another one's copy, and its duplicate group."""

    group: str
    text: str


@dataclass(frozen=True)
class Sentence:
    """A sentence's words in lower case without its numbers, its numbers, and how many words it has."""

    words: frozenset[str]
    numbers: frozenset[str]
    length: int

    @classmethod
    def of(cls, text: str) -> "Sentence":
        words = WORD.findall(text.lower())
        numbers = {NUMBER_WORDS.get(word, word) for word in words if word in NUMBER_WORDS or word[0].isdigit()}
        return cls(frozenset(words) - numbers - NUMBER_WORDS.keys(), frozenset(numbers), len(words))

    def conflicts_with(self, other: "Sentence") -> bool:
        """True where each has a number that the other has not: "14 dead" and "19 dead" are two reports."""
        return bool(self.numbers - other.numbers and other.numbers - self.numbers)


@dataclass(frozen=True)
class ComparedText:
    """A text as it is compared: by its sentences."""

    text: str

    @cached_property
    def sentences(self) -> list[Sentence]:
        found = [Sentence.of(self.text[start:end]) for start, end in sentence_spans(self.text)]
        return [sentence for sentence in found if sentence.words]

    @cached_property
    def length(self) -> int:
        """How many words it has."""
        return sum(sentence.length for sentence in self.sentences)

    @cached_property
    def by_word(self) -> Mapping[str, list[int]]:
        """The places of the sentences that have a word."""
        places: dict[str, list[int]] = {}
        for place, sentence in enumerate(self.sentences):
            for word in sentence.words:
                places.setdefault(word, []).append(place)
        return places

    def counterparts(self, sentence: Sentence) -> list[tuple[float, Sentence]]:
        """The sentences that may be this one, reworded, with their similarities, the most similar first."""
        shared = Counter(place for word in sentence.words for place in self.by_word.get(word, ()))
        least = SAME_SENTENCE_WORDS * len(sentence.words)
        alike = [
            (jaccard(sentence.words, self.sentences[place].words), place)
            for place, count in shared.items()
            if count >= least
        ]
        return [
            (score, self.sentences[place])
            for score, place in sorted(alike, reverse=True)
            if score >= SAME_SENTENCE_WORDS
        ]

    def similarity(self, other: "ComparedText") -> float | None:
        """Share of the shorter text that the longer one has, too; 0 where they are no copies.

        None where they tell the same with different numbers: neither may stand for the other.
        """
        shorter, longer = sorted((self, other), key=lambda compared: compared.length)
        common = 0
        for sentence in shorter.sentences:
            if found := longer.counterparts(sentence):
                if is_conflict(sentence, found):
                    return None
                common += sentence.length
        of_shorter, of_longer = common / max(shorter.length, 1), common / max(longer.length, 1)
        is_copy = any(of_shorter >= least and of_longer >= least_of_longer for least, least_of_longer in COPIES)
        return of_shorter if is_copy else 0.0

    def agrees_with(self, other: "ComparedText") -> bool:
        """True unless they give different numbers for the same."""
        return not any(is_conflict(sentence, other.counterparts(sentence)) for sentence in self.sentences)


def is_conflict(sentence: Sentence, counterparts: Sequence[tuple[float, Sentence]]) -> bool:
    """True if each of the best counterparts has other numbers."""
    good = [one for score, one in counterparts if score >= NEARLY_AS_GOOD * counterparts[0][0]]
    return bool(good) and all(sentence.conflicts_with(one) for one in good)


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
    compared = ComparedText(text)
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
    return [(candidate.group, ComparedText(candidate.text)) for candidate in candidates]
