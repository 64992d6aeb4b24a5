"""The gate: compare a run with an earlier one by paired tests, and with fixed thresholds. A failure blocks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rag.errors import EvaluationError
from rag.evaluation.bootstrap import mcnemar_exact, on_all, paired_bootstrap
from rag.evaluation.cases import CaseSet
from rag.evaluation.metrics import Columns
from rag.evaluation.results import Baseline, Evaluation, read_json
from rag.evaluation.scores import METRICS, METRICS_BY_NAME, Measured, Metric, Scores, columns_of, why_failed

THRESHOLDS_SCHEMA = "dateline/thresholds/1"
SIGNIFICANT = 0.05
# Another machine is slower, not worse: time is held by thresholds alone.
COMPARED = tuple(metric for metric in METRICS if metric.unit == "share")


class Limit(BaseModel):
    """The least and the most that a metric may be."""

    model_config = ConfigDict(extra="forbid")

    min: float | None = None
    max: float | None = None


class Thresholds(BaseModel):
    """The small committed file of limits: for metrics over the whole set, and over the cases of a tag."""

    model_config = ConfigDict(extra="forbid")

    schema_name: str = Field(alias="schema", default=THRESHOLDS_SCHEMA)
    errors: int = 0
    metrics: dict[str, Limit] = {}
    slices: dict[str, dict[str, Limit]] = {}


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that was exceeded. `where` is a tag, "" for the whole set."""

    name: str
    where: str
    value: float
    limit: float

    def __str__(self) -> str:
        place = f" of {self.where}" if self.where else ""
        if math.isnan(self.value):
            return f"{self.name}{place} has a limit, but no case measures it"
        side = "below the least" if self.value < self.limit else "above the most"
        return f"{self.name}{place} is {self.value:.3f}, {side} allowed, {self.limit:.3f}"


