"""The records of files that hold many articles: JSON lines, JSON arrays, answers of news interfaces, CSV."""

import csv
import io
import json
import re
from collections.abc import Iterator
from itertools import count
from typing import BinaryIO

from rag.ingestion.article_fields import FIELD_NAMES, FULL_TEXT, has_field, in_order
from rag.ingestion.decoding import Unreadable, decode, decode_and_tell, decodes, encoding_of, guess_of, wide_encoding_of

MAX_LINE_BYTES = 5_000_000
"""Longest line of JSON: one article. No newspaper prints a longer one."""
MAX_LINES_JUDGED = 50
"""Lines that are looked at for what encoding a file is in. A guess."""
MAX_DOCUMENT_BYTES = 200_000_000
"""Largest file that has to be read as a whole, about a gigabyte in memory. A guess."""
HEAD_BYTES_OF_RECORDS = 65_536
ENVELOPES = in_order(
    "articles items results entries posts stories news documents docs rows records hits data children edges nodes messages"
    " orderedItems statuses tweets db response feed list objects rss channel item"
)
"""What the list of articles is called where an object is wrapped around it."""
JSON_FEED = "https://jsonfeed.org/version/"
"""How the version of a JSON Feed begins."""
SEARCH_HIT = "_source"
INNER_RECORDS = (SEARCH_HIT, *in_order("fields attributes data node doc row record object tweet"))
"""Where most fields of an article stand in an object of their own: Elasticsearch's, the Guardian's, JSON:API's, Reddit's,
GraphQL's, CouchDB's, the Hub's data sets', Bluesky's, Mastodon's, X's."""
BESIDE_THE_TEXT = in_order("metadata meta extra_info")
"""Where LangChain, Haystack and LlamaIndex keep all fields but the text."""
BULK_ACTIONS = in_order("index create update")
"""What stands alone in the line before a record in a file for Elasticsearch's bulk interface."""
SCRIPT_HEAD = re.compile(
    r"\s*(?:\)\]\}'?,?|(?:while|for)\s*\([^()]{0,10}\);|(?:/\*\*/)?\s*[\w.$]{1,80}\s*\("
    r"|(?:var |let |const )?[\w.$\[\]\"']{1,80}\s*=)\s*(?=[\[{])"
)
"""What stands before JSON that is a script: `callback(` of JSONP, `window.articles =`, Google's `)]}'`."""
SCRIPT_END = re.compile(r"[\s);]+\Z")
COMMENT_LINE = (b"//", b"#")
SEPARATOR_LINE = re.compile(r"\s*\"?sep=([,;\t|])\"?\r?\n", re.IGNORECASE)
"""What Excel writes above the names."""
TRAILING_COMMA = re.compile(r",\s*([}\]])\s*\Z")
BETWEEN_VALUES = re.compile(r"[\s,\x1e\ufeff]*")
"""What stands between the values of a text that has several: nothing, commas, the separators of RFC 7464."""
DECODER = json.JSONDecoder(strict=False)
"""Takes line ends and tabs within strings, which some exporters leave as they are."""
DELIMITERS = ",;\t|"
TABLE_SUFFIXES = (".csv", ".tsv")

Record = tuple[int, dict[str, object] | Unreadable]
"""The line (or, in one JSON document, the number) of an article, and its fields or why there are none."""


def records(file: BinaryIO, name: str, remarks: list[str]) -> Iterator[Record]:
    """Every record of an open file, by its name's suffix. Raises Unreadable when it is none of these as a whole.

    remarks: gets what is to be told of the file from the next record on.
    """
    return csv_records(file, remarks) if name.lower().endswith(TABLE_SUFFIXES) else json_records(file, remarks)


def json_records(file: BinaryIO, remarks: list[str]) -> Iterator[Record]:
    """JSON lines, or JSON over several lines; which of the two, its beginning says and not its name."""
    if wide_encoding_of(head_of(file)):
        file = io.BytesIO(decode(whole(file)).encode("utf-8", "replace"))
    if is_document(head_of(file)):
        values = document(file, remarks)
        if values is not None:
            yield from zip(count(1), (found for value in values for found in objects_in(value)))
            return
        file.seek(0)
    yield from line_records(file, remarks)


def head_of(file: BinaryIO) -> bytes:
    head = file.read(HEAD_BYTES_OF_RECORDS)
    file.seek(0)
    return head


def is_document(head: bytes) -> bool:
    """True if a file begins with an array, or with an object that its first line does not end."""
    start = bare_json(head.decode("latin-1").removeprefix("\xef\xbb\xbf").lstrip()).encode("latin-1")
    if start.startswith(b"["):
        return True
    first, newline, _ = start.partition(b"\n")
    return bool(newline) and start.startswith(b"{") and not first.rstrip().endswith((b"}", b"},"))


def document(file: BinaryIO, remarks: list[str]) -> list[object] | None:
    """The values of a file that is JSON as a whole: one, or several after each other, as jq writes them; None for others."""
    try:
        text, guess = decode_and_tell(whole(file))
        values = values_in(bare_json(text))
    except (ValueError, RecursionError, Unreadable):
        return None
    remarks += guess
    return values


