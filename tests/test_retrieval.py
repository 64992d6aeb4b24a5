"""Step 2 on real parts: fusion, several articles heard, any LlamaIndex postprocessor as reranker."""

import asyncio
import json
from pathlib import Path

import pytest
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle

from rag.answer import Answer
from rag.errors import EmbedderError, SettingsError
from rag.factory import open_engine, open_reranker
from rag.library import Library
from rag.question import StandaloneQuestion
from rag.retrieval import WINNER_PLACE, HitLimits, HybridRetriever, fuse, spread, with_winner_early
from rag.settings import Settings
from tests.conftest import SEEDS
from vectorstore.values import Chunk, Hit, Scope


class ShortestFirst(BaseNodePostprocessor):
    """A reranker that nobody could mistake for relevance."""

    keep: int = 2

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        assert query_bundle is not None
        return sorted(nodes, key=lambda node: len(node.node.get_content()))[: self.keep]


def retriever(library: Library, limit: int = 10, per_article: int = 3) -> HybridRetriever:
    return HybridRetriever(library.storage, library.lexical(), Scope(), HitLimits(limit, per_article))


def test_it_is_a_llama_index_retriever(library: Library) -> None:
    asyncio.run(library.ingest([SEEDS]))
    made: BaseRetriever = retriever(library)
    nodes = made.retrieve("Who is the Kremlin spokesman?")
    assert "Peskov" in " ".join(node.node.get_content() for node in nodes)
    assert nodes[0].metadata["published"].startswith("2025-10-17")


def test_few_hits_of_one_article_so_that_others_are_heard(library: Library, tmp_path: Path) -> None:
    long = " ".join(f"The harbour bridge of Port Ellery was closed for the {n}th time that year." for n in range(60))
    lines = [{"id": "long", "text": long}, {"id": "short", "text": "The bridge is open again."}]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    asyncio.run(library.ingest([tmp_path / "c.jsonl"]))
    hits = retriever(library, per_article=2).find("Was the harbour bridge of Port Ellery closed?")
    articles = [hit.chunk.article_id for hit in hits]
    assert articles.count("long") == 2
    assert "short" in articles


def test_fusion_adds_reciprocal_ranks() -> None:
    fused = fuse([{"a": 1, "b": 2}, {"b": 1}])
    assert fused["a"] == pytest.approx(1 / 11)
    assert fused["b"] == pytest.approx(1 / 12 + 1 / 11)


def test_of_a_long_article_of_like_sentences_the_one_with_the_number_asked_for_is_found(tmp_path: Path) -> None:
    told = " ".join(f"Witness {n} said that the barn at Hof {n} burned on day {n}." for n in range(600))
    (tmp_path / "line.txt").write_text(f" date 2025-09-15 \n{told}\n", "utf-8")

    def quotes(answer: Answer) -> list[str]:
        """What is quoted; of 600 like sentences the reader is not always sure, and then it is the closest passage."""
        closest = answer.refusal.closest if answer.refusal else None
        return [one.quote for one in answer.citations or ([closest] if closest else [])]

    async def ask() -> list[list[str]]:
        async with open_engine(Settings(home=tmp_path / "home")) as engine:
            await engine.library.ingest([tmp_path / "line.txt"])
            asked = ("When did the barn at Hof 412 burn?", "Who said that the barn at Hof 3 burned?")
            return [quotes(await engine.ask(question)) for question in asked]

    assert asyncio.run(ask()) == [
        ["Witness 412 said that the barn at Hof 412 burned on day 412."],
        ["Witness 3 said that the barn at Hof 3 burned on day 3."],
    ]


def test_spread_keeps_the_order_and_the_limits() -> None:
    chunks = [Chunk(str(n), f"article {n % 2}", "shared", n, 0, 1, "x", "", "", "", None) for n in range(10)]
    kept = spread([Hit(chunk, 1.0) for chunk in chunks], HitLimits(3, 2))
    assert [hit.chunk.id for hit in kept] == ["0", "1", "2"]


def test_of_many_passages_that_are_alike_the_one_with_the_number_asked_for_is_read(
    library: Library, tmp_path: Path
) -> None:
    streets = ("Rope Street", "Herring Quay", "Mill Lane", "Station Road")
    lines = [
        {
            "id": f"d{number}",
            "title": f"Depot {number}",
            "text": f"Depot {number} in Zell lies in {streets[number % 4]}. It holds {10 + number % 70} buses.",
        }
        for number in range(14_000, 14_960, 12)
    ]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    asyncio.run(library.ingest([tmp_path / "c.jsonl"]))
    search = retriever(library)
    for line in lines[::8]:
        hits = search.find(f"How many buses does {line['title'].lower()} hold?")
        assert str(line["id"]) in [hit.chunk.article_id.split("#")[-1] for hit in hits[: WINNER_PLACE + 1]]


