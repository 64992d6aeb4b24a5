"""Ingestion with the real splitter, embedder, SQLite and Chroma: nothing lost, nothing doubled, nothing left behind."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sqlalchemy import text

from rag.answer import iso
from rag.errors import ArticleError
from rag.ingestion.chunking import MAX_CHARACTERS_PER_TOKEN, chunk_splitter, chunks_of, fewest_tokens
from rag.ingestion.indexing import IngestReport, check_embedder
from rag.ingestion.read_articles import unlisted_folders
from rag.library import Library
from rag.models.wordpiece import bert_tokenizer
from rag.settings import Settings
from tests.conftest import SEED_ID, SEEDS
from vectorstore.database import open_database
from vectorstore.errors import StoreBusy, StoreMismatch, StoreUnavailable
from vectorstore.followed import FollowedStore
from vectorstore.ledger import MAX_VERSIONS, IncomingArticle, KnownArticle, Ledger
from vectorstore.lexical_store import LexicalStore
from vectorstore.lock import writer_lock
from vectorstore.values import Article, Chunk, Scope
from vectorstore.vectors import VectorStore

CHUNK_TOKENS = 220
SPLIT = chunk_splitter(bert_tokenizer(), CHUNK_TOKENS).split_text


def write_corpus(path: Path, texts: dict[str, str]) -> Path:
    lines = [json.dumps({"id": identifier, "text": text}) for identifier, text in texts.items()]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def stored_state(library: Library) -> tuple[list[str], list[tuple[str, KnownArticle]]]:
    """What the ledger and Chroma hold, to compare before and after."""
    ledger, store = library.storage.ledger, library.storage.store
    ids = [entry.chunk_id for entry in ledger.lexical_entries()]
    assert len(ids) == len(set(ids))
    assert store.count() == len(ids)
    assert set(store.similarities(library.storage.embedder.embed_question("rain"), ids)) == set(ids)
    return sorted(ids), sorted(ledger.known("shared").items())


def run(library: Library, *paths: Path, prune: bool = False) -> object:
    return asyncio.run(library.ingest(list(paths), prune=prune, prune_most=True))


# Chunks


@pytest.mark.parametrize(
    "text",
    [
        "One. Two.\r\nThree.\r\n\r\nFour.",
        "👩‍👩‍👧‍👦 came. 🇭🇺 left! e\u0301a\u0308 stayed?",
        "مرحبا بالعالم. هذا نص. \u200fنعم\u200e.",
        "zero\u200bwidth\u200d joins. \ufeffNext one.",
        "x" * 1_000_000,
        "word " * 200_000,
        "A sentence of eight words stands here now. " * 20_000,
        "东京是日本的首都。" * 500,
        "\x0b\x0c\x1c\x85\u2028One.\u2029Two.",
    ],
    ids=[
        "crlf",
        "emoji",
        "rtl",
        "zero width",
        "one word of 1 MB",
        "1 MB line",
        "1 MB of sentences",
        "chinese",
        "odd line ends",
    ],
)
def test_chunks_are_exact_slices_of_the_article(text: str) -> None:
    check_chunks(text)


@given(st.text(max_size=2_000))
@example("")
@example(" ")
@example("\r\n \r\n")
@hypothesis_settings(max_examples=150, deadline=None)
def test_chunks_of_any_text_are_exact_slices(text: str) -> None:
    check_chunks(text)


def check_chunks(text: str) -> None:
    article = Article("a", "Title", text)
    chunks = chunks_of(article, SPLIT)
    position = 0
    for chunk in chunks:
        assert article.text[chunk.start : chunk.end] == chunk.text != ""
        # Only white space lies between chunks: nothing of the article is lost.
        assert not article.text[position : chunk.start].strip()
        position = chunk.end
        assert len(chunk.text) <= CHUNK_TOKENS * 8
        covered = chunk.start
        for start, end in chunk.sentences:
            assert covered <= start < end <= chunk.end
            assert not article.text[covered:start].strip()
            covered = end
            assert chunk.sentence_text((start, end)) == article.text[start:end]
        assert not article.text[covered : chunk.end].strip()
    assert not article.text[position:].strip()


# Ingest


def test_ingesting_twice_changes_nothing(library: Library) -> None:
    first = asyncio.run(library.ingest([SEEDS]))
    before, revision = stored_state(library), library.storage.ledger.revision
    second = asyncio.run(library.ingest([SEEDS]))
    assert (first.added, second.added, second.unchanged, second.chunks) == (1, 0, 1, 0)
    assert stored_state(library) == before
    assert library.storage.ledger.revision == revision


def test_a_changed_article_replaces_its_chunks(library: Library, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "c.jsonl", {"a": "It rained in Port Ellery. " * 40, "b": "The bridge opened."})
    run(library, corpus)
    write_corpus(corpus, {"a": "The sun shone over Port Ellery.", "b": "The bridge opened."})
    report = asyncio.run(library.ingest([corpus]))
    assert (report.changed, report.unchanged) == (1, 1)
    ids, known = stored_state(library)
    assert len(ids) == len(known) == 2


def test_prune_takes_what_is_gone_from_these_paths_only(library: Library, tmp_path: Path) -> None:
    one = write_corpus(tmp_path / "one.jsonl", {"a": "It rained.", "b": "It snowed."})
    two = write_corpus(tmp_path / "two.jsonl", {"c": "It hailed."})
    run(library, one, two)
    write_corpus(one, {"a": "It rained."})
    assert asyncio.run(library.ingest([one])).removed == 0
    assert asyncio.run(library.ingest([one], prune=True)).removed == 1
    assert set(library.storage.ledger.known("shared")) == {"a", "c"}
    stored_state(library)


def test_prune_deletes_more_than_half_of_the_library_only_when_told_to(library: Library, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "one.jsonl", {"a": "It rained.", "b": "It snowed.", "c": "It hailed."})
    run(library, corpus)
    write_corpus(corpus, {"a": "It rained."})
    report = asyncio.run(library.ingest([corpus], prune=True))
    assert (report.removed, report.unpruned) == (0, 2)
    assert set(library.storage.ledger.known("shared")) == {"a", "b", "c"}
    assert asyncio.run(library.ingest([corpus], prune=True, prune_most=True)).removed == 2
    stored_state(library)


def test_prune_takes_an_empty_folder_for_one_that_is_not_mounted(library: Library, tmp_path: Path) -> None:
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "a.txt").write_text("It rained.", "utf-8")
    run(library, tmp_path / "news", SEEDS)
    (tmp_path / "news" / "a.txt").unlink()
    report = asyncio.run(library.ingest([tmp_path / "news"], prune=True, prune_most=True))
    assert report.removed == 0
    assert any("not mounted" in problem.reason for problem in report.problems)
    assert len(library.storage.ledger.known("shared")) == 2


def linked(folder: Path) -> None:
    elsewhere = folder.parent.parent / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)


def dangling(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(folder.parent / "unmounted")


def emptied(folder: Path) -> None:
    (folder / "a.txt").unlink()


def linked_file(folder: Path) -> None:
    (folder / "a.txt").unlink()
    (folder / "a.txt").symlink_to(folder / "unmounted.txt")


def pipe(folder: Path) -> None:
    (folder / "a.txt").unlink()
    os.mkfifo(folder / "a.txt")


@pytest.mark.parametrize(
    ("change", "named"),
    [(linked, "sub"), (dangling, "sub"), (emptied, "sub"), (linked_file, "sub/a.txt"), (pipe, "sub/a.txt")],
)
def test_prune_deletes_nothing_behind_what_it_does_not_look_into(
    library: Library, tmp_path: Path, change: Callable[[Path], None], named: str
) -> None:
    news = tmp_path / "news"
    (news / "sub").mkdir(parents=True)
    for number in range(4):
        (news / f"{number}.txt").write_text(f"It rained {number} times.", "utf-8")
    (news / "sub" / "a.txt").write_text("It snowed.", "utf-8")
    run(library, news)
    (news / "1.txt").unlink()
    change(news / "sub")
    report = asyncio.run(library.ingest([news], prune=True))
    assert report.removed == 1, "what is gone from where it looks goes"
    assert set(library.storage.ledger.known("shared")) == {"news/0.txt", "news/2.txt", "news/3.txt", "news/sub/a.txt"}
    assert [problem.place for problem in report.problems] == [str(news / named)]
    assert report.problems[0].reason.endswith("nothing at it was deleted.")


def test_prune_of_a_file_where_a_folder_was_deletes_nothing(library: Library, tmp_path: Path) -> None:
    news = tmp_path / "news"
    news.mkdir()
    (news / "a.txt").write_text("It rained.", "utf-8")
    run(library, news, SEEDS)
    (news / "a.txt").unlink()
    news.rmdir()
    news.write_text("x", "utf-8")
    assert asyncio.run(library.ingest([news], prune=True, prune_most=True)).removed == 0
    assert len(library.storage.ledger.known("shared")) == 2


def test_a_folder_that_cannot_be_listed_is_named() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "locked").mkdir(mode=0o000)
        (folder / "a.txt").write_text("It rained.", "utf-8")
        child = os.fork()
        if not child:
            # Permissions do not hold back root.
            if os.geteuid() == 0:
                os.setuid(65534)
            problems = unlisted_folders([folder])
            os._exit(0 if [problem.place for problem in problems] == [str(folder / "locked")] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_prune_keeps_the_articles_of_a_file_that_cannot_be_read(library: Library, tmp_path: Path) -> None:
    article = tmp_path / "a.txt"
    article.write_text("It rained.", "utf-8")
    run(library, tmp_path)
    article.write_bytes(b"\xff\xfe\x00")
    report = asyncio.run(library.ingest([tmp_path], prune=True))
    assert (report.removed, len(report.problems)) == (0, 1)
    assert len(library.storage.ledger.known("shared")) == 1


def test_forgetting_an_article_leaves_nothing_of_it(library: Library) -> None:
    run(library, SEEDS)
    assert asyncio.run(library.forget("shared", SEED_ID))
    assert not asyncio.run(library.forget("shared", SEED_ID))
    assert stored_state(library) == ([], [])


def test_rebuild_makes_the_same_library_again(library: Library) -> None:
    run(library, SEEDS)
    before = stored_state(library)
    library.storage.store.delete(list(library.storage.store.ids()))
    assert asyncio.run(library.rebuild()) == len(before[0])
    assert stored_state(library) == before


def test_another_embedding_model_is_refused_until_a_rebuild(library: Library) -> None:
    run(library, SEEDS)
    library.storage.ledger.set_metadata("embedder", "some-other-model")
    with pytest.raises(StoreMismatch, match="run `dateline rebuild`"):
        check_embedder(library.storage)
    asyncio.run(library.rebuild())
    check_embedder(library.storage)


def test_an_upload_is_read_like_a_file_and_never_pruned(library: Library, tmp_path: Path) -> None:
    report = asyncio.run(library.add("note.txt", b" date 2024-01-02 It rained.", "discord:1"))
    assert report.added == 1
    asyncio.run(library.ingest([tmp_path], "discord:1", prune=True))
    assert len(asyncio.run(library.headlines("discord:1"))) == 1
    assert asyncio.run(library.headlines("shared")) == []


@pytest.mark.parametrize(("name", "content"), [("a.exe", b"MZ"), ("a.txt", b"\x00"), ("a.txt", b"")])
def test_an_upload_without_an_article_is_refused(library: Library, name: str, content: bytes) -> None:
    with pytest.raises(ArticleError, match="a\\."):
        asyncio.run(library.add(name, content))


def test_copies_share_a_group_and_other_reports_do_not(library: Library, tmp_path: Path) -> None:
    text = (SEEDS / SEED_ID.split("/")[1]).read_text("utf-8")
    corpus = write_corpus(
        tmp_path / "c.jsonl",
        {
            "a": text,
            "b": text.replace("Kremlin said", "Kremlin told agencies") + " Agencies.",
            "c": "The bridge opened. " * 30,
        },
    )
    run(library, corpus)
    groups = {
        article.id: group for article, group in library.storage.ledger.articles_with_groups("shared", ["a", "b", "c"])
    }
    assert groups["a"] == groups["b"] != groups["c"]


# Killed at any moment

KILLED_INGEST = """
import asyncio, sys
from pathlib import Path
from rag.factory import open_library
from rag.settings import Settings

