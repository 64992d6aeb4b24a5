"""What a web page says of its article: title, outlet, author, times, address, language; JSON-LD first, then tags and markup.

trafilatura and htmldate are asked for what is left: they know days, not times and zones, and what they find is a guess.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from urllib.parse import urljoin, urlsplit

from lxml.html import HtmlElement

from rag.ingestion.dates import NoDate, parse_published
from rag.ingestion.document import FieldsFound
from rag.ingestion.linked_data import LinkedData, Thing, same_address, same_words
from rag.text import word_set
from vectorstore.values import GUESSED, PAGE_METADATA

PUBLISHED_NAMES = (
    "article:published_time", "og:published_time", "datepublished", "parsely-pub-date", "sailthru.date", "dc.date.issued",
    "dcterms.issued", "dcterms.created", "dc.date.created", "dc.date", "dcterms.date", "citation_publication_date",
    "publication_date", "publish-date", "publish_date", "publishdate", "published_time", "pubdate", "cxenseparse:publishtime",
    "article.published", "date", "created", "og:article:published_time",
)  # fmt: skip
UPDATED_NAMES = (
    "article:modified_time", "og:updated_time", "datemodified", "dcterms.modified", "dc.date.modified", "last-modified",
    "lastmod", "article.updated",
)  # fmt: skip
TITLE_NAMES = ("og:title", "twitter:title", "dc.title", "dcterms.title", "citation_title", "parsely-title")
PLATFORMS = word_set("blogger blogspot wordpress wordpresscom wix mysite squarespace substack ghost tumblr weebly")
"""What a site calls itself that was never given a name."""
SOURCE_NAMES = ("og:site_name", "dc.publisher", "dcterms.publisher", "application-name", "citation_journal_title")
AUTHOR_NAMES = (
    "author",
    "article:author",
    "dc.creator",
    "dcterms.creator",
    "parsely-author",
    "citation_author",
    "sailthru.author",
)
"""What <meta property, name or itemprop> is called, the most telling name first."""
SEPARATORS = re.compile(r"\s+(?:[|–—·•»:-]|::)\s+|:\s+")
OTHER_ARTICLES = word_set("""
    related recommended recommendations teaser teasers more promo sidebar widget comments comment event events aside archive
    latest trending carousel newsletter upcoming
""")
"""Words of a class or id around times that are not the article's own."""
OTHER_PLACES = word_set("aside nav footer form")
DATED_CLASSES = word_set(
    "date dateline datum fecha data published pubdate posted timestamp meta byline article-date entry-date"
)
"""Words of a class or id of a line that holds a date in words."""
BESIDE_A_DAY = re.compile(r"\s*[|·•–—]\s*")
BEFORE_A_DAY = re.compile(r"\A[^\W\d_][^\d:]{1,30}:\s*(?=\S)")
"""What the date is of: "Published: "."""
MAX_DATED_LINE = 200
MAX_DATED_LINES = 20
"""Lines that are looked at; each that is no date takes a hundredth of a second, for all the languages it is tried in."""
PUBLISHED_CLASSES = word_set(
    "published pubdate publish date-published datepublished entry-date post-date posted created"
)
UPDATED_CLASSES = word_set("updated modified date-modified datemodified update")
ARTICLE_ENDINGS = ("Article", "Posting", "WebPage", "Report")
"""Of microdata's types, those whose properties are the article's."""
FEWEST_TITLE_WORDS, MAX_OUTLET_WORDS = 3, 5
MAX_NAME = 80
"""Characters of a byline; what is longer tells more than a name."""
BEFORE_A_NAME = re.compile(r"\A(?:[Bb]y|BY|Par|Por|Text by|Written by)\s+(?=[^\W\d_a-z])")
""" "von" and "di" are parts of names."""
COMMENT_TYPES = ("Comment", "UserComments", "Review")
CLASS_PARTS = re.compile(r"[\s_-]+")
WIDEST_ZONE = timedelta(hours=14)
"""A time without a zone and the same one with it are at most so far apart."""
OLDEST_GUESS = "1995-01-01"
"""htmldate's own: no page is older."""


@dataclass(frozen=True, slots=True)
class PageMetadata:
    """The fields of a page but its text, and the thing that describes its article, {} where none does."""

    found: FieldsFound
    article: Thing
    linked: LinkedData


