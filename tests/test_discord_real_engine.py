"""The bot on the real engine, in one process: what a server adds is found there and nowhere else, and is quoted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.client import create_bot
from rag.factory import open_engine
from tests.fakes.discord_harness import MANAGE, bot_settings, custom_ids, pressed, texts_of
from tests.fakes.fake_discord import FakeDiscord, Interaction, Option, fake_discord

ARTICLE = (
    b" date 2025-10-20 The harbour of Quellmoor will close on 3 November because its eastern pier is cracked, the town council "
    b"said.\n\nThe council said that repairs to the eastern pier would take four months. Fishing boats will use the harbour of "
    b"Grauwiek until then. Mayor Ilse Brandt said that the repairs cost two million euros.\n"
)
QUESTION = "When will the harbour of Quellmoor close?"


async def asked(discord: FakeDiscord, question: str, channel: int, user: int) -> dict[str, object]:
    return await discord.answered(await discord.slash("ask", {"question": question}, user=user, channel=channel), 60)


async def add(discord: FakeDiscord, channel: int, name: str = "harbour.txt", content: bytes = ARTICLE) -> str:
    discord.files[name] = content
    url = f"http://127.0.0.1:{discord.port}/files/{name}"
    file = {"id": "1", "filename": name, "size": len(content), "url": url, "proxy_url": url}
    given = await discord.slash(
        "library add",
        {"file": Option(11, "1")},
        channel=channel,
        permissions=MANAGE,
        resolved={"attachments": {"1": file}},
    )
    await discord.until(lambda: given.messages, 60)
    return texts_of(discord.messages[given.messages[0]])


@asynccontextmanager
async def connected(discord: FakeDiscord, home: Path, **changes: object) -> AsyncIterator[None]:
    """A bot on the real engine that is ready."""
    settings = bot_settings(discord, home, **changes)
    async with open_engine(settings) as engine:
        bot = create_bot(settings, engine)
        task = asyncio.create_task(bot.start("token"))
        try:
            await discord.until(lambda: discord.connected)
            yield
        finally:
            await bot.close()
            await asyncio.wait({task}, timeout=10)


def test_a_servers_article_is_quoted_there_and_unknown_elsewhere(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord({50: (501,), 60: (601,)}) as discord:
            discord.private_channels[701] = 11
            async with connected(discord, tmp_path / "home", discord_direct_messages=True):
                assert "1 added" in await add(discord, 501)
                here = await asked(discord, QUESTION, 501, 11)
                quote = here["embeds"][0]["description"].replace("**", "")
                assert quote.startswith("> The harbour of Quellmoor will close on 3 November because")
                for channel, user in ((601, 12), (701, 11)):
                    elsewhere = await asked(discord, QUESTION, channel, user)
                    assert elsewhere["embeds"][0]["description"].startswith("**The articles do not say.**")
                    assert "November" not in texts_of(elsewhere)
                    assert "harbour of Quellmoor will" not in texts_of(elsewhere)
                scope = {"question": QUESTION, "since": "2025-10-21"}
                later = await discord.answered(await discord.slash("ask", scope, user=13), 60)
                assert "Nothing since 21 Oct 2025; the newest article is of 20 Oct 2025." in texts_of(later)
                follow_up = pressed(here, "follow").replace("follow", "question")
                why = await discord.answered(await discord.submit(follow_up, {"text": "Why?"}, 14), 60)
                quote = why["embeds"][0]["description"].replace("**", "")
                assert quote.startswith("> … because its eastern pier is cracked, the town council said.")
                again = pressed(why, "follow").replace("follow", "question")
                none = await discord.answered(await discord.submit(again, {"text": "And why?"}, 15), 60)
                assert "They give no reason beyond what I quoted." in texts_of(none)
                when = await discord.answered(await discord.submit(follow_up, {"text": "When?"}, 16), 60)
                assert "3 November" in texts_of(when)
                once_more = pressed(when, "follow").replace("follow", "question")
                none = await discord.answered(await discord.submit(once_more, {"text": "When?"}, 17), 60)
                assert "They give no date beyond what I quoted." in texts_of(none)
                press = await discord.press(int(here["id"]), pressed(here, "passages"))
                await discord.until(lambda: press.messages)
                assert "**" in texts_of(discord.messages[press.messages[0]])
                stolen = await discord.press(int(elsewhere["id"]), pressed(here, "passages"))
                await discord.until(lambda: stolen.messages)
                assert "no longer" in texts_of(discord.messages[stolen.messages[0]])
                assert len(custom_ids(here)) == 6

    asyncio.run(check())


@pytest.mark.parametrize("store", [True, False], ids=["stored", "not stored"])
def test_what_is_forgotten_is_in_no_passage_and_no_follow_up_of_an_answer_before(tmp_path: Path, store: bool) -> None:
    async def check() -> None:
        async with fake_discord() as discord, connected(discord, tmp_path / "home", store_answers=store):

            async def told(interaction: Interaction) -> str:
                await discord.until(lambda: interaction.messages, 60)
                return texts_of(discord.messages[interaction.messages[0]])

            await add(discord, 501)
            here = await asked(discord, QUESTION, 501, 11)
            assert "**" in await told(await discord.press(int(here["id"]), pressed(here, "passages")))
            forget = {"article": "harbour.txt"}
            assert "Deleted" in await told(await discord.slash("library forget", forget, permissions=MANAGE))
            assert "no longer have" in await told(await discord.press(int(here["id"]), pressed(here, "passages")))
            follow_up = pressed(here, "follow").replace("follow", "question")
            why = await discord.answered(await discord.submit(follow_up, {"text": "Why?"}, 12), 60)
            assert "pier" not in texts_of(why)

    asyncio.run(check())


def test_a_table_of_articles_is_added_with_what_is_missing_in_it(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord, connected(discord, tmp_path / "home"):
            table = b"title\ttext\nPier\tThe pier of Quellmoor closed on Sunday.\nGull\tA gull\tsang.\n"
            said = await add(discord, 501, "articles.tsv", table)
            assert "1 added" in said
            assert "⚠ articles.tsv:3: has 3 values, the first line names 2." in said
            nothing = await add(discord, 501, "nothing.txt", b"   ")
            assert "Not done\nnothing.txt holds no text." in nothing
            await discord.answered(await discord.slash("settings", {"language": "de"}, permissions=MANAGE))
            assert "⚠ other.tsv:3: hat 3 Werte, die erste Zeile nennt 2." in await add(discord, 501, "other.tsv", table)
            nothing = await add(discord, 501, "nothing.txt", b"   ")
            assert "Nicht erledigt\nnothing.txt enthält keinen Text." in nothing

    asyncio.run(check())


def test_articles_that_disagree_are_said_to_in_the_servers_language(tmp_path: Path) -> None:
    texts = (
        (
            "City Wire",
            "2025-05-02",
            "The union says that 640 crew members of the ferry company are on strike. Talks go on.",
        ),
        ("Harbour Post", "2025-05-03", "Some 410 crew members are on strike at the ferry company, a spokeswoman said."),
    )
    table = "source\tpublished\ttext\n" + "".join("\t".join(row) + "\n" for row in texts)
    question = "How many crew members are on strike at the ferry company?"

    async def check() -> None:
        async with fake_discord() as discord, connected(discord, tmp_path / "home"):
            assert "2 added" in await add(discord, 501, "strike.tsv", table.encode())
            differing = "410 (Harbour Post, 3 May 2025), 640 (City Wire, 2 May 2025)."
            assert f"The articles disagree: {differing}" in texts_of(await asked(discord, question, 501, 11))
            await discord.answered(await discord.slash("settings", {"language": "de"}, permissions=MANAGE))
            differing = "410 (Harbour Post, 3. Mai 2025), 640 (City Wire, 2. Mai 2025)."
            assert f"Die Artikel widersprechen sich: {differing}" in texts_of(await asked(discord, question, 501, 12))

    asyncio.run(check())


def test_why_of_what_has_no_answer_is_told_to_the_asker_and_only_whole_questions_are_gaps(tmp_path: Path) -> None:
    async def check() -> None:
        async with fake_discord() as discord, connected(discord, tmp_path / "home"):

            async def follow(shown: dict[str, object], text: str, user: int) -> dict[str, object]:
                follow_up = pressed(shown, "follow").replace("follow", "question")
                return await discord.answered(await discord.submit(follow_up, {"text": text}, user), 60)

            async def gaps() -> str:
                return texts_of(await discord.answered(await discord.slash("gaps", permissions=MANAGE)))

            await add(discord, 501)
            here = await asked(discord, QUESTION, 501, 11)
            why = await follow(here, "Why?", 12)
            assert "no reason beyond" in texts_of(await follow(why, "Why?", 13))
            assert "no reason beyond" in texts_of(await follow(why, "And why?", 14))
            # Its reason was given: that there is no other one is nothing that the library lacks.
            assert "×" not in await gaps()
            refused = await asked(discord, "How many gulls nest in Quellmoor?", 501, 15)
            assert refused["embeds"][0]["description"].startswith("**The articles do not say.**")
            sent = await discord.submit(pressed(refused, "follow").replace("follow", "question"), {"text": "Why?"}, 16)
            assert "nothing to ask “Why?” of" in texts_of(await discord.answered(sent, 60))
            assert sent.ephemeral
            await follow(refused, "When?", 17)
            (gap,) = [line for line in (await gaps()).splitlines() if "×" in line]
            assert "1 × How many gulls nest in Quellmoor?" in gap

    asyncio.run(check())


def test_a_digest_has_what_bears_no_date_last_and_says_so(tmp_path: Path) -> None:
    """It counts by its arrival: nobody knows when it was published, and it is new here."""
    table = (
        "title\tpublished\ttext\n"
        "Gulls\t\tGulls nest on the roof of the Quellmoor town hall, a warden said.\n"
        f"Tram\t{datetime.now(UTC):%Y-%m-%d}\tThe tram of Grauwiek runs every ten minutes from Monday on.\n"
        "Mill\t2019-05-02\tThe mill of Ollersum burnt down on a Thursday in spring.\n"
    )

    async def check() -> None:
        async with fake_discord() as discord, connected(discord, tmp_path / "home"):
            assert "3 added" in await add(discord, 501, "news.tsv", table.encode())
            digest = await discord.answered(await discord.slash("digest"), 60)
            text = texts_of(digest)
            assert text.index("Tram") < text.index("Gulls") < text.index("undated")
            assert "Mill" not in text
            assert "2 articles" in text

    asyncio.run(check())
