"""Everything that is drawn and solved for one estimate, and the correction that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fusion_sched.estimation.entropies import ENTROPIES, Array, plug_in
from fusion_sched.estimation.informations import informations, pointwise, solved, union_of
from fusion_sched.estimation.kinks import towards_boundary
from fusion_sched.estimation.settings import Settings
from fusion_sched.estimation.smoothing import smoothed
from fusion_sched.estimation.tables import Pair, drawn_tables, shuffled_tables, stacked_tables
from fusion_sched.pid import Solver

SWAP = [1, 0, 2, 3]  # the informations with the sources exchanged


@dataclass(frozen=True)
class Solved:
    """The solved tables of one pair; each `union` is I* in bits.

    `tables` (1 + shuffles, n1, n2, ny) are counts: the samples, then with shuffled labels. `worlds`
    are smooth joints that could have produced them, and `draws` (resamples + shuffles, ...) counts
    drawn from these: `resamples` from the first, then one from each shuffle's. `pointwise` (n, 4) is
    each sample's part of the plug-in informations, `gap` the solver's largest certified error.
    """

    tables: Array
    tables_union: Array
    worlds: Array
    worlds_union: Array
    draws: Array
    draws_union: Array
    pointwise: Array
    gap: float


@dataclass(frozen=True)
class Measurement:
    """I(X1;Y), I(X2;Y), I(X1,X2;Y) and I* in bits (last axis) of one pair.

    `value` (4,) and `shuffled` (shuffles, 4) are corrected; `draws` (resamples, 4) scatter as the
    value would if the samples were drawn again; `pointwise` (n, 4) is each sample's part; `gap` is the
    largest certified error of the solver.
    """

    value: Array
    draws: Array
    shuffled: Array
    pointwise: Array
    gap: float


def solve_pairs(
    pairs: Sequence[Pair],
    settings: Settings,
    solver: Solver,
    generators: Sequence[np.random.Generator],
) -> list[Solved]:
    """Draw and solve everything for pairs with the same number of samples, in two batches."""
    samples = len(pairs[0].y)
    counts = stacked_tables(pairs)
    shuffled = [
        shuffled_tables(pair, settings.shuffles, counts.shape[1:], rng)
        for pair, rng in zip(pairs, generators, strict=True)
    ]
    tables = np.concatenate([counts[:, None], np.stack(shuffled)], axis=1)
    first = solved(tables, solver)
    coupling = first.solution.q.sum(-1).numpy()
    worlds = _worlds(tables, coupling)
    draws = np.stack(
        [
            _draws(world, samples, settings.resamples, rng)
            for world, rng in zip(worlds, generators, strict=True)
        ]
    )
    second = solved(np.concatenate([worlds, draws], axis=1), solver)
    worlds_union, draws_union = np.split(union_of(second), [worlds.shape[1]], axis=1)
    gaps = np.maximum(*(d.solution.gap.numpy().max(1) for d in (first, second)))
    parts = [pointwise(first, k, pair, tables[k, 0]) for k, pair in enumerate(pairs)]
    columns = (tables, union_of(first), worlds, worlds_union, draws, draws_union, parts, gaps)
    return [Solved(*row) for row in zip(*columns, strict=True)]


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
    columns = [raw[0] - excess, draws - excess, raw[1:] - null_excess, found.pointwise]
    if swapped:
        columns = [x[..., SWAP] for x in columns]
    return Measurement(*columns, gap=float(found.gap))


def _worlds(tables: Array, coupling: Array) -> Array:
    """A smooth joint for every table (pairs, tables, n1, n2, ny)."""
    flat = tables.reshape(-1, *tables.shape[2:])
    samples = int(flat[0].sum())
    p = flat / samples
    near = towards_boundary(
        smoothed(flat), p.sum(2), p.sum(1), coupling.reshape(flat.shape[:3]), samples
    )
    return near.reshape(tables.shape)


def _draws(worlds: Array, samples: int, resamples: int, rng: np.random.Generator) -> Array:
    """Tables drawn from the joints of one pair: many from the first, one from each shuffle's."""
    own = drawn_tables(worlds[0], samples, resamples, rng)
    return np.concatenate([own, *(drawn_tables(w, samples, 1, rng) for w in worlds[1:])])
