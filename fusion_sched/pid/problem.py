"""Input and output of a solver: marginals in, a certified coupling out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import torch
from torch import Tensor

from fusion_sched.pid.information import log_on_support

Duals = tuple[Tensor, ...]


class Status(IntEnum):
    """How a solve ended, one value per problem.

    Attributes
    ----------
    SOLVED
        The certified gap is within the tolerance.
    ITERATION_LIMIT
        The iterations ran out first; the gap reached is reported.
    UNCONTROLLED
        The method has no tolerance on the gap; the gap is reported all the same.
    """

    SOLVED = 0
    ITERATION_LIMIT = 1
    UNCONTROLLED = 2


@dataclass(frozen=True)
class Solution:
    """A coupling of the sources with the certificate of its optimality. B is the batch shape.

    `q` (B, n1, ..., nM, ny) has the single-source marginals of `p`. `duals[m]` (B, nm, ny), in
    bits, satisfy sum_y 2^(duals[0] + ... + duals[M-1]) <= 1 for every tuple of source symbols; they
    are -inf where the marginal is zero. `gap` (bits) bounds the distance to the optimum;
    `marginal_error` is the largest total deviation of a marginal of q; `status` holds `Status`.
    """

    q: Tensor
    duals: Duals
    gap: Tensor
    marginal_error: Tensor
    iterations: Tensor
    status: Tensor

    @property
    def dual1(self) -> Tensor:
        return self.duals[0]

    @property
    def dual2(self) -> Tensor:
        return self.duals[1]

    @property
    def converged(self) -> Tensor:
        return self.status == Status.SOLVED


@dataclass(frozen=True)
class SolverOutput:
    """A certified coupling in natural units, with one leading batch axis.

    With q feasible, sum q log(q / q(sources)) exceeds the optimum by at most `gap` (nats).
    """

    q: Tensor
    duals: Duals
    gap: Tensor
    iterations: Tensor
    status: Tensor

    @staticmethod
    def concatenate(parts: list[SolverOutput]) -> SolverOutput:
        if len(parts) == 1:
            return parts[0]
        duals = tuple(torch.cat(d) for d in zip(*(part.duals for part in parts), strict=True))
        q, gap, iterations, status = (
            torch.cat([getattr(part, name) for part in parts])
            for name in ("q", "gap", "iterations", "status")
        )
        return SolverOutput(q, duals, gap, iterations, status)

    def keep_better(self, problem: Tensor, other: SolverOutput, spent: int) -> None:
        """Take `other` for one `problem` (1,) if its gap is smaller; `spent` iterations precede."""
        self.iterations[problem] = other.iterations + spent
        # An output that is not finite is replaced, and never replaces another.
        if bool(other.gap.isfinite()) and not bool(self.gap[problem] <= other.gap):
            for whole, part in zip((self.q, *self.duals), (other.q, *other.duals), strict=True):
                whole[problem] = part
            self.gap[problem], self.status[problem] = other.gap, other.status


class Solver(Protocol):
    """Interface of a solver: an object that holds the settings, with these two methods.

    Methods
    -------
    solve(marginals)
        Minimise sum Q log(Q / Q(sources)) over the couplings Q of `marginals[m]` (B, nm, ny) and
        return a `problem.SolverOutput`, in nats.
    bytes_per_problem(sizes)
        Working memory for one problem of shape (n1, ..., nM, ny), in bytes.
    """

    def solve(self, marginals: Duals) -> SolverOutput: ...

    def bytes_per_problem(self, sizes: tuple[int, ...]) -> int: ...


def solve_on_support(marginals: Duals, solve: Callable[[Duals], SolverOutput]) -> SolverOutput:
    """Drop the symbols without mass, solve, and map the output back to the full coordinates.

    Inference mode saves the overhead of autograd; the copies at the end are ordinary tensors.
    """
    with torch.inference_mode():
        reduction = Reduction.of(marginals)
        output = solve(reduction.reduce(marginals))
        q, duals = reduction.lift_joint(output.q), reduction.lift_duals(output.duals)
    gap, iterations, status = (x.clone() for x in (output.gap, output.iterations, output.status))
    return SolverOutput(q.clone(), tuple(d.clone() for d in duals), gap, iterations, status)


@dataclass(frozen=True)
class Reduction:
    """Which symbols the reduced problems keep: `kept[k]` (B, size) indexes axis k of the joint.

    Symbols without mass are dropped; where the problems of a batch keep different numbers, the
    shorter ones are padded with massless symbols. Sources are ordered by size, largest first
    (`order`), because the linear algebra eliminates the first.
    """

    shape: tuple[int, ...]
    kept: tuple[Tensor, ...]
    order: tuple[int, ...]

    @staticmethod
    def of(marginals: Duals) -> Reduction:
        """The symbols that carry mass in `marginals[m]` (B, nm, ny)."""
        masses = [m.sum(-1) for m in marginals] + [marginals[0].sum(-2)]
        kept = tuple(_with_mass(mass) for mass in masses)
        sizes = [k.shape[1] for k in kept[:-1]]
        order = tuple(sorted(range(len(sizes)), key=lambda m: -sizes[m]))
        return Reduction(tuple(mass.shape[1] for mass in masses), kept, order)

    def reduce(self, marginals: Duals) -> Duals:
        """The marginals of the reduced problems, in the reduced order."""
        return tuple(_gather(marginals[m], (self.kept[m], self.kept[-1])) for m in self.order)

    def lift_joint(self, q: Tensor) -> Tensor:
        """A reduced coupling in the coordinates of the full joint."""
        back = [1 + self.order.index(m) for m in range(len(self.order))]
        return _scatter(q.permute(0, *back, q.dim() - 1), self.kept, self.shape, fill=0.0)

    def lift_duals(self, duals: Duals) -> Duals:
        """Reduced dual variables in the coordinates of the full marginals."""
        lifted = []
        for m, size in enumerate(self.shape[:-1]):
            reduced = duals[self.order.index(m)]
            axes = (self.kept[m], self.kept[-1])
            lifted.append(_scatter(reduced, axes, (size, self.shape[-1]), fill=-math.inf))
        return tuple(lifted)


def marginals_of(p: Tensor, sources: int) -> Duals:
    """P(x_m, y) of each source from joints (B, n1, ..., nM, ny)."""
    axes = set(range(1, sources + 1))
    return tuple(p.sum(tuple(axes - {m})) if sources > 1 else p for m in range(1, sources + 1))


def conditional_value(q: Tensor) -> Tensor:
    """sum q log(q / q(sources)) = -H(Y | sources) in nats, one value per problem."""
    weights = q.sum(-1)
    inner = (q * log_on_support(q)).flatten(1).sum(1)
    return inner - (weights * log_on_support(weights)).flatten(1).sum(1)


def _with_mass(mass: Tensor) -> Tensor:
    """Indices (B, k) of the symbols with mass, padded to the largest count in the batch."""
    positive = mass > 0
    largest = int(positive.sum(1).max())
    return torch.sort(positive.to(torch.int8), dim=1, descending=True, stable=True)[1][:, :largest]


def _gather(x: Tensor, kept: tuple[Tensor, ...]) -> Tensor:
    for axis, index in enumerate(kept, start=1):
        if index.shape[1] != x.shape[axis]:
            x = x.take_along_dim(_along(index, axis, x), dim=axis)
    return x


def _scatter(x: Tensor, kept: tuple[Tensor, ...], shape: tuple[int, ...], fill: float) -> Tensor:
    for axis, index in enumerate(kept, start=1):
        size = shape[axis - 1]
        if index.shape[1] != size:
            full = x.new_full((*x.shape[:axis], size, *x.shape[axis + 1 :]), fill)
            x = full.scatter(axis, _along(index, axis, x).expand_as(x), x)
    return x


def _along(index: Tensor, axis: int, x: Tensor) -> Tensor:
    """`index` (B, k) shaped to select along `axis` of `x`."""
    shape = [1] * x.dim()
    shape[0], shape[axis] = index.shape
    return index.reshape(shape)
