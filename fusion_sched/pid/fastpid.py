"""Primal-dual interior point on the dual problem: a certified 1e-9 bits in a dozen Newton steps.

    maximise <A, a> + <B, b>   subject to   L[i, j] = log sum_y exp(a[i, y] + b[j, y]) <= 0.

The multiplier r of L <= 0 is the mass of the pair (i, j), and Q = r softmax_y(a + b). t is a free
slack: t + L = 0 holds in the limit only (insisting on t = -L jams the line search). The same loop
solves three or more sources, with tuples in the place of pairs.
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
LONGEST = 1.0  # natural units: no dual variable moves further in one step,
MATTERS = 1e-7  # except those of cells of less mass,
LONGEST_AT_ALL = 20.0  # which are held back one by one
READY = 1.5  # complementarity below this many tolerances is worth a certificate
INTERIOR = 0.005  # how far inside the start is: share of uniform mass, least slack
SPREAD = 10.0  # a corrector aims at products r t within this factor of their target (Gondzio)
CENTRAL = 0.003  # no product r t falls below this share of the average: else the steps jam
IDLE = 1e-30  # the mass of a tuple without a common class; its slack is 1 and its level -1
WARM_STEPS = 50  # first-order steps before the Newton steps (two sources)
FIRST_RUN = 25  # Newton steps after which a problem starts again: on the Schur path, without
SECOND_WARM_STEPS = 500  # correctors (bolder steps, but rarely a trap), from a better start,
SECOND_RUN_BYTES = 2**31  # where that path fits into this much memory
LAST_TOL = 1e-6  # bits: scaling, which gets what is still missed, certifies no less
LAST_STEPS = 100_000

# What a batch of problems, L at one dual point, and a factored Newton matrix can be.
System = Pairs | Tuples
Point = PairPoint | TuplePoint
Factors = SchurFactors | WoodburyFactors | DenseFactors


@dataclass(frozen=True)
class FastPID:
    """Primal-dual Newton steps on the dual, with centrality correctors.

    `tol` is the certified gap in bits; `max_iterations` bounds the Newton steps.
    """

    tol: float = 1e-6
    max_iterations: int = 100

    def __post_init__(self) -> None:
        if not 1e-10 <= self.tol < 1:
            raise ValueError(f"tol={self.tol!r} bits; expected 1e-10 <= tol < 1")
        if self.max_iterations < 1:
            raise ValueError(f"max_iterations={self.max_iterations!r}; expected at least 1")

    def solve(self, marginals: Duals) -> SolverOutput:
        """The coupling of least I(Y; sources), certified to `tol` bits."""
        return solve_on_support(marginals, self._solve)

    def bytes_per_problem(self, sizes: tuple[int, ...]) -> int:
        """The Newton matrix, its coupling block and room for the temporaries."""
        if len(sizes) > 3:
            return tuples_bytes(sizes)
        return newton_bytes(faster_newton(sizes), sizes)

    def _solve(self, marginals: Duals) -> SolverOutput:
        """Choose the linear algebra; what a run misses starts again, in another way."""
        if len(marginals) > 2:
            return self._iterate(Tuples(marginals), WARM_STEPS, self.max_iterations)
        sizes = (marginals[0].shape[1], *marginals[1].shape[1:])
        # A corrector costs a solve: several pay where the factorisation is large.
        correctors = 2 if sizes[1] * sizes[2] < 256 else 3
        first = Pairs(marginals, faster_newton(sizes), correctors)
        found = self._iterate(first, WARM_STEPS, min(FIRST_RUN, self.max_iterations))
        left = self.max_iterations - FIRST_RUN
        if left > 0 and newton_bytes(Schur, sizes) <= SECOND_RUN_BYTES:
            for problem in (found.status != Status.SOLVED).nonzero():
                second = Pairs(tuple(m[problem] for m in marginals), Schur, correctors=0)
                again = self._iterate(second, SECOND_WARM_STEPS, left)
                found.keep_better(problem, again, FIRST_RUN)
        # Masses near the rounding error can jam every Newton step, and scaling does not see them.
        last = Scaling(tol=max(self.tol, LAST_TOL), max_iterations=LAST_STEPS)
        for problem in (found.status != Status.SOLVED).nonzero() if left > 0 else ():
            third = last.solve(tuple(m[problem] for m in marginals))
            found.keep_better(problem, third, self.max_iterations)
        return found

    def _iterate(self, system: System, warm_steps: int, limit: int) -> SolverOutput:
        """Newton steps on a batch that finished problems leave."""
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
        return results.found()


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
    """Well inside: the masses mixed with uniform ones, the slacks kept off zero."""
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
    """A step in every variable and how far r and t stay positive along it, (B,)."""

    duals: Duals
    masses: Tensor
    slack: Tensor
    reach: Tensor

    def or_better(self, other: _Direction) -> _Direction:
        """Problem by problem, the direction that can be followed further."""
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

    There is no predictor: how far the last step went says how much to centre now. Each corrector
    asks the products r t of a full step to come back near their target. Primal and dual move by the
    same length.
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
    """Move; where the factorisation failed stay, and factor with a larger jitter next time."""
    marginals = state.system.marginals
    furthest = torch.full_like(gap, 1e-3)
    for d, marginal in zip(direction.duals, marginals, strict=True):
        furthest = furthest.maximum(torch.where(marginal > MATTERS, d, 0.0).abs().amax((1, 2)))
    step = (1.0 - gap).clamp(0.9, 0.9999) * direction.reach
    step = step.minimum(LONGEST / furthest).clamp(max=1.0).masked_fill(failed, 0.0).unsqueeze(1)
    kept = failed[:, None]
    duals = tuple(
        a
        + (step[..., None] * d)
        .masked_fill(kept[..., None], 0.0)
        .clamp(-LONGEST_AT_ALL, LONGEST_AT_ALL)
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
    """Certify the `chosen` problems, store those that are done, and go on with the others."""
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
