"""Does a passage put a claim's names, numbers and things where the claim puts them? A reader is asked, gap by gap.

Of "Gill is the Kremlin spokesman." it is asked "what is the Kremlin spokesman?": where it underlines other words than those
that were taken out, the claim has put them in another's place. (Checking a text with questions made from it: Wang et al.
2020, QAGS.)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from rag.models.passage_network import Encoded, NetworkScores, PassageNetwork, ReaderPassage, encode, span_scores
from rag.verification.lexicon import DETERMINERS, JOINING, PLACING
from rag.verification.parsed_text import ParsedText, parse_text
from rag.verification.tokens import Token
from vectorstore.values import Span

MAX_CLOZES = 7
MAX_CLOZE_WORDS = 6
MAX_FILLING_TOKENS = 25
LOWEST_MARGIN = -10.0
"""A gap's margin at most so far below 0: one that is filled quite otherwise weighs no more than one filled otherwise."""
UNASKED = -0.9
"""Of a Placement, between what true claims and false ones have: nothing is known."""


@dataclass(frozen=True, slots=True)
class Cloze:
    """Words of a claim that the passage has too. question: the claim with "what" or "whose" in their place; found: where the
    passage has them, offsets in its text; is_subject: the claim begins with them."""

    question: str
    found: tuple[Span, ...]
    is_subject: bool


@dataclass(frozen=True, slots=True)
class Placement:
    """How well a claim's words fill their gaps: 0 where no other words of the passage fill them better, at lowest some -3.2.

    subject: the gap that the claim begins with, of which all the rest is said; elsewhere: the others, on average. UNASKED
    where there is no such gap.
    """

    subject: float
    elsewhere: float


PERFECT = Placement(0.0, 0.0)


def placement(networks: Sequence[PassageNetwork], claim: ParsedText, passage: str) -> Placement:
    """What the networks together find: of each gap the mean of their margins."""
    subject, elsewhere = UNASKED, []
    for cloze in clozes(claim, passage):
        margins = []
        for network in networks:
            encoded = encode(network.tokenizer, cloze.question, ReaderPassage(passage, "", ()))
            margins.append(max(LOWEST_MARGIN, margin(encoded, network.scores(encoded), cloze.found)))
        # The root: that a gap is filled otherwise says most, by how much little (docs/experiments.md).
        fit = -math.sqrt(-np.mean(margins))
        if cloze.is_subject:
            subject = fit
        else:
            elsewhere.append(fit)
    return Placement(subject, float(np.mean(elsewhere)) if elsewhere else UNASKED)


def margin(encoded: Encoded, scores: NetworkScores, found: Sequence[Span]) -> float:
    """How much the best span that touches one of these places scores below the best span of all."""
    read = scores.tokens[encoded.passage_start : encoded.passage_start + len(encoded.offsets)]
    spans = span_scores(read[:, 0], read[:, 1], MAX_FILLING_TOKENS)
    own = -np.inf
    for start, end in found:
        tokens = [at for at, (first, last) in enumerate(encoded.offsets) if first < end and last > start]
        if tokens:
            own = max(own, float(spans[: tokens[-1] + 1, tokens[0] :].max()))
    return own - float(spans.max()) if np.isfinite(own) else LOWEST_MARGIN


def clozes(claim: ParsedText, passage: str) -> list[Cloze]:
    """The longest stretches of the claim's words that the passage has, where a name, a number or a thing stands: first in the
    claim, capitalised, or after an article or a preposition. Others are mostly verbs, of which nobody asks so."""
    words, known = spoken_words(claim), spoken_words(parse_text(passage))
    found: list[Cloze] = []
    at = 0
    while at < len(words) and len(found) < MAX_CLOZES:
        end = longest_match(words, at, known)
        if end == at:
            at += 1
            continue
        before = words[at - 1].lowercase if at else ""
        named = any(word.capital or word.text[0].isdigit() for word in words[max(at, 1) : end])
        # "20 000": half a number is no gap.
        beside = [*words[max(at - 1, 0) : at], *words[end : end + 1]]
        is_half = any(word.text[0].isdigit() for word in words[at:end]) and any(w.text[0].isdigit() for w in beside)
        if not is_half and (not at or named or before in DETERMINERS | PLACING):
            begin = words[at - 1].start if before in DETERMINERS else words[at].start
            asked = "whose" if words[end - 1].text.lower().endswith(("'s", "’s")) else "what"
            rest = claim.text[words[end - 1].end :].rstrip(" .!")
            # "Restaurants" are asked for, and "the restaurant" fills the gap as well.
            question, is_subject = f"{claim.text[:begin]}{asked}{rest}?", begin == words[0].start
            found.append(Cloze(question, places(words[at:end], known, "stem"), is_subject))
        at = end
    return found


def spoken_words(text: ParsedText) -> list[Token]:
    """The words of a text, a contraction as one."""
    return [word for at, word in enumerate(text.words) if not at or word.start != text.words[at - 1].start]


def longest_match(words: Sequence[Token], at: int, known: Sequence[Token]) -> int:
    """Where the longest stretch from `at` ends that the passage has, half-open, from a word of content to one; `at` without."""
    best = end = at
    while end < len(words) and end - at < MAX_CLOZE_WORDS:
        word = words[end]
        joins = end > at and (word.lowercase in JOINING or words[end - 1].lowercase in JOINING)
        if word.clause != words[at].clause or not (word.is_content or joins):
            break
        # "Mayor Brandt" and "welcomed" are two things; the first word of a claim is capitalised whatever it is.
        if best > max(at, 1) and word.is_content and word.capital != words[best - 1].capital:
            break
        end += 1
        if not places(words[at:end], known, "lowercase"):
            break
        if word.is_content:
            best = end
    return best


def places(words: Sequence[Token], known: Sequence[Token], alike: str) -> tuple[Span, ...]:
    """Where words that are alike (of the same "lowercase" or "stem") stand one after the other, in one clause."""
    value = attrgetter(alike)
    wanted = list(map(value, words))
    found = []
    for at in range(len(known) - len(wanted) + 1):
        last = known[at + len(wanted) - 1]
        # The first word alone is compared first: it is quick.
        same = value(known[at]) == wanted[0] and list(map(value, known[at : at + len(wanted)])) == wanted
        if same and known[at].clause == last.clause:
            found.append((known[at].start, last.end))
    return tuple(found)
