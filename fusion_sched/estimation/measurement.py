"""Everything that is drawn and solved for one estimate, and the correction that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fusion_sched.estimation.entropies import ENTROPIES, Array, plug_in
from fusion_sched.estimation.informations import informations, pointwise, solved, union_of
from fusion_sched.estimation.kinks import beliefs, towards_boundary
from fusion_sched.estimation.settings import Settings
from fusion_sched.estimation.smoothing import smoothed
from fusion_sched.estimation.solver import at_sampling_accuracy
from fusion_sched.estimation.tables import Pair, drawn_tables, shuffled_tables, stacked_tables
from fusion_sched.pid import Solver

SWAP = [1, 0, 2, 3]  # the informations with the sources exchanged
STRETCH = 1.1  # draws from a smooth world scatter a little less than estimates do


@dataclass(frozen=True)
class Solved:
    """The solved tables of one pair; each `union` is I* in bits.

    `tables` (1 + shuffles, n1, n2, ny) are counts: the samples, then with shuffled labels. `worlds`
    are smooth joints that could have produced them, and `draws` (resamples + shuffles, ...) counts
    drawn from these: `resamples` from the first, then one from each shuffle's. `pointwise` (n, 4)
    is each sample's part of the plug-in informations, `belief` (2,) says how far the samples allow
    that a uniqueness is zero, `gap` is the solver's largest certified error.
    """

    tables: Array
    tables_union: Array
    worlds: Array
    worlds_union: Array
    draws: Array
    draws_union: Array
    pointwise: Array
    belief: Array
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
    belief: Array
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
    worlds, belief = _worlds(tables, coupling)
    draws = np.stack(
        [
            _draws(world, pair, settings.resamples, rng)
            for world, pair, rng in zip(worlds, pairs, generators, strict=True)
        ]
    )
    second = solved(np.concatenate([worlds, draws], axis=1), at_sampling_accuracy(solver))
    worlds_union, draws_union = np.split(union_of(second), [worlds.shape[1]], axis=1)
    gaps = np.maximum(*(d.solution.gap.numpy().max(1) for d in (first, second)))
    parts = [pointwise(first, k, pair, tables[k, 0]) for k, pair in enumerate(pairs)]
    joints = (tables, union_of(first), worlds, worlds_union, draws, draws_union)
    return [Solved(*row) for row in zip(*joints, parts, belief, gaps, strict=True)]


def correct(found: Solved, bias: str, swapped: bool = False) -> Measurement:
    """The informations of one pair with the bias named in `Settings` taken off."""
    entropy = plug_in if bias in ("none", "shuffle") else ENTROPIES[bias]
    raw = informations(found.tables, found.tables_union, entropy)
    again = informations(found.draws, found.draws_union, entropy)
    truth = informations(found.worlds, found.worlds_union, plug_in)
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
    return Measurement(
        value=(raw[0] - excess)[order],
        draws=_stretched(draws - excess)[:, order],
        shuffled=(raw[1:] - null_excess)[:, order],
        pointwise=found.pointwise[:, order],
        belief=found.belief[::-1] if swapped else found.belief,
        gap=float(found.gap),
    )


def _stretched(draws: Array) -> Array:
    middle = draws.mean(0)
    return np.asarray(middle + STRETCH * (draws - middle))


def _worlds(tables: Array, coupling: Array) -> tuple[Array, Array]:
    """A smooth joint per table (pairs, tables, n1, n2, ny); the first ones' beliefs (pairs, 2)."""
    flat = tables.reshape(-1, *tables.shape[2:])
    coupling = coupling.reshape(flat.shape[:3])
    belief = beliefs(flat, coupling)
    worlds = towards_boundary(smoothed(flat), flat, coupling, belief)
    return worlds.reshape(tables.shape), np.stack(belief, -1).reshape(*tables.shape[:2], 2)[:, 0]


def _draws(worlds: Array, pair: Pair, resamples: int, rng: np.random.Generator) -> Array:
    """Tables drawn from the joints of one pair: many from the first, one from each shuffle's.

    They are drawn on the symbols that occur, so that a pair's draws do not depend on the padding.
    """
    n1, n2, ny = pair.shape
    own = worlds[:, :n1, :n2, :ny]
    draws = np.zeros((resamples + len(worlds) - 1, *worlds.shape[1:]))
    draws[:resamples, :n1, :n2, :ny] = drawn_tables(own[0], len(pair.y), resamples, rng)
    for place, world in enumerate(own[1:], start=resamples):
        draws[place, :n1, :n2, :ny] = drawn_tables(world, len(pair.y), 1, rng)[0]
    return draws
