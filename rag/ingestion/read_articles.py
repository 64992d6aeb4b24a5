"""Read articles from files and folders. Streams; stores nothing.

What cannot be read is yielded as an ArticleProblem naming the file (and line), what is no article as a Skipped, and
reading goes on. Which bytes, names and dates are understood: decoding.py, article_fields.py, dates.py.
"""

import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from rag.ingestion.article_fields import ArticleDraft, draft_of
from rag.ingestion.dates import NoDate, parse_published
from rag.ingestion.decoding import Unreadable, decode_and_tell, path_text
from rag.ingestion.document import DocumentFields
from rag.ingestion.documents import DOCUMENT_SUFFIXES, PAGE_SUFFIXES, Documents
from rag.ingestion.front_matter import read_head
from rag.ingestion.records import records
from rag.ingestion.unpacking import (
    ARCHIVE,
    MAX_MEMBERS,
    MAX_UNPACKED,
    NOT_UNPACKED,
    PACKED,
    UNPACKING_ERRORS,
    BoundedFile,
    opened,
    unpacked_name,
)
from rag.ingestion.wrapped_lines import join_wrapped_lines
from vectorstore.values import GUESSED, SHARED_LIBRARY, Article

TEXT_SUFFIXES = (".txt", ".md", ".markdown")
RECORD_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv")
"""Files that hold many articles, which name themselves."""
SUFFIXES = TEXT_SUFFIXES + RECORD_SUFFIXES + DOCUMENT_SUFFIXES
MAX_BYTES = 5_000_000
"""Largest text or page of a single article. Larger ones are reported: no newspaper prints them."""
MAX_FILE_BYTES = 50_000_000
"""Largest PDF, Word document or mail, which bring their pictures along."""
REPEATED, ARCHIVE_KIND = "repeated article", "archive"
LEFT_OUT = ("node_modules", "__pycache__", "__MACOSX")
"""Folders of programs, left out like all that are hidden (.git, .obsidian)."""
DAY_IN_NAME = re.compile(r"(?:19|20)\d\d-\d\d-\d\d(?![0-9])")
OTHER_ARCHIVES = (".tar", ".tgz", ".tbz2", ".txz", ".7z", ".rar", ".zst", ".lz4", ".lzma", ".br", ".z")
ENCRYPTED_MEMBER = 1
"""The bit of a zip's member that says so."""


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
            elif path.exists() and not path.is_file():
                yield ArticleProblem(path_text(path), "is a pipe or device, which may never end: save it as a file.")
            elif is_read(path.name) or is_archive(path.name) or not path.exists():
                yield from read_file(path, f"{path.resolve().parent.name}/{path.name}", library, documents)
            elif kind_by_name(path.name).endswith(ARCHIVE_KIND):
                yield ArticleProblem(path_text(path), "is an archive: unpack it and give its folder.")
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


LINKED_FOLDER, BROKEN_LINK, DEVICE = "linked folder", "broken link", "device"
UNSEEN = {
    LINKED_FOLDER: "is a link to a folder, which is not followed",
    BROKEN_LINK: "is a link to nothing, perhaps not mounted",
    DEVICE: "is a pipe or device",
}
"""Kinds of what is left out that may stand where articles were, and still are behind it: the end of a sentence."""


def article_files(folder: Path, onerror: Callable[[OSError], None] | None = None) -> Iterator[Path | Skipped]:
    """The files of a folder that may hold articles, and what is left out, always in the same order."""
    for at, folders, names in os.walk(folder, onerror=onerror):
        for name in sorted(folders):
            if name.startswith(".") or name in LEFT_OUT:
                kind = "hidden folder" if name.startswith(".") else f"{name} folder"
                yield Skipped(path_text(Path(at, name)), kind)
            elif Path(at, name).is_symlink():
                # Links may lead in a circle, or out of the folder.
                yield Skipped(path_text(Path(at, name)), LINKED_FOLDER)
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
        return BROKEN_LINK if path.is_symlink() else DEVICE
    return "" if is_archive(path.name) else kind_by_name(path.name)


def kind_by_name(name: str) -> str:
    """What a file is that is not read, by its name; "" for one that is."""
    if is_read(name):
        return ""
    suffix = os.path.splitext(unpacked_name(name))[1].lower() or os.path.splitext(name)[1].lower()
    if suffix in (*OTHER_ARCHIVES, ARCHIVE, *PACKED):
        return f"{suffix} {ARCHIVE_KIND}"
    return f"{suffix} file" if suffix else "suffixless file"


def is_read(name: str) -> bool:
    """True for the name of a file that holds articles, packed or not; an archive is none."""
    return suffix_of(name) in SUFFIXES


def is_archive(name: str) -> bool:
    """True for the name of a file that holds many others, which are read."""
    return name.lower().endswith(ARCHIVE)


