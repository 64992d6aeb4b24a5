"""The vectors, in Chroma: ids, unit vectors and what filters need. Texts stay in the ledger; chroma.py opens it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Condition
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from vectorstore.chroma import (
    MAX_AT_ONCE,
    MAX_SENT_AT_ONCE,
    STEMS,
    ChromaServer,
    VectorPlace,
    chroma_errors,
    ensure_room,
    has_stems,
    may_pass,
    open_chroma,
)
from vectorstore.errors import StoreUnavailable
from vectorstore.stem_vectors import StemVector, question_vector, stem_vector
from vectorstore.values import FIRST_COLLECTION, Chunk, Scope, Selection, calendar_seconds
from vectorstore.wiping import is_made_anew, wipe_vectors

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection
    from chromadb.api.types import GetResult, Metadata, SearchResult, SparseVector, Where

Value = TypeVar("Value")
MAX_COMPARED = 300
"""Up to so many selected chunks are compared one by one: reading a vector takes .04 ms, a search among few chosen ids 20 ms."""
MAX_FETCHED = 300
"""Up to so many are fetched to find those in scope among them; beyond, Chroma's search among chosen ids is faster."""
SPARE = 1.5
"""How many more are fetched than would do if all that is in scope lay evenly."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A chunk near a vector; similarity is cosine in [-1, 1]."""

    chunk_id: str
    similarity: float


@dataclass(frozen=True, slots=True)
class StoredVector:
    """A vector as stored, with the fields that filters read; stems: None where its stems are not stored beside it."""

    chunk_id: str
    vector: NDArray[np.float32]
    fields: Mapping[str, object]
    stems: StemVector | None = None


class Turns:
    """Many threads at once, or one alone: a client that is closed takes the questions down that it is answering."""

    def __init__(self) -> None:
        self.changed = Condition()
        self.users = 0
        self.taken = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self.changed:
            self.changed.wait_for(lambda: not self.taken)
            self.users += 1
        try:
            yield
        finally:
            with self.changed:
                self.users -= 1
                self.changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """After those who are at work, before all who come."""
        with self.changed:
            self.changed.wait_for(lambda: not self.taken)
            self.taken = True
            self.changed.wait_for(lambda: not self.users)
        try:
            yield
        finally:
            with self.changed:
                self.taken = False
                self.changed.notify_all()