def values_in(text: str) -> list[object]:
    """The JSON values of a text, one after the other. Raises ValueError, RecursionError."""
    values: list[object] = []
    at = 0
    while (between := BETWEEN_VALUES.match(text, at)) and (at := between.end()) < len(text):
        value, at = DECODER.raw_decode(text, at)
        values.append(value)
    return values


def whole(file: BinaryIO) -> bytes:
    """All of a file that cannot be read line by line. Raises Unreadable."""
    content = file.read(MAX_DOCUMENT_BYTES + 1)
    if len(content) > MAX_DOCUMENT_BYTES:
        raise Unreadable(f"is longer than {MAX_DOCUMENT_BYTES // 1_000_000} MB: save it as .jsonl, one article a line.")
    return content


def line_records(file: BinaryIO, remarks: list[str]) -> Iterator[Record]:
    """The articles of each line; a line in error is named and the next one read."""
    given: dict[str, object] = {}
    old_encoding = ""
    for number in count(1):
        line = file.readline(MAX_LINE_BYTES + 1)
        if not line:
            return
        if len(line) > MAX_LINE_BYTES:
            skip_line(file)
            yield number, Unreadable(f"is longer than {MAX_LINE_BYTES // 1_000_000} MB.")
        elif line.strip() and not line.lstrip().startswith(COMMENT_LINE):
            try:
                if not decodes(line, "utf-8"):
                    if not (old_encoding and decodes(line, old_encoding)):
                        old_encoding = encoding_of(line + like_lines_ahead(file)) or ""
                        remarks += guess_of(old_encoding) if old_encoding else ()
                    line = line.decode(old_encoding).encode() if old_encoding else line
                values = json_line(line)
            except Unreadable as error:
                yield number, error
                continue
            if (announced := bulk_action(values)) is not None:
                given = announced
                continue
            yield from ((number, with_id(found, given)) for value in values for found in objects_in(value))
            given = {}


def like_lines_ahead(file: BinaryIO) -> bytes:
    """Further lines that are not UTF-8: one line alone has few letters to judge by, and all are of one program."""
    here, found = file.tell(), []
    for _ in range(MAX_LINES_JUDGED):
        line = file.readline(MAX_LINE_BYTES)
        if not line:
            break
        if not decodes(line, "utf-8"):
            found.append(line)
    file.seek(here)
    return b"".join(found)


def json_line(line: bytes) -> list[object]:
    """One line's value, or its values after each other. Raises Unreadable."""
    text = TRAILING_COMMA.sub(r"\1", bare_json(decode(line).strip().lstrip("\ufeff").rstrip(",")))
    try:
        return values_in(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"is not JSON ({error}).") from None


def bare_json(text: str) -> str:
    """The JSON of a text that is a script around it; other texts as they are."""
    head = SCRIPT_HEAD.match(text)
    return SCRIPT_END.sub("", text[head.end() :]) if head else text


def bulk_action(values: list[object]) -> dict[str, object] | None:
    """The id that a line of Elasticsearch's bulk interface gives to the next one, {} for none; None for other lines."""
    if len(values) != 1 or not isinstance(values[0], dict) or len(values[0]) != 1:
        return None
    ((name, about),) = values[0].items()
    if name not in BULK_ACTIONS or not isinstance(about, dict) or not all(key.startswith("_") for key in about):
        return None
    return {"_id": about["_id"]} if "_id" in about else {}


def with_id(record: dict[str, object] | Unreadable, given: dict[str, object]) -> dict[str, object] | Unreadable:
    """The record with the id that the line before gave it, unless it has one of its own."""
    return record if isinstance(record, Unreadable) else {**given, **record}


def skip_line(file: BinaryIO) -> None:
    """Skip the rest of a line that is too long."""
    while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def objects_in(value: object) -> Iterator[dict[str, object] | Unreadable]:
    """The records of a JSON value: itself, the members of an array, those in an envelope, or the rows of a table."""
    if rows := table_rows(value):
        yield from rows
    elif isinstance(value, list) and value:
        for member in value:
            if isinstance(member, dict) and not has_field(member, FIELD_NAMES["text"]) and not inner_record(member):
                yield from objects_in(member)
            else:
                yield with_inner_record(member) if isinstance(member, dict) else not_an_object()
    elif isinstance(value, dict) and not has_field(value, FULL_TEXT) and (inside := enveloped(value)) is not None:
        outlet = feed_title(value)
        for record in objects_in(inside):
            yield record if isinstance(record, Unreadable) or not outlet else {"source": outlet, **record}
    elif isinstance(value, dict) and (named := named_records(value)):
        yield from named
    elif isinstance(value, dict):
        yield with_inner_record(value)
    else:
        yield not_an_object()


