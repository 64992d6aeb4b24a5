"""Fetching: what is bounded, what is refused, how failures are worded, and how polite it is."""

import asyncio
import gzip
import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from rag.following.fetching import Failure, Fetched, Fetcher, FetchFailed, FetchLimits, Seen, Unpacker, seconds_to_wait
from rag.following.guard import anywhere, is_public
from rag.following.polite import PoliteFetcher
from tests.fakes.fake_site import FAULTS, FakeSite, answering, packed, running_site
from tests.fakes.simulated_clock import MONDAY, SimulatedClock

LARGEST = 100_000


def fetched(
    path: str,
    prepare: Callable[[FakeSite], None],
    reachable: Callable[[str], bool] = anywhere,
    seconds: float = 5.0,
    seen: Seen | None = None,
    host: str = "127.0.0.1",
) -> Fetched | FetchFailed:
    async def fetch() -> Fetched | FetchFailed:
        async with running_site(FakeSite()) as site:
            prepare(site)
            limits = FetchLimits(seconds, LARGEST)
            async with Fetcher(limits, reachable, "editor@harbour.example", SimulatedClock().now) as fetcher:
                return await fetcher.fetch(site.address.replace("127.0.0.1", host) + path, seen)

    return asyncio.run(fetch())


SENTENCES = {
    "500": "cannot be had just now (the server answers 500)",
    "502": "the server answers 502",
    "503 with Retry-After": "the server answers 503",
    "429 with a date": "asked too often",
    "403": "not open to this program",
    "404": "check the address",
    "no answer": "within 1 seconds",
    "slow drip": "within 1 seconds",
    "half a body": "breaks off",
    "broken chunks": "not HTTP",
    "not HTTP": "not HTTP",
    "endless": "larger than 100,000 bytes",
    "no gzip": "cannot be unpacked",
    "half a gzip": "breaks off",
    "gzip bomb": "larger than 100,000 bytes",
    "unknown packing": "packed as br",
    "circle": "in a circle",
    "300 redirects": "more than 8 times",
    "redirect to a file": "no web address",
}


@pytest.mark.parametrize("fault", SENTENCES)
def test_a_failure_is_told_in_words(fault: str) -> None:
    def fail(site: FakeSite) -> None:
        site.fault = FAULTS[fault]

    failed = fetched("/feed", fail, seconds=1.0 if "within" in SENTENCES[fault] else 5.0)
    assert isinstance(failed, FetchFailed)
    assert SENTENCES[fault] in failed.reason


def test_what_a_server_asks_for_is_kept() -> None:
    def busy(site: FakeSite) -> None:
        site.put_status("/seconds", 503, Retry_After="600")
        site.put_status("/date", 429, Retry_After="Mon, 02 Jun 2025 12:00:00 GMT")

    for path, seconds in (("/seconds", 600.0), ("/date", 43_200.0)):
        failed = fetched(path, busy)
        assert isinstance(failed, FetchFailed)
        assert failed.retry_after == seconds


@pytest.mark.parametrize("written", ["", "soon", "-5", "1" * 30, "Mon, 99 Jun 2025", "Mon, 02 Jun 2024 12:00:00 GMT"])
def test_an_impossible_retry_after_is_none(written: str) -> None:
    assert seconds_to_wait(written, MONDAY) == 0.0


def test_a_body_is_unpacked_whatever_it_is_packed_with() -> None:
    text = b"<p>Hungary would not seek to arrest him.</p>" * 50
    for body, encoding in (
        (gzip.compress(text), "gzip"),
        (zlib.compress(text), "deflate"),
        (gzip.compress(text[:100]) + gzip.compress(text[100:]), "gzip"),
    ):
        found = fetched(
            "/", lambda site, body=body, encoding=encoding: site.pages.update({"/": packed(body, encoding)})
        )
        assert isinstance(found, Fetched)
        assert found.content == text


def test_a_bomb_is_given_up_before_it_is_unpacked() -> None:
    bomb = gzip.compress(bytes(200_000_000))
    unpacker = Unpacker(LARGEST)
    assert len(unpacker.feed(bomb)) < 3_000_000


def test_a_page_that_is_as_it_was_is_not_sent_again() -> None:
    def unchanged(site: FakeSite) -> None:
        site.put("/page", "text", Last_Modified="Mon, 02 Jun 2025 10:00:00 GMT")

    first = fetched("/page", unchanged)
    assert isinstance(first, Fetched)
    assert (first.content, first.last_modified) == (b"text", "Mon, 02 Jun 2025 10:00:00 GMT")
    again = fetched("/page", unchanged, seen=Seen(first.etag, first.last_modified))
    assert isinstance(again, Fetched)
    assert again.unchanged
    assert not again.content