def page_metadata(tree: HtmlElement, url: str = "") -> PageMetadata:
    """Everything that a page says of its article. `url` is where it was found, "" where that is not known."""
    tags = meta_tags(tree)
    linked = LinkedData([script.text_content() for script in tree.xpath("//script[contains(@type, 'ld+json')]")])
    address = canonical_address(tree, tags, url)
    visible = [heading.text_content() for heading in tree.xpath("//h1")]
    titles = {same_words(title) for title in (*tagged(tags, TITLE_NAMES), *visible) if title.strip()}
    article = linked.article({same_address(one) for one in (address, url) if one}, titles)
    found = FieldsFound()
    named = (linked.words(article.get("publisher")), *tagged(tags, SOURCE_NAMES), *microdata(tree, "publisher"))
    outlets = [outlet for outlet in named if same_words(outlet) not in PLATFORMS]
    for outlet in outlets:
        found.note("source", outlet, PAGE_METADATA)
    title = best_title(
        tree, tags, linked.words(article.get("headline") or article.get("name")), found.fields.get("source", "")
    )
    found.note("title", title, PAGE_METADATA)
    authors = (
        linked.words(article.get("author")),
        *tagged(tags, AUTHOR_NAMES),
        *microdata(tree, "author"),
        *bylines(tree),
    )
    for author in authors:
        name = BEFORE_A_NAME.sub("", one_line_of(author))
        found.note("author", "" if name.startswith("http") else name, PAGE_METADATA)
    note_times(found, tree, tags, article)
    found.note("url", address, PAGE_METADATA)
    for own in linked.addresses_of(article):
        found.note("url", web_address(own, ""), PAGE_METADATA)
    language = tree.get("lang") or tree.get("{http://www.w3.org/XML/1998/namespace}lang") or ""
    for given in (language, article.get("inLanguage"), tags.get("og:locale", ""), tags.get("content-language", "")):
        found.note("language", given.replace("_", "-") if isinstance(given, str) else "", PAGE_METADATA)
    note_guesses(found, tree, url)
    return PageMetadata(found, article, linked)


def meta_tags(tree: HtmlElement) -> dict[str, str]:
    """The page's <meta> by lower-case name; the first of a name counts. Those within things of their own are microdata."""
    tags: dict[str, str] = {}
    for tag in tree.iter("meta"):
        itemprop = "" if tag.xpath("ancestor::*[@itemscope]") else tag.get("itemprop")
        name = tag.get("property") or tag.get("name") or itemprop or tag.get("http-equiv") or ""
        if value := (tag.get("content") or "").strip():
            tags.setdefault(name.strip().lower(), value)
    return tags


def tagged(tags: dict[str, str], names: Sequence[str]) -> Iterator[str]:
    return (tags[name] for name in names if name in tags)


def canonical_address(tree: HtmlElement, tags: dict[str, str], url: str) -> str:
    """The address that the page calls its own; not one without a path, which many pages have by mistake."""
    links = [link.get("href") or "" for link in tree.xpath("//link[translate(@rel, 'CANOIL', 'canoil')='canonical']")]
    for link in (*links, tags.get("og:url", "")):
        address = web_address(link, url)
        if address and urlsplit(address).path.strip("/"):
            return address
    return url


def web_address(value: object, base: str) -> str:
    """An absolute web address, "" for anything else."""
    with suppress(ValueError):
        address = urljoin(base, value.strip()) if isinstance(value, str) and value.strip() else ""
        if address.lower().startswith(("http://", "https://")) and urlsplit(address).hostname:
            return address
    return ""


def best_title(tree: HtmlElement, tags: dict[str, str], linked: str, outlet: str) -> str:
    """The title that most of the places agree on; of several the one of the data, then of the tags, then of the page."""
    headings, whole = headings_of(tree), title_tag(tree)
    given = [linked, *tagged(tags, TITLE_NAMES), *microdata(tree, "headline"), *headings[:1], whole]
    candidates = [title for one in given if (title := without_outlet(one_line_of(one), outlet, headings))]
    written = [same_words(title) for title in candidates]
    return max(candidates, key=lambda title: written.count(same_words(title)), default="")


def title_tag(tree: HtmlElement) -> str:
    return one_line_of(next(iter(tree.xpath("//head/title | /html/title | //body/title")), tree).text or "")


