"""A library that follows an invented site over loopback, on one simulated clock. The clock and the site alone are scripted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from rag.following.feeds import key_of
from rag.following.fetching import Fetcher, FetchLimits
from rag.following.follow import Follower
from rag.following.guard import anywhere
from rag.following.pages import FollowLimits, PageReader, SourceReport
from rag.following.polite import PoliteFetcher
from rag.following.schedule import HOUR
from rag.following.sources import Discovered, discover, new_source
from rag.ingestion.documents import Documents
from rag.ingestion.indexing import Storage
from rag.library import Library
from rag.models.embedder import Embedder
from rag.settings import Settings
from tests.fakes.fake_site import FakeSite, item, running_site
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
        return await self.follow_address(self.url(path), every, library)

    async def follow_address(self, address: str, every: float = HALF_AN_HOUR, library: str = "shared") -> Source:
        """The same for another site."""
        found = await discover(address, self.follower.fetcher)
        assert isinstance(found, Discovered), found
        source = new_source(found, library, every, self.clock.now())
        self.follower.store.add(source)
        return source

    def source(self, title: str) -> Source:
        """The source of this name, as it is now."""
        return next(source for source in self.follower.store.sources() if source.title == title)

    def publish(self, path: str, title: str, text: str, **said: str) -> None:
        """Print an article and put it at the top of the feed."""
        self.site.put_article(path, title, text)
        self.announce(path, title, **said)

    def announce(self, path: str, title: str, **said: str) -> None:
        self.items.insert(0, item(self.url(path) if path else "", title, **said))
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
async def newsroom(home: Path, embedder: Embedder, seconds: float = 0.2) -> AsyncIterator[Newsroom]:
    clock, settings = SimulatedClock(), Settings(home=home)
    database = open_database(settings.ledger_url)
    store = VectorStore(home / "vectors")
    library = Library(Storage(home, Ledger(database, clock.now), store, embedder, settings.chunk_tokens))
    try:
        with Documents() as documents:
            async with (
                running_site(FakeSite()) as site,
                Fetcher(FetchLimits(seconds, 200_000), anywhere, "", clock.now) as fetcher,
            ):
                site.put("/robots.txt", "User-agent: *\nDisallow: /private\n", "text/plain")
                polite, limits = PoliteFetcher(fetcher, clock, 0.0), FollowLimits(50, 600)
                sources = FollowedStore(database)
                follower = Follower(
                    library, sources, PageReader(library, sources, polite, documents, limits, Random(7))
                )
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


def following(tmp_path: Path, embedder: Embedder, story: Callable[[Newsroom], Awaitable[None]]) -> None:
    """Let a story happen."""

    async def live() -> None:
        async with newsroom(tmp_path, embedder, seconds=5.0) as room:
            await story(room)

    asyncio.run(live())
