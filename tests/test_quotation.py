"""What is shown of a quote is the article's words: markup goes, and not one letter, digit or other mark."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.quotation import without_markdown
from vectorstore.values import Span

PIECES = [
    "**",
    "*",
    "_",
    "__",
    "`",
    "# ",
    "> ",
    "](",
    "[",
    "]",
    "(",
    ")",
    "!",
    "\\",
    " ",
    "\n",
    "a",
    "bc",
    "7",
    ".",
    "“",
    "http://x",
]
MARKS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@pytest.mark.parametrize(
    ("quote", "shown"),
    [
        ("**The pier** is *closed*, __they__ _said_ `today`.", "The pier is closed, they said today."),
        ("It cost **41** million in **2024**, ***3*** of them", "It cost 41 million in 2024, 3 of them"),
        ("## Pier closed", "Pier closed"),
        ("> The pier is closed.", "The pier is closed."),
        ("* The pier is closed.", "The pier is closed."),
        ("See [the plan](https://news.example/a_(b)), page 3.", "See the plan, page 3."),
        ("![The pier](pier.jpg) It is closed.", "The pier It is closed."),
        ("**Breaking: the pier is closed.", "Breaking: the pier is closed."),
        ("It stays closed until June.**", "It stays closed until June."),
        (r"A \*new\* pier", "A *new* pier"),
        ("The [pier][1] is [closed][the plan], [Holt][] said.", "The pier is closed, Holt said."),
        ("The [[pier|old pier]] of [[Bell]] is closed.[^1]", "The old pier of Bell is closed."),
        # What is no markup stays.
        ("He spoke.[1][2] [^", "He spoke.[1][2] [^"),
        ("2*3*4 is 24, snake_case_name, a* and b*", "2*3*4 is 24, snake_case_name, a* and b*"),
        ("He said s**t and f*** it", "He said s**t and f*** it"),
        ("> 5 percent, #1 and C#", "> 5 percent, #1 and C#"),
        ("The mayor [Holt] (left) spoke [1] (see below).", "The mayor [Holt] (left) spoke [1] (see below)."),
        ("“Wait [sic] (sic)”", "“Wait [sic] (sic)”"),
        ("***", "***"),
        (
            "The law, Sec. 3(a)[2](b), holds, [Smith](2019) says.",
            "The law, Sec. 3(a)[2](b), holds, [Smith](2019) says.",
        ),
        ("Call *100# or *131* for the balance.", "Call *100# or *131* for the balance."),
    ],
)
def test_markup_is_not_shown(quote: str, shown: str) -> None:
    assert without_markdown(quote)[0] == shown


def test_emphasised_words_are_the_same_words_without_markup() -> None:
    quote = "On **4 May** the [pier](https://news.example) opened."
    spans = tuple((quote.index(words), quote.index(words) + len(words)) for words in ("4 May", "pier", "**4 May** the"))
    shown, moved = without_markdown(quote, spans)
    assert [shown[start:end] for start, end in moved] == ["4 May", "pier", "4 May the"]
    assert without_markdown(quote, [(3, 5)])[1] == ()


@given(MARKS | st.text(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=3))
def test_nothing_but_markup_goes(quote: str, pairs: list[Span]) -> None:
    spans = [(start, end) for start, end in pairs if start < end <= len(quote)]
    shown, moved = without_markdown(quote, spans)
    rest = iter(quote)
    assert all(character in rest for character in shown)
    assert all(0 <= start < end <= len(shown) for start, end in moved)
    if "](" not in quote:
        assert [c for c in shown if c.isalnum()] == [c for c in quote if c.isalnum()]
