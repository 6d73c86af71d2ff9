"""Two sources in factored form: L and its derivatives without forming Q.

With u = exp(a), v = exp(b) and s = u v^T the constraint is L = log s <= 0 and the conditional is
pi(y | i, j) = u[i, y] v[j, y] / s[i, j], so that its sums are small matrix products.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fusion_sched.pid.problem import Duals
from fusion_sched.pid.scaling import scale_steps
from fusion_sched.pid.schur import Schur, SchurFactors
from fusion_sched.pid.woodbury import Woodbury, WoodburyFactors


class Pairs:
    """The constraints of a batch of two-source problems; T = n1 n2 pairs in row order."""

    def __init__(
        self, marginals: Duals, newton: type[Schur] | type[Woodbury], correctors: int
    ) -> None:
        self.marginals = marginals
        self.newton = newton(*marginals)
        self.correctors = correctors
        support = torch.bmm((marginals[0] > 0).double(), (marginals[1] > 0).double().mT)
        self.idle = (support == 0).double()  # pairs without a common class
        self.active = (1.0 - self.idle).flatten(1)

    def select(self, index: Tensor) -> Pairs:
        selected = Pairs.__new__(Pairs)
        selected.correctors = self.correctors
        selected.marginals = tuple(m[index] for m in self.marginals)
        selected.newton = self.newton.select(index)
        selected.idle, selected.active = self.idle[index], self.active[index]
        return selected

    def start(self, steps: int) -> tuple[Duals, Tensor, Tensor]:
        """Dual variables, masses (B, T) and L (B, T) after `steps` first-order steps."""
        a, b = self.marginals
        r = a.sum(2).unsqueeze(2) * b.sum(2).unsqueeze(1)
        u, v, r, s = scale_steps(self.marginals, r, torch.ones_like(b), steps)
        return (u.log(), v.log()), (r * s).flatten(1), s.log().flatten(1)

    def at(self, duals: Duals) -> PairPoint:
        """Evaluate L and its derivatives at a dual point."""
        u, v = duals[0].exp(), duals[1].exp()
        # An idle pair has neither mass nor constraint: L = -1 keeps it fixed.
        s = torch.baddbmm(self.idle, u, v.mT, beta=math.exp(-1.0))
        return PairPoint(self, u, v, s, s.log().flatten(1))


@dataclass(frozen=True)
class PairPoint:
    """L (B, T) at one dual point, and products with its derivative M: (a, b) -> pi . (a + b)."""

    pairs: Pairs
    u: Tensor
    v: Tensor
    s: Tensor
    level: Tensor

    def slope(self, directions: Duals) -> Tensor:
        """M (da, db), the derivative of L along a direction, (B, T)."""
        da, db = directions
        total = torch.bmm(self.u * da, self.v.mT).baddbmm_(self.u, (self.v * db).mT)
        return total.div_(self.s).flatten(1)

    def spread(self, weights: Tensor) -> Duals:
        """M^T weights: the source-target marginals of weights times pi."""
        w = weights.reshape(self.s.shape) / self.s
        return self.u * torch.bmm(w, self.v), self.v * torch.bmm(w.mT, self.u)

    def coupling(self, weights: Tensor) -> Tensor:
        """weights times pi, (B, n1, n2, ny)."""
        w = weights.reshape(self.s.shape) / self.s
        return w.unsqueeze(-1) * self.u.unsqueeze(2) * self.v.unsqueeze(1)

    def factor(
        self, masses: Tensor, curvature: Tensor, jitter: Tensor
    ) -> SchurFactors | WoodburyFactors:
        """Factor K = M^T [diag(Q) + curvature pi pi^T] M."""
        rs = masses.reshape(self.s.shape) / self.s
        cs = curvature.reshape(self.s.shape) / (self.s * self.s)
        return self.pairs.newton.factor(self.u, self.v, cs, rs, jitter)


def faster_newton(sizes: tuple[int, ...]) -> type[Schur] | type[Woodbury]:
    """The faster linear algebra for (n1, n2, ny), by measurement: they cross near ny = n1."""
    n1, n2, ny = max(sizes[:2]), min(sizes[:2]), sizes[2]
    return Woodbury if ny > 1.2 * n1 and n2 * ny >= 120 else Schur


def newton_bytes(newton: type[Schur] | type[Woodbury], sizes: tuple[int, ...]) -> int:
    """Memory of one problem of shape (n1, n2, ny): the matrices and their temporaries."""
    n1, n2, ny = max(sizes[:2]), min(sizes[:2]), sizes[2]
    if newton is Schur:
        return 8 * (4 * n1 * n2 * ny * ny + 3 * (n2 * ny) ** 2)
    return 8 * (6 * (n1 * n2) ** 2 + 4 * ny * (n1 + n2) ** 2)