def test_only_what_moved_for_good_has_a_new_address() -> None:
    def moved(site: FakeSite) -> None:
        site.put("/new", "text")
        site.put_status("/for-good", 301, Location="/new")
        site.put_status("/for-now", 302, Location="/new")
        site.put_status("/both", 308, Location="/for-now")

    ends = {path: fetched(path, moved) for path in ("/for-good", "/for-now", "/both")}
    assert all(isinstance(end, Fetched) and end.url.endswith("/new") for end in ends.values())
    assert [end.moved_to.rpartition("/")[2] for end in ends.values() if isinstance(end, Fetched)] == [
        "new",
        "",
        "for-now",
    ]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_this_machine_is_not_reached_unless_the_setting_allows_it(host: str) -> None:
    failed = fetched("/", lambda site: site.put("/", "secret"), reachable=is_public, host=host)
    assert isinstance(failed, FetchFailed)
    assert failed.failure is Failure.UNUSABLE
    assert "DATELINE_PRIVATE_ADDRESSES" in failed.reason


def test_a_redirect_into_the_network_is_not_followed() -> None:
    asked: list[str] = []

    async def check() -> FetchFailed | Fetched:
        async with running_site(FakeSite()) as site:
            port = site.address.rpartition(":")[2]
            site.put_status("/", 302, Location=f"http://127.0.0.2:{port}/secret")
            # Loopback is the only network of a test: here 127.0.0.1 counts as public and 127.0.0.2 does not.
            async with Fetcher(FetchLimits(5, LARGEST), "127.0.0.1".__eq__, "", SimulatedClock().now) as fetcher:
                found = await fetcher.fetch(f"{site.address}/")
            asked.extend(path for path, _ in site.requests)
            return found

    failed = asyncio.run(check())
    assert isinstance(failed, FetchFailed)
    assert "its own network" in failed.reason
    assert asked == ["/"]


FAR_END = socket.getaddrinfo


