"""The logarithm of the ratio of two uniquenesses, either of which may be zero."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from fusion_sched.estimation.entropies import Array

RESOLUTION = 1e-3  # bits: a uniqueness below it is taken as so much, so that a ratio stays finite
GRID = 2001  # ratios at which the test below is made


def log_ratio_of(first: ArrayLike, second: ArrayLike) -> Array:
    """ln(first / second), each at least the resolution."""
    ends = [np.maximum(np.asarray(x, dtype=np.float64), RESOLUTION) for x in (first, second)]
    return np.asarray(np.log(ends[0] / ends[1]))


def log_ratio_interval(
    first: float, second: float, covariance: Array, reach: float
) -> tuple[float, float]:
    """The ratios that the two estimates do not contradict (Fieller 1954), as logarithms.

    A ratio e^t is kept where |first - e^t second| is at most `reach` of its standard errors. Where
    both uniquenesses may be zero every ratio is kept: the interval is then as wide as the
    resolution allows, and rightly so.
    """
    widest = math.log(max(first, second, 1.0) / RESOLUTION)
    t = np.linspace(-widest, widest, GRID)
    ratio = np.exp(t)
    variance = covariance[0, 0] - 2 * ratio * covariance[0, 1] + ratio**2 * covariance[1, 1]
    kept = t[(first - ratio * second) ** 2 <= reach**2 * variance]
    point = float(log_ratio_of(first, second))
    if not len(kept):  # one of them is zero or negative beyond its error
        return (-widest, point) if first < second else (point, widest)
    return min(point, float(kept[0])), max(point, float(kept[-1]))
