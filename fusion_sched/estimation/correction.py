"""Everything that is drawn and solved for one estimate, and the correction that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fusion_sched.estimation.boundary import boundary_weights, towards_boundary
from fusion_sched.estimation.entropies import ENTROPIES, Array, plug_in
from fusion_sched.estimation.informations import (
    MI1,
    MI2,
    UNION,
    informations,
    pointwise,
    solved,
    union_of,
)
from fusion_sched.estimation.settings import Settings
from fusion_sched.estimation.smoothing import smoothed
from fusion_sched.estimation.solver import at_sampling_accuracy
from fusion_sched.estimation.tables import Pair, drawn_tables, shuffled_tables, stacked_tables
from fusion_sched.pid import Solver

SWAP = [1, 0, 2, 3]  # the informations with the sources exchanged
SE_INFLATION = 1.1
"""Inflation factor of the bootstrap standard error: draws from a smooth joint scatter less."""


@dataclass(frozen=True)
class Solved:
    """The solved tables of one pair; each `union` is I* in bits.

    `tables` (1 + shuffles, n1, n2, ny) are counts: the samples, then with shuffled labels.
    `bootstrap_joints` are smooth joints that could have produced them, and `draws`
    (resamples + shuffles, ...) counts drawn from these: `resamples` from the first, then one from
    each shuffle's. `pointwise` (n, 4) is each sample's part of the plug-in informations,
    `boundary_weight` (2,) says how far the samples allow that a uniqueness is zero, `gap` is the
    solver's largest certified error.
    """

    tables: Array
    tables_union: Array
    bootstrap_joints: Array
    bootstrap_union: Array
    draws: Array
    draws_union: Array
    pointwise: Array
    boundary_weight: Array
    gap: float


@dataclass(frozen=True)
class Measurement:
    """I(X1;Y), I(X2;Y), I(X1,X2;Y) and I* in bits (last axis) of one pair.

    `value` (4,) and `shuffled` (shuffles, 4) are corrected; `draws` (resamples, 4) scatter as the
    value would if the samples were drawn again. The rest is as in `Solved`.
    """

    value: Array
    draws: Array
    shuffled: Array
    pointwise: Array
    boundary_weight: Array
    gap: float


def solve_pairs(
    pairs: Sequence[Pair],
    settings: Settings,
    solver: Solver,
    generators: Sequence[np.random.Generator],
) -> list[Solved]:
    """Draw and solve everything for pairs with the same number of samples, in two batches."""
    counts = stacked_tables(pairs)
    shuffled = [
        shuffled_tables(pair, settings.shuffles, counts.shape[1:], rng)
        for pair, rng in zip(pairs, generators, strict=True)
    ]
    tables = np.concatenate([counts[:, None], np.stack(shuffled)], axis=1)
    first = solved(tables, solver)
    coupling = first.solution.q.sum(-1).numpy()
    bootstrap_joints, boundary_weight = _bootstrap_joints(tables, coupling)
    draws = np.stack(
        [
            _draws(joint, pair, settings.resamples, rng)
            for joint, pair, rng in zip(bootstrap_joints, pairs, generators, strict=True)
        ]
    )
    second = solved(np.concatenate([bootstrap_joints, draws], axis=1), at_sampling_accuracy(solver))
    bootstrap_union, draws_union = np.split(union_of(second), [bootstrap_joints.shape[1]], axis=1)
    gaps = np.maximum(*(d.solution.gap.numpy().max(1) for d in (first, second)))
    parts = [pointwise(first, k, pair, tables[k, 0]) for k, pair in enumerate(pairs)]
    joints = (tables, union_of(first), bootstrap_joints, bootstrap_union, draws, draws_union)
    return [Solved(*row) for row in zip(*joints, parts, boundary_weight, gaps, strict=True)]


def correct(solved_pair: Solved, bias: str, swapped: bool = False) -> Measurement:
    """The informations of one pair with the bias named in `Settings` taken off."""
    entropy = plug_in if bias in ("none", "shuffle") else ENTROPIES[bias]
    raw = informations(solved_pair.tables, solved_pair.tables_union, entropy)
    again = informations(solved_pair.draws, solved_pair.draws_union, entropy)
    truth = informations(solved_pair.bootstrap_joints, solved_pair.bootstrap_union, plug_in)
    shuffles = len(raw) - 1
    draws, null_draws = again[:-shuffles], again[-shuffles:]
    if bias == "none":
        excess = null_excess = np.zeros(4)
    elif bias == "shuffle":
        excess = null_excess = raw[1:].mean(0)
    else:
        excess = draws.mean(0) - truth[0]
        null_excess = (null_draws - truth[1:]).mean(0)
    order = SWAP if swapped else slice(None)
    classes = solved_pair.tables[0].sum((0, 1))
    # Corrections overshoot where a source all but determines the label.
    most = _entropy_bits(classes)
    value = np.minimum(raw[0] - excess, most)
    # A uniqueness is I* less the other source's information, which may be measured below 0.
    value[UNION] = min(value[UNION], most + min(value[MI1], value[MI2]))
    return Measurement(
        value=value[order],
        draws=_inflated(draws - excess)[:, order],
        shuffled=(raw[1:] - null_excess)[:, order],
        pointwise=solved_pair.pointwise[:, order],
        boundary_weight=solved_pair.boundary_weight[::-1]
        if swapped
        else solved_pair.boundary_weight,
        gap=float(solved_pair.gap),
    )


def _entropy_bits(counts: Array) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum())


def _inflated(draws: Array) -> Array:
    middle = draws.mean(0)
    return np.asarray(middle + SE_INFLATION * (draws - middle))


def _bootstrap_joints(tables: Array, coupling: Array) -> tuple[Array, Array]:
    """A smooth joint per table (pairs, tables, n1, n2, ny); weights of the first (pairs, 2)."""
    flat = tables.reshape(-1, *tables.shape[2:])
    coupling = coupling.reshape(flat.shape[:3])
    boundary_weight = boundary_weights(flat, coupling)
    bootstrap_joints = towards_boundary(smoothed(flat), flat, coupling, boundary_weight)
    return bootstrap_joints.reshape(tables.shape), np.stack(boundary_weight, -1).reshape(
        *tables.shape[:2], 2
    )[:, 0]


def _draws(bootstrap_joints: Array, pair: Pair, resamples: int, rng: np.random.Generator) -> Array:
    """Tables drawn from the joints of one pair: many from the first, one from each shuffle's.

    They are drawn on the symbols that occur, so that a pair's draws do not depend on the padding.
    """
    n1, n2, ny = pair.shape
    own = bootstrap_joints[:, :n1, :n2, :ny]
    draws = np.zeros((resamples + len(bootstrap_joints) - 1, *bootstrap_joints.shape[1:]))
    draws[:resamples, :n1, :n2, :ny] = drawn_tables(own[0], len(pair.y), resamples, rng)
    for place, joint in enumerate(own[1:], start=resamples):
        draws[place, :n1, :n2, :ny] = drawn_tables(joint, len(pair.y), 1, rng)[0]
    return draws
