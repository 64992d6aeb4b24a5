"""A library whose vectors are on a real Chroma server: it may go and come back, be emptied, and be shared.

Whatever becomes of it is one sentence, and no answer is made from half of what is stored.
"""

import asyncio
import json
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread

import pytest

from rag.errors import SettingsError
from rag.ingestion.indexing import CHUNKS_WRITTEN_AT_ONCE, Progress, Storage
from rag.library import Library
from rag.models.embedder import Embedder
from rag.retrieval import HitLimits, HybridRetriever
from rag.settings import Settings, load_settings
from tests.conftest import REPOSITORY
from tests.fakes.chroma_server import RunningChroma, gate, running_chroma
from vectorstore.backup import restore_backup, write_backup
from vectorstore.chroma import ChromaServer, VectorPlace
from vectorstore.database import open_database
from vectorstore.errors import StoreError, StoreMismatch, StoreUnavailable
from vectorstore.ledger import Ledger
from vectorstore.values import Hit, Scope
from vectorstore.vectors import VectorStore

COUNT, MORE = 20, 300
"""Articles of the library, and of a corpus that takes two batches more."""
QUESTION = "How many crates did the ship Alba 7 bring?"
DATABASE = "tenants/default_tenant/databases/default_database/collections"


@pytest.fixture(scope="module")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningChroma]:
    with running_chroma(tmp_path_factory.mktemp("chroma")) as server:
        yield server


@contextmanager
def library_in(home: Path, place: VectorPlace, embedder: Embedder, ledger_url: str | Path = "") -> Iterator[Library]:
    database = open_database(ledger_url or home / "ledger.sqlite3")
    store = VectorStore(place)
    try:
        yield Library(Storage(home, Ledger(database), store, embedder, 220))
    finally:
        store.close()
        database.dispose()


@pytest.fixture
def library(tmp_path: Path, chroma: RunningChroma, embedder: Embedder) -> Iterator[Library]:
    """A library of twenty ships, its vectors on the server."""
    with library_in(tmp_path / "home", chroma.place, embedder) as opened:
        asyncio.run(opened.ingest([ships(tmp_path, COUNT)]))
        yield opened


def ships(folder: Path, count: int) -> Path:
    """A corpus of short reports."""
    lines = [
        {
            "id": f"ship-{n}",
            "text": f"The ship Alba {n} came into Port Ellery with {n} crates of {n % 7 or 'no'} fruits.",
        }
        for n in range(count)
    ]
    path = folder / f"ships-{count}.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    return path


def find(library: Library) -> list[Hit]:
    return HybridRetriever(library.storage, library.lexical(), Scope(), HitLimits(10, 3)).find(QUESTION)


def collection_path(library: Library) -> str:
    return f"{DATABASE}/{library.storage.ledger.collection}"


def assert_one_sentence(error: BaseException, *words: str) -> None:
    said = str(error)
    assert "\n" not in said
    assert said.endswith(".")
    for word in words:
        assert word in said


def test_a_server_finds_what_a_folder_finds(library: Library, tmp_path: Path, embedder: Embedder) -> None:
    with library_in(tmp_path / "other", tmp_path / "other" / "vectors", embedder) as in_folder:
        asyncio.run(in_folder.ingest([ships(tmp_path, COUNT)]))
        ours, theirs = find(library), find(in_folder)
    assert [hit.chunk.id for hit in ours] == [hit.chunk.id for hit in theirs]
    assert [hit.similarity for hit in ours] == pytest.approx([hit.similarity for hit in theirs], abs=1e-5)
    assert [hit.dense_rank for hit in ours] == [hit.dense_rank for hit in theirs]


