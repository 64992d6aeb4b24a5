"""Why a case failed, in one sentence made from its scores and outcome."""

from rag.evaluation import metrics
from rag.evaluation.cases import Case
from rag.evaluation.outcome import Outcome
from rag.evaluation.scores import Scores


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
    found = (
        ""
        if not case.gold_articles
        else f"a gold article is at rank {rank}"
        if rank
        else "no gold article is among the hits"
    )
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
