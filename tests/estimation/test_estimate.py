from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from fusion_sched.estimation import BIASES, PairEstimate, Settings, estimate, estimate_pairs
from fusion_sched.pid import FastPID

QUICK = Settings(resamples=20, shuffles=5)
INFORMATION = ("redundancy", "unique1", "unique2", "synergy", "mi1", "mi2", "joint_mi")
SIGNED = ("unique_difference", "log_ratio")
SWAPPED = ("redundancy", "unique2", "unique1", "synergy", "mi2", "mi1", "joint_mi")


def labels(samples: int = 600, seed: int = 0, classes: int = 4) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, samples)
    x1 = np.where(rng.random(samples) < 0.5, y, rng.integers(0, 5, samples))
    x2 = np.where(rng.random(samples) < 0.3, y, rng.integers(0, 6, samples))
    return x1, x2, y


def numbers(found: PairEstimate, names: tuple[str, ...] = INFORMATION) -> np.ndarray:
    quantities = [getattr(found, name) for name in names]
    return np.array([[q.value, q.low, q.high, q.standard_error, q.null, q.p] for q in quantities])


def test_exclusive_or_is_synergy() -> None:
    x1, x2 = np.random.default_rng(0).integers(0, 2, (2, 1000))
    found = estimate(x1, x2, x1 ^ x2)
    assert found.synergy.value == pytest.approx(1, abs=0.01)
    assert found.synergy.p == pytest.approx(1 / 21)
    for name in ("redundancy", "unique1", "unique2", "mi1", "mi2"):
        quantity = getattr(found, name)
        assert abs(quantity.value) < 0.01
        assert quantity.low == 0


def test_copies_are_redundancy() -> None:
    y = np.random.default_rng(0).integers(0, 4, 1000)
    found = estimate(y, y, y)
    assert found.redundancy.value == pytest.approx(2, abs=0.02)
    assert abs(found.synergy.value) < 0.01
    assert found.log_ratio.low < 0 < found.log_ratio.high


def test_independent_data_have_no_information_and_no_significance() -> None:
    rng = np.random.default_rng(1)
    found = estimate(rng.integers(0, 8, 1280), rng.integers(0, 8, 1280), rng.integers(0, 6, 1280))
    plain = estimate(
        *(rng.integers(0, k, 1280) for k in (8, 8, 6)), Settings(bias="none", resamples=10)
    )
    assert plain.synergy.value > 0.1
    for name in INFORMATION:
        quantity = getattr(found, name)
        assert abs(quantity.value) < 0.05
        assert quantity.low == 0
        assert abs(quantity.null) < 0.03
        assert quantity.p > 0.05


@limits(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), bias=st.sampled_from(BIASES))
def test_sums_are_exact(seed: int, bias: str) -> None:
    found = estimate(*labels(150, seed), replace(QUICK, bias=bias))
    r, u1, u2, s, i1, i2, joint = numbers(found)[:, 0]
    assert r + u1 == pytest.approx(i1, abs=1e-12)
    assert r + u2 == pytest.approx(i2, abs=1e-12)
    assert r + u1 + u2 + s == pytest.approx(joint, abs=1e-12)
    assert found.unique_difference.value == pytest.approx(i1 - i2, abs=1e-12)


