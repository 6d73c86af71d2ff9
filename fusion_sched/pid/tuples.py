"""Three or more sources: the constraints on every tuple of symbols, with Q formed in full."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fusion_sched.pid.certificate import sum_of_duals
from fusion_sched.pid.problem import Duals, marginals_of
from fusion_sched.pid.schur import FLOOR


class Tuples:
    """The constraints of a batch of problems; T = n1 ... nM tuples, flattened in row order."""

    def __init__(self, marginals: Duals) -> None:
        self.marginals = marginals
        self.correctors = 3
        support = sum_of_duals(tuple((m > 0).log() for m in marginals)).amax(-1)
        self.idle = (support < 0).double()  # tuples without a common y
        self.active = (1.0 - self.idle).flatten(1)

    def select(self, index: Tensor) -> Tuples:
        selected = Tuples.__new__(Tuples)
        selected.correctors = self.correctors
        selected.marginals = tuple(m[index] for m in self.marginals)
        selected.idle, selected.active = self.idle[index], self.active[index]
        return selected

    def start(self, steps: int) -> tuple[Duals, Tensor, Tensor]:
        """Dual variables log P(y | x_m) / M, nearly uniform masses (B, T) and L (B, T).

        L <= 0 by Hoelder's inequality. No first-order steps: `steps` is for two sources.
        """
        masses = torch.ones_like(self.marginals[0][:, :1, 0])
        duals = []
        for marginal in self.marginals:
            own = marginal.sum(2)
            duals.append((marginal / own.unsqueeze(2).clamp(min=FLOOR)).log() / len(self.marginals))
            masses = (masses.unsqueeze(2) * own.unsqueeze(1)).flatten(1)
        masses = 0.7 * masses + 0.3 / self.active.sum(1, keepdim=True)
        return tuple(duals), masses, self.at(tuple(duals)).level

    def at(self, duals: Duals) -> TuplePoint:
        """Evaluate L and its derivatives at a dual point."""
        total = sum_of_duals(duals)
        level = torch.where(self.idle > 0, -1.0, total.logsumexp(-1))
        return TuplePoint(self, (total - level.unsqueeze(-1)).exp(), level.flatten(1))


@dataclass(frozen=True)
class TuplePoint:
    """L (B, T) at one dual point, with the conditional `pi` (B, n1, ..., nM, ny)."""

    tuples: Tuples
    pi: Tensor
    level: Tensor

    def slope(self, directions: Duals) -> Tensor:
        """M d, the derivative of L along a direction, (B, T)."""
        return (self.pi * sum_of_duals(directions)).sum(-1).flatten(1)

    def spread(self, weights: Tensor) -> Duals:
        """M^T weights: the source-target marginals of weights times pi."""
        return marginals_of(self.coupling(weights), len(self.tuples.marginals))

    def coupling(self, weights: Tensor) -> Tensor:
        """weights times pi, (B, n1, ..., nM, ny)."""
        return weights.reshape(self.pi.shape[:-1]).unsqueeze(-1) * self.pi

    def factor(self, masses: Tensor, curvature: Tensor, jitter: Tensor) -> DenseFactors:
        """Factor K = M^T [diag(Q) + curvature pi pi^T] M, block by block of sources."""
        marginals, ny = self.tuples.marginals, self.pi.shape[-1]
        starts = [0]
        for m in marginals:
            starts.append(starts[-1] + m.shape[1])
        k = self.pi.new_zeros(len(self.pi), starts[-1], ny, starts[-1], ny)
        q, curved = self.coupling(masses), self.coupling(curvature)
        for row, marginal in enumerate(marginals):
            rows = slice(starts[row], starts[row + 1])
            block = k[:, rows, :, rows]
            block.diagonal(0, 1, 3).add_(_own(self.pi, q, curved, row).permute(0, 2, 3, 1))
            block.diagonal(0, 1, 3).diagonal(0, 1, 2).add_((marginal == 0).double())
            if row > 0:  # the gauge: the duals of one y may move against each other
                mass = marginal.sum(1, keepdim=True).clamp(min=FLOOR)
                gauge = marginal.unsqueeze(2) * (marginal / mass).unsqueeze(1)
                block.diagonal(0, 2, 4).add_(gauge)
            for column in range(row):
                columns = slice(starts[column], starts[column + 1])
                cross = _cross(self.pi, q, curved, row, column)
                k[:, rows, :, columns] = cross.transpose(2, 3)
        size = starts[-1] * ny
        return DenseFactors.of(k.reshape(-1, size, size), [m.shape[1] for m in marginals], jitter)


@dataclass(frozen=True)
class DenseFactors:
    """The Cholesky factor of the scaled Newton matrix, whose lower triangle is given."""

    scale: Tensor
    chol: Tensor
    sizes: list[int]
    failed: Tensor

    @staticmethod
    def of(k: Tensor, sizes: list[int], jitter: Tensor) -> DenseFactors:
        """Scale to unit diagonal and factor."""
        scale = k.diagonal(0, 1, 2).clamp(min=FLOOR).rsqrt()
        k = k * scale.unsqueeze(1) * scale.unsqueeze(2)
        k.diagonal(0, 1, 2).add_(jitter.unsqueeze(1))
        chol, info = torch.linalg.cholesky_ex(k)
        return DenseFactors(scale, chol, sizes, info > 0)

    def solve(self, residual: Duals) -> Duals:
        """d with K d = residual."""
        g = torch.cat(residual, 1)
        x = (g.flatten(1) * self.scale).unsqueeze(2)
        x = torch.cholesky_solve(x, self.chol).squeeze(2) * self.scale
        return tuple(torch.split(x.reshape(g.shape), self.sizes, 1))


def _own(pi: Tensor, q: Tensor, curved: Tensor, source: int) -> Tensor:
    """The diagonal blocks (B, nm, ny, ny) of one source."""
    first, second = (x.movedim(source + 1, 1).flatten(2, -2) for x in (curved, pi))
    block = first.mT @ second
    block.diagonal(0, 2, 3).add_(q.movedim(source + 1, 1).flatten(2, -2).sum(2))
    return block


def _cross(pi: Tensor, q: Tensor, curved: Tensor, row: int, column: int) -> Tensor:
    """The block (B, n_row, n_column, ny, ny) that couples two sources."""
    axes = (row + 1, column + 1)
    first, second, mass = (x.movedim(axes, (1, 2)).flatten(3, -2) for x in (curved, pi, q))
    block = first.mT @ second
    block.diagonal(0, 3, 4).add_(mass.sum(3))
    return block


def tuples_bytes(sizes: tuple[int, ...]) -> int:
    """Memory of one problem of shape (n1, ..., nM, ny): copies of the joint, and the matrix."""
    *sources, ny = sizes
    return 8 * (6 * math.prod(sizes) + 3 * (sum(sources) * ny) ** 2)