def table_rows(value: object) -> list[dict[str, object]]:
    """The rows of a table that pandas wrote by columns, in either of its forms, or under a list of names; [] for others."""
    if isinstance(value, dict) and isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        value = [value["columns"], *value["data"]]
    if isinstance(value, list):
        names, *rows = value or [None]
        if not isinstance(names, list) or not all(isinstance(row, list) and len(row) == len(names) for row in rows):
            return []
        named = [dict(zip(map(str, names), row, strict=True)) for row in rows]
    elif isinstance(value, dict) and len(value) > 1:
        columns = {name: columns_values(column) for name, column in value.items()}
        if not all(columns.values()) or len({tuple(column) for column in columns.values()}) != 1:
            return []
        named = [{name: column[row] for name, column in columns.items()} for row in next(iter(columns.values()))]
    else:
        return []
    return named if all(has_field(row, FIELD_NAMES["text"]) for row in named) else []


def columns_values(column: object) -> dict[str, object]:
    """The values of a column by their rows; {} for what is no column."""
    if isinstance(column, list):
        return {str(row): cell for row, cell in enumerate(column)}
    return column if isinstance(column, dict) and all(str(row).isdigit() for row in column) else {}


def named_records(value: dict[str, object]) -> list[dict[str, object]]:
    """The records of an object that is nothing but records by their ids, as pandas writes an index; [] for others."""
    members = [{"id": name, **member} for name, member in value.items() if isinstance(member, dict)]

    def is_record(one: dict[str, object]) -> bool:
        titled = has_field(one, FIELD_NAMES["title"]) and has_field(one, FIELD_NAMES["url"])
        return has_field(one, FIELD_NAMES["text"] if titled else FULL_TEXT)

    return members if len(members) == len(value) and all(map(is_record, members)) else []


def with_inner_record(value: dict[str, object]) -> dict[str, object]:
    """The record with the fields of the objects within it; those of one that has the text count before those around it."""
    if has_field(value, FULL_TEXT) or (has_field(value, FIELD_NAMES["text"]) and SEARCH_HIT not in value):
        beside = [inner for name in BESIDE_THE_TEXT if isinstance(inner := value.get(name), dict)]
        return {**beside[0], **{key: own for key, own in value.items() if own is not beside[0]}} if beside else value
    name = inner_record(value)
    inner = value.get(name)
    if not isinstance(inner, dict):
        return value
    # What stands beside a search's hit is the search's, but for the id.
    return {**{key: own for key, own in value.items() if key != name and (name != SEARCH_HIT or key == "_id")}, **inner}


def inner_record(value: dict[str, object]) -> str:
    """The name of the object within that has the text, "" where there is none."""

    def has_text(inner: object) -> bool:
        return isinstance(inner, dict) and has_field(inner, FIELD_NAMES["text"])

    return next((name for name in INNER_RECORDS if has_text(value.get(name))), "")


def enveloped(value: dict[str, object]) -> object:
    """The list, or a further envelope, under one of the usual names; None where there is none."""
    return next((value[name] for name in ENVELOPES if isinstance(value.get(name), list | dict) and value[name]), None)


def feed_title(value: dict[str, object]) -> str:
    """What a feed calls itself beside its entries, as feedparser and JSON Feed keep it; "" for other lists."""
    feed = value.get("feed") if isinstance(value.get("entries"), list) else value
    is_feed = feed is not value or str(value.get("version", "")).startswith(JSON_FEED)
    title = feed.get("title") if isinstance(feed, dict) and is_feed else ""
    return title if isinstance(title, str) else ""


def not_an_object() -> Unreadable:
    return Unreadable("is not a JSON object with id, title, source, url, published and text.")


def csv_records(file: BinaryIO, remarks: list[str]) -> Iterator[Record]:
    """Rows under a line of names, separated by commas, semicolons, tabs or bars. Raises Unreadable."""
    text, guess = decode_and_tell(whole(file))
    remarks += guess
    text = text.lstrip("\ufeff")
    separator = SEPARATOR_LINE.match(text)
    text = text[separator.end() :] if separator else text
    header = text.lstrip().partition("\n")[0]
    # A limit of the csv module for all of the process; its own, 131,072, is shorter than long articles.
    csv.field_size_limit(MAX_LINE_BYTES)
    delimiter = separator[1] if separator else max(DELIMITERS, key=header.count)
    rows = csv.reader(io.StringIO(text.lstrip(), newline=""), delimiter=delimiter)
    try:
        names = [name.strip() for name in next(rows, [])]
        if not has_field(dict.fromkeys(names), FIELD_NAMES["text"]):
            raise Unreadable(f"has no column of texts in its first line ({header[:80]!r}): call one `text`.")
        for row in rows:
            if len(row) > len(names):
                yield rows.line_num, Unreadable(f"has {len(row)} values, the first line names {len(names)}.")
            elif any(cell.strip() for cell in row):
                yield rows.line_num, dict(zip(names, row, strict=False))
    except csv.Error as error:
        raise Unreadable(f"is not CSV from line {rows.line_num} on ({error}).") from None
