"""All runs in one figure: fused validation accuracy, a line per row of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fusion_sched.report.palette import HEX, LineStyle, numbered_style
from fusion_sched.report.paper.epochs import number_epochs
from fusion_sched.report.paper.style import (
    drawable,
    legend_above,
    line_settings,
    panel_height,
    paper_figure,
)
from fusion_sched.report.view import RunView
from fusion_sched.types import FUSED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fusion_sched.report.paper.style import Entry

Curve = Mapping[int, float]
FEW = 6
"""Bands of more rows than this are paler, or they would hide each other."""


def fused_curve(view: RunView) -> Curve:
    """Percent by epoch, from 1, for the epochs in which the fused head trained."""
    return {e.number: 100 * e.accuracy[FUSED] for e in view.epochs if FUSED in e.accuracy}


def draw_rows(views: Sequence[RunView], names: Sequence[str], width: float) -> Figure:
    """Mean and standard deviation over the runs of each name."""
    rows: dict[str, list[Curve]] = {}
    for view, name in zip(views, names, strict=True):
        curve = fused_curve(view)
        if curve:
            rows.setdefault(name, []).append(curve)
    figure = paper_figure(width, panel_height(width) + 0.45)
    axes = figure.subplots()
    alpha = 0.15 if len(rows) <= FEW else 0.06
    entries = [
        draw_row(axes, curves, numbered_style(place), drawable(name), alpha)
        for place, (name, curves) in enumerate(rows.items())
    ]
    axes.set_ylim(top=min(102, axes.get_ylim()[1]))
    number_epochs(axes)
    axes.set_ylabel("fused validation accuracy [%]")
    legend_above(figure, entries)
    return figure


def draw_row(
    axes: Axes, curves: Sequence[Curve], style: LineStyle, label: str, alpha: float
) -> Entry:
    """Draw a row over the epochs that all its runs have: a mean over others would jump."""
    epochs = sorted(set.intersection(*(set(curve) for curve in curves)))
    values = np.array([[curve[epoch] for epoch in epochs] for curve in curves])
    mean = values.mean(axis=0)
    marker = "." if len(epochs) == 1 else ""
    (line,) = axes.plot(epochs, mean, **line_settings(style), marker=marker)
    if len(curves) > 1:
        deviation = values.std(axis=0, ddof=1)
        axes.fill_between(
            epochs, mean - deviation, mean + deviation, color=HEX[style.colour], alpha=alpha,
            linewidth=0,
        )  # fmt: skip
        label += f" ({len(curves)} runs" + (")" if epochs else ", no epoch in common)")
    return line, label
