"""I* on tables by scaling: its bounds hold the optimum and are close, on sharp tables too."""

import pytest
import torch

from fusion_sched.pid import FastPID
from fusion_sched.pid.problem import conditional_value
from fusion_sched.probe.posterior.atoms import TOLERANCE, _scale
from fusion_sched.probe.posterior.inputs import BITS, checked_labels
from fusion_sched.probe.posterior.tables import _balanced


@pytest.mark.parametrize("exponent", [0.0, 1.5, 3.0], ids=["blurred", "clear", "sharp"])
def test_bounds_of_scaling_hold_the_optimum(exponent):
    generator = torch.Generator().manual_seed(3)
    labels = checked_labels(torch.arange(600) % 6, torch.arange(600))
    weights = torch.rand(2, 32, 1, generator=generator, dtype=torch.float64) + 0.05
    weights = weights / weights.sum(1, keepdim=True)
    logs = torch.randn(2, 32, 6, generator=generator, dtype=torch.float64)
    table = _balanced(weights, logs, torch.full((2,), exponent).double(), labels, 200)
    table = (1 - 1e-6) * table + 1e-6 * weights * labels.prior
    marginals = table[:1], table[1:]
    answer, exact = _scale(marginals), FastPID(tol=1e-7).solve(marginals)
    value, optimum = (float(conditional_value(s.q)) for s in (answer, exact))
    assert float(answer.gap) * BITS <= TOLERANCE
    assert optimum - 1e-6 <= value <= optimum + float(answer.gap)
