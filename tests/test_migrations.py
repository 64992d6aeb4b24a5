"""A ledger of an earlier version is brought up to date wholly or not at all, wherever the program is killed."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from tests.conftest import REPOSITORY
from vectorstore.database import open_database
from vectorstore.ledger import IncomingArticle, Ledger
from vectorstore.schema import MIGRATIONS
from vectorstore.values import Article

ARTICLE = Article("a", "Rain", "It rained.", published=datetime(2024, 6, 9, tzinfo=UTC))
BEFORE_WATCHES = (
    "DROP INDEX articles_by_arrival",
    *(
        f"ALTER TABLE articles DROP COLUMN {name}"
        for name in ("arrived", "author", "updated", "updated_offset", "origins", "withdrawn")
    ),
    "ALTER TABLE server_settings DROP COLUMN digest_channel",
    *(
        f"DROP TABLE {name}"
        for name in ("watches", "watch_changes", "article_versions", "followed", "followed_entries", "revisions")
    ),
    *(f"DROP TABLE {name}" for name in ("changed_articles", "staged_chunks", "staged_articles")),
    "UPDATE schema_version SET version = 2",
)
KILLED = """
import os, shutil, signal, sys
from pathlib import Path

from sqlalchemy import Engine, event

from vectorstore.database import open_database

old, folder = Path(sys.argv[1]), Path(sys.argv[2])


def open_until(ledger, changes):
    def count(connection, cursor, statement, *_):
        nonlocal changes
        if not statement.lstrip().startswith(("SELECT", "PRAGMA")):
            changes -= 1
        if changes < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)
    open_database(ledger).dispose()
    os._exit(0)


for changes in range(200):
    ledger = folder / f"{changes:03}.sqlite3"
    shutil.copy(old, ledger)
    child = os.fork()
    if not child:
        open_until(ledger, changes)
    if os.waitpid(child, 0)[1] == 0:
        break
"""
"""Opens a copy of an old ledger again and again, each time killed one change later, until it comes through."""


@pytest.mark.slow
def test_a_program_killed_at_any_change_of_a_migration_leaves_all_of_it_to_the_next(tmp_path: Path) -> None:
    old, folder = tmp_path / "old.sqlite3", tmp_path / "killed"
    folder.mkdir()
    database = open_database(old)
    Ledger(database).save([IncomingArticle(ARTICLE, "a.txt", "group")])
    Ledger(database).finish("shared", "key", [(ARTICLE, [])])
    with database.begin() as connection:
        for statement in BEFORE_WATCHES:
            connection.execute(text(statement))
    database.dispose()
    subprocess.run([sys.executable, "-c", KILLED, str(old), str(folder)], cwd=REPOSITORY, check=True)
    copies = sorted(folder.glob("*.sqlite3"))
    assert len(copies) > len(BEFORE_WATCHES)
    for copy in copies:
        database = open_database(copy)
        with database.begin() as connection:
            assert connection.execute(text("SELECT version FROM schema_version")).scalar() == len(MIGRATIONS)
            assert connection.execute(text("SELECT arrived FROM articles")).scalar() == 0, copy.name
            assert "articles_by_arrival" in {index["name"] for index in inspect(connection).get_indexes("articles")}
        assert Ledger(database).article("shared", "a") == ARTICLE
        assert Ledger(database).changed_since(Ledger(database).revision) == []
        database.dispose()
