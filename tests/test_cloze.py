"""Gaps: what a claim's names and things are asked for, and whether the passage puts them where the claim does."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.verification.cloze import LOWEST_MARGIN, MAX_CLOZES, UNASKED, Placement, clozes, placement
from rag.verification.parsed_text import parse_text
from tests.networks import large_network, small_network

VOTE = (
    "Mayor Ilse Brandt welcomed the vote on Monday. The harbour master, Tom Reuter, called the plan too expensive. "
    "The council will buy three electric ferries for 40 million euros from a shipyard in Turku."
)


def questions(claim: str, passage: str = VOTE) -> list[str]:
    return [cloze.question for cloze in clozes(parse_text(claim), passage)]


def placed(claim: str, passage: str = VOTE) -> Placement:
    return placement((small_network(), large_network()), parse_text(claim), passage)


def test_names_numbers_and_things_are_asked_for() -> None:
    assert questions("Tom Reuter called the plan too expensive.") == [
        "what called the plan too expensive?",
        "Tom Reuter called what too expensive?",
    ]


def test_possessive_is_asked_for_as_one() -> None:
    assert questions("Reuter's plan costs too much.", "They praised Reuter's idea.") == ["whose plan costs too much?"]


def test_gap_knows_every_place_of_its_words() -> None:
    text = "Turku is a city. They went to Turku."
    (cloze,) = clozes(parse_text("Turku waits."), text)
    assert [text[a:b] for a, b in cloze.found] == ["Turku", "Turku"]


def test_gap_is_filled_by_another_form_of_its_words_too() -> None:
    text = "The restaurant opened. Restaurants in Turku waited."
    (cloze,) = clozes(parse_text("Restaurants thrive."), text)
    assert [text[a:b] for a, b in cloze.found] == ["restaurant", "Restaurants"]


def test_nothing_in_common_is_unknown() -> None:
    assert questions("Penguins waddle.") == []
    assert placed("Penguins waddle.") == Placement(UNASKED, UNASKED)


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("Tom Reuter called the plan too expensive.", "Ilse Brandt called the plan too expensive."),
        ("Ilse Brandt welcomed the vote.", "Tom Reuter welcomed the vote."),
        ("The council will buy three ferries.", "The harbour master will buy three ferries."),
    ],
)
def test_subject_in_anothers_place_is_seen(true: str, false: str) -> None:
    assert placed(true).subject > placed(false).subject + 1


def test_object_in_anothers_place_is_seen() -> None:
    assert placed("Tom Reuter called the plan too expensive.").elsewhere > -1
    assert placed("The council will buy the vote.").elsewhere < -1


def test_long_claim_asks_a_bounded_number_of_questions() -> None:
    assert len(clozes(parse_text("Tom Reuter called the plan in Turku. " * 30), VOTE)) == MAX_CLOZES


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=80), st.text(max_size=120))
def test_any_text_gets_a_number(claim: str, passage: str) -> None:
    lowest = -math.sqrt(-LOWEST_MARGIN)
    for found in (placed(claim, passage), placed(claim, claim)):
        assert lowest <= found.subject <= 0
        assert lowest <= found.elsewhere <= 0
