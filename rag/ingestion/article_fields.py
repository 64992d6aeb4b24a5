"""An Article from named fields, by whatever names exports give them. Pure."""

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from urllib.parse import urlsplit

from rag.ingestion.dates import BLANK, NoDate, parse_published
from rag.ingestion.decoding import Unreadable, repaired, storable
from rag.ingestion.markup import is_markup, text_of_html, without_tags
from rag.ingestion.tables import with_worded_tables
from vectorstore.values import GIVEN, GUESSED, Article, Origin

MAX_ID_BYTES, ID_BEGINNING_BYTES = 1_000, 200
"""PostgreSQL indexes up to 2,704 bytes, an id beside the names of its library and its file."""
MAX_CHARACTERS = 5_000_000
"""Longest single article. Larger ones are reported: no newspaper prints them."""
TITLE_CHARACTERS = 90
CLOCK_TIME = re.compile(r"\d{1,2}[:.h]\d{2}(?::\d{2})?\s*(?:[ap]\.?m\.?)?\s*(?:[A-Z]{2,5})?:?", re.IGNORECASE)


def in_order(words: str) -> tuple[str, ...]:
    """The words of a constant whose order counts, as `word_set` is for those whose order does not."""
    return tuple(words.split())


FULL_TEXT = in_order("""
    text body articlebody bodytext content textcontent contenttext contenthtml articlecontent maintext fulltext
    articletext
    article rawtext story document pagecontent contentencoded selftext bodyhtml contentmarkdown markdown plaintext
    paragraphs html htmlcontent cleanedtext transcript inhalt texte contenu texto contenido testo rawcontent
""")
SUMMARY = in_order("""
    description summary shortdescription excerpt abstract leadparagraph lead abstractnote contentsnippet customexcerpt standfirst
    summarydetail highlight
""")
"""All that some exports have of an article."""
MUCH_LONGER, WORTH_A_REMARK = 3, 200
"""How many times as long as a summary another field must be, and how many characters it must have, to be the text perhaps."""

# The first of these that holds something is taken. Compared without case, spaces, `_` and `-`.
FIELD_NAMES: dict[str, tuple[str, ...]] = {
    "id": in_order("id uuid guid articleid"),
    "title": in_order(
        "title headline webtitle articletitle resolvedtitle giventitle booktitle name heading titel titre titulo titolo"
    ),
    "text": FULL_TEXT + SUMMARY,
    "source": in_order("""
        source sourcename publisher publishername sitename site outlet newsoutlet newspaper publication publicationname
        provider containertitle publicationtitle origin sourcehostname hostname sourcedomain domain domainname cleanurl
        metasitename ogsitename quelle
    """),
    "url": in_order("url link canonicalurl canonical permalink weburl articleurl sourceurl resolvedurl givenurl href"),
    "published": in_order("""
        published date publishedat publisheddate publishedon publishedtime publishedutc datepublished publishdate publishtime
        publicationdate webpublicationdate firstpublished firstpublishedat datepublish pubdate datetime timestamp
        publishedparsed seendate postdate issued createdat createdutc created datum fecha veroeffentlicht
    """),
    "updated": in_order("""
        updated updatedat updatedon modified modifiedat datemodified dateupdated lastmodified lastupdated modifiedtime updatedtime
        updatedparsed articlemodifiedtime
    """),
    "author": in_order(
        "author authors byline creator writer reporter publishedby bookauthor authorname autor auteur autore"
    ),
    "language": in_order("language lang"),
}
"""Our field -> what trafilatura, NewsAPI, news-please, HuffPost, MultiHop-RAG, feedparser, JSON Feed, schema.org, WordPress,
Guardian, New York Times, MongoDB, Obsidian's clipper, Tavily, Diffbot, data sets for summaries, LangChain and Reddit call it,
and what people call it in German, French, Spanish and Italian."""
HEADLINE = ("title", "source", "author", "url", "published", "updated", "language")
"""The fields whose origins are kept, in the order in which they are shown."""
MISSING_DATES = {"published": "a date", "updated": "the date of its change"}
KNOWN_NAMES = frozenset(name for names in FIELD_NAMES.values() for name in names) | {"dategmt", "modifiedgmt"}
FURTHEST_ZONE, QUARTER = timedelta(hours=14), timedelta(minutes=15)
INNER_NAMES = (
    "value",
    "text",
    "body",
    "content",
    "rendered",
    "main",
    "name",
    "original",
    "$oid",
    "title",
    "url",
    "href",
)
"""Where the words are in a value that is itself an object: NewsAPI's source, feedparser's content, WordPress's title."""
NAMES_OF_PERSON = (("given", "family"), ("firstname", "lastname"), ("firstName", "lastName"), ("first", "last"))
"""The two halves of a person's name, as CSL, Zotero and others call them."""
LINKED_NOTE = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]+)\]\]")
"""A link to a note: `[[Ola Bry]]`."""
DEEPEST = 3
"""Objects and lists in each other that are looked into; YAML can write a list that holds itself."""
DATABASE_OWN = "_"
"""What the names of fields begin with that a database adds: _index, _score, __v, _rev."""
PLACEHOLDER = re.compile(r"\{\{.*\}\}|<%.*%>")
"""A template that was never filled in."""
IGNORED_CHARACTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class ArticleDraft:
    """An article, what could not be read of it (each the end of a sentence), and the fields that nothing was made of."""

    article: Article
    remarks: tuple[str, ...] = ()
    unknown_fields: tuple[str, ...] = ()


