"""Is the library whole? Ledger against vectors against lexical index, and whether all else is there that answers need.

Looks and, where asked, repairs what can be made again from the articles. Nothing here deletes an article.
"""

import asyncio
import hashlib
import platform
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np

from rag.errors import EmbedderError, ModelError, SettingsError
from rag.ingestion.chunking import CHUNKING
from rag.ingestion.indexing import Storage, batches, index_unfinished
from rag.models.embedder import Passage
from rag.models.embedding import embedder_name, open_embedder
from rag.models.openai_client import Limits, Message, ModelServer
from rag.models.server import Server
from rag.models.waiting import OnWait
from rag.settings import Settings
from vectorstore.chroma import VectorPlace
from vectorstore.database import open_database, refuse_lost_ledger
from vectorstore.errors import StoreError, StoreUnavailable
from vectorstore.index_files import changed_index_files, database_fault, read_apart
from vectorstore.integrity import (
    ArticleRows,
    ChunkRow,
    article_rows,
    chunks_without_article,
    database_faults,
    impossible_numbers,
    remove_chunks,
)
from vectorstore.ledger import SPANS, Ledger
from vectorstore.lock import database_lock, writer_lock
from vectorstore.staging import REBUILD
from vectorstore.stem_vectors import NO_STEMS, stem_vector
from vectorstore.values import Chunk
from vectorstore.vectors import StoredVector, VectorStore, filter_fields

Status = Literal["ok", "note", "problem"]
LITTLE_SPACE = 500_000_000
"""Bytes. An ingest of 100 MB of articles takes 1.2 GB; below this much even a small one may fail."""
UNIT_LENGTH_TOLERANCE = 0.01
"""Half-precision vectors are off by less than .001; a flipped bit in an exponent or sign by far more."""
LIKE_ITS_SENTENCES = 0.9
"""Cosine of a chunk's vector to the mean of its sentences' vectors: of 500 chunks of news all but two lie above .94."""
SAME_VECTOR = 0.98
"""Cosine of a text's vector to the same text's made again; another thread count changes the last digits."""
VECTORS_AT_ONCE = 500
NAMED_ARTICLES = 3
"""How many articles a finding names."""
LOCK_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing. `fix` is what to do; `repairable`: `repair` does it, and nothing is lost by it."""

    check: str
    status: Status
    words: str
    fix: str = ""
    repairable: bool = False


@dataclass(slots=True)
class Faults:
    """What is wrong with a library, by library where ids are of articles. All but `damaged` can be made again.

    damaged: articles whose text or fields are not what was stored. broken: finished articles whose chunks or vectors are
    missing, wrong or cannot be read. unfinished: articles that an ingest has still to index.
    """

    database: list[str] = field(default_factory=list)
    damaged: dict[str, list[str]] = field(default_factory=dict)
    unfinished: dict[str, list[str]] = field(default_factory=dict)
    offsets: dict[str, list[str]] = field(default_factory=dict)
    missing_vectors: dict[str, list[str]] = field(default_factory=dict)
    stale_vectors: dict[str, list[str]] = field(default_factory=dict)
    orphan_chunks: list[str] = field(default_factory=list)
    orphan_vectors: list[str] = field(default_factory=list)
    lexical: str = ""
    undated: int = 0
    articles: int = 0
    chunks: int = 0


async def check_up(settings: Settings, fix: bool = False, on_wait: OnWait | None = None) -> list[Finding]:
    """Everything that `dateline doctor` looks at; with `fix` what can be is repaired first. Raises StoreBusy."""
    findings = [versions(), space(settings.home)]
    findings += await asyncio.to_thread(check_library, settings, fix, on_wait)
    findings.append(await check_model(settings, on_wait))
    findings.append(check_token(settings.discord_token.get_secret_value()))
    return findings


# What surrounds the library


def versions() -> Finding:
    names = ("dateline", "chromadb", "llama-index-core", "onnxruntime", "openai", "discord.py")
    installed = ", ".join(f"{name} {version(name)}" for name in names)
    return Finding(
        "versions", "ok", f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {installed}"
    )


def space(home: Path) -> Finding:
    """Room on the disk that the home is on, or will be."""
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    words = f"{free / 1e9:,.1f} GB free at {there}"
    if free < LITTLE_SPACE:
        return Finding("disk", "problem", words, "free disk space, or set DATELINE_HOME to a folder on another disk")
    return Finding("disk", "ok", words)


async def check_model(settings: Settings, on_wait: OnWait | None) -> Finding:
    """Whether the model that writes answers can be asked."""
    if not settings.model:
        return Finding("model", "ok", "none is set: answers are quoted")
    try:
        server = Server.of(settings, settings.model)
        client = ModelServer(server, Limits.of(settings), on_wait)
        try:
            # A model that thinks first may use the tokens up; that it began is enough here.
            await client.text([Message("user", "Say yes.")], settings.model_answer_tokens, 2_000)
        finally:
            await client.close()
    except (ModelError, SettingsError) as error:
        return Finding("model", "problem", *sentence_and_fix(error))
    return Finding("model", "ok", f"{settings.model} answers at {settings.openai_base_url or 'OpenAI'}")


def check_token(token: str) -> Finding:
    """Whether the bot's token can be one. Whether Discord takes it, `dateline bot --check` says."""
    if not token:
        return Finding("discord", "ok", "no token is set: the bot is not used")
    parts = token.split(".")
    if len(parts) != 3 or not all(parts) or any(character.isspace() for character in token):
        fix = "set DATELINE_DISCORD_TOKEN to what Reset Token shows on the application's Bot page"
        return Finding("discord", "problem", "the token is none: a token has three parts with dots between", fix)
    return Finding("discord", "ok", "a token is set; `dateline bot --check` says what Discord makes of it")


