"""Numbers and dates as news writes them are read as the same values."""

from datetime import date

import pytest

from rag.verification.quantities import Day, Quantities, calendar_date, read_quantities, year_of
from rag.verification.tokens import tokenize


def read(text: str) -> Quantities:
    return read_quantities(tokenize(text), text)


@pytest.mark.parametrize(
    ("text", "value", "kind", "unit"),
    [
        ("two weeks", 2, "", "week"),
        ("2 weeks", 2, "", "week"),
        ("20,000 people", 20_000, "", ""),
        ("20\u00a0000 people", 20_000, "", ""),
        ("1,234,567 votes", 1_234_567, "", ""),
        ("2.5 million dollars", 2_500_000, "", "$"),
        ("$2.5m in cash", 2_500_000, "", "$"),
        ("US$2.5 million", 2_500_000, "", "$"),
        ("€5bn", 5_000_000_000, "", "€"),
        ("twenty-three ships", 23, "", ""),
        ("a hundred and five ships", 105, "", ""),
        ("three thousand two hundred ships", 3_200, "", ""),
        ("a dozen eggs", 12, "", ""),
        ("12 percent", 12, "%", ""),
        ("12 per cent", 12, "%", ""),
        ("12%", 12, "%", ""),
        ("the 44th month", 44, "th", "month"),
        ("the second time", 2, "th", ""),
        ("twenty-first place", 21, "th", ""),
        ("in the 1990s", 1990, "s", ""),
        ("7.50 crowns", 7.5, "", ""),
        ("at 18:30", 18.3, ":", ""),
    ],
)
def test_number_is_read(text: str, value: float, kind: str, unit: str) -> None:
    assert [(n.value, n.kind, n.unit) for n in read(text).numbers] == [(value, kind, unit)]


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("on 17 October 2025", (2025, 10, 17)),
        ("On October 17, 2025, he", (2025, 10, 17)),
        ("the 17th of October 2025", (2025, 10, 17)),
        ("Oct. 17", (None, 10, 17)),
        ("2025-10-17", (2025, 10, 17)),
        ("in October 2025", (2025, 10, None)),
        ("in October", (None, 10, None)),
        ("on May 3", (None, 5, 3)),
    ],
)
def test_date_is_read(text: str, date: tuple[int | None, int, int | None]) -> None:
    found = read(text)
    assert [(day.year, day.month, day.day) for day in found.days] == [date]
    assert found.numbers == ()


def test_range_and_score_are_two_numbers() -> None:
    assert [n.value for n in read("10-12 ships, 3–2").numbers] == [10, 12, 3, 2]


@pytest.mark.parametrize("text", ["", "may", "May the force", "a b c", "%", "... --"])
def test_text_without_quantities_has_none(text: str) -> None:
    assert read(text) == Quantities((), (), frozenset(), frozenset())


@pytest.mark.parametrize(
    ("day", "published", "meant"),
    [
        (Day(None, 12, 28, 0, 0), date(2026, 1, 3), date(2025, 12, 28)),
        (Day(None, 1, 4, 0, 0), date(2025, 12, 30), date(2026, 1, 4)),
        (Day(None, 8, 28, 0, 0), date(2026, 1, 3), date(2026, 8, 28)),
        (Day(None, 5, 12, 0, 0), date(2025, 12, 30), date(2025, 5, 12)),
        (Day(2019, 12, 28, 0, 0), date(2026, 1, 3), date(2019, 12, 28)),
        (Day(None, 2, 29, 0, 0), date(2025, 1, 3), None),
        (Day(None, 12, 28, 0, 0), None, None),
    ],
)
def test_a_year_left_out_is_that_of_publication_or_the_one_that_has_just_ended_or_is_about_to_begin(
    day: Day, published: date | None, meant: date | None
) -> None:
    assert calendar_date(day, published) == meant


def test_the_year_of_a_month_is_found_by_its_middle() -> None:
    assert year_of(Day(None, 12, None, 0, 0), date(2026, 1, 3)) == 2025
    assert year_of(Day(None, 3, None, 0, 0), date(2026, 1, 3)) == 2026
