"""The report page: complete without a network, working in a browser, and unmoved by hostile text."""

import asyncio
import os
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answer import Answer, Turn
from rag.errors import ModelError
from rag.evaluation.cases import Case, CaseSet
from rag.evaluation.evaluate import Corpus, evaluate
from rag.evaluation.outcome import Outcome, QuotedPassage
from rag.evaluation.report import Piece, marked_pieces, report_html
from rag.evaluation.results import Evaluation
from rag.settings import Settings
from tests.fakes.chromium import installed_browser, open_page, running_chromium
from tests.fakes.fake_engine import FakeEngine, article, quoting, refusing

HOSTILE = (
    '</script><script>document.title="owned"</script><img src=x onerror=\'document.title="owned"\'>\u202e {{ 7*7 }}'
)
TESK = article("tesk", f"The bridge at Lower Tesk opened in May. It cost 12 million crowns. {HOSTILE}")
FERRY = article("ferry", "The ferry between Skarne and Varnhaven sails hourly. A ticket costs 40 crowns.")
COST, FARE = "It cost 12 million crowns.", "A ticket costs 40 crowns."

CASES = (
    Case("cost", "What did the bridge cost?", False, (("12 million",),), ("tesk",), (COST,), tags=("answerable",)),
    Case("fare", "What is the fare?", False, (("40 crowns",),), ("ferry",), (FARE,), tags=("answerable", "ferry")),
    Case("mayor", "Who is the mayor?", True, tags=("unanswerable",)),
    Case("tunnel", "When does the tunnel open?", True, tags=("unanswerable",)),
    Case("down", "What failed?", False, (("all",),), ("ferry",), tags=("answerable",)),
    Case("hostile", f"What {HOSTILE}?", False, ((HOSTILE,),), ("tesk",), tags=(f"tag {HOSTILE}",)),
    Case("later", "And later?", True, history=(Turn("What opened?", "A bridge."),), tags=("unanswerable",)),
)
SCRIPT: dict[str, Answer | Exception] = {
    CASES[0].question: quoting(CASES[0].question, TESK, COST),
    CASES[1].question: refusing(CASES[1].question, [FERRY]),
    CASES[2].question: refusing(CASES[2].question, [TESK]),
    CASES[3].question: quoting(CASES[3].question, TESK, "The bridge at Lower Tesk opened in May.", 0.6),
    CASES[4].question: ModelError(f"The server said {HOSTILE}"),
    CASES[5].question: quoting(CASES[5].question, TESK, HOSTILE),
    CASES[6].question: refusing(CASES[6].question),
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("report")
    engine = FakeEngine(SCRIPT, [TESK, FERRY])
    corpus = Corpus((), "corpus", {"tesk": TESK.text, "ferry": FERRY.text})
    name = f"cases {HOSTILE}.jsonl"
    evaluated = asyncio.run(evaluate(CaseSet(name, "", CASES), corpus, Settings(home=home), engine.open))
    path = home / "report.html"
    path.write_text(report_html(evaluated.evaluation, evaluated.texts), "utf-8")
    return path


class Elements(HTMLParser):
    """Counts elements and collects everything that would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_page_fetches_nothing_and_holds_no_foreign_element(page: Path) -> None:
    elements = Elements()
    elements.feed(page.read_text("utf-8"))
    assert elements.fetched == ["data:,"]
    assert elements.tags.count("script") == 1
    assert "img" not in elements.tags
    assert not elements.handlers


def test_article_is_cut_where_passages_begin_and_end() -> None:
    pieces = marked_pieces("abcdef", [((1, 4), 2), ((3, 6), 1)], [(0, 2)])
    assert pieces == (
        Piece("a", 0, True),
        Piece("b", 2, True),
        Piece("c", 2),
        Piece("d", 1),
        Piece("ef", 1),
    )


def test_offsets_outside_the_article_do_no_harm() -> None:
    assert marked_pieces("abc", [((2, 9), 1)], []) == (Piece("ab"), Piece("c", 1))


class ArticleText(HTMLParser):
    """The text of the page's one article, and of it what is marked as quoted, by the number of the citation."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.within: list[str] = []
        self.text = ""
        self.quoted: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.within or ("class", "article") in attrs:
            self.within.append(dict(attrs).get("title") or "")

    def handle_endtag(self, tag: str) -> None:
        if self.within:
            self.within.pop()

    def handle_data(self, data: str) -> None:
        if self.within:
            self.text += data
            self.quoted[self.within[-1]] = self.quoted.get(self.within[-1], "") + data


MARKUP = st.sampled_from(
    ["<b>", "</div>", "</mark>", "&amp;", "&#60;", "<!--", "{{ 1 }}", '"', "'", "\r\n", "\u202e", "\x00"]
)


@settings(max_examples=60, deadline=None)
@given(
    text=st.lists(MARKUP | st.text(max_size=20), min_size=1, max_size=6).map("".join).filter(bool),
    edges=st.sets(st.integers(0, 100), max_size=6),
    known=st.booleans(),
)
def test_without_its_tags_a_quote_on_the_page_is_the_articles_characters(
    text: str, edges: set[int], known: bool
) -> None:
    bounds = sorted(edge for edge in edges if edge <= len(text))
    spans = list(zip(bounds[::2], bounds[1::2], strict=False)) or [(0, len(text))]
    passages = tuple(
        QuotedPassage(number, "a", "A title", "", None, text[start:end], start, end, "shared", (), True)
        for number, (start, end) in enumerate(spans, 1)
    )
    case = Case("one", "What?", False, (("x",),), ("a",), (text[: len(text) // 2 + 1],))
    evaluation = Evaluation(CaseSet("cases", "", (case,)), (Outcome("one", citations=passages),), "", {})
    shown = ArticleText()
    shown.feed(report_html(evaluation, {"a": text} if known else {}))
    if known:
        assert shown.text == text
    for passage in passages:
        assert shown.quoted[f"[{passage.number}]"] == passage.quote


@pytest.mark.slow
def test_page_works_in_a_browser(page: Path) -> None:
    browser = installed_browser()
    if browser is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with running_chromium(browser) as port:
        seen = asyncio.run(look_at(page.as_uri(), port))
    if screenshots := os.environ.get("REPORT_SCREENSHOTS"):
        for name, picture in seen.items():
            Path(screenshots, f"{name}.png").write_bytes(picture)


async def look_at(address: str, port: int) -> dict[str, bytes]:
    """Everything a reader does with the page, by real clicks and typing; returns what was seen."""
    async with open_page(port) as page:
        await page.open(address)
        visible = "[...document.querySelectorAll('details.case')].filter(one => !one.hidden).map(one => one.dataset.id)"
        assert await page.value("document.title") == f"Evaluation of cases {HOSTILE}.jsonl"
        assert await page.value(visible) == [case.id for case in CASES]
        assert await page.value("document.querySelectorAll('svg polyline').length") == 2
        assert "correct" in str(await page.value("document.querySelector('#metrics').innerText"))

        await page.click("#failed")
        assert await page.value(visible) == ["fare", "tunnel", "down"]
        assert await page.value("document.querySelector('#shown').textContent") == "3 of 7 cases"
        await page.click("#clear")
        await page.click("#words")
        await page.type("BRIDGE COST")
        assert await page.value(visible) == ["cost"]
        await page.click("details[data-id=cost] summary")
        assert await page.value("document.querySelector('details[data-id=cost]').open") is True
        assert await page.value("document.querySelector('details[data-id=cost] mark.gold').innerText") == COST
        one_case = await page.screenshot()
        await page.click("#clear")
        await page.value(
            "(() => { const one = document.querySelector('#tag'); one.value = 'unanswerable';"
            " one.dispatchEvent(new Event('change')); })()"
        )
        assert await page.value(visible) == ["mayor", "tunnel", "later"]
        assert page.complaints == []
        await page.value("window.scrollTo(0, 0)")
        return {"case": one_case, "top": await page.screenshot()}


@pytest.mark.slow
def test_browser_notices_what_this_test_would_have_to_notice(tmp_path: Path) -> None:
    """The eyes of the test above are open: an error, a refused script and a failed picture are all complaints."""
    browser = installed_browser()
    if browser is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    broken = tmp_path / "broken.html"
    broken.write_text("<script>console.error('one'); nowhere()</script><img src='missing.png'>", "utf-8")

    async def complaints(port: int, address: str) -> list[str]:
        async with open_page(port) as page:
            await page.open(address)
            return page.complaints

    with running_chromium(browser) as port:
        found = " ".join(asyncio.run(complaints(port, broken.as_uri())))
    assert "one" in found
    assert "nowhere is not defined" in found
    assert "missing.png" in found or "ERR_FILE_NOT_FOUND" in found
