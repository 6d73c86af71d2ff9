"""What the held-out scores would be if the labels had nothing to do with the samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fusion_sched.probe.posterior.atoms import SourceModel
from fusion_sched.probe.posterior.folds import Folds
from fusion_sched.probe.posterior.inputs import BITS, Labels

SHUFFLES = 99


@dataclass(frozen=True)
class Nulls:
    """Information under shuffled labels (shuffles, 3), bits, and p-values (3,).

    The sources are 1, 2 and both. Labels are shuffled within the folds and the models stay, so that
    a shuffle costs one look-up. The statistic is the largest standardised score of any candidate
    and option before calibration, which would favour the true labels; z standard errors are worth
    z^2 / 2N nats.
    """

    shuffled: Tensor
    p_values: tuple[float, ...]

    @staticmethod
    def of(
        sources: tuple[SourceModel, ...], labels: Labels, folds: Folds, generator: torch.Generator
    ) -> Nulls:
        """Shuffle the labels and score them again."""
        count = len(labels.y)
        keys = torch.rand(SHUFFLES, count, generator=generator, dtype=torch.float64)
        keys = keys.to(labels.y.device) + folds.of_sample
        into = torch.argsort(folds.of_sample, stable=True)
        shuffled = torch.empty_like(keys, dtype=torch.int64)
        shuffled[:, into] = labels.y[keys.argsort(1)]
        drawn = torch.cat([labels.y[None], shuffled])
        statistics = [_largest(source.scores, drawn) for source in sources]
        reached = [int((s[1:] >= s[0]).sum()) for s in statistics]
        null = torch.stack([s[1:].square() / (2 * count) for s in statistics], 1) * BITS
        return Nulls(null, tuple((1 + r) / (1 + SHUFFLES) for r in reached))

    def of_quantity(
        self, name: str, value: float, error: float, spare: float
    ) -> tuple[float, float]:
        """Mean level and p-value of an atom or information.

        An atom is at most an information, whose test makes its own conservative; where its
        interval holds zero, its p-value says so too.
        """
        one, two, both = self.shuffled.unbind(1)
        p1, p2, p12 = self.p_values
        level, p = {
            "mi1": (one, p1),
            "mi2": (two, p2),
            "joint_mi": (both, p12),
            "unique1": (one, p1),
            "unique2": (two, p2),
            "synergy": (both, p12),
            "redundancy": (torch.minimum(one, two), max(p1, p2)),
            "unique_difference": (one - two, min(p1, p2)),
        }[name]
        if name not in ("mi1", "mi2", "joint_mi"):
            reach = (abs(value) - spare) / (error * math.sqrt(2))
            sides = 2.0 if name == "unique_difference" else 1.0
            p = max(p, sides * 0.5 * math.erfc(max(0.0, reach)))
        return float(level.mean()), p


def _largest(scores: Tensor, y: Tensor) -> Tensor:
    """Largest standardised mean score (1 + shuffles,) of the candidates, at least 0."""
    index = y.T.expand(len(scores), -1, -1)
    means = scores.float().gather(2, index).mean(1).double()  # single precision: half the traffic
    centred = means - means[:, 1:].mean(1, keepdim=True)
    spread = centred[:, 1:].std(1, keepdim=True)
    standard = torch.where(spread > 0, centred / spread.clamp(min=1e-300), 0.0)
    # Two samples of different folds enter each other's models: the true labels' score counts each
    # pair twice, and has twice the variance that shuffles with fixed models show.
    standard[:, 0] /= math.sqrt(2.0)
    return standard.amax(0).clamp(min=0.0)
