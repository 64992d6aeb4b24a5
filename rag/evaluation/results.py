"""An evaluation as a value and as JSON: what `--json` writes, what a baseline holds, and how a baseline is read."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, Field, SecretStr, ValidationError

from rag.answer import iso
from rag.errors import EvaluationError
from rag.evaluation.cases import Case, CaseSet
from rag.evaluation.outcome import Outcome
from rag.evaluation.scores import Measured, Scores, by_tag, measure, score, why_failed
from rag.settings import Settings

SCHEMA = "dateline/evaluation/1"
# Where things are kept and who is asked do not belong to what was measured; a URL may hold a password.
NOT_MEASURED = {"home", "database_url", "seeds", "store_answers", "answer_retention_days", "question_limit"}
NOT_MEASURED_FAMILIES = ("discord_", "chroma_")


@dataclass(frozen=True)
class Evaluation:
    """A finished run over a set. `corpus_digest` is "" when the user's own library was asked."""

    case_set: CaseSet
    outcomes: tuple[Outcome, ...]
    corpus_digest: str
    settings: Mapping[str, object]
    wall_seconds: float = 0.0

    @cached_property
    def scores(self) -> tuple[Scores, ...]:
        return tuple(score(case, outcome) for case, outcome in self.pairs)

    @cached_property
    def metrics(self) -> dict[str, Measured]:
        return measure(self.scores)

    @cached_property
    def slices(self) -> dict[str, dict[str, Measured]]:
        """Every metric over the cases of each tag."""
        return {tag: measure(scores) for tag, scores in by_tag(self.case_set.cases, self.scores).items()}

    @property
    def pairs(self) -> list[tuple[Case, Outcome]]:
        return list(zip(self.case_set.cases, self.outcomes, strict=True))

    @property
    def errors(self) -> list[tuple[Case, Outcome]]:
        return [(case, outcome) for case, outcome in self.pairs if outcome.error]


def measured_settings(settings: Settings) -> dict[str, object]:
    """The settings that an answer depends on, without secrets and addresses; of options only the names."""
    chosen: dict[str, object] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if name in NOT_MEASURED or name.startswith(NOT_MEASURED_FAMILIES) or isinstance(value, SecretStr):
            continue
        if name.endswith("_url"):
            continue
        if name.startswith("model_") and not settings.model:
            continue
        chosen[name] = sorted(value) if isinstance(value, dict) else value
    return chosen


def evaluation_json(evaluation: Evaluation) -> dict[str, object]:
    """The documented JSON form of an evaluation, see docs/formats.md."""
    return summary_json(evaluation) | {
        "slices": {
            tag: {name: measured_json(measured) for name, measured in slice_metrics.items() if measured.n}
            for tag, slice_metrics in evaluation.slices.items()
        },
        "cases": [
            case_json(case, outcome, scores)
            for (case, outcome), scores in zip(evaluation.pairs, evaluation.scores, strict=True)
        ],
    }


def baseline_json(evaluation: Evaluation) -> dict[str, object]:
    """What a later run is compared with: the summary, and of each case what the paired tests need.

    Without times: another machine has others, and a new baseline should differ only where answers do.
    """
    cases = [
        {"id": case.id, "error": outcome.error, "scores": scores_json(scores, without=("latency_ms",))}
        for (case, outcome), scores in zip(evaluation.pairs, evaluation.scores, strict=True)
    ]
    summary = summary_json(evaluation)
    timeless = {
        name: measured_json(evaluation.metrics[name]) for name in evaluation.metrics if not name.endswith("_ms")
    }
    return {name: value for name, value in summary.items() if name != "seconds"} | {"metrics": timeless, "cases": cases}


