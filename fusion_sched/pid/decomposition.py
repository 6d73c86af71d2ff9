"""decompose: the partial information decomposition of a batch of joints, certified."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, overload

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from fusion_sched.pid.checks import checked_joint, name_in_batch
from fusion_sched.pid.chunks import solve_in_chunks
from fusion_sched.pid.fastpid import FastPID
from fusion_sched.pid.information import (
    BITS,
    linearised,
    log_on_support,
    mutual_information,
)
from fusion_sched.pid.problem import Duals, Solution, Solver, SolverOutput, Status, marginals_of


@dataclass(frozen=True)
class Decomposition:
    """The four atoms and the three informations in bits, each a tensor of the batch shape.

    With a feasible q (every solver but PublishedFastPID) the truth lies in unique - gap ... unique,
    redundancy ... redundancy + gap and synergy ... synergy + gap. `mi1`, `mi2` and `joint_mi` are
    exact, and redundancy + unique1 = mi1, redundancy + unique2 = mi2.
    """

    redundancy: Tensor
    unique1: Tensor
    unique2: Tensor
    synergy: Tensor
    mi1: Tensor
    mi2: Tensor
    joint_mi: Tensor
    solution: Solution


@dataclass(frozen=True)
class UnionInformation:
    """What M sources tell of the target without synergy, in bits, each of the batch shape.

    `union` = min_Q I_Q(Y; X1, ..., XM) over the single-source marginals, too high by at most
    `solution.gap`; `synergy` = joint_mi - union. `mi` (..., M) has one entry per source.
    """

    union: Tensor
    synergy: Tensor
    mi: Tensor
    joint_mi: Tensor
    solution: Solution


class NotConverged(RuntimeError):
    """A solver ran out of iterations before its certified gap met the tolerance."""


@overload
def decompose(
    p: Tensor | ArrayLike,
    solver: Solver = ...,
    *,
    throw: bool = ...,
    normalise: bool = ...,
    sources: Literal[2] = ...,
) -> Decomposition: ...
@overload
def decompose(
    p: Tensor | ArrayLike,
    solver: Solver = ...,
    *,
    throw: bool = ...,
    normalise: bool = ...,
    sources: int,
) -> Decomposition | UnionInformation: ...
def decompose(
    p: Tensor | ArrayLike,
    solver: Solver = FastPID(),  # noqa: B008 - frozen
    *,
    throw: bool = True,
    normalise: bool = False,
    sources: int = 2,
) -> Decomposition | UnionInformation:
    """Partial information decomposition after Bertschinger et al. (2014), with an error bar.

    I* = min over Q of I_Q(Y; X1, X2), where Q has the marginals P(x1, y) and P(x2, y); then
    redundancy = I(X1;Y) + I(X2;Y) - I*, unique1 = I* - I(X2;Y), unique2 = I* - I(X1;Y) and
    synergy = I(X1,X2;Y) - I*.

    Parameters
    ----------
    p:
        Joint distributions (..., n1, n2, ny), floating point; leading axes are a batch. Each is
        non-negative and sums to one. Any device; the work is done in float64 on that device.
    solver:
        An object with the knobs: `FastPID`, `Scaling`, `Proxy` or `PublishedFastPID`.
    throw:
        Raise `NotConverged` where the tolerance was missed; otherwise look at `solution.status`.
    normalise:
        Accept counts or other masses and divide each joint by its sum.
    sources:
        The number M of sources: the last M + 1 axes of `p` are one joint. For M >= 3 the answer is
        a `UnionInformation`, for at most 100,000 cells a joint.

    Returns
    -------
    Decomposition
        Bits, of the batch shape, differentiable in `p` by the envelope theorem: no unrolling. Only
        differences of the derivative between cells mean anything (p stays on the simplex). Where a
        slope is infinite, because P(x1, y), P(x2, y) or, for the joint information, P(x1, x2, y) is
        zero, it is taken as zero; at kinks (a unique information of 0) it is one subgradient.

    Raises
    ------
    ValueError, TypeError
        For a bad `p`, naming its place in the batch.
    NotConverged
        With the gap reached and what to change.

    Examples
    --------
    >>> import torch
    >>> p = torch.zeros(2, 2, 2)
    >>> for x1 in (0, 1):
    ...     for x2 in (0, 1):
    ...         p[x1, x2, x1 & x2] = 0.25
    >>> d = decompose(p)
    >>> print(f"{d.redundancy:.4f} {d.unique1:.4f} {d.unique2:.4f} {d.synergy:.4f}")
    0.3113 0.0000 0.0000 0.5000
    """
    joint = checked_joint(p, sources, normalise)
    batch = torch.as_tensor(p).shape[: -sources - 1]
    with torch.no_grad():
        marginals = marginals_of(joint, sources)
        found = solve_in_chunks(solver, marginals)
        if throw:
            _raise_if_missed(found, solver, batch)
        solution = _solution(found, marginals)
    if sources == 2:
        return _two_source_atoms(joint, solution, batch)
    return _union(joint, solution, batch)


def _two_source_atoms(joint: Tensor, solution: Solution, batch: torch.Size) -> Decomposition:
    mi1, mi2 = mutual_information(joint.sum(2)), mutual_information(joint.sum(1))
    joint_mi, union = mutual_information(joint.flatten(1, 2)), _union_of(joint, solution)
    seen1, seen2 = mi1, mi2
    if float(solution.marginal_error.max()) > 1e-10:  # PublishedFastPID: read every atom off its own q
        seen1 = mi1 + (mutual_information(solution.q.sum(2)) - mi1).detach()
        seen2 = mi2 + (mutual_information(solution.q.sum(1)) - mi2).detach()
    atoms = (seen1 + seen2 - union, union - seen2, union - seen1, joint_mi - union)
    redundancy, unique1, unique2, synergy = (x.reshape(batch) for x in atoms)
    mi1, mi2, joint_mi = (x.reshape(batch) for x in (mi1, mi2, joint_mi))
    shaped = _in_batch(solution, batch)
    return Decomposition(redundancy, unique1, unique2, synergy, mi1, mi2, joint_mi, shaped)


def _union(joint: Tensor, solution: Solution, batch: torch.Size) -> UnionInformation:
    sources = joint.dim() - 2
    mi = torch.stack([mutual_information(m) for m in marginals_of(joint, sources)], dim=-1)
    joint_mi, union = mutual_information(joint.flatten(1, sources)), _union_of(joint, solution)
    union, joint_mi = union.reshape(batch), joint_mi.reshape(batch)
    mi = mi.reshape((*batch, sources))
    return UnionInformation(union, joint_mi - union, mi, joint_mi, _in_batch(solution, batch))


def _union_of(joint: Tensor, solution: Solution) -> Tensor:
    """I_q(Y; sources) with the envelope's slope: dI*/dp = sum of the duals - log2 p(y)."""
    value = mutual_information(solution.q.flatten(1, joint.dim() - 2))
    if not joint.requires_grad:
        return value
    with torch.no_grad():
        target = joint.flatten(1, joint.dim() - 2).sum(1)
        slope = -log_on_support(target) * BITS
        slope = slope.reshape(len(target), *[1] * (joint.dim() - 2), -1)
        for m, dual in enumerate(solution.duals, start=1):
            shape = [len(dual), *[1] * (joint.dim() - 2), dual.shape[2]]
            shape[m] = dual.shape[1]
            slope = slope + dual.reshape(shape)
        slope = torch.where(slope > -math.inf, slope, 0.0)
    return linearised(joint, value, slope)