def names_that_change(name: str, answers: Iterator[str]) -> Callable[..., object]:
    """The operating system's answers, but for one name, which means another machine each time it is asked for."""

    def look_up(host: str, port: int, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> object:
        return FAR_END(next(answers) if host == name else host, port, family, type, proto, flags)

    return look_up


@pytest.mark.parametrize(
    ("answers", "reached"),
    [
        pytest.param(["127.0.0.1", "127.0.0.2"], 1, id="another machine after the first look"),
        pytest.param(["127.0.0.2", "127.0.0.1"], 0, id="the network first"),
        pytest.param(["127.0.0.1", "127.0.0.1"], 2, id="the same each time"),
    ],
)
def test_a_name_that_means_another_machine_by_then_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch, answers: list[str], reached: int
) -> None:
    """The answer to a name may change between two looks at it: what is connected to is what was checked."""
    asked, connected = iter(answers), list[str]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(writer.get_extra_info("sockname")[0])
        path = (await reader.readline()).split()[1].decode()
        while (await reader.readline()).strip():
            pass
        # The second address of the same name is looked up once more: names are remembered together with the port.
        away = f"HTTP/1.1 302 Found\r\nLocation: http://rebound.example:{ports[1]}/secret\r\n"
        head = away if path == "/" else "HTTP/1.1 200 OK\r\n"
        writer.write(f"{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        writer.close()

    ports: list[int] = []

    async def fetch() -> Fetched | FetchFailed:
        async with AsyncExitStack() as stack:
            for _ in answers:
                public = await stack.enter_async_context(await asyncio.start_server(serve, "127.0.0.1", 0))
                ports.append(public.sockets[0].getsockname()[1])
                await stack.enter_async_context(await asyncio.start_server(serve, "127.0.0.2", ports[-1]))
            monkeypatch.setattr(socket, "getaddrinfo", names_that_change("rebound.example", asked))
            # Loopback is the only network of a test: here 127.0.0.1 counts as public and 127.0.0.2 does not.
            async with Fetcher(FetchLimits(5, LARGEST), "127.0.0.1".__eq__, "", SimulatedClock().now) as fetcher:
                return await fetcher.fetch(f"http://rebound.example:{ports[0]}/")

    found = asyncio.run(fetch())
    assert connected == ["127.0.0.1"] * reached
    assert isinstance(found, Fetched) == (reached == 2)
    assert isinstance(found, Fetched) or "its own network" in found.reason
    assert next(asked, "") == ("" if reached else answers[1])


@pytest.mark.parametrize(
    "url",
    [
        "",
        "court",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "http://h:port/",
        "http://[::1/",
        "http://a:b@h/",
        "https://example.org/" + "a" * 3_000,
        "https://nowhere.invalid/",
        "http://127.0.0.1:1/",
    ],
)
def test_what_cannot_be_fetched_gets_one_sentence(url: str) -> None:
    async def fetch() -> Fetched | FetchFailed:
        async with Fetcher(FetchLimits(5, LARGEST), anywhere, "", SimulatedClock().now) as fetcher:
            return await fetcher.fetch(url)

    failed = asyncio.run(fetch())
    assert isinstance(failed, FetchFailed)
    assert failed.reason
    assert "a:b" not in failed.reason


def test_a_certificate_that_cannot_be_trusted_is_said_to_be() -> None:
    async def fetch() -> Fetched | FetchFailed:
        async with (
            running_site(FakeSite()) as site,
            Fetcher(FetchLimits(5, LARGEST), anywhere, "", SimulatedClock().now) as fetcher,
        ):
            return await fetcher.fetch(site.address.replace("http:", "https:"))

    failed = asyncio.run(fetch())
    assert isinstance(failed, FetchFailed)
    assert "certificate" in failed.reason


def politely(
    prepare: Callable[[FakeSite], None], *paths: str, delay: float = 2.0
) -> tuple[list[Fetched | FetchFailed], FakeSite, float]:
    """Fetch paths of one site at once; returns what was found, the site, and how long it took by the clock."""

    async def fetch() -> tuple[list[Fetched | FetchFailed], FakeSite, float]:
        clock = SimulatedClock()
        async with running_site(FakeSite()) as site:
            prepare(site)
            async with Fetcher(FetchLimits(5, LARGEST), anywhere, "editor@harbour.example", clock.now) as fetcher:
                polite = PoliteFetcher(fetcher, clock, delay)
                found = await asyncio.gather(*(polite.fetch(site.address + path) for path in paths))
                return list(found), site, clock.now() - MONDAY

    return asyncio.run(fetch())


def test_robots_txt_is_obeyed_and_read_once() -> None:
    def rules(site: FakeSite) -> None:
        site.put("/robots.txt", "User-agent: Dateline\nDisallow: /private\nCrawl-delay: 7\n", "text/plain")
        for path in ("/a", "/b", "/private/c"):
            site.put(path, "text")

    found, site, took = politely(rules, "/a", "/private/c", "/b")
    assert [isinstance(one, Fetched) for one in found] == [True, False, True]
    assert isinstance(found[1], FetchFailed)
    assert found[1].failure is Failure.REFUSED
    assert "robots.txt" in found[1].reason
    assert (site.asked("/robots.txt"), site.asked("/private/c")) == (1, 0)
    assert took >= 7
    assert all("Dateline/" in headers["User-Agent"] for _, headers in site.requests)
    assert "editor@harbour.example" in site.requests[0][1]["User-Agent"]


def test_a_redirect_to_what_robots_txt_forbids_is_not_followed() -> None:
    def rules(site: FakeSite) -> None:
        site.put("/robots.txt", "User-agent: *\nDisallow: /private\n", "text/plain")
        site.put_status("/a", 302, Location="/private/c")
        site.put("/private/c", "text")

    (found,), site, _ = politely(rules, "/a")
    assert isinstance(found, FetchFailed)
    assert site.asked("/private/c") == 0


def test_each_site_on_the_way_of_a_redirect_has_a_turn_of_its_own() -> None:
    async def fetch() -> tuple[list[Fetched | FetchFailed], float]:
        clock = SimulatedClock()
        async with (
            running_site(FakeSite()) as site,
            Fetcher(FetchLimits(5, LARGEST), anywhere, "", clock.now) as fetcher,
        ):
            elsewhere = site.address.replace("127.0.0.1", "localhost")
            site.put_status("/to-busy", 302, Location=f"{elsewhere}/busy")
            site.put_status("/to-calm", 302, Location=f"{elsewhere}/calm")
            site.put_status("/busy", 429, Retry_After="3600")
            for path in ("/calm", "/own"):
                site.put(path, "text")
            polite = PoliteFetcher(fetcher, clock, 2.0)
            calm = [await polite.fetch(f"{site.address}/to-calm") for _ in range(2)]
            took = clock.now() - MONDAY
            others = [await polite.fetch(f"{site.address}{path}") for path in ("/to-busy", "/own", "/to-calm")]
            return [*calm, *others], took

    found, took = asyncio.run(fetch())
    assert [isinstance(one, Fetched) for one in found] == [True, True, False, True, False]
    assert took == pytest.approx(2.0), "each of the two sites rests between its own requests"
    resting = found[-1]
    assert isinstance(resting, FetchFailed)
    assert "asked to be left alone" in resting.reason


def test_of_a_long_robots_txt_the_beginning_counts() -> None:
    def long(site: FakeSite) -> None:
        rules = "User-agent: *\nDisallow: /private\n" + "# what nobody reads\n" * 60_000
        site.put("/robots.txt", rules, "text/plain")
        for path in ("/a", "/private/c"):
            site.put(path, "text")

    found, _, _ = politely(long, "/a", "/private/c")
    assert [isinstance(one, Fetched) for one in found] == [True, False]


def test_a_site_whose_robots_txt_fails_is_left_alone() -> None:
    def failing(site: FakeSite) -> None:
        site.put_status("/robots.txt", 500)
        site.put("/a", "text")

    (found,), site, _ = politely(failing, "/a")
    assert isinstance(found, FetchFailed)
    assert (found.failure, site.asked("/a")) == (Failure.PASSING, 0)
    assert "the site's robots.txt cannot be had just now (the server answers 500)" in found.reason


def test_a_server_that_is_down_is_said_to_be_down_whatever_is_asked_of_it_first() -> None:
    async def fetch() -> Fetched | FetchFailed:
        async with running_site(FakeSite()) as site:
            address = site.address
        clock = SimulatedClock()
        async with Fetcher(FetchLimits(5, LARGEST), anywhere, "editor@harbour.example", clock.now) as fetcher:
            return await PoliteFetcher(fetcher, clock, 1.0).fetch(f"{address}/a")

    found = asyncio.run(fetch())
    assert isinstance(found, FetchFailed)
    assert (found.failure, "robots.txt" in found.reason) == (Failure.PASSING, False)
    assert found.reason.startswith("cannot be connected to")


def test_a_crawl_delay_is_bounded() -> None:
    def greedy(site: FakeSite) -> None:
        site.put("/robots.txt", "User-agent: *\nCrawl-delay: 1000000\n", "text/plain")
        for path in ("/a", "/b", "/c"):
            site.put(path, "text")

    found, _, took = politely(greedy, "/a", "/b", "/c")
    assert all(isinstance(one, Fetched) for one in found)
    assert took == pytest.approx(120)


def test_one_request_at_a_time_reaches_a_site() -> None:
    running, most = 0, 0

    async def counting(_: web.Request) -> web.Response:
        nonlocal running, most
        running, most = running + 1, max(most, running + 1)
        await asyncio.sleep(0.02)
        running -= 1
        return web.Response(text="text")

    paths = [f"/{number}" for number in range(5)]
    found, _, took = politely(lambda site: site.pages.update(dict.fromkeys(paths, counting)), *paths)
    assert all(isinstance(one, Fetched) for one in found)
    assert (most, took) == (1, pytest.approx(8.0))


def test_a_clock_that_is_set_back_a_day_makes_nobody_wait_for_a_day() -> None:
    async def fetch() -> tuple[Fetched | FetchFailed, float]:
        clock = SimulatedClock()
        async with (
            running_site(FakeSite()) as site,
            Fetcher(FetchLimits(5, LARGEST), anywhere, "", clock.now) as fetcher,
        ):
            site.put("/a", "text")
            site.put("/b", "text")
            polite = PoliteFetcher(fetcher, clock, 2.0)
            assert isinstance(await polite.fetch(site.address + "/a"), Fetched)
            clock.set_back, began = 86_400.0, clock.steady()
            return await polite.fetch(site.address + "/b"), clock.steady() - began

    found, waited = asyncio.run(fetch())
    assert isinstance(found, Fetched)
    assert waited == pytest.approx(2.0)


def test_a_site_that_asks_to_be_left_alone_is() -> None:
    def busy(site: FakeSite) -> None:
        site.pages["/a"] = answering(503, Retry_After="600")
        site.put("/b", "text")

    found, site, _ = politely(busy, "/a", "/b")
    assert isinstance(found[1], FetchFailed)
    assert (site.asked("/b"), round(found[1].retry_after)) == (0, 600)
