"""/digest and the daily digest over the real socket."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from test_discord_process import bot_process, finished, start

from bot.discord import digests
from bot.discord.digests import LastDigest, fact_name, read_last
from bot.discord.render_digest import digest_page
from bot.discord.translations import ENGLISH
from rag.answer import Citation, Headline
from rag.digest import Digest, DigestEntry
from rag.library import Library, LibraryStatus
from tests.fakes.discord_harness import (
    MANAGE,
    PUBLISHED,
    QUOTE,
    FakeEngine,
    FakeLibrary,
    Running,
    connected,
    running,
    texts_of,
)
from tests.fakes.fake_discord import ATTACH_FILES, PERMISSIONS, FakeDiscord, Fault, embed_problems, fake_discord
from vectorstore.bot_state import AuditEntry, BotState, GuildSettings
from vectorstore.database import open_database
from vectorstore.ledger import News

EMBED_LINKS = 1 << 14
NEWSROOM = Path(__file__).parent / "cases" / "newsroom.jsonl"


def entry(title: str, quote: str = QUOTE, url: str = "https://news.example/a") -> DigestEntry:
    sentence = Citation(1, title, title, "Example News", url, PUBLISHED, quote, 0, len(quote))
    return DigestEntry(Headline(title, title, "Example News", url, PUBLISHED), sentence)


def digest_of(*titles: str) -> Digest:
    return Digest(tuple((entry(title),) for title in titles))


async def shown(parts: Running, **options: object) -> str:
    interaction = await parts.discord.slash("digest", options)
    return texts_of(await parts.discord.answered(interaction))


def test_the_digest_is_shown_to_the_channel_from_the_day_on(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            copy = Headline("copy", "Copied", "City Wire", "", PUBLISHED)
            story = (DigestEntry(entry("One").headline, entry("One").sentence, (copy,)), entry("Two"))
            parts.engine.library.digests.append(Digest((story, (entry("Three"),))))
            interaction = await parts.discord.slash("digest", {"since": "2025-10-16"})
            text = texts_of(await parts.discord.answered(interaction))
            assert not interaction.ephemeral
            assert text.strip().startswith("New since 16 Oct 2025\n**One**\n> " + QUOTE)
            assert "[Example News](https://news.example/a) · 17 Oct 2025 · also in City Wire" in text
            assert text.endswith("4 articles in 2 stories")
            (news,) = parts.engine.library.news
            assert news == News(("shared", "discord:50"), datetime(2025, 10, 16, tzinfo=UTC))
            assert "Nothing is new since 16 Oct 2025; the newest article is of 17 Oct 2025." in await shown(
                parts, since="2025-10-16"
            )
            assert "A day looks like" in await shown(parts, since="yesterday")
            await shown(parts)
            assert parts.engine.library.news[-1].since < datetime.now(UTC) - timedelta(days=6)
            await parts.discord.slash("settings", {"language": "de"}, permissions=MANAGE)
            await parts.discord.until(lambda: parts.bot.guild_settings.of(50).language == "de")
            parts.engine.library.digests.append(digest_of("Eins"))
            assert "1 Artikel zu 1 Thema" in await shown(parts)

    asyncio.run(check())


def test_where_no_questions_are_answered_no_digest_is_shown(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            await parts.bot.guild_settings.change(GuildSettings(50, channels=(502,)), 11, "")
            asked = await parts.discord.slash("digest")
            await parts.discord.until(lambda: asked.finished and asked.ephemeral)
            assert parts.engine.library.news == []

    asyncio.run(check())


def test_a_long_digest_is_one_message_and_its_file(library: Library) -> None:
    asyncio.run(library.ingest([NEWSROOM]))
    digest = asyncio.run(library.digest(News(("shared",))))
    page = digest_page(digest, PUBLISHED, None, ENGLISH)
    assert "all in the attached file" in page.body
    assert all(one.headline.title.split("“")[0][:30] in page.file for story in digest.stories for one in story)
    assert page.file.count("Flood toll rises to five") == 1
    long_links = "https://news.example/" + "a" * 1_500
    for crowded in (
        Digest((tuple(entry(f"Title {n}", url=long_links) for n in range(40)),)),
        digest_of(*("*_~`>" * 60 for _ in range(60))),
        digest_of(*("🙂" * 200 for _ in range(60))),
    ):
        page = digest_page(crowded, PUBLISHED, None, ENGLISH)
        embed = {"title": page.title, "description": page.body, "footer": {"text": page.footer}}
        assert embed_problems([embed]) == []
        assert page.file


@dataclass
class SlowLibrary(FakeLibrary):
    """A library that takes its time to count, until it is told to."""

    counted: asyncio.Event = field(default_factory=asyncio.Event)

    async def status(self, libraries: Sequence[str] = ("shared",)) -> LibraryStatus:
        await self.counted.wait()
        return await super().status(libraries)


def test_a_long_digest_is_sent_as_one_message_with_the_whole_of_it_attached(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            parts.engine.library.digests.append(digest_of(*(f"Title {number}" for number in range(100))))
            interaction = await parts.discord.slash("digest", {"since": "2025-10-16"})
            message = await parts.discord.answered(interaction)
            assert interaction.messages == []
            assert parts.discord.refused == []
            assert texts_of(message).endswith("… all in the attached file.\n100 articles in 100 stories")
            (file,) = message["attachments"]
            assert file["filename"] == "digest.txt"
            assert all(f"Title {number}\n" in file["text"] for number in range(100))

    asyncio.run(check())


COUNTING = {
    "help": ("help", {}, "Example News", True),
    "a digest": ("digest", {}, "Nothing is new since", False),
    "a digest from a day on": ("digest", {"since": "2025-10-16"}, "Nothing is new since 16 Oct 2025", False),
    "a digest from a day to come on": ("digest", {"since": "2999-01-01"}, "lies in the future", True),
    "an outlet": ("ask", {"question": "q", "source": "example news"}, "It would not. [1]", False),
    "an outlet that there is not": ("ask", {"question": "q", "source": "Zzz"}, "Nearest: Example News", True),
    "a day and no question": ("ask", {"question": "hi", "since": "2025-10-16"}, "/help says more", True),
}


@pytest.mark.parametrize(("command", "options", "told", "alone"), COUNTING.values(), ids=COUNTING)
def test_a_command_is_acknowledged_before_a_large_library_is_counted(
    tmp_path: Path, command: str, options: dict[str, object], told: str, alone: bool
) -> None:
    async def check() -> None:
        library = SlowLibrary()
        async with running(tmp_path, FakeEngine(library=library)) as parts:
            interaction = await parts.discord.slash(command, options)
            await parts.discord.until(lambda: interaction.callback, 2.5)
            assert interaction.callback["type"] == 5
            library.counted.set()
            await parts.discord.until(lambda: interaction.messages or interaction.finished)
            message = parts.discord.messages[(interaction.messages or [interaction.original])[0]]
            assert told in texts_of(message)
            assert bool(message["ephemeral"]) == alone
            # Nobody else is left with word of an answer that does not come.
            assert not [one for one in parts.discord.messages.values() if one.get("loading")]

    asyncio.run(check())


def posted(discord: FakeDiscord) -> list[dict[str, object]]:
    return [one for one in discord.bot_messages(502) if "What is new" in texts_of(one)]


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "LOOK_EVERY", 0.02)


@pytest.mark.usefixtures("often")
def test_the_daily_digest_is_posted_once_a_day_where_admins_want_it(tmp_path: Path) -> None:
    async def check() -> None:
        engine = FakeEngine()
        engine.library.arrived.append(5.0)
        engine.library.digests += [digest_of("First"), digest_of("Second")]
        async with fake_discord() as discord:
            async with connected(discord, engine, tmp_path, discord_digest_hour=0) as parts:
                given = await discord.slash("settings", {"digest": True}, channel=502, permissions=MANAGE)
                await discord.until(lambda: given.messages)
                assert "Daily digest: <#502>" in texts_of(discord.messages[given.messages[0]])
                fault = Fault("POST", "/channels/502/messages", 503, after_doing=True)
                discord.faults.append(fault)
                await discord.until(lambda: posted(discord))
                await asyncio.sleep(0.8)
                assert len(posted(discord)) == 1
                assert engine.library.news[0].since > datetime.now(UTC) - timedelta(days=2)
            async with connected(discord, engine, tmp_path, discord_digest_hour=0) as parts:
                await asyncio.sleep(0.2)
                (message,) = posted(discord)
                assert "What is new\n**First**" in texts_of(message)
                (guild,) = [one for one in parts.bot.guild_settings.settings.values() if one.digest_channel]
                await parts.bot.digests.send(guild, datetime.now(UTC) + timedelta(days=1))
                assert "**Second**" in texts_of(posted(discord)[-1])
                assert engine.library.news[-1] == News(("shared", "discord:50"), None, 5.0)
                # A day on which nothing arrived.
                await parts.bot.digests.send(guild, datetime.now(UTC) + timedelta(days=2))
                assert len(posted(discord)) == 2
                given = await discord.slash("settings", {"digest": False}, permissions=MANAGE)
                await discord.until(lambda: given.messages)
                assert "Daily digest: off" in texts_of(discord.messages[given.messages[0]])
            assert not discord.refused

    asyncio.run(check())


@pytest.mark.usefixtures("often")
def test_no_digest_points_to_a_file_that_may_not_be_attached(tmp_path: Path) -> None:
    async def check() -> None:
        engine = FakeEngine()
        engine.library.arrived.append(5.0)
        engine.library.digests.append(digest_of(*(f"Title {number}" for number in range(100))))
        async with fake_discord() as discord:
            discord.guilds[50].permissions &= ~ATTACH_FILES
            async with connected(discord, engine, tmp_path, discord_digest_hour=0) as parts:
                await parts.bot.guild_settings.change(GuildSettings(50, digest_channel=502), 11, "")
                await discord.until(lambda: posted(discord))
                (message,) = posted(discord)
                assert "there is more, but I may not attach files here" in texts_of(message)
                assert "attached file" not in texts_of(message)
                assert not message["attachments"]

    asyncio.run(check())


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("came_through", [True, False], ids=["the message came through", "it did not"])
@pytest.mark.parametrize("embeds", [True, False], ids=["as an embed", "as text"])
def test_a_digest_is_posted_once_when_the_bot_dies_while_posting_it(
    tmp_path: Path, came_through: bool, embeds: bool
) -> None:
    async def check() -> None:
        engine = FakeEngine()
        engine.library.arrived.append(5.0)
        engine.library.digests += [digest_of("First")] * 2
        async with fake_discord() as discord:
            if not embeds:
                discord.guilds[50].permissions = PERMISSIONS - EMBED_LINKS
            async with connected(discord, engine, tmp_path, discord_digest_hour=0):
                fault = Fault("POST", "/channels/502/messages", 503, 99, after_doing=came_through)
                discord.faults.append(fault)
                await discord.slash("settings", {"digest": True}, channel=502, permissions=MANAGE)
                await discord.until(lambda: fault.hits)
                # What came later than the digest was begun is for the next one.
                engine.library.arrived.append(6.0)
            assert len(posted(discord)) == came_through
            discord.faults.clear()
            discord.nonces.clear()
            async with connected(discord, engine, tmp_path, discord_digest_hour=0) as parts:
                last = 5.0 if came_through else 6.0
                blocking = parts.bot.digests.state.blocking
                await discord.until(lambda: read_last(blocking.metadata(fact_name(50))).day)
                stored = await parts.bot.digests.last_of(50)
                (message,) = posted(discord)
                assert (stored.arrived, stored.begun, stored.message) == (last, None, int(message["id"]))
                await asyncio.sleep(0.2)
                assert len(posted(discord)) == 1

    asyncio.run(check())


@pytest.mark.usefixtures("often")
def test_a_digest_that_was_begun_by_a_clock_ahead_is_found_once_the_clock_is_right(tmp_path: Path) -> None:
    async def check() -> None:
        engine = FakeEngine()
        engine.library.arrived.append(5.0)
        engine.library.digests += [digest_of("First")] * 2
        async with fake_discord() as discord:
            async with connected(discord, engine, tmp_path, discord_digest_hour=0) as parts:
                fault = Fault("POST", "/channels/502/messages", 503, 99, after_doing=True)
                discord.faults.append(fault)
                await discord.slash("settings", {"digest": True}, channel=502, permissions=MANAGE)
                await discord.until(lambda: fault.hits)
                begun = (await parts.bot.digests.last_of(50)).begun
                assert begun is not None
                year = timedelta(days=365).total_seconds()
                await parts.bot.digests.note(50, LastDigest(begun=replace(begun, at=begun.at + year)))
            discord.faults.clear()
            discord.nonces.clear()
            async with connected(discord, engine, tmp_path, discord_digest_hour=0) as parts:
                blocking = parts.bot.digests.state.blocking
                await discord.until(lambda: read_last(blocking.metadata(fact_name(50))).day)
                await asyncio.sleep(0.2)
                assert len(posted(discord)) == 1

    asyncio.run(check())


CLOSED = {"deleted": None, "closed to the bot": {"code": 50001, "message": "Missing Access"}}


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("refusal", CLOSED.values(), ids=CLOSED)
def test_a_channel_that_takes_no_digest_is_tried_a_few_times_and_its_admins_are_told(
    tmp_path: Path, refusal: dict[str, object] | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(digests, "TRY_AGAIN", 0.05)

    async def check() -> None:
        engine = FakeEngine()
        engine.library.digests += [digest_of("First")] * 9
        async with fake_discord() as discord, contextlib.AsyncExitStack() as stack:
            guild = discord.guilds[50]
            guild.system_channel = 501
            parts = await stack.enter_async_context(connected(discord, engine, tmp_path, discord_digest_hour=0))
            if refusal is None:
                await discord.dispatch("CHANNEL_DELETE", guild.channels.pop())
            else:
                discord.faults.append(Fault("POST", "/channels/502/messages", 403, 99, refusal))
            wanted = GuildSettings(50, digest_channel=502)
            await parts.bot.guild_settings.change(wanted, 11, "")
            await discord.until(lambda: discord.bot_messages(501))
            tried = len(engine.library.news)
            await asyncio.sleep(0.5)
            (told,) = discord.bot_messages(501)
            assert "The daily digest is turned off: its channel <#502> is gone" in texts_of(told)
            assert len(engine.library.news) == tried == 3
            given = await discord.slash("settings", permissions=MANAGE)
            await discord.until(lambda: given.messages)
            assert "Daily digest: off" in texts_of(discord.messages[given.messages[0]])
            logged = await discord.slash("library log", permissions=MANAGE)
            await discord.until(lambda: logged.messages)
            assert "<@900> · settings · Daily digest: <#502> → off" in texts_of(discord.messages[logged.messages[0]])

    asyncio.run(check())
    assert [record for record in caplog.records if "daily digest turned off" in record.message]


@pytest.mark.usefixtures("often")
def test_a_digest_that_discord_does_not_take_just_now_is_sent_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "TRY_AGAIN", 0.01)

    async def check() -> None:
        engine = FakeEngine()
        engine.library.digests += [digest_of("First")] * 9
        async with fake_discord() as discord, connected(discord, engine, tmp_path, discord_digest_hour=0) as parts:
            fault = Fault("GET", "/channels/502", 503, 5)
            discord.faults.append(fault)
            await discord.dispatch("CHANNEL_DELETE", discord.guilds[50].channels[1])
            await parts.bot.guild_settings.change(GuildSettings(50, digest_channel=502), 11, "")
            await discord.until(lambda: posted(discord), 30)
            assert fault.hits == 5
            assert parts.bot.guild_settings.of(50).digest_channel == 502

    asyncio.run(check())


@pytest.mark.slow
def test_a_digest_is_posted_once_when_its_process_is_killed_between_posting_and_noting_it(tmp_path: Path) -> None:
    async def check() -> None:
        home = tmp_path / "home"
        report = {"id": "rain", "title": "Rain", "text": "It rained in Millbrenn all day, the mayor said."}
        (tmp_path / "rain.jsonl").write_text(json.dumps(report | {"published": datetime.now(UTC).isoformat()}))
        async with fake_discord() as discord:
            process = await start(discord, home, "ingest", str(tmp_path / "rain.jsonl"))
            assert (await finished(process))[0] == 0
            state = BotState(open_database(home / "ledger.sqlite3"))
            wanted = GuildSettings(50, digest_channel=502)
            state.save_guild_settings(wanted, AuditEntry(50, 11, 1.0, "settings", ""))
            # The message is made, and the bot waits for word of it when it is killed.
            fault = Fault("POST", "/channels/502/messages", 503, 99, after_doing=True)
            discord.faults.append(fault)
            async with bot_process(discord, home, DATELINE_DISCORD_DIGEST_HOUR="0") as process:
                await discord.until(lambda: fault.hits, 60)
                process.kill()
                await process.wait()
            discord.faults.clear()
            discord.nonces.clear()
            assert read_last(state.metadata(fact_name(50))).begun is not None
            async with bot_process(discord, home, DATELINE_DISCORD_DIGEST_HOUR="0"):
                await discord.until(lambda: read_last(state.metadata(fact_name(50))).day, 60)
            state.close()
            (message,) = posted(discord)
            assert "It rained in Millbrenn" in texts_of(message)

    asyncio.run(check())
