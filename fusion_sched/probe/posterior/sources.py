"""Label models of one modality, and of several together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import torch
from torch import Tensor

from fusion_sched.probe.posterior.classifiers import (
    Classifier,
    Discriminant,
    FixedScores,
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
    joint_kernel,
    k_means,
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
ROUNDING = 1e-9  # of the square root of a probability
KEPT = 2  # candidates that the next diagnosis fits again

Options = tuple[float, ...]
Kept = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class LabelModel:
    """P(y | x) (2, N, classes) for both training sets.

    `held_out` is the same before refinement by cells of the posteriors themselves.
    `shares` are the candidates' mean weights in the mixture, `options` what each of them chose for
    every fold, `refined` the cells whose counts were of use, and `scores` (any number, N, classes)
    are those of every candidate and option, not calibrated. `unclear` is the largest gain per
    sample, in nats, that cells of the posteriors may have given without information.
    """

    p: Tensor
    held_out: Tensor
    shares: dict[str, float]
    options: dict[str, list[float]]
    refined: tuple[str, ...]
    scores: Tensor
    unclear: float

    def gains(self, labels: Labels) -> tuple[Tensor, Tensor]:
        """log P(y | x) / P(y) of each sample in nats: all (N,), and held out (2, N)."""
        prior = labels.prior.log()[labels.y]
        return own(self.p[0], labels.y).log() - prior, own(self.held_out, labels.y).log() - prior

    @property
    def kept(self) -> dict[str, list[float]]:
        """The options of the candidates that matter, and the cells in use, for the next one."""
        ranked = sorted(self.options, key=lambda name: -self.shares[name])
        return {n: self.options[n] for n in ranked[:KEPT]} | {n: [] for n in self.refined}

    @property
    def leading(self) -> str:
        """The candidate with the largest share."""
        return max(self.shares, key=lambda name: self.shares[name])


class _Candidates:
    """The classifiers to be fitted: all of them, or those `kept` with their options."""

    def __init__(self, labels: Labels, folds: Folds, kept: Kept | None) -> None:
        self.labels, self.folds, self.kept = labels, folds, kept
        self.chosen: dict[str, tuple[Classifier, Tensor]] = {}

    def add(self, name: str, make: Callable[[], Classifier], options: Options) -> None:
        """Make the classifier if it is wanted."""
        if self.kept is not None and name not in self.kept:
            return
        prior = self.labels.prior
        if self.kept is None:
            values = prior.new_tensor(options)[:, None].expand(-1, len(self.folds.index))
        else:
            values = prior.new_tensor(self.kept[name])[None]
        self.chosen[name] = make(), values

    def add_map(self, name: str, features: Callable[[], Tensor], options: Options) -> None:
        """A discriminant analysis in this feature map."""
        self.add(name, lambda: Discriminant(features(), self.labels, self.folds), options)


class _Refinement:
    """Probabilities (2, N, classes), step by step refined by the counts of cells."""

    def __init__(self, p: Tensor, labels: Labels, folds: Folds, kept: Kept | None) -> None:
        self.p, self.labels, self.folds, self.kept = p, labels, folds, kept
        self.used: list[str] = []
        self.unclear = 0.0

    def by(self, name: str, cell: Callable[[], Tensor], cells: int, clear: bool = False) -> None:
        """Refine by these cells where that helps.

        `clear`: only where it gains more than it may without information. A sample's label has a
        small part in the posteriors of the samples that share a cell of similar posterior.
        """
        if self.kept is not None and name not in self.kept:
            return
        refined = refine(self.p, cell(), cells, self.labels, self.folds)
        if refined is self.p:
            return
        if clear:
            y = self.labels.y
            gain = float((own(refined[0], y) / own(self.p[0], y)).log().sum())
            if gain <= CLEAR * cells**0.5:
                self.unclear = max(self.unclear, gain / len(y))
                return
        self.p = refined
        self.used.append(name)


def unimodal_model(
    modality: ModalityFeatures,
    labels: Labels,
    folds: Folds,
    generator: torch.Generator,
    kept: Kept | None = None,
) -> LabelModel:
    """The label model of one modality, of all candidates or of the ones `kept`."""
    candidates = _Candidates(labels, folds, kept)
    candidates.add_map("linear", lambda: with_radius(modality.components), LINEAR_RIDGES)
    for width in WIDTHS:
        candidates.add_map(f"kernel {width:g}", partial(modality.kernel, width), KERNEL_RIDGES)
    fitted = fit(candidates.chosen, labels.base, labels, folds)
    p, shares = _mixture(fitted.p, labels, folds)
    refinement = _Refinement(p, labels, folds, kept)
    for cells in LEVELS:
        refinement.by(f"{cells} cells", partial(modality.cells, cells), cells)
    held_out = refinement.p
    similar = partial(_posterior_cells, held_out, OWN_CELLS, generator)
    refinement.by("cells of similar posterior", similar, OWN_CELLS, clear=True)
    return LabelModel(
        refinement.p,
        held_out,
        shares,
        fitted.options,
        tuple(refinement.used),
        torch.cat(fitted.scores),
        refinement.unclear,
    )


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
    logs = {name: m.p.log() for name, m in models.items()}
    together = _Candidates(labels, folds, kept)
    together.add_map("linear", lambda: torch.cat([m.components for m in parts], 1), LINEAR_RIDGES)
    together.add_map(f"kernel {WIDTHS[0]:g}", lambda: joint_kernel(parts, WIDTHS[0]), KERNEL_RIDGES)
    evidence = torch.stack(list(logs.values())).sum(0) - len(models) * labels.base
    together.add("naive Bayes", lambda: FixedScores(evidence), (0.0,))
    components = {f"{name} alone": m.p for name, m in models.items()}
    additive = fit(together.chosen, labels.base, labels, folds) if together.chosen else None
    if additive is not None:
        components = additive.p | components
    p, shares = _mixture(components, labels, folds)
    interacting = _Candidates(labels, folds, kept)
    _add_interactions(interacting, modalities, logs)
    options, scores = ({}, []) if additive is None else (additive.options, additive.scores)
    if interacting.chosen:
        tilted = fit(interacting.chosen, p.log(), labels, folds)
        p, shares = _mixture(components | tilted.p, labels, folds)
        options, scores = options | tilted.options, scores + tilted.scores
    refinement = _Refinement(p, labels, folds, kept)
    for one, two in combinations(modalities, 2):
        pair = modalities[one], modalities[two]
        for count in LEVELS:
            if count * count * labels.count <= PAIR_CELLS:
                name = f"{count} x {count} cells of {one} and {two}"
                refinement.by(name, partial(_pairs_of_cells, *pair, count), count * count)
    held_out = refinement.p
    for one, two in combinations(models, 2):
        for count in POSTERIOR_CELLS:
            refinement.by(
                f"{count} x {count} cells of similar posterior of {one} and {two}",
                partial(_posterior_pairs, models[one].p, models[two].p, count, generator),
                count * count,
                clear=True,
            )
    return LabelModel(
        refinement.p,
        held_out,
        shares,
        options,
        tuple(refinement.used),
        torch.cat(scores),
        refinement.unclear,
    )


def _posterior_cells(p: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Cells (N,) of similar posterior."""
    root = p[0].sqrt().float()
    return k_means(root, seeds(root, count, generator))


