"""Warnings where an estimate contradicts itself."""

from __future__ import annotations

from fusion_sched.probe.posterior.atoms import PairInformation, SourceModel
from fusion_sched.probe.posterior.inputs import BITS
from fusion_sched.probe.posterior.intervals import ATOMS, PosteriorPair, values_of

FEW_PER_CLASS = 8
FEW = 60
BELOW = 0.02  # bits
ACCURATE = 0.02  # bits


def check_samples(samples: int, classes: int) -> tuple[str, ...]:
    """Say so where the samples are too few for any statement."""
    if samples >= max(FEW, FEW_PER_CLASS * classes):
        return ()
    return (
        f"{samples} samples of {classes} classes are too few to say anything: expected "
        f"{max(FEW, FEW_PER_CLASS * classes)} or more; the intervals hold every possible value",
    )


def check_cells(
    names: tuple[str, ...], pair: PairInformation, sources: tuple[SourceModel, ...]
) -> tuple[str, ...]:
    """Compare the tables' information with the held-out lower bounds, and the gap with its aim."""
    warnings = []
    for name, value, source in zip(names, pair.values[:2], sources[:2], strict=False):
        short = float(source.lower - value) * BITS
        if short > BELOW:
            warnings.append(
                f"the cells of {name} hold {short:.2f} bit less than its held-out lower bound: "
                "redundancy and unique information are too low"
            )
    if pair.gap > ACCURATE:
        warnings.append(
            f"I* of {names[0]} and {names[1]} is certified to {pair.gap:.3f} bit only: unique "
            "information is too high by at most that"
        )
    return tuple(warnings)


def check_halved(
    names: tuple[str, ...], estimate: PosteriorPair, coarse: PairInformation
) -> tuple[str, ...]:
    """Compare with the atoms on half as many cells."""
    moved = []
    for name, value in values_of(coarse).items():
        low, high = estimate[name].interval
        if name in ATOMS and not low - BELOW <= value <= high + BELOW:
            moved.append(f"{name} from {estimate[name].value:.2f} to {value:.2f}")
    if not moved:
        return ()
    return (
        f"half as many cells move {', '.join(moved)} bit ({names[0]}, {names[1]}), beyond the "
        "interval: the cells are too coarse for these posteriors",
    )
