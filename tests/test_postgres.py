"""What the tests of the store say of SQLite, said again of a real PostgreSQL; and what only a database on a server can do.

The tests that are imported here are collected here, and find this module's `settings`.
"""

import asyncio
import json
import secrets
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text

from bot.terminal.backup import back_up, restore
from rag.checkup import check_up
from rag.errors import SettingsError
from rag.factory import open_engine
from rag.ingestion.indexing import CHUNKS_WRITTEN_AT_ONCE, Progress
from rag.library import Library
from rag.models.embedder import Embedder
from rag.settings import Settings
from tests.conftest import REPOSITORY
from tests.fakes.chroma_server import running_chroma
from tests.fakes.postgres import RunningPostgres, running_postgres
from tests.test_chroma_server import find, library_in, ships
from tests.test_discord_state import (
    state,
    test_a_fact_is_replaced,
    test_a_message_leads_to_its_answer_until_its_user_is_forgotten,
    test_a_second_vote_takes_the_place_of_the_first,
    test_many_at_once_count_and_vote_without_a_failure,
    test_questions_are_counted_by_server_and_day,
    test_settings_come_back_equal_with_the_entry_of_the_change,
    test_what_is_too_old_is_deleted,
)
from tests.test_watching import (
    test_a_change_is_stored_with_the_new_answer_or_not_at_all,
    test_a_ledger_of_before_watches_is_brought_up_to_date,
    test_articles_arrive_once_whatever_is_done_to_the_index,
)
from vectorstore.answers import AnswerStore, StoredAnswer
from vectorstore.backup import LEDGER, PARTS, restore_backup, write_backup
from vectorstore.bot_state import BotState
from vectorstore.copying import TABLES
from vectorstore.database import open_database
from vectorstore.errors import StoreBusy, StoreMismatch, StoreUnavailable
from vectorstore.followed import FollowedStore
from vectorstore.integrity import impossible_numbers
from vectorstore.ledger import IncomingArticle, Ledger
from vectorstore.lock import database_lock
from vectorstore.schema import MIGRATIONS, audit_log, watch_changes
from vectorstore.values import Article

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def postgres() -> Iterator[RunningPostgres]:
    pytest.importorskip("psycopg")
    with running_postgres() as server:
        yield server


@pytest.fixture
def settings(own_home: Path, postgres: RunningPostgres) -> Settings:
    """The defaults, with a home and a database of the test's own."""
    return Settings(home=own_home, database_url=postgres.new_database())


UNDONE = (
    ("ALTER TABLE articles DROP COLUMN published_offset",),
    ("ALTER TABLE articles DROP COLUMN arrived", "DROP TABLE watches", "DROP TABLE watch_changes"),
    ("ALTER TABLE server_settings DROP COLUMN digest_channel",),
    tuple(f"ALTER TABLE articles DROP COLUMN {name}" for name in ("author", "updated", "updated_offset", "origins")),
    (
        "ALTER TABLE articles DROP COLUMN withdrawn",
        *(f"DROP TABLE {name}" for name in ("article_versions", "followed", "followed_entries")),
    ),
    ("DROP TABLE revisions", "DROP TABLE changed_articles"),
    ("DROP TABLE staged_chunks", "DROP TABLE staged_articles"),
    ("DROP TABLE forgotten_addresses",),
)
"""What undoes each step of the schema but the first."""


@pytest.mark.parametrize("version", range(1, len(UNDONE) + 1))
def test_a_database_of_any_version_is_brought_up_to_date(settings: Settings, version: int) -> None:
    assert len(MIGRATIONS) == len(UNDONE) + 1
    database = open_database(settings.ledger_url)
    article = Article("a", "Rain", "It rained.", published=datetime(2024, 6, 9, tzinfo=UTC))
    Ledger(database).save([IncomingArticle(article, "a.txt", "group")])
    with database.begin() as connection:
        for statements in UNDONE[version - 1 :]:
            for statement in statements:
                connection.execute(text(statement))
        connection.execute(text(f"UPDATE schema_version SET version = {version}"))
    database.dispose()
    database = open_database(settings.ledger_url)
    assert Ledger(database).article("shared", "a") == article
    assert Ledger(database).changed_since("") is None
    assert FollowedStore(database).sources() == []
    database.dispose()


