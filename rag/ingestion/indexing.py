"""Store articles and make their chunks, vectors and lexical index. Killed at any moment, the next run finishes it.

The order is what makes that true: an article is stored as unfinished first, then its vectors are written, stale ones
deleted, and only then its chunks with the mark that they are whole, in one transaction.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

from rag.ingestion.chunking import CHUNKING, chunk_splitter, chunks_of
from rag.ingestion.incoming import IncomingBatch
from rag.ingestion.near_duplicates import BANDING, minhash_bands
from rag.ingestion.read_articles import ArticleProblem, ReadResult, with_distinct_ids
from rag.ingestion.tally import FilesRead, Tally
from rag.models.embedder import Embedder, Passage, PassageVectors
from rag.models.wordpiece import bert_tokenizer
from rag.prompt_injection import flagged_texts
from vectorstore.errors import StoreMismatch, StoreStopped
from vectorstore.index_files import doubt_index_files, note_index_files
from vectorstore.ledger import IndexedChunk, Ledger, stored_origins
from vectorstore.lock import ShouldStop, never_stop
from vectorstore.server_lexical import open_lexical
from vectorstore.values import Article, Chunk
from vectorstore.vectors import VectorStore

if TYPE_CHECKING:
    from llama_index.core.node_parser import SentenceSplitter

Value = TypeVar("Value")
EmbeddedArticle: TypeAlias = tuple[Article, list[tuple[IndexedChunk, np.ndarray]]]
"""An article with its chunks and the vector of each."""
ChunkedArticle: TypeAlias = tuple[Article, str, list[Chunk]]
"""An article with its duplicate group and its chunks."""
ARTICLES_AT_ONCE = 32
CHUNKS_WRITTEN_AT_ONCE = 256
"""Chroma takes 1.7 times as long for vectors that come in forties. A kill loses some four seconds of embedding."""
PASSAGES_AT_ONCE = 256
"""Passages between two polls for a stop, about ten seconds; smaller batches are slower, their lengths varying more."""
REPORTED_TITLES = 20
CHUNKS_BETWEEN_SAVES = 5_000
"""After so many new chunks the lexical index is saved: other processes add the rest themselves, in less than a second."""


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did. `problems` are articles that could not be read; everything else is stored, but for what was
    skipped (in `read`).

    unpruned: articles that are gone from the paths and were not deleted, because they are more than half of the library.
    flagged: of the chunks that were made, those with sentences that give instructions (rag/prompt_injection.py).
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    chunks: int = 0
    problems: tuple[ArticleProblem, ...] = ()
    titles: tuple[str, ...] = ()
    unpruned: int = 0
    flagged: int = 0
    read: FilesRead = field(default_factory=FilesRead)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is: articles read so far (total None), then articles indexed of a total."""

    step: str
    done: int
    total: int | None = None


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class MadeChunks:
    """How many chunks were made, and how many of them hold sentences that are never quoted."""

    chunks: int = 0
    flagged: int = 0

    @classmethod
    def of(cls, chunks: Sequence[Chunk]) -> "MadeChunks":
        return cls(len(chunks), sum(bool(flagged_texts(chunk)) for chunk in chunks))

    def __add__(self, other: "MadeChunks") -> "MadeChunks":
        return MadeChunks(self.chunks + other.chunks, self.flagged + other.flagged)


class Storage:
    """Everything that stores a library, and what is needed to fill it."""

    def __init__(self, folder: Path, ledger: Ledger, store: VectorStore, embedder: Embedder, chunk_tokens: int) -> None:
        self.folder = folder
        self.ledger = ledger
        self.store = store
        if store.is_server:
            ledger.claim_collection()
        self.counted = ("", 0)
        store.follow(lambda: ledger.collection)
        self.lexical = open_lexical(folder / "lexical", ledger, store)
        self.embedder = embedder
        self.chunk_tokens = chunk_tokens

    @property
    def index_key(self) -> str:
        """Names the way chunks are made: articles chunked in another way are unfinished."""
        way = f"{CHUNKING}:{self.chunk_tokens}:{self.embedder.name}"
        return hashlib.sha256(way.encode()).hexdigest()[:12]

    def known_chunks(self) -> tuple[str, int]:
        """The ledger's revision and how many vectors it needs, counted once a revision: counting takes as long as searching."""
        revision = self.ledger.revision
        if revision != self.counted[0] or not revision:
            # Counted after the revision was read: what changes meanwhile is of a later one.
            self.counted = (revision, self.ledger.indexed_chunk_count())
        return self.counted

    def doubt_index_files(self) -> None:
        """Note that Chroma's files are about to change; a server's are its own."""
        if isinstance(self.store.place, Path):
            doubt_index_files(self.ledger)

    def note_index_files(self) -> None:
        """Note how Chroma's files were left, for a checkup to compare."""
        if isinstance(self.store.place, Path):
            self.store.settle()
            note_index_files(self.ledger, self.store.place)

    @cached_property
    def splitter(self) -> "SentenceSplitter":
        """Made when something is ingested, not when a question is asked."""
        return chunk_splitter(bert_tokenizer(), self.chunk_tokens)


