import math

import numpy as np
import pytest

from fusion_sched.estimation.entropies import ENTROPIES, grassberger, miller_madow, plug_in

EULER = 0.5772156649015329


def test_plug_in_of_a_biased_coin() -> None:
    counts = np.array([3.0, 1.0])
    assert plug_in(counts) == pytest.approx(-(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)))


def test_plug_in_also_takes_probabilities() -> None:
    assert plug_in(np.array([0.5, 0.25, 0.25, 0.0])) == pytest.approx(1.5)


def test_miller_madow_counts_occupied_cells_only() -> None:
    counts = np.array([2.0, 1.0, 1.0, 0.0, 0.0])
    expected = 1.5 + (3 - 1) / (2 * 4) / math.log(2)
    assert miller_madow(counts) == pytest.approx(expected)


def test_grassberger_by_its_recursion() -> None:
    """G(1) = -gamma - ln 2, G(2) = G(3) = 2 - gamma - ln 2, G(4) = G(2) + 2/3."""
    g1, g2 = -EULER - math.log(2), 2 - EULER - math.log(2)
    g4 = g2 + 2 / 3
    counts = np.array([1.0, 2.0, 3.0, 4.0])
    expected = math.log(10) - (1 * g1 + 2 * g2 + 3 * g2 + 4 * g4) / 10
    assert grassberger(counts) == pytest.approx(expected / math.log(2))


@pytest.mark.parametrize("name", ENTROPIES)
def test_padding_and_batching_change_nothing(name: str) -> None:
    entropy = ENTROPIES[name]
    counts = np.random.default_rng(0).integers(0, 5, (3, 4, 6)).astype(float)
    counts[..., 0] += 1
    padded = np.concatenate([np.zeros((3, 4, 2)), counts], axis=-1)
    one_by_one = [[entropy(row) for row in block] for block in counts]
    np.testing.assert_allclose(entropy(padded), one_by_one, atol=1e-12)


@pytest.mark.parametrize("name", ENTROPIES)
def test_one_symbol_has_none_and_many_samples_agree(name: str) -> None:
    assert abs(ENTROPIES[name](np.array([50_000.0, 0.0]))) < 1e-4
    counts = np.round(1e6 * np.array([0.5, 0.3, 0.2]))
    assert ENTROPIES[name](counts) == pytest.approx(plug_in(np.array([0.5, 0.3, 0.2])), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("grassberger", -0.2, 0.0), ("miller_madow", -0.5, -0.2), ("plug_in", -1.1, -0.7)],
)
def test_mean_error_with_one_sample_per_cell(name: str, least: float, most: float) -> None:
    counts = np.random.default_rng(1).multinomial(64, np.full(64, 1 / 64), size=400).astype(float)
    assert least <= float(ENTROPIES[name](counts).mean() - 6) <= most
