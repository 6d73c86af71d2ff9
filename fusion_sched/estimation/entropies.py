"""Entropy of a distribution from counts: bits, batched, each estimator a function of the counts.

All take `counts` (..., cells), non-negative whole numbers with a positive sum, and return (...,).
Empty cells never matter, so tables may be padded.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import psi, xlogy

Array = NDArray[np.float64]
EntropyEstimator = Callable[[Array], Array]

NAT = 1.0 / math.log(2.0)  # one nat in bits


def plug_in(counts: Array) -> Array:
    """Plug-in (maximum-likelihood) estimate: -sum p log p with p = counts / n.

    Too low by about cells / 2n.

    The only one that also takes masses other than whole numbers.
    """
    n = counts.sum(-1)
    return np.asarray((np.log(n) - xlogy(counts, counts).sum(-1) / n) * NAT)


def miller_madow(counts: Array) -> Array:
    """Plug-in plus (occupied cells - 1) / 2n nats, the first order of its bias (Miller 1955)."""
    occupied = (counts > 0).sum(-1)
    return np.asarray(plug_in(counts) + (occupied - 1) / (2 * counts.sum(-1)) * NAT)


def grassberger(counts: Array) -> Array:
    """log n - sum n_i G(n_i) / n with G(n) = psi(n) + (-1)^n [psi((n + 1) / 2) - psi(n / 2)] / 2.

    Nearly free of bias where cells hold few samples (Grassberger, arXiv physics/0307138).
    """
    n = counts.sum(-1)
    g = _grassberger_g(int(counts.max(initial=1)))
    mean = (counts * g[counts.astype(np.int64)]).sum(-1) / n
    return np.asarray((np.log(n) - mean) * NAT)


def _grassberger_g(largest: int) -> Array:
    """G(0..largest), with G(0) = 0 because an empty cell adds nothing."""
    k = np.arange(1, largest + 1, dtype=np.float64)
    g = psi(k) + 0.5 * (-1.0) ** k * (psi((k + 1) / 2) - psi(k / 2))
    return np.concatenate(([0.0], g))


ENTROPIES: dict[str, EntropyEstimator] = {
    "grassberger": grassberger,
    "miller_madow": miller_madow,
    "plug_in": plug_in,
}
