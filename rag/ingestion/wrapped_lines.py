"""Join lines that an editor or mail program broke at some width: a line end would otherwise end a sentence.

A line was broken if the next word would not have fitted into the width that the whole text keeps to. Verses, lists, tables and
headings, whose lines end where their author wanted, have room for more in nearly every line. A word that is divided at the end
of a line proves that its paragraph was broken, however narrow it is, and is whole again.
"""

import re
from itertools import accumulate

from rag.language import english_words

NARROWEST, WIDEST = 40, 130
"""Characters a line at which texts are broken: mail at 72 to 78, old exports at 60, wide editors at 100 to 120."""
BROKEN_SHARE = 0.7
"""Of the line ends within paragraphs so many must be such breaks. A guess: the last line before a list or a signature is none."""
LEAST_BREAKS = 2
OWN_LINE = re.compile(r"(?:[-*+•>#|=~`]|\d+[.)]\s|[ \t])")
"""How a line begins that stands by itself in Markdown and plain text: list, quotation, heading, table, code, indented."""
DIVIDED = re.compile(r"([^\W\d_]{2,40})-[ \t]*\n[ \t]*((?!and\b|or\b|to\b|nor\b)[^\W\d_]{2,40})")
"""Not the hyphen of "pre- and post-war"."""
SENTENCE_CLOSED = re.compile(r"[.!?:…][\"'”’»)\]]*$")


def join_wrapped_lines(text: str) -> str:
    """The text with such lines joined by a space, everything else as it is."""
    lines = text.split("\n")
    width = max((len(line.rstrip()) for line in lines), default=0)
    within = [n for n in range(len(lines) - 1) if lines[n].strip() and lines[n + 1].strip()]
    broken = [n for n in within if is_broken(lines[n], lines[n + 1], width)]
    divided = [n for n in within if is_divided(lines[n], lines[n + 1])]
    word_ends = set(divided)
    in_sentences = [n for n in broken if not SENTENCE_CLOSED.search(lines[n].rstrip())]
    if not NARROWEST <= width <= WIDEST or len(in_sentences) < LEAST_BREAKS or len(broken) < BROKEN_SHARE * len(within):
        broken = []
    joined = {*broken, *beside_divided(lines, within, divided)}
    whole = "".join(
        line
        if n == len(lines) - 1
        else line.rstrip() + ("\n" if n in word_ends else " ")
        if n in joined
        else line + "\n"
        for n, line in enumerate(lines)
    )
    return DIVIDED.sub(undivided, whole) if divided else whole


def is_divided(line: str, following: str) -> bool:
    """True if a word begins on one line and ends on the next."""
    found = DIVIDED.search(f"{line}\n{following}")
    return found is not None and found[2][0].islower() and not OWN_LINE.match(line) and not OWN_LINE.match(following)


def beside_divided(lines: list[str], within: list[int], divided: list[int]) -> list[int]:
    """Those of the line ends within paragraphs whose paragraph has a line that ends within a word."""
    paragraphs = list(accumulate(not line.strip() for line in lines))
    broken = {paragraphs[n] for n in divided}
    return [
        n
        for n in within
        if paragraphs[n] in broken and not OWN_LINE.match(lines[n]) and not OWN_LINE.match(lines[n + 1])
    ]


def undivided(found: re.Match[str]) -> str:
    """The word of two halves; "well-known" keeps the hyphen that it has anywhere."""
    begin, end = found[1], found[2]
    if not end[0].islower():
        return found[0]
    words = english_words()
    is_compound = f"{begin}{end}".lower() not in words and begin.lower() in words and end.lower() in words
    return f"{begin}-{end}" if is_compound else f"{begin}{end}"


def is_broken(line: str, following: str, width: int) -> bool:
    """True if the first word of the following line would not have fitted behind this one."""
    if OWN_LINE.match(line) or OWN_LINE.match(following):
        return False
    return len(line.rstrip()) + 1 + len(following.split(maxsplit=1)[0]) > width
