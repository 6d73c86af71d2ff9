"""Second study: how fast the fused test error falls with the number of classes.

Joint training from scratch against unimodal training first, with the same number of steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from scripts.studies.theory.course import LEARNED, Course, both_learned, groups
from scripts.studies.theory.problem import Setting
from scripts.studies.theory.rate_fits import RateFindings, Regime, regime_of
from scripts.studies.theory.rounding import rounded

FROM_SCRATCH = 0.0
"""The share of unimodal steps in joint training from scratch."""


@dataclass(frozen=True)
class Ladder:
    """Numbers of classes to climb, all else alike: μ_r = 1/K and n in proportion to K.

    `shares`: of the steps, how many are unimodal, before the joint ones; 0 is joint training
    from scratch, 1 has no joint stage.
    """

    name: str
    classes: tuple[int, ...]
    shares: tuple[float, ...]
    strongest: tuple[float, float]
    initial_scale: float
    steps: int
    seeds: int

    def __post_init__(self) -> None:
        if len(self.classes) < 2 or self.classes != tuple(sorted(set(self.classes))):
            raise ValueError(f"classes={self.classes}; expected two or more, ascending")
        if FROM_SCRATCH not in self.shares or not all(0 <= share <= 1 for share in self.shares):
            raise ValueError(f"shares={self.shares}; expected shares in [0, 1], 0 among them")
        if self.steps < 1 or self.seeds < 2:
            raise ValueError(
                f"steps={self.steps}, seeds={self.seeds}; expected a step or more, and two seeds or"
                " more, over which intervals are taken"
            )

    def setting(self, classes: int) -> Setting:
        """Return the setting with this many classes."""
        mu = 1 / classes
        return Setting(classes, (mu, mu), self.strongest, self.initial_scale)


@dataclass(frozen=True)
class RateStudy:
    """The settings: the first ladder is the one judged, at its `judged_share`; others check it."""

    ladders: tuple[Ladder, ...]
    judged_share: float
    test_samples: int

    def __post_init__(self) -> None:
        for ladder in self.ladders:
            if self.judged_share not in ladder.shares or self.judged_share == FROM_SCRATCH:
                raise ValueError(
                    f"judged_share={self.judged_share}; expected one of the shares above 0 of "
                    f"ladder {ladder.name!r}, {ladder.shares}"
                )

    def names(self) -> list[str]:
        """Return the names of the parts: one for each ladder, share and K; small K first."""
        return [
            part_name(ladder.name, share, classes)
            for ladder in self.ladders
            for classes in ladder.classes
            for share in ladder.shares
        ]

    def part(self, name: str, device: torch.device) -> dict[str, Any]:
        """Train all seeds at one K and share; return errors and what was learned, by seed."""
        ladder, share, classes = next(
            (ladder, share, classes)
            for ladder in self.ladders
            for share in ladder.shares
            for classes in ladder.classes
            if part_name(ladder.name, share, classes) == name
        )
        setting = ladder.setting(classes)
        rows: list[dict[str, Any]] = []
        for seeds in groups(range(ladder.seeds), setting, device):
            course = Course([setting] * len(seeds), seeds, device)
            unimodal_steps = round(share * ladder.steps)
            course.advance(unimodal_steps, joint=False)
            at_joint_start = course.strength
            course.advance(ladder.steps - unimodal_steps, joint=True)
            rows += seed_rows(course, at_joint_start, self.test_samples)
        return {"classes": classes, "unimodal_steps": unimodal_steps, "seeds": rows}

    def findings(self, parts: Mapping[str, dict[str, Any]]) -> RateFindings:
        """Return exponents and their differences."""
        return RateFindings({ladder.name: self._regime(ladder, parts) for ladder in self.ladders})

    def _regime(self, ladder: Ladder, parts: Mapping[str, dict[str, Any]]) -> Regime:
        by_share = {
            share: [parts[part_name(ladder.name, share, k)] for k in ladder.classes]
            for share in ladder.shares
        }
        return regime_of(by_share, FROM_SCRATCH)


def part_name(ladder: str, share: float, classes: int) -> str:
    """Return the name of a part."""
    return f"{ladder}, unimodal {share:.0%}, K={classes}"


def seed_rows(
    course: Course, at_joint_start: torch.Tensor, test_samples: int
) -> list[dict[str, Any]]:
    """Return, by seed, wrong answers and shares of classes.

    `lost`: share of classes in which this modality is not learned although the other is;
    `ratio`: median over classes of larger over smaller ECS when joint training starts.
    """
    errors = course.errors(test_samples)
    learned = course.learned
    lost = (learned <= LEARNED * learned.amax(1, keepdim=True)).float().mean(2)
    least, most = at_joint_start.amin(1), at_joint_start.amax(1)
    ratio = (most / least).median(1).values
    both = both_learned(learned).float().mean(1)
    return [
        {
            "seed": seed,
            "wrong": int(errors.fused[i]),
            "wrong_alone": errors.alone[i].tolist(),
            "test_samples": errors.samples,
            "both_learned": rounded(both[i]),
            "lost": rounded(lost[i]),
            "ratio": rounded(ratio[i]) if ratio[i].isfinite() else None,
        }
        for i, seed in enumerate(course.seeds)
    ]
