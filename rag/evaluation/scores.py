"""From outcomes to numbers: the scores of each case, why it failed, and the table of metrics made from them."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from rag.evaluation import metrics
from rag.evaluation.bootstrap import Statistic, column, interval, on_all
from rag.evaluation.cases import Case
from rag.evaluation.metrics import Columns
from rag.evaluation.outcome import Outcome

Scores = Mapping[str, float | None]
"""The scores of one case by name; None where the case has no such score (a refusal has no gold article to find)."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number about a set of cases. `per_case`: it is the mean of the score of the same name."""

    name: str
    meaning: str
    statistic: Statistic
    higher_is_better: bool = True
    per_case: bool = True
    unit: str = "share"
    counted: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric's value, its 95 % bootstrap interval, and over how many cases. NaN when there are none."""

    value: float
    low: float
    high: float
    n: int


def mean_of(name: str, meaning: str, higher_is_better: bool = True, unit: str = "share") -> Metric:
    """A metric that is the mean of a score."""
    return Metric(name, meaning, lambda columns: metrics.mean(columns[name]), higher_is_better, True, unit, name)


def over_set(
    name: str, meaning: str, statistic: Callable[..., Columns], *scores: str, higher: bool = False, unit: str = "share"
) -> Metric:
    """A metric that needs the whole set at once: a statistic of these scores' columns, counted by the first of them."""
    return Metric(
        name, meaning, lambda columns: statistic(*map(columns.__getitem__, scores)), higher, False, unit, scores[0]
    )


P50, P95 = partial(metrics.percentile, share=50), partial(metrics.percentile, share=95)

METRICS: tuple[Metric, ...] = (
    mean_of("correct", "answered right where the articles do, refused where they do not"),
    mean_of("answer_or_gold_in_quotes", "the quotes hold every answer group, or a gold quote was found"),
    mean_of("answered_with_answer_or_gold", "the same, of the answerable questions that were answered"),
    mean_of("answer_in_text", "every answer group appears in the answer"),
    mean_of("answer_in_quotes", "every answer group appears in the quotes"),
    mean_of("gold_quote_found", "a gold quote is contained in a citation's quote, or half of it is"),
    mean_of("exact_match", "the answer's own words equal an alias (SQuAD)"),
    mean_of("token_f1", "word overlap of the answer's own words with an alias (SQuAD)"),
    mean_of("recall_at_1", "share of the gold articles at rank 1"),
    mean_of("recall_at_5", "share of the gold articles within 5 ranks"),
    mean_of("recall_at_10", "share of the gold articles within 10 ranks"),
    mean_of("mrr", "1 / rank of the first gold article"),
    mean_of("ndcg_at_10", "discounted gain of the gold articles within 10 ranks"),
    mean_of("citation_precision", "share of the citations that name a gold article"),
    mean_of("citation_recall", "share of the gold articles that are cited"),
    mean_of("citation_precision_by_quote", "share of the citations that quote gold"),
    mean_of("citation_recall_by_quote", "share of the gold quotes that are quoted"),
    mean_of("quote_validity", "the quote stands in its article, to the letter and at its place"),
    mean_of("quoted_words", "words quoted in an answer", False, "words"),
    mean_of("as_of_correct", "the answer speaks as of a day on which a gold article was published"),
    mean_of("refusal_precision", "share of the refusals that were right"),
    mean_of("refusal_recall", "share of the unanswerable questions that were refused"),
    mean_of("closest_holds_answer", "the passage quoted by a wrong refusal holds every answer group or gold"),
    mean_of("answer_rate", "share of the answerable questions that were answered"),
    over_set(
        "refusal_balanced_accuracy",
        "mean of refusal_recall and answer_rate",
        metrics.balanced_accuracy,
        "right_refusal",
        "refusal_expected",
        higher=True,
    ),
    over_set(
        "risk_coverage_area",
        "share of unanswerable questions among the most probable, mean over coverages",
        metrics.risk_coverage_area,
        "probability",
        "refusal_expected",
    ),
    over_set(
        "answerability_auc",
        "chance that an answerable question is held more probable than an unanswerable one",
        metrics.answerability_auc,
        "probability",
        "refusal_expected",
        higher=True,
    ),
    over_set(
        "latency_p50_ms",
        "half of the answers took no longer",
        P50,
        "latency_ms",
        unit="ms",
    ),
    over_set(
        "latency_p95_ms",
        "19 of 20 answers took no longer",
        P95,
        "latency_ms",
        unit="ms",
    ),
    mean_of("prompt_tokens", "tokens read by the model for an answer", False, "tokens"),
    mean_of("completion_tokens", "tokens written by the model for an answer", False, "tokens"),
)
METRICS_BY_NAME = {metric.name: metric for metric in METRICS}

