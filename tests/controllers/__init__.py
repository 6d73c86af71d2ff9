from collections.abc import Sequence
from itertools import combinations
from math import log

from fusion_sched.types import Diagnosis, Estimate


def known(value: float, error: float = 0.01) -> Estimate:
    """Return a measure with this standard error."""
    return Estimate(value, value - 1.96 * error, value + 1.96 * error, error, 0.0, 0.05)


def seen(
    unique: Sequence[float] = (0.5, 0.5),
    synergy: float | None = 0.3,
    names: str = "ab",
    error: float = 0.01,
    joint: float = 1.0,
) -> Diagnosis:
    """Return a diagnosis with these uniquenesses and this synergy, in bits."""
    values = {m: known(u, error) for m, u in zip(names, unique, strict=True)}
    floored = {m: max(u, 1e-3) for m, u in zip(names, unique, strict=True)}
    ratios = {
        f"{a}/{b}": known(log(floored[a] / floored[b]), error * (1 / floored[a] + 1 / floored[b]))
        for a, b in combinations(names, 2)
    }
    return Diagnosis(
        unique=values, mi=values, ecs=values, joint_mi=known(joint, error), label_entropy=2.0,
        samples=100, clusters=dict.fromkeys(names, 4), samples_per_cell=3.0, gap=0.0,
        redundancy=known(0.0), synergy=None if synergy is None else known(synergy, error),
        log_ratio=ratios,
    )  # fmt: skip
