"""/library follow over the real socket: each server its own sources, the web alone, admins alone, read while the bot runs."""

import asyncio
from pathlib import Path

import pytest
from test_discord_admin import run_command
from test_discord_following import TEXT, until

from bot.discord.following import PeopleFirst, keep_following
from bot.discord.guild_sources import every_words, followed_lines
from bot.discord.markdown import escape
from bot.discord.translations import ENGLISH, GERMAN
from rag.library import Library
from tests.fakes.discord_harness import MANAGE, Running, running, texts_of
from tests.fakes.fake_site import FakeSite, item, running_site
from vectorstore.followed import EntryCounts, FollowedStore, Source

NEAR = {"private_addresses": True, "follow_delay_seconds": 0}


def put_paper(site: FakeSite) -> None:
    site.put_article("/ferry", "Ferry vote", TEXT)
    site.put_feed("/feed.xml", "Harbour *Post*", [item(f"{site.address}/ferry", "Ferry vote")])
    head = '<link rel="alternate" type="application/rss+xml" href="/feed.xml">'
    site.put("/", f"<html><head><title>Home</title>{head}</head><body>News</body></html>")


async def add(parts: Running, address: str, channel: int = 501, **options: object) -> str:
    return await run_command(parts, "library follow add", {"address": address, **options}, channel=channel)


def test_a_servers_admins_follow_list_and_remove_their_own_sources(tmp_path: Path) -> None:
    async def check() -> None:
        async with running_site(FakeSite()) as site:
            put_paper(site)
            async with running(tmp_path, guilds={50: (501,), 60: (601,)}, **NEAR) as parts:
                assert "Nothing is followed here yet" in await run_command(parts, "library follow list")
                told = await add(parts, f"{site.address}/", every="2h")
                assert (
                    f"[Harbour \\*Post\\*]({site.address}/feed.xml) is followed from now on (feed, every 2 hours)"
                    in told
                )
                listed = await run_command(parts, "library follow list")
                assert "feed · every 2 hours · 0 articles · not read yet · next <t:" in listed
                assert f"{site.address}/feed.xml is followed here already" in (
                    await add(parts, f"{site.address}/feed.xml")
                ).replace("\\", "")
                assert "Nothing is followed" in await run_command(parts, "library follow list", channel=601)
                (source,) = FollowedStore(parts.bot.state.blocking.database).sources("discord:50")
                stranger = {"source": source.id}
                assert "no source of that id" in await run_command(
                    parts, "library follow remove", stranger, channel=601
                )
                for permissions, names in ((MANAGE, ["Harbour *Post*"]), (0, [])):
                    typed = await parts.discord.slash(
                        "library follow remove", {"source": "harb"}, permissions=permissions, complete="source"
                    )
                    await parts.discord.until(lambda typed=typed: typed.callback)
                    assert typed.callback is not None
                    assert [one["name"] for one in typed.callback["data"]["choices"]] == names
                assert "no longer followed" in await run_command(parts, "library follow remove", stranger)
                assert "Nothing is followed" in await run_command(parts, "library follow list")
                log = await run_command(parts, "library log")
                assert log.index("library unfollow") < log.index("library follow")

    asyncio.run(check())


def test_why_an_address_cannot_be_followed_is_said_in_the_servers_language(tmp_path: Path) -> None:
    async def check() -> None:
        async with running_site(FakeSite()) as site, running(tmp_path, **NEAR) as parts:
            address = f"{site.address}/none_such.xml"
            shown = escape(address)
            told = await add(parts, address)
            assert told.strip() == f"{shown} cannot be followed. It is not there (404): check the address."
            assert "Sprache: Deutsch" in await run_command(parts, "settings", {"language": "de"})
            told = await add(parts, address)
            assert (
                told.strip() == f"{shown} kann nicht verfolgt werden. Die Adresse ist nicht da (404): prüf die Adresse."
            )

    asyncio.run(check())


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/etc", "Only web addresses can be followed"),
        ("file:///etc/passwd", "Only web addresses can be followed"),
        ("SITE/none.xml", "is not there"),
        ("SITE/picture", "only feeds, sitemaps and pages can be followed"),
        ("http://", "cannot be followed"),
    ],
)
def test_what_cannot_be_followed_is_said_and_nothing_is_stored(address: str, words: str, tmp_path: Path) -> None:
    async def check() -> None:
        async with running_site(FakeSite()) as site, running(tmp_path, **NEAR) as parts:
            site.put("/picture", b"\x89PNG", "image/png")
            assert words in await add(parts, address.replace("SITE", site.address))
            assert FollowedStore(parts.bot.state.blocking.database).sources() == []

    asyncio.run(check())


