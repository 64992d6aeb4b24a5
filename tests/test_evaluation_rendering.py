"""What `dateline evaluate` prints: first what decides, in lines of 80 characters, and no name cut short."""

import asyncio
import io
from pathlib import Path

import pytest
from rich.console import Console

from bot.terminal.render_evaluation import evaluation_view, stacked
from rag.evaluation.cases import Case, CaseSet
from rag.evaluation.evaluate import Corpus, evaluate
from rag.evaluation.report import SLICE_COLUMNS
from rag.evaluation.results import Evaluation
from rag.evaluation.scores import DECIDING, GROUPS, METRICS
from rag.settings import Settings
from tests.fakes.fake_engine import FakeEngine, article, quoting, refusing

TESK = article("tesk", "The bridge at Lower Tesk opened in May. It cost 12 million crowns.")
COST = "It cost 12 million crowns."
LONG_TAG = "unanswerable-but-close-to-something-that-is-not"
CASES = (
    Case("cost", "What did the bridge cost?", False, (("12 million",),), ("tesk",), (COST,), tags=("answerable",)),
    Case("mayor", "Who is the mayor?", True, tags=("unanswerable", LONG_TAG)),
    Case("spent", "What was spent?", False, (("12 million",),), ("tesk",), (COST,), tags=("answerable",)),
)


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    script = {
        CASES[0].question: quoting(CASES[0].question, TESK, COST),
        CASES[1].question: refusing(CASES[1].question, [TESK]),
        CASES[2].question: refusing(CASES[2].question, [TESK]),
    }
    home: Path = tmp_path_factory.mktemp("home")
    engine = FakeEngine(script, [TESK])
    corpus = Corpus((), "corpus", {"tesk": TESK.text})
    return asyncio.run(evaluate(CaseSet("set", "", CASES), corpus, Settings(home=home), engine.open)).evaluation


def printed(evaluation: Evaluation, all_metrics: bool = False, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(evaluation_view(evaluation, all_metrics))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def names_in(page: str) -> list[str]:
    """The metrics that a page has a line for, in order."""
    known = {metric.name for metric in METRICS}
    return [line.split()[0] for line in page.splitlines() if line.split() and line.split()[0] in known]


def test_every_metric_is_in_one_group() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(metric.name for metric in METRICS)
    assert len(DECIDING) == 10
    assert all(DECIDING & set(names) for names in GROUPS.values())


def test_ten_metrics_that_decide_come_first_by_group(evaluation: Evaluation) -> None:
    page = printed(evaluation)
    assert page.splitlines()[1] == "right"
    assert [line for line in page.splitlines() if line in GROUPS] == list(GROUPS)
    assert names_in(page) == [name for names in GROUPS.values() for name in names if name in DECIDING]
    assert "  correct                     0.667      0.000 – 1.000       3\n" in page


def test_all_shows_every_metric_that_a_case_has(evaluation: Evaluation) -> None:
    measured = [name for names in GROUPS.values() for name in names if evaluation.metrics[name].n]
    assert names_in(printed(evaluation, all_metrics=True)) == measured
    assert len(measured) > len(DECIDING)


@pytest.mark.parametrize("all_metrics", [False, True])
def test_lines_fit_eighty_characters_and_no_name_is_cut(evaluation: Evaluation, all_metrics: bool) -> None:
    page = printed(evaluation, all_metrics)
    assert max(map(len, page.splitlines())) <= 80
    assert "…" not in page
    heading = page[page.index("\n\n") : page.index("\n answerable ")]
    for name in SLICE_COLUMNS:
        assert all(part in heading for part in stacked(name).split("\n"))
    folded = "".join(line[:22].strip() for line in page.splitlines())
    assert LONG_TAG in folded
    assert "3 cases" in page


def test_name_is_broken_after_its_underscores() -> None:
    assert stacked("answer_or_gold_in_quotes") == "answer_or_\ngold_in_\nquotes"
    assert stacked("correct") == "correct"
    assert all("".join(stacked(name).split("\n")) == name for name in SLICE_COLUMNS)
