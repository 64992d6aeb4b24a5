"""Read articles from files: plain text, Markdown with front matter, and corpus.jsonl. Streams; stores nothing.

What cannot be read is yielded as an ArticleProblem naming the file (and line), and reading goes on.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import BinaryIO

from vectorstore.values import SHARED_LIBRARY, Article

SUFFIXES = (".txt", ".md", ".jsonl")
MAX_BYTES = 5_000_000
"""Longest single article or corpus line. Larger ones are reported: no newspaper prints them."""
TITLE_CHARACTERS = 90

LEADING_DATE = re.compile(r"\A\s*date (\S+)[ \t]*\n?")
FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ArticleProblem:
    """An article that could not be read: where (file, or file:line) and why, in one sentence."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReadArticle:
    """An article and the file it was read from."""

    article: Article
    origin: str
    place: str


class Unreadable(Exception):
    """Why one article cannot be read; becomes an ArticleProblem."""


ReadResults = Iterator[ReadArticle | ArticleProblem]


def read_paths(paths: Sequence[Path], library: str = SHARED_LIBRARY) -> ReadResults:
    """Every article under these files and folders, in an order that is always the same."""
    for path in paths:
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
            if not found:
                yield ArticleProblem(str(path), f"holds no {', '.join(SUFFIXES)} file.")
            for file in found:
                yield from read_file(file, f"{path.resolve().name}/{file.relative_to(path).as_posix()}", library)
        elif path.suffix.lower() in SUFFIXES or not path.exists():
            yield from read_file(path, f"{path.resolve().parent.name}/{path.name}", library)
        else:
            yield ArticleProblem(str(path), f"is not a {', '.join(SUFFIXES)} file: convert it, or give its folder.")


def unlisted_folders(paths: Sequence[Path]) -> list[ArticleProblem]:
    """The folders under these paths that cannot be listed, and those of the paths that hold nothing at all."""
    errors: list[OSError] = []
    problems = []
    for folder in (path for path in paths if path.is_dir()):
        for at, folders, names in os.walk(folder, onerror=errors.append):
            if at == str(folder) and not folders and not names:
                problems.append(ArticleProblem(at, "is empty, perhaps not mounted: nothing was deleted."))
    unreadable = [
        ArticleProblem(str(e.filename), f"cannot be listed ({e.strerror}): nothing was deleted.") for e in errors
    ]
    return problems + unreadable


def read_file(path: Path, name: str, library: str = SHARED_LIBRARY) -> ReadResults:
    """The articles of one file; `name` becomes the id of an article that does not bring its own."""
    origin = str(path.resolve())
    try:
        with path.open("rb") as file:
            yield from read_open_file(file, name, library, origin, str(path))
    except OSError as error:
        yield ArticleProblem(str(path), f"cannot be read ({error.strerror}).")


def read_open_file(file: BinaryIO, name: str, library: str, origin: str, place: str) -> ReadResults:
    """The articles of one open file, by the suffix of its name."""
    if name.lower().endswith(".jsonl"):
        yield from read_json_lines(file, library, origin, place)
        return
    try:
        content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise Unreadable(f"is longer than {MAX_BYTES // 1_000_000} MB: split it into its articles.")
        text = decode(content)
        read = markdown_article if name.lower().endswith(".md") else plain_article
        yield ReadArticle(read(text, name, library), origin, place)
    except Unreadable as error:
        yield ArticleProblem(place, str(error))


def read_json_lines(file: BinaryIO, library: str, origin: str, place: str) -> ReadResults:
    """One article a line. A second article with an id of this file is reported, not stored."""
    lines_by_id: dict[str, int] = {}
    number = 0
    while line := file.readline(MAX_BYTES + 1):
        number += 1
        here = f"{place}:{number}"
        if not line.strip():
            continue
        try:
            if len(line) > MAX_BYTES:
                skip_line(file)
                raise Unreadable(f"is longer than {MAX_BYTES // 1_000_000} MB.")
            article = corpus_article(decode(line), library)
            if article.id in lines_by_id:
                raise Unreadable(f"repeats the id {article.id!r} of line {lines_by_id[article.id]}: give it its own.")
            lines_by_id[article.id] = number
            yield ReadArticle(article, origin, here)
        except Unreadable as error:
            yield ArticleProblem(here, str(error))


def skip_line(file: BinaryIO) -> None:
    """Skip the rest of a line that is too long."""
    while (rest := file.readline(MAX_BYTES)) and not rest.endswith(b"\n"):
        pass


