"""An evaluation on a terminal: tables of metrics and slices, what the gate found. Pure renderings."""

import re
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bot.terminal.render import safe
from rag.evaluation.gate import CaseChange, Change, GateVerdict
from rag.evaluation.model_judge import ModelGrades
from rag.evaluation.report import SLICE_COLUMNS, interval_text, value_text
from rag.evaluation.results import Evaluation, summary_json
from rag.evaluation.scores import DECIDING, GROUPS, METRICS_BY_NAME, Measured

ERRORS_SHOWN = 20

# Characters. With the longest name, 28, and two before it a line has 70.
VALUE, INTERVAL, COUNT = 9, 19, 8
HEADING_WIDTH = 10
"""Of a heading over a column of a tag's metrics: five of them, n and a tag of 12 fill a line of 80."""


def evaluation_view(evaluation: Evaluation, all_metrics: bool = False) -> RenderableType:
    """What decides, or every metric, with intervals; the same by tag; counts, and every error. Fits 80 characters."""
    counts = summary_json(evaluation)["counts"]
    counted = ", ".join(f"{count} {name}" for name, count in counts.items()) if isinstance(counts, dict) else ""
    parts: list[RenderableType] = [*metric_lines(evaluation, all_metrics), Text()]
    if evaluation.slices:
        parts += [slices_table(evaluation), Text()]
    parts.append(safe_text(f"{evaluation.case_set.name}: {counted}; {evaluation.wall_seconds:.1f} s"))
    notes = [outcome.note for outcome in evaluation.outcomes if outcome.note]
    if notes:
        carry = "1 answer carries a note" if len(notes) == 1 else f"{len(notes)} answers carry a note, the first one"
        parts.append(safe_text(f"{carry}: {notes[0]}"))
    parts += [
        safe_text(f"error in {case.id} ({case.place}): {outcome.error}")
        for case, outcome in evaluation.errors[:ERRORS_SHOWN]
    ]
    if len(evaluation.errors) > ERRORS_SHOWN:
        parts.append(Text(f"... and {len(evaluation.errors) - ERRORS_SHOWN} more errors: see --json or --report."))
    return Group(*parts)


def safe_text(text: str) -> Text:
    return Text(safe(text))


def metric_lines(evaluation: Evaluation, all_metrics: bool) -> Iterator[RenderableType]:
    """The metrics that at least one case has, group by group: name, value, 95 % interval, n; below, what it means."""
    shown = [name for names in GROUPS.values() for name in names if all_metrics or name in DECIDING]
    width = max(map(len, shown))
    yield Text(f"  {'':<{width}}{'value':>{VALUE}}{'95 % interval':>{INTERVAL}}{'n':>{COUNT}}", style="bold")
    for group, names in GROUPS.items():
        measured = [name for name in names if name in shown and evaluation.metrics[name].n]
        if measured:
            yield Text(group, style="bold")
        for name in measured:
            yield Text(f"  {name:<{width}}{numbers_text(evaluation.metrics[name], METRICS_BY_NAME[name].unit)}")
            yield Padding(Text(METRICS_BY_NAME[name].meaning, style="dim"), (0, 0, 0, 4), expand=False)


def numbers_text(measured: Measured, unit: str) -> str:
    """Value, interval and n in columns of fixed width."""
    value, interval = value_text(measured, unit), interval_text(measured, unit)
    return f"{value:>{VALUE}}{interval:>{INTERVAL}}{measured.n:>{COUNT},}"


def slices_table(evaluation: Evaluation) -> Table:
    """The main metrics over the cases of each tag; long names go on in the next line."""
    table = Table(box=None, header_style="bold", padding=(0, 1))
    table.add_column("tag", overflow="fold")
    for name in (*SLICE_COLUMNS, "n"):
        table.add_column(stacked(name), justify="right", no_wrap=True)
    for tag, measured in evaluation.slices.items():
        values = [value_text(measured[name], METRICS_BY_NAME[name].unit) for name in SLICE_COLUMNS]
        table.add_row(safe_text(tag), *values, str(measured["correct"].n))
    return table


def stacked(name: str) -> str:
    """A name in lines of at most HEADING_WIDTH characters where its words allow it, broken after underscores."""
    lines = [""]
    for word in re.findall(r"[^_]+_?", name):
        if lines[-1] and len(lines[-1] + word) > HEADING_WIDTH:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)


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
