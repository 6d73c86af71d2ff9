"""The decomposition of the weights that joint training began from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusion_sched.report.palette import HEX
from fusion_sched.report.panels import (
    Quantity,
    Series,
    estimates_at,
    shared_quantities,
    unique_quantities,
)
from fusion_sched.report.paper.epochs import null_entries
from fusion_sched.report.paper.stages import LONGEST_ROW
from fusion_sched.report.paper.style import INK, drawable, legend_above, paper_figure
from fusion_sched.report.records import UNTRAINED
from fusion_sched.report.view import RunView, epoch_words
from fusion_sched.types import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
    for row, (quantity, estimate) in enumerate(rows):
        _draw_bar(axes, row, estimate, HEX[quantity.style.colour])
    axes.axvline(0, color=INK, linewidth=0.6)
    axes.set_yticks(range(len(rows)), [_row_label(quantity) for quantity, _ in rows])
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


def _row_label(quantity: Quantity) -> str:
    """The label with a modality's name so short that the bars keep their room."""
    if quantity.kind != "unique":
        return quantity.label
    return f"unique {drawable(quantity.legend, LONGEST_ROW)}"


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
