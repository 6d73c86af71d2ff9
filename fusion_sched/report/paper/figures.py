"""Figures that are not over the epochs of one run: hand-over, confusion, noise, rows of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_sched.report.palette import HEX, LineStyle, numbered_style
from fusion_sched.report.panels import (
    NOISE_AXES,
    Series,
    accuracy_curve,
    confusion_shares,
    estimates_at,
    noise_panels,
    shared_quantities,
    unique_quantities,
)
from fusion_sched.report.paper.epochs import null_entries, number_epochs
from fusion_sched.report.paper.stages import LONGEST_ROW
from fusion_sched.report.paper.style import (
    INK,
    drawable,
    legend_above,
    line_settings,
    panel_height,
    paper_figure,
)
from fusion_sched.report.records import UNTRAINED, Cells
from fusion_sched.report.view import RunView, epoch_words
from fusion_sched.types import FUSED, Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fusion_sched.report.paper.style import Entry

INTERVAL: dict[str, Any] = {"color": INK, "linewidth": 0.9, "marker": "|", "markersize": 5}


def draw_handover(view: RunView, width: float) -> Figure | None:
    """Bars with intervals and null levels; `None` before there is anything to draw."""
    from matplotlib.lines import Line2D

    probe = view.hand_over_probe
    if probe is None:
        return None
    rows = estimates_at(probe, [*unique_quantities(view), *shared_quantities(view)])
    if not rows:
        return None
    figure = paper_figure(width, 0.24 * len(rows) + 0.5)
    axes = figure.subplots()
    # A modality's name is cut so that the bars keep their room.
    labels = [
        f"unique {drawable(q.legend, LONGEST_ROW)}" if q.kind == "unique" else q.label
        for q, _ in rows
    ]
    for row, (quantity, estimate) in enumerate(rows):
        _draw_bar(axes, row, estimate, HEX[quantity.atom_colour])
    axes.axvline(0, color=INK, linewidth=0.6)
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.spines["left"].set_visible(False)
    when = "before training" if probe.epoch == UNTRAINED else f"after {epoch_words(probe.epoch)}"
    axes.set_xlabel(f"information {when} [bit]")
    known = any(estimate.low is not None for _, estimate in rows)
    entries = [(Line2D([], [], **INTERVAL), "95 % interval")] if known else []
    drawn = [Series(q.label, q.style, [probe.number], [estimate]) for q, estimate in rows]
    legend_above(figure, [*entries, *null_entries(drawn)])
    return figure


def _draw_bar(axes: Axes, row: int, estimate: Estimate, colour: str) -> None:
    """Draw one quantity: its value as a bar and in figures, its interval, its null level."""
    axes.barh(row, estimate.value, height=0.62, color=colour, alpha=0.75)
    text = f"{estimate.value:z.2f}"
    if estimate.low is not None:
        low, high = estimate.interval
        axes.plot([low, high], [row, row], **INTERVAL)
        text += f" [{low:z.2f}, {high:z.2f}]"
    if estimate.null is not None:
        axes.vlines(estimate.null, row - 0.45, row + 0.45, color=INK, linestyle=":", linewidth=1)
    axes.text(
        1.02, row, text, transform=axes.get_yaxis_transform(), va="center", ha="left",
        fontsize="small",
    )  # fmt: skip


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


MARKERS = "osD^vP"


def draw_noise(view: RunView, width: float) -> Figure | None:
    """A curve per modality, in a panel per kind of noise; level 0 is the plain test.

    `None` where the run was not examined, or under kinds of noise that are not known alone.
    """
    panels = noise_panels(view)
    kinds = [kind for kind in NOISE_AXES if kind in panels]
    if not kinds:
        return None
    figure = paper_figure(width, panel_height(width) + 0.45)
    rows = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    entries: dict[str, Entry] = {}
    for axes, kind in zip(rows, kinds, strict=True):
        for series in panels[kind]:
            marker = MARKERS[view.modalities.index(series.modality) % len(MARKERS)]
            (line,) = axes.plot(
                series.levels, series.percents, **line_settings(series.style), marker=marker
            )
            entries[series.modality] = (line, f"noise in {drawable(series.modality)}")
        axes.set_xlabel(NOISE_AXES[kind][0])
        axes.set_ylim(0, 102)
    rows[0].set_ylabel("fused test accuracy [%]")
    legend_above(figure, [entries[m] for m in view.modalities if m in entries])
    return figure


Curve = Mapping[int, float]
FEW = 6
"""Bands of more rows than this are paler, or they would hide each other."""


def draw_rows(views: Sequence[RunView], names: Sequence[str], width: float) -> Figure:
    rows: dict[str, list[Curve]] = {}
    for view, name in zip(views, names, strict=True):
        curve = accuracy_curve(view, FUSED)
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
