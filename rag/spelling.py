"""Mistyped words of a question: the library's own nearest word for what neither its articles nor English know. Pure."""

import re
from collections.abc import Iterable, Sequence

from editdistpy import damerau_osa

from rag.language import english_words, is_foreign
from rag.text import STOP_WORDS
from vectorstore.lexical import LexicalSearch

TYPED_WORD = re.compile(r"(?<![\w'’])[^\W\d_]{3,40}(?!\w|['’]t\b)")
"""Letters alone: "depot14321" and "B2B" are names that nothing resembles; and no "hasn't"."""
LONG_WORD = 8
"""From this many letters on two may be wrong, below it one. As in most full-text search engines."""
MOST_MISTYPED = 8
"""A question with more unknown words is in no language that the articles are in; each is compared with every word."""
SHORT_WORD_LETTERS = 3
"""Words of this length are near to too many others: they are only ever small words ("teh", "hwo")."""


def respelled(question: str, index: LexicalSearch, libraries: Sequence[str], english_too: bool = False) -> str:
    """The question with its mistyped words as these libraries write them; itself where every word exists.

    english_too: a word of English that the articles do not have may be a slip as well ("hungry" for Hungary), where another word
    is one for certain.
    """
    unknown = {match[0] for match in TYPED_WORD.finditer(question) if not exists(match[0], index)}
    if english_too and unknown:
        unknown = {match[0] for match in TYPED_WORD.finditer(question) if not in_the_articles(match[0], index)}
    if not question.isupper():
        # Abbreviations are near to too many others.
        unknown = {word for word in unknown if not word.isupper()}
    if not 0 < len(unknown) <= MOST_MISTYPED:
        return question
    words = [*index.words_of_libraries(libraries), *sorted(STOP_WORDS)]
    near = {typed: like(typed, nearest_word(typed.lower(), words)) for typed in unknown}
    # Mistyped English looks foreign; a foreign question has further words that are near to none.
    if not all(near.values()) and is_foreign(question):
        return question
    return TYPED_WORD.sub(lambda match: near.get(match[0]) or match[0], question)


def exists(typed: str, index: LexicalSearch) -> bool:
    """True for a word of the articles or of English."""
    return in_the_articles(typed, index) or typed.lower() in english_words()


def in_the_articles(typed: str, index: LexicalSearch) -> bool:
    """True for a word of the articles or a small one; "whos" and "whats" are read as well without their apostrophe."""
    word = typed.lower()
    return word.removesuffix("s") in STOP_WORDS or word in STOP_WORDS or index.knows(word)


def nearest_word(word: str, words: Iterable[str]) -> str:
    """The word that takes the fewest slips of the fingers to become this one; "" where none is near.

    A slip is a letter too many, too few, wrong, or swapped with the next one. The first letter is right, or swapped: one
    sees it while typing, and names that differ in it (Zell, Kell) are different names. Of several words one with the same
    last letter goes first, then one of the same length, then the first.
    """
    slips = 2 if len(word) >= LONG_WORD else 1
    best, nearest = (slips + 1, True, True), ""
    for other in words:
        if abs(len(other) - len(word)) > slips or not (other[0] == word[0] or other[:2] == word[1::-1]):
            continue
        if len(word) <= SHORT_WORD_LETTERS and other not in STOP_WORDS:
            continue
        distance = damerau_osa.distance(word, other, slips)
        unlike = (distance, other[-1] != word[-1], len(other) != len(word))
        if distance >= 0 and unlike < best:
            best, nearest = unlike, other
    return nearest


def like(typed: str, word: str) -> str:
    """The word in capitals where the typed one is."""
    if typed.isupper():
        return word.upper()
    return word.capitalize() if typed[:1].isupper() else word
