"""The main text of a web page, word for word: what trafilatura takes for it, after what belongs to other things is cut out.

A live blog is told by its data or its markup and becomes one text of dated entries.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from datetime import datetime

from lxml.etree import SubElement
from lxml.html import HtmlElement
from trafilatura import bare_extraction

from rag.ingestion.dates import NoDate, parse_published
from rag.ingestion.embedded_posts import is_embedded_post
from rag.ingestion.entry_clocks import ClockedEntry, day_of_entries, opening_clock
from rag.ingestion.invitations import is_invitation, is_label, reads_elsewhere
from rag.ingestion.linked_data import LIVE_BLOG, has_type, same_words
from rag.ingestion.markup import is_markup, text_of_html
from rag.ingestion.openings import MAX_BYLINE_WORDS, SENTENCE_END, without_opening
from rag.ingestion.page_metadata import PageMetadata, class_parts, in_site_header, one_line_of
from rag.ingestion.tables import Cell, beside, number_in, worded_table
from rag.text import moment_words, word_set
from vectorstore.values import GUESSED

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
MAX_TEASER_WORDS = 25
MAX_RELATED_WORDS = 60
"""Of a box that leads to other articles: their titles, and a line on each."""


def main_text(tree: HtmlElement, about: PageMetadata) -> str:
    """The article's paragraphs with a blank line between them, "" where there are none."""
    if live := live_blog_text(tree, about):
        return live
    text = extracted_text(tree)
    body = about.article.get("articleBody")
    told = body if isinstance(body, str) else ""
    told = text_of_html(told) if is_markup(told) else told
    # Pages that a script fills have the text in their data alone.
    if len(text.split()) < LEAST_FOUND * len(told.split()):
        text = "\n\n".join(line for line in map(one_line_of, told.splitlines()) if line)
    return without_opening(text, about.found.fields.get("title", ""), about.found.fields.get("author", ""))


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
    lines = map(one_line_of, "".join(pieces).split("\n"))
    return "\n\n".join(line for line in lines if line and not is_label(line))


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


def cut_out(page: HtmlElement) -> None:
    """Take menus, asides, captions, comments, consent boxes, advertisements, embedded posts and invitations out of a page."""
    words = len(page.text_content().split())
    for element in list(page.iter()):
        if not isinstance(element.tag, str) or element.getparent() is None or element.tag in ("html", "body", "main"):
            continue
        is_other = any(is_so(element) for is_so in (is_not_text, is_embedded_post, is_teaser, is_byline, is_related))
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
    live = list(live_parts(tree))
    entries = list(data_entries(about)) or list(marked_entries(live))
    if len(entries) >= FEWEST_ENTRIES:
        return "\n\n".join(f"{moment_words(moment)}\n\n{text}" if moment else text for moment, text in entries)
    clocked = clocked_entries(live)
    published, updated = (read_moment_of(about.found.fields.get(name)) for name in ("published", "updated"))
    known = about.found.origins.get("published") != GUESSED
    day = day_of_entries(clocked, published if known else None, updated) if clocked else None
    heading = f"{day.day} {day:%B %Y}, " if day else ""
    return "\n\n".join(f"{heading}{entry.written}\n\n{entry.text}" for entry in clocked)


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


def marked_entries(live: Sequence[HtmlElement]) -> Iterator[tuple[datetime | None, str]]:
    """Times and texts of neighbours that each begin with a time of their own, in a part of the page that is called live."""
    for part in live:
        entries = [
            child for child in part if isinstance(child.tag, str) and child.find(".//time[@datetime]") is not None
        ]
        texts = [(child.find(".//time[@datetime]").get("datetime"), live_entry_text(child)) for child in entries]
        told = [(read_moment_of(moment), text) for moment, text in texts if len(text.split()) >= FEWEST_ENTRY_WORDS]
        if len(told) >= FEWEST_ENTRIES:
            yield from told
            return


def live_parts(tree: HtmlElement) -> Iterator[HtmlElement]:
    """The parts of a page that are called live, outer ones first."""
    for part in tree.xpath("//*[@class or @id or @itemtype]"):
        if not LIVE_PARTS.isdisjoint(class_parts(part)) or (part.get("itemtype") or "").endswith(LIVE_BLOG):
            yield part


def clocked_entries(live: Sequence[HtmlElement]) -> list[ClockedEntry]:
    """Neighbours that begin with a clock and no day, each with those up to the next; [] where there are too few."""
    for part in live:
        entries: list[ClockedEntry] = []
        for child in part:
            if not isinstance(child.tag, str) or child.tag in NOT_TEXT_TAGS:
                continue
            opened, text = opening_clock(one_line_of(" ".join(child.itertext()))), live_entry_text(child)
            if opened:
                own = opening_clock(text)
                entries.append(ClockedEntry(opened.minutes, opened.written, own.text.strip() if own else text))
            elif entries and text:
                together = "\n\n".join(filter(None, (entries[-1].text, text)))
                entries[-1] = ClockedEntry(entries[-1].minutes, entries[-1].written, together)
        told = [entry for entry in entries if len(entry.text.split()) >= FEWEST_ENTRY_WORDS]
        if len(told) >= FEWEST_ENTRIES:
            return told
    return []


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
