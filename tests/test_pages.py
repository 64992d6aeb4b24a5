"""Web pages of many shapes: title, times, text and origins; stubs are refused with their reason."""

import re
import time
from datetime import datetime

import pytest

from rag.ingestion.article_fields import draft_of
from rag.ingestion.decoding import Unreadable
from rag.ingestion.document import DocumentFields
from rag.ingestion.linked_data import parsed_json
from rag.ingestion.pages import page_fields
from tests.made_pages import Page, made_pages, stories
from vectorstore.values import GUESSED, PAGE_METADATA, Article

PAGES = {page.shape: page for page in made_pages()}
ARTICLES = [page for page in PAGES.values() if not page.refused]
STUBS = [page for page in PAGES.values() if page.refused]
DATED_BY_GUESS = ("date_in_words_only", "date_in_address_only", "japanese_date_in_words")
SENTENCE = "The mayor of Aldmoor opened the bridge on Friday, and four hundred people walked over it."


def article_of(read: DocumentFields) -> Article:
    return draft_of(read.fields, "shared", own_id="a.html", origins=read.origins).article


def read_page(markup: str, url: str = "") -> Article:
    return article_of(page_fields(markup.encode(), url))


@pytest.mark.parametrize("page", ARTICLES, ids=lambda page: page.shape)
def test_a_page_gives_its_title_its_time_and_every_paragraph(page: Page) -> None:
    article = article_of(page_fields(page.content))
    assert page.story is not None
    assert article.title == page.title
    if page.published:
        assert article.published is not None
        assert article.published.isoformat().startswith(page.published)
        guessed = page.shape in DATED_BY_GUESS
        assert article.origins["published"] == (GUESSED if guessed else PAGE_METADATA)
    else:
        assert article.published is None
    paragraphs = article.text.split("\n\n")
    if page.shape not in ("old_table_layout",):
        assert [one for one in page.story.paragraphs[: len(page.text.split("\n\n"))] if one not in paragraphs] == []


@pytest.mark.parametrize("page", STUBS, ids=lambda page: page.shape)
def test_a_stub_is_refused_with_its_reason(page: Page) -> None:
    with pytest.raises(Unreadable, match=re.escape(page.refused)):
        page_fields(page.content)


def test_a_page_names_its_author_outlet_address_and_change() -> None:
    story = stories()["budget"]
    article = article_of(page_fields(PAGES["open_graph_only"].content))
    assert (article.author, article.source, article.url) == (story.author, story.outlet, story.url)
    assert article.updated == datetime.fromisoformat(story.updated)
    assert set(article.origins) == {"title", "source", "author", "url", "published", "updated", "language"}


@pytest.mark.parametrize(
    ("written", "author"),
    [("By Lena Brandt", "Lena Brandt"), ("Ursula von der Leyen", "Ursula von der Leyen"), ("Byron Hale", "Byron Hale")],
)
def test_an_author_is_a_name_alone(written: str, author: str) -> None:
    page = f'<html><head><meta name="author" content="{written}"></head><body><p>{SENTENCE}</p></body></html>'
    assert read_page(page).author == author


@pytest.mark.parametrize(
    "paragraph",
    [
        "Click here, the officer had told her, and the money was gone.",
        "Related costs rose by a tenth, the audit office found on Monday.",
        "Sign up for the choir by the first of May, the parish asks, and bring a chair.",
        "Read more slowly, the judge told him, and he began again from the top.",
        "By the time Ruth Adeyemi arrived, the hall was empty.",
    ],
)
def test_a_paragraph_that_begins_like_an_invitation_is_kept(paragraph: str) -> None:
    body = f"<article><p>{SENTENCE}</p><p>{paragraph}</p><p>{SENTENCE} It rained.</p></article>"
    assert (
        paragraph
        in read_page(f'<html><head><meta name="author" content="Ruth Adeyemi"></head><body>{body}</body></html>').text
    )


def test_the_article_of_several_is_that_of_the_address() -> None:
    data = """<script type="application/ld+json">[{"@type":"NewsArticle","headline":"One","url":"https://a.example/1",
    "datePublished":"2024-01-01"},{"@type":"NewsArticle","headline":"Two","url":"https://a.example/2/",
    "datePublished":"2024-02-02T10:00:00+01:00"}]</script>"""
    article = read_page(f"<html><head>{data}</head><body><p>{SENTENCE}</p></body></html>", "http://www.a.example/2?x=1")
    assert article.title == "Two"
    assert article.published == datetime.fromisoformat("2024-02-02T10:00:00+01:00")


