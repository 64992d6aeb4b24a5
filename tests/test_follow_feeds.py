"""Feeds and sitemaps from bytes, the identity of pages, schedules: pure, and whatever is thrown at them."""

import json
import time
from contextlib import suppress
from random import Random

import pytest

from rag.following.feed_process import READ_HERE_BYTES, feed_in, read_feed_within
from rag.following.feeds import (
    MAX_ENTRIES,
    Entry,
    NotAFeed,
    canonical_link,
    feed_links,
    in_utf_8,
    looks_like_feed,
    read_feed,
)
from rag.following.identity import is_another_page, is_stand_in, is_withdrawal, page_address, text_digest
from rag.following.schedule import DAY, HOUR, next_page_check, next_read, next_try
from rag.following.sources import seconds_of
from tests.fakes.fake_site import item, rss

URL = "https://harbour.example/news/feed.xml"
ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title type="html">Harbour &amp;amp; Post</title>
<entry><id>urn:1</id><title>Ferry vote</title><link href="../a"/><published>2025-06-01T23:30:00-05:00</published>
<updated>2025-06-02T08:00:00Z</updated><author><name>Ada Holm</name></author><summary>Soon.</summary>
<content type="html">&lt;p&gt;The council will vote.&lt;/p&gt;</content></entry></feed>"""


def only_entry(content: str | bytes) -> Entry:
    (entry,) = read_feed(content.encode() if isinstance(content, str) else content, URL).entries
    return entry


def test_an_entry_is_read_as_its_feed_writes_it() -> None:
    assert read_feed(ATOM.encode(), URL).title == "Harbour & Post"
    entry = only_entry(ATOM)
    assert (entry.url, entry.title, entry.author) == ("https://harbour.example/a", "Ferry vote", "Ada Holm")
    assert (entry.published, entry.updated) == ("2025-06-01T23:30:00-05:00", "2025-06-02T08:00:00Z")
    assert (entry.summary, entry.content) == ("Soon.", "<p>The council will vote.</p>")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_a_feed_is_read_in_the_encoding_that_it_names(encoding: str) -> None:
    feed = rss("Zürich", [item("/a", "Café – no")]) if "1252" in encoding else rss("Zürich", [item("/a", "Café")])
    feed = feed.replace('<?xml version="1.0"?>', f'<?xml version="1.0" encoding="{encoding}"?>')
    read = read_feed(feed.encode(encoding), URL)
    assert read.title == "Zürich"
    assert read.entries[0].title.startswith("Café")


def test_an_entry_keeps_its_key_and_shows_when_it_changed() -> None:
    before = only_entry(rss("H", [item("/a", "Ferry", guid="g1")]))
    after = only_entry(rss("H", [item("/b", "Ferry, corrected", guid="g1")]))
    assert before.key == after.key
    assert before.fingerprint != after.fingerprint


def test_the_encoding_that_only_a_server_names_is_believed_where_nothing_else_tells() -> None:
    feed = rss("Вести", [item("/a", "Мост")])
    assert read_feed(in_utf_8(feed.encode("windows-1251"), "windows-1251"), URL).title == "Вести"
    assert in_utf_8(feed.encode(), "windows-1251") == feed.encode()
    declared = feed.replace('<?xml version="1.0"?>', '<?xml version="1.0" encoding="koi8-r"?>').encode("koi8-r")
    assert in_utf_8(declared, "windows-1251") == declared
    assert in_utf_8(feed.encode("windows-1251"), "no such") == feed.encode("windows-1251")


@pytest.mark.parametrize("name", ["urn:uuid:1", "tag:harbour.example,2025:1", "3"])
def test_what_an_entry_is_called_is_no_link(name: str) -> None:
    atom = ATOM.replace("<id>urn:1</id>", f"<id>{name}</id>").replace('<link href="../a"/>', "")
    assert only_entry(atom).url == ""
    assert only_entry(atom).content == "<p>The council will vote.</p>"


@pytest.mark.parametrize("link", ["<link>/news/1</link><guid>/news/1</guid>", "<guid>/news/1</guid>"])
def test_a_relative_link_is_one_though_the_entry_is_called_so(link: str) -> None:
    feed = f'<?xml version="1.0"?><rss version="2.0"><channel><title>H</title><item>{link}<title>A</title></item></channel></rss>'
    assert only_entry(feed).url == "https://harbour.example/news/1"


def test_harmless_bytes_fail_no_feed() -> None:
    told = rss("H", [item("/a", "Ferry", content="<![CDATA[An <!ENTITY x> is XML.]]>")])
    assert only_entry(told).title == "Ferry"
    assert only_entry(f"{rss('H', [item('/a', 'Ferry')])}<!-- {'cached ' * 900}-->\n<!-- 1 s -->\n").title == "Ferry"
    for hiding in ("<?p <!-- ?>", '<!DOCTYPE rss PUBLIC "<!--" "x">'):
        sly = rss("H", [item("/a", "Ferry")]).replace("<rss", f'{hiding}<!DOCTYPE rss [<!ENTITY a "AAAA">]><rss', 1)
        with pytest.raises(NotAFeed, match="declares XML entities"):
            read_feed(f"{sly}<!-- -->".encode(), URL)
    hidden = rss("H", [item("/a", "Ferry")]).replace(
        "<rss", '<!-- <![CDATA[ --><!DOCTYPE rss [<!ENTITY x "y">]><rss', 1
    )
    with pytest.raises(NotAFeed, match="declares XML entities"):
        read_feed(hidden.encode(), URL)


def test_a_json_feed_whose_version_stands_last_is_one() -> None:
    items = [{"id": str(number), "url": f"/{number}", "title": "A" * 200} for number in range(40)]
    feed = json.dumps({"items": items, "title": "H", "version": "https://jsonfeed.org/version/1.1"}).encode()
    assert looks_like_feed(feed)
    assert len(read_feed(feed, URL).entries) == 40
    assert not looks_like_feed(b'{"version": "1"}')


def test_the_base_of_a_page_counts() -> None:
    page = '<base href="https://feeds.example/x/"><link rel="alternate" type="application/rss+xml" href="feed.xml">'
    assert feed_links(page, URL) == ["https://feeds.example/x/feed.xml"]


def test_a_json_feed_is_read() -> None:
    items = [{"id": 7, "url": "/a", "title": "A"}, "no item", {"id": "b", "content_html": "<p>B</p>"}]
    feed = {"version": "https://jsonfeed.org/version/1", "title": "H", "items": items}
    read = read_feed(json.dumps(feed).encode(), URL)
    assert [(entry.url, entry.title, entry.content) for entry in read.entries] == [
        ("https://harbour.example/a", "A", ""),
        ("", "", "<p>B</p>"),
    ]


def test_a_sitemap_lists_the_newest_first() -> None:
    places = "".join(f"<url><loc>/{day}</loc><lastmod>2025-06-0{day}</lastmod></url>" for day in (1, 3, 2))
    read = read_feed(f"<urlset>{places}</urlset>".encode(), URL)
    assert [entry.url[-1] for entry in read.entries] == ["3", "2", "1"]


def test_an_index_names_sitemaps_of_its_own_site_only() -> None:
    places = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in ("/one.xml", "https://other.example/two.xml"))
    read = read_feed(f"<sitemapindex>{places}</sitemapindex>".encode(), URL)
    assert read.sitemaps == ("https://harbour.example/one.xml",)


BROKEN = {
    "empty": (b"", "is empty"),
    "page": (b"<!doctype html><html><body>Log in</body></html>", "a web page"),
    "cut": (rss("H", [item("/a", "A")]).encode()[:-30], "ends in the middle"),
    "cut in a text": (b"<rss><channel><item><description>Half a sent", "ends in the middle"),
    "entities": (b'<!DOCTYPE r [<!ENTITY a "b">]><rss><channel></channel></rss>', "entities"),
    "outer entity": (b'<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss>&a;</rss>', "entities"),
    "entities in UTF-16": ('<!DOCTYPE r [<!ENTITY a "b">]><rss></rss>'.encode("utf-16"), "entities"),
    "sitemap with a DTD": (b"<!DOCTYPE x><urlset></urlset>", "sitemap"),
    "cut sitemap": (b"<urlset><url><loc>/a</loc>", "sitemap"),
    "json": (b'{"items": []}', "no JSON Feed"),
    "cut json": (b'{"version": "https://jsonfeed.org/version/1", "items": [', "breaks off"),
    "deep json": (b'{"a":' * 100_000, "breaks off"),
    "noise": (bytes(range(256)) * 20, "neither RSS"),
}


@pytest.mark.parametrize(("content", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_whole_feed_is_said_to_be_none(content: bytes, words: str) -> None:
    with pytest.raises(NotAFeed, match=words):
        read_feed(content, URL)


def test_of_a_hundred_thousand_entries_the_first_are_read_in_a_moment() -> None:
    tiny = "".join(f"<item><guid>{number}</guid></item>" for number in range(100_000))
    began = time.perf_counter()
    read = read_feed(rss("H", [tiny]).encode(), URL)
    assert time.perf_counter() - began < 10
    assert (len(read.entries), read.left_out) == (MAX_ENTRIES, True)


@pytest.mark.parametrize("piece", ["<", "<a ", "<a>", "&", "<!--", "<a b='", "<![CDATA[", "]]>", "<item>"])
def test_no_feed_takes_for_ever(piece: str) -> None:
    hostile = f"<rss><channel><item><description>{piece * 8_000}</rss>".encode()
    began = time.perf_counter()
    with suppress(NotAFeed):
        read_feed(hostile, URL)
    assert time.perf_counter() - began < 3


def test_random_bytes_are_a_feed_or_not_and_nothing_else() -> None:
    dice, whole = Random(5), rss("H", [item(f"/{n}", f"Title {n}", content="<p>Text</p>") for n in range(5)]).encode()
    for _ in range(150):
        broken = bytearray(whole)
        for _ in range(dice.randrange(1, 12)):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        with suppress(NotAFeed):
            assert len(read_feed(bytes(broken), URL).entries) <= 6


def test_a_page_names_its_feeds_and_its_address() -> None:
    page = (
        '<html><head><link rel="alternate" type="application/rss+xml" title="x" href="/feed?a=1&amp;b=2">'
        "<LINK href='/de' rel=alternate hreflang=de><link href=//harbour.example/a rel='Canonical'></head>"
    )
    assert feed_links(page, URL) == ["https://harbour.example/feed?a=1&b=2"]
    assert canonical_link(page, URL) == "https://harbour.example/a"
    assert not looks_like_feed(page.encode())
    began = time.perf_counter()
    assert feed_links("<link " * 200_000 + "x" * 1_000_000, URL) == []
    assert time.perf_counter() - began < 2


ADDRESSES = [
    ("https://h.example/a?utm_source=x&id=3&fbclid=9#top", "", "https://h.example/a?id=3"),
    ("HTTPS://H.example:443/b/../a", "", "https://h.example/a"),
    ("https://www.h.example/amp/a", "https://h.example/a", "https://h.example/a"),
    ("https://h.example/a", "https://other.example/a", "https://h.example/a"),
    ("https://h.example/a", "https://h.example/", "https://h.example/a"),
    ("https://h.example/a", "javascript:alert(1)", "https://h.example/a"),
    ("http://127.0.0.1:8080/a?utm_medium=rss", "", "http://127.0.0.1:8080/a"),
]


@pytest.mark.parametrize(("url", "named", "canonical"), ADDRESSES)
def test_an_article_is_known_by_one_address(url: str, named: str, canonical: str) -> None:
    page = f'<link rel="canonical" href="{named}">' if named else ""
    assert page_address(url, page).canonical == canonical


def test_a_text_is_the_same_however_its_lines_break() -> None:
    text = "The council will vote on Tuesday. " * 10
    assert text_digest(text) == text_digest(text.replace(" ", "\n")) != ""
    assert text_digest("Please log in.") == ""


NOTICES = [
    ("Ferry vote", "This article has been withdrawn because its figures were wrong.", True),
    ("WITHDRAWN: Ferry vote", "x", True),
    ("Ferry vote", "The bill was withdrawn on Tuesday. This article explains why.", False),
    ("Withdrawn troops return", "Troops came home.", False),
    ("Withdrawn: how the town lost its harbour", "The last ship left.", False),
    ("[Withdrawn] Ferry vote", "x", True),
    ("Ferry vote", "This post was removed from the budget of the city on Monday, the mayor said.", False),
    ("Ferry vote", "This story has been removed from our website.", True),
    ("Ferry vote", "This report was withdrawn by the ministry of transport, Ada Holm said.", False),
    ("Ferry vote", "This article was taken down at the request of its author.", True),
    ("Ferry vote", "This article was taken down on 10 May 2019 pending review.", True),
    ("Ferry vote", "This story has been removed for legal reasons.", True),
    ("Ferry vote", "This report was withdrawn by The Post.", True),
    ("Retracted – Ferry vote", "x", True),
    ("Ferry vote", "The council voted. " * 200 + "This article has been removed.", False),
]


@pytest.mark.parametrize(("title", "text", "withdrawn"), NOTICES)
def test_a_notice_of_withdrawal_is_told_from_news_of_one(title: str, text: str, withdrawn: bool) -> None:
    assert is_withdrawal(title, text) is withdrawn


def test_a_stand_in_is_told_from_a_correction() -> None:
    text = "The council will vote on the ferry on Tuesday, the mayor said in the town hall. " * 4
    assert is_stand_in(text, "Please accept our cookies.")
    assert not is_stand_in(text, text[:100])
    assert not is_stand_in("Short.", "Another.")
    assert is_another_page("Ferry vote on Tuesday", "Sorry", "Please log in.")
    assert not is_another_page("Ferry vote on Tuesday", "Ferry vote", "It was moved.")
    assert not is_another_page("", "Sorry", "Please log in.")


def test_failures_put_a_source_off_further_each_time_up_to_a_day() -> None:
    dice = Random(1)
    waits = [next_try(0.0, HOUR / 2, failures, 0.0, dice) for failures in range(1, 12)]
    assert waits[0] < waits[1] < waits[2] < waits[3]
    assert max(waits) <= DAY * 1.1
    assert next_try(0.0, HOUR, 1, 3 * HOUR, dice) >= 3 * HOUR
    assert next_try(0.0, HOUR, 1, 10.0**9, dice) <= 8 * DAY
    assert HOUR <= next_read(0.0, HOUR, dice) <= 1.1 * HOUR
    assert len({next_read(0.0, HOUR, dice) for _ in range(5)}) == 5


def test_a_page_is_looked_at_less_and_less_and_then_left_alone() -> None:
    now, looks = 0.0, []
    while (check := next_page_check(now, 0.0)) is not None:
        looks.append(check)
        now = check
    assert looks == sorted(set(looks))
    assert looks[-1] == 30 * DAY


@pytest.mark.parametrize(("words", "seconds"), [("30m", 1_800.0), ("2h", 7_200.0), ("1d", 86_400.0)])
def test_a_time_is_read(words: str, seconds: float) -> None:
    assert seconds_of(words) == seconds


@pytest.mark.parametrize("words", ["", "m", "1", "1m", "-5m", "1.5h", "99d", "1e3m", "٣h", "soon"])
def test_an_impossible_time_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match=r"30m|5 minutes"):
        seconds_of(words)


@pytest.mark.parametrize("body", ["", "<content:encoded><![CDATA[<p>Whole text.</p>]]></content:encoded>"])
def test_a_picture_s_caption_is_no_text_of_the_entry(body: str) -> None:
    """As Arc's outbound feeds have it."""
    entry = only_entry(
        f"""<rss xmlns:media="http://search.yahoo.com/mrss/" xmlns:content="http://purl.org/rss/1.0/modules/content/">
        <channel><title>Post</title><item><title>Ferry</title><link>https://post.example/a</link>
        <description>Soon.</description>{body}
        <media:content url="i.jpg" type="image/jpeg"><media:title>The quay</media:title>
        <media:description type="plain">The quay at night, seen from the lighthouse by whoever was there.</media:description>
        </media:content></item></channel></rss>"""
    )
    assert (entry.title, entry.summary) == ("Ferry", "Soon.")
    assert entry.content == ("<p>Whole text.</p>" if body else "")


