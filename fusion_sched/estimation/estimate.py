"""Labels to information atoms with error bars, null levels and p-values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import stdtrit

from fusion_sched.estimation.clusters import scarcity_warning
from fusion_sched.estimation.correction import Measurement, correct, solve_pairs
from fusion_sched.estimation.entropies import Array
from fusion_sched.estimation.informations import JOINT, MI1, MI2, UNION
from fusion_sched.estimation.ratio import log_ratio_interval, log_ratio_of
from fusion_sched.estimation.settings import Settings
from fusion_sched.estimation.solver import ScalingFirst
from fusion_sched.estimation.tables import Pair, pair_from_labels
from fusion_sched.pid import Solver
from fusion_sched.pid.joint import Labels
from fusion_sched.types import Estimate

UNIQUES = ("unique1", "unique2")


@dataclass(frozen=True)
class PairEstimate:
    """What two sources tell of the target, and how sure that is.

    redundancy + unique1 = mi1, redundancy + unique2 = mi2 and redundancy + unique1 + unique2 +
    synergy = joint_mi hold exactly, after correction too. `unique_difference` = unique1 - unique2 =
    mi1 - mi2. `log_ratio` = ln(unique1 / unique2), each taken as 0.001 bit where it is less.
    Information is never negative: its interval ends at zero, while the value is left as measured
    and may lie below. `shape` counts the symbols of x1, x2 and y that occur; `gap` (bits) is the
    solver's largest certified error; `warning` says what to do where samples are too few.
    `pointwise` (samples, 4) holds each sample's part of I(X1;Y), I(X2;Y), I(X1,X2;Y) and I*, for
    `change`.
    """

    redundancy: Estimate
    unique1: Estimate
    unique2: Estimate
    synergy: Estimate
    mi1: Estimate
    mi2: Estimate
    joint_mi: Estimate
    unique_difference: Estimate
    log_ratio: Estimate
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
    x1: Labels,
    x2: Labels,
    y: Labels,
    settings: Settings = Settings(),  # noqa: B008 - frozen
    solver: Solver = ScalingFirst(tol=1e-3),  # noqa: B008 - frozen
    seed: int = 0,
) -> PairEstimate:
    """What two sources tell of a target, from samples: corrected, with error bars and null levels.

    Parameters
    ----------
    x1, x2, y:
        Integer labels (n,), 0 or more: the cluster of each sample in either source, and its class.
        Their names do not matter, and symbols that do not occur neither. For three or more
        modalities hold each against the others, clustered jointly: `estimate_pairs`.
    settings:
        The correction, and how much is drawn.
    solver:
        How I* = min over Q of I_Q is found; its tolerance (bits) is small against sampling errors.
    seed:
        The same seed gives the same estimate, whatever the labels are called and in whichever order
        the sources come.

    Raises
    ------
    ValueError, TypeError
        For labels of different lengths, fewer than 2, negative, not finite or not integers. One
        class or one cluster is no error: the information is zero.

    Examples
    --------
    >>> import numpy as np
    >>> coin = np.random.default_rng(0).integers(0, 2, (2, 1000))
    >>> pair = estimate(coin[0], coin[1], coin[0] ^ coin[1])
    >>> pair.synergy.low < 1 < pair.synergy.high
    True
    """
    return estimate_pairs([(x1, x2)], y, settings, solver, seed)[0]


def estimate_pairs(
    sources: Sequence[tuple[Labels, Labels]],
    y: Labels,
    settings: Settings = Settings(),  # noqa: B008 - frozen
    solver: Solver = ScalingFirst(tol=1e-3),  # noqa: B008 - frozen
    seed: int = 0,
) -> list[PairEstimate]:
    """`estimate` for several pairs of sources about one target; all tables are solved as one batch.

    Each pair's estimate is the one that `estimate` gives it alone.
    """
    if not sources:
        raise ValueError("got no pair of sources; expected at least one (x1, x2)")
    pairs = [pair_from_labels(x1, x2, y) for x1, x2 in sources]
    generators = [np.random.default_rng(seed) for _ in pairs]
    solutions = solve_pairs(pairs, settings, solver, generators)
    return [
        estimate_from(pair, correct(one, settings.bias, pair.swapped), settings)
        for pair, one in zip(pairs, solutions, strict=True)
    ]


def estimate_from(pair: Pair, measured: Measurement, settings: Settings) -> PairEstimate:
    """The atoms of one pair and their error bars."""
    reach = float(stdtrit(settings.resamples - 1, (1 + settings.level) / 2))
    values, draws, null = (atoms_of(x) for x in (measured.value, measured.draws, measured.shuffled))
    known = {name: _bounded(float(values[name]), draws[name], null[name], reach) for name in values}
    known["unique_difference"] = _difference(known, draws, null, reach)
    spare = _spare(known, measured.boundary_weight)
    known["log_ratio"] = _log_ratio(known, draws, null, (reach, spare))
    known |= _with_boundary(known, spare, measured.boundary_weight)
    n1, n2, ny = pair.shape
    shape = (n2, n1, ny) if pair.swapped else (n1, n2, ny)
    return PairEstimate(
        **known,
        samples=len(pair.y),
        shape=shape,
        gap=measured.gap,
        warning=scarcity_warning(len(pair.y), *shape),
        pointwise=measured.pointwise,
    )


def atoms_of(x: Array) -> dict[str, Array]:
    """The atoms and informations of I(X1;Y), I(X2;Y), I(X1,X2;Y) and I*, (..., 4)."""
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


def _bounded(value: float, draws: Array, null: Array, reach: float) -> Estimate:
    """A quantity that is never negative: its interval ends at zero, its value is as measured."""
    error = float(draws.std(ddof=1))
    low, high = max(0.0, value - reach * error), max(0.0, value + reach * error)
    return Estimate(value, low, high, error, float(null.mean()), _p_value(null, value))


def _with_boundary(
    known: dict[str, Estimate], spare: float, boundary_weight: Array
) -> dict[str, Estimate]:
    """Intervals that reach the boundary where the samples do not exclude it.

    Near the boundary the correction removes only part of the bias of I*. So a uniqueness may be as
    low as unique1 - unique2 allows; redundancy and synergy may be higher by the smaller one.
    """
    wider = {
        n: known[n]._replace(high=known[n].interval[1] + spare) for n in ("redundancy", "synergy")
    }
    low, high = known["unique_difference"].interval
    for name, least, weight in zip(UNIQUES, (low, -high), boundary_weight, strict=True):
        if weight > 0.5:
            ends = min(known[name].interval[0], max(0.0, least))
            wider[name] = known[name]._replace(low=ends)
    return wider


def _spare(known: dict[str, Estimate], boundary_weight: Array) -> float:
    """By how much I* may be too high: the smaller uniqueness, if that may be zero."""
    values = [known[name].value for name in UNIQUES]
    smaller = int(np.argmin(values))
    return max(0.0, values[smaller]) if boundary_weight[smaller] > 0.5 else 0.0


def _difference(
    known: dict[str, Estimate], draws: dict[str, Array], null: dict[str, Array], reach: float
) -> Estimate:
    value = known["unique1"].value - known["unique2"].value
    error = float((draws["mi1"] - draws["mi2"]).std(ddof=1))
    level = null["mi1"] - null["mi2"]
    p_value = _p_value(np.abs(level), abs(value))
    low, high = value - reach * error, value + reach * error
    return Estimate(value, low, high, error, float(level.mean()), p_value)


def _log_ratio(
    known: dict[str, Estimate],
    draws: dict[str, Array],
    null: dict[str, Array],
    limits: tuple[float, float],
) -> Estimate:
    """The ratio of the uniquenesses as they are, or both lower by up to what they can spare."""
    reach, spare = limits
    first, second = known["unique1"].value, known["unique2"].value
    value = float(log_ratio_of(first, second))
    covariance = np.cov(draws["unique1"], draws["unique2"])
    ends = [
        log_ratio_interval(first - less, second - less, covariance, reach) for less in (0.0, spare)
    ]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    level = log_ratio_of(null["unique1"], null["unique2"])
    error = float(log_ratio_of(draws["unique1"], draws["unique2"]).std(ddof=1))
    p_value = _p_value(np.abs(level), abs(value))
    return Estimate(value, low, high, error, float(level.mean()), p_value)


def _p_value(null: Array, value: float) -> float:
    """The share of the shuffles, the value itself counted as one, that reach the value."""
    return float((1 + (null >= value - 1e-12).sum()) / (1 + len(null)))
