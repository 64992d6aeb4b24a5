"""The door to model servers, over a real socket: what a server can do wrong ends in one sentence."""

import asyncio
import email.utils
import re
import socket
import time

import pytest

from rag.errors import EmbedderError, ModelError, ModelRefused
from rag.models.complaints import wait_words
from rag.models.openai_client import CircuitBreaker, Finished, Limits, Message, ModelServer, ServerEmbedder, retry_after
from rag.models.server import Server
from tests.fakes.fake_model_server import (
    DONE,
    HANG_UP,
    USAGE,
    FakeModelServer,
    Reply,
    answer,
    embeddings,
    end,
    event,
    failure,
    piece,
    serving,
)

QUICK = Limits(connect=2.0, first_token=3.0, between_tokens=3.0, answer=8.0, retries=2)
PROMPT = [Message("system", "Answer."), Message("user", "Why?")]
SECRET = "sk-very-secret"


def server_at(standin: FakeModelServer, limits: Limits = QUICK) -> ModelServer:
    return ModelServer(Server("small", standin.base_url, SECRET), limits)


async def collect(server: ModelServer, answer_tokens: int = 50) -> tuple[str, Finished]:
    text, finished = "", None
    async for part in server.stream(PROMPT, answer_tokens):
        if isinstance(part, Finished):
            finished = part
        elif isinstance(part, str):
            text += part
    assert finished is not None
    return text, finished


def ask(*replies: Reply, limits: Limits = QUICK) -> tuple[str, Finished, FakeModelServer]:
    with serving(*replies) as standin:
        text, finished = asyncio.run(collect(server_at(standin, limits)))
        return text, finished, standin