async def main():
    async with open_library(Settings(home=Path(sys.argv[1]))) as library:
        print("open", flush=True)
        await library.ingest([Path(sys.argv[2])], prune=True, prune_most=True)
        print("done", flush=True)
asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9])
def test_a_killed_ingest_is_finished_by_the_next(share: float, library: Library, tmp_path: Path) -> None:
    sentences = [
        f"In month {n} the harbour of Port Ellery counted {n * 37} ships, said the master. " for n in range(12)
    ]
    texts = {f"article-{n}": "".join(sentences[n % 12 :]) + f" Number {n}." for n in range(96)}
    corpus = write_corpus(tmp_path / "c.jsonl", texts)
    run(library, corpus)
    whole = stored_state(library)
    # A second version: half of the articles change, some go, some come; the killed process works on a library in use.
    newer = {name: text + " Corrected." * (n % 2) for n, (name, text) in enumerate(texts.items()) if n % 8}
    newer |= {f"new-{n}": f"Ship number {n} came into Port Ellery." for n in range(10)}
    write_corpus(corpus, newer)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED_INGEST, str(library.storage.folder), str(corpus)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    time.sleep(share * 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    run(library, corpus, prune=True)
    known = library.storage.ledger.known("shared")
    assert set(known) == set(newer)
    assert all(article.indexed for article in known.values())
    assert stored_state(library) != whole


# Trouble


def test_a_second_writer_waits_with_a_message_and_then_says_who_writes(tmp_path: Path) -> None:
    messages: list[str] = []
    with (
        writer_lock(tmp_path, 1),
        pytest.raises(StoreBusy, match=rf"process {os.getpid()}"),
        writer_lock(tmp_path, 0.1, messages.append),
    ):
        pass
    assert "Waiting for process" in messages[0]
    with writer_lock(tmp_path, 1):
        pass


def test_a_long_wait_for_another_writer_is_said_with_its_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vectorstore.lock.FIRST_WAIT_WORD_SECONDS", 1.0)
    messages: list[str] = []
    began = time.monotonic()
    with writer_lock(tmp_path, 1), pytest.raises(StoreBusy), writer_lock(tmp_path, 2.5, messages.append):
        pass
    assert 2.4 < time.monotonic() - began < 10
    assert messages[0].startswith("Waiting for process")
    assert [said.partition(": ")[2] for said in messages[1:]] == [
        "1 s so far, 2 s at most.",
        "2 s so far, 2 s at most.",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to a read-only folder")
def test_a_read_only_home_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreUnavailable, match="DATELINE_HOME"), writer_lock(tmp_path / "home", 1):
        pass


def test_a_corrupt_vector_store_is_one_sentence_and_rebuild_is_the_way_out(library: Library, tmp_path: Path) -> None:
    broken = tmp_path / "vectors"
    broken.mkdir()
    (broken / "chroma.sqlite3").write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(StoreUnavailable, match="dateline rebuild"):
        VectorStore(broken)


def test_scope_is_kept_by_both_searches(library: Library, tmp_path: Path) -> None:
    lines = [
        {"id": "old", "text": "The harbour bridge opened.", "source": "Post", "published": "2024-01-01"},
        {"id": "new", "text": "The harbour bridge closed.", "source": "Echo", "published": "2024-06-01"},
        {"id": "undated", "text": "The harbour bridge stands.", "source": "Post"},
    ]
    corpus = tmp_path / "c.jsonl"
    corpus.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    run(library, corpus)
    asyncio.run(library.add("private.txt", b"The harbour bridge is private.", "discord:7"))
    spring = datetime(2024, 3, 1, tzinfo=UTC)
    scopes = {
        Scope(): {"old", "new", "undated"},
        Scope(since=spring): {"new"},
        Scope(until=spring): {"old"},
        Scope(sources=("Post",)): {"old", "undated"},
        Scope(libraries=("discord:7",)): {"private.txt"},
        Scope(libraries=("shared", "discord:7"), sources=("Echo",)): {"new"},
        Scope(libraries=("discord:8",)): set(),
    }
    vector = library.storage.embedder.embed_question("harbour bridge")
    for scope, expected in scopes.items():
        dense = [one.chunk_id for one in library.storage.store.search(vector, 10, scope)]
        lexical = [one.chunk_id for one in library.lexical().search("harbour bridge", 10, scope)]
        for found in (dense, lexical):
            articles = library.storage.ledger.chunks_by_id(found).values()
            assert {one.chunk.article_id.split("/")[-1] for one in articles} == expected


def test_an_article_lies_on_the_day_of_its_own_zone(library: Library, tmp_path: Path) -> None:
    late, early = "2024-06-09T23:30:00-05:00", "2024-06-09T00:30:00+09:00"
    lines = [
        {"id": "late", "text": "The harbour bridge opened.", "published": late},
        {"id": "early", "text": "The harbour bridge closed.", "published": early},
    ]
    corpus = tmp_path / "c.jsonl"
    corpus.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    run(library, corpus)
    shown = {one.article_id: one.published.isoformat() for one in asyncio.run(library.headlines()) if one.published}
    assert shown == {"late": late, "early": early}
    # 02:00+02:00 is midnight UTC, and still a time; a date without one is stored as midnight UTC.
    assert iso(datetime.fromisoformat("2024-06-09T02:00:00+02:00")) == "2024-06-09T02:00:00+02:00"
    assert iso(datetime(2024, 6, 9, tzinfo=UTC)) == "2024-06-09"
    status = asyncio.run(library.status())
    assert status.oldest is not None
    assert status.newest is not None
    assert (status.oldest.day, status.newest.day) == (9, 9)
    library.storage.ledger.withdraw("shared", ["late"])
    assert asyncio.run(library.status()).newest == status.oldest, (
        "what was withdrawn is not the newest of what there is"
    )
    library.storage.ledger.withdraw("shared", ["early"])
    assert asyncio.run(library.status()).newest is None
    run(library, corpus)
    vector = library.storage.embedder.embed_question("harbour bridge")
    day = Scope(since=datetime(2024, 6, 9, tzinfo=UTC), until=datetime(2024, 6, 10, tzinfo=UTC))
    for scope, count in ((day, 2), (Scope(since=day.until), 0), (Scope(until=day.since), 0)):
        assert len(library.storage.store.search(vector, 10, scope)) == count
        assert len(library.lexical().search("harbour bridge", 10, scope)) == count
    report = asyncio.run(library.ingest([corpus]))
    assert (report.unchanged, report.chunks) == (2, 0)


def test_a_ledger_of_the_first_version_gets_the_zone_and_keeps_its_articles(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    database = open_database(path)
    article = Article("a", "Rain", "It rained.", published=datetime(2024, 6, 9, tzinfo=UTC))
    Ledger(database).save([IncomingArticle(article, "a.txt", "group")])
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE articles DROP COLUMN published_offset"))
        connection.execute(text("UPDATE schema_version SET version = 1"))
    database.dispose()
    database = open_database(path)
    assert Ledger(database).article("shared", "a") == article
    database.dispose()


def test_a_ledger_from_before_sources_were_followed_keeps_its_articles(
    library: Library, settings: Settings, tmp_path: Path
) -> None:
    run(library, write_corpus(tmp_path / "corpus.jsonl", {"a": "One sentence.", "b": "Another sentence."}))
    database = library.storage.ledger.database
    with database.begin() as connection:
        for table in ("article_versions", "followed", "followed_entries"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("ALTER TABLE articles DROP COLUMN withdrawn"))
        connection.execute(text("UPDATE schema_version SET version = 4"))
    open_database(settings.ledger_url).dispose()
    assert len(stored_state(library)[0]) == 2
    assert library.storage.ledger.withdraw("shared", ["a"]) == ["a"]
    assert FollowedStore(database).sources() == []


def test_what_an_article_said_before_is_kept_up_to_a_bound_and_goes_with_it(library: Library) -> None:
    ledger = library.storage.ledger
    for edition in range(MAX_VERSIONS + 3):
        ledger.save([IncomingArticle(Article("a", "Title", f"Edition {edition}."), "", "")])
    ledger.save([IncomingArticle(Article("a", "Title", f"Edition {edition}.", source="Harbour Post"), "", "")])
    versions = [version.text for version in ledger.versions("shared", "a")]
    assert versions == [f"Edition {number}." for number in range(2, MAX_VERSIONS + 2)], (
        "words that stay make no version"
    )
    assert asyncio.run(library.forget("shared", "a"))
    assert ledger.versions("shared", "a") == []


def test_a_withdrawn_article_is_stored_and_in_no_search_until_it_is_stored_again(
    library: Library, tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path / "corpus.jsonl", {"a": "The ferry was sold.", "b": "The bridge was closed."})
    run(library, corpus)
    whole, ledger = stored_state(library)[0], library.storage.ledger
    revision = ledger.revision
    assert asyncio.run(library.withdraw("shared", ["a", "unknown"])) == ["a"]
    assert ledger.revision != revision
    (entry,) = ledger.lexical_entries()
    assert "bridge" in entry.text
    assert set(ledger.chunks_by_id(whole)) == {entry.chunk_id}
    assert set(ledger.chunks_by_id(whole, withdrawn_too=True)) == set(whole)
    assert [chunk.article_id for chunk in ledger.leading_chunks(Scope(), 10)] == ["b"]
    assert [arrival.library for arrival in ledger.arrivals(-1.0, 10)] == ["shared"]
    assert ledger.chunks_of("shared", "a") == []
    assert asyncio.run(library.withdraw("shared", ["a"])) == [], "it is already"
    run(library, corpus)
    assert (stored_state(library)[0], asyncio.run(library.withdrawn())) == (whole, {})


def test_text_is_stored_repaired_and_its_chunks_are_exact(library: Library, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("JÃ¼rgen wonâ€™t sell.\r\nThe minis\u00adter &amp; the bank agreed.", "utf-8")
    run(library, tmp_path)
    (known,) = library.storage.ledger.known("shared")
    article = library.storage.ledger.article("shared", known)
    assert article is not None
    assert article.text == "Jürgen won’t sell.\nThe minister & the bank agreed."
    ids = [entry.chunk_id for entry in library.storage.ledger.lexical_entries()]
    for stored in library.storage.ledger.chunks_by_id(ids).values():
        assert article.text[stored.chunk.start : stored.chunk.end] == stored.chunk.text


def test_files_with_names_that_are_not_utf_8_are_stored_and_pruned_like_others(
    library: Library, tmp_path: Path
) -> None:
    folder = tmp_path / os.fsdecode(b"z\xfcrich")
    folder.mkdir()
    (folder / os.fsdecode(b"caf\xe9.txt")).write_text("It rained.", "utf-8")
    (folder / "ok.txt").write_text("It snowed.", "utf-8")
    (folder / "gone.txt").write_text("It hailed.", "utf-8")
    run(library, folder)
    assert set(library.storage.ledger.known("shared")) == {
        f"z\\xfcrich/{name}" for name in ("caf\\xe9.txt", "ok.txt", "gone.txt")
    }
    (folder / "gone.txt").unlink()
    report = asyncio.run(library.ingest([folder], prune=True))
    assert (report.unchanged, report.removed, report.read.files) == (2, 1, 2)


def test_the_lexical_cache_may_be_thrown_away(library: Library) -> None:
    run(library, SEEDS)
    before = library.lexical().search("Who is the Kremlin spokesman?", 3, Scope())
    folder, ledger = library.storage.lexical.folder, library.storage.ledger
    for file in folder.iterdir():
        file.unlink()
        file.write_bytes(b"damaged")
    assert LexicalStore(folder, ledger).current().search("Who is the Kremlin spokesman?", 3, Scope()) == before


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=200), min_size=1, max_size=5))
@hypothesis_settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_articles_can_be_stored_and_stored_again(library: Library, tmp_path: Path, texts: dict[str, str]) -> None:
    corpus = write_corpus(tmp_path / "any.jsonl", texts)
    run(library, corpus, prune=True)
    before = stored_state(library)
    run(library, corpus, prune=True)
    assert stored_state(library) == before
    for entry in library.storage.ledger.chunks_by_id(
        [e.chunk_id for e in library.storage.ledger.lexical_entries()]
    ).values():
        article = library.storage.ledger.article("shared", entry.chunk.article_id)
        assert article is not None
        assert article.text[entry.chunk.start : entry.chunk.end] == entry.chunk.text


