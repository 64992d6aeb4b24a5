"""Which language a question is in, as far as it matters: is it English, which is what the reader reads?"""

from functools import lru_cache
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

from rag.text import STOP_WORDS, words_of

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

DETECTABLE_WORDS = 3
"""Fewer plain words say too little: "Kremlin spokesman" could be of any language."""
MAX_ENGLISH = 0.05
"""Probability of English up to which a question without an English small word counts as foreign. Of the 1,138 English questions
of four question sets one does, the title of a Spanish song (docs/quality.md)."""

FEW_WORDS = 4
"""Of so few words, when all are English ones, the detector knows less than their list: "tram line 7"."""
SHARED_WORDS = frozenset({"was", "will", "her", "over", "has", "for"})
"""Small words of English that German, Dutch, Danish or Spanish have too: "Was sagte der Minister?"."""
MAX_ENGLISH_OF_SHARED = 0.02
"""The same for a question whose only English small words are shared ones: "Was Ada Holm mayor?" has 0.03. Of 54,673 English
questions none more counts as foreign with these; of 57 questions in 18 languages 5 are missed instead of 22 (docs/quality.md)."""


def is_foreign(question: str) -> bool:
    """True for a question that is most probably in another language than English. A few names alone are none."""
    words = words_of(question)
    if len(words) < DETECTABLE_WORDS and question.isascii():
        return False
    english = {word for word in words if len(word) > 2 and word in STOP_WORDS}
    if english - SHARED_WORDS:
        return False
    if len(words) <= FEW_WORDS and all(word in english_words() for word in words if word.isalpha()):
        return False
    probabilities = dict(identifier().rank(question))
    return float(probabilities.get("en", 0.0)) <= (MAX_ENGLISH_OF_SHARED if english else MAX_ENGLISH)


@lru_cache(maxsize=1)
def identifier() -> "LanguageIdentifier":
    """py3langid (Lui and Baldwin 2012), with probabilities. Loaded once, when first asked."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@lru_cache(maxsize=1)
def english_words() -> frozenset[str]:
    """83,000 English words with common names, from symspellpy's frequency list (a line: word, count)."""
    # Located, not imported: importing symspellpy takes longer than reading its list.
    listed = distribution("symspellpy").locate_file("symspellpy/frequency_dictionary_en_82_765.txt")
    return frozenset(line.partition(" ")[0] for line in Path(str(listed)).read_text("utf-8-sig").splitlines())
