"""The library of articles: ingest, list, forget, rebuild. Async outside; the work is done in a thread."""

import asyncio
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from rag.answer import Headline, headline_of
from rag.digest import Digest, make_digest
from rag.errors import ArticleError
from rag.ingestion.documents import Documents
from rag.ingestion.indexing import IngestReport, OnProgress, Storage, check_vectors, ingest, remove
from rag.ingestion.read_articles import (
    RECORD_SUFFIXES,
    SUFFIXES,
    ArticleProblem,
    ReadArticle,
    ReadResult,
    path_text,
    read_open_file,
    read_paths,
    unlisted_folders,
)
from rag.ingestion.rebuilding import rebuild
from rag.ingestion.tally import file_of
from rag.watching import MOST_ARRIVALS, Arrivals
from vectorstore.ledger import ArticleVersion, LedgerCounts, News
from vectorstore.lexical import LexicalIndex
from vectorstore.lock import ShouldStop, database_lock, never_stop, writer_lock
from vectorstore.values import SHARED_LIBRARY, Article, Chunk

WRITER_WAIT_SECONDS = 600.0
UPLOAD = "upload:"
"""Origin of articles that came through a channel rather than from a file: `--prune` never takes them."""


@dataclass(frozen=True, slots=True)
class LibraryStatus(LedgerCounts):
    """What is stored in the libraries asked about, and the name of the model that embedded it."""

    embedder: str


