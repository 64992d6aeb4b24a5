"""An evaluation as one HTML page that needs no network: tables, plots, and every case with its quotes in their articles.

Questions, answers and articles are anybody's text (rag/html_page.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rag.answer import iso
from rag.evaluation.cases import Case
from rag.evaluation.metrics import Columns, risk_curve
from rag.evaluation.outcome import Outcome, QuotedPassage
from rag.evaluation.results import Evaluation, summary_json
from rag.evaluation.scores import GROUPS, METRICS_BY_NAME, Measured, Scores, columns_of, why_failed
from rag.html_page import html_page, tick
from vectorstore.values import Span

WIDTH, HEIGHT = 420, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 14, 40

Point = tuple[float, float]

SLICE_COLUMNS = ("correct", "recall_at_10", "answer_or_gold_in_quotes", "citation_precision", "refusal_recall")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an article's text: quoted by citation `number` (0: not quoted), part of a gold quote or not."""

    text: str
    number: int = 0
    gold: bool = False


@dataclass(frozen=True, slots=True)
class ShownArticle:
    """An article of a case, its text in pieces."""

    id: str
    title: str
    source: str
    published: str
    is_gold: bool
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class ShownCase:
    """A case as the page shows it. `verdict` is one of VERDICTS."""

    case: Case
    outcome: Outcome
    scores: Scores
    verdict: str
    why: str
    articles: tuple[ShownArticle, ...]


VERDICTS = ("right answer", "right refusal", "wrong answer", "wrong refusal", "answered, should refuse", "error")


def report_html(evaluation: Evaluation, texts: Mapping[str, str]) -> str:
    """The page. `texts`: article texts by id; an article that is not among them is shown by its quotes alone."""
    values = {
        "evaluation": evaluation,
        "summary": summary_json(evaluation),
        "groups": {
            group: [(METRICS_BY_NAME[name], evaluation.metrics[name]) for name in names]
            for group, names in GROUPS.items()
        },
        "slice_columns": [METRICS_BY_NAME[name] for name in SLICE_COLUMNS],
        "plots": [plot for plot in (risk_coverage_plot(evaluation), latency_plot(evaluation)) if plot],
        "cases": [
            shown_case(case, outcome, scores, texts)
            for (case, outcome), scores in zip(evaluation.pairs, evaluation.scores, strict=True)
        ],
        "verdicts": VERDICTS,
        "value": value_text,
        "interval": interval_text,
        "iso": iso,
    }
    return html_page("rag.evaluation/report", values)


def shown_case(case: Case, outcome: Outcome, scores: Scores, texts: Mapping[str, str]) -> ShownCase:
    """A case with its cited and gold articles."""
    cited = {passage.article_id: passage for passage in outcome.citations}
    shown = tuple(
        shown_article(article_id, case, outcome.citations, texts)
        for article_id in dict.fromkeys([*cited, *case.gold_articles])
    )
    return ShownCase(case, outcome, scores, verdict(case, outcome, scores), why_failed(case, outcome, scores), shown)


def shown_article(
    article_id: str, case: Case, citations: Sequence[QuotedPassage], texts: Mapping[str, str]
) -> ShownArticle:
    """An article with the passages quoted from it and the gold quotes in it marked."""
    quoting = [passage for passage in citations if passage.article_id == article_id]
    text = texts.get(article_id)
    if text is None:
        pieces = tuple(Piece(passage.quote, passage.number) for passage in quoting)
    else:
        quoted = [((passage.start, passage.end), passage.number) for passage in quoting]
        pieces = marked_pieces(text, quoted, gold_spans(text, case.gold_quotes))
    first = quoting[0] if quoting else None
    return ShownArticle(
        article_id,
        first.title if first else article_id,
        first.source if first else "",
        published_words(first) if first else "",
        article_id in case.gold_articles,
        pieces,
    )


def published_words(passage: QuotedPassage) -> str:
    """The day or time of publication, "about" where it is a guess; "" for an article without a date."""
    published = iso(passage.published) or ""
    return f"about {published}" if passage.published_guessed else published


def gold_spans(text: str, gold_quotes: Sequence[str]) -> list[Span]:
    """Where the gold quotes stand in an article, those that do."""
    found = [(text.find(quote), len(quote)) for quote in gold_quotes]
    return [(start, start + length) for start, length in found if start >= 0]


def marked_pieces(text: str, quoted: Sequence[tuple[Span, int]], gold: Sequence[Span]) -> tuple[Piece, ...]:
    """The text cut wherever a quoted or gold passage begins or ends; overlapping quotes show the lower number."""
    bounds = {0, len(text)} | {edge for span, _ in quoted for edge in span} | {edge for span in gold for edge in span}
    edges = sorted(edge for edge in bounds if 0 <= edge <= len(text))
    pieces = []
    for start, end in pairwise(edges):
        numbers = [number for (quote_start, quote_end), number in quoted if quote_start <= start and end <= quote_end]
        is_gold = any(gold_start <= start and end <= gold_end for gold_start, gold_end in gold)
        pieces.append(Piece(text[start:end], min(numbers, default=0), is_gold))
    return tuple(pieces)


def verdict(case: Case, outcome: Outcome, scores: Scores) -> str:
    if outcome.error:
        return "error"
    kind = "refusal" if outcome.refused else "answer"
    if case.refusal_expected and not outcome.refused:
        return "answered, should refuse"
    return f"{'right' if scores['correct'] else 'wrong'} {kind}"


def value_text(measured: Measured | None, unit: str) -> str:
    """A metric's value in its unit, a dash where no case has it."""
    return number_text(measured.value, unit) if measured and measured.n else "–"


def interval_text(measured: Measured, unit: str) -> str:
    return f"{number_text(measured.low, unit)} – {number_text(measured.high, unit)}" if measured.n else ""


def number_text(value: float, unit: str) -> str:
    """Shares with three decimals, milliseconds and tokens whole, words with one."""
    return {"share": f"{value:.3f}", "words": f"{value:.1f}"}.get(unit, f"{value:,.0f}")


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