def decode(content: bytes) -> str:
    """UTF-8, with or without a byte order mark. Line ends stay as they are: offsets count in what was written."""
    if b"\x00" in content:
        raise Unreadable("is binary, not text.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8 (byte {error.start}): save it as UTF-8.") from None


def plain_article(text: str, name: str, library: str) -> Article:
    """A text file; an opening ` date YYYY-MM-DD ` becomes the date and leaves the text."""
    published = None
    opening = LEADING_DATE.match(text)
    # An article may well begin with the words "date palms": only a digit makes it a date.
    if opening and opening.group(1)[:1].isdigit():
        published = parse_published(opening.group(1))
        text = text[opening.end() :]
    return make_article(name, library, text.strip(), published=published)


def markdown_article(text: str, name: str, library: str) -> Article:
    """Markdown with front matter (title, source, url, published); the body is kept as it is written."""
    import yaml

    front = FRONT_MATTER.match(text)
    if front is None:
        return plain_article(text, name, library)
    try:
        fields = yaml.safe_load(front.group(1)) or {}
    except (yaml.YAMLError, ValueError) as error:
        raise Unreadable(f"has front matter that is not YAML ({str(error).splitlines()[0]}).") from None
    if not isinstance(fields, dict):
        raise Unreadable("has front matter that is not `name: value` lines.")
    return article_from_fields({"id": name, **fields, "text": text[front.end() :].strip()}, library)


def corpus_article(line: str, library: str) -> Article:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"is not JSON ({error}).") from None
    if not isinstance(fields, dict):
        raise Unreadable("is not a JSON object with id, title, source, url, published and text.")
    return article_from_fields(fields, library)


def article_from_fields(fields: dict[str, object], library: str) -> Article:
    """An article from named fields; blank and null ones are allowed, but for id and text."""
    published = fields.get("published") or fields.get("date")
    identifier = text_field(fields, "id").strip()
    if not identifier:
        raise Unreadable("has no id.")
    return make_article(
        identifier,
        library,
        text_field(fields, "text"),
        title=text_field(fields, "title"),
        source=text_field(fields, "source"),
        url=text_field(fields, "url"),
        language=text_field(fields, "language")[:35],
        published=None if published in (None, "") else parse_published(published),
    )


def text_field(fields: dict[str, object], name: str) -> str:
    """A field as text; numbers are taken as written."""
    value = fields.get(name)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise Unreadable(f"has a {name} that is no text.")


def make_article(
    identifier: str,
    library: str,
    text: str,
    title: str = "",
    source: str = "",
    url: str = "",
    language: str = "",
    published: datetime | None = None,
) -> Article:
    """An article as it may be stored; a title is derived from the text when there is none."""
    if not text.strip():
        raise Unreadable("holds no text.")
    text, title, source, url = (storable(field) for field in (text, title, source, url))
    title = " ".join(title.split())
    return Article(
        id=storable(identifier),
        title=title or derived_title(text),
        text=text,
        library=library,
        source=" ".join(source.split()),
        url=url.strip(),
        published=published,
        language=language,
        title_derived=not title,
    )


def storable(text: str) -> str:
    """Half of a surrogate pair is no character and NUL ends a string in C: both become the replacement character."""
    return LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text).replace("\x00", "\N{REPLACEMENT CHARACTER}")


def derived_title(text: str) -> str:
    """The beginning of the text: its first line, cut at a word (said to be derived wherever it is shown)."""
    line = " ".join(next(line for line in text.splitlines() if line.strip()).strip("#*_ \t").split())
    if len(line) <= TITLE_CHARACTERS:
        return line or "Untitled"
    cut = line[:TITLE_CHARACTERS].rsplit(" ", 1)[0].rstrip(" ,;:.-–—")
    return f"{cut} …"


def parse_published(value: object) -> datetime:
    """An ISO date or date-time as an aware datetime; without a zone it is UTC. Raises Unreadable."""
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime.combine(value, time())
    else:
        try:
            moment = datetime.fromisoformat(str(value).strip())
        except ValueError:
            raise Unreadable(f"has the date {str(value)[:40]!r}: write it as YYYY-MM-DD.") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise Unreadable(f"has the date {str(value)[:40]!r}, which no calendar holds.") from None
    if moment > datetime.now(UTC) + timedelta(days=1):
        raise Unreadable(f"has the date {moment:%Y-%m-%d}, which lies in the future: correct it.")
    if moment.year < 1600:
        raise Unreadable(f"has the date {moment:%Y-%m-%d}, older than any newspaper: correct it.")
    return moment