def test_articles_are_forgotten_and_rebuilt_on_a_server(library: Library, chroma: RunningChroma) -> None:
    assert asyncio.run(library.forget("shared", "ship-7"))
    assert library.storage.store.count() == COUNT - 1
    before = library.storage.store.name
    assert asyncio.run(library.rebuild()) == COUNT - 1
    names = {entry["name"] for entry in chroma.request("GET", DATABASE)}
    assert before not in names
    assert library.storage.store.name in names
    assert "ship-7" not in {hit.chunk.article_id for hit in find(library)}


def test_libraries_on_one_server_do_not_touch_each_other(library: Library, tmp_path: Path, embedder: Embedder) -> None:
    with library_in(tmp_path / "other", library.storage.store.place, embedder) as other:
        asyncio.run(other.ingest([ships(tmp_path, 3)]))
        asyncio.run(other.rebuild())
        assert (other.storage.store.count(), library.storage.store.count()) == (3, COUNT)
    assert len(find(library)) == 10


# The server goes and comes back


def test_a_server_that_is_killed_is_one_sentence_and_is_found_again(library: Library, chroma: RunningChroma) -> None:
    before = find(library)
    chroma.kill()
    try:
        with pytest.raises(StoreUnavailable) as failure:
            find(library)
        assert_one_sentence(failure.value, chroma.place.url, "cannot be reached", "DATELINE_CHROMA_URL", "start it")
    finally:
        chroma.start()
    assert find(library) == before


@pytest.mark.slow
def test_a_server_that_is_killed_at_any_request_of_a_question_is_one_sentence(
    library: Library, chroma: RunningChroma
) -> None:
    """At the first, the second and so on, until a question comes through without the one at which it would be killed."""
    before, number, failures = find(library), 0, 0
    try:
        with cut_off(chroma) as way:
            library.storage.store.place = replace(chroma.place, url=way.address)
            library.storage.store.reopen()
            library.storage.store.open()
            while way.killed_at is None or way.was_killed:
                number += 1
                way.begin(kill_at=number)
                try:
                    assert find(library) == before
                except StoreUnavailable as failure:
                    failures += 1
                    assert_one_sentence(failure, way.address, "cannot be reached", "start it")
                if way.was_killed:
                    chroma.start()
                    assert find(library) == before
    finally:
        chroma.kill()
        chroma.start()
    # To count the vectors, and to search among them.
    assert number - 1 == failures >= 2


@dataclass
class CutOff:
    """The way to a server, which is killed when a request of this number comes by, and has not answered it."""

    chroma: RunningChroma
    address: str = ""
    killed_at: int | None = None
    requests: int = 0
    was_killed: bool = False

    def begin(self, kill_at: int) -> None:
        self.killed_at, self.requests, self.was_killed = kill_at, 0, False

    def carry(self, client: socket.socket) -> None:
        """One connection's requests, each with its answer."""
        with client, socket.create_connection(("127.0.0.1", self.chroma.port)) as server:
            while True:
                for speaking in select.select([client, server], [], [])[0]:
                    content = speaking.recv(65_536)
                    if not content:
                        return
                    if speaking is client and content.startswith((b"GET ", b"POST ")):
                        self.requests += 1
                        if self.requests == self.killed_at:
                            self.was_killed = True
                            self.chroma.kill()
                            return
                    (server if speaking is client else client).sendall(content)


@contextmanager
def cut_off(chroma: RunningChroma) -> Iterator[CutOff]:
    way, done = CutOff(chroma), Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        way.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.settimeout(0.1)

        def serve() -> None:
            while not done.is_set():
                with suppress(TimeoutError, OSError):
                    Thread(target=quietly, args=(way.carry, listening.accept()[0]), daemon=True).start()

        def quietly(carry: Callable[[socket.socket], None], client: socket.socket) -> None:
            with suppress(OSError):
                carry(client)

        thread = Thread(target=serve)
        thread.start()
        yield way
        done.set()
        thread.join()


def test_a_server_that_was_started_again_between_two_questions_is_not_noticed(
    library: Library, chroma: RunningChroma
) -> None:
    before = find(library)
    chroma.kill()
    chroma.start()
    assert find(library) == before