def headings_of(tree: HtmlElement) -> list[str]:
    """The page's <h1>; in pages without one, what stands alone in an element and in the page's <title>, too."""
    headings = [line for heading in tree.xpath("//h1") if (line := one_line_of(heading.text_content()))]
    if headings:
        return headings
    whole = title_tag(tree)
    alone = (one_line_of(element.text or "") for element in tree.xpath("//body//*[not(*) and not(self::script)]"))
    return [line for line in alone if len(line.split()) >= FEWEST_TITLE_WORDS and line in whole][:1]


def without_outlet(title: str, outlet: str, headings: Sequence[str]) -> str:
    """ "Bridge opens | Harbour Post" as "Bridge opens": at either end the outlet goes, and what follows a heading."""
    for heading in headings:
        if heading and outlet_beside(title, heading):
            return heading
    if outlet:
        for separator in SEPARATORS.finditer(title):
            before, after = title[: separator.start()], title[separator.end() :]
            if same_words(after) == same_words(outlet):
                return before
            if same_words(before) == same_words(outlet):
                return after
    return "" if outlet and same_words(title) == same_words(outlet) else title


def outlet_beside(title: str, heading: str) -> str:
    """What a page's title has before or after its heading: the name of the site. "" where it has nothing else."""
    before, found, after = title.partition(heading) if heading else (title, "", "")
    if found and not before and (separator := SEPARATORS.match(after)):
        return after[separator.end() :].strip()
    *_, last = [None, *SEPARATORS.finditer(before)]
    return before[: last.start()].strip() if found and not after and last and last.end() == len(before) else ""


def bylines(tree: HtmlElement) -> Iterator[str]:
    """What links and spans name as the author."""
    marked = (
        "//*[@rel='author'] | //*[contains(concat(' ', @class, ' '), ' author ')]//a | //*[contains(@class, 'byline')]"
    )
    for element in tree.xpath(marked):
        if not belongs_elsewhere(element):
            name = re.sub(r"(?i)\A\s*(?:by|von|par|por)\s+", "", one_line_of(element.text_content()))
            if len(name) <= MAX_NAME and not any(character.isdigit() for character in name):
                yield name


def microdata(tree: HtmlElement, name: str) -> Iterator[str]:
    """The values of a property of the page's article, those of comments and of other things left out."""
    for element in tree.xpath("//*[@itemprop=$name]", name=name):
        owner = next(iter(element.xpath("ancestor::*[@itemscope][1]")), None)
        kind = "" if owner is None else (owner.get("itemtype") or "")
        if (owner is not None and not kind.endswith(ARTICLE_ENDINGS)) or belongs_elsewhere(element):
            continue
        inner = element.xpath(".//*[@itemprop='name']") if element.get("itemscope") is not None else [element]
        for one in inner[:1]:
            yield one_line_of(one.get("content") or one.get("datetime") or one.text_content())


def note_times(found: FieldsFound, tree: HtmlElement, tags: dict[str, str], article: Thing) -> None:
    """When it was published and last changed: the first place that says it, more exactly where another agrees on the day."""
    marked = list(time_elements(tree))
    published = [
        article.get("datePublished"),
        *tagged(tags, PUBLISHED_NAMES),
        *microdata(tree, "datePublished"),
        *(moment for moment, is_update in marked if not is_update),
    ]
    updated = [
        article.get("dateModified"),
        *tagged(tags, UPDATED_NAMES),
        *microdata(tree, "dateModified"),
        *(moment for moment, is_update in marked if is_update),
    ]
    first, last = most_exact(published), most_exact(updated)
    found.note("published", first, PAGE_METADATA)
    # Systems write a change where there was none, seconds after they published.
    if first and last and instant(last) >= instant(first) + timedelta(minutes=1):
        found.note("updated", last, PAGE_METADATA)
    elif not first:
        found.note("published", last, GUESSED)


def time_elements(tree: HtmlElement) -> Iterator[tuple[str, bool]]:
    """Each <time> of the article's own head, and whether it is that of a change; marked ones first."""
    times: list[tuple[int, str, bool]] = []
    for element in tree.iter("time"):
        moment = (element.get("datetime") or "").strip() or one_line_of(element.text_content())
        if not moment or belongs_elsewhere(element):
            continue
        classes = class_parts(element) | set((element.get("class") or "").lower().split())
        said = one_line_of((element.getparent().text if element.getparent() is not None else "") or "").lower()
        is_update = not classes.isdisjoint(UPDATED_CLASSES) or "update" in said
        is_marked = not classes.isdisjoint(PUBLISHED_CLASSES) or element.get("pubdate") is not None
        times.append((0 if is_marked or is_update else 1, moment, is_update and not is_marked))
    return ((moment, is_update) for _, moment, is_update in sorted(times, key=lambda entry: entry[0]))