def test_many_open_a_new_database_at_once(settings: Settings) -> None:
    failures: list[StoreUnavailable] = []

    def open_it() -> None:
        try:
            open_database(settings.ledger_url).dispose()
        except StoreUnavailable as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_number_that_is_none_is_found_there_too(settings: Settings) -> None:
    database = open_database(settings.ledger_url)
    with database.begin() as connection:
        entry = {"server": 50, "user": 11, "happened_at": 1.0, "action": "settings", "details": ""}
        connection.execute(insert(audit_log).values(entry))
    assert impossible_numbers(Ledger(database)) == []
    for value in ("'NaN'", "1e300", "'-Infinity'"):
        with database.begin() as connection:
            connection.execute(text(f"UPDATE audit_log SET happened_at = {value}"))
        assert impossible_numbers(Ledger(database)) == ["happened_at of audit_log 1"]
        with pytest.raises(StoreUnavailable, match="dateline doctor"):
            BotState(database).audit(50, 10)
    database.dispose()


def test_answers_are_found_by_the_beginning_of_their_id(settings: Settings) -> None:
    database = open_database(settings.ledger_url)
    store = AnswerStore(database)
    for name in ("ab_1", "abx2"):
        store.save(StoredAnswer(name, 5.0, "q", "q", name == "abx2", "me", "discord:5", "{}"))
    assert store.load("ab_") == store.load("ab_1")
    assert store.load("ab") is None
    assert [one.id for one in store.refused(conversation_prefix="discord:")] == ["abx2"]
    assert store.delete_asked_by("me") == 2
    database.dispose()


def test_whatever_a_question_or_an_article_holds_is_stored(
    library: Library, settings: Settings, tmp_path: Path
) -> None:
    long, odd = secrets.token_hex(4_000), "n\x00\ud800"
    texts = {
        long: "The mill in Ellery burned on Monday.",
        odd: "The \x00 ferry \ud800 to Ellery is late, the mayor said.",
    }
    corpus = tmp_path / "odd.jsonl"
    corpus.write_text("\n".join(json.dumps({"id": name, "text": texts[name], "title": odd}) for name in texts), "utf-8")
    for expected in ((2, 0), (0, 2)):
        report = asyncio.run(library.ingest([corpus]))
        assert (report.added, report.unchanged) == expected

    async def ask() -> None:
        async with open_engine(settings) as engine:
            answer = await engine.ask(f"What is late in {odd} Ellery?")
            await engine.answers.save(answer)
            assert (await engine.answers.find(answer.id)) is not None

    asyncio.run(ask())


# The server is restarted


def test_a_restart_between_two_questions_is_not_noticed(
    library: Library, postgres: RunningPostgres, tmp_path: Path
) -> None:
    asyncio.run(library.ingest([ships(tmp_path, 20)]))
    before = find(library)
    postgres.stop()
    with pytest.raises(StoreUnavailable) as failure:
        find(library)
    said = str(failure.value)
    assert "\n" not in said
    assert "start it or correct DATELINE_DATABASE_URL" in said
    postgres.start()
    assert find(library) == before


@pytest.mark.slow
def test_a_restart_in_mid_ingest_is_one_sentence_and_the_next_ingest_finishes_it(
    library: Library, postgres: RunningPostgres, tmp_path: Path
) -> None:
    def restart_once(progress: Progress) -> None:
        if progress.step == "Indexing" and progress.done == CHUNKS_WRITTEN_AT_ONCE:
            postgres.stop()
            postgres.start()

    corpus = ships(tmp_path, 300)
    with pytest.raises(StoreUnavailable, match="do the same again; what was stored is safe") as failure:
        asyncio.run(library.ingest([corpus], progress=restart_once))
    assert "\n" not in str(failure.value)
    assert 0 < asyncio.run(library.status()).unfinished < 300
    assert asyncio.run(library.ingest([corpus])).unchanged == 300
    assert asyncio.run(library.status()).unfinished == 0
    assert library.storage.store.count() == 300


def test_a_server_that_is_not_there_is_one_sentence_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as failure:
        open_database(f"postgresql+psycopg://paper:s3cret@/news?host={tmp_path}")
    said = str(failure.value)
    assert "\n" not in said
    assert "s3cret" not in said
    assert "DATELINE_DATABASE_URL" in said


# One writer, whatever machine it is on


