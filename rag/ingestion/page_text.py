"""The main text of a web page, word for word: what trafilatura takes for it, after what belongs to other things is cut out.

A live blog is told by its data or its markup and becomes one text of dated entries.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from datetime import datetime, timedelta

from lxml.etree import SubElement
from lxml.html import HtmlElement
from trafilatura import bare_extraction

from rag.ingestion.dates import NoDate, parse_published
from rag.ingestion.invitations import is_invitation, reads_elsewhere
from rag.ingestion.linked_data import LIVE_BLOG, has_type, same_words
from rag.ingestion.markup import is_markup, text_of_html
from rag.ingestion.page_metadata import PageMetadata, class_parts, in_site_header, one_line_of
from rag.ingestion.tables import Cell, beside, number_in, worded_table
from rag.text import word_set

NOT_TEXT_TAGS = word_set("""
    aside nav footer form script style noscript template iframe button select figcaption dialog svg video audio amp-list amp-ad
    amp-sidebar amp-consent
""")
NOT_TEXT_PARTS = word_set("""
    related relatedposts recommended recommendations teaser teasers promo newsletter signup consent gdpr cookie cookies comments
    commentlist share sharing sharedaddy social caption wp-caption-text credit advert advertisement ads adslot sponsored
    breadcrumb breadcrumbs outbrain taboola pullquote factbox infobox bio readmore readnext recirc navigation paywall jp
""")
"""Words of the class or id of what stands within an article and is not its text."""
NOT_TEXT_CLASSES = word_set("""
    ad ad-slot ad-unit read-more more-stories author-box wp-caption-text tags tag-list entry-footer byline date
    timestamp posted-on entry-meta meta""")
MOST_CUT = 0.5
"""Share of a page's words above which a part is the article whatever its class says."""
LIVE_PARTS = word_set("live liveblog liveticker ticker")
FEWEST_ENTRIES = 3
FEWEST_ENTRY_WORDS = 5
INLINE = word_set("hi ref del graphic span")
"""trafilatura's names for what stands within a line."""
BLOCKS_OF_TEXT = word_set(
    "address article blockquote dd div dl dt h1 h2 h3 h4 h5 h6 header li main ol p pre section table td th tr ul"
)
BOXES = word_set("div section ul ol table td")
LEAST_FOUND = 0.6
"""Share of the data's articleBody below which the text that was found in the page is taken for a part of it."""
SENTENCE_END = re.compile(r"[.!?。！？…।؟۔።][\"'”’»)]*\Z")
MAX_TEASER_WORDS = 25
MAX_BYLINE_WORDS = 15
MAX_RELATED_WORDS = 60
"""Of a box that leads to other articles: their titles, and a line on each."""
READING_TIME = re.compile(
    r"\b\d{1,2}[ -]min(?:ute)?s?\.? (?:read|lesezeit|de lecture|de lectura|di lettura)\b", re.IGNORECASE
)


def main_text(tree: HtmlElement, about: PageMetadata) -> str:
    """The article's paragraphs with a blank line between them, "" where there are none."""
    text = live_blog_text(tree, about) or extracted_text(tree)
    body = about.article.get("articleBody")
    told = body if isinstance(body, str) else ""
    told = text_of_html(told) if is_markup(told) else told
    # Pages that a script fills have the text in their data alone.
    if len(text.split()) < LEAST_FOUND * len(told.split()):
        text = "\n\n".join(line for line in map(one_line_of, told.splitlines()) if line)
    return without_byline(
        without_title(text, about.found.fields.get("title", "")), about.found.fields.get("author", "")
    )


def extracted_text(tree: HtmlElement) -> str:
    page = deepcopy(tree)
    cut_out(page)
    word_tables(page)
    for section in page.iter("section"):
        # trafilatura would join sections that hold words and no paragraph, end to end.
        if not any(child.tag in BLOCKS_OF_TEXT for child in section.iterdescendants()):
            section.tag = "p"
    found = bare_extraction(page, include_comments=False, include_tables=True, with_metadata=False)
    if found is None or isinstance(found, dict) or found.body is None:
        return ""
    pieces: list[str] = []
    collect(found.body, pieces)
    return "\n\n".join(line for one in "".join(pieces).split("\n") if (line := one_line_of(one)))