GROUPS: Mapping[str, tuple[str, ...]] = {
    "right": (
        "correct",
        "answer_or_gold_in_quotes",
        "answered_with_answer_or_gold",
        "answer_in_text",
        "answer_in_quotes",
        "gold_quote_found",
        "exact_match",
        "token_f1",
    ),
    "refused": (
        "refusal_recall",
        "refusal_precision",
        "answer_rate",
        "refusal_balanced_accuracy",
        "closest_holds_answer",
        "risk_coverage_area",
        "answerability_auc",
    ),
    "quotes": (
        "quote_validity",
        "citation_precision",
        "citation_recall",
        "citation_precision_by_quote",
        "citation_recall_by_quote",
        "quoted_words",
        "as_of_correct",
    ),
    "retrieval": ("recall_at_1", "recall_at_5", "recall_at_10", "mrr", "ndcg_at_10"),
    "time": ("latency_p50_ms", "latency_p95_ms", "prompt_tokens", "completion_tokens"),
}
"""Every metric by what it is about, in the order in which they are read."""

DECIDING = frozenset({
    "correct", "answer_or_gold_in_quotes", "refusal_recall", "refusal_precision", "answer_rate", "quote_validity",
    "citation_precision", "recall_at_10", "latency_p50_ms", "latency_p95_ms",
})  # fmt: skip
"""The ten that a change is judged by: shown when nobody asks for more."""


def score(case: Case, outcome: Outcome) -> dict[str, float | None]:
    """Every score of one case. A case that ended in an error scores nothing wherever it could have scored."""
    scores: dict[str, float | None] = dict.fromkeys(metric.name for metric in METRICS if metric.per_case)
    failed = bool(outcome.error)
    refused = float(outcome.refused and not failed)
    scores["refused"] = refused
    scores["refusal_expected"] = float(case.refusal_expected)
    scores["right_refusal"] = float(not failed and outcome.refused == case.refusal_expected)
    scores["probability"] = None if failed else outcome.probability
    scores["latency_ms"] = None if failed else (outcome.timings_ms or {}).get("total")
    scores["prompt_tokens"], scores["completion_tokens"] = outcome.prompt_tokens, outcome.completion_tokens
    if refused:
        scores["refusal_precision"] = float(case.refusal_expected)
    elif outcome.citations:
        scores["quote_validity"] = share(passage.valid for passage in outcome.citations)
        scores["quoted_words"] = float(sum(len(passage.quote.split()) for passage in outcome.citations))
    if case.refusal_expected:
        scores["refusal_recall"] = scores["correct"] = refused
        return scores
    scores["answer_rate"] = scores["right_refusal"]
    scores |= retrieval_scores(case, outcome) | answer_scores(case, outcome) | citation_scores(case, outcome)
    scores["correct"] = float(bool(scores["answer_rate"]) and is_right(scores))
    return scores


def retrieval_scores(case: Case, outcome: Outcome) -> dict[str, float | None]:
    """Where the gold articles came in the ranking."""
    if not case.gold_articles:
        return {}
    ranking, gold = outcome.ranking, case.gold_articles
    recalls: dict[str, float | None] = {
        f"recall_at_{limit}": metrics.recall_at(ranking, gold, limit) for limit in (1, 5, 10)
    }
    return recalls | {"mrr": metrics.reciprocal_rank(ranking, gold), "ndcg_at_10": metrics.ndcg_at(ranking, gold)}


def answer_scores(case: Case, outcome: Outcome) -> dict[str, float | None]:
    """Whether the answer is in what was said and in what was quoted; a refusal of an answerable question holds nothing.

    exact_match and token_f1 only where there is one group of aliases: SQuAD knows no answers in several parts.
    """
    quotes = [passage.quote for passage in outcome.citations]
    text = "" if outcome.refused else metrics.without_markers(outcome.text)
    scores: dict[str, float | None] = {}
    if case.answers:
        scores["answer_in_text"] = float(metrics.groups_present([text], case.answers))
        scores["answer_in_quotes"] = float(metrics.groups_present(quotes, case.answers))
    if len(case.answers) == 1:
        short = "" if outcome.refused else outcome.short_text
        scores["exact_match"] = metrics.exact_match(short, case.answers[0])
        scores["token_f1"] = metrics.token_f1(short, case.answers[0])
    if case.gold_quotes:
        found = [metrics.quote_found(gold, quotes) for gold in case.gold_quotes]
        scores["gold_quote_found"] = float(any(found))
        scores["citation_recall_by_quote"] = share(found)
    if case.answers or case.gold_quotes:
        scores["answer_or_gold_in_quotes"] = max(
            scores.get("answer_in_quotes") or 0.0, scores.get("gold_quote_found") or 0.0
        )
        if outcome.refused and not outcome.error:
            closest = [outcome.closest_quote]
            holds = bool(case.answers) and metrics.groups_present(closest, case.answers)
            scores["closest_holds_answer"] = float(
                holds or any(metrics.quote_found(gold, closest) for gold in case.gold_quotes)
            )
        if not outcome.refused and not outcome.error:
            scores["answered_with_answer_or_gold"] = scores["answer_or_gold_in_quotes"]
    return scores


