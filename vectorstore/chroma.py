"""Open Chroma, a folder or a server, and say in one sentence what is wrong with it. Where vectors.py gets its collections."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic_settings import DotEnvSettingsSource

from vectorstore.errors import StoreMismatch, StoreUnavailable

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection
    from chromadb.api.types import Schema

# SQLite's limit on variables, which Chroma passes on.
MAX_AT_ONCE = 1_000
BATCH_BYTES = 16_000_000
"""What so many vectors may take while they are written: stored, they took 4.7 MB, index and all."""
MAX_SENT_AT_ONCE = 300
"""Chroma Cloud's limit on the records of one request, read or written."""
# What SQLite and the operating system say in Chroma's errors when nothing more can be written.
FULL = ("disk is full", "No space left", "File too large", "disk I/O error")
STEMS = "stems"
"""The field of a record that holds its sparse vector."""
NO_SPARSE = ("Sparse vector indexing is not enabled", "Sparse vector is not supported")
"""What a server says that searches by vectors alone: `chroma run` does."""
OTHER_DIMENSION = "expecting embedding with dimension"
"""What Chroma says of vectors that are longer or shorter than those that are stored."""


@dataclass(frozen=True, slots=True)
class ChromaServer:
    """A Chroma server by its address, and what it asks of those who come. seconds: the longest wait for one answer.

    lexical: it is to search by words as well, in place of the index here. Chroma Cloud can, `chroma run` cannot.
    """

    url: str
    token: str = field(default="", repr=False)
    tenant: str = "default_tenant"
    database: str = "default_database"
    seconds: float = 30.0
    lexical: bool = False

    def __str__(self) -> str:
        return self.url


VectorPlace = Path | ChromaServer
"""Where vectors are: a folder of this machine, or a server."""


class ChromaClient(Protocol):
    """What is asked of Chroma beyond one collection."""

    def open_collection(self, name: str) -> "Collection":
        """The collection, made where it is not there."""
        ...

    def collection_names(self) -> list[str]: ...

    def delete_collection(self, name: str) -> None: ...

    def close(self) -> None: ...


class FolderClient:
    """Chroma embedded in this process."""

    def __init__(self, folder: Path) -> None:
        with no_env_files():
            import chromadb
            from chromadb.config import Settings

        folder.mkdir(parents=True, exist_ok=True)
        settings = Settings(_env_file=None, anonymized_telemetry=False, allow_reset=False)
        self.client = chromadb.PersistentClient(str(folder), settings=settings)

    def open_collection(self, name: str) -> "Collection":
        # Vectors are always ours: Chroma's own function downloads a model.
        return self.client.get_or_create_collection(
            name, configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
        )

    def collection_names(self) -> list[str]:
        return [collection.name for collection in self.client.list_collections()]

    def delete_collection(self, name: str) -> None:
        self.client.delete_collection(name)

    def close(self) -> None:
        from chromadb.api.client import Client

        if isinstance(self.client, Client):
            self.client.close()


