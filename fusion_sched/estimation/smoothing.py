"""A smooth joint that could have produced the table: what the parametric bootstrap draws from.

The histogram itself is a bad distribution to draw from: it has no rare cells, and every chance
association in it is real. Here each distribution P(y | x1, x2) is drawn towards a mixture of
simpler models, by held-out likelihood (deleted interpolation, Jelinek and Mercer 1980).
"""

from __future__ import annotations

import numpy as np

from fusion_sched.estimation.entropies import Array

STRENGTHS = (2000.0, 400.0, 128.0, 64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0, 0.5)  # in samples
PAIR_STRENGTHS = (1e5, 1e4, 3e3, 1e3, 512.0, 256.0, 128.0, 64.0, 16.0, 4.0, 1.0)
ROUNDS = 6  # of expectation-maximisation for each strength, going on from the last one's weights
PRIOR = 1.0  # samples: how much a source's P(y | x) leans on P(y) where its symbol is rare


def smoothed(counts: Array) -> Array:
    """A joint (b, n1, n2, ny) for each table of counts (b, n1, n2, ny); zero where a symbol is."""
    p = _smoothed_pairs(counts.sum(3))[..., None] * _smoothed_target(counts)
    return np.asarray(p / p.sum((1, 2, 3), keepdims=True))


def _smoothed_pairs(counts: Array) -> Array:
    """P(x1, x2) between the table (b, n1, n2) and the product of its marginals."""
    samples = counts.sum((1, 2), keepdims=True)
    rows, columns = counts.sum(2, keepdims=True), counts.sum(1, keepdims=True)
    others = np.maximum((rows - 1) * (columns - 1), 1e-3) / np.maximum(samples - 1, 1) ** 2
    scores = [
        (counts * np.log((np.maximum(counts - 1, 0) + s * others) / (samples - 1 + s))).sum((1, 2))
        for s in PAIR_STRENGTHS
    ]
    best = np.array(PAIR_STRENGTHS)[np.argmax(scores, axis=0)][:, None, None]
    return np.asarray((counts + best * rows * columns / samples**2) / (samples + best))


def _smoothed_target(counts: Array) -> Array:
    """P(y | x1, x2) = (counts + s m) / (pair's counts + s), with s and m by held-out likelihood."""
    pair = counts.sum(3, keepdims=True)
    strength, weights = _held_out_choice(counts)
    strength = strength[:, None, None, None]
    model = (_models(counts, left_out=False) * weights[:, None, None, None, :]).sum(-1)
    return np.asarray((counts + strength * model) / (pair + strength))


def _held_out_choice(counts: Array) -> tuple[Array, Array]:
    """The strength (b,) and the models' weights (b, 4) of the best leave-one-out likelihood."""
    tables, *cell = np.nonzero(counts)
    mass = counts[(tables, *cell)]
    models = _models(counts, left_out=True)[(tables, *cell)]  # (occupied cells, 4)
    pair = counts.sum(3)[(tables, *cell[:2])]
    first = np.flatnonzero(np.diff(tables, prepend=-1))  # where each table's cells begin
    weights = np.full((len(counts), models.shape[1]), 1 / models.shape[1])
    scores, choices = [], []
    for strength in STRENGTHS:
        share = strength / (pair - 1 + strength)
        own = (mass - 1) / (pair - 1 + strength)
        for _ in range(ROUNDS):
            part = models * weights[tables] * share[:, None]
            part *= (mass / (part.sum(1) + own))[:, None]
            weights = np.add.reduceat(part, first, axis=0) + 1e-9
            weights /= weights.sum(1, keepdims=True)
        fit = np.log((models * weights[tables]).sum(1) * share + own)
        scores.append(np.add.reduceat(mass * fit, first))
        choices.append(weights)
    best = np.argmax(scores, axis=0)
    return np.array(STRENGTHS)[best], np.array(choices)[best, np.arange(len(counts))]


def _models(counts: Array, left_out: bool) -> Array:
    """P(y), P(y | x1), P(y | x2) and naive Bayes for every cell, (b, n1, n2, ny, 4).

    With `left_out` each cell is judged as if one of its samples had not been seen.
    """
    one = 1.0 if left_out else 0.0
    samples = counts.sum((1, 2, 3), keepdims=True)
    target = counts.sum((1, 2), keepdims=True)
    first, second = counts.sum(2, keepdims=True), counts.sum(1, keepdims=True)
    n1, n2 = ((m.sum(3, keepdims=True) > 0).sum((1, 2), keepdims=True) for m in (first, second))
    half = 0.5 * (target > 0)
    base = np.maximum(target - one + half, 0.0) / (samples - one + half.sum(3, keepdims=True))

    def given(joint: Array) -> Array:
        mass = np.maximum(joint.sum(3, keepdims=True) - one + PRIOR, 1e-9)
        return np.asarray((np.maximum(joint - one, 0) + PRIOR * base) / mass)

    def class_product(less: float) -> Array:
        a = np.maximum(first - less, 0) + PRIOR * base / n1
        b = np.maximum(second - less, 0) + PRIOR * base / n2
        return np.asarray(a * b / np.maximum(target - less + PRIOR, 1e-9))

    whole = class_product(0.0)
    deleted = class_product(one)
    naive = deleted / np.maximum(whole.sum(3, keepdims=True) - whole + deleted, 1e-300)
    return np.stack(np.broadcast_arrays(base, given(first), given(second), naive), axis=-1)
