"""Third study: whether mutual information stands in for ECS.

Worlds of random strengths, initial scales and learning rates are trained, unimodally and jointly;
at checkpoints both quantities are taken from the same weights.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusion_sched.runtime.environment import seed_for
from scripts.studies.theory.course import Course, groups
from scripts.studies.theory.information import ESTIMATORS, Information, information_of
from scripts.studies.theory.problem import Setting, draw_all, generator_for
from scripts.studies.theory.proxy_findings import ProxyFindings, WorldFindings, world_findings
from scripts.studies.theory.rounding import rounded

STAGES = ("unimodal", "joint")
STRONGEST = (1.3, 2.5)
INITIAL_SCALE = (0.007, 0.03)
RATE_PER_CLASS = (0.2, 0.4)


@dataclass(frozen=True)
class Worlds:
    """A distribution of settings: C_r uniform, σ_0 and the learning rate log-uniform.

    `insufficient`: each μ_r is uniform between these two.
    """

    name: str
    insufficient: tuple[float, float]

    def setting(self, classes: int, run: int) -> Setting:
        """Return the setting of a run."""
        rng = np.random.default_rng(seed_for(run, "theory world", self.name))

        def log_uniform(low: float, high: float) -> float:
            return math.exp(rng.uniform(math.log(low), math.log(high)))

        first, second = rng.uniform(*STRONGEST, size=2).tolist()
        mu, other = rng.uniform(*self.insufficient, size=2).tolist()
        return Setting(
            classes=classes,
            insufficient=(mu, other),
            strongest=(first, second),
            initial_scale=log_uniform(*INITIAL_SCALE),
            rate_per_class=log_uniform(*RATE_PER_CLASS),
        )


@dataclass(frozen=True)
class ProxyStudy:
    """The settings. `checkpoints`: steps at which both quantities are taken, the first one 0."""

    worlds: tuple[Worlds, ...]
    classes: int
    runs: int
    checkpoints: tuple[int, ...]
    samples: int

    def __post_init__(self) -> None:
        ascending = sorted(set(self.checkpoints))
        if len(ascending) < 3 or ascending[0] != 0 or self.checkpoints != tuple(ascending):
            raise ValueError(
                f"checkpoints={self.checkpoints}; expected three or more, ascending from 0"
            )
        if self.runs < 3:
            raise ValueError(f"runs={self.runs}; expected 3 or more, to correlate over")

    def names(self) -> list[str]:
        """Return the names of the parts: one for each distribution of worlds and stage."""
        return [part_name(worlds.name, stage) for worlds in self.worlds for stage in STAGES]

    def part(self, name: str, device: torch.device) -> dict[str, Any]:
        """Train all runs of one distribution in one stage; return both quantities by run."""
        worlds, stage = next(
            (worlds, stage)
            for worlds in self.worlds
            for stage in STAGES
            if part_name(worlds.name, stage) == name
        )
        settings = [worlds.setting(self.classes, run) for run in range(self.runs)]
        rows: list[dict[str, Any]] = []
        for runs in groups(range(self.runs), settings[0], device):
            course = Course([settings[run] for run in runs], runs, device)
            rows += self._rows(course, joint=stage == "joint")
        return {"checkpoints": list(self.checkpoints), "runs": rows}

    def findings(self, parts: Mapping[str, dict[str, Any]]) -> ProxyFindings:
        """Return what the parts say, by distribution of worlds."""
        return ProxyFindings({worlds.name: self._of(worlds, parts) for worlds in self.worlds})

    def _of(self, worlds: Worlds, parts: Mapping[str, dict[str, Any]]) -> WorldFindings:
        return world_findings(*(parts[part_name(worlds.name, stage)] for stage in STAGES))

    def _rows(self, course: Course, joint: bool) -> list[dict[str, Any]]:
        """Train through the checkpoints; return one row a run."""
        strengths, informations = [], []
        for step in self.checkpoints:
            course.advance(step - course.step, joint)
            strengths.append(course.strength)
            informations.append(self._information(course))
        totals = {e: torch.stack([i.total[e] for i in informations]) for e in ESTIMATORS}
        ecs = torch.stack(strengths)
        rows: list[dict[str, Any]] = [
            {"ecs": rounded(ecs[:, b].mean(-1)), **{e: rounded(t[:, b]) for e, t in totals.items()}}
            for b in range(len(course.seeds))
        ]
        if joint:
            by_class = {e: torch.stack([i.by_class[e] for i in informations]) for e in ESTIMATORS}
            for b, row in enumerate(rows):
                row.update(self._predictions(course, {"ecs": ecs, **by_class}, b))
        return rows

    def _predictions(self, course: Course, values: dict[str, Tensor], b: int) -> dict[str, Any]:
        """Return Γ of run `b` when its classes were decided, and what predicts it, by class.

        `start`: at step 0; `halfway`: at the last checkpoint before half of the deciding step.
        """
        decided = course.decided_step[b]
        steps = torch.tensor(self.checkpoints, device=decided.device)
        halfway = (steps[:, None] <= decided.clamp(min=0) / 2).sum(0) - 1
        own = torch.arange(len(decided), device=decided.device)
        return {
            "decided_step": rounded(decided),
            "strength_decided": rounded(course.decided_strength[b]),
            "start": {name: rounded(v[0, b]) for name, v in values.items()},
            "halfway": {name: rounded(v[halfway, b, :, own].T) for name, v in values.items()},
        }

    def _information(self, course: Course) -> Information:
        """Measure on fresh samples, the same ones at every checkpoint."""
        generators = [
            generator_for(setting, seed, "information")
            for setting, seed in zip(course.settings, course.seeds, strict=True)
        ]
        samples = draw_all(course.settings, generators, self.samples).to(course.device)
        return information_of(course.network.responses(samples.x, course.weights), samples.y)


def part_name(worlds: str, stage: str) -> str:
    """Return the name of a part."""
    return f"{worlds}, {stage}"