def test_answer_streams_in_pieces_and_ends_with_its_usage() -> None:
    async def pieces(server: ModelServer) -> list[str | Finished]:
        return [part async for part in server.stream(PROMPT, 50)]

    with serving(answer("The bridge opened in May. [1]")) as standin:
        parts = asyncio.run(pieces(server_at(standin)))
    assert parts == ["The bridge opened ", "in May. [1]", Finished(True, 120, 30)]
    assert standin.requests[0]["model"] == "small"
    assert standin.requests[0]["max_tokens"] == 50
    assert standin.requests[0]["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("reply", "text", "finished"),
    [
        pytest.param(Reply((piece("Yes."), end(), DONE)), "Yes.", Finished(True), id="no usage"),
        pytest.param(Reply((piece("Yes."), end("length"), DONE)), "Yes.", Finished(False), id="token limit"),
        pytest.param(Reply((piece("Yes."), DONE)), "Yes.", Finished(False), id="no finish reason"),
        pytest.param(Reply((piece("Yes."), end(), 30.0)), "Yes.", Finished(True), id="left open after the end"),
        pytest.param(Reply((piece(None), piece("Yes."), end(), DONE)), "Yes.", Finished(True), id="content of None"),
        pytest.param(Reply((event(choices=[]), piece("Yes."), end())), "Yes.", Finished(True), id="empty choices"),
        pytest.param(Reply((event(choices=None), piece("Yes."), end())), "Yes.", Finished(True), id="no choices"),
        pytest.param(Reply((b": ping\n\n", piece("Yes."), end(), DONE)), "Yes.", Finished(True), id="comment line"),
        pytest.param(Reply((end(), DONE)), "", Finished(True), id="nothing written"),
        pytest.param(
            Reply((event(choices=[{"index": 0, "delta": {"tool_calls": []}, "finish_reason": "tool_calls"}]), DONE)),
            "",
            Finished(True),
            id="tool call instead of text",
        ),
    ],
)
def test_servers_may_differ(reply: Reply, text: str, finished: Finished) -> None:
    assert ask(reply)[:2] == (text, finished)


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        pytest.param(failure(401, f"Incorrect API key provided: {SECRET}"), "refused the key", id="wrong key"),
        pytest.param(failure(404, "The model 'small' does not exist"), "knows no model 'small'", id="unknown model"),
        pytest.param(failure(400, "model 'small' not found"), "DATELINE_MODEL", id="unknown model with status 400"),
        pytest.param(
            failure(400, "the request exceeds the available context size"),
            "CONTEXT_TOKENS",
            id="too long for llama.cpp",
        ),
        pytest.param(
            failure(400, "This model's maximum context length is 8192 tokens. However, max_tokens ..."),
            "CONTEXT_TOKENS",
            id="too long for vLLM",
        ),
        pytest.param(failure(400, "x", code="context_length_exceeded"), "CONTEXT_TOKENS", id="too long for OpenAI"),
        pytest.param(failure(400, "x", code="content_filter"), "content filter", id="content filter before"),
        pytest.param(Reply((piece("I "), end("content_filter"), DONE)), "content filter", id="content filter within"),
        pytest.param(Reply((piece("I "), end("SAFETY"), DONE)), "content filter", id="Gemini's filter"),
        pytest.param(
            Reply((b'[{"error": {"message": "The model is overloaded", "code": 503}}]',)),
            "overloaded",
            id="error in a list",
        ),
        pytest.param(
            Reply(
                (b'{"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": "out of GPUs"}}}',)
            ),
            "out of GPUs",
            id="what a provider says",
        ),
        pytest.param(
            Reply((b'data: {"type": "content_block_delta", "delta": {"text": "Yes."}}\n\n',)),
            "no answer",
            id="events of another API",
        ),
        pytest.param(failure(429, "x", code="insufficient_quota"), "out of credit", id="no credit"),
        pytest.param(failure(503, "down"), "status 503", id="down"),
        pytest.param(failure(413, "Request Entity Too Large"), "CONTEXT_TOKENS", id="too long for a proxy"),
        pytest.param(
            Reply((b"<!DOCTYPE html><title>Blocked</title>",), 403, (("Content-Type", "text/html"),)),
            "with a web page, as firewalls and proxies do",
            id="firewall",
        ),
        pytest.param(
            Reply((b'{"error": "busy"}',), 429, (("Content-Type", "application/json"), ("Retry-After", "7300"))),
            "try again in 2 hours",
            id="a long wait",
        ),
        pytest.param(
            Reply(
                (
                    event(
                        choices=[{"index": 0, "delta": {}, "error": {"message": "GPU lost"}, "finish_reason": "error"}]
                    ),
                )
            ),
            "GPU lost",
            id="error within a choice",
        ),
        pytest.param(failure(418, "teapot"), "did not take the request (", id="other refusal"),
        pytest.param(
            Reply((b"<html>It works!</html>",), headers=(("Content-Type", "text/html"),)), "/v1", id="web page"
        ),
        pytest.param(Reply((piece("I "), b"data: {garbage\n\n", DONE)), "no answer", id="garbage JSON"),
        pytest.param(Reply((b"data: 5\n\n", DONE)), "no answer", id="JSON of another shape"),
        pytest.param(Reply((b"data: \xff\xfe\n\n", DONE)), "no answer", id="no text at all"),
        pytest.param(Reply(()), "no answer", id="empty stream"),
        pytest.param(Reply((piece("I "), HANG_UP)), "hung up", id="cut off mid-stream"),
        pytest.param(
            Reply((piece("I "), b'data: {"error": {"message": "GPU\\u0007 lost", "code": 500}}\n\n')),
            "GPU lost",
            id="error inside a 200 stream",
        ),
    ],
)
def test_failure_is_told_in_one_sentence_without_the_key(reply: Reply, sentence: str) -> None:
    with serving(reply) as standin, pytest.raises(ModelError) as raised:
        asyncio.run(collect(server_at(standin, Limits(2.0, 5.0, 5.0, 5.0, retries=0))))
    message = str(raised.value)
    assert sentence in message
    assert "\n" not in message
    assert SECRET not in message
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("key", ["x", "none", "model"])
def test_a_key_that_is_no_secret_leaves_the_servers_words_alone(key: str) -> None:
    with serving(failure(400, "The model none exceeds its context.")) as standin:
        server = ModelServer(Server("small", standin.base_url, key), Limits(5.0, 5.0, 5.0, 5.0, retries=0))
        with pytest.raises(ModelError) as raised:
            asyncio.run(collect(server))
    assert "The model none exceeds its context." in str(raised.value)


@pytest.mark.parametrize(
    ("reply", "setting"),
    [
        pytest.param(Reply((2.0, piece("I"))), "FIRST_TOKEN", id="slow to begin"),
        pytest.param(Reply((piece(""), 2.0, piece("I"))), "FIRST_TOKEN", id="role but no word"),
        pytest.param(Reply((piece("I"), 2.0, piece("I"))), "BETWEEN_TOKENS", id="silent in the middle"),
        pytest.param(Reply((piece("I"), *(0.1, piece("I")) * 30)), "ANSWER", id="never ends"),
    ],
)
def test_each_wait_is_bounded_by_its_own_setting(reply: Reply, setting: str) -> None:
    limits = Limits(2.0, first_token=0.4, between_tokens=0.4, answer=1.2, retries=0)
    began = time.monotonic()
    with serving(reply) as standin, pytest.raises(ModelError, match=f"DATELINE_MODEL_{setting}_SECONDS"):
        asyncio.run(collect(server_at(standin, limits)))
    assert time.monotonic() - began < 5


