"""What people use instead: exponential-cone models in CVXPY, vectorised and cell by cell."""

import warnings

import numpy as np
from torch import Tensor


def conic_union_nats(p: Tensor, solver: str) -> float:
    """min_Q sum Q log(Q / Q(sources)) by CVXPY, built and solved anew as a caller would."""
    import cvxpy

    table = p.numpy()
    n1, n2, ny = table.shape
    q = cvxpy.Variable((n1 * n2, ny), nonneg=True)
    together = cvxpy.reshape(cvxpy.sum(q, axis=1), (n1 * n2, 1), order="C") @ np.ones((1, ny))
    first = np.kron(np.eye(n1), np.ones((1, n2)))
    second = np.kron(np.ones((1, n1)), np.eye(n2))
    marginals = [first @ q == table.sum(1), second @ q == table.sum(0)]
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum(cvxpy.rel_entr(q, together))), marginals)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem.solve(solver=solver)
    return float(problem.value)


def cellwise_union_nats(p: Tensor, solver: str) -> float:
    """The same, stated cell by cell as the PID-CVX of Liang et al. 2023 states it.

    Every marginal cell is a constraint on a sum of single variables, and the product distribution
    has variables of its own. It also states that everything sums to one; that follows from
    the marginals, and is left out here because ECOS then calls some gates infeasible.
    """
    import cvxpy

    table = p.numpy()
    n1, n2, ny = table.shape
    q = [cvxpy.Variable((n1, n2), nonneg=True) for _ in range(ny)]
    product = [cvxpy.Variable((n1, n2), nonneg=True) for _ in range(ny)]
    limits = [
        cvxpy.sum([q[y][i, j] for j in range(n2)]) == table[i, :, y].sum()
        for y in range(ny)
        for i in range(n1)
    ]
    limits += [
        cvxpy.sum([q[y][i, j] for i in range(n1)]) == table[:, j, y].sum()
        for y in range(ny)
        for j in range(n2)
    ]
    limits += [cvxpy.sum(q) / ny == part for part in product]
    divergence = cvxpy.sum(
        [cvxpy.sum(cvxpy.rel_entr(a, b)) for a, b in zip(q, product, strict=True)]
    )
    problem = cvxpy.Problem(cvxpy.Minimize(divergence), limits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem.solve(solver=solver)
    return float(problem.value) - float(np.log(ny))