def test_the_bots_own_network_members_and_more_than_the_limit_are_kept_out(tmp_path: Path) -> None:
    async def check() -> None:
        async with running_site(FakeSite()) as site, running(tmp_path, discord_sources_per_server=1) as parts:
            put_paper(site)
            store = FollowedStore(parts.bot.state.blocking.database)
            assert "lies in the bot's own network: the operator can allow that" in await add(
                parts, f"{site.address}/feed.xml"
            )
            assert site.asked("/feed.xml") == 0
            options = {"address": f"{site.address}/feed.xml"}
            asked = await parts.discord.slash("library follow add", options, permissions=0)
            await parts.discord.until(lambda: asked.messages or asked.finished)
            assert "Manage Server" in texts_of(parts.discord.messages[(asked.messages or [asked.original])[-1]])
            store.add(Source("s", "https://paper.example/feed", "feed", "Paper", 1_800.0, 1.0, library="discord:50"))
            assert "At most 1 source can" in await add(parts, "https://other.example/feed")
            assert len(store.sources()) == 1

    asyncio.run(check())


def test_two_commands_at_once_do_not_both_take_the_last_place(tmp_path: Path) -> None:
    async def check() -> None:
        async with running_site(FakeSite()) as site, running(tmp_path, **NEAR, discord_sources_per_server=1) as parts:
            put_paper(site)
            address = f"{site.address}/feed.xml"
            said = await asyncio.gather(*(add(parts, f"{address}?{number}") for number in range(3)))
            assert len(FollowedStore(parts.bot.state.blocking.database).sources()) == 1
            assert sum("At most 1 source can" in text for text in said) == 2

    asyncio.run(check())


@pytest.mark.slow
def test_what_admins_follow_becomes_their_servers_own_while_the_bot_runs(library: Library, own_home: Path) -> None:
    async def check() -> None:
        stop = asyncio.Event()
        async with running_site(FakeSite()) as site, running(own_home, **NEAR) as parts:
            put_paper(site)
            await add(parts, f"{site.address}/feed.xml")
            following = asyncio.create_task(keep_following(parts.bot.settings, library, stop, PeopleFirst(parts.bot)))
            store = FollowedStore(library.storage.ledger.database)
            (source,) = store.sources("discord:50")
            # An entry is noted as stored only after its article is whole.
            await until(lambda: store.counts(source.id).stored == 1)
            stop.set()
            await following
            listed = await run_command(parts, "library follow list")
            assert "1 article · read <t:" in listed
            assert list(library.storage.ledger.known("discord:50")) == [f"{site.address}/ferry"]
        assert library.storage.ledger.known("shared") == {}

    asyncio.run(check())


def test_a_source_is_told_in_both_languages() -> None:
    source = Source("s", "https://paper.example/feed", "sitemap", "", 86_400.0, 1.0, last_success=5.0, next_try=9.0)
    assert followed_lines(source, EntryCounts(stored=2), GERMAN)[1] == (
        "-# Sitemap · jeden Tag · 2 Artikel · gelesen <t:5:R> · wieder <t:9:R>"
    )
    gone = Source("s", "https://paper.example/", "page", "", 1.0, 1.0, last_error="answers @everyone", stopped=True)
    lines = followed_lines(gone, EntryCounts(), ENGLISH)
    assert lines[1].endswith("not read yet · no longer read, it is gone")
    assert "@everyone" not in lines[2]
    assert [every_words(seconds, ENGLISH) for seconds in (1_800.0, 3_600.0, 172_800.0)] == [
        "every 30 minutes",
        "every hour",
        "every 2 days",
    ]
