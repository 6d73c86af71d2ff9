"""What the held-out scores would be if the labels had nothing to do with the samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fusion_sched.probe.posterior.folds import Folds
from fusion_sched.probe.posterior.inputs import BITS, Labels

SHUFFLES = 199
DENSE = 20_000  # samples times classes


def shuffled_labels(
    labels: Labels, folds: Folds, groups: Tensor | None, generator: torch.Generator
) -> Tensor:
    """Labels (1 + shuffles, N): the true ones, then shuffles within the folds.

    With `groups`, each group takes the labels of another group of its fold, in their order, from
    the first again where it is longer: what the samples of a group share stays together.
    """
    order = torch.arange(len(labels.y), device=labels.y.device)
    unit = order if groups is None else torch.unique(groups, return_inverse=True)[1]
    first = torch.argsort(unit, stable=True)
    size = torch.bincount(unit)
    start = size.cumsum(0) - size
    fold = folds.of_sample[first[start]]
    keys = torch.rand(SHUFFLES, len(size), generator=generator)
    by_fold = torch.argsort(fold, stable=True)
    partner = torch.empty(keys.shape, dtype=torch.int64, device=fold.device)
    drawn = np.argsort((keys + fold.cpu()).numpy(), axis=1)
    partner[:, by_fold] = torch.from_numpy(drawn).to(fold.device)
    place = torch.empty_like(order)
    place[first] = order - start[unit[first]]
    partner = partner[:, unit]
    shuffled = labels.y[first[start[partner] + place % size[partner]]]
    return torch.cat([labels.y[None], shuffled])


def largest_scores(scores: Tensor, drawn: Tensor) -> Tensor:
    """Largest standardised mean (1 + shuffles,) of scores (any, N, classes), at least 0.

    The scores are those of every candidate and option before calibration, which would favour the
    true labels. Models stay as they are, so that a shuffle costs one look-up per sample.
    """
    _, count, classes = scores.shape
    rows = scores.permute(1, 2, 0).flatten(0, 1).float()  # single precision: half the traffic
    index = drawn + torch.arange(count, device=drawn.device) * classes
    if len(rows) <= DENSE:  # a product is faster than look-ups
        picked = rows.new_zeros(len(drawn), len(rows)).scatter_(1, index, 1.0 / count)
        means = (picked @ rows).double()
    else:
        means = torch.nn.functional.embedding_bag(index, rows, mode="mean").double()
    centred = means - means[1:].mean(0)
    spread = centred[1:].std(0)
    standard = torch.where(spread > 0, centred / spread.clamp(min=1e-300), 0.0)
    # Two samples of different folds enter each other's models: the true labels' score counts each
    # pair twice, and has twice the variance that shuffles with fixed models show.
    standard[0] /= math.sqrt(2.0)
    return standard.amax(1).clamp(min=0.0)


@dataclass(frozen=True)
class Nulls:
    """Information under shuffled labels (shuffles, 3), bits, and p-values (3,).

    The sources are 1, 2 and both; z standard errors are worth z^2 / 2N nats.
    """

    shuffled: Tensor
    p_values: tuple[float, ...]

    @staticmethod
    def of(statistics: Sequence[Tensor], samples: int) -> Nulls:
        """Compare the true labels with the shuffles, in the `largest_scores` of the sources."""
        reached = [int((s[1:] >= s[0]).sum()) for s in statistics]
        null = torch.stack([s[1:].square() / (2 * samples) for s in statistics], 1) * BITS
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
