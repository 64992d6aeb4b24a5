"""What a terminal shows of a quote is the quote: styles change no character."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.quotation import begins_quoted, without_markdown
from bot.terminal.render import answer_lines, quoted, safe
from rag.answer import Answer, Citation
from vectorstore.values import Span

CLOSED_FOR_IT = re.compile(r" ?…[”\"]$")
SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=5)


def citation(quote: str, emphasis: tuple[Span, ...]) -> Citation:
    return Citation(1, "a", "A title", "An outlet", "", None, quote, 0, len(quote), emphasis=emphasis)


def test_a_gap_between_two_emphasised_names_stays() -> None:
    quote = "Prime Minister Viktor Orban spoke."
    shown = quoted(citation(quote, ((6, 14), (15, 21), (22, 27))))
    assert shown.plain == f"  “{quote}” [1]"
    assert [quote[span.start - 3 : span.end - 3] for span in shown.spans] == ["Minister", "Viktor", "Orban"]


@given(st.text(max_size=60), SPANS)
def test_without_its_styles_a_quote_is_the_articles_words(quote: str, spans: list[Span]) -> None:
    emphasis = tuple((start, end) for start, end in spans if start < end <= len(quote))
    shown = quoted(citation(quote, emphasis), numbered=False).plain
    words = " ".join(safe(without_markdown(quote)[0]).split())
    bare = " ".join(shown.split())
    opens_itself = begins_quoted(without_markdown(quote)[0])
    without_ours = (bare, CLOSED_FOR_IT.sub("", bare)) if opens_itself else (bare[1:-1].strip(), bare[1:].strip())
    assert words in without_ours


@pytest.mark.parametrize(
    ("quote", "shown"),
    [
        ("The pier closed.", "“The pier closed.”"),
        ('"We stay," she said.', '"We stay," she said.'),
        ('"We will not leave.', '"We will not leave. …"'),
        ("“We will not leave.", "“We will not leave. …”"),
        ("Nobody wants them.”", "“Nobody wants them.”"),
        ('The pier is "lost", he said.', '“The pier is "lost", he said.”'),
        ("**Pier closed.** See [the plan](https://news.example/plan).", "“Pier closed. See the plan.”"),
    ],
)
def test_no_quotation_mark_is_doubled_and_no_markup_shown(quote: str, shown: str) -> None:
    assert quoted(citation(quote, ()), numbered=False).plain == f"  {shown}"


def test_an_article_that_is_quoted_three_times_is_named_once() -> None:
    cited = [replace(citation(quote, ()), number=number) for number, quote in enumerate(("One.", "Two.", "Three."), 1)]
    other = replace(citation("Four.", ()), number=4, article_id="b", title="Another title")
    answer = Answer("1", "?", "?", "", (cited[0], other, *cited[1:]), None, None)
    assert [line.plain for line in answer_lines(answer)][-2:] == [
        "[1][2][3] A title · undated · An outlet",
        "[4] Another title · undated · An outlet",
    ]
    written = [line.plain for line in answer_lines(replace(answer, model="a-model", text="Said. [1][2][3][4]"))]
    assert written[-6:-2] == [
        "[1][2][3] A title · undated · An outlet",
        "  “One.” [1]",
        "  “Two.” [2]",
        "  “Three.” [3]",
    ]
