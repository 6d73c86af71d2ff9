"""Label models of one modality, and of several together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TypeVar

import torch
from torch import Tensor

from fusion_sched.probe.posterior.classifiers import (
    Classifier,
    Discriminant,
    FixedMixture,
    Interaction,
    fit,
    mixture,
    own,
    refine,
)
from fusion_sched.probe.posterior.features import (
    LEVELS,
    WIDTHS,
    ModalityFeatures,
    k_means,
    kernel_scores,
    principal_components,
    seeds,
    whitened,
    with_radius,
)
from fusion_sched.probe.posterior.folds import Folds
from fusion_sched.probe.posterior.inputs import Labels

LINEAR_RIDGES = (1e-4, 0.02, 0.3, 2.0)
KERNEL_RIDGES = (1e-3, 0.05)
RANKS = (1.0, 2.0, 5.0)
INTERACTING = 80  # components of the kernel maps that may interact
MOMENTS = 120_000  # cells of the table of moments at most
PAIR_CELLS = 200_000
CLEAR = 5.5  # nats by which refinement must gain, times the square root of its cells
OWN_CELLS = 24  # of similar posterior of one modality
POSTERIOR_CELLS = (6, 12)  # of either modality, for pairs of cells
KEPT = 2  # candidates that the next diagnosis fits again

Options = tuple[float, ...]
Kept = Mapping[str, float]
T = TypeVar("T")


@dataclass(frozen=True)
class LabelModel:
    """log P(y | x) (2, N, classes) for both training sets.

    `held_out` is the same before refinement by cells of the posteriors themselves.
    `shares` are the candidates' weights in the mixture, `options` what each of them chose, and
    `scores` (any number, N, classes) are those of every candidate and option, not calibrated.
    """

    log_p: Tensor
    held_out: Tensor
    shares: dict[str, float]
    options: dict[str, float]
    scores: Tensor

    def gains(self, labels: Labels) -> tuple[Tensor, Tensor]:
        """log P(y | x) / P(y) of each sample in nats: all (N,), and held out (2, N)."""
        prior = labels.prior.log()[labels.y]
        return own(self.log_p[0], labels.y) - prior, own(self.held_out, labels.y) - prior

    @property
    def kept(self) -> dict[str, float]:
        """The options of the candidates that matter, for the next diagnosis."""
        ranked = sorted(self.options, key=lambda name: -self.shares[name])
        return {name: self.options[name] for name in ranked[:KEPT]}

    @property
    def leading(self) -> str:
        """The candidate with the largest share."""
        return max(self.shares, key=lambda name: self.shares[name])


def unimodal_model(
    modality: ModalityFeatures,
    labels: Labels,
    folds: Folds,
    generator: torch.Generator,
    kept: Kept | None = None,
) -> LabelModel:
    """The label model of one modality, of all candidates or of the ones `kept`."""
    maps: dict[str, tuple[Callable[[], Tensor], Options]] = {
        "linear": (lambda: modality.components, LINEAR_RIDGES),
        "radius": (lambda: with_radius(modality.components), LINEAR_RIDGES[1:3]),
    }
    for width in WIDTHS:
        maps[f"kernel {width:g}"] = partial(modality.kernel, width), KERNEL_RIDGES
    classifiers = {
        name: (Discriminant(make(), labels, folds), options)
        for name, (make, options) in _wanted(maps, kept).items()
    }
    components, chosen, scores = fit(classifiers, labels.base, labels, folds)
    log_p, shares = _mixture(components, labels)
    for cells, cell in zip(LEVELS, modality.cells, strict=True):
        log_p = refine(log_p, cell, cells, labels, folds)
    held_out = log_p
    cell = _posterior_cells(log_p, OWN_CELLS, generator)
    log_p = _refine_if_clear(log_p, cell, OWN_CELLS, labels, folds)
    return LabelModel(log_p, held_out, shares, chosen, torch.cat(scores))


def joint(
    modalities: Mapping[str, ModalityFeatures],
    models: Mapping[str, LabelModel],
    labels: Labels,
    folds: Folds,
    generator: torch.Generator,
    kept: Kept | None = None,
) -> LabelModel:
    """The label model of several modalities together; `models` are those of each alone."""
    parts = list(modalities.values())
    maps: dict[str, tuple[Callable[[], Tensor], Options]] = {
        "linear": (lambda: torch.cat([m.components for m in parts], 1), LINEAR_RIDGES)
    }
    maps[f"kernel {WIDTHS[0]:g}"] = partial(_joint_kernel, parts, WIDTHS[0]), KERNEL_RIDGES
    classifiers: dict[str, tuple[Classifier, Options]] = {
        name: (Discriminant(make(), labels, folds), options)
        for name, (make, options) in _wanted(maps, kept).items()
    }
    evidence = torch.stack([m.log_p for m in models.values()]).sum(0) - len(models) * labels.base
    classifiers["naive Bayes"] = FixedMixture(evidence), (0.0,)
    components, chosen, scores = fit(classifiers, labels.base, labels, folds)
    components |= {f"{name} alone": m.log_p for name, m in models.items()}
    log_p, shares = _mixture(components, labels)
    interactions = {
        name: (make(), options)
        for name, (make, options) in _wanted(
            _interactions(modalities, models, labels, folds), kept
        ).items()
    }
    if interactions:
        tilted, ranks, tilts = fit(interactions, log_p, labels, folds)
        scores += tilts
        log_p, shares = _mixture(components | tilted, labels)
        chosen |= ranks
    for one, two in combinations(parts, 2):
        for count, a, b in zip(LEVELS, one.cells, two.cells, strict=True):
            if count * count * labels.count <= PAIR_CELLS:
                log_p = refine(log_p, a * count + b, count * count, labels, folds)
    held_out = log_p
    for first, second in combinations(models.values(), 2):
        for count in POSTERIOR_CELLS:
            a, b = (_posterior_cells(m.log_p, count, generator) for m in (first, second))
            log_p = _refine_if_clear(log_p, a * count + b, count * count, labels, folds)
    scores += [m.scores for m in models.values()]
    return LabelModel(log_p, held_out, shares, chosen, torch.cat(scores))


def _posterior_cells(log_p: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Cells (N,) of similar posterior."""
    root = (log_p[0] / 2).exp()
    return k_means(root, seeds(root, count, generator))