def test_a_writer_on_another_machine_is_waited_for(
    library: Library, settings: Settings, tmp_path: Path, embedder: Embedder
) -> None:
    """Another home is another machine: its file lock is another file."""
    other = open_database(settings.ledger_url)
    said: list[str] = []
    ours = library.storage.ledger.database
    busy = pytest.raises(StoreBusy, match="try again when it has finished")
    with database_lock(other, 0), busy, database_lock(ours, 0.5, said.append):
        pass
    assert said == ["Waiting for another program, which is writing to the ledger's database ..."]
    waiting = Library(library.storage, said.append)
    with database_lock(other, 0):
        thread = threading.Thread(target=lambda: asyncio.run(waiting.ingest([ships(tmp_path, 2)])))
        thread.start()
        until = time.monotonic() + 10
        while len(said) < 2:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert library.storage.ledger.known("shared") == {}
    thread.join()
    assert len(library.storage.ledger.known("shared")) == 2
    other.dispose()


def test_a_lock_that_was_lost_ends_the_work(settings: Settings, postgres: RunningPostgres) -> None:
    database = open_database(settings.ledger_url)
    with database_lock(database, 0) as stopped:
        assert not stopped()
        postgres.stop()
        postgres.start()
        Ledger(database).set_metadata("another", "connection works")
        with pytest.raises(StoreUnavailable):
            stopped()
    with database_lock(database, 0) as stopped:
        assert not stopped()
    database.dispose()


# The commands around it


def test_a_checkup_and_a_backup_say_what_they_cover(library: Library, settings: Settings, tmp_path: Path) -> None:
    asyncio.run(library.ingest([ships(tmp_path, 3)]))
    findings = asyncio.run(check_up(settings))
    assert [finding.words for finding in findings if finding.status == "problem"] == []
    assert any("3 articles, 3 chunks" in finding.words for finding in findings)
    with pytest.raises(SettingsError, match=r"pg_dump.*dateline rebuild"):
        asyncio.run(back_up(settings, tmp_path / "b.zip"))
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.slow
def test_two_machines_share_postgresql_and_a_chroma_server(
    settings: Settings, tmp_path: Path, embedder: Embedder
) -> None:
    with running_chroma(tmp_path) as chroma:
        homes = [tmp_path / name for name in ("one", "two")]
        with (
            library_in(homes[0], chroma.place, embedder, settings.ledger_url) as one,
            library_in(homes[1], chroma.place, embedder, settings.ledger_url) as two,
        ):
            asyncio.run(one.ingest([ships(tmp_path, 20)]))
            expected = [hit.chunk.id for hit in find(one)]
            assert [hit.chunk.id for hit in find(two)] == expected
            asyncio.run(two.rebuild())
            assert [hit.chunk.id for hit in find(one)] == expected
            asyncio.run(two.forget("shared", "ship-7"))
            assert [hit.chunk.article_id for hit in find(one)] == [hit.chunk.article_id for hit in find(two)]
            assert "ship-7" not in {hit.chunk.article_id for hit in find(one)}


# From SQLite, by a backup


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a library in files: twenty ships, an answer, the bot's state, and a change that was told and deleted."""
    folder = tmp_path_factory.mktemp("files")
    settings = Settings(home=folder / "home")

    async def fill() -> None:
        async with open_engine(settings) as engine:
            await engine.library.ingest([ships(folder, 20)])
            await engine.answers.save(await engine.ask("How many crates did the ship Alba 7 bring?"))

    asyncio.run(fill())
    database = open_database(settings.ledger_url)
    with database.begin() as connection:
        for number in (3, 9):
            added = {"id": number, "watch": "w", "before": "", "before_at": 0.0, "after": "", "after_at": 1.0}
            connection.execute(insert(watch_changes).values(**added, tried=False))
        connection.execute(delete(watch_changes).where(watch_changes.c.id == 9))
        details = {"server": 1 << 60, "user": 2, "happened_at": 1.5, "action": "set", "details": "Ä ☃ 𝄞"}
        connection.execute(insert(audit_log).values(id=7, **details))
    database.dispose()
    write_backup(settings.home, folder / "library.zip")
    return folder / "library.zip"


def rows_of(address: str | Path) -> dict[str, list[str]]:
    """Every row of a database, by table."""
    database = open_database(address)
    with database.connect() as connection:
        rows = {table.name: sorted(repr(tuple(row)) for row in connection.execute(select(table))) for table in TABLES}
    database.dispose()
    return rows


def ledger_of(backup: Path, folder: Path) -> Path:
    with zipfile.ZipFile(backup) as archive:
        return Path(archive.extract(LEDGER, folder))


