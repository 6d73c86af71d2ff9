"""Pairwise marginals nearer to the boundary where a source has nothing of its own.

min over Q of I_Q is not smooth where a uniqueness is zero, and there the histogram's uniqueness is
too high by much more than a smooth function's: chance differences between P(y | x1) and P(y | x2) all
count. A bootstrap from the histogram repairs half of it, because in its world the chance
differences are real. So, where the data do not contradict it, the world drawn from has none.
"""

from __future__ import annotations

import numpy as np

from fusion_sched.estimation.entropies import Array

PLAUSIBLE = 3.0  # chi-square per degree of freedom at which a uniqueness is half believed
SHARPNESS = 4.0
SWEEPS = 20  # of scaling to the new marginals; what they miss is far below the sampling error


def towards_boundary(p: Array, marginal1: Array, marginal2: Array, coupling: Array, samples: int) -> Array:
    """Scale p (b, n1, n2, ny) to the marginals (b, n, ny), each moved towards its boundary.

    `coupling` (b, n1, n2) is Q*(x1, x2) of the optimum. If x2 were passed through Q*(x1 | x2), the
    result would have the marginal sum_x2 Q*(x1 | x2) P(x2, y) and no information of its own; x1's
    marginal moves there as far as a chi-square test does not tell the two apart. Where neither source
    is distinguishable they meet half-way.
    """
    from2 = _garbled(coupling, marginal2)
    from1 = _garbled(coupling.swapaxes(1, 2), marginal1)
    belief1 = _plausibility(marginal1, from2, samples)
    belief2 = _plausibility(marginal2, from1, samples)
    step1, step2 = belief1 * (1 - belief2 / 2), belief2 * (1 - belief1 / 2)
    moved1 = marginal1 + step1 * (from2 - marginal1)
    moved2 = marginal2 + step2 * (from1 - marginal2)
    return _scaled(p, moved1, moved2)


def _garbled(coupling: Array, other: Array) -> Array:
    """sum_j Q(i | j) P(j, y)."""
    given_other = coupling / np.maximum(coupling.sum(1, keepdims=True), 1e-300)
    return np.asarray(given_other @ other)


def _plausibility(marginal: Array, model: Array, samples: int) -> Array:
    """Near 1 where the counts could come from the model and near 0 where not, (b, 1, 1)."""
    chi_square = (samples * (marginal - model) ** 2 / np.maximum(model, 0.1 / samples)).sum((1, 2))
    symbols, classes = (marginal.sum(2) > 0).sum(1), (marginal.sum(1) > 0).sum(1)
    freedom = np.maximum((symbols - 1) * (classes - 1), 1)
    return (1 / (1 + (chi_square / (PLAUSIBLE * freedom)) ** SHARPNESS))[:, None, None]


def _scaled(p: Array, marginal1: Array, marginal2: Array) -> Array:
    for _ in range(SWEEPS):
        p = p * (marginal1 / np.maximum(p.sum(2), 1e-300))[:, :, None, :]
        p = p * (marginal2 / np.maximum(p.sum(1), 1e-300))[:, None, :, :]
    return p / p.sum((1, 2, 3), keepdims=True)
