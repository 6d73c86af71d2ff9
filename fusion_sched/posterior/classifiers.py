"""Cross-fitted label models: no sample is scored by a model that was fitted on it."""

from __future__ import annotations

import torch
from torch import Tensor

from fusion_sched.posterior.folds import Folds


def discriminant_scores(features: Tensor, y: Tensor, classes: int, folds: Folds,
                        ridges: tuple[float, ...]) -> Tensor:
    """Held-out log-likelihood ratios (ridges, N, classes) of linear discriminant analysis.

    The covariance within classes of the other folds is that of all less the fold's own; it is
    shrunk towards a multiple of the identity.
    """
    x = folds.gather(features)
    member = torch.nn.functional.one_hot(y, classes).to(features.dtype)
    one_hot = folds.gather(member)
    gram, sums, counts = x.mT @ x, one_hot.mT @ x, one_hot.sum(1)
    gram, sums, counts = (t.sum(0) - t for t in (gram, sums, counts))
    means = sums / counts.clamp(min=1.0).unsqueeze(-1)
    within = (gram - sums.mT @ means) / (counts.sum(1) - 1).clamp(min=1.0)[:, None, None]
    level = within.diagonal(dim1=-2, dim2=-1).mean(-1)
    level = torch.where(level > 0, level, 1.0)
    shrink = torch.as_tensor(ridges, dtype=x.dtype, device=x.device)
    eye = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    matrix = within + (shrink[:, None] * level)[..., None, None] * eye
    factor = torch.linalg.cholesky(matrix)
    weights = torch.cholesky_solve(means.mT.expand(len(shrink), -1, -1, -1), factor)
    offset = -0.5 * (means.mT * weights).sum(-2, keepdim=True)
    return folds.scatter(x @ weights + offset)


def log_posterior(scores: Tensor, beta: Tensor, log_prior: Tensor) -> Tensor:
    """log P(y | x) of scores (..., N, K) with an inverse temperature for each (..., N or 1)."""
    return torch.log_softmax(beta.unsqueeze(-1) * scores + log_prior, -1)


def fit_temperature(scores: Tensor, y: Tensor, log_prior: Tensor, folds: Folds) -> Tensor:
    """Inverse temperatures (..., N): for each fold the one that suits the other folds best.

    Newton's method on all samples, then one step that takes each fold's own samples off.
    """
    own = scores.gather(-1, y[:, None].expand(*scores.shape[:-1], 1)).squeeze(-1)
    scale = scores.std(-1).mean(-1).clamp(min=1e-12)
    beta = 1.0 / (1.0 + scale)
    for _ in range(12):
        slope, curvature = _derivatives(scores, own, beta[..., None], log_prior)
        step = slope.sum(-1) / curvature.sum(-1).clamp(min=1e-12)
        beta = torch.maximum(beta + step.clamp(min=-0.7 * beta, max=beta + 0.5 / scale), beta * 0)
        beta = beta.clamp(min=0.0)
    slope, curvature = _derivatives(scores, own, beta[..., None], log_prior)
    fold = folds.of_sample
    count = int(fold.max()) + 1
    one = torch.nn.functional.one_hot(fold, count).to(scores.dtype)
    held_slope, held_curvature = slope @ one, curvature @ one
    total_slope = torch.where(beta > 0, slope.sum(-1) * 0, slope.sum(-1))[..., None]
    rest = (held_curvature.sum(-1, keepdim=True) - held_curvature).clamp(min=1e-12)
    without = (beta[..., None] + (total_slope - held_slope) / rest).clamp(min=0.0)
    without = torch.minimum(without, 2 * beta[..., None] + 0.1 / scale[..., None])
    return without[..., fold]


def _derivatives(scores: Tensor, own: Tensor, beta: Tensor, log_prior: Tensor):
    p = log_posterior(scores, beta, log_prior).exp()
    mean = (p * scores).sum(-1)
    return own - mean, (p * (scores - mean.unsqueeze(-1)) ** 2).sum(-1)
