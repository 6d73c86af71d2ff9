"""Exponents of error ~ K^-a, by condition, and their differences, with bootstraps over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scripts.studies.theory.statistics import (
    RESAMPLES,
    Floats,
    Interval,
    between,
    mean_interval,
    power_law,
    resampled,
    straight_line,
)

LARGE = 16
"""Exponents are also fitted to the K from here on, where small-K effects are weaker."""

Parts = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Rung:
    """One K: fused error, and the one that follows from which classes have both modalities learned.

    `mixture` = b μ₁μ₂ + (1 - b) μ with b = `both_learned`: a sample of a class with both is
    wrong if insufficient twice, of another class if insufficient in the modality that is left.
    `ratio`: median ECS ratio when joint training starts, mean over seeds.
    """

    classes: int
    error: Interval
    wrong: int
    test_samples: int
    alone: tuple[float, float]
    both_learned: Interval
    mixture: float
    ratio: Interval


@dataclass(frozen=True)
class Condition:
    """One share of unimodal steps: its rungs and the exponents fitted to them.

    `exponent` and `scale`: Poisson likelihood; `line`: straight line through the logarithms;
    `large`: Poisson likelihood on K ≥ 16, without a value where those are fewer than two.
    `gain`: its exponent less that of joint training from scratch, `None` for the latter.
    """

    share: float
    rungs: tuple[Rung, ...]
    exponent: Interval
    scale: float
    line: Interval
    large: Interval
    gain: Interval | None


@dataclass(frozen=True)
class Regime:
    """All conditions of a ladder, by share."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class RateFindings:
    """By ladder."""

    ladders: dict[str, Regime]


@dataclass(frozen=True)
class Fits:
    """Exponents of one condition: of all seeds (first entry), then of the bootstrap samples."""

    exponent: Floats
    line: Floats
    large: Floats
    scale: float

    @classmethod
    def of(cls, parts: Parts) -> "Fits":
        """Fit parts in ascending order of K.

        Seeds are drawn anew in each K, with the same draws in every condition of a ladder: worlds
        of equal K and seed share data, initial weights and test samples, and stay paired.
        """
        classes = np.array([part["classes"] for part in parts], dtype=float)
        total = sum(row["test_samples"] for row in parts[0]["seeds"])
        wrong = np.stack([counts(part) for part in parts], axis=1)
        law = power_law(classes, wrong, total)
        large = classes >= LARGE
        nothing = np.full(RESAMPLES + 1, np.nan)
        return cls(
            exponent=law.exponent,
            line=straight_line(classes, wrong, total).exponent,
            large=power_law(classes[large], wrong[:, large], total).exponent
            if large.sum() > 1
            else nothing,
            scale=float(law.scale[0]),
        )


def counts(part: dict[str, Any]) -> Floats:
    """Return wrong answers over all seeds, then those of each bootstrap sample of the seeds."""
    wrong = np.array([row["wrong"] for row in part["seeds"]], dtype=float)
    drawn = wrong[resampled(len(wrong), seed=part["classes"])].sum(1)
    return np.concatenate([[wrong.sum()], drawn])


def regime_of(by_share: Mapping[float, Parts], from_scratch: float) -> Regime:
    """Return the conditions of one ladder; `by_share` has the parts of each in ascending K."""
    fits = {share: Fits.of(parts) for share, parts in by_share.items()}
    return Regime(
        tuple(
            Condition(
                share=share,
                rungs=tuple(rung(part) for part in parts),
                exponent=interval(fits[share].exponent),
                scale=fits[share].scale,
                line=interval(fits[share].line),
                large=interval(fits[share].large),
                gain=None
                if share == from_scratch
                else interval(fits[share].exponent - fits[from_scratch].exponent),
            )
            for share, parts in by_share.items()
        )
    )


def interval(values: Floats) -> Interval:
    """Return the first value with the interval of the others."""
    return between(float(values[0]), values[1:])


def rung(part: dict[str, Any]) -> Rung:
    """Return what one part says, over its seeds."""
    seeds, classes = part["seeds"], part["classes"]

    def each(key: str) -> Floats:
        return np.array([np.nan if row[key] is None else row[key] for row in seeds], dtype=float)

    samples = each("test_samples")
    both = float(each("both_learned").mean())
    first, second = (each("wrong_alone") / samples[:, None]).mean(0)
    return Rung(
        classes=classes,
        error=mean_interval(each("wrong") / samples, seed=classes),
        wrong=int(each("wrong").sum()),
        test_samples=int(samples.sum()),
        alone=(float(first), float(second)),
        both_learned=mean_interval(each("both_learned"), seed=classes),
        mixture=both / classes**2 + (1 - both) / classes,
        ratio=mean_interval(each("ratio"), seed=classes),
    )
