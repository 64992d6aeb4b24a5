"""What is forgotten is gone: from every file of the home folder, from stored answers and from watched questions."""

import asyncio
import json
import re
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import event

from rag.answer import QUOTED_FORGOTTEN, Answer, Refusal, answer_from_record, answer_to_record, headline_of
from rag.factory import open_engine
from rag.ingestion.forgetting import Forgotten, articles_of, without_articles
from rag.ingestion.indexing import remove
from rag.library import Library
from rag.settings import Settings
from rag.stored_answers import StoredAnswers
from rag.watched_questions import WatchedQuestions, new_watch, record_of
from rag.watching import was_forgotten
from tests.fakes.fake_engine import article, hit, quoting, refusing
from vectorstore.answers import AnswerStore, StoredAnswer, articles_named
from vectorstore.followed import FORGOTTEN, STORED, FollowedStore, ListedEntry, Source
from vectorstore.ledger import IncomingArticle
from vectorstore.lexical_store import LexicalStore
from vectorstore.lock import never_stop
from vectorstore.values import Article, Origin, Scope
from vectorstore.watches import Said, WatchStore

SECRET = "quuxwort"
"""A word of the forgotten article alone."""
FLOOD = {
    "id": "flood",
    "title": f"The {SECRET} flood",
    "text": f"The flood of the River Tesk killed three people in {SECRET} Lane, the police of Millbrenn said on Thursday.",
    "source": "OB News",
    "published": "2025-05-22",
}
PIER = {
    "id": "pier",
    "title": "The new pier",
    "text": "The new pier of Millbrenn cost 14 million crowns, Mayor Ada Holm said at the opening.",
    "source": "Coast Wire",
    "published": "2025-05-24",
}
QUESTION = "How many people did the flood of the River Tesk kill?"


def corpus(folder: Path, *records: dict[str, str]) -> Path:
    path = folder / "corpus.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def files_with(word: str, home: Path) -> list[str]:
    """The files of the home folder that hold a word, in UTF-8 or UTF-16, however it is capitalised."""
    encodings = [word.encode(), word.encode("utf-16-le")]
    pattern = re.compile(b"|".join(map(re.escape, encodings)), re.IGNORECASE)
    return [path.name for path in home.rglob("*") if path.is_file() and pattern.search(path.read_bytes())]


async def fill(settings: Settings, folder: Path) -> None:
    """A library in which the article that is to be forgotten has left something in every place where it can."""
    # Enough other articles that rows are moved from page to page while the database grows.
    others = [
        PIER | {"id": f"other-{number}", "title": f"Report {number}", "text": f"{PIER['text']} {text}"}
        for number, text in enumerate(random_texts(12))
    ]
    edited = FLOOD | {"text": f"{FLOOD['text']} The dead lived in {SECRET} Lane, it said later."}
    async with open_engine(settings) as engine:
        database = engine.library.storage.ledger.database
        await engine.library.ingest([corpus(folder, FLOOD, PIER, *others[:6])])
        first = await engine.ask(QUESTION)
        await engine.answers.save(first)
        await engine.answers.save(await engine.ask("What did the new pier of Millbrenn cost?"))
        await engine.library.ingest([corpus(folder, *others[6:])])
        await engine.library.ingest([corpus(folder, edited)])
        assert await engine.library.versions("shared", "flood")
        watched = WatchedQuestions(engine, WatchStore(database))
        watch = await watched.add(new_watch(QUESTION), first)
        said = Said(record_of(await engine.ask(QUESTION)), 2.0)
        assert watched.store.note_answer(watch, said, "2025-05-24", 2.0, is_change=True)
        assert SECRET in said.record
        assert len(await watched.untold(terminal=True)) == 1
    followed = FollowedStore(database)
    source = Source("s", "http://paper.example/feed", "feed", "Paper", 60.0, 1.0)
    followed.add(source)
    followed.note_list(source, [ListedEntry("k", "http://paper.example/f", "1", f"all of {SECRET}")], 1.0)
    entry = followed.entry("s", "k")
    assert entry
    followed.note([replace(entry, status=STORED, article_id="flood")])
    database.dispose()


