"""Standard errors and 95 % intervals of the atoms of one pair of sources, in bits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from fusion_sched.estimation.ratio import log_ratio_interval, log_ratio_of
from fusion_sched.probe.posterior.atoms import PairInformation, SourceModel
from fusion_sched.probe.posterior.inputs import BITS, NORMAL_95
from fusion_sched.probe.posterior.nulls import Nulls
from fusion_sched.types import Estimate

# Standard error of what is added to the held-out lower bound, as a share of it: the 95 % interval
# then holds learning curves of any rate from 0.4 to 1.
DOUBT = 0.4
SPARE = 1.0  # share of that by which I* may be too high where a unique information is zero

# Atoms and informations as sums of I(X1;Y), I(X2;Y), I(X1,X2;Y) and I*.
PARTS = {
    "redundancy": (1.0, 1.0, 0.0, -1.0),
    "unique1": (0.0, -1.0, 0.0, 1.0),
    "unique2": (-1.0, 0.0, 0.0, 1.0),
    "synergy": (0.0, 0.0, 1.0, -1.0),
    "mi1": (1.0, 0.0, 0.0, 0.0),
    "mi2": (0.0, 1.0, 0.0, 0.0),
    "joint_mi": (0.0, 0.0, 1.0, 0.0),
    "unique_difference": (1.0, -1.0, 0.0, 0.0),
}
ATOMS = ("redundancy", "unique1", "unique2", "synergy", "mi1", "mi2", "joint_mi")
SWAPPED = {"unique1": "unique2", "unique2": "unique1", "mi1": "mi2", "mi2": "mi1"}
SIGNED = ("unique_difference", "log_ratio")


@dataclass(frozen=True)
class PosteriorPair:
    """The names of `PARTS` and `log_ratio`, each with its interval, in bits.

    redundancy + unique1 = mi1, redundancy + unique2 = mi2, and the four atoms sum to joint_mi.
    `change` needs `pointwise` (N, 4) and `doubt` (4,), the standard error that comes from the
    models and not from the scatter of the samples.
    """

    measures: Mapping[str, Estimate]
    pointwise: Tensor = field(repr=False, compare=False)
    doubt: Tensor = field(repr=False, compare=False)
    gap: float
    cells: tuple[int, ...]

    def __getitem__(self, name: str) -> Estimate:
        return self.measures[name]


def values_of(pair: PairInformation) -> dict[str, float]:
    """The atoms and informations in bits."""
    values = (pair.values * BITS).tolist()
    result = {n: sum(c * v for c, v in zip(p, values, strict=True)) for n, p in PARTS.items()}
    return {n: v if n in SIGNED else max(0.0, v) for n, v in result.items()}


def estimate_pair(
    pair: PairInformation, groups: Tensor | None, entropy: float, nulls: Nulls | None
) -> PosteriorPair:
    """The pair's quantities with intervals, and with null levels where there are `nulls`."""
    values, doubt = values_of(pair), DOUBT * pair.added * BITS
    pointwise = pair.pointwise * BITS
    covariance = _covariance(pointwise, doubt, groups)
    spare = _excess(values, pair)
    measures = {}
    for name, part in PARTS.items():
        error = math.sqrt(float(np.array(part) @ covariance @ np.array(part)))
        low, high = values[name] - NORMAL_95 * error, values[name] + NORMAL_95 * error
        low -= spare if name in ("unique1", "unique2") else 0.0
        high += spare if name in ("redundancy", "synergy") else 0.0
        if name not in SIGNED:
            low, high = max(0.0, low), max(values[name], min(high, entropy))
        null: tuple[float | None, float | None] = (None, None)
        if nulls is not None:
            less = spare if name in ("unique1", "unique2") else 0.0
            null = nulls.of_quantity(name, values[name], error, less)
        measures[name] = Estimate(values[name], low, high, error, *null)
    measures["log_ratio"] = _ratio_estimate(values, covariance, spare)
    return PosteriorPair(measures, pointwise, doubt, pair.gap, pair.cells)


