"""No Answer whatever breaks a Discord limit, leaves a mention, a masked link of its own or an invisible character."""

import ast
import re
import string
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.discord.markdown import (
    INVISIBLE,
    clean,
    escape,
    link,
    one_line,
    safe_url,
    shorten,
    shorten_escaped,
    split_text,
    units,
)
from bot.discord.quotes import emphasised, set_quote
from bot.discord.render import (
    MAX_PAGES,
    Page,
    answer_pages,
    answer_text,
    draft_text,
    error_page,
    passage_pages,
    plain_messages,
)
from bot.discord.translations import ENGLISH, GERMAN, LANGUAGES
from bot.quotation import unpaired_marks, without_markdown
from rag.answer import EMPTY_LIBRARY, Answer, Citation, Explanation, Headline, Refusal
from tests.conftest import REPOSITORY
from tests.fakes.fake_discord import embed_problems, text_length
from vectorstore.values import Article

NASTY = [
    "@everyone",
    "@here",
    "<@123>",
    "<@&123>",
    "<#123>",
    "<t:1:R>",
    "<:emoji:1>",
    "[click](https://evil.example)",
    "[1](https://evil.example)",
    "```py\ncode\n```",
    "`code`",
    "**bold**",
    "||spoiler||",
    "> quote",
    ">>> all",
    "# heading",
    "-# small",
    "- item",
    "1. first",
    "https://evil.example/a_b_c",
    "\\",
    "\u200b",
    "\u202e",
    "\u2066",
    "\ufeff",
    "\U000e0041",
    "\ud800",
    "\x00",
    "\x1b[31m",
    "😀" * 50,
    "\n\n\n",
    "[1]",
    "[2]",
    "[999]",
    " ",
    ")",
    "](",
]

hostile = st.lists(
    st.one_of(st.sampled_from(NASTY), st.text(max_size=60), st.text(string.ascii_letters + " .\n", max_size=400)),
    max_size=30,
).map("".join)
dates = st.one_of(
    st.none(), st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda d: d.replace(tzinfo=UTC))
)
urls = st.one_of(
    st.sampled_from(
        [
            "",
            "https://news.example/a",
            "javascript:alert(1)",
            "https://evil.example/)[x](https://worse.example",
            "https://bbc.com@evil.example/",
            "http://[::1/",
            "https://news.example/" + "a" * 3_000,
            "https://bücher.example/ä?q=<@1>#|",
        ]
    ),
    hostile,
)
headlines = st.builds(Headline, st.just("a"), hostile, hostile, urls, dates)


@st.composite
def citations(draw: st.DrawFn, number: int) -> Citation:
    quote = draw(hostile)
    edges = sorted(draw(st.lists(st.integers(0, len(quote)), min_size=2, max_size=2)))
    return Citation(
        number,
        "a",
        draw(hostile),
        draw(hostile),
        draw(urls),
        draw(dates),
        quote,
        0,
        len(quote),
        emphasis=((edges[0], edges[1]),),
        copies=tuple(draw(st.lists(headlines, max_size=3))),
    )


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    refused = draw(st.booleans())
    count = 0 if refused else draw(st.integers(1, 8))
    text = draw(hostile) * draw(st.integers(1, 20))
    return Answer(
        id=draw(st.text("0123456789abcdef", min_size=8, max_size=32)),
        question=draw(hostile),
        standalone_question="",
        text=text,
        citations=tuple(draw(citations(number + 1)) for number in range(count)),
        refusal=Refusal(draw(hostile), tuple(draw(st.lists(headlines, max_size=8)))) if refused else None,
        as_of=draw(dates),
        model=draw(hostile),
        note=draw(hostile),
    )


def embed(page: Page) -> dict[str, object]:
    return {
        "title": page.title,
        "description": page.body,
        "fields": [{"name": field.name, "value": field.value} for field in page.fields],
        "author": {"name": page.author},
        "footer": {"text": page.footer},
    }


def shown_texts(page: Page) -> list[str]:
    return [page.title, page.body, *(text for field in page.fields for text in (field.name, field.value))]


def active_text(text: str) -> str:
    """What is left to Discord's markup: escaped characters, and links and marks of our own making, taken out."""
    ours = re.compile(r"\[((?:\\.|[^\[\]\\])*)\]\((https?://[^\s()<>\[\]\\]*)\)")
    text = ours.sub(lambda match: match[1], text)
    text = re.sub(r"\\[^\w\s]", "x", text)
    return re.sub(r"\[\d{1,3}\](?!\()", "x", text)


