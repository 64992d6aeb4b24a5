"""A text read once for verification: words, quantities, names, negations, hedges, quoted words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from rag.verification.lexicon import HEDGES, NEGATORS, PERSON_TITLES, QUANTIFIERS, REPORTING, UNCERTAINTY
from rag.verification.quantities import MONTH_NUMBERS, WEEKDAYS, Quantities, read_quantities
from rag.verification.tokens import Token, fold, name_root, synonym_stem, tokenize

QUOTED = re.compile(r"[\"“„«]([^\"“”„«»]{2,400})[\"”“»]|``([^`']{2,400})''")
NO_NAMES = WEEKDAYS.keys() | MONTH_NUMBERS.keys() | REPORTING | PERSON_TITLES | NEGATORS
NO_NEGATION = ("only", "just", "doubt", "least")
"""After "no" and "not": "not only" denies nothing."""
SCOPE_WORDS = 3
"""How far a negation or a hedge reaches, in words of content: "did not win the race"."""

Scopes = tuple[tuple[str, ...], ...]
"""For each negation, hedge or quantifier of a text, the stems of the words that it governs."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A name or number in its place. left, right: stems of the two words around it, nearest first."""

    key: tuple[str, ...]
    is_number: bool
    left: tuple[str, str]
    right: tuple[str, str]


@dataclass(frozen=True, slots=True)
class ParsedText:
    """What verification compares. Words are folded to lower case, stems are shared by synonyms.

    stems: of words of content; name_roots: by the stem of a word in a name; negators: stems, in the order of `negated`.
    """

    text: str
    words: tuple[Token, ...]
    stems: frozenset[str]
    all_stems: frozenset[str]
    lowercase: frozenset[str]
    quantities: Quantities
    names: tuple[tuple[str, ...], ...]
    name_roots: Mapping[str, str]
    mentions: tuple[Mention, ...]
    negated: Scopes
    negators: tuple[str, ...]
    hedges: Scopes
    uncertainty: Scopes
    quantified: tuple[Scopes, ...]
    quoted: tuple[str, ...]


@lru_cache(maxsize=4_096)
def parse_text(text: str) -> ParsedText:
    words = tokenize(text)
    quantities = read_quantities(words, text)
    in_quantities = quantities.positions
    spans = name_spans(words, in_quantities, text)
    names = [tuple(word.lowercase for word in words[first : last + 1]) for first, last in spans]
    mentions = [Mention(name, False, *adjacent_words(words, *span)) for name, span in zip(names, spans, strict=True)]
    mentions += [
        Mention((f"{number.value:g}", number.kind), True, *adjacent_words(words, number.first, number.last))
        for number in quantities.numbers
    ]
    content = [
        at
        for at, word in enumerate(words)
        if word.is_content and at not in in_quantities and word.lowercase not in NEGATORS
    ]
    return ParsedText(
        text,
        words,
        stems=frozenset(words[at].stem for at in content),
        all_stems=frozenset(word.stem for word in words)
        | {name_root(word.lowercase) for word in words if word.capital},
        lowercase=frozenset(word.lowercase for word in words),
        quantities=quantities,
        names=tuple(names),
        name_roots={synonym_stem(word): name_root(word) for name in names for word in name},
        mentions=tuple(mentions),
        negated=scopes(words, content, NEGATORS, clauses=1),
        negators=tuple(words[at].stem for at in openers(words, NEGATORS)),
        hedges=scopes(words, content, HEDGES),
        uncertainty=scopes(words, content, UNCERTAINTY),
        quantified=tuple(scopes(words, content, group) for group in QUANTIFIERS),
        quoted=tuple(words_only(found[0] or found[1]) for found in QUOTED.findall(text)),
    )


def name_spans(words: tuple[Token, ...], in_quantities: frozenset[int], text: str) -> list[tuple[int, int]]:
    """First and last token of each run of capitalised words: names, and what else opens a sentence."""
    spans: list[tuple[int, int]] = []
    for at, word in enumerate(words):
        if not word.capital or at in in_quantities or word.lowercase in NO_NAMES:
            continue
        # "The", "He" and "However" open sentences; "US" and "It" differ in their second letter.
        if not word.is_content and not word.text[1:2].isupper():
            continue
        if spans and spans[-1][1] == at - 1 and text[words[at - 1].end : word.start].strip(" .-’'s") == "":
            spans[-1] = (spans[-1][0], at)
        else:
            spans.append((at, at))
    return spans


def adjacent_words(words: tuple[Token, ...], first: int, last: int) -> tuple[tuple[str, str], tuple[str, str]]:
    """Stems of the two words left and right of tokens [first, last], articles passed over."""
    before = [word.stem for word in words[max(0, first - 5) : first] if word.lowercase not in ("a", "an", "the")]
    after = [word.stem for word in words[last + 1 : last + 6] if word.lowercase not in ("a", "an", "the")]
    left, right = ([*before[::-1], "", ""], [*after, "", ""])
    return (left[0], left[1]), (right[0], right[1])


def openers(words: tuple[Token, ...], group: frozenset[str]) -> list[int]:
    """Where a word of the group begins a scope; "not only", "no doubt" and the like do not, nor "3 May" and "Will Smith"."""
    return [
        at
        for at, word in enumerate(words)
        if word.lowercase in group
        and not (word.lowercase in ("may", "will") and word.capital and (at > 0 or is_name_or_number(words[1:2])))
        and not (word.lowercase in ("no", "not") and at + 1 < len(words) and words[at + 1].lowercase in NO_NEGATION)
    ]


def is_name_or_number(following: tuple[Token, ...]) -> bool:
    """True if the next word shows that "May" or "Will" is a month or a name."""
    return any(word.capital or word.text[:1].isdigit() for word in following)


def scopes(words: tuple[Token, ...], content: list[int], group: frozenset[str], clauses: int = 0) -> Scopes:
    """What each word of the group governs: the next words of content, up to `clauses` clauses on, else those before."""
    found: list[tuple[str, ...]] = []
    for at in openers(words, group):
        clause = words[at].clause
        governed = [n for n in content if n > at and words[n].clause <= clause + clauses][:SCOPE_WORDS]
        governed = governed or [n for n in content if n < at and words[n].clause == clause][-SCOPE_WORDS:]
        found.append(tuple(words[n].stem for n in governed))
    return tuple(found)


def words_only(text: str) -> str:
    """Folded words without punctuation, for comparing quotations."""
    return " ".join(re.findall(r"\w+", fold(text)))
