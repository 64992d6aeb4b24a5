"""A library on a server that searches words itself: a stand-in for Chroma Cloud before a real `chroma run`."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

import pytest

from rag.checkup import faults_of, repair
from rag.library import Library
from rag.models.embedder import Embedder
from rag.retrieval import HitLimits, HybridRetriever
from rag.settings import Settings, load_settings
from rag.spelling import respelled
from tests.fakes.chroma_cloud import ChromaCloud
from tests.fakes.chroma_server import RunningChroma, gate, running_chroma
from tests.test_chroma_server import assert_one_sentence, library_in
from vectorstore.backup import restore_backup, write_backup
from vectorstore.chroma import ChromaServer
from vectorstore.errors import StoreMismatch, StoreUnavailable
from vectorstore.lexical import LexicalIndex
from vectorstore.stem_vectors import MEAN_LENGTH
from vectorstore.stems import WORD
from vectorstore.values import Hit, Scope

ARTICLES = {
    "bridge": ("Harbour bridge closes", "Harbour Post", "2025-10-01", "The harbour bridge closes in May for repairs."),
    "ferry": ("Ferry fares rise", "Harbour Post", "2025-10-09", "A ferry ticket to Port Ellery will cost nine crowns."),
    "mayor": ("Mayor Zelinsky resigns", "Hill Times", "2025-10-12", "Mayor Zelinsky resigned over the bridge repairs."),
    "quotas": ("Fishing quotas", "Hill Times", "", "Quotas for herring were cut, the harbour ministry said."),
}
EVERYTHING = Scope()
QUESTION = "When does the harbour bridge close?"


@pytest.fixture(scope="module")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningChroma]:
    with running_chroma(tmp_path_factory.mktemp("chroma")) as server:
        yield server


@pytest.fixture
def cloud(chroma: RunningChroma, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChromaCloud]:
    with gate(chroma, "key", kind=ChromaCloud) as standing:
        monkeypatch.setenv("SSL_CERT_FILE", str(standing.certificate))
        yield standing
        assert not standing.refused


@pytest.fixture
def place(cloud: ChromaCloud) -> ChromaServer:
    return ChromaServer(cloud.address, "key", lexical=True)


@pytest.fixture
def library(tmp_path: Path, place: ChromaServer, embedder: Embedder) -> Iterator[Library]:
    with library_in(tmp_path / "home", place, embedder) as opened:
        asyncio.run(opened.ingest([corpus(tmp_path)]))
        yield opened


def corpus(folder: Path) -> Path:
    texts = folder / "texts"
    texts.mkdir(exist_ok=True)
    for name, (title, source, published, text) in ARTICLES.items():
        head = [f"title: {title}", f"source: {source}"] + [f"date: {published}"] * bool(published)
        (texts / f"{name}.md").write_text("\n".join(["---", *head, "---", text, ""]), "utf-8")
    return texts


def find(library: Library, scope: Scope = EVERYTHING, question: str = QUESTION) -> list[Hit]:
    return HybridRetriever(library.storage, library.lexical(), scope, HitLimits(10, 3)).find(question)


def titles(hits: list[Hit]) -> list[str]:
    return [hit.chunk.title for hit in hits]


SCOPES = {
    "everything": Scope(),
    "an outlet": Scope(sources=("Hill Times",)),
    "since": Scope(since=datetime(2025, 10, 9, tzinfo=UTC)),
    "until": Scope(until=datetime(2025, 10, 9, tzinfo=UTC)),
    "all bounds": Scope(
        since=datetime(2025, 10, 2, tzinfo=UTC), until=datetime(2025, 11, 1, tzinfo=UTC), sources=("Harbour Post", "x")
    ),
    "nothing": Scope(libraries=("elsewhere",)),
}


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
def test_a_server_that_searches_words_finds_what_the_index_here_finds(library: Library, scope: Scope) -> None:
    ledger = library.storage.ledger
    here = LexicalIndex.build(ledger.revision, ledger.lexical_entries())
    ours = library.lexical().search(QUESTION, 10, scope)
    theirs = here.search(QUESTION, 10, scope)
    assert {match.chunk_id for match in ours} == {match.chunk_id for match in theirs}
    assert (
        titles(find(library, scope))[:1]
        == titles(HybridRetriever(library.storage, here, scope, HitLimits(10, 3)).find(QUESTION))[:1]
    )
    assert not (library.storage.folder / "lexical").exists()


def test_scores_are_those_of_the_index_here_where_texts_are_as_long_as_is_taken_for_usual(
    tmp_path: Path, place: ChromaServer, embedder: Embedder
) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    for (name, (title, *_, text)), words in zip(ARTICLES.items(), (80, 105, 125, 150), strict=True):
        more = words - len(WORD.findall(f"{title} {text}"))
        filled = f"{text} {' '.join(islice(cycle(('ships', 'came', 'and', 'went')), more))}."
        (texts / f"{name}.md").write_text(f"---\ntitle: {title}\n---\n{filled}\n", "utf-8")
    with library_in(tmp_path / "home", place, embedder) as library:
        asyncio.run(library.ingest([texts]))
        ledger = library.storage.ledger
        here = LexicalIndex.build(ledger.revision, ledger.lexical_entries())
        assert sum(part.words for part in here.parts) == here.texts * MEAN_LENGTH
        for question in (QUESTION, "herring quotas", "Zelinsky", "ships that came", "sesquipedalian"):
            ours, theirs = (index.search(question, 10, EVERYTHING) for index in (library.lexical(), here))
            assert [match.chunk_id for match in ours] == [match.chunk_id for match in theirs]
            assert [match.score for match in ours] == pytest.approx([match.score for match in theirs], abs=1e-5)


def test_a_scope_is_filtered_by_the_server(library: Library, cloud: ChromaCloud) -> None:
    find(library)
    find(library, SCOPES["all bounds"])
    everything, bounded = cloud.searches
    assert not everything.get("filter")
    assert len(bounded["filter"]["$and"]) == 4


def test_a_question_without_words_asks_nobody(library: Library, cloud: ChromaCloud) -> None:
    assert not library.lexical().search("?!", 10, Scope())
    assert not cloud.searches


def test_outlets_and_words_come_from_the_ledger(library: Library) -> None:
    index = library.lexical()
    assert index.sources == ["Harbour Post", "Hill Times"]
    assert index.knows("herring")
    assert index.knows("repaired")
    assert not index.knows("helicopter")
    assert respelled("Why did Zelinksy resign?", index, ["shared"]) == "Why did Zelinsky resign?"


def test_forgetting_takes_the_words_from_the_server_and_an_older_index_from_the_disk(
    library: Library, cloud: ChromaCloud
) -> None:
    older = library.storage.folder / "lexical"
    older.mkdir()
    (older / "segment").write_text("zelinsky")
    (mayor,) = (hit.chunk for hit in find(library, question="Zelinsky") if hit.chunk.title.startswith("Mayor"))
    assert library.lexical().knows("zelinsky")
    assert asyncio.run(library.forget("shared", mayor.article_id))
    assert not library.lexical().knows("zelinsky")
    assert all(mayor.id not in stored for stored in cloud.sparse.values())
    assert not older.exists()


def test_a_library_without_words_on_the_server_is_one_sentence_and_a_rebuild_puts_them_there(
    tmp_path: Path, place: ChromaServer, embedder: Embedder
) -> None:
    with library_in(tmp_path / "home", replace(place, lexical=False), embedder) as before:
        asyncio.run(before.ingest([corpus(tmp_path)]))
        expected = titles(find(before))
    with library_in(tmp_path / "home", place, embedder) as library:
        with pytest.raises(StoreMismatch) as failure:
            find(library)
        assert_one_sentence(failure.value, place.url, "dateline rebuild", "DATELINE_CHROMA_LEXICAL")
        assert asyncio.run(library.rebuild()) == len(ARTICLES)
        assert titles(find(library)) == expected


def test_words_are_stored_on_while_the_setting_is_off(
    library: Library, tmp_path: Path, place: ChromaServer, embedder: Embedder, cloud: ChromaCloud
) -> None:
    """Else the articles of that time could not be found by word once it is on again."""
    with library_in(tmp_path / "home", replace(place, lexical=False), embedder) as without:
        more = tmp_path / "more.md"
        more.write_text("---\ntitle: Lighthouse\n---\nThe lighthouse keeper retires.\n", "utf-8")
        asyncio.run(without.ingest([more]))
        cloud.searches.clear()
        assert "Lighthouse" in titles(find(without, question="lighthouse keeper"))
        assert not cloud.searches
    assert library.lexical().knows("lighthouse")


def test_a_checkup_finds_words_that_are_not_the_articles_and_makes_them_again(
    library: Library, cloud: ChromaCloud
) -> None:
    storage = library.storage
    assert not faults_of(storage).stale_vectors
    stored = next(iter(vectors for name, vectors in cloud.sparse.items() if name in cloud.indexed and vectors))
    for damage in ("another", "gone"):
        chunk_id = next(iter(stored))
        if damage == "another":
            stored[chunk_id] = {"#type": "sparse_vector", "indices": [7], "values": [1.0]}
        else:
            del stored[chunk_id]
        faults = faults_of(storage)
        assert len(faults.stale_vectors["shared"]) == 1
        repair(storage, faults)
        assert not faults_of(storage).stale_vectors
    assert titles(find(library))[0] == "Harbour bridge closes"


def test_a_backup_is_restored_onto_the_server_with_its_words(
    library: Library, tmp_path: Path, place: ChromaServer, embedder: Embedder
) -> None:
    file = tmp_path / "library.zip"
    write_backup(tmp_path / "home", file, server=place)
    restore_backup(file, tmp_path / "restored", replace=False, server=place)
    with library_in(tmp_path / "restored", place, embedder) as restored:
        assert restored.storage.store.name != library.storage.store.name
        assert titles(find(restored)) == titles(find(library))
        assert not faults_of(restored.storage).stale_vectors


# What may go wrong


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (429, "RateLimitError", "asked too often"),
        (500, "InternalError", "failed (HTTP 500: not now)"),
        (403, "AuthorizationError", "refused the token"),
        (502, "", "HTTP 502"),
    ],
)
def test_a_search_that_fails_is_one_sentence_and_the_next_one_answers(
    library: Library, cloud: ChromaCloud, status: int, kind: str, words: str
) -> None:
    cloud.failure = status, kind
    with pytest.raises(StoreUnavailable) as failure:
        find(library)
    assert_one_sentence(failure.value, cloud.address, words)
    cloud.failure = None
    assert titles(find(library))[0] == "Harbour bridge closes"


def test_a_server_that_searches_no_words_is_one_sentence(chroma: RunningChroma) -> None:
    """This is what the real `chroma run` says."""
    from vectorstore.vectors import VectorStore

    with pytest.raises(StoreUnavailable) as failure:
        VectorStore(replace(chroma.place, lexical=True)).count()
    assert_one_sentence(failure.value, chroma.place.url, "does not search by words", "unset DATELINE_CHROMA_LEXICAL")


def test_the_setting_reaches_the_server_and_wants_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATELINE_CHROMA_LEXICAL", "true")
    with pytest.raises(
        Exception, match="DATELINE_CHROMA_LEXICAL cannot be used: only a server can, set DATELINE_CHROMA_URL"
    ):
        load_settings(tmp_path / "none")
    monkeypatch.setenv("DATELINE_CHROMA_URL", "https://api.trychroma.com")
    settings: Settings = load_settings(tmp_path / "none")
    assert settings.chroma_server == ChromaServer("https://api.trychroma.com", lexical=True)
