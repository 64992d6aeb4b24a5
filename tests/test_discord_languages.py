"""Every kind of message in every language: no word of another one around what the articles say."""

import ast
import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.discord.cogs.library import list_page, report_page, status_lines
from bot.discord.cogs.settings import settings_page, settings_values
from bot.discord.command_translations import GERMAN_DESCRIPTIONS, GERMAN_NAMES
from bot.discord.errors import SourceRejected, user_message
from bot.discord.guild_sources import followed_lines
from bot.discord.reasons import GERMAN_REASONS, reason_words
from bot.discord.render import Page, answer_pages, draft_text, error_page, library_line, notice_page, passage_pages
from bot.discord.render_digest import digest_page
from bot.discord.render_watches import change_page, watches_page
from bot.discord.translations import ENGLISH, GERMAN, Translations
from rag.answer import (
    BROKEN_OFF,
    EMPTY_LIBRARY,
    ENGLISH_ONLY,
    NO_DATE,
    NO_REASON,
    NOT_SAID,
    NOTHING_FOUND,
    QUOTED_FORGOTTEN,
    READ_AS,
    TRANSLATED,
    Answer,
    Citation,
    Draft,
    Explanation,
    Headline,
    Refusal,
)
from rag.digest import Digest, DigestEntry
from rag.errors import ArticleError, ModelError, QuestionError, UnreadableArticle
from rag.ingestion.indexing import IngestReport
from rag.ingestion.read_articles import ArticleProblem
from rag.ingestion.tally import FilesRead
from rag.library import LibraryStatus
from rag.watched_questions import Changed, new_watch
from tests.conftest import REPOSITORY
from tests.fakes.discord_harness import FakeEngine, connected, running
from tests.fakes.fake_discord import fake_discord
from vectorstore.bot_state import GuildSettings
from vectorstore.errors import StoreBusy, StoreError, StoreStopped
from vectorstore.followed import EntryCounts, Source
from vectorstore.values import Article

DAY = datetime(2025, 10, 17, tzinfo=UTC)
QUOTE = "Xxx 8,4 Xxxx."
"""What the articles say is of no language here."""
CITED = Citation(1, "xx", "Xxx", "Xx-Xxx", "https://xx.example/a", DAY, QUOTE, 0, len(QUOTE), emphasis=((4, 7),))
HEAD = Headline("xx", "Xxx", "Xx-Xxx", "https://xx.example/a", DAY, published_guessed=True)
ANSWER = Answer("a1", "Xxx?", "Xxx?", f"{QUOTE} [1]", (CITED,), None, DAY)
STATUS = LibraryStatus(1_234, 2_000, 0, DAY, DAY, (("Xx-Xxx", 1_230), ("", 4)), "xx")
ENGLISH_WORDS = re.compile(
    r"\b(?:the|of|and|is|are|not|to|for|with|from|that|this|it|as|by|on|no|at|what|which|more|read|your|you|please|again|said)\b",
    re.IGNORECASE,
)
GERMAN_WORDS = re.compile(
    r"\b(?:der|das|und|ist|nicht|von|mit|auf|bitte|diese|ich|eine|wird|noch|mehr|aus)\b", re.IGNORECASE
)
TYPED = re.compile(
    r"`[^`]*`|/[a-z-]+(?: (?:add|list|stop|follow))*|\b(?:since|until|source|question):|What’s new\?|https?://\S+"
)
"""What is typed or pressed as it stands, in every language."""


def refused(reason: str, **explained: object) -> Answer:
    refusal = Refusal(reason, (HEAD,) if reason == NOT_SAID else ())
    return replace(ANSWER, text="", citations=(), refusal=refusal, explanation=Explanation(**explained))


