"""What each source tells of the label on samples it was trained on, and on others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from fusion_sched.report.palette import HEX
from fusion_sched.report.paper.stages import LONGEST_ROW
from fusion_sched.report.paper.style import INK, drawable, legend_above, paper_figure
from fusion_sched.report.readings import Reading, SourceReadings, source_readings
from fusion_sched.report.view import RunView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fusion_sched.report.paper.style import Entry

DODGE = 0.2
"""How far the readings of a source are from the middle of its row."""
FILLS: tuple[Literal["full", "none"], ...] = ("full", "none")


def draw_readings(view: RunView, width: float) -> Figure | None:
    """At the hand-over; `None` where the probe has neither lower bounds nor a second reading."""
    probe = view.hand_over_probe
    sources = [] if probe is None else source_readings(view, probe)
    if not sources or probe is None:
        return None
    figure = paper_figure(width, 0.38 * len(sources) + 0.5)
    axes = figure.subplots()
    for row, source in enumerate(sources):
        _draw_source(axes, row, source)
    axes.axvline(probe.diagnosis.label_entropy, color=INK, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(sources)), [drawable(s.label, LONGEST_ROW) for s in sources])
    axes.set_ylim(len(sources) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("information about the label I(X; Y) [bit]")
    legend_above(figure, _entries(sources[0].readings))
    return figure


def _draw_source(axes: Axes, row: int, source: SourceReadings) -> None:
    """Draw each reading with its interval and lower bound, and its numbers on the right."""
    colour = HEX[source.style.colour]
    for place, (reading, fill) in enumerate(zip(source.readings, FILLS, strict=False)):
        y = row + DODGE * (2 * place - len(source.readings) + 1)
        estimate, text = reading.estimate, f"{reading.estimate.value:z.2f}"
        if estimate.low is not None:
            low, high = estimate.interval
            axes.plot([low, high], [y, y], color=colour, linewidth=0.9)
            text += f" [{low:z.2f}, {high:z.2f}]"
        if reading.lower is not None:
            axes.plot(max(0.0, reading.lower), y, "|", color=INK, markersize=8, zorder=3)
        axes.plot(estimate.value, y, "o", color=colour, markersize=4, fillstyle=fill)
        axes.text(
            1.02, y, text, transform=axes.get_yaxis_transform(), va="center", ha="left",
            fontsize="small",
        )  # fmt: skip


def _entries(readings: list[Reading]) -> list[Entry]:
    from matplotlib.lines import Line2D

    settings: dict[str, Any] = {"color": INK, "linewidth": 0.9, "markersize": 4}
    entries: list[Entry] = [
        (Line2D([], [], marker="o", fillstyle=fill, **settings), f"{reading.name}, 95 % interval")
        for reading, fill in zip(readings, FILLS, strict=False)
    ]
    if any(reading.lower is not None for reading in readings):
        bound = Line2D([], [], color=INK, linestyle="none", marker="|", markersize=8)
        entries.append((bound, "held-out lower bound"))
    return [*entries, (Line2D([], [], color=INK, linewidth=0.8, linestyle=":"), "H(Y)")]