def ingest(
    storage: Storage,
    readings: Iterable[ReadResult],
    library: str,
    on_progress: OnProgress | None = None,
    stopped: ShouldStop = never_stop,
) -> tuple[IngestReport, dict[str, str]]:
    """Store what was read and index everything unfinished; returns the report and the origin of every id seen.

    The caller holds the writer lock. Raises StoreError; what was stored before stays. `stopped` is polled between
    batches.
    """
    check_storage(storage)
    renew_bands(storage.ledger)
    known = storage.ledger.known(library)
    seen: dict[str, str] = {}
    problems: list[ArticleProblem] = []
    titles: list[str] = []
    tally = Tally()
    added = changed = unchanged = 0
    incoming = IncomingBatch()
    for batch in batches(tally.count(with_distinct_ids(readings)), ARTICLES_AT_ONCE):
        for reading in batch:
            if isinstance(reading, ArticleProblem):
                problems.append(reading)
                continue
            article = reading.article
            seen[article.id] = reading.origin
            before = known.get(article.id)
            # One that was withdrawn is stored again: its page is back.
            if before and before.digest == article.digest and not before.withdrawn:
                unchanged += 1
                if (before.origin, before.field_origins) != (reading.origin, stored_origins(article.origins)):
                    storage.ledger.move_origin(article, reading.origin)
                continue
            added, changed = (added, changed + 1) if before else (added + 1, changed)
            titles += [article.title] * (len(titles) < REPORTED_TITLES)
            incoming.add(storage.ledger, article, reading.origin)
        if incoming.is_full or stopped():
            storage.ledger.save(incoming.entries)
            incoming = IncomingBatch()
        if on_progress:
            on_progress(Progress("Reading", added + changed + unchanged))
        raise_if_stopped(stopped)
    storage.ledger.save(incoming.entries)
    made = index_unfinished(storage, library, set(known), on_progress, stopped)
    report = IngestReport(
        added,
        changed,
        unchanged,
        0,
        made.chunks,
        tuple(problems),
        tuple(titles),
        flagged=made.flagged,
        read=tally.files_read(),
    )
    return report, seen


def check_embedder(storage: Storage) -> None:
    """Raises StoreMismatch when another model filled the store: its vectors mean nothing to this one."""
    filled_by = storage.ledger.metadata("embedder")
    if not filled_by:
        storage.ledger.set_metadata("embedder", storage.embedder.name)
    elif filled_by != storage.embedder.name:
        raise StoreMismatch(
            f"{storage.folder} was filled by the embedding model {filled_by!r}, the settings say "
            f"{storage.embedder.name!r}: run `dateline rebuild` to embed everything again, or set the old model."
        )


def follow_rebuild(storage: Storage) -> str:
    """Use the vectors that belong to the ledger's chunks; returns their name.

    Raises StoreMismatch when another process rebuilt the library with another model, or a server lost vectors.
    """
    collection = storage.ledger.collection
    if collection != storage.store.name:
        check_embedder(storage)
        storage.store.catch_up()
    if storage.store.is_server:
        # A folder is this library's alone, and was looked at when it was opened.
        check_vectors(storage)
    return collection


def check_storage(storage: Storage) -> None:
    """Raises StoreMismatch when the vectors are another model's, or fewer than the ledger knows of."""
    check_embedder(storage)
    check_vectors(storage)


def check_vectors(storage: Storage) -> None:
    """Raises StoreMismatch when there are fewer vectors than the ledger knows of: answers would miss what is stored.

    What another process deletes is taken out of the ledger's count first, under a new revision: then it is looked at again.
    """
    while True:
        (revision, known), stored = storage.known_chunks(), storage.store.count()
        if stored >= known:
            return
        if storage.ledger.revision == revision:
            break
        storage.store.catch_up()
    raise StoreMismatch(
        f"{storage.store.place} holds {stored} vectors, the ledger knows of {known}: run `dateline rebuild` to make "
        "them again from the stored articles."
    )


def renew_bands(ledger: Ledger) -> None:
    """Make the bands of all stored articles again where they were made in another way: they would find no copies."""
    if ledger.metadata("banding") == BANDING:
        return
    for library in ledger.libraries():
        for batch in batches(sorted(ledger.known(library)), ARTICLES_AT_ONCE):
            made = {
                article.id: minhash_bands(article.text) for article, _ in ledger.articles_with_groups(library, batch)
            }
            ledger.replace_bands(library, made)
    ledger.set_metadata("banding", BANDING)