# Two processes

WRITES = """
import asyncio, sys
from pathlib import Path
from rag.factory import open_library
from rag.settings import Settings

async def main():
    async with open_library(Settings(home=Path(sys.argv[1]))) as library:
        await library.ingest([Path(sys.argv[2])], prune=True, prune_most=True)
        if sys.argv[3:]:
            await library.rebuild()
asyncio.run(main())
"""


@pytest.mark.slow
def test_a_running_process_finds_what_another_one_stored_and_not_what_it_deleted(
    library: Library, tmp_path: Path
) -> None:
    def written_by_another_process(texts: dict[str, str], *rebuild: str) -> None:
        arguments = [str(library.storage.folder), str(write_corpus(tmp_path / "c.jsonl", texts)), *rebuild]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        subprocess.run([sys.executable, "-c", WRITES, *arguments], check=True, env=environment)

    def found() -> set[str]:
        """The articles that each search finds in this process, which has the library open all the time."""
        vector = library.storage.embedder.embed_question("Which ship came?")
        dense = [one.chunk_id for one in library.storage.store.search(vector, 50, Scope())]
        lexical = [one.chunk_id for one in library.lexical().search("ship came", 50, Scope())]
        assert set(dense) == set(lexical)
        return {one.chunk.article_id for one in library.storage.ledger.chunks_by_id(dense).values()}

    run(library, write_corpus(tmp_path / "c.jsonl", {"a": "The ship Alba came.", "b": "The ship Bora came."}))
    assert found() == {"a", "b"}
    written_by_another_process({"b": "The ship Bora came.", "c": "The ship Cilla came."})
    assert found() == {"b", "c"}
    written_by_another_process({"d": "The ship Dora came."}, "rebuild")
    assert found() == {"d"}


