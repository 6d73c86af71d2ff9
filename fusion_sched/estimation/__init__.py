"""From integer labels to information atoms: bias-corrected, with error bars and null levels.

    estimate(x1, x2, y, settings=Settings(), solver=Scaling(tol=1e-3), seed=0) -> Estimate
    estimate_pairs([(x1, x2), ...], y, settings, solver, seed) -> list[Estimate]   # one batch
    change(before, after, level=0.95) -> Change                      # Quantity after - Quantity before
    clusters_for(samples, classes, most=20) -> int
    scarcity_warning(samples, clusters1, clusters2, classes) -> str | None

`Estimate` holds redundancy, unique1, unique2, synergy, mi1, mi2, joint_mi, unique_difference and
log_ratio, each a `Quantity(value, low, high, standard_error, null, p_value)`, and samples, shape,
samples_per_cell, gap and warning.

Labels are integers (n,) >= 0 in numpy, torch or lists; their names do not matter. Usable alone.
"""

from fusion_sched.estimation.change import Change, change
from fusion_sched.estimation.clusters import SAMPLES_PER_CELL, clusters_for, scarcity_warning
from fusion_sched.estimation.estimate import Estimate, Quantity, estimate, estimate_pairs
from fusion_sched.estimation.settings import Settings

__all__ = [
    "SAMPLES_PER_CELL",
    "Change",
    "Estimate",
    "Quantity",
    "Settings",
    "change",
    "clusters_for",
    "estimate",
    "estimate_pairs",
    "scarcity_warning",
]
