"""Intervals and fits of the studies; all intervals are at 95 %."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, rankdata

Floats = NDArray[np.float64]
LEVEL = 0.95
RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A value between `low` and `high`; all three `None` where the data do not give one."""

    value: float | None
    low: float | None
    high: float | None


def wilson(right: int, total: int) -> Interval:
    """Return a share and its score interval (Wilson, 1927)."""
    if total == 0:
        return Interval(None, None, None)
    interval = binomtest(right, total).proportion_ci(LEVEL, "wilson")
    return Interval(right / total, float(interval.low), float(interval.high))


def resampled(count: int, seed: int) -> NDArray[np.int64]:
    """Return which of `count` items each bootstrap sample takes `(RESAMPLES, count)`."""
    return np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))


def between(value: float, draws: Floats) -> Interval:
    """Return `value` with the percentile interval of its bootstrap draws; NaN are left out."""
    kept = draws[np.isfinite(draws)]
    if not np.isfinite(value) or len(kept) == 0:
        return Interval(None, None, None)
    low, high = np.quantile(kept, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(value), float(low), float(high))


def mean_interval(values: Floats, seed: int) -> Interval:
    """Return the mean over independent values and its bootstrap interval; NaN are left out."""
    kept = values[np.isfinite(values)]
    if len(kept) == 0:
        return Interval(None, None, None)
    return between(float(kept.mean()), kept[resampled(len(kept), seed)].mean(1))


def rank_correlation(x: Floats, y: Floats) -> Interval:
    """Return Spearman's correlation of `(runs, values)`, all values pooled, runs drawn anew.

    Without a value where one of the two has the same value everywhere.
    """

    def spearman(runs: NDArray[np.int64]) -> Floats:
        a, b = (rankdata(values[runs].reshape(len(runs), -1), axis=1) for values in (x, y))
        a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
        with np.errstate(invalid="ignore"):  # 0/0 where all values are the same
            correlation: Floats = (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))
        return correlation

    whole = spearman(np.arange(len(x))[None])
    return between(float(whole[0]), spearman(resampled(len(x), seed=0)))


class PowerLaw(NamedTuple):
    """error = scale · K^-exponent; arrays over the leading axes of the counts."""

    exponent: Floats
    scale: Floats


def power_law(classes: Floats, wrong: Floats, total: float) -> PowerLaw:
    """Fit wrong answers `(..., len(classes))` among `total` by maximum likelihood.

    wrong_K ~ Poisson(total · scale · K^-exponent): a generalised linear model with logarithmic
    link, by Newton's method. Counts of zero need no special care. NaN where fewer than two K have
    wrong answers: then the likelihood has no maximum.
    """
    x = np.log(classes) - np.log(classes).mean()
    design = np.stack([np.ones_like(x), -x], axis=1)
    start = np.log(np.maximum(wrong.mean(-1), 0.5))
    beta = np.stack([start, np.zeros_like(start)], axis=-1)
    for _ in range(60):
        expected = np.exp(beta @ design.T)
        score = (wrong - expected) @ design
        information = np.einsum("...k,ki,kj->...ij", expected, design, design)
        change = np.linalg.solve(information, score[..., None])[..., 0]
        beta = beta + np.clip(change, -1, 1)
    fits = (wrong > 0).sum(-1) >= 2
    exponent = np.where(fits, beta[..., 1], np.nan)
    intercept = beta[..., 0] + exponent * np.log(classes).mean()
    return PowerLaw(exponent, np.exp(intercept) / total)


def straight_line(classes: Floats, wrong: Floats, total: float) -> PowerLaw:
    """Fit a line to the logarithms, all K with equal weight; no wrong answer counts as half."""
    slope, intercept = np.polyfit(np.log(classes), np.log(np.maximum(wrong, 0.5) / total).T, 1)
    return PowerLaw(-slope, np.exp(intercept))