@pytest.mark.slow
def test_a_server_that_is_killed_in_mid_ingest_is_one_sentence_and_the_next_ingest_finishes_it(
    library: Library, chroma: RunningChroma, tmp_path: Path
) -> None:
    def kill_once(progress: Progress) -> None:
        if progress.step == "Indexing" and progress.done == CHUNKS_WRITTEN_AT_ONCE:
            chroma.kill()

    corpus = ships(tmp_path, MORE)
    try:
        with pytest.raises(StoreUnavailable) as failure:
            asyncio.run(library.ingest([corpus], progress=kill_once))
        assert_one_sentence(failure.value, chroma.place.url, "cannot be reached", "safe in the ledger")
    finally:
        chroma.start()
    unfinished = asyncio.run(library.status()).unfinished
    assert 0 < unfinished < MORE - COUNT
    assert {hit.chunk.article_id for hit in find(library)} <= finished(library)
    assert asyncio.run(library.ingest([corpus])).unchanged == MORE
    assert asyncio.run(library.status()).unfinished == 0
    assert set(library.storage.store.ids()) == finished_chunks(library)


def finished(library: Library) -> set[str]:
    return {known.id for known in library.storage.ledger.known("shared").values() if known.indexed}


def finished_chunks(library: Library) -> set[str]:
    ledger = library.storage.ledger
    return {chunk.id for known in finished(library) for chunk in ledger.chunks_of("shared", known)}


# What is stored is gone, or is another one's


def test_an_emptied_server_is_one_sentence_and_a_rebuild_fills_it(library: Library, chroma: RunningChroma) -> None:
    before = [hit.chunk.id for hit in find(library)]
    chroma.empty()
    for _ in range(2):
        with pytest.raises(StoreMismatch) as failure:
            find(library)
        assert_one_sentence(failure.value, "holds 0 vectors, the ledger knows of 20", "dateline rebuild")
    assert asyncio.run(library.rebuild()) == COUNT
    assert [hit.chunk.id for hit in find(library)] == before


@pytest.mark.slow
def test_a_server_that_is_emptied_in_mid_ingest_is_heard_of_at_its_end(
    library: Library, chroma: RunningChroma, tmp_path: Path
) -> None:
    def empty_once(progress: Progress) -> None:
        if progress.step == "Indexing" and progress.done == CHUNKS_WRITTEN_AT_ONCE:
            chroma.empty()

    with pytest.raises(StoreMismatch, match="run `dateline rebuild`"):
        asyncio.run(library.ingest([ships(tmp_path, MORE)], progress=empty_once))
    assert asyncio.run(library.rebuild()) == MORE
    assert len(find(library)) == 10


def test_a_few_vectors_that_are_lost_are_noticed(library: Library, chroma: RunningChroma) -> None:
    lost = next(library.storage.store.ids())
    library.storage.store.delete([lost])
    with pytest.raises(StoreMismatch, match="holds 19 vectors, the ledger knows of 20"):
        find(library)


def test_vectors_of_another_model_are_one_sentence(library: Library, chroma: RunningChroma) -> None:
    chroma.request("DELETE", collection_path(library))
    made = chroma.request("POST", DATABASE, {"name": library.storage.ledger.collection})
    assert isinstance(made, dict)
    records = {
        "ids": [f"x{n}" for n in range(COUNT)],
        "embeddings": [[1.0, 0.0]] * COUNT,
        "metadatas": [{"a": 1}] * COUNT,
    }
    chroma.request("POST", f"{DATABASE}/{made['id']}/upsert", records)
    with pytest.raises(StoreMismatch) as failure:
        find(library)
    assert_one_sentence(failure.value, chroma.place.url, "another embedding model's", "dateline rebuild")
    assert asyncio.run(library.rebuild()) == COUNT
    assert len(find(library)) == 10


