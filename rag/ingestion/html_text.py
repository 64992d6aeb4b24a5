"""The article of a web page, by Python's own parser: its paragraphs, and what its head says of it. Small and honest: no
guessing at what is advertising; what stands in <article>, else in <main>, else in the page without its navigation.
"""

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser

from rag.ingestion.decoding import Unreadable, decode
from rag.text import word_set

MARKUP = re.compile(
    r"</(?:p|div|article|section|span|a|b|i|em|strong|ul|ol|li|h[1-6]|table|figure|blockquote)\s*>|<(?:br|p)\b[^<>]*>",
    re.IGNORECASE,
)
TAGS_IN_TEXT = re.compile(
    r"</?(?:a|abbr|article|aside|b|big|blockquote|center|cite|code|del|details"
    r"|div|em|figcaption|figure|font|h[1-6]|header|hr|i|iframe|img|ins|kbd|li|mark|ol|p|picture|q|s|section|small|source|span"
    r"|strike|strong|sub|summary|sup|table|tbody|td|th|thead|time|tr|u|ul|video)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
ENCLOSED = (("<!--", "-->"), ("<script\\b", "</script\\s*>"), ("<style\\b", "</style\\s*>"))
"""What begins and ends a part of a text that is not for readers."""
# What Word and feeds leave behind, <![if !supportLists]> and <![CDATA[, stops Python's parser.
DECLARATION = re.compile(r"<!\[CDATA\[|\]\]>|<!--|<[!?][^<>]*>?", re.IGNORECASE)
# A tag that does not end makes it search to the end of the page, once for every such tag.
ENDLESS_TAG = re.compile(r"<(?=[A-Za-z/][^<>]*(?:<|\Z))")
LINE_BREAK = re.compile(r"<br\s*/?>\n?", re.IGNORECASE)
BLANK_LINE = re.compile(r"\n[ \t\r]*\n\s*")
SOURCE_LINE_END = re.compile(r"\r?\n")
"""A line ends in the source of a page wherever its author liked; a blank line is a paragraph in exports with few tags."""
CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
HEAD_BYTES = 4_096
DEEPEST_PAGE = 100
"""Open elements that are kept in mind; no page nests articles and navigation deeper, and each is looked at for every tag."""
BLOCKS = word_set("""
    address article blockquote body br dd div dl dt figcaption figure h1 h2 h3 h4 h5 h6 header hr li main ol p pre
    section table td th tr ul
""")
NOT_READ = word_set("aside button footer form iframe nav noscript script select style svg template")
NAMES_IN_HEAD = {
    "og:title": "title",
    "og:site_name": "source",
    "og:url": "url",
    "article:published_time": "published",
    "datepublished": "published",
    "date": "published",
    "dc.date": "published",
    "dcterms.date": "published",
    "pubdate": "published",
}
"""What <meta property, name or itemprop> is called, and our name for it."""


@dataclass(slots=True)
class Pieces:
    """Text as it is collected; "\\n" between blocks."""

    article: list[str] = field(default_factory=list)
    main: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    title: list[str] = field(default_factory=list)
    linked_data: list[str] = field(default_factory=list)


class PageParser(HTMLParser):
    """Collects text by where it stands, and the fields of the head."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces = Pieces()
        self.fields: dict[str, object] = {}
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "meta":
            name = (given.get("property") or given.get("name") or given.get("itemprop") or "").lower()
            self.note(NAMES_IN_HEAD.get(name, ""), given.get("content", ""))
        elif tag == "link" and given.get("rel", "").lower() == "canonical":
            self.note("url", given.get("href", ""))
        elif tag == "time" and not self.within(NOT_READ):
            self.note("published", given.get("datetime", ""))
        elif tag == "html":
            self.note("language", given.get("lang", ""))
        if len(self.open) < DEEPEST_PAGE and (tag in NOT_READ or tag in ("article", "main", "title", "head")):
            self.open.append("ld+json" if "ld+json" in given.get("type", "") else tag)
        self.end_block(tag)

    def handle_endtag(self, tag: str) -> None:
        tag = "ld+json" if tag == "script" and "ld+json" in self.open else tag
        if tag in self.open:
            # Whatever was left open inside ends with it.
            del self.open[len(self.open) - 1 - self.open[::-1].index(tag) :]
        self.end_block(tag)

    def handle_data(self, data: str) -> None:
        if "ld+json" in self.open:
            self.pieces.linked_data.append(data)
        elif "title" in self.open and not self.within(NOT_READ):
            self.pieces.title.append(data)
        elif not self.within(NOT_READ | {"head"}):
            self.add(SOURCE_LINE_END.sub(" ", BLANK_LINE.sub("\v", data)).replace("\v", "\n"))

    def add(self, text: str) -> None:
        self.pieces.body.append(text)
        for name, pieces in (("article", self.pieces.article), ("main", self.pieces.main)):
            if name in self.open:
                pieces.append(text)

    def end_block(self, tag: str) -> None:
        if tag in BLOCKS:
            self.add("\n")

    def within(self, tags: frozenset[str] | set[str]) -> bool:
        return not tags.isdisjoint(self.open)

    def note(self, name: str, value: str) -> None:
        """Keep a field's first value: pages name other articles further down."""
        if name and value.strip():
            self.fields.setdefault(name, value.strip())


def is_markup(text: str) -> bool:
    """True if a field holds HTML: exports keep the body as the site had it."""
    return MARKUP.search(text) is not None


def without_tags(text: str) -> str:
    """Text or Markdown without the HTML that stands in it; its lines stay, and an address in <> is no tag."""
    for opening, closing in ENCLOSED:
        text = without_enclosed(text, opening, closing)
    return TAGS_IN_TEXT.sub("", LINE_BREAK.sub("\n", text))


def without_enclosed(text: str, opening: str, closing: str) -> str:
    """The text without what these two patterns enclose, in time that grows with its length alone."""
    ends = [found.end() for found in re.finditer(closing, text, re.IGNORECASE)]
    if not ends:
        return text
    # Behind the last end every opening would be searched for its end in vain.
    enclosed = re.compile(f"{opening}.*?{closing}", re.IGNORECASE | re.DOTALL)
    return enclosed.sub("", text[: ends[-1]]) + text[ends[-1] :]


def text_of_html(markup: str) -> str:
    """The paragraphs of HTML as text, a blank line between them. Raises Unreadable."""
    return collected_text(parsed(markup).pieces)


def page_fields(content: bytes) -> dict[str, object]:
    """A web page as the fields of an article. Raises Unreadable when nothing is left of it."""
    page = parsed(decode_page(content))
    text = collected_text(page.pieces)
    if not text:
        raise Unreadable("holds no text outside of scripts and navigation.")
    title = " ".join("".join(page.pieces.title).split())
    return {"title": title} | linked_fields(page.pieces.linked_data) | page.fields | {"text": text}


def parsed(markup: str) -> PageParser:
    """Raises Unreadable for what html.parser gives up on."""
    parser = PageParser()
    try:
        markup = DECLARATION.sub("", without_enclosed(markup, *ENCLOSED[0]))
        parser.feed(ENDLESS_TAG.sub("&lt;", markup))
        parser.close()
    except AssertionError as error:
        raise Unreadable(f"is HTML that cannot be parsed ({error}).") from None
    return parser


def decode_page(content: bytes) -> str:
    """A page's characters: what its bytes are, else the encoding it names. Raises Unreadable."""
    named = CHARSET.search(content[:HEAD_BYTES])
    with suppress(UnicodeDecodeError):
        return content.decode("utf-8-sig")
    if named:
        with suppress(LookupError, UnicodeDecodeError):
            return content.decode(named[1].decode("ascii"))
    return decode(content)


def collected_text(pieces: Pieces) -> str:
    """The text of <article>, else of <main>, else of everything that is read."""
    for collected in (pieces.article, pieces.main, pieces.body):
        lines = (" ".join(line.split()) for line in "".join(collected).split("\n"))
        if text := "\n\n".join(line for line in lines if line):
            return text
    return ""


def linked_fields(scripts: list[str]) -> dict[str, object]:
    """Date and outlet from schema.org's JSON-LD, which most news sites carry."""
    fields: dict[str, object] = {}
    with suppress(ValueError, RecursionError):
        found = json.loads("".join(scripts) or "{}")
        graph = found.get("@graph", [found]) if isinstance(found, dict) else found
        for thing in graph if isinstance(graph, list) else []:
            if isinstance(thing, dict) and thing.get("datePublished"):
                fields = {"published": thing["datePublished"], "source": thing.get("publisher")}
                break
    return fields
