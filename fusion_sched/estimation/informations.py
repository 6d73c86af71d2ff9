"""The four numbers from which all else follows: I(X1;Y), I(X2;Y), I(X1,X2;Y) and I*."""

from __future__ import annotations

import numpy as np
import torch

from fusion_sched.estimation.entropies import Array, EntropyEstimator
from fusion_sched.estimation.tables import Codes, Pair
from fusion_sched.pid import Decomposition, NotConverged, Solver, Status, decompose

TOLERABLE = 0.005
"""Bits: a certified gap that is nothing beside the sampling error of any probe."""
FAINT = 1e-9
"""Share of all mass; a cell of counts holds at least one sample of some thousands."""

MI1, MI2, JOINT, UNION = range(4)  # places on the last axis of an array of informations


def informations(counts: Array, union: Array, entropy: EntropyEstimator) -> Array:
    """I(X1;Y), I(X2;Y), I(X1,X2;Y), I* in bits, (..., 4), of counts (..., n1, n2, ny).

    The first three are entropy sums H(X) + H(Y) - H(X, Y); I* is handed through, except where a
    source is constant: then it is the other's information, to the last bit.
    """
    target = entropy(counts.sum((-3, -2)))
    first, second = counts.sum(-2), counts.sum(-3)

    def shared(table: Array) -> Array:
        return entropy(table.sum(-1)) + target - entropy(_cells(table, 2))

    pairs = counts.reshape(*counts.shape[:-3], -1, counts.shape[-1])
    mi1, mi2, joint = shared(first), shared(second), shared(pairs)
    union = np.where(_constant(first), mi2, np.where(_constant(second), mi1, union))
    return np.stack([mi1, mi2, joint, union], axis=-1)


def solved(tables: Array, solver: Solver) -> Decomposition:
    """Decompose tables of counts or joints (..., n1, n2, ny) in one batch.

    Cells with less than `FAINT` of the mass are left out: together they hold no more than a
    millionth of a bit, and masses near the rounding error jam a solver's steps.
    A table on which the solver ends short of its tolerance counts as long as its certified gap is
    within `TOLERABLE`, far below what samples can tell; the gap is reported with the estimate.
    Beyond that `NotConverged` is raised.
    """
    total = tables.sum((-3, -2, -1), keepdims=True)
    seen = np.ascontiguousarray(np.where(tables < FAINT * total, 0.0, tables))
    decomposition = decompose(torch.from_numpy(seen), solver, normalise=True, throw=False)
    gap, status = decomposition.solution.gap, decomposition.solution.status
    missed = (status == Status.ITERATION_LIMIT) & ~(gap <= TOLERABLE)
    if bool(missed.any()):
        raise NotConverged(
            f"{int(missed.sum())} of {missed.numel()} tables: certified gap up to "
            f"{float(gap[missed].max()):.2g} bits with {solver}, expected at most {TOLERABLE}; "
            "raise its max_iterations, or use solver=fastpid"
        )
    return decomposition


def union_of(decomposition: Decomposition) -> Array:
    """I* = min over Q of I_Q(Y; X1, X2) in bits."""
    return (decomposition.unique1 + decomposition.mi2).numpy()


def pointwise(decomposition: Decomposition, place: int, pair: Pair, counts: Array) -> Array:
    """Each sample's part of the four plug-in informations in bits, (n, 4): their means are these.

    log2 P(y | .) / P(y) given x1, x2 and both, and for I* the dual variables a(x1, y) + b(x2, y) -
    log2 P(y). Up to a constant these are the estimates' first-order reactions to one sample more.
    """
    x1, x2, y = pair.x1, pair.x2, pair.y
    target = np.log2(counts.sum((0, 1)) / counts.sum())[y]

    def given(joint: Array, at: tuple[Codes, ...]) -> Array:
        mass = joint.sum(-1, keepdims=True)[(*at, np.zeros_like(y))]
        return np.asarray(np.log2(joint[(*at, y)] / mass) - target)

    dual1, dual2 = (d[place, 0].numpy() for d in decomposition.solution.duals)
    union = dual1[x1, y] + dual2[x2, y] - target
    mi1, mi2 = given(counts.sum(1), (x1,)), given(counts.sum(0), (x2,))
    return np.stack([mi1, mi2, given(counts, (x1, x2)), union], axis=-1)


def _cells(table: Array, axes: int) -> Array:
    return table.reshape(*table.shape[:-axes], -1)


def _constant(marginal: Array) -> Array:
    return np.asarray((marginal.sum(-1) > 0).sum(-1) <= 1)
