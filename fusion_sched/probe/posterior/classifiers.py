"""Cross-fitted label models: no sample is scored by anything that was fitted on its label.

`training` chooses among the two training sets of `Folds`: 0 all other folds, 1 half of them.
Options, temperatures, weights and strengths of a fold are fitted on the samples of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from fusion_sched.probe.posterior.folds import Folds
from fusion_sched.probe.posterior.inputs import Labels

SUBSET = 320  # samples that choose between options
SUBSET_STEPS = 5
NEWTON_STEPS = 2
MIXING_STEPS = 20
LEAST = 1e-12  # of a probability
LEAST_SPREAD = 1e-8  # of a class, as a share of the largest variance
STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 1e9)


class Classifier(Protocol):
    """Scores (options, N, classes) of all samples, each by a model of other folds."""

    def scores(self, training: int, options: Tensor) -> Tensor:
        """Log-likelihood ratios up to a factor, for options (options, folds)."""


class Discriminant:
    """Linear discriminant analysis; the options are ridges.

    One Gram matrix per fold serves all training sets. The covariance within classes is shrunk
    towards a multiple of the identity.
    """

    def __init__(self, features: Tensor, labels: Labels, folds: Folds) -> None:
        self.folds, self.x = folds, folds.gather(features)
        one_hot = folds.gather(labels.one_hot)
        gram = folds.training_sums(self.x.mT @ self.x)
        sums = folds.training_sums(one_hot.mT @ self.x)
        counts = folds.training_sums(one_hot.sum(1))
        self.means = sums / counts.clamp(min=1.0).unsqueeze(-1)
        freedom = (counts.sum(-1) - 1).clamp(min=1.0)[..., None, None]
        self.within = (gram - sums.mT @ self.means) / freedom
        level = self.within.diagonal(dim1=-2, dim2=-1).mean(-1)
        # Classes without spread leave rounding errors of the whole spread, of either sign.
        whole = gram.diagonal(dim1=-2, dim2=-1).amax(-1) / freedom[..., 0, 0]
        level = level.maximum(LEAST_SPREAD * whole)
        self.level = torch.where(level > 0, level, 1.0)

    def scores(self, training: int, options: Tensor) -> Tensor:
        """Log-likelihood ratios (ridges, N, classes)."""
        means, level = self.means[training].mT, self.level[training]
        matrix = self.within[training].repeat(len(options), 1, 1, 1)
        matrix.diagonal(dim1=-2, dim2=-1).add_((options * level).unsqueeze(-1))
        means = means.expand(len(options), -1, -1, -1)
        weights = torch.cholesky_solve(means, torch.linalg.cholesky(matrix))
        offset = -0.5 * (means * weights).sum(-2)
        # One product per fold serves all ridges.
        columns = weights.permute(1, 2, 0, 3).flatten(2)
        scores = torch.baddbmm(offset.transpose(0, 1).flatten(1).unsqueeze(1), self.x, columns)
        by_sample = self.folds.scatter(scores)
        return by_sample.reshape(len(by_sample), len(options), -1).transpose(0, 1)


class Interaction:
    """What two maps (N, d1), (N, d2) of unit variance tell only together; the options are ranks.

    The moments E[(1{y} - P(y)) f1 f2'] / P(y) of each class, restricted to their leading directions
    on either side (a truncated higher-order singular value decomposition).
    """

    def __init__(self, first: Tensor, second: Tensor, labels: Labels, folds: Folds) -> None:
        self.folds, self.prior = folds, labels.prior
        self.x1, self.x2 = folds.gather(first), folds.gather(second)
        excess = folds.gather((labels.one_hot - labels.prior) / labels.prior.sqrt())
        moments = torch.stack([(self.x1 * e.unsqueeze(-1)).mT @ self.x2 for e in excess.unbind(-1)])
        sizes = folds.training_sums(folds.mask.sum(1, keepdim=True).to(excess.dtype))
        sizes = sizes.clamp(min=1.0)[..., None, None]
        # (2, folds, classes, d1, d2)
        self.moments = folds.training_sums(moments.transpose(0, 1)) / sizes

    def scores(self, training: int, options: Tensor) -> Tensor:
        """Tilts of the log-probabilities (ranks, N, classes)."""
        moments = self.moments[training]
        most = min(int(options.max()), *moments.shape[-2:])
        beside, above = moments.transpose(1, 2).flatten(2), moments.flatten(1, 2)
        left, right = (
            torch.linalg.eigh(m)[1][..., -most:].flip(-1)
            for m in (beside @ beside.mT, above.mT @ above)
        )
        core = left.mT.unsqueeze(1) @ moments @ right.unsqueeze(1)
        products = ((self.x1 @ left).unsqueeze(-1) * (self.x2 @ right).unsqueeze(-2)).flatten(-2)
        direction = torch.arange(most, device=core.device)
        within = (direction < options[..., None]).to(core.dtype)
        cores = core * (within.unsqueeze(-1) * within.unsqueeze(-2)).unsqueeze(2)
        return self.folds.scatter(products @ cores.flatten(-2).mT) / self.prior.sqrt()


class FixedScores:
    """Scores that are known already (2, N, classes); it has one option."""

    def __init__(self, scores: Tensor) -> None:
        self.known = scores

    def scores(self, training: int, options: Tensor) -> Tensor:
        """The known scores."""
        return self.known[training].expand(len(options), -1, -1)


@dataclass(frozen=True)
class Fit:
    """What several classifiers say.

    `p` (2, N, classes): P(y | x) of each; `options`: what each chose for every fold; `scores`
    (any, N, classes): those of every classifier and option before calibration, known ones left out.
    """

    p: dict[str, Tensor]
    options: dict[str, list[float]]
    scores: list[Tensor]


def fit(
    classifiers: Mapping[str, tuple[Classifier, Tensor]],
    base: Tensor,
    labels: Labels,
    folds: Folds,
) -> Fit:
    """P(y | x) of each classifier with its options (options, folds) of highest likelihood.

    Scores tilt the `base` (2, N, classes), log-probabilities, by one inverse temperature each.
    """
    scores = [c.scores(0, options) for c, options in classifiers.values()]
    every = max(1, len(labels.y) // SUBSET)
    chosen, whole, half, start = {}, [], [], []
    for (name, (classifier, options)), s in zip(classifiers.items(), scores, strict=True):
        beta, best = _best_options(s[:, ::every], base[0, ::every], labels.y[::every],
                                   folds.member[::every])  # fmt: skip
        picked = options.gather(0, best[None])
        chosen[name] = picked[0].tolist()
        by_sample = best[folds.of_sample]
        whole.append(
            s[0] if len(s) == 1 else s[by_sample, torch.arange(s.shape[1], device=s.device)]
        )
        half.append(classifier.scores(1, picked)[0])
        start.append(beta[best].mean())
    both = torch.stack([torch.stack(whole), torch.stack(half)])
    base = base.unsqueeze(1)
    beta = _newton(both, base, labels.y, torch.stack(start).expand(2, -1), NEWTON_STEPS)
    beta = _cross_fitted(both, base, labels.y, folds, beta)
    p = torch.softmax(beta.unsqueeze(-1) * both + base, -1)
    fitted = [c for c, _ in classifiers.values()]
    free = [s for s, c in zip(scores, fitted, strict=True) if not isinstance(c, FixedScores)]
    return Fit(dict(zip(classifiers, p.unbind(1), strict=True)), chosen, free)


def _best_options(scores: Tensor, base: Tensor, y: Tensor, member: Tensor) -> tuple[Tensor, Tensor]:
    """Inverse temperatures (options,), and the best option (folds,) by the other folds."""
    beta = _newton(scores.contiguous(), base, y, beta=None, steps=SUBSET_STEPS)
    if len(scores) == 1:
        return beta, torch.zeros(member.shape[1], dtype=torch.long, device=y.device)
    logits = beta[:, None, None] * scores + base
    held_out = (own(logits, y) - torch.logsumexp(logits, -1)) @ member
    return beta, best_without(held_out)


def best_without(held_out: Tensor) -> Tensor:
    """For each fold the option with the largest sum over the others, of (options, folds)."""
    best: Tensor = (held_out.sum(1, keepdim=True) - held_out).argmax(0)
    return best


def own(x: Tensor, y: Tensor) -> Tensor:
    """The entries (..., N) of (..., N, classes) at each sample's class."""
    return x.gather(-1, y[:, None].expand(*x.shape[:-1], 1)).squeeze(-1)


def _newton(scores: Tensor, base: Tensor, y: Tensor, beta: Tensor | None, steps: int) -> Tensor:
    """Inverse temperatures (...,) of highest likelihood, at least 0, for scores (..., N, K)."""
    spread = scores.std(-1, correction=0).mean(-1).clamp(min=LEAST)
    beta = 1.0 / (1.0 + spread) if beta is None else beta
    mine = own(scores, y)
    for _ in range(steps):
        slope, curvature = _derivatives(scores, mine, beta[..., None], base)
        step = slope.sum(-1) / curvature.sum(-1).clamp(min=LEAST)
        limit = beta + 0.5 / spread
        beta = (beta + torch.minimum(torch.maximum(step, -0.7 * limit), limit)).clamp(min=0.0)
    return beta


def _cross_fitted(scores: Tensor, base: Tensor, y: Tensor, folds: Folds, beta: Tensor) -> Tensor:
    """Inverse temperatures (..., N) without each fold's own samples: one Newton step from all."""
    slope, curvature = _derivatives(scores, own(scores, y), beta[..., None], base)
    held_slope, held_curvature = slope @ folds.member, curvature @ folds.member
    total = torch.where(beta > 0, 0.0, slope.sum(-1))[..., None]
    rest = (held_curvature.sum(-1, keepdim=True) - held_curvature).clamp(min=LEAST)
    moved = beta[..., None] + (total - held_slope) / rest
    return moved.clamp(min=0.0).minimum(2 * beta[..., None])[..., folds.of_sample]


def _derivatives(scores: Tensor, mine: Tensor, beta: Tensor, base: Tensor) -> tuple[Tensor, Tensor]:
    """First and negative second derivative of log P(y | x) by the inverse temperature."""
    p = torch.softmax(beta.unsqueeze(-1) * scores + base, -1)
    weighted = p * scores
    mean = weighted.sum(-1)
    return mine - mean, (weighted * scores).sum(-1) - mean * mean


def mixture(components: Sequence[Tensor], y: Tensor, folds: Folds) -> tuple[Tensor, Tensor]:
    """The mixture of probabilities (2, N, classes) of highest likelihood, and mean weights.

    The weights of each fold are those of highest likelihood on the others (EM).
    """
    likelihood = torch.stack([own(c, y) for c in components], -1).clamp(min=LEAST)
    others = 1.0 - folds.member
    others = others / others.sum(0)
    weights = likelihood.new_full((2, len(components), others.shape[1]), 1.0 / len(components))
    for _ in range(MIXING_STEPS):
        weights = weights * (likelihood.mT @ (others / (likelihood @ weights)))
    by_sample = weights[..., folds.of_sample]
    mixed = torch.zeros_like(components[0])
    for w, c in zip(by_sample.unbind(1), components, strict=True):
        mixed.addcmul_(w.unsqueeze(-1), c)
    return mixed.clamp_(min=LEAST), weights[0].mean(-1)


def refine(p: Tensor, cell: Tensor, cells: int, labels: Labels, folds: Folds) -> Tensor:
    """Blend each sample's probabilities (2, N, classes) with its cell's counts in training folds.

    (counts + s P) / (total + s); the strength s of each fold has the highest likelihood on the
    others.
    """
    classes, count = labels.count, len(folds.index)
    place = (folds.of_sample * cells + cell) * classes + labels.y
    counts = torch.bincount(place, minlength=count * cells * classes).to(p.dtype)
    counts = folds.training_sums(counts.reshape(count, cells * classes))
    counts = counts.reshape(2, count, cells, classes)
    total = counts.sum(-1)[:, folds.of_sample, cell]
    strengths = torch.as_tensor(STRENGTHS, dtype=p.dtype, device=p.device)[:, None, None]
    own_count = counts[:, folds.of_sample, cell, labels.y]
    blended = (own_count + strengths * own(p, labels.y)) / (total + strengths)
    held_out = blended.clamp(min=LEAST).log() @ folds.member  # (strengths, 2, folds)
    best = torch.stack([best_without(h) for h in held_out.unbind(1)])
    if bool((best == len(STRENGTHS) - 1).all()):
        return p
    strength = strengths.flatten()[best][:, folds.of_sample]
    mixed = counts[:, folds.of_sample, cell].add_(strength.unsqueeze(-1) * p)
    return mixed.div_((total + strength).unsqueeze(-1)).clamp_(min=LEAST)
