"""Names that question and articles write differently: the ICC here, the International Criminal Court there. Pure.

Readers of text compare words; this gives the question the words of the articles that a search found.
"""

import re
from collections.abc import Iterable, Iterator

from rag.text import STOP_WORDS

SMALL_WORDS = r"(?:of|the|and|for|in|on|to)"
CAPITALISED = re.compile(rf"\b[A-Z][\w’'-]+(?:[ \t]+(?:{SMALL_WORDS}[ \t]+){{0,2}}[A-Z][\w’'-]+)+")
LONGEST_NAME = 8
"""Capitalised words of one name: a headline that writes every word with a capital is none."""
SHORT_WORD = re.compile(r"\b[A-Za-z]{2,6}\b")
MIN_LOWERCASE = 3
""" "icc" is an abbreviation where the articles have such a name; "us" and "it" would be words."""
OFFICES = {
    "ceo": "chief executive",
    "fm": "foreign minister",
    "mp": "member of parliament",
    "pm": "prime minister",
    "vp": "vice president",
}
"""Offices that are asked for in letters and written out, seldom with capitals: no name in the articles gives them away."""
TIME_OF_DAY = re.compile(r"\d\s*$")
"""Before "pm": half past seven has no prime minister."""


def initials_of(name: str) -> str:
    """ "ICC" for International Criminal Court; small words do not count."""
    return "".join(word[0] for word in name.split() if word[:1].isupper())


def full_names_in(text: str) -> Iterator[str]:
    """Runs of two to eight capitalised words of one line, and the runs within them."""
    for match in CAPITALISED.finditer(text):
        words = list(re.finditer(r"[A-Z][\w’'-]+", match[0]))
        for first in range(len(words) - 1):
            for last in range(first + 1, min(first + LONGEST_NAME, len(words))):
                yield match[0][words[first].start() : words[last].end()]


def in_the_articles_words(question: str, texts: Iterable[str]) -> str:
    """The question with the full name for an abbreviation that the texts spell out, or the abbreviation behind a name.

    "Is Hungary in the ICC?" becomes "Is Hungary in the International Criminal Court?". What the texts write as the
    question does stays.
    """
    text = "\n".join(texts)
    lowered = text.lower()
    full_names: dict[str, str] = {}
    for name in full_names_in(text):
        full_names.setdefault(initials_of(name), name)

    def spelled(match: re.Match[str]) -> str:
        word = match[0]
        office = OFFICES.get(word.lower())
        if office is not None and not TIME_OF_DAY.search(question[: match.start()]):
            return office if office in lowered and not re.search(rf"\b{word.upper()}s?\b", text) else word
        name = full_names.get(word.upper())
        is_word = word.islower() and (len(word) < MIN_LOWERCASE or word in STOP_WORDS)
        if name is None or is_word or not (word.isupper() or word.islower()) or name.lower() in question.lower():
            return word
        return word if re.search(rf"\b{word.upper()}\b", text) else name

    question = SHORT_WORD.sub(spelled, question)
    for name in sorted(set(full_names_in(question)), key=lambda name: (-len(name), name)):
        short = initials_of(name)
        if name not in text and re.search(rf"\b{short}\b", text) and f"({short})" not in question:
            question = question.replace(name, f"{name} ({short})", 1)
    return question
