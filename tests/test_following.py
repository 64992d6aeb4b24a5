"""Following over a real server: a week of news with corrections, withdrawals, copies and every fault; nothing lost or doubled."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from rag.following.feeds import key_of
from rag.following.fetching import Fetcher, FetchLimits
from rag.following.follow import Follower, FollowLimits, SourceReport
from rag.following.guard import anywhere
from rag.following.polite import PoliteFetcher
from rag.following.schedule import HOUR
from rag.following.sources import discover, new_source
from rag.ingestion.indexing import Storage
from rag.library import Library
from rag.models.embedder import Embedder
from rag.settings import Settings
from tests.fakes.fake_site import FAULTS, FakeSite, item, running_site
from tests.fakes.simulated_clock import SimulatedClock
from vectorstore.database import open_database
from vectorstore.followed import FollowedStore, Source
from vectorstore.ledger import Ledger
from vectorstore.values import Scope
from vectorstore.vectors import VectorStore

HALF_AN_HOUR = HOUR / 2
FEED = "/feed.xml"
WORDS = """harbour ferry council bridge tunnel school mayor budget railway storm clinic market museum orchard"""


class Newsroom:
    """An invented site, a library and what follows the one into the other, on one simulated clock."""

    def __init__(self, site: FakeSite, library: Library, clock: SimulatedClock, follower: Follower) -> None:
        self.site = site
        self.library = library
        self.clock = clock
        self.follower = follower
        self.items: list[str] = []

    def url(self, path: str) -> str:
        return f"{self.site.address}{path}"

    async def follow(self, path: str = FEED, every: float = HALF_AN_HOUR, library: str = "shared") -> Source:
        found = await discover(self.url(path), self.follower.fetcher)
        source = new_source(found, library, every, self.clock.now())  # type: ignore[arg-type]
        self.follower.store.add(source)
        return source

    def publish(self, path: str, title: str, text: str, **said: str) -> None:
        """Print an article and put it at the top of the feed."""
        self.site.put_article(path, title, text)
        self.announce(path, title, **said)

    def announce(self, path: str, title: str, **said: str) -> None:
        self.items.insert(0, item(self.url(path), title, **said))
        self.site.put_feed(FEED, "Harbour Post", self.items[:40])

    async def read(self) -> list[SourceReport]:
        return await self.follower.read_due()

    async def pass_time(self, seconds: float, step: float = HALF_AN_HOUR) -> list[SourceReport]:
        reports = []
        for _ in range(round(seconds / step)):
            self.clock.time += step
            reports += await self.read()
        return reports

    def stored(self, library: str = "shared") -> dict[str, str]:
        """What the library holds: the path of each article, and its text."""
        ledger = self.library.storage.ledger
        ids = ledger.known(library)
        articles = {name.removeprefix(self.site.address): ledger.article(library, name) for name in ids}
        return {path: " ".join(article.text.split()) for path, article in articles.items() if article}

    def quotable(self) -> set[str]:
        """The paths of the articles that may be in an answer."""
        ledger = self.library.storage.ledger
        chunks = ledger.leading_chunks(Scope(), 1_000)
        return {chunk.article_id.removeprefix(self.site.address) for chunk in chunks}

    def status(self, source: Source, path: str) -> str:
        entry = self.follower.store.entry(source.id, key_of(self.url(path)))
        assert entry is not None
        return entry.status


@asynccontextmanager
async def newsroom(home: Path, embedder: Embedder, seconds: float = 0.3) -> AsyncIterator[Newsroom]:
    clock, settings = SimulatedClock(), Settings(home=home)
    database = open_database(settings.ledger_url)
    store = VectorStore(home / "vectors")
    library = Library(Storage(home, Ledger(database, clock.now), store, embedder, settings.chunk_tokens))
    try:
        async with (
            running_site(FakeSite()) as site,
            Fetcher(FetchLimits(seconds, 200_000), anywhere, "", clock.now) as fetcher,
        ):
            site.put("/robots.txt", "User-agent: *\nDisallow: /private\n", "text/plain")
            polite, limits = PoliteFetcher(fetcher, clock, 0.0), FollowLimits(50, 600)
            follower = Follower(library, FollowedStore(database), polite, clock, limits, Random(7))
            yield Newsroom(site, library, clock, follower)
    finally:
        store.close()
        database.dispose()


def article_text(number: int, edition: int = 1) -> str:
    """The text of an invented article, unlike that of every other one."""
    dice = Random(number)
    subjects = [dice.choice(WORDS.split()) for _ in range(12)]
    first = f"The {subjects[0]} of ward {number} was discussed on Monday, edition {edition} of this report says."
    rest = [
        f"Resident {number}-{place} told the council that the {subject} near street {dice.randrange(900)} needs repairs."
        for place, subject in enumerate(subjects)
    ]
    return " ".join([first, *rest])


def title_of(number: int) -> str:
    return f"Ward {number}: {Random(number).choice(WORDS.split())} plans"


def week_of_faults() -> Iterator[tuple[int, str]]:
    """(half-hour of the week, fault): two hours of each, with two hours of peace between, from Monday noon on."""
    for place, name in enumerate(FAULTS):
        for half_hour in range(24 + place * 8, 24 + place * 8 + 4):
            yield half_hour, name


def test_a_week_of_news_and_faults_loses_and_doubles_nothing(tmp_path: Path, embedder: Embedder) -> None:
    async def live() -> None:
        async with newsroom(tmp_path, embedder) as room:
            room.publish("/news/0", title_of(0), article_text(0))
            source = await room.follow()
            faults, number, editions = dict(week_of_faults()), 0, {0: 1}
            for half_hour in range(24 + len(FAULTS) * 8 + 96):
                fault = faults.get(half_hour)
                room.site.fault = FAULTS[fault] if fault else None
                if half_hour % 12 == 5 and number < 18:
                    # Within faults and between them.
                    number += 1
                    room.publish(f"/news/{number}", title_of(number), article_text(number))
                    editions[number] = 1
                if half_hour % 40 == 20 and number > 2:
                    # A correction that the feed tells of.
                    editions[number - 1] += 1
                    text = article_text(number - 1, editions[number - 1])
                    date = "Tue, 03 Jun 2025 10:00:00 GMT"
                    room.publish(f"/news/{number - 1}", title_of(number - 1), text, date=date, summary=text[:100])
                await room.pass_time(HALF_AN_HOUR)
            expected = {f"/news/{n}": article_text(n, edition) for n, edition in editions.items()}
            assert room.stored() == expected
            assert room.quotable() == set(expected)
            assert room.follower.store.counts(source.id).stored == len(expected)
            assert room.library.storage.ledger.unfinished_ids("shared", room.library.storage.index_key) == []
            assert not any(room.follower.store.sources()[0].last_error)
            corrected = [n for n, edition in editions.items() if edition > 1]
            assert corrected
            for n in corrected:
                versions = room.library.storage.ledger.versions("shared", room.url(f"/news/{n}"))
                assert [version.text for version in versions][-1] == article_text(n, editions[n] - 1)

    asyncio.run(live())
