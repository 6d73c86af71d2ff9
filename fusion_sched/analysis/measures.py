"""Rows of runs and what is measured of them."""

from collections.abc import Callable
from dataclasses import dataclass
from math import fsum
from statistics import fmean
from typing import Any

from fusion_sched.analysis.roles import Role, role_of
from fusion_sched.analysis.statistics import Difference, Spread, Values, spread
from fusion_sched.runlog import Trace
from fusion_sched.types import FUSED

HOUR = 3600.0


@dataclass(frozen=True)
class Row:
    """Ended runs that differ by their seed alone, by seed; ``expected`` seeds are the table's."""

    name: str
    runs: tuple[Trace, ...]
    expected: tuple[int, ...]

    @property
    def config(self) -> dict[str, Any]:
        """Return the configuration, which but for the seed is that of every run."""
        config: dict[str, Any] = self.runs[0].start["config"]
        return config

    @property
    def role(self) -> Role:
        """Return what the row is in the argument."""
        return role_of(self.config)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Return the seeds that have ended."""
        return tuple(sorted({run.start["seed"] for run in self.runs}))

    @property
    def missing(self) -> tuple[int, ...]:
        """Return the seeds that other rows of the table have and this one has not."""
        return tuple(seed for seed in self.expected if seed not in self.seeds)

    def values(self, of: Callable[[dict[str, Any]], float]) -> dict[int, float]:
        """Return a number of each result by seed; the mean of runs that share a seed."""
        found: dict[int, list[float]] = {}
        for run in self.runs:
            found.setdefault(run.start["seed"], []).append(of(result_of(run)))
        return {seed: fmean(found[seed]) for seed in sorted(found)}


def result_of(run: Trace) -> dict[str, Any]:
    """Return the result of a run that has ended."""
    assert run.result is not None, "rows hold ended runs"
    return run.result


@dataclass(frozen=True)
class Measured:
    """A row and what is known of it; accuracies in percent, their gaps in points.

    ``cpu_hours`` and ``gpu_hours``: wall-clock hours of all its runs on either kind of device;
    ``peak_memory_bytes``: the largest of its runs, ``None`` where no trace has it. ``difference``
    and ``p_holm`` are ``None`` in the row that all others are held against.
    """

    row: Row
    fused: Spread
    validation: Spread
    macro_f1: Spread
    unimodal: dict[str, Spread]
    optimism_gap: Spread
    unimodal_epochs: Spread
    probe_share: Spread
    cpu_hours: float
    gpu_hours: float
    peak_memory_bytes: int | None
    difference: Difference | None = None
    p_holm: float | None = None


def measure(row: Row) -> Measured:
    """Return everything about a row that needs no other row."""
    modalities = [m for m in result_of(row.runs[0])["test"] if m != FUSED]
    peaks = [r["peak_memory_bytes"] for r in map(result_of, row.runs) if "peak_memory_bytes" in r]
    return Measured(
        row=row,
        fused=spread(percent(row, FUSED)),
        validation=spread(row.values(lambda r: 100 * r["validation"][FUSED])),
        macro_f1=spread(row.values(lambda r: r["test"][FUSED]["macro_f1"])),
        unimodal={m: spread(percent(row, m)) for m in modalities},
        optimism_gap=spread(row.values(lambda r: 100 * r["optimism_gap"])),
        unimodal_epochs=spread(row.values(lambda r: r["unimodal_epochs"])),
        probe_share=spread(row.values(lambda r: r["probe_share"])),
        cpu_hours=hours(row, on_gpu=False),
        gpu_hours=hours(row, on_gpu=True),
        peak_memory_bytes=max(peaks, default=None),
    )


def percent(row: Row, name: str) -> Values:
    """Return test accuracies of a modality or ``fused`` by seed."""
    return row.values(lambda r: 100 * r["test"][name]["accuracy"])


def hours(row: Row, on_gpu: bool) -> float:
    """Return wall-clock hours of the runs on one kind of device."""
    runs = [run for run in row.runs if run.start["device"].startswith("cpu") != on_gpu]
    return fsum(result_of(run)["seconds"]["total"] for run in runs) / HOUR
