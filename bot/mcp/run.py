"""`dateline mcp`: the library served to assistants, to one over stdin and stdout or to many over HTTP with a token."""

import contextlib
import hmac
import ipaddress
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

import anyio
import uvicorn
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.mcp.server import make_server
from bot.seeds import load_seeds
from rag.errors import SettingsError
from rag.factory import open_engine
from rag.settings import Settings

ENDED = 0
PATH = "/mcp"
ADDRESS_FORM = re.compile(r"(?:(?P<host>[^:\s]+|\[[0-9A-Fa-f:.]+\]):)?(?P<port>\d{1,5})")
MANY_CONNECTIONS = 100
STOP_SECONDS = 5
"""How long running answers may take to finish when the server is stopped."""

Announce = Callable[[str], None]


async def serve_stdio(settings: Settings, announce: Announce) -> int:
    """Serve the program that started this one, until it closes stdin."""
    if sys.stdin.isatty():
        announce("An assistant starts this and speaks to it: docs/mcp.md says how. Ctrl-C ends it.")
    # The thread that waits for stdin cannot be interrupted, so Ctrl-C would wait too; nothing is lost when it kills.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with protocol_output() as wire:
        async with open_server(settings, announce) as server:
            try:
                async with stdio_server(stdout=wire) as (incoming, outgoing):
                    await server.run(incoming, outgoing, server.create_initialization_options())
            except* BrokenPipeError:
                announce("The assistant closed the connection.")
    return ENDED


async def serve_http(settings: Settings, address: str, announce: Announce) -> int:
    """Serve HTTP at "PORT" of this machine or "HOST:PORT" until Ctrl-C or SIGTERM. Raises SettingsError."""
    host, port = parse_address(address)
    token = settings.mcp_token.get_secret_value()
    if not token and not is_loopback(host):
        raise SettingsError(
            f"{host} can be reached from other machines: set DATELINE_MCP_TOKEN, or serve at 127.0.0.1."
        )
    with listening(host, port) as listener:
        async with open_server(settings, announce) as server:
            # A web page knows no token; and a proxy before this server may ask for it by any name.
            guard = TransportSecuritySettings(enable_dns_rebinding_protection=False) if token else browser_guard(host)
            app: ASGIApp = server.streamable_http_app(
                streamable_http_path=PATH, stateless_http=True, transport_security=guard
            )
            if token:
                app = TokenGuard(app, token)
            config = uvicorn.Config(
                app, ws="none", log_config=None, access_log=False, timeout_graceful_shutdown=STOP_SECONDS
            )
            announce(
                f"The library is served at http://{in_url(host)}:{listener.getsockname()[1]}{PATH}; Ctrl-C ends it."
            )
            await StoppableServer(config).serve([listener])
    return ENDED


@asynccontextmanager
async def open_server(settings: Settings, announce: Announce) -> AsyncIterator[Server[dict[str, object]]]:
    """The server on the library that the settings name; an empty library is filled from seeds/ first."""
    warnings_to_stderr()
    async with open_engine(settings, on_wait=announce) as engine:
        await load_seeds(settings, engine.library)
        yield make_server(engine)


def warnings_to_stderr() -> None:
    """What an operator should see; the level is the handler's, because some libraries' loggers set their own."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    logging.basicConfig(handlers=[handler], format="%(asctime)s %(name)s %(levelname)s %(message)s")


@contextmanager
def protocol_output() -> Iterator["anyio.AsyncFile[str]"]:
    """Standard output for the protocol alone: whatever else is printed meanwhile, by libraries too, goes to stderr."""
    sys.stdout.flush()
    private = os.dup(1)
    os.dup2(2, 1)
    try:
        with open(private, "w", encoding="utf-8", newline="\n", closefd=False) as wire:
            yield anyio.wrap_file(wire)
    finally:
        os.dup2(private, 1)
        os.close(private)


class StoppableServer(uvicorn.Server):
    """Ends at a signal by returning: uvicorn would raise the signal again, and the library would not be closed."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


class TokenGuard:
    """Lets requests pass that carry the token; refuses all others before anything of them is read."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app = app
        self.token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self.admits(Headers(scope=scope).get("authorization", "")):
            refusal = PlainTextResponse(
                "This library wants its token: send `Authorization: Bearer <DATELINE_MCP_TOKEN>`.\n",
                401,
                {"WWW-Authenticate": "Bearer"},
            )
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def admits(self, authorization: str) -> bool:
        """True for the token; how long the comparison takes says nothing of where a wrong one differs."""
        scheme, _, given = authorization.partition(" ")
        # Header values are bytes; Starlette hands them on as Latin-1.
        return hmac.compare_digest(given.strip().encode("latin-1"), self.token) and scheme.lower() == "bearer"


def browser_guard(host: str) -> TransportSecuritySettings:
    """Hold off web pages: a browser opens any address for them, but not under a name of this machine."""
    names = sorted({"127.0.0.1", "localhost", "[::1]", in_url(host)})
    return TransportSecuritySettings(
        allowed_hosts=[f"{name}:*" for name in names], allowed_origins=[f"http://{name}:*" for name in names]
    )


def parse_address(address: str) -> tuple[str, int]:
    """("127.0.0.1", 8765) for "8765", ("::1", 8765) for "[::1]:8765". Raises SettingsError."""
    match = ADDRESS_FORM.fullmatch(address)
    if match is None or int(match["port"]) > 65_535:
        raise SettingsError(f"{address!r} is no address: write PORT or HOST:PORT, for instance 8765.")
    return (match["host"] or "127.0.0.1").strip("[]"), int(match["port"])


def is_loopback(host: str) -> bool:
    """True for addresses that only this machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that accepts connections at this address. Raises SettingsError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=MANY_CONNECTIONS)
    except OSError as error:
        reason = str(error.strerror).partition(" (while ")[0]  # Python repeats the address here.
        raise SettingsError(f"{in_url(host)}:{port} cannot be used ({reason}): choose another address.") from None
    with contextlib.closing(listener):
        yield listener
