"""A Word document (.docx) as the fields of an article: the words of its body as they stand there, tables row by row.

Read from the zip by the standard library and defusedxml, nothing unpacked to disk: what is deleted by a tracked change,
headers, footers, footnotes, comments and hidden words are left out.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from rag.ingestion.dates import written_moment
from rag.ingestion.decoding import Unreadable
from rag.ingestion.document import DocumentFields, FieldsFound
from rag.ingestion.tables import Cell, beside, number_in, worded_table
from vectorstore.values import GIVEN, GUESSED

BODY_PART = "word/document.xml"
PROPERTIES_PART = "docProps/core.xml"
MAX_MEMBER_BYTES = 40_000_000
"""Of a part of the document, unpacked: the XML of an article is far below a megabyte. A guess."""
WORD_SPACE = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
STRICT_WORD_SPACE = "{http://purl.oclc.org/ooxml/wordprocessingml/main}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
TERMS = "{http://purl.org/dc/terms/}"
DELETED = ("del", "moveFrom", "delText", "instrText")
DATE_WITHIN = 4
"""Paragraphs below the title that may be the line with the date: title, subtitle and byline where no style says so."""
BESIDE_A_DATE = re.compile(r"\s*[|·•–—]\s*|\n")
BEFORE_A_DATE = re.compile(
    r"^(?:(?:published|posted|date)\b(?: on\b)?\s*:?\s*|[^\W\d_][^\d,]{1,40}, (?:the |den )?(?=\d))", re.IGNORECASE
)
"""Before the date of a line: what it is the date of, or the place, as in "Varnhaven, 17 October 2025"."""
HAS_YEAR = re.compile(r"\b(?:1[6-9]|20)\d\d\b")


def word_fields(content: bytes) -> DocumentFields:
    """Raises Unreadable for what is no Word document, is encrypted, or unpacks to more than any article."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            body = xml_of(archive, BODY_PART)
            properties = xml_of(archive, PROPERTIES_PART) if PROPERTIES_PART in archive.namelist() else None
    except (zipfile.BadZipFile, KeyError, NotImplementedError, zlib.error, EOFError):
        raise Unreadable(no_word(content)) from None
    found = FieldsFound()
    paragraphs = list(word_paragraphs(body))
    titles = [text for style, text in paragraphs if style == "title"]
    found.note("title", titles[0] if titles else "", GIVEN)
    leading = [text for style, text in paragraphs if text and style != "title"][:DATE_WITHIN]
    found.note("published", next(filter(None, map(day_of_line, leading)), ""), GIVEN)
    if properties is not None:
        # Templates and copies carry the title and the day of another document.
        found.note("title", properties.findtext(f"{DUBLIN_CORE}title") or "", GUESSED)
        found.note("author", properties.findtext(f"{DUBLIN_CORE}creator") or "", GUESSED)
        found.note("published", properties.findtext(f"{TERMS}created") or "", GUESSED)
    text = "\n\n".join(text for style, text in paragraphs if text and style != "title")
    if not text:
        raise Unreadable("holds no text: if its pages are pictures, run text recognition (OCR) over them first.")
    return found.with_text(text)


def day_of_line(line: str) -> str:
    """The day of a line that holds a date, an author or place beside it at most, as ISO 8601; "" for every other line."""
    for part in BESIDE_A_DATE.split(line):
        if HAS_YEAR.search(part):
            with suppress(ValueError):
                return written_moment(BEFORE_A_DATE.sub("", part.strip(" .,"))).isoformat()
    return ""


def no_word(content: bytes) -> str:
    # Word encrypts into the older container, whose first bytes these are.
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        return "is encrypted or in Word's older format: save it as .docx without a password."
    return "is no Word document, or a damaged one: save it again as .docx."


