"""The ledger: article texts, digests and what has been indexed of them. The truth that Chroma and BM25 are made from.

An article's chunks count only while `indexed` is set: it is cleared before they change and set when they are whole, so
that a run killed at any moment leaves articles that are either wholly there or known to be unfinished.
"""

import hashlib
import json
import secrets
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Label,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from vectorstore.database import put, put_all, put_if_new, transaction
from vectorstore.schema import (
    article_versions,
    articles,
    changed_articles,
    chunks,
    facts,
    revisions,
    staged_articles,
    staged_chunks,
    story_bands,
)
from vectorstore.segments import LexicalEntry
from vectorstore.standing import note_forgetting, noted_forgetting
from vectorstore.values import (
    ALL_ORIGINS,
    FIRST_COLLECTION,
    GUESSED,
    Article,
    ArticleKey,
    Chunk,
    Origin,
    Scope,
    Span,
    calendar_seconds,
)

Value = TypeVar("Value")

# SQLite takes 32,766 variables in a statement, PostgreSQL's driver 65,535.
MAX_IDS_AT_ONCE = 5_000
ARRIVAL_STEP = 0.001
MAX_COMPARED_TEXTS = 20
"""Texts that are compared with a new one, those first that share most of its bands."""
OWN_NAME = "library"
"""The fact that tells this library from others whose vectors lie on the same server."""
MAX_VERSIONS = 100
"""Earlier texts that are kept of one article, the newest of them: a page that changes with every look would fill the disk."""
KEPT_REVISIONS = 10_000
"""Changes that are remembered: at an ingest of new articles every ten minutes, those of two months. An index that has not been
brought up to date for longer is made anew."""
SPANS = struct.Struct("<ii")
"""A sentence's start and end, as stored."""


@dataclass(frozen=True, slots=True)
class KnownArticle:
    """What the ledger knows of an article without its text. `indexed` is "" while its chunks are unfinished.

    field_origins: where its fields came from, as stored.
    """

    id: str
    digest: str
    origin: str
    indexed: str
    field_origins: str = ""
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class IncomingArticle:
    """An article to be stored; `origin` is what it was read from, copies of one text share a `duplicate_group`."""

    article: Article
    origin: str
    duplicate_group: str
    bands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredText:
    """What is stored under an article's id before it is replaced. indexed: True where its chunks count."""

    title: str
    text: str
    indexed: bool


@dataclass(frozen=True, slots=True)
class QuotedArticle:
    """What an article says now. finished: False while its chunks are still to be made, so that no answer quotes it."""

    text: str
    finished: bool
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class ArticleVersion:
    """What an article said until `replaced_at` (epoch seconds)."""

    title: str
    text: str
    replaced_at: float


@dataclass(frozen=True, slots=True)
class IndexedChunk:
    """A chunk with its sentences' unit vectors [sentences, dimension] and its article's duplicate group.

    Read from the ledger the vectors have half precision, as they are stored.
    """

    chunk: Chunk
    sentence_vectors: NDArray[np.floating]
    duplicate_group: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One chunk of an article that came into a library at `arrived`, by its sentences' unit vectors [n, dimension]."""

    library: str
    arrived: float
    sentence_vectors: NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class News:
    """Which articles count as new: published since a moment on the clock of their own zone, and arrived later than `after`.

    An article without a date counts from its arrival on.
    """

    libraries: tuple[str, ...]
    since: datetime | None = None
    after: float = -1.0


@dataclass(frozen=True, slots=True)
class LedgerCounts:
    """What is stored in some libraries. `unfinished`: articles whose chunks are still to be made.

    oldest, newest: of the publications that are known; guesses do not count, nor what was withdrawn.
    """

    articles: int
    chunks: int
    unfinished: int
    oldest: datetime | None
    newest: datetime | None
    sources: tuple[tuple[str, int], ...]


OF_ARTICLE = and_(articles.c.library == chunks.c.library, articles.c.id == chunks.c.article_id)
"""Joins a chunk with its article."""


QUOTABLE = and_(articles.c.indexed.is_not(None), articles.c.withdrawn.is_(None))
"""What may be in an answer: articles whose chunks are whole and which their publishers have not taken back."""
PUBLISHED = (articles.c.published, articles.c.published_offset)
CALENDAR_SECONDS = articles.c.published + func.coalesce(articles.c.published_offset, 0)
"""What filters by date compare, see `calendar_seconds`."""
GUESSED_DAY = f'%"published": "{GUESSED}"%'
"""Matches the stored origins of an article whose publication is a guess."""
UPDATED = (articles.c.updated, articles.c.updated_offset)

