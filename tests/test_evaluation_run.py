"""A run keeps what it has, goes on where it stopped, counts errors, and does not depend on how many are asked at once."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from filelock import FileLock

from rag.answer import Answer
from rag.errors import EvaluationError, ModelError
from rag.evaluation.cases import Case, CaseSet
from rag.evaluation.evaluate import Corpus, Evaluated, evaluate, partial_path
from rag.evaluation.outcome import Outcome
from rag.evaluation.results import evaluation_json
from rag.settings import Settings
from tests.fakes.fake_engine import FakeEngine, article, quoting, refusing

TESK = article("tesk", "The bridge at Lower Tesk opened in May. It cost 12 million crowns.")
CASES = tuple(
    Case(f"case-{number}", f"Question {number}?", False, (("12 million",),), ("tesk",)) for number in range(9)
)
SET = CaseSet("cases.jsonl", "digest", CASES)


def engine(failing: Mapping[str, Exception] | None = None) -> FakeEngine:
    script: dict[str, Answer | Exception] = {
        case.question: quoting(case.question, TESK, "It cost 12 million crowns.") for case in CASES
    }
    return FakeEngine(script | dict(failing or {}), [TESK])


def run(home: Path, asked: FakeEngine, **options: bool | int) -> Evaluated:
    corpus = Corpus((), "corpus", {"tesk": TESK.text})
    resume, concurrency = bool(options.get("resume", False)), int(options.get("concurrency", 1))
    return asyncio.run(evaluate(SET, corpus, Settings(home=home), asked.open, resume, concurrency))


def test_every_case_is_asked_once_and_kept_in_order(tmp_path: Path) -> None:
    asked = engine()
    evaluation = run(tmp_path, asked, concurrency=4).evaluation
    assert [outcome.case_id for outcome in evaluation.outcomes] == [case.id for case in CASES]
    assert sorted(asked.asked) == [case.question for case in CASES]
    assert asked.most_at_once == 4


def test_results_do_not_depend_on_concurrency(tmp_path: Path) -> None:
    one, many = (run(tmp_path, engine(), concurrency=count).evaluation for count in (1, 8))
    assert one.outcomes == many.outcomes
    assert evaluation_json(one)["metrics"] == evaluation_json(many)["metrics"]


def test_errors_are_counted_and_score_nothing(tmp_path: Path) -> None:
    failing = {
        "Question 2?": ModelError("The model server failed: start it."),
        "Question 5?": ZeroDivisionError("a bug of ours"),
    }
    evaluation = run(tmp_path, engine(failing)).evaluation
    assert [(case.id, outcome.error) for case, outcome in evaluation.errors] == [
        ("case-2", "The model server failed: start it."),
        ("case-5", "ZeroDivisionError: a bug of ours"),
    ]
    for name in ("correct", "answer_in_text", "recall_at_10", "citation_recall", "answer_rate"):
        assert (evaluation.metrics[name].value, evaluation.metrics[name].n) == (pytest.approx(7 / 9), 9)
    assert evaluation.metrics["latency_p50_ms"].n == 7


def test_resume_asks_only_what_is_missing_or_failed(tmp_path: Path) -> None:
    first = run(tmp_path, engine({"Question 3?": ModelError("down")}))
    assert len(first.evaluation.errors) == 1
    asked = engine()
    resumed = run(tmp_path, asked, resume=True).evaluation
    assert asked.asked == ["Question 3?"]
    assert not resumed.errors
    assert resumed.outcomes == run(tmp_path / "fresh", engine()).evaluation.outcomes


def test_without_resume_everything_is_asked_again(tmp_path: Path) -> None:
    run(tmp_path, engine())
    asked = engine()
    run(tmp_path, asked)
    assert len(asked.asked) == len(CASES)


def test_half_a_line_of_a_killed_run_is_asked_again(tmp_path: Path) -> None:
    run(tmp_path, engine())
    path = kept(tmp_path)
    content = path.read_text("utf-8")
    path.write_text(content[: len(content) // 2], "utf-8")
    asked = engine()
    assert run(tmp_path, asked, resume=True).evaluation.metrics["correct"].value == 1
    assert 4 <= len(asked.asked) <= 5


def test_other_settings_are_another_run(tmp_path: Path) -> None:
    corpus = Corpus((), "corpus", {})
    paths = {
        partial_path(SET, corpus, settings)
        for settings in (
            Settings(home=tmp_path),
            Settings(home=tmp_path, hits=3),
            Settings(home=tmp_path, answer_threshold=0.0),
            Settings(home=tmp_path, model="small", openai_base_url="http://localhost:1/v1"),
            Settings(home=tmp_path, model="small", openai_base_url="http://localhost:2/v1"),
        )
    }
    assert len(paths) == 5


def test_two_evaluations_do_not_write_one_file(tmp_path: Path) -> None:
    run(tmp_path, engine())
    with FileLock(f"{kept(tmp_path)}.lock"), pytest.raises(EvaluationError, match="is running"):
        run(tmp_path, engine())


def test_outcomes_are_on_disk_while_the_run_goes_on(tmp_path: Path) -> None:
    corpus = Corpus((), "corpus", {"tesk": TESK.text})
    lines: list[int] = []

    def count(outcome: Outcome) -> None:
        lines.append(len(kept(tmp_path).read_text("utf-8").splitlines()))

    asyncio.run(evaluate(SET, corpus, Settings(home=tmp_path), engine().open, on_outcome=count))
    assert lines == list(range(1, len(CASES) + 1))


def test_user_library_is_checked_for_the_gold_articles(tmp_path: Path) -> None:
    asked = FakeEngine({}, [])
    with pytest.raises(EvaluationError, match="gold article 'tesk'"):
        asyncio.run(evaluate(SET, None, Settings(home=tmp_path), asked.open))


def test_quote_off_its_place_is_invalid(tmp_path: Path) -> None:
    shifted = quoting("Question 0?", TESK, "It cost 12 million crowns.", shift=-1)
    evaluation = run(tmp_path, FakeEngine(engine().script | {"Question 0?": shifted}, [TESK])).evaluation
    assert evaluation.metrics["quote_validity"].value == pytest.approx(8 / 9)


def test_json_names_what_the_format_promises(tmp_path: Path) -> None:
    script = engine().script | {"Question 0?": refusing("Question 0?", [TESK])}
    written = evaluation_json(run(tmp_path, FakeEngine(script, [TESK])).evaluation)
    assert {"schema", "settings", "counts", "metrics", "slices", "cases"} <= set(written)
    assert {
        "recall_at_10",
        "answer_in_text",
        "answer_in_quotes",
        "gold_quote_found",
        "citation_precision",
        "citation_recall",
        "quote_validity",
        "refusal_precision",
        "refusal_recall",
        "refusal_balanced_accuracy",
        "latency_p50_ms",
        "latency_p95_ms",
    } <= set(dict(written["metrics"]))
    assert "openai_api_key" not in str(written)


def kept(home: Path) -> Path:
    [path] = (home / "cache" / "runs").glob("*.jsonl")
    return path