def index_unfinished(
    storage: Storage,
    library: str,
    was_there: set[str],
    on_progress: OnProgress | None = None,
    stopped: ShouldStop = never_stop,
) -> MadeChunks:
    """Chunk, embed and store every unfinished article of a library; returns what was made.

    `was_there`: ids that may have left vectors behind.
    """
    unfinished = storage.ledger.unfinished_ids(library, storage.index_key)
    done = unsaved = 0
    made = MadeChunks()
    with embedding_pipeline(storage, stopped) as embed:
        work = (embed(library, batch) for batch in batches(unfinished, ARTICLES_AT_ONCE))
        for articles in gathered(ahead(work)):
            write_chunks(storage, library, articles, [article.id for article, _ in articles if article.id in was_there])
            chunks = [entry.chunk for _, entries in articles for entry, _ in entries]
            made += MadeChunks.of(chunks)
            done, unsaved = done + len(articles), unsaved + len(chunks)
            if unsaved >= CHUNKS_BETWEEN_SAVES:
                storage.lexical.save()
                unsaved = 0
            if on_progress:
                on_progress(Progress("Indexing", done, len(unfinished)))
    return made


def gathered(embedded: Iterable[Future[list[EmbeddedArticle]]]) -> Iterator[list[EmbeddedArticle]]:
    """Articles in lists of so many chunks as are written at once, or more; a failure comes after all that was made before it."""
    waiting: list[EmbeddedArticle] = []
    for future in embedded:
        if failure := future.exception():
            if waiting:
                yield waiting
            raise failure
        waiting += future.result()
        if sum(len(chunks) for _, chunks in waiting) >= CHUNKS_WRITTEN_AT_ONCE:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


@contextmanager
def embedding_pipeline(
    storage: Storage, stopped: ShouldStop
) -> Iterator[Callable[[str, Sequence[str]], Future[list[EmbeddedArticle]]]]:
    """Yields what begins to chunk and embed articles of a library. Each step has a thread: one batch is cut while the one before
    it is embedded and the one before that is written."""
    with ThreadPoolExecutor(1, "chunk") as chunking, ThreadPoolExecutor(1, "embed") as embedding:

        def begin(library: str, article_ids: Sequence[str]) -> Future[list[EmbeddedArticle]]:
            cut = chunking.submit(chunked, storage, library, article_ids)
            return embedding.submit(with_vectors, storage.embedder, cut, stopped)

        yield begin


def chunked(storage: Storage, library: str, article_ids: Sequence[str]) -> list[ChunkedArticle]:
    """These articles with their groups and chunks."""
    articles = storage.ledger.articles_with_groups(library, article_ids)
    return [(article, group, chunks_of(article, storage.splitter.split_text)) for article, group in articles]


def with_vectors(embedder: Embedder, cut: Future[list[ChunkedArticle]], stopped: ShouldStop) -> list[EmbeddedArticle]:
    """Articles with their chunks, sentence vectors and chunk vectors. Raises StoreStopped between passages."""
    articles = cut.result()
    passages = [Passage(chunk.text, chunk.spans_within()) for _, _, chunks in articles for chunk in chunks]
    vectors = iter(embedded(embedder, passages, stopped))
    made = []
    for article, group, chunks in articles:
        indexed = []
        for chunk in chunks:
            made_of = next(vectors)
            indexed.append((IndexedChunk(chunk, made_of.sentences, group), made_of.vector))
        made.append((article, indexed))
    return made


def embedded(embedder: Embedder, passages: Sequence[Passage], stopped: ShouldStop) -> Iterator[PassageVectors]:
    """Their vectors, in order. One article may have thousands of passages: a stop must not wait for them all."""
    for batch in batches(passages, PASSAGES_AT_ONCE):
        raise_if_stopped(stopped)
        yield from embedder.embed_passages(batch)


def raise_if_stopped(stopped: ShouldStop) -> None:
    """Raises StoreStopped when the program is shutting down."""
    if stopped():
        raise StoreStopped("This was stopped before it was finished: do it again. What is stored already is kept.")


def write_chunks(
    storage: Storage,
    library: str,
    articles: Sequence[EmbeddedArticle],
    was_there: Sequence[str],
) -> None:
    """Vectors first, then what is stale goes, then the chunks and the mark that they are whole."""
    indexed = [(article, [chunk for chunk, _ in embedded_chunks]) for article, embedded_chunks in articles]
    vectors = [vector for _, embedded_chunks in articles for _, vector in embedded_chunks]
    chunks = [entry.chunk for _, entries in indexed for entry in entries]
    if chunks:
        storage.store.upsert(chunks, np.stack(vectors))
    stale = storage.store.ids_of(library, was_there) - {chunk.id for chunk in chunks}
    storage.store.delete(sorted(stale))
    storage.ledger.finish(library, storage.index_key, indexed)


def remove(storage: Storage, library: str, article_ids: Sequence[str]) -> None:
    """Delete articles everywhere. Killed half way, they are unfinished, and the next ingest makes them whole again."""
    if article_ids:
        storage.ledger.mark_unindexed(library, article_ids)
        storage.store.delete(sorted(storage.store.ids_of(library, article_ids)))
        storage.ledger.remove(library, article_ids)


def batches(values: Iterable[Value], size: int) -> Iterator[list[Value]]:
    """The values in lists of `size`; the last may be shorter."""
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch


def ahead(values: Iterator[Value]) -> Iterator[Value]:
    """The same values, each one begun while the one before it is used."""
    waiting: list[Value] = []
    for value in values:
        waiting.append(value)
        if len(waiting) > 1:
            yield waiting.pop(0)
    yield from waiting