def answers(t: Translations) -> Iterator[tuple[str, list[Page]]]:
    other = replace(CITED, number=2, source="Yy-Yyy", quote="Yyy 11,2 Yyyy.", emphasis=((4, 8),))
    written = replace(ANSWER, model="xx-9", text="Xxx. [1]")
    yield "quoted", answer_pages(ANSWER, t, "Ada")
    yield "disagreeing", answer_pages(replace(ANSWER, disagreement=(CITED, other)), t)
    yield "by a model", answer_pages(replace(written, draft=Draft("xx", "1", passages_left_out=2)), t)
    yield "translated", answer_pages(replace(written, note=f"xx-9 {TRANSLATED}"), t)
    yield "broken off", answer_pages(replace(written, note=f"The server went away. {BROKEN_OFF}"), t)
    yield (
        "without the model",
        answer_pages(replace(ANSWER, note="The server said no. This answer is quoted without it."), t),
    )
    misread = Explanation(read_as="Xxx Yyy?")
    yield "mistyped", answer_pages(replace(ANSWER, note=f"{READ_AS}Xxx Yyy?", explanation=misread), t)
    for reason in (NOT_SAID, NOTHING_FOUND, ENGLISH_ONLY, NO_REASON, NO_DATE, EMPTY_LIBRARY):
        yield f"refused: {reason}", answer_pages(refused(reason), t)
    closest = replace(refused(NOT_SAID), refusal=Refusal(NOT_SAID, (HEAD,), CITED))
    yield "refused with the closest", answer_pages(closest, t)
    yield "refused by day", answer_pages(refused(NOTHING_FOUND, since=datetime(2025, 10, 18, tzinfo=UTC)), t)
    until = {"sources": ("Xx-Xxx",), "until": DAY}
    yield "refused by outlet", answer_pages(refused(NOTHING_FOUND, **until), t)
    yield "passages", passage_pages([(CITED, Article("xx", "Xxx", f"Aaa.\n{QUOTE}\nBbb."))], t, "a1")


def watching(t: Translations) -> Iterator[tuple[str, list[Page]]]:
    new = replace(ANSWER, citations=(replace(CITED, quote="Yyy 11,2.", emphasis=()),), text="Yyy 11,2. [1]")
    nothing, gone = refused(NOT_SAID), replace(refused(NOT_SAID), refusal=Refusal(QUOTED_FORGOTTEN))
    yield "changed", [change_page("Xxx?", Changed(ANSWER, DAY, new, DAY), t)]
    yield "corrected", [change_page("Xxx?", Changed(ANSWER, DAY, new, DAY, "corrected"), t)]
    yield "withdrawn", [change_page("Xxx?", Changed(ANSWER, DAY, nothing, DAY, "withdrawn"), t)]
    yield "deleted", [change_page("Xxx?", Changed(gone, DAY, new, DAY, "deleted"), t)]
    yield "answered", [change_page("Xxx?", Changed(nothing, DAY, new, DAY), t)]
    yield "watched", [watches_page([new_watch("Xxx?", 50, 501, 11)], t), watches_page([], t)]


def digests(t: Translations) -> Iterator[tuple[str, list[Page]]]:
    two = DigestEntry(HEAD, CITED, (HEAD,)), DigestEntry(replace(HEAD, title="Yyy", updated=DAY), None)
    yield "digest", [digest_page(Digest((two,), left_out=True), DAY, None, t)]
    yield "daily digest", [digest_page(Digest((two[:1],) * 200), None, None, t)]
    yield "nothing new", [digest_page(Digest(()), DAY, newest, t) for newest in (DAY, None)]


def administration(t: Translations) -> Iterator[tuple[str, list[Page]]]:
    set_up = GuildSettings(50, (501,), (7,), "de", daily_budget=1_500, digest_channel=502)
    values = settings_values(set_up, 1_500, t), settings_values(GuildSettings(50), 0, t)
    yield "settings", [settings_page(values[0], True, t), settings_page(values[1], False, t)]
    yield "gaps", [notice_page(t.gaps, "3 × Xxx?", t), notice_page(t.gaps, t.no_gaps, t)]
    problem = ArticleProblem("xx.tsv:3", "has 3 values, the first line names 2.")
    read = FilesRead(
        remarks=(
            ArticleProblem(
                "xx.tsv:4", "has the date '0', older than any newspaper: correct it; it is stored without a date."
            ),
        )
    )
    yield "added", [report_page(IngestReport(added=1, titles=("Xxx",), problems=(problem,), read=read), t)]
    yield "list", [list_page([HEAD], t), list_page([], t)]
    own = "\n".join([f"**{t.own_articles}**", *status_lines(STATUS, t), t.shared_off])
    counted = t.say("asked_today", asked=3, budget=t.any_number, useful=1, not_useful=0)
    yield "status", [notice_page(t.library, f"{own}\n{counted}", t)]
    source = Source("ab", "https://xx.example/feed", "feed", "Xx-Xxx", 7_200.0, 1.0, last_success=1.0)
    error = (
        "is gone for good, the server says (410): it is no longer read; `dateline follow remove` takes it off the list"
    )
    gone = replace(source, stopped=True, last_success=0.0, every=60.0, last_error=error)
    lines = [line for one in (source, gone) for line in followed_lines(one, EntryCounts(stored=1), t)]
    yield "followed", [notice_page(t.followed_sources, "\n".join(lines), t)]


