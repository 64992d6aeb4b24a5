"""A PDF as the fields of an article: its lines joined to paragraphs, running heads and page numbers left out.

A PDF knows where letters stand and nothing of paragraphs: they are told by gaps, indents and sizes of type. Its title, author
and date of creation are guesses, for a file may be printed years after its article.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median

from pypdf import PageObject, PdfReader
from pypdf.errors import DependencyError, LimitReachedError, PdfReadError

from rag.ingestion.decoding import Unreadable
from rag.ingestion.document import DocumentFields, FieldsFound
from rag.ingestion.linked_data import same_words
from vectorstore.values import GUESSED

EDGE_LINES = 2
"""Lines at the top and at the bottom of a page that may be a running head or foot."""
PAGE_NUMBER = re.compile(
    r"\W*(?:page|seite|p\.|s\.|página|pagina)?\s*\d{1,4}(?:\s*(?:of|/|von|sur|de|di)\s*\d{1,4})?\W*", re.IGNORECASE
)
WIDE_GAP = 1.3
"""Of the usual distance between lines: from here on a new paragraph begins. Typesetters add half a line or a whole one."""
LEAST_LEADING, MOST_LEADING, MOST_WITHIN = 0.7, 4.0, 20.0
"""Distances in sizes of type: less is one line, more than the last another column or page."""
OTHER_SIZE = 1.12
INDENT = 0.6
"""Of the type's size, from where a line is indented; up to so many times of it lines belong to one column."""
COLUMN_REACH = 8.0
SHORT_LINE = 0.75
"""Of a page's long lines: a shorter one that ends a sentence ends its paragraph."""
HEADING_SIZE = 1.25
MAX_TITLE = 250
SENTENCE_ENDS = (".", "!", "?", "…", ":", "。", "！", "？")
CLOSING_MARKS = "\"'”’»)]"
HYPHENS = ("-", "\u00ad", "\u2010")
NO_TITLE = re.compile(
    r"\A(?:.{0,3}|untitled|document\d*|layout \d+|microsoft (?:word|powerpoint) - .*|.*\.(?:docx?|pdf|indd|html?|odt|txt))\Z",
    re.IGNORECASE,
)
"""What programs write where nobody gave a title."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page: where it begins, in points from the page's lower left corner, and its type's size in points."""

    text: str
    x: float
    y: float
    size: float


def pdf_fields(content: bytes) -> DocumentFields:
    """Raises Unreadable for encrypted and scanned ones, and those that unpack to more than any article."""
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable(ENCRYPTED)
        pages = [page_lines(page) for page in reader.pages]
    except DependencyError:
        raise Unreadable(ENCRYPTED) from None
    except LimitReachedError:
        raise Unreadable("unpacks to more than any article: print it to a new PDF, or give its text.") from None
    except PdfReadError as error:
        raise Unreadable(f"is a damaged PDF ({' '.join(str(error).split())[:100]}): save it again.") from None
    if not any(pages):
        raise Unreadable("holds pictures of pages and no text: run text recognition (OCR) over it first.")
    lines = without_running_heads(pages)
    paragraphs = list(pdf_paragraphs(lines))
    found = FieldsFound()
    note_properties(found, reader)
    found.note("title", heading_of(pages[0]), GUESSED)
    if paragraphs and same_words(paragraphs[0]) == same_words(found.fields.get("title", "")):
        paragraphs = paragraphs[1:]
    empty = sum(not page for page in pages)
    remark = (
        f"has {empty} of {len(pages)} pages without text; if they are pictures of text, run text recognition over them."
    )
    return found.with_text("\n\n".join(paragraphs), *([remark] if empty else []))


ENCRYPTED = "is encrypted: open it with its password and print it to a new PDF."


def page_lines(page: PageObject) -> list[Line]:
    """The lines of a page in the order in which the file has them: in columns that of reading, mostly."""
    pieces: list[tuple[str, float, float, float]] = []
    lines: list[Line] = []

    def end_line() -> None:
        words = " ".join("".join(text for text, _, _, _ in pieces).split())
        if words:
            _, x, y, size = next(piece for piece in pieces if piece[0].strip())
            lines.append(Line(words, x, y, size or 1.0))
        pieces.clear()

    def visit(text: str, user: Sequence[float], matrix: Sequence[float], _: object, size: float) -> None:
        x = matrix[4] * user[0] + matrix[5] * user[2] + user[4]
        y = matrix[4] * user[1] + matrix[5] * user[3] + user[5]
        scaled = abs(size * (matrix[3] or matrix[1]) * (user[3] or user[1]))
        first, *rest = text.split("\n")
        pieces.append((first, x, y, scaled))
        for one in rest:
            end_line()
            pieces.append((one, x, y, scaled))

    page.extract_text(visitor_text=visit)
    end_line()
    return lines


