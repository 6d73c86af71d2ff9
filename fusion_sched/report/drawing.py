"""Figures for a paper, of all runs at or below some paths."""

from collections.abc import Sequence
from pathlib import Path

from fusion_sched.comparison import find_runs
from fusion_sched.comparison.naming import name_rows
from fusion_sched.report.figures import draw_figures
from fusion_sched.trace import read_trace


def figures_of(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Draw each run, and all together, as PDF and SVG; runs that differ by seed share a name.

    Raises:
        FileNotFoundError: a path that does not exist or holds no run.
        ValueError: a trace without a whole start event.
    """
    traces = [read_trace(run) for run in find_runs(paths)]
    return draw_figures(traces, folder, names=name_rows(traces))