def belongs_elsewhere(element: HtmlElement) -> bool:
    """True within menus, asides, comments and teasers of other articles."""
    for ancestor in (element, *element.iterancestors()):
        if ancestor.tag in ("body", "html"):
            return False
        if ancestor.tag in OTHER_PLACES or not OTHER_ARTICLES.isdisjoint(class_parts(ancestor)):
            return True
        if (ancestor.get("itemtype") or "").endswith(COMMENT_TYPES):
            return True
    return False


def class_parts(element: HtmlElement) -> set[str]:
    """The words that an element's class and id are made of."""
    return set(CLASS_PARTS.split(f"{element.get('class') or ''} {element.get('id') or ''}".lower()))


def most_exact(values: Sequence[object]) -> str:
    """The first value that is a date; another one of the same day where that has a time, or a zone, and the first has not."""
    read: list[tuple[int, str, datetime]] = []
    for value in values:
        text = value.strip() if isinstance(value, str) else ""
        with suppress(NoDate):
            if moment := parse_published(text):
                read.append((exactness(text), text, moment))
    if not read:
        return ""
    first = read[0][2]
    close = [one for one in read if one[2].date() == first.date() or abs(one[2] - first) <= WIDEST_ZONE]
    return max(close, key=lambda one: one[0])[1]


def exactness(text: str) -> int:
    """0 for a day, 1 for a time, 2 for a time with its zone."""
    if not re.search(r"\d:\d\d|T\d{4}|\A\d{10,}\Z", text):
        return 0
    return 2 if re.search(r"Z\Z|[+-]\d\d:?\d\d\Z|\b(?:GMT|UTC)|\A\d{10,}\Z", text) else 1


def instant(text: str) -> datetime:
    """The moment of a text that was read before."""
    moment = parse_published(text)
    if moment is None:
        raise ValueError(text)
    return moment


def note_guesses(found: FieldsFound, tree: HtmlElement, url: str) -> None:
    """What the page does not say: the day that its words or its address suggest, and the outlet by its host."""
    address = found.fields.get("url", url)
    found.note("published", next(worded_days(tree), "") if "published" not in found.fields else "", GUESSED)
    if "published" not in found.fields:
        from htmldate import find_date

        # It cuts the tree that it is given.
        with suppress(ValueError):
            # Its extensive search takes any year that the text speaks of.
            guess = find_date(
                deepcopy(tree), extensive_search=False, original_date=True, url=address or None, min_date=OLDEST_GUESS
            )
            found.note("published", guess or "", GUESSED)
    beside = outlet_beside(title_tag(tree), found.fields.get("title", ""))
    found.note("source", beside if len(beside.split()) <= MAX_OUTLET_WORDS else "", GUESSED)
    if "source" not in found.fields and address:
        found.note("source", (urlsplit(address).hostname or "").removeprefix("www."), GUESSED)


def worded_days(tree: HtmlElement) -> Iterator[str]:
    """The dates of the article's own lines that are called dates, as they are written there; htmldate reads few languages."""
    named = (one for one in tree.xpath("//body//*[@class or @id]") if not DATED_CLASSES.isdisjoint(class_parts(one)))
    for element in islice(named, MAX_DATED_LINES):
        if belongs_elsewhere(element) or in_site_header(element):
            continue
        line = one_line_of(element.text_content())
        for part in BESIDE_A_DAY.split(line) if len(line) <= MAX_DATED_LINE else ():
            written = BEFORE_A_DAY.sub("", part)
            with suppress(NoDate):
                if parse_published(written):
                    yield written


def in_site_header(element: HtmlElement) -> bool:
    """True within the header of the site, which may hold today's date; an article's own holds the article's."""
    headers = [one for one in (element, *element.iterancestors()) if one.tag == "header"]
    return any(all(outer.tag not in ("article", "main") for outer in header.iterancestors()) for header in headers)


def one_line_of(text: str) -> str:
    return " ".join(text.split())