def test_a_winner_by_words_is_moved_only_where_it_is_clear() -> None:
    def hits(*scores: float) -> list[Hit]:
        chunks = [Chunk(str(n), f"a{n}", "shared", 0, 0, 1, f"text {n}", "", "", "", None) for n in range(len(scores))]
        return [Hit(chunk, 1.0, lexical_score=score) for chunk, score in zip(chunks, scores, strict=True)]

    def order(*scores: float) -> str:
        found = hits(*scores)
        groups = {hit.chunk.id: hit.chunk.id for hit in found}
        return "".join(hit.chunk.id for hit in with_winner_early(found, groups))

    assert order(1, 1, 0, 0, 0, 3) == "012534"
    assert order(1, 2.5, 0, 0, 0, 3) == "012345"
    assert order(1, 3, 0, 0, 0, 1) == "012345"
    assert order(0, 0, 0, 0, 0, 0) == "012345"
    assert order() == ""


def test_the_same_words_in_the_title_are_found(library: Library, tmp_path: Path) -> None:
    lines = [
        {"id": "a", "title": "Zeppelin over Varnhaven", "text": "It landed at noon."},
        {"id": "b", "text": "It rained."},
    ]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    asyncio.run(library.ingest([tmp_path / "c.jsonl"]))
    assert retriever(library).find("zeppelin")[0].chunk.article_id == "a"


def test_a_reranker_named_by_its_dotted_path_decides(settings: Settings) -> None:
    named = settings.model_copy(
        update={"reranker_class": "tests.test_retrieval.ShortestFirst", "reranker_options": {"keep": 1}}
    )

    async def hits() -> tuple[Hit, ...]:
        async with open_engine(named) as engine:
            await engine.library.ingest([SEEDS])
            return engine.retrieve(StandaloneQuestion("Will Hungary arrest Putin?", Scope()))[1]

    (only,) = asyncio.run(hits())
    lengths = [len(chunk.text) for chunk in all_chunks(settings)]
    assert len(only.chunk.text) == min(lengths)


class Unreachable(BaseNodePostprocessor):
    """A reranker whose server is down."""

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        raise ConnectionError("connection refused")


def test_a_reranker_that_fails_is_named_in_one_sentence(settings: Settings) -> None:
    named = settings.model_copy(update={"reranker_class": "tests.test_retrieval.Unreachable"})

    async def ask() -> None:
        async with open_engine(named) as engine:
            await engine.library.ingest([SEEDS])
            await engine.ask("Will Hungary arrest Putin?")

    with pytest.raises(
        EmbedderError, match=r"^The reranker Unreachable failed \(connection refused\): check DATELINE_"
    ):
        asyncio.run(ask())


def all_chunks(settings: Settings) -> list[Chunk]:
    """Every chunk stored in that home."""
    from vectorstore.database import open_database
    from vectorstore.ledger import Ledger

    database = open_database(settings.ledger_url)
    ledger = Ledger(database)
    chunks = [one.chunk for one in ledger.chunks_by_id([e.chunk_id for e in ledger.lexical_entries()]).values()]
    database.dispose()
    return chunks


@pytest.mark.parametrize("path", ["nowhere.At.All", "collections.OrderedDict"])
def test_a_reranker_that_is_none_is_refused_by_name(path: str) -> None:
    with pytest.raises(SettingsError, match="DATELINE_RERANKER_CLASS"):
        open_reranker(Settings(reranker_class=path))


STORY = (
    "The ferry Alma ran aground near Sund on Friday evening, the coast guard said. {count} passengers were hurt when the ship "
    "hit the rocks. Captain Ruth Berg had sent out a call for help. Boats from three villages came within the hour."
)


@pytest.mark.parametrize(
    ("second", "hits"),
    [
        pytest.param(STORY.format(count=14), 1, id="the same"),
        pytest.param(STORY.format(count=14) + " The rescue cost 3 million crowns.", 1, id="with one number more"),
        pytest.param(STORY.format(count=19), 2, id="with another number"),
    ],
)
def test_a_copy_with_another_number_is_heard_too(library: Library, tmp_path: Path, second: str, hits: int) -> None:
    lines = [{"id": "first", "text": STORY.format(count=14)}, {"id": "second", "text": second}]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    asyncio.run(library.ingest([tmp_path / "c.jsonl"]))
    found = retriever(library).find("How many passengers were hurt?")
    assert len(found) == hits
    assert sum(len(hit.copies) for hit in found) == 2 - hits
