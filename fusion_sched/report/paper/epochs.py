"""What is drawn over epochs: accuracy, decomposition, information."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fusion_sched.report.palette import HEX
from fusion_sched.report.panels import Panel, Series, spread_labels
from fusion_sched.report.paper.style import GREY, INK, drawable, line_settings, sparse_marker
from fusion_sched.report.view import RunView

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fusion_sched.report.paper.style import Entry


LONGEST_TAIL, FEW_EPOCHS = 0.6, 10
"""How long a joint stage is drawn at most, as a share of the stage before it; a stage of fewer
epochs is drawn as it is."""
LINE_INCHES = 0.15
"""Between the middles of two names of lines."""


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


def narrow_joint_stage(axes: Axes, view: RunView) -> None:
    """Draw a long joint stage narrower, so that its flat end does not take the figure."""
    joint_from = next((s.first - 0.5 for s in view.spans if s.stage.joint), None)
    if joint_from is None or joint_from <= 0.5:
        return
    before, length = joint_from, view.last_epoch_seen + 0.5 - joint_from
    if length <= max(LONGEST_TAIL * before, FEW_EPOCHS):
        return
    factor = LONGEST_TAIL * before / length
    axes.set_xscale("function", functions=(
        lambda x: np.where(x < joint_from, x, joint_from + factor * (x - joint_from)),
        lambda x: np.where(x < joint_from, x, joint_from + (x - joint_from) / factor),
    ))  # fmt: skip
    ends = [0, joint_from - 0.5, view.last_epoch_seen]
    axes.set_xticks(sorted({round(end) for end in ends}))
    axes.set_xlabel(f"epoch; joint stage {1 / factor:.1f} times narrower")


def draw_panel(axes: Axes, view: RunView, panel: Panel) -> None:
    """Draw the lines of a panel, each named at its end, and the selected epoch."""
    for series in panel.series:
        _draw_series(axes, view, series, panel.nulls)
    if panel.selected is not None:
        epoch, value = panel.selected
        axes.plot(epoch, value, "o", color=GREY, markersize=7, fillstyle="none")
        axes.annotate(
            "selected", (epoch, value), (-5, -10), textcoords="offset points", ha="right",
            va="center", color=GREY, fontsize="small",
        )  # fmt: skip
    if panel.from_zero:
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    _name_lines(axes, panel.series)


def _name_lines(axes: Axes, series: Sequence[Series]) -> None:
    """Write the name of each line at the right edge, in its colour, apart from the others."""
    known = [one for one in series if one.known]
    low, high = axes.get_ylim()
    height = axes.get_position().height * axes.get_figure().get_figheight()  # type: ignore[union-attr]
    places = [(one.known[-1][1].value - low) / (high - low) for one in known]
    for one, place in zip(known, spread_labels(places, LINE_INCHES / height, 1.0), strict=True):
        axes.annotate(
            drawable(one.label), (1.02, place), xycoords="axes fraction", va="center",
            color=HEX[one.style.colour], fontsize="small", annotation_clip=False,
        )  # fmt: skip


def _draw_series(axes: Axes, view: RunView, series: Series, nulls: bool) -> None:
    """Draw a line, a ribbon for its interval and, dotted, its level under shuffled labels."""
    columns = zip(*((epoch, v.value, v.low, v.high) for epoch, v in series.known), strict=True)
    x, middle, bottom, top = interrupted(view, *columns)
    colour = HEX[series.style.colour]
    axes.plot(x, middle, **line_settings(series.style), marker=sparse_marker(series.known))
    if np.isfinite(bottom).any():
        axes.fill_between(x, bottom, top, color=colour, alpha=0.15, linewidth=0)
    levels = [(epoch, v.null) for epoch, v in series.known if v.null is not None]
    if nulls and levels:
        course = interrupted(view, *zip(*levels, strict=True))
        axes.plot(*course, color=colour, linestyle=":", linewidth=0.8)


def null_entries(series: Sequence[Series]) -> list[Entry]:
    """The legend of levels under shuffled labels, where there is any."""
    from matplotlib.lines import Line2D

    if all(v.null is None for one in series for _, v in one.known):
        return []
    return [(Line2D([], [], color=INK, linestyle=":", linewidth=0.8), "labels shuffled")]
