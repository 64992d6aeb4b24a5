"""Lines at the beginning of a page's text that are none of it: the title again, who wrote it, when, the reading time. Pure."""

import re

from rag.ingestion.linked_data import same_words

OPENING_LINES = 6
"""How many lines may stand before the text."""
MAX_BYLINE_WORDS = 15
MAX_NAME_WORDS_OF_AUTHOR = 5
SENTENCE_END = re.compile(r"[.!?。！？…।؟۔።][\"'”’»)]*\Z")
READING_TIME = re.compile(
    r"\b\d{1,2}[ -]min(?:ute)?s?\.? (?:read|lesezeit|de lecture|de lectura|di lettura)\b", re.IGNORECASE
)
MONTH = (
    r"(?:jan|feb|fév|mar|mär|apr|avr|abr|mai|may|mag|jun|juin|giu|jul|juil|lug|aug|aoû|ago|sep|set|oct|okt|ott|out|nov|dec|dez"
    r"|déc|dic|gen|ene|mrt|mei|maj)[^\W\d_]{0,8}\.?"
)
DAY_ALONE = re.compile(
    rf"(?:(?:published|posted|updated|last updated)(?: on)?:?\s+)?(?:[^\W\d_]{{2,10}}[.,]{{0,2}}\s+)?"
    rf"(?:{MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?|\d{{1,2}}(?:st|nd|rd|th|\.)?\s+(?:de\s+)?{MONTH})"
    r"(?:,?\s+(?:de\s+)?\d{4})?(?:,?\s+(?:at\s+|um\s+|à\s+)?\d{1,2}[:.h]\d{2}.{0,20})?"
    r"|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}-\d{2}-\d{2}|\d{1,2} (?:minute|hour|day|week)s? ago",
    re.IGNORECASE,
)


def without_opening(text: str, title: str, author: str) -> str:
    """The text without its title, and without lines of its first few that name the author, the day or the reading time.

    A short line right before a day or the title is a name, or a section's.
    """
    lines = text.split("\n\n")
    opening = lines[:OPENING_LINES]
    names = [name for one in author.split(",") if (name := same_words(one))]
    marked = [is_no_text(line, same_words(title), names) for line in opening]
    for place in range(len(opening) - 1, 0, -1):
        before = opening[place - 1]
        is_dated = bool(DAY_ALONE.fullmatch(opening[place])) or (place > 1 and marked[place])
        if marked[place] and is_dated and len(before.split()) <= MAX_NAME_WORDS_OF_AUTHOR and is_line(before):
            marked[place - 1] = True
    kept = [line for line, is_marked in zip(opening, marked, strict=True) if not is_marked] + lines[OPENING_LINES:]
    return "\n\n".join(kept) if kept else text


def is_no_text(line: str, title: str, names: list[str]) -> bool:
    """True for the title, a day alone, and for a line that is no sentence and names the author or the reading time."""
    if title and same_words(line) == title:
        return True
    if not is_line(line) or len(line.split()) > MAX_BYLINE_WORDS:
        return False
    words = same_words(line)
    return bool(DAY_ALONE.fullmatch(line) or READING_TIME.search(line)) or any(name in words for name in names)


def is_line(text: str) -> bool:
    """True for what ends as no sentence does."""
    return not SENTENCE_END.search(text)
