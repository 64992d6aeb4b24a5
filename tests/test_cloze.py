"""Gaps: what a claim's names and things are asked for, and whether the passage puts them where the claim does."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.verification.cloze import LOWEST_MARGIN, MAX_CLOZES, UNASKED, clozes, placement
from rag.verification.parsed_text import parse_text
from tests.networks import small_network

VOTE = (
    "Mayor Ilse Brandt welcomed the vote on Monday. The harbour master, Tom Reuter, called the plan too expensive. "
    "The council will buy three electric ferries for 40 million euros from a shipyard in Turku."
)


def questions(claim: str, passage: str = VOTE) -> list[str]:
    return [cloze.question for cloze in clozes(parse_text(claim), passage)]


def agreement(claim: str, passage: str = VOTE) -> float:
    return placement(small_network(), parse_text(claim), passage)


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


def test_nothing_in_common_is_unknown() -> None:
    assert questions("Penguins waddle.") == []
    assert agreement("Penguins waddle.") == UNASKED


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("Tom Reuter called the plan too expensive.", "Ilse Brandt called the plan too expensive."),
        ("Ilse Brandt welcomed the vote.", "Tom Reuter welcomed the vote."),
        ("The ferries come from a shipyard in Turku.", "The mayor comes from a shipyard in Turku."),
    ],
)
def test_name_in_anothers_place_is_seen(true: str, false: str) -> None:
    assert agreement(true) > agreement(false) + 1


def test_long_claim_asks_a_bounded_number_of_questions() -> None:
    assert len(clozes(parse_text("Tom Reuter called the plan in Turku. " * 30), VOTE)) == MAX_CLOZES


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=80), st.text(max_size=120))
def test_any_text_gets_a_number(claim: str, passage: str) -> None:
    assert LOWEST_MARGIN <= agreement(claim, passage) <= 0
    repeated = agreement(claim, claim)
    assert math.isfinite(repeated)
