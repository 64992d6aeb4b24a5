"""What a case scores, metric by metric, and the sentence that says why it failed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rag.evaluation.cases import Case
from rag.evaluation.outcome import Outcome, QuotedPassage
from rag.evaluation.scores import METRICS, by_tag, measure, score, why_failed

GOLD = "The bridge cost 12 million crowns."
CASE = Case(
    "cost", "What did it cost?", False, (("12 million", "twelve million"),), ("tesk",), (GOLD,), tags=("a", "b")
)
UNANSWERABLE = Case("mayor", "Who is the mayor?", True, tags=("b",))


def passage(article_id: str, quote: str, valid: bool = True, copies: tuple[str, ...] = ()) -> QuotedPassage:
    return QuotedPassage(1, article_id, "", "", None, quote, 0, len(quote), "shared", copies, valid)


RIGHT = Outcome(
    "cost",
    text=f"“{GOLD}” [1]",
    short_text="12 million crowns",
    citations=(passage("tesk", GOLD),),
    ranking=(("other",), ("tesk",)),
    probability=0.8,
    threshold=0.5,
    timings_ms={"total": 40.0},
)
REFUSED = Outcome("cost", refused=True, ranking=(("tesk",),), probability=0.2, threshold=0.5)


def test_right_answer_scores_in_full() -> None:
    scores = score(CASE, RIGHT)
    ones = (
        "correct",
        "answer_in_text",
        "answer_in_quotes",
        "answer_or_gold_in_quotes",
        "gold_quote_found",
        "citation_precision",
        "citation_recall",
        "citation_precision_by_quote",
        "citation_recall_by_quote",
        "quote_validity",
        "answer_rate",
        "recall_at_5",
    )
    assert {name: scores[name] for name in ones} == dict.fromkeys(ones, 1.0)
    assert (scores["recall_at_1"], scores["mrr"]) == (0.0, 0.5)
    assert scores["token_f1"] == pytest.approx(0.8)
    assert (scores["quoted_words"], scores["latency_ms"]) == (6, 40.0)
    assert scores["refusal_recall"] is None
    assert scores["refusal_precision"] is None


def test_refusing_an_answerable_question_finds_the_article_and_nothing_else() -> None:
    scores = score(CASE, REFUSED)
    assert scores["recall_at_1"] == 1
    for name in (
        "correct",
        "answer_in_text",
        "gold_quote_found",
        "citation_recall",
        "answer_rate",
        "refusal_precision",
    ):
        assert scores[name] == 0, name
    assert scores["citation_precision"] is None
    assert scores["quote_validity"] is None


def test_refusing_an_unanswerable_question_is_right() -> None:
    scores = score(UNANSWERABLE, Outcome("mayor", refused=True))
    assert scores["correct"] == scores["refusal_recall"] == scores["refusal_precision"] == 1
    assert scores["answer_rate"] is None


def test_answering_an_unanswerable_question_is_wrong_but_its_quotes_are_checked() -> None:
    scores = score(UNANSWERABLE, replace(RIGHT, case_id="mayor"))
    assert scores["correct"] == scores["refusal_recall"] == 0
    assert scores["refusal_precision"] is None
    assert scores["citation_precision"] is None
    assert scores["quote_validity"] == 1


@pytest.mark.parametrize("case", [CASE, UNANSWERABLE], ids=["answerable", "unanswerable"])
def test_error_scores_nothing_anywhere(case: Case) -> None:
    scores = score(case, Outcome(case.id, error="the server is down"))
    assert scores["correct"] == scores["right_refusal"] == 0
    assert scores["latency_ms"] is None
    assert scores["probability"] is None
    assert all(not value for name, value in scores.items() if name != "refusal_expected")


def test_case_with_gold_articles_alone_is_right_by_citing_one() -> None:
    case = replace(CASE, answers=(), gold_quotes=())
    assert score(case, RIGHT)["correct"] == 1
    assert score(case, replace(RIGHT, citations=(passage("other", "x"),)))["correct"] == 0


def test_named_copy_counts_as_the_gold_article() -> None:
    copied = replace(RIGHT, citations=(passage("other", GOLD, copies=("tesk",)),))
    assert score(CASE, copied)["citation_precision"] == 1


def test_newest_cited_day_must_be_a_gold_day() -> None:
    dated = replace(RIGHT, gold_days=("2025-05-02",), as_of=datetime(2025, 5, 2, 9, tzinfo=UTC))
    assert score(CASE, dated)["as_of_correct"] == 1
    assert score(CASE, replace(dated, as_of=datetime(2025, 5, 3, tzinfo=UTC)))["as_of_correct"] == 0
    assert score(CASE, RIGHT)["as_of_correct"] is None


def test_every_metric_is_measured_with_its_n_and_slices_hold_their_cases() -> None:
    scores = [score(CASE, RIGHT), score(UNANSWERABLE, Outcome("mayor", refused=True))]
    measured = measure(scores)
    assert list(measured) == [metric.name for metric in METRICS]
    assert (measured["correct"].value, measured["correct"].n) == (1, 2)
    assert (measured["refusal_balanced_accuracy"].value, measured["refusal_balanced_accuracy"].n) == (1, 2)
    assert measured["prompt_tokens"].n == 0
    assert {tag: len(found) for tag, found in by_tag([CASE, UNANSWERABLE], scores).items()} == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("case", "outcome", "why"),
    [
        (CASE, RIGHT, ""),
        (CASE, Outcome("cost", error="down"), "No answer: down"),
        (CASE, REFUSED, "Refused (probability 0.20, threshold 0.50), though a gold article is at rank 1."),
        (CASE, replace(REFUSED, ranking=()), "Refused (probability 0.20, threshold 0.50): no gold article is among"),
        (CASE, replace(RIGHT, text="x", ranking=(), citations=()), "Nothing to answer from: no gold article"),
        (
            CASE,
            replace(RIGHT, text="x", citations=(passage("other", "x"),)),
            "Quoted other articles: a gold article is at rank 2.",
        ),
        (
            CASE,
            replace(RIGHT, text="x", citations=(passage("tesk", "x"),)),
            "The quotes lack '12 million', though a gold article is at rank 2.",
        ),
        (
            replace(CASE, answers=()),
            replace(RIGHT, citations=(passage("tesk", "x"),)),
            "The quotes are from other places of the gold article",
        ),
        (CASE, replace(RIGHT, citations=(passage("tesk", GOLD, valid=False),)), "A quote does not stand"),
        (UNANSWERABLE, RIGHT, "Answered (probability 0.80, threshold 0.50), but the articles do not say."),
    ],
)
def test_failure_is_explained_in_one_sentence(case: Case, outcome: Outcome, why: str) -> None:
    told = why_failed(case, outcome, score(case, outcome))
    assert told.startswith(why)
    assert bool(told) == bool(why)
