"""The machine's clock is set back a day, or was ahead and is set right: the order of what was said stands, budgets hold."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.discord.admission import Rejected
from bot.discord.state import AsyncState, GuildSettingsCache
from rag.ingestion.indexing import Storage
from rag.library import Library
from rag.models.embedder import Embedder
from rag.settings import Settings
from rag.stored_answers import StoredAnswers
from vectorstore.answers import AnswerStore, StoredAnswer
from vectorstore.database import open_database, put, transaction
from vectorstore.expiry import FACT, ExpiryClock
from vectorstore.ledger import Ledger, News
from vectorstore.schema import facts
from vectorstore.values import SHARED_LIBRARY, ArticleKey
from vectorstore.vectors import VectorStore

DAY, YEAR = 86_400.0, 365 * 86_400.0
NOTHING_NAMED: frozenset[ArticleKey] = frozenset()


@dataclass
class Calendar:
    """A day that a test sets."""

    day: str

    def today(self) -> str:
        return self.day


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[AnswerStore]:
    database = open_database(tmp_path / "ledger.sqlite3")
    yield AnswerStore(database)
    database.dispose()


def store(answers: AnswerStore, name: str, moment: float, conversation: str = "discord:50:601") -> None:
    """Store an answer of this moment, as a front end does."""
    answer = StoredAnswer(name, moment, f"{name}?", "", False, "discord:11", conversation, "{}")
    answers.save_while_standing(answer, NOTHING_NAMED, lambda _: answer)


@pytest.mark.parametrize("ahead", [DAY, YEAR], ids=["set back a day", "was a year ahead"])
def test_the_last_answer_of_a_conversation_is_the_one_that_was_given_last(answers: AnswerStore, ahead: float) -> None:
    """A "Why?" would otherwise be asked of an answer from before the clock was set."""
    now = time.time()
    for name, moment in (("first", now + ahead), ("second", now), ("third", now + 1)):
        store(answers, name, moment)
    store(answers, "elsewhere", now, "discord:50:602")
    assert [answer.id for answer in answers.recent("discord:50:601", 5)] == ["third", "second", "first"]
    # Nothing is dated by another conversation, and nothing becomes old enough to be deleted.
    assert [answer.answered_at for answer in answers.recent("discord:50:602", 5)] == [now]
    assert answers.delete_before(now) == 0


def test_a_day_gets_its_budget_once_whatever_the_clock_shows_meanwhile(tmp_path: Path) -> None:
    clock = Calendar("2026-11-29")

    async def check() -> None:
        state = await AsyncState.open(tmp_path / "ledger.sqlite3")
        cache = GuildSettingsCache(state, 2, clock.today)
        await cache.load()
        for day in ("2026-11-29", "2026-11-28", "2027-11-29"):
            clock.day = day
            for _ in range(2):
                cache.check_budget(50)
                cache.consume(50)
                await cache.persist_count(50)
        for day in ("2026-11-29", "2026-11-28"):
            clock.day = day
            with pytest.raises(Rejected):
                cache.check_budget(50)
            assert cache.asked_today(50) == 2
            # After a restart, too.
            again = GuildSettingsCache(state, 2, clock.today)
            await again.load()
            with pytest.raises(Rejected):
                again.check_budget(50)
        clock.day = "2026-11-30"
        cache.check_budget(50)
        await state.close()

    asyncio.run(check())


def test_a_clock_that_leaps_ahead_makes_nothing_old_for_a_day(answers: AnswerStore) -> None:
    now = time.time()
    steps = [
        (0.0, 0.0, "the first look is believed"),
        (5 * DAY, 5 * DAY, "some days without a look, too"),
        (YEAR, 5 * DAY, "a leap is not"),
        (YEAR + DAY / 2, 5 * DAY, "nor half a day later"),
        (5 * DAY + 60, 5 * DAY + 60, "set right, all is as before"),
        (4 * DAY, 4 * DAY, "set back, too"),
        (YEAR, 4 * DAY, "a second leap is a new one"),
        (YEAR + DAY, YEAR + DAY, "after a day it is the clock"),
        (YEAR + 40 * DAY, YEAR + DAY, "away for a month"),
        (YEAR + 80 * DAY, YEAR + 40 * DAY, "and again: a month behind"),
        (YEAR + 81 * DAY, YEAR + 81 * DAY, "and no longer"),
    ]
    for moment, believed, why in steps:
        # Another process each time.
        assert ExpiryClock(answers.database).believed(now + moment) == now + believed, why


def test_answers_outlive_a_clock_that_was_a_year_ahead(answers: AnswerStore) -> None:
    kept = StoredAnswers(answers, Settings(_env_file=None, answer_retention_days=30))
    now = time.time()
    store(answers, "today", now)
    kept.delete_expired(now)
    kept.delete_expired(now + YEAR)
    assert answers.load("today") is not None
    kept.delete_expired(now + YEAR + DAY)
    assert answers.load("today") is None


def test_a_damaged_note_of_the_clock_is_none(answers: AnswerStore) -> None:
    for damaged in ("", "?", "[1]", '["noon", null]', "null"):
        with transaction(answers.database) as connection:
            put(connection, facts, {"name": FACT, "value": damaged})
        assert ExpiryClock(answers.database).believed(DAY) == DAY


@pytest.mark.parametrize("ahead", [DAY, YEAR], ids=["set back a day", "was a year ahead"])
def test_what_arrives_is_new_whatever_the_clock_shows(tmp_path: Path, embedder: Embedder, ahead: float) -> None:
    """By this watched questions and the daily digest know what they have not seen."""
    database, store = open_database(tmp_path / "ledger.sqlite3"), VectorStore(tmp_path / "vectors")
    now, corpus = time.time(), tmp_path / "c.jsonl"
    shown = [now + 60, now, now + ahead]
    ledger = Ledger(database, lambda: shown[-1])
    library = Library(Storage(tmp_path, ledger, store, embedder, 220))
    seen = 0.0
    for name in ("ferry", "mill", "pier"):
        corpus.write_text(json.dumps({"id": name, "text": f"The {name} of Tesk is open again."}))
        asyncio.run(library.ingest([corpus]))
        (new,) = ledger.new_chunks(News((SHARED_LIBRARY,), None, seen), 10)
        assert new.chunk.article_id == name
        assert len(ledger.arrivals(seen, 10)) == 1
        seen = ledger.latest_arrival()
        shown.pop()
    store.close()
    database.dispose()
