"""An evaluation on a terminal: tables of metrics and slices, what the gate found. Pure renderings."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bot.terminal.render import safe
from rag.evaluation.gate import CaseChange, Change, GateVerdict
from rag.evaluation.model_judge import ModelGrades
from rag.evaluation.report import SLICE_COLUMNS, interval_text, value_text
from rag.evaluation.results import Evaluation, summary_json
from rag.evaluation.scores import METRICS, METRICS_BY_NAME

ERRORS_SHOWN = 20


def evaluation_view(evaluation: Evaluation) -> RenderableType:
    """Counts, metrics with intervals, slices, and every error."""
    counts = summary_json(evaluation)["counts"]
    counted = ", ".join(f"{count} {name}" for name, count in counts.items()) if isinstance(counts, dict) else ""
    parts: list[RenderableType] = [metrics_table(evaluation)]
    if evaluation.slices:
        parts.append(slices_table(evaluation))
    parts.append(safe_text(f"{evaluation.case_set.name}: {counted}; {evaluation.wall_seconds:.1f} s"))
    notes = [outcome.note for outcome in evaluation.outcomes if outcome.note]
    if notes:
        parts.append(safe_text(f"{len(notes)} answers carry a note, the first one: {notes[0]}"))
    parts += [
        safe_text(f"error in {case.id} ({case.place}): {outcome.error}")
        for case, outcome in evaluation.errors[:ERRORS_SHOWN]
    ]
    if len(evaluation.errors) > ERRORS_SHOWN:
        parts.append(Text(f"... and {len(evaluation.errors) - ERRORS_SHOWN} more errors: see --json or --report."))
    return Group(*parts)


def safe_text(text: str) -> Text:
    return Text(safe(text))


def metrics_table(evaluation: Evaluation) -> Table:
    """Every metric that at least one case has."""
    table = Table("metric", "value", "95 % interval", "n", "meaning", box=None, header_style="bold", padding=(0, 1))
    for column in table.columns[1:4]:
        column.justify, column.no_wrap = "right", True
    table.columns[0].no_wrap = True
    for metric in METRICS:
        measured = evaluation.metrics[metric.name]
        if measured.n:
            value, interval = value_text(measured, metric.unit), interval_text(measured, metric.unit)
            table.add_row(metric.name, value, interval, str(measured.n), metric.meaning)
    return table


def slices_table(evaluation: Evaluation) -> Table:
    """The main metrics over the cases of each tag."""
    table = Table("tag", *SLICE_COLUMNS, "n", box=None, header_style="bold", padding=(0, 1))
    for column in table.columns[1:]:
        column.justify = "right"
    for tag, measured in evaluation.slices.items():
        values = [value_text(measured[name], METRICS_BY_NAME[name].unit) for name in SLICE_COLUMNS]
        table.add_row(safe_text(tag), *values, str(measured["correct"].n))
    return table


def verdict_view(verdict: GateVerdict) -> RenderableType:
    """What got better and worse, metric by metric and case by case, and whether the gate lets this run in."""
    lines = [f"threshold: {breach}" for breach in verdict.breaches]
    lines += [change_line(change) for change in verdict.changes]
    lines += [case_line(change) for change in sorted(verdict.case_changes, key=lambda change: change.better)]
    if verdict.passed:
        lines.append("The gate passes.")
    else:
        lines.append(f"The gate fails: {len(verdict.breaches)} thresholds, {len(verdict.losses)} significant losses.")
    return Text("\n".join(safe(line) for line in lines))


def change_line(change: Change) -> str:
    side = "LOSS" if change.is_significant_loss else "worse" if change.worse else "better"
    return f"{side}: {change.name} {change.before:.3f} -> {change.after:.3f} (p = {change.p:.3f}, {change.test})"


def case_line(change: CaseChange) -> str:
    why = "" if change.better else f": {change.why}"
    return f"{'better' if change.better else 'worse'}: {change.case_id} ({change.question}){why}"


def model_grades_view(grades: ModelGrades) -> RenderableType:
    """What a model thought of the answers, under its name."""
    lines = [f"Judged by the model {grades.judge!r}, {grades.repeats} times each; not part of the metrics above."]
    for name, measured in (("correctness", grades.correctness), ("faithfulness", grades.faithfulness)):
        value, interval = value_text(measured, "share"), interval_text(measured, "share")
        lines.append(f"  {name} {value} ({interval}), n = {measured.n}" if measured.n else f"  {name}: nothing graded")
    if grades.unreadable:
        lines.append(f"  {grades.unreadable} replies were neither yes nor no.")
    return Text("\n".join([*lines, *(f"  {safe(error)}" for error in grades.errors)]))