def test_a_backup_of_files_is_restored_into_an_empty_database(
    backed_up: Path, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asyncio.run(restore(settings, backed_up, replace=False)) == 0
    assert capsys.readouterr().out.startswith("The database holds 20 articles and 20 vectors")
    assert not (settings.home / LEDGER).exists()
    there, given = rows_of(settings.database_url), rows_of(ledger_of(backed_up, tmp_path))
    assert [len(there[name]) for name in ("articles", "chunks", "answers", "watch_changes", "audit_log")] == [
        20,
        20,
        1,
        1,
        1,
    ]
    # Facts name the library itself, which is another one, and how its files of vectors were left.
    for facts in (there.pop("facts"), given.pop("facts")):
        assert any("'embedder'" in fact for fact in facts)
    assert there == given

    async def ask() -> str:
        async with open_engine(settings) as engine:
            return (await engine.ask("How many crates did the ship Alba 7 bring?")).text

    assert "with 7 crates" in asyncio.run(ask())
    assert not [finding for finding in asyncio.run(check_up(settings)) if finding.status == "problem"]
    database = open_database(settings.database_url)
    with database.begin() as connection:
        change = {"watch": "w", "before": "", "before_at": 0.0, "after": "", "after_at": 1.0, "tried": False}
        entry = {"server": 1, "user": 2, "happened_at": 1.5, "action": "set", "details": ""}
        for table, row, number in ((watch_changes, change, 10), (audit_log, entry, 8)):
            assert connection.execute(insert(table).values(**row)).inserted_primary_key == (number,)
    database.dispose()


def test_a_database_that_holds_something_is_left_as_it_is(
    backed_up: Path, library: Library, settings: Settings, tmp_path: Path
) -> None:
    asyncio.run(library.ingest([ships(tmp_path, 3)]))
    before = rows_of(settings.database_url)
    with pytest.raises(StoreMismatch, match=r"holds a library already \(\w+\): set DATELINE_DATABASE_URL to an empty"):
        restore_backup(backed_up, settings.home, True, database_url=settings.database_url)
    assert rows_of(settings.database_url) == before
    assert not list(settings.home.glob("before-restore*"))


def test_a_ledger_that_the_database_does_not_take_leaves_it_empty_and_the_home_as_it_was(
    settings: Settings, tmp_path: Path
) -> None:
    made = Settings(home=tmp_path / "made")
    database = open_database(made.ledger_url)
    with database.begin() as connection:
        details = {"server": 1, "user": 2, "happened_at": 1.5, "details": ""}
        for action in ("fits", "much too long" * 10):
            connection.execute(insert(audit_log).values(action=action, **details))
    database.dispose()
    write_backup(made.home, tmp_path / "b.zip")
    settings.home.mkdir(exist_ok=True)
    with pytest.raises(StoreUnavailable, match=r"value too long.*it does not take what was to be stored") as failure:
        restore_backup(tmp_path / "b.zip", settings.home, True, database_url=settings.database_url)
    assert str(failure.value).count("\n") == 0
    assert not any(rows_of(settings.database_url).values())
    assert not any((settings.home / part).exists() for part in PARTS)


def test_only_postgresql_takes_a_ledger(backed_up: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreMismatch, match="is no PostgreSQL: unset DATELINE_DATABASE_URL"):
        restore_backup(backed_up, tmp_path / "home", False, database_url=f"sqlite:///{tmp_path}/other.sqlite3")


@pytest.mark.slow
def test_a_restore_killed_at_any_moment_leaves_all_or_nothing_and_the_next_does_it(
    backed_up: Path, postgres: RunningPostgres, tmp_path: Path
) -> None:
    given = rows_of(ledger_of(backed_up, tmp_path))["articles"]
    delay, code = 1.0, None
    while code != 0:
        url, home = postgres.new_database(), tmp_path / f"{delay:.1f}"
        program = [sys.executable, "-c", "from bot.cli import dateline; dateline()", "restore", str(backed_up)]
        environment = {"DATELINE_HOME": str(home), "DATELINE_DATABASE_URL": url, "PATH": "/usr/bin:/bin"}
        process = subprocess.Popen(program, env=environment | {"PYTHONPATH": str(REPOSITORY)}, cwd=tmp_path)
        time.sleep(delay)
        process.kill()
        code = process.wait()
        there = rows_of(url)["articles"]
        assert there in ([], given)
        if not there:
            restore_backup(backed_up, home, True, database_url=url)
            assert rows_of(url)["articles"] == given
        assert not [
            finding
            for finding in asyncio.run(check_up(Settings(home=home, database_url=url)))
            if finding.status == "problem"
        ]
        delay += 0.4