class VectorStore:
    """One Chroma collection, cosine space. Every method raises StoreUnavailable when Chroma fails."""

    def __init__(self, place: VectorPlace, name: str = FIRST_COLLECTION) -> None:
        self.place = place
        self.at_once = MAX_SENT_AT_ONCE if self.is_server else MAX_AT_ONCE
        self.current: Callable[[], str] = lambda: name
        self.name = name
        self.opened: Collection | None = None
        self.turns = Turns()
        self.open()

    @property
    def is_server(self) -> bool:
        """True if others may change or empty it without this library's ledger."""
        return isinstance(self.place, ChromaServer)

    @property
    def searches_words(self) -> bool:
        """True if the server is to search by words as well."""
        return isinstance(self.place, ChromaServer) and self.place.lexical

    def open(self) -> None:
        """Open the folder, or be ready to ask the server; the collection is opened when it is used."""
        with chroma_errors(self.place):
            self.client = open_chroma(self.place)
            self.name, self.opened = self.current(), None

    def beside(self, name: str) -> "VectorStore":
        """Another collection in the same place."""
        return VectorStore(self.place, name)

    def follow(self, current: Callable[[], str]) -> None:
        """Use the collection that is the current one whenever this is opened, or is to catch up."""
        self.current = current
        self.catch_up()

    def catch_up(self) -> None:
        """Use the current collection: a rebuild makes another one."""
        name = self.current()
        with self.turns.alone():
            if self.name != name:
                self.name, self.opened = name, None

    @property
    def collection(self) -> "Collection":
        """The collection, made where it is not there."""
        if self.opened is None:
            self.opened = self.client.open_collection(self.name)
        return self.opened

    def drop_others(self, kept: Set[str], beginning: str) -> None:
        """Delete every collection but these: what a rebuild replaced, or left behind when it was given up.

        beginning: how the names of this library's collections begin. A server may hold other libraries' too, a folder does not.
        """
        with chroma_errors(self.place):
            for name in self.client.collection_names():
                if name not in kept and (name.startswith(beginning) or not self.is_server):
                    self.client.delete_collection(name)

    def close(self) -> None:
        with chroma_errors(self.place):
            self.client.close()

    def reopen(self) -> None:
        """Open the place in its present state, before writing.

        Embedded, Chroma keeps its index in memory. Written over what another process wrote since, the folder is corrupt
        for both (measured: "Error finding id" for good).
        """
        with self.turns.alone():
            self.renew()
            if not isinstance(self.place, ChromaServer):
                self.wipe_anew(self.place)

    def renew(self) -> None:
        """Forget what is known of the place. Connections to a server renew themselves, and other threads may be using them."""
        if self.is_server:
            self.name, self.opened = self.current(), None
        else:
            self.close()
            self.open()

    def wipe(self) -> str:
        """Take away what memory left in the folder's files; returns why that failed, "" for a server, whose files are its own.

        Only for who may write there.
        """
        if isinstance(self.place, ChromaServer):
            return ""
        with self.turns.alone():
            self.close()
            try:
                left = wipe_vectors(self.place)
            finally:
                self.open()
            return left or self.wipe_anew(self.place)

    def wipe_anew(self, folder: Path) -> str:
        """The same of an index that is made anew, of whatever lies in memory, when this process first uses it."""
        with chroma_errors(folder):
            if not is_made_anew(folder):
                return ""
            self.collection.count()
        return wipe_vectors(folder)

    def use(self, work: Callable[["Collection"], Value]) -> Value:
        """Work on the collection, which may be done twice: where another process wrote since, it is reopened once."""
        with chroma_errors(self.place):
            used: Collection | None = None
            try:
                with self.turns.shared():
                    used = self.collection
                    return work(used)
            except Exception as error:
                with self.turns.alone():
                    if self.opened is used:
                        if not may_pass(self.place, error):
                            raise
                        self.renew()
            with self.turns.shared():
                return work(self.collection)

    def count(self) -> int:
        return self.use(lambda collection: collection.count())

    def stored(self) -> Iterator[StoredVector]:
        """Everything that is stored, for a checkup."""
        for start in range(0, self.count(), self.at_once):
            page = self.use(partial(read_page, start, self.at_once))
            rows, fields = page["embeddings"], page["metadatas"]
            if rows is None or fields is None or len(rows) != len(page["ids"]):
                way_out = "run" if self.is_server else "delete that folder and run"
                raise StoreUnavailable(f"The vector store {self.place} has lost vectors: {way_out} `dateline rebuild`.")
            for chunk_id, row, of_chunk in zip(page["ids"], rows, fields, strict=True):
                named = dict(of_chunk or {})
                stems = stored_stems(named.pop(STEMS, None))
                yield StoredVector(chunk_id, np.asarray(row, dtype=np.float32), named, stems)

    def upsert(self, chunks: Sequence[Chunk], vectors: NDArray[np.float32]) -> None:
        for start in range(0, len(chunks), self.at_once):
            self.ensure_room()
            batch = chunks[start : start + self.at_once]
            self.use(partial(upsert, batch, vectors[start : start + self.at_once]))

    def ensure_room(self) -> None:
        """A server's disk is its own."""
        if not isinstance(self.place, ChromaServer):
            with chroma_errors(self.place):
                ensure_room(self.place)

    def settle(self) -> None:
        """Let Chroma do what it puts off until somebody reads, so that reading leaves its files as they are."""
        self.use(partial(read_page, 0, 1))

    def ids(self) -> Iterator[str]:
        """The id of every vector."""
        for start in range(0, self.count(), self.at_once):
            yield from self.use(partial(read_ids, start, self.at_once))

    def ids_of(self, library: str, article_ids: Sequence[str]) -> set[str]:
        """The ids of every chunk stored for these articles."""
        if not article_ids:
            return set()
        where = cast("Where", {"$and": [{"library": library}, {"article_id": {"$in": list(article_ids)}}]})
        found: set[str] = set()
        while True:
            page = self.use(partial(read_ids_where, where, len(found), self.at_once))
            found.update(page)
            if len(page) < self.at_once:
                return found

    def delete(self, chunk_ids: Sequence[str]) -> None:
        for start in range(0, len(chunk_ids), self.at_once):
            self.ensure_room()
            self.use(partial(delete, list(chunk_ids[start : start + self.at_once])))

    def search(
        self, vector: NDArray[np.float32], limit: int, scope: Scope | None, selection: Selection | None = None
    ) -> list[Neighbour]:
        """Nearest chunks in scope, nearest first; ties by id, so that the order is the same every time.

        scope: None for every chunk there is. selection: the chunks in scope, where they are known; then the same ones are
        found sooner. Chroma's own filter looks at every chunk: 230 ms of 51,000, against 2 ms without.
        """
        if scope is None:
            return self.nearest(vector, limit)
        if selection is None:
            return self.nearest(vector, limit, where=where_in_scope(scope))
        if not selection.count:
            return []
        if selection.count <= MAX_COMPARED:
            cosines = self.similarities(vector, selection.ids())
            return nearest_first([Neighbour(chunk_id, cosine) for chunk_id, cosine in cosines.items()])[:limit]
        fetched = int(limit * SPARE * selection.total / selection.count)
        if fetched <= MAX_FETCHED:
            found = self.nearest_in_scope(vector, fetched, scope)
            if len(found) >= limit:
                return found[:limit]
        try:
            return self.nearest(vector, limit, ids=selection.ids())
        except StoreUnavailable:
            # One of them was deleted since they were selected, which Chroma takes for damage.
            return self.nearest(vector, limit, where=where_in_scope(scope))

    def nearest(
        self, vector: NDArray[np.float32], limit: int, where: "Where | None" = None, ids: list[str] | None = None
    ) -> list[Neighbour]:
        """The nearest chunks of all, of those that a filter lets through, or of these."""
        query = vector[np.newaxis]
        found = self.use(
            lambda c: c.query(query_embeddings=query, n_results=limit, where=where, ids=ids, include=["distances"])
        )
        distances = (found["distances"] or [[]])[0]
        return nearest_first(
            Neighbour(chunk_id, 1.0 - distance) for chunk_id, distance in zip(found["ids"][0], distances, strict=True)
        )

    def search_words(self, question: str, limit: int, scope: Scope | None) -> list[tuple[str, float]]:
        """The ids of chunks that share a word with the question, as the server finds them, and their BM25 scores.

        In the order of the ranks here: best first, ties by id.
        """
        asked = question_vector(question)
        if not asked.indices:
            return []
        found = self.use(partial(search_stems, asked, limit, where_in_scope(scope) if scope else None))
        ids, distances = found["ids"][0], (found["scores"] or [None])[0] or []
        # Cloud's distance is 1 less the product.
        scores = ((chunk_id, 1.0 - distance) for chunk_id, distance in zip(ids, distances, strict=True))
        matching = [(chunk_id, score) for chunk_id, score in scores if score > 0.0]
        return sorted(matching, key=lambda match: (-match[1], match[0]))

    def nearest_in_scope(self, vector: NDArray[np.float32], fetched: int, scope: Scope) -> list[Neighbour]:
        """Those in scope of the `fetched` nearest chunks."""
        query = vector[np.newaxis]
        found = self.use(
            lambda c: c.query(query_embeddings=query, n_results=fetched, include=["distances", "metadatas"])
        )
        rows = zip(found["ids"][0], (found["distances"] or [[]])[0], (found["metadatas"] or [[]])[0], strict=True)
        return nearest_first(Neighbour(chunk_id, 1.0 - distance) for chunk_id, distance, fields in rows
                        if is_in_scope(fields, scope))  # fmt: skip

    def similarities(self, vector: NDArray[np.float32], chunk_ids: Sequence[str]) -> dict[str, float]:
        """Cosine of these chunks to a unit vector, for those that are stored."""
        if not chunk_ids:
            return {}
        found = self.use(lambda collection: collection.get(ids=list(chunk_ids), include=["embeddings"]))
        rows = found["embeddings"]
        # Vectors of another length are those of a rebuild with another model, which was just done.
        if rows is None or len(rows) == 0 or len(rows[0]) != len(vector):
            return {}
        cosines = np.asarray(rows, dtype=np.float32) @ vector
        return dict(zip(found["ids"], (float(cosine) for cosine in cosines), strict=True))


