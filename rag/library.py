"""The library of articles: ingest, list, forget, rebuild. Async outside; the work is done in a thread."""

import asyncio
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from rag.answer import Citation, Headline, headline_of
from rag.digest import Digest, make_digest
from rag.errors import ArticleError, UnreadableArticle
from rag.ingestion.decoding import path_text
from rag.ingestion.documents import Documents
from rag.ingestion.forgetting import Forgotten, forget
from rag.ingestion.indexing import IngestReport, OnProgress, Storage, batches, check_vectors, ingest, remove
from rag.ingestion.read_articles import (
    RECORD_SUFFIXES,
    SUFFIXES,
    ArticleProblem,
    ReadArticle,
    ReadResult,
    read_open_file,
    read_paths,
    unlisted_folders,
    unseen_places,
)
from rag.ingestion.rebuilding import rebuild
from rag.ingestion.tally import file_of
from rag.library_stats import LibraryStats, library_stats, stored_bytes
from rag.prompt_injection import flagged_texts
from rag.watching import MOST_ARRIVALS, Arrivals, Standing, standing_of
from vectorstore.ledger import ArticleVersion, LedgerCounts, News
from vectorstore.lexical import LexicalSearch
from vectorstore.listing import ArticleFilter, ListedArticle, Listing
from vectorstore.lock import ShouldStop, database_lock, never_stop, writer_lock
from vectorstore.values import SHARED_LIBRARY, Article, ArticleKey, Chunk

