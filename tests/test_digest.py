"""The digest: what is new by date or arrival, by story, each article with a sentence as printed."""

import asyncio
import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bot.cli import dateline
from bot.terminal.ask import day_option
from rag.digest import STORY_DAYS, Digest, agglomerate, digest_json
from rag.ingestion.indexing import Storage
from rag.library import Library
from rag.models.embedder import Embedder
from rag.settings import Settings
from vectorstore.database import open_database
from vectorstore.ledger import Ledger, News
from vectorstore.vectors import VectorStore

NEWSROOM = Path(__file__).parent / "cases" / "newsroom.jsonl"
STORIES = {"museum-fr": "astrolabe", "okereli-es": "okereli", "poultry-de": "eggs", "library-ar": "library"}
"""Stories of articles that their ids do not name."""
FOREIGN = {"petrel-zh", "flood-ru", "flood-hu", "library-ar", "poultry-de", "museum-fr", "okereli-es"}
SHARED = ("shared",)


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Iterator[Library]:
    home = tmp_path_factory.mktemp("newsroom")
    settings = Settings(_env_file=None, home=home)
    database = open_database(settings.ledger_url)
    store = VectorStore(home / "vectors")
    library = Library(Storage(home, Ledger(database), store, embedder, settings.chunk_tokens))
    asyncio.run(library.ingest([NEWSROOM]))
    yield library
    store.close()
    database.dispose()


def ids(digest: Digest) -> list[list[str]]:
    return [
        [headline.article_id for entry in story for headline in (entry.headline, *entry.copies)]
        for story in digest.stories
    ]


def story_of(article_id: str) -> str:
    return STORIES.get(article_id, article_id.split("-")[0])


def test_groups_join_while_their_members_are_alike_in_the_mean() -> None:
    similarity = np.array([[1, 0.8, 0.4, 0], [0.8, 1, 0.7, 0], [0.4, 0.7, 1, 0.45], [0, 0, 0.45, 1]], np.float32)
    assert agglomerate(similarity) == [[0, 1, 2], [3]]
    assert agglomerate(np.eye(3, dtype=np.float32)) == [[0], [1], [2]]
    assert agglomerate(np.zeros((0, 0), np.float32)) == []


@pytest.mark.slow
def test_no_two_stories_are_mixed_and_most_articles_find_theirs(newsroom: Library) -> None:
    digest = asyncio.run(newsroom.digest(News(SHARED)))
    assert digest.articles == 44
    together = {frozenset(pair) for story in ids(digest) for pair in combinations(story, 2)}
    published = {one.article_id: one.published for one in asyncio.run(newsroom.headlines())}
    wanted = {
        frozenset((one, other))
        for one, other in combinations(published, 2)
        if story_of(one) == story_of(other)
        and published[one]
        and published[other]
        and abs(published[one] - published[other]) <= STORY_DAYS
    }
    assert {pair for pair in together if len({story_of(one) for one in pair}) > 1} == set()
    in_english = {pair for pair in wanted if pair.isdisjoint(FOREIGN)}
    assert (len(in_english), len(together & in_english)) == (26, 25)


def test_every_sentence_is_as_printed_and_the_newest_comes_first(newsroom: Library) -> None:
    digest = asyncio.run(newsroom.digest(News(SHARED)))
    for story in digest.stories:
        for entry in story:
            if entry.sentence is not None:
                article = asyncio.run(newsroom.article("shared", entry.headline.article_id))
                assert article is not None
                assert article.text[entry.sentence.start : entry.sentence.end] == entry.sentence.quote
    dates = [story[0].headline.published for story in digest.stories]
    dated = [date for date in dates if date is not None]
    assert dated == sorted(dated, reverse=True)
    assert dates[len(dated) :] == [None] * (len(dates) - len(dated))
    (bridge,) = [story for story in ids(digest) if "bridge-closed" in story]
    assert set(bridge) >= {"bridge-closed", "bridge-closed-wire", "bridge-closed-post"}


def test_new_is_what_was_published_or_arrived_since(newsroom: Library, tmp_path: Path) -> None:
    def published_since(day: str) -> set[str]:
        return {one for story in ids(asyncio.run(newsroom.digest(News(SHARED, day_option(day, ""))))) for one in story}

    undated = {"flood-relief", "corrections"}
    assert published_since("2025-06-11") == {"flood-hu", "hospital-copy"} | undated
    assert asyncio.run(newsroom.digest(News(("discord:1",)))).stories == ()
    before = asyncio.run(newsroom.latest_arrival())
    old = {"id": "old", "title": "A bridge", "text": "The bridge was opened in 1968.", "published": "1968-05-01"}
    (tmp_path / "old.jsonl").write_text(json.dumps(old))
    asyncio.run(newsroom.ingest([tmp_path]))
    assert ids(asyncio.run(newsroom.digest(News(SHARED, after=before)))) == [["old"]]
    asyncio.run(newsroom.forget("shared", "old"))


def test_a_day_is_that_of_each_articles_own_clock(library: Library, tmp_path: Path) -> None:
    days = {"before": "2025-10-25T23:30-07:00", "early": "2025-10-26T00:30+02:00", "far": "2025-10-26T08:00+13:00"}
    lines = [{"id": key, "text": f"It rained in {key}.", "published": published} for key, published in days.items()]
    (tmp_path / "days.jsonl").write_text("\n".join(map(json.dumps, lines)))
    asyncio.run(library.ingest([tmp_path]))
    digest = asyncio.run(library.digest(News(SHARED, day_option("2025-10-26", ""))))
    assert {one for story in ids(digest) for one in story} == {"early", "far"}


def test_the_terminal_shows_it_for_people_and_for_programs(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(dateline, ["ingest", str(NEWSROOM)]).exit_code == 0
    shown = run(dateline, ["digest", "--since", "2025-05-20"])
    assert shown.exit_code == 0
    assert (
        "Flood toll rises to five, levels fall\n  “MILLBRENN (Coast Wire) — The number of people killed" in shown.stdout
    )
    assert shown.stdout.count("Flood toll rises to five, levels fall") == 1
    assert "\n    24 May 2025 · Coast Wire · https://" in shown.stdout
    assert "\n    Valley mourns four victims of the flood · 24 May 2025 · Tesk Valley Post" in shown.stdout
    read = json.loads(run(dateline, ["digest", "--since", "2025-05-20", "--json"]).stdout)
    assert (read["schema"], read["since"], read["left_out"]) == ("dateline/digest/1", "2025-05-20", False)
    assert read["articles"] == sum(1 + len(a["copies"]) for story in read["stories"] for a in story["articles"])
    first = read["stories"][0]["articles"][0]
    assert set(first) >= {"article_id", "title", "source", "url", "published", "quote", "start", "end", "copies"}
    nothing = run(dateline, ["digest", "--since", "2025-05-20", "--library", "discord:1"])
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "Nothing is new since 20 May 2025" in nothing.stderr
    assert run(dateline, ["digest", "--since", "the other day of never"]).exit_code == 2
    assert digest_json(Digest(()), None)["stories"] == []