@pytest.mark.parametrize(
    ("day", "moment", "read"),
    [
        ("2024-02-02", "2024-02-02T23:30:00-05:00", "2024-02-02T23:30:00-05:00"),
        ("2024-02-02T10:00:00", "2024-02-02T10:00:00+01:00", "2024-02-02T10:00:00+01:00"),
        ("2024-02-02", "2024-05-05T10:00:00+01:00", "2024-02-02T00:00:00+00:00"),
        ("2999-01-01", "2024-05-05T10:00:00+01:00", "2024-05-05T10:00:00+01:00"),
        ("soon", "2024-05-05T10:00:00Z", "2024-05-05T10:00:00+00:00"),
    ],
    ids=["time of the same day", "zone of the same day", "another day", "future", "no date"],
)
def test_the_first_date_counts_and_is_made_exact_by_others_of_its_day(day: str, moment: str, read: str) -> None:
    head = f'<meta property="article:published_time" content="{day}"><meta name="date" content="{moment}">'
    article = read_page(f"<html><head>{head}</head><body><p>{SENTENCE}</p></body></html>")
    assert article.published is not None
    assert article.published.isoformat() == read


def test_a_page_that_says_only_when_it_changed_has_a_guessed_date() -> None:
    head = '<meta property="article:modified_time" content="2024-02-02T10:00:00Z">'
    article = read_page(f"<html><head>{head}</head><body><p>{SENTENCE}</p></body></html>")
    assert article.published_guessed
    assert article.updated is None


def test_a_change_within_a_minute_is_none() -> None:
    head = """<meta property="article:published_time" content="2024-02-02T10:00:00Z">
    <meta property="article:modified_time" content="2024-02-02T10:00:07Z">"""
    assert read_page(f"<html><head>{head}</head><body><p>{SENTENCE}</p></body></html>").updated is None


def test_years_in_the_text_are_no_guess_of_the_date() -> None:
    assert article_of(page_fields(PAGES["nothing_said"].content)).published is None


@pytest.mark.parametrize("shape", ["live_blog_data", "live_blog_markup"])
def test_a_live_blog_becomes_one_text_of_dated_entries(shape: str) -> None:
    text = article_of(page_fields(PAGES[shape].content)).text
    story = PAGES[shape].story
    assert story is not None
    first, second, *_ = text.split("\n\n")
    moment = datetime.fromisoformat(f"{story.day}T16:40:00")
    assert first == f"{moment.day} {moment:%B %Y}, 16:40 {story.published[19:]}"
    assert second == story.paragraphs[0]


def test_a_list_of_headlines_is_no_article() -> None:
    links = "".join(f"<p>{story.title} – {story.outlet}</p>" for story in stories().values())
    with pytest.raises(Unreadable, match="is a list of headlines and no article"):
        page_fields(f"<html><body><main>{links}</main></body></html>".encode())


def test_a_short_article_is_stored_whatever_the_site_sells() -> None:
    page = f"<html><body><main><h1>Bridge opens</h1><p>{SENTENCE}</p></main><footer>Subscribe</footer></body></html>"
    assert read_page(page).text == SENTENCE


@pytest.mark.parametrize(
    "around",
    [
        "<header>Already a subscriber? <a href='/login'>Log in</a></header>",
        "<script>var gate = 'Subscribe to continue reading';</script>",
        "<nav>For subscribers only</nav>",
    ],
)
def test_what_stands_around_a_short_article_makes_it_no_stub(around: str) -> None:
    assert read_page(f"<html><body>{around}<main><p>{SENTENCE}</p></main></body></html>").text == SENTENCE


def test_a_number_in_a_title_makes_no_error_page() -> None:
    page = f"<html><head><title>Yard sells 404 boats</title></head><body><p>{SENTENCE}</p></body></html>"
    assert read_page(page).title == "Yard sells 404 boats"


@pytest.mark.parametrize(
    "script",
    ['<!--\n{"a": 1}\n-->', '//<![CDATA[\n{"a": 1}\n//]]>', '{"a": 1,}', '{"a": 1};', '{"a":\t1}'],
    ids=["comment", "cdata", "comma", "semicolon", "tab"],
)
def test_data_that_is_nearly_json_is_read(script: str) -> None:
    assert parsed_json(script) == {"a": 1}


@pytest.mark.slow
def test_lines_that_are_called_dates_and_are_none_cost_no_more_than_a_few() -> None:
    lines = "".join(f"<i class='date'>{number} smarch 2025</i>" for number in range(4_000))
    began = time.process_time()
    assert read_page(f"<html><body><p>{SENTENCE}</p>{lines}</body></html>").published is None
    assert time.process_time() - began < 10, "all of them take a minute"


def test_data_that_nests_without_end_costs_no_more_than_itself() -> None:
    script = '<script type="application/ld+json">' + '{"@graph":[' * 5_000 + "</script>"
    assert read_page(f"<html><head>{script}</head><body><p>{SENTENCE}</p></body></html>").text == SENTENCE
