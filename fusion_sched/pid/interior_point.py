"""Primal-dual interior point on the dual problem: a certified 1e-9 bits in a dozen Newton steps.

    maximise <A, a> + <B, b>   subject to   L[i, j] = log sum_y exp(a[i, y] + b[j, y]) <= 0.

The multiplier r of L <= 0 is the mass of the pair (i, j), and Q = r softmax_y(a + b). t is a free
slack: t + L = 0 holds in the limit only (insisting on t = -L jams the line search).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fusion_sched.pid.certificate import Results, certify
from fusion_sched.pid.pairs import PairPoint, Pairs
from fusion_sched.pid.tuples import Tuples
from fusion_sched.pid.problem import Duals, Found, solve_on_support

LN2 = math.log(2.0)
JITTER = 1e-14  # on unit diagonals, raised a hundredfold when a factorisation fails
LONGEST = 20.0  # natural units: no dual variable moves further in one step
READY = 1.5  # complementarity below this many tolerances is worth a certificate


@dataclass(frozen=True)
class InteriorPoint:
    """Mehrotra's predictor-corrector method. `tol` is the certified gap in bits.

    `warm_steps` first-order steps come first; `max_iterations` bounds the Newton steps.
    """

    tol: float = 1e-6
    max_iterations: int = 60
    warm_steps: int = 30

    def __post_init__(self) -> None:
        if not 1e-11 <= self.tol < 1:
            raise ValueError(f"tol={self.tol!r} bits; expected 1e-11 <= tol < 1")
        if self.max_iterations < 1:
            raise ValueError(f"max_iterations={self.max_iterations!r}; expected at least 1")
        if self.warm_steps < 1:
            raise ValueError(f"warm_steps={self.warm_steps!r}; expected at least 1")

    def solve(self, marginals: Duals) -> Found:
        """The coupling of least I(Y; sources), certified to `tol` bits."""
        return solve_on_support(marginals, self._solve)

    def _solve(self, marginals: Duals) -> Found:
        """The reduced problems: finished ones leave the batch."""
        tol = self.tol * LN2
        import os
        from fusion_sched.pid.schur import Schur
        from fusion_sched.pid.woodbury import Woodbury
        newton={'s':Schur,'w':Woodbury}[os.environ.get('NEWTON','s')]
        state = _start(marginals, self.warm_steps, newton)
        results = Results(marginals)
        for iteration in range(self.max_iterations + 1):
            point = state.system.at(state.duals)
            ready = (state.gap_estimate() < READY * tol) | (iteration == self.max_iterations)
            if bool(ready.any()):  # the one synchronisation with the host
                state, point = _retire(state, point, ready, results, tol, iteration, self.max_iterations)
                if not len(state.position):
                    break
            state = _newton_step(state, point, tol)
        return results.found()

    def bytes_per_problem(self, sizes: tuple[int, ...]) -> int:
        """The coupling block and the Schur complement, with room for the temporaries."""
        if len(sizes)>3:
            return 8*(6*math.prod(sizes)+2*(sum(sizes[:-1])*sizes[-1])**2)
        n1, n2, ny = sizes
        return 8 * (4 * n1 * n2 * ny * ny + 2 * (n2 * ny) ** 2)


@dataclass(frozen=True)
class _State:
    """The problems still being solved; T source tuples each."""

    position: Tensor  # (B,) in the whole batch
    system: Pairs
    duals: Duals
    masses: Tensor  # r, (B, T)
    slack: Tensor  # t, (B, T)
    jitter: Tensor  # (B,)

    def gap_estimate(self) -> Tensor:
        """<r, t> over the tuples at stake, in nats: the gap if all residuals were zero."""
        return (self.masses * self.slack * self.system.active).sum(1)

    def select(self, index: Tensor) -> _State:
        return _State(
            self.position[index],
            self.system.select(index),
            tuple(d[index] for d in self.duals),
            self.masses[index],
            self.slack[index],
            self.jitter[index],
        )


def _start(marginals: Duals, warm_steps: int, newton) -> _State:
    batch = marginals[0].shape[0]
    position = torch.arange(batch, device=marginals[0].device)
    if len(marginals)==2:
        system = Pairs(marginals, newton)
        duals, masses, level = system.warm_start(warm_steps)
    else:
        system = Tuples(marginals)
        duals, masses, level = system.cold_start()
        masses = .7*masses+.29/system.active.sum(1,keepdim=True)
    active = system.active > 0
    count = system.active.sum(1, keepdim=True)
    masses = torch.where(active, 0.99 * masses + 0.01 / count, 1.0)
    slack = torch.where(active, (-level).clamp(min=0.01), 1.0)
    return _State(position, system, duals, masses, slack, torch.full_like(count[:, 0], JITTER))


def _newton_step(state: _State, point: PairPoint, tol: float) -> _State:
    """One predictor-corrector step, the same length for primal and dual (Mehrotra 1992)."""
    active, r, t = state.system.active, state.masses, state.slack
    count = active.sum(1)
    gap = state.gap_estimate()
    factors = point.factor(r, r / t - r, state.jitter)
    idle = 1.0 - active
    _, dt, dr = _direction(state, point, factors, idle)
    longest = _longest_step(r, t, dr, dt).clamp(max=1.0).unsqueeze(1)
    gap_then = ((r + longest * dr) * (t + longest * dt) * active).sum(1)
    centring = (gap_then / gap).pow(3).clamp(1e-6, 0.9)
    target = torch.maximum(centring * gap, torch.full_like(gap, 0.02 * tol)) / count
    target = target.unsqueeze(1) * active + idle - longest.square() * dt * dr
    duals, dt, dr = _direction(state, point, factors, target)
    reach = (1.0 - gap).clamp(0.9, 0.9999)
    step = (reach * _longest_step(r, t, dr, dt)).clamp(max=1.0)
    return _advance(state, step, duals, dr, dt, factors.failed)


def _direction(state: _State, point: PairPoint, factors, target: Tensor) -> tuple[Duals, Tensor, Tensor]:
    """The Newton direction towards r t = target, t = -L and the marginals."""
    r, t = state.masses, state.slack
    spread = point.spread(r + (target + r * point.level) / t)
    residual = [m - s for m, s in zip(state.system.marginals, spread, strict=True)]
    duals = factors.solve(*residual)
    dt = -(t + point.level) - point.slope(duals)
    dr = (target - r * (t + dt)) / t
    return duals, dt, dr


def _longest_step(r: Tensor, t: Tensor, dr: Tensor, dt: Tensor) -> Tensor:
    """How far r and t stay positive along (dr, dt), (B,)."""
    return 1.0 / torch.maximum(-dr / r, -dt / t).amax(1).clamp(min=1e-3)


def _advance(state: _State, step: Tensor, duals: Duals, dr: Tensor, dt: Tensor, failed: Tensor) -> _State:
    """Move by `step`; where the factorisation failed stay, and factor with a larger jitter next."""
    good = ~failed[:, None]
    step = step[:, None]
    moved = tuple(
        a + torch.where(good[..., None], step[..., None] * d, 0.0).clamp(-LONGEST, LONGEST)
        for a, d in zip(state.duals, duals, strict=True)
    )
    return replace(
        state,
        duals=moved,
        masses=torch.where(good, state.masses + step * dr, state.masses),
        slack=torch.where(good, state.slack + step * dt, state.slack),
        jitter=torch.where(failed, state.jitter * 100.0, state.jitter),
    )


def _retire(
    state: _State, point: PairPoint, ready: Tensor, results: Results, tol: float, iteration: int, limit: int
) -> tuple[_State, PairPoint]:
    """Certify the problems that look solved, store those that are, and go on with the others."""
    chosen = ready.nonzero().squeeze(1)
    part = state.select(chosen)
    q = part.system.at(part.duals).coupling(part.masses)
    certificate = certify(q, part.duals, part.system.marginals)
    solved = certificate.gap <= tol
    done = solved | (iteration == limit)
    results.store(part.position, certificate, done, solved, iteration)
    going = torch.ones_like(ready)
    going[chosen[done]] = False
    if bool(going.all()):
        return state, point
    state = state.select(going.nonzero().squeeze(1))
    return state, state.system.at(state.duals)