def assert_harmless(text: str) -> None:
    active = active_text(text)
    assert not re.search(r"@(?!\u200b)", active)
    assert not re.search(r"<[@#:t/a]", active)
    assert "](" not in active
    assert "[" not in active
    assert "`" not in active
    assert "||" not in active
    assert not re.search(r"^\s*#{1,3} ", active, re.MULTILINE)
    assert not re.search(r"https?://", active)
    for character in text.replace(INVISIBLE, ""):
        assert character == "\n" or clean(f"x{character}x") == f"x{character}x" or character in " \t\u2028\u2029\x85"


@given(answers(), st.sampled_from([ENGLISH, GERMAN]), hostile)
@settings(max_examples=50, deadline=None)
def test_no_answer_breaks_a_limit_or_leaves_markup_alive(answer: Answer, words: object, asker: str) -> None:
    pages = answer_pages(answer, words, asker)
    assert 1 <= len(pages) <= MAX_PAGES
    for page in pages:
        assert embed_problems([embed(page)]) == []
        assert page.body.strip() or page.fields
        for text in shown_texts(page):
            assert_harmless(text)
            text.encode()
        for content in plain_messages(page):
            assert 0 < text_length(content) <= 2_000
            assert_harmless(content)
    for page in pages[:-1]:
        assert page.file == ""


@given(hostile.map(lambda text: text * 20))
@example(f"**bold**`code` {'0' * 40}" * 60)
@settings(max_examples=60, deadline=None)
def test_no_draft_or_error_breaks_a_limit(text: str) -> None:
    draft = draft_text(text, ENGLISH)
    assert text_length(draft) <= 2_000
    assert_harmless(draft)
    assert embed_problems([embed(error_page(text, ENGLISH, text, text))]) == []
    assert text_length(shorten_escaped(text, 100)) <= 100
    assert text_length(shorten(text.replace("\ud800", ""), 100)) <= 100


@given(st.lists(citations(1), min_size=1, max_size=6), hostile, hostile)
@settings(max_examples=60, deadline=None)
def test_no_passage_breaks_a_limit(cited: list[Citation], before: str, after: str) -> None:
    passages = []
    for citation in cited:
        placed = replace(citation, start=len(before), end=len(before) + len(citation.quote))
        passages.append((placed, Article("a", "title", before + citation.quote + after)))
    pages = passage_pages(passages, ENGLISH)
    assert 1 <= len(pages) <= MAX_PAGES
    for page in pages:
        assert embed_problems([embed(page)]) == []
        assert_harmless(page.body)