def random_vectors(seed: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).standard_normal((1_500, 32)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def write_vectors(store: VectorStore, seed: int) -> None:
    rows = random_vectors(seed)
    names = [f"{seed}-{number}" for number in range(len(rows))]
    chunks = [Chunk(name, name, "shared", 0, 0, 1, "x", "Title", "", "", None) for name in names]
    for start in range(0, len(rows), 100):
        store.upsert(chunks[start : start + 100], rows[start : start + 100])


def lost_vectors(store: VectorStore, seed: int) -> list[int]:
    rows = random_vectors(seed)
    numbers = range(0, len(rows), 30)
    return [n for n in numbers if store.search(rows[n], 1, Scope())[0].chunk_id != f"{seed}-{n}"]


def write_as_another_process(folder: Path, seed: int) -> None:
    store = VectorStore(folder)
    write_vectors(store, seed)
    store.close()


@pytest.mark.slow
def test_two_processes_that_write_in_turn_lose_nothing(tmp_path: Path) -> None:
    """Chroma saves its index every 1,000 vectors: saved over another process's, the folder could not be read again."""
    folder = tmp_path / "vectors"
    ours = VectorStore(folder)
    write_vectors(ours, 1)
    assert lost_vectors(ours, 1) == []
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        other.submit(write_as_another_process, folder, 2).result()
    ours.reopen()
    write_vectors(ours, 3)
    assert [lost_vectors(ours, seed) for seed in (1, 2, 3)] == [[], [], []]
    ours.close()
    again = VectorStore(folder)
    assert [lost_vectors(again, seed) for seed in (1, 2, 3)] == [[], [], []]
    again.close()


def test_questions_go_on_while_the_vectors_are_opened_anew(library: Library) -> None:
    run(library, SEEDS)
    store, vector = library.storage.store, library.storage.embedder.embed_question("rain")
    expected = store.search(vector, 3, Scope())
    with ThreadPoolExecutor(2) as asking:
        found = [asking.submit(store.search, vector, 3, Scope()) for _ in range(300)]
        for _ in range(5):
            store.reopen()
    assert all(one.result() == expected for one in found)
    store.close()
    assert store.search(vector, 3, Scope()) == expected


def test_another_text_under_the_same_name_is_an_article_of_its_own(library: Library) -> None:
    def add(name: str, content: bytes) -> IngestReport:
        return asyncio.run(library.add(name, content, "mine"))

    reports = [add("message.txt", text) for text in (b"The first.", b"The second.", b"The first.")]
    assert [(one.added, one.changed, one.unchanged) for one in reports] == [(1, 0, 0), (1, 0, 0), (0, 0, 1)]
    assert len(asyncio.run(library.headlines("mine"))) == 2
    assert add("message.txt", b"The second.").unchanged == 1
    lines = b'{"id": "a", "text": "One."}\n'
    add("many.jsonl", lines)
    assert add("many.jsonl", lines.replace(b"One", b"Two")).changed == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A ferry.",
        "a\u200bb c",
        "na\u00efve caf\u00e9s",
        "x\x0by \x1c z",
        "1,234.5 @home _a_ --",
        "\u65e5\u672c\u8a9e ab",
        "a" * 400,
    ],
)
def test_the_fewest_tokens_of_a_text_are_never_more_than_it_has(text: str) -> None:
    """Texts are cut where they would be if all their tokens were counted."""
    counted = len(bert_tokenizer().encode(text, add_special_tokens=False).ids)
    assert fewest_tokens(text) <= max(counted, len(text) // MAX_CHARACTERS_PER_TOKEN)
    long = f"{text} " * 300
    assert not text or fewest_tokens(long) >= 300 * fewest_tokens(text)