def test_connection_refused_is_told_in_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://name:password@127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(ModelError, match="cannot be reached") as raised:
            asyncio.run(collect(ModelServer(Server("small", address, ""), Limits(retries=0))))
    assert "password" not in str(raised.value)


def test_too_many_requests_is_tried_again_after_what_the_server_says() -> None:
    text, _, standin = ask(failure(429, "slow down", (("Retry-After", "0.3"),)), answer("Yes."), limits=Limits(2.0))
    assert text == "Yes."
    assert standin.moments[1] - standin.moments[0] >= 0.3


def test_tries_are_bounded() -> None:
    with serving(failure(500, "down", (("Retry-After-Ms", "10"),))) as standin, pytest.raises(ModelError):
        asyncio.run(collect(server_at(standin, Limits(retries=2))))
    assert len(standin.requests) == 3


def test_a_refused_key_is_not_tried_again() -> None:
    with serving(failure(401, "no")) as standin, pytest.raises(ModelError):
        asyncio.run(collect(server_at(standin)))
    assert len(standin.requests) == 1


def test_parameters_that_a_server_refuses_are_left_out_from_then_on() -> None:
    async def twice(server: ModelServer) -> str:
        return (await collect(server))[0] + (await collect(server))[0]

    replies = (
        failure(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        failure(400, "Unsupported value: 'temperature' does not support 0."),
        failure(422, "stream_options: extra fields not permitted"),
        answer("Yes."),
    )
    with serving(*replies) as standin:
        assert asyncio.run(twice(server_at(standin))) == "Yes.Yes."
    assert len(standin.requests) == 5
    assert standin.requests[-1]["max_completion_tokens"] == 50
    assert not {"max_tokens", "temperature", "stream_options"} & set(standin.requests[-1])


@pytest.mark.parametrize(
    "refusal",
    [
        failure(400, "Unsupported value: 'messages[0].role' does not support 'system' with this model."),
        failure(400, "Conversation roles must alternate user/assistant/user/assistant/..."),
        failure(400, "Developer instruction is not enabled for models/gemma-3-27b-it"),
        failure(422, "Input tag 'system' found using 'role' does not match any of the expected tags"),
        failure(500, "Error rendering prompt with jinja template: System role not supported"),
        Reply((b'event: error\ndata: {"error": {"message": "System role not supported"}}\n\n',)),
        Reply((b'{"error": "system messages are not supported"}',)),
    ],
)
def test_server_without_a_system_role_gets_its_text_with_the_question_from_then_on(refusal: Reply) -> None:
    async def twice(server: ModelServer) -> str:
        return (await collect(server))[0] + (await collect(server))[0]

    with serving(refusal, answer("Yes.")) as standin:
        assert asyncio.run(twice(server_at(standin))) == "Yes.Yes."
    assert len(standin.requests) == 3
    assert standin.requests[0]["messages"] == [
        {"role": "system", "content": "Answer."},
        {"role": "user", "content": "Why?"},
    ]
    for request in standin.requests[1:]:
        assert request["messages"] == [{"role": "user", "content": "Answer.\n\nWhy?"}]


def test_server_that_takes_neither_role_is_asked_twice_and_no_more() -> None:
    with serving(failure(400, "unknown role")) as standin, pytest.raises(ModelError, match="unknown role"):
        asyncio.run(collect(server_at(standin)))
    assert len(standin.requests) == 2


def test_server_that_does_not_stream_is_asked_for_a_whole_answer() -> None:
    body = b'{"choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]}'
    refusal = failure(400, "Your organization must be verified to stream this model.", param="stream")
    text, finished, standin = ask(refusal, Reply((body,), headers=(("Content-Type", "application/json"),)))
    assert (text, finished) == ("Yes.", Finished(True))
    assert standin.requests[1]["stream"] is False
    assert "stream_options" not in standin.requests[1]


def test_model_that_may_not_write_so_much_is_no_refused_parameter() -> None:
    refusal = failure(400, "max_tokens is too large: 50. This model supports at most 40 completion tokens.")
    with serving(refusal) as standin, pytest.raises(ModelError, match="lower DATELINE_MODEL_ANSWER_TOKENS"):
        asyncio.run(collect(server_at(standin)))
    assert len(standin.requests) == 1


def test_refusal_in_a_field_of_its_own_is_told() -> None:
    refusal = event(choices=[{"index": 0, "delta": {"refusal": "I can't help with that."}, "finish_reason": None}])
    with serving(Reply((refusal, end(), DONE))) as standin, pytest.raises(ModelRefused, match="I can't help with that"):
        asyncio.run(collect(server_at(standin)))


def told(limits: Limits, *replies: Reply) -> tuple[list[str], str, FakeModelServer]:
    """What is said while one waits, and the answer or the failure after it."""
    sentences: list[str] = []
    with serving(*replies) as standin:
        server = ModelServer(Server("small", standin.base_url, SECRET), limits, sentences.append)
        try:
            text = asyncio.run(collect(server))[0]
        except ModelError as error:
            text = str(error)
    return sentences, text, standin


def test_wait_that_a_server_asks_for_is_said_with_its_seconds() -> None:
    sentences, text, _ = told(Limits(2.0), failure(429, "slow down", (("Retry-After", "1"),)), answer("Yes."))
    assert text == "Yes."
    assert len(sentences) == 1
    assert sentences[0].endswith("gets too many requests (slow down): it is asked again in 1 s.")


def test_wait_that_is_longer_than_the_limit_is_not_begun() -> None:
    began = time.monotonic()
    sentences, text, standin = told(Limits(2.0), failure(429, "slow down", (("Retry-After", "90"),)))
    assert time.monotonic() - began < 5
    assert (sentences, len(standin.requests)) == ([], 1)
    assert text.endswith("try again in 90 s.")


def test_date_that_a_server_names_is_a_wait() -> None:
    moment = email.utils.formatdate(1_000_030, usegmt=True)
    assert retry_after({"retry-after": moment}, 1_000_000) == 30
    assert retry_after({"retry-after": moment}, 1_000_040) is None
    assert retry_after({"retry-after-ms": "1500", "retry-after": "9"}, 0) == 1.5
    assert retry_after({"retry-after": "soon"}, 0) is None


def test_silent_and_thinking_servers_are_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.models.waiting.FIRST_WORD_SECONDS", 0.3)
    thought = event(choices=[{"index": 0, "delta": {"reasoning_content": "hm"}, "finish_reason": None}])
    slow = Reply((0.8, *(0.1, thought) * 8, piece("Yes. "), 0.7, piece("No."), end(), DONE))
    sentences, text, _ = told(Limits(2.0, 30.0, 20.0), slow)
    assert text == "Yes. No."
    assert re.fullmatch(r"The model server \S+ has said nothing for \d s: waiting up to 30 s\.", sentences[0])
    assert any(re.fullmatch(r"small has been thinking for \d s\.", said) for said in sentences)
    assert sentences[-1].endswith("waiting up to 20 s.")


def test_nothing_is_said_of_a_server_that_answers() -> None:
    assert told(QUICK, answer("Yes."))[0] == []


def test_hanging_up_closes_the_stream() -> None:
    async def first_piece(server: ModelServer) -> str | Finished:
        stream = server.stream(PROMPT, 50)
        first = await anext(stream)
        await stream.aclose()
        return first

    with serving(Reply((piece("I "), *(0.02, piece("talk ")) * 200))) as standin:
        assert asyncio.run(first_piece(server_at(standin))) == "I "
        assert standin.hung_up_on.wait(3)


def test_cancelling_closes_the_stream() -> None:
    async def cancelled(server: ModelServer) -> None:
        task = asyncio.create_task(collect(server))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with serving(Reply((piece("I "), *(0.02, piece("talk ")) * 200))) as standin:
        asyncio.run(cancelled(server_at(standin)))
        assert standin.hung_up_on.wait(3)


def test_ten_megabyte_answer_is_read_no_further_than_asked() -> None:
    with serving(Reply((piece("word " * 2_000),) * 1_000)) as standin:
        text = asyncio.run(server_at(standin).text(PROMPT, 50, most_characters=400))
        assert len(text) == 400
        assert standin.hung_up_on.wait(5)


def test_server_that_keeps_failing_is_left_alone_for_a_while() -> None:
    async def asked(server: ModelServer, times: int) -> list[str]:
        sentences = []
        for _ in range(times):
            with pytest.raises(ModelError) as raised:
                await collect(server)
            sentences.append(str(raised.value))
        return sentences

    with serving(failure(500, "down")) as standin:
        sentences = asyncio.run(asked(server_at(standin, Limits(retries=0)), 5))
    assert len(standin.requests) == 3
    assert "asked again in 30 s" in sentences[-1]


def test_refusals_do_not_open_the_circuit() -> None:
    async def asked(server: ModelServer) -> None:
        for _ in range(5):
            with pytest.raises(ModelError):
                await collect(server)

    with serving(failure(404, "no such model")) as standin:
        asyncio.run(asked(server_at(standin)))
    assert len(standin.requests) == 5


def test_open_circuit_lets_one_call_try_and_closes_when_it_works() -> None:
    breaker = CircuitBreaker(failures_to_open=2, open_seconds=10)
    breaker.failed(0)
    assert breaker.seconds_to_wait(1) == 0
    breaker.failed(1)
    assert breaker.seconds_to_wait(5) == 6
    assert breaker.seconds_to_wait(11) == 0
    assert breaker.seconds_to_wait(12) == 9
    breaker.succeeded()
    assert breaker.seconds_to_wait(12) == 0


def test_openai_without_a_key_is_refused_before_the_first_question() -> None:
    with pytest.raises(ModelError, match="OPENAI_API_KEY"):
        ModelServer(Server("gpt", "", ""), QUICK)


def embedder_at(standin: FakeModelServer) -> ServerEmbedder:
    server = Server("e5", standin.base_url, "", "embedding", "DATELINE_EMBEDDER_MODEL", "DATELINE_EMBEDDER_BASE_URL")
    return ServerEmbedder(server, Limits(retries=0))


def test_embeddings_come_in_the_order_of_the_texts() -> None:
    with serving(embeddings([[1.0, 0.0], [0.0, 1.0]])) as standin:
        assert embedder_at(standin).embed(["a", "b"]) == [[1.0, 0.0], [0.0, 1.0]]
    assert standin.requests[0]["encoding_format"] == "float"


def test_embeddings_go_in_batches() -> None:
    with serving(embeddings([[1.0]] * 64), embeddings([[2.0]] * 6)) as standin:
        assert embedder_at(standin).embed(["a"] * 70) == [[1.0]] * 64 + [[2.0]] * 6
    assert len(standin.requests) == 2


def test_no_texts_ask_nothing() -> None:
    with serving(failure(500, "never asked")) as standin:
        assert embedder_at(standin).embed([]) == []
    assert not standin.requests


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        pytest.param(failure(404, "no"), "DATELINE_EMBEDDER_MODEL", id="unknown model"),
        pytest.param(embeddings([[1.0]]), "no answer", id="too few vectors"),
        pytest.param(embeddings([[1.0], []]), "no answer", id="empty vector"),
        pytest.param(embeddings([[1.0], [float("nan")]]), "no answer", id="not a number"),
        pytest.param(embeddings([[1.0], [1.0, 2.0]]), "different lengths", id="different lengths"),
        pytest.param(Reply((b"<html>",), 200, (("Content-Type", "text/html"),)), "no answer", id="web page"),
    ],
)
def test_embedding_server_that_fails_is_told_in_one_sentence(reply: Reply, sentence: str) -> None:
    with serving(reply) as standin, pytest.raises(EmbedderError, match=sentence):
        embedder_at(standin).embed(["a", "b"])


def test_embedding_server_that_lets_one_wait_is_said_to_do_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.models.waiting.FIRST_WORD_SECONDS", 0.3)
    sentences: list[str] = []
    busy = failure(429, "slow down", (("Retry-After", "1"),))
    with serving(busy, Reply((0.8, *embeddings([[1.0]]).steps), 200, embeddings([]).headers)) as standin:
        server = Server("e5", standin.base_url, "", "embedding model")
        assert ServerEmbedder(server, Limits(retries=1), sentences.append).embed(["a"]) == [[1.0]]
    assert sentences[0].endswith("gets too many requests (slow down): it is asked again in 1 s.")
    assert "has said nothing for" in sentences[1]


def test_usage_frame_is_no_text() -> None:
    assert ask(Reply((USAGE, piece("Yes."), end(), DONE)))[0] == "Yes."


@pytest.mark.parametrize(("seconds", "words"), [(8.5, "8 s"), (180, "3 minutes"), (1e9, "a while"), (1e20, "a while")])
def test_a_wait_that_nobody_will_wait_for_has_no_number(seconds: float, words: str) -> None:
    assert wait_words(seconds) == words