# The library


def check_library(settings: Settings, fix: bool, on_wait: OnWait | None) -> list[Finding]:
    """Ledger, vectors and lexical index, each as far as those before it could be read."""
    ledger_file = settings.ledger_url if isinstance(settings.ledger_url, Path) else None
    if ledger_file is not None and not (ledger_file.exists() and ledger_file.stat().st_size):
        try:
            refuse_lost_ledger(ledger_file)
        except StoreUnavailable as error:
            return [Finding("ledger", "problem", *sentence_and_fix(error))]
        return [Finding("ledger", "note", "the library is empty", "run `dateline ingest` with a folder of articles")]
    try:
        with writer_lock(settings.home, LOCK_SECONDS, on_wait):
            return list(check_stored(settings, fix, on_wait))
    except StoreError as error:
        return [Finding("ledger", "problem", *sentence_and_fix(error))]


def check_stored(settings: Settings, fix: bool, on_wait: OnWait | None) -> Iterator[Finding]:
    """The findings of a library whose writer lock is held."""
    database = open_database(settings.ledger_url)
    try:
        with database_lock(database, LOCK_SECONDS, on_wait):
            yield from check_ledger(settings, Ledger(database), fix, on_wait)
    finally:
        database.dispose()


def check_ledger(settings: Settings, ledger: Ledger, fix: bool, on_wait: OnWait | None) -> Iterator[Finding]:
    """The findings of a library that nobody else writes to."""
    if faults := database_faults(ledger):
        yield Finding("ledger", "problem", f"the database is damaged: {faults[0]}", DAMAGED_LEDGER)
        return
    if numbers := impossible_numbers(ledger):
        words = f"what cannot be right in the place of a number: {', '.join(numbers[:NAMED_ARTICLES])}"
        yield Finding("ledger", "problem", words, DAMAGED_LEDGER)
        return
    filled_by, wanted = ledger.metadata("embedder"), embedder_name(settings)
    if filled_by and filled_by != wanted:
        words = f"the library was filled by {filled_by!r}, the settings say {wanted!r}"
        yield Finding("embedder", "problem", words, "run `dateline rebuild`, or set the old model")
        return
    try:
        embedder = open_embedder(settings, on_wait)
        embedder.embed_question("news")
    except (EmbedderError, ModelError, SettingsError) as error:
        yield Finding("embedder", "problem", *sentence_and_fix(error))
        return
    yield Finding("embedder", "ok", wanted)
    if ledger.metadata(REBUILD):
        yield Finding(
            "rebuild", "note", "one was begun and not finished", "run `dateline rebuild`, which goes on with it"
        )
    if isinstance(settings.vector_place, Path) and (fault := vector_fault(ledger, settings.vector_place)):
        yield Finding("vectors", "problem", f"{settings.vector_place} is damaged: {fault}", damaged_vectors(settings))
        return
    try:
        with opened_store(settings.vector_place) as store:
            storage = Storage(settings.home, ledger, store, embedder, settings.chunk_tokens)
            found = faults_of(storage)
            if fix and any(finding.repairable for finding in findings_of(found)):
                repair(storage, found)
                found = faults_of(storage)
            yield from findings_of(found)
    except StoreError as error:
        yield Finding("vectors", "problem", *sentence_and_fix(error))


