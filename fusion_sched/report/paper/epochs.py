"""What is drawn over epochs: accuracy, decomposition, information."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fusion_sched.report.palette import HEX
from fusion_sched.report.panels import (
    Quantity,
    Series,
    accuracy_panel,
    information_quantities,
    series_of,
    shared_quantities,
)
from fusion_sched.report.paper.style import INK, drawable, line_settings, sparse_marker
from fusion_sched.report.view import RunView

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fusion_sched.report.paper.style import Entry


def number_epochs(axes: Axes, numbers: Sequence[int] = ()) -> None:
    """Name the axis of epochs, keep its ticks whole, and let it end where the numbers do."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.set_xlabel("epoch")
    if numbers:
        axes.set_xlim(min(numbers) - 0.7, max(numbers) + 0.7)


def interrupted(view: RunView, *columns: Sequence[float | None]) -> list[np.ndarray]:
    """Columns, the first of epochs, with a gap where remembered weights came back.

    A line across it would show a course that training did not take.
    """
    arrays = [np.asarray(column, dtype=float) for column in columns]
    if view.restoring is None:
        return arrays
    after = view.restoring.epoch + 1.5
    place = int(np.searchsorted(arrays[0], after))
    return [np.insert(arrays[0], place, after), *(np.insert(a, place, np.nan) for a in arrays[1:])]


def draw_accuracy(axes: Axes, view: RunView) -> list[Entry]:
    panel = accuracy_panel(view)
    entries = [] if panel is None else [_draw_series(axes, view, s) for s in panel.series]
    if panel is not None and panel.selected is not None:
        (point,) = axes.plot(*panel.selected, "o", color=INK, markersize=7, fillstyle="none")
        entries.append((point, "selected epoch"))
    axes.set_ylabel("validation accuracy [%]")
    axes.set_ylim(0, 102)
    return entries


def draw_quantities(
    axes: Axes, view: RunView, quantities: Sequence[Quantity], *, nulls: bool = False
) -> list[Entry]:
    """Draw quantities in bits with their 95 % intervals, with `nulls` also their null levels."""
    series = series_of(view, quantities, own=True)
    entries = [_draw_series(axes, view, one, nulls) for one in series]
    if not entries:
        axes.text(0.5, 0.5, "no diagnosis", transform=axes.transAxes, ha="center")
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    return entries


def _draw_series(axes: Axes, view: RunView, series: Series, nulls: bool = False) -> Entry:
    """Draw a line, a ribbon for its interval and, dotted, its level under shuffled labels."""
    columns = zip(*((epoch, v.value, v.low, v.high) for epoch, v in series.known), strict=True)
    x, middle, bottom, top = interrupted(view, *columns)
    colour = HEX[series.style.colour]
    (line,) = axes.plot(
        x, middle, **line_settings(series.style), marker=sparse_marker(series.known)
    )
    if np.isfinite(bottom).any():
        axes.fill_between(x, bottom, top, color=colour, alpha=0.15, linewidth=0)
    levels = [(epoch, v.null) for epoch, v in series.known if v.null is not None]
    if nulls and levels:
        course = interrupted(view, *zip(*levels, strict=True))
        axes.plot(*course, color=colour, linestyle=":", linewidth=0.8)
    return line, drawable(series.label)


def null_entries(series: Sequence[Series]) -> list[Entry]:
    """The legend of levels under shuffled labels, where there is any."""
    from matplotlib.lines import Line2D

    if all(v.null is None for one in series for _, v in one.known):
        return []
    return [(Line2D([], [], color=INK, linestyle=":", linewidth=0.8), "labels shuffled")]


def draw_information(axes: Axes, view: RunView) -> list[Entry]:
    """Draw each modality's and the joint information and the redundancy, in bits."""
    quantities = [*information_quantities(view), shared_quantities(view)[0]]
    entries = draw_quantities(axes, view, quantities)
    alone = information_quantities(view)[: len(view.modalities)]
    for series in series_of(view, alone, own=True, second=True):
        dotted = series.style._replace(dash="dot")
        label = f"{series.label} generalising"
        entries.append(_draw_series(axes, view, series._replace(label=label, style=dotted)))
    if view.probes:
        entropy = view.probes[0].diagnosis.label_entropy
        axes.axhline(entropy, color=INK, linewidth=0.8, linestyle=":")
        axes.annotate(
            "H(Y)", (1, entropy), xycoords=("axes fraction", "data"), ha="right", va="bottom"
        )
        axes.set_ylim(top=1.1 * axes.get_ylim()[1])
    axes.set_ylabel("information [bit]")
    return entries
