"""Entropy estimators that were tried and not kept, and the recipe the package started from."""

from __future__ import annotations

import numpy as np
from scipy.special import exp1, psi

from benchmarks.estimation.planted import Planted
from fusion_sched.estimation import ScalingFirst
from fusion_sched.estimation.entropies import (
    NAT,
    Array,
    EntropyEstimator,
    grassberger,
    miller_madow,
    plug_in,
)
from fusion_sched.estimation.informations import JOINT, informations, solved, union_of
from fusion_sched.estimation.tables import drawn_tables


def zhang(counts: Array) -> Array:
    """sum n_i [psi(n) - psi(n_i)] / n (Zhang 2012)."""
    n = counts.sum(-1)
    return np.asarray((psi(n) - (counts * psi(np.maximum(counts, 1.0))).sum(-1) / n) * NAT)


def chao_wang_jost(counts: Array) -> Array:
    """Zhang's estimator plus a tail extrapolated from singletons and doubletons (2013)."""
    n = counts.sum(-1)
    ones, twos = (counts == 1).sum(-1), (counts == 2).sum(-1)
    single = np.maximum(ones, 1.0)
    share = np.where(
        twos > 0,
        2.0 * twos / ((n - 1) * single + 2.0 * twos),
        2.0 / ((n - 1) * (single - 1) + 2.0),
    )
    rate = -np.log1p(-np.minimum(share, 1 - 1e-12))
    x = np.minimum(rate * n, 500.0)
    rest = np.exp(x) * exp1(x) + (0.5 + (rate + 1 / n) / 12) / n  # sum_k exp(-rate k) / (n + k)
    return np.asarray(
        zhang(counts) + np.where(ones > 0, single / n * np.exp(-rate) * rest, 0.0) * NAT
    )


def chao_shen(counts: Array) -> Array:
    """Horvitz and Thompson's weights on coverage-adjusted frequencies (Chao and Shen 2003)."""
    n = counts.sum(-1, keepdims=True)
    ones = (counts == 1).sum(-1, keepdims=True)
    p = (1 - np.where(ones == n, n - 1, ones) / n) * counts / n
    seen = np.where(p > 0, p, 0.5)
    return np.asarray(np.where(p > 0, -p * np.log(seen) / (1 - (1 - seen) ** n), 0.0).sum(-1) * NAT)


def jackknife(counts: Array) -> Array:
    """n H - (n - 1) mean of H with one sample left out, for the plug-in H."""
    n = counts.sum(-1)
    whole, less = (k * np.log(np.maximum(k, 1.0)) for k in (counts, np.maximum(counts - 1, 0.0)))
    total = whole.sum(-1)
    left_out = np.log(n - 1) - (total - (counts * (whole - less)).sum(-1) / n) / (n - 1)
    return np.asarray((n * (np.log(n) - total / n) - (n - 1) * left_out) * NAT)


CANDIDATES: dict[str, EntropyEstimator] = {
    "plug-in": plug_in,
    "Miller-Madow": miller_madow,
    "jackknife": jackknife,
    "Zhang": zhang,
    "Chao-Shen": chao_shen,
    "Chao-Wang-Jost": chao_wang_jost,
    "Grassberger": grassberger,
}


def candidate_errors(planted: Planted, samples: int, trials: int) -> dict[str, Array]:
    """Errors (trials,) in bits of I(X1,X2;Y) by each entropy alone, and of I* by two bootstraps."""
    rng = np.random.default_rng([samples, *planted.p.shape])
    counts = drawn_tables(planted.p, samples, trials, rng)
    union = union_of(solved(counts, ScalingFirst()))
    truth = planted.truth["joint_mi"]
    errors = {
        name: informations(counts, union, entropy)[:, JOINT] - truth
        for name, entropy in CANDIDATES.items()
    }
    exact = planted.truth["unique1"] + planted.truth["mi2"]
    worlds = {"I*, draws from Q0": _independent(counts), "I*, draws from the table": counts}
    errors["I*, plug-in"] = union - exact
    for name, world in worlds.items():
        draws = np.stack([drawn_tables(w, samples, 20, rng) for w in world])
        again = union_of(solved(draws, ScalingFirst()))
        there = union_of(solved(world, ScalingFirst()))
        errors[name] = union - (again.mean(1) - there) - exact
    return errors


def _independent(counts: Array) -> Array:
    """Q0: the same P(x1, y) and P(x2, y), the sources independent given y."""
    target = np.maximum(counts.sum((1, 2)), 1.0)
    product = np.einsum("biy,bjy->bijy", counts.sum(2), counts.sum(1)) / target[:, None, None]
    return np.asarray(product)
