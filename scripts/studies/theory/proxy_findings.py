"""What the runs of the third study say of mutual information and ECS."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

from scripts.studies.theory.course import LEARNED
from scripts.studies.theory.information import ESTIMATORS
from scripts.studies.theory.statistics import (
    Floats,
    Interval,
    between,
    mean_interval,
    rank_correlation,
    resampled,
    wilson,
)

PREDICTORS = ("ecs", *ESTIMATORS)
MOMENTS = ("start", "halfway")
SATURATED = 0.95
"""Mutual information is saturated from the first checkpoint at which it has this share of its
largest value in the run."""


@dataclass(frozen=True)
class Within:
    """Rank correlation of MI and ECS over the checkpoints of a run and modality.

    `spearman` and `kendall`: means over runs, both modalities averaged; `saturated`: Spearman
    from the checkpoint on at which MI is saturated, where three or more are left; `growth`: the
    factor by which ECS grows from there to the end, median over runs and modalities.
    """

    spearman: Interval
    kendall: Interval
    saturated: Interval
    growth: float


@dataclass(frozen=True)
class Across:
    """Rank correlations over runs at one checkpoint.

    `difference`: of MI₁ - MI₂ with ln(ECS₁/ECS₂), which of two modalities has more, and by
    how much; `level`: of MI with ECS, runs and modalities pooled. `bits`: median MI.
    """

    step: int
    difference: Interval
    level: Interval
    bits: float


@dataclass(frozen=True)
class Prediction:
    """Share of contested classes whose winner is the modality with more of something.

    `behind`: share of ECS less this share, runs drawn anew; `runs`: share of runs whose
    modality with more won classes is the one with more of it in mean over classes, at the start.
    """

    classes: Interval
    behind: Interval
    runs: Interval | None


@dataclass(frozen=True)
class WorldFindings:
    """`within` and `across`: by stage, then estimator; `predictions`: by moment, then
    predictor; `contested`: classes that were contested when decided.
    """

    within: dict[str, dict[str, Within]]
    across: dict[str, dict[str, tuple[Across, ...]]]
    predictions: dict[str, dict[str, Prediction]]
    contested: int


@dataclass(frozen=True)
class ProxyFindings:
    """By distribution of worlds."""

    worlds: dict[str, WorldFindings]


def world_findings(unimodal: dict[str, Any], joint: dict[str, Any]) -> WorldFindings:
    """Return what both stages of one distribution of worlds say."""
    stages = {"unimodal": unimodal, "joint": joint}
    contested = [contested_of(row) for row in joint["runs"]]
    return WorldFindings(
        within={
            name: {e: within(part["runs"], e) for e in ESTIMATORS} for name, part in stages.items()
        },
        across={name: {e: across(part, e) for e in ESTIMATORS} for name, part in stages.items()},
        predictions={
            moment: {p: prediction(joint["runs"], moment, p) for p in PREDICTORS}
            for moment in MOMENTS
        },
        contested=int(sum(mask.sum() for mask in contested)),
    )


def within(runs: list[dict[str, Any]], estimator: str) -> Within:
    """Return correlations over time."""
    pairs = [
        [(np.array(row["ecs"])[:, r], np.array(row[estimator])[:, r]) for r in range(2)]
        for row in runs
    ]

    def over_runs(correlation: Callable[[Floats, Floats], float]) -> Interval:
        each = [np.mean([correlation(ecs, bits) for ecs, bits in both]) for both in pairs]
        return mean_interval(np.array(each), seed=0)

    growths = [ecs[-1] / ecs[saturation(bits)] for both in pairs for ecs, bits in both]
    return Within(
        spearman=over_runs(lambda ecs, bits: float(spearmanr(ecs, bits).statistic)),
        kendall=over_runs(lambda ecs, bits: float(kendalltau(ecs, bits).statistic)),
        saturated=over_runs(after_saturation),
        growth=float(np.median(growths)),
    )


def saturation(bits: Floats) -> int:
    """Return the first checkpoint at which MI has 95 % of its largest value."""
    return int(np.argmax(bits >= SATURATED * bits.max()))


def after_saturation(ecs: Floats, bits: Floats) -> float:
    """Return Spearman's correlation from saturation on; NaN where fewer than three are left."""
    first = saturation(bits)
    if len(bits) - first < 3:
        return float("nan")
    return float(spearmanr(ecs[first:], bits[first:]).statistic)


def across(part: dict[str, Any], estimator: str) -> tuple[Across, ...]:
    """Return correlations over runs at the first, the middle and the last checkpoint."""
    steps = part["checkpoints"]
    correlations = []
    for place in (0, len(steps) // 2, len(steps) - 1):
        ecs = np.array([row["ecs"][place] for row in part["runs"]])
        bits = np.array([row[estimator][place] for row in part["runs"]])
        log_ratio = np.log(ecs[:, 0] / ecs[:, 1])[:, None]
        correlations.append(
            Across(
                step=steps[place],
                difference=rank_correlation(log_ratio, (bits[:, 0] - bits[:, 1])[:, None]),
                level=rank_correlation(ecs, bits),
                bits=float(np.median(bits)),
            )
        )
    return tuple(correlations)


def contested_of(row: dict[str, Any]) -> NDArray[np.bool_]:
    """Return which classes were decided with one modality not learned."""
    strength = np.array(row["strength_decided"])
    one: NDArray[np.bool_] = strength.min(0) <= LEARNED * strength.max(0)
    return one & (np.array(row["decided_step"]) >= 0)


def prediction(runs: list[dict[str, Any]], moment: str, predictor: str) -> Prediction:
    """Return how often the modality with more of `predictor` wins."""
    right, counts = right_by_run(runs, moment, predictor)
    best, _ = right_by_run(runs, moment, "ecs")
    drawn = resampled(len(runs), seed=0)
    with np.errstate(invalid="ignore"):  # a bootstrap sample without contested classes
        behind = (best - right)[drawn].sum(1) / counts[drawn].sum(1)
    total = int(counts.sum())
    gap = float((best - right).sum()) / total if total else float("nan")
    return Prediction(
        classes=wilson(int(right.sum()), total),
        behind=between(gap, behind),
        runs=by_run(runs, predictor) if moment == "start" else None,
    )


def right_by_run(runs: list[dict[str, Any]], moment: str, predictor: str) -> tuple[Floats, Floats]:
    """Return, by run, right predictions of contested classes, and how many those are."""
    right, counts = [], []
    for row in runs:
        held = contested_of(row)
        predicted = np.array(row[moment][predictor]).argmax(0)
        won = np.array(row["strength_decided"]).argmax(0)
        right.append((held & (predicted == won)).sum())
        counts.append(held.sum())
    return np.array(right, dtype=float), np.array(counts, dtype=float)


def by_run(runs: list[dict[str, Any]], predictor: str) -> Interval:
    """Return the share of runs predicted right; those with a tie are left out."""
    right = []
    for row in runs:
        won = np.array(row["strength_decided"]).argmax(0)[contested_of(row)]
        second, first = int(won.sum()), len(won) - int(won.sum())
        if first != second:
            right.append(int(np.argmax(row[predictor][0])) == int(second > first))
    return wilson(sum(right), len(right))