@pytest.mark.slow
def test_a_library_moves_between_folder_and_server_by_a_rebuild(
    library: Library, tmp_path: Path, embedder: Embedder
) -> None:
    expected = [hit.chunk.id for hit in find(library)]
    for place in (tmp_path / "home" / "vectors", library.storage.store.place):
        with library_in(tmp_path / "home", place, embedder) as moved:
            if isinstance(place, Path):
                assert asyncio.run(moved.rebuild()) == COUNT
            else:
                with pytest.raises(StoreMismatch, match="dateline rebuild"):
                    find(moved)
                asyncio.run(moved.rebuild())
            assert [hit.chunk.id for hit in find(moved)] == expected


# Several at once


@pytest.mark.slow
def test_questions_are_answered_from_whole_articles_while_another_ingests(
    library: Library, tmp_path: Path, embedder: Embedder
) -> None:
    found: list[set[str]] = []
    failures: list[StoreError] = []
    done = Event()

    def read() -> None:
        try:
            with library_in(tmp_path / "home", library.storage.store.place, embedder) as reader:
                while not done.is_set():
                    found.append({hit.chunk.article_id for hit in find(reader)})
        except StoreError as error:
            failures.append(error)

    threads = [Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    asyncio.run(library.ingest([ships(tmp_path, MORE)]))
    asyncio.run(library.forget("shared", "ship-69"))
    done.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(found) > 4
    assert all(len(articles) == 10 for articles in found)


READER = """
import asyncio, sys
from rag.factory import open_engine
from rag.settings import load_settings

async def main():
    async with open_engine(load_settings()) as engine:
        print("ready", flush=True)
        for _ in range(6):
            answer = await engine.ask("How many crates did the ship Alba 7 bring?")
            print(answer.refused, answer.text, flush=True)

asyncio.run(main())
"""


@pytest.mark.slow
def test_processes_read_while_one_ingests(library: Library, chroma: RunningChroma, tmp_path: Path) -> None:
    settings = {"DATELINE_HOME": str(tmp_path / "home"), "DATELINE_CHROMA_URL": chroma.place.url}
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER],
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=settings | {"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"},
        )
        for _ in range(2)
    ]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
    asyncio.run(library.ingest([ships(tmp_path, 300)]))
    for reader in readers:
        assert reader.stdout is not None
        # Not communicate(), which loses what came together with the line that was read.
        answers = reader.stdout.read().splitlines()
        assert reader.wait(timeout=120) == 0
        assert len(answers) == 6
        assert all("Alba 7 came into Port Ellery with 7 crates" in answer for answer in answers)


# Token, TLS, tenants, limits of a hosted server


