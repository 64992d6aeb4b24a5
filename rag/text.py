"""What text is made of: words, stop words, stems, the similarity of two sets of words, lines that are safe to show, moments."""

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta

from vectorstore.stems import WORD, stem

SURROGATE = re.compile("[\ud800-\udfff]")
"""Lone surrogates cannot be encoded, for a tokenizer or a file; one character stands in for one, so that offsets hold."""
WORD_WITH_ENDING = re.compile(r"\w+(?:['’]\w+)?")


def word_set(words: str) -> frozenset[str]:
    """The words of a constant: long lists are easier to read and to extend without quotes and commas."""
    return frozenset(words.split())


STOP_WORDS = word_set("""
    a an and are as at be been being but by can could did do does doing for from had has have he her him his how i
    if in into is it its itself may me might more most much must my of on or our ours out over own shall she should
    so some such than that the their theirs them then there these they this those to too under until up us very was
    we were what when where which while who whom whose why will with would you your yours about after again all
    also am any because before between both down during each few further here just no nor not now off once only
    other same through
""")
"""Words of a question that do not name its subject. rag/data/judge.json is fitted with exactly these."""

CLAIM_STOP_WORDS = STOP_WORDS | word_set("""
    above according across additionally against along already although among another anyone below came either else
    ever every furthermore get gets getting go goes going got having hers herself himself however let like many
    meanwhile mine moreover myself neither one onto others overall per put rather s several since still t
    themselves though thus toward towards upon whatever whether within without yet
""")
"""Words that a claim may add or omit without saying something else. In a question some of them narrow the subject ("one",
"without", "since"), so its list is shorter."""


def words_of(text: str) -> list[str]:
    """Lower-case words in order, without possessive endings."""
    return [word.removesuffix("'s").removesuffix("’s") for word in WORD_WITH_ENDING.findall(text.lower())]


def distinct_words(text: str) -> frozenset[str]:
    """The different words of a text in lower case, split at apostrophes: what copies of a passage are compared by."""
    return frozenset(WORD.findall(text.lower()))


def stems_of(text: str) -> frozenset[str]:
    """The stems of a text's words."""
    return frozenset(stem(word) for word in words_of(text))


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """Size of the intersection over the size of the union, 0 for two empty sets."""
    union = len(first | second)
    return len(first & second) / union if union else 0.0


JOINERS = ("\u200c", "\u200d")
JOINER = re.compile(r"(?<=[^\x00-\x7f\s])([\u200c\u200d])(?=[^\x00-\x7f\s])")
"""Between letters of other scripts it is part of their spelling, between emoji it makes one of several."""


def keeping_joiners(clean: Callable[[str], str], text: str) -> str:
    """The text cleaned of what cannot be seen, but for what joins letters and emoji."""
    return "".join(piece if piece in JOINERS else clean(piece) for piece in JOINER.split(text))


def clean_line(text: str) -> str:
    """One line without control, zero-width and bidi characters: how titles, outlets and URLs are shown."""
    if text.strip(" \n").isprintable():
        # All that is taken out is not printable, and of what separates words only the space is: a tenth of the time.
        return " ".join(text.split())
    # Cc control, Cf format (zero-width, bidi), Cs lone surrogates, Co private use, Zl/Zp line and paragraph separators.
    kept = (" " if unicodedata.category(c) in ("Zl", "Zp") or c in "\t\n\r\v\f\x85" else c for c in text)
    return " ".join("".join(c for c in kept if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co")).split())


def moment_words(moment: datetime) -> str:
    """ "17 October 2025, 14:05 +02:00": a moment that is known to the minute, in its own zone."""
    zone = "UTC" if moment.utcoffset() == timedelta(0) else f"{moment:%z}"[:3] + ":" + f"{moment:%z}"[3:5]
    return f"{moment.day} {moment:%B %Y, %H:%M} {zone}"