class ServerClient:
    """A Chroma server. Connects when something is asked of it.

    Chroma's own HttpClient asks the server while it is made, and waits for ever for one that says nothing; here each
    request has its bound. The token goes into the header that reverse proxies read and into the one of Chroma Cloud.
    """

    def __init__(self, server: ChromaServer) -> None:
        with no_env_files():
            from chromadb.api.fastapi import FastAPI
            from chromadb.config import Settings, System

        self.server = server
        tokens = {"Authorization": f"Bearer {server.token}", "X-Chroma-Token": server.token} if server.token else {}
        settings = Settings(
            _env_file=None,
            anonymized_telemetry=False,
            allow_reset=False,
            chroma_api_impl="chromadb.api.fastapi.FastAPI",
            chroma_server_host=server.url.rstrip("/"),
            # Required, and not used: the URL has the port, or its scheme's.
            chroma_server_http_port=8000,
            chroma_server_ssl_enabled=server.url.startswith("https:"),
            chroma_server_headers=tokens,
        )
        self.system = System(settings)
        self.api = self.system.instance(FastAPI)
        self.api._session.timeout = server.seconds
        self.system.start()

    def open_collection(self, name: str) -> "Collection":
        from chromadb.api.models.Collection import Collection

        model = self.api.create_collection(
            name,
            schema=stem_schema() if self.server.lexical else None,
            configuration=None if self.server.lexical else {"hnsw": {"space": "cosine"}, "embedding_function": None},
            get_or_create=True,
            tenant=self.server.tenant,
            database=self.server.database,
        )
        collection = Collection(client=self.api, model=model, embedding_function=None)
        if self.server.lexical and not has_stems(collection):
            # What is indexed of a collection is settled when it is made.
            raise StoreMismatch(
                f"The vectors on {self.server} were stored without their words: run `dateline rebuild`, or unset "
                "DATELINE_CHROMA_LEXICAL."
            )
        return collection

    def collection_names(self) -> list[str]:
        names: list[str] = []
        while True:
            page = self.api.list_collections(
                MAX_SENT_AT_ONCE, len(names), tenant=self.server.tenant, database=self.server.database
            )
            names += [model.name for model in page]
            if len(page) < MAX_SENT_AT_ONCE:
                return names

    def delete_collection(self, name: str) -> None:
        self.api.delete_collection(name, tenant=self.server.tenant, database=self.server.database)

    def close(self) -> None:
        self.system.stop()
        self.api._session.close()


def stem_schema() -> "Schema":
    """Cosine space, and an index of stems that weighs them by their rarity as BM25 does."""
    from chromadb.api.types import Schema, SparseVectorIndexConfig, VectorIndexConfig

    return (
        Schema().create_index(VectorIndexConfig(space="cosine")).create_index(SparseVectorIndexConfig(bm25=True), STEMS)
    )


def has_stems(collection: "Collection") -> bool:
    """True if the server indexes the stems of a collection's records."""
    of_field = (collection._model.serialized_schema or {}).get("keys", {}).get(STEMS, {})
    index = (of_field.get("sparse_vector") or {}).get("sparse_vector_index") or {}
    return bool(index.get("enabled"))


def open_chroma(place: VectorPlace) -> ChromaClient:
    """A client of the folder or server."""
    return ServerClient(place) if isinstance(place, ChromaServer) else FolderClient(place)


def may_pass(place: VectorPlace, error: Exception) -> bool:
    """True if opening the collection once more may help.

    Chroma says "Error finding id" for what another process deleted, and "does not exist" where it made the collection
    again; a client that was closed meanwhile, and could not be opened on a full disk, raises AttributeError. A server
    that was started again has closed the connections that were kept. On a full disk Chroma may leave a transaction open:
    a second try waits for its lock for a quarter of an hour, with the whole process at a standstill.
    """
    import httpx
    from chromadb.errors import InternalError, NotFoundError

    if isinstance(place, ChromaServer):
        lost = isinstance(error, httpx.TransportError) and not isinstance(error, httpx.TimeoutException)
        return lost or isinstance(error, NotFoundError)
    return isinstance(error, InternalError | NotFoundError | AttributeError) and not is_disk_full(error)


def ensure_room(folder: Path) -> None:
    """Raise StoreUnavailable where the disk has no room for a batch and for the index to be written anew.

    Chroma does not survive a full disk: it leaves its index's files cut short, or a transaction open.
    """
    needed = BATCH_BYTES + sum(file.stat().st_size for file in folder.glob("*/*"))
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StoreUnavailable(
            f"The disk of {folder} has {free / 1e6:,.1f} MB left, and writing vectors may take {needed / 1e6:,.0f} MB: "
            "free disk space, then run the same command again; what was stored is safe."
        )


def is_disk_full(error: Exception) -> bool:
    """True if Chroma's SQLite, or its index, had no room to write."""
    return any(words in str(error) for words in FULL)


