"""Make every chunk and vector anew while the old ones answer, then change over. Killed at any moment, the next run goes on.

Vectors go into a collection of their own, chunks into a table of their own (vectorstore/staging.py); a switch of names in one
transaction of the ledger makes them the library. This is also how the embedding model is changed.
"""

from collections.abc import Sequence

import numpy as np

from rag.ingestion.indexing import (
    ARTICLES_AT_ONCE,
    EmbeddedArticle,
    OnProgress,
    Progress,
    Storage,
    ahead,
    batches,
    embedding_pipeline,
    raise_if_stopped,
)
from vectorstore.errors import StoreUnavailable
from vectorstore.lock import ShouldStop, never_stop
from vectorstore.staging import Staging
from vectorstore.vectors import VectorStore


def rebuild(storage: Storage, on_progress: OnProgress | None = None, stopped: ShouldStop = never_stop) -> int:
    """Make the library anew with the present embedder; returns how many chunks there are. The caller holds the writer lock.

    stopped is polled between batches. Raises StoreError, EmbedderError; until the switch the library is as it was.
    """
    staging = Staging(storage.ledger)
    staging.drop_replaced()
    # What a collection indexes is settled when it is made: one without words cannot get them later.
    collection = staging.begin(f"{storage.index_key}:words" if storage.store.searches_words else storage.index_key)
    storage.store.drop_others({storage.ledger.collection, collection}, storage.ledger.own_collections)
    new = storage.store.beside(collection)
    try:
        staging.drop_outdated()
        staging.make_again(sorted(staging.chunk_ids() - set(new.ids())))
        make_missing(storage, staging, new, on_progress, stopped)
        stored, made = set(new.ids()), staging.chunk_ids()
        new.delete(sorted(stored - made))
        if lost := made - stored:
            raise StoreUnavailable(
                f"The vector store {new.place} lost {len(lost):,} vectors while it was filled: "
                "run `dateline rebuild` again, which makes them once more."
            )
    finally:
        new.close()
    raise_if_stopped(stopped)
    staging.switch(storage.index_key, storage.embedder.name, collection)
    storage.store.catch_up()
    storage.store.drop_others({collection}, storage.ledger.own_collections)
    staging.drop_replaced()
    return len(made)


def make_missing(
    storage: Storage, staging: Staging, new: VectorStore, on_progress: OnProgress | None, stopped: ShouldStop
) -> None:
    """Chunk, embed and stage every article of which that was not done yet."""
    missing = {library: staging.missing(library) for library in storage.ledger.libraries()}
    total = sum(len(storage.ledger.known(library)) for library in missing)
    done = total - sum(len(article_ids) for article_ids in missing.values())
    with embedding_pipeline(storage, stopped) as embed:
        work = (
            (library, batch, embed(library, batch))
            for library, article_ids in missing.items()
            for batch in batches(article_ids, ARTICLES_AT_ONCE)
        )
        for library, batch, future in ahead(work):
            stage_chunks(staging, new, library, future.result())
            done += len(batch)
            if on_progress:
                on_progress(Progress("Rebuilding", done, total))


def stage_chunks(
    staging: Staging,
    new: VectorStore,
    library: str,
    articles: Sequence[EmbeddedArticle],
) -> None:
    """Vectors first, then the chunks with the mark that they are made."""
    indexed = [(article, [chunk for chunk, _ in embedded_chunks]) for article, embedded_chunks in articles]
    vectors = [vector for _, embedded_chunks in articles for _, vector in embedded_chunks]
    chunks = [entry.chunk for _, entries in indexed for entry in entries]
    if chunks:
        new.upsert(chunks, np.stack(vectors))
    staging.add(library, indexed)
