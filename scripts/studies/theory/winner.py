"""First study: whether the larger ECS at the start tells which modality wins a class."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from scripts.studies.theory.course import LEARNED, Course, groups
from scripts.studies.theory.problem import Setting
from scripts.studies.theory.rounding import rounded
from scripts.studies.theory.statistics import Interval, mean_interval, wilson
from scripts.studies.theory.strength import escape_steps

EDGES = (1.0, 1.05, 1.2, 1.5, 2.0, float("inf"))
"""Bins of the ratio: larger over smaller ECS of a class at the start."""
CLEAR = 1.2
"""The claim is judged where the ratio is above this."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """Joint training from scratch in one setting."""

    name: str
    setting: Setting
    steps: int
    seeds: int

    def __post_init__(self) -> None:
        if self.steps < 1 or self.seeds < 1:
            raise ValueError(f"steps={self.steps}, seeds={self.seeds}; expected 1 or more of each")


@dataclass(frozen=True)
class View:
    """Predictions of one kind: the share that is right, over all and by bin of the ratio.

    `clear`: where the ratio is above 1.2. `counts`: predictions by bin.
    """

    clear: Interval
    clear_count: int
    bins: tuple[Interval, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class CaseFindings:
    """`views` by name, and shares of all (seed, class).

    `decided`: decided before the end; `contested`: and only one modality learned by then;
    `caught_up`: of those, with both learned at the end. `escape_order`: rank correlation over
    a seed's classes of the predicted escape of the stronger modality and the deciding step.
    """

    views: dict[str, View]
    decided: float
    contested: float
    caught_up: Interval
    escape_order: Interval
    median_ratio: float


@dataclass(frozen=True)
class WinnerFindings:
    """By case, and all cases pooled."""

    cases: dict[str, CaseFindings]
    pooled: dict[str, View]


@dataclass(frozen=True)
class WinnerStudy:
    """The settings: cases, each one part."""

    cases: tuple[Case, ...]

    def names(self) -> list[str]:
        """Return the names of the parts."""
        return [case.name for case in self.cases]

    def part(self, name: str, device: torch.device) -> dict[str, Any]:
        """Train one case; return by seed ECS at the start, Γ when decided and at the end."""
        (case,) = (case for case in self.cases if case.name == name)
        rows: list[dict[str, Any]] = []
        for seeds in groups(range(case.seeds), case.setting, device):
            course = Course([case.setting] * len(seeds), seeds, device)
            start = course.strength
            course.advance(case.steps, joint=True)
            values = {
                "ecs_start": start,
                "decided_step": course.decided_step,
                "strength_decided": course.decided_strength,
                "strength_end": course.learned,
            }
            rows += [
                {"seed": seed, **{key: rounded(v[i]) for key, v in values.items()}}
                for i, seed in enumerate(seeds)
            ]
        return {"seeds": rows}

    def findings(self, parts: Mapping[str, dict[str, Any]]) -> WinnerFindings:
        """Return what the parts of all cases say."""
        outcomes = {case.name: Outcome.of(parts[case.name]) for case in self.cases}
        pooled = Outcome.pooled(list(outcomes.values()))
        return WinnerFindings(
            {case.name: findings_of(case, outcomes[case.name]) for case in self.cases},
            {name: view(pooled, *masks) for name, masks in pooled.views().items()},
        )


@dataclass(frozen=True)
class Outcome:
    """Flat over seeds and classes: ECS at the start and Γ `(N, 2)`, deciding step `(N,)`."""

    start: NDArray[np.float64]
    decided: NDArray[np.float64]
    end: NDArray[np.float64]
    step: NDArray[np.int64]

    @classmethod
    def of(cls, part: dict[str, Any]) -> "Outcome":
        """Lay out the seeds of one part behind one another."""

        def flat(key: str) -> NDArray[np.float64]:
            return np.concatenate([np.array(row[key], dtype=float).T for row in part["seeds"]])

        steps = np.concatenate([row["decided_step"] for row in part["seeds"]])
        return cls(flat("ecs_start"), flat("strength_decided"), flat("strength_end"), steps)

    @classmethod
    def pooled(cls, outcomes: "list[Outcome]") -> "Outcome":
        """Lay out all outcomes behind one another."""
        names = ("start", "decided", "end", "step")
        return cls(*(np.concatenate([getattr(o, name) for o in outcomes]) for name in names))

    @property
    def ratio(self) -> NDArray[np.float64]:
        """Larger over smaller ECS at the start."""
        least, most = self.start.min(1), self.start.max(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(most > 0, most / least, 1.0)

    def views(self) -> dict[str, tuple[Mask, Mask]]:
        """Return, by view, which (seed, class) it holds and in which of them ECS was right."""
        known = self.step >= 0
        predicted = self.start.argmax(1)
        at_decision = predicted == self.decided.argmax(1)
        at_end = predicted == self.end.argmax(1)
        return {
            "contested": (known & ~both(self.decided), at_decision),
            "decided": (known, at_decision),
            "contested at the end": (~both(self.end), at_end),
            "all at the end": (np.ones_like(known), at_end),
        }


def both(learned: NDArray[np.float64]) -> Mask:
    """Return where both modalities are learned, of Γ `(N, 2)`."""
    least: Mask = learned.min(1) > LEARNED * learned.max(1)
    return least


def view(outcome: Outcome, held: Mask, right: Mask) -> View:
    """Return the share of right predictions among those held, by the ratio at the start."""
    ratio = outcome.ratio
    bin_of = np.searchsorted(EDGES, ratio, side="right") - 1
    inside = [held & (bin_of == i) for i in range(len(EDGES) - 1)]
    inside[-1] |= held & np.isinf(ratio)
    clear = held & (ratio > CLEAR)
    return View(
        clear=wilson(int((right & clear).sum()), int(clear.sum())),
        clear_count=int(clear.sum()),
        bins=tuple(wilson(int((right & mask).sum()), int(mask.sum())) for mask in inside),
        counts=tuple(int(mask.sum()) for mask in inside),
    )


def findings_of(case: Case, outcome: Outcome) -> CaseFindings:
    """Return the findings of one case."""
    masks = outcome.views()
    contested = masks["contested"][0]
    caught_up = both(outcome.end)[contested]
    return CaseFindings(
        views={name: view(outcome, *pair) for name, pair in masks.items()},
        decided=float((outcome.step >= 0).mean()),
        contested=float(contested.mean()),
        caught_up=wilson(int(caught_up.sum()), len(caught_up)),
        escape_order=escape_order(case, outcome),
        median_ratio=float(np.median(outcome.ratio)),
    )


def escape_order(case: Case, outcome: Outcome) -> Interval:
    """Return the rank correlation of predicted escapes and deciding steps, mean over seeds."""
    setting = case.setting
    strongest = torch.from_numpy(outcome.start.max(1))
    predicted = escape_steps(
        strongest, setting.learning_rate, setting.classes, setting.power
    ).numpy()
    pairs = zip(
        predicted.reshape(-1, setting.classes),
        outcome.step.reshape(-1, setting.classes),
        strict=True,
    )
    each = [spearmanr(p[s >= 0], s[s >= 0]).statistic for p, s in pairs if (s >= 0).sum() > 2]
    return mean_interval(np.array(each), seed=0)
