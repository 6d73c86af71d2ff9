"""`decompose`: the certified partial information decomposition of a batch of joints."""

from __future__ import annotations

import math
from dataclasses import dataclass

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
    """The four atoms and the three mutual informations of two sources, in bits.

    redundancy + unique1 = mi1, redundancy + unique2 = mi2, and the four atoms sum to joint_mi. The
    exact atoms lie in [unique - gap, unique], [redundancy, redundancy + gap] and
    [synergy, synergy + gap]; with `fastpid_published.PublishedFastPID`, whose q is infeasible, each
    lies within +-gap. The mutual informations are exact.

    Attributes
    ----------
    redundancy, unique1, unique2, synergy : Tensor
        The atoms, of the batch shape.
    mi1, mi2, joint_mi : Tensor
        I(X1;Y), I(X2;Y) and I(X1,X2;Y), of the batch shape.
    solution : problem.Solution
        The coupling `q` with its certificate: `duals`, `gap` (bits), `marginal_error`,
        `iterations`, `status` and `converged`.
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
    """The information of M sources about the target without synergy, in bits.

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


def decompose(
    p: Tensor | ArrayLike,
    solver: Solver = FastPID(),  # noqa: B008 - frozen
    *,
    throw: bool = True,
    normalise: bool = False,
) -> Decomposition:
    """Partial information decomposition (BROJA [1]_) with a certified error.

    With I* = min I_Q(Y; X1, X2) over the Q that have the marginals P(x1, y) and P(x2, y),
    redundancy = I(X1;Y) + I(X2;Y) - I*, unique1 = I* - I(X2;Y), unique2 = I* - I(X1;Y) and
    synergy = I(X1,X2;Y) - I*.

    Parameters
    ----------
    p : Tensor or array_like
        Joint distributions (..., n1, n2, ny), floating point; leading axes are a batch. Each is
        non-negative and sums to one. Any device; the computation is in float64 on that device.
    solver : Solver
        `FastPID`, `scaling.Scaling`, `proxy.Proxy` or `fastpid_published.PublishedFastPID`.
    throw : bool
        Raise where a problem did not converge; if False, `solution.status` reports it.
    normalise : bool
        Accept counts or other masses and divide each joint by its sum.

    Returns
    -------
    Decomposition
        In bits, of the batch shape, differentiable in `p` by the envelope theorem, without
        unrolling. Only differences of the derivative between cells are meaningful, since p is on
        the simplex. Where the derivative is infinite, because P(x1, y), P(x2, y) or, for the joint
        information, P(x1, x2, y) is zero, it is taken as zero. At a kink (a unique information of
        0) it is one subgradient. Double backward is not supported.

    Raises
    ------
    ValueError, TypeError
        For an invalid `p`; the message names its place in the batch.
    NotConverged
        With the gap reached and what to change.

    References
    ----------
    .. [1] Bertschinger, Rauh, Olbrich, Jost and Ay (2014), Quantifying unique information.

    Examples
    --------
    >>> import torch
    >>> p = torch.zeros(2, 2, 2)  # an AND gate
    >>> for x1 in (0, 1):
    ...     for x2 in (0, 1):
    ...         p[x1, x2, x1 & x2] = 0.25
    >>> d = decompose(p)
    >>> print(f"{d.redundancy:.4f} {d.unique1:.4f} {d.unique2:.4f} {d.synergy:.4f}")
    0.3113 0.0000 0.0000 0.5000
    """
    joint, solution, batch = _solve(p, 2, solver, throw, normalise)
    mi1, mi2 = mutual_information(joint.sum(2)), mutual_information(joint.sum(1))
    joint_mi, union = mutual_information(joint.flatten(1, 2)), _union_of(joint, solution)
    own_mi1, own_mi2 = mi1, mi2
    if float(solution.marginal_error.max()) > 1e-10:  # PublishedFastPID: the atoms of its own q
        own_mi1 = mi1 + (mutual_information(solution.q.sum(2)) - mi1).detach()
        own_mi2 = mi2 + (mutual_information(solution.q.sum(1)) - mi2).detach()
    atoms = (own_mi1 + own_mi2 - union, union - own_mi2, union - own_mi1, joint_mi - union)
    redundancy, unique1, unique2, synergy = (x.reshape(batch) for x in atoms)
    mi1, mi2, joint_mi = (x.reshape(batch) for x in (mi1, mi2, joint_mi))
    shaped = _in_batch(solution, batch)
    return Decomposition(redundancy, unique1, unique2, synergy, mi1, mi2, joint_mi, shaped)


def decompose_sources(
    p: Tensor | ArrayLike,
    sources: int,
    solver: Solver = FastPID(),  # noqa: B008 - frozen
    *,
    throw: bool = True,
    normalise: bool = False,
) -> UnionInformation:
    """`decompose` for M >= 2 `sources`: the last M + 1 axes of `p` are one joint.

    Joints of three or more sources have at most 100,000 cells.
    """
    joint, solution, batch = _solve(p, sources, solver, throw, normalise)
    mi = torch.stack([mutual_information(m) for m in marginals_of(joint, sources)], dim=-1)
    joint_mi, union = mutual_information(joint.flatten(1, sources)), _union_of(joint, solution)
    union, joint_mi = union.reshape(batch), joint_mi.reshape(batch)
    mi = mi.reshape((*batch, sources))
    return UnionInformation(union, joint_mi - union, mi, joint_mi, _in_batch(solution, batch))


def _solve(
    p: Tensor | ArrayLike, sources: int, solver: Solver, throw: bool, normalise: bool
) -> tuple[Tensor, Solution, torch.Size]:
    """The checked joints (B, n1, ..., nM, ny), their solution, and the batch shape."""
    joint = checked_joint(p, sources, normalise)
    batch = torch.as_tensor(p).shape[: -sources - 1]
    with torch.no_grad():
        marginals = marginals_of(joint, sources)
        output = solve_in_chunks(solver, marginals)
        if throw:
            _raise_if_not_converged(output, solver, batch)
        return joint, _solution(output, marginals), batch


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


def _solution(output: SolverOutput, marginals: Duals) -> Solution:
    own = marginals_of(output.q, len(marginals))
    error = torch.stack(
        [(m - n).abs().sum((1, 2)) for m, n in zip(own, marginals, strict=True)]
    ).amax(0)
    duals = tuple(d * BITS for d in output.duals)
    return Solution(output.q, duals, output.gap * BITS, error, output.iterations, output.status)


def _in_batch(solution: Solution, batch: torch.Size) -> Solution:
    def shaped(x: Tensor) -> Tensor:
        return x.reshape((*batch, *x.shape[1:]))

    rest = (solution.gap, solution.marginal_error, solution.iterations, solution.status)
    return Solution(
        shaped(solution.q), tuple(map(shaped, solution.duals)), *(shaped(x) for x in rest)
    )


def _raise_if_not_converged(output: SolverOutput, solver: Solver, batch: torch.Size) -> None:
    unsolved = (output.status == Status.ITERATION_LIMIT).nonzero().squeeze(1)
    if not len(unsolved):
        return
    first = int(unsolved[0])
    more = (
        f", and {len(unsolved) - 1} more of {len(output.gap)} problems" if len(unsolved) > 1 else ""
    )
    raise NotConverged(
        f"{name_in_batch(first, batch)}: certified gap {float(output.gap[first]) * BITS:.2g} bits "
        f"after {int(output.iterations[first])} iterations of {solver}{more}; raise max_iterations "
        "or tol, or pass throw=False and check solution.status and solution.gap"
    )