def without_running_heads(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """The pages without the lines at their edges that other pages have too, digits aside, and without page numbers."""
    edges = [edge_lines(page) for page in pages]
    repeated = Counter(key for page in edges for key in {running_key(line) for line in page})
    often = max(2, len(pages) / 2)
    kept = []
    for page, edge in zip(pages, edges, strict=True):
        dropped = {
            id(line) for line in edge if repeated[running_key(line)] >= often or PAGE_NUMBER.fullmatch(line.text)
        }
        kept.append([line for line in page if id(line) not in dropped])
    return kept


def edge_lines(page: Sequence[Line]) -> list[Line]:
    """The uppermost and the lowest lines of a page."""
    by_height = sorted(page, key=lambda line: line.y)
    return [*by_height[:EDGE_LINES], *by_height[-EDGE_LINES:]] if len(page) > 2 * EDGE_LINES else by_height


def running_key(line: Line) -> str:
    return re.sub(r"\d+", "#", line.text.casefold())


def pdf_paragraphs(pages: Sequence[Sequence[Line]]) -> Iterator[str]:
    """The text of all pages, a paragraph at a time."""
    compounds = {word for page in pages for line in page for word in line.text.lower().split() if "-" in word[:-1]}
    paragraph = ""
    before: Line | None = None
    for page in pages:
        leading = usual_leading(page)
        longest = max((len(line.text) for line in page), default=0)
        for line in page:
            if before is not None and begins_paragraph(before, line, page, leading, longest):
                yield paragraph
                paragraph = ""
            paragraph = joined_lines(paragraph, line.text, compounds)
            before = line
    if paragraph:
        yield paragraph


def usual_leading(page: Sequence[Line]) -> float:
    """How far lines of one paragraph are apart, in sizes of their type; 0 where no two follow each other."""
    gaps = sorted(
        (upper.y - lower.y) / lower.size
        for upper, lower in pairwise(page)
        if LEAST_LEADING * lower.size < upper.y - lower.y < MOST_LEADING * lower.size
    )
    # The fifth part from below: a page of short paragraphs has more gaps between them than within.
    return gaps[len(gaps) // 5] if gaps else 0.0


def begins_paragraph(before: Line, line: Line, page: Sequence[Line], leading: float, longest: int) -> bool:
    """True where a line does not go on with the one before it."""
    if max(before.size, line.size) > OTHER_SIZE * min(before.size, line.size):
        return True
    gap = before.y - line.y
    ended = ends_sentence(before.text)
    if gap < -INDENT * line.size or gap > MOST_WITHIN * line.size:
        # The next column or page.
        return ended
    if abs(gap) < INDENT * line.size:
        # The same line, in pieces.
        return False
    if leading and gap > WIDE_GAP * leading * line.size:
        return True
    left = min(one.x for one in page if abs(one.x - line.x) < COLUMN_REACH * line.size)
    if line.x > left + INDENT * line.size and (ended or before.x < line.x - INDENT * line.size):
        return True
    return ended and len(before.text) < SHORT_LINE * longest


def ends_sentence(text: str) -> bool:
    return text.rstrip(CLOSING_MARKS).endswith(SENTENCE_ENDS)


def joined_lines(paragraph: str, line: str, compounds: set[str]) -> str:
    """A line after what is there; a word that was divided is whole again, one that has its hyphen elsewhere keeps it."""
    if not paragraph:
        return line
    if paragraph.endswith(HYPHENS) and paragraph[-2:-1].isalpha() and line[:1].islower():
        whole = f"{paragraph.split()[-1][:-1]}-{line.split()[0]}".lower().strip(".,;:")
        return paragraph + line if paragraph.endswith("-") and whole in compounds else paragraph[:-1] + line
    return f"{paragraph} {line}"


def heading_of(page: Sequence[Line]) -> str:
    """The largest type at the head of the first page, where it is larger than the rest."""
    if not page:
        return ""
    largest = max(line.size for line in page)
    if largest < HEADING_SIZE * median(line.size for line in page):
        return ""
    title = " ".join(line.text for line in page if line.size > largest / OTHER_SIZE)
    return title if len(title) <= MAX_TITLE else ""


def note_properties(found: FieldsFound, reader: PdfReader) -> None:
    """What the file says of itself, as guesses. A damaged property costs no more than itself."""
    with suppress(PdfReadError, ValueError, TypeError, AttributeError, LookupError):
        if (about := reader.metadata) is not None:
            title = " ".join(str(about.title or "").split())
            found.note("title", "" if NO_TITLE.match(title) else title, GUESSED)
            found.note("author", " ".join(str(about.author or "").split()), GUESSED)
            made: datetime | None = about.creation_date
            found.note("published", made.isoformat() if made else "", GUESSED)
