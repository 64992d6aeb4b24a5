"""Read articles from files and folders. Streams; stores nothing.

What cannot be read is yielded as an ArticleProblem naming the file (and line), what is no article as a Skipped, and
reading goes on. Which bytes, names and dates are understood: decoding.py, article_fields.py, dates.py.
"""

import gzip
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from rag.ingestion.article_fields import ArticleDraft, draft_of
from rag.ingestion.decoding import Unreadable, decode_and_tell
from rag.ingestion.document import DocumentFields
from rag.ingestion.documents import DOCUMENT_SUFFIXES, PAGE_SUFFIXES, Documents
from rag.ingestion.front_matter import read_head
from rag.ingestion.records import records
from rag.ingestion.wrapped_lines import join_wrapped_lines
from vectorstore.values import SHARED_LIBRARY, Article

TEXT_SUFFIXES = (".txt", ".md", ".markdown")
RECORD_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv")
"""Files that hold many articles, which name themselves."""
SUFFIXES = TEXT_SUFFIXES + RECORD_SUFFIXES + DOCUMENT_SUFFIXES
PACKED = ".gz"
"""At the end of the name of any of these."""
MAX_UNPACKED = 2_000_000_000
"""Bytes that one packed file is unpacked to: a thousand times what the largest newspapers print in a month. A guess."""
MAX_BYTES = 5_000_000
"""Largest text or page of a single article. Larger ones are reported: no newspaper prints them."""
MAX_FILE_BYTES = 50_000_000
"""Largest PDF, Word document or mail, which bring their pictures along."""
REPEATED = "repeated article"
LEFT_OUT = ("node_modules", "__pycache__")
"""Folders of programs, left out like all that are hidden (.git, .obsidian)."""


@dataclass(frozen=True, slots=True)
class ArticleProblem:
    """An article that could not be read, or not in full: where (file, or file:line) and why, in one sentence."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was left out, and what kind of thing it is: ".pdf file", "hidden folder", "repeated article"."""

    place: str
    kind: str


@dataclass(frozen=True, slots=True)
class ReadArticle:
    """An article and where it was read: `origin` the file's whole path, `name` its short one, `place` file or file:line."""

    draft: ArticleDraft
    origin: str
    place: str
    name: str

    @property
    def article(self) -> Article:
        return self.draft.article

    def with_article(self, article: Article, *remarks: str) -> "ReadArticle":
        """The same reading, of a changed article."""
        return replace(self, draft=replace(self.draft, article=article, remarks=(*self.draft.remarks, *remarks)))


ReadResult = ReadArticle | ArticleProblem | Skipped
ReadResults = Iterator[ReadResult]


def read_paths(paths: Sequence[Path], library: str = SHARED_LIBRARY) -> ReadResults:
    """Every article under these files and folders, in an order that is always the same."""
    with Documents() as documents:
        for path in paths:
            if path.is_dir():
                yield from read_folder(path, library, documents)
            elif suffix_of(path.name) in SUFFIXES or not path.exists():
                yield from read_file(path, f"{path.resolve().parent.name}/{path.name}", library, documents)
            else:
                yield ArticleProblem(
                    path_text(path), f"is not a {', '.join(SUFFIXES)} file: convert it, or give its folder."
                )


def read_folder(folder: Path, library: str, documents: Documents) -> ReadResults:
    """Every article in a folder and those below it."""
    empty = True
    for file in article_files(folder):
        if isinstance(file, Skipped):
            yield file
        else:
            empty = False
            name = f"{folder.resolve().name}/{file.relative_to(folder).as_posix()}"
            yield from read_file(file, name, library, documents)
    if empty:
        yield ArticleProblem(path_text(folder), f"holds no {', '.join(SUFFIXES)} file.")


def article_files(folder: Path, onerror: Callable[[OSError], None] | None = None) -> Iterator[Path | Skipped]:
    """The files of a folder that may hold articles, and what is left out, always in the same order."""
    for at, folders, names in os.walk(folder, onerror=onerror):
        for name in sorted(folders):
            if name.startswith(".") or name in LEFT_OUT:
                kind = "hidden folder" if name.startswith(".") else f"{name} folder"
                yield Skipped(path_text(Path(at, name)), kind)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in LEFT_OUT)
        for name in sorted(names):
            path = Path(at, name)
            kind = kind_left_out(path)
            yield Skipped(path_text(path), kind) if kind else path


def kind_left_out(path: Path) -> str:
    """What a file is that is not read, "" for one that is."""
    if path.name.startswith("."):
        return "hidden file"
    if not path.is_file():
        return "broken link" if path.is_symlink() else "device"
    if suffix_of(path.name) in SUFFIXES:
        return ""
    return f"{path.suffix.lower()} file" if path.suffix else "suffixless file"


def suffix_of(name: str) -> str:
    """The suffix of a file's name that says how it is read: ".txt" of "a.TXT.gz"."""
    return os.path.splitext(unpacked_name(name))[1].lower()


def unpacked_name(name: str) -> str:
    return name[: -len(PACKED)] if name.lower().endswith(PACKED) else name


