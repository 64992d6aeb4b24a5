"""A real `chroma run` on loopback, which a test may kill, start again and empty; and a gate before it with TLS and a token."""

import asyncio
import datetime
import ipaddress
import json
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import TypeVar

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from vectorstore.chroma import ChromaServer

START_SECONDS = 30.0
PROGRAM = Path(sys.executable).with_name("chroma")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@dataclass
class RunningChroma:
    """The server's process; its port stays the same from start to start."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def place(self) -> ChromaServer:
        return ChromaServer(f"http://127.0.0.1:{self.port}")

    def start(self) -> None:
        command = [PROGRAM, "run", "--path", self.folder / "chroma", "--host", "127.0.0.1", "--port", str(self.port)]
        with (self.folder / "chroma.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                self.request("GET", "heartbeat")
                return
            except OSError:
                assert self.process.poll() is None, (self.folder / "chroma.log").read_text()
                assert time.monotonic() < until
                time.sleep(0.05)

    def kill(self) -> None:
        """At once, as a machine that loses its power."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def empty(self) -> None:
        """Lose everything that is stored."""
        self.kill()
        shutil.rmtree(self.folder / "chroma")
        self.start()

    def request(self, method: str, path: str, body: object = None) -> object:
        """Ask the server past every client of ours."""
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(
            f"{self.place.url}/api/v2/{path}", data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(asked, timeout=10) as response:
            return json.loads(response.read())


@contextmanager
def running_chroma(folder: Path) -> Iterator[RunningChroma]:
    server = RunningChroma(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@dataclass
class Gate:
    """What stands before the server: asks for a token, and for no more than `most` records at once, as Chroma Cloud does."""

    port: int
    token: str
    most: int
    certificate: Path
    paths: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    address: str = ""

    async def forward(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        given = (request.headers.get("Authorization"), request.headers.get("X-Chroma-Token"))
        if given != (f"Bearer {self.token}", self.token):
            return web.Response(status=401, text="no valid token")
        content = await request.read()
        said = json.loads(content) if content else {}
        records = max(len(said.get("ids") or []), said.get("limit") or 0, said.get("n_results") or 0)
        if records > self.most or (request.path.endswith("/get") and not said.get("limit") and not said.get("ids")):
            self.refused.append(request.path)
            return web.json_response({"error": "QuotaError", "message": f"more than {self.most} records"}, status=422)
        return await self.answer(request.method, request.path_qs, content)

    async def answer(self, method: str, path: str, content: bytes) -> web.Response:
        """What the server says."""
        headers = {"Content-Type": "application/json"}
        target = f"http://127.0.0.1:{self.port}{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, target, data=content, headers=headers) as answer,
        ):
            return web.Response(
                status=answer.status, body=await answer.read(), headers={"Content-Type": answer.content_type}
            )


AnyGate = TypeVar("AnyGate", bound=Gate)


@contextmanager
def gate(chroma: RunningChroma, token: str, most: int = 300, kind: Callable[..., AnyGate] = Gate) -> Iterator[AnyGate]:
    """A gate with TLS before a server, in a thread of its own."""
    certificate, key = made_certificate(chroma.folder)
    made = kind(chroma.port, token, most, certificate)
    ready, done = Event(), Event()

    async def serve() -> None:
        application = web.Application(client_max_size=1 << 26)
        application.router.add_route("*", "/{path:.*}", made.forward)
        runner = web.AppRunner(application)
        await runner.setup()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        made.address = f"https://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await asyncio.to_thread(done.wait)
        await runner.cleanup()

    thread = Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield made
    finally:
        done.set()
        thread.join()


def made_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "gate.pem", folder / "gate.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private