def random_texts(count: int) -> list[str]:
    dice = Random(1)
    words = ("harbour", "ferry", "council", "bridge", "tunnel", "school", "mayor", "budget", "railway", "storm")
    return [" ".join(f"{word}{dice.randrange(99)}" for word in dice.choices(words, k=120)) + "." for _ in range(count)]


@pytest.mark.slow
def test_no_file_of_the_home_folder_holds_a_word_of_a_forgotten_article(settings: Settings, tmp_path: Path) -> None:
    async def story() -> None:
        await fill(settings, tmp_path)
        assert {"ledger.sqlite3"} <= set(files_with(SECRET, settings.home))
        assert any(name.endswith(".segment") for name in files_with(SECRET, settings.home))
        async with open_engine(settings) as engine:
            forgotten = await engine.library.forget_articles([("shared", "flood")])
            assert forgotten == Forgotten(articles=1, answers=2, watches=1), "one quotes it, one found it"
            assert files_with(SECRET, settings.home) == [], "while the library is open"
            assert not (await engine.ask("What did the new pier of Millbrenn cost?")).refused
            database = engine.library.storage.ledger.database
            (watch,) = WatchStore(database).of_terminal()
            assert was_forgotten(answer_from_record(watch.said))
            assert WatchStore(database).untold(terminal=True) == [], "what it changed to is gone"
            entry = FollowedStore(database).entry("s", "k")
            assert entry
            assert (entry.status, entry.content, entry.next_check) == (FORGOTTEN, "", None)
            pier, flood = sorted(await engine.answers.conversation(""), key=lambda turn: turn.question, reverse=True)
            assert (flood.question, flood.answer, flood.article_ids) == (QUESTION, "", ())
            assert "14 million" in pier.answer
            (stored,) = [one for one in AnswerStore(database).recent("", 5) if one.question == QUESTION]
            assert answer_from_record(stored.record).refusal == Refusal(QUOTED_FORGOTTEN)
            assert not stored.refused, "no gap of the library: it was answered then"
            await engine.library.ingest([corpus(tmp_path, PIER | {"id": "late", "title": "A later report"})])
            ids = engine.library.storage.store.ids()
            assert len(list(ids)) == len(list(engine.library.storage.ledger.lexical_entries()))
        assert files_with(SECRET, settings.home) == []

    asyncio.run(story())


ONE, OTHER = article("one", "The mayor spoke. The ferry sank."), article("other", "The mayor spoke. The ferry sailed.")
QUOTED = quoting("What of the ferry?", ONE, "The ferry sank.")


def with_disagreement() -> Answer:
    differing = (QUOTED.citations[0], quoting("", OTHER, "The ferry sailed.").citations[0])
    return replace(quoting("?", OTHER, "The mayor spoke."), disagreement=differing)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(QUOTED, id="quoted"),
        pytest.param(
            replace(
                quoting("?", OTHER, "The mayor spoke."),
                citations=(replace(quoting("?", OTHER, "The mayor spoke.").citations[0], copies=(headline_of(ONE),)),),
            ),
            id="a copy",
        ),
        pytest.param(with_disagreement(), id="disagreeing"),
        pytest.param(refusing("?", [ONE, OTHER]), id="found"),
        pytest.param(
            replace(refusing("?"), refusal=Refusal("no", (headline_of(ONE),), QUOTED.citations[0])), id="nearest"
        ),
        pytest.param(
            replace(refusing("?"), hits=(replace(hit(OTHER), copies=(hit(ONE).chunk,)),)), id="a copy of what was found"
        ),
    ],
)
def test_nothing_of_an_article_is_left_in_an_answer(answer: Answer) -> None:
    assert "one" in articles_named(answer_to_record(answer))
    kept = without_articles(answer, {("shared", "one")})
    assert "one" not in articles_named(answer_to_record(kept))
    assert "sank" not in answer_to_record(kept)
    assert without_articles(answer, {("elsewhere", "three")}) == answer


