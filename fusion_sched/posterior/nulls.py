"""What the held-out scores would be if the labels had nothing to do with the samples."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fusion_sched.posterior.atoms import Source
from fusion_sched.posterior.folds import Folds
from fusion_sched.posterior.inputs import BITS, Labels

SHUFFLES = 199


@dataclass(frozen=True)
class Nulls:
    """Information under shuffled labels (shuffles, 3), bits: source 1, source 2 and both.

    The labels are shuffled within the folds and the models stay as they are, so that each shuffle
    costs one look-up. An atom is at most one of these informations; its level and p-value are that
    information's, which makes its test conservative.
    """

    shuffled: Tensor

    @staticmethod
    def of(
        sources: tuple[Source, ...], labels: Labels, folds: Folds, generator: torch.Generator
    ) -> Nulls:
        """Shuffle the labels and score them again."""
        keys = torch.rand(SHUFFLES, len(labels.y), generator=generator, dtype=torch.float64)
        keys = keys.to(labels.y.device) + folds.of_sample
        into = torch.argsort(folds.of_sample, stable=True)
        shuffled = torch.empty_like(keys, dtype=torch.int64)
        shuffled[:, into] = labels.y[keys.argsort(1)]
        prior = labels.prior.log()
        gains = [(s.log_p - prior).gather(1, shuffled.T).mean(0) + s.learning for s in sources]
        return Nulls(torch.stack(gains, 1).clamp(min=0.0) * BITS)

    def of_quantity(self, name: str, value: float) -> tuple[float, float]:
        """Mean level and p-value of an atom or information."""
        one, two, both = self.shuffled.unbind(1)
        level = {
            "mi1": one, "unique1": one, "mi2": two, "unique2": two, "joint_mi": both,
            "synergy": both, "redundancy": torch.minimum(one, two),
        }  # fmt: skip
        if name == "unique_difference":
            draws, value = (one - two).abs(), abs(value)
        else:
            draws = level[name]
        share = (1 + int((draws >= value - 1e-12).sum())) / (1 + len(draws))
        mean = (one - two).mean() if name == "unique_difference" else draws.mean()
        return float(mean), share
