"""The number of clusters that the sample size supports."""

from __future__ import annotations

import math

SAMPLES_PER_CELL = 3.0
"""Samples per cell of the table clusters x clusters x classes that `clusters_for` aims at."""

SCARCE = 1.0
"""Below so many samples per cell the corrected atoms may be off by more than 0.05 bit."""


def clusters_for(samples: int, classes: int, most: int = 20) -> int:
    """The number of clusters per source that leaves about three samples per cell.

    A cell is one pair of clusters with one class. However many modalities there are, each is held
    against the rest clustered jointly, so a table always has two sources. At least 2 (one cluster
    carries nothing), at most `most`.
    """
    if samples < 2 or classes < 1 or most < 2:
        raise ValueError(
            f"samples={samples}, classes={classes}, most={most}; expected at least 2 samples, "
            "1 class and 2 clusters"
        )
    affordable = math.isqrt(int(samples / (SAMPLES_PER_CELL * classes)))
    return max(2, min(affordable, most))


def scarcity_warning(samples: int, clusters1: int, clusters2: int, classes: int) -> str | None:
    """What to do about a table with too few samples per cell; None where there are enough."""
    per_cell = samples / (clusters1 * clusters2 * classes)
    if per_cell >= SCARCE:
        return None
    needed = math.ceil(SAMPLES_PER_CELL * clusters1 * clusters2 * classes)
    return (
        f"{samples} samples in {clusters1} x {clusters2} clusters x {classes} classes leave "
        f"{per_cell:.2g} samples per cell; below {SCARCE:g} a corrected atom may be off by more "
        f"than 0.05 bit: use {clusters_for(samples, classes)} clusters per source, or {needed:,} "
        "samples"
    )
