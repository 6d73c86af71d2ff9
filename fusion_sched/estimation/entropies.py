"""Entropy of a distribution from counts: bits, batched, each estimator a function of the counts.

All take `counts` (..., cells), non-negative whole numbers with a positive sum, and return (...,).
Empty cells never matter, so tables may be padded.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import exp1, psi, xlogy

Array = NDArray[np.float64]
EntropyEstimator = Callable[[Array], Array]

NAT = 1.0 / math.log(2.0)  # one nat in bits
STEEP = 500.0  # beyond it exp(x) E1(x) is 1/x - 1/x^2 + 2/x^3 to double precision


def plug_in(counts: Array) -> Array:
    """The histogram at its word: -sum p log p with p = counts / n. Too low by about cells / 2n.

    The only one that also takes masses other than whole numbers.
    """
    n = counts.sum(-1)
    return np.asarray((np.log(n) - xlogy(counts, counts).sum(-1) / n) * NAT)


def miller_madow(counts: Array) -> Array:
    """Plug-in plus (occupied cells - 1) / 2n nats, the first order of its bias (Miller 1955)."""
    occupied = (counts > 0).sum(-1)
    return plug_in(counts) + (occupied - 1) / (2 * counts.sum(-1)) * NAT


def grassberger(counts: Array) -> Array:
    """log n - sum n_i G(n_i) / n, G(n) = psi(n) + (-1)^n [psi((n+1)/2) - psi(n/2)] / 2 (2003/2008)."""
    n = counts.sum(-1)
    g = _grassberger_g(int(counts.max(initial=1)))
    return (np.log(n) - (counts * g[counts.astype(np.int64)]).sum(-1) / n) * NAT


def chao_wang_jost(counts: Array) -> Array:
    """Zhang's estimator plus an extrapolation of its tail from singletons and doubletons.

    sum n_i [psi(n) - psi(n_i)] / n + f1 / n * sum_{r >= n} (1 - a)^(r - n + 1) / r, where f1 and f2 cells
    hold one and two samples and 1 - a is the coverage of singletons' kind by Good and Turing:
    a = 2 f2 / ((n - 1) f1 + 2 f2), or 2 / ((n - 1)(f1 - 1) + 2) where f2 = 0 (Chao, Wang, Jost,
    Methods in Ecology and Evolution 4, 2013, eq. 7).
    """
    n = counts.sum(-1)
    zhang = psi(n) - (counts * psi(np.maximum(counts, 1.0))).sum(-1) / n
    return (zhang + _unseen_tail(n, (counts == 1).sum(-1), (counts == 2).sum(-1))) * NAT


def _grassberger_g(largest: int) -> Array:
    """G(0..largest), with G(0) = 0 because an empty cell adds nothing."""
    k = np.arange(1, largest + 1, dtype=np.float64)
    g = psi(k) + 0.5 * (-1.0) ** k * (psi((k + 1) / 2) - psi(k / 2))
    return np.concatenate(([0.0], g))


def _unseen_tail(n: Array, singletons: Array, doubletons: Array) -> Array:
    """The second term of Chao, Wang and Jost in nats; zero where no cell holds exactly one sample."""
    f1 = np.maximum(singletons, 1.0)
    few = 2.0 / ((n - 1) * (f1 - 1) + 2.0)
    a = np.where(doubletons > 0, 2.0 * doubletons / ((n - 1) * f1 + 2.0 * doubletons + 1e-300), few)
    rate = -np.log1p(-np.minimum(a, 1.0 - 1e-12))
    tail = np.exp(-rate) * _geometric_over_linear(rate, n)
    return np.where((singletons > 0) & (n > 1), f1 / n * tail, 0.0)


def _geometric_over_linear(rate: Array, n: Array) -> Array:
    """sum_{k >= 0} exp(-rate k) / (n + k): some terms one by one, the rest by Euler and Maclaurin."""
    first = 8
    total = sum(np.exp(-rate * k) / (n + k) for k in range(first))
    m = n + first
    x = rate * m
    bounded = np.minimum(x, STEEP)
    integral = np.where(x < STEEP, np.exp(bounded) * exp1(np.maximum(bounded, 1e-300)), (1 - 1 / x + 2 / x**2) / x)
    slope = rate + 1 / m
    rest = integral + (0.5 + slope / 12) / m
    return np.asarray(total + np.exp(-rate * first) * rest)


ENTROPIES: dict[str, EntropyEstimator] = {
    "chao_wang_jost": chao_wang_jost,
    "grassberger": grassberger,
    "miller_madow": miller_madow,
    "plug_in": plug_in,
}