# Feeds that are slow on purpose


def test_a_large_feed_is_read_as_a_small_one_is() -> None:
    texts = " ".join(f"word{number}" for number in range(400))
    content = rss(
        "Post", [item(f"https://harbour.example/{at}", f"Story {at}", summary=texts) for at in range(30)]
    ).encode()
    assert len(content) > READ_HERE_BYTES
    assert read_feed_within(content, URL) == read_feed(content, URL)


@pytest.mark.parametrize(
    "summary",
    [
        "<a " + " ".join(f"a{number}='1'" for number in range(60_000)) + "/>",
        "<a>" * 300_000 + "</a>" * 300_000,
        "<![CDATA[" + "<!--" * 200_000 + "]]>",
    ],
    ids=["attributes", "elements", "comments"],
)
def test_a_feed_that_is_slow_on_purpose_is_given_up(summary: str) -> None:
    content = (
        f"<rss><channel><item><title>Slow</title><description>{summary}</description></item></channel></rss>".encode()
    )
    spent = time.process_time()
    with pytest.raises(NotAFeed, match="longer than 1 seconds"):
        read_feed_within(content, URL, seconds=1.0)
    assert time.process_time() - spent < 0.5


def test_what_is_no_feed_is_told_from_the_reading_process_too() -> None:
    with pytest.raises(NotAFeed, match="holds a web page"):
        read_feed_within(b"<html>" + b"word " * READ_HERE_BYTES + b"</html>", URL)


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"{}", b'{"kind":"feed","title":"","entries":[{"key":1}],"sitemaps":[],"left_out":false}', b"\xff"],
)
def test_a_reader_that_was_taken_over_is_not_believed(answer: bytes) -> None:
    with pytest.raises(NotAFeed, match="an answer that is none"):
        feed_in(answer)
