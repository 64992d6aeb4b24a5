"""A week of three invented papers, hour by hour: at its end the library is what it should be, article by article."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from rag.following.schedule import DAY, HOUR
from rag.models.embedder import Embedder
from tests.fakes.fake_site import FAULTS, FakeSite, item, rss, running_site
from tests.fakes.newsroom import Newsroom, article_text, newsroom, title_of
from vectorstore.values import SHARED_LIBRARY, Scope

ATOM_HEAD = '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0">'
WITHDRAWAL = "This article has been withdrawn because its figures were wrong."


@dataclass(frozen=True)
class Truth:
    """What the library should hold of an article: `earlier` texts oldest first."""

    title: str
    text: str
    outlet: str
    earlier: tuple[str, ...] = ()
    withdrawn: bool = False

    def corrected(self, text: str, title: str = "") -> "Truth":
        return replace(self, title=title or self.title, text=text, earlier=(*self.earlier, self.text))


@dataclass
class Paper:
    """A site with its list of articles, as RSS, Atom or JSON Feed by the ending of its path; the newest stands first."""

    site: FakeSite
    name: str
    path: str
    truth: dict[str, Truth]
    listed: dict[str, tuple[str, str]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"{self.site.address}{path}"

    def publish(self, path: str, title: str, text: str) -> None:
        self.site.put_article(path, title, text)
        self.truth[self.url(path)] = Truth(title, text, self.name)
        self.announce(path, title)

    def correct(self, path: str, text: str, title: str = "", tell: bool = True) -> None:
        """Print it anew; the list says so, or says nothing."""
        known = self.truth[self.url(path)].corrected(text, title)
        self.truth[self.url(path)] = known
        self.site.put_article(path, known.title, text)
        if tell:
            self.announce(path, known.title, f"Corrected: {text[:80]}")

    def withdraw(self, path: str) -> None:
        """In the truth: how the paper says so is the story's."""
        self.truth[self.url(path)] = replace(self.truth[self.url(path)], withdrawn=True)

    def announce(self, path: str, title: str, summary: str = "") -> None:
        self.listed = {path: (title, summary)} | {other: said for other, said in self.listed.items() if other != path}
        self.write()

    def write(self) -> None:
        if self.path.endswith(".json"):
            items = [{"id": p, "url": self.url(p), "title": t, "summary": s} for p, (t, s) in self.listed.items()]
            feed = {"version": "https://jsonfeed.org/version/1.1", "title": self.name, "items": items}
            self.site.put(self.path, json.dumps(feed), "application/feed+json")
        elif self.path.endswith(".atom"):
            entries = "".join(
                f"<entry><id>urn:{p}</id><title>{t}</title><link href='{self.url(p)}'/><summary>{s}</summary></entry>"
                for p, (t, s) in self.listed.items()
            )
            graves = "".join(f"<at:deleted-entry ref='urn:{p}' when='2025-06-03T00:00:00Z'/>" for p in self.deleted)
            self.site.put(
                self.path, f"{ATOM_HEAD}<title>{self.name}</title>{entries}{graves}</feed>", "application/atom+xml"
            )
        else:
            items = [item(self.url(p), t, summary=s) for p, (t, s) in self.listed.items()]
            self.site.put(self.path, rss(self.name, items), "application/rss+xml")


def the_week(room: Newsroom, harbour: Paper, wire: Paper, valley: Paper) -> dict[int, list[Callable[[], object]]]:
    """What happens at which hour. Each of the three publishes all the while, see `routine`."""
    agency = article_text(900)
    shorter = agency.rpartition(" Resident")[0]
    happens: dict[int, list[Callable[[], object]]] = {
        2: [lambda: valley.site.pages.pop("/dead.xml")],
        10: [lambda: harbour.correct("/news/0", article_text(0, 2))],
        20: [lambda: wire.correct("/news/7", article_text(7, 2), tell=False)],
        26: [lambda: take_down(wire, "/news/1")],
        30: [lambda: valley.site.pages.pop("/news/2"), lambda: valley.withdraw("/news/2")],
        32: [lambda: kept.update(page=harbour.site.pages.pop("/news/3"))],
        40: [lambda: retract(wire, "/news/4")],
        44: [lambda: wire.publish("/agency", "Wards count their repairs", agency)],
        50: [lambda: list_copies(harbour, "/news/0")],
        55: [lambda: valley.publish("/from-the-wire", "What the wards want repaired", shorter)],
        110: [lambda: move_feed(harbour, "/new/feed.xml")],
        118: [lambda: harbour.correct("/news/9", article_text(9, 2), title="Ward 9: the plans, corrected")],
        120: [lambda: harbour.correct("/news/0", article_text(0, 3))],
        130: [lambda: harbour.site.pages.update({"/news/3": kept["page"]})],
    }
    kept: dict[str, Callable[..., object]] = {}
    faults = ((60, 3, wire, "500"), (70, 2, harbour, "half a body"), (80, 4, valley, "gzip bomb"), (88, 2, wire, "a page"),
              (95, 2, harbour, "broken XML"), (100, 3, valley, "circle"))  # fmt: skip
    for hour, length, paper, name in faults:
        happens.setdefault(hour, []).append(lambda paper=paper, name=name: setattr(paper.site, "fault", FAULTS[name]))
        happens.setdefault(hour + length, []).append(lambda paper=paper: setattr(paper.site, "fault", None))
    return happens