def citation_scores(case: Case, outcome: Outcome) -> dict[str, float | None]:
    """Whether what was cited is gold. Precision only where something was cited, recall always."""
    if not case.gold_articles:
        return {}
    cited = [passage.article_ids for passage in outcome.citations]
    scores: dict[str, float | None] = {"citation_recall": metrics.cited_articles_recall(cited, case.gold_articles)}
    if cited:
        scores["citation_precision"] = metrics.cited_articles_precision(cited, case.gold_articles)
        if outcome.gold_days:
            scores["as_of_correct"] = float(
                outcome.as_of is not None and outcome.as_of.date().isoformat() in outcome.gold_days
            )
    if cited and case.gold_quotes:
        scores["citation_precision_by_quote"] = share(
            metrics.quote_supports(passage.quote, case.gold_quotes) for passage in outcome.citations
        )
    return scores


def is_right(scores: Scores) -> bool:
    """Whether an answer given is right: by answer or gold quote; where the case has neither, by an article cited."""
    judged = scores.get("answer_or_gold_in_quotes")
    return bool(scores.get("citation_recall") if judged is None else judged or scores.get("answer_in_text"))


def share(truths: Iterable[bool]) -> float:
    listed = [float(truth) for truth in truths]
    return sum(listed) / len(listed)


def columns_of(scores: Sequence[Scores]) -> dict[str, Columns]:
    """The scores of many cases, one column a score."""
    names = dict.fromkeys(name for case_scores in scores for name in case_scores)
    return {name: column([case_scores.get(name) for case_scores in scores]) for name in names}


def measure(scores: Sequence[Scores]) -> dict[str, Measured]:
    """Every metric of these cases, those with n = 0 too."""
    columns = columns_of(scores)
    measured: dict[str, Measured] = {}
    for metric in METRICS:
        n = int((columns[metric.counted] == columns[metric.counted]).sum())
        if n == 0:
            measured[metric.name] = Measured(math.nan, math.nan, math.nan, 0)
        else:
            measured[metric.name] = Measured(on_all(metric.statistic, columns), *interval(metric.statistic, columns), n)
    return measured


def by_tag(cases: Sequence[Case], scores: Sequence[Scores]) -> dict[str, list[Scores]]:
    """The scores of each tag's cases, tags in order of first appearance."""
    slices: dict[str, list[Scores]] = {}
    for case, case_scores in zip(cases, scores, strict=True):
        for tag in case.tags:
            slices.setdefault(tag, []).append(case_scores)
    return slices


def why_failed(case: Case, outcome: Outcome, scores: Scores) -> str:
    """One sentence on what kept the case from being correct, "" when it is."""
    if outcome.error:
        return f"No answer: {outcome.error}"
    if any(not passage.valid for passage in outcome.citations):
        return "A quote does not stand in its article at the place given."
    if scores["correct"]:
        return ""
    if case.refusal_expected:
        return f"Answered{confidence(outcome)}, but the articles do not say."
    rank = next((n for n, ids in enumerate(outcome.ranking, start=1) if set(ids) & set(case.gold_articles)), 0)
    found = f"a gold article is at rank {rank}" if rank else "no gold article is among the hits"
    found = found if case.gold_articles else ""
    if outcome.refused:
        return f"Refused{confidence(outcome)}" + (f", though {found}." if rank else f": {found}." if found else ".")
    if found and not rank:
        return f"Nothing to answer from: {found}."
    if not scores.get("citation_recall"):
        return f"Quoted other articles: {found}."
    quotes = [passage.quote for passage in outcome.citations]
    missing = [group[0] for group in case.answers if not metrics.groups_present(quotes, [group])]
    if missing:
        return f"The quotes lack {', '.join(map(repr, missing))}, though {found}."
    return f"The quotes are from other places of the gold article: {found}."


def confidence(outcome: Outcome) -> str:
    """The engine's probability and threshold, where it gave them."""
    if outcome.probability is None or outcome.threshold is None:
        return ""
    return f" (probability {outcome.probability:.2f}, threshold {outcome.threshold:.2f})"
