"""The Newton system of the two-source dual, solved by eliminating the larger source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

FLOOR = 1e-300  # under a diagonal that rounding pushed to zero or below; the factorisation fails there


class TwoSourceFactors(Protocol):
    """A factored Newton matrix K."""

    @property
    def failed(self) -> Tensor:
        """Where the factorisation broke down, (B,) bool: the solution is meaningless there."""
        ...

    def solve(self, g1: Tensor, g2: Tensor) -> tuple[Tensor, Tensor]:
        """(da, db) with K (da, db) = (g1, g2)."""
        ...


@dataclass(frozen=True)
class SchurFactors:
    """`half` = L1^-1 E1 with half^T half = D1^-1, `v` = half C, and S = chol chol^T."""

    half: Tensor  # (B, n1, ny, ny)
    v: Tensor  # (B, n1 ny, n2 ny)
    scale: Tensor  # (B, n2 ny)
    chol: Tensor  # (B, n2 ny, n2 ny)
    failed: Tensor  # (B,) bool

    def solve(self, g1: Tensor, g2: Tensor) -> tuple[Tensor, Tensor]:
        """(da, db) with K (da, db) = (g1, g2)."""
        batch, n1, ny = g1.shape
        z = (self.half @ g1.unsqueeze(-1)).reshape(batch, n1 * ny, 1)
        h = torch.baddbmm(g2.reshape(batch, -1, 1), self.v.mT, z, alpha=-1)
        scale = self.scale.unsqueeze(-1)
        db = torch.cholesky_solve(h * scale, self.chol) * scale
        z = torch.baddbmm(z, self.v, db, alpha=-1).reshape(batch, n1, ny, 1)
        da = self.half.mT @ z
        return da.reshape(g1.shape), db.reshape(g2.shape)


class Schur:
    """K = M^T [diag(Q) + c pi pi^T per pair] M with M: (a, b) -> a + b, for Q = r pi.

    With u = exp(a), v = exp(b), s = u v^T the conditional is pi = u v / s, so every block but the
    coupling C is a small matrix product. The gauge a + k_y, b - k_y is fixed by the mass-weighted
    term sum_y B_y B_y^T / p(y) on the second source: a plain ridge loses small masses.
    """

    def __init__(self, marginal1: Tensor, marginal2: Tensor) -> None:
        mass = marginal2.sum(1).clamp(min=FLOOR)
        self.gauge = marginal2.unsqueeze(2) * (marginal2 / mass.unsqueeze(1)).unsqueeze(1)
        self.empty1 = (marginal1 == 0).double()
        self.empty2 = (marginal2 == 0).double()

    def select(self, index: Tensor) -> Schur:
        """The systems of the problems that go on."""
        chosen = Schur.__new__(Schur)
        chosen.gauge = self.gauge[index]
        chosen.empty1, chosen.empty2 = self.empty1[index], self.empty2[index]
        return chosen

    def factor(self, u: Tensor, v: Tensor, cs: Tensor, rs: Tensor, jitter: Tensor) -> SchurFactors:
        """Factor K; `cs` = c / s^2 and `rs` = r / s are (B, n1, n2), `jitter` is (B,)."""
        batch, n1, ny = u.shape
        n2 = v.shape[1]
        uu, vv = u.unsqueeze(-1) * u.unsqueeze(-2), v.unsqueeze(-1) * v.unsqueeze(-2)
        d1 = (cs @ vv.reshape(batch, n2, -1)).reshape(uu.shape) * uu
        d1.diagonal(0, 2, 3).add_(u * (rs @ v) + self.empty1)
        d2 = (cs.mT @ uu.reshape(batch, n1, -1)).reshape(vv.shape) * vv
        d2.diagonal(0, 2, 3).add_(v * (rs.mT @ u) + self.empty2)
        half, failed1 = _inverse_factor(d1, jitter)
        coupling = self._coupling(u, v, cs, rs)
        w = torch.bmm(half.reshape(-1, ny, ny), coupling.reshape(batch * n1, ny, n2 * ny))
        w = w.reshape(batch, n1 * ny, n2 * ny)
        scale, chol, failed2 = self._complement(d2, w, jitter)
        return SchurFactors(half, w, scale, chol, failed1 | failed2)

    @staticmethod
    def _coupling(u: Tensor, v: Tensor, cs: Tensor, rs: Tensor) -> Tensor:
        """C[i, y, j, y'] = c pi_y pi_y' + [y = y'] Q_y of the pair (i, j)."""
        product = u.unsqueeze(2) * v.unsqueeze(1)  # (B, i, j, y)
        left = product.mT * cs.unsqueeze(2)  # (B, i, y, j)
        c = left.unsqueeze(-1) * product.unsqueeze(2)
        c.diagonal(0, 2, 4).add_(product * rs.unsqueeze(-1))
        return c

    def _complement(self, d2: Tensor, w: Tensor, jitter: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        batch, n2, ny, _ = d2.shape
        s = d2.new_zeros(batch, n2, ny, n2, ny)
        s.diagonal(0, 1, 3).add_(d2.permute(0, 2, 3, 1))
        s.diagonal(0, 2, 4).add_(self.gauge)
        s = s.reshape(batch, n2 * ny, n2 * ny).baddbmm_(w.mT, w, alpha=-1)
        scale = s.diagonal(0, 1, 2).clamp(min=FLOOR).rsqrt()
        s.mul_(scale.unsqueeze(1)).mul_(scale.unsqueeze(2))
        s.diagonal(0, 1, 2).add_(jitter.unsqueeze(-1))
        chol, info = torch.linalg.cholesky_ex(s)
        return scale, chol, info > 0


def _inverse_factor(d: Tensor, jitter: Tensor) -> tuple[Tensor, Tensor]:
    """L^-1 E with E d E = L L^T of unit diagonal, for a batch of small blocks (B, n, ny, ny)."""
    scale = d.diagonal(0, 2, 3).clamp(min=FLOOR).rsqrt()
    scaled = d * scale.unsqueeze(-1) * scale.unsqueeze(-2)
    scaled.diagonal(0, 2, 3).add_(jitter[:, None, None])
    chol, info = torch.linalg.cholesky_ex(scaled)
    return torch.linalg.solve_triangular(chol, torch.diag_embed(scale), upper=False), (
        info > 0
    ).any(1)
