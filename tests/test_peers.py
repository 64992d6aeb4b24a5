"""The comparison with other systems: its scripted server over a real socket, and the table made from what is shown."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from urllib.parse import urlsplit

import numpy as np
import pytest

from benchmarks.peer_adapters import Shown
from benchmarks.peers import measure, table
from benchmarks.scripted_server import ScriptedModel, Statement, serving
from rag.answering.prompt import answer_prompt
from rag.evaluation.cases import Case
from rag.models.minilm import MiniLM
from vectorstore.values import Chunk, Hit

BRIDGE = "The Lantern Bridge was closed on 4 March 2025 after inspectors found a crack 14 centimetres long in its main girder."
TRAFFIC = (
    "About 31,000 vehicles cross the harbour on the Lantern Bridge every day, the roads department said on Tuesday."
)
QUESTION = "Why was the Lantern Bridge closed?"
EXAMPLE = "Source 1:\nThe sky is red.\nQuery: When is water wet?\nBelow are several numbered sources of information:\n------\n"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, ScriptedModel]]:
    with serving() as running:
        yield running


def post(base_url: str, path: str, **body: object) -> str:
    """What the server answers."""
    address = urlsplit(base_url)
    with closing(HTTPConnection(address.netloc, timeout=10)) as connection:
        connection.request("POST", f"{address.path}/{path}", json.dumps(body))
        return connection.getresponse().read().decode()


def content(reply: str) -> str:
    return str(json.loads(reply)["choices"][0]["message"]["content"])


def dateline_prompt() -> str:
    chunk = Chunk("c", "a", "", 0, 0, len(BRIDGE), f"{BRIDGE} {TRAFFIC}", "Bridge shut", "Courier", "", None)
    return answer_prompt(QUESTION, [Hit(chunk, 1.0)], (), datetime(2025, 3, 5, tzinfo=UTC), 3_000).user


PROMPTS = {
    "dateline": (dateline_prompt(), "[1]."),
    "llama_index": (f"{EXAMPLE}Source 1:\n{BRIDGE} {TRAFFIC}\n\n------\nQuery: {QUESTION}\nAnswer: ", "[1]."),
    "paper_qa": (
        f"Context:\n\npqac-0123abcd: {BRIDGE} {TRAFFIC}\nFrom a\n\n---\n\nQuestion: {QUESTION}\n\n",
        "(pqac-0123abcd).",
    ),
}


def test_vectors_are_those_of_the_embedded_model(server: tuple[str, ScriptedModel]) -> None:
    served = json.loads(post(server[0], "embeddings", input=[BRIDGE, TRAFFIC], model="m"))["data"]
    assert np.allclose(served[1]["embedding"], MiniLM().embed_question(TRAFFIC))


@pytest.mark.parametrize("tool", PROMPTS)
def test_each_tool_gets_a_true_and_a_false_sentence_cited_as_it_asks(
    server: tuple[str, ScriptedModel], tool: str
) -> None:
    prompt, mark = PROMPTS[tool]
    before = len(server[1].said)
    answer = content(post(server[0], "chat/completions", messages=[{"role": "user", "content": prompt}]))
    first, second = server[1].said[before:]
    assert sorted([first.true, second.true]) == [False, True]
    assert answer.count(mark) == 2
    for said in (first, second):
        assert said.sentence.removesuffix(".") in answer
        assert said.true == (said.sentence in (BRIDGE, TRAFFIC))


def test_a_tool_that_is_to_search_and_cite_is_called_before_the_answer(server: tuple[str, ScriptedModel]) -> None:
    chunk = "01234567-89ab-cdef-0123-456789abcdef"
    messages: list[dict[str, object]] = [{"role": "user", "content": QUESTION}]
    called = []
    for result in (f'[{chunk}] [rank 1 of 1]\nSource: "Bridge"\nContent:\n{BRIDGE} {TRAFFIC}', "Registered."):
        reply = post(server[0], "chat/completions", messages=messages, tools=[{"type": "function"}])
        called.append(json.loads(reply)["choices"][0]["message"]["tool_calls"][0]["function"])
        messages.append({"role": "tool", "content": result})
    assert [json.loads(call["arguments"]) for call in called] == [{"query": QUESTION}, {"chunk_ids": [chunk]}]
    assert "Bridge" in content(post(server[0], "chat/completions", messages=messages, tools=[{"type": "function"}]))


def test_what_was_shown_is_held_against_articles_gold_and_what_the_model_said() -> None:
    case = Case("a", QUESTION, False, (("crack",),), ("bridge",), (BRIDGE,))
    said = [Statement(QUESTION, BRIDGE, "1", True), Statement(QUESTION, TRAFFIC.replace("31", "41"), "1", False)]
    shown: Shown = {"version": "1", "ingest": 2.0, "memory": 100.0, "answers": []}
    shown["answers"] = [{"id": "a", "seconds": 0.5, "text": f"{BRIDGE[:-1]} [1].", "citations": [("bridge", BRIDGE)]}]
    careful = measure(shown, [case], {"bridge": BRIDGE}, said, 1)
    assert (careful.verbatim, careful.gold, careful.true, careful.false) == ((1, 1), (1, 1), (1, 1), (0, 1))
    shown["answers"][0] |= {"text": said[1].sentence, "citations": [("bridge", TRAFFIC), ("none", TRAFFIC)]}
    shown["ingest"] = 3.0
    careless = measure(shown, [case], {"bridge": BRIDGE}, said, 3)
    assert (careless.verbatim, careless.gold, careless.true, careless.false) == ((0, 2), (0, 1), (0, 1), (1, 1))
    lines = table({"dateline": careful, "haiku_rag": careless}).splitlines()
    assert lines[2].startswith(
        "| Dateline, quoting | 1 | 1.00 (2 s) | 1.00 (0.5 s) | 1.00 (100 MB) | 1.0 | 1.000 (1 of 1) |"
    )
    assert lines[3].startswith("| haiku.rag | 1 | 1.50 | 1.00 | 1.00 | 3.0 | 0.000 (0 of 2) |")
