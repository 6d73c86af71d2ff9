"""Means over a handful of seeds, differences between two rows, and Holm's correction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit

from fusion_sched.types import Estimate

LEVEL = 0.95
FEWEST_SEEDS = 3
"""Of two, Student's t is 12.7: the interval would say nothing, and reach beyond 0 and 100 %."""
PAIRED = "paired t"
Values = Mapping[int, float]
"""Seed → value."""
FoldValues = Mapping[tuple[int, int], float]
"""Seed and fold → value."""


@dataclass(frozen=True)
class Difference:
    """How far a row is above another, with a two-sided p-value.

    Without a test, the estimate has neither interval nor p-value. `seeds` are those that paired;
    `remark` says what is unusual.
    """

    estimate: Estimate
    test: str | None
    seeds: tuple[int, ...]
    remark: str | None = None


def sample_deviation(values: Values) -> float | None:
    """Return the sample standard deviation, `None` with one seed."""
    return float(np.std(list(values.values()), ddof=1)) if len(values) > 1 else None


def mean_over_seeds(values: Values) -> Estimate:
    """Return the mean with Student's 95 % interval, from three seeds on."""
    mean = float(np.mean(list(values.values())))
    deviation, root = sample_deviation(values), len(values) ** 0.5
    if deviation is None:
        return Estimate(mean)
    if len(values) < FEWEST_SEEDS:
        return Estimate(mean, se=deviation / root)
    half = float(stdtrit(len(values) - 1, (1 + LEVEL) / 2)) * deviation / root
    return Estimate(mean, mean - half, mean + half, se=deviation / root)


def mean_accuracy(values: Values) -> Estimate:
    """Return the mean of accuracies in percent; its interval ends at 0 and 100."""
    mean = mean_over_seeds(values)
    if mean.low is None or mean.high is None:
        return mean
    return mean._replace(low=max(0.0, mean.low), high=min(100.0, mean.high))


def difference(row: Values, other: Values) -> Difference:
    """Return how far `row` is above `other`, by a t-test on the differences seed by seed.

    Runs of one seed share the order of batches, the initial weights and the probe's samples, so
    the pairs take out what the seed does to both. Where fewer than half of the seeds pair, Welch's
    test, which assumes neither pairs nor equal deviations. A signed-rank test is no choice here:
    with five seeds its smallest p-value is 1/16, whatever the data.
    """
    common = tuple(sorted(set(row) & set(other)))
    if not common or 2 * len(common) < max(len(row), len(other)):
        return _unpaired_difference(row, other)
    alone = ", ".join(map(str, sorted(set(row) ^ set(other))))
    remarks = [f"without a partner and left out of the test: seed {alone}"] if alone else []
    gaps = np.array([row[seed] - other[seed] for seed in common])
    mean = float(gaps.mean())
    if len(common) >= FEWEST_SEEDS and not np.allclose(gaps, gaps[0]):
        from scipy import stats

        test = stats.ttest_rel([row[s] for s in common], [other[s] for s in common])
        return Difference(_tested(mean, test), PAIRED, common, "; ".join(remarks) or None)
    if len(common) == 1:
        reason = "one seed in common, and a test needs three"
    elif np.allclose(gaps, 0):
        reason = "the same on every seed"
    elif not np.allclose(gaps, gaps[0]):
        reason = "two seeds in common, and a test needs three"
    else:
        reason = "every seed differs by the same amount"
    return Difference(Estimate(mean), None, common, "; ".join([reason, *remarks]))


def fold_difference(
    row: FoldValues, other: FoldValues, samples: Mapping[tuple[int, int], int], folds: int
) -> Difference | None:
    """Return how far `row` is above `other` on the seeds and folds that both have, `None` if none.

    The estimate is the mean over seeds of the difference on all common test samples, of which each
    pair of seed and fold has `samples`. The t-test is that of repeated cross-validation: the
    variance of the differences is multiplied by 1 / pairs + 1 / (folds - 1) in place of 1 / pairs,
    since the training sets of folds overlap (Nadeau and Bengio 2003, "Inference for the
    Generalization Error"; Bouckaert and Frank 2004).
    """
    common = sorted(set(row) & set(other))
    if not common:
        return None
    gaps = {pair: row[pair] - other[pair] for pair in common}
    seeds = tuple(sorted({seed for seed, _ in common}))
    mean = float(np.mean(list(pool_folds(gaps, samples).values())))
    alone = ", ".join(f"seed {seed} fold {fold}" for seed, fold in sorted(set(row) ^ set(other)))
    remarks = [f"without a partner and left out of the test: {alone}"] if alone else []
    values = np.array(list(gaps.values()))
    if len(values) == 1 or np.allclose(values, values[0]):
        reason = "one pair of folds" if len(values) == 1 else "every fold differs by the same"
        return Difference(Estimate(mean), None, seeds, "; ".join([reason, *remarks]))
    freedom = len(values) - 1
    error = float(values.std(ddof=1)) * (1 / len(values) + 1 / (folds - 1)) ** 0.5
    half = float(stdtrit(freedom, (1 + LEVEL) / 2)) * error
    p = float(2 * stdtr(freedom, -abs(mean) / error))
    estimate = Estimate(mean, mean - half, mean + half, se=error, p=p)
    return Difference(estimate, "corrected paired t", seeds, "; ".join(remarks) or None)


def pool_folds(values: FoldValues, samples: Mapping[tuple[int, int], int]) -> dict[int, float]:
    """Return seed → mean over its folds, each weighted by its number of samples."""
    by_seed: dict[int, list[tuple[float, int]]] = {}
    for (seed, fold), value in sorted(values.items()):
        by_seed.setdefault(seed, []).append((value, samples[seed, fold]))
    return {
        seed: sum(v * n for v, n in parts) / sum(n for _, n in parts)
        for seed, parts in by_seed.items()
    }


def _unpaired_difference(row: Values, other: Values) -> Difference:
    a, b = (np.array(list(values.values())) for values in (row, other))
    mean = float(a.mean() - b.mean())
    remark = "the seeds do not pair"
    if min(len(a), len(b)) < 2:
        return Difference(Estimate(mean), None, (), f"{remark}, and one row has one seed")
    if np.allclose(a, a[0]) and np.allclose(b, b[0]):
        return Difference(Estimate(mean), None, (), f"{remark}, and neither row varies")
    if max(len(a), len(b)) < FEWEST_SEEDS:
        return Difference(Estimate(mean), None, (), f"{remark}, and two are too few for a test")
    from scipy import stats

    test = stats.ttest_ind(a, b, equal_var=False)
    return Difference(_tested(mean, test), "Welch t", (), f"{remark}: Welch's test")


def _tested(mean: float, test: Any) -> Estimate:
    """Return a mean difference with the interval and p-value of scipy's t-test."""
    low, high = test.confidence_interval(LEVEL)
    return Estimate(mean, float(low), float(high), p=float(test.pvalue))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values corrected for their number (Holm, 1979); `None` stays and does not count.

    The k-th smallest of m is multiplied by m - k + 1, and none falls below a smaller one's.
    """
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, i) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        corrected[i] = largest
    return corrected
