"""The decomposition of the weights that joint training began from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusion_sched.report.figures.panels import (
    REDUNDANCY_ATOM,
    SYNERGY_ATOM,
    Atom,
    inside,
    null_entry,
    uniquenesses,
)
from fusion_sched.report.figures.stages import LONGEST_ROW
from fusion_sched.report.figures.style import INK, legend_above, paper_figure, shown
from fusion_sched.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fusion_sched.report.figures.style import Entry


INTERVAL: dict[str, Any] = {"color": INK, "linewidth": 0.9, "marker": "|", "markersize": 5}


def handed_over(trace: Trace) -> dict[str, Any] | None:
    """Return the latest diagnosis of the weights that joint training began from.

    Those are the remembered ones where the controller went back to them.
    """
    for decision in trace.of("decision"):
        if decision["to"]["stage"] == "joint":
            peak = decision["controller"].get("peak_epoch") if decision["restored"] else None
            epoch = decision["epoch"] if peak is None else peak
            found = [probe for probe in trace.of("probe") if probe["epoch"] <= epoch]
            return found[-1] if found else None
    return None


def draw_handover(trace: Trace, width: float) -> Figure | None:
    """Return bars with intervals and null levels; ``None`` before there is anything to draw."""
    probe = handed_over(trace)
    if probe is None:
        return None
    atoms = [
        atom
        for atom in [*uniquenesses(trace), REDUNDANCY_ATOM, SYNERGY_ATOM]
        if inside(probe, *atom.key) is not None
    ]
    figure = paper_figure(width, 0.24 * len(atoms) + 0.5)
    axes = figure.subplots()
    for row, atom in enumerate(atoms):
        draw_bar(axes, row, atom, probe)
    axes.axvline(0, color=INK, linewidth=0.6)
    axes.set_yticks(range(len(atoms)), [row_label(atom) for atom in atoms])
    axes.set_ylim(len(atoms) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"{weights(probe)} [bit]")
    legend_above(figure, [interval_entry(), null_entry()])
    return figure


def row_label(atom: Atom) -> str:
    """Return the label with a modality's name so short that the bars keep their room."""
    return atom.label if len(atom.key) == 1 else f"unique {shown(atom.key[1], LONGEST_ROW)}"


def draw_bar(axes: Axes, row: int, atom: Atom, probe: dict[str, Any]) -> None:
    """Draw one quantity: its value as a bar and in figures, its interval, its null level."""
    value, (low, high) = inside(probe, *atom.key), inside(probe["interval"], *atom.key)
    axes.barh(row, value, height=0.62, color=atom.look.colour, alpha=0.75)
    axes.plot([low, high], [row, row], **INTERVAL)
    null = inside(probe, "null", *atom.key)
    if null is not None:
        axes.vlines(null, row - 0.45, row + 0.45, color=INK, linestyle=":", linewidth=1)
    axes.text(
        1.02, row, f"{value:z.2f} [{low:z.2f}, {high:z.2f}]", transform=axes.get_yaxis_transform(),
        va="center", ha="left", fontsize="small",
    )  # fmt: skip


def interval_entry() -> Entry:
    """Return the legend of intervals."""
    from matplotlib.lines import Line2D

    return Line2D([], [], **INTERVAL), "95 % interval"


def weights(probe: dict[str, Any]) -> str:
    """Return whose information it is."""
    epoch = probe["epoch"] + 1
    return f"information after epoch {epoch}" if epoch else "information before training"
