import json
from pathlib import Path

import numpy as np
import pytest
import torch

from fusion_sched.estimation import ScalingFirst, estimate
from fusion_sched.estimation.informations import solved, union_of
from fusion_sched.pid import FastPID, decompose
from fusion_sched.pid.scaling import Scaling

PID_TESTS = Path(__file__).parents[1] / "pid"


def tables() -> np.ndarray:
    """Six sparse joints, on which Scaling is slow, and six easy ones: sources that know nothing."""
    rng = np.random.default_rng(0)
    sparse = rng.dirichlet(np.full(144, 0.2), 6).reshape(6, 6, 6, 4)
    target = rng.dirichlet(np.ones(4), 6)
    easy = np.broadcast_to(target[:, None, None], sparse.shape) / 36
    return np.concatenate([sparse, easy])


def test_what_scaling_misses_the_interior_point_solves() -> None:
    p = tables()
    first = decompose(p, Scaling(tol=1e-3, max_iterations=50), throw=False)
    assert 0 < int(first.solution.converged.sum()) < len(p)
    found, exact = solved(p, ScalingFirst(steps=50)), solved(p, FastPID(tol=1e-8))
    assert bool(found.solution.converged.all())
    assert float(found.solution.gap.max()) <= 1e-3
    excess = union_of(found) - union_of(exact)
    assert excess.min() >= -1e-8
    assert excess.max() <= 1e-3


def test_nearly_deterministic_sources_of_many_classes() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 16, 600)
    x1, x2 = (np.where(rng.random(600) < 0.97, y, rng.integers(0, 16, 600)) for _ in range(2))
    found = estimate(x1, x2, y)
    assert found.gap <= 1e-3 + 1e-9
    assert found.redundancy.value > 3


@pytest.mark.parametrize("name", ["faint_cells.json", "fainter_cells.json"])
def test_cells_of_no_weight_do_not_hold_up_the_solver(name: str) -> None:
    """Drawn from probes of a real run, with masses down to 1e-16: one of them had ended it."""
    first, second = (
        np.array(m) for m in json.loads((PID_TESTS / name).read_text(encoding="utf-8"))
    )
    joint = first[:, None] * second[None] / first.sum(0)
    found = solved(joint[None], FastPID(tol=1e-6))
    assert bool(found.solution.converged.all())
    assert int(found.solution.iterations.max()) < 30
    loose = decompose(torch.from_numpy(joint)[None], FastPID(tol=1e-3), throw=False)
    difference = float(union_of(found)[0] - union_of(loose)[0])
    assert abs(difference) <= float(loose.solution.gap.max()) + 1e-5


def test_bad_knobs() -> None:
    with pytest.raises(ValueError, match="tol=2"):
        ScalingFirst(tol=2)
