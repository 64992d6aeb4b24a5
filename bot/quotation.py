"""A quote as a reader sees it: without the marks of its markup, no quotation mark doubled or left open. Pure.

Only what is shown changes: a citation keeps its quote and its offsets to the letter.
"""

import re
from collections.abc import Iterable, Sequence

from vectorstore.values import Span

QUOTATION_MARK = re.compile('[“”„"]')
BEFORE_OPENING = " \n\t\u00a0([*:-–—"
OPENING_MARKS = ("“", "„", "«", '"', "”")
OPENING = {"”": "“", '"': '"', "“": "„"}
"""What opens a quotation that this mark closes. One that only “ closes is German."""
CLOSING = {"“": "”", '"': '"', "„": "“", "”": "”"}

LINK_TARGET = r"[^()\s]{1,1000}(?:\([^()\s]{0,300}\)[^()\s]{0,300}){0,3}(?:\s\"[^\"\n]{0,200}\")?"
MARKDOWN_LINK = re.compile(rf"(?P<open>!?\[)[^\[\]\n]{{1,300}}(?P<close>\]\((?=[^()\s]*[/#.@?]){LINK_TARGET}\))")
""" "Sec. 3(a)[2](b)" and "[Smith](2019)" lead nowhere."""
REFERENCE_LINK = re.compile(r"(?P<open>\[)(?=[^\[\]\n]*[^\W\d_])[^\[\]\n]{1,300}(?P<close>\]\[[^\[\]\n]{0,80}\])")
""" "[harbour][1]"; "[1][2]" are the numbers of two notes."""
WIKI_LINK = re.compile(r"(?P<open>!?\[\[(?:[^\[\]|\n]{1,300}\|)?)[^\[\]|\n]{1,300}(?P<close>\]\])")
FOOTNOTE = re.compile(r"(?P<open>\[\^[^\[\]\s]{1,40}\])(?!:)")
EMPHASIS_UNLESS = {r"\*{3}": "", r"\*{2}": "", r"\*": r"(?!\d+[*#])", r"_{2}": "", r"_": "", r"`": ""}
PAIRED = tuple(
    re.compile(
        rf"(?<![\w\\*_`])(?P<open>{mark})(?=[^\s*_`]){unless}[^\n]{{1,1000}}?(?<=[^\s*_`\\])(?P<close>{mark})(?![\w*_`])"
    )
    for mark, unless in EMPHASIS_UNLESS.items()
)
"""Within words none of these is a mark: "snake_case", "2*3"; nor are stars for letters or to dial: "s**t", "*100#"."""
OPENED_ONLY = re.compile(r"(?:(?<=\s)|^)(?P<open>\*{2,3})(?=[^\s*])")
CLOSED_ONLY = re.compile(r"(?<=[.!?…:;,\"”’)])(?P<close>\*{2,3})(?![\w*])")
"""A sentence in the middle of what is emphasised has one of the two marks, or none."""
LINE_BEGINNING = re.compile(
    r"^[^\S\n]*(?P<open>(?:>[^\S\n]?+(?![\d$€£]))+(?:#{1,6}[^\S\n]+)?|#{1,6}[^\S\n]+|\*[^\S\n]+)",
    re.MULTILINE,
)
"""A heading, a quotation, a list. "> 5 percent" is none: there it says more than."""
ESCAPE = re.compile(r"(?P<open>\\)(?=[*_`#\[\]>~])")
MARKDOWN = (
    MARKDOWN_LINK,
    REFERENCE_LINK,
    WIKI_LINK,
    FOOTNOTE,
    *PAIRED,
    OPENED_ONLY,
    CLOSED_ONLY,
    LINE_BEGINNING,
    ESCAPE,
)


def without_markdown(quote: str, spans: Sequence[Span] = ()) -> tuple[str, tuple[Span, ...]]:
    """The quote without Markdown's marks and the targets of links, and the spans in it; no other character goes."""
    marks = markdown_marks(quote)
    if not marks or not (shown := without(quote, marks)).strip():
        return quote, tuple(spans)
    moved = ((len(without(quote[:start], marks)), len(without(quote[:end], marks))) for start, end in spans)
    return shown, tuple(span for span in moved if span[0] < span[1])


def markdown_marks(quote: str) -> list[Span]:
    """Where the marks stand, in order and apart."""
    found = sorted(
        match.span(name)
        for pattern in MARKDOWN
        for match in pattern.finditer(quote)
        for name, value in match.groupdict().items()
        if value
    )
    apart: list[Span] = []
    for start, end in found:
        if apart and start <= apart[-1][1]:
            apart[-1] = apart[-1][0], max(end, apart[-1][1])
        else:
            apart.append((start, end))
    return apart


def without(text: str, cuts: Iterable[Span]) -> str:
    """The text without these stretches, which are in order and apart; they may end behind it."""
    kept, position = [], 0
    for start, end in cuts:
        kept.append(text[position:start])
        position = end
    return "".join([*kept, text[position:]])


def begins_quoted(quote: str) -> bool:
    """True if the quote begins with a quotation mark of its own."""
    return quote.lstrip().startswith(OPENING_MARKS)


def opens(mark: str, opened: str, before: str, after: str) -> bool:
    """True if a mark opens a quotation rather than closes the one that is `opened` ("" for none)."""
    begins, speaks = not before or before in BEFORE_OPENING, after.isalnum()
    if mark == "“":
        return opened != "„" and (begins or speaks)
    return mark == "„" or (not opened and begins and (mark == '"' or speaks))


def unpaired_marks(text: str) -> tuple[str, str]:
    """The mark that must open the text for its first closing one, and the one that must close it; "" for none.

    “so”, "so", „so“ as in German, „so” as in Polish and Hungarian, ”so” as in Swedish.
    """
    unopened = opened = ""
    for found in QUOTATION_MARK.finditer(text):
        mark, before, after = found[0], text[: found.start()][-1:], text[found.end() :][:1]
        if opens(mark, opened, before, after):
            opened = mark
        elif opened:
            opened = ""
        elif not unopened and not (mark == '"' and before.isdigit()):  # 12" are inches.
            unopened = OPENING[mark]
    return unopened, CLOSING.get(opened, "")
