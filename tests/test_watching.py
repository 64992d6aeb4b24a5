"""Watched questions on the real engine: asked again when something new is near, each change noted and told once."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from bot.cli import dateline
from rag.answer import Answer
from rag.factory import open_engine
from rag.library import Library
from rag.settings import Settings
from rag.watched_questions import Changed, WatchedQuestions, can_be_asked_again, new_watch
from rag.watching import MOST_ARRIVALS, Arrivals, has_changed
from tests.fakes.fake_engine import article, quoting, refusing
from vectorstore.database import open_database
from vectorstore.ledger import Arrival, IncomingArticle, Ledger
from vectorstore.values import Article
from vectorstore.watches import Said, Watch, WatchStore

FLOOD = article("flood", "The flood of the Tesk killed three people. The mayor thanked the helpers of Millbrenn.")
FIRST = {
    "id": "flood-first",
    "title": "Three dead as River Tesk bursts its banks",
    "text": "MILLBRENN - The flood of the River Tesk has killed three people, the police of Millbrenn said on Thursday.",
    "source": "OB News",
    "published": "2025-05-22",
}
LATER = {
    "id": "flood-toll-five",
    "title": "Flood toll rises to five",
    "text": "Rescuers found two more bodies in the mud below the weir on Saturday. The flood of the River Tesk has now "
    "killed five people, Governor Ada Brandt told reporters at the town hall.",
    "source": "Coast Wire",
    "published": "2025-05-24",
}
FAR = {
    "id": "satellite",
    "title": "Petrel-2 reaches orbit",
    "text": "The weather satellite Petrel-2 reached its orbit on Wednesday, the space agency said.",
    "source": "Coast Wire",
    "published": "2025-05-25",
}
QUESTION = "How many people has the flood of the River Tesk killed?"


def corpus(folder: Path, *records: dict[str, str]) -> Path:
    path = folder / "corpus.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def typed(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(dateline, words)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        pytest.param("The mayor thanked the helpers", "the mayor  thanked, the helpers", False, id="spelling"),
        pytest.param("killed three people", "killed three people", False, id="the same"),
        pytest.param("killed three people", "The mayor thanked the helpers", True, id="another sentence"),
    ],
)
def test_an_answer_has_changed_when_other_words_are_quoted(before: str, after: str, changed: bool) -> None:
    shouted = article("copy", FLOOD.text.replace("The mayor thanked the helpers", "the mayor  thanked, the helpers"))
    quoted = shouted if after.startswith("the mayor") else FLOOD
    assert has_changed(quoting("q", FLOOD, before), quoting("q", quoted, after)) is changed


def test_an_answer_where_none_was_is_a_change_and_two_refusals_are_none() -> None:
    answer = quoting("q", FLOOD, "killed three people")
    assert has_changed(refusing("q"), answer)
    assert has_changed(answer, refusing("q", (FLOOD,)))
    assert not has_changed(refusing("q"), refusing("q", (FLOOD,)))


def test_only_new_sentences_of_the_libraries_asked_are_near() -> None:
    rows = np.array([[1.0, 0.0], [0.6, 0.8]], np.float16)
    arrivals = Arrivals.of([Arrival("discord:1", 7.0, rows), Arrival("shared", 5.0, rows[:0])], 3.0)
    assert arrivals.latest == 7.0
    assert arrivals.any_near(np.array([0.0, 1.0], np.float32), ["shared", "discord:1"])
    assert not arrivals.any_near(np.array([0.0, 1.0], np.float32), ["shared"])
    assert not arrivals.any_near(np.array([-1.0, 0.0], np.float32), ["discord:1"])
    assert Arrivals.of([], 3.0).latest == 3.0


def test_after_a_very_large_ingest_every_question_counts_as_near() -> None:
    row = np.array([[1.0, 0.0]], np.float16)
    many = Arrivals.of([Arrival("shared", 1.0, row)] * (MOST_ARRIVALS + 1), 0.0)
    assert many.any_near(np.array([-1.0, 0.0], np.float32), ["shared"])


def test_an_answer_that_was_filtered_by_dates_is_not_watched_and_time_words_are() -> None:
    answer = refusing("q")
    since = replace(answer.explanation, since=datetime(2025, 1, 1, tzinfo=UTC))
    assert can_be_asked_again(answer)
    assert not can_be_asked_again(replace(answer, explanation=since))
    assert can_be_asked_again(replace(answer, explanation=replace(since, time="since 1 January")))


def test_articles_arrive_once_whatever_is_done_to_the_index(library: Library, tmp_path: Path) -> None:
    def ingested(*records: dict[str, str]) -> float:
        asyncio.run(library.ingest([corpus(tmp_path, *records)]))
        return library.storage.ledger.latest_arrival()

    assert library.storage.ledger.latest_arrival() == 0
    first = ingested(FIRST)
    assert ingested(FIRST) == first
    second = ingested(FIRST, LATER)
    assert second > first
    assert len(library.storage.ledger.arrivals(first, 10)) == 1
    assert asyncio.run(library.rebuild()) == 2
    assert library.storage.ledger.latest_arrival() == second
    changed = ingested(FIRST | {"text": "The flood has killed four people, the police said."}, LATER)
    assert changed > second


def test_a_ledger_of_before_watches_is_brought_up_to_date(settings: Settings) -> None:
    database = open_database(settings.ledger_url)
    Ledger(database).save([IncomingArticle(Article("a", "Rain", "It rained."), "a.txt", "group")])
    with database.begin() as connection:
        for statement in (
            "DROP INDEX articles_by_arrival",
            "ALTER TABLE articles DROP COLUMN arrived",
            "DROP TABLE watches",
            "DROP TABLE watch_changes",
            "UPDATE articles SET indexed = 'x'",
            "UPDATE schema_version SET version = 2",
        ):
            connection.execute(text(statement))
    database.dispose()
    database = open_database(settings.ledger_url)
    assert Ledger(database).latest_arrival() == 0
    store = WatchStore(database)
    store.add(new_watch("q", 50, 501, 11, ["OB News"]))
    assert [(one.question, one.sources) for one in store.of_server(50)] == [("q", ("OB News",))]
    database.dispose()


def test_a_change_is_stored_with_the_new_answer_or_not_at_all(settings: Settings) -> None:
    store = WatchStore(open_database(settings.ledger_url))
    watch = Watch("w", 50, 501, 11, "q", (), 1.0, "before", 1.0)
    store.add(watch)
    assert store.note_answer(watch, Said("after", 2.0), "2025-05-24", 9.0, is_change=True)
    # Another process, which had read the watch before, is late.
    assert not store.note_answer(watch, Said("after", 3.0), "2025-05-24", 9.0, is_change=True)
    ((change),) = store.untold(terminal=False)
    assert (change.before, change.after, change.tried) == (Said("before", 1.0), Said("after", 2.0), False)
    assert (change.watch.said, change.watch.checked, change.watch.asked_on("2025-05-24")) == ("after", 9.0, 1)
    assert change.watch.asked_on("2025-05-25") == 0
    assert store.untold(terminal=True) == []
    store.note_try(change.id)
    assert store.untold(terminal=False)[0].tried
    store.note_told(change.id)
    assert store.untold(terminal=False) == []
    now = store.find("w")
    assert now is not None
    store.note_answer(now, Said("third", 4.0), "2025-05-24", 9.0, is_change=True)
    assert store.untold(terminal=False)[0].id > change.id
    assert store.stop(["w"]) == 1
    assert store.untold(terminal=False) == []


def test_a_watched_question_is_told_when_its_quotes_change_and_only_then(settings: Settings, tmp_path: Path) -> None:
    async def check() -> None:
        async with open_engine(settings) as engine:
            await engine.library.ingest([corpus(tmp_path, FIRST)])
            watched = WatchedQuestions(engine, WatchStore(engine.library.storage.ledger.database))
            watch = await watched.add(new_watch(QUESTION, 50, 501, 11))

            async def looked() -> bool:
                (due,) = await watched.of_server(50)
                latest = await engine.library.latest_arrival()
                arrivals = await engine.library.arrivals(latest if due.is_new else due.checked)
                near = await watched.is_near(due, arrivals, ("shared",))
                if near:
                    await watched.ask_again(due, latest, ("shared",), "2025-05-24")
                return near

            assert await looked()
            await engine.library.ingest([corpus(tmp_path, FIRST, FAR)])
            assert not await looked()
            assert await watched.due(await engine.library.latest_arrival()) == []
            await engine.library.ingest([corpus(tmp_path, FIRST, FAR, LATER)])
            assert await looked()
            (change,) = await watched.untold()
            changed = Changed.of(change)
            assert changed is not None
            assert change.watch.id == watch.id
            assert "three people" in quotes(changed.before)
            assert "five people" in quotes(changed.after)

    asyncio.run(check())


def quotes(answer: Answer) -> str:
    return " ".join(citation.quote for citation in answer.citations)


def test_a_program_reads_watches_and_changes_as_json(tmp_path: Path) -> None:
    assert typed("ingest", str(corpus(tmp_path, FIRST)))[0] == 0
    assert typed("watch", "add", QUESTION)[0] == 0
    (listed,) = map(json.loads, typed("watch", "list", "--json")[1].splitlines())
    assert (listed["question"], listed["sources"]) == (QUESTION, [])
    assert typed("ingest", str(corpus(tmp_path, FIRST, FAR, LATER)))[0] == 0
    (change,) = map(json.loads, typed("watch", "run", "--json")[1].splitlines())
    assert change["schema"] == "dateline/change/1"
    assert change["watch"]["id"] == listed["id"]
    assert "three people" in change["before"]["answer"]["text"]
    assert "five people" in change["after"]["answer"]["text"]
    assert typed("watch", "run", "--json")[1] == ""


def test_an_unknown_outlet_is_not_watched(tmp_path: Path) -> None:
    assert typed("ingest", str(corpus(tmp_path, FIRST)))[0] == 0
    code, _, err = typed("watch", "add", "--source", "The Moon", QUESTION)
    assert (code, "No article is from 'The Moon'" in err) == (2, True)
    assert typed("watch", "list")[1] == ""


def test_the_terminal_watches_lists_tells_and_stops(tmp_path: Path) -> None:
    assert typed("ingest", str(corpus(tmp_path, FIRST)))[0] == 0
    code, out, _ = typed("watch", "add", QUESTION)
    assert (code, "three people" in out) == (0, True)
    code, _, err = typed("watch", "add", QUESTION)
    assert (code, "watched already" in err) == (2, True)
    _, listed, _ = typed("watch", "list")
    watch_id = listed.split(" · ")[0]
    assert QUESTION in listed
    assert typed("watch", "run")[1] == ""
    assert typed("ingest", str(corpus(tmp_path, FIRST, FAR, LATER)))[0] == 0
    code, out, err = typed("watch", "run")
    assert code == 0
    now, _, before = out.partition("Before")
    assert "Changed: " + QUESTION in now
    assert "As of 24 May 2025" in now
    assert "five people" in now
    assert "As of 22 May 2025" in before
    assert "three people" in before
    assert "1 question asked again, 1 answer changed." in err
    assert typed("watch", "run")[1] == ""
    assert typed("watch", "stop", "nothing")[0] == 1
    assert typed("watch", "stop", watch_id)[0] == 0
    assert "No question is watched" in typed("watch", "list")[2]