def nearest_first(neighbours: Iterable[Neighbour]) -> list[Neighbour]:
    """Nearest first, ties by id."""
    return sorted(neighbours, key=lambda neighbour: (-neighbour.similarity, neighbour.chunk_id))


def upsert(chunks: Sequence[Chunk], vectors: NDArray[np.float32], collection: "Collection") -> None:
    ids, fields = [chunk.id for chunk in chunks], [filter_fields(chunk) for chunk in chunks]
    if has_stems(collection):
        # Whatever the settings say: words that are missing here would be found nowhere once they say so again.
        fields = [with_stems(of_chunk, stem_vector(chunk)) for chunk, of_chunk in zip(chunks, fields, strict=True)]
    collection.upsert(ids=ids, embeddings=vectors, metadatas=fields)


def with_stems(fields: "Metadata", stems: StemVector) -> "Metadata":
    """The fields and the stems, none of a chunk without words."""
    return {**fields, STEMS: sparse_vector(stems)} if stems.indices else fields


def sparse_vector(stems: StemVector) -> "SparseVector":
    """The same as Chroma's value."""
    from chromadb.api.types import SparseVector

    return SparseVector(list(stems.indices), list(stems.values))


def stored_stems(value: object) -> StemVector | None:
    """What with_stems() stored, None where that is nothing of the kind."""
    from chromadb.api.types import SparseVector

    return StemVector(tuple(value.indices), tuple(value.values)) if isinstance(value, SparseVector) else None