def test_the_same_id_in_another_library_is_another_article() -> None:
    kept = without_articles(QUOTED, {("discord:1", "one")})
    assert (kept.citations, kept.text, len(kept.hits)) == (QUOTED.citations, QUOTED.text, 1)


def test_ids_are_found_in_a_record_however_they_are_spelled() -> None:
    for name in ('a "quoted" id', "back\\slash", "Zoë/naïve", "tab\t", "http://paper.example/a?b=1&c=2"):
        assert articles_named(answer_to_record(quoting("?", replace(ONE, id=name), "The ferry sank."))) == {name}


def test_a_record_of_another_shape_that_names_the_article_is_deleted(library: Library, tmp_path: Path) -> None:
    asyncio.run(library.ingest([corpus(tmp_path, FLOOD)]))
    store = AnswerStore(library.storage.ledger.database)
    for name, record in (("a", '{"old": 1, "article_id":"flood"}'), ("b", '{"old": 1, "article_id":"pier"}')):
        store.save(StoredAnswer(name, 1.0, "?", "?", False, "", "", record))
    assert asyncio.run(library.forget("shared", "flood"))
    assert (store.load("a"), store.load("b") is not None) == (None, True)


class Killed(BaseException):
    """What no handler catches."""


@pytest.mark.parametrize("step", range(1, 9))
def test_killed_anywhere_the_next_run_forgets_the_rest(step: int, library: Library, tmp_path: Path) -> None:
    """Every statement to the database is a place to be killed at; eight of them spread over all there are."""
    asyncio.run(library.ingest([corpus(tmp_path, FLOOD, PIER)]))
    ledger = library.storage.ledger
    AnswerStore(ledger.database).save(
        StoredAnswer("a", 1.0, "?", "?", False, "", "", answer_to_record(quoting("?", forgotten_flood(), SECRET)))
    )
    statements = 0

    def kill(*_: object) -> None:
        nonlocal statements
        statements += 1
        if statements == 4 * step:
            raise Killed

    event.listen(ledger.database, "before_cursor_execute", kill)
    with pytest.raises(Killed):
        library.forget_now([("shared", "flood")], never_stop)
    event.remove(ledger.database, "before_cursor_execute", kill)
    if ledger.forgetting():
        assert asyncio.run(library.forget_articles([])).left == ""
    else:
        assert step == 1, "only before it was noted"
        assert asyncio.run(library.forget("shared", "flood"))
    assert files_with(SECRET, library.storage.folder) == []
    assert set(ledger.known("shared")) == {"pier"}
    assert ledger.forgetting() == []


def answers_of(library: Library) -> StoredAnswers:
    return StoredAnswers(AnswerStore(library.storage.ledger.database), Settings(home=library.storage.folder))


@pytest.mark.parametrize("begun_only", [False, True], ids=["forgotten", "begun to be forgotten"])
def test_an_answer_that_is_stored_after_its_article_was_forgotten_says_so(
    begun_only: bool, library: Library, tmp_path: Path
) -> None:
    asyncio.run(library.ingest([corpus(tmp_path, FLOOD, PIER)]))
    answer = quoting("?", forgotten_flood(), SECRET)
    watches = WatchStore(library.storage.ledger.database)
    if begun_only:
        library.storage.ledger.note_forgetting([("shared", "flood")])
    else:
        assert asyncio.run(library.forget("shared", "flood"))
    asyncio.run(answers_of(library).save(answer))
    (stored,) = AnswerStore(library.storage.ledger.database).recent("", 5)
    assert answer_from_record(stored.record).refusal == Refusal(QUOTED_FORGOTTEN)
    watch = replace(new_watch("?"), said=record_of(answer), said_at=1.0)
    watches.add(watch, articles_of(answer))
    assert not watches.note_answer(
        watches.of_terminal()[0], Said(record_of(answer), 2.0), "2025-05-24", 2.0, True, articles_of(answer)
    )
    assert [one.said for one in watches.of_terminal()] == [""]
    assert watches.untold(terminal=True) == []


