"""Words of a text as verification compares them: folded, stemmed alike for synonyms, with offsets."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from operator import eq

from rag.text import CLAIM_STOP_WORDS, word_set
from rag.verification.lexicon import CONTRACTIONS, OPPOSITES, PEOPLES, SYNONYMS
from vectorstore.stems import stem

TOKEN = re.compile(
    r"(?:[^\W\d_]\.){2,}"  # U.S.
    r"|\d+(?:[.,:]\d+)*"  # 20,000 and 2.5 and 18:00
    r"|[぀-ヿ㐀-鿿가-힯]"  # scripts without spaces between words: one character each
    r"|(?<![^\W\d_])n['’]t\b"  # "does n't", as some corpora write it
    r"|[^\W\d_]+(?:['’][^\W\d_]+)*"
    r"|[%$€£¥]"
)
CLAUSE_BREAK = re.compile(r"[,;:()\"“”.!?—–]|--")
NAME_ENDINGS = word_set("n an ian ans ians y i is ish ese s es a ia") | {""}


@dataclass(frozen=True, slots=True)
class Token:
    """A word or number. lowercase: folded, without possessive; clause: how many breaks, such as commas, come before."""

    text: str
    lowercase: str
    stem: str
    start: int
    end: int
    capital: bool
    clause: int

    @property
    def is_content(self) -> bool:
        return self.lowercase not in CLAIM_STOP_WORDS


def fold(text: str) -> str:
    """Lower case without accents, so that "Orbán" is "Orban"."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))


SYNONYM_STEMS = {word: stem(group.split()[0]) for group in SYNONYMS for word in group.split()}


@lru_cache(maxsize=50_000)
def synonym_stem(word: str) -> str:
    """The stem of a folded word; a group of synonyms shares the stem of its first word."""
    return SYNONYM_STEMS.get(word) or stem(word)


def tokenize(text: str) -> tuple[Token, ...]:
    """The words of a text in order, contractions as two words with the same offsets."""
    found: list[Token] = []
    clause = 0
    last = 0
    for match in TOKEN.finditer(text):
        clause += bool(CLAUSE_BREAK.search(text, last, match.start()))
        last = match.end()
        capital = match[0][0].isupper()
        for word in expanded(fold(match[0].replace("’", "'"))):
            found.append(Token(match[0], word, synonym_stem(word), *match.span(), capital and word != "i", clause))
    return tuple(found)


def expanded(word: str) -> tuple[str, ...]:
    """A folded word without dots and possessive; two words for a contraction."""
    if word in CONTRACTIONS:
        return CONTRACTIONS[word]
    if word.endswith("n't"):
        return word[:-3], "not"
    if not word[0].isdigit():
        word = word.replace(".", "")
    return (word.removesuffix("'s").rstrip("'").split("'")[0] or word,)


def opposite_stems() -> dict[str, frozenset[str]]:
    """The stems that say the opposite of a stem."""
    table: dict[str, set[str]] = {}
    for first, second in OPPOSITES:
        table.setdefault(synonym_stem(first), set()).add(synonym_stem(second))
        table.setdefault(synonym_stem(second), set()).add(synonym_stem(first))
    return {stem: frozenset(opposites) for stem, opposites in table.items()}


OPPOSITE_STEMS = opposite_stems()


def same_name(first: str, second: str) -> bool:
    """True if two folded words name the same: equal, plural, or a country and its people ("hungary", "hungarian")."""
    if synonym_stem(first) == synonym_stem(second) or (first, second) in PEOPLES or (second, first) in PEOPLES:
        return True
    common = sum(takewhile(bool, map(eq, first, second)))
    return common >= 4 and {first[common:], second[common:]} <= NAME_ENDINGS


def name_root(word: str) -> str:
    """What a country, its people and its language have in common: "~hungar" for Hungary and Hungarian."""
    country = next((country for country, people in PEOPLES if people == word), word)
    return "~" + re.sub(r"(?<=\w{4})(?:ians?|eans?|ans?|ese|ish|y|i|n|s|a|e)$", "", country)


def initials(words: Iterable[str]) -> str:
    """The first letters of the capitalised words, for acronyms."""
    return "".join(word[0] for word in words if word[:1].isupper()).lower()
