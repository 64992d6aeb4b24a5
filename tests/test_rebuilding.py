"""A rebuild: the old library answers until the new one is whole, and nothing that was made is lost on the way."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event, inspect
from sqlalchemy import text as sql

from rag.checkup import check_up
from rag.ingestion.indexing import Storage, check_storage
from rag.library import Library
from rag.models.embedder import Embedder
from rag.models.embedding import TextEmbedder
from rag.retrieval import HitLimits, HybridRetriever
from rag.settings import Settings
from tests.test_storage_failures import Mount, assert_answers, assert_one_sentence, mount, run, ships
from vectorstore.backup import restore_backup, write_backup
from vectorstore.database import open_database
from vectorstore.errors import StoreMismatch
from vectorstore.ledger import Ledger
from vectorstore.schema import MIGRATIONS
from vectorstore.staging import Staging
from vectorstore.values import Article, Scope
from vectorstore.vectors import VectorStore

REPOSITORY = Path(__file__).parent.parent
__all__ = ["mount"]
SHIPS = 80


def letters(text: str) -> list[float]:
    """How often each of sixteen groups of letters is in a text."""
    counts = np.bincount([ord(character) % 16 for character in text], minlength=16)
    return [float(count) for count in counts + 1]


def letter_embedder(on_texts: Callable[[list[str]], None] = lambda texts: None, name: str = "letters") -> Embedder:
    """A model of another name and dimension; `on_texts` hears of everything that it embeds."""

    def embed_texts(texts: list[str]) -> Sequence[Sequence[float]]:
        on_texts(texts)
        return [letters(text) for text in texts]

    return TextEmbedder(name, letters, embed_texts)


Opened = Callable[..., Library]


@pytest.fixture
def opened(settings: Settings) -> Iterator[Opened]:
    """Libraries on one home, each with connections of its own, as in processes of their own."""
    closing = []

    def open_one(embedder: Embedder, chunk_tokens: int = 220) -> Library:
        database = open_database(settings.ledger_url)
        store = VectorStore(settings.vector_place)
        closing.extend([store.close, database.dispose])
        return Library(Storage(settings.home, Ledger(database), store, embedder, chunk_tokens))

    yield open_one
    for close in closing:
        close()


def found(library: Library, question: str = "The ship Alba 7 came into Port Ellery") -> list[str]:
    """The articles that a question finds."""
    retriever = HybridRetriever(library.storage, library.lexical(), Scope(), HitLimits(10, 3))
    return [hit.chunk.article_id for hit in retriever.find(question)]


def filled(library: Library, tmp_path: Path, count: int = SHIPS) -> Library:
    asyncio.run(library.ingest([ships(tmp_path / "ships.jsonl", count)]))
    return library


def assert_whole(library: Library, count: int) -> None:
    """Every article is there with a vector, none is double, and no collection or table is left over."""
    storage = library.storage
    check_storage(storage)
    assert storage.ledger.counts(["shared"]).unfinished == 0
    assert storage.ledger.indexed_chunk_count() == storage.store.count() == count
    assert set(storage.store.ids()) == {entry.chunk_id for entry in storage.ledger.lexical_entries()}
    assert storage.store.client.collection_names() == [storage.ledger.collection]
    with storage.ledger.transaction() as connection:
        schema = inspect(connection)
        tables = set(schema.get_table_names())
        indexes = {str(index["name"]) for table in ("chunks", "staged_chunks") for index in schema.get_indexes(table)}
        assert connection.execute(sql("SELECT count(*) FROM staged_chunks")).scalar() == 0
    assert "replaced_chunks" not in tables
    assert indexes == {"chunks_by_article", "staged_chunks_by_article"}


class Killed(BaseException):
    """What ends a run as a signal would: nothing of ours catches it."""


def killed_after(passages: int) -> Callable[[list[str]], None]:
    left = passages

    def count(texts: list[str]) -> None:
        nonlocal left
        left -= len(texts)
        if left < 0:
            raise Killed

    return count


def test_the_old_library_answers_until_the_new_one_is_whole(opened: Opened, tmp_path: Path) -> None:
    old = filled(opened(letter_embedder(name="old")), tmp_path)
    before = found(old)
    answers: list[list[str]] = []
    new = opened(letter_embedder(lambda _texts: answers.append(found(old))))
    with pytest.raises(StoreMismatch, match="run `dateline rebuild`"):
        check_storage(new.storage)
    assert asyncio.run(new.rebuild()) == SHIPS
    assert answers
    assert all(answer == before for answer in answers)
    assert_whole(new, SHIPS)
    assert "ship-7" in found(new)
    # What still runs with the old model says so, and guesses nothing.
    with pytest.raises(StoreMismatch, match="'letters'"):
        found(old)
    back = opened(letter_embedder(name="old"))
    assert asyncio.run(back.rebuild()) == SHIPS
    assert_whole(back, SHIPS)
    assert found(back) == before


def test_a_running_process_follows_a_rebuild_with_other_chunks(opened: Opened, tmp_path: Path) -> None:
    reader = filled(opened(letter_embedder()), tmp_path, 0)
    corpus = tmp_path / "long.jsonl"
    sentences = " ".join(f"The ship Alba {n} came into Port Ellery with {n} crates." for n in range(60))
    corpus.write_text(json.dumps({"id": "long", "text": sentences}), "utf-8")
    asyncio.run(reader.ingest([corpus]))
    few = reader.storage.store.count()
    assert found(reader) == ["long"] * min(3, few)
    writer = opened(letter_embedder(), 60)
    many = asyncio.run(writer.rebuild())
    assert many > few
    assert found(reader) == ["long"] * 3
    assert reader.lexical().texts == many
    assert_whole(reader, many)


@pytest.mark.parametrize("passages", [0, 100])
def test_a_rebuild_that_was_killed_goes_on_where_it_was(opened: Opened, tmp_path: Path, passages: int) -> None:
    old = filled(opened(letter_embedder(name="old")), tmp_path)
    before = found(old)
    with pytest.raises(Killed):
        asyncio.run(opened(letter_embedder(killed_after(passages))).rebuild())
    assert found(old) == before
    embedded: list[str] = []
    again = opened(letter_embedder(embedded.extend))
    kept = again.storage.store.beside(json.loads(again.storage.ledger.metadata("rebuild"))["collection"]).count()
    assert bool(kept) == bool(passages)
    assert asyncio.run(again.rebuild()) == SHIPS
    # A passage and its one sentence each.
    assert len(embedded) == 2 * (SHIPS - kept)
    assert_whole(again, SHIPS)


def test_what_changed_while_a_rebuild_was_stopped_is_made_as_it_is(opened: Opened, tmp_path: Path) -> None:
    old = filled(opened(letter_embedder(name="old")), tmp_path)
    with pytest.raises(Killed):
        asyncio.run(opened(letter_embedder(killed_after(100))).rebuild())
    assert asyncio.run(old.forget("shared", "ship-0"))
    changed = {"id": "ship-1", "text": "The ship Bora sank off Kell."}
    (tmp_path / "more.jsonl").write_text(json.dumps(changed) + "\n" + json.dumps(changed | {"id": "new"}), "utf-8")
    asyncio.run(old.ingest([tmp_path / "more.jsonl"]))
    new = opened(letter_embedder())
    assert asyncio.run(new.rebuild()) == SHIPS
    assert_whole(new, SHIPS)
    assert set(found(new, "Did the ship Bora sink off Kell?")[:2]) & {"ship-1", "new"}
    article = new.storage.ledger.article("shared", "ship-1")
    assert article is not None
    assert "Bora" in article.text


def test_a_rebuild_for_another_model_begins_anew(opened: Opened, tmp_path: Path) -> None:
    filled(opened(letter_embedder(name="old")), tmp_path)
    for name in ("letters", "third"):
        with pytest.raises(Killed):
            asyncio.run(opened(letter_embedder(killed_after(100), name)).rebuild())
    embedded: list[str] = []
    again = opened(letter_embedder(embedded.extend))
    assert asyncio.run(again.rebuild()) == SHIPS
    assert len(embedded) == 2 * SHIPS, "what was made for another model is of no use"
    assert_whole(again, SHIPS)


def test_lost_vectors_of_a_stopped_rebuild_are_made_again(opened: Opened, tmp_path: Path) -> None:
    filled(opened(letter_embedder(name="old")), tmp_path)
    stopped = opened(letter_embedder(killed_after(100)))
    with pytest.raises(Killed):
        asyncio.run(stopped.rebuild())
    begun = stopped.storage.store.beside(json.loads(stopped.storage.ledger.metadata("rebuild"))["collection"])
    begun.delete(sorted(begun.ids())[:5])
    embedded: list[str] = []
    left = SHIPS - begun.count()
    again = opened(letter_embedder(embedded.extend))
    assert asyncio.run(again.rebuild()) == SHIPS
    assert len(embedded) == 2 * left
    assert_whole(again, SHIPS)


@pytest.mark.slow
def test_a_switch_that_ends_at_any_statement_leaves_the_old_library_and_is_done_by_the_next(
    opened: Opened, tmp_path: Path
) -> None:
    old = filled(opened(letter_embedder(name="old")), tmp_path, 5)
    before = found(old)
    new = opened(letter_embedder())
    database = new.storage.ledger.database
    statements = 0
    end_at: int | None = 0

    def stop(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        nonlocal statements
        if statements or "UPDATE articles" in statement:
            statements += 1
            if end_at is not None and statements > end_at:
                raise Killed

    event.listen(database, "before_cursor_execute", stop)
    while True:
        statements = 0
        try:
            asyncio.run(new.rebuild())
        except Killed:
            assert end_at is not None
            if old.storage.ledger.collection == old.storage.store.name:
                assert found(old) == before
            end_at += 1
            continue
        break
    assert end_at is not None
    assert end_at > 12, "statements of the switch were reached"
    event.remove(database, "before_cursor_execute", stop)
    assert_whole(new, 5)
    assert "ship-3" in found(new, "The ship Alba 3 came")


def test_another_model_leaves_the_lexical_index_as_it_is(opened: Opened, tmp_path: Path) -> None:
    filled(opened(letter_embedder(name="old")), tmp_path)
    new = opened(letter_embedder())
    before = new.storage.ledger.revision
    segments = {file.name for file in new.storage.lexical.folder.glob("*.segment")}
    asyncio.run(new.rebuild())
    assert new.storage.ledger.changed_since(before) == []
    assert {file.name for file in new.storage.lexical.folder.glob("*.segment")} == segments


def test_a_backup_leaves_a_stopped_rebuild_out_and_holds_a_rebuilt_library(
    opened: Opened, own_home: Path, tmp_path: Path
) -> None:
    filled(opened(letter_embedder(name="old")), tmp_path)
    new = opened(letter_embedder())
    asyncio.run(new.rebuild())
    with pytest.raises(Killed):
        asyncio.run(opened(letter_embedder(killed_after(100), "third")).rebuild())
    write_backup(own_home, tmp_path / "backup.zip")
    restore_backup(tmp_path / "backup.zip", tmp_path / "restored", replace=False)
    database = open_database(tmp_path / "restored" / "ledger.sqlite3")
    store = VectorStore(tmp_path / "restored" / "vectors")
    restored = Library(Storage(tmp_path / "restored", Ledger(database), store, letter_embedder(), 220))
    assert_whole(restored, SHIPS)
    assert restored.storage.ledger.metadata("rebuild") == ""
    assert found(restored) == found(new)
    store.close()
    database.dispose()


def test_a_checkup_notes_a_rebuild_that_was_not_finished(library: Library, tmp_path: Path) -> None:
    filled(library, tmp_path, 3)
    name = library.storage.embedder.name
    folder, ledger, store = library.storage.folder, library.storage.ledger, library.storage.store
    stopped = Library(Storage(folder, ledger, store, letter_embedder(killed_after(0)), 220))
    with pytest.raises(Killed):
        asyncio.run(stopped.rebuild())
    findings = asyncio.run(check_up(Settings(home=library.storage.folder)))
    (rebuild,) = [finding for finding in findings if finding.check == "rebuild"]
    assert (rebuild.status, rebuild.words) == ("note", "one was begun and not finished")
    assert library.storage.ledger.metadata("embedder") == name
    assert not [finding for finding in findings if finding.status == "problem"]


def test_a_ledger_from_before_rebuilds_were_staged_gets_what_they_need(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    database = open_database(path)
    step = [migration.__name__ for migration in MIGRATIONS].index("add_staging")
    with database.begin() as connection:
        for table in ("staged_chunks", "staged_articles"):
            connection.execute(sql(f"DROP TABLE {table}"))
        connection.execute(sql(f"UPDATE schema_version SET version = {step}"))
    database.dispose()
    database = open_database(path)
    staging = Staging(Ledger(database))
    staging.add("shared", [(Article("a", "Rain", "It rained."), [])])
    assert staging.begin("key") == staging.begin("key") != staging.begin("other")
    database.dispose()


# Processes

REBUILDING = """
import asyncio, os, signal, sys
from pathlib import Path
from rag.factory import open_library
from rag.settings import Settings
from rag.ingestion.indexing import Progress