def _solution(found: SolverOutput, marginals: Duals) -> Solution:
    own = marginals_of(found.q, len(marginals))
    error = torch.stack(
        [(m - n).abs().sum((1, 2)) for m, n in zip(own, marginals, strict=True)]
    ).amax(0)
    duals = tuple(d * BITS for d in found.duals)
    return Solution(found.q, duals, found.gap * BITS, error, found.iterations, found.status)


def _in_batch(solution: Solution, batch: torch.Size) -> Solution:
    def shaped(x: Tensor) -> Tensor:
        return x.reshape((*batch, *x.shape[1:]))

    rest = (solution.gap, solution.marginal_error, solution.iterations, solution.status)
    return Solution(
        shaped(solution.q), tuple(map(shaped, solution.duals)), *(shaped(x) for x in rest)
    )


def _raise_if_missed(found: SolverOutput, solver: Solver, batch: torch.Size) -> None:
    missed = (found.status == Status.ITERATION_LIMIT).nonzero().squeeze(1)
    if not len(missed):
        return
    first = int(missed[0])
    more = f", and {len(missed) - 1} more of {len(found.gap)} problems" if len(missed) > 1 else ""
    raise NotConverged(
        f"{name_in_batch(first, batch)}: certified gap {float(found.gap[first]) * BITS:.2g} bits "
        f"after {int(found.iterations[first])} iterations of {solver}{more}; raise max_iterations "
        "or tol, or pass throw=False and look at solution.status and solution.gap"
    )