DAMAGED_LEDGER = (
    "run `dateline restore` with a backup, or set DATELINE_HOME to a new folder and ingest the articles again"
)


def damaged_vectors(settings: Settings) -> str:
    return f"delete {settings.vector_place} and run `dateline rebuild`; the articles are safe in the ledger"


def vector_fault(ledger: Ledger, folder: Path) -> str:
    """What is wrong with Chroma's files, looked at before Chroma itself reads them; "" where nothing is known to be."""
    if fault := database_fault(folder):
        return fault
    changed = changed_index_files(ledger, folder)
    if changed is None:
        # A writer was killed, or was of a version that noted nothing.
        return read_apart(folder, ledger.collection)
    return f"{changed[0]} is not as it was left" if changed else ""


@contextmanager
def opened_store(place: VectorPlace) -> Iterator[VectorStore]:
    store = VectorStore(place)
    try:
        yield store
    finally:
        store.close()


def faults_of(storage: Storage) -> Faults:
    """Compare what is stored in the three places. Raises StoreError where one cannot be read at all."""
    faults, expected = Faults(), dict[str, Chunk]()
    for library in storage.ledger.libraries():
        for rows in article_rows(storage.ledger, library):
            note_article(rows, storage, faults, expected)
    faults.chunks = len(expected)
    faults.orphan_chunks = chunks_without_article(storage.ledger)
    note_vectors(storage, expected, faults)
    # What cannot be read cannot be indexed: with the chunks made again it is compared.
    faults.lexical = "" if faults.offsets else storage.lexical.fault()
    return faults


def note_article(rows: ArticleRows, storage: Storage, faults: Faults, expected: dict[str, Chunk]) -> None:
    """What is wrong with one article, and which vectors it should have."""
    article = rows.article
    faults.articles += 1
    faults.undated += article.published is None
    if article.digest != rows.digest:
        faults.damaged.setdefault(article.library, []).append(article.id)
    elif rows.indexed != f"{rows.digest}:{storage.index_key}":
        faults.unfinished.setdefault(article.library, []).append(article.id)
    elif chunks_are_wrong(rows):
        faults.offsets.setdefault(article.library, []).append(article.id)
    for row in rows.chunks if rows.indexed else ():
        place = (article.id, article.library, row.position, row.start, row.end)
        expected[row.id] = Chunk(row.id, *place, "", article.title, article.source, article.url, article.published)


def chunks_are_wrong(rows: ArticleRows) -> bool:
    """True if the chunks of a finished article are not all there, or their offsets are not those of its text."""
    if [chunk.position for chunk in rows.chunks] != list(range(len(rows.chunks))):
        return True
    if not rows.chunks:
        return bool(rows.article.text.strip())
    return any(chunk_is_wrong(chunk, rows) for chunk in rows.chunks)