def test_a_token_and_tls_lead_to_a_tenants_database_within_its_limits(
    chroma: RunningChroma, tmp_path: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    chroma.request("POST", "tenants", {"name": "paper"})
    chroma.request("POST", "tenants/paper/databases", {"name": "news"})
    with gate(chroma, "let-me-in", most=300) as guarded:
        monkeypatch.setenv("SSL_CERT_FILE", str(guarded.certificate))
        place = ChromaServer(guarded.address, "let-me-in", "paper", "news")
        with library_in(tmp_path / "home", place, embedder) as library:
            asyncio.run(library.ingest([ships(tmp_path, 20)]))
            assert len(find(library)) == 10
            asyncio.run(library.rebuild())
        stored = VectorStore(replace(place), library.storage.ledger.collection)
        stored.close()
        with library_in(tmp_path / "wrong", replace(place, token="wrong-one"), embedder) as library:
            with pytest.raises(StoreUnavailable) as failure:
                asyncio.run(library.ingest([ships(tmp_path, 1)]))
            assert_one_sentence(failure.value, "refused the token (HTTP 401)", "DATELINE_CHROMA_TOKEN")
            assert "wrong-one" not in str(failure.value)
        assert not guarded.refused
        assert all("/tenants/paper/databases/news/" in path for path in guarded.paths if "/collections" in path)


def test_a_certificate_that_nobody_vouches_for_is_one_sentence(
    chroma: RunningChroma, tmp_path: Path, embedder: Embedder
) -> None:
    with gate(chroma, "t") as guarded, library_in(tmp_path, ChromaServer(guarded.address, "t"), embedder) as library:
        with pytest.raises(StoreUnavailable) as failure:
            library.storage.store.count()
        assert_one_sentence(failure.value, guarded.address, "certificate", "DATELINE_CHROMA_URL")
        assert not guarded.paths


def test_a_database_that_is_not_there_is_one_sentence(chroma: RunningChroma) -> None:
    with pytest.raises(StoreUnavailable) as failure:
        VectorStore(replace(chroma.place, database="elsewhere")).count()
    assert_one_sentence(failure.value, "DATELINE_CHROMA_DATABASE", "elsewhere")


def answering_with(content: bytes) -> Iterator[str]:
    """The address of a server that says these bytes to everyone, b"" for silence."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        done = Event()

        def serve() -> None:
            listening.settimeout(0.1)
            open_ones = []
            while not done.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                open_ones.append(connection)
                if content:
                    connection.recv(65_536)
                    connection.sendall(content)
                    connection.close()
            for connection in open_ones:
                connection.close()

        thread = Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        done.set()
        thread.join()


OTHERS = {
    "silence": (b"", "did not answer within 0.3 s"),
    "a web page": (b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>", "does not answer as a Chroma server"),
    "other JSON": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "does not answer as a Chroma server"),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", "cannot be reached"),
    "a closed door": (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "refused the token (HTTP 403)"),
    "too many": (b"HTTP/1.1 429 Too Many\r\nContent-Length: 2\r\n\r\nno", "asked too often"),
    "a failure": (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\nsad\n", "failed (HTTP 502: sad)"),
    "a redirect": (b"HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "failed (HTTP 301"),
    "half an answer": (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", "cannot be reached"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_whatever_else_answers_is_one_sentence(name: str) -> None:
    content, said = OTHERS[name]
    for address in answering_with(content):
        with pytest.raises(StoreError) as failure:
            VectorStore(ChromaServer(address, seconds=0.3)).count()
        assert_one_sentence(failure.value, address, said, "safe in the ledger")


# Backup, settings


@pytest.mark.slow
def test_a_library_on_a_server_is_backed_up_and_restored_to_folder_and_server(
    library: Library, chroma: RunningChroma, tmp_path: Path, embedder: Embedder
) -> None:
    expected = [hit.chunk.id for hit in find(library)]
    manifest = write_backup(tmp_path / "home", tmp_path / "b.zip", server=chroma.place)
    assert manifest.vectors == COUNT
    restore_backup(tmp_path / "b.zip", tmp_path / "folder", False)
    restore_backup(tmp_path / "b.zip", tmp_path / "served", False, server=chroma.place)
    for home, place in (("folder", tmp_path / "folder" / "vectors"), ("served", chroma.place)):
        with library_in(tmp_path / home, place, embedder) as restored:
            assert [hit.chunk.id for hit in find(restored)] == expected
            asyncio.run(restored.rebuild())
    assert [hit.chunk.id for hit in find(library)] == expected


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host", "http://", "http://host/?a=b"])
def test_an_address_that_is_none_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATELINE_CHROMA_URL", url)
    with pytest.raises(SettingsError, match="DATELINE_CHROMA_URL cannot be used"):
        load_settings()


def test_the_settings_name_the_server_and_do_not_show_its_token(own_home: Path) -> None:
    settings = Settings(home=own_home, chroma_url="https://vectors.example", chroma_token="s3cret")
    assert settings.vector_place == ChromaServer("https://vectors.example", "s3cret")
    assert "s3cret" not in f"{settings} {settings.vector_place!r} {settings.vector_place}"