@contextmanager
def chroma_errors(place: VectorPlace) -> Iterator[None]:
    """Turn whatever Chroma raises into one sentence that says what to do."""
    try:
        yield
    except (StoreUnavailable, StoreMismatch):
        raise
    except Exception as error:
        # Chroma raises its own errors, sqlite3's, pydantic's (from a .env it reads while imported) and bare Exception.
        if OTHER_DIMENSION in str(error):
            raise StoreMismatch(
                f"The vectors in {place} are another embedding model's ({first_line(error)}): run `dateline rebuild` to "
                "make them again from the stored articles, or set the old model."
            ) from error
        if isinstance(place, ChromaServer):
            raise StoreUnavailable(server_failure(place, error)) from error
        if is_disk_full(error):
            way_out = "free disk space, then run the same command again; what was stored is safe"
        else:
            # Not `rebuild` alone: it opens the folder first, and a damaged one cannot be opened.
            way_out = (
                "correct its permissions or, where it is damaged, delete that folder and run `dateline rebuild`; "
                "the articles are safe in the ledger"
            )
        raise StoreUnavailable(f"The vector store {place} failed ({first_line(error)}): {way_out}.") from error


def server_failure(server: ChromaServer, error: Exception) -> str:
    """What a server's failure means, in one sentence."""
    import httpx

    again = "then do the same again; the articles are safe in the ledger"
    status = status_of(error)
    if isinstance(error, httpx.TimeoutException):
        return (
            f"The Chroma server {server} did not answer within {server.seconds:g} s: look at what it is doing, or raise "
            f"DATELINE_CHROMA_SECONDS, {again}."
        )
    if isinstance(error, httpx.TransportError):
        return (
            f"The Chroma server {server} cannot be reached ({first_line(error)}): start it or correct "
            f"DATELINE_CHROMA_URL, {again}."
        )
    if status in (401, 403):
        return f"The Chroma server {server} refused the token (HTTP {status}): correct DATELINE_CHROMA_TOKEN, {again}."
    if status == 429:
        return f"The Chroma server {server} is asked too often (HTTP 429): wait, {again}."
    if any(words in str(error) for words in NO_SPARSE):
        return f"The Chroma server {server} does not search by words as Cloud does: unset DATELINE_CHROMA_LEXICAL, {again}."
    if isinstance(error, ValueError | KeyError | TypeError):
        return f"{server} does not answer as a Chroma server does ({first_line(error)}): correct DATELINE_CHROMA_URL, {again}."
    said = f"HTTP {status}: {first_line(error)}" if status else first_line(error)
    return (
        f"The Chroma server {server} failed ({said}): see its log, correct DATELINE_CHROMA_TENANT and "
        f"DATELINE_CHROMA_DATABASE where it does not know them, {again}."
    )


def status_of(error: Exception) -> int:
    """The HTTP status behind an error, 0 where there is none. Chroma's client hides it in what it raises instead."""
    import httpx
    from chromadb.errors import ChromaError

    if isinstance(error, ChromaError):
        return int(error.code())
    hidden = error.__context__
    return hidden.response.status_code if isinstance(hidden, httpx.HTTPStatusError) else 0


def first_line(error: BaseException) -> str:
    """The beginning of an error's own words."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


@contextmanager
def no_env_files() -> Iterator[None]:
    """Keep Chroma, which makes settings of its own while it is imported, from reading the .env of the working directory.

    Ours is not for it, and it fails at one that is not UTF-8. Settings are loaded before the store is opened, so that
    nobody else misses the file meanwhile.
    """
    hook = "_read_env_files"
    before = getattr(DotEnvSettingsSource, hook)
    type.__setattr__(DotEnvSettingsSource, hook, no_values)
    try:
        yield
    finally:
        type.__setattr__(DotEnvSettingsSource, hook, before)


def no_values(_source: DotEnvSettingsSource) -> dict[str, str | None]:
    return {}