def _refine_if_clear(
    log_p: Tensor, cell: Tensor, cells: int, labels: Labels, folds: Folds
) -> Tensor:
    """Refine by cells of the posteriors, if that gains more than it may without information.

    A sample's label has a small part in the posteriors of the samples that share its cell.
    """
    refined = refine(log_p, cell, cells, labels, folds)
    gain = (own(refined[0], labels.y) - own(log_p[0], labels.y)).sum()
    return torch.where(gain > CLEAR * cells**0.5, refined, log_p)


def _wanted(maps: dict[str, tuple[T, Options]], kept: Kept | None) -> dict[str, tuple[T, Options]]:
    if kept is None:
        return maps
    return {name: (make, (kept[name],)) for name, (make, _) in maps.items() if name in kept}


def _joint_kernel(modalities: Sequence[ModalityFeatures], width: float) -> Tensor:
    return kernel_scores(torch.stack([m.distances for m in modalities]).mean(0), width)


def _interactions(
    modalities: Mapping[str, ModalityFeatures],
    models: Mapping[str, LabelModel],
    labels: Labels,
    folds: Folds,
) -> dict[str, tuple[Callable[[], Interaction], Options]]:
    """Models of what two modalities tell only together."""
    most = min(INTERACTING, int((MOMENTS / labels.count) ** 0.5))

    def of_kernels(one: ModalityFeatures, two: ModalityFeatures) -> Interaction:
        maps = [whitened(m.kernel(WIDTHS[0]), most) for m in (one, two)]
        return Interaction(maps[0], maps[1], labels, folds)

    def of_components(one: ModalityFeatures, two: ModalityFeatures) -> Interaction:
        maps = [whitened(m.components, min(most, 16)) for m in (one, two)]
        return Interaction(maps[0], maps[1], labels, folds)

    def of_posteriors(one: str, two: str) -> Interaction:
        roots = [(models[m].log_p[0] / 2).exp() for m in (one, two)]
        maps = [whitened(principal_components(r - r.mean(0)), 16) for r in roots]
        return Interaction(maps[0], maps[1], labels, folds)

    result: dict[str, tuple[Callable[[], Interaction], Options]] = {}
    for (i, one), (j, two) in combinations(modalities.items(), 2):
        result[f"kernel interaction of {i} and {j}"] = partial(of_kernels, one, two), RANKS
        result[f"linear interaction of {i} and {j}"] = partial(of_components, one, two), RANKS
        result[f"posterior interaction of {i} and {j}"] = partial(of_posteriors, i, j), RANKS
    return result


def _mixture(components: dict[str, Tensor], labels: Labels) -> tuple[Tensor, dict[str, float]]:
    log_p, weights = mixture([*components.values(), labels.base], labels.y)
    names = [*components, "no information"]
    return log_p, dict(zip(names, weights[0].tolist(), strict=True))
