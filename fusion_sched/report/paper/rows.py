"""All runs in one figure: fused validation accuracy, a line per row of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fusion_sched.report.paper.panels import number_epochs, panel_height
from fusion_sched.report.paper.style import Look, legend_above, looks, paper_figure, shown
from fusion_sched.report.story import number
from fusion_sched.runlog import Trace
from fusion_sched.types import FUSED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fusion_sched.report.paper.style import Entry

Curve = Mapping[int, float]
FEW = 6
"""Bands of more rows than this are paler, or they would hide each other."""


def fused_curve(trace: Trace) -> Curve:
    """Return percent by epoch, from 1, for the epochs in which the fused head trained."""
    return {
        e["epoch"] + 1: 100 * share
        for e in trace.of("epoch")
        if (share := number(e, "accuracy", "validation", FUSED)) is not None
    }


def draw_rows(traces: Sequence[Trace], names: Sequence[str], width: float) -> Figure:
    """Return mean and standard deviation over the runs of each name."""
    rows: dict[str, list[Curve]] = {}
    for trace, name in zip(traces, names, strict=True):
        curve = fused_curve(trace)
        if curve:
            rows.setdefault(name, []).append(curve)
    figure = paper_figure(width, panel_height(width) + 0.45)
    axes = figure.subplots()
    alpha = 0.15 if len(rows) <= FEW else 0.06
    entries = [
        draw_row(axes, curves, look, shown(name), alpha)
        for (name, curves), look in zip(rows.items(), looks(len(rows)), strict=True)
    ]
    axes.set_ylim(top=min(102, axes.get_ylim()[1]))
    number_epochs(axes)
    axes.set_ylabel("fused validation accuracy [%]")
    legend_above(figure, entries)
    return figure


def draw_row(axes: Axes, curves: Sequence[Curve], look: Look, label: str, alpha: float) -> Entry:
    """Draw a row over the epochs that all its runs have: a mean over others would jump."""
    epochs = sorted(set.intersection(*(set(curve) for curve in curves)))
    values = np.array([[curve[epoch] for epoch in epochs] for curve in curves])
    mean = values.mean(axis=0)
    (line,) = axes.plot(epochs, mean, **look.line, marker="." if len(epochs) == 1 else "")
    if len(curves) > 1:
        spread = values.std(axis=0, ddof=1)
        axes.fill_between(
            epochs, mean - spread, mean + spread, color=look.colour, alpha=alpha, linewidth=0
        )
        label += f" ({len(curves)} runs" + (")" if epochs else ", no epoch in common)")
    return line, label
