"""FastPID as its authors released it (arXiv 2509.20840): reference implementation.

Adam on softmax logits, projected by a fixed number of Sinkhorn rounds, which need not converge to
the marginals. The optimiser exploits this: the marginal of the second source is violated and its
unique information vanishes. `marginal_error` reports the violation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fusion_sched.pid.certificate import certify
from fusion_sched.pid.information import BITS, mutual_information
from fusion_sched.pid.problem import Duals, SolverOutput, Status, marginals_of
from fusion_sched.pid.scaling import feasible_duals

EPSILON = 1e-12  # added in its logarithms and quotients


@dataclass(frozen=True)
class PublishedFastPID:
    """The released solver with the released values; single precision, one problem at a time.

    The atoms are computed from its Q even where Q is infeasible; `gap` bounds the error of each.
    """

    learning_rate: float = 0.1
    max_iterations: int = 2000
    tol: float = 1e-5
    sinkhorn_rounds: int = 10

    def __post_init__(self) -> None:
        for name in ("learning_rate", "max_iterations", "tol", "sinkhorn_rounds"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)!r}; expected a positive number")

    def solve(self, marginals: Duals) -> SolverOutput:
        if len(marginals) != 2:
            raise ValueError(f"PublishedFastPID solves two sources, got {len(marginals)}")
        runs = [self._refine(a.float(), b.float()) for a, b in zip(*marginals, strict=True)]
        q = torch.stack([run[0] for run in runs]).double()
        counts = torch.tensor([run[1] for run in runs], device=q.device)
        certificate = certify(q, feasible_duals(marginals), marginals)
        gap = _atom_error(q, certificate.q, certificate.gap, marginals)
        status = torch.full_like(counts, int(Status.UNCONTROLLED), dtype=torch.int8)
        return SolverOutput(q, certificate.duals, gap, counts, status)

    def bytes_per_problem(self, sizes: tuple[int, ...]) -> int:
        return 8 * 8 * math.prod(sizes)  # copies of the coupling, for the certificate

    def _refine(self, a: Tensor, b: Tensor) -> tuple[Tensor, int]:
        """Minimise -H_Q(Y | X1, X2) over projected softmax logits, from the closed-form proxy."""
        start = a.unsqueeze(1) * b.unsqueeze(0) / (a.sum(0) + EPSILON)
        start = start / start.sum()
        logits = start.clamp(min=EPSILON).log().requires_grad_(True)
        optimizer = torch.optim.Adam([logits], lr=self.learning_rate)
        previous, iteration = start, 0
        with torch.enable_grad():
            for iteration in range(1, self.max_iterations + 1):
                optimizer.zero_grad()
                q = self._project(logits, a, b)
                conditional = q / (q.sum(2, keepdim=True) + EPSILON)
                (q * (conditional + EPSILON).log()).sum().backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                change = float((q.detach() - previous).abs().max())
                previous = q.detach()
                if change < self.tol and iteration > 2:
                    break
        return self._project(logits.detach(), a, b), iteration

    def _project(self, logits: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """Softmax, then Sinkhorn rounds: first P(x2, y), then P(x1, y)."""
        q = logits.flatten().softmax(0).reshape(logits.shape)
        for _ in range(self.sinkhorn_rounds):
            q = q * (b / (q.sum(0) + EPSILON)).unsqueeze(0)
            q = q * (a / (q.sum(1) + EPSILON)).unsqueeze(1)
        return q / q.sum()


def _atom_error(q: Tensor, feasible: Tensor, gap: Tensor, marginals: Duals) -> Tensor:
    """A bound in nats on the error of every atom read off an infeasible `q`."""
    high = mutual_information(feasible.flatten(1, 2)) / BITS
    union = mutual_information(q.flatten(1, 2)) / BITS
    error = torch.maximum((union - high).abs(), (union - (high - gap)).abs())
    for own, true in zip(marginals_of(q, 2), marginals, strict=True):
        error = error + (mutual_information(own) - mutual_information(true)).abs() / BITS
    return error
