"""What the proof reads in a text, once: words, numbers, dates, names, negations, hedges, quoted words."""

import re
from dataclasses import dataclass
from functools import lru_cache

from rag.verification.lexicon import HEDGES, NEGATORS, QUANTIFIERS, REPORTING, STOPWORDS
from rag.verification.quantities import MONTHS, WEEKDAYS, Figures, figures
from rag.verification.tokens import Token, fold, root, tokens

QUOTED = re.compile(r"[\"“„«]([^\"“”„«»]{2,400})[\"”“»]|``([^`']{2,400})''")
TITLES = frozenset({"mr", "mrs", "ms", "dr", "sir", "prof", "st"})
# How far a negation or a hedge reaches, in words of content: "did not win the race".
REACH = 3
# Too common in plain statements ("about", "will"), or verbs of reporting, to make a fact doubtful by themselves.
NOT_ALWAYS_HEDGES = frozenset({"about", "set", "if", "whether", "due", "claim", "claims", "claimed"})
# "Will arrest" is no doubt: it does not stand for "may arrest" or "would seek to arrest".
FUTURE = frozenset({"will", "would", "shall"})


@dataclass(frozen=True, slots=True)
class Mention:
    """A name or number in its place. key: what it is; left, right: the two words beside it, nearest first."""

    key: tuple[str, ...]
    number: bool
    left: tuple[str, str]
    right: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """One text as the proof sees it. Stems are of words of content; scopes are what a negation or hedge governs."""

    text: str
    words: tuple[Token, ...]
    stems: frozenset[str]
    all_stems: frozenset[str]
    lows: frozenset[str]
    figures: Figures
    names: tuple[tuple[str, ...], ...]
    mentions: tuple[Mention, ...]
    negated: tuple[tuple[str, ...], ...]
    negators: tuple[str, ...]
    hedged: tuple[tuple[str, ...], ...]
    doubted: tuple[tuple[str, ...], ...]
    quantified: tuple[tuple[tuple[str, ...], ...], ...]
    quoted: tuple[str, ...]


@lru_cache(maxsize=4_096)
def read(text: str) -> Reading:
    """Read a text of a few sentences."""
    words = tokens(text)
    counted = figures(words, text)
    spans = [(number.first, number.last) for number in counted.numbers] + [
        (day.first, day.last) for day in counted.days
    ]
    in_figures = {at for first, last in spans for at in range(first, last + 1)}
    runs = name_runs(words, in_figures, text)
    mentions = [
        mention(words, first, last, tuple(word.low for word in words[first : last + 1]), False) for first, last in runs
    ]
    mentions += [mention(words, n.first, n.last, (f"{n.value:g}", n.kind), True) for n in counted.numbers]
    content = [
        at for at, word in enumerate(words) if word.content and at not in in_figures and word.low not in NEGATORS
    ]
    denied, deniers = scopes(words, content, NEGATORS, over_comma=1)
    return Reading(
        text,
        words,
        frozenset(words[at].stem for at in content),
        frozenset(word.stem for word in words) | {root(word.low) for word in words if word.capital},
        frozenset(word.low for word in words),
        counted,
        tuple(tuple(word.low for word in words[first : last + 1]) for first, last in runs),
        tuple(mentions),
        denied,
        deniers,
        scopes(words, content, HEDGES - NOT_ALWAYS_HEDGES)[0],
        scopes(words, content, HEDGES - NOT_ALWAYS_HEDGES - FUTURE)[0],
        tuple(scopes(words, content, group)[0] for group in QUANTIFIERS),
        tuple(flat(found[0] or found[1]) for found in QUOTED.findall(text)),
    )


def name_runs(words: tuple[Token, ...], taken: set[int], text: str) -> list[tuple[int, int]]:
    """Stretches of capitalised words, first and last token: names, and whatever else opens a sentence."""
    runs: list[tuple[int, int]] = []
    for at, word in enumerate(words):
        name = word.capital and at not in taken and word.low not in WEEKDAYS and word.low not in MONTHS
        # "The", "He" and "However" open sentences; "US" and "It" differ in their second letter.
        if not name or (word.low in STOPWORDS and not (len(word.text) > 1 and word.text[1:2].isupper())):
            continue
        if word.low in REPORTING or word.low in TITLES or word.low in NEGATORS:
            continue
        if runs and runs[-1][1] == at - 1 and text[words[at - 1].end : word.start].strip(" .-’'s") == "":
            runs[-1] = (runs[-1][0], at)
        else:
            runs.append((at, at))
    return runs


def mention(words: tuple[Token, ...], first: int, last: int, key: tuple[str, ...], number: bool) -> Mention:
    """A name or number with its neighbours, articles passed over."""
    before = [word.stem for word in words[max(0, first - 5) : first] if word.low not in ("a", "an", "the")]
    after = [word.stem for word in words[last + 1 : last + 6] if word.low not in ("a", "an", "the")]
    left = (*before[::-1][:2], "", "")
    right = (*after[:2], "", "")
    return Mention(key, number, (left[0], left[1]), (right[0], right[1]))


def scopes(
    words: tuple[Token, ...], content: list[int], openers: frozenset[str], over_comma: int = 0
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """For each negation, hedge or quantifier, what it governs: the next words of content, else those before it.

    Returns the governed stems and, beside them, the openers' own stems.
    """
    found: list[tuple[str, ...]] = []
    by: list[str] = []
    for at, word in enumerate(words):
        if word.low not in openers:
            continue
        following = words[at + 1].low if at + 1 < len(words) else ""
        if word.low in ("no", "not") and following in ("only", "just", "doubt", "least"):
            continue
        governed = [words[n].stem for n in content if n > at and words[n].clause <= word.clause + over_comma][:REACH]
        if not governed:
            governed = [words[n].stem for n in content if n < at and words[n].clause == word.clause][-REACH:]
        found.append(tuple(governed))
        by.append(word.stem)
    return tuple(found), tuple(by)


def flat(text: str) -> str:
    """Words only, for comparing what stands in quotation marks."""
    return " ".join(re.findall(r"\w+", fold(text)))
