"""Each metric by hand-worked examples, and by what must hold for all inputs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evaluation import metrics
from rag.evaluation.bootstrap import column, interval, mcnemar_exact, on_all, paired_bootstrap


@pytest.mark.parametrize(
    ("text", "alias", "held"),
    [
        ("The October 17 call", "October 17", True),
        ("The October 17 call", "October 1", False),
        ("Orbán’s government", "orbán's government", True),
        ("1,200,000 people", "1200000", True),
        ("grew 3.5 percent", "3", False),
        ("grew 3.5 percent", "3.5", True),
        ("the United States of America", "United States", True),
        ("arrested", "arrest", False),
        ("in der Straße", "STRASSE", True),
        ("首相は東京で話した", "東京", True),
        ("anything", "...", False),
        ("", "word", False),
    ],
)
def test_alias_is_found_by_whole_words(text: str, alias: str, held: bool) -> None:
    assert metrics.contains_alias(metrics.words(text), alias) is held


def test_every_group_needs_one_alias() -> None:
    groups = [["Budapest"], ["October 17", "17 October"]]
    assert metrics.groups_present(["In Budapest", "on 17 October"], groups)
    assert not metrics.groups_present(["In Budapest"], groups)


def test_alias_may_not_run_over_two_quotes() -> None:
    assert not metrics.groups_present(["met in New", "York"], [["New York"]])


def test_squad_rules() -> None:
    assert metrics.exact_match("The Eiffel Tower!", ["eiffel tower"]) == 1
    assert metrics.exact_match("Eiffel Towers", ["Eiffel Tower"]) == 0
    assert metrics.token_f1("the tall Eiffel Tower", ["Eiffel Tower", "Paris"]) == pytest.approx(0.8)
    assert metrics.token_f1("", ["Paris"]) == 0


def test_ranking_metrics() -> None:
    ranking = [["x"], ["gold", "its copy"], ["y"], ["other"]]
    assert metrics.recall_at(ranking, ["gold", "other"], 2) == 0.5
    assert metrics.reciprocal_rank(ranking, ["its copy"]) == 0.5
    assert metrics.reciprocal_rank(ranking, ["absent"]) == 0
    ideal = 1 + 1 / math.log2(3)
    assert metrics.ndcg_at(ranking, ["gold", "other"]) == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / ideal)


def test_collapsed_copies_cost_no_gain() -> None:
    assert metrics.ndcg_at([["gold", "its copy"]], ["gold", "its copy"]) == 1


@given(st.permutations(["a", "b", "c", "d"]), st.sets(st.sampled_from("abcd"), min_size=1))
def test_ranking_metrics_are_shares(order: list[str], gold: set[str]) -> None:
    ranking = [[article] for article in order]
    for value in (metrics.ndcg_at(ranking, gold), metrics.reciprocal_rank(ranking, gold)):
        assert 0 < value <= 1 + 1e-12
    assert metrics.recall_at(ranking, gold, 4) == 1


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("Before. Orban pledged full cooperation to host any summit. After.", True),
        ("Orban pledged full cooperation", True),
        ("to host any summit", True),
        ("host any", False),
        ("any summit cooperation full pledged to Orban host", False),
    ],
)
def test_gold_quote_is_found_by_containing_it_or_half_of_it(quote: str, found: bool) -> None:
    assert metrics.quote_found("Orban pledged full cooperation to host any summit.", [quote]) is found


def test_short_piece_of_a_gold_quote_supports_but_does_not_find_it() -> None:
    gold = "Orban pledged full cooperation to host any summit."
    assert metrics.quote_supports("host any", [gold])
    assert not metrics.quote_supports("The Kremlin said so", [gold])


def test_citations_count_named_copies() -> None:
    cited = [["x"], ["copy", "gold"]]
    assert metrics.cited_articles_precision(cited, ["gold"]) == 0.5
    assert metrics.cited_articles_recall(cited, ["gold", "other"]) == 0.5


def test_balanced_accuracy_of_refusing_everything_is_a_half() -> None:
    expected = np.array([[1.0, 1.0, 0.0]])
    assert metrics.balanced_accuracy(expected, expected)[0] == 0.5


def test_risk_coverage_area_by_hand() -> None:
    probability, expected = np.array([[0.9, 0.8, 0.7, np.nan]]), np.array([[0.0, 1.0, 0.0, 1.0]])
    assert metrics.risk_coverage_area(probability, expected)[0] == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)


def test_equal_probabilities_do_not_depend_on_the_order_of_the_cases() -> None:
    probability = np.array([[0.5, 0.5, 0.5, 0.5]])
    areas = [metrics.risk_coverage_area(probability, np.array([row]))[0] for row in ([0, 0, 1, 1], [1, 1, 0, 0])]
    assert areas[0] == areas[1] == pytest.approx(0.5)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.booleans()), min_size=2, max_size=30))
def test_auc_is_the_chance_of_the_right_order(judged: list[tuple[float, bool]]) -> None:
    answerable = [probability for probability, refuse in judged if not refuse]
    unanswerable = [probability for probability, refuse in judged if refuse]
    columns = np.array([[p for p, _ in judged]]), np.array([[float(refuse) for _, refuse in judged]])
    value = metrics.answerability_auc(*columns)[0]
    if not answerable or not unanswerable:
        assert math.isnan(value)
        return
    pairs = [(good > bad) + (good == bad) / 2 for good in answerable for bad in unanswerable]
    assert value == pytest.approx(sum(pairs) / len(pairs))


def test_means_leave_out_cases_without_the_score() -> None:
    assert metrics.mean(np.array([[1.0, np.nan, 0.0], [np.nan, np.nan, np.nan]])).tolist() == pytest.approx(
        [0.5, math.nan], nan_ok=True
    )


@given(
    st.lists(st.lists(st.one_of(st.none(), st.floats(0, 1_000)), min_size=5, max_size=5), min_size=1, max_size=4),
    st.sampled_from([0.0, 50.0, 95.0, 100.0]),
)
def test_percentile_is_numpys(rows: list[list[float | None]], share: float) -> None:
    scores = np.stack([column(row) for row in rows])
    expected = [np.nanpercentile(row, share) if not np.isnan(row).all() else math.nan for row in scores]
    assert metrics.percentile(scores, share) == pytest.approx(np.array(expected), nan_ok=True)


@pytest.mark.parametrize(("lost", "won", "p"), [(0, 0, 1.0), (5, 5, 1.0), (6, 0, 0.03125), (10, 2, 0.03857421875)])
def test_mcnemar_is_the_exact_binomial(lost: int, won: int, p: float) -> None:
    assert mcnemar_exact(lost, won) == pytest.approx(p)


def test_mcnemar_takes_thousands_of_changes() -> None:
    assert mcnemar_exact(3_000, 2_000) < 1e-9


def test_interval_holds_the_mean_and_repeats() -> None:
    columns = {"score": column([1.0] * 60 + [0.0] * 40 + [None] * 10)}
    low, high = interval(lambda given: metrics.mean(given["score"]), columns)
    assert low < on_all(lambda given: metrics.mean(given["score"]), columns) == 0.6 < high
    assert (low, high) == interval(lambda given: metrics.mean(given["score"]), columns)
    # The normal approximation of the same interval: 0.6 +- 1.96 * sqrt(0.24 / 100).
    assert (low, high) == pytest.approx((0.504, 0.696), abs=0.02)


def test_paired_bootstrap_knows_a_loss_from_no_change() -> None:
    before = {"score": column([0.9, 0.8, 0.7, 0.95] * 20)}
    after = {"score": before["score"] - 0.1}
    assert paired_bootstrap(lambda given: metrics.mean(given["score"]), before, after) < 0.01
    assert paired_bootstrap(lambda given: metrics.mean(given["score"]), before, before) == 1
