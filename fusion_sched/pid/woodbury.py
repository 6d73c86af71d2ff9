"""The Newton system of the two-source dual for many classes, by the Woodbury identity."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fusion_sched.pid.problem import Duals
from fusion_sched.pid.schur import FLOOR


@dataclass(frozen=True)
class NewtonMatrix:
    """K as an operator, from the same small matrices as the gradient."""

    u: Tensor
    v: Tensor
    cs: Tensor
    rs: Tensor

    def times(self, da: Tensor, db: Tensor) -> tuple[Tensor, Tensor]:
        """K (da, db) without the gauge."""
        ua, vb = self.u * da, self.v * db
        w = self.cs * torch.bmm(ua, self.v.mT).baddbmm_(self.u, vb.mT)
        first = torch.bmm(w, self.v).baddbmm_(self.rs, vb).addcmul_(da, torch.bmm(self.rs, self.v))
        second = torch.bmm(w.mT, self.u).baddbmm_(self.rs.mT, ua)
        second = second.addcmul_(db, torch.bmm(self.rs.mT, self.u))
        return self.u * first, self.v * second


@dataclass(frozen=True)
class WoodburyFactors:
    """K = N + E E^T: N^-1 per class, `columns` of E = pi sqrt(c), and chol of I + E^T N^-1 E."""

    inverse: Tensor  # (B, ny, n1 + n2, n1 + n2)
    columns: Tensor  # (B, n1, n2, ny)
    chol: Tensor  # (B, n1 n2, n1 n2)
    failed: Tensor  # (B,) bool
    matrix: NewtonMatrix

    def solve(self, residual: Duals) -> Duals:
        """(da, db) with K (da, db) = residual, refined once: N is ill-conditioned if sparse."""
        g1, g2 = residual
        da, db = self._solve_once(g1, g2)
        h1, h2 = self.matrix.times(da, db)
        ea, eb = self._solve_once(g1 - h1, g2 - h2)
        return da + ea, db + eb

    def _solve_once(self, g1: Tensor, g2: Tensor) -> tuple[Tensor, Tensor]:
        d1, d2 = self._blocks(g1, g2)
        inner = (self.columns * (d1.unsqueeze(2) + d2.unsqueeze(1))).sum(3)
        inner = torch.cholesky_solve(inner.reshape(len(inner), -1, 1), self.chol)
        weighted = self.columns * inner.reshape(*self.columns.shape[:3], 1)
        e1, e2 = self._blocks(weighted.sum(2), weighted.sum(1))
        return d1 - e1, d2 - e2

    def _blocks(self, g1: Tensor, g2: Tensor) -> tuple[Tensor, Tensor]:
        """N^-1 (g1, g2)."""
        x = self.inverse @ torch.cat((g1, g2), 1).mT.unsqueeze(-1)
        return x[:, :, : g1.shape[1], 0].mT, x[:, :, g1.shape[1] :, 0].mT


class Woodbury:
    """N holds diag(Q) and the gauge, class by class; the pairs add E E^T of rank n1 n2.

    c = r (1 / t - 1) is set to zero where it is negative (t > 1, far from the optimum), so that the
    small system stays positive definite; the refinement corrects most of the difference.
    """

    def __init__(self, marginal1: Tensor, marginal2: Tensor) -> None:
        self.marginals = (marginal1, marginal2)

    def select(self, index: Tensor) -> Woodbury:
        return Woodbury(*(m[index] for m in self.marginals))

    def factor(
        self, u: Tensor, v: Tensor, cs: Tensor, rs: Tensor, jitter: Tensor
    ) -> WoodburyFactors:
        """Factor K; `cs` = c / s^2 and `rs` = r / s are (B, n1, n2), `jitter` is (B,)."""
        product = u.unsqueeze(2) * v.unsqueeze(1)
        inverse, failed1 = self._inverse(product * rs.unsqueeze(-1), jitter)
        root = cs.clamp(min=0.0).sqrt()
        h = _gram(u, v, root, inverse)
        h.diagonal(0, 1, 2).add_(1.0)
        chol, info = torch.linalg.cholesky_ex(h)
        columns = product.mul_(root.unsqueeze(-1))
        failed = failed1 | (info > 0)
        return WoodburyFactors(inverse, columns, chol, failed, NewtonMatrix(u, v, cs, rs))

    def _inverse(self, q: Tensor, jitter: Tensor) -> tuple[Tensor, Tensor]:
        """[[diag(QA), Q], [Q^T, diag(QB)]]^-1 per class, the gauge added to the second block."""
        batch, n1, n2, ny = q.shape
        a, b = (m.mT for m in self.marginals)
        n = q.new_zeros(batch, ny, n1 + n2, n1 + n2)
        cross = q.permute(0, 3, 1, 2)
        n[:, :, n1:, :n1] = cross.mT
        mass = b.sum(2, keepdim=True).clamp(min=FLOOR)
        n[:, :, n1:, n1:] = b.unsqueeze(-1) * (b / mass).unsqueeze(-2)
        diagonal = n.diagonal(0, 2, 3)
        diagonal.add_(torch.cat((cross.sum(3), cross.sum(2)), 2))
        diagonal.add_((torch.cat((a, b), 2) == 0).double())
        diagonal.mul_(1.0 + jitter[:, None, None])
        chol, info = torch.linalg.cholesky_ex(n)
        return torch.cholesky_inverse(chol), (info > 0).any(1)


def _gram(u: Tensor, v: Tensor, root: Tensor, inverse: Tensor) -> Tensor:
    """E^T N^-1 E, (B, n1 n2, n1 n2), for E with columns root_ij u_iy v_jy.

    Entry (ij, kl) is root_ij root_kl sum_y u_iy v_jy (G11_ik + G12_il + G12_kj + G22_jl) u_ky v_ly.
    The first and the last term are one product over (ik) x (jl), the other two one over (il) x (kj)
    and its transpose; what remains is to reorder their axes.
    """
    batch, n1, ny = u.shape
    n2 = v.shape[1]
    uu = (u.unsqueeze(2) * u.unsqueeze(1)).reshape(batch, n1 * n1, ny)
    vv = (v.unsqueeze(2) * v.unsqueeze(1)).reshape(batch, n2 * n2, ny)
    uv = (u.unsqueeze(2) * v.unsqueeze(1)).reshape(batch, n1 * n2, ny)
    g11 = inverse[:, :, :n1, :n1].reshape(batch, ny, -1).mT
    g12 = inverse[:, :, :n1, n1:].reshape(batch, ny, -1).mT
    g22 = inverse[:, :, n1:, n1:].reshape(batch, ny, -1).mT
    outer = torch.bmm(torch.cat((uu * g11, uu), 2), torch.cat((vv, vv * g22), 2).mT)
    outer = outer.reshape(batch, n1, n1, n2, n2).transpose(2, 3)  # (i, k, j, l) -> (i, j, k, l)
    crossed = torch.bmm(uv * g12, uv.mT)
    crossed = (crossed + crossed.mT).reshape(batch, n1, n2, n1, n2)  # (i, l, k, j)
    h = (outer + crossed.permute(0, 1, 4, 3, 2)).reshape(batch, n1 * n2, n1 * n2)
    flat = root.reshape(batch, -1)
    return h.mul_(flat.unsqueeze(1)).mul_(flat.unsqueeze(2))