@limits(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_renaming_labels_and_swapping_sources_change_nothing(seed: int) -> None:
    x1, x2, y = labels(200, seed)
    base = estimate(x1, x2, y, QUICK)
    names = np.random.default_rng(seed).permutation(50)
    np.testing.assert_array_equal(
        numbers(estimate(names[x1], names[x2], names[y], QUICK)), numbers(base)
    )
    other = estimate(x2, x1, y, QUICK)
    np.testing.assert_array_equal(numbers(other, SWAPPED), numbers(base))
    assert other.log_ratio.value == pytest.approx(-base.log_ratio.value)
    assert other.log_ratio.low == pytest.approx(-base.log_ratio.high)
    assert other.shape == (base.shape[1], base.shape[0], base.shape[2])


def test_the_order_of_samples_matters_only_through_the_draws() -> None:
    x1, x2, y = labels(1000)
    order = np.random.default_rng(5).permutation(1000)
    plain = Settings(bias="none", resamples=20, shuffles=5)
    one, two = (
        numbers(estimate(*c, plain))[:, 0] for c in ((x1, x2, y), (x1[order], x2[order], y[order]))
    )
    np.testing.assert_allclose(one, two, atol=1e-3)
    one, two = (
        numbers(estimate(*c))[:, 0] for c in ((x1, x2, y), (x1[order], x2[order], y[order]))
    )
    np.testing.assert_allclose(one, two, atol=0.03)


def test_the_seed_decides() -> None:
    columns = labels()
    first, again, other = (estimate(*columns, QUICK, seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(
        numbers(first, INFORMATION + SIGNED), numbers(again, INFORMATION + SIGNED)
    )
    assert first.synergy.standard_error != other.synergy.standard_error


def test_pairs_in_a_batch_are_estimated_as_alone() -> None:
    x1, x2, y = labels()
    third = np.random.default_rng(9).integers(0, 3, len(y))
    together = estimate_pairs([(x1, x2), (x2, third), (third, x1)], y, QUICK)
    for found, (a, b) in zip(together, [(x1, x2), (x2, third), (third, x1)], strict=True):
        alone = estimate(a, b, y, QUICK)
        np.testing.assert_allclose(numbers(found)[:, :5], numbers(alone)[:, :5], atol=1e-9)


def test_tensors_and_lists_and_another_solver_are_welcome() -> None:
    x1, x2, y = labels()
    base = numbers(estimate(x1, x2, y, QUICK))
    mixed = estimate(torch.from_numpy(x1), x2.tolist(), y.astype(np.uint8), QUICK)
    np.testing.assert_array_equal(numbers(mixed), base)
    exact = numbers(estimate(x1, x2, y, QUICK, FastPID(tol=1e-6)))
    np.testing.assert_allclose(exact[:, 0], base[:, 0], atol=2e-3)


def test_intervals_contain_their_value_and_widen_with_the_level() -> None:
    narrow, wide = (estimate(*labels(), replace(QUICK, level=level)) for level in (0.8, 0.99))
    for name in INFORMATION + SIGNED:
        a, b = getattr(narrow, name), getattr(wide, name)
        assert (
            b.low
            <= a.low
            <= max(a.value, 0 if name in INFORMATION else a.value)
            <= a.high
            <= b.high
        )


def test_a_constant_source_leaves_the_others_information() -> None:
    x1, _, y = labels()
    found = estimate(np.zeros(600, dtype=int), x1, y, QUICK)
    for name in ("redundancy", "unique1", "synergy", "mi1"):
        quantity = getattr(found, name)
        assert [quantity.low, quantity.value, quantity.high] == pytest.approx([0, 0, 0], abs=1e-12)
    assert found.unique2.value == pytest.approx(found.mi2.value, abs=1e-12)
    assert found.unique2.low > 0.2


@pytest.mark.parametrize("bias", BIASES)
def test_one_class_or_constant_sources_carry_zero_information(bias: str) -> None:
    x1, x2, y = labels(100)
    zero = np.zeros(100, dtype=int)
    for columns in ((x1, x2, zero), (zero, zero, y)):
        found = numbers(estimate(*columns, replace(QUICK, bias=bias)))
        np.testing.assert_allclose(found[:, :5], 0, atol=1e-12)


def test_an_absent_class_or_cluster_changes_nothing() -> None:
    x1, x2, y = labels()
    gaps = estimate(x1 * 7 + 3, x2, y * 2 + 100, QUICK)
    np.testing.assert_array_equal(numbers(gaps), numbers(estimate(x1, x2, y, QUICK)))
    assert gaps.shape == (5, 6, 4)


def test_too_few_samples_are_said_so() -> None:
    found = estimate(*labels(100), QUICK)
    assert found.samples_per_cell == pytest.approx(100 / (5 * 6 * 4))
    assert found.warning is not None
    assert "100 samples in 5 x 6 clusters x 4 classes leave 0.83 samples per cell" in found.warning
    assert estimate(*labels(600), QUICK).warning is None


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        (([0, 1, 1], [0, 1], [0, 1]), ValueError, "x1, x2 and y hold 3, 2 and 2 labels"),
        (([0], [0], [0]), ValueError, r"got 1 sample\(s\); expected at least 2"),
        (([0, -1], [0, 1], [0, 1]), ValueError, r"x1\[1\] is -1; expected 0, 1, 2"),
        (([0, 1], [0, 1], [0.0, float("nan")]), ValueError, r"y\[1\] is nan; expected integers"),
        (([0, 1], [0.5, 1.0], [0, 1]), TypeError, "x2 has dtype float64; expected integers"),
        (([[0, 1]], [0, 1], [0, 1]), ValueError, r"x1 has shape \(1, 2\)"),
    ],
)
def test_bad_labels(columns: tuple[list, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        estimate(*columns)


def test_no_pair_is_an_error() -> None:
    with pytest.raises(ValueError, match="got no pair of sources"):
        estimate_pairs([], [0, 1])


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"bias": "jackknife"}, "expected one of grassberger, miller_madow, shuffle, none"),
        ({"resamples": 1}, "at least 2 resamples"),
        ({"shuffles": 0}, "1 shuffle"),
        ({"level": 95}, "0.5 <= level < 1"),
    ],
)
def test_bad_settings(knobs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**knobs)
