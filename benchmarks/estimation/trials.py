"""Many samples from one planted joint, estimated in every way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.estimation.planted import QUANTITIES, Planted
from fusion_sched.estimation import PairEstimate, ScalingFirst, Settings, change, estimate
from fusion_sched.estimation.correction import correct, solve_pairs
from fusion_sched.estimation.entropies import Array
from fusion_sched.estimation.estimate import estimate_from
from fusion_sched.estimation.tables import Pair, pair_from_labels

TOGETHER = 10  # trials in one batch of the solver
ATOMS = QUANTITIES[:4]
SCORED = (*QUANTITIES, "unique_difference", "log_ratio")


@dataclass(frozen=True)
class Score:
    """Of one way to estimate one planted joint, by quantity: bits, and shares of the trials."""

    bias: dict[str, float]
    rmse: dict[str, float]
    coverage: dict[str, float]
    width: dict[str, float]
    truth: dict[str, float]


def run_trials(
    planted: Planted, samples: int, trials: int, settings: Settings, biases: Sequence[str]
) -> dict[str, Score]:
    """Score each correction on the same samples."""
    rng = np.random.default_rng([samples, *planted.p.shape])
    estimates: dict[str, list[PairEstimate]] = {bias: [] for bias in biases}
    for start in range(0, trials, TOGETHER):
        pairs = [_pair(planted.p, samples, rng) for _ in range(min(TOGETHER, trials - start))]
        generators = [np.random.default_rng(rng.integers(2**32)) for _ in pairs]
        found = solve_pairs(pairs, settings, ScalingFirst(), generators)
        for bias, kept in estimates.items():
            kept += [
                estimate_from(p, correct(f, bias, p.swapped), settings)
                for p, f in zip(pairs, found, strict=True)
            ]
    return {bias: _score(kept, planted) for bias, kept in estimates.items()}


def coverage_of_change(
    before: Planted, after: Planted, samples: int, trials: int
) -> dict[str, tuple[float, float]]:
    """For each atom: coverage of the change's interval, and its error by that of independent ones.

    For half of the samples the sources are drawn afresh given the class, so that both probes rest
    on the same samples; `after` is the joint that results.
    """
    rng = np.random.default_rng([samples, *before.p.shape])
    inside: dict[str, list[bool]] = {name: [] for name in ATOMS}
    narrower: dict[str, list[float]] = {name: [] for name in ATOMS}
    for trial in range(trials):
        x1, x2, y = _labels(before.p, samples, rng)
        fresh = rng.random(samples) < 0.5
        x1_after = np.where(fresh, _given_class(before.p.sum(1), y, rng), x1)
        x2_after = np.where(fresh, _given_class(before.p.sum(0), y, rng), x2)
        one = estimate(x1, x2, y, Settings(shuffles=1), seed=2 * trial)
        two = estimate(x1_after, x2_after, y, Settings(shuffles=1), seed=2 * trial + 1)
        for name in ATOMS:
            found = change(one, two, name)
            truth = after.truth[name] - before.truth[name]
            inside[name].append(found.low <= truth <= found.high)
            alone = np.hypot(getattr(one, name).standard_error, getattr(two, name).standard_error)
            narrower[name].append(found.standard_error / max(alone, 1e-12))
    return {n: (float(np.mean(inside[n])), float(np.mean(narrower[n]))) for n in ATOMS}


def half_independent(planted: Planted) -> Array:
    """The joint after half of the samples got fresh draws of either source given the class."""
    target = planted.p.sum((0, 1))
    product = np.einsum("iy,jy->ijy", planted.p.sum(1), planted.p.sum(0)) / target
    return np.asarray(0.5 * planted.p + 0.5 * product)


def true_values(planted: Planted) -> dict[str, float]:
    """The truth of every scored quantity; the log ratio only where both uniquenesses exist."""
    truth = {k: 0.0 if abs(v) < 1e-6 else v for k, v in planted.truth.items()}
    truth["unique_difference"] = truth["unique1"] - truth["unique2"]
    if min(truth["unique1"], truth["unique2"]) > 1e-3:
        truth["log_ratio"] = float(np.log(truth["unique1"] / truth["unique2"]))
    return truth


def _labels(p: Array, samples: int, rng: np.random.Generator) -> tuple[Array, ...]:
    cells = rng.choice(p.size, size=samples, p=p.reshape(-1) / p.sum())
    return np.unravel_index(cells, p.shape)  # type: ignore[return-value]


def _given_class(joint: Array, y: Array, rng: np.random.Generator) -> Array:
    """A symbol for each sample from P(x | y), for a joint (n, ny)."""
    upto = (joint / joint.sum(0)).cumsum(0)[:-1, y]
    return np.asarray((rng.random(len(y)) > upto).sum(0))


def _pair(p: Array, samples: int, rng: np.random.Generator) -> Pair:
    x1, x2, y = _labels(p, samples, rng)
    return pair_from_labels(x1, x2, y)


def _score(estimates: list[PairEstimate], planted: Planted) -> Score:
    truth = true_values(planted)
    score = Score({}, {}, {}, {}, truth)
    for name in (n for n in SCORED if n in truth):
        found = [getattr(e, name) for e in estimates]
        error = np.array([q.value for q in found]) - truth[name]
        inside = [q.low - 1e-9 <= truth[name] <= q.high + 1e-9 for q in found]
        score.bias[name] = float(error.mean())
        score.rmse[name] = float(np.sqrt((error**2).mean()))
        score.coverage[name] = float(np.mean(inside))
        score.width[name] = float(np.mean([q.high - q.low for q in found]))
    return score
