"""Labels to information atoms with error bars, null levels and p-values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from fusion_sched.estimation.clusters import scarcity_warning
from fusion_sched.estimation.entropies import Array
from fusion_sched.estimation.informations import JOINT, MI1, MI2, UNION
from fusion_sched.estimation.measurement import Measurement, correct, solve_pairs
from fusion_sched.estimation.ratio import log_ratio_interval, log_ratio_of
from fusion_sched.estimation.settings import Settings
from fusion_sched.estimation.tables import Pair, pair_from_labels
from fusion_sched.pid import Scaling, Solver


@dataclass(frozen=True)
class Quantity:
    """One number with its error bar, in bits (the log ratio: natural logarithm of a ratio).

    `low` to `high` covers the truth with the settings' level; for information, which is never
    negative, it ends at zero, while `value` is left as measured and may lie below. `null` is the mean
    under shuffled labels and `p_value` the share of shuffles (this one counted) that reach `value`.
    """

    value: float
    low: float
    high: float
    standard_error: float
    null: float
    p_value: float


@dataclass(frozen=True)
class Estimate:
    """What two sources tell of the target: redundancy + unique1 = mi1, redundancy + unique2 = mi2 and
    redundancy + unique1 + unique2 + synergy = joint_mi, exactly, after correction too.

    `pointwise` (n, 4) holds each sample's part of I(X1;Y), I(X2;Y), I(X1,X2;Y) and I*, which `change`
    needs. `unique_difference` = unique1 - unique2 = mi1 - mi2. `log_ratio` = ln(unique1 / unique2), each
    taken as 0.001 bit where it is less; its interval leaves out 0 where that of the difference does.
    """

    redundancy: Quantity
    unique1: Quantity
    unique2: Quantity
    synergy: Quantity
    mi1: Quantity
    mi2: Quantity
    joint_mi: Quantity
    unique_difference: Quantity
    log_ratio: Quantity
    samples: int
    shape: tuple[int, int, int]
    gap: float
    warning: str | None
    pointwise: Array = field(repr=False, compare=False)

    @property
    def samples_per_cell(self) -> float:
        """Samples per cell of the table clusters x clusters x classes."""
        return self.samples / math.prod(self.shape)


def estimate(
    x1: ArrayLike,
    x2: ArrayLike,
    y: ArrayLike,
    settings: Settings = Settings(),  # noqa: B008 - frozen
    solver: Solver = Scaling(tol=1e-3),  # noqa: B008 - frozen
    seed: int = 0,
) -> Estimate:
    """Partial information of one pair of sources about a target, from samples."""
    return estimate_pairs([(x1, x2)], y, settings, solver, seed)[0]


def estimate_pairs(
    sources: Sequence[tuple[ArrayLike, ArrayLike]],
    y: ArrayLike,
    settings: Settings = Settings(),  # noqa: B008 - frozen
    solver: Solver = Scaling(tol=1e-3),  # noqa: B008 - frozen
    seed: int = 0,
) -> list[Estimate]:
    """Estimate several pairs of sources about one target; all tables are solved as one batch."""
    if not sources:
        raise ValueError("got no pair of sources; expected at least one (x1, x2)")
    pairs = [pair_from_labels(x1, x2, y) for x1, x2 in sources]
    generators = [np.random.default_rng(seed) for _ in pairs]
    found = solve_pairs(pairs, settings, solver, generators)
    return [
        estimate_from(pair, correct(one, settings.bias, pair.swapped), settings)
        for pair, one in zip(pairs, found, strict=True)
    ]


def estimate_from(pair: Pair, measured: Measurement, settings: Settings) -> Estimate:
    """The atoms of one pair and their error bars."""
    atoms, draws, shuffled = (
        atoms_of(x) for x in (measured.value, measured.draws, measured.shuffled)
    )
    errors = {name: float(d.std(ddof=1)) for name, d in draws.items()}
    reach = float(stdtrit(settings.resamples - 1, (1 + settings.level) / 2))
    known = {
        name: _information(float(value), errors[name], reach, shuffled[name])
        for name, value in atoms.items()
    }
    n1, n2, ny = pair.shape
    if pair.swapped:
        n1, n2 = n2, n1
    return Estimate(
        **known,
        unique_difference=_difference(atoms, draws, shuffled, reach),
        log_ratio=_log_ratio(atoms, draws, shuffled, reach),
        samples=len(pair.y),
        shape=(n1, n2, ny),
        gap=measured.gap,
        warning=scarcity_warning(len(pair.y), n1, n2, ny),
        pointwise=measured.pointwise,
    )


def atoms_of(x: Array) -> dict[str, Array]:
    """The atoms and informations of (..., 4)."""
    mi1, mi2, joint, union = (x[..., k] for k in (MI1, MI2, JOINT, UNION))
    return {
        "redundancy": mi1 + mi2 - union,
        "unique1": union - mi2,
        "unique2": union - mi1,
        "synergy": joint - union,
        "mi1": mi1,
        "mi2": mi2,
        "joint_mi": joint,
    }


def _information(value: float, error: float, reach: float, shuffled: Array) -> Quantity:
    low, high = max(0.0, value - reach * error), max(0.0, value + reach * error)
    return Quantity(value, low, high, error, float(shuffled.mean()), _p_value(shuffled, value))


def _difference(
    atoms: dict[str, Array], draws: dict[str, Array], shuffled: dict[str, Array], reach: float
) -> Quantity:
    value, scatter, null = (float(a["mi1"] - a["mi2"]) if a is atoms else a["mi1"] - a["mi2"] for a in (atoms, draws, shuffled))
    error = float(np.std(scatter, ddof=1))
    p_value = _p_value(np.abs(null), abs(value))
    return Quantity(value, value - reach * error, value + reach * error, error, float(np.mean(null)), p_value)


def _log_ratio(
    atoms: dict[str, Array], draws: dict[str, Array], shuffled: dict[str, Array], reach: float
) -> Quantity:
    covariance = np.cov(draws["unique1"], draws["unique2"])
    first, second = float(atoms["unique1"]), float(atoms["unique2"])
    value = float(log_ratio_of(first, second))
    low, high = log_ratio_interval(first, second, covariance, reach)
    null = log_ratio_of(shuffled["unique1"], shuffled["unique2"])
    error = float(np.std(log_ratio_of(draws["unique1"], draws["unique2"]), ddof=1))
    return Quantity(value, low, high, error, float(null.mean()), _p_value(np.abs(null), abs(value)))


def _p_value(shuffled: Array, value: float) -> float:
    """The share of the shuffles, the value itself counted as one, that are at least the value."""
    return float((1 + (shuffled >= value - 1e-12).sum()) / (1 + len(shuffled)))
