"""Watched questions on the real engine: asked again when something new is near, each change noted and told once."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from bot.cli import dateline
from bot.terminal.render import joined
from bot.terminal.watch import CAUSES, ask_again, change_lines
from rag.answer import QUOTED_FORGOTTEN, Answer, Refusal
from rag.factory import open_engine
from rag.library import Library
from rag.settings import Settings
from rag.watched_questions import WatchedQuestions, can_be_asked_again, new_watch
from rag.watching import MOST_ARRIVALS, Arrivals, difference
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


def stressing(quote: str, words: str, more: Sequence[str] = ()) -> Answer:
    """An answer that quotes a sentence first, these words of it in bold ("" for none), then more."""
    text = " ".join([quote, *more])
    answer = quoting("q", article("report", text), quote)
    start = quote.find(words)
    first = replace(answer.citations[0], emphasis=((start, start + len(words)),) if words else ())
    further = [quoting("q", article("report", text), other).citations[0] for other in more]
    return replace(answer, citations=(first, *further))


def disagreeing(answer: Answer, quote: str, words: str) -> Answer:
    """The same answer with another article's sentence, in which these words differ."""
    other = stressing(quote, words)
    return replace(answer, disagreement=(answer.citations[0], *other.citations))


FOUR = "The flood has killed four people."
FOUR_TOO = "Four people died in the flood, it said."
THANKS = "The mayor thanked the helpers."
FORGOTTEN = replace(refusing("q"), refusal=Refusal(QUOTED_FORGOTTEN))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(stressing(FOUR, ""), stressing("the flood, has killed  four people", ""), None, id="spelling"),
        pytest.param(stressing(FOUR, ""), stressing(THANKS, ""), "reworded", id="another sentence"),
        pytest.param(stressing(FOUR, ""), stressing(FOUR, "", [THANKS]), None, id="a second quote came"),
        pytest.param(stressing(FOUR, "", [THANKS]), stressing(FOUR, ""), None, id="a second quote went"),
        pytest.param(stressing(FOUR, "", [THANKS]), stressing(THANKS, "", [FOUR]), None, id="their order"),
        pytest.param(stressing(FOUR, "", [THANKS]), stressing(THANKS, ""), "reworded", id="the first quote went"),
        pytest.param(stressing(FOUR, ""), stressing(THANKS, "", [FOUR]), "reworded", id="a new one comes first"),
        pytest.param(
            stressing(FOUR, "four people"), stressing(FOUR_TOO, "Four people"), None, id="the same words answer"
        ),
        pytest.param(
            stressing(FOUR, "four people"), stressing("Five people died.", "Five people"), "reworded", id="other words"
        ),
        pytest.param(
            stressing(FOUR, "four people"),
            disagreeing(stressing(FOUR, "four people"), "Five people died.", "Five people"),
            "reworded",
            id="another article gives another number",
        ),
        pytest.param(
            disagreeing(stressing(FOUR, "four people"), "Five people died.", "Five people"),
            disagreeing(stressing(FOUR, "four people"), "Five people died.", "Five people"),
            None,
            id="and still does",
        ),
        pytest.param(
            disagreeing(stressing(FOUR, "four people"), "Five people died.", "Five people"),
            stressing(FOUR, "four people"),
            None,
            id="and no longer does",
        ),
        pytest.param(
            stressing("It closed on Monday.", "Monday"),
            stressing("It reopened on Monday.", "Monday"),
            "reworded",
            id="a day that is another one in another sentence",
        ),
        pytest.param(refusing("q"), stressing(FOUR, ""), "answered", id="from nothing to an answer"),
        pytest.param(stressing(FOUR, ""), refusing("q", (FLOOD,)), "refused", id="and back"),
        pytest.param(refusing("q"), refusing("q", (FLOOD,)), None, id="nothing twice"),
        pytest.param(
            FORGOTTEN, stressing(FOUR, ""), "reworded", id="what was quoted is gone, and something else is there"
        ),
        pytest.param(FORGOTTEN, refusing("q"), "refused", id="what was quoted is gone, and nothing is there"),
    ],
)
def test_only_what_an_answer_says_first_makes_it_another_one(
    before: Answer, after: Answer, expected: str | None
) -> None:
    assert difference(before, after) == expected


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
            (now,) = await watched.of_channels()
            assert not now.is_due(await engine.library.latest_arrival())
            await engine.library.ingest([corpus(tmp_path, FIRST, FAR, LATER)])
            assert await looked()
            (change,) = await watched.untold()
            changed = await watched.changed(change)
            assert changed is not None
            assert change.watch.id == watch.id
            assert "three people" in quotes(changed.before)
            assert "five people" in quotes(changed.after)

    asyncio.run(check())