def kill(progress: Progress) -> None:
    if progress.done >= int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with open_library(Settings(home=Path(sys.argv[1]), chunk_tokens=60)) as library:
        print(await library.rebuild(kill if sys.argv[2:] else None))
asyncio.run(main())
"""


@pytest.mark.slow
def test_processes_killed_while_they_rebuild_leave_a_library_that_answers_and_is_rebuilt_by_the_next(
    tmp_path: Path,
) -> None:
    home, corpus = tmp_path / "home", ships(tmp_path / "ships.jsonl", 100)
    assert run("dateline", "ingest", corpus, REPOSITORY / "seeds", home=home).returncode == 0
    assert_answers(home)
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    for done in ("32", "96"):
        killed = subprocess.run([sys.executable, "-c", REBUILDING, str(home), done], env=environment, check=False)
        assert killed.returncode == -signal.SIGKILL
        assert_answers(home)
    finished = subprocess.run(
        [sys.executable, "-c", REBUILDING, str(home)], env=environment, check=True, capture_output=True, text=True
    )
    assert int(finished.stdout) > 101
    database = open_database(Settings(home=home).ledger_url)
    assert Ledger(database).indexed_chunk_count() == int(finished.stdout)
    database.dispose()
    assert_answers(home)


@pytest.mark.slow
@pytest.mark.parametrize("room", [4_000, 600_000], ids="{:,} bytes left".format)
def test_a_rebuild_on_a_full_disk_is_one_sentence_and_is_finished_with_room(
    room: int, tmp_path: Path, mount: Mount
) -> None:
    home = tmp_path / "disk"
    home.mkdir()
    mount("-t", "tmpfs", "-o", "size=80m", "tmpfs", str(home))
    corpus = ships(tmp_path / "ships.jsonl", 300)
    assert run("dateline", "ingest", corpus, REPOSITORY / "seeds", home=home).returncode == 0
    filler = home / "filler"
    free = os.statvfs(home).f_bavail * os.statvfs(home).f_frsize
    filler.write_bytes(bytes(free - room))
    assert_one_sentence(run("dateline", "rebuild", home=home), str(home), "free disk space")
    filler.unlink()
    assert_answers(home)
    assert run("dateline", "rebuild", home=home).returncode == 0
    assert_answers(home)
    assert "unfinished   0\n" in run("dateline", "library", "status", home=home).stdout
