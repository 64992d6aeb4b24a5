"""A news site on loopback: pages and feeds that a test writes, and twenty ways to fail. The far end of the wire only."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from html import escape
from threading import Event, Thread

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class FakeSite:
    """What the site holds by path, and what was asked of it. fault: answers every request but robots.txt instead."""

    address: str = ""
    pages: dict[str, Handler] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    fault: Handler | None = None
    faulty: str = ""
    """The beginning of the paths that the fault concerns."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.path, dict(request.headers)))
        if self.fault is not None and request.path != "/robots.txt" and request.path.startswith(self.faulty):
            return await self.fault(request)
        handler = self.pages.get(request.path)
        return await handler(request) if handler else web.Response(status=404, text="nothing here")

    def put(self, path: str, body: str | bytes, content_type: str = "text/html", **headers: str) -> None:
        """Serve this; unchanged it is answered with 304 to whoever knows its ETag."""
        content = body.encode() if isinstance(body, str) else body
        etag = f'"{hash(content):x}"'

        async def serve(request: web.Request) -> web.Response:
            if request.headers.get("If-None-Match") == etag:
                return web.Response(status=304)
            named = {"ETag": etag, "Content-Type": content_type} | {k.replace("_", "-"): v for k, v in headers.items()}
            return web.Response(body=content, headers=named)

        self.pages[path] = serve

    def put_status(self, path: str, status: int, **headers: str) -> None:
        self.pages[path] = answering(status, **headers)

    def put_article(self, path: str, title: str, text: str, head: str = "", published: str = "2025-06-02") -> None:
        """A page as a newspaper prints it."""
        self.put(path, article_page(title, text, head, published))

    def put_feed(self, path: str, title: str, items: list[str]) -> None:
        self.put(path, rss(title, items), "application/rss+xml")

    def asked(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(asked == path for asked, _ in self.requests)


def article_page(title: str, text: str, head: str = "", published: str = "2025-06-02") -> str:
    paragraphs = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in text.split("\n\n"))
    date = f'<meta property="article:published_time" content="{published}">' if published else ""
    return (
        f"<!doctype html><html><head><title>{escape(title)}</title>{date}{head}</head>"
        f"<body><nav>Home News Sport</nav><article>{paragraphs}</article></body></html>"
    )


def rss(title: str, items: list[str]) -> str:
    names = 'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    return f'<?xml version="1.0"?><rss version="2.0" {names}><channel><title>{title}</title>{"".join(items)}</channel></rss>'


def item(
    link: str, title: str = "", guid: str = "", summary: str = "", content: str = "", date: str = "", author: str = ""
) -> str:
    parts = [f"<link>{escape(link)}</link>" if link else "", f"<title>{escape(title)}</title>"]
    parts.append(f'<guid isPermaLink="false">{escape(guid or link)}</guid>')
    parts.append(f"<description>{escape(summary)}</description>" if summary else "")
    parts.append(f"<content:encoded><![CDATA[{content}]]></content:encoded>" if content else "")
    parts.append(f"<pubDate>{date}</pubDate>" if date else "")
    parts.append(f"<author>{escape(author)}</author>" if author else "")
    return f"<item>{''.join(parts)}</item>"


def answering(status: int, body: bytes = b"no", content_type: str = "text/plain", **headers: str) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=named | {"Content-Type": content_type})

    return answer


async def half_a_body(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/html", "Content-Length": "5000"})
    await response.prepare(request)
    await response.write(b"<html><body><p>The first half of")
    assert request.transport is not None
    request.transport.close()
    return response


async def broken_chunks(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\nhello\r\n")
    request.transport.close()
    return web.Response()


async def not_http(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.write(b"220 mail.example ESMTP ready\r\n")
    request.transport.close()
    return web.Response()


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/html"})
    await response.prepare(request)
    with suppress(ConnectionError):
        for _ in range(10_000):
            await response.write(b"x" * 10_000)
    return response


async def slow_drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/html"})
    await response.prepare(request)
    with suppress(ConnectionError):
        for _ in range(100):
            await response.write(b"<p>")
            await asyncio.sleep(0.1)
    return response


async def silent(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def to_itself(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": request.path})


async def on_and_on(request: web.Request) -> web.StreamResponse:
    number = int(request.query.get("n", "0"))
    return web.Response(status=302, headers={"Location": f"{request.path}?n={number + 1}"})


def packed(body: bytes, encoding: str = "gzip") -> Handler:
    return answering(200, body, "text/html", Content_Encoding=encoding)


FAULTS: dict[str, Handler] = {
    "500": answering(500),
    "502": answering(502),
    "503 with Retry-After": answering(503, Retry_After="600"),
    "429 with a date": answering(429, Retry_After="Mon, 02 Jun 2025 12:00:00 GMT"),
    "403": answering(403),
    "404": answering(404),
    "no answer": silent,
    "slow drip": slow_drip,
    "half a body": half_a_body,
    "broken chunks": broken_chunks,
    "not HTTP": not_http,
    "endless": endless,
    "no gzip": packed(b"this is not gzip"),
    "half a gzip": packed(gzip.compress(b"<p>" + bytes(range(256)) * 400)[:300]),
    "gzip bomb": packed(gzip.compress(bytes(30_000_000))),
    "unknown packing": packed(b"abc", "br"),
    "circle": to_itself,
    "300 redirects": on_and_on,
    "redirect to a file": answering(302, Location="file:///etc/passwd"),
    "a page": answering(200, b"<html><body><p>Please log in.</p></body></html>", "text/html"),
    "broken XML": answering(200, b"<rss version='2.0'><channel><item><title>One", "application/rss+xml"),
    "empty": answering(200, b"", "application/rss+xml"),
    "an image": answering(200, b"\x89PNG\r\n\x1a\n", "image/png"),
    "entities": answering(
        200, b'<!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss><channel><title>&b;</title></channel></rss>'
    ),
}
"""Ways to fail, each of which passes."""


@asynccontextmanager
async def running_site(site: FakeSite) -> AsyncIterator[FakeSite]:
    """Serve the site on a free port of loopback until the block ends."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", site.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield site
    finally:
        await runner.cleanup()


@contextmanager
def site_in_thread() -> Iterator[FakeSite]:
    """The same beside code that runs event loops of its own, as commands do."""
    site, ready, loop = FakeSite(), Event(), asyncio.new_event_loop()
    ended = asyncio.Event()

    async def serve() -> None:
        async with running_site(site):
            ready.set()
            await ended.wait()

    thread = Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield site
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()