def word_tables(page: HtmlElement) -> None:
    """Put the rows of tables, where they can be quoted by themselves, in place of their cells, as paragraphs."""
    for table in list(page.iter("table")):
        if (
            table.getparent() is None
            or table.find(".//table") is not None
            or next(table.iterancestors("table"), None) is not None
        ):
            continue
        lines = worded_table([[page_cell(one) for one in row if one.tag in ("td", "th")] for row in table.iter("tr")])
        if not lines:
            continue
        caption = one_line_of(" ".join(one.text_content() for one in table.iter("caption")))
        rows = HtmlElement()
        rows.tag, rows.tail = "div", table.tail
        for line in filter(None, (caption, *lines)):
            SubElement(rows, "p").text = line
        table.getparent().replace(table, rows)


def page_cell(element: HtmlElement) -> Cell:
    columns, rows = number_in(element.get("colspan")), number_in(element.get("rowspan"))
    return Cell(one_line_of(" ".join(element.itertext())), element.tag == "th", columns, rows)


def collect(element: HtmlElement, pieces: list[str]) -> None:
    """The words under an element of trafilatura's, a line end around blocks; its own text has marks where lists are."""
    if element.tag == "row":
        pieces.append("\n" + beside([Cell(one_line_of("".join(cell.itertext()))) for cell in element]) + "\n")
    else:
        inline = element.tag in INLINE
        pieces.append(("" if inline else "\n") + one_line_within(element.text or ""))
        for child in element:
            collect(child, pieces)
        pieces.append("" if inline else "\n")
    pieces.append(one_line_within(element.tail or ""))


def without_title(text: str, title: str) -> str:
    """The text without its first line where that is the title, which is stored by itself."""
    first, _, rest = text.partition("\n\n")
    return rest if rest and same_words(first) == same_words(title) else text


def without_byline(text: str, author: str) -> str:
    """The text without its first line where that is no sentence and names the author or how long the reading takes."""
    first, _, rest = text.partition("\n\n")
    if not rest or len(first.split()) > MAX_BYLINE_WORDS or SENTENCE_END.search(first):
        return text
    line, names = same_words(first), [same_words(name) for name in author.split(",")]
    return rest if READING_TIME.search(first) or any(name and name in line for name in names) else text


def cut_out(page: HtmlElement) -> None:
    """Take menus, asides, captions, comments, consent boxes, advertisements, teasers and invitations out of a page."""
    words = len(page.text_content().split())
    for element in list(page.iter()):
        if not isinstance(element.tag, str) or element.getparent() is None or element.tag in ("html", "body", "main"):
            continue
        is_other = is_not_text(element) or is_teaser(element) or is_byline(element) or is_related(element)
        if is_other and len(element.text_content().split()) <= MOST_CUT * words:
            element.drop_tree()


def is_not_text(element: HtmlElement) -> bool:
    if element.tag in NOT_TEXT_TAGS:
        return True
    if element.tag == "header":
        # An article's own may hold its first paragraph.
        return in_site_header(element)
    classes = set(f"{element.get('class') or ''} {element.get('id') or ''}".lower().split())
    return not (NOT_TEXT_CLASSES.isdisjoint(classes) and NOT_TEXT_PARTS.isdisjoint(class_parts(element)))


def is_teaser(element: HtmlElement) -> bool:
    """A paragraph that is a link and no sentence, or has "Read also:" before its link, or invites to sign up."""
    if element.tag != "p":
        return False
    text, linked = (
        one_line_of(element.text_content()),
        one_line_of(" ".join(a.text_content() for a in element.iter("a"))),
    )
    if is_invitation(text):
        return True
    if not linked or len(text.split()) > MAX_TEASER_WORDS:
        return False
    return reads_elsewhere(text.removesuffix(linked)) or (text == linked and not SENTENCE_END.search(text))