def take_down(paper: Paper, path: str) -> None:
    """An Atom feed says that it deleted the entry; the page stays for a while."""
    del paper.listed[path]
    paper.deleted.append(path)
    paper.withdraw(path)
    paper.write()


def retract(paper: Paper, path: str) -> None:
    """A notice stands where the article was."""
    title, _ = paper.listed[path]
    paper.site.put_article(path, title, WITHDRAWAL)
    paper.announce(path, title, WITHDRAWAL)
    paper.withdraw(path)


def list_copies(paper: Paper, path: str) -> None:
    """The same article under three more addresses."""
    title, text = paper.truth[paper.url(path)].title, paper.truth[paper.url(path)].text
    canonical = f'<link rel="canonical" href="{path}">'
    paper.site.put_article(f"/print{path}", title, text)
    paper.site.put_article(f"/amp{path}", title, f"{text} All rights reserved.", head=canonical)
    for address in (f"{path}?utm_source=feed", f"/print{path}", f"/amp{path}"):
        paper.announce(address, title)


def move_feed(paper: Paper, path: str) -> None:
    paper.site.put_status(paper.path, 301, Location=path)
    paper.path = path
    paper.write()


def routine(hour: int, papers: tuple[Paper, Paper, Paper]) -> None:
    """Two articles of each at first, then one every eight hours, for five days."""
    numbers = range(6) if hour == 0 else range(hour // 8 + 5, hour // 8 + 6) if hour % 8 == 0 and hour < 5 * 24 else ()
    for number in numbers:
        papers[number % 3].publish(f"/news/{number}", title_of(number), article_text(number))


@pytest.mark.slow
def test_after_a_week_the_library_is_what_the_papers_say(tmp_path: Path, embedder: Embedder) -> None:
    async def live() -> None:
        async with (
            newsroom(tmp_path, embedder, seconds=5.0) as room,
            running_site(FakeSite()) as wire_site,
            running_site(FakeSite()) as valley_site,
        ):
            truth: dict[str, Truth] = {}
            harbour = Paper(room.site, "Harbour Post", "/feed.xml", truth)
            wire = Paper(wire_site, "City Wire", "/list.atom", truth)
            valley = Paper(valley_site, "Tesk Valley Post", "/feed.json", truth)
            papers = (harbour, wire, valley)
            happens = the_week(room, *papers)
            valley.site.put_feed("/dead.xml", "The Dead Letter", [item(valley.url("/none"), "Nothing")])
            routine(0, papers)
            for address in (*(paper.url(paper.path) for paper in papers), valley.url("/dead.xml")):
                await room.follow_address(address, every=HOUR)
            errors: set[str] = set()
            for hour in range(1, 7 * 24 + 1):
                routine(hour, papers)
                for event in happens.get(hour, ()):
                    event()
                if hour == 115:
                    assert await room.library.forget(SHARED_LIBRARY, harbour.url("/news/6"))
                    del truth[harbour.url("/news/6")]
                errors |= {report.error for report in await room.pass_time(HOUR, HOUR)}
            assert len(errors) > 6, "the faults were met"
            assert library_of(room) == truth
            assert len(truth) > 20
            check_whole(room, truth)
            groups = groups_of(room)
            assert groups[wire.url("/agency")] == groups[valley.url("/from-the-wire")]
            assert len(set(groups.values())) == len(truth) - 1
            states = {source.title: source for source in room.follower.store.sources()}
            assert {title: bool(source.last_error) for title, source in states.items()} == {
                "Harbour Post": False,
                "City Wire": False,
                "Tesk Valley Post": False,
                "The Dead Letter": True,
            }
            assert states["Harbour Post"].address == harbour.url("/new/feed.xml")
            assert states["The Dead Letter"].next_try < room.clock.now() + 2 * DAY

    asyncio.run(live())


def library_of(room: Newsroom) -> dict[str, Truth]:
    """Everything that is stored, as it is compared."""
    ledger = room.library.storage.ledger
    withdrawn = ledger.withdrawn(SHARED_LIBRARY)
    held: dict[str, Truth] = {}
    for name in ledger.known(SHARED_LIBRARY):
        article = ledger.article(SHARED_LIBRARY, name)
        assert article is not None
        earlier = tuple(version.text for version in ledger.versions(SHARED_LIBRARY, name))
        held[name] = Truth(article.title, article.text, article.source, earlier, name in withdrawn)
    return held


def check_whole(room: Newsroom, truth: dict[str, Truth]) -> None:
    """All that stands may be quoted, nothing that was withdrawn; nothing is half done, no vector too many."""
    storage = room.library.storage
    quotable = {chunk.article_id for chunk in storage.ledger.leading_chunks(Scope(), 1_000)}
    assert quotable == {name for name, article in truth.items() if not article.withdrawn}
    assert storage.ledger.unfinished_ids(SHARED_LIBRARY, storage.index_key) == []
    assert storage.store.count() == storage.ledger.indexed_chunk_count()


def groups_of(room: Newsroom) -> dict[str, str]:
    """Which articles are copies of one text."""
    ledger = room.library.storage.ledger
    names = list(ledger.known(SHARED_LIBRARY))
    return {article.id: group for article, group in ledger.articles_with_groups(SHARED_LIBRARY, names)}
