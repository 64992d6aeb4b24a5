"""Backup and restore: one file, whole or not there, from which the same library answers on another machine."""

import asyncio
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from bot.cli import dateline
from rag.checkup import check_up
from rag.factory import open_engine, open_library
from rag.settings import Settings
from tests.conftest import SEEDS
from vectorstore.backup import LEDGER, MANIFEST, VECTORS, read_members, restore_backup, write_backup
from vectorstore.database import open_database
from vectorstore.errors import StoreMismatch, StoreUnavailable
from vectorstore.ledger import Ledger
from vectorstore.vectors import VectorStore

QUESTION = "Will Hungary arrest Putin?"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with the seed article, a Discord server's article, and a stored answer."""
    home, corpus = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("corpus") / "c.jsonl"
    corpus.write_text(
        json.dumps({"id": "mill", "text": "The mill closed.", "source": "Echo", "date": "2025-05-04"}), "utf-8"
    )

    async def fill() -> None:
        async with open_engine(Settings(home=home)) as engine:
            await engine.library.ingest([SEEDS])
            await engine.library.ingest([corpus], "discord:50")
            await engine.answers.save(await engine.ask(QUESTION))

    asyncio.run(fill())
    return home


@pytest.fixture(scope="module")
def file(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("backups") / "library.zip"
    write_backup(home, file)
    return file


def typed(home: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(dateline, list(map(str, arguments)), env={"DATELINE_HOME": str(home)})


State = tuple[dict[str, list[str]], NDArray[np.float32]]


def state(home: Path) -> State:
    """Every row of the ledger with the fields of every vector, and the vectors [vectors, dimension] by id."""
    with closing(sqlite3.connect(home / LEDGER)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: sorted(map(repr, connection.execute(f"SELECT * FROM {name}"))) for name in tables}
    store = VectorStore(home / "vectors")
    stored = sorted(store.stored(), key=lambda one: one.chunk_id)
    store.close()
    rows["vectors"] = [f"{one.chunk_id} {sorted(one.fields.items())}" for one in stored]
    return rows, np.stack([one.vector for one in stored])


def assert_same(first: State, second: State) -> None:
    assert first[0] == second[0]
    # Chroma brings vectors to unit length again, which changes the last digit.
    assert np.allclose(first[1], second[1], atol=1e-6)


def is_well(home: Path) -> bool:
    findings = asyncio.run(check_up(Settings(home=home)))
    return all(finding.status != "problem" for finding in findings)


def test_the_same_library_comes_back_elsewhere(home: Path, file: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    restored = typed(elsewhere, "restore", file)
    assert restored.exit_code == 0, restored.output
    assert "2 articles and 6 vectors" in restored.stdout
    assert_same(state(elsewhere), state(home))
    assert is_well(elsewhere)
    answer = CliRunner().invoke(dateline, ["ask", QUESTION], env={"DATELINE_HOME": str(elsewhere)})
    assert "would not seek to arrest Putin" in answer.stdout


def test_a_backup_is_read_by_its_owner_only_and_leaves_nothing_beside_it(home: Path, file: Path) -> None:
    assert file.stat().st_mode & 0o077 == 0
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    assert not list(home.glob(".backup-*"))


def test_a_library_without_its_vectors_is_not_backed_up_as_if_it_were_whole(home: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(home, tmp_path / "copy"))
    shutil.rmtree(home / "vectors")
    with pytest.raises(StoreUnavailable, match="have no vectors: run `dateline doctor --fix`"):
        write_backup(home, tmp_path / "backup.dateline")
    assert not (tmp_path / "backup.dateline").exists()


def test_a_file_that_is_there_is_not_overwritten(home: Path, tmp_path: Path) -> None:
    precious = tmp_path / "notes.txt"
    precious.write_text("precious")
    refused = typed(home, "backup", precious)
    assert refused.exit_code == 1
    assert "is there already" in refused.stderr
    assert precious.read_text() == "precious"


def test_a_library_is_only_replaced_on_demand_and_then_moved_aside(home: Path, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(home, other)
    assert "add --replace" in typed(other, "restore", file).stderr
    with closing(sqlite3.connect(other / LEDGER)) as connection:
        connection.execute("UPDATE articles SET title = 'Changed since'")
        connection.commit()
    changed = state(other)
    replaced = typed(other, "restore", file, "--replace")
    assert replaced.exit_code == 0, replaced.output
    assert_same(state(other), state(home))
    (before,) = other.glob("before-restore-*")
    assert str(before) in replaced.stdout
    assert_same(state(before), changed)


def test_a_backup_of_a_newer_program_is_refused(file: Path, tmp_path: Path) -> None:
    for name, value in (("ledger_version", 99), ("schema", 2)):
        newer = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(file) as old, zipfile.ZipFile(newer, "w") as new:
            for member in old.namelist():
                content = old.read(member)
                if member == MANIFEST:
                    content = json.dumps(json.loads(content) | {name: value, "dateline": "9.9"}).encode()
                new.writestr(member, content)
        with pytest.raises(StoreMismatch, match=r"made by dateline 9\.9, which is newer than this one"):
            restore_backup(newer, tmp_path / "new", False)
        assert not (tmp_path / "new" / LEDGER).exists()


def test_the_backup_of_an_older_program_is_brought_up_to_date(home: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(home, old)
    with closing(sqlite3.connect(old / LEDGER)) as connection:
        connection.execute("ALTER TABLE articles DROP COLUMN published_offset")
        connection.execute("UPDATE schema_version SET version = 1")
        connection.commit()
    write_backup(old, tmp_path / "old.zip")
    restore_backup(tmp_path / "old.zip", tmp_path / "new", False)
    assert is_well(tmp_path / "new")


def test_withdrawn_articles_come_back_as_such(home: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(home, old)
    database = open_database(old / LEDGER)
    ledger = Ledger(database)
    article_id = min(ledger.known("shared"))
    assert ledger.withdraw("shared", [article_id]) == [article_id]
    database.dispose()
    write_backup(old, tmp_path / "old.zip")
    restore_backup(tmp_path / "old.zip", tmp_path / "new", False)
    assert is_well(tmp_path / "new")
    restored = open_database(tmp_path / "new" / LEDGER)
    assert list(Ledger(restored).withdrawn("shared")) == [article_id]
    restored.dispose()


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["flipped", "truncated"])
def test_a_damaged_backup_is_refused_and_the_library_stays(
    home: Path, file: Path, tmp_path: Path, kind: str, place: float
) -> None:
    content = bytearray(file.read_bytes())
    offset = int(len(content) * place)
    damaged = tmp_path / "damaged.zip"
    if kind == "flipped":
        content[offset] ^= 0xFF
    damaged.write_bytes(content[:offset] if kind == "truncated" else content)
    other = tmp_path / "other"
    shutil.copytree(home, other)
    try:
        read_members(damaged, tmp_path)
    except StoreUnavailable:
        assert "no whole backup" in typed(other, "restore", damaged, "--replace").stderr
        assert_same(state(other), state(home))
    else:
        # A flipped bit in what a zip says twice, or not at all, does no harm.
        restore_backup(damaged, tmp_path / "new", False)
        assert_same(state(tmp_path / "new"), state(home))


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip" * 100])
def test_another_file_is_no_backup(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(StoreUnavailable, match="no whole backup"):
        restore_backup(tmp_path / "file", tmp_path / "new", False)


def test_a_forged_length_is_refused(file: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(tmp_path / "forged.zip", "w") as new:
        manifest = json.loads(old.read(MANIFEST)) | {"dimension": 3}
        for member in old.namelist():
            new.writestr(member, json.dumps(manifest) if member == MANIFEST else old.read(member))
    with pytest.raises(StoreUnavailable, match=f"{VECTORS} has another length"):
        restore_backup(tmp_path / "forged.zip", tmp_path / "new", False)


def test_nothing_to_back_up_and_nothing_to_restore_are_sentences(tmp_path: Path) -> None:
    nothing = typed(tmp_path / "none", "backup", tmp_path / "b.zip")
    assert (nothing.exit_code, "holds no library" in nothing.stderr) == (1, True)
    missing = typed(tmp_path / "none", "restore", tmp_path / "b.zip")
    assert (missing.exit_code, "is not there" in missing.stderr) == (1, True)


def test_another_database_has_its_own_tools(tmp_path: Path) -> None:
    environment = {"DATELINE_HOME": str(tmp_path), "DATELINE_DATABASE_URL": f"sqlite:///{tmp_path}/other.sqlite3"}
    refused = CliRunner().invoke(dateline, ["backup", str(tmp_path / "b.zip")], env=environment)
    assert (refused.exit_code, "pg_dump" in refused.stderr) == (2, True)


ASK_ON = f"""
import asyncio, sys
from pathlib import Path
from rag.factory import open_engine
from rag.settings import Settings

async def ask_on(home, over):
    async with open_engine(Settings(home=home)) as engine:
        while not over.exists():
            answer = await engine.ask({QUESTION!r})
            assert not answer.refused
            await engine.answers.save(answer)
            print("answered", flush=True)

asyncio.run(ask_on(Path(sys.argv[1]), Path(sys.argv[2])))
"""


@pytest.mark.slow
def test_a_backup_is_of_one_moment_while_questions_are_asked_and_answers_stored(home: Path, tmp_path: Path) -> None:
    busy, over = tmp_path / "busy", tmp_path / "over"
    shutil.copytree(home, busy)
    program = [sys.executable, "-c", ASK_ON, str(busy), str(over)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        for number in range(3):
            assert asking.stdout.readline() == "answered\n"
            write_backup(busy, tmp_path / f"{number}.zip")
        over.touch()
        asking.communicate(timeout=60)
    assert asking.returncode == 0
    for number in range(3):
        restore_backup(tmp_path / f"{number}.zip", tmp_path / f"home{number}", False)
        assert is_well(tmp_path / f"home{number}")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["backup", "restore"])
def test_killed_at_any_moment_nothing_is_lost(home: Path, file: Path, tmp_path: Path, command: str) -> None:
    """Killed later and later until it comes through; each time the next run does it all."""
    delay, code = 0.5, None
    while code != 0:
        target = tmp_path / f"{command}{delay:.2f}"
        shutil.copytree(home, target)
        made = tmp_path / f"{delay:.2f}.zip"
        arguments = ["backup", str(made)] if command == "backup" else ["restore", str(file), "--replace"]
        program = [sys.executable, "-c", "from bot.cli import dateline; dateline()", *arguments]
        process = subprocess.Popen(program, env={"DATELINE_HOME": str(target), "PATH": "/usr/bin:/bin"}, cwd=Path.cwd())
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        code = process.wait()
        if command == "backup":
            if made.exists():
                read_members(made, tmp_path)
                made.unlink()
            write_backup(target, made)
            assert_same(state(target), state(home))
        else:
            restore_backup(file, target, True)
            assert_same(state(target), state(home))
        assert not [*target.glob(".backup-*"), *target.glob(".restore-*")]
        delay += 0.4


def test_the_manifest_names_what_is_in_it(home: Path, file: Path, tmp_path: Path) -> None:
    manifest = asdict(read_members(file, tmp_path))
    database = open_database(home / LEDGER)
    counts = Ledger(database).counts(["shared", "discord:50"])
    database.dispose()
    assert (manifest["articles"], manifest["vectors"]) == (counts.articles, counts.chunks)
    assert manifest["dimension"] == 384


def test_vectors_of_unfinished_articles_are_left_to_the_next_ingest(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(home, other)
    with closing(sqlite3.connect(other / LEDGER)) as connection:
        connection.execute("UPDATE articles SET indexed = NULL WHERE id = 'mill'")
        connection.commit()
    write_backup(other, tmp_path / "b.zip")
    restore_backup(tmp_path / "b.zip", tmp_path / "new", False)

    async def finish() -> int:
        async with open_library(Settings(home=tmp_path / "new")) as library:
            return (await library.ingest([SEEDS], "discord:50")).chunks

    assert asyncio.run(finish()) > 0
    assert is_well(tmp_path / "new")