def search_stems(asked: StemVector, limit: int, where: "Where | None", collection: "Collection") -> "SearchResult":
    """What shares stems with a question, those with the greatest product first."""
    from chromadb import K, Knn, Search

    search = Search().rank(Knn(query=sparse_vector(asked), key=STEMS, limit=limit)).limit(limit).select(K.SCORE)
    return collection.search(search.where(where) if where else search)


def read_ids(start: int, count: int, collection: "Collection") -> list[str]:
    return collection.get(limit=count, offset=start, include=[])["ids"]


def read_ids_where(where: "Where", start: int, count: int, collection: "Collection") -> list[str]:
    return collection.get(where=where, limit=count, offset=start, include=[])["ids"]


def read_page(start: int, count: int, collection: "Collection") -> "GetResult":
    return collection.get(limit=count, offset=start, include=["embeddings", "metadatas"])


def delete(chunk_ids: list[str], collection: "Collection") -> None:
    collection.delete(ids=chunk_ids)


def filter_fields(chunk: Chunk) -> "Metadata":
    """Flat and never None, as Chroma wants it; range filters take numbers only, so dates are calendar seconds."""
    fields: dict[str, str | int | float | bool] = {
        "library": chunk.library,
        "article_id": chunk.article_id,
        "source": chunk.source,
    }
    if chunk.published is not None:
        fields["published"] = calendar_seconds(chunk.published)
    return fields


def where_in_scope(scope: Scope) -> "Where":
    """The scope as a Chroma filter. An article without a date has no `published`, so a date bound leaves it out."""
    conditions: list[dict[str, dict[str, object]]] = [{"library": {"$in": list(scope.libraries)}}]
    if scope.since is not None:
        conditions.append({"published": {"$gte": calendar_seconds(scope.since)}})
    if scope.until is not None:
        conditions.append({"published": {"$lt": calendar_seconds(scope.until)}})
    if scope.sources:
        conditions.append({"source": {"$in": list(scope.sources)}})
    return cast("Where", conditions[0] if len(conditions) == 1 else {"$and": conditions})


def is_in_scope(fields: "Metadata", scope: Scope) -> bool:
    """What where_in_scope() asks of Chroma, of one chunk's fields."""
    published = fields.get("published")
    if fields.get("library") not in scope.libraries or (scope.sources and fields.get("source") not in scope.sources):
        return False
    if scope.since is None and scope.until is None:
        return True
    if not isinstance(published, int | float):
        return False
    if scope.since is not None and published < calendar_seconds(scope.since):
        return False
    return scope.until is None or published < calendar_seconds(scope.until)
