"""The fused head's confusion matrix on test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fusion_sched.report.paper.style import INK, paper_figure, shown

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


def shares(cells: Sequence[Sequence[int]], classes: int) -> np.ndarray:
    """Return percent of each true class ``(classes, classes)``; NaN where test has none of it."""
    counts = np.zeros((classes, classes))
    for true, predicted, samples in cells:
        counts[true, predicted] = samples
    totals = counts.sum(axis=1, keepdims=True)
    found: np.ndarray = np.divide(
        100 * counts, totals, out=np.full_like(counts, np.nan), where=totals > 0
    )
    return found


def draw_confusion(cells: Sequence[Sequence[int]], classes: Sequence[str], width: float) -> Figure:
    """Return the matrix of [true class, predicted class, samples] as percent of the true class."""
    side = min(width, WIDEST)
    figure = paper_figure(side, 0.92 * side)
    axes = figure.subplots()
    values = shares(cells, len(classes))
    image = axes.imshow(values, cmap="Blues", vmin=0, vmax=100, interpolation="none")
    axes.grid(visible=False)
    axes.spines[:].set_visible(True)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=25, pad=0.03)
    bar.set_label("share of the true class [%]")
    bar.outline.set_linewidth(0.4)
    cell = 72 * MATRIX * side / len(classes)
    if 0.85 * cell >= LEGIBLE:
        name_classes(axes, classes, min(0.85 * cell, LARGEST))
    else:
        number_classes(axes)
    if cell >= 2.2 * LEGIBLE:
        write_shares(axes, values, min(cell / 2.2, LARGEST))
    trim(figure)
    return figure


def trim(figure: Figure) -> None:
    """Take the height away that a square between its labels leaves empty."""
    figure.draw_without_rendering()
    pad = 0.08
    figure.set_size_inches(figure.get_figwidth(), figure.get_tightbbox().height + pad)


def name_classes(axes: Axes, classes: Sequence[str], size: float) -> None:
    """Name the classes along both axes, in this size of type."""
    labels = [shown(name, LONGEST_CLASS) for name in classes]
    upright = max(len(name) for name in labels) > 2
    places = range(len(classes))
    axes.set_xticks(places, labels, rotation=90 if upright else 0, fontsize=size)
    axes.set_yticks(places, labels, fontsize=size)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")


def number_classes(axes: Axes) -> None:
    """Number the classes from 0, in their order in the trace, where names find no room."""
    from matplotlib.ticker import MaxNLocator

    for axis, kind in ((axes.xaxis, "predicted"), (axes.yaxis, "true")):
        axis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axis.set_label_text(f"number of the {kind} class")


def write_shares(axes: Axes, values: np.ndarray, size: float) -> None:
    """Write whole percents into the cells that are not empty, in this size of type."""
    for (row, column), value in np.ndenumerate(values):
        if value > 0:
            axes.text(
                column, row, f"{value:.0f}", ha="center", va="center", fontsize=size,
                color="white" if value > 55 else INK,
            )  # fmt: skip