def chunk_is_wrong(chunk: ChunkRow, rows: ArticleRows) -> bool:
    """True if the id, which is made of the text and the place, is another one, or sentences and vectors do not fit."""
    made_of = f"{rows.digest}:{CHUNKING}:{chunk.start}:{chunk.end}"
    if chunk.id != hashlib.sha256(made_of.encode()).hexdigest()[:32] or len(chunk.sentences) % SPANS.size:
        return True
    spans = list(SPANS.iter_unpack(chunk.sentences))
    if any(not chunk.start <= start < end <= chunk.end for start, end in spans):
        return True
    vectors = np.frombuffer(chunk.sentence_vectors[: len(chunk.sentence_vectors) // 2 * 2], dtype="<f2")
    if not spans:
        return vectors.size > 0
    if vectors.size == 0 or vectors.size % len(spans):
        return True
    return not all_unit_length(vectors.reshape(len(spans), -1).astype(np.float32))


def all_unit_length(vectors: np.ndarray) -> bool:
    lengths = np.linalg.norm(vectors, axis=1)
    return bool(np.all(np.abs(lengths - 1.0) <= UNIT_LENGTH_TOLERANCE))


def note_vectors(storage: Storage, expected: Mapping[str, Chunk], faults: Faults) -> None:
    """Vectors that are missing, that belong to no chunk, or that are not those of the chunk's text."""
    seen: set[str] = set()
    unreadable = {(library, article_id) for library, ids in faults.offsets.items() for article_id in ids}
    for page in batches(storage.store.stored(), VECTORS_AT_ONCE):
        seen.update(stored.chunk_id for stored in page)
        belonging = [stored for stored in page if stored.chunk_id in expected]
        faults.orphan_vectors += [stored.chunk_id for stored in page if stored.chunk_id not in expected]
        of_sound = [
            stored
            for stored in belonging
            if (expected[stored.chunk_id].library, expected[stored.chunk_id].article_id) not in unreadable
        ]
        strangers = other_texts_vectors(storage, of_sound)
        if storage.store.searches_words:
            strangers |= other_texts_stems(storage, of_sound)
        for stored in belonging:
            chunk = expected[stored.chunk_id]
            if dict(stored.fields) != filter_fields(chunk) or stored.chunk_id in strangers:
                note_once(faults.stale_vectors, chunk)
    for chunk_id, chunk in expected.items():
        if chunk_id not in seen:
            note_once(faults.missing_vectors, chunk)


def other_texts_vectors(storage: Storage, stored: Sequence[StoredVector]) -> set[str]:
    """The ids of those whose vector is not their text's. Only what is unlike its own sentences is embedded again."""
    indexed = storage.ledger.chunks_by_id([one.chunk_id for one in stored], withdrawn_too=True)
    wrong: set[str] = set()
    for one in stored:
        if one.chunk_id not in indexed:
            continue
        if not all_unit_length(one.vector[np.newaxis]):
            wrong.add(one.chunk_id)
            continue
        entry = indexed[one.chunk_id]
        mean = entry.sentence_vectors.astype(np.float32).mean(axis=0) if len(entry.chunk.sentences) else one.vector
        if mean.shape == one.vector.shape and mean @ one.vector >= LIKE_ITS_SENTENCES * np.linalg.norm(mean):
            continue
        passage = Passage(entry.chunk.text, entry.chunk.spans_within())
        (made,) = storage.embedder.embed_passages([passage])
        if made.vector.shape != one.vector.shape or made.vector @ one.vector < SAME_VECTOR:
            wrong.add(one.chunk_id)
    return wrong


def other_texts_stems(storage: Storage, stored: Sequence[StoredVector]) -> set[str]:
    """The ids of those whose stems, by which a server finds them, are not their text's."""
    indexed = storage.ledger.chunks_by_id([one.chunk_id for one in stored], withdrawn_too=True)
    return {
        one.chunk_id
        for one in stored
        if one.chunk_id in indexed and (one.stems or NO_STEMS) != stem_vector(indexed[one.chunk_id].chunk)
    }


def note_once(articles: dict[str, list[str]], chunk: Chunk) -> None:
    ids = articles.setdefault(chunk.library, [])
    if chunk.article_id not in ids[-1:]:
        ids.append(chunk.article_id)


def repair(storage: Storage, faults: Faults) -> None:
    """Make again what the articles' texts give: chunks, vectors, lexical index. Raises StoreError, EmbedderError."""
    storage.doubt_index_files()
    if faults.lexical:
        storage.lexical.discard()
    if faults.orphan_chunks:
        remove_chunks(storage.ledger, faults.orphan_chunks)
    storage.store.delete(faults.orphan_vectors)
    for broken in (faults.offsets, faults.missing_vectors, faults.stale_vectors):
        for library, article_ids in broken.items():
            storage.ledger.mark_unindexed(library, article_ids)
    for library in storage.ledger.libraries():
        index_unfinished(storage, library, set(storage.ledger.known(library)))
    storage.lexical.save()
    storage.note_index_files()


def findings_of(faults: Faults) -> Iterator[Finding]:
    """The faults in words, one finding a check."""
    yield Finding("ledger", "ok", f"{faults.articles:,} articles, {faults.chunks:,} chunks")
    if faults.damaged:
        words = f"{named(faults.damaged)} no longer with the text that was stored"
        way_out = "run `dateline restore` with a backup, or `dateline library forget` and ingest again"
        yield Finding("articles", "problem", words, way_out)
    by_article = [
        ("unfinished", faults.unfinished, "are not indexed yet"),
        ("chunks", faults.offsets, "have chunks that are missing or whose offsets no longer match"),
        ("vectors", faults.missing_vectors, "have no vectors"),
        ("vectors", faults.stale_vectors, "have vectors that are damaged or of another state"),
    ]
    for check, articles, what in by_article:
        if articles:
            yield Finding(check, "problem", f"{named(articles)} {what}", REPAIR, True)
    by_chunk = [
        ("chunks", faults.orphan_chunks, "whose article is gone"),
        ("vectors", faults.orphan_vectors, "that belong to no article"),
    ]
    for check, ids, what in by_chunk:
        if ids:
            yield Finding(check, "problem", f"{len(ids):,} {check} {what}", REPAIR, True)
    if not (faults.missing_vectors or faults.stale_vectors or faults.orphan_vectors):
        yield Finding("vectors", "ok", "each chunk has its own, and there is no other")
    if faults.lexical:
        yield Finding("lexical", "problem", faults.lexical, REPAIR, True)
    elif not faults.offsets:
        yield Finding("lexical", "ok", "the index is what the articles say")
    if faults.undated:
        words = (
            f"{faults.undated:,} of {faults.articles:,} articles have no date, and no question about a time finds them"
        )
        fix = "`dateline library list --undated` names them: add the date to their files and ingest these again"
        yield Finding("dates", "note", words, fix)
    else:
        yield Finding("dates", "ok", "every article has a date")


REPAIR = "run `dateline doctor --fix`"


def named(articles: Mapping[str, Sequence[str]]) -> str:
    """How many articles, and the first of them by id."""
    ids = list(dict.fromkeys(chain.from_iterable(articles.values())))
    more = ", ..." if len(ids) > NAMED_ARTICLES else ""
    return f"{len(ids):,} article{'s' * (len(ids) != 1)} ({', '.join(ids[:NAMED_ARTICLES])}{more})"


def sentence_and_fix(error: Exception) -> tuple[str, str]:
    """An error's sentence, which ends in a colon and what to do, in these two parts."""
    what, colon, fix = str(error).rpartition(": ")
    return (what, fix.removesuffix(".")) if colon else (fix, "")
