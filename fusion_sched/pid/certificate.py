"""Certificates: bounds on the optimum that hold for any iterate.

For any coupling Q of the marginals and any dual point with L <= 0,
    sum_m <A_m, a_m>  <=  f*  <=  f(Q) = sum Q log(Q / Q(sources)),
so the difference of the two ends bounds the error of either (weak duality).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fusion_sched.pid.problem import Duals, SolverOutput, Status, conditional_value

SWEEPS = 3  # Sinkhorn sweeps before rounding; they make the rounded remainder second order
TINY = 1e-200  # makes 0/0 equal 0 where a marginal is empty
ROUNDING = 1e-14  # nats: rounding error of the sums below in double precision


@dataclass(frozen=True)
class Certificate:
    """A coupling `q`, its `value`, dual variables and the `gap` between their bounds, in nats."""

    q: Tensor
    value: Tensor
    duals: Duals
    gap: Tensor


class Results:
    """Certified solutions, collected in the order of the whole batch."""

    def __init__(self, marginals: Duals) -> None:
        batch, ny = marginals[0].shape[0], marginals[0].shape[2]
        new = marginals[0].new_zeros
        self.q = new(batch, *(m.shape[1] for m in marginals), ny)
        self.duals = tuple(torch.zeros_like(m) for m in marginals)
        self.gap = new(batch)
        self.iterations = new(batch, dtype=torch.int64)
        self.status = new(batch, dtype=torch.int8)

    def store(
        self, position: Tensor, part: Certificate, done: Tensor, solved: Tensor, iteration: int
    ) -> None:
        """Write the problems that are `done` (B,) to their `position` (B,) in the whole batch."""
        position = position[done]
        self.q[position] = part.q[done]
        for all_duals, dual in zip(self.duals, part.duals, strict=True):
            all_duals[position] = dual[done]
        self.gap[position] = part.gap[done]
        self.iterations[position] = iteration
        status = torch.where(solved[done], int(Status.SOLVED), int(Status.ITERATION_LIMIT))
        self.status[position] = status.to(torch.int8)

    def output(self) -> SolverOutput:
        return SolverOutput(self.q, self.duals, self.gap, self.iterations, self.status)


def certify(q: Tensor, duals: Duals, marginals: Duals) -> Certificate:
    """The certificate of any non-negative `q` (B, n1, ..., nM, ny) and any dual point."""
    feasible = round_to_marginals(q, marginals)
    value = conditional_value(feasible)
    shifted = shift_to_feasible(duals)
    bound = dual_value(shifted, marginals)
    return Certificate(feasible, value, shifted, (value - bound).clamp(min=0.0) + ROUNDING)


def dual_value(duals: Duals, marginals: Duals) -> Tensor:
    """sum_m <A_m, a_m> in nats, cells of zero mass left out."""
    terms = [
        torch.where(m > 0, m * a, 0.0).sum((1, 2)) for a, m in zip(duals, marginals, strict=True)
    ]
    return torch.stack(terms).sum(0)


def round_to_marginals(q: Tensor, marginals: Duals) -> Tensor:
    """A coupling with exactly these marginals, close to `q` (Altschuler, Weed, Rigollet 2017).

    A few sweeps of scaling; scale down to at most every marginal; add the missing mass as a product
    over the sources, for each target symbol.
    """
    for _ in range(SWEEPS):
        for m, marginal in enumerate(marginals):
            q = q * _broadcast(marginal / _marginal(q, m).clamp(min=TINY), m, q)
    for m, marginal in enumerate(marginals):
        down = (marginal / _marginal(q, m).clamp(min=TINY)).clamp(max=1.0)
        q = q * _broadcast(down, m, q)
    missing = [(a - _marginal(q, m)).clamp(min=0.0) for m, a in enumerate(marginals)]
    spread = _broadcast(missing[0], 0, q)
    for m, part in enumerate(missing[1:], start=1):
        share = part / part.sum(1, keepdim=True).clamp(min=TINY)
        spread = spread * _broadcast(share, m, q)
    return q + spread


def shift_to_feasible(duals: Duals) -> Duals:
    """Shift the duals so that L <= 0 holds, with equality where possible."""
    slack = log_partition(duals)
    shifted = []
    for m, a in enumerate(duals):
        others = tuple(d for d in range(1, slack.dim()) if d != m + 1)
        worst = slack.amax(others, keepdim=True) if others else slack
        worst = torch.where(worst.isfinite(), worst, 0.0)
        slack = slack - worst
        shifted.append(a - worst.reshape(a.shape[0], a.shape[1], 1))
    return tuple(shifted)


def log_partition(duals: Duals) -> Tensor:
    """L = log sum_y exp(a_1 + ... + a_M), (B, n1, ..., nM); -inf for tuples that share no y."""
    return torch.logsumexp(sum_of_duals(duals), -1)


def sum_of_duals(duals: Duals) -> Tensor:
    """a_1[x1, y] + ... + a_M[xM, y] as (B, n1, ..., nM, ny)."""
    total = duals[0]
    for a in duals[1:]:
        total = total.unsqueeze(-2) + a.reshape(a.shape[0], *[1] * (total.dim() - 2), *a.shape[1:])
    return total


def _marginal(q: Tensor, source: int) -> Tensor:
    others = tuple(d for d in range(1, q.dim() - 1) if d != source + 1)
    return q.sum(others) if others else q


def _broadcast(x: Tensor, source: int, q: Tensor) -> Tensor:
    """`x` (B, nm, ny) broadcast against `q` (B, n1, ..., nM, ny)."""
    shape = [q.shape[0], *[1] * (q.dim() - 2), q.shape[-1]]
    shape[source + 1] = x.shape[1]
    return x.reshape(shape)
