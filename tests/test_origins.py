"""Where each field came from: stored, shown, and a guessed date never shown as certain."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.discord.translations import ENGLISH, GERMAN
from bot.mcp.render import source_words
from bot.terminal.render import article_lines, headline_words, known_words
from rag.answer import Citation, Headline, answer_json, disagreement_sentence, headline_json
from rag.factory import open_engine
from rag.library import Library
from rag.proving import newest_publication
from rag.settings import Settings
from rag.text import moment_words
from rag.verification.claims import candidate_spans
from tests.made_documents import pdf
from tests.made_pages import made_pages
from vectorstore.database import open_database
from vectorstore.ledger import IncomingArticle, Ledger
from vectorstore.values import FEED, GIVEN, GUESSED, PAGE_METADATA, Article, Chunk

DAY = datetime(2025, 10, 17, tzinfo=UTC)
GUESSED_HEADLINE = Headline("a", "Rain", "Post", "", DAY, published_guessed=True)
DEPOT = "The tram depot in Lower Wending was closed on Friday after inspectors found cracks in its roof."


def test_digests_of_articles_without_the_new_fields_are_what_they_were() -> None:
    plain = Article("a", "Rain", "It rained.", origins={"title": GIVEN})
    assert plain.digest == "4b33fad89871f653f9aa26cf5592454ca8c48f4c7dd2e7e5af7494ab44651939"
    moment = datetime.fromisoformat("2024-06-09T23:30:00-05:00")
    whole = Article("b", "Rain", "It rained.", "shared", "S", "https://a.example", moment, "en", True)
    assert whole.digest == "3b2774812adda7ea0fd2de959f2d5bef68cc6a4cc34c53e594ee437bf7338104"
    changes = (
        {"author": "M. Quant"},
        {"updated": DAY},
        {"origins": {"published": GUESSED}},
    )
    assert len({replace(whole, **change).digest for change in changes} | {whole.digest}) == 4


def test_every_field_is_stored_with_where_it_came_from(library: Library, tmp_path: Path) -> None:
    page = next(page for page in made_pages() if page.shape == "wordpress")
    (tmp_path / "a.html").write_bytes(page.content)
    asyncio.run(library.ingest([tmp_path / "a.html"]))
    (headline,) = asyncio.run(library.headlines())
    article = asyncio.run(library.article("shared", headline.article_id))
    assert article is not None
    assert page.story is not None
    assert article.author == page.story.author
    assert article.updated == datetime.fromisoformat(page.story.updated)
    assert article.updated.isoformat() == page.story.updated
    assert article.origins == {
        "title": PAGE_METADATA,
        "source": GUESSED,
        "author": PAGE_METADATA,
        "published": PAGE_METADATA,
        "updated": PAGE_METADATA,
        "language": PAGE_METADATA,
    }
    shown = "\n".join(line.plain for line in article_lines(article, []))
    assert "author       Mirela Quant (page metadata)" in shown
    assert "source       Harbour Post (guessed)" in shown
    assert f"updated      {moment_words(article.updated)} (page metadata)" in shown
    assert moment_words(article.updated).startswith("4 September 2024, ")


def test_a_guessed_date_is_about_that_day_in_answer_and_json(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "depot.pdf"
    path.write_bytes(pdf([[DEPOT[:50], DEPOT[50:]]], title="Depot closes", created="D:20251017120000Z"))

    async def ask() -> tuple[dict[str, object], str]:
        async with open_engine(settings) as engine:
            await engine.library.ingest([path])
            answer = await engine.ask("Why was the tram depot in Lower Wending closed?")
            status = await engine.library.status()
            assert status.newest is None
            return answer_json(answer), headline_words(answer.citations[0])

    found, words = asyncio.run(ask())
    (citation,) = found["citations"] if isinstance(found["citations"], list) else [{}]
    assert (citation["published_guessed"], found["as_of_guessed"]) == (True, True)
    assert "about 17 October 2025" in words


def test_origins_that_changed_are_stored_without_embedding_again(library: Library, tmp_path: Path) -> None:
    asyncio.run(library.ingest([write(tmp_path, {"id": "a", "text": DEPOT, "title": "Depot"})]))
    with library.storage.ledger.transaction() as connection:
        connection.execute(text("UPDATE articles SET origins = ''"))
    report = asyncio.run(library.ingest([tmp_path / "corpus.jsonl"]))
    assert (report.unchanged, report.chunks) == (1, 0)
    article = asyncio.run(library.article("shared", "a"))
    assert article is not None
    assert article.origins == {"title": GIVEN}


def write(folder: Path, record: dict[str, str]) -> Path:
    (folder / "corpus.jsonl").write_text(json.dumps(record), "utf-8")
    return folder / "corpus.jsonl"


def test_a_ledger_of_the_version_before_gets_the_fields_and_keeps_its_articles(tmp_path: Path) -> None:
    database = open_database(tmp_path / "ledger.sqlite3")
    article = Article("a", "Rain", "It rained.", published=DAY)
    Ledger(database).save([IncomingArticle(article, "a.txt", "group")])
    with database.begin() as connection:
        for column in ("author", "updated", "updated_offset", "origins"):
            connection.execute(text(f"ALTER TABLE articles DROP COLUMN {column}"))
        connection.execute(text("UPDATE schema_version SET version = 4"))
    database.dispose()
    database = open_database(tmp_path / "ledger.sqlite3")
    assert Ledger(database).article("shared", "a") == article
    full = replace(article, author="M. Quant", updated=datetime.fromisoformat("2025-10-18T09:00:00+02:00"))
    full = replace(full, origins={"published": FEED, "author": PAGE_METADATA})
    Ledger(database).save([IncomingArticle(full, "a.txt", "group")])
    assert Ledger(database).article("shared", "a") == full
    database.dispose()


LATER = datetime(2025, 10, 19, tzinfo=UTC)
DATES = {
    "known": (DAY, False, None, "17 October 2025", "17 Oct 2025", "17. Okt. 2025"),
    "guessed": (DAY, True, None, "about 17 October 2025", "about 17 Oct 2025", "etwa 17. Okt. 2025"),
    "changed the same day": (DAY, False, DAY, "17 October 2025", "17 Oct 2025", "17. Okt. 2025"),
    "changed": (
        DAY, False, LATER, "17 October 2025, updated 19 October 2025", "17 Oct 2025, updated 19 Oct 2025",
        "17. Okt. 2025, geändert am 19. Okt. 2025",
    ),
    "none": (None, False, None, "undated", "undated", "ohne Datum"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("published", "guessed", "updated", "words", "english", "german"), DATES.values(), ids=DATES.keys()
)
def test_every_front_end_says_what_a_date_is_worth(
    published: datetime | None, guessed: bool, updated: datetime | None, words: str, english: str, german: str
) -> None:
    headline = Headline("a", "Rain", "Post", "", published, False, guessed, updated)
    assert f"Rain · {words} · Post" in headline_words(headline)
    assert f"Rain · {words} · Post" in source_words(headline)
    assert (ENGLISH.dates(headline), GERMAN.dates(headline)) == (english, german)
    assert headline_json(headline)["published_guessed"] is guessed


def citation(published: datetime | None, guessed: bool) -> Citation:
    return Citation(
        1, "a", "Rain", "Post", "", published, "19 hurt", 0, 7, emphasis=((0, 2),), published_guessed=guessed
    )


def test_an_answer_speaks_as_of_a_known_day_where_there_is_one() -> None:
    later = datetime(2026, 1, 1, tzinfo=UTC)
    assert newest_publication([citation(DAY, False), citation(later, True)]) == (DAY, False)
    assert newest_publication([citation(later, True), citation(None, False)]) == (later, True)
    assert newest_publication([citation(None, False)]) == (None, False)


def test_a_disagreement_names_guessed_days_as_such() -> None:
    assert "19 (Post, about 17 October 2025)" in disagreement_sentence([citation(DAY, True)])


@pytest.mark.parametrize("guessed", [True, False])
def test_a_guessed_date_proves_no_date_of_a_claim(guessed: bool) -> None:
    chunk = Chunk("c", "a", "shared", 0, 0, 10, "It rained.", "Rain", "", "", DAY, published_guessed=guessed)
    assert candidate_spans(0, chunk)[0].evidence.published == (None if guessed else DAY.date())


@pytest.mark.parametrize(
    ("published", "guessed", "words"),
    [
        (datetime(2025, 6, 2, 23, 30, tzinfo=timezone(timedelta(hours=-5))), False, "2 June 2025, 23:30 -05:00"),
        (datetime(2025, 6, 2, 0, 0, tzinfo=timezone(timedelta(hours=2))), False, "2 June 2025, 00:00 +02:00"),
        (datetime(2025, 6, 2, 18, 5, tzinfo=UTC), False, "2 June 2025, 18:05 UTC"),
        (datetime(2025, 6, 2, tzinfo=UTC), False, "2 June 2025"),
        (datetime(2025, 6, 2, 18, 5, tzinfo=UTC), True, "about 2 June 2025"),
        (None, False, ""),
    ],
)
def test_a_moment_is_shown_as_exactly_as_it_is_known(published: datetime | None, guessed: bool, words: str) -> None:
    assert known_words(published, guessed) == words
