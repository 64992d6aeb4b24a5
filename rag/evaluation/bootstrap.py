"""How sure a number is: bootstrap intervals, and paired tests of two runs over the same cases. Seeded: repeatable."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rag.evaluation.metrics import Columns

Statistic = Callable[[Mapping[str, Columns]], Columns]
"""From named columns (resamples x cases) to one number for each resample."""

RESAMPLES = 1_000
BOOTSTRAP_SEED = 20_251_017


class Drawn(Mapping[str, Columns]):
    """Columns as drawn, resamples x cases: made when asked for, as a statistic needs few of the many columns."""

    def __init__(self, columns: Mapping[str, Columns], chosen: NDArray[np.int64]) -> None:
        self.columns = columns
        self.chosen = chosen

    def __getitem__(self, name: str) -> Columns:
        return self.columns[name][self.chosen]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def interval(statistic: Statistic, columns: Mapping[str, Columns]) -> tuple[float, float]:
    """95 % percentile bootstrap interval, cases drawn with replacement (Efron and Tibshirani 1993, chapter 13)."""
    values = statistic(Drawn(columns, draws(length(columns))))
    values = values[~np.isnan(values)]
    if not len(values):
        return math.nan, math.nan
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def on_all(statistic: Statistic, columns: Mapping[str, Columns]) -> float:
    """The statistic of the cases as they are."""
    return float(statistic(Drawn(columns, np.arange(length(columns))[None, :]))[0])


def paired_bootstrap(statistic: Statistic, before: Mapping[str, Columns], after: Mapping[str, Columns]) -> float:
    """Two-sided p of no difference: both runs are resampled with the same draws of cases.

    Twice the share of resamples on the rarer side of zero, one added above and below so that p is never 0
    (Davison and Hinkley 1997).
    """
    chosen = draws(length(before))
    differences = statistic(Drawn(after, chosen)) - statistic(Drawn(before, chosen))
    differences = differences[~np.isnan(differences)]
    rarer = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return min(1.0, 2 * (rarer + 1) / (len(differences) + 1))


def mcnemar_exact(lost: int, won: int) -> float:
    """Two-sided exact p that a case is as likely lost as won: binomial over the cases that changed (McNemar 1947)."""
    changed = lost + won
    tail = sum(math.comb(changed, k) for k in range(min(lost, won) + 1))
    return min(1.0, 2 * tail / (1 << changed))


@lru_cache(maxsize=32)
def draws(cases: int) -> NDArray[np.int64]:
    """The same draws of case numbers for the same number of cases, always."""
    return np.random.default_rng(BOOTSTRAP_SEED).integers(0, cases, size=(RESAMPLES, cases))


def length(columns: Mapping[str, Columns]) -> int:
    return len(next(iter(columns.values())))


def column(values: Sequence[float | None]) -> Columns:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)