def draft_of(
    written: Mapping[str, object],
    library: str,
    own_id: str = "",
    file: str = "",
    origins: Mapping[str, Origin] = MappingProxyType({}),
) -> ArticleDraft:
    """The article that these fields describe. Raises Unreadable when they hold no text.

    origins: where fields came from, by our names for them; those that are not named were given.
    own_id: of the only article of its file, whose text keeps its lines. file: where an article among others comes
    from; its text may be HTML, and without an id it gets its address for one, or the file's name and a digest of its words.
    """
    fields = {plain_name(name): value for name, value in written.items()}
    if not has_field(written, FIELD_NAMES["text"]):
        raise Unreadable(f"has no text among its fields ({', '.join(written)[:80] or 'none'}): call it `text`.")
    remarks: list[str] = []
    title, source, url, author = (first_words(fields, name, remarks) for name in ("title", "source", "url", "author"))
    if author.isdecimal():
        # WordPress has the author's number there, and the name within what it embeds.
        author = words_in(embedded.get("author")) if isinstance(embedded := written.get("_embedded"), Mapping) else ""
    outlet = first_address = ""
    if is_address(source):
        # Clippers and trafilatura call the address of the page its source.
        first_address, source = source, ""
        outlet = next(words_of_names(fields, FIELD_NAMES["source"][1:]), "") or host_of(first_address)
    # Of several summaries the longest says most.
    text = next(words_of_names(fields, FULL_TEXT, "\n\n"), "")
    raw = words_in(fields.get("rawcontent"))
    if len(raw) >= MUCH_LONGER * len(text) and not raw.lstrip().startswith(("{", "[", "<")):
        # Tavily's content is a snippet of it.
        text = raw
    if not text:
        text = max(words_of_names(fields, SUMMARY, "\n\n"), key=len, default="")
        remarks += longer_fields(written, text)
    if own_id:
        text = without_tags(text)
    elif is_markup(text):
        text = text_of_html(text)
    text = with_worded_tables(text)
    url = url or first_address
    identifier = first_words(fields, "id", remarks) or own_id or url or made_id(file, title, text)
    article = make_article(
        identifier,
        library,
        text,
        title=title,
        source=source or outlet,
        url=url,
        language=first_words(fields, "language", remarks)[:35],
        published=first_date(fields, "published", remarks),
        author=author,
        updated=first_date(fields, "updated", remarks),
    )
    known = {"source": GUESSED} | dict(origins) if outlet else origins
    article = replace(article, origins={name: known.get(name, GIVEN) for name in HEADLINE if has_value(article, name)})
    unknown = tuple(
        str(name) for name in written if plain_name(name) not in KNOWN_NAMES and not str(name).startswith(DATABASE_OWN)
    )
    return ArticleDraft(article, tuple(remarks), unknown)


def longer_fields(written: Mapping[str, object], summary: str) -> list[str]:
    """That a field which nothing is made of may hold the text, where there is only a summary."""
    for name, value in written.items():
        longer = isinstance(value, str) and len(value) > max(MUCH_LONGER * len(summary), WORTH_A_REMARK)
        if longer and plain_name(name) not in KNOWN_NAMES:
            return [f"has only a summary; if its field {str(name)[:40]!r} holds the text, call that `text`."]
    return []


def has_value(article: Article, name: str) -> bool:
    """True where a field was found; a title that was derived from the text was not."""
    return bool(getattr(article, name)) and not (name == "title" and article.title_derived)


def plain_name(name: object) -> str:
    """`publishedAt`, `published_at` and `Published At` are one name."""
    return IGNORED_CHARACTERS.sub("", str(name)).lower()


def has_field(written: Mapping[str, object], names: Sequence[str]) -> bool:
    """True if one of the fields is called by one of these plain names."""
    return not {plain_name(name) for name in written}.isdisjoint(names)


def first_words(fields: Mapping[str, object], ours: str, remarks: list[str]) -> str:
    """The words of the first field of this kind that has any; a value that is none is remarked on."""
    found = next(words_of_names(fields, FIELD_NAMES[ours]), "")
    if not found and any(
        isinstance(fields.get(name), dict | list | bool) and fields[name] for name in FIELD_NAMES[ours]
    ):
        remarks.append(f"has in its field {ours} no text; it is stored without.")
    return found