def path_text(path: Path) -> str:
    """A path as text that can be stored and shown: bytes of a name that are not UTF-8 as \\xe9."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def unlisted_folders(paths: Sequence[Path]) -> list[ArticleProblem]:
    """The folders under these paths that cannot be listed, and those of the paths that hold nothing at all."""
    errors: list[OSError] = []
    problems = []
    for folder in (path for path in paths if path.is_dir()):
        for _ in article_files(folder, errors.append):
            pass
        if not errors and not any(folder.iterdir()):
            problems.append(ArticleProblem(path_text(folder), "is empty, perhaps not mounted: nothing was deleted."))
    unreadable = [
        ArticleProblem(path_text(Path(error.filename)), f"cannot be listed ({error.strerror}): nothing was deleted.")
        for error in errors
    ]
    return problems + unreadable


def read_file(path: Path, name: str, library: str, documents: Documents) -> ReadResults:
    """The articles of one file; `name` becomes the id of an article that does not bring its own."""
    place, name = path_text(path), path_text(Path(name))
    try:
        with path.open("rb") as file:
            unpacked = unpacked_name(name)
            content = file if unpacked == name else cast("BinaryIO", UnpackedFile(file))
            yield from read_open_file(content, unpacked, library, path_text(path.resolve()), place, documents)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        yield ArticleProblem(place, "is no gzip file, or a damaged one: pack it again.")
    except Unreadable as error:
        yield ArticleProblem(place, str(error))
    except OSError as error:
        yield ArticleProblem(place, f"cannot be read ({error.strerror}).")


class UnpackedFile(gzip.GzipFile):
    """A packed file that is read unpacked, up to so many bytes. Raises Unreadable beyond them."""

    def __init__(self, fileobj: BinaryIO, most: int = MAX_UNPACKED) -> None:
        super().__init__(fileobj=fileobj)
        self.most = most

    def read(self, size: int | None = -1) -> bytes:
        return self.within_bounds(super().read(size))

    def readline(self, size: int | None = -1) -> bytes:
        return self.within_bounds(super().readline(size))

    def within_bounds(self, content: bytes) -> bytes:
        if self.tell() > self.most:
            raise Unreadable(f"unpacks to more than {self.most:,} bytes: divide it.")
        return content


def read_open_file(
    file: BinaryIO, name: str, library: str, origin: str, place: str, documents: Documents
) -> ReadResults:
    """The articles of one open file, by the suffix of its name."""
    try:
        if name.lower().endswith(RECORD_SUFFIXES):
            yield from read_records(file, name, library, origin, place)
        else:
            suffix = next((one for one in DOCUMENT_SUFFIXES if name.lower().endswith(one)), "")
            most = MAX_BYTES if suffix in ("", *PAGE_SUFFIXES) else MAX_FILE_BYTES
            content = file.read(most + 1)
            if len(content) > most:
                raise Unreadable(f"is longer than {most // 1_000_000} MB: split it into its articles.")
            if suffix:
                draft = document_draft(documents.read(suffix, content), name, library)
            else:
                draft = text_draft(content, name, library)
            yield ReadArticle(draft, origin, place, name)
    except Unreadable as error:
        yield ArticleProblem(place, str(error))


def read_records(file: BinaryIO, name: str, library: str, origin: str, place: str) -> ReadResults:
    """The articles of a file of many."""
    for number, record in records(file, name):
        try:
            if isinstance(record, Unreadable):
                raise record
            yield ReadArticle(draft_of(record, library, file=name), origin, f"{place}:{number}", name)
        except Unreadable as error:
            yield ArticleProblem(f"{place}:{number}", str(error))


def text_draft(content: bytes, name: str, library: str) -> ArticleDraft:
    """A text or Markdown file: what its head says, and the body as it is written."""
    text, guessed = decode_and_tell(content)
    head = read_head(text)
    draft = draft_of({"id": name, **head.fields, "text": join_wrapped_lines(head.body)}, library, own_id=name)
    return ArticleDraft(draft.article, guessed + head.remarks + draft.remarks, draft.unknown_fields)


def document_draft(document: DocumentFields, name: str, library: str) -> ArticleDraft:
    """A web page as it was saved, a PDF, a Word document or a mail. Raises Unreadable when its text is empty."""
    draft = draft_of(document.fields, library, own_id=name, origins=document.origins)
    return replace(draft, remarks=(*document.remarks, *draft.remarks))


def with_distinct_ids(readings: Iterable[ReadResult]) -> ReadResults:
    """The same, no id twice: a repeated article is skipped, another one of another file gets an id with that file's name."""
    seen: dict[str, ReadArticle] = {}
    for reading in readings:
        first = seen.get(reading.article.id) if isinstance(reading, ReadArticle) else None
        if first is None or not isinstance(reading, ReadArticle):
            told: ReadResult = reading
        elif first.article.digest == reading.article.digest:
            told = Skipped(reading.place, REPEATED)
        else:
            told = reading if first.origin == reading.origin else renamed(reading, first)
            if isinstance(told, ReadArticle) and told.article.id in seen:
                told = ArticleProblem(
                    reading.place, f"repeats the id {reading.article.id!r} of {first.place}: give it its own."
                )
        if isinstance(told, ReadArticle):
            seen[told.article.id] = told
        yield told


def renamed(reading: ReadArticle, first: ReadArticle) -> ReadArticle:
    """The article under an id of its own, which stays the same while its file has its name."""
    article = replace(reading.article, id=f"{reading.article.id}@{reading.name}")
    remark = f"has the id {reading.article.id!r} of {first.place}: it is stored as {article.id!r}."
    return reading.with_article(article, remark)
