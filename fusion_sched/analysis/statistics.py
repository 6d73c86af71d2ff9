"""Means over a handful of seeds, differences between two rows, and their correction for number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95
Values = Mapping[int, float]
"""Seed → value."""


@dataclass(frozen=True)
class Spread:
    """Values over seeds: mean, sample deviation, and Student's 95 % interval of the mean.

    Deviation and interval are ``None`` with one seed.
    """

    values: dict[int, float]
    mean: float
    deviation: float | None
    low: float | None
    high: float | None


def spread(values: Values) -> Spread:
    """Return mean, deviation and interval of one or more values."""
    numbers = np.array(list(values.values()), dtype=float)
    mean = float(numbers.mean())
    if len(numbers) == 1:
        return Spread(dict(values), mean, None, None, None)
    deviation = float(numbers.std(ddof=1))
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(numbers) - 1)) * deviation / len(numbers) ** 0.5
    return Spread(dict(values), mean, deviation, mean - half, mean + half)


@dataclass(frozen=True)
class Difference:
    """A row less another: mean, 95 % interval and two-sided p-value, ``None`` without a test.

    ``seeds`` are those that paired; ``remark`` says what is unusual.
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None
    test: str | None
    seeds: tuple[int, ...]
    remark: str | None = None


def difference(row: Values, other: Values) -> Difference:
    """Return how far ``row`` is above ``other``, by a t-test on the differences seed by seed.

    Runs of one seed share the order of batches, the initial weights and the probe's samples, so
    the pairs take out what the seed does to both. Where fewer than half of the seeds pair, Welch's
    test, which assumes neither pairs nor equal deviations. A signed-rank test is no choice here:
    with five seeds its smallest p-value is 1/16, whatever the data.
    """
    common = tuple(sorted(set(row) & set(other)))
    if not common or 2 * len(common) < max(len(row), len(other)):
        return welch(row, other)
    left = sorted(set(row) ^ set(other))
    remark = f"without a partner and left out of the test: seed {listed(left)}" if left else None
    gaps = np.array([row[seed] - other[seed] for seed in common])
    mean = float(gaps.mean())
    if len(common) == 1:
        return Difference(mean, None, None, None, None, common, joined("one pair of seeds", remark))
    if np.allclose(gaps, gaps[0]):
        nothing = bool(np.allclose(gaps, 0))
        same = "the same on every seed" if nothing else "every seed differs by the same amount"
        return Difference(mean, None, None, None, None, common, joined(same, remark))
    found = stats.ttest_rel([row[s] for s in common], [other[s] for s in common])
    low, high = found.confidence_interval(LEVEL)
    return Difference(
        mean, float(low), float(high), float(found.pvalue), "paired t", common, remark
    )


def welch(row: Values, other: Values) -> Difference:
    """Return the difference of the means of rows whose seeds do not pair."""
    a, b = (np.array(list(values.values())) for values in (row, other))
    mean = float(a.mean() - b.mean())
    remark = "the seeds do not pair"
    if min(len(a), len(b)) < 2:
        return Difference(mean, None, None, None, None, (), f"{remark}, and one row has one seed")
    if np.allclose(a, a[0]) and np.allclose(b, b[0]):
        return Difference(mean, None, None, None, None, (), f"{remark}, and neither row varies")
    found = stats.ttest_ind(a, b, equal_var=False)
    low, high = found.confidence_interval(LEVEL)
    return Difference(
        mean, float(low), float(high), float(found.pvalue), "Welch t", (),
        f"{remark}: Welch's test",
    )  # fmt: skip


def joined(first: str, second: str | None) -> str:
    """Return both remarks, or the one that there is."""
    return first if second is None else f"{first}; {second}"


def listed(numbers: Sequence[int]) -> str:
    """Return ``0, 1, 2``."""
    return ", ".join(map(str, numbers))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values corrected for their number (Holm, 1979); ``None`` stays and does not count.

    The k-th smallest of m is multiplied by m - k + 1, and none falls below a smaller one's.
    """
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    least = 0.0
    for rank, (p, i) in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * p))
        corrected[i] = least
    return corrected