def failures(t: Translations) -> Iterator[tuple[str, list[Page]]]:
    known = (ArticleError, ModelError, QuestionError, StoreStopped, StoreBusy, StoreError)
    for error in known:
        message = user_message(error("The thing failed: do that."), t, admin=True)
        yield error.__name__, [error_page(message, t, "Ada", "Xxx?")]
    for reason in (
        "is not there (404): check the address",
        "names https://xx.example, which breaks off before its end",
    ):
        rejected = SourceRejected("not_followable", address="https://xx.example", words=reason)
        yield f"not followed: {reason}", [error_page(user_message(rejected, t), t)]
    unreadable = UnreadableArticle("xx.pdf", "is encrypted: open it with its password and print it to a new PDF.")
    yield "unreadable", [error_page(user_message(unreadable, t), t)]
    nothing = QuestionError("Nothing was asked before 'Xxx?': ask with the name or thing in it.")
    yield "nothing before", [error_page(user_message(nothing, t), t)]
    yield "draft", [Page("", draft_text("Xxx", t), 0)]


def pages(t: Translations) -> Iterator[tuple[str, list[Page]]]:
    """Every kind of page, by a name for it."""
    for made in (answers, watching, digests, administration, failures):
        yield from made(t)


def words_of_page(page: Page) -> str:
    """Everything of a page that is read, one thing a line."""
    fields = [text for field in page.fields for text in (field.name, field.value)]
    return "\n".join(filter(None, (page.author, page.title, page.body, *fields, page.footer, page.file)))


@pytest.mark.parametrize(("t", "other"), [(GERMAN, ENGLISH_WORDS), (ENGLISH, GERMAN_WORDS)], ids=["German", "English"])
def test_no_page_has_a_word_of_another_language(t: Translations, other: re.Pattern[str]) -> None:
    for name, made in pages(t):
        for page in made:
            text = TYPED.sub(" ", words_of_page(page))
            assert not other.findall(text), f"{name}: {text}"


@pytest.mark.parametrize(("t", "other"), [(GERMAN, ENGLISH_WORDS), (ENGLISH, GERMAN_WORDS)], ids=["German", "English"])
def test_no_sentence_has_a_word_of_another_language(t: Translations, other: re.Pattern[str]) -> None:
    for name in t.__slots__:
        value = getattr(t, name)
        for form in [value] if isinstance(value, str) else value:
            assert not other.findall(TYPED.sub(" ", form)), name


def test_numbers_have_their_thousands_apart_as_the_language_has_them() -> None:
    assert library_line(STATUS, GERMAN).startswith("1.234 Artikel, 17. Okt. 2025 bis")
    assert library_line(STATUS, ENGLISH).startswith("1,234 articles, 17 Oct 2025 to")
    assert GERMAN.say("too_long", length=20_000, limit=2_000).startswith(
        "Deine Frage hat 20.000 Zeichen, höchstens 2.000"
    )


def test_a_library_without_dates_has_no_newest_article() -> None:
    assert (
        digest_page(Digest(()), DAY, None, ENGLISH).body == "Nothing is new since 17 Oct 2025; no article has a date."
    )


def test_a_question_in_another_language_is_told_what_the_reader_reads_in_the_servers_language() -> None:
    (page,) = answer_pages(refused(ENGLISH_ONLY), GERMAN)
    assert page.body.splitlines() == ["**Die Artikel sagen dazu nichts.**", GERMAN.english_only]


def shown_while_typing(command: dict[str, object], path: str = "") -> Iterator[tuple[str, dict[str, object]]]:
    """A command as Discord was sent it, its options and those of its own commands, each with where it stands."""
    here = f"{path} {command['name']}".strip()
    yield here, command
    for option in command.get("options") or []:
        yield from shown_while_typing(option, here)


