"""Label models of one modality, and of several together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from fusion_sched.posterior.classifiers import (
    Discriminant,
    Fixed,
    Interaction,
    fit,
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

LINEAR_RIDGES = (1e-4, 0.01, 0.2, 2.0)
KERNEL_RIDGES = (1e-3, 0.05)
RANKS = (1.0, 2.0, 4.0, 8.0)
INTERACTING = 80  # components of the kernel maps that may interact
MOMENTS = 120_000  # cells of the table of moments at most
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
    maps = {
        "linear": (modality.components, LINEAR_RIDGES),
        "radius": (with_radius(modality.components), LINEAR_RIDGES[1:3]),
    } | {f"kernel {w:g}": (modality.kernel(w), KERNEL_RIDGES) for w in WIDTHS}
    classifiers = {m: (Discriminant(x, labels, folds), r) for m, (x, r) in maps.items()}
    components, _ = fit(classifiers, labels.base, labels, folds)
    model = _mixture(components, labels)
    log_p = model.log_p
    for cells, cell in zip(LEVELS, modality.cells, strict=True):
        log_p = refine(log_p, cell, cells, labels, folds)
    return LabelModel(log_p, model.shares)


def joint(
    modalities: Sequence[Modality], own_models: Sequence[LabelModel], labels: Labels, folds: Folds
) -> LabelModel:
    """The label model of several modalities together."""
    evidence = torch.stack([m.log_p for m in own_models]).sum(0) - len(own_models) * labels.base
    everything = torch.cat([m.components for m in modalities], 1)
    classifiers = {
        "naive Bayes": (Fixed(evidence), (0.0,)),
        "linear": (Discriminant(everything, labels, folds), LINEAR_RIDGES),
    }
    distances = torch.stack([m.distances for m in modalities]).mean(0)
    for width in WIDTHS:
        scores = kernel_scores(distances, width)
        classifiers[f"kernel {width:g}"] = Discriminant(scores, labels, folds), KERNEL_RIDGES
    components, _ = fit(classifiers, labels.base, labels, folds)
    components |= {f"alone {k}": m.log_p for k, m in enumerate(own_models)}
    model = _mixture(components, labels)
    interactions = _interactions(modalities, labels, folds)
    if interactions:
        components |= fit(interactions, model.log_p, labels, folds)[0]
        model = _mixture(components, labels)
    log_p = model.log_p
    for one, two in combinations(modalities, 2):
        for count, a, b in zip(LEVELS, one.cells, two.cells, strict=True):
            if count * count * labels.count <= PAIR_CELLS:
                log_p = refine(log_p, a * count + b, count * count, labels, folds)
    return LabelModel(log_p, model.shares)


def _interactions(
    modalities: Sequence[Modality], labels: Labels, folds: Folds
) -> dict[str, tuple[Interaction, tuple[float, ...]]]:
    """Models of what two modalities tell only together."""
    most = min(INTERACTING, int((MOMENTS / labels.count) ** 0.5))
    result = {}
    for (i, one), (j, two) in combinations(enumerate(modalities), 2):
        for kind, maps in (
            ("kernel", [whitened(m.kernel(WIDTHS[0]), most) for m in (one, two)]),
            ("linear", [whitened(m.components, min(most, 16)) for m in (one, two)]),
        ):
            name = f"{kind} interaction of {i} and {j}"
            result[name] = Interaction(*maps, labels, folds), RANKS
    return result


def _mixture(components: dict[str, Tensor], labels: Labels) -> LabelModel:
    everything = [*components.values(), labels.base]
    log_p, weights = mix(everything, labels.y)
    names = [*components, "no information"]
    return LabelModel(log_p, dict(zip(names, weights[0].tolist(), strict=True)))