def test_forgetting_and_storing_at_the_same_moment_leave_no_quote(library: Library, tmp_path: Path) -> None:
    """Forgetting begins when the answer was found to stand and is not written yet: it must wait, and then take it away."""
    asyncio.run(library.ingest([corpus(tmp_path, FLOOD, PIER)]))
    database = library.storage.ledger.database
    answer = quoting("?", forgotten_flood(), SECRET)
    watches = WatchStore(database)
    watches.add(replace(new_watch("?"), id="w"))
    begun: list[threading.Thread] = []

    def forget_meanwhile(*arguments: object) -> None:
        statement = str(arguments[2])
        if begun or not statement.startswith(("INSERT INTO answers", "UPDATE watches")):
            return
        begun.append(threading.Thread(target=library.forget_now, args=([("shared", "flood")], never_stop)))
        begun[0].start()
        begun[0].join(0.5)
        assert begun[0].is_alive()

    event.listen(database, "before_cursor_execute", forget_meanwhile)
    asyncio.run(answers_of(library).save(answer))
    begun[0].join()
    asyncio.run(library.ingest([corpus(tmp_path, FLOOD, PIER)]))
    begun.clear()
    said = Said(record_of(answer), 2.0)
    assert watches.note_answer(watches.of_terminal()[0], said, "2025-05-24", 2.0, False, articles_of(answer))
    begun[0].join()
    event.remove(database, "before_cursor_execute", forget_meanwhile)
    (stored,) = AnswerStore(database).recent("", 5)
    (watch,) = watches.of_terminal()
    for record in (stored.record, watch.said):
        assert SECRET not in record
        assert answer_from_record(record).refusal == Refusal(QUOTED_FORGOTTEN)


def test_an_answer_that_its_asker_deletes_while_an_article_is_forgotten_stays_deleted(
    library: Library, tmp_path: Path
) -> None:
    asyncio.run(library.ingest([corpus(tmp_path, FLOOD)]))
    store = AnswerStore(library.storage.ledger.database)
    asyncio.run(answers_of(library).save(quoting("?", forgotten_flood(), SECRET), "discord:11"))
    (stored,) = store.naming({"flood"})
    store.delete_asked_by("discord:11")
    store.replace(stored)
    assert store.recent("", 5) == []


def test_a_change_whose_answer_is_forgotten_is_dropped_and_the_next_compared_with_what_was_told(
    library: Library, tmp_path: Path
) -> None:
    """Told: A. Not told yet: A to B, B to C. B is of the forgotten article: what comes next is compared with A."""
    asyncio.run(library.ingest([corpus(tmp_path, FLOOD, PIER)]))
    store = WatchStore(library.storage.ledger.database)
    pier = Article("pier", PIER["title"], PIER["text"])
    first, second, third = (
        record_of(one)
        for one in (
            quoting("?", pier, "cost 14 million crowns"),
            quoting("?", forgotten_flood(), SECRET),
            quoting("?", pier, "Mayor Ada Holm said at the opening"),
        )
    )
    store.add(replace(new_watch("?"), id="w", said=first, said_at=1.0))
    for at, record in ((2.0, second), (3.0, third)):
        watch = store.find("w")
        assert watch
        assert store.note_answer(watch, Said(record, at), "2025-05-24", at, is_change=True)
    late = store.find("w")
    assert late
    assert asyncio.run(library.forget_articles([("shared", "flood")])).watches == 1
    watch = store.find("w")
    assert watch
    assert (watch.said, store.untold(terminal=True)) == (first, [])
    assert not store.note_answer(late, Said(third, 4.0), "2025-05-24", 4.0, is_change=True), "it was asked before"


def forgotten_flood() -> Article:
    return Article("flood", FLOOD["title"], FLOOD["text"])


