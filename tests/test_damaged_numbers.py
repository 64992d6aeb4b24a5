"""A number in the ledger is another one, or none at all: whoever reads it says so in one sentence, and a checkup names it."""

import asyncio
import json
import math
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import insert, select

from bot.cli import ask, dateline
from rag.checkup import check_up
from rag.factory import open_engine
from rag.settings import Settings
from vectorstore.bot_state import BotState, Vote
from vectorstore.columns import FIRST_MOMENT, FURTHEST_ZONE, LAST_MOMENT, BoundedNumber
from vectorstore.database import open_database, transaction
from vectorstore.errors import StoreUnavailable
from vectorstore.integrity import impossible_numbers
from vectorstore.ledger import Ledger, moment
from vectorstore.schema import chunks, metadata

QUESTION = "How often does the ferry sail?"
IMPOSSIBLE = {"too large": 1e300, "text": "noon", "bytes": b"\xff\x00", "infinite": math.inf}
NUMBERS = [
    (table, column)
    for table in metadata.sorted_tables
    for column in table.columns
    if isinstance(column.type, BoundedNumber)
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an article that has an earlier text, and an answer that was voted down."""
    home, corpus = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("corpus") / "c.jsonl"

    async def fill() -> None:
        async with open_engine(Settings(home=home)) as engine:
            for text in ("The ferry sails daily.", "The ferry sails hourly to Port Ellery."):
                corpus.write_text(json.dumps({"id": "ferry", "text": text, "published": "2025-05-01"}))
                await engine.library.ingest([corpus])
            answer = await engine.ask(QUESTION)
            await engine.answers.save(answer)
            BotState(engine.library.storage.ledger.database).vote(Vote(answer.id, 11, 50, False, "late", 1.0))

    asyncio.run(fill())
    return home


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return Path(shutil.copytree(filled, tmp_path / "home"))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty one."""
    database = open_database(tmp_path / "ledger.sqlite3")
    yield Ledger(database)
    database.dispose()


def plant(file: Path, table: str, column: str, value: object) -> None:
    """Put a value where SQLAlchemy would not: SQLite takes any."""
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute(f'UPDATE {table} SET "{column}" = ?', (value,)).rowcount
        connection.commit()


@pytest.mark.parametrize("value", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_is_no_number_is_said_by_whoever_reads_it_and_found(ledger: Ledger, tmp_path: Path, value: object) -> None:
    with transaction(ledger.database) as connection:
        for table in {table.name: table for table, _ in NUMBERS}.values():
            row = {one.name: b"" if one.type.python_type is bytes else one.type.python_type(1) for one in table.columns}
            connection.execute(insert(table).values(row))
    assert impossible_numbers(ledger) == []
    for table, column in NUMBERS:
        plant(tmp_path / "ledger.sqlite3", table.name, column.name, value)
        with transaction(ledger.database) as connection, pytest.raises(StoreUnavailable, match="dateline doctor"):
            connection.execute(select(column)).all()
    found = impossible_numbers(ledger)
    assert [" ".join(one.split()[:3]) for one in found] == [
        f"{column.name} of {table.name}" for table, column in NUMBERS if "chunks" not in table.name
    ]


@pytest.mark.parametrize("value", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
@pytest.mark.parametrize("column", ["published", "published_offset", "arrived", "withdrawn"])
def test_a_checkup_names_the_article(home: Path, column: str, value: object) -> None:
    plant(home / "ledger.sqlite3", "articles", column, value)
    (problem,) = [one for one in asyncio.run(check_up(Settings(home=home))) if one.status == "problem"]
    assert f"{column} of articles shared, ferry" in problem.words
    assert "dateline restore" in problem.fix


def test_chunks_that_begin_nowhere_are_made_again(home: Path) -> None:
    plant(home / "ledger.sqlite3", chunks.name, "start", "noon")
    settings = Settings(home=home)
    (problem,) = [one for one in asyncio.run(check_up(settings)) if one.status == "problem"]
    assert (problem.check, problem.repairable) == ("chunks", True)
    assert [one for one in asyncio.run(check_up(settings, fix=True)) if one.status == "problem"] == []
    answered = CliRunner().invoke(ask, [QUESTION], env={"DATELINE_HOME": str(home)})
    assert "hourly" in answered.stdout


COMMANDS = [
    (ask, [QUESTION], "articles", "published"),
    (ask, [QUESTION], "articles", "published_offset"),
    (ask, [QUESTION], "chunks", "start"),
    (ask, ["What is new?"], "articles", "published"),
    (dateline, ["digest", "--since", "2025-01-01"], "articles", "published"),
    (dateline, ["library", "list"], "articles", "arrived"),
    (dateline, ["library", "show", "ferry"], "article_versions", "replaced_at"),
    (dateline, ["library", "stats"], "articles", "published"),
    (dateline, ["gaps"], "answers", "answered_at"),
    (dateline, ["cases", "from-feedback", "--out", "OUT.jsonl"], "answers", "answered_at"),
    (dateline, ["cases", "from-feedback", "--out", "OUT.jsonl"], "votes", "voted_at"),
    (dateline, ["ingest", "CORPUS.jsonl"], "articles", "arrived"),
]


@pytest.mark.slow
@pytest.mark.parametrize("value", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_no_command_ends_in_anything_but_its_answer_or_one_sentence(home: Path, tmp_path: Path, value: object) -> None:
    (tmp_path / "CORPUS.jsonl").write_text(json.dumps({"id": "new", "text": "The bridge opened."}))
    for number, (command, words, table, column) in enumerate(COMMANDS):
        damaged = Path(shutil.copytree(home, tmp_path / str(number)))
        plant(damaged / "ledger.sqlite3", table, column, value)
        files = {"OUT.jsonl": str(damaged / "out.jsonl"), "CORPUS.jsonl": str(tmp_path / "CORPUS.jsonl")}
        typed = [files.get(word, word) for word in words]
        said = CliRunner().invoke(command, typed, env={"DATELINE_HOME": str(damaged)})
        assert said.exception is None or isinstance(said.exception, SystemExit), (words, column, said.exception)
        if said.exit_code:
            (sentence,) = said.stderr.splitlines()
            assert "dateline doctor" in sentence, (words, column)


@pytest.mark.parametrize("value", [FIRST_MOMENT, LAST_MOMENT, -1.0, 0.0])
@pytest.mark.parametrize("offset", [-FURTHEST_ZONE, 0, FURTHEST_ZONE])
def test_whatever_lies_within_the_bounds_is_a_moment_in_any_zone(value: float, offset: int) -> None:
    assert moment(value, offset) == datetime.fromtimestamp(value, UTC)