def test_discord_shows_every_command_and_option_in_its_readers_language(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path) as parts:
            shown = dict(one for command in parts.discord.commands for one in shown_while_typing(command))
            assert {"ask since", "watch stop question", "library follow add every", "settings digest"} <= set(shown)
            for where, one in shown.items():
                german = one["description_localizations"].get("de", "")
                assert 0 < len(german) <= 100, where
                assert len(one["description"]) <= 100, where
                assert german != one["description"]
                assert not ENGLISH_WORDS.findall(TYPED.sub(" ", german)), where
                assert not GERMAN_WORDS.findall(str(one["description"])), where
            descriptions = {str(one["description"]) for one in shown.values()}
            assert descriptions == set(GERMAN_DESCRIPTIONS), "a description that no command has any more"
            names = {
                where: one["name_localizations"]["de"] for where, one in shown.items() if one.get("name_localizations")
            }
            # Below a group whose name is translated Discord finds no command.
            groups = {where for where, one in shown.items() if one.get("options") and one["options"][0]["type"] < 3}
            assert names == GERMAN_NAMES
            assert set(names) == {where for where in shown if " " not in where} - groups
            assert all(re.fullmatch(r"[-\w]{1,32}", name) and name.islower() for name in names.values())
            assert parts.discord.syncs == 1

    asyncio.run(check())


def test_a_changed_translation_is_sent_to_discord(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        async with fake_discord() as discord:
            for _ in range(2):
                async with connected(discord, FakeEngine(), tmp_path):
                    assert discord.syncs == 1
            monkeypatch.setitem(GERMAN_NAMES, "help", "anleitung")
            async with connected(discord, FakeEngine(), tmp_path):
                assert discord.syncs == 2
            help_command = next(one for one in discord.commands if one["name"] == "help")
            assert help_command["name_localizations"] == {"de": "anleitung"}

    asyncio.run(check())


REASON = re.compile(
    r"(?:is|has|holds|takes|ends|asks|unpacks|cannot|did|lies|breaks|answers|redirects|repeats|needs|names|declares|belongs) "
)
OF_FOLDERS = {
    "is not a {} file: convert it, or give its folder.",
    "holds no {} file.",
    "is empty, perhaps not mounted: nothing was deleted.",
    "is empty, perhaps not mounted",
    "is a link to a folder, which is not followed",
    "is a link to nothing, perhaps not mounted",
    "is a pipe or device",
    "cannot be listed ({}): nothing was deleted.",
    "cannot be read ({}).",
    "is neither a folder nor an address that begins with http:// or https://",
}
OF_PAGES = {"has no page", "is {}, not a page, PDF or text", "is for subscribers only, the page says"}
OF_PAGES |= {"is gone; its article is at {}", "has moved for good and is read at {} from now on"}
"""What is said of folders, of single pages of a feed and of a move is said on the terminal alone."""
FILLED = {"has {}; it is stored without {}."}
"""Each with what it is filled with is a template of its own."""


def literal(node: ast.AST) -> str:
    """A string as it is written, {} where it is filled in; "" for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(part) or "{}" for part in node.values)
    return ""


def reasons_in(tree: ast.AST) -> Iterator[str]:
    """The ends of sentences in a module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if text := literal(node):
            if REASON.match(text):
                yield text
        else:
            yield from reasons_in(node)


def test_every_reason_of_the_engine_has_its_german_words() -> None:
    folders = [REPOSITORY / "rag" / name for name in ("ingestion", "following")]
    modules = [path for folder in folders for path in folder.glob("*.py")]
    found = {reason for path in modules for reason in reasons_in(ast.parse(path.read_text("utf-8")))}
    assert len(found) > 70
    assert {
        reason for reason in found - OF_FOLDERS - OF_PAGES - FILLED if reason_words(reason, GERMAN) == reason
    } == set()
    assert found >= (OF_FOLDERS | OF_PAGES | FILLED), "an exception that is none any more"


def test_no_reason_has_a_word_of_another_language() -> None:
    for template, german in GERMAN_REASONS.items():
        assert template.count("{}") == german.count("{}"), template
        filled = template.replace("{}", "Xx")
        assert reason_words(filled, GERMAN) == german.replace("{}", "Xx")
        words = re.sub(r"[A-Z_]{2,}(?:=true)?|published|source|text", " ", TYPED.sub(" ", german))
        assert not ENGLISH_WORDS.findall(words), german
    assert reason_words("is of a kind that nobody thought of", GERMAN) == "is of a kind that nobody thought of"


def test_what_was_put_into_a_reason_is_said_in_its_words_too() -> None:
    assert reason_words(
        "has the date '1.1.1', older than any newspaper: correct it; it is stored without a date.", GERMAN
    ) == (
        "hat das Datum '1.1.1', das älter ist als jede Zeitung: berichtige es; der Artikel ist ohne Datum gespeichert."
    )
    assert reason_words("names https://x.example/{}, which is not there (404): check the address", GERMAN) == (
        "nennt https://x.example/{}; das ist nicht da (404): prüf die Adresse"
    )
