import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import binomtest

from scripts.studies.theory.statistics import (
    Interval,
    between,
    mean_interval,
    power_law,
    straight_line,
    wilson,
)

CLASSES = np.array([8.0, 12, 16, 24, 32, 48, 64])


@pytest.mark.parametrize(("right", "total"), [(0, 5), (3, 7), (99, 100), (50, 50)])
def test_wilson_interval_is_that_of_scipy(right: int, total: int) -> None:
    found, expected = wilson(right, total), binomtest(right, total).proportion_ci(method="wilson")
    assert found.value == right / total
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_nothing_counted_nothing_said() -> None:
    assert wilson(0, 0) == Interval(None, None, None)
    assert mean_interval(np.array([np.nan]), seed=0) == Interval(None, None, None)
    assert between(float("nan"), np.array([1.0])) == Interval(None, None, None)


@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_planted_exponents_come_out(exponent: float) -> None:
    rng = np.random.default_rng(0)
    wrong = rng.poisson(1e6 * 0.9 * CLASSES**-exponent, size=(200, 7)).astype(float)
    law = power_law(CLASSES, wrong, 1e6)
    assert law.exponent.mean() == pytest.approx(exponent, abs=0.003)
    assert law.scale.mean() == pytest.approx(0.9, rel=0.01)
    assert straight_line(CLASSES, wrong, 1e6).exponent.mean() == pytest.approx(exponent, abs=0.01)


def test_few_and_no_wrong_answers_need_no_care() -> None:
    """A mean of 0.2 wrong answers at K = 64: logarithms of single counts would not do."""
    rng = np.random.default_rng(1)
    wrong = rng.poisson(1000 * CLASSES**-2.0 * 0.9, size=(4000, 7)).astype(float)
    assert (wrong[:, -1] == 0).mean() > 0.5
    law = power_law(CLASSES, wrong, 1000)
    assert np.median(law.exponent) == pytest.approx(2, abs=0.05)


def test_the_fit_is_the_maximum_of_the_likelihood() -> None:
    wrong = np.array([30.0, 11, 9, 0, 3, 1, 0])

    def loss(beta: np.ndarray) -> float:
        log_mean = beta[0] - beta[1] * np.log(CLASSES)
        return float((np.exp(log_mean) - wrong * log_mean).sum())

    best = minimize(loss, np.array([3.0, 1.0]), method="Nelder-Mead", options={"xatol": 1e-8})
    law = power_law(CLASSES, wrong, 100)
    assert float(law.exponent) == pytest.approx(best.x[1], abs=1e-4)
    assert np.log(100 * float(law.scale)) == pytest.approx(best.x[0], abs=1e-3)


def test_one_point_is_no_line() -> None:
    wrong = np.array([[5.0, 0, 0, 0, 0, 0, 0], [0.0] * 7, [5.0, 1, 0, 0, 0, 0, 0]])
    assert np.isnan(power_law(CLASSES, wrong, 100).exponent).tolist() == [True, True, False]


def test_bootstrap_interval_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(5, 2, size=400)
    found = mean_interval(values, seed=0)
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 * 2 / 20, rel=0.1)
    assert found.low < values.mean() < found.high
