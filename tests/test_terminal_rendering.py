"""What a terminal shows of a quote is the quote: styles change no character."""

from hypothesis import given
from hypothesis import strategies as st

from bot.terminal.render import quoted, safe
from rag.answer import Citation
from vectorstore.values import Span

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
    assert " ".join(shown.removeprefix("  “").removesuffix("”").split()) == " ".join(safe(quote).split())