@given(hostile.map(lambda text: escape(text * 8)), st.integers(40, 300))
@settings(max_examples=100, deadline=None)
def test_pieces_are_short_and_together_are_the_text(text: str, limit: int) -> None:
    pieces = split_text(text, limit)
    assert all(0 < units(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


CUTS = {
    "a paragraph": ("one two.\n\nthree four five", 20, ["one two.", "three four five"]),
    "a sentence": ("One two three. Four five six seven", 20, ["One two three.", "Four five six seven"]),
    "a sentence behind its mark": ("One two three. [1] Four five six", 22, ["One two three. [1]", "Four five six"]),
    "a word": ("onetwothree fourfivesix", 15, ["onetwothree", "fourfivesix"]),
    "never a mark": ("aaaaaaaaaa[12]", 12, ["aaaaaaaaaa", "[12]"]),
    "never a link": ("aaaaaaa[b](https://c.de/x)", 22, ["aaaaaaa", "[b](https://c.de/x)"]),
    "never an escape": ("aaaaaaaaa\\*", 10, ["aaaaaaaaa", "\\*"]),
    "anything when there is nothing better": ("a" * 25, 10, ["a" * 10, "a" * 10, "a" * 5]),
}


@pytest.mark.parametrize(("text", "limit", "pieces"), CUTS.values(), ids=CUTS)
def test_text_is_cut_at(text: str, limit: int, pieces: list[str]) -> None:
    assert split_text(text, limit) == pieces


URLS = {
    "https://news.example/a_(b)": "https://news.example/a_%28b%29",
    "http://news.example:8080/x?a=1&b=2#c": "http://news.example:8080/x?a=1&b=2#c",
    "https://bücher.example/ä": "https://xn--bcher-kva.example/%C3%A4",
    "https://news.example/%C3%A4": "https://news.example/%C3%A4",
    "https://bbc.com@evil.example/": "",
    "javascript:alert(1)": "",
    "ftp://news.example/": "",
    "//news.example/": "",
    "https://": "",
    "https://a b/": "",
    "https://news.example/a\u202eb": "",
    "https://news.example/" + "a" * 1_000: "",
    "https://news.example:99999/": "",
    "": "",
}


@pytest.mark.parametrize(("url", "safe"), URLS.items())
def test_only_plain_web_addresses_become_links(url: str, safe: str) -> None:
    assert safe_url(url) == safe


def test_a_title_cannot_leave_its_link() -> None:
    made = link("Read] (this](https://evil.example) @everyone", "https://news.example/")
    assert made == f"[Read\\] (this\\](https\\://evil.example) @{INVISIBLE}everyone](https://news.example/)"


def make_answer(text: str, quote: str = "Hungary would not arrest Putin") -> Answer:
    published = datetime(2025, 10, 17, tzinfo=UTC)
    citation = Citation(
        1, "a", "Putin speaks with Orban", "Example News", "https://news.example/a", published, quote, 0, len(quote)
    )
    question = "Will Hungary arrest Putin?"
    return Answer("abc123", question, question, text, (citation,), None, published)


def test_an_answer_shows_text_sources_quote_and_date() -> None:
    page = answer_pages(make_answer("It would not. [1]"), ENGLISH, "Ada")[0]
    assert page.author == "Ada asks"
    assert page.title == "Will Hungary arrest Putin?"
    assert page.body == "It would not. [1]"
    assert page.fields[0].name == "[1] Example News · 17 Oct 2025"
    assert page.fields[0].value == (
        "[Putin speaks with Orban](https://news.example/a)\n> Hungary would not arrest Putin"
    )
    assert page.footer == "As of 17 Oct 2025 · 1 outlet"


def test_the_footer_counts_outlets_once_and_names_a_model_that_wrote() -> None:
    first = make_answer("One. [1] Two. [2] Three. [3]").citations[0]
    cited = (first, replace(first, number=2), replace(first, number=3, source="Coast Wire"))
    page = answer_pages(replace(make_answer("x [1]"), citations=cited, model="a-model"), ENGLISH)[-1]
    assert page.footer == "As of 17 Oct 2025 · 2 outlets · written by a-model"


def test_only_marks_with_a_citation_stay_marks() -> None:
    page = answer_pages(make_answer("One [1](https://evil.example) two [7]."), ENGLISH)[0]
    assert page.body == f"One [1]{INVISIBLE}(https\\://evil.example) two \\[7\\]."


def test_a_refusal_quotes_the_closest_passage_and_says_that_it_may_not_answer() -> None:
    answer = make_answer("It would not. [1]")
    refused = replace(answer, text="", citations=(), refusal=Refusal("Nothing on Macron.", (), answer.citations[0]))
    (page,) = answer_pages(refused, ENGLISH)
    (field,) = page.fields
    assert field.name == "Closest, but it may not answer this"
    assert field.value.startswith("> ")
    assert "Example News" in field.value


def test_a_refusal_looks_different_and_names_what_is_nearest() -> None:
    nearest = Headline("a", "Putin speaks", "Example News", "https://news.example/a", None)
    answer = replace(make_answer(""), citations=(), refusal=Refusal("Nothing on Macron.", (nearest,)))
    page = answer_pages(answer, ENGLISH)[0]
    assert page.body.startswith("**The articles do not say.**")
    assert page.colour != answer_pages(make_answer("x [1]"), ENGLISH)[0].colour
    assert page.fields[0].name == "Nearest, but not answering"
    assert page.fields[0].value == "• [Putin speaks](https://news.example/a) · Example News · undated"


LOOKED_UP = datetime(2025, 10, 17, tzinfo=UTC)
LOOKED = Explanation(since=datetime(2025, 10, 18, tzinfo=UTC))
REFUSED = {
    "nothing more to say": (Refusal("The articles do not say."), Explanation(), "The library holds nothing near"),
    "a filter with nothing behind it": (
        Refusal("Nothing since 18 October 2025: the newest article is of 17 October 2025."),
        LOOKED,
        "Nothing since 18 Oct 2025; the newest article is of 17 Oct 2025.",
    ),
    "newer only": (
        Refusal("No article says anything of it."),
        Explanation(since=datetime(2025, 10, 17, 0, 0, 1, tzinfo=UTC), sources=("Example News",)),
        "Nothing from Example News after 17 Oct 2025; the newest article is of 17 Oct 2025.",
    ),
    "an outlet that does not say": (
        Refusal("No article says anything of it."),
        Explanation(sources=("Example News",), until=datetime(2025, 10, 2, tzinfo=UTC)),
        "Nothing from Example News up to 1 Oct 2025 speaks of it.",
    ),
    "another language": (
        Refusal("The articles are read in English: ask in English, or set DATELINE_MODEL."),
        Explanation(),
        "I read the articles in English: please ask in English.",
    ),
    "another engine's reason": (Refusal("The articles are older."), Explanation(), "The articles are older."),
}


@pytest.mark.parametrize(("refusal", "explanation", "said"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_says_once_what_was_looked_at_and_what_to_do_next(
    refusal: Refusal, explanation: Explanation, said: str
) -> None:
    (page,) = answer_pages(
        replace(make_answer(""), citations=(), refusal=refusal, explanation=explanation, as_of=LOOKED_UP), ENGLISH
    )
    lines = page.body.splitlines()
    assert lines[0] == "**The articles do not say.**"
    assert lines[1].startswith(said)
    assert "/help" in lines[-1]
    assert len(set(page.body.splitlines())) == len(page.body.splitlines())
    assert "As of" not in f"{page.body}{page.footer}"


def test_an_empty_library_is_said_to_be_empty_and_how_to_fill_it() -> None:
    answer = replace(make_answer(""), citations=(), refusal=Refusal(EMPTY_LIBRARY), as_of=None)
    (page,) = answer_pages(answer, ENGLISH)
    assert page.body.splitlines()[1] == "There are no articles here yet. Admins add some with /library add."


def test_an_answer_of_20000_characters_ends_in_a_file_with_all_of_it() -> None:
    answer = make_answer("A sentence of the answer. [1] " * 700)
    pages = answer_pages(answer, ENGLISH)
    assert len(pages) == MAX_PAGES
    assert pages[-1].file == answer_text(answer, ENGLISH)
    assert answer.text.strip() in pages[-1].file
    assert ENGLISH.continued_in_file in pages[-1].body


def test_the_answers_own_words_are_bold_in_a_long_quote() -> None:
    quote = "Some words come first. " * 60 + "Hungary would not arrest Putin" + " and then more." * 60
    start = quote.index("Hungary")
    answer = make_answer("x [1]", quote)
    cited = replace(answer.citations[0], emphasis=((start, start + 30),))
    field = answer_pages(replace(answer, citations=(cited,)), ENGLISH)[0].fields[0]
    assert "**Hungary would not arrest Putin**" in field.value
    assert text_length(field.value) <= 1_024


def test_a_passage_shows_the_paragraph_around_the_quote() -> None:
    text = "First paragraph.\nBefore it. Hungary would not arrest Putin. After it.\nLast paragraph."
    start = text.index("Hungary")
    quote = "Hungary would not arrest Putin."
    cited = replace(make_answer("x [1]", quote).citations[0], start=start, end=start + len(quote))
    body = passage_pages([(cited, Article("a", "t", text))], ENGLISH)[0].body
    assert "> Before it. **Hungary would not arrest Putin.** After it." in body
    assert "paragraph" not in body


def test_a_quote_that_is_its_paragraph_is_shown_between_its_neighbours_with_the_articles_link() -> None:
    text = "First.\n\nThe pier was closed.\n\nHungary would not arrest Putin.\n\nFishing goes on.\n\nLast."
    start = text.index("Hungary")
    quote = "Hungary would not arrest Putin."
    cited = replace(make_answer("x [1]", quote).citations[0], start=start, end=start + len(quote))
    body = passage_pages([(cited, Article("a", "t", text))], ENGLISH)[0].body
    assert body.splitlines() == [
        "[1] **Putin speaks with Orban** · Example News · 17 Oct 2025",
        "> The pier was closed.",
        "> ",
        "> **Hungary would not arrest Putin.**",
        "> ",
        "> Fishing goes on.",
        "[The whole article](https://news.example/a)",
    ]


def test_only_the_beginning_of_a_quote_can_begin_a_list() -> None:
    assert emphasised("Lessons begin at 8.50 a.m.", [(17, 21)], 100) == "Lessons begin at **8.50** a.m."
    assert emphasised("8. Lessons", [], 100) == f"8{INVISIBLE}. Lessons"
    assert emphasised(" \x00# Lessons", [(0, 1), (1, 2)], 100) == "\\# Lessons"
    assert emphasised("8. Lessons", [(0, 2)], 100) == f"**8{INVISIBLE}.** Lessons"


def test_a_control_character_between_two_pieces_of_a_quote_leaves_no_gap() -> None:
    assert emphasised("0\x1f0 x", [(0, 1)], 100) == "**0**0 x"


SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=4)


@given(st.text(max_size=60), SPANS)
@example("00\\", [(0, 3)])
def test_without_its_markup_a_quote_is_the_articles_words(quote: str, pairs: list[tuple[int, int]]) -> None:
    spans = [(start, end) for start, end in pairs if start < end <= len(quote)]
    shown = emphasised(quote, spans, 10_000)
    assert "****" not in shown
    bare = re.sub(r"\\([^a-zA-Z\d\s])|\*\*", lambda mark: mark[1] or "", shown).replace(INVISIBLE, "")
    words = one_line(without_markdown(quote)[0])
    assert bare.replace(" ", "") == words.replace(" ", "")
    assert len(bare.split()) == len(words.split())


@given(st.text('ab c.,“”„"\n12', max_size=60), SPANS)
def test_a_quote_gets_only_the_marks_that_its_article_keeps(quote: str, pairs: list[tuple[int, int]]) -> None:
    spans = [(start, end) for start, end in pairs if start < end <= len(quote)]
    shown = set_quote(quote, spans, 10_000).replace("**", "").replace(INVISIBLE, "")
    bare = re.sub(r"^[“„\"]?… | …[”“\"]$", "", shown)
    assert bare.replace(" ", "") == one_line(quote).replace(" ", "")
    if '"' not in quote:
        assert not unpaired_marks(shown)[1]


SPEECH = {
    "whole speech": ("“We stay,” she said.", "“We stay,” she said."),
    "speech that goes on": ("“We will not leave.", "“We will not leave. …”"),
    "speech that began before": ("We rebuild,” she said.", "“… We rebuild,” she said."),
    "both": ("and so on,” she said. “Nothing", "“… and so on,” she said. “Nothing …”"),
    "straight marks": ('"Indeed, it may take place.', '"Indeed, it may take place. …"'),
    "straight marks that close": ('no need to wait," he said.', '"… no need to wait," he said.'),
    "German speech": ("„Wir kommen nicht“, sagte Orbán.", "„Wir kommen nicht“, sagte Orbán."),
    "German speech that goes on": ("„Wir kommen nicht.", "„Wir kommen nicht. …“"),
    "German speech that began before": ("Wir kommen nicht“, sagte er.", "„… Wir kommen nicht“, sagte er."),
    "Polish speech": ("„Nie przyjdziemy”, powiedział.", "„Nie przyjdziemy”, powiedział."),
    "Swedish speech": ("”Vi kommer inte”, sade han.", "”Vi kommer inte”, sade han."),
    "inches": ('A 12" pipe', 'A 12" pipe'),
    "none": ("The pier closed.", "The pier closed."),
    "the end of a sentence": ("after the pier closed.", "… after the pier closed."),
}


@pytest.mark.parametrize(("quote", "shown"), SPEECH.values(), ids=SPEECH)
def test_a_quote_leaves_no_quotation_mark_open(quote: str, shown: str) -> None:
    assert set_quote(quote, (), 1_000) == shown


def test_bold_falls_on_some_words_or_on_none() -> None:
    assert set_quote("The pier closed on Sunday.", [(16, 25)], 1_000) == "The pier closed **on Sunday**."
    assert set_quote("The pier closed on Sunday.", [(0, 25)], 1_000) == "The pier closed on Sunday."


def quoted_answer(*quotes: tuple[str, str]) -> Answer:
    """An answer that is nothing but quotes, given as (article, quote)."""
    first = make_answer("").citations[0]
    cited = tuple(
        replace(first, number=number, article_id=article, title=f"Title of {article}", quote=quote, end=len(quote))
        for number, (article, quote) in enumerate(quotes, 1)
    )
    text = "\n".join(f"“{citation.quote}” [{citation.number}]" for citation in cited)
    return replace(make_answer(text), citations=cited)


def test_an_answer_of_quotes_has_each_quote_and_each_article_once() -> None:
    answer = quoted_answer(("pier", "The pier closed."), ("boat", "“We stay."), ("pier", "It opens in May."))
    (page,) = answer_pages(answer, ENGLISH)
    assert page.body == "> The pier closed. [1]\n\n> “We stay. …” [2]\n\n> It opens in May. [3]"
    assert [(field.name, field.value) for field in page.fields] == [
        ("[1] [3] Example News · 17 Oct 2025", "[Title of pier](https://news.example/a)"),
        ("[2] Example News · 17 Oct 2025", "[Title of boat](https://news.example/a)"),
    ]


def test_what_a_model_wrote_has_its_quotes_below_grouped_by_article() -> None:
    answer = quoted_answer(("pier", "The pier closed."), ("boat", "“We stay."), ("pier", "It opens in May."))
    (page,) = answer_pages(replace(answer, text="Closed till May. [1] [3] They stay. [2]", model="a-model"), ENGLISH)
    assert page.body == "Closed till May. [1] [3] They stay. [2]"
    assert [field.value for field in page.fields] == [
        "[Title of pier](https://news.example/a)\n> The pier closed. [1]\n> It opens in May. [3]",
        "[Title of boat](https://news.example/a)\n> “We stay. …”",
    ]


def test_quotes_of_one_article_that_need_more_room_go_on_in_the_next_field() -> None:
    answer = quoted_answer(*[("pier", "The pier closed. " * 20 + str(number)) for number in range(5)])
    fields = answer_pages(replace(answer, text="Closed. [1][2][3][4][5]"), ENGLISH)[0].fields
    assert [field.name for field in fields] == [
        f"{numbers} Example News · 17 Oct 2025" for numbers in ("[1] [2]", "[3] [4]", "[5]")
    ]
    assert sum(field.value.count("Title of pier") for field in fields) == 1
    assert "…" not in "".join(field.value for field in fields)


def test_an_article_that_changed_shows_the_quote_alone() -> None:
    cited = make_answer("x [1]").citations[0]
    body = passage_pages([(cited, Article("a", "t", "Something else entirely, and long enough."))], ENGLISH)[0].body
    assert "**Hungary would not arrest Putin**" in body
    assert "Something else" not in body


def test_every_language_says_everything() -> None:
    for words in LANGUAGES.values():
        assert len(words.months) == 12
        for name in words.__slots__:
            english = getattr(ENGLISH, name)
            assert words is ENGLISH or getattr(words, name) != english, name
            forms, own = ([one] if isinstance(one, str) else one for one in (english, getattr(words, name)))
            assert len(forms) == len(own), name
            for form, own_form in zip(forms, own, strict=True):
                given, used = (set(re.findall(r"\{\w+\}", one)) for one in (form, own_form))
                # In another language than its own the engine is not quoted, but for its reasons, which have words of their own.
                assert used == given or (words is not ENGLISH and used == given - {"{words}"}), name


OPERATORS = {
    "check.py",
    "run.py",
    "supervisor.py",
    "metrics.py",
    "translations.py",
    "command_translations.py",
    "reasons.py",
}
"""What the operator reads stays English; and the translations themselves."""
NOT_SHOWN = {
    "info",
    "warning",
    "error",
    "exception",
    "log_failure",
    "compile",
    "PrivateAddress",
    "AssertionError",
    "record",
}
DESCRIBED = {"command", "describe", "Group"}
"""Descriptions of commands: command_translations.py has them in other languages."""


def sentences_in(tree: ast.AST) -> Iterator[str]:
    """String constants of several words, without docstrings, logged messages and descriptions of commands."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in NOT_SHOWN | DESCRIBED:
                continue
        if isinstance(node, ast.ClassDef):
            node.keywords = []
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.search(r"[A-Za-z]{2,} [a-z]{2,}", node.value):
                yield node.value
        else:
            yield from sentences_in(node)


def test_every_sentence_for_people_in_a_server_stands_in_the_translations() -> None:
    files = [path for path in (REPOSITORY / "bot" / "discord").rglob("*.py") if path.name not in OPERATORS]
    assert len(files) > 15
    outside = {path.name: list(sentences_in(ast.parse(path.read_text("utf-8")))) for path in files}
    assert {name: found for name, found in outside.items() if found} == {}