def suffix_of(name: str) -> str:
    """The suffix of a file's name that says how it is read: ".txt" of "a.TXT.gz"."""
    return os.path.splitext(unpacked_name(name))[1].lower()


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


def unseen_places(folder: Path) -> Iterator[tuple[str, str]]:
    """The whole paths in a folder at or below which articles may be, unseen; why, as the end of a sentence."""
    root = folder.resolve()
    for at, folders, names in os.walk(root):
        if not folders and not names and Path(at) != root:
            yield path_text(Path(at)), "is empty, perhaps not mounted"
    for found in article_files(root):
        if isinstance(found, Skipped) and found.kind in UNSEEN:
            yield found.place, UNSEEN[found.kind]


def read_file(path: Path, name: str, library: str, documents: Documents) -> ReadResults:
    """The articles of one file; `name` becomes the id of an article that does not bring its own."""
    place, name, origin = path_text(path), path_text(Path(name)), path_text(path.resolve())
    try:
        with path.open("rb") as file:
            if is_archive(name):
                yield from read_archive(file, name, library, origin, place, documents)
            else:
                content = opened(file, name)
                yield from read_open_file(content, unpacked_name(name), library, origin, place, documents)
    except UNPACKING_ERRORS:
        yield ArticleProblem(place, NOT_UNPACKED)
    except Unreadable as error:
        yield ArticleProblem(place, str(error))
    except OSError as error:
        yield ArticleProblem(place, f"cannot be read ({error.strerror})." if error.errno else NOT_UNPACKED)


def read_archive(file: BinaryIO, name: str, library: str, origin: str, place: str, documents: Documents) -> ReadResults:
    """The articles of the files within a zip, each named like a file of a folder."""
    with zipfile.ZipFile(file) as archive:
        members = sorted((one for one in archive.infolist() if not one.is_dir()), key=lambda one: one.filename)
        if len(members) > MAX_MEMBERS:
            raise Unreadable(f"holds more than {MAX_MEMBERS:,} files: divide it.")
        if not any(is_read(member.filename) for member in members):
            raise Unreadable(f"holds no {', '.join(SUFFIXES)} file.")
        left = MAX_UNPACKED
        for member in members:
            within = "/".join(part for part in member.filename.split("/") if part.strip("."))
            inner, member_place = f"{name}/{within}", f"{place}/{within}"
            if kind := kind_within(within):
                yield Skipped(member_place, kind)
            elif member.flag_bits & ENCRYPTED_MEMBER:
                yield ArticleProblem(member_place, "is encrypted: unpack it yourself.")
            else:
                try:
                    with archive.open(member) as packed:
                        bounded = cast("BinaryIO", BoundedFile(cast("BinaryIO", packed), left))
                        content = opened(bounded, inner)
                        yield from read_open_file(
                            content, unpacked_name(inner), library, origin, member_place, documents
                        )
                        left -= packed.tell()
                except (*UNPACKING_ERRORS, NotImplementedError, OSError):
                    yield ArticleProblem(member_place, NOT_UNPACKED)


def kind_within(name: str) -> str:
    """What a file in an archive is that is not read, "" for one that is."""
    if any(part.startswith(".") or part in LEFT_OUT for part in name.split("/")):
        return "hidden file"
    return kind_by_name(name)


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
    remarks: list[str] = []
    for number, record in records(file, name, remarks):
        try:
            if isinstance(record, Unreadable):
                raise record
            draft = draft_of(record, library, file=name)
            yield ReadArticle(replace(draft, remarks=(*remarks, *draft.remarks)), origin, f"{place}:{number}", name)
            remarks.clear()
        except Unreadable as error:
            yield ArticleProblem(f"{place}:{number}", str(error))


def text_draft(content: bytes, name: str, library: str) -> ArticleDraft:
    """A text or Markdown file: what its head says, and the body as it is written."""
    text, guessed = decode_and_tell(content)
    head = read_head(text)
    fields = {"id": name, **head.fields, "text": join_wrapped_lines(head.body)}
    draft = draft_of(fields, library, own_id=name)
    if draft.article.published is None and not (head.remarks or draft.remarks) and (day := day_in_name(name)):
        draft = draft_of({**fields, "published": day}, library, own_id=name, origins={"published": GUESSED})
    return ArticleDraft(draft.article, guessed + head.remarks + draft.remarks, draft.unknown_fields)


def day_in_name(name: str) -> str:
    """The day that the name of a file begins with, as those of Jekyll and of notes do; "" for none."""
    found = DAY_IN_NAME.match(name.rpartition("/")[2])
    with suppress(NoDate):
        return found[0] if found and parse_published(found[0]) else ""
    return ""


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
