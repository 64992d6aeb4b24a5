"""`dateline follow` as a person uses it, against a server on loopback: what is said, what is stored, how it ends."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from bot.cli import ask, dateline
from bot.terminal.follow import counted_entries, duration, source_lines, time_words
from rag.settings import Settings
from tests.fakes.fake_site import FakeSite, Handler, item, site_in_thread
from tests.made_documents import pdf
from vectorstore.database import open_database
from vectorstore.followed import EntryCounts, FollowedStore, Source
from vectorstore.ledger import Ledger

REPOSITORY = Path(__file__).parent.parent
VOTE = (
    "The harbour council will vote on the new ferry on Tuesday, Mayor Ada Holm said in the town hall. "
    "The ferry will cost 14 million crowns. Residents of the islands have asked for it since the old one was sold."
)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    """An invented newspaper with one article."""
    monkeypatch.setenv("DATELINE_PRIVATE_ADDRESSES", "true")
    monkeypatch.setenv("DATELINE_FOLLOW_DELAY_SECONDS", "0")
    with site_in_thread() as running:
        running.put_article("/ferry", "Ferry vote", VOTE)
        running.put_feed("/feed.xml", "Harbour Post", [item(f"{running.address}/ferry", "Ferry vote")])
        yield running


def run(*arguments: str) -> Result:
    return CliRunner().invoke(dateline, arguments)


def make_due(home: Path) -> None:
    """Let the time until the next read have passed."""
    database = open_database(Settings(home=home).ledger_url)
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE followed SET next_try = 1")
        connection.exec_driver_sql("UPDATE followed_entries SET next_check = 1 WHERE next_check IS NOT NULL")
    database.dispose()


def readme_lines() -> list[list[str]]:
    """The five lines of the README that follow a feed and ask."""
    text = (REPOSITORY / "README.md").read_text("utf-8")
    block = re.search(r"^ +dateline follow add https.*\n(?: +(?:dateline|ask) .*\n)+", text, re.MULTILINE)
    assert block is not None
    return [shlex.split(line) for line in block.group().splitlines()]


@pytest.mark.slow
def test_the_readmes_five_lines_show_the_answer_change(site: FakeSite) -> None:
    def type_in(line: list[str]) -> Result:
        command, *arguments = (word.replace("https://harbour.example", site.address) for word in line)
        return CliRunner().invoke({"dateline": dateline, "ask": ask}[command], arguments)

    add, first_run, first_ask, second_run, second_ask = readme_lines()
    assert "Feed “Harbour Post”, 1 entry: followed as " in type_in(add).output
    assert "Harbour Post: 1 added." in type_in(first_run).output
    before = type_in(first_ask)
    assert (before.exit_code, "14 million" in before.output, "Harbour Post" in before.output) == (0, True, True)
    site.put_article("/ferry", "Ferry vote", VOTE.replace("14 million", "19 million"))
    assert "1 changed" in type_in(second_run).output
    after = type_in(second_ask)
    assert ("19 million" in after.output, "14 million" in after.output) == (True, False)


def test_what_an_article_said_before_is_shown(site: FakeSite, own_home: Path) -> None:
    run("follow", "add", f"{site.address}/feed.xml")
    run("follow", "run", "--once")
    site.put_article("/ferry", "Ferry vote", VOTE.replace("14 million", "19 million"))
    make_due(own_home)
    run("follow", "run", "--once")
    shown = run("library", "show", f"{site.address}/ferry").output
    assert "1 earlier version" in shown
    assert "+ The ferry will cost 19 million crowns." in shown
    assert "- The ferry will cost 14 million crowns." in shown


def test_a_withdrawn_article_is_said_to_be_and_answers_nothing(site: FakeSite, own_home: Path) -> None:
    run("follow", "add", f"{site.address}/feed.xml")
    run("follow", "run", "--once")
    site.put_article("/ferry", "Ferry vote", "This article has been withdrawn.")
    make_due(own_home)
    output = run("follow", "run", "--once").output
    assert f"withdrawn: {site.address}/ferry" in output
    assert "\twithdrawn\t" in run("library", "list").output
    assert "withdrawn    1 (stored, in no answer)" in run("library", "status").output
    shown = run("library", "show", f"{site.address}/ferry").output
    assert "its publisher took it back" in shown
    assert "14 million" in shown
    assert "1, 1 withdrawn" not in run("follow", "list").output
    assert "articles      0, 1 withdrawn" in run("follow", "list").output
    assert run("doctor").exit_code == 0


def test_a_failing_source_is_named_with_what_to_do_and_the_exit_code_says_so(site: FakeSite, own_home: Path) -> None:
    site.put_feed("/other.xml", "City Wire", [])
    run("follow", "add", f"{site.address}/other.xml")
    run("follow", "add", f"{site.address}/feed.xml", "--every", "1d")
    site.put_status("/other.xml", 404)
    result = run("follow", "run", "--once")
    assert result.exit_code == 1
    assert f"  {site.address}/other.xml is not there (404): check the address." in result.output
    assert "Harbour Post: 1 added." in result.output
    listed = run("follow", "list").output
    assert "last error    it is not there (404): check the address" in listed
    assert "every 1 day" in listed
    found = json.loads(run("follow", "list", "--json").output)
    assert [source["failures"] for source in found["sources"]] == [1, 0]
    assert found["sources"][1]["articles"] == 1


def test_a_page_with_a_feed_offers_it(site: FakeSite) -> None:
    head = '<link rel="alternate" type="application/rss+xml" href="/feed.xml">'
    site.put_article("/", "Harbour Post", VOTE, head=head)
    added = run("follow", "add", f"{site.address}/")
    assert "is a page with a feed, which is followed instead" in added.output
    assert "Feed “Harbour Post”, 1 entry" in added.output
    assert "Page “Harbour Post”: followed as" in run("follow", "add", f"{site.address}/", "--page").output
    assert "is followed already, as " in run("follow", "add", f"{site.address}/feed.xml").output


def test_a_source_is_no_longer_followed_and_its_articles_stay(site: FakeSite) -> None:
    run("follow", "add", f"{site.address}/feed.xml")
    run("follow", "run", "--once")
    source_id = run("follow", "list").output[:8]
    assert "its articles stay" in run("follow", "remove", source_id).output
    assert run("follow", "remove", source_id).exit_code == 1
    assert "Nothing is followed" in run("follow", "list").output
    assert "Ferry vote" in run("library", "list").output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("follow", "add", "court"), 1, "is neither a folder nor an address"),
        (("follow", "add", "file:///etc/passwd"), 1, "is neither a folder nor an address"),
        (("follow", "add", "http://nowhere.invalid/"), 1, "no name server knows"),
        (("follow", "add", "http://127.0.0.1:9/"), 1, "cannot be connected to"),
        (("follow", "add", "x", "--every", "soon"), 2, "is no time"),
        (("ingest", "http://127.0.0.1:9/a", "."), 2, "not both at once"),
        (("ingest", "http://127.0.0.1:9/a", "--prune"), 2, "--prune is for folders"),
    ],
)
def test_what_cannot_be_followed_gets_one_sentence(
    arguments: tuple[str, ...], code: int, words: str, site: FakeSite
) -> None:
    result = run(*arguments)
    assert (result.exit_code, words in result.output) == (code, True), result.output


def test_this_machine_is_not_reached_without_the_setting(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATELINE_PRIVATE_ADDRESSES")
    result = run("follow", "add", f"{site.address}/feed.xml")
    assert (result.exit_code, len(result.output.splitlines())) == (1, 1)
    assert "lies on this machine or its own network: set DATELINE_PRIVATE_ADDRESSES=true" in result.output
    monkeypatch.setenv("DATELINE_DISCORD_PRIVATE_ADDRESSES", "true")
    assert run("follow", "add", f"{site.address}/feed.xml").exit_code == 0, "its earlier name is read, too"


def test_a_single_page_is_stored_as_a_followed_one_would_be(site: FakeSite) -> None:
    site.put("/paper.pdf", pdf([["The harbour board met on Tuesday and approved the new pier."]]), "application/pdf")
    site.put("/pier.png", b"\x89PNG", "image/png")
    result = run("ingest", *(f"{site.address}/{path}" for path in ("ferry?utm_source=mail", "paper.pdf", "pier.png")))
    assert (result.exit_code, result.output.count("1 added.")) == (1, 2)
    assert f"{site.address}/pier.png is image/png, not a page, PDF or text." in result.output
    run("follow", "add", f"{site.address}/feed.xml")
    assert "Harbour Post: 1 unchanged." in run("follow", "run", "--once").output
    assert run("library", "list").output.count("Ferry vote") == 1


def test_what_is_listed_reads_well() -> None:
    failing = {"next_try": 7_300.0, "failures": 3, "last_error": "cannot be had"}
    source = replace(Source("1f", "https://h.example/feed", "feed", "Harbour Post", 5_400.0, 0.0), **failing)
    lines = source_lines(
        source, EntryCounts(20, 3, 1, 7, (("skipped", "https://h.example/a", "is an image"),) * 7), 100.0
    )
    assert lines == [
        "1f  Harbour Post",
        "  feed every 90 minutes · https://h.example/feed",
        "  articles      20, 3 waiting, 1 withdrawn, 7 skipped",
        "  last success  never",
        "  next try      in 2 hours (1970-01-01 02:01 UTC)",
        "  last error    it cannot be had (3 times in a row)",
        *["  skipped       https://h.example/a is an image"] * 5,
        "  ...           --json names up to 20",
    ]
    assert counted_entries(EntryCounts()) == "0"
    assert [duration(seconds) for seconds in (300.0, 3_600.0, 172_800.0)] == ["5 minutes", "1 hour", "2 days"]
    assert time_words(50.0, 110.0) == "1 minute ago (1970-01-01 00:00 UTC)"


def start(own_home: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from bot.cli import dateline; dateline()", *arguments]
    environment = {**os.environ, "DATELINE_HOME": str(own_home), "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.mark.slow
def test_following_ends_soon_after_a_signal(site: FakeSite, own_home: Path) -> None:
    run("follow", "add", f"{site.address}/feed.xml")
    process = start(own_home, "follow", "run")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(2)]
    assert "Harbour Post: 1 added." in "".join(lines)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert time.monotonic() - began < 3


@pytest.mark.slow
def test_killed_anywhere_nothing_is_lost_or_doubled(site: FakeSite, own_home: Path) -> None:
    """The site kills the reader at the nth request; the last run is left alone."""
    paths = [f"/news/{number}" for number in range(12)]
    for number, path in enumerate(paths):
        site.put_article(
            path, f"Ward {number}", f"Ward {number}. {VOTE} Ward {number} is next, resident {number} said."
        )
    site.put_feed("/feed.xml", "Harbour Post", [item(site.address + path, f"Ward {path[6:]}") for path in paths])
    run("follow", "add", f"{site.address}/feed.xml")
    ended = []
    for kill_at in (1, 2, 5, 10, 13):
        make_due(own_home)
        process = start(own_home, "follow", "run", "--once")
        handlers: dict[str, Handler] = dict(site.pages)

        def killing(handler: Handler, process: subprocess.Popen[str] = process, kill_at: int = kill_at) -> Handler:
            async def serve(request: web.Request) -> web.StreamResponse:
                if len(site.requests) >= kill_at:
                    process.kill()
                return await handler(request)

            return serve

        site.requests.clear()
        site.pages = {path: killing(handler) for path, handler in handlers.items()}
        ended.append(process.wait(60))
        site.pages = handlers
    assert ended.count(-signal.SIGKILL) >= 3
    make_due(own_home)
    last = start(own_home, "follow", "run", "--once")
    output, _ = last.communicate(timeout=60)
    assert last.returncode == 0, output
    database = open_database(Settings(home=own_home).ledger_url)
    known = Ledger(database).known("shared")
    (source,) = FollowedStore(database).sources()
    counts = FollowedStore(database).counts(source.id)
    database.dispose()
    assert sorted(known) == sorted(site.address + path for path in paths)
    assert all(article.indexed for article in known.values())
    assert (counts.stored, counts.waiting) == (12, 0)
    assert run("doctor").exit_code == 0


def test_a_run_says_what_it_forgot_for_its_age(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site.put_article("/ferry", "Ferry vote", VOTE, published="2020-06-02")
    assert run("follow", "add", f"{site.address}/feed.xml").exit_code == 0
    monkeypatch.setenv("DATELINE_RETENTION_DAYS", "365")
    told = run("follow", "run", "--once")
    assert (told.exit_code, told.stdout.splitlines()[-1]) == (
        0,
        "1 article forgotten: older than DATELINE_RETENTION_DAYS.",
    )
    assert run("library", "list").stdout == ""
