"""From integer labels to information atoms: bias-corrected, with error bars and null levels.

    estimate(x1, x2, y, settings=Settings(), solver=ScalingFirst(tol=1e-3), seed=0) -> PairEstimate
    estimate_pairs([(x1, x2), ...], y, settings, solver, seed) -> list[PairEstimate]  # one batch
    change(before, after, name, level=0.95) -> Estimate  # of one quantity, same samples or not
    clusters_for(samples, classes, most=20) -> int
    scarcity_warning(samples, clusters1, clusters2, classes) -> str | None

`PairEstimate` holds redundancy, unique1, unique2, synergy, mi1, mi2, joint_mi, unique_difference
and log_ratio, each an `Estimate(value, low, high, se, null, p)`, and samples, shape,
samples_per_cell, gap, warning and pointwise. `Settings(bias="grassberger", resamples=100,
shuffles=20, level=0.95)` holds the knobs. Labels are integers (n,), 0 or more, in numpy, torch or
lists; their names do not matter. Bits, except the log ratio. Usable alone: docs/estimation.md.
"""

from fusion_sched.estimation.change import change
from fusion_sched.estimation.clusters import SAMPLES_PER_CELL, clusters_for, scarcity_warning
from fusion_sched.estimation.estimate import PairEstimate, estimate, estimate_pairs
from fusion_sched.estimation.settings import BIASES, Settings
from fusion_sched.estimation.solver import ScalingFirst

__all__ = [
    "BIASES",
    "SAMPLES_PER_CELL",
    "PairEstimate",
    "ScalingFirst",
    "Settings",
    "change",
    "clusters_for",
    "estimate",
    "estimate_pairs",
    "scarcity_warning",
]
