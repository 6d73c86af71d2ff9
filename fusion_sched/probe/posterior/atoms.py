"""I(X1;Y), I(X2;Y), I(X1,X2;Y) and I* of one pair of sources: values and each sample's part."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fusion_sched.pid import FastPID, Solver, Status
from fusion_sched.pid.certificate import (
    ROUNDING,
    Certificate,
    dual_value,
    round_to_marginals,
    shift_to_feasible,
)
from fusion_sched.pid.problem import Duals, SolverOutput, conditional_value, solve_on_support
from fusion_sched.pid.scaling import scale_steps
from fusion_sched.probe.posterior.inputs import BITS, Labels
from fusion_sched.probe.posterior.tables import cells_for, information_of, shared_cells, tables

TOLERANCE = 5e-3  # bits: half of what 1,280 samples resolve
ACCURATE = 0.02  # bits: certified by the interior point where scaling does not
STEPS = 150
CHECK_EVERY = 25
RESTART = 1e-3  # share of P(cell 1) P(cell 2) with which a pair of cells starts again
SMALL = 2**24  # bytes: what the interior point may take where scaling is slow
INDEPENDENT = 1e-6  # share of P(cell) P(y) in a table, which keeps both of its marginals
MI1, MI2, JOINT, UNION = range(4)


@dataclass(frozen=True)
class SourceModel:
    """A label model's P(y | x) (N, classes) and its information in nats.

    `pointwise` (N,) are each sample's parts; `lower` is the held-out lower bound, and `added` what
    the information has beyond it, or what the model changes with its training set if that is more.
    """

    p: Tensor
    information: Tensor
    pointwise: Tensor
    added: Tensor
    lower: Tensor


@dataclass(frozen=True)
class PairInformation:
    """I(X1;Y), I(X2;Y), I(X1,X2;Y) and I* in nats.

    `pointwise` (N, 4) scatters as the errors of `values` (4,) do; `added` (4,) is what
    `SourceModel.added` is; `gap` (bits) is the solver's certified error.
    """

    values: Tensor
    pointwise: Tensor
    added: Tensor
    gap: float
    cells: tuple[int, ...]

    def with_joint(self, information: Tensor) -> PairInformation:
        """The same with another I(X1,X2;Y)."""
        values = torch.stack([*self.values[:JOINT], information, self.values[UNION]])
        return PairInformation(values, self.pointwise, self.added, self.gap, self.cells)


def pair_information(
    sources: tuple[SourceModel, SourceModel, SourceModel],
    labels: Labels,
    generator: torch.Generator,
    solver: Solver | None = None,
    halved: bool = False,
) -> PairInformation:
    """Solve for I* on cells that the sources 1 and 2 share; I(X1,X2;Y) is at least that.

    `halved`: with half as many cells, to see whether their number matters.
    """
    one, two, both = sources
    count = cells_for(labels)
    if halved:  # but one for each class
        count = max(count // 2, labels.count)
    cell, posterior = shared_cells(torch.stack([one.p, two.p]), count, generator)
    table = tables(cell, posterior, torch.stack([one.information, two.information]), labels)
    # A sample may lie in a cell that all but excludes its class: its dual has to be finite.
    independent = table.sum(2, keepdim=True) * table.sum(1, keepdim=True)
    table = (1 - INDEPENDENT) * table + INDEPENDENT * independent
    marginals = table[:1], table[1:]
    answer = _solve(marginals) if solver is None else solver.solve(marginals)
    single = information_of(table)
    star = conditional_value(answer.q)[0] + labels.entropy
    star = torch.minimum(torch.maximum(star, single.max()), single.sum()).minimum(labels.entropy)
    values = torch.stack([*single, torch.maximum(both.information, star), star])
    # The duals are the derivative of I* by the tables (envelope theorem).
    duals = [d[0, c, labels.y] for d, c in zip(answer.duals, cell, strict=True)]
    union = duals[0] + duals[1] - labels.prior.log()[labels.y]
    pointwise = torch.stack([one.pointwise, two.pointwise, both.pointwise, union], 1)
    added = torch.stack([s.added for s in sources] + [one.added.maximum(two.added)])
    used = tuple(int((m.sum(2) > 0).sum()) for m in marginals)
    return PairInformation(values, pointwise, added, float(answer.gap) * BITS, used)


def _solve(marginals: Duals) -> SolverOutput:
    """Scaling, and the interior point where scaling stalls on a problem small enough."""
    answer = solve_on_support(marginals, _scale)
    second = FastPID(tol=ACCURATE)
    kept = [int((m.sum(2) > 0).sum(1).max()) for m in marginals]
    small = second.bytes_per_problem((*kept, marginals[0].shape[2])) <= SMALL
    if float(answer.gap) * BITS > ACCURATE and small:
        return second.solve(marginals)
    return answer


def _scale(marginals: Duals) -> SolverOutput:
    """The certificate of smallest gap on the way of scaling.

    Pairs of cells that early steps all but exclude come back slowly, and the bound waits for them:
    those that the duals ask for start again with a small mass.
    """
    a, b = marginals
    product = a.sum(2).unsqueeze(2) * b.sum(2).unsqueeze(1)
    r, v, best, iterations = product, torch.ones_like(b), None, 0
    for steps in range(CHECK_EVERY, STEPS + 1, CHECK_EVERY):
        u, v, r, s = scale_steps((a, b), r, v, CHECK_EVERY)
        if steps > CHECK_EVERY:  # the first steps are too few for a certificate
            certificate = _certificate(r, s, (u, v), marginals)
            if best is None or float(certificate.gap) < float(best.gap):
                best, iterations = certificate, steps
            if float(best.gap) * BITS <= TOLERANCE:
                break
        r = r * s.square().mul_(s).sqrt_()
        r = torch.where(s > 1, r.maximum(RESTART * product), r)
    assert best is not None
    solved = Status.SOLVED if float(best.gap) * BITS <= TOLERANCE else Status.ITERATION_LIMIT
    device = best.gap.device
    return SolverOutput(
        best.q,
        best.duals,
        best.gap,
        torch.tensor([iterations], device=device),
        torch.tensor([int(solved)], device=device),
    )


def _certificate(r: Tensor, s: Tensor, factors: Duals, marginals: Duals) -> Certificate:
    """The certificate of r u v with the better one of two feasible duals, each from one source.

    Where s = sum_y u v exceeds one, the entries u of the classes that make it up are lowered.
    """
    u, v = factors
    shares = u.unsqueeze(2) * v.unsqueeze(1)
    coupling = round_to_marginals(r.unsqueeze(-1) * shares, marginals)
    value = conditional_value(coupling)
    excess = s.clamp(min=1.0).log().unsqueeze(-1)
    excess = excess * (2.0 * shares / s.clamp(min=1e-300).unsqueeze(-1)).clamp_(max=1.0)
    duals = [
        shift_to_feasible((u.log() - excess.amax(2), v.log())),
        shift_to_feasible((u.log(), v.log() - excess.amax(1))),
    ]
    bounds = torch.cat([dual_value(d, marginals) for d in duals])
    gap = (value - bounds.max()).clamp(min=0.0) + ROUNDING
    return Certificate(coupling, value, duals[int(bounds.argmax())], gap)
