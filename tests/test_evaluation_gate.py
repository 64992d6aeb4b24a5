"""The gate blocks: limits, paired tests, and the real engine with one part broken on purpose."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from rag.answer import Answer, Turn
from rag.engine import Engine
from rag.errors import EvaluationError
from rag.evaluation.cases import Case, CaseSet, load_cases
from rag.evaluation.evaluate import Corpus, OpenEngine, evaluate, read_corpus
from rag.evaluation.gate import (
    GateVerdict,
    Limit,
    Thresholds,
    breaches,
    check_comparable,
    gate_verdict,
    read_thresholds,
)
from rag.evaluation.outcome import Outcome
from rag.evaluation.results import Evaluation, baseline_json, evaluation_json, read_baseline
from rag.factory import open_engine
from rag.library import Library
from rag.settings import Settings
from vectorstore.values import Scope

OWN_CASES = Path("tests/cases/cases.jsonl")
OWN_CORPUS = (Path("tests/cases/newsroom.jsonl"), Path("seeds"))
THRESHOLDS = Path("tests/cases/thresholds.json")


def made_up(right: Sequence[bool], expect_refusal: Sequence[bool] | None = None) -> Evaluation:
    """An evaluation in which these cases are right: by refusing where that is expected, else by a text that answers."""
    expected = expect_refusal or [True] * len(right)
    cases = [
        Case(
            f"case-{n}", f"Question {n}?", refuse, () if refuse else (("x",),), tags=("even" if n % 2 == 0 else "odd",)
        )
        for n, refuse in enumerate(expected)
    ]
    outcomes = [
        Outcome(case.id, refused=case.refusal_expected == is_right, text="x" if is_right else "y", probability=0.5)
        for case, is_right in zip(cases, right, strict=True)
    ]
    return Evaluation(CaseSet("made-up.jsonl", "made up", tuple(cases)), tuple(outcomes), "", {})


def gated(before: Evaluation, after: Evaluation, tmp_path: Path) -> GateVerdict:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(baseline_json(before)), "utf-8")
    baseline = read_baseline(path)
    check_comparable(baseline, after.case_set, after.corpus_digest, path)
    return gate_verdict(after, None, baseline)


def test_same_run_passes_without_a_change(tmp_path: Path) -> None:
    run = made_up([True, False, True])
    assert gated(run, run, tmp_path) == GateVerdict()
    assert gated(run, run, tmp_path).passed


def test_five_lost_cases_may_be_chance_six_are_not(tmp_path: Path) -> None:
    before = made_up([True] * 40)
    five, six = (gated(before, made_up([False] * lost + [True] * (40 - lost)), tmp_path) for lost in (5, 6))
    assert five.passed
    assert {change.name for change in five.changes} >= {"correct", "refusal_recall"}
    assert not six.passed
    assert {change.name for change in six.losses} >= {"correct", "refusal_recall"}
    assert [change.case_id for change in six.case_changes] == [f"case-{n}" for n in range(6)]
    assert all(not change.better and change.why for change in six.case_changes)


def test_gains_do_not_block(tmp_path: Path) -> None:
    verdict = gated(made_up([False] * 20), made_up([True] * 20), tmp_path)
    assert verdict.passed
    assert all(change.better for change in verdict.case_changes)
    assert {change.test for change in verdict.changes if change.name == "correct"} == {"McNemar"}


def test_losses_are_not_made_up_for_by_gains_elsewhere(tmp_path: Path) -> None:
    kinds = [True] * 20 + [False] * 20
    refusing_all, answering_all = [True] * 20 + [False] * 20, [False] * 20 + [True] * 20
    verdict = gated(made_up(refusing_all, kinds), made_up(answering_all, kinds), tmp_path)
    assert "refusal_recall" in {change.name for change in verdict.losses}
    assert "correct" not in {change.name for change in verdict.losses}


def test_errors_count_as_losses(tmp_path: Path) -> None:
    before = made_up([True] * 12)
    failed = tuple(Outcome(outcome.case_id, error="the server is down") for outcome in before.outcomes)
    verdict = gated(before, replace(before, outcomes=failed), tmp_path)
    assert "correct" in {change.name for change in verdict.losses}


@pytest.mark.parametrize(
    ("thresholds", "broken"),
    [
        ({"metrics": {"correct": {"min": 0.75}}}, []),
        ({"metrics": {"correct": {"min": 0.76}}}, ["correct is 0.750, below the least allowed, 0.760"]),
        ({"metrics": {"answer_rate": {"max": 0.9}}}, ["answer_rate has a limit, but no case measures it"]),
        ({"slices": {"odd": {"correct": {"min": 0.6}}}}, ["correct of odd is 0.500, below the least allowed, 0.600"]),
        ({"slices": {"none": {"correct": {"min": 0.1}}}}, ["correct of none has a limit, but no case measures it"]),
    ],
)
def test_thresholds_hold_metrics_and_slices(
    tmp_path: Path, thresholds: dict[str, object], broken: Sequence[str]
) -> None:
    path = tmp_path / "thresholds.json"
    path.write_text(json.dumps(thresholds), "utf-8")
    found = breaches(made_up([True, False, True, True]), read_thresholds(path))
    assert [str(breach) for breach in found] == broken


def test_an_error_is_a_breach() -> None:
    run = made_up([True, True])
    failed = replace(run, outcomes=(run.outcomes[0], Outcome("case-1", error="down")))
    assert [breach.name for breach in breaches(failed, Thresholds())] == ["errors"]
    assert breaches(failed, Thresholds(errors=1)) == ()
    assert math.isnan(run.metrics["answer_rate"].value)
    assert Limit().min is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "not JSON"),
        ("[]", "no JSON object"),
        ('{"schema": "dateline/evaluation/0"}', "this program compares"),
        ('{"schema": "dateline/evaluation/1", "set": {}}', "damaged"),
    ],
)
def test_baseline_that_is_none_is_one_sentence(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(content, "utf-8")
    with pytest.raises(EvaluationError, match=reason) as raised:
        read_baseline(path)
    assert "--write-baseline" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_baseline_of_other_cases_or_articles_is_refused(tmp_path: Path) -> None:
    before = made_up([True, True])
    other_cases = replace(before, case_set=replace(before.case_set, digest="other"))
    with pytest.raises(EvaluationError, match="of other cases"):
        gated(other_cases, before, tmp_path)
    with pytest.raises(EvaluationError, match="over other articles"):
        gated(replace(before, corpus_digest="other"), before, tmp_path)


def test_full_results_serve_as_a_baseline_too(tmp_path: Path) -> None:
    run = made_up([True, False])
    path = tmp_path / "results.json"
    path.write_text(json.dumps(evaluation_json(run)), "utf-8")
    assert gate_verdict(run, None, read_baseline(path)).passed


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"metrics": {"correctness": {"min": 1}}}, "'correctness', which is no metric"),
        ({"metrics": {"correct": {"least": 1}}}, "metrics.correct.least"),
        ({"schema": "other"}, "expected"),
        ({"limits": {}}, "limits"),
    ],
)
def test_threshold_that_guards_nothing_is_refused(tmp_path: Path, content: dict[str, object], reason: str) -> None:
    path = tmp_path / "thresholds.json"
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(EvaluationError, match=reason):
        read_thresholds(path)


# What follows runs the real engine, whole and with one part broken, over every third case of the project's own set.


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gate")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return read_corpus(OWN_CORPUS)


@pytest.fixture(scope="module")
def own_cases() -> CaseSet:
    cases = load_cases([OWN_CASES])
    return replace(cases, cases=cases.cases[::3])


@pytest.fixture(scope="module")
def whole(home: Path, corpus: Corpus, own_cases: CaseSet) -> Evaluation:
    return run(Settings(home=home), corpus, own_cases)


def run(settings: Settings, corpus: Corpus, case_set: CaseSet, engine: OpenEngine = open_engine) -> Evaluation:
    return asyncio.run(evaluate(case_set, corpus, settings, engine)).evaluation


@pytest.mark.slow
def test_real_engine_gives_the_same_twice_and_passes(
    home: Path, corpus: Corpus, own_cases: CaseSet, whole: Evaluation, tmp_path: Path
) -> None:
    again = run(Settings(home=home), corpus, own_cases)
    assert timeless(again) == timeless(whole)
    assert gated(whole, again, tmp_path) == GateVerdict()
    assert whole.metrics["quote_validity"].value == 1


def timeless(evaluation: Evaluation) -> list[Outcome]:
    return [replace(outcome, timings_ms=None) for outcome in evaluation.outcomes]


@pytest.mark.slow
def test_broken_retrieval_is_blocked(
    home: Path, corpus: Corpus, own_cases: CaseSet, whole: Evaluation, tmp_path: Path
) -> None:
    broken = Settings(home=home, hits=1, embedder_class="tests.fakes.wrong_embedder.WrongEmbedding")
    verdict = gated(whole, run(broken, corpus, own_cases), tmp_path)
    assert not verdict.passed
    assert {"recall_at_10", "mrr"} <= {change.name for change in verdict.losses}


@pytest.mark.slow
def test_broken_refusal_is_blocked(
    home: Path, corpus: Corpus, own_cases: CaseSet, whole: Evaluation, tmp_path: Path
) -> None:
    verdict = gated(whole, run(Settings(home=home, answer_threshold=0.0), corpus, own_cases), tmp_path)
    assert not verdict.passed
    assert "refusal_recall" in {change.name for change in verdict.losses}


class MovedQuotes:
    """The real engine, its citations one character off their place."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def library(self) -> Library:
        return self.engine.library

    async def ask(self, question: str, history: Sequence[Turn] = (), scope: Scope | None = None) -> Answer:
        answer = await self.engine.ask(question, history, scope)
        moved = [replace(citation, start=citation.start + 1, end=citation.end + 1) for citation in answer.citations]
        return replace(answer, citations=tuple(moved))


@asynccontextmanager
async def open_with_moved_quotes(settings: Settings) -> AsyncIterator[MovedQuotes]:
    async with open_engine(settings) as engine:
        yield MovedQuotes(engine)


@pytest.mark.slow
def test_broken_citations_are_blocked(
    home: Path, corpus: Corpus, own_cases: CaseSet, whole: Evaluation, tmp_path: Path
) -> None:
    broken = run(Settings(home=home), corpus, own_cases, open_with_moved_quotes)
    assert broken.metrics["quote_validity"].value == 0
    assert "quote_validity" in {breach.name for breach in breaches(broken, read_thresholds(THRESHOLDS))}
    assert "quote_validity" in {change.name for change in gated(whole, broken, tmp_path).losses}