def is_related(element: HtmlElement) -> bool:
    """A box of links whose first words are "Read next" or the like, whatever it is called."""
    if element.tag not in BOXES or next(element.iter("a"), None) is None:
        return False
    first = next(filter(None, map(one_line_of, element.itertext())), "")
    return reads_elsewhere(first) and len(element.text_content().split()) <= MAX_RELATED_WORDS


def is_byline(element: HtmlElement) -> bool:
    """A line with a time in it that is no sentence: "By Ines Halloran, 6 May 2025"."""
    if element.tag not in ("p", "div", "span") or element.find(".//time") is None:
        return False
    text = one_line_of(element.text_content())
    return len(text.split()) <= MAX_BYLINE_WORDS and not SENTENCE_END.search(text)


# Live blogs


def live_blog_text(tree: HtmlElement, about: PageMetadata) -> str:
    """The entries of a live blog, each under its date and time; "" for a page that is none."""
    entries = list(data_entries(about)) or list(marked_entries(tree, about))
    if len(entries) < FEWEST_ENTRIES:
        return ""
    return "\n\n".join(f"{moment_words(moment)}\n\n{text}" if moment else text for moment, text in entries)


def data_entries(about: PageMetadata) -> Iterator[tuple[datetime | None, str]]:
    """Times and texts from schema.org's liveBlogUpdate."""
    if not has_type(about.article, (LIVE_BLOG,)):
        return
    for entry in about.linked.live_entries(about.article):
        body = entry.get("articleBody")
        text = body if isinstance(body, str) else ""
        text = text_of_html(text) if is_markup(text) else "\n\n".join(filter(None, map(one_line_of, text.splitlines())))
        headline = one_line_of(about.linked.words(entry.get("headline")))
        heading = "" if same_words(text).startswith(same_words(headline)) else headline
        if text:
            yield read_moment_of(entry.get("datePublished")), "\n\n".join(filter(None, (heading, text)))


def marked_entries(tree: HtmlElement, about: PageMetadata) -> Iterator[tuple[datetime | None, str]]:
    """Times and texts of neighbours that each begin with a time of their own, in a part of the page that is called live."""
    for live in tree.xpath("//*[@class or @id or @itemtype]"):
        if LIVE_PARTS.isdisjoint(class_parts(live)) and not (live.get("itemtype") or "").endswith(LIVE_BLOG):
            continue
        entries = [
            child for child in live if isinstance(child.tag, str) and child.find(".//time[@datetime]") is not None
        ]
        texts = [(child.find(".//time[@datetime]").get("datetime"), live_entry_text(child)) for child in entries]
        told = [(read_moment_of(moment), text) for moment, text in texts if len(text.split()) >= FEWEST_ENTRY_WORDS]
        if len(told) >= FEWEST_ENTRIES:
            yield from told
            return


def live_entry_text(element: HtmlElement) -> str:
    """An entry's paragraphs without its time."""
    entry = deepcopy(element)
    cut_out(entry)
    for moment in list(entry.iter("time")):
        moment.drop_tree()
    for block in entry.iter():
        if block.tag in BLOCKS_OF_TEXT:
            block.tail = "\n" + (block.tail or "")
            block.text = "\n" + one_line_within(block.text or "")
    return "\n\n".join(line for line in map(one_line_of, entry.text_content().split("\n")) if line)


def one_line_within(text: str) -> str:
    """Line ends of the source as spaces: they are no ends of paragraphs."""
    return text.replace("\n", " ")


def read_moment_of(value: object) -> datetime | None:
    with suppress(NoDate):
        return parse_published(value)
    return None


def moment_words(moment: datetime) -> str:
    """ "17 October 2025, 14:05 +02:00": as an entry is headed."""
    zone = "UTC" if moment.utcoffset() == timedelta(0) else f"{moment:%z}"[:3] + ":" + f"{moment:%z}"[3:5]
    return f"{moment.day} {moment:%B %Y, %H:%M} {zone}"
