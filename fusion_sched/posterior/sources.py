"""Label models of one modality, and of several together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from fusion_sched.posterior.classifiers import (
    best_calibrated,
    bilinear_scores,
    discriminant_scores,
    mix,
    own,
    refine,
)
from fusion_sched.posterior.features import (
    LEVELS,
    WIDTHS,
    Modality,
    kernel_scores,
    whitened,
    with_radius,
)
from fusion_sched.posterior.folds import Folds
from fusion_sched.posterior.inputs import Labels

LINEAR_RIDGES = (1e-5, 1e-3, 0.03, 0.3, 2.0)
KERNEL_RIDGES = (1e-4, 1e-2, 0.1)
RANKS = (1, 2, 4, 8)
INTERACTING = (24, 90)  # components of the kernel maps that may interact
MOMENTS = 250_000  # cells of the table of moments at most
PAIR_CELLS = 200_000


@dataclass(frozen=True)
class LabelModel:
    """log P(y | x) (2, N, classes) for both training sets, and the share of each candidate."""

    log_p: Tensor
    shares: dict[str, float]

    def gains(self, labels: Labels) -> Tensor:
        """log P(y | x) / P(y) of each sample, (2, N), in nats."""
        return own(self.log_p, labels.y) - labels.prior.log()[labels.y]


def unimodal(modality: Modality, labels: Labels, folds: Folds) -> LabelModel:
    """The label model of one modality."""
    y, classes, prior = labels.y, labels.count, labels.prior.log()
    maps = {
        "linear": (modality.components, LINEAR_RIDGES),
        "radius": (with_radius(modality.components), LINEAR_RIDGES[1:]),
    } | {f"kernel {w:g}": (modality.kernel(w), KERNEL_RIDGES) for w in WIDTHS}
    components = {
        name: best_calibrated(discriminant_scores(x, y, classes, folds, r), prior, y, folds)
        for name, (x, r) in maps.items()
    }
    model = _mixture(components, labels)
    log_p = model.log_p
    for cells, cell in zip(LEVELS, modality.cells, strict=True):
        log_p = refine(log_p, cell, cells, y, folds)
    return LabelModel(log_p, model.shares)


def joint(
    modalities: Sequence[Modality], own_models: Sequence[LabelModel], labels: Labels, folds: Folds
) -> LabelModel:
    """The label model of several modalities together."""
    y, classes, prior = labels.y, labels.count, labels.prior.log()
    ratios = [m.log_p - prior for m in own_models]
    components = {
        "naive Bayes": best_calibrated(torch.stack([sum(ratios)], 1), prior, y, folds),
        "linear": best_calibrated(
            discriminant_scores(
                torch.cat([m.components for m in modalities], 1), y, classes, folds, LINEAR_RIDGES
            ), prior, y, folds,
        ),
    }  # fmt: skip
    distances = torch.stack([m.distances for m in modalities]).mean(0)
    for width in WIDTHS:
        scores = discriminant_scores(kernel_scores(distances, width), y, classes, folds,
                                     KERNEL_RIDGES)  # fmt: skip
        components[f"kernel {width:g}"] = best_calibrated(scores, prior, y, folds)
    components |= {f"alone {k}": m.log_p for k, m in enumerate(own_models)}
    model = _mixture(components, labels)
    for one, two in combinations(range(len(modalities)), 2):
        interacting = _interactions(modalities[one], modalities[two], model.log_p, labels, folds)
        model = _mixture(components | interacting, labels)
        components |= interacting
    log_p = model.log_p
    for one, two in combinations(modalities, 2):
        for count, a, b in zip(LEVELS, one.cells, two.cells, strict=True):
            if count * count * classes <= PAIR_CELLS:
                log_p = refine(log_p, a * count + b, count * count, y, folds)
    return LabelModel(log_p, model.shares)


def _interactions(
    one: Modality, two: Modality, base: Tensor, labels: Labels, folds: Folds
) -> dict[str, Tensor]:
    """Models that add to the base what two modalities tell only together."""
    most = int((MOMENTS / labels.count) ** 0.5)
    maps = {
        f"interaction of {min(count, most)} kernel components": tuple(
            whitened(m.kernel(WIDTHS[0]), min(count, most)) for m in (one, two)
        )
        for count in INTERACTING
    }
    maps["interaction of 16 components"] = tuple(whitened(m.components, 16) for m in (one, two))
    result = {}
    for name, (a, b) in maps.items():
        ranks = tuple(r for r in RANKS if r <= min(a.shape[1], b.shape[1]))
        scores = bilinear_scores(a, b, labels.y, labels.prior, folds, ranks)
        result[name] = best_calibrated(scores, base, labels.y, folds)
    return result


def _mixture(components: dict[str, Tensor], labels: Labels) -> LabelModel:
    prior = labels.prior.log()
    everything = [*components.values(), prior.expand_as(next(iter(components.values())))]
    log_p, weights = mix(everything, labels.y)
    names = [*components, "no information"]
    return LabelModel(log_p, dict(zip(names, weights[0].tolist(), strict=True)))
