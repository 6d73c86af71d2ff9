"""Sixty samples from planted joints: the corrected atoms and their intervals against the truth."""

import numpy as np
import pytest

from fusion_sched.estimation import PairEstimate, Settings, change, estimate, estimate_pairs
from fusion_sched.estimation.tables import drawn_tables
from fusion_sched.pid import FastPID, decompose

ATOMS = ("redundancy", "unique1", "unique2", "synergy")
TRIALS = 60
CLUSTERS = 6


def channel(noise: float) -> np.ndarray:
    own = np.zeros((CLUSTERS, 4))
    own[[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 0, 1]] = 1
    return (1 - noise) * own / own.sum(0) + noise / CLUSTERS


def joint(noise1: float, noise2: float) -> np.ndarray:
    return np.einsum("iy,jy->ijy", channel(noise1), channel(noise2)) / 4


def draw(p: np.ndarray, samples: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    cells = rng.choice(p.size, size=samples, p=p.reshape(-1))
    return np.unravel_index(cells, p.shape)


def truth_of(p: np.ndarray) -> dict[str, float]:
    exact = decompose(p, FastPID(tol=1e-8))
    return {name: float(getattr(exact, name)) for name in ATOMS}


def trials(p: np.ndarray, settings: Settings, number: int = TRIALS) -> list[PairEstimate]:
    rng = np.random.default_rng(7)
    return [estimate(*draw(p, 450, rng), settings, seed=k) for k in range(number)]


@pytest.mark.parametrize("noise", [(1.0, 1.0), (0.4, 0.7), (0.5, 1.0)])
def test_bias_and_coverage(noise: tuple[float, float]) -> None:
    p = joint(*noise)
    truth = truth_of(p)
    found = trials(p, Settings(shuffles=1))
    for name in ATOMS:
        values = np.array([getattr(e, name).value for e in found])
        standard_error = values.std() / TRIALS**0.5
        assert abs(values.mean() - truth[name]) < 0.02 + 2 * standard_error, name
        inside = [
            getattr(e, name).low - 1e-6 <= truth[name] <= getattr(e, name).high for e in found
        ]
        assert np.mean(inside) >= 0.85, name


def test_the_histogram_at_its_word_fails_the_same_test() -> None:
    p = joint(0.4, 0.7)
    truth = truth_of(p)
    found = trials(p, Settings(bias="none", shuffles=1, resamples=30), 30)
    inside = [e.synergy.low <= truth["synergy"] <= e.synergy.high for e in found]
    assert np.mean(inside) < 0.3
    assert np.mean([e.synergy.value for e in found]) - truth["synergy"] > 0.1


def test_label_shuffling_is_no_correction_for_informative_data() -> None:
    p = joint(0.1, 0.2)
    found = trials(p, Settings(bias="shuffle", shuffles=5, resamples=10), 20)
    assert np.mean([e.synergy.value for e in found]) < truth_of(p)["synergy"] - 0.03


def test_the_interval_of_a_change_on_the_same_samples_is_narrower_and_covers() -> None:
    p, rng = joint(0.3, 0.6), np.random.default_rng(8)
    worse = 0.7 * p + 0.3 * np.einsum("ijy,k->kjy", p, np.full(CLUSTERS, 1 / CLUSTERS))
    truth = truth_of(worse)["unique1"] - truth_of(p)["unique1"]
    inside, narrower = [], []
    for trial in range(40):
        x1, x2, y = draw(p, 600, rng)
        noisy = np.where(rng.random(600) < 0.3, rng.integers(0, CLUSTERS, 600), x1)
        one, two = estimate_pairs([(x1, x2), (noisy, x2)], y, Settings(shuffles=1), seed=trial)
        found = change(one, two, "unique1")
        inside.append(found.low <= truth <= found.high)
        alone = np.hypot(one.unique1.standard_error, two.unique1.standard_error)
        narrower.append(found.standard_error / alone)
    assert np.mean(inside) >= 0.85
    assert np.mean(narrower) < 0.95


def test_change_of_other_samples_takes_errors_as_independent() -> None:
    p, rng = joint(0.3, 0.6), np.random.default_rng(9)
    one, two = (estimate(*draw(p, n, rng), Settings(shuffles=1)) for n in (500, 600))
    found = change(one, two, "synergy")
    expected = np.hypot(one.synergy.standard_error, two.synergy.standard_error)
    assert found.standard_error == pytest.approx(expected)
    assert change(one, one, "log_ratio").standard_error == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="expected a confidence"):
        change(one, two, "synergy", level=2)


def test_draws_have_the_marginals_they_are_drawn_from() -> None:
    p = joint(0.4, 0.7)
    counts = drawn_tables(p, 1000, 200, np.random.default_rng(0))
    assert (counts.sum((1, 2, 3)) == 1000).all()
    np.testing.assert_allclose(counts.mean(0) / 1000, p, atol=0.003)