ARTICLES_LOOKED_AT = 200
"""Whose passages are in memory at once."""
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
            self.storage.doubt_index_files()
            yield stopped_or_lost
            if self.storage.store.is_server:
                # It may have been emptied meanwhile: then this is the moment to hear of it.
                check_vectors(self.storage)
            self.storage.lexical.save()
            self.storage.note_index_files()

    async def ingest(
        self,
        paths: Sequence[Path],
        library: str = SHARED_LIBRARY,
        prune: bool = False,
        progress: OnProgress | None = None,
        prune_most: bool = False,
        newer_than: datetime | None = None,
    ) -> IngestReport:
        """Store every article under these files and folders, and finish what an earlier run left unfinished.

        prune: articles that were read from these paths before and are no longer there are deleted, unless a folder cannot
        be listed, or more than half of the library would go and not `prune_most`: the report says so. newer_than: what is known
        to be older is passed over, so that what was forgotten for its age does not come back.
        """
        return await asyncio.to_thread(self.ingest_paths, paths, library, prune, progress, prune_most, newer_than)

    def ingest_paths(
        self,
        paths: Sequence[Path],
        library: str,
        prune: bool,
        progress: OnProgress | None,
        prune_most: bool,
        newer_than: datetime | None,
    ) -> IngestReport:
        with self.writing() as stopped:
            readings = (reading for reading in read_paths(paths, library) if not is_older(reading, newer_than))
            report, seen = ingest(self.storage, readings, library, progress, stopped)
            if not prune:
                return report
            # A locked folder or an empty mount point looks as if everything in it had been deleted.
            if unlisted := unlisted_folders(paths):
                return replace(report, problems=(*report.problems, *unlisted))
            gone, kept = self.gone(paths, library, seen, report.problems)
            report = replace(report, problems=(*report.problems, *kept))
            if not prune_most and 2 * len(gone) > len(self.storage.ledger.known(library)):
                return replace(report, unpruned=len(gone))
            remove(self.storage, library, gone)
            return replace(report, removed=len(gone))

    def gone(
        self, paths: Sequence[Path], library: str, seen: dict[str, str], problems: Sequence[ArticleProblem]
    ) -> tuple[list[str], list[ArticleProblem]]:
        """Articles that these paths held before and no longer do, and the places that may hold others, unseen.

        A file that could not be read has lost nothing.
        """
        # Where a folder was and a file is now, nothing says what became of the folder's files.
        roots = [path_text(path.resolve()) for path in paths if path.is_dir()]
        files = {path_text(path.resolve()) for path in paths}
        unreadable = {str(Path(file_of(problem.place)).resolve()) for problem in problems}
        unreadable |= {str(Path(problem.place).resolve()) for problem in problems}
        missing = {
            article.id: Path(article.origin)
            for article in self.storage.ledger.known(library).values()
            if article.id not in seen
            and article.origin not in unreadable
            and not article.origin.startswith(UPLOAD)
            and (article.origin in files or any(Path(article.origin).is_relative_to(root) for root in roots))
        }
        kept: list[ArticleProblem] = []
        # Every folder is walked once more only where something is missing.
        folders = [path for path in paths if missing and path.is_dir()]
        for place, reason in (unseen for folder in folders for unseen in unseen_places(folder)):
            behind = [article_id for article_id, origin in missing.items() if origin.is_relative_to(place)]
            if behind:
                kept.append(ArticleProblem(place, f"{reason}: nothing at it was deleted."))
            for article_id in behind:
                del missing[article_id]
        return list(missing), kept

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
            raise UnreadableArticle(first.place, first.reason)
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
        self,
        readings: Sequence[ReadArticle],
        library: str = SHARED_LIBRARY,
        stopped: ShouldStop = never_stop,
        unwanted: Callable[[], Set[str]] = frozenset,
    ) -> IngestReport:
        """Store articles that were read elsewhere; one that is there is replaced, one that was withdrawn is back.

        unwanted: ids of those that were forgotten while they were read, asked for once nobody else writes.
        """
        return await asyncio.to_thread(self.store_readings, readings, library, stopped, unwanted)

    def store_readings(
        self,
        readings: Sequence[ReadArticle],
        library: str,
        stopped: ShouldStop,
        unwanted: Callable[[], Set[str]] = frozenset,
    ) -> IngestReport:
        with self.writing(stopped) as stopped:
            forgotten = unwanted()
            wanted = [reading for reading in readings if reading.article.id not in forgotten]
            return ingest(self.storage, wanted, library, stopped=stopped)[0]

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

    async def listed(self, wanted: ArticleFilter) -> list[ListedArticle]:
        """The articles that a filter lets through, newest first."""
        return await asyncio.to_thread(Listing(self.storage.ledger.database).find, wanted)

    async def flagged(self, library: str, article_ids: Sequence[str]) -> dict[str, int]:
        """How many passages of these articles hold sentences that are never quoted, for those that have some."""
        return await asyncio.to_thread(self.count_flagged, library, article_ids)

    def count_flagged(self, library: str, article_ids: Sequence[str]) -> dict[str, int]:
        counter = Counter[str]()
        for batch in batches(article_ids, ARTICLES_LOOKED_AT):
            for chunk in self.storage.ledger.chunks_of_articles(library, batch):
                counter[chunk.article_id] += bool(flagged_texts(chunk))
        return dict(+counter)

    async def stats(self, library: str = SHARED_LIBRARY) -> LibraryStats:
        """One library in numbers."""
        listed = await self.listed(ArticleFilter(library))
        flagged = await self.flagged(library, [entry.article.id for entry in listed])
        sizes = await asyncio.to_thread(stored_bytes, self.storage.folder)
        return library_stats(library, listed, flagged, sizes)

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
        """Forget one article; False when there was none."""
        if await self.article(library, article_id) is None:
            return False
        return bool((await self.forget_articles([(library, article_id)], stopped)).articles)

    async def forget_articles(self, articles: Sequence[ArticleKey], stopped: ShouldStop = never_stop) -> Forgotten:
        """Delete articles with everything made from them and every stored quote of them; finishes what a kill left."""
        return await asyncio.to_thread(self.forget_now, articles, stopped)

    def forget_now(self, articles: Sequence[ArticleKey], stopped: ShouldStop) -> Forgotten:
        if not articles and not self.storage.ledger.forgetting():
            return Forgotten()
        with self.writing(stopped):
            return forget(self.storage, articles, stopped)

    async def forget_expired(self, days: int, now: datetime, stopped: ShouldStop = never_stop) -> Forgotten:
        """Forget what is older than so many days, in every library; nothing where `days` is 0."""
        if not days:
            return Forgotten()
        before = now - timedelta(days=days)
        expired = await asyncio.to_thread(Listing(self.storage.ledger.database).older_than, before)
        return await self.forget_articles(expired, stopped)

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

    async def revision(self) -> str:
        """Another one whenever articles changed, came or went, in this process or another."""
        return await asyncio.to_thread(lambda: self.storage.ledger.revision)

    async def standing(self, citations: Sequence[Citation]) -> list[Standing]:
        """For each quote, what became of its article."""
        return await asyncio.to_thread(self.find_standing, citations)

    def find_standing(self, citations: Sequence[Citation]) -> list[Standing]:
        ledger = self.storage.ledger
        return [standing_of(one, ledger.quoted_article(one.library, one.article_id)) for one in citations]

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

    def lexical(self) -> LexicalSearch:
        """Who searches words, in the state that the ledger has or is just about to leave."""
        return self.storage.lexical.current()


def with_url(reading: ReadResult, url: str) -> ReadResult:
    """The same, linked to where it was found when it names no address itself."""
    if not isinstance(reading, ReadArticle) or reading.article.url or not url:
        return reading
    return reading.with_article(replace(reading.article, url=url))


def is_older(reading: ReadResult, newer_than: datetime | None) -> bool:
    """True for an article of which more than a guess says that it is older than that."""
    if newer_than is None or not isinstance(reading, ReadArticle):
        return False
    article = reading.article
    return article.published is not None and not article.published_guessed and article.published < newer_than
