"""A library's numbers as one HTML page that needs no network: what came when, by outlet, and what is odd in it. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain

from rag.html_page import html_page, tick
from rag.library_stats import LibraryStats, OutletStats

MAX_OUTLETS = 60
"""Drawn one by one; the rest is one row."""
STEPS = ((400, 1, "day"), (2_800, 7, "week"), (12_000, 30, "30 days"), (150_000, 365, "365 days"))
"""Up to so many days in all, one bar is so many days, in words: bars stay wide enough to be seen."""
ALL_SIZE, OUTLET_SIZE = (960, 200), (420, 40)
MARGIN_LEFT, MARGIN_RIGHT, MARGIN_BELOW = 44, 8, 34


@dataclass(frozen=True, slots=True)
class Axis:
    """The days that are drawn, both included, `step` days a bar."""

    first: date
    last: date
    step: int
    unit: str

    @classmethod
    def over(cls, days: Sequence[date]) -> "Axis | None":
        """One that all of these days are on; None for no day."""
        if not days:
            return None
        first, last = min(days), max(days)
        length = (last - first).days + 1
        step, unit = next(((step, unit) for most, step, unit in STEPS if length <= most), (3_650, "3,650 days"))
        return cls(first, last, step, unit)

    @property
    def bars(self) -> int:
        return (self.last - self.first).days // self.step + 1

    def counts(self, days: Mapping[date, int]) -> dict[int, int]:
        """What falls on each bar that has something, by its place."""
        bars = Counter[int]()
        for day, count in days.items():
            bars[(day - self.first).days // self.step] += count
        return dict(sorted(bars.items()))

    def words(self, bar: int) -> str:
        """The days of a bar."""
        begin = self.first + timedelta(days=bar * self.step)
        end = min(begin + timedelta(days=self.step - 1), self.last)
        return begin.isoformat() if begin == end else f"{begin.isoformat()} to {end.isoformat()}"


@dataclass(frozen=True, slots=True)
class OutletRow:
    """An outlet as the page shows it: its chart as SVG, and the most articles that one bar has."""

    outlet: OutletStats
    chart: str
    most: int


def stats_html(stats: LibraryStats, made_at: datetime) -> str:
    """The page."""
    axis = Axis.over(list(chain.from_iterable(outlet.days for outlet in stats.outlets)))
    days, flagged_days = Counter[date](), Counter[date]()
    for outlet in stats.outlets:
        days.update(outlet.days)
        flagged_days.update(outlet.flagged_days)
    rows = [outlet_row(outlet, axis) for outlet in stats.outlets[:MAX_OUTLETS]]
    values = {
        "stats": stats,
        "made_at": f"{made_at:%Y-%m-%d %H:%M} UTC",
        "axis": axis,
        "chart": large_chart(axis, axis.counts(days), axis.counts(flagged_days)) if axis else "",
        "rows": rows,
        "left_out": stats.outlets[MAX_OUTLETS:],
        "megabytes": {part: f"{size / 1e6:,.1f} MB" for part, size in stats.sizes.items()},
    }
    return html_page("rag/library_report", values)


def outlet_row(outlet: OutletStats, axis: Axis | None) -> OutletRow:
    if axis is None or not outlet.days:
        return OutletRow(outlet, "", 0)
    counts, flagged = axis.counts(outlet.days), axis.counts(outlet.flagged_days)
    width, height = OUTLET_SIZE
    most = max(counts.values())
    drawn = bars(axis, counts, flagged, (0, 2, width, height - 10), most)
    return OutletRow(outlet, f'<svg viewBox="0 0 {width} {height}" role="img" aria-hidden="true">{drawn}</svg>', most)


def large_chart(axis: Axis, counts: Mapping[int, int], flagged: Mapping[int, int]) -> str:
    """All outlets together, with an axis on either side."""
    width, height = ALL_SIZE
    most = max(counts.values())
    right, below = width - MARGIN_RIGHT, height - MARGIN_BELOW
    parts = [f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Articles published by {axis.unit}">']
    for share in (0.0, 0.5, 1.0):
        y = below - share * (below - 10)
        parts.append(f'<line class="grid" x1="{MARGIN_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{MARGIN_LEFT - 6}" y="{y:.1f}" dy="4" text-anchor="end">{tick(share * most)}</text>')
    length = (axis.last - axis.first).days
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end"))[: 3 if length > 1 else 1]:
        x, day = MARGIN_LEFT + share * (right - MARGIN_LEFT), axis.first + timedelta(days=round(share * length))
        parts.append(f'<text x="{x:.1f}" y="{height - 6}" text-anchor="{anchor}">{day.isoformat()}</text>')
    parts.append(bars(axis, counts, flagged, (MARGIN_LEFT, 10, right, below), most))
    return "".join([*parts, "</svg>"])


def bars(
    axis: Axis,
    counts: Mapping[int, int],
    flagged: Mapping[int, int],
    box: tuple[float, float, float, float],
    most: int,
) -> str:
    """A bar for what was published, and a dot below it where there are flagged passages. box: left, top, right, bottom."""
    left, top, right, bottom = box
    step = (right - left) / axis.bars
    wide = max(step * 0.85, 1.0)
    parts = []
    for bar, count in counts.items():
        tall = max(count / most * (bottom - top), 1.0)
        odd = f", {flagged[bar]:,} flagged" if bar in flagged else ""
        parts.append(
            f'<rect class="bar" x="{left + bar * step:.1f}" y="{bottom - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}">'
            f"<title>{axis.words(bar)}: {count:,}{odd}</title></rect>"
        )
    for bar, count in flagged.items():
        parts.append(
            f'<circle class="marked" cx="{left + bar * step + wide / 2:.1f}" cy="{bottom + 6:.1f}" r="3">'
            f"<title>{axis.words(bar)}: {count:,} flagged</title></circle>"
        )
    return "".join(parts)
