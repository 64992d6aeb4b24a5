"""Addresses, keys and proxies that cannot be right: one sentence that names the setting, before any question waits."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from rag.errors import ModelError, SettingsError
from rag.models.openai_client import Limits, Message, ModelServer, ServerEmbedder
from rag.models.server import Server
from tests.fakes.fake_model_server import Reply, answer, failure, serving
from tests.test_ask_command import run

LIMITS = Limits(2.0, 2.0, 2.0, 5.0, retries=0)
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def text_of(server: Server) -> str:
    return asyncio.run(ModelServer(server, LIMITS).text([Message("user", "Why?")], 50, 1_000))


def failure_of(base_url: str, key: str = "") -> str:
    with pytest.raises((ModelError, SettingsError)) as raised:
        text_of(Server("small", base_url, key))
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("base_url", "problem"),
    [
        ("http://127.0.0.1:99999/v1", "no port"),
        ("http://127.0.0.1:0/v1", "no port"),
        ("http://127.0.0.1:abc/v1", "no port"),
        ("http://my host/v1", "blank"),
        ("http://127.0.0.1:9/v1\r\n", "line end"),
        ("localhost:11434/v1", "begin with http://"),
        ("127.0.0.1:8080", "begin with http://"),
        ("ftp://host/v1", "begin with http://"),
        ("http:///v1", "begin with http://"),
        ("http:/host/v1", "begin with http://"),
        ("http://[::1/v1", "no address"),
        ("http://999.1.1.1/v1", "no host"),
        ("http://-host-/v1", "no host"),
        ("http://a..b/v1", "no host"),
        (f"http://{'a' * 64}.example/v1", "no host"),
        ("http://host\\v1", "backslash"),
        ("http://127.0.0.1:9/v1/chat/completions", "set it to http://127.0.0.1:9/v1."),
    ],
)
def test_base_url_that_is_no_address_names_its_setting(base_url: str, problem: str) -> None:
    said = failure_of(base_url)
    assert said.startswith("OPENAI_BASE_URL")
    assert problem in said


def test_password_in_a_base_url_is_not_shown() -> None:
    assert "secret" not in failure_of("http://name:secret@host:99999/v1")


@pytest.mark.parametrize(
    "key",
    ["sk-a b", "sk-a\n", "sk-a\r\n", " sk-a", "Bearer sk-a", "sk-\u00e4", "\u201csk-a\u201d", "sk-a\u200b", '"sk-a"'],
)
def test_key_that_is_none_names_its_setting_and_is_not_shown(key: str) -> None:
    said = failure_of("http://127.0.0.1:9/v1", key)
    assert said.startswith("OPENAI_API_KEY has a ")
    assert "sk-" not in said


def test_model_with_a_line_end_in_its_name_names_its_setting() -> None:
    with pytest.raises(SettingsError, match=r"DATELINE_MODEL has a blank .* set it to 'small' alone"):
        ModelServer(Server("small\r", "http://127.0.0.1:9/v1", ""), LIMITS)


def test_embedding_server_names_its_own_setting() -> None:
    server = Server(
        "e5", "http://127.0.0.1:99999", "", "embedding model", "DATELINE_EMBEDDER_MODEL", "DATELINE_EMBEDDER_BASE_URL"
    )
    with pytest.raises(SettingsError, match="DATELINE_EMBEDDER_BASE_URL"):
        ServerEmbedder(server, LIMITS)


@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy", "HTTP_PROXY"])
@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("socks5://127.0.0.1:1080", "pip install socksio"),
        ("socks5h://name:secret@127.0.0.1:1080", "pip install socksio"),
        ("socks4://127.0.0.1:1080", "no proxy that can be used"),
        ("http://127.0.0.1:99999", "no port"),
    ],
)
def test_proxy_that_cannot_be_used_names_its_variable(
    variable: str, url: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv(variable, url)
    said = failure_of("http://127.0.0.1:9/v1")
    assert said.startswith(f"{variable}=")
    assert problem in said
    assert "NO_PROXY" in said
    assert "secret" not in said


def test_proxy_that_is_not_there_is_told_from_a_server_that_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://name:secret@127.0.0.1:{free_port()}")
    with serving(answer("Yes.")) as standin:
        said = failure_of(standin.base_url)
        assert said.startswith("The proxy HTTP_PROXY=http://127.0.0.1:")
        assert "secret" not in said
        assert standin.requests == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "socks5://127.0.0.1:9", "socks4://127.0.0.1:9"])
def test_server_that_is_excepted_from_the_proxy_is_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(answer("Yes.")) as standin:
        assert text_of(Server("small", standin.base_url, "")) == "Yes."


def test_nearer_proxy_is_used_even_where_the_other_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with serving(answer("Yes.")) as standin:
        # What it is asked for has another host in it; the proxy answers in its place.
        monkeypatch.setenv("HTTP_PROXY", standin.base_url.removesuffix("/v1"))
        assert text_of(Server("small", "http://elsewhere.test/v1", "")) == "Yes."


def test_proxy_that_wants_a_password_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(failure(407, "Proxy Authentication Required")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.base_url.removesuffix("/v1"))
        assert "wants a name and a password" in failure_of("http://elsewhere.test/v1")


def test_host_that_nobody_knows_is_told_from_a_server_that_is_down() -> None:
    assert "no host of that name" in failure_of("http://nobody.invalid/v1")
    assert "start it" in failure_of(f"http://127.0.0.1:{free_port()}/v1")


def test_server_that_speaks_no_https_says_so() -> None:
    with serving(answer("Yes.")) as standin:
        assert "does not speak https" in failure_of(standin.base_url.replace("http://", "https://"))


@contextmanager
def only_below_v1() -> Iterator[str]:
    """A server whose API is below /v1, as most are."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_missing_v1_is_named() -> None:
    with only_below_v1() as address:
        said = failure_of(address)
        assert f"set OPENAI_BASE_URL to {address}/v1" in said
        assert "DATELINE_MODEL" not in said


