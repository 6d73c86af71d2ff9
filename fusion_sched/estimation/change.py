"""What changed between two estimates of the same samples, for example two epochs."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from fusion_sched.estimation.entropies import Array
from fusion_sched.estimation.estimate import PairEstimate, atoms_of
from fusion_sched.types import Estimate


def change(before: PairEstimate, after: PairEstimate, name: str, level: float = 0.95) -> Estimate:
    """The change of one quantity, by the name of its field in `PairEstimate`.

    Where both estimates rest on the same samples in the same order, their errors go together and
    the change is known better than either value: the correlation is that of the samples' pointwise
    parts. With another number of samples the errors are taken as independent.
    """
    if not 0.5 <= level < 1:
        raise ValueError(f"level={level!r}; expected a confidence 0.5 <= level < 1")
    one, two = getattr(before, name), getattr(after, name)
    shared = _correlation(_parts(before, name), _parts(after, name))
    a, b = one.standard_error, two.standard_error
    error = float(np.sqrt(max(0.0, a * a + b * b - 2 * shared * a * b)))
    value, reach = two.value - one.value, float(ndtri((1 + level) / 2)) * error
    return Estimate(value, value - reach, value + reach, error)


def _parts(estimate: PairEstimate, name: str) -> Array:
    parts = atoms_of(estimate.pointwise)
    if name in parts:
        return parts[name]
    return parts["unique1"] - parts["unique2"]  # of the difference, and of the logarithm's argument


def _correlation(one: Array, two: Array) -> float:
    """Between the errors of two estimates; 0 for other samples or where one has no error."""
    if len(one) != len(two) or one.std() < 1e-12 or two.std() < 1e-12:
        return 0.0
    return float(np.corrcoef(one, two)[0, 1])
