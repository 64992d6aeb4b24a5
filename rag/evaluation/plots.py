"""Two plots as SVG text: risk over coverage, and the share of answers ready within a time. Numbers in, markup out."""

from collections.abc import Sequence

import numpy as np

from rag.evaluation.metrics import Columns, risk_curve
from rag.evaluation.results import Evaluation
from rag.evaluation.scores import columns_of

WIDTH, HEIGHT = 420, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 14, 40

Point = tuple[float, float]


def risk_coverage_plot(evaluation: Evaluation) -> str:
    """Share of unanswerable questions among the most probable ones, over the share of questions taken. "" without any."""
    columns = columns_of(evaluation.scores)
    judged = ~np.isnan(columns["probability"])
    count = int(judged.sum())
    if not count:
        return ""
    risks = risk_curve(columns["probability"][judged], columns["refusal_expected"][judged])
    points = [((place + 1) / count, float(risk)) for place, risk in enumerate(risks)]
    answered = count - int(columns["refused"][judged].sum())
    marked = points[answered - 1] if answered else None
    return line_plot(points, 1.0, 1.0, "coverage: share of the questions, most probable first", "risk", marked)


def latency_plot(evaluation: Evaluation) -> str:
    """Share of the answers that were ready within so many milliseconds, "" when none was timed."""
    latency: Columns = columns_of(evaluation.scores)["latency_ms"]
    timed = np.sort(latency[~np.isnan(latency)])
    if not len(timed):
        return ""
    points = [(float(value), (place + 1) / len(timed)) for place, value in enumerate(timed)]
    return line_plot(points, float(timed[-1]) or 1.0, 1.0, "milliseconds", "share of answers ready", None)


def line_plot(
    points: Sequence[Point], most_x: float, most_y: float, x_label: str, y_label: str, marked: Point | None
) -> str:
    """A line through the points, axes from 0 to the most with five ticks, and one point marked."""

    def at(point: Point) -> str:
        x = LEFT + point[0] / most_x * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - point[1] / most_y * (HEIGHT - TOP - BOTTOM)
        return f"{x:.1f},{y:.1f}"

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{y_label} over {x_label}">']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = at((share * most_x, 0)).split(",")[0], at((0, share * most_y)).split(",")[1]
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{x}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{tick(share * most_x)}</text>')
        parts.append(f'<text x="{LEFT - 6}" y="{y}" dy="4" text-anchor="end">{tick(share * most_y)}</text>')
    parts.append(f'<polyline class="line" points="{" ".join(at(point) for point in points)}"/>')
    if marked:
        x, y = at(marked).split(",")
        parts.append(f'<circle class="marked" cx="{x}" cy="{y}" r="4"><title>as answered</title></circle>')
    parts.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{x_label}</text>')
    parts.append(f'<text x="12" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 12 {HEIGHT / 2})">')
    return "".join([*parts, f"{y_label}</text></svg>"])


def tick(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"
