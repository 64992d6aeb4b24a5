"""Join lines that an editor or mail program broke at some width: a line end would otherwise end a sentence.

A line was broken if the next word would not have fitted into the width that the whole text keeps to. Verses, lists, tables and
headings, whose lines end where their author wanted, have room for more in nearly every line.
"""

import re

NARROWEST, WIDEST = 40, 100
"""Characters a line at which texts are broken: mail at 72 to 78, old exports at 60, wide editors at 100."""
BROKEN_SHARE = 0.7
"""Of the line ends within paragraphs so many must be such breaks. A guess: the last line before a list or a signature is none."""
LEAST_BREAKS = 2
OWN_LINE = re.compile(r"(?:[-*+•>#|=~`]|\d+[.)]\s|[ \t])")
"""How a line begins that stands by itself in Markdown and plain text: list, quotation, heading, table, code, indented."""
SENTENCE_CLOSED = re.compile(r"[.!?:…][\"'”’»)\]]*$")


def join_wrapped_lines(text: str) -> str:
    """The text with such lines joined by a space, everything else as it is."""
    lines = text.split("\n")
    width = max((len(line.rstrip()) for line in lines), default=0)
    within = [n for n in range(len(lines) - 1) if lines[n].strip() and lines[n + 1].strip()]
    broken = [n for n in within if is_broken(lines[n], lines[n + 1], width)]
    in_sentences = [n for n in broken if not SENTENCE_CLOSED.search(lines[n].rstrip())]
    if not NARROWEST <= width <= WIDEST or len(in_sentences) < LEAST_BREAKS or len(broken) < BROKEN_SHARE * len(within):
        return text
    joined = set(broken)
    return "".join(
        line if n == len(lines) - 1 else line.rstrip() + " " if n in joined else line + "\n"
        for n, line in enumerate(lines)
    )


def is_broken(line: str, following: str, width: int) -> bool:
    """True if the first word of the following line would not have fitted behind this one."""
    if OWN_LINE.match(line) or OWN_LINE.match(following):
        return False
    return len(line.rstrip()) + 1 + len(following.split(maxsplit=1)[0]) > width