def estimate_source(
    source: SourceModel, groups: Tensor | None, entropy: float, nulls: Nulls | None
) -> Estimate:
    """I(X;Y) of one source with its interval."""
    pointwise = (source.pointwise * BITS)[:, None]
    doubt = (DOUBT * source.added * BITS)[None]
    error = math.sqrt(_covariance(pointwise, doubt, groups).item())
    value = float(source.information) * BITS
    low, high = max(0.0, value - NORMAL_95 * error), value + NORMAL_95 * error
    null = (None, None) if nulls is None else nulls.of_quantity("mi1", value, error, 0.0)
    return Estimate(value, low, max(value, min(high, entropy)), error, *null)


def swapped(pair: PosteriorPair) -> PosteriorPair:
    """The same pair with its sources exchanged."""
    measures = {n: pair[SWAPPED.get(n, n)] for n in pair.measures}
    for name in SIGNED:
        measures[name] = pair[name].negated()
    order = [1, 0, 2, 3]
    return PosteriorPair(
        measures, pair.pointwise[:, order], pair.doubt[order], pair.gap, pair.cells[::-1]
    )


def widened(pair: PosteriorPair, entropy: float) -> PosteriorPair:
    """Intervals that hold every possible value."""
    measures = {
        n: m._replace(low=min(m.interval[0], -entropy), high=max(m.interval[1], entropy))
        if n in SIGNED
        else m._replace(low=0.0, high=max(m.value, entropy))
        for n, m in pair.measures.items()
    }
    return PosteriorPair(measures, pair.pointwise, pair.doubt, pair.gap, pair.cells)


def change(before: PosteriorPair, after: PosteriorPair, name: str) -> Estimate:
    """After less before, with its interval.

    On the same samples in the same order the errors go together, and the change is known better
    than either value; with another number of samples they are taken as independent.
    """
    value = after[name].value - before[name].value
    part = torch.as_tensor(PARTS["unique_difference" if name == "log_ratio" else name])
    part = part.to(after.pointwise)
    if name == "log_ratio" or len(before.pointwise) != len(after.pointwise):
        error = math.hypot(before[name].standard_error, after[name].standard_error)
    else:
        scatter = ((after.pointwise - before.pointwise) @ part).std() / math.sqrt(
            len(after.pointwise)
        )
        # Half of the doubt is common to both.
        doubt = torch.stack([before.doubt * part, after.doubt * part]).norm() * math.sqrt(0.5)
        error = math.hypot(float(scatter), float(doubt))
    return Estimate(value, value - NORMAL_95 * error, value + NORMAL_95 * error, error)


def _covariance(pointwise: Tensor, doubt: Tensor, groups: Tensor | None) -> np.ndarray:
    """Covariance: scatter of the samples, or groups of them, and doubt about what was added."""
    parts = pointwise - pointwise.mean(0)
    count = len(parts)
    if groups is not None:
        number = torch.unique(groups, return_inverse=True)[1]
        sums = parts.new_zeros(int(number.max()) + 1, parts.shape[1])
        parts = sums.index_add_(0, number, parts)
    sampling = (parts.mT @ parts).cpu().numpy() / count**2
    resolution = math.log2(count) / count
    return np.asarray(sampling + np.diag(doubt.cpu().numpy() ** 2 + resolution**2))


def _excess(values: Mapping[str, float], pair: PairInformation) -> float:
    """By how much I* may be too high, at most the smaller unique information.

    Errors of the posteriors hide that one source dominates the other.
    """
    least = min(values["unique1"], values["unique2"])
    return min(least, SPARE * float(pair.added[:2].mean()) * BITS + pair.gap)


def _ratio_estimate(values: Mapping[str, float], covariance: np.ndarray, spare: float) -> Estimate:
    """ln(U1 / U2), each taken as at least 0.001 bit."""
    first, second = values["unique1"], values["unique2"]
    rows = np.array([PARTS["unique1"], PARTS["unique2"]])
    spread = rows @ covariance @ rows.T
    ends = [log_ratio_interval(first - s, second - s, spread, NORMAL_95) for s in (0.0, spare)]
    value = float(log_ratio_of(first, second))
    low, high = min(value, *(e[0] for e in ends)), max(value, *(e[1] for e in ends))
    return Estimate(value, low, high, (high - low) / (2 * NORMAL_95))
