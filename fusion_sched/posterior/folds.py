"""Which samples are scored together: folds that keep classes in proportion and groups whole."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Folds:
    """`index` (folds, longest) names the samples of each fold, `mask` marks the real entries."""

    index: Tensor
    mask: Tensor

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

    @property
    def of_sample(self) -> Tensor:
        """The fold of each sample, (N,)."""
        number = torch.arange(len(self.index), device=self.index.device)
        result = self.index.new_empty(int(self.mask.sum()))
        result[self.index[self.mask]] = number[:, None].expand_as(self.index)[self.mask]
        return result


def make_folds(y: Tensor, groups: Tensor | None, count: int, order: Tensor) -> Folds:
    """Folds of equal size; `order` is a random permutation of the samples."""
    if groups is None:
        ranked = order[torch.argsort(y[order], stable=True)]
        fold = torch.empty_like(ranked)
        fold[ranked] = torch.arange(len(y), device=y.device) % count
    else:
        fold = _fold_of_groups(groups, order, count)[groups]
    sizes = torch.bincount(fold, minlength=count)
    longest = int(sizes.max())
    place = torch.argsort(fold, stable=True)
    start = sizes.cumsum(0) - sizes
    offset = torch.arange(longest, device=y.device)
    mask = offset < sizes[:, None]
    return Folds(place[(start[:, None] + offset).clamp(max=len(y) - 1)], mask)


def _fold_of_groups(groups: Tensor, order: Tensor, count: int) -> Tensor:
    """Large groups first, in turn forwards and backwards, so that folds are of like size."""
    sizes = torch.bincount(groups)
    first = torch.full_like(sizes, len(groups))
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device)
    first = first.scatter_reduce(0, groups, rank, "amin")
    by_rank = torch.argsort(first)
    ranked = by_rank[torch.argsort(sizes[by_rank], descending=True, stable=True)]
    turn = torch.arange(len(sizes), device=groups.device) % (2 * count)
    fold = torch.empty_like(ranked)
    fold[ranked] = torch.minimum(turn, 2 * count - 1 - turn)
    return fold