@dataclass(frozen=True, slots=True)
class Change:
    """How a metric differs from the baseline. p is two-sided: exact McNemar where cases count 0 or 1, else bootstrap."""

    name: str
    before: float
    after: float
    p: float
    worse: bool
    test: str

    @property
    def is_significant_loss(self) -> bool:
        """Worse, and unlikely by chance."""
        return self.worse and self.p < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class CaseChange:
    """A case that is right now and was wrong, or the other way round."""

    case_id: str
    question: str
    better: bool
    why: str


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What the gate found. It passes without breaches and without significant losses."""

    breaches: tuple[Breach, ...] = ()
    changes: tuple[Change, ...] = ()
    case_changes: tuple[CaseChange, ...] = ()

    @property
    def losses(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.is_significant_loss)

    @property
    def passed(self) -> bool:
        return not self.breaches and not self.losses


def read_thresholds(path: Path) -> Thresholds:
    """The thresholds in a file. Raises EvaluationError, also for a metric that does not exist."""
    advice = "see docs/formats.md for its form"
    content = read_json(path, "a file of thresholds", advice)
    try:
        thresholds = Thresholds.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise EvaluationError(f"{path} cannot be used at {place} ({first['msg'].lower()}): {advice}.") from None
    if thresholds.schema_name != THRESHOLDS_SCHEMA:
        raise EvaluationError(f"{path} has the schema {thresholds.schema_name!r}, expected {THRESHOLDS_SCHEMA!r}.")
    for name in [*thresholds.metrics, *(name for limits in thresholds.slices.values() for name in limits)]:
        if name not in METRICS_BY_NAME:
            raise EvaluationError(
                f"{path} limits {name!r}, which is no metric: `dateline evaluate` prints their names."
            )
    return thresholds


def breaches(evaluation: Evaluation, thresholds: Thresholds) -> tuple[Breach, ...]:
    """The limits that were exceeded. A limited metric or tag that no case has is a breach, too: it guards nothing."""
    errors = len(evaluation.errors)
    found = [Breach("errors", "", errors, thresholds.errors)] if errors > thresholds.errors else []
    found += broken("", evaluation.metrics, thresholds.metrics)
    for tag, limits in thresholds.slices.items():
        found += broken(tag, evaluation.slices.get(tag, {}), limits)
    return tuple(found)


def broken(where: str, metrics: Mapping[str, Measured], limits: Mapping[str, Limit]) -> list[Breach]:
    found = []
    for name, limit in limits.items():
        value = metrics[name].value if name in metrics else math.nan
        # Written so that NaN breaks a limit.
        if limit.min is not None and not value >= limit.min:
            found.append(Breach(name, where, value, limit.min))
        if limit.max is not None and not value <= limit.max:
            found.append(Breach(name, where, value, limit.max))
    return found


def check_comparable(baseline: Baseline, case_set: CaseSet, corpus_digest: str, path: Path) -> None:
    """Raises EvaluationError when the baseline is over other cases or other articles."""
    same_cases = baseline.case_set.digest == case_set.digest
    same_ids = [case.id for case in baseline.cases] == [case.id for case in case_set.cases]
    if not same_cases or not same_ids:
        raise EvaluationError(
            f"{path} is a baseline of other cases ({baseline.case_set.name}) than {case_set.name} as it is now: "
            "make a new one with `--write-baseline`."
        )
    if baseline.case_set.corpus_digest != corpus_digest:
        raise EvaluationError(
            f"{path} is a baseline over other articles than these: give the same --corpus, "
            "or make a new one with `--write-baseline`."
        )


def compare(baseline: Baseline, evaluation: Evaluation) -> tuple[Change, ...]:
    """Every metric that differs from the baseline, over the same cases."""
    names = {metric.name for metric in METRICS}
    before: list[Scores] = [{**dict.fromkeys(names), **case.scores} for case in baseline.cases]
    before_columns, after_columns = columns_of(before), columns_of(evaluation.scores)
    changes = (change_in(metric, before_columns, after_columns) for metric in COMPARED)
    return tuple(change for change in changes if change is not None)


def change_in(metric: Metric, before: Mapping[str, Columns], after: Mapping[str, Columns]) -> Change | None:
    """How one metric changed, None when it did not or when one of the runs does not have it."""
    shared = {name: column for name, column in after.items() if name in before}
    earlier = {name: before[name] for name in shared}
    if metric.counted not in shared:
        return None
    value_before, value_after = on_all(metric.statistic, earlier), on_all(metric.statistic, shared)
    if np.isnan(value_before) or np.isnan(value_after) or value_before == value_after:
        return None
    worse = (value_after < value_before) == metric.higher_is_better
    old, new = before[metric.counted], after[metric.counted]
    if metric.per_case and counts_zero_or_one(old, new):
        p, test = mcnemar_exact(int((new < old).sum()), int((new > old).sum())), "McNemar"
    else:
        p, test = paired_bootstrap(metric.statistic, earlier, shared), "bootstrap"
    return Change(metric.name, value_before, value_after, p, worse, test)


def counts_zero_or_one(before: Columns, after: Columns) -> bool:
    """Whether both runs score the same cases, each with 0 or 1: what McNemar's test is for."""
    same_cases = np.array_equal(np.isnan(before), np.isnan(after))
    scores = np.concatenate([before[~np.isnan(before)], after[~np.isnan(after)]])
    return bool(same_cases and np.isin(scores, (0.0, 1.0)).all())


def changed_cases(baseline: Baseline, evaluation: Evaluation) -> tuple[CaseChange, ...]:
    """The cases that got better or worse, by the score `correct`, and why they fail now."""
    changes = []
    for earlier, (case, outcome), scores in zip(baseline.cases, evaluation.pairs, evaluation.scores, strict=True):
        was, now = earlier.scores.get("correct") or 0.0, scores.get("correct") or 0.0
        if was != now:
            changes.append(CaseChange(case.id, case.question, now > was, why_failed(case, outcome, scores)))
    return tuple(changes)


def gate_verdict(evaluation: Evaluation, thresholds: Thresholds | None, baseline: Baseline | None) -> GateVerdict:
    """Everything the gate has to say. The baseline must be comparable, see `check_comparable`."""
    return GateVerdict(
        breaches(evaluation, thresholds) if thresholds else (),
        compare(baseline, evaluation) if baseline else (),
        changed_cases(baseline, evaluation) if baseline else (),
    )
