"""A fake of an OpenAI-compatible server on loopback: a real socket, scripted behaviour. Not a test itself."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HANG_UP = "hang up"
"""A step of a script: close the connection without a proper end."""


@dataclass(frozen=True)
class Reply:
    """One scripted reply: bytes are sent as a chunk, numbers are pauses in seconds, HANG_UP breaks the connection."""

    steps: tuple[bytes | float | str, ...] = ()
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/event-stream"),)


def event(**fields: object) -> bytes:
    """One server-sent event of a chat completion."""
    frame = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "fake", **fields}
    return f"data: {json.dumps(frame)}\n\n".encode()


def piece(text: str | None) -> bytes:
    """A piece of the answer."""
    return event(choices=[{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}])


def end(reason: str = "stop") -> bytes:
    """The last piece."""
    return event(choices=[{"index": 0, "delta": {}, "finish_reason": reason}])


USAGE = event(choices=[], usage={"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150})
DONE = b"data: [DONE]\n\n"


def answer(text: str, reason: str = "stop") -> Reply:
    """A well-behaved streamed answer, a few words at a time."""
    words = text.split(" ")
    pieces = [" ".join(words[n : n + 3]) + (" " if n + 3 < len(words) else "") for n in range(0, len(words), 3)]
    return Reply((*(piece(text) for text in pieces), end(reason), USAGE, DONE))


def failure(status: int, message: str, headers: tuple[tuple[str, str], ...] = (), **fields: object) -> Reply:
    """An error as OpenAI words it."""
    body = json.dumps({"error": {"message": message, "type": "error", "param": None, "code": None, **fields}})
    return Reply((body.encode(),), status, (("Content-Type", "application/json"), *headers))


def embeddings(vectors: Sequence[Sequence[float]]) -> Reply:
    """An /embeddings reply, last vector first: the order is in `index`, not in the list."""
    entries = [{"object": "embedding", "index": n, "embedding": list(vector)} for n, vector in enumerate(vectors)]
    body = {"object": "list", "model": "m", "data": entries[::-1], "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    return Reply((json.dumps(body).encode(),), 200, (("Content-Type", "application/json"),))


@dataclass
class FakeModelServer:
    """A running server. `replies` are given in order, the last one again and again."""

    replies: Sequence[Reply]
    base_url: str = ""
    requests: list[dict[str, object]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    hung_up_on: threading.Event = field(default_factory=threading.Event)

    def prompt(self, number: int = -1) -> str:
        """All that one request said to the model."""
        messages = self.requests[number]["messages"]
        assert isinstance(messages, list)
        return "\n".join(str(message["content"]) for message in messages)


@contextmanager
def serving(*replies: Reply) -> Iterator[FakeModelServer]:
    """Serve the script until the block ends."""
    standin = FakeModelServer(replies)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            standin.moments.append(time.monotonic())
            standin.keys.append(self.headers.get("Authorization", ""))
            standin.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            reply = standin.replies[min(len(standin.requests), len(standin.replies)) - 1]
            self.send_response(reply.status)
            for name, value in (*reply.headers, ("Transfer-Encoding", "chunked"), ("Connection", "close")):
                self.send_header(name, value)
            self.end_headers()
            self.close_connection = True
            try:
                for step in reply.steps:
                    if isinstance(step, bytes):
                        self.wfile.write(f"{len(step):x}\r\n".encode() + step + b"\r\n")
                        self.wfile.flush()
                    elif isinstance(step, float):
                        time.sleep(step)
                    else:
                        return
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                standin.hung_up_on.set()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    standin.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield standin
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