def _pairs_of_cells(one: ModalityFeatures, two: ModalityFeatures, count: int) -> Tensor:
    return one.cells(count) * count + two.cells(count)


def _posterior_pairs(one: Tensor, two: Tensor, count: int, generator: torch.Generator) -> Tensor:
    return _posterior_cells(one, count, generator) * count + _posterior_cells(two, count, generator)


def _add_interactions(
    candidates: _Candidates,
    modalities: Mapping[str, ModalityFeatures],
    logs: Mapping[str, Tensor],
) -> None:
    """Models of what two modalities tell only together."""
    labels, folds = candidates.labels, candidates.folds
    most = min(INTERACTING, int((MOMENTS / labels.count) ** 0.5))

    def of_maps(make: Callable[[str], Tensor], i: str, j: str) -> Interaction:
        return Interaction(make(i), make(j), labels, folds)

    def kernel(m: str) -> Tensor:
        return whitened(modalities[m].kernel(WIDTHS[0]), most)

    def linear(m: str) -> Tensor:
        return whitened(modalities[m].components, min(most, 16))

    def posterior(m: str) -> Tensor:
        root = (logs[m][0] / 2).exp()
        varied = root - root.mean(0)
        varied = torch.where(varied.abs() > ROUNDING, varied, 0.0)  # a constant posterior
        return whitened(principal_components(varied), 16)

    for i, j in combinations(modalities, 2):
        for name, make in (("kernel", kernel), ("linear", linear), ("posterior", posterior)):
            candidates.add(
                f"{name} interaction of {i} and {j}", partial(of_maps, make, i, j), RANKS
            )


def _mixture(
    components: dict[str, Tensor], labels: Labels, folds: Folds
) -> tuple[Tensor, dict[str, float]]:
    p, weights = mixture([*components.values(), labels.base.exp()], labels.y, folds)
    names = [*components, "no information"]
    return p, dict(zip(names, weights.tolist(), strict=True))
