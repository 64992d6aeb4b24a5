"""Following over a real server: a week of news with corrections, withdrawals, copies and every fault; nothing lost or doubled."""

import asyncio
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest
from sqlalchemy import select

from rag.following.feeds import key_of
from rag.following.pages import FollowLimits
from rag.following.schedule import DAY, HOUR
from rag.following.sources import Discovered, discover, new_source
from rag.ingestion.forgetting import Forgotten
from rag.models.embedder import Embedder
from tests.fakes.fake_site import FAULTS, article_page, item
from tests.fakes.newsroom import FEED, HALF_AN_HOUR, Newsroom, article_text, following, newsroom, title_of
from vectorstore import followed
from vectorstore.followed import FORGOTTEN, MAX_WAITING_ENTRIES, WAITING, WITHDRAWN, ListedEntry, Source
from vectorstore.schema import followed_entries
from vectorstore.values import FEED as BY_FEED
from vectorstore.values import PAGE_METADATA

QUICK = ("500", "half a body", "gzip bomb", "a page", "empty", "404", "circle", "broken XML")
"""Faults that nothing waits for."""


def week_of_faults(names: Sequence[str]) -> Iterator[tuple[int, str]]:
    """(half-hour of the week, fault): an hour of each, with an hour of peace between, from Monday noon on."""
    for place, name in enumerate(names):
        for half_hour in range(24 + place * 4, 24 + place * 4 + 2):
            yield half_hour, name


@pytest.mark.parametrize(
    ("names", "peace", "articles"),
    [(QUICK, 56, 6), pytest.param(tuple(FAULTS), 216, 18, marks=pytest.mark.slow)],
    ids=["quick", "all"],
)
def test_a_week_of_news_and_faults_loses_and_doubles_nothing(
    names: tuple[str, ...], peace: int, articles: int, tmp_path: Path, embedder: Embedder
) -> None:
    async def live() -> None:
        async with newsroom(tmp_path, embedder) as room:
            room.publish("/news/0", title_of(0), article_text(0))
            source = await room.follow()
            faults, number, editions = dict(week_of_faults(names)), 0, {0: 1}
            errors: set[str] = set()
            for half_hour in range(24 + len(names) * 4 + peace):
                fault = faults.get(half_hour)
                room.site.fault = FAULTS[fault] if fault else None
                if half_hour % 6 == 5 and number < articles:
                    # Within faults and between them.
                    number += 1
                    room.publish(f"/news/{number}", title_of(number), article_text(number))
                    editions[number] = 1
                if half_hour % 21 == 20 and number > 2 and half_hour < 22 + len(names) * 4 + peace / 2:
                    # A correction that the feed tells of.
                    editions[number - 1] += 1
                    text = article_text(number - 1, editions[number - 1])
                    date = "Tue, 03 Jun 2025 10:00:00 GMT"
                    room.publish(f"/news/{number - 1}", title_of(number - 1), text, date=date, summary=text[:100])
                errors |= {report.error for report in await room.pass_time(HALF_AN_HOUR)}
            assert len(errors) > len(names) / 2, "the faults were met"
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


LONG = "The council will vote on the ferry on Tuesday. " + article_text(77)


