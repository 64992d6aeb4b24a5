"""Draw the risk-coverage curves of evaluations that were written with `dateline evaluate --json`, as one SVG.

    python benchmarks/plot_risk.py NAME=FILE.json ... --output docs/risk-coverage.svg

A curve takes the questions from the most to the least probable one and says which share of those taken has no answer in the
articles (the risk of answering them). The mark on each curve is where the program stops answering.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from rag.evaluation.metrics import risk_curve

WIDTH, HEIGHT, MARGIN = 640, 400, 52
MAX_RISK = 0.6
COLOURS = ("#1565c0", "#c62828", "#2e7d32", "#6a1b9a", "#ef6c00")
DASHES = ("", "8 4", "2 3", "10 3 2 3", "5 5")
"""Curves are told apart without colour too."""


def curve_of(path: Path) -> tuple[list[tuple[float, float]], float]:
    """Points of coverage and risk, and the share of the questions that was answered."""
    cases = json.loads(path.read_text("utf-8"))["cases"]
    scores = [case["scores"] for case in cases if case["scores"].get("probability") is not None]
    risks = risk_curve(
        np.array([one["probability"] for one in scores]), np.array([one["refusal_expected"] for one in scores])
    )
    points = [((place + 1) / len(risks), float(risk)) for place, risk in enumerate(risks)]
    return points, sum(not one["refused"] for one in scores) / len(scores)


def at(coverage: float, risk: float) -> tuple[float, float]:
    """Where a point lies in the picture."""
    return MARGIN + coverage * (WIDTH - 2 * MARGIN), HEIGHT - MARGIN - min(risk, MAX_RISK) / MAX_RISK * (
        HEIGHT - 2 * MARGIN
    )


def drawn(curves: dict[str, tuple[list[tuple[float, float]], float]]) -> str:
    """The picture as SVG text."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = at(share, share * MAX_RISK)
        parts.append(f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y:.0f}" y2="{y:.0f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.0f}" y="{HEIGHT - MARGIN + 16}" text-anchor="middle">{share:.2f}</text>')
        parts.append(f'<text x="{MARGIN - 6}" y="{y + 4:.0f}" text-anchor="end">{share * MAX_RISK:.2f}</text>')
    for number, (name, (points, answered)) in enumerate(curves.items()):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        line = " ".join("{:.1f},{:.1f}".format(*at(*point)) for point in points)
        style = f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"'
        parts.append(f'<polyline points="{line}" {style}/>')
        x, y = at(*min(points, key=lambda point: abs(point[0] - answered)))
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
        height = MARGIN + 14 + 18 * number
        parts.append(f'<line x1="{MARGIN + 12}" x2="{MARGIN + 52}" y1="{height}" y2="{height}" {style}/>')
        parts.append(f'<text x="{MARGIN + 60}" y="{height + 4}">{name}</text>')
    parts.append(
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">coverage: share of the questions</text>'
    )
    parts.append(f'<text transform="rotate(-90)" x="{-HEIGHT / 2}" y="14" text-anchor="middle">risk</text></svg>')
    return "\n".join(parts) + "\n"


def main() -> None:
    """Read, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evaluations", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    named = [argument.partition("=") for argument in options.evaluations]
    options.output.write_text(drawn({name: curve_of(Path(file)) for name, _, file in named}), "utf-8")


if __name__ == "__main__":
    main()
