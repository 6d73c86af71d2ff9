"""The closed-form proxy, in which the sources are independent given the target."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fusion_sched.pid.certificate import certify
from fusion_sched.pid.problem import Duals, SolverOutput, Status
from fusion_sched.pid.scaling import feasible_duals


@dataclass(frozen=True)
class Proxy:
    """Q(x1, x2, y) = P(x1, y) P(x2, y) / P(y), without refinement.

    Its unique information is never too low, its redundancy and synergy are never too high; the
    certified gap bounds the error. `FastPID` starts from it.
    """

    def solve(self, marginals: Duals) -> SolverOutput:
        q = conditionally_independent(marginals)
        certificate = certify(q, feasible_duals(marginals), marginals)
        count = torch.zeros(len(q), dtype=torch.int64, device=q.device)
        status = torch.full_like(count, int(Status.UNCONTROLLED), dtype=torch.int8)
        return SolverOutput(certificate.q, certificate.duals, certificate.gap, count, status)

    def bytes_per_problem(self, sizes: tuple[int, ...]) -> int:
        return 8 * 8 * math.prod(sizes)  # copies of the coupling, for the certificate


def conditionally_independent(marginals: Duals) -> Tensor:
    """P(y) prod_m P(x_m | y), the coupling of maximum entropy, (B, n1, ..., nM, ny)."""
    q = marginals[0]
    for m in marginals[1:]:
        given = m / torch.where(m.sum(1, keepdim=True) > 0, m.sum(1, keepdim=True), 1.0)
        q = q.unsqueeze(-2) * given.reshape(len(m), *[1] * (q.dim() - 2), *m.shape[1:])
    return q