def words_of_names(fields: Mapping[str, object], names: Iterable[str], between: str = ", ") -> Iterator[str]:
    """The words of each of these fields that has any, in the order of the names."""
    return (words for name in names if (words := words_in(fields.get(name), between)))


def words_in(value: object, between: str = ", ", depth: int = 0) -> str:
    """A value as text: numbers as written, lists joined, of an object the part that holds the words; "" for nothing."""
    if depth > DEEPEST:
        return ""
    if isinstance(value, str):
        words = value.strip()
        note = LINKED_NOTE.fullmatch(words)
        words = note[1].strip() if note else words
        return "" if words.lower() in BLANK - {"0", "-"} or PLACEHOLDER.fullmatch(words) else words
    if isinstance(value, list) and any(isinstance(one, str) for one in value) and any(map(is_marked_text, value)):
        # Telegram's text, a piece for each change of its type.
        return "".join(one if isinstance(one, str) else words_in(one, between, depth + 1) for one in value).strip()
    if isinstance(value, list):
        return between.join(words for one in value if (words := words_in(one, between, depth + 1)))
    if isinstance(value, Mapping):
        for halves in NAMES_OF_PERSON:
            if name := " ".join(one for half in halves if isinstance(one := value.get(half), str) and one.strip()):
                return name
        return next((words for name in INNER_NAMES if (words := words_in(value.get(name), between, depth + 1))), "")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return ""
    return str(value)


def is_marked_text(value: object) -> bool:
    """True for a piece of text with its kind: `{"type": "bold", "text": ...}`."""
    return isinstance(value, Mapping) and "type" in value and isinstance(value.get("text"), str)


def first_date(fields: Mapping[str, object], ours: str, remarks: list[str]) -> datetime | None:
    """The first date of this kind that can be read. One that cannot costs the date, not the article."""
    reasons = []
    for name in FIELD_NAMES[ours]:
        try:
            if moment := parse_published(fields.get(name)):
                return in_zone_beside(moment, fields.get(f"{name}gmt"))
        except NoDate as why:
            reasons.append(f"has {why}; it is stored without {MISSING_DATES[ours]}.")
    remarks += reasons[:1]
    return None


def in_zone_beside(moment: datetime, in_utc: object) -> datetime:
    """The moment in the zone that follows from the same moment in UTC, as WordPress gives both; as it is without that."""
    with suppress(NoDate):
        utc = parse_published(in_utc)
        shift = moment.replace(tzinfo=UTC) - utc if utc and not moment.utcoffset() else timedelta()
        if shift and abs(shift) <= FURTHEST_ZONE and not shift % QUARTER:
            return moment.replace(tzinfo=timezone(shift))
    return moment


def is_address(text: str) -> bool:
    return text.lower().startswith(("http://", "https://")) and " " not in text


def host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def made_id(file: str, title: str, text: str) -> str:
    """The same for the same article, wherever in its file it stands."""
    digest = hashlib.sha256(f"{title}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{file}#{digest}"


def make_article(
    identifier: str,
    library: str,
    text: str,
    title: str = "",
    source: str = "",
    url: str = "",
    language: str = "",
    published: datetime | None = None,
    author: str = "",
    updated: datetime | None = None,
) -> Article:
    """An article as it may be stored: repaired, with a title derived from the text when there is none. Raises Unreadable."""
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(f"is longer than {MAX_CHARACTERS // 1_000_000} million characters: split it.")
    text, title, source = repaired(text).strip(), repaired_line(title), repaired_line(source)
    if not text:
        raise Unreadable("holds no text.")
    return Article(
        # As it is written: names of files that differ in little are different files.
        id=short_id(storable(identifier).strip()),
        title=title or derived_title(text),
        text=text,
        library=library,
        source=source,
        url=repaired_line(url),
        published=published,
        language=language,
        title_derived=not title,
        author=repaired_line(author),
        updated=updated,
    )


def short_id(identifier: str) -> str:
    """An id that any database can look up: a longer one is its beginning and its digest."""
    encoded = identifier.encode()
    if len(encoded) <= MAX_ID_BYTES:
        return identifier
    return f"{encoded[:ID_BEGINNING_BYTES].decode(errors='ignore')}-{hashlib.sha256(encoded).hexdigest()[:32]}"


def repaired_line(text: str) -> str:
    return " ".join(repaired(text).split())


def derived_title(text: str) -> str:
    """The beginning of the text: its first line, cut at a word (said to be derived wherever it is shown)."""
    # A line of dashes is a rule and "18:42 GMT" the time of an entry, neither is a headline.
    worded = (
        line
        for line in text.splitlines()
        if any(character.isalnum() for character in line) and not CLOCK_TIME.fullmatch(line.strip("#*_ \t"))
    )
    line = " ".join(next(worded, "").strip("#*_ \t").split())
    if len(line) <= TITLE_CHARACTERS:
        return line or "Untitled"
    cut = line[:TITLE_CHARACTERS].rsplit(" ", 1)[0].rstrip(" ,;:.-–—")
    return f"{cut} …"
