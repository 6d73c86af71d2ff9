"""Over-relaxed alternating scaling in factored form."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fusion_sched.pid.certificate import Results, certify
from fusion_sched.pid.problem import Duals, SolverOutput, solve_on_support

LN2 = math.log(2.0)
CHECK_EVERY = 50  # steps between two certificates
TINY = 1e-300  # makes 0/0 equal 0 where a marginal is empty


@dataclass(frozen=True)
class Scaling:
    """First-order solver of a few small matrix products a step, for loose tolerances.

    Each step rescales a kernel r(x1, x2) to the marginals and multiplies r by the mass it received
    to the power 1.5 (1 is the alternating minimisation of Csiszar and Tusnady; 2 diverges).
    `tol` is the certified gap in bits, computed every 50 steps.
    """

    tol: float = 1e-3
    max_iterations: int = 20_000

    def __post_init__(self) -> None:
        if not 1e-6 <= self.tol < 1:
            raise ValueError(
                f"tol={self.tol!r} bits; Scaling expects 1e-6 <= tol < 1: use FastPID below"
            )
        if self.max_iterations < 1:
            raise ValueError(f"max_iterations={self.max_iterations!r}; expected at least 1")

    def solve(self, marginals: Duals) -> SolverOutput:
        if len(marginals) != 2:
            raise ValueError(f"Scaling solves two sources, got {len(marginals)}; use FastPID")
        return solve_on_support(marginals, self._solve)

    def _solve(self, marginals: Duals) -> SolverOutput:
        a, b = marginals
        results = Results(marginals)
        position = torch.arange(len(a), device=a.device)
        r, v = a.sum(2).unsqueeze(2) * b.sum(2).unsqueeze(1), torch.ones_like(b)
        for steps in range(CHECK_EVERY, self.max_iterations + CHECK_EVERY, CHECK_EVERY):
            u, v, r, s = scale_steps((a, b), r, v, CHECK_EVERY)
            q = r.unsqueeze(-1) * u.unsqueeze(2) * v.unsqueeze(1)
            certificate = certify(q, (u.log(), v.log()), (a, b))
            solved = certificate.gap <= self.tol * LN2
            failed = certificate.gap.isnan()  # further steps remain NaN
            finished = solved | failed | (steps >= self.max_iterations)
            results.store(position, certificate, finished, solved, steps)
            left = (~finished).nonzero().squeeze(1)
            if not len(left):
                break
            a, b, position = a[left], b[left], position[left]
            r, v = _relaxed_kernel(r, s)[left], v[left]
        return results.output()

    def bytes_per_problem(self, sizes: tuple[int, ...]) -> int:
        return 8 * 8 * math.prod(sizes)  # copies of the coupling, for the certificate


def scale_steps(
    marginals: Duals, r: Tensor, v: Tensor, steps: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`steps` factored steps from the kernel `r` (B, n1, n2); returns u, v, their r and s = u v^T.

    The coupling is Q = r u v for each target symbol; it is never formed. With r = P(x1) P(x2) and
    v = 1 the first step gives the closed-form proxy. s is the mass of a pair relative to r, and
    tends to one wherever mass remains.
    """
    a, b = marginals
    s = r
    for step in range(steps):
        r = _relaxed_kernel(r, s) if step else r
        u = a / torch.bmm(r, v).clamp_(min=TINY)
        v = b / torch.bmm(r.mT, u).clamp_(min=TINY)
        s = torch.bmm(u, v.mT)
    return u, v, r, s


def _relaxed_kernel(r: Tensor, s: Tensor) -> Tensor:
    """r s^1.5: the kernel multiplied by the mass it received, over-relaxed."""
    return s.sqrt().mul_(s).mul_(r)


def feasible_duals(marginals: Duals, steps: int = 50) -> Duals:
    """A dual point for the certificate of any coupling of these marginals.

    Two sources: a few scaling steps. More: a_m = log P(y | x_m) / M, feasible by Hoelder.
    """
    if len(marginals) != 2:
        mass = [a.sum(2, keepdim=True).clamp(min=TINY) for a in marginals]
        return tuple((a / m).log() / len(mass) for a, m in zip(marginals, mass, strict=True))
    a, b = marginals
    r = a.sum(2).unsqueeze(2) * b.sum(2).unsqueeze(1)
    u, v, _, _ = scale_steps(marginals, r, torch.ones_like(b), steps)
    return u.log(), v.log()