def test_a_page_that_is_corrected_in_silence_is_read_again(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        room.publish("/a", "Ferry vote", LONG)
        source = await room.follow()
        assert (await room.read())[0].added == 1
        room.site.put_article("/a", "Ferry vote", LONG.replace("Tuesday", "Friday"))
        await room.pass_time(2 * HOUR)
        assert room.stored() == {"/a": LONG.replace("Tuesday", "Friday")}
        (version,) = room.library.storage.ledger.versions("shared", room.url("/a"))
        assert "Tuesday" in version.text
        assert room.follower.store.counts(source.id).stored == 1
        asked = room.site.asked("/a")
        await room.pass_time(14 * DAY, step=DAY / 2)
        assert 3 <= room.site.asked("/a") - asked <= 8, "less often as it gets older"

    following(tmp_path, embedder, story)


def test_one_article_under_several_addresses_is_one(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        room.publish("/a", "Ferry vote", LONG)
        for path in ("/a?utm_source=rss&utm_medium=feed", "/a#comments"):
            room.announce(path, "Ferry vote", guid=path)
        room.site.put_article("/print/a", "Ferry vote", LONG)
        room.announce("/print/a", "Ferry vote")
        room.site.put_article("/amp/a", "Ferry vote", f"{LONG} Read more.", head='<link rel="canonical" href="/a">')
        room.announce("/amp/a", "Ferry vote")
        await room.follow()
        await room.read()
        await room.pass_time(DAY, HOUR)
        assert room.stored() == {"/a": LONG}
        assert not room.library.storage.ledger.versions("shared", room.url("/a"))
        for path in ("/print/a", "/a"):
            room.site.put_article(path, "Ferry vote", LONG.replace("Tuesday", "Friday"))
        room.announce("/print/a", "Ferry vote", date="Tue, 03 Jun 2025 10:00:00 GMT")
        await room.pass_time(DAY, HOUR)
        assert room.stored() == {"/a": LONG.replace("Tuesday", "Friday")}

    following(tmp_path, embedder, story)


def test_a_page_for_telephones_gives_way_to_the_page_itself(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        room.site.put_article("/amp/a", "Ferry vote", f"{LONG} Read more.", head='<link rel="canonical" href="/a">')
        room.announce("/amp/a", "Ferry vote")
        await room.follow()
        await room.read()
        assert room.stored() == {"/a": f"{LONG} Read more."}
        room.publish("/a", "Ferry vote", LONG)
        await room.pass_time(7 * DAY, 6 * HOUR)
        assert room.stored() == {"/a": LONG}
        assert len(room.library.storage.ledger.versions("shared", room.url("/a"))) == 1

    following(tmp_path, embedder, story)


def test_a_page_in_utf_16_says_its_own_address(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        page = article_page("Ferry vote", LONG, head='<link rel="canonical" href="/a">')
        room.site.put("/amp/a", page.encode("utf-16"), "text/html")
        room.announce("/amp/a", "Ferry vote")
        await room.follow()
        await room.read()
        assert room.stored() == {"/a": LONG}

    following(tmp_path, embedder, story)


def test_a_site_that_gives_every_page_one_canonical_address_loses_none(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        for number in range(3):
            room.site.put_article(
                f"/{number}", title_of(number), article_text(number), head='<link href="/news" rel="canonical">'
            )
            room.announce(f"/{number}", title_of(number))
        await room.follow()
        await room.pass_time(DAY, HOUR)
        assert sorted(room.stored().values()) == sorted(article_text(number) for number in range(3))

    following(tmp_path, embedder, story)


def test_a_page_that_names_anothers_address_by_mistake_is_an_article_of_its_own(
    tmp_path: Path, embedder: Embedder
) -> None:
    async def story(room: Newsroom) -> None:
        mistaken = '<link rel="canonical" href="/1">'
        room.site.put_article("/longer/2", title_of(2), article_text(2), head=mistaken)
        room.announce("/longer/2", title_of(2))
        await room.follow()
        await room.read()
        room.publish("/1", title_of(1), article_text(1))
        room.site.put_article("/longer/3", title_of(3), article_text(3), head=mistaken)
        room.announce("/longer/3", title_of(3))
        await room.pass_time(2 * DAY, HOUR)
        assert room.stored() == {"/1": article_text(1), "/longer/2": article_text(2), "/longer/3": article_text(3)}

    following(tmp_path, embedder, story)


def test_a_name_that_a_feed_gives_to_every_article_overwrites_none(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        items = [item(room.url(f"/{number}"), title_of(number), guid="bulletin") for number in range(4)]
        for number in range(4):
            room.site.put_article(f"/{number}", title_of(number), article_text(number))
        room.site.put_feed(FEED, "Harbour Post", items[:1])
        room.site.put_feed("/all.xml", "City Wire", items[2:])
        await room.follow()
        await room.follow("/all.xml")
        await room.read()
        room.site.put_feed(FEED, "Harbour Post", items[1:2])
        await room.pass_time(DAY, HOUR)
        assert room.stored() == {f"/{number}": article_text(number) for number in range(4)}

    following(tmp_path, embedder, story)


def test_a_site_that_leads_everybody_to_a_consent_page_for_a_while_loses_nothing(
    tmp_path: Path, embedder: Embedder
) -> None:
    async def story(room: Newsroom) -> None:
        room.publish("/1", title_of(1), article_text(1))
        await room.follow()
        await room.read()
        consent = "We and our partners use cookies to show advertisements that suit everybody. " * 12
        room.site.put_article("/consent", "Your privacy", consent)
        room.publish("/2", title_of(2), article_text(2))
        pages = {path: room.site.pages[path] for path in ("/1", "/2")}
        for path in pages:
            room.site.put_status(path, 302, Location="/consent")
        await room.pass_time(DAY, HOUR)
        assert room.stored() == {"/1": article_text(1)}
        room.site.pages |= pages
        await room.pass_time(2 * DAY, HOUR)
        assert room.stored() == {"/1": article_text(1), "/2": article_text(2)}
        assert not room.library.storage.ledger.versions("shared", room.url("/1"))

    following(tmp_path, embedder, story)


def test_what_was_stored_but_not_noted_before_a_kill_is_stored_once(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        room.publish("/a", "Ferry vote", LONG)
        source = await room.follow()
        await room.read()
        entry = room.follower.store.entry(source.id, key_of(room.url("/a")))
        assert entry is not None
        unnoted = {
            "status": WAITING,
            "article_id": "",
            "text_digest": "",
            "found_at": "",
            "next_check": room.clock.now(),
        }
        room.follower.store.note([replace(entry, **unnoted)])
        (report,) = await room.pass_time(HALF_AN_HOUR)
        assert (report.added, report.changed, report.unchanged) == (0, 0, 1)
        assert room.stored() == {"/a": LONG}

    following(tmp_path, embedder, story)


def test_a_feed_that_invents_entries_without_end_is_bounded_and_loses_none(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        room.site.put_feed(FEED, "Harbour Post", [])
        source = await room.follow()
        listed = [ListedEntry(f"{n}", "https://h.example/", "f", "{}") for n in range(MAX_WAITING_ENTRIES + 7)]
        known = replace(source, etag="x")
        assert room.follower.store.note_list(known, listed, room.clock.now()) == 7
        assert room.follower.store.counts(source.id).waiting == MAX_WAITING_ENTRIES
        assert room.follower.store.sources()[0].etag == ""

    following(tmp_path, embedder, story)


def test_a_page_that_is_gone_for_a_day_is_withdrawn_until_it_is_back(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        room.publish("/a", "Ferry vote", LONG)
        room.publish("/b", "Other", article_text(5))
        source = await room.follow()
        await room.read()
        page = room.site.pages.pop("/a")
        await room.pass_time(HOUR)
        assert room.quotable() == {"/a", "/b"}, "once is not enough"
        await room.pass_time(DAY)
        assert (room.quotable(), set(room.stored())) == ({"/b"}, {"/a", "/b"})
        assert list(await room.library.withdrawn()) == [room.url("/a")]
        assert room.status(source, "/a") == WITHDRAWN
        assert not [entry for entry in room.library.storage.ledger.lexical_entries() if "Ferry" in entry.title]
        room.site.pages["/a"] = page
        reports = await room.pass_time(2 * DAY, HOUR)
        assert [note for report in reports for note in report.notes] == [f"{room.url('/a')} is back"]
        assert room.quotable() == {"/a", "/b"}
        assert not await room.library.withdrawn()

    following(tmp_path, embedder, story)


def test_a_notice_withdraws_an_article_and_never_replaces_its_text(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        room.publish("/a", "Ferry vote", LONG)
        source = await room.follow()
        await room.read()
        room.site.put_article("/a", "Ferry vote", "This article has been withdrawn because its figures were wrong.")
        await room.pass_time(2 * HOUR)
        assert room.status(source, "/a") == WITHDRAWN
        assert (room.quotable(), room.stored()) == (set(), {"/a": LONG})
        # A log-in in the notice's place does not bring it back; the article does.
        room.site.put_article("/a", "Sorry", "Please log in to go on reading.")
        await room.pass_time(2 * DAY, HOUR)
        assert (room.quotable(), room.stored()) == (set(), {"/a": LONG})
        room.site.put_article("/a", "Ferry vote", LONG.replace("Tuesday", "Friday"))
        await room.pass_time(2 * DAY, HOUR)
        assert (room.quotable(), room.stored()) == ({"/a"}, {"/a": LONG.replace("Tuesday", "Friday")})

    following(tmp_path, embedder, story)


def test_what_an_atom_feed_says_is_deleted_is_withdrawn(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        head = '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0"><title>H</title>'
        entry = "<entry><id>urn:{0}</id><title>Vote {0}</title><link href='/{0}'/></entry>"
        tombs = "".join(f"<at:deleted-entry ref='urn:{n}' when='2025-06-02T00:00:00Z'/>" for n in (0, 1))
        for number in range(3):
            room.site.put_article(f"/{number}", f"Vote {number}", article_text(number))
        room.site.put("/atom", head + "".join(entry.format(n) for n in range(3)) + "</feed>", "application/atom+xml")
        await room.follow("/atom")
        await room.read()
        assert room.quotable() == {"/0", "/1", "/2"}
        room.site.put("/atom", head + entry.format(2) + tombs + "</feed>", "application/atom+xml")
        await room.pass_time(DAY, HOUR)
        assert (room.quotable(), len(room.stored())) == ({"/2"}, 3)

    following(tmp_path, embedder, story)


def test_an_article_that_moved_is_not_withdrawn_with_its_old_address(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        room.publish("/a", "Ferry vote", LONG)
        await room.follow()
        await room.read()
        del room.site.pages["/a"]
        room.publish("/new/a", "Ferry vote", LONG)
        await room.pass_time(3 * DAY, HOUR)
        assert (len(room.stored()), room.quotable()) == (1, {"/a"})
        room.site.put_article("/new/a", "Ferry vote", LONG.replace("Tuesday", "Friday"))
        await room.pass_time(7 * DAY, HOUR * 6)
        assert room.stored() == {"/a": LONG.replace("Tuesday", "Friday")}

    following(tmp_path, embedder, story)


def test_an_error_page_that_is_served_as_the_article_never_replaces_it(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        room.publish("/a", "Ferry vote", LONG)
        await room.follow()
        await room.read()
        room.site.put_article("/a", "Sorry", "Please accept our cookies to go on reading.")
        room.site.put_article("/b", "Sorry", "Please accept our cookies to go on reading.")
        room.announce("/b", "Bridge closed")
        reports = await room.pass_time(DAY)
        assert room.stored() == {"/a": LONG}
        assert any("another page in its place" in reason for report in reports for _, reason in report.failed)

    following(tmp_path, embedder, story)


def test_a_summary_is_never_stored_as_the_article(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        subscribers = '<script type="application/ld+json">{"isAccessibleForFree": false}</script>'
        room.site.put_article("/paid", "Paid", LONG, head=subscribers)
        room.site.put_status("/closed", 403)
        summary = "The council will vote."
        room.announce("/paid", "Paid", summary=summary)
        room.announce("/closed", "Closed", summary=summary, content=f"<p>{summary}</p>")
        room.announce("/private/a", "Private", summary=summary)
        room.announce(
            "/private/b", "Whole", summary=summary, content=f"<p>{article_text(3)}</p><p>{article_text(4)}</p>"
        )
        room.announce("", "No page", guid="no-page", content=f"<p>{article_text(8)}</p>")
        source = await room.follow()
        (report,) = await room.read()
        whole = f"{article_text(3)} {article_text(4)}"
        assert sorted(room.stored().values()) == sorted([whole, article_text(8)])
        reasons = dict(report.skipped)
        assert {address.removeprefix(room.site.address) for address in reasons} == {"/paid", "/closed", "/private/a"}
        assert "subscribers" in reasons[room.url("/paid")]
        assert "robots.txt" in reasons[room.url("/private/a")]
        assert all("full text" in reason for reason in reasons.values())
        assert room.site.asked("/private/a") == 0
        assert room.follower.store.counts(source.id).skipped == 3

    following(tmp_path, embedder, story)


def test_an_article_is_by_whom_its_feed_says_where_its_page_is_silent(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        own = '<meta name="author" content="Lena Brandt">'
        room.publish("/a", "Ferry", article_text(1), author="ada@harbour.example (Ada Holm)")
        room.publish("/b", "Bridge", article_text(2), author="desk@harbour.example")
        room.site.put_article("/c", "Tunnel", article_text(3), head=own)
        room.announce("/c", "Tunnel", author="desk@harbour.example (The desk)")
        await room.follow()
        await room.read()
        ledger = room.library.storage.ledger

        def author(path: str) -> tuple[str, str]:
            article = ledger.article("shared", room.url(path))
            assert article is not None
            return article.author, article.origins.get("author", "")

        assert [author(path) for path in ("/a", "/b", "/c")] == [
            ("Ada Holm", BY_FEED),
            ("", ""),
            ("Lena Brandt", PAGE_METADATA),
        ]
        # It is looked at again without its entry, which is kept until it is stored: nothing changed.
        await room.pass_time(2 * HOUR)
        assert room.site.asked("/a") > 1
        assert author("/a") == ("Ada Holm", BY_FEED)
        assert ledger.versions("shared", room.url("/a")) == []

    following(tmp_path, embedder, story)


def test_links_to_files_programs_and_other_machines_are_named_and_left_alone(
    tmp_path: Path, embedder: Embedder
) -> None:
    async def story(room: Newsroom) -> None:
        links = ["file:///etc/passwd", "javascript:alert(1)", "ftp://h.example/a", "http://user:secret@h.example/a"]
        room.site.put_feed(FEED, "Odd", [item(link, f"Odd {place}") for place, link in enumerate(links)])
        await room.follow()
        (report,) = await room.read()
        assert (room.stored(), len(report.skipped), report.error) == ({}, 4, "")
        assert await room.pass_time(DAY, HOUR), "the source itself goes on"
        assert room.stored() == {}

    following(tmp_path, embedder, story)


def test_a_page_in_an_old_encoding_is_offered_under_its_name(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        page = '<html><head><meta charset="iso-8859-1"><title>Zürcher Bote</title></head><body>…</body></html>'
        room.site.put("/", page.replace("…", "").encode("latin-1"))
        found = await discover(room.url("/"), room.follower.fetcher)
        assert isinstance(found, Discovered)
        assert found.title == "Zürcher Bote"

    following(tmp_path, embedder, story)


def test_what_somebody_deleted_does_not_come_back(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        room.publish("/a", "Ferry vote", LONG)
        source = await room.follow()
        await room.read()
        assert await room.library.forget("shared", room.url("/a"))
        room.publish("/a", "Ferry vote", f"{LONG} More.", date="Tue, 03 Jun 2025 10:00:00 GMT")
        await room.pass_time(2 * DAY, HOUR)
        assert (room.stored(), room.status(source, "/a")) == ({}, FORGOTTEN)

    following(tmp_path, embedder, story)


def test_what_somebody_deleted_comes_back_from_no_other_source(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        room.publish("/a", "Ferry vote", LONG)
        room.site.put_feed("/more.xml", "More", [])
        source = await room.follow()
        await room.follow("/more.xml")
        await room.read()
        assert await room.library.forget("shared", room.url("/a"))
        amp = '<link rel="canonical" href="/a">'
        room.site.put_article("/amp/a", "Ferry vote", f"{LONG} Read more.", head=amp)
        for number in range(3):
            # The same link by other names, and another address of the same article.
            listed = [item(room.url(path), "Ferry vote", guid=f"{path}{number}") for path in ("/a", "/amp/a")]
            room.site.put_feed("/more.xml", "More", listed)
            await room.pass_time(2 * HOUR)
            assert room.stored() == {}
        room.site.put_feed("/third.xml", "Third", [item(room.url("/a"), "Ferry vote")])
        assert room.follower.store.remove(source.id)
        await room.follow("/third.xml")
        await room.follow()
        await room.pass_time(DAY, HOUR)
        assert room.stored() == {}
        assert (await room.follower.read_once(room.url("/a"), "shared")).added == 1
        assert room.stored() == {"/a": LONG}

    following(tmp_path, embedder, story)


def test_pages_for_subscribers_do_not_stand_in_the_way_of_others(
    tmp_path: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "MAX_WAITING_ENTRIES", 5)

    async def story(room: Newsroom) -> None:
        subscribers = '<script type="application/ld+json">{"isAccessibleForFree": false}</script>'
        room.site.put_feed(FEED, "Harbour Post", [])
        await room.follow()
        for number in range(8):
            room.site.put_article(f"/paid/{number}", title_of(number), article_text(number), head=subscribers)
            room.announce(f"/paid/{number}", title_of(number), summary="For subscribers.")
            await room.pass_time(HALF_AN_HOUR)
        room.publish("/free", "Ferry vote", LONG)
        await room.pass_time(2 * HOUR)
        assert room.stored() == {"/free": LONG}
        await room.pass_time(40 * DAY, DAY / 2)
        with room.follower.store.database.connect() as connection:
            kept = connection.execute(select(followed_entries.c.content).where(followed_entries.c.content != "")).all()
        assert kept == [], "what is not looked at again needs no words of its feed"

    following(tmp_path, embedder, story)


def test_what_is_deleted_while_its_page_is_read_does_not_come_back(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        for path in ("/a", "/b"):
            room.publish(path, f"Ferry vote {path}", f"{LONG} So says {path[1:]}.")
        source = await room.follow()
        await room.read()
        for path in ("/a", "/b"):
            room.publish(
                path, f"Ferry vote {path}", f"{LONG} More of {path[1:]}.", date="Tue, 03 Jun 2025 10:00:00 GMT"
            )
        deleted: list[object] = []

        async def delete_before_the_second(_seconds: float) -> None:
            # By then the first page is read, and nothing of it stored.
            if room.site.asked("/a") > 1 and not deleted:
                deleted.append(await room.library.forget("shared", room.url("/a")))

        room.follower.pages.give_way = delete_before_the_second
        await room.pass_time(2 * DAY, HOUR)
        assert deleted
        assert (set(room.stored()), room.status(source, "/a")) == ({"/b"}, FORGOTTEN)
        assert "More of b" in room.stored()["/b"]

    following(tmp_path, embedder, story)


def test_what_is_too_old_is_forgotten_within_the_hour_and_does_not_come_back(
    tmp_path: Path, embedder: Embedder
) -> None:
    async def story(room: Newsroom) -> None:
        folder = tmp_path / "incoming"
        folder.mkdir()
        records = [
            {"id": "old", "text": LONG, "published": "2025-04-01"},
            {"id": "new", "text": f"{LONG} A new bridge is planned, too.", "published": "2025-06-01"},
            {"id": "undated", "text": f"{LONG} The tunnel is not."},
        ]
        (folder / "news.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        room.publish("/a", "Ferry vote", LONG)
        source = await room.follow()
        room.follower.store.add(Source("f", str(folder), "folder", "", HALF_AN_HOUR, room.clock.now()))
        await room.read()
        assert set(room.stored()) == {"/a", "old", "new", "undated"}
        assert await room.follower.forget_expired() == Forgotten(), (
            "everything is kept unless the settings say otherwise"
        )
        room.follower.retention_days = 30
        assert (await room.follower.forget_expired()).articles == 1
        assert set(room.stored()) == {"/a", "new", "undated"}
        await room.pass_time(2 * HOUR)
        assert "old" not in room.stored(), "the folder still holds it"
        room.clock.time += 40 * DAY
        assert await room.follower.forget_expired() == Forgotten(), "a clock that leaps may be wrong"
        await room.pass_time(2 * HOUR)
        assert "new" in room.stored()
        room.clock.time += DAY
        assert (await room.follower.forget_expired()).articles == 3, "the undated one is here for 40 days"
        assert await room.follower.forget_expired() == Forgotten(), "not twice within the hour"
        await room.pass_time(2 * HOUR)
        assert (set(room.stored()), room.status(source, "/a")) == ({"undated"}, FORGOTTEN), "its age begins again"

    following(tmp_path, embedder, story)


@pytest.mark.parametrize("days", [1, 3_650], ids="{} days".format)
def test_a_clock_that_was_ahead_and_is_set_right_puts_nothing_off(
    days: int, tmp_path: Path, embedder: Embedder
) -> None:
    async def story(room: Newsroom) -> None:
        room.publish("/a", "Ferry vote", LONG)
        source = await room.follow()
        await room.read()
        room.clock.set_back = days * DAY
        room.site.put_article("/a", "Ferry vote", LONG + " Corrected: nine voted for it.")
        room.publish("/b", "Mill fire", LONG.replace("ferry", "mill"))
        await room.pass_time(2 * HOUR)
        assert (set(room.stored()), "Corrected" in room.stored()["/a"]) == ({"/a", "/b"}, True)
        asked = room.site.asked(FEED)
        await room.pass_time(4 * HOUR)
        assert 4 <= room.site.asked(FEED) - asked <= 8, "as often as it is to be read, and no more"
        entry = room.follower.store.entry(source.id, key_of(room.url("/a")))
        assert entry is not None
        assert entry.first_seen <= room.clock.now()

    following(tmp_path, embedder, story)


def test_a_feed_that_is_gone_for_good_is_stopped_and_its_articles_stay(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        room.publish("/a", "Ferry vote", LONG)
        source = await room.follow()
        await room.read()
        room.site.put_status(FEED, 410)
        reports = await room.pass_time(HOUR)
        assert any("no longer read" in report.error for report in reports)
        asked = room.site.asked(FEED)
        await room.pass_time(3 * DAY, HOUR)
        assert (room.site.asked(FEED), room.quotable()) == (asked, {"/a"})
        assert room.follower.store.sources()[0].stopped
        assert room.follower.store.remove(source.id)
        assert (room.follower.store.sources(), room.quotable()) == ([], {"/a"})

    following(tmp_path, embedder, story)


def test_a_failing_source_is_asked_less_often_and_does_not_stop_the_others(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        room.publish("/a", "Ferry vote", LONG)
        await room.follow()
        room.site.put_feed("/other", "City Wire", [])
        await room.follow("/other")
        room.site.put_status("/other", 500)
        reports = await room.read()
        assert {report.source.title: bool(report.error) for report in reports} == {
            "Harbour Post": False,
            "City Wire": True,
        }
        asked = room.site.asked("/other")
        await room.pass_time(DAY)
        assert 3 <= room.site.asked("/other") - asked <= 6
        assert room.site.asked(FEED) > 20
        failing = room.source("City Wire")
        assert failing.failures > 3
        assert "500" in failing.last_error
        room.site.put_feed("/other", "City Wire", [])
        await room.pass_time(2 * DAY, HOUR)
        assert (room.source("City Wire").failures, room.source("City Wire").last_error) == (0, "")

    following(tmp_path, embedder, story)


def test_a_feed_in_the_encoding_that_only_its_server_names_and_without_links(
    tmp_path: Path, embedder: Embedder
) -> None:
    async def story(room: Newsroom) -> None:
        whole = "Мост закрыт до весны, сказал мэр города Ада Хольм в понедельник. " * 12
        entry = (
            f"<item><guid isPermaLink='false'>news-1</guid><title>Мост</title><description>{whole}</description></item>"
        )
        feed = f'<?xml version="1.0"?><rss version="2.0"><channel><title>Вести</title>{entry}</channel></rss>'
        room.site.put(FEED, feed.encode("windows-1251"), "application/rss+xml; charset=windows-1251")
        source = await room.follow()
        assert source.title == "Вести"
        atom = f"<entry><id>urn:uuid:1</id><title>Deck</title><content type='html'>{escape(f'<p>{LONG}</p>')}</content></entry>"
        room.site.put(
            "/b.atom",
            f'<feed xmlns="http://www.w3.org/2005/Atom"><title>B</title>{atom}</feed>',
            "application/atom+xml",
        )
        await room.follow("/b.atom")
        await room.read()
        assert LONG in room.stored().values()
        titles = {article.title for article in room.library.storage.ledger.headlines("shared")}
        assert titles <= {"Мост", "Deck"}

    following(tmp_path, embedder, story)


def test_a_feed_that_moved_for_good_is_read_at_its_new_address(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        room.publish("/a", "Ferry vote", LONG)
        await room.follow()
        await room.read()
        room.site.pages["/new.xml"] = room.site.pages[FEED]
        room.site.put_status(FEED, 301, Location="/new.xml")
        await room.pass_time(HOUR)
        (source,) = room.follower.store.sources()
        assert (source.address, source.moved_from) == (room.url("/new.xml"), room.url(FEED))
        room.site.put_feed("/old.xml", "Old", [])
        double = await room.follow("/old.xml")
        room.site.put_status("/old.xml", 301, Location="/new.xml")
        await room.pass_time(HOUR)
        (doubled,) = (one for one in room.follower.store.sources() if one.id == double.id)
        assert doubled.stopped
        assert "followed already" in doubled.last_error
        asked = room.site.asked(FEED)
        await room.pass_time(DAY, HOUR)
        assert (room.site.asked(FEED), len(room.stored())) == (asked, 1)

    following(tmp_path, embedder, story)


def test_an_unchanged_feed_is_not_sent_twice_and_more_than_a_run_takes_waits(
    tmp_path: Path, embedder: Embedder
) -> None:
    async def story(room: Newsroom) -> None:
        for number in range(7):
            room.publish(f"/{number}", title_of(number), article_text(number))
        room.follower.pages.limits = FollowLimits(3, 600)
        source = await room.follow()
        await room.read()
        counts = room.follower.store.counts(source.id)
        assert (counts.stored, counts.waiting) == (3, 4)
        # What the feed no longer lists is not forgotten.
        room.site.put_feed(FEED, "Harbour Post", [])
        await room.pass_time(2 * HOUR)
        assert len(room.stored()) == 7
        assert any("If-None-Match" in headers for path, headers in room.site.requests if path == FEED)

    following(tmp_path, embedder, story)


def test_sitemaps_pages_folders_and_json_feeds_are_followed(tmp_path: Path, embedder: Embedder) -> None:
    async def story(room: Newsroom) -> None:
        for number in range(6):
            room.site.put_article(f"/{number}", title_of(number), article_text(number))
        news = "http://www.google.com/schemas/sitemap-news/0.9"
        place = (
            "<url><loc>{0}</loc><n:news><n:publication><n:name>Harbour Post</n:name></n:publication>"
            "<n:publication_date>2025-06-01</n:publication_date><n:title>{1}</n:title></n:news></url>"
        )
        listed = "".join(place.format(room.url(f"/{n}"), title_of(n)) for n in range(2))
        head = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:n="{news}">'
        room.site.put("/news.xml.gz", gzip.compress(f"{head}{listed}</urlset>".encode()), "application/gzip")
        room.site.put("/again.xml", f"{head}{place.format(room.url('/1'), 'Listed twice')}</urlset>", "text/xml")
        places = "".join(f"<sitemap><loc>{room.url(path)}</loc></sitemap>" for path in ("/news.xml.gz", "/again.xml"))
        index = f"<sitemapindex>{places}</sitemapindex>"
        room.site.put("/index.xml", index, "text/xml")
        items = [{"id": "4", "url": "/4", "title": title_of(4)}]
        feed = {"version": "https://jsonfeed.org/version/1.1", "title": "City Wire", "items": items}
        room.site.put("/feed.json", json.dumps(feed), "application/feed+json")
        folder = tmp_path / "papers"
        folder.mkdir()
        (folder / "a.txt").write_text(article_text(9), "utf-8")
        kinds = [(await room.follow(path)).kind for path in ("/index.xml", "/feed.json", "/5")]
        found = await discover(str(folder), room.follower.fetcher)
        assert isinstance(found, Discovered)
        room.follower.store.add(new_source(found, "shared", HOUR, room.clock.now()))
        reports = await room.read()
        assert [*kinds, found.kind] == ["sitemap", "feed", "page", "folder"]
        assert not any(report.error for report in reports)
        assert set(room.stored()) == {"/0", "/1", "/4", "/5", "papers/a.txt"}
        assert room.library.storage.ledger.article("shared", room.url("/1")).source == "Harbour Post"
        room.site.put_article("/5", title_of(5), article_text(5, 2))
        (folder / "b.txt").write_text(article_text(10), "utf-8")
        await room.pass_time(3 * HOUR)
        assert room.stored()["/5"] == article_text(5, 2)
        assert "papers/b.txt" in room.stored()

    following(tmp_path, embedder, story)
