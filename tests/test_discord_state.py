"""The bot's tables: what was stored is read back, one vote a user, both or neither."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, Dialect, Executable, create_engine, text
from sqlalchemy.dialects import postgresql, sqlite

from rag.settings import Settings
from vectorstore.bot_state import AuditEntry, BotState, GuildSettings, ShownAnswer, Vote
from vectorstore.database import open_database, put
from vectorstore.errors import StoreMismatch
from vectorstore.schema import daily_questions, migrate, votes

BIG = 1_400_000_000_000_000_001


@pytest.fixture
def state(settings: Settings) -> Iterator[BotState]:
    state = BotState(open_database(settings.ledger_url))
    yield state
    state.close()


def test_settings_come_back_equal_with_the_entry_of_the_change(state: BotState) -> None:
    settings = GuildSettings(BIG, (BIG, 2), (3,), "de", False, 7, True, False)
    entry = AuditEntry(BIG, 11, 5.0, "settings", "language: de")
    state.save_guild_settings(GuildSettings(BIG), AuditEntry(BIG, 11, 4.0, "settings", "nothing"))
    state.save_guild_settings(settings, entry)
    assert state.all_guild_settings() == [settings]
    assert state.audit(BIG, 10)[0] == entry
    assert len(state.audit(BIG, 1)) == 1
    assert state.audit(1, 10) == []


def test_a_second_vote_takes_the_place_of_the_first(state: BotState) -> None:
    assert not state.vote(Vote("a", 11, 50, True, "", 1.0))
    assert state.vote(Vote("a", 11, 50, False, "wrong year", 2.0))
    assert not state.vote(Vote("a", 12, 50, True, "", 3.0))
    assert [(vote.user, vote.useful, vote.reason) for vote in state.votes_on("a")] == [
        (11, False, "wrong year"),
        (12, True, ""),
    ]
    assert state.votes_in(50) == (1, 1)
    assert state.votes_in(51) == (0, 0)


def test_questions_are_counted_by_server_and_day(state: BotState) -> None:
    assert [state.count_question(50, "2025-10-17") for _ in range(3)] == [1, 2, 3]
    assert state.count_question(51, "2025-10-17") == 1
    assert state.count_question(50, "2025-10-18") == 1
    assert state.questions_on("2025-10-17") == {50: 3, 51: 1}


def test_a_message_leads_to_its_answer_until_its_user_is_forgotten(state: BotState) -> None:
    first = ShownAnswer(100, 501, 50, 11, "a", "", 1.0)
    second = ShownAnswer(101, 501, 50, 11, "a", "", 1.0)
    other = ShownAnswer(102, 501, 50, 12, "b", "a", 2.0)
    state.show([first, second, other])
    state.vote(Vote("b", 11, 50, True, "", 1.0))
    assert state.shown_by(101) == second
    assert state.shown_as("a") == first
    assert state.shown_by(999) is None
    assert state.forget_user(11) == 1
    assert state.shown_by(100) is None
    assert state.shown_by(102) == other


def test_what_is_too_old_is_deleted(state: BotState) -> None:
    state.show([ShownAnswer(100, 501, 50, 11, "a", "", 1.0), ShownAnswer(101, 501, 50, 11, "b", "", 9.0)])
    state.count_question(50, "2025-10-17")
    state.count_question(50, "2025-10-18")
    state.forget_before(5.0, "2025-10-18")
    assert state.shown_by(100) is None
    assert state.shown_by(101) is not None
    assert state.questions_on("2025-10-17") == {}
    assert state.questions_on("2025-10-18") == {50: 1}


def test_a_fact_is_replaced(state: BotState) -> None:
    assert state.metadata("commands") == ""
    state.set_metadata("commands", "one")
    state.set_metadata("commands", "two")
    assert state.metadata("commands") == "two"


def test_many_at_once_count_and_vote_without_a_failure(state: BotState) -> None:
    with ThreadPoolExecutor(8) as threads:
        counts = list(threads.map(lambda _: state.count_question(50, "2025-10-17"), range(40)))
        list(threads.map(lambda n: state.vote(Vote("a", 11, 50, bool(n % 2), "", float(n))), range(40)))
    assert max(counts) == 40
    assert state.questions_on("2025-10-17") == {50: 40}
    assert len(state.votes_on("a")) == 1


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()], ids=["SQLite", "PostgreSQL"])
def test_a_row_is_put_in_one_statement_of_either_database(dialect: Dialect) -> None:
    said: list[str] = []

    class Recorder:
        def __init__(self) -> None:
            self.dialect = dialect

        def execute(self, statement: Executable, rows: Sequence[Mapping[str, object]]) -> None:
            said.append(str(statement.compile(dialect=dialect, column_keys=list(rows[0]))))

    put(Recorder(), daily_questions, {"server": 1, "day": "d", "questions": 1}, adding="questions")
    assert "ON CONFLICT (server, day) DO UPDATE" in said[0]
    assert "daily_questions.questions + excluded.questions" in said[0]
    put(Recorder(), votes, {"answer_id": "a", "user": 11, "useful": True})
    assert "INSERT INTO votes (answer_id, user, useful) VALUES" in said[1].replace('"', "")
    assert said[1].endswith("DO UPDATE SET useful = excluded.useful")


def test_migrations_are_applied_in_order_and_once(tmp_path: Path) -> None:
    applied: list[int] = []
    steps = [lambda _, n=n: applied.append(n) for n in range(3)]
    database = create_engine(f"sqlite:///{tmp_path / 'one.sqlite3'}")
    for known in (1, 1, 3):
        with database.begin() as connection:
            assert migrate(connection, steps[:known]) == known
    assert applied == [0, 1, 2]
    with database.begin() as connection, pytest.raises(StoreMismatch, match="newer dateline"):
        migrate(connection, steps[:2])
    database.dispose()


def test_a_migration_that_fails_leaves_the_version_as_it_was(tmp_path: Path) -> None:
    def fails(_: Connection) -> None:
        raise RuntimeError("no")

    database = create_engine(f"sqlite:///{tmp_path / 'one.sqlite3'}")
    with database.begin() as connection:
        migrate(connection, [lambda _: None])
    with pytest.raises(RuntimeError), database.begin() as connection:
        migrate(connection, [lambda _: None, fails])
    with database.begin() as connection:
        assert connection.execute(text("SELECT version FROM schema_version")).scalar() == 1
    database.dispose()
