"""Means, paired tests and Holm's correction against scipy and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fusion_sched.analysis.statistics import (
    difference,
    holm,
    mean_accuracy,
    mean_over_seeds,
    sample_deviation,
)
from fusion_sched.types import Estimate

A = {0: 71.0, 1: 74.5, 2: 69.0, 3: 73.0, 4: 75.5}
B = {0: 70.0, 1: 72.0, 2: 69.5, 3: 70.5, 4: 72.0}


def test_interval_of_the_mean_is_students() -> None:
    mean = mean_over_seeds(A)
    values = list(A.values())
    low, high = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert (mean.low, mean.high) == pytest.approx((low, high))
    assert (mean.value, mean.se) == pytest.approx((np.mean(values), stats.sem(values)))
    assert sample_deviation(A) == pytest.approx(np.std(values, ddof=1))


def test_one_seed_has_no_deviation() -> None:
    assert mean_over_seeds({3: 50.0}) == Estimate(50.0)
    assert sample_deviation({3: 50.0}) is None


def test_pairs_by_seed_whatever_their_order() -> None:
    gap = difference(A, dict(reversed(B.items())))
    oracle = stats.ttest_rel(list(A.values()), list(B.values()))
    interval = oracle.confidence_interval(0.95)
    assert gap.estimate.p == pytest.approx(oracle.pvalue)
    assert (gap.estimate.low, gap.estimate.high) == pytest.approx((interval.low, interval.high))
    assert gap.estimate.value == pytest.approx(1.8)
    assert (gap.test, gap.seeds, gap.remark) == ("paired t", (0, 1, 2, 3, 4), None)


def test_a_seed_without_partner_is_named() -> None:
    gap = difference(A, {**{s: B[s] for s in (0, 1, 2)}, 9: 60.0})
    oracle = stats.ttest_rel([A[s] for s in (0, 1, 2)], [B[s] for s in (0, 1, 2)])
    assert gap.estimate.p == pytest.approx(oracle.pvalue)
    assert gap.remark is not None
    assert "3, 4, 9" in gap.remark


def test_seeds_that_do_not_pair_take_welchs_test() -> None:
    other = {seed + 10: value for seed, value in B.items()}
    gap = difference(A, other)
    oracle = stats.ttest_ind(list(A.values()), list(B.values()), equal_var=False)
    assert gap.estimate.p == pytest.approx(oracle.pvalue)
    assert (gap.test, gap.seeds) == ("Welch t", ())
    assert gap.remark is not None
    assert "do not pair" in gap.remark


@pytest.mark.parametrize(
    ("row", "other", "words"),
    [
        ({0: 60.0}, {0: 50.0}, "one seed in common"),
        ({0: 60.0, 1: 61.0}, {5: 50.0}, "one seed"),
        ({0: 60.1, 1: 70.2, 2: 65.3}, {0: 60.1, 1: 70.2, 2: 65.3}, "same on every seed"),
        ({0: 60.1, 1: 70.2}, {0: 50.1, 1: 60.2}, "same amount"),
        ({0: 60.0, 1: 60.0}, {2: 50.0, 3: 50.0}, "neither row varies"),
    ],
)
def test_no_p_value_is_invented(row: dict, other: dict, words: str) -> None:
    gap = difference(row, other)
    assert (gap.estimate.p, gap.estimate.low, gap.test) == (None, None, None)
    assert gap.estimate.value == pytest.approx(
        np.mean(list(row.values())) - np.mean(list(other.values()))
    )
    assert gap.remark is not None
    assert words in gap.remark


def test_holm_by_hand() -> None:
    # Sorted: 0.01 × 4, 0.02 × 3, 0.03 × 2 = 0.06, and 0.04 × 1, lifted to 0.06.
    assert holm([0.02, 0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.06, 0.04, 0.06])
    assert holm([0.02, None, 0.03]) == [pytest.approx(0.04), None, pytest.approx(0.04)]
    assert holm([None]) == [None]


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=12))
def test_holm_keeps_the_order_and_only_raises(p_values: list[float | None]) -> None:
    corrected = holm(p_values)
    pairs = [(p, c) for p, c in zip(p_values, corrected, strict=True) if p is not None]
    assert [c is None for c in corrected] == [p is None for p in p_values]
    for p, c in pairs:
        assert c is not None
        assert p <= c <= 1
        assert c <= min(1, len(pairs) * p) + 1e-12, "never above Bonferroni"
    ordered = [c for _, c in sorted(pairs, key=lambda pair: pair[0])]
    assert ordered == sorted(ordered)


def test_two_seeds_give_a_sentence_and_no_interval() -> None:
    assert mean_over_seeds({0: 50.0, 1: 90.0}).low is None
    gap = difference({0: 50.0, 1: 90.0}, {0: 40.0, 1: 20.0})
    assert gap.estimate == Estimate(40.0)
    assert gap.remark == "two seeds in common, and a test needs three"


def test_intervals_of_accuracies_end_at_0_and_100() -> None:
    mean = mean_accuracy({0: 99.0, 1: 100.0, 2: 80.0})
    assert mean.high == 100.0
    assert mean_over_seeds({0: 99.0, 1: 100.0, 2: 80.0}).high > 100  # type: ignore[operator]
