"""One bit of the ledger's file is another one: nothing but what the articles say is quoted, and a backup brings all of it back.

What was flipped in a text or in what is made of it, `dateline doctor` finds. Of a table that has no second copy nobody can tell.
"""

import asyncio
import json
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rag.checkup import check_up
from rag.factory import open_engine
from rag.settings import Settings
from tests.conftest import SEEDS
from tests.test_backup import assert_same, state
from vectorstore.backup import LEDGER, restore_backup, write_backup
from vectorstore.errors import DatelineError
from vectorstore.schema import metadata

QUESTIONS = ("Will Hungary arrest Putin?", "How often does the ferry sail?", "When did the mill close?")
SEED = 20261128
FLIPS = 3
"""In each table, at places that follow from SEED and its name."""
COMPARED = ("articles", "chunks")
"""What a checkup compares to the letter."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with articles, an earlier text, stored answers and something in every other table."""
    home, corpus = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("corpus") / "c.jsonl"
    texts = ("The mill closed in June.", "The mill closed in May.")

    async def fill() -> None:
        async with open_engine(Settings(home=home)) as engine:
            await engine.library.ingest([SEEDS])
            for text in texts:
                lines = [
                    {"id": "mill", "text": text},
                    {"id": "ferry", "text": "The ferry sails hourly to Port Ellery."},
                ]
                corpus.write_text("\n".join(map(json.dumps, lines)), "utf-8")
                await engine.library.ingest([corpus])
            for question in QUESTIONS:
                await engine.answers.save(await engine.ask(question))

    asyncio.run(fill())
    with closing(sqlite3.connect(home / LEDGER)) as connection:
        for table in metadata.sorted_tables:
            if not connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]:
                values = [
                    f"planted {table.name}" * 9 if column.type.python_type is str else 1 for column in table.columns
                ]
                connection.execute(f"INSERT INTO {table.name} VALUES ({','.join('?' * len(values))})", values)
        connection.execute("DELETE FROM staged_chunks")
        connection.execute("DELETE FROM staged_articles")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return home


@pytest.fixture(scope="module")
def backup(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("backups") / "library.zip"
    write_backup(home, file)
    return file


def places_of(ledger: Path, table: str) -> list[int]:
    """Where in the file the values of a table's rows lie, byte by byte, but for single characters and numbers."""
    content = ledger.read_bytes()
    with closing(sqlite3.connect(ledger)) as connection:
        rows = connection.execute(f"SELECT * FROM {table}").fetchall()
    values = {
        value.encode() if isinstance(value, str) else value
        for row in rows
        for value in row
        if isinstance(value, str | bytes)
    }
    places: list[int] = []
    for value in values:
        # A long value goes on in pages of its own, each with four bytes before it.
        for start in range(0, len(value) - 8, 256):
            part = value[start : start + 256]
            found = content.find(part)
            if found >= 0:
                places += range(found, found + len(part))
    return sorted(set(places))


def statements(settings: Settings) -> list[str]:
    """Every quote that is shown, or the one sentence there is instead."""

    async def ask() -> list[str]:
        shown = []
        async with open_engine(settings) as engine:
            for question in QUESTIONS:
                answer = await engine.ask(question)
                shown += [citation.quote for citation in answer.citations]
        return shown

    return asyncio.run(ask())


TABLES = [
    table.name
    for table in metadata.sorted_tables
    if table.name not in ("schema_version", "staged_chunks", "staged_articles")
]


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_a_flipped_bit_is_never_quoted_and_a_backup_brings_the_library_back(
    home: Path, backup: Path, tmp_path: Path, table: str
) -> None:
    with closing(sqlite3.connect(home / LEDGER)) as connection:
        said = [text for (text,) in connection.execute("SELECT text FROM articles")]
    places = places_of(home / LEDGER, table)
    if not places:
        pytest.skip("it holds numbers alone")
    for place in random.Random(f"{SEED} {table}").sample(places, min(FLIPS, len(places))):
        damaged = Path(shutil.copytree(home, tmp_path / f"{place}"))
        content = bytearray((damaged / LEDGER).read_bytes())
        content[place] ^= 1 << place % 8
        (damaged / LEDGER).write_bytes(content)
        settings = Settings(home=damaged)
        problems = [finding for finding in asyncio.run(check_up(settings)) if finding.status == "problem"]
        quotes, failure = [], None
        try:
            quotes = statements(settings)
        except DatelineError as error:
            failure = str(error)
        if failure is not None:
            assert "\n" not in failure
            assert problems, f"{place}: {failure}"
        elif table in COMPARED and not problems:
            # A vector's last digits, or where a file was read from: what nobody is shown.
            assert quotes == statements(Settings(home=home))
        wrong = [quote for quote in quotes if not any(quote in text for text in said)]
        assert not wrong, f"{place}: {wrong} is shown"
        restore_backup(backup, damaged, replace=True)
        assert_same(state(damaged), state(home))
