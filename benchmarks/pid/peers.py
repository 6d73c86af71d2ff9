"""What people use instead: a vectorised exponential-cone model in CVXPY."""

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
