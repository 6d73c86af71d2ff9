import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scripts.studies.theory.strength import (
    competitive_strength,
    escape_steps,
    learned_strength,
    signal_strength,
)


def test_strength_of_a_world_that_fits_on_paper() -> None:
    """Two classes, two neurons each, three samples; all of it by hand."""
    weights = torch.zeros(1, 2, 3, 4)  # columns: class 0, class 0, class 1, class 1
    weights[0, 0, 0] = torch.tensor([0.2, 0.5, 9.0, 9.0])  # along the feature of class 0
    weights[0, 0, 1] = torch.tensor([9.0, 9.0, -0.1, -0.3])  # along that of class 1: none points
    weights[0, 1, 0] = torch.tensor([-1.0, 0.1, 9.0, 9.0])
    weights[0, 1, 1] = torch.tensor([9.0, 9.0, 0.4, 0.3])
    learned = learned_strength(weights, classes=2)
    torch.testing.assert_close(learned, torch.tensor([[[0.5, 0.0], [0.1, 0.4]]]))

    y = torch.tensor([[0, 0, 1]])
    z = torch.tensor([[[[1.0, 0.3], [2.0, 0.0], [0.3, 1.5]], [[1.0, 0.0], [1.0, 0.2], [0.0, 2.0]]]])
    cubes = torch.tensor([[[1 + 8, 1.5**3], [1 + 1, 8.0]]])
    signal = signal_strength(z, y, power=3, threshold=0.5)
    torch.testing.assert_close(signal, cubes / (3 * 0.5**2))
    torch.testing.assert_close(
        competitive_strength(learned, signal, power=3), learned * cubes / 0.75
    )

    fourth = signal_strength(z, y, power=4, threshold=0.5)
    assert fourth[0, 0, 0].item() == pytest.approx(17 / (3 * 0.5**3))
    assert competitive_strength(learned, fourth, power=4)[0, 0, 0].item() == pytest.approx(
        0.5 * math.sqrt(17 / 0.375)
    )


@given(
    weaker=st.floats(1e-4, 1),
    factor=st.floats(1.001, 10),
    power=st.integers(3, 5),
    classes=st.integers(4, 50),
)
def test_the_stronger_escapes_first(weaker: float, factor: float, power: int, classes: int) -> None:
    strengths = torch.tensor([weaker, factor * weaker], dtype=torch.float64)
    later, sooner = escape_steps(strengths, 0.1, classes, power).tolist()
    assert sooner < later
    assert later / sooner == pytest.approx(factor ** (power - 2))


@pytest.mark.parametrize("power", [3, 4])
def test_escape_is_where_the_growth_blows_up(power: int) -> None:
    """Against Euler's method on dΓ/dt = η (1 - 1/K) d Γ^(q-1)."""
    classes, rate, signal, start = 10, 0.05, 0.4, 0.1
    learned, time, share = start, 0.0, 1e-4
    while learned < 1e6:
        step = share * learned / (rate * (1 - 1 / classes) * signal * learned ** (power - 1))
        learned, time = learned * (1 + share), time + step
    ecs = competitive_strength(torch.tensor(start), torch.tensor(signal), power)
    assert escape_steps(ecs, rate, classes, power).item() == pytest.approx(time, rel=1e-3)


def test_a_feature_without_a_neuron_never_escapes() -> None:
    assert escape_steps(torch.tensor(0.0), 0.1, 10, 3).item() == math.inf
