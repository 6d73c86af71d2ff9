"""The solver for many tables at the accuracy that samples deserve."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from fusion_sched.pid import FastPID, Solver, Status
from fusion_sched.pid.problem import Duals, SolverOutput
from fusion_sched.pid.scaling import Scaling

CHUNK_BYTES = 2**24  # working memory of the interior point
DRAWN_TOL = 1e-3  # bits


@dataclass(frozen=True)
class ScalingFirst:
    """Scaling for most tables, and the interior point for the few on which it is slow.

    `tol` is the certified gap in bits. Scaling is faster by far on typical tables, and stalls on
    some that are nearly deterministic: after `steps` these go to the interior point.
    """

    tol: float = 1e-3
    steps: int = 2000

    def __post_init__(self) -> None:
        self._first()  # checks both values

    def solve(self, marginals: Duals) -> SolverOutput:
        """The coupling of least I(Y; X1, X2), certified to `tol` bits."""
        output = self._first().solve(marginals)
        missed = (output.status != Status.SOLVED).nonzero().squeeze(1)
        sizes = (*(m.shape[1] for m in marginals), marginals[0].shape[2])
        together = max(1, CHUNK_BYTES // self._second().bytes_per_problem(sizes))
        for start in range(0, len(missed), together):
            places = missed[start : start + together]
            _put(output, places, self._second().solve(tuple(m[places] for m in marginals)))
        return output

    def bytes_per_problem(self, sizes: tuple[int, ...]) -> int:
        """That of Scaling; the interior point gets a few problems at a time."""
        return self._first().bytes_per_problem(sizes)

    def _first(self) -> Scaling:
        return Scaling(tol=self.tol, max_iterations=self.steps)

    def _second(self) -> FastPID:
        return FastPID(tol=self.tol)


def at_sampling_accuracy(solver: Solver) -> Solver:
    """Return the solver for drawn tables: certified to no more than `DRAWN_TOL` bits.

    Draws tell the bias and the scatter of an estimate, which are tens of times as large; the
    samples' own table is solved to the tolerance that was asked for. Solvers whose tolerance is
    not a certified gap stay as they are, or their own bias would not be measured.
    """
    if isinstance(solver, FastPID | Scaling | ScalingFirst):
        return replace(solver, tol=max(solver.tol, DRAWN_TOL))
    return solver


def _put(output: SolverOutput, places: Tensor, other: SolverOutput) -> None:
    """Write the answers of some problems over the first ones."""
    for name in ("q", "gap", "iterations", "status"):
        getattr(output, name)[places] = getattr(other, name)
    for whole, part in zip(output.duals, other.duals, strict=True):
        whole[places] = part
