"""Markup in the fields of exports: what of it is text. Whole web pages are read elsewhere (pages.py)."""

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

from rag.ingestion.decoding import Unreadable
from rag.ingestion.tables import Cell, number_in, worded_table
from rag.text import word_set

MARKUP = re.compile(
    r"</(?:p|div|article|section|span|a|b|i|em|strong|ul|ol|li|h[1-6]|table|figure|blockquote)\s*>|<(?:br|p)\b[^<>]*>",
    re.IGNORECASE,
)
TAGS_IN_TEXT = re.compile(
    r"</?(?P<name>a|abbr|article|aside|b|big|blockquote|center|cite|code|del|details"
    r"|div|em|figcaption|figure|font|h[1-6]|header|hr|i|iframe|img|ins|kbd|li|mark|ol|p|picture|q|s|section|small|source|span"
    r"|strike|strong|sub|summary|sup|table|tbody|td|th|thead|time|tr|u|ul|video)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
TEMPLATE_TAG = re.compile(
    r"\{\{[<%][^{}\n]{0,1000}[>%]\}\}|\{%[^{}\n]{0,1000}%\}|\[/?(?:caption|gallery|embed|audio|video)\b[^\[\]\n]{0,500}\]"
)
"""In whose place Hugo, Jekyll and WordPress put something: `{{< youtube 1a2b >}}`, `{% include map.html %}`, `[caption …]`."""
ENCLOSED = (("<!--", "-->"), ("<script\\b", "</script\\s*>"), ("<style\\b", "</style\\s*>"))
"""What begins and ends a part of a text that is not for readers."""
# What Word and feeds leave behind, <![if !supportLists]> and <![CDATA[, stops Python's parser.
DECLARATION = re.compile(r"<!\[CDATA\[|\]\]>|<!--|<[!?][^<>]*>?", re.IGNORECASE)
# A tag that does not end makes it search to the end of the page, once for every such tag.
ENDLESS_TAG = re.compile(r"<(?=[A-Za-z/][^<>]*(?:<|\Z))")
TABLE = re.compile(r"<table\b(?:(?!<table\b).)*?</table\s*>", re.IGNORECASE | re.DOTALL)
"""Without another in it: of an endless one only the part before the next is looked through."""
BLOCK = "\v"
"""Stands, for a moment, where an element that is a paragraph or entry of its own begins or ends."""
LINE_BREAK = re.compile(r"<br\s*/?>\n?", re.IGNORECASE)
BLANK_LINE = re.compile(r"\n[ \t\r]*\n\s*")
SOURCE_LINE_END = re.compile(r"\r?\n")
"""A line ends in the source of a page wherever its author liked; a blank line is a paragraph in exports with few tags."""
DEEPEST_FIELD = 100
"""Open elements that are kept in mind; no text nests forms and navigation deeper, and each is looked at for every tag."""
BLOCKS = word_set("""
    address article blockquote body br dd div dl dt figcaption figure h1 h2 h3 h4 h5 h6 header hr li main ol p pre
    section table td th tr ul
""")
NOT_READ = word_set("aside button footer form head iframe nav noscript script select style svg template title")

EVERYWHERE = "body"
PLACES = ("article", "main", EVERYWHERE)
"""Where the text may stand, the best place first: exports of whole pages have menus around it."""


@dataclass(slots=True)
class OpenTable:
    """A table while its tags come: its cells by rows, the words of the last one in pieces, and how long the text was before.

    holds_another: it is a layout, as in newsletters.
    """

    before: dict[str, int]
    rows: list[list[Cell]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    cell: Cell | None = None
    holds_another: bool = False

    def begin_cell(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.end_cell()
        self.cell = Cell("", tag == "th", number_in(attributes.get("colspan")), number_in(attributes.get("rowspan")))

    def end_cell(self) -> None:
        if self.cell is not None:
            self.rows = self.rows or [[]]
            self.rows[-1].append(replace(self.cell, words=" ".join("".join(self.words).split())))
        self.cell, self.words = None, []

    def begin_row(self) -> None:
        self.end_cell()
        self.rows.append([])

    def lines(self) -> list[str]:
        """Its caption and rows, where they can be quoted by themselves; else []."""
        self.end_cell()
        told = [] if self.holds_another else worded_table(self.rows)
        return ["".join(self.beside), *told] if told else []


class TextParser(HTMLParser):
    """Collects the text for readers by where it stands, a line end between blocks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: dict[str, list[str]] = {place: [] for place in PLACES}
        self.open: list[str] = []
        self.tables: list[OpenTable] = []
        self.has_worded_table = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if len(self.open) < DEEPEST_FIELD and (tag in NOT_READ or tag in PLACES):
            self.open.append(tag)
        if tag == "table":
            self.begin_table()
        elif self.tables and tag == "tr":
            self.tables[-1].begin_row()
        elif self.tables and tag in ("td", "th"):
            self.tables[-1].begin_cell(tag, dict(attrs))
        self.end_block(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            # Whatever was left open inside ends with it.
            del self.open[len(self.open) - 1 - self.open[::-1].index(tag) :]
        if tag == "table" and self.tables:
            self.end_table(self.tables.pop())
        elif self.tables and tag in ("td", "th", "tr"):
            self.tables[-1].end_cell()
        self.end_block(tag)

    def begin_table(self) -> None:
        for around in self.tables:
            around.holds_another = True
        if len(self.tables) < DEEPEST_FIELD:
            self.tables.append(OpenTable({place: len(pieces) for place, pieces in self.pieces.items()}))

    def end_table(self, table: OpenTable) -> None:
        """Put its rows, where they can be quoted by themselves, in place of its cells."""
        if lines := table.lines():
            self.has_worded_table = True
            for place, pieces in self.pieces.items():
                del pieces[table.before[place] :]
            self.add("\n" + "\n".join(lines) + "\n")

    def handle_data(self, data: str) -> None:
        if NOT_READ.isdisjoint(self.open):
            self.add(SOURCE_LINE_END.sub(" ", BLANK_LINE.sub("\v", data)).replace("\v", "\n"))

    def end_block(self, tag: str) -> None:
        if tag in BLOCKS:
            self.add("\n")

    def add(self, text: str) -> None:
        if self.tables:
            table = self.tables[-1]
            (table.beside if table.cell is None else table.words).append(text)
        for place, pieces in self.pieces.items():
            if place == EVERYWHERE or place in self.open:
                pieces.append(text)

    def text(self) -> str:
        """Paragraphs with a blank line between them: those of <article>, else of <main>, else all."""
        for pieces in self.pieces.values():
            lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
            if text := "\n\n".join(line for line in lines if line):
                return text
        return ""


def is_markup(text: str) -> bool:
    """True if a field holds HTML: exports keep the body as the site had it."""
    return MARKUP.search(text) is not None


def without_tags(text: str) -> str:
    """Text or Markdown without the HTML that stands in it; its lines stay, and an address in <> is no tag."""
    for opening, closing in ENCLOSED:
        text = without_enclosed(text, opening, closing)
    text = TABLE.sub(worded_table_tag, TEMPLATE_TAG.sub("", text))
    text = TAGS_IN_TEXT.sub(block_mark, LINE_BREAK.sub("\n", text))
    if BLOCK not in text:
        return text
    return "\n\n".join(stripped for part in text.split(BLOCK) if (stripped := part.strip()))


def block_mark(tag: re.Match[str]) -> str:
    """What stands for a tag: the words of two paragraphs or entries must not run into each other."""
    return BLOCK if tag["name"].lower() in BLOCKS else ""


def worded_table_tag(found: re.Match[str]) -> str:
    """A table within Markdown as its rows, where they can be quoted by themselves; else as it is."""
    parser = TextParser()
    with suppress(AssertionError):
        parser.feed(ENDLESS_TAG.sub("&lt;", found[0]))
    return f"\n\n{parser.text()}\n\n" if parser.has_worded_table else found[0]


def without_enclosed(text: str, opening: str, closing: str) -> str:
    """The text without what these two patterns enclose, in time that grows with its length alone."""
    ends = [found.end() for found in re.finditer(closing, text, re.IGNORECASE)]
    if not ends:
        return text
    # Behind the last end every opening would be searched for its end in vain.
    enclosed = re.compile(f"{opening}.*?{closing}", re.IGNORECASE | re.DOTALL)
    return enclosed.sub("", text[: ends[-1]]) + text[ends[-1] :]


def text_of_html(markup: str) -> str:
    """The paragraphs of HTML as text, a blank line between them. Raises Unreadable for what html.parser gives up on."""
    parser = TextParser()
    try:
        markup = DECLARATION.sub("", without_enclosed(markup, *ENCLOSED[0]))
        parser.feed(ENDLESS_TAG.sub("&lt;", markup))
        parser.close()
    except AssertionError as error:
        raise Unreadable(f"is HTML that cannot be parsed ({error}).") from None
    return parser.text()
