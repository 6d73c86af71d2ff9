"""Which samples train the model that scores a sample: folds in proportion, groups whole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

FOLDS = 6
RATE = 2 / 3  # of learning curves: between 1/2, without a model of the classes, and 1, with one


@dataclass(frozen=True)
class Folds:
    """Cross-fitting with all other folds, and with half of the folds for the learning curve.

    `index` (folds, longest) names the samples of each fold and `mask` marks the real entries;
    `of_sample` (N,) is each sample's fold. `train` (2, folds, folds) is one where the last axis'
    fold trains the model that scores the middle one: all others, or the next half of them.
    """

    index: Tensor
    mask: Tensor
    of_sample: Tensor
    train: Tensor

    def gather(self, x: Tensor) -> Tensor:
        """Rows of `x` (N, ...) by fold (folds, longest, ...); padded rows are zero."""
        rows = x[self.index]
        return rows * self.mask.reshape(*self.mask.shape, *[1] * (x.dim() - 1)).to(x.dtype)

    def scatter(self, x: Tensor) -> Tensor:
        """Back from folds (..., folds, longest, K) to samples (..., N, K)."""
        flat = x.flatten(-3, -2)[..., self.mask.flatten(), :]
        result = torch.empty_like(flat)
        result[..., self.index[self.mask], :] = flat
        return result

    def training_sums(self, sums: Tensor) -> Tensor:
        """Sums over the training folds (2, folds, ...) of sums per fold (folds, ...)."""
        flat = self.train.flatten(0, 1) @ sums.flatten(1)
        return flat.reshape(*self.train.shape[:2], *sums.shape[1:])

    @cached_property
    def member(self) -> Tensor:
        """Membership (N, folds), float64."""
        return torch.nn.functional.one_hot(self.of_sample, len(self.index)).double()

    @property
    def extrapolation(self) -> float:
        """How many times the gain of the larger training set is still missing.

        The mean loss of a model fitted on n samples exceeds its limit by about c / n^RATE.
        """
        whole, half = self.train.sum(-1).mean(-1).tolist()
        return 1.0 / float((whole / half) ** RATE - 1.0)


def make_folds(y: Tensor, groups: Tensor | None, order: Tensor) -> Folds:
    """Folds of equal size; `order` is a random permutation of the samples."""
    if groups is None:
        ranked = order[torch.argsort(y[order], stable=True)]
        fold = torch.empty_like(ranked)
        fold[ranked] = torch.arange(len(y), device=y.device) % FOLDS
    else:
        numbers = torch.unique(groups, return_inverse=True)[1]
        fold = _fold_of_groups(numbers, order)[numbers]
    sizes = torch.bincount(fold, minlength=FOLDS)
    longest = int(sizes.max())
    place = torch.argsort(fold, stable=True)
    start = sizes.cumsum(0) - sizes
    offset = torch.arange(longest, device=y.device)
    mask = offset < sizes[:, None]
    index = place[(start[:, None] + offset).clamp(max=len(y) - 1)]
    number = torch.arange(FOLDS, device=y.device)
    ahead = (number - number[:, None]) % FOLDS
    train = torch.stack([ahead > 0, (ahead > 0) & (ahead <= FOLDS // 2)])
    return Folds(index, mask, fold, train.double())


def _fold_of_groups(groups: Tensor, order: Tensor) -> Tensor:
    """Large groups first, in turn forwards and backwards, so that folds are of like size."""
    sizes = torch.bincount(groups)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device)
    first = torch.full_like(sizes, len(groups)).scatter_reduce(0, groups, rank, "amin")
    by_rank = torch.argsort(first)
    ranked = by_rank[torch.argsort(sizes[by_rank], descending=True, stable=True)]
    turn = torch.arange(len(sizes), device=groups.device) % (2 * FOLDS)
    fold = torch.empty_like(ranked)
    fold[ranked] = torch.minimum(turn, 2 * FOLDS - 1 - turn)
    return fold
