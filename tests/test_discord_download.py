"""`/library add url:`: what is fetched, what is refused, and that nothing inside the network can be reached."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from test_discord_admin import run_command

from bot.discord.download import Download, download
from rag.errors import ArticleError
from rag.following.guard import anywhere, is_public
from rag.ingestion.documents import Documents
from rag.ingestion.read_articles import read_open_file
from rag.library import with_url
from tests.fakes.discord_harness import running

LARGEST = 10_000
ARTICLE = b"Hungary would not seek to arrest him."


@asynccontextmanager
async def site() -> AsyncIterator[str]:
    """A web site on loopback; yields its address."""
    application = web.Application()

    def fixed(**response: object) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(_: web.Request) -> web.Response:
            return web.Response(**response)

        return handler

    def text(content_type: str, body: bytes = ARTICLE) -> Callable[[web.Request], Awaitable[web.Response]]:
        return fixed(body=body, content_type=content_type)

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        for _ in range(1_000):
            await response.write(b"x" * 1_000)
        return response

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(b"Hungary ")
        await asyncio.sleep(5)
        return response

    async def broken_off(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    def redirect(to: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        return fixed(status=302, headers={"Location": to})

    for path, handler in {
        "/court.txt": text("text/plain"),
        "/court.md": text("application/octet-stream"),
        "/many.jsonl": text("application/jsonl", b'{"id": "a", "text": "One."}\n{"id": "b", "text": "Two."}\n'),
        "/court": text("text/markdown"),
        "/table": text("text/tab-separated-values", b"title\ttext\nOne\tOne.\n"),
        "/": text("text/plain"),
        "/page": text("text/html"),
        "/page.txt": text("text/html"),
        "/paper": text("application/pdf"),
        "/picture": text("image/png"),
        "/large.txt": text("text/plain", b"x" * (LARGEST + 1)),
        "/largest.txt": text("text/plain", b"x" * LARGEST),
        "/endless.txt": endless,
        "/slow.txt": slow,
        "/broken.txt": broken_off,
        "/moved.txt": redirect("/court.txt"),
        "/round.txt": redirect("/round.txt"),
        "/file.txt": redirect("file:///etc/passwd"),
    }.items():
        application.router.add_get(path, handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def fetched(
    path: str, reachable: Callable[[str], bool] = anywhere, seconds: float = 5.0, host: str = "127.0.0.1"
) -> Download:
    async def fetch() -> Download:
        async with site() as address:
            return await download(address.replace("127.0.0.1", host) + path, LARGEST, reachable, seconds)

    return asyncio.run(fetch())


def refusal(path: str, **changes: object) -> str:
    with pytest.raises(ArticleError) as caught:
        fetched(path, **changes)
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "ending"),
    [
        ("/court.txt", "/court.txt"),
        ("/court.md", "/court.md"),
        ("/many.jsonl", "/many.jsonl"),
        ("/court", "/court.md"),
        ("/table", "/table.tsv"),
        ("/", ".txt"),
        ("/moved.txt", "/court.txt"),
        ("/largest.txt", "/largest.txt"),
        ("/page", "/page.html"),
        ("/page.txt", "/page.txt.html"),
        ("/paper", "/paper.pdf"),
    ],
)
def test_article_files_are_fetched_and_named_after_where_they_are(path: str, ending: str) -> None:
    found = fetched(path)
    assert found.content
    assert found.name.startswith("127.0.0.1")
    assert found.name.endswith(ending)
    assert found.url.startswith("http://127.0.0.1:")


def test_what_may_be_a_key_is_neither_shown_nor_stored() -> None:
    found = fetched("/court.txt?key=secret#part")
    assert "secret" not in found.name + found.url
    assert found.content == ARTICLE


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/picture", "holds no .txt"),
        ("/nothing.txt", "answers 404"),
        ("/large.txt", "more than 10,000 bytes"),
        ("/endless.txt", "more than 10,000 bytes"),
        ("/broken.txt", "Nothing could be fetched"),
        ("/round.txt", "leads on"),
        ("/file.txt", "Nothing could be fetched"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(path: str, sentence: str) -> None:
    assert sentence in refusal(path)


def test_a_slow_address_is_left_after_its_time() -> None:
    assert "in 1 seconds" in refusal("/slow.txt", seconds=1.0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_this_machine_is_not_reached_unless_the_setting_allows_it(host: str) -> None:
    assert "private network" in refusal("/court.txt", reachable=is_public, host=host)


def test_a_redirect_into_the_network_is_not_followed() -> None:
    # Loopback is the only network of a test: here 127.0.0.1 counts as public and 127.0.0.2 does not.
    def reachable(address: str) -> bool:
        return address == "127.0.0.1"

    async def check() -> None:
        listening = socket.create_server(("127.0.0.2", 0))
        listening.setblocking(False)
        inside = f"http://127.0.0.2:{listening.getsockname()[1]}/secret.txt"
        application = web.Application()

        async def redirect(_: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": inside})

        application.router.add_get("/a.txt", redirect)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            with pytest.raises(ArticleError, match="private network"):
                await download(f"http://127.0.0.1:{runner.addresses[0][1]}/a.txt", LARGEST, reachable)
            with pytest.raises(BlockingIOError):
                listening.accept()
        finally:
            await runner.cleanup()
            listening.close()

    asyncio.run(check())


@pytest.mark.parametrize(
    "url",
    [
        "",
        "court",
        "file:///etc/passwd",
        "ftp://example.org/a.txt",
        "javascript:alert(1)",
        "http://",
        "https://example.org:port/a.txt",
        "http://[::1/a.txt",
        "https://someone:secret@example.org/a.txt",
        "https://example.org/" + "a" * 3_000,
        "https://exa mple.org/a.txt",
        "https://nowhere.invalid/a.txt",
    ],
)
def test_what_is_no_address_on_the_web_gets_one_sentence(url: str) -> None:
    with pytest.raises(ArticleError) as caught:
        asyncio.run(download(url, LARGEST))
    assert str(caught.value).endswith(".")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("10.0.0.1", False),
        ("172.16.5.4", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("192.0.0.4", False),
        ("192.88.99.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("fec0::2", False),
        ("64:ff9b:1::a00:1", False),
        ("::a00:1", False),
        ("::7f00:1", False),
        ("::ffff:0:a00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("no address", False),
    ],
)
def test_only_the_open_internet_counts_as_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_the_address_becomes_the_link_of_articles_without_one() -> None:
    lines = b'{"id": "a", "text": "One.", "url": "https://outlet.example/a"}\n{"id": "b", "text": "Two."}\nno json\n'
    readings = list(
        read_open_file(io.BytesIO(lines), "many.jsonl", "shared", "upload:many.jsonl", "many.jsonl", Documents())
    )
    linked = [with_url(reading, "https://example.org/many.jsonl") for reading in readings]
    assert [one.article.url for one in linked[:2]] == ["https://outlet.example/a", "https://example.org/many.jsonl"]
    assert linked[2] is readings[2]


def test_an_admin_adds_an_article_by_its_address(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, private_addresses=True) as parts:
            parts.discord.files["court.txt"] = ARTICLE
            url = f"http://127.0.0.1:{parts.discord.port}/files/court.txt"
            assert "1 added" in await run_command(parts, "library add", {"url": url})
            (article,) = parts.engine.library.storage["discord:50"].values()
            assert (article.text.encode(), article.url) == (ARTICLE, url)
            assert "court.txt" in await run_command(parts, "library log")
            assert "one of the two" in await run_command(parts, "library add")
        async with running(tmp_path) as parts:
            parts.discord.files["court.txt"] = ARTICLE
            url = f"http://127.0.0.1:{parts.discord.port}/files/court.txt"
            assert "private network" in await run_command(parts, "library add", {"url": url})
            assert not parts.engine.library.storage.get("discord:50")

    asyncio.run(check())
