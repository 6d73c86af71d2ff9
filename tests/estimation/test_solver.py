import numpy as np
import pytest

from fusion_sched.estimation import ScalingFirst, estimate
from fusion_sched.estimation.informations import solved, union_of
from fusion_sched.pid import InteriorPoint, Scaling, decompose


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
    found, exact = solved(p, ScalingFirst(steps=50)), solved(p, InteriorPoint(tol=1e-8))
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


def test_bad_knobs() -> None:
    with pytest.raises(ValueError, match="tol=2"):
        ScalingFirst(tol=2)
