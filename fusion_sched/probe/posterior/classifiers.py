"""Cross-fitted label models: no sample is scored by a model that was fitted on it.

`training` chooses among the two training sets of `Folds`: 0 all other folds, 1 half of them.
"""

from __future__ import annotations

from collections.abc import Mapping
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

    def scores(self, training: int, options: tuple[float, ...]) -> Tensor:
        """Log-likelihood ratios up to a factor, for each of the options."""


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

    def scores(self, training: int, options: tuple[float, ...]) -> Tensor:
        """Log-likelihood ratios (ridges, N, classes)."""
        means, level = self.means[training].mT, self.level[training]
        ridges = torch.as_tensor(options, dtype=level.dtype, device=level.device)
        matrix = self.within[training].repeat(len(options), 1, 1, 1)
        matrix.diagonal(dim1=-2, dim2=-1).add_((ridges[:, None] * level).unsqueeze(-1))
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

    def scores(self, training: int, options: tuple[float, ...]) -> Tensor:
        """Tilts of the log-probabilities (ranks, N, classes)."""
        moments = self.moments[training]
        ranks = [min(int(r), *moments.shape[-2:]) for r in options]
        beside, above = moments.transpose(1, 2).flatten(2), moments.flatten(1, 2)
        left, right = (
            torch.linalg.eigh(m)[1][..., -max(ranks) :].flip(-1)
            for m in (beside @ beside.mT, above.mT @ above)
        )
        core = left.mT.unsqueeze(1) @ moments @ right.unsqueeze(1)
        z1, z2 = self.x1 @ left, self.x2 @ right
        scores = []
        for r in ranks:
            products = (z1[..., :r, None] * z2[..., None, :r]).flatten(-2)
            scores.append(products @ core[..., :r, :r].flatten(-2).mT)
        return self.folds.scatter(torch.stack(scores)) / self.prior.sqrt()


class FixedMixture:
    """Scores that are known already (2, N, classes); it has one option."""

    def __init__(self, scores: Tensor) -> None:
        self.known = scores

    def scores(self, training: int, options: tuple[float, ...]) -> Tensor:
        """The known scores."""
        return self.known[training].unsqueeze(0)


def fit(
    classifiers: Mapping[str, tuple[Classifier, tuple[float, ...]]],
    base: Tensor,
    labels: Labels,
    folds: Folds,
) -> tuple[dict[str, Tensor], dict[str, float], list[Tensor]]:
    """log P(y | x) (2, N, classes) of each classifier, and its option of highest likelihood.

    Also the scores of every option (options, N, classes), fixed ones left out. Scores tilt the
    `base` (2, N, classes), log-probabilities, by one inverse temperature each.
    """
    scores = [c.scores(0, options) for c, options in classifiers.values()]
    stacked = torch.cat(scores)
    kinds = [c for c, _ in classifiers.values()]
    free = [s for s, c in zip(scores, kinds, strict=True) if not isinstance(c, FixedMixture)]
    every = max(1, stacked.shape[1] // SUBSET)
    some = stacked[:, ::every].contiguous(), base[0, ::every], labels.y[::every]
    beta = _newton(*some, beta=None, steps=SUBSET_STEPS)
    likelihood = _log_likelihood(*some, beta)
    start, chosen, options = 0, [], {}
    for (name, (_, values)), s in zip(classifiers.items(), scores, strict=True):
        best = start + likelihood[start : start + len(s)].argmax()
        chosen.append(best)
        options[name] = values[int(best) - start]
        start += len(s)
    index = torch.stack(chosen)
    half = [c.scores(1, (options[name],)) for name, (c, _) in classifiers.items()]
    both = torch.stack([stacked[index], torch.cat(half)])
    base = base.unsqueeze(1)
    beta = _newton(both, base, labels.y, beta[index].expand(2, -1), NEWTON_STEPS)
    beta = _cross_fitted(both, base, labels.y, folds, beta)
    log_p = torch.log_softmax(beta.unsqueeze(-1) * both + base, -1)
    return dict(zip(classifiers, log_p.unbind(1), strict=True)), options, free


def own(x: Tensor, y: Tensor) -> Tensor:
    """The entries (..., N) of (..., N, classes) at each sample's class."""
    return x.gather(-1, y[:, None].expand(*x.shape[:-1], 1)).squeeze(-1)


def _log_likelihood(scores: Tensor, base: Tensor, y: Tensor, beta: Tensor) -> Tensor:
    logits = beta[..., None, None] * scores + base
    return (own(logits, y) - torch.logsumexp(logits, -1)).mean(-1)


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


def mixture(components: list[Tensor], y: Tensor) -> tuple[Tensor, Tensor]:
    """The mixture of log-probabilities (2, N, classes) of highest likelihood, and its weights."""
    likelihood = torch.stack([own(c, y) for c in components], -1).exp().clamp(min=LEAST)
    count = len(components)
    weights = likelihood.new_full((len(likelihood), 1, count), 1.0 / count)
    for _ in range(MIXING_STEPS):
        share = likelihood * weights
        weights = (share / share.sum(-1, keepdim=True)).mean(1, keepdim=True)
    mixed = torch.zeros_like(components[0])
    for w, c in zip(weights.unbind(-1), components, strict=True):
        mixed += w[..., None] * c.exp()
    return mixed.clamp(min=LEAST).log(), weights[:, 0]


def refine(log_p: Tensor, cell: Tensor, cells: int, labels: Labels, folds: Folds) -> Tensor:
    """Blend each sample's model with the label counts of its cell in the training folds.

    (counts + s P) / (total + s) with the strength s of highest held-out likelihood.
    """
    classes, count = labels.count, len(folds.index)
    place = (folds.of_sample * cells + cell) * classes + labels.y
    counts = torch.bincount(place, minlength=count * cells * classes).to(log_p.dtype)
    counts = folds.training_sums(counts.reshape(count, cells * classes))
    counts = counts.reshape(2, count, cells, classes)[:, folds.of_sample, cell]
    total = counts.sum(-1)
    strengths = torch.as_tensor(STRENGTHS, dtype=log_p.dtype, device=log_p.device)[:, None, None]
    blended = (own(counts, labels.y) + strengths * own(log_p, labels.y).exp()) / (total + strengths)
    best = strengths.flatten()[blended.clamp(min=LEAST).log().mean(-1).argmax(0)][:, None, None]
    mixed = (counts + best * log_p.exp()) / (total[..., None] + best)
    return mixed.clamp(min=LEAST).log()
