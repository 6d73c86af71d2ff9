"""Cross-fitted label models: no sample is scored by a model that was fitted on it.

Every function works on both training sets of `Folds` at once; their axis, of size 2, comes first.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fusion_sched.posterior.folds import Folds

NEWTON_STEPS = 8
SUBSET = 320  # samples that choose between ridges
LEAST = 1e-12  # of a probability
STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 1e9)
MIXING_STEPS = 40


def discriminant_scores(
    features: Tensor, y: Tensor, classes: int, folds: Folds, ridges: tuple[float, ...]
) -> Tensor:
    """Log-likelihood ratios (2, ridges, N, classes) of linear discriminant analysis.

    One Gram matrix per fold serves all training sets. The covariance within classes is shrunk
    towards a multiple of the identity.
    """
    x = folds.gather(features)
    one_hot = folds.gather(torch.nn.functional.one_hot(y, classes).to(x.dtype))
    gram, sums = folds.training_sums(x.mT @ x), folds.training_sums(one_hot.mT @ x)
    counts = folds.training_sums(one_hot.sum(1))
    means = sums / counts.clamp(min=1.0).unsqueeze(-1)
    within = (gram - sums.mT @ means) / (counts.sum(-1) - 1).clamp(min=1.0)[..., None, None]
    level = within.diagonal(dim1=-2, dim2=-1).mean(-1)
    level = torch.where(level > 0, level, 1.0)
    weights = torch.as_tensor(ridges, dtype=x.dtype, device=x.device)[:, None, None, None]
    eye = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    # (ridges, 2 folds, d, d)
    matrix = within.flatten(0, 1) + weights * level.flatten()[:, None, None] * eye
    target = means.flatten(0, 1).mT
    solved = torch.cholesky_solve(target.expand(len(ridges), -1, -1, -1),
                                  torch.linalg.cholesky(matrix))  # fmt: skip
    offset = -0.5 * (target * solved).sum(-2, keepdim=True)
    shape = (len(ridges), *means.shape[:2], *solved.shape[-2:])
    scores = x @ solved.reshape(shape) + offset.reshape(*shape[:3], 1, classes)
    return folds.scatter(scores).transpose(0, 1)


def bilinear_scores(
    first: Tensor, second: Tensor, y: Tensor, prior: Tensor, folds: Folds, ranks: tuple[int, ...]
) -> Tensor:
    """Scores (2, ranks, N, classes) of the interaction of two whitened maps (N, d1), (N, d2).

    The class-wise cross moments E[(1{y} - P(y)) f1 f2'] / P(y), restricted to the leading
    directions of either side (a truncated higher-order singular value decomposition).
    """
    x1, x2 = folds.gather(first), folds.gather(second)
    excess = torch.nn.functional.one_hot(y, len(prior)).to(x1.dtype) - prior
    excess = folds.gather(excess / prior.sqrt())
    moments = torch.einsum("gnk,gna,gnb->gkab", excess, x1, x2)
    sizes = folds.training_sums(folds.mask.sum(1, keepdim=True).to(x1.dtype))
    moments = folds.training_sums(moments) / sizes[..., None, None]
    left = torch.einsum("sgkab,sgkcb->sgac", moments, moments)
    right = torch.einsum("sgkab,sgkac->sgbc", moments, moments)
    rank = max(ranks)
    left, right = (torch.linalg.eigh(m)[1][..., -rank:].flip(-1) for m in (left, right))
    core = torch.einsum("sgar,sgkab,sgbt->sgkrt", left, moments, right)
    z1, z2 = x1 @ left, x2 @ right
    scores = [
        torch.einsum("sgnr,sgkrt,sgnt->sgnk", z1[..., :r], core[..., :r, :r], z2[..., :r])
        for r in ranks
    ]
    return folds.scatter(torch.stack(scores, 1)) / prior.sqrt()


def best_calibrated(scores: Tensor, base: Tensor, y: Tensor, folds: Folds) -> Tensor:
    """log P(y | x) (2, N, classes) of the candidate of highest held-out likelihood.

    `scores` (2, candidates, N, classes) tilt the `base` (..., N, classes), log-probabilities, by
    one inverse temperature each. The choice is made for either training set on its own.
    """
    base = base.expand(scores.shape[0], *scores.shape[2:])
    if scores.shape[1] > 1:
        every = max(1, scores.shape[2] // SUBSET)
        some = scores[:, :, ::every], base[:, None, ::every], y[::every]
        beta = _newton(*some, steps=5)
        likelihood = _log_posterior(scores, beta[..., None], base.unsqueeze(1), y).mean(-1)
        best = likelihood.argmax(1)
        scores = scores[torch.arange(len(scores), device=scores.device), best]
    else:
        scores = scores.squeeze(1)
    beta = _cross_fitted(scores, base, y, folds, _newton(scores, base, y, NEWTON_STEPS))
    return torch.log_softmax(beta.unsqueeze(-1) * scores + base, -1)


def _log_posterior(scores: Tensor, beta: Tensor, base: Tensor, y: Tensor) -> Tensor:
    """log P(y | x) of the samples' own classes, (..., N)."""
    logits = beta.unsqueeze(-1) * scores + base
    return own(logits, y) - torch.logsumexp(logits, -1)


def own(x: Tensor, y: Tensor) -> Tensor:
    """The entries (..., N) of (..., N, classes) at each sample's class."""
    return x.gather(-1, y[:, None].expand(*x.shape[:-1], 1)).squeeze(-1)


def _newton(scores: Tensor, base: Tensor, y: Tensor, steps: int) -> Tensor:
    """Inverse temperatures (...,) of highest likelihood, at least 0, for scores (..., N, K)."""
    spread = scores.std(-1).mean(-1).clamp(min=LEAST)
    beta = 1.0 / (1.0 + spread)
    mine = own(scores, y)
    for _ in range(steps):
        slope, curvature = _derivatives(scores, mine, beta[..., None], base)
        step = slope.sum(-1) / curvature.sum(-1).clamp(min=LEAST)
        limit = beta + 0.5 / spread
        beta = (beta + torch.minimum(torch.maximum(step, -0.7 * limit), limit)).clamp(min=0.0)
    return beta


def _cross_fitted(
    scores: Tensor, base: Tensor, y: Tensor, folds: Folds, beta: Tensor
) -> Tensor:
    """Inverse temperatures (..., N) without each fold's own samples: one Newton step from all."""
    slope, curvature = _derivatives(scores, own(scores, y), beta[..., None], base)
    member = torch.nn.functional.one_hot(folds.of_sample).to(scores.dtype)
    held_slope, held_curvature = slope @ member, curvature @ member
    total = torch.where(beta > 0, 0.0, slope.sum(-1))[..., None]
    rest = (held_curvature.sum(-1, keepdim=True) - held_curvature).clamp(min=LEAST)
    step = (total - held_slope) / rest
    return (beta[..., None] + step).clamp(min=0.0).minimum(2 * beta[..., None])[..., folds.of_sample]


def _derivatives(
    scores: Tensor, mine: Tensor, beta: Tensor, base: Tensor
) -> tuple[Tensor, Tensor]:
    """First and negative second derivative of log P(y | x) by the inverse temperature."""
    p = torch.softmax(beta.unsqueeze(-1) * scores + base, -1)
    weighted = p * scores
    mean = weighted.sum(-1)
    return mine - mean, (weighted * scores).sum(-1) - mean * mean


def mix(components: list[Tensor], y: Tensor) -> tuple[Tensor, Tensor]:
    """The mixture of log-probabilities (2, N, classes) of highest likelihood, and its weights."""
    likelihood = torch.stack([own(c, y) for c in components], -1).exp().clamp(min=LEAST)
    count = len(components)
    weights = likelihood.new_full((len(likelihood), 1, count), 1.0 / count)
    for _ in range(MIXING_STEPS):
        share = likelihood * weights
        weights = (share / share.sum(-1, keepdim=True)).mean(1, keepdim=True)
    mixed = sum(w[..., None] * c.exp() for w, c in zip(weights.unbind(-1), components, strict=True))
    return mixed.clamp(min=LEAST).log(), weights[:, 0]


def refine(log_p: Tensor, cell: Tensor, cells: int, y: Tensor, folds: Folds) -> Tensor:
    """Blend each sample's model with the label counts of its cell in the training folds.

    (counts + s P) / (total + s) with the strength s of highest held-out likelihood.
    """
    classes = log_p.shape[-1]
    place = (folds.of_sample * cells + cell) * classes + y
    counts = torch.bincount(place, minlength=len(folds.index) * cells * classes).to(log_p.dtype)
    counts = folds.training_sums(counts.reshape(len(folds.index), cells * classes))
    counts = counts.reshape(*counts.shape[:2], cells, classes)[:, folds.of_sample, cell]
    total = counts.sum(-1)
    strengths = torch.as_tensor(STRENGTHS, dtype=log_p.dtype, device=log_p.device)[:, None, None]
    blended = (own(counts, y) + strengths * own(log_p, y).exp()) / (total + strengths)
    best = strengths.flatten()[blended.clamp(min=LEAST).log().mean(-1).argmax(0)][:, None, None]
    mixed = (counts + best * log_p.exp()) / (total[..., None] + best)
    return mixed.clamp(min=LEAST).log()