BAND_COLUMNS = ("band", "library", "article_id")


def sharing_bands() -> Select[tuple[str, str]]:
    """Duplicate group and text of the articles that share most of `bands`, but for one article (`library`, `article_id`)."""
    band, shared = story_bands.c, func.count().label("shared")
    own = and_(band.library == bindparam("library"), band.article_id == bindparam("article_id"))
    nearest = select(band.library, band.article_id, shared).where(
        band.band.in_(bindparam("bands", expanding=True)), ~own
    )
    nearest = nearest.group_by(band.library, band.article_id).order_by(shared.desc(), band.article_id)
    found = nearest.limit(MAX_COMPARED_TEXTS).subquery()
    of_found = and_(articles.c.library == found.c.library, articles.c.id == found.c.article_id)
    return (
        select(articles.c.story, articles.c.text).join(found, of_found).order_by(found.c.shared.desc(), articles.c.id)
    )


SHARING_BANDS = sharing_bands()
"""Made once: to make a statement takes longer than to run it."""


class Ledger:
    """Articles and chunks in SQL. Every method raises StoreUnavailable when the database fails."""

    def __init__(self, database: Engine, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock

    def transaction(self) -> AbstractContextManager[Connection]:
        """Everything or nothing; a failing database becomes one sentence."""
        return transaction(self.database)

    # Facts about the library as a whole

    def metadata(self, name: str) -> str:
        """A remembered fact, "" when there is none."""
        with self.transaction() as connection:
            return connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar() or ""

    def set_metadata(self, name: str, value: str) -> None:
        with self.transaction() as connection:
            write_metadata(connection, name, value)

    @property
    def revision(self) -> str:
        """Changes whenever the stored chunks change; "" before the first."""
        return self.metadata("revision")

    def changed_since(self, revision: str) -> list[tuple[str, str]] | None:
        """The articles (library, id) whose chunks changed, came or went after a revision; None if it was never this ledger's."""
        number = revision_number(revision)
        known = select(revisions.c.revision).where(revisions.c.number == number)
        changed = select(changed_articles.c.library, changed_articles.c.article_id)
        changed = changed.where(changed_articles.c.number > number)
        with self.transaction() as connection:
            if connection.execute(known).scalar() != revision:
                return None
            return [(row.library, row.article_id) for row in connection.execute(changed)]

    @property
    def collection(self) -> str:
        """The name of the vectors that belong to the stored chunks; a rebuild makes others."""
        return self.metadata("collection") or FIRST_COLLECTION

    @property
    def own_collections(self) -> str:
        """How the names of this library's vectors begin: one Chroma server may hold those of several libraries."""
        own = self.metadata(OWN_NAME)
        if not own:
            with self.transaction() as connection:
                # Another process may be giving it one at this moment: the first one stays.
                put_if_new(connection, facts, {"name": OWN_NAME, "value": secrets.token_hex(6)})
            own = self.metadata(OWN_NAME)
        return f"{FIRST_COLLECTION}-{own}"

    def forget_own_name(self) -> None:
        """Become another library than the one that this is a copy of."""
        with self.transaction() as connection:
            connection.execute(delete(facts).where(facts.c.name == OWN_NAME))

    def new_collection(self) -> str:
        """A name for vectors that are to be made, which nobody had before."""
        return f"{self.own_collections}-{secrets.token_hex(4)}"

    def claim_collection(self) -> None:
        """Give a library that has no vectors yet a name for them that is no other library's."""
        if not self.metadata("collection") and not self.indexed_chunk_count():
            name = self.new_collection()
            with self.transaction() as connection:
                put_if_new(connection, facts, {"name": "collection", "value": name})

    # Articles

    def known(self, library: str) -> dict[str, KnownArticle]:
        """Every article of a library by id, without texts."""
        columns = (
            articles.c.id,
            articles.c.digest,
            articles.c.origin,
            articles.c.indexed,
            articles.c.origins,
            articles.c.withdrawn,
        )
        with self.transaction() as connection:
            rows = connection.execute(select(*columns).where(articles.c.library == library))
            return {
                row.id: KnownArticle(
                    row.id, row.digest, row.origin, row.indexed or "", row.origins, row.withdrawn is not None
                )
                for row in rows
            }

    def save(self, incoming: Sequence[IncomingArticle]) -> None:
        """Store articles as unfinished, in the place of earlier ones with their ids, whose texts are kept as versions."""
        if not incoming:
            return
        with self.transaction() as connection:
            there = texts_there(connection, [entry.article for entry in incoming])
            if replaced := [key for key, stored in there.items() if stored.indexed]:
                raise_revision(connection, replaced)
            for entry in incoming:
                if stored := there.get((entry.article.library, entry.article.id)):
                    keep_version(connection, entry.article, stored, self.clock())
            put_all(connection, articles, [incoming_row(entry) for entry in incoming])
            for library, ids in ids_by_library(there):
                own = (story_bands.c.library == library, story_bands.c.article_id.in_(ids))
                connection.execute(delete(story_bands).where(*own))
            store_bands(connection, [((entry.article.library, entry.article.id), entry.bands) for entry in incoming])

    def move_origin(self, article: Article, origin: str) -> None:
        """Note that an unchanged article now comes from another file, or its fields from other places."""
        key = and_(articles.c.library == article.library, articles.c.id == article.id)
        values = {"origin": origin, "origins": stored_origins(article.origins)}
        with self.transaction() as connection:
            connection.execute(update(articles).where(key).values(values))

    def unfinished_ids(self, library: str, index_key: str) -> list[str]:
        """Articles whose chunks are not those that the index key asks for."""
        wanted = articles.c.digest + ":" + index_key
        unfinished = articles.c.indexed.is_(None) | (articles.c.indexed != wanted)
        query = select(articles.c.id).where(articles.c.library == library, unfinished).order_by(articles.c.id)
        with self.transaction() as connection:
            return list(connection.execute(query).scalars())

    def articles_with_groups(self, library: str, article_ids: Sequence[str]) -> list[tuple[Article, str]]:
        """These articles with their texts, each with its duplicate group, by id."""
        query = select(articles).where(articles.c.library == library, articles.c.id.in_(article_ids))
        with self.transaction() as connection:
            return [(article_of(row), row.story) for row in connection.execute(query.order_by(articles.c.id))]

    def duplicate_candidates(self, bands: Sequence[str], but: ArticleKey) -> list[tuple[str, str]]:
        """(duplicate group, text) of the stored articles that share most MinHash bands, whatever their library; not of `but`."""
        wanted = {"bands": bands, "library": but[0], "article_id": but[1]}
        with self.transaction() as connection:
            return [(row.story, row.text) for row in connection.execute(SHARING_BANDS, wanted)]

    def join_groups(self, group: str, others: Sequence[str]) -> None:
        """Make the articles of other duplicate groups members of one."""
        with self.transaction() as connection:
            connection.execute(update(articles).where(articles.c.story.in_(others)).values(story=group))

    def replace_bands(self, library: str, made: Mapping[str, tuple[str, ...]]) -> None:
        """Store these articles' MinHash bands in the place of those they had."""
        with self.transaction() as connection:
            own = (story_bands.c.library == library, story_bands.c.article_id.in_(list(made)))
            connection.execute(delete(story_bands).where(*own))
            store_bands(connection, [((library, article_id), bands) for article_id, bands in made.items()])

    def article(self, library: str, article_id: str) -> Article | None:
        row = self.article_row(library, article_id)
        return article_of(row) if row else None

    def intact_article(self, library: str, article_id: str) -> Article | None:
        """An article of which every field is what it was when it was stored; None where it is gone, or its file is damaged."""
        row = self.article_row(library, article_id)
        article = article_of(row) if row else None
        return article if row and article and article.digest == row.digest else None

    def article_row(self, library: str, article_id: str) -> Row[tuple[object, ...]] | None:
        query = select(articles).where(articles.c.library == library, articles.c.id == article_id)
        with self.transaction() as connection:
            return connection.execute(query).first()

    def quoted_article(self, library: str, article_id: str) -> QuotedArticle | None:
        """What an article that was quoted says now; None where it is gone."""
        key = (articles.c.library == library, articles.c.id == article_id)
        query = select(articles.c.text, articles.c.indexed, articles.c.withdrawn).where(*key)
        with self.transaction() as connection:
            row = connection.execute(query).first()
        return QuotedArticle(row.text, row.indexed is not None, row.withdrawn is not None) if row else None

    def headlines(self, library: str) -> list[Article]:
        """Every article of a library without its text, newest first."""
        columns = [column for column in articles.columns if column.name != "text"]
        query = select(*columns).where(articles.c.library == library)
        with self.transaction() as connection:
            rows = connection.execute(query.order_by(articles.c.published.desc().nulls_last(), articles.c.id)).all()
        return [article_of(row) for row in rows]

    def versions(self, library: str, article_id: str) -> list[ArticleVersion]:
        """What an article said before it was changed, oldest first."""
        query = select(article_versions).where(*version_key(library, article_id)).order_by(article_versions.c.number)
        with self.transaction() as connection:
            return [ArticleVersion(row.title, row.text, row.replaced_at) for row in connection.execute(query)]

    def withdraw(self, library: str, article_ids: Sequence[str]) -> list[str]:
        """Take articles out of every answer because their publisher did; returns which of them stood until now.

        They stay stored. Storing one again, even unchanged, brings it back.
        """
        standing = (articles.c.library == library, articles.c.withdrawn.is_(None))
        withdrawn: list[str] = []
        with self.transaction() as connection:
            for batch in slices(article_ids):
                here = (*standing, articles.c.id.in_(batch))
                withdrawn += connection.execute(select(articles.c.id).where(*here)).scalars()
                connection.execute(update(articles).where(*here).values(withdrawn=self.clock()))
            if withdrawn:
                raise_revision(connection, [(library, article_id) for article_id in withdrawn])
        return withdrawn

    def withdrawn(self, library: str) -> dict[str, datetime]:
        """The withdrawn articles of a library by id, and since when they are."""
        query = select(articles.c.id, articles.c.withdrawn).where(articles.c.library == library)
        with self.transaction() as connection:
            rows = connection.execute(query.where(articles.c.withdrawn.is_not(None))).all()
        return {row.id: datetime.fromtimestamp(row.withdrawn, UTC) for row in rows}

    def counts(self, libraries: Sequence[str]) -> LedgerCounts:
        here = articles.c.library.in_(libraries)
        totals = select(func.count(), func.count(articles.c.indexed)).where(here)
        known = articles.c.origins.not_like(GUESSED_DAY)
        days = select(*PUBLISHED).where(here, articles.c.published.is_not(None), articles.c.withdrawn.is_(None), known)
        by_source = select(articles.c.source, func.count().label("articles")).where(here).group_by(articles.c.source)
        with self.transaction() as connection:
            total, finished = connection.execute(totals).one()
            oldest = connection.execute(days.order_by(articles.c.published).limit(1)).first()
            newest = connection.execute(days.order_by(articles.c.published.desc()).limit(1)).first()
            chunk_count = connection.execute(
                select(func.count()).select_from(chunks).where(chunks.c.library.in_(libraries))
            ).scalar_one()
            sources = connection.execute(by_source.order_by(func.count().desc(), articles.c.source)).all()
        return LedgerCounts(
            total,
            chunk_count,
            total - finished,
            moment(*oldest) if oldest else None,
            moment(*newest) if newest else None,
            tuple((row.source, row.articles) for row in sources),
        )

    # Chunks

    def mark_unindexed(self, library: str, article_ids: Sequence[str]) -> None:
        """Take articles out of every answer until `finish` or `remove`."""
        with self.transaction() as connection:
            for batch in slices(article_ids):
                connection.execute(
                    update(articles).where(articles.c.library == library, articles.c.id.in_(batch)).values(indexed=None)
                )
            raise_revision(connection, [(library, article_id) for article_id in article_ids])

    def finish(self, library: str, index_key: str, made: Sequence[tuple[Article, Sequence[IndexedChunk]]]) -> None:
        """Replace these articles' chunks and mark them as indexed, in one transaction."""
        with self.transaction() as connection:
            ids = [article.id for article, _ in made]
            replace_chunks(connection, chunks, library, made)
            arrived = func.coalesce(articles.c.arrived, next_arrival(connection, self.clock()))
            # The digest is part of the key: an article that was changed meanwhile stays unfinished.
            key = (
                articles.c.library == library,
                articles.c.id == bindparam("of"),
                articles.c.digest == bindparam("made_of"),
            )
            mark = update(articles).where(*key).values(indexed=bindparam("as"), arrived=arrived)
            digests = [(article.id, article.digest) for article, _ in made]
            connection.execute(
                mark, [{"of": of, "made_of": digest, "as": f"{digest}:{index_key}"} for of, digest in digests]
            )
            raise_revision(connection, [(library, article_id) for article_id in ids])

    def remove(self, library: str, article_ids: Sequence[str]) -> None:
        with self.transaction() as connection:
            for batch in slices(article_ids):
                for table in (chunks, story_bands, article_versions, staged_chunks, staged_articles):
                    connection.execute(delete(table).where(table.c.library == library, table.c.article_id.in_(batch)))
                connection.execute(delete(articles).where(articles.c.library == library, articles.c.id.in_(batch)))
            raise_revision(connection, [(library, article_id) for article_id in article_ids])

    def note_forgetting(self, forgotten: Sequence[ArticleKey]) -> None:
        """Remember which articles are being forgotten, until everything of them is gone; () when it is."""
        with self.transaction() as connection:
            note_forgetting(connection, forgotten)

    def forgetting(self) -> list[ArticleKey]:
        """The articles that were begun to be forgotten, of which something may be left."""
        with self.transaction() as connection:
            return noted_forgetting(connection)

    def libraries(self) -> list[str]:
        """The names of all libraries that hold an article."""
        query = select(articles.c.library).distinct().order_by(articles.c.library)
        with self.transaction() as connection:
            return list(connection.execute(query).scalars())

    def sources(self) -> list[str]:
        """The outlets of all articles that may be quoted, in alphabetical order."""
        query = select(articles.c.source).where(QUOTABLE).distinct()
        with self.transaction() as connection:
            return sorted(connection.execute(query).scalars())

    def titles_and_sources(self, library: str) -> Iterator[str]:
        """Title and outlet of each article of a library that may be quoted, streamed."""
        query = select(articles.c.title, articles.c.source).where(QUOTABLE, articles.c.library == library)
        with self.transaction() as connection:
            for row in connection.execution_options(yield_per=500).execute(query):
                yield f"{row.title} {row.source}"

    def chunks_by_id(self, chunk_ids: Sequence[str], withdrawn_too: bool = False) -> dict[str, IndexedChunk]:
        """These chunks with their texts; ids of unfinished or unknown articles are left out, and of withdrawn ones.

        withdrawn_too: for what keeps the store as it is rather than answers from it.
        """
        which = articles.c.indexed.is_not(None) if withdrawn_too else QUOTABLE
        with self.transaction() as connection:
            rows = [
                row for batch in slices(chunk_ids) for row in connection.execute(whole_chunks(batch).where(which)).all()
            ]
        return {row.id: indexed_chunk(row) for row in rows}

    def leading_chunks(self, scope: Scope, limit: int, oldest_first: bool = False) -> list[Chunk]:
        """The first chunk of each of the newest (or oldest) finished articles in scope, in that order; undated ones last."""
        article = articles.c
        conditions = [article.library.in_(scope.libraries), QUOTABLE, chunks.c.position == 0]
        if scope.since is not None:
            conditions.append(calendar_seconds(scope.since) <= CALENDAR_SECONDS)
        if scope.until is not None:
            conditions.append(calendar_seconds(scope.until) > CALENDAR_SECONDS)
        if scope.sources:
            conditions.append(article.source.in_(scope.sources))
        query = select(chunks.c.id).join(articles, OF_ARTICLE).where(*conditions)
        order = article.published if oldest_first else article.published.desc()
        query = query.order_by(order.nulls_last(), article.id).limit(limit)
        with self.transaction() as connection:
            ids = list(connection.execute(query).scalars())
        found = self.chunks_by_id(ids)
        return [found[chunk_id].chunk for chunk_id in ids if chunk_id in found]

    def new_chunks(self, news: News, limit: int) -> list[IndexedChunk]:
        """The first chunk of each of the newest finished articles among the news, newest first; undated ones last."""
        conditions = [articles.c.library.in_(news.libraries), QUOTABLE, chunks.c.position == 0]
        conditions.append(articles.c.arrived > news.after)
        if news.since is not None:
            known = func.coalesce(CALENDAR_SECONDS, articles.c.arrived)
            conditions.append(known >= calendar_seconds(news.since))
        query = select(chunks.c.id).join(articles, OF_ARTICLE).where(*conditions)
        query = query.order_by(articles.c.published.desc().nulls_last(), articles.c.id).limit(limit)
        with self.transaction() as connection:
            ids = list(connection.execute(query).scalars())
        found = self.chunks_by_id(ids)
        return [found[chunk_id] for chunk_id in ids if chunk_id in found]

    def latest_arrival(self) -> float:
        """The arrival of the article that came last, 0 where none did."""
        with self.transaction() as connection:
            return connection.execute(select(func.max(articles.c.arrived))).scalar() or 0.0

    def arrivals(self, after: float, limit: int) -> list[Arrival]:
        """The chunks of finished articles that arrived later than `after`, at most `limit`, the last to arrive first."""
        fields = (articles.c.library, articles.c.arrived, chunks.c.sentences, chunks.c.sentence_vectors)
        query = select(*fields).join(articles, OF_ARTICLE)
        query = query.where(articles.c.arrived > after, QUOTABLE)
        with self.transaction() as connection:
            rows = connection.execute(query.order_by(articles.c.arrived.desc(), chunks.c.id).limit(limit)).all()
        return [
            Arrival(row.library, row.arrived, sentence_matrix(row.sentence_vectors, len(row.sentences) // SPANS.size))
            for row in rows
        ]

    def chunks_of(self, library: str, article_id: str) -> list[Chunk]:
        """The chunks of one finished article in reading order."""
        query = select(chunks.c.id).where(chunks.c.library == library, chunks.c.article_id == article_id)
        with self.transaction() as connection:
            ids = list(connection.execute(query).scalars())
        found = self.chunks_by_id(ids).values()
        return sorted((indexed.chunk for indexed in found), key=lambda chunk: chunk.position)

    def chunks_of_articles(self, library: str, article_ids: Sequence[str]) -> list[Chunk]:
        """The chunks of these articles that answers may quote, in no order."""
        ids: list[str] = []
        with self.transaction() as connection:
            for batch in slices(article_ids):
                of_them = (chunks.c.library == library, chunks.c.article_id.in_(batch))
                ids += connection.execute(select(chunks.c.id).where(*of_them)).scalars()
        return [indexed.chunk for indexed in self.chunks_by_id(ids).values()]

    def indexed_chunk_count(self) -> int:
        """How many chunks of finished articles there are: as many vectors at least the store must hold."""
        query = select(func.count()).select_from(chunks).join(articles, OF_ARTICLE)
        with self.transaction() as connection:
            return connection.execute(query.where(articles.c.indexed.is_not(None))).scalar_one()

    def lexical_entries(self, of: Sequence[tuple[str, str]] | None = None) -> Iterator[LexicalEntry]:
        """What BM25 reads of every finished chunk, streamed; with `of`, only of these articles (library, id)."""
        fields = (articles.c.title, articles.c.source, *PUBLISHED, articles.c.library)
        query = (
            select(chunks.c.id, chunks.c.article_id, passage_text(), *fields)
            .join(articles, OF_ARTICLE)
            .where(QUOTABLE)
            .order_by(chunks.c.library, chunks.c.article_id, chunks.c.position)
        )
        queries = [query]
        if of is not None:
            by_library: dict[str, list[str]] = {}
            for library, article_id in of:
                by_library.setdefault(library, []).append(article_id)
            queries = [
                query.where(chunks.c.library == library, chunks.c.article_id.in_(batch))
                for library, article_ids in by_library.items()
                for batch in slices(article_ids)
            ]
        with self.transaction() as connection:
            for one in queries:
                for row in connection.execution_options(yield_per=500).execute(one):
                    published = moment(row.published, row.published_offset)
                    yield LexicalEntry(
                        row.id, row.article_id, row.passage, row.title, row.source, row.library, published
                    )


def whole_chunks(chunk_ids: Sequence[str]) -> Select[tuple[object, ...]]:
    """Chunks joined with what their articles say of them, as indexed_chunk reads it."""
    chunk, article = chunks.c, articles.c
    place = (chunk.id, chunk.article_id, chunk.library, chunk.position, chunk.start, chunk.end)
    headline = (
        article.title,
        article.source,
        article.url,
        *PUBLISHED,
        article.title_derived,
        *UPDATED,
        article.origins,
    )
    return (
        select(*place, passage_text(), *headline, article.story, chunk.sentences, chunk.sentence_vectors)
        .join(articles, OF_ARTICLE)
        .where(chunk.id.in_(chunk_ids))
    )


def passage_text() -> Label[str]:
    """A chunk's text, cut out in the database: a question must not load whole articles. SQL counts characters from 1."""
    return func.substr(articles.c.text, chunks.c.start + 1, chunks.c.end - chunks.c.start).label("passage")


def indexed_chunk(row: Row[tuple[object, ...]]) -> IndexedChunk:
    """A chunk from its row. A question reads a hundred of them, so this is written to be fast."""
    (
        chunk_id, article_id, library, position, start, end, text, title, source, url, published, offset, derived,
        updated, updated_offset, origins, group, sentences, vectors,
    ) = cast("tuple[Any, ...]", row)  # fmt: skip
    spans: tuple[Span, ...] = tuple(SPANS.iter_unpack(sentences))
    chunk = Chunk(
        chunk_id,
        article_id,
        library,
        position,
        start,
        end,
        text,
        title,
        source,
        url,
        moment(published, offset),
        derived,
        spans,
        is_guessed(origins),
        moment(updated, updated_offset),
    )
    return IndexedChunk(chunk, sentence_matrix(vectors, len(spans)), group)


def sentence_matrix(stored: bytes, sentences: int) -> NDArray[np.floating]:
    """Sentence vectors [sentences, dimension] from their stored form."""
    matrix = np.frombuffer(stored, dtype="<f2")
    return matrix.reshape(sentences, -1) if sentences else matrix.reshape(0, 0)


def replace_chunks(
    connection: Connection, table: Table, library: str, made: Sequence[tuple[Article, Sequence[IndexedChunk]]]
) -> None:
    """Store these articles' chunks in the place of those they had."""
    ids = [article.id for article, _ in made]
    connection.execute(delete(table).where(table.c.library == library, table.c.article_id.in_(ids)))
    rows = [chunk_row(indexed) for _, chunks_of_article in made for indexed in chunks_of_article]
    if rows:
        connection.execute(insert(table), rows)


def chunk_row(indexed: IndexedChunk) -> dict[str, object]:
    """A chunk as stored: its text is not, because the article has it."""
    chunk = indexed.chunk
    spans: tuple[Span, ...] = chunk.sentences
    return {
        "id": chunk.id,
        "library": chunk.library,
        "article_id": chunk.article_id,
        "position": chunk.position,
        "start": chunk.start,
        "end": chunk.end,
        "sentences": b"".join(SPANS.pack(*span) for span in spans),
        "sentence_vectors": indexed.sentence_vectors.astype("<f2").tobytes(),
    }


def article_row(article: Article) -> dict[str, object]:
    published, published_offset = epoch_of(article.published)
    updated, updated_offset = epoch_of(article.updated)
    return {
        "library": article.library,
        "id": article.id,
        "title": article.title,
        "title_derived": article.title_derived,
        "text": article.text,
        "source": article.source,
        "url": article.url,
        "published": published,
        "published_offset": published_offset,
        "language": article.language,
        "digest": article.digest,
        "author": article.author,
        "updated": updated,
        "updated_offset": updated_offset,
        "origins": stored_origins(article.origins),
    }


def article_of(row: Row[tuple[object, ...]]) -> Article:
    """An article from its row; its text is "" where the query left it out."""
    values = row._mapping
    return Article(
        id=values["id"],
        title=values["title"],
        text=values.get("text", ""),
        library=values["library"],
        source=values["source"],
        url=values["url"],
        published=moment(values["published"], values["published_offset"]),
        language=values["language"],
        title_derived=values["title_derived"],
        author=values["author"],
        updated=moment(values["updated"], values["updated_offset"]),
        origins=origins_of(values["origins"]),
    )


def stored_origins(origins: Mapping[str, Origin]) -> str:
    return json.dumps(origins, sort_keys=True) if origins else ""


@lru_cache(maxsize=1_000)
def origins_of(stored: str) -> Mapping[str, Origin]:
    """Where each field came from; a guess where that is damaged, so that nothing is shown as certain by it.

    A checkup finds it by the article's digest, which tells guessed days from others.
    """
    try:
        origins = json.loads(stored) if stored else {}
    except ValueError:
        return UNREADABLE
    is_whole = isinstance(origins, dict) and all(origin in ALL_ORIGINS for origin in map(str, origins.values()))
    return origins if is_whole else UNREADABLE


UNREADABLE: Mapping[str, Origin] = {"published": GUESSED}


def is_guessed(stored: str) -> bool:
    """True where only a guess says when the article was published."""
    return origins_of(stored).get("published") == GUESSED


def epoch_of(moment: datetime | None) -> tuple[float | None, int | None]:
    """A moment as stored: epoch seconds, and the seconds by which its zone is ahead of UTC, None for UTC."""
    if moment is None:
        return None, None
    offset = moment.utcoffset()
    return moment.timestamp(), int(offset.total_seconds()) if offset else None


def moment(epoch: float | None, offset: int | None) -> datetime | None:
    """Epoch seconds as an aware datetime in the zone that is `offset` seconds ahead of UTC."""
    if epoch is None:
        return None
    return datetime.fromtimestamp(epoch, timezone(timedelta(seconds=offset)) if offset else UTC)


def write_metadata(connection: Connection, name: str, value: str) -> None:
    put(connection, facts, {"name": name, "value": value})


def version_key(library: str, article_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """What the versions of one article have in common."""
    return article_versions.c.library == library, article_versions.c.article_id == article_id


def keep_version(connection: Connection, article: Article, stored: StoredText, now: float) -> None:
    """Keep what the ledger has of this article, if its words are other ones, before it is replaced."""
    if (stored.title, stored.text) == (article.title, article.text):
        return
    of_article = version_key(article.library, article.id)
    newest = connection.execute(select(func.max(article_versions.c.number)).where(*of_article)).scalar() or 0
    values = {"title": stored.title, "text": stored.text, "replaced_at": now}
    place = {"library": article.library, "article_id": article.id, "number": newest + 1}
    connection.execute(insert(article_versions).values(place | values))
    too_old = article_versions.c.number <= newest + 1 - MAX_VERSIONS
    connection.execute(delete(article_versions).where(*of_article, too_old))


def next_arrival(connection: Connection, now: float) -> float:
    """Now, or a little more than the last arrival where the clock was set back: what is new must be told from what was."""
    last = connection.execute(select(func.max(articles.c.arrived))).scalar() or 0.0
    return max(now, last + ARRIVAL_STEP)


def texts_there(connection: Connection, wanted: Sequence[Article]) -> dict[ArticleKey, StoredText]:
    """What is stored under the ids of these articles, by library and id."""
    found: dict[ArticleKey, StoredText] = {}
    columns = (articles.c.id, articles.c.title, articles.c.text, articles.c.indexed.is_not(None).label("indexed"))
    for library, ids in ids_by_library([(article.library, article.id) for article in wanted]):
        rows = connection.execute(select(*columns).where(articles.c.library == library, articles.c.id.in_(ids)))
        found |= {(library, row.id): StoredText(row.title, row.text, bool(row.indexed)) for row in rows}
    return found


def ids_by_library(keys: Iterable[ArticleKey]) -> Iterator[tuple[str, list[str]]]:
    """The ids of articles, library by library, in lists that fit into one statement."""
    for library, of_library in groupby(sorted(keys), key=itemgetter(0)):
        for batch in slices([article_id for _, article_id in of_library]):
            yield library, list(batch)


def incoming_row(entry: IncomingArticle) -> dict[str, object]:
    """An article as stored whose chunks are still to be made."""
    new = {"origin": entry.origin, "story": entry.duplicate_group, "indexed": None, "arrived": None, "withdrawn": None}
    return article_row(entry.article) | new


def store_bands(connection: Connection, made: Sequence[tuple[ArticleKey, Sequence[str]]]) -> None:
    """Store the MinHash bands of articles that have none.

    In the order in which they are kept: they are of all places of a table, and stored as they came, 32 an article, they took
    2.5 times as long (docs/experiments.md).
    """
    rows = sorted((band, *key) for key, bands in made for band in bands)
    if rows:
        connection.execute(insert(story_bands), [dict(zip(BAND_COLUMNS, row, strict=True)) for row in rows])


def raise_revision(connection: Connection, changed: Iterable[tuple[str, str]]) -> None:
    """Every change of chunks gets a revision of its own, never one that was there before.

    changed: the articles (library, id) whose chunks are others now.
    """
    before = connection.execute(select(facts.c.value).where(facts.c.name == "revision")).scalar() or ""
    number = revision_number(before) + 1
    # Two libraries that went through the same number of changes must not look alike to a copied cache.
    salt = hashlib.sha256(f"{before}{datetime.now(UTC).timestamp()}".encode()).hexdigest()[:12]
    revision = f"{number}-{salt}"
    write_metadata(connection, "revision", revision)
    put(connection, revisions, {"number": number, "revision": revision})
    put_all(
        connection,
        changed_articles,
        [{"library": library, "article_id": article_id, "number": number} for library, article_id in changed],
    )
    # What changed up to the oldest revision that is known, nobody asks for.
    oldest = number - KEPT_REVISIONS + 1
    connection.execute(delete(revisions).where(revisions.c.number < oldest))
    connection.execute(delete(changed_articles).where(changed_articles.c.number <= oldest))


def revision_number(revision: str) -> int:
    """How many changes there were up to a revision; 0 for what is none."""
    count = revision.partition("-")[0]
    return int(count) if count.isdecimal() else 0


def slices(values: Sequence[Value]) -> Iterable[Sequence[Value]]:
    """The values in slices that fit into one statement."""
    return (values[start : start + MAX_IDS_AT_ONCE] for start in range(0, len(values), MAX_IDS_AT_ONCE))