async def withdraw(library: Library, folder: Path) -> None:
    assert await library.withdraw("shared", ["flood-toll-five"]) == ["flood-toll-five"]


async def correct(library: Library, folder: Path) -> None:
    corrected = LATER | {"text": "Rescuers went on with their search below the weir on Saturday, reporters were told."}
    assert (await library.ingest([corpus(folder, corrected)])).changed == 1


async def forget(library: Library, folder: Path) -> None:
    assert (await library.forget_articles([("shared", "flood-toll-five")])).watches == 1


async def prune(library: Library, folder: Path) -> None:
    left = FIRST if await library.article("shared", FIRST["id"]) else FAR
    assert (await library.ingest([corpus(folder, left)], prune=True, prune_most=True)).removed == 1


@pytest.mark.parametrize("first_is_there", [True, False], ids=["another answer is left", "nothing is left"])
@pytest.mark.parametrize(
    ("change_library", "cause"),
    [(withdraw, "withdrawn"), (correct, "corrected"), (forget, "deleted"), (prune, "deleted")],
    ids=["withdrawn", "corrected", "forgotten", "pruned"],
)
def test_who_watches_hears_once_that_the_answer_lost_its_article(
    change_library: Callable[[Library, Path], Awaitable[None]],
    cause: str,
    first_is_there: bool,
    settings: Settings,
    tmp_path: Path,
) -> None:
    async def check() -> None:
        async with open_engine(settings) as engine:
            first = FIRST if first_is_there else FAR
            await engine.library.ingest([corpus(tmp_path, first, LATER)])
            watched = WatchedQuestions(engine, WatchStore(engine.library.storage.ledger.database))
            await watched.add(new_watch(QUESTION), await engine.ask(QUESTION))
            assert await ask_again(engine, watched) == 1, "the first time"
            assert await ask_again(engine, watched) == 0
            await change_library(engine.library, tmp_path)
            assert await ask_again(engine, watched) == 1
            (change,) = await watched.untold(terminal=True)
            changed = await watched.changed(change)
            assert changed is not None
            assert (changed.cause, changed.difference) == (cause, "reworded" if first_is_there else "refused")
            assert ("five people" in quotes(changed.before)) is (change_library is not forget)
            assert ("three people" in quotes(changed.after)) is first_is_there
            told = joined(change_lines(change.watch, changed)).plain
            assert CAUSES[changed.cause] in told
            await watched.note_told(change)
            assert await ask_again(engine, watched) == 0
            assert await watched.untold(terminal=True) == []

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
    assert (change["difference"], change["cause"]) == ("reworded", "stands")
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
    assert "The articles now say something else." in now
    assert "As of 24 May 2025" in now
    assert "five people" in now
    assert "As of 22 May 2025" in before
    assert "three people" in before
    assert "1 question asked again, 1 answer changed." in err
    assert typed("watch", "run")[1] == ""
    assert typed("watch", "stop", "nothing")[0] == 1
    assert typed("watch", "stop", watch_id)[0] == 0
    assert "No question is watched" in typed("watch", "list")[2]