def summary_json(evaluation: Evaluation) -> dict[str, object]:
    """What was measured, over what, and the metrics."""
    answerable = [case for case in evaluation.case_set.cases if not case.refusal_expected]
    notes = [outcome.note for outcome in evaluation.outcomes if outcome.note]
    answering = sum((outcome.timings_ms or {}).get("total", 0.0) for outcome in evaluation.outcomes) / 1000
    return {
        "schema": SCHEMA,
        "set": {
            "name": evaluation.case_set.name,
            "digest": evaluation.case_set.digest,
            "corpus_digest": evaluation.corpus_digest,
        },
        "settings": dict(evaluation.settings),
        "counts": {
            "cases": len(evaluation.case_set.cases),
            "answerable": len(answerable),
            "unanswerable": len(evaluation.case_set.cases) - len(answerable),
            "answered": sum(not outcome.refused and not outcome.error for outcome in evaluation.outcomes),
            "refused": sum(outcome.refused for outcome in evaluation.outcomes),
            "errors": len(evaluation.errors),
            "notes": len(notes),
        },
        "seconds": {"wall": round(evaluation.wall_seconds, 3), "answering": round(answering, 3)},
        "metrics": {name: measured_json(measured) for name, measured in evaluation.metrics.items()},
    }


def measured_json(measured: Measured) -> dict[str, float | int | None]:
    """A metric's value and interval, null where there is none."""
    numbers = {"value": measured.value, "low": measured.low, "high": measured.high}
    return {name: number(value) for name, value in numbers.items()} | {"n": measured.n}


def case_json(case: Case, outcome: Outcome, scores: Scores) -> dict[str, object]:
    """One case: what was asked and expected, what came, and how it scored."""
    return {
        "id": case.id,
        "question": case.question,
        "expect": "refuse" if case.refusal_expected else "answer",
        "tags": list(case.tags),
        "error": outcome.error,
        "why": why_failed(case, outcome, scores),
        "standalone_question": outcome.standalone_question,
        "text": outcome.text,
        "refused": outcome.refused,
        "citations": [
            {name: value for name, value in asdict(passage).items() if name != "library"}
            | {"published": iso(passage.published)}
            for passage in outcome.citations
        ],
        "ranking": [list(articles) for articles in outcome.ranking],
        "as_of": iso(outcome.as_of),
        "model": outcome.model,
        "note": outcome.note,
        "timings_ms": {step: round(value, 3) for step, value in (outcome.timings_ms or {}).items()},
        "scores": scores_json(scores),
    }


def scores_json(scores: Scores, without: Sequence[str] = ()) -> dict[str, float]:
    """The scores that the case has, unrounded: a rounded baseline would differ from the run that it was made of."""
    return {name: value for name, value in scores.items() if value is not None and name not in without}


def json_text(results: Mapping[str, object]) -> str:
    """Results as a file: JSON with one case a line, so that two versions can be compared line by line."""
    summary = {name: value for name, value in results.items() if name != "cases"}
    head = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False).removesuffix("\n}")
    cases = results["cases"]
    assert isinstance(cases, list)
    lines = ",\n".join(f"  {json.dumps(case, ensure_ascii=False, allow_nan=False)}" for case in cases)
    return f'{head},\n "cases": [\n{lines}\n ]\n}}\n'


def number(value: float) -> float | None:
    """A number for JSON, which knows no NaN."""
    return None if math.isnan(value) else round(value, 6)


class WrittenScores(BaseModel):
    """A case of a baseline."""

    id: str
    error: str = ""
    scores: dict[str, float | None]


class WrittenSet(BaseModel):
    """Which cases over which articles."""

    name: str
    digest: str
    corpus_digest: str


class Baseline(BaseModel):
    """An earlier evaluation, as far as comparing needs it; read from `--write-baseline` or `--json` output."""

    schema_name: str = Field(alias="schema")
    case_set: WrittenSet = Field(alias="set")
    cases: list[WrittenScores]


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file. Raises EvaluationError when it is none, or of another version."""
    content = read_json(path, "a baseline", "make one with `--write-baseline`")
    schema = content.get("schema")
    if schema != SCHEMA:
        raise EvaluationError(
            f"{path} has the schema {schema!r}, this program compares {SCHEMA!r}: "
            "make a new one with `--write-baseline`."
        )
    try:
        return Baseline.model_validate(content)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise EvaluationError(f"{path} is damaged at {place}: make a new one with `--write-baseline`.") from None


def read_json(path: Path, what: str, advice: str) -> dict[str, object]:
    """A JSON object from a file. Raises EvaluationError."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read ({error.strerror}): {advice}.") from None
    except (ValueError, RecursionError):
        raise EvaluationError(f"{path} is not JSON and so cannot be {what}: {advice}.") from None
    if not isinstance(content, dict):
        raise EvaluationError(f"{path} is no JSON object and so cannot be {what}: {advice}.")
    return content
