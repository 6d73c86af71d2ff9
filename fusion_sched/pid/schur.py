"""The Newton system of the two-source dual, solved by eliminating the larger source."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fusion_sched.pid.problem import Duals

FLOOR = 1e-300  # makes 0/0 equal 0 where a class or a symbol is empty
BLOCK = 128  # rows at a time of the Schur complement, of which only the lower triangle is needed


@dataclass(frozen=True)
class SchurFactors:
    """`half` = L1^-1 with L1 L1^T = D1, `w` = half C, and S = D2 - w^T w = chol chol^T.

    The columns of w and S run over (y, j), the class first: their broadcasts then have long rows.
    """

    half: Tensor  # (B n1, ny, ny)
    w: Tensor  # (B, n1 ny, ny n2)
    chol: Tensor  # (B, ny n2, ny n2)
    failed: Tensor  # (B,) bool

    def solve(self, residual: Duals) -> Duals:
        """(da, db) with K (da, db) = residual."""
        g1, g2 = residual
        batch, n1, ny = g1.shape
        z = torch.bmm(self.half, g1.reshape(-1, ny, 1)).reshape(batch, n1 * ny, 1)
        h = torch.baddbmm(g2.mT.reshape(batch, -1, 1), self.w.mT, z, alpha=-1)
        db = torch.linalg.solve_triangular(self.chol, h, upper=False)
        db = torch.linalg.solve_triangular(self.chol.mT, db, upper=True)
        z = torch.baddbmm(z, self.w, db, alpha=-1).reshape(-1, ny, 1)
        da = torch.bmm(self.half.mT, z).reshape(batch, n1, ny)
        return da, db.reshape(batch, ny, -1).mT


class Schur:
    """K = M^T [diag(Q) + c pi pi^T per pair] M with M: (a, b) -> a + b, for Q = r pi.

    With u = exp(a), v = exp(b), s = u v^T the conditional is pi = u v / s, so every block but the
    coupling C is a small matrix product. The gauge a + k_y, b - k_y is fixed by the mass-weighted
    term sum_y B_y B_y^T / p(y) on the second source: a plain ridge loses small masses.
    """

    def __init__(self, marginal1: Tensor, marginal2: Tensor) -> None:
        mass = marginal2.sum(1, keepdim=True).clamp(min=FLOOR)
        self.gauge = marginal2.unsqueeze(2) * (marginal2 / mass).unsqueeze(1)  # (B, n2, n2, ny)
        self.empty1 = (marginal1 == 0).double()
        self.empty2 = (marginal2 == 0).double()

    def select(self, index: Tensor) -> Schur:
        selected = Schur.__new__(Schur)
        selected.gauge = self.gauge[index]
        selected.empty1, selected.empty2 = self.empty1[index], self.empty2[index]
        return selected

    def factor(self, u: Tensor, v: Tensor, cs: Tensor, rs: Tensor, jitter: Tensor) -> SchurFactors:
        """Factor K; `cs` = c / s^2 and `rs` = r / s are (B, n1, n2), `jitter` is (B,)."""
        batch, n1, ny = u.shape
        n2 = v.shape[1]
        uu, vv = u.unsqueeze(-1) * u.unsqueeze(-2), v.unsqueeze(-1) * v.unsqueeze(-2)
        d1 = torch.bmm(cs, vv.reshape(batch, n2, -1)).reshape(uu.shape).mul_(uu)
        d1.diagonal(0, 2, 3).addcmul_(u, torch.bmm(rs, v)).add_(self.empty1)
        d2 = torch.bmm(cs.mT, uu.reshape(batch, n1, -1)).reshape(vv.shape).mul_(vv)
        d2.diagonal(0, 2, 3).addcmul_(v, torch.bmm(rs.mT, u)).add_(self.empty2)
        half, failed1 = _inverse_factor(d1, jitter)
        half = half.reshape(-1, ny, ny)
        product = u.unsqueeze(3) * v.mT.unsqueeze(1)  # (B, i, y, j)
        # C[i, y', y, j] = product[i, y', j] cs[i, j] product[i, y, j] + [y = y'] product rs, so
        # half C needs no product with the large C itself.
        left = torch.bmm(half, (product * cs.unsqueeze(2)).reshape(-1, ny, n2))
        left, blocks = left.reshape(batch, n1, ny, 1, n2), half.reshape(batch, n1, ny, ny, 1)
        w = torch.addcmul(left, blocks, rs[:, :, None, None, :])
        w = w.mul_(product.unsqueeze(2)).reshape(batch, n1 * ny, ny * n2)
        chol, failed2 = self._complement(d2, w, jitter)
        return SchurFactors(half, w, chol, failed1 | failed2)

    def _complement(self, d2: Tensor, w: Tensor, jitter: Tensor) -> tuple[Tensor, Tensor]:
        """The Cholesky factor of S, whose diagonal is raised by `jitter` relative to that of K."""
        batch, n2, ny, _ = d2.shape
        s = d2.new_zeros(batch, ny, n2, ny, n2)
        s.diagonal(0, 2, 4).copy_(d2.permute(0, 2, 3, 1))
        s.diagonal(0, 1, 3).add_(self.gauge)
        s = s.reshape(batch, ny * n2, ny * n2)
        diagonal = s.diagonal(0, 1, 2)
        diagonal.mul_(1.0 + jitter.unsqueeze(1))
        rows = len(s[0])
        block = BLOCK if rows >= 2 * BLOCK else rows
        for low in range(0, rows, block):
            high = min(low + block, rows)
            s[:, low:high, :high].baddbmm_(w[:, :, low:high].mT, w[:, :, :high], alpha=-1)
        chol, info = torch.linalg.cholesky_ex(s)
        return chol, info > 0


def _inverse_factor(d: Tensor, jitter: Tensor) -> tuple[Tensor, Tensor]:
    """L^-1 with d = L L^T for a batch of small blocks (B, n, ny, ny)."""
    d.diagonal(0, 2, 3).mul_(1.0 + jitter[:, None, None])
    chol, info = torch.linalg.cholesky_ex(d)
    one = torch.eye(d.shape[-1], dtype=d.dtype, device=d.device)
    return torch.linalg.solve_triangular(chol, one, upper=False), (info > 0).any(1)
