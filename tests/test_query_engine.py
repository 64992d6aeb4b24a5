"""The engine as LlamaIndex's query engine: exact offsets, refusals, event loops, its own agents' tools and evaluators."""

import asyncio
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from llama_index.core.base.response.schema import Response
from llama_index.core.evaluation import FaithfulnessEvaluator
from llama_index.core.llms.mock import MockLLM
from llama_index.core.query_engine import BaseQueryEngine
from llama_index.core.tools import QueryEngineTool

from rag.errors import QuestionError
from rag.factory import open_engine, open_library
from rag.query_engine import DatelineQueryEngine, open_query_engine
from rag.settings import Settings
from tests.conftest import REPOSITORY, SEED_ID, SEEDS
from vectorstore.errors import StoreError
from vectorstore.values import Article, Scope

ANSWERED = "Will Hungary arrest Putin?"
REFUSED = "What is the capital of Australia?"


async def stored_article(settings: Settings) -> Article | None:
    """The seed article, stored first where the library is empty."""
    async with open_library(settings) as library:
        await library.ingest([SEEDS])
        return await library.article("shared", SEED_ID)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Article]:
    """A home with the seed article in it, and the article as stored."""
    settings = Settings(home=tmp_path_factory.mktemp("query-engine"))
    article = asyncio.run(stored_article(settings))
    assert article is not None
    return settings, article


@pytest.fixture(scope="module")
def query_engine(filled: tuple[Settings, Article]) -> Iterator[DatelineQueryEngine]:
    with open_query_engine(filled[0]) as opened:
        yield opened


def assert_quoted(response: object, article: Article) -> Response:
    """An answer whose source nodes are verbatim, where they say they are."""
    assert isinstance(response, Response)
    assert response.source_nodes
    for source in response.source_nodes:
        node = source.node
        assert node.get_content() == article.text[node.start_char_idx : node.end_char_idx]
        assert (node.ref_doc_id, node.metadata["title"]) == (article.id, article.title)
        assert source.score is not None
    return response


def test_source_nodes_are_the_stored_text_at_their_offsets(
    query_engine: BaseQueryEngine, filled: tuple[Settings, Article]
) -> None:
    response = assert_quoted(query_engine.query(ANSWERED), filled[1])
    assert "would not seek to arrest Putin" in str(response)
    assert response.metadata is not None
    assert response.metadata["refused"] is False
    numbers = {int(number) for number in re.findall(r"\[(\d+)\]", str(response))}
    assert numbers == {source.node.metadata["number"] for source in response.source_nodes}


def test_a_refusal_is_its_sentence_without_source_nodes(query_engine: BaseQueryEngine) -> None:
    response = query_engine.query(REFUSED)
    assert isinstance(response, Response)
    assert (response.response, response.source_nodes) == ("The articles do not say.", [])
    assert response.metadata is not None
    assert response.metadata["refused"] is True


def test_it_answers_within_a_running_loop_and_to_another_loop(
    query_engine: BaseQueryEngine, filled: tuple[Settings, Article]
) -> None:
    async def ask_both_ways() -> list[object]:
        return [query_engine.query(ANSWERED), *await asyncio.gather(*(query_engine.aquery(ANSWERED) for _ in range(3)))]

    for response in asyncio.run(ask_both_ways()):
        assert_quoted(response, filled[1])


def test_an_open_engine_answers_on_its_own_loop_and_other_threads(filled: tuple[Settings, Article]) -> None:
    settings, article = filled

    async def ask() -> None:
        async with open_engine(settings) as engine:
            opened = DatelineQueryEngine(engine, asyncio.get_running_loop())
            assert_quoted(await opened.aquery(ANSWERED), article)
            assert_quoted(await asyncio.to_thread(opened.query, ANSWERED), article)
            with pytest.raises(RuntimeError, match="await aquery"):
                opened.query(ANSWERED)

    asyncio.run(ask())


def test_a_scope_narrows_every_question(filled: tuple[Settings, Article]) -> None:
    with open_query_engine(filled[0], Scope(sources=("Nobody's Post",))) as opened:
        response = opened.query(ANSWERED)
    assert isinstance(response, Response)
    assert not response.source_nodes


def test_errors_are_the_engines_own(query_engine: BaseQueryEngine) -> None:
    with pytest.raises(QuestionError, match="holds no word"):
        query_engine.query("?!")
    with pytest.raises(QuestionError, match="holds no word"):
        asyncio.run(query_engine.aquery("?!"))


def test_what_cannot_be_opened_is_raised_and_leaves_no_thread(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    before = set(threading.enumerate())
    with pytest.raises(StoreError), open_query_engine(Settings(home=tmp_path / "file")):
        pass
    assert set(threading.enumerate()) <= before


def test_a_closed_query_engine_says_so(filled: tuple[Settings, Article]) -> None:
    with open_query_engine(filled[0]) as opened:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        opened.query(ANSWERED)


def test_agents_call_it_as_a_tool(query_engine: BaseQueryEngine, filled: tuple[Settings, Article]) -> None:
    tool = QueryEngineTool.from_defaults(query_engine, name="news", description="Answers from news articles.")
    called = tool.call(ANSWERED)
    assert "would not seek to arrest Putin" in called.content
    assert_quoted(called.raw_output, filled[1])
    assert_quoted(asyncio.run(tool.acall(ANSWERED)).raw_output, filled[1])


def test_its_own_evaluators_read_the_quotes(query_engine: BaseQueryEngine) -> None:
    """A model that repeats its prompt says "YES" as the prompt does: what matters is that the evaluator had contexts."""
    response = query_engine.query(ANSWERED)
    assert isinstance(response, Response)
    judged = FaithfulnessEvaluator(llm=MockLLM()).evaluate_response(ANSWERED, response)
    assert judged.contexts == [source.node.get_content() for source in response.source_nodes]
    assert judged.contexts[0] in str(judged.feedback)


@pytest.mark.slow
def test_the_documented_lines_run(filled: tuple[Settings, Article]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "llama_index.md").read_text("utf-8"), re.S)
    environment = os.environ | {"DATELINE_HOME": str(filled[0].home), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", example],
        capture_output=True,
        text=True,
        env=environment,
        cwd=filled[0].home,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    start, end, quote = done.stdout.splitlines()[0].split(" ", 2)
    assert filled[1].text[int(start) : int(end)] == quote
    assert "The articles do not say." in done.stdout
