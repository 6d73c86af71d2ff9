"""Agreement with independent packages, at their tolerance."""

import numpy as np
import pytest
import torch

from fusion_sched.pid import FastPID, decompose
from tests.pid.problems import GATES, counts, dirichlet

pytestmark = pytest.mark.oracle

PROBLEMS = {
    "and": GATES["and"][0],
    "redundant_xor": GATES["redundant_xor"][0],
    "dense": dirichlet(4, 3, 3, seed=1),
    "sparse": dirichlet(4, 4, 3, seed=2, alpha=0.2),
    "counts": counts(5, 4, 3, seed=3, samples=60),
}


def conic_union(p: torch.Tensor, solver: str) -> float:
    """min I_Q(Y; X1, X2) in bits as an exponential-cone program."""
    cvxpy = pytest.importorskip("cvxpy", reason="extra `oracles` (cvxpy) is not installed")
    if solver not in cvxpy.installed_solvers():
        pytest.skip(f"extra `oracles` ({solver.lower()}) is not installed")
    n1, n2, ny = p.shape
    q = [cvxpy.Variable((n1, n2), nonneg=True) for _ in range(ny)]
    together = sum(q)
    value = sum(cvxpy.sum(cvxpy.rel_entr(x, together)) for x in q)
    marginals = [
        constraint
        for y, x in enumerate(q)
        for constraint in (
            cvxpy.sum(x, axis=1) == p[:, :, y].sum(1).numpy(),
            cvxpy.sum(x, axis=0) == p[:, :, y].sum(0).numpy(),
        )
    ]
    problem = cvxpy.Problem(cvxpy.Minimize(value), marginals)
    problem.solve(solver=solver)
    target = p.sum((0, 1)).numpy()
    entropy = -np.sum(target[target > 0] * np.log2(target[target > 0]))
    return float(problem.value) / np.log(2) + float(entropy)


@pytest.mark.parametrize("solver", ["CLARABEL", "ECOS"])
@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.filterwarnings("ignore")
def test_cvxpy(name: str, solver: str) -> None:
    p = PROBLEMS[name]
    d = decompose(p, FastPID(tol=1e-9))
    assert float(d.mi1 + d.unique2) == pytest.approx(conic_union(p, solver), abs=3e-6)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.filterwarnings("ignore")
def test_dit(name: str) -> None:
    """dit's exponential-cone solver; its default method is silently off by 1e-2 and more."""
    dit = pytest.importorskip("dit", reason="extra `oracles` (dit) is not installed")
    method = pytest.importorskip("dit.algorithms.broja_method", reason="dit is too old")
    p = PROBLEMS[name]
    cells = [tuple(int(k) for k in cell) for cell in (p > 0).nonzero()]
    outcomes = ["".join(map(str, cell)) for cell in cells]
    dist = dit.Distribution(outcomes, [float(p[cell]) for cell in cells])
    unique, _ = method.broja_solve_bivariate(dist, ((0,), (1,)), (2,), method="cone")
    d = decompose(p, FastPID(tol=1e-9))
    assert float(d.unique1) == pytest.approx(unique[(0,)], abs=3e-6)
    assert float(d.unique2) == pytest.approx(unique[(1,)], abs=3e-6)
