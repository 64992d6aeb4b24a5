"""What a feed or sitemap lists, from its bytes: RSS, Atom, JSON Feed, news sitemaps. Pure. The only door to feedparser and
defusedxml.

Entities that a document declares itself are refused before any parser sees them.
"""

import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal
from xml.etree.ElementTree import Element, ParseError

import feedparser
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from yarl import URL

from rag.ingestion.decoding import Unreadable, decode, decodes
from rag.ingestion.markup import text_of_html
from rag.text import clean_line

MAX_ENTRIES = 2_000
"""Entries read of one document, the first of them; news feeds list 20 to 100, a day's sitemap up to 1,000."""
MAX_SITEMAPS = 10
"""Sitemaps of an index that are read, the newest of them."""
MAX_CONTENT = 500_000
"""Characters of an entry's own text that are kept."""
ROOT_WITHIN = 2_048
TAIL_BYTES = 2_048
ROOT = re.compile(rb"<(?![?!])(?:[\w.-]+:)?([\w.-]+)")
OWN_LINK = re.compile(r"https?://|(?![\w+.-]+:)[^\s]*/", re.IGNORECASE)
"""Not "urn:uuid:1", "tag:paper.example,2025:1", "bulletin-1"."""
DATA_BEGINS = re.compile(rb"<!--|<!\[CDATA\[|<\?|<!DOCTYPE", re.IGNORECASE)
DATA_ENDS = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
ENCODING = re.compile(rb"\bencoding\s*=", re.IGNORECASE)
DECLARED_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
ENTRY_END = re.compile(rb"</(?:[\w.-]+:)?(?:item|entry)\s*>", re.IGNORECASE)
ROOT_END = re.compile(rb"</(?:[\w.-]+:)?(?:rss|feed|rdf)\s*>", re.IGNORECASE)
PICTURED = frozenset(("media_content", "media_thumbnail", "media_credit"))
"""feedparser's names for what an entry says of its pictures; what it says of them in words is plain text among the contents."""
FEED_ROOTS = {b"rss": b"</rss>", b"feed": b"</feed>", b"rdf": b"</rdf:RDF>"}
SITEMAP_ROOTS = (b"urlset", b"sitemapindex")