SAID = {
    "Ollama": (failure(404, 'model "llama3.2" not found, try pulling it first'), "try pulling it first"),
    "LM Studio": (failure(404, "No models loaded. Please load a model.", code="model_not_found"), "No models loaded"),
    "llama.cpp": (failure(503, "Loading model"), "still loading its model (Loading model)"),
    "FastAPI": (Reply((b'{"detail": "Model not allowed"}',), 400), "did not take 'small' (Model not allowed)"),
    "a list": (Reply((b'{"detail": [{"loc": ["body", "n"], "msg": "Bad value"}]}',), 400), "(n: Bad value)"),
    "a string": (Reply((b'{"error": "runner has terminated"}',), 500), "status 500 (runner has terminated)"),
    "within 200": (Reply((b'{"error": "Unexpected endpoint or method."}',)), "no such path (Unexpected endpoint"),
    "event": (Reply((b'event: error\ndata: {"error": {"message": "out of memory"}}\n\n',)), "(out of memory)"),
    "field": (Reply((b'error: {"code": 500, "message": "out of memory"}\n\n',)), "status 500 (out of memory)"),
    "a bad key as 400": (failure(400, "API key not valid. Please pass a valid API key."), "refused the key"),
    "hostile": (failure(500, "a\u001b[31mb\u202e\r\n\u0007c" + "x" * 999), "(a[31mb cx"),
}  # fmt: skip


@pytest.mark.parametrize(("reply", "words"), SAID.values(), ids=SAID)
def test_what_a_server_says_reaches_the_reader_on_one_safe_line(reply: Reply, words: str) -> None:
    with serving(reply) as standin:
        said = failure_of(standin.base_url)
    assert words in said
    assert said.isprintable()
    assert len(said) < 450


def test_key_that_a_server_repeats_is_not_shown() -> None:
    with serving(failure(400, "Bad model for key topsecret99 and sk-other-1234")) as standin:
        said = failure_of(standin.base_url, "topsecret99")
    assert "topsecret" not in said
    assert "other-1234" not in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"OPENAI_BASE_URL": "http://127.0.0.1:99999/v1"}, "OPENAI_BASE_URL=http://127.0.0.1:99999/v1 names no port"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "sk a\n"}, "OPENAI_API_KEY has a blank"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "ALL_PROXY": "socks4://127.0.0.1:9"}, "ALL_PROXY=socks4://"),
        ({"OPENAI_BASE_URL": "https://127.0.0.1:9/v1", "SSL_CERT_FILE": "/nowhere/ca.pem"},
         "SSL_CERT_FILE=/nowhere/ca.pem cannot be read"),
        ({"OPENAI_BASE_URL": "https://127.0.0.1:9/v1", "SSL_CERT_FILE": __file__},
         f"SSL_CERT_FILE={__file__} cannot be read (no cert"),
    ],
)  # fmt: skip
def test_wrong_setting_is_one_sentence_on_stderr(own_home: Path, variables: dict[str, str], sentence: str) -> None:
    done = run("ask", "Why?", home=own_home, **({"DATELINE_MODEL": "small"} | variables))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