class Library:
    """The stored articles of every library. Writing holds the writer lock; raises StoreError, EmbedderError."""

    def __init__(self, storage: Storage, on_wait: Callable[[str], None] | None = None) -> None:
        self.storage = storage
        self.on_wait = on_wait

    @contextmanager
    def writing(self, stopped: ShouldStop = never_stop) -> Iterator[ShouldStop]:
        """Hold the writer lock, with the vectors reopened as the last writer left them; then index what was written.

        Yields what long work is to poll: it raises StoreUnavailable when another machine may write meanwhile.
        """
        with (
            writer_lock(self.storage.folder, WRITER_WAIT_SECONDS, self.on_wait, stopped),
            database_lock(self.storage.ledger.database, WRITER_WAIT_SECONDS, self.on_wait, stopped) as stopped_or_lost,
        ):
            self.storage.store.reopen()
            yield stopped_or_lost
            if self.storage.store.is_server:
                # It may have been emptied meanwhile: then this is the moment to hear of it.
                check_vectors(self.storage)
            self.storage.lexical.save()

    async def ingest(
        self,
        paths: Sequence[Path],
        library: str = SHARED_LIBRARY,
        prune: bool = False,
        progress: OnProgress | None = None,
        prune_most: bool = False,
    ) -> IngestReport:
        """Store every article under these files and folders, and finish what an earlier run left unfinished.

        prune: articles that were read from these paths before and are no longer there are deleted, unless a folder cannot
        be listed, or more than half of the library would go and not `prune_most`: the report says so.
        """
        return await asyncio.to_thread(self.ingest_paths, paths, library, prune, progress, prune_most)

    def ingest_paths(
        self, paths: Sequence[Path], library: str, prune: bool, progress: OnProgress | None, prune_most: bool
    ) -> IngestReport:
        with self.writing() as stopped:
            report, seen = ingest(self.storage, read_paths(paths, library), library, progress, stopped)
            if not prune:
                return report
            # A locked folder or an empty mount point looks as if everything in it had been deleted.
            if unlisted := unlisted_folders(paths):
                return replace(report, problems=(*report.problems, *unlisted))
            gone = self.gone(paths, library, seen, report.problems)
            if not prune_most and 2 * len(gone) > len(self.storage.ledger.known(library)):
                return replace(report, unpruned=len(gone))
            remove(self.storage, library, gone)
            return replace(report, removed=len(gone))

    def gone(
        self, paths: Sequence[Path], library: str, seen: dict[str, str], problems: Sequence[ArticleProblem]
    ) -> list[str]:
        """Articles that these paths held before and no longer do. A file that could not be read has lost nothing."""
        roots = [path_text(path.resolve()) for path in paths]
        unreadable = {str(Path(file_of(problem.place)).resolve()) for problem in problems}
        unreadable |= {str(Path(problem.place).resolve()) for problem in problems}
        return [
            article.id
            for article in self.storage.ledger.known(library).values()
            if article.id not in seen
            and article.origin not in unreadable
            and not article.origin.startswith(UPLOAD)
            and any(Path(article.origin).is_relative_to(root) for root in roots)
        ]

    async def add(
        self, name: str, content: bytes, library: str = SHARED_LIBRARY, url: str = "", stopped: ShouldStop = never_stop
    ) -> IngestReport:
        """Read and store an uploaded file. Raises ArticleError when nothing in it can be read.

        url: where the file was found, for articles that do not bring their own. Another text under a name that is taken
        gets a name of its own: two texts pasted into Discord arrive as two files "message.txt".
        """
        if not name.lower().endswith(SUFFIXES):
            raise ArticleError(f"{name} is not a {', '.join(SUFFIXES)} file: convert it first.")
        report = await asyncio.to_thread(self.add_upload, name, content, library, url, stopped)
        if report.problems and not (report.added or report.changed or report.unchanged):
            first = report.problems[0]
            raise ArticleError(f"{first.place} {first.reason}")
        return report

    def add_upload(self, name: str, content: bytes, library: str, url: str, stopped: ShouldStop) -> IngestReport:
        with Documents() as documents:
            readings: list[ReadResult] = [
                with_url(reading, url)
                for reading in read_open_file(io.BytesIO(content), name, library, f"{UPLOAD}{name}", name, documents)
            ]
        with self.writing(stopped) as stopped:
            if not name.lower().endswith(RECORD_SUFFIXES):
                # A file of many names its articles itself, and means the same ones by the same ids.
                readings = [self.with_own_id(reading) for reading in readings]
            return ingest(self.storage, readings, library, stopped=stopped)[0]

    def with_own_id(self, reading: ReadResult) -> ReadResult:
        """The same, under an id that no other text has."""
        if not isinstance(reading, ReadArticle):
            return reading
        article = reading.article
        stored = self.storage.ledger.article(article.library, article.id)
        if stored is None or stored.text == article.text:
            return reading
        digest = hashlib.sha256(article.text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        return reading.with_article(replace(article, id=f"{article.id}-{digest}"))

    async def store(
        self, readings: Sequence[ReadArticle], library: str = SHARED_LIBRARY, stopped: ShouldStop = never_stop
    ) -> IngestReport:
        """Store articles that were read elsewhere; one that is there is replaced, one that was withdrawn is back."""
        return await asyncio.to_thread(self.store_readings, readings, library, stopped)

    def store_readings(self, readings: Sequence[ReadArticle], library: str, stopped: ShouldStop) -> IngestReport:
        with self.writing(stopped) as stopped:
            return ingest(self.storage, readings, library, stopped=stopped)[0]

    async def withdraw(self, library: str, article_ids: Sequence[str], stopped: ShouldStop = never_stop) -> list[str]:
        """Take articles out of every answer because their publisher did; returns which of them stood until now."""
        return await asyncio.to_thread(self.withdraw_articles, library, article_ids, stopped)

    def withdraw_articles(self, library: str, article_ids: Sequence[str], stopped: ShouldStop) -> list[str]:
        with self.writing(stopped):
            return self.storage.ledger.withdraw(library, article_ids)

    async def withdrawn(self, library: str = SHARED_LIBRARY) -> dict[str, datetime]:
        """The withdrawn articles of a library by id, and since when they are."""
        return await asyncio.to_thread(self.storage.ledger.withdrawn, library)

    async def versions(self, library: str, article_id: str) -> list[ArticleVersion]:
        """What an article said before it was changed, oldest first."""
        return await asyncio.to_thread(self.storage.ledger.versions, library, article_id)

    async def headlines(self, library: str = SHARED_LIBRARY) -> list[Headline]:
        """Every article of one library, newest first."""
        stored = await asyncio.to_thread(self.storage.ledger.headlines, library)
        return [headline_of(article) for article in stored]

    async def article(self, library: str, article_id: str) -> Article | None:
        """One stored article with its text."""
        return await asyncio.to_thread(self.storage.ledger.article, library, article_id)

    async def passages(self, library: str, article_id: str) -> list[Chunk]:
        """The passages of one stored article in reading order; none while it is unfinished."""
        return await asyncio.to_thread(self.storage.ledger.chunks_of, library, article_id)

    async def forget(self, library: str, article_id: str, stopped: ShouldStop = never_stop) -> bool:
        """Delete an article, its chunks and vectors; False when there was none."""
        return await asyncio.to_thread(self.forget_article, library, article_id, stopped)

    def forget_article(self, library: str, article_id: str, stopped: ShouldStop) -> bool:
        if self.storage.ledger.article(library, article_id) is None:
            return False
        with self.writing(stopped):
            remove(self.storage, library, [article_id])
        return True

    async def rebuild(self, progress: OnProgress | None = None) -> int:
        """Make every chunk and vector anew while the old ones answer; returns how many chunks there are.

        Killed, it goes on where it was when it is called again.
        """
        return await asyncio.to_thread(self.rebuild_all, progress)

    def rebuild_all(self, progress: OnProgress | None) -> int:
        with self.writing() as stopped:
            return rebuild(self.storage, progress, stopped)

    async def status(self, libraries: Sequence[str] = (SHARED_LIBRARY,)) -> LibraryStatus:
        """Counts and dates of what is stored."""
        counts = await asyncio.to_thread(self.storage.ledger.counts, libraries)
        return LibraryStatus(**asdict(counts), embedder=self.storage.embedder.name)

    async def latest_arrival(self) -> float:
        """When the last article arrived, in this process or another; 0 where none did."""
        return await asyncio.to_thread(self.storage.ledger.latest_arrival)

    async def arrivals(self, after: float) -> Arrivals:
        """What arrived later than that."""
        return await asyncio.to_thread(self.read_arrivals, after)

    def read_arrivals(self, after: float) -> Arrivals:
        return Arrivals.of(self.storage.ledger.arrivals(after, MOST_ARRIVALS + 1), after)

    async def any_near(self, question: str, arrivals: Arrivals, libraries: Sequence[str]) -> bool:
        """True if something that arrived in these libraries may change the answer to a question."""
        vector = await asyncio.to_thread(self.storage.embedder.embed_question, question)
        return arrivals.any_near(vector, libraries)

    async def digest(self, news: News) -> Digest:
        """What is new, by story."""
        return await asyncio.to_thread(make_digest, self.storage.ledger, news)

    def lexical(self) -> LexicalIndex:
        """The lexical index, in the state that the ledger has or is just about to leave."""
        return self.storage.lexical.current()


def with_url(reading: ReadResult, url: str) -> ReadResult:
    """The same, linked to where it was found when it names no address itself."""
    if not isinstance(reading, ReadArticle) or reading.article.url or not url:
        return reading
    return reading.with_article(replace(reading.article, url=url))