FeedKind = Literal["feed", "sitemap"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One article as a feed or sitemap names it, every field as written there, "" where it has none.

    key: what the entry is known by, whatever else changes. content: the whole text as HTML, where the feed carries it.
    withdrawn: the feed says that it was taken back.
    """

    key: str
    url: str = ""
    title: str = ""
    published: str = ""
    updated: str = ""
    author: str = ""
    summary: str = ""
    content: str = ""
    withdrawn: bool = False

    @property
    def fingerprint(self) -> str:
        """Changes when the source says something else of the article."""
        said = (self.url, self.title, self.published, self.updated, self.summary, self.content, self.withdrawn)
        return hashlib.sha256(json.dumps(said).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Feed:
    """What a source lists. sitemaps: of an index, those that list the entries. left_out: further entries that were not read."""

    kind: FeedKind
    title: str
    entries: tuple[Entry, ...]
    sitemaps: tuple[str, ...] = ()
    left_out: bool = False


class NotAFeed(Exception):
    """What was fetched is no feed; the text is the end of a sentence whose beginning is the address."""


def looks_like_feed(content: bytes) -> bool:
    """True for what is meant to be a feed, even a broken one."""
    start = content[:ROOT_WITHIN].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"{"):
        # The version stands first or, where the keys are in the order of the alphabet, last.
        return b"jsonfeed.org" in content
    return root_of(content) in (*FEED_ROOTS, *SITEMAP_ROOTS)


def root_of(content: bytes) -> bytes:
    """The name of a document's first element in lower case, in UTF-16 too."""
    found = ROOT.search(content[:ROOT_WITHIN].replace(b"\x00", b""))
    return found[1].lower() if found else b""


def in_utf_8(content: bytes, charset: str) -> bytes:
    """A feed whose encoding only its server names, in UTF-8, which is what XML is that names none itself."""
    declared = ENCODING.search(content[:ROOT_WITHIN].partition(b"?>")[0]) if content.startswith(b"<?xml") else None
    if declared or not charset or decodes(content, "utf-8"):
        return content
    with suppress(LookupError, UnicodeDecodeError):
        return content.decode(charset).encode()
    return content


def read_feed(content: bytes, url: str) -> Feed:
    """The entries of a feed or sitemap that was found at `url`. Raises NotAFeed."""
    if not content.strip():
        raise NotAFeed("is empty")
    if content[:ROOT_WITHIN].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return read_json_feed(content, url)
    if DECLARED_ENTITY.search(without_plain_data(content.replace(b"\x00", b""))):
        raise NotAFeed("declares XML entities of its own, which no feed needs: it is not read")
    root = root_of(content)
    if root in SITEMAP_ROOTS:
        return read_sitemap(content, url)
    if root not in FEED_ROOTS:
        kind = "a web page" if root in (b"html", b"body", b"head") else "neither RSS, Atom, JSON Feed nor a sitemap"
        raise NotAFeed(f"holds {kind}, not the feed it is followed as")
    return read_syndication(content, url, FEED_ROOTS[root])


def read_syndication(content: bytes, url: str, closing: bytes) -> Feed:
    """RSS and Atom, as leniently as feedparser reads them, but never one that ends in the middle. Raises NotAFeed."""
    if not ROOT_END.search(without_last_comments(content.replace(b"\x00", b""))[-TAIL_BYTES:]):
        raise NotAFeed("ends in the middle")
    ends = [found.end() for found in ENTRY_END.finditer(content)]
    left_out = len(ends) > MAX_ENTRIES
    if left_out:
        channel = b"</channel>" if closing == b"</rss>" else b""
        content = content[: ends[MAX_ENTRIES - 1]] + channel + closing
    try:
        parsed = feedparser.parse(io.BytesIO(content))
    except (AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # It is lenient by hand-written rules, and what is sent on purpose finds those that break.
        raise NotAFeed(f"is XML that the feed parser fails at ({type(error).__name__})") from None
    if not parsed.get("version") and not parsed.entries:
        raise NotAFeed("is XML that cannot be read as a feed")
    entries = [entry_of(written, url) for written in parsed.entries]
    entries += tombstones(content)
    return Feed("feed", plain_line(parsed.feed.get("title", "")), distinct(entries), left_out=left_out)


def without_plain_data(content: bytes) -> bytes:
    """A document without what declares nothing, comments, CDATA and instructions; whole from its document type on, where it
    names one, and from the first of them that does not end."""
    kept: list[bytes] = []
    at = 0
    for begun in DATA_BEGINS.finditer(content):
        if begun.start() < at:
            continue
        closing = DATA_ENDS.get(begun[0].upper())
        end = content.find(closing, begun.end()) if closing else -1
        if closing is None or end < 0:
            break
        kept.append(content[at : begun.start()])
        at = end + len(closing)
    return b"".join([*kept, content[at:]])


def without_last_comments(content: bytes) -> bytes:
    """A document without the comments behind it: caches say there how long they took."""
    content = content.rstrip()
    while content.endswith(b"-->") and (start := content.rfind(b"<!--")) >= 0:
        content = content[:start].rstrip()
    return content


def entry_of(written: dict[str, object], url: str) -> Entry:
    """An entry of feedparser's, which takes its name for its link where it has none."""
    linked, named = written_text(written.get("link")), written_text(written.get("id"))
    link = "" if linked == named and not OWN_LINK.match(linked) else joined_url(url, linked)
    title = plain_line(written_text(written.get("title")))
    return Entry(
        key_of(named or link or title),
        link,
        title,
        written_text(written.get("published")),
        # Past feedparser's own `get`, which gives the published date where there is no other.
        written_text(dict.get(written, "updated")),
        plain_line(written_text(written.get("author"))),
        written_text(written.get("summary"))[:MAX_CONTENT],
        content_of(written)[:MAX_CONTENT],
    )


def content_of(written: Mapping[str, object]) -> str:
    """The longest text that an entry of feedparser's carries as its own: the caption of its picture stands there as well."""
    contents = written.get("content")
    parts = [part for part in contents if isinstance(part, Mapping)] if isinstance(contents, list) else []
    if not PICTURED.isdisjoint(written):
        parts = [part for part in parts if part.get("type") != "text/plain"]
    return max((written_text(part.get("value")) for part in parts), key=len, default="")


def tombstones(content: bytes) -> list[Entry]:
    """The entries that an Atom feed says were deleted (RFC 6721); feedparser keeps only one of them."""
    if b"deleted-entry" not in content:
        return []
    try:
        root = fromstring(content, forbid_dtd=False)
    except (ParseError, DefusedXmlException, ValueError):
        return []
    deleted = root.iter("{http://purl.org/atompub/tombstones/1.0}deleted-entry")
    return [Entry(key_of(one.get("ref", "")), withdrawn=True) for one in deleted if one.get("ref")]


def read_json_feed(content: bytes, url: str) -> Feed:
    """JSON Feed 1.0 and 1.1. Raises NotAFeed."""
    try:
        feed = json.loads(decode(content))
    except (ValueError, RecursionError, Unreadable):
        raise NotAFeed("is JSON that breaks off or is none") from None
    items = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(items, list) or "jsonfeed.org" not in written_text(feed.get("version")):
        raise NotAFeed("is JSON, but no JSON Feed")
    entries = [json_entry(item, url) for item in items[:MAX_ENTRIES] if isinstance(item, dict)]
    return Feed(
        "feed", plain_line(written_text(feed.get("title"))), distinct(entries), left_out=len(items) > MAX_ENTRIES
    )


def json_entry(item: Mapping[str, object], url: str) -> Entry:
    link = joined_url(url, written_text(item.get("url")) or written_text(item.get("external_url")))
    authors = item.get("authors")
    listed = authors if isinstance(authors, list) else [item.get("author")]
    names = [written_text(one.get("name")) for one in listed if isinstance(one, Mapping)]
    html, plain = written_text(item.get("content_html")), written_text(item.get("content_text"))
    title = plain_line(written_text(item.get("title")))
    return Entry(
        key_of(written_text(item.get("id")) or link or title),
        link,
        title,
        written_text(item.get("date_published")),
        written_text(item.get("date_modified")),
        plain_line(", ".join(name for name in names if name)),
        written_text(item.get("summary"))[:MAX_CONTENT],
        (html or plain)[:MAX_CONTENT],
    )


def read_sitemap(content: bytes, url: str) -> Feed:
    """A sitemap with or without news fields, or an index of sitemaps. Raises NotAFeed."""
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise NotAFeed("is a sitemap that breaks off or is no XML") from None
    places = [{local_name(field): field for field in place} for place in root]
    places = [place for place in places if "loc" in place]
    newest = sorted(places, key=lambda place: words_of_element(place.get("lastmod")), reverse=True)
    if local_name(root) == "sitemapindex":
        sites = [joined_url(url, words_of_element(place["loc"])) for place in newest]
        own = [site for site in sites if site_of(site) == site_of(url)]
        return Feed("sitemap", "", (), tuple(own[:MAX_SITEMAPS]), len(own) > MAX_SITEMAPS)
    entries = [sitemap_entry(place, url) for place in newest[:MAX_ENTRIES]]
    names = [words_of_element(name) for name in root.iter() if local_name(name) == "name"]
    title = next((name for name in names if name), "")
    return Feed("sitemap", plain_line(title), distinct(entries), left_out=len(places) > MAX_ENTRIES)


def sitemap_entry(place: Mapping[str, Element], url: str) -> Entry:
    link = joined_url(url, words_of_element(place["loc"]))
    news = {local_name(field): field for field in place.get("news", ())}
    published, title = words_of_element(news.get("publication_date")), words_of_element(news.get("title"))
    return Entry(key_of(link), link, plain_line(title), published, words_of_element(place.get("lastmod")))


def local_name(element: Element) -> str:
    """An element's name without its namespace; comments have none."""
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def words_of_element(element: Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""


def distinct(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Each key once, as it is listed first: feeds put the newest at the top. A tombstone wins.

    Where a feed calls several articles by one name, they are known by their addresses.
    """
    urls: dict[str, set[str]] = {}
    for entry in entries:
        urls.setdefault(entry.key, set()).add(entry.url)
    by_key: dict[str, Entry] = {}
    for entry in entries:
        if not entry.withdrawn and entry.url and len(urls[entry.key] - {""}) > 1:
            entry = replace(entry, key=key_of(entry.url))
        if entry.withdrawn or entry.key not in by_key:
            by_key[entry.key] = entry
    return tuple(by_key.values())


def key_of(identity: str) -> str:
    """A name of the same length for every entry."""
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def written_text(value: object) -> str:
    """A value that should be text as what can be stored, "" for what is none."""
    return (
        value.strip().replace("\x00", "").encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""
    )


def plain_line(text: str) -> str:
    """A title without its markup, on one line."""
    if "<" in text or "&" in text:
        try:
            text = text_of_html(text)
        except Unreadable:
            return clean_line(text)[:1_000]
    return clean_line(text)[:1_000]


def joined_url(base: str, link: str) -> str:
    """A link as an address of its own; one that is none stays as it is, and is refused where it would be fetched."""
    if not link:
        return ""
    try:
        return str(URL(base).join(URL(link)).with_fragment(None))
    except ValueError:
        return link


def site_of(url: str) -> str:
    """Host and port of an address, without "www."; "" for none."""
    try:
        parsed = URL(url)
    except ValueError:
        return ""
    return f"{(parsed.host or '').removeprefix('www.')}:{parsed.port}"


LINK_ELEMENT = re.compile(r"<link\b[^<>]{1,2000}>", re.IGNORECASE)
BASE_ADDRESS = re.compile(r"""<base\b[^<>]{0,200}?\bhref\s*=\s*(?:"([^"]+)"|'([^']+)'|([^\s"'<>]+))""", re.IGNORECASE)
PAGE_TITLE = re.compile(r"<title\b[^<>]{0,200}>([^<]{1,1000})</title", re.IGNORECASE)
ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json")
PAGE_HEAD = 300_000
"""Characters of a page in which its links are looked for."""


def links_of(page: str, url: str) -> Iterator[tuple[frozenset[str], str, str]]:
    """The <link> elements of a page's head: the words of rel, the type, the address."""
    if base := BASE_ADDRESS.search(page[:PAGE_HEAD]):
        url = joined_url(url, (base[1] or base[2] or base[3]).replace("&amp;", "&"))
    for tag in LINK_ELEMENT.findall(page[:PAGE_HEAD]):
        given = {name.lower(): a or b or c for name, a, b, c in ATTRIBUTE.findall(tag)}
        rel, target = frozenset(given.get("rel", "").lower().split()), given.get("href", "").replace("&amp;", "&")
        if rel and target:
            yield rel, given.get("type", "").lower(), joined_url(url, target)


def feed_links(page: str, url: str) -> list[str]:
    """The feeds that a page names, the first first."""
    return [target for rel, kind, target in links_of(page, url) if "alternate" in rel and kind in FEED_TYPES]


def page_title(page: str) -> str:
    """What a page calls itself, "" where it does not."""
    found = PAGE_TITLE.search(page[:PAGE_HEAD])
    return plain_line(found[1]) if found else ""


def canonical_link(page: str, url: str) -> str:
    """The address that a page calls its own, "" where it names none."""
    return next((target for rel, _, target in links_of(page, url) if "canonical" in rel), "")
