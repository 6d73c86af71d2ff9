"""The fused head's confusion matrix on test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fusion_sched.report.panels import confusion_shares
from fusion_sched.report.paper.style import INK, drawable, paper_figure
from fusion_sched.report.records import Cells

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDEST = 4.5
"""Inches; a wider page gets no wider matrix."""
MATRIX = 0.66
"""Share of the width that is left to the matrix, about: the rest is names and the colour bar."""
LONGEST_CLASS = 14
LEGIBLE, LARGEST = 6.0, 7.0
"""Points of type."""


def draw_confusion(cells: Cells, classes: Sequence[str], width: float) -> Figure:
    """The matrix of [true class, predicted class, samples] as percent of the true class."""
    side = min(width, WIDEST)
    figure = paper_figure(side, 0.92 * side)
    axes = figure.subplots()
    values = confusion_shares(cells, len(classes))
    image = axes.imshow(values, cmap="Blues", vmin=0, vmax=100, interpolation="none")
    axes.grid(visible=False)
    axes.spines[:].set_visible(True)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=25, pad=0.03)
    bar.set_label("share of the true class [%]")
    bar.outline.set_linewidth(0.4)
    cell = 72 * MATRIX * side / len(classes)
    if 0.85 * cell >= LEGIBLE:
        _name_classes(axes, classes, min(0.85 * cell, LARGEST))
    else:
        _number_classes(axes)
    if cell >= 2.2 * LEGIBLE:
        _write_shares(axes, values, min(cell / 2.2, LARGEST))
    _trim(figure)
    return figure


def _trim(figure: Figure) -> None:
    """Take the height away that a square between its labels leaves empty."""
    figure.draw_without_rendering()
    pad = 0.08
    figure.set_size_inches(figure.get_figwidth(), figure.get_tightbbox().height + pad)


def _name_classes(axes: Axes, classes: Sequence[str], size: float) -> None:
    """Name the classes along both axes, in this size of type."""
    labels = [drawable(name, LONGEST_CLASS) for name in classes]
    upright = max(len(name) for name in labels) > 2
    places = range(len(classes))
    axes.set_xticks(places, labels, rotation=90 if upright else 0, fontsize=size)
    axes.set_yticks(places, labels, fontsize=size)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")


def _number_classes(axes: Axes) -> None:
    """Number the classes from 0, in their order in the trace, where names find no room."""
    from matplotlib.ticker import MaxNLocator

    for axis, kind in ((axes.xaxis, "predicted"), (axes.yaxis, "true")):
        axis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axis.set_label_text(f"number of the {kind} class")


def _write_shares(axes: Axes, values: np.ndarray, size: float) -> None:
    """Write whole percents into the cells that are not empty, in this size of type."""
    for (row, column), value in np.ndenumerate(values):
        if value > 0:
            axes.text(
                column, row, f"{value:.0f}", ha="center", va="center", fontsize=size,
                color="white" if value > 55 else INK,
            )  # fmt: skip
