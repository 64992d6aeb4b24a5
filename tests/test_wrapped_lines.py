"""Lines broken at a width are joined; lines that end where their author wanted stay."""

import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.ingestion.read_articles import text_draft
from rag.ingestion.wrapped_lines import join_wrapped_lines

PROSE = (
    "A fire has damaged the old paper mill on the quay of Tesk, which had been empty since 2019. Nobody was hurt in the "
    "blaze, which began in the roof. The damage is put at 2.1 million euros, fire chief Dana Orr said on Friday.\n\n"
    "The town had wanted to sell the mill in spring. The buyer has not yet said whether the sale will go ahead, and the "
    "deposit need not be paid until the end of the year."
)
VERSES = """The harbour lies in the morning grey,
no gull is out,
the ferries wait for another day
and nobody is about,
the bells of Tesk are ringing the hour
behind the mill and under the tower."""
LIST = """The council decided on Monday evening that
- the ferry will cost four euros from January on
- the market hall opens on Sundays again and
- the pier will be repaired before the summer
| depot | tonnes of grain that were kept there |
| 14321 | 1,200 tonnes, as in the year before it |"""


def wrapped(text: str, width: int) -> str:
    return "\n\n".join(textwrap.fill(paragraph, width, break_on_hyphens=False) for paragraph in text.split("\n\n"))


@pytest.mark.parametrize("width", [50, 60, 72, 78, 100, 120])
def test_prose_broken_at_a_width_is_whole_again(width: int) -> None:
    assert join_wrapped_lines(wrapped(PROSE, width)) == PROSE


@pytest.mark.parametrize("text", [PROSE, VERSES, LIST, "", "\n", "One line.", PROSE.replace("\n\n", "\n"), "a\nb\nc"])
def test_lines_that_end_where_their_author_wanted_stay(text: str) -> None:
    assert join_wrapped_lines(text) == text


def test_a_list_within_broken_prose_stays_a_list() -> None:
    text = f"{wrapped(PROSE, 72)}\n\n- one\n- two"
    assert join_wrapped_lines(text) == f"{PROSE}\n\n- one\n- two"


def test_a_text_file_is_stored_with_its_sentences_whole() -> None:
    draft = text_draft(f"Mill fire\n\n{wrapped(PROSE, 66)}\n".encode(), "mill.txt", "shared")
    assert "The damage is put at 2.1 million euros, fire chief Dana Orr said on Friday." in draft.article.text


DIVIDED_TEXTS = {
    "The transport minis-\nter of Hyphia, Petra Lund, re-\nsigned on 30 August af-\nter the rail-\nway scandal.\n":
    "The transport minister of Hyphia, Petra Lund, resigned on 30 August after the railway scandal.\n",
    "The well-\nknown actor Jan Wolle-\nbaek sold\nhis mill.": "The well-known actor Jan Wollebaek sold his mill.",
    "MILL SOLD\n\nThe mill was sold in Septem-\nber.\n\nOne.\nTwo.": "MILL SOLD\n\nThe mill was sold in September.\n\nOne.\nTwo.",
    "Prices in pre-\nand post-war years": "Prices in pre-\nand post-war years",
    "The vote -\nthe third -\nfailed.": "The vote -\nthe third -\nfailed.",
    "Berlin-\nMunich\nLine": "Berlin-\nMunich\nLine",
    "- minis-\n- ter": "- minis-\n- ter",
}  # fmt: skip


@pytest.mark.parametrize(("text", "whole"), DIVIDED_TEXTS.items())
def test_words_divided_at_line_ends_are_whole_again(text: str, whole: str) -> None:
    assert join_wrapped_lines(text) == whole


@given(st.text("ab. \n-#", max_size=400))
@settings(max_examples=200, deadline=None)
def test_no_word_is_lost_or_moved(text: str) -> None:
    joined = join_wrapped_lines(text)
    assert "".join(joined.split()).replace("-", "") == "".join(text.split()).replace("-", "")
    if "-" not in text:
        assert joined.split() == text.split()
