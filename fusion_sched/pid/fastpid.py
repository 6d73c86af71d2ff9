"""FastPID: from the closed-form proxy to the optimum by an interior point on the dual problem.

    maximise <A, a> + <B, b>   subject to   L[i, j] = log sum_y exp(a[i, y] + b[j, y]) <= 0.

The multiplier r of L <= 0 is the mass of the pair (i, j), and Q = r softmax_y(a + b). t is a free
slack: t + L = 0 holds in the limit only (insisting on t = -L jams the line search). The same loop
solves three or more sources, with tuples in place of pairs. It reaches a certified gap of 1e-9 bits
in about a dozen Newton steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fusion_sched.pid.certificate import Results, certify
from fusion_sched.pid.pairs import PairPoint, Pairs, faster_newton, newton_bytes
from fusion_sched.pid.problem import Duals, SolverOutput, Status, solve_on_support
from fusion_sched.pid.scaling import Scaling
from fusion_sched.pid.schur import Schur, SchurFactors
from fusion_sched.pid.tuples import DenseFactors, TuplePoint, Tuples, tuples_bytes
from fusion_sched.pid.woodbury import WoodburyFactors

LN2 = math.log(2.0)
JITTER = 1e-14  # relative, on diagonals; raised a hundredfold when a factorisation fails
MAX_DUAL_STEP = 1.0  # natural units; step limit for the dual variables of cells with mass
STEP_LIMIT_MASS = 1e-7  # from this mass on the limit shortens the whole step
MAX_FAINT_STEP = 20.0  # limit for the dual variables of fainter cells, one by one
READY = 1.5  # tolerances; below this complementarity a certificate is computed
INTERIOR = 0.005  # the start's share of uniform mass and its least slack
SPREAD = 10.0  # a corrector aims at products r t within this factor of their target (Gondzio)
CENTRAL = 0.003  # least product r t as a share of the average; without it the steps jam
IDLE = 1e-30  # mass of a tuple without a common class; its slack is 1 and its level -1
WARM_STEPS = 50  # first-order steps from the proxy before the Newton steps (two sources)
FIRST_RUN = 25  # Newton steps; a problem not solved by then is restarted:
SECOND_WARM_STEPS = 500  # from a better start, on the Schur path and without correctors,
SECOND_RUN_BYTES = 2**31  # if that path fits into this memory
LAST_TOL = 1e-6  # bits; the least gap of the last resort, scaling
LAST_STEPS = 100_000

# A batch of problems, L at one dual point, and a factored Newton matrix.
System = Pairs | Tuples
Point = PairPoint | TuplePoint
Factors = SchurFactors | WoodburyFactors | DenseFactors


@dataclass(frozen=True)
class FastPID:
    """Closed-form proxy, refined to the optimum, with a certificate; the default solver.

    The method of FastPID [1]_ with another refinement. The start is the closed-form proxy
    Q(x1, x2, y) = P(x1, y) P(x2, y) / P(y), improved by first-order scaling steps. Primal-dual
    Newton steps with centrality correctors [2]_ then solve the dual problem. A problem that they do
    not solve is restarted on another path, and at last given to `scaling.Scaling`. Three or more
    sources have no proxy start. `decompose` makes the result differentiable.

    Parameters
    ----------
    tol : float
        Certified gap in bits, 1e-10 <= tol < 1.
    max_iterations : int
        Limit on the Newton steps.

    Raises
    ------
    ValueError
        For a value out of range.

    References
    ----------
    .. [1] Tang, Xu, Liu and Chen (2025), arXiv 2509.20840; `fastpid_published.PublishedFastPID`
       reimplements their released code.
    .. [2] Gondzio (1996), Multiple centrality corrections in a primal-dual method for linear
       programming.

    Examples
    --------
    >>> import torch
    >>> from fusion_sched.pid import FastPID, decompose
    >>> copy = torch.eye(4).reshape(2, 2, 4) / 4  # y = (x1, x2)
    >>> d = decompose(copy, FastPID(tol=1e-9))
    >>> print(f"{d.unique1:.4f} {d.unique2:.4f}", bool(d.solution.gap <= 1e-9))
    1.0000 1.0000 True
    """

    tol: float = 1e-6
    max_iterations: int = 100

    def __post_init__(self) -> None:
        if not 1e-10 <= self.tol < 1:
            raise ValueError(f"tol={self.tol!r} bits; expected 1e-10 <= tol < 1")
        if self.max_iterations < 1:
            raise ValueError(f"max_iterations={self.max_iterations!r}; expected at least 1")

    def solve(self, marginals: Duals) -> SolverOutput:
        return solve_on_support(marginals, self._solve)

    def bytes_per_problem(self, sizes: tuple[int, ...]) -> int:
        if len(sizes) > 3:
            return tuples_bytes(sizes)
        return newton_bytes(faster_newton(sizes), sizes)

    def _solve(self, marginals: Duals) -> SolverOutput:
        """Choose the linear algebra; restart what a run does not solve."""
        if len(marginals) > 2:
            return self._iterate(Tuples(marginals), WARM_STEPS, self.max_iterations)
        sizes = (marginals[0].shape[1], *marginals[1].shape[1:])
        # A corrector costs a solve: several pay where the factorisation is large.
        correctors = 2 if sizes[1] * sizes[2] < 256 else 3
        first = Pairs(marginals, faster_newton(sizes), correctors)
        output = self._iterate(first, WARM_STEPS, min(FIRST_RUN, self.max_iterations))
        left = self.max_iterations - FIRST_RUN
        if left > 0 and newton_bytes(Schur, sizes) <= SECOND_RUN_BYTES:
            for problem in (output.status != Status.SOLVED).nonzero():
                second = Pairs(tuple(m[problem] for m in marginals), Schur, correctors=0)
                again = self._iterate(second, SECOND_WARM_STEPS, left)
                output.keep_better(problem, again, FIRST_RUN)
        # Masses near the rounding error can jam every Newton step, but not the scaling steps.
        last = Scaling(tol=max(self.tol, LAST_TOL), max_iterations=LAST_STEPS)
        for problem in (output.status != Status.SOLVED).nonzero() if left > 0 else ():
            third = last.solve(tuple(m[problem] for m in marginals))
            output.keep_better(problem, third, self.max_iterations)
        return output

    def _iterate(self, system: System, warm_steps: int, limit: int) -> SolverOutput:
        """Newton steps on a batch; solved problems are removed from it."""
        tol = self.tol * LN2
        results = Results(system.marginals)
        state = _start(system, warm_steps)
        for iteration in range(limit + 1):
            last = iteration == limit
            ready = (state.gap_estimate() < READY * tol) | last
            if bool(ready.any()):  # the one synchronisation with the host
                chosen = ready.nonzero().squeeze(1)
                state = _retire(state, chosen, results, tol, iteration, last)
                if not len(state.position):
                    break
            state = _newton_step(state, tol)
        return results.output()


@dataclass(frozen=True)
class _State:
    """The problems still being solved."""

    position: Tensor  # (B,) in the whole batch
    system: System
    duals: Duals
    masses: Tensor  # r, (B, T); negligible where no class is shared
    slack: Tensor  # t, (B, T)
    jitter: Tensor  # (B,)
    reach: Tensor  # (B,) the length of the last step

    def gap_estimate(self) -> Tensor:
        """<r, t> in nats: the duality gap if every residual were zero."""
        return (self.masses * self.slack).sum(1)

    def select(self, index: Tensor) -> _State:
        return _State(
            self.position[index],
            self.system.select(index),
            tuple(d[index] for d in self.duals),
            self.masses[index],
            self.slack[index],
            self.jitter[index],
            self.reach[index],
        )


def _start(system: System, steps: int) -> _State:
    """An interior start: masses mixed with uniform ones, slacks bounded away from zero."""
    duals, masses, level = system.start(steps)
    active = system.active > 0
    count = system.active.sum(1, keepdim=True)
    masses = torch.where(active, (1.0 - INTERIOR) * masses + INTERIOR / count, IDLE)
    slack = torch.where(active, (-level).clamp(min=INTERIOR), 1.0)
    position = torch.arange(len(masses), device=masses.device)
    jitter, reach = torch.full_like(count[:, 0], JITTER), torch.full_like(count[:, 0], 1.0)
    return _State(position, system, duals, masses, slack, jitter, reach)


@dataclass(frozen=True)
class _Direction:
    """A step in every variable, and the length to which r and t stay positive, (B,)."""

    duals: Duals
    masses: Tensor
    slack: Tensor
    reach: Tensor

    def or_better(self, other: _Direction) -> _Direction:
        """The direction of longer reach, problem by problem."""
        better = other.reach > self.reach
        flat, cube = better[:, None], better[:, None, None]
        return _Direction(
            tuple(torch.where(cube, o, d) for d, o in zip(self.duals, other.duals, strict=True)),
            torch.where(flat, other.masses, self.masses),
            torch.where(flat, other.slack, self.slack),
            torch.maximum(self.reach, other.reach),
        )


def _newton_step(state: _State, tol: float) -> _State:
    """One step with several centrality correctors (Gondzio 1996), all from one factorisation.

    There is no predictor: the length of the last step sets the centring. Each corrector moves the
    products r t of a full step towards their target. Primal and dual have the same step length.
    """
    active, r, t = state.system.active, state.masses, state.slack
    point = state.system.at(state.duals)
    factors = point.factor(r, r / t - r, state.jitter)
    gap = state.gap_estimate()
    centring = (1.0 - state.reach).pow(3).clamp(0.01, 0.9)
    mean = ((centring * gap).clamp(min=0.1 * tol) / active.sum(1)).unsqueeze(1)
    target = mean * active
    direction = _direction(state, point, factors, target)
    for _ in range(state.system.correctors):
        products = (r + direction.masses) * (t + direction.slack)
        inside = products.maximum(mean / SPREAD).minimum(mean * SPREAD)
        target = target + (inside - products).maximum(-SPREAD * mean) * active
        direction = direction.or_better(_direction(state, point, factors, target))
    failed = factors.failed | ~direction.reach.isfinite()
    return _advance(state, direction, gap, failed)


def _direction(state: _State, point: Point, factors: Factors, target: Tensor) -> _Direction:
    """The Newton direction towards r t = target, t = -L and the marginals."""
    r, t = state.masses, state.slack
    pull = torch.addcmul(target, r, point.level)
    spread = point.spread(torch.addcdiv(r, pull, t))
    residual = tuple(m - s for m, s in zip(state.system.marginals, spread, strict=True))
    duals = factors.solve(residual)
    slope = point.slope(duals)
    dt = -(t + point.level) - slope
    dr = torch.addcmul(pull, r, slope) / t
    shortest = torch.minimum(dr / r, dt / t).amin(1)
    return _Direction(duals, dr, dt, -1.0 / shortest.clamp(max=-1e-3))


def _advance(state: _State, direction: _Direction, gap: Tensor, failed: Tensor) -> _State:
    """Take the step; where the factorisation failed, stay and raise the jitter."""
    marginals = state.system.marginals
    furthest = torch.full_like(gap, 1e-3)
    for d, marginal in zip(direction.duals, marginals, strict=True):
        furthest = furthest.maximum(
            torch.where(marginal > STEP_LIMIT_MASS, d, 0.0).abs().amax((1, 2))
        )
    step = (1.0 - gap).clamp(0.9, 0.9999) * direction.reach
    step = (
        step.minimum(MAX_DUAL_STEP / furthest).clamp(max=1.0).masked_fill(failed, 0.0).unsqueeze(1)
    )
    kept = failed[:, None]
    duals = tuple(
        a
        + (step[..., None] * d)
        .masked_fill(kept[..., None], 0.0)
        .clamp(-MAX_FAINT_STEP, MAX_FAINT_STEP)
        for a, d in zip(state.duals, direction.duals, strict=True)
    )
    masses = state.masses + (step * direction.masses).masked_fill(kept, 0.0)
    slack = state.slack + (step * direction.slack).masked_fill(kept, 0.0)
    products = masses * slack
    active = state.system.active
    least = CENTRAL * products.sum(1, keepdim=True) / active.sum(1, keepdim=True)
    lift = (least * active / products).clamp(min=1.0).sqrt()
    jitter = torch.where(failed, 100.0 * state.jitter, state.jitter)
    masses, slack, reach = masses * lift, slack * lift, step.squeeze(1)
    return _State(state.position, state.system, duals, masses, slack, jitter, reach)


def _retire(
    state: _State, chosen: Tensor, results: Results, tol: float, iteration: int, last: bool
) -> _State:
    """Certify the `chosen` problems, store those that are done, and return the others."""
    part = state if len(chosen) == len(state.position) else state.select(chosen)
    q = part.system.at(part.duals).coupling(part.masses)
    certificate = certify(q, part.duals, part.system.marginals)
    solved = certificate.gap <= tol
    done = solved | last
    results.store(part.position, certificate, done, solved, iteration)
    going = torch.ones_like(state.position, dtype=torch.bool)
    going[chosen[done]] = False
    if bool(going.all()):
        return state
    return state.select(going.nonzero().squeeze(1))