def test_what_cannot_be_wiped_is_said_and_goes_the_next_time(library: Library, tmp_path: Path) -> None:
    asyncio.run(library.ingest([corpus(tmp_path, FLOOD, PIER)]))
    ledger = library.storage.ledger
    ledger.database.dispose()
    event.listen(ledger.database, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 50"))
    with ledger.database.connect() as reading:
        reading.exec_driver_sql("BEGIN")
        reading.exec_driver_sql("SELECT count(*) FROM articles").all()
        left = asyncio.run(library.forget_articles([("shared", "flood")])).left
    assert left == "another process reads it"
    assert ledger.forgetting() == [("shared", "flood")]
    assert asyncio.run(library.forget_articles([])) == Forgotten()
    assert files_with(SECRET, library.storage.folder) == []


def test_another_process_that_had_the_old_index_open_does_not_bring_its_words_back(
    library: Library, tmp_path: Path
) -> None:
    asyncio.run(library.ingest([corpus(tmp_path, FLOOD, PIER)]))
    storage = library.storage
    other = LexicalStore(storage.folder / "lexical", storage.ledger)
    assert other.current().search(SECRET, 1, Scope())
    remove(storage, "shared", ["flood"])
    assert not other.current().search(SECRET, 1, Scope()), "it knows, and still has the words in memory"
    assert asyncio.run(library.forget_articles([("shared", "flood")])).left == ""
    remove(storage, "shared", ["pier"])
    other.save()
    assert files_with(SECRET, storage.folder / "lexical") == []


def test_files_that_are_made_anew_hold_nothing_from_memory(library: Library, tmp_path: Path) -> None:
    asyncio.run(library.ingest([corpus(tmp_path, FLOOD, PIER)]))
    assert asyncio.run(library.forget("shared", "flood"))
    for _ in range(5):
        library.storage.store.reopen()
        assert library.storage.store.count() == 1
        (index,) = (library.storage.folder / "vectors").glob("*/data_level0.bin")
        assert not any(index.read_bytes()), "the vector is in Chroma's log"


def test_room_for_vectors_to_come_holds_nothing_from_memory(library: Library, tmp_path: Path) -> None:
    asyncio.run(library.ingest([corpus(tmp_path, FLOOD, PIER)]))
    library.storage.store.close()
    (index,) = (library.storage.folder / "vectors").glob("*/data_level0.bin")
    written = bytearray(index.read_bytes())
    written[-100:-92] = SECRET.encode()
    index.write_bytes(written)
    library.storage.store.reopen()
    assert asyncio.run(library.forget("shared", "flood"))
    assert files_with(SECRET, library.storage.folder) == []
    assert library.storage.store.count() == 1


@pytest.mark.parametrize(
    ("published", "guessed", "arrived", "expired"),
    [
        pytest.param("2025-05-01", False, 0.0, True, id="old"),
        pytest.param("2025-06-01", False, 0.0, False, id="young"),
        pytest.param("", False, 1.0, True, id="undated and here for long"),
        pytest.param("", False, 1_748_800_000.0, False, id="undated and new"),
        pytest.param("1999-01-01", True, 1_748_800_000.0, False, id="a guess is no age"),
        pytest.param("", False, 0.0, False, id="neither date nor arrival is known"),
    ],
)
def test_age_counts_from_the_publication_or_else_from_the_arrival(
    published: str, guessed: bool, arrived: float, expired: bool, library: Library
) -> None:
    ledger = library.storage.ledger
    day = datetime.fromisoformat(published).replace(tzinfo=UTC) if published else None
    origins: dict[str, Origin] = {"published": "guessed"} if guessed else {}
    ledger.save([IncomingArticle(Article("a", "Title", "Text.", published=day, origins=origins), "", "")])
    with ledger.database.begin() as connection:
        connection.exec_driver_sql(f"UPDATE articles SET arrived = {arrived}")
    now = datetime(2025, 6, 2, tzinfo=UTC)
    assert asyncio.run(library.forget_expired(30, now)).articles == int(expired)
    assert bool(ledger.known("shared")) is not expired
    assert asyncio.run(library.forget_expired(0, now)) == Forgotten()
