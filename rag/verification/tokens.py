"""Words as the proof sees them: tokens with stems, and the short lists of English that change what is said."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from rag.verification.lexicon import CONTRACTIONS, OPPOSITES, PEOPLES, STOPWORDS, SYNONYMS
from vectorstore.stems import STEMMER

TOKEN = re.compile(
    r"(?:[^\W\d_]\.){2,}"  # U.S.
    r"|\d+(?:[.,:]\d+)*"  # 20,000 and 2.5 and 18:00
    r"|[぀-ヿ㐀-鿿가-힯]"  # scripts without spaces between words: one character each
    r"|(?<![^\W\d_])n['’]t\b"  # "does n't", as some corpora write it
    r"|[^\W\d_]+(?:['’][^\W\d_]+)*"
    r"|[%$€£¥]"
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word or figure. `low`: folded, lower case, no possessive; `clause`: counts commas and the like before it."""

    text: str
    low: str
    stem: str
    start: int
    end: int
    capital: bool
    clause: int

    @property
    def content(self) -> bool:
        """Carries meaning of its own."""
        return self.low not in STOPWORDS


def fold(text: str) -> str:
    """Lower case without accents, so that "Orbán" is "Orban"."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))


@lru_cache(maxsize=50_000)
def stem(low: str) -> str:
    """The stem, one for all synonyms."""
    return SYNONYM_STEMS.get(low) or str(STEMMER.stemWord(low))


def synonym_stems() -> dict[str, str]:
    """Each word of a group of synonyms with the stem of the group's first."""
    return {word: str(STEMMER.stemWord(group.split()[0])) for group in SYNONYMS for word in group.split()}


SYNONYM_STEMS = synonym_stems()


def tokens(text: str) -> tuple[Token, ...]:
    """The words of a text in order, with offsets into it."""
    found: list[Token] = []
    clause = 0
    last = 0
    for match in TOKEN.finditer(text):
        clause += bool(re.search(r"[,;:()\"“”.!?—–]|--", text[last : match.start()]))
        last = match.end()
        word = match.group().replace("’", "'")
        lows: tuple[str, ...]
        low = fold(word)
        if low in CONTRACTIONS:
            lows = CONTRACTIONS[low]
        elif low.endswith("n't"):
            lows = (low[:-3], "not")
        else:
            low = low.replace(".", "") if not low[0].isdigit() else low
            lows = (low.removesuffix("'s").rstrip("'").split("'")[0] or low,)
        for low in lows:
            capital = word[0].isupper() and low != "i"
            found.append(Token(match.group(), low, stem(low), match.start(), match.end(), capital, clause))
    return tuple(found)


def opposites() -> dict[str, frozenset[str]]:
    """For each stem that has any, the stems that say the contrary."""
    table: dict[str, set[str]] = {}
    for one, other in OPPOSITES:
        table.setdefault(stem(one), set()).add(stem(other))
        table.setdefault(stem(other), set()).add(stem(one))
    return {one: frozenset(others) for one, others in table.items()}


CONTRARY = opposites()


def same_name(one: str, other: str) -> bool:
    """Do two folded words name the same: equal, plural or people of a country ("hungary", "hungarian")?"""
    if one == other or stem(one) == stem(other) or (one, other) in PEOPLES or (other, one) in PEOPLES:
        return True
    common = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    endings = {one[common:], other[common:]}
    return common >= 4 and endings <= {
        "",
        "n",
        "an",
        "ian",
        "ans",
        "ians",
        "y",
        "i",
        "is",
        "ish",
        "ese",
        "s",
        "es",
        "a",
        "ia",
    }


def root(low: str) -> str:
    """What a country, its people and its language have in common: "hungar" for Hungary and Hungarian."""
    country = next((country for country, people in PEOPLES if people == low), low)
    return "~" + (re.sub(r"(?<=\w{4})(?:ians?|eans?|ans?|ese|ish|y|i|n|s|a|e)$", "", country))


def initials(words: Iterable[str]) -> str:
    """The first letters of the capitalised words, for acronyms."""
    return "".join(word[0] for word in words if word[:1].isupper()).lower()
