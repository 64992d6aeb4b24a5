"""Mistyped words: corrected to the library's own words, never where a word exists, and never silently."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.terminal.render import answer_lines, joined
from rag.factory import open_engine
from rag.settings import Settings
from rag.spelling import nearest_word, respelled
from tests.conftest import SEEDS
from vectorstore.lexical import LexicalIndex
from vectorstore.lexical_files import LexicalFolder
from vectorstore.segments import LexicalEntry

TEXT = "Will Hungary arrest Putin? The Kremlin spokesman Dmitry Peskov spoke of Kell, of Zelenskyy and of Budapest."
INDEX = LexicalIndex.build(
    "1",
    [
        LexicalEntry("1", "a", TEXT, "", "", "shared", None),
        LexicalEntry("2", "b", "The Qualdrone project is secret.", "", "", "discord:50", None),
    ],
)


@pytest.mark.parametrize(
    ("typed", "read_as"),
    [
        ("wil Hungary arest puttin?", "will Hungary arrest putin?"),
        ("WIL HUNGARY AREST PUTIN", "WILL HUNGARY ARREST PUTIN"),
        ("Who is Dmittry Peskof?", "Who is Dmitry Peskov?"),
        ("teh spokseman of the Kremln's office", "the spokesman of the Kremlin's office"),
        ("hwo is zelensky", "who is zelenskyy"),
        ("Is it a Kremlin-Budepest meeting?", "Is it a Kremlin-Budapest meeting?"),
        # A word that exists stays, wherever it stands in a list of English words or in an article.
        ("Is Putin hungry?", "Is Putin hungry?"),
        ("Who berated him?", "Who berated him?"),
        ("Was Putin arrested?", "Was Putin arrested?"),
        # Another first letter is another name, and abbreviations and identifiers are near to too many others.
        ("When was Zell dredged?", "When was Zell dredged?"),
        ("What did KEL say?", "What did KEL say?"),
        ("Is Putin1 at B2B-17x?", "Is Putin1 at B2B-17x?"),
        ("whos putin, and hasn't he spoken?", "whos putin, and hasn't he spoken?"),
        ("Ki tartóztatja le Putyint Magyarországon?", "Ki tartóztatja le Putyint Magyarországon?"),
        # Words of another server's library are none of this one's.
        ("What is Qualdrome?", "What is Qualdrome?"),
    ],
)
def test_mistyped_words_are_read_as_the_library_writes_them(typed: str, read_as: str) -> None:
    assert respelled(typed, INDEX, ["shared"]) == read_as


@pytest.mark.parametrize(
    ("typed", "read_as"),
    [
        ("wil hungry arest puttin?", "will hungary arrest putin?"),
        ("Is Putin hungry?", "Is Putin hungry?"),
        ("Will Hungary arrest Putin?", "Will Hungary arrest Putin?"),
    ],
)
def test_beside_a_slip_an_english_word_that_no_article_has_may_be_one_too(typed: str, read_as: str) -> None:
    assert respelled(typed, INDEX, ["shared"], english_too=True) == read_as


def test_a_server_sees_its_own_words() -> None:
    assert respelled("What is Qualdrome?", INDEX, ["shared", "discord:50"]) == "What is Qualdrone?"


def test_a_question_of_unknown_words_is_left_alone() -> None:
    words = " ".join(f"puttin{letter}" for letter in "abcdefghi")
    assert respelled(words, INDEX, ["shared"]) == words


@given(question=st.text(max_size=120))
def test_any_question_can_be_respelled(question: str) -> None:
    respelled(question, INDEX, ["shared"])


@pytest.mark.parametrize(
    ("word", "words", "near"),
    [
        ("wht", ["who", "what"], "what"),
        ("harbuor", ["harbour", "harbours"], "harbour"),
        ("harbuor", ["barbour"], ""),
        ("internatiobnal", ["international"], "international"),
        ("cta", ["cat"], ""),
        ("grian", [], ""),
    ],
)
def test_the_word_with_the_fewest_slips_is_the_nearest(word: str, words: list[str], near: str) -> None:
    assert nearest_word(word, words) == near


def test_the_words_are_saved_with_the_index(tmp_path: Path) -> None:
    LexicalFolder(tmp_path / "lexical").save(INDEX)
    loaded = LexicalFolder(tmp_path / "lexical").load()
    assert loaded is not None
    for libraries in (["shared"], ["discord:50"], ["shared", "discord:50"]):
        assert list(loaded.words_of_libraries(libraries)) == list(INDEX.words_of_libraries(libraries))
    assert next(loaded.words_of_libraries(["shared"])) == "of"


def test_a_mistyped_question_is_answered_and_says_how_it_was_read(tmp_path: Path) -> None:
    async def asked(question: str) -> str:
        async with open_engine(Settings(home=tmp_path)) as engine:
            await engine.library.ingest([SEEDS])
            return joined(answer_lines(await engine.ask(question), explain=True)).plain

    shown = asyncio.run(asked("wil Hungary arest Puttin?"))
    assert shown.startswith("Read as: will Hungary arrest Putin?")
    assert "would not seek to arrest Putin" in shown
    assert "\nread as      will Hungary arrest Putin?" in shown
    assert "Read as" not in asyncio.run(asked("Will Hungary arrest Putin?"))
    assert asyncio.run(asked("wil hungry arest puttin?")).startswith("Read as: will hungary arrest putin?")
    assert "Read as" not in asyncio.run(asked("Is Putin hungry?"))
    # Read without its day, too, it stays corrected.
    shown = asyncio.run(asked("wil Hungary arest Puttin on 3 March 2021?"))
    assert "arest" not in shown
    assert "would not seek to arrest Putin" in shown