def xml_of(archive: zipfile.ZipFile, name: str) -> Element:
    """A part of the document. Raises Unreadable for bombs and entities."""
    with archive.open(name) as member:
        written = member.read(MAX_MEMBER_BYTES + 1)
    if len(written) > MAX_MEMBER_BYTES:
        raise Unreadable(f"unpacks to more than {MAX_MEMBER_BYTES // 1_000_000} MB: give its text.")
    try:
        root: Element = fromstring(written, forbid_dtd=True)
    except DefusedXmlException:
        raise Unreadable(
            "declares entities, as no word processor does and attacks do: save it again as .docx."
        ) from None
    except ParseError as error:
        raise Unreadable(f"is a damaged Word document ({error}): save it again as .docx.") from None
    return root


def word_paragraphs(element: Element) -> Iterator[tuple[str, str]]:
    """(style in lower case, text) of each paragraph and of each row of a table, in reading order."""
    for child in element:
        name = word_name(child)
        if name == "p":
            yield style_of(child), one_line_a_break(words_under(child))
        elif name == "tbl":
            yield from (("", line) for line in table_lines(child))
        elif child.tag != FALLBACK and name not in DELETED:
            yield from word_paragraphs(child)


def table_lines(table: Element) -> list[str]:
    """A table row by row, each cell under the name of its column where the table has any."""
    rows = [[word_cell(cell, heads(row)) for cell in outermost(row, "tc")] for row in outermost(table, "tr")]
    return worded_table(rows) or [line for row in rows if (line := beside(row))]


def outermost(element: Element, name: str) -> Iterator[Element]:
    """The elements of Word's of this name, but for those within each other and what is deleted."""
    for child in element:
        if word_name(child) == name:
            yield child
        elif child.tag != FALLBACK and word_name(child) not in DELETED:
            yield from outermost(child, name)


def heads(row: Element) -> bool:
    """True for a row that is repeated above the table's part on each page: the names of its columns."""
    return any(row.find(f"{space}trPr/{space}tblHeader") is not None for space in (WORD_SPACE, STRICT_WORD_SPACE))


def word_cell(cell: Element, is_heading: bool) -> Cell:
    spans = (cell.find(f"{space}tcPr/{space}gridSpan") for space in (WORD_SPACE, STRICT_WORD_SPACE))
    columns = next((span.get(f"{span.tag.partition('}')[0]}}}val") for span in spans if span is not None), None)
    return Cell(cell_text(cell), is_heading, number_in(columns))


def cell_text(cell: Element) -> str:
    return " ".join(" ".join(text.split()) for _, text in word_paragraphs(cell) if text)


def words_under(element: Element) -> str:
    """The words under an element; Word's breaks and tabs as characters, the text of boxes after its paragraph's own."""
    pieces: list[str] = []
    for child in element:
        name = word_name(child)
        if name == "t":
            pieces.append(child.text or "")
        elif name in ("br", "cr"):
            pieces.append("\n")
        elif name == "tab":
            pieces.append(" ")
        elif name == "noBreakHyphen":
            pieces.append("-")
        elif child.tag != FALLBACK and name not in (*DELETED, "pPr", "rPr") and not is_hidden(child):
            pieces.append(words_under(child))
    return "".join(pieces)


def is_hidden(run: Element) -> bool:
    """True for words that Word shows to nobody unless asked to."""
    for space in (WORD_SPACE, STRICT_WORD_SPACE):
        mark = run.find(f"{space}rPr/{space}vanish")
        if mark is not None:
            return mark.get(f"{space}val", "true").lower() not in ("0", "false", "off")
    return False


def one_line_a_break(text: str) -> str:
    return "\n".join(line for one in text.split("\n") if (line := " ".join(one.split())))


def style_of(paragraph: Element) -> str:
    for space in (WORD_SPACE, STRICT_WORD_SPACE):
        style = paragraph.find(f"{space}pPr/{space}pStyle")
        if style is not None:
            return (style.get(f"{space}val") or "").lower()
    return ""


def word_name(element: Element) -> str:
    """An element's name where it is Word's, "" for others."""
    for space in (WORD_SPACE, STRICT_WORD_SPACE):
        if element.tag.startswith(space):
            return element.tag.removeprefix(space)
    return ""
