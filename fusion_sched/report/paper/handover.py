"""The decomposition of the weights that joint training began from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusion_sched.report.paper.panels import (
    Atom,
    null_entries,
    redundancy,
    synergy,
    uniquenesses,
)
from fusion_sched.report.paper.stages import LONGEST_ROW
from fusion_sched.report.paper.style import INK, legend_above, paper_figure, shown
from fusion_sched.report.story import Estimate, estimate
from fusion_sched.runlog import Trace, hand_over_probe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fusion_sched.report.paper.style import Entry


INTERVAL: dict[str, Any] = {"color": INK, "linewidth": 0.9, "marker": "|", "markersize": 5}


def draw_handover(trace: Trace, width: float) -> Figure | None:
    """Return bars with intervals and null levels; ``None`` before there is anything to draw."""
    probe = hand_over_probe(trace)
    wanted = [*uniquenesses(trace), redundancy(trace), synergy(trace)]
    found = [(atom, e) for atom in wanted if (e := estimate(probe or {}, *atom.key))]
    if probe is None or not found:
        return None
    figure = paper_figure(width, 0.24 * len(found) + 0.5)
    axes = figure.subplots()
    for row, (atom, e) in enumerate(found):
        draw_bar(axes, row, e, atom.look.colour)
    axes.axvline(0, color=INK, linewidth=0.6)
    axes.set_yticks(range(len(found)), [row_label(atom) for atom, _ in found])
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"{weights(probe)} [bit]")
    known = any(e.low is not None for _, e in found)
    legend_above(figure, [*([interval_entry()] if known else []), *null_entries([probe])])
    return figure


def row_label(atom: Atom) -> str:
    """Return the label with a modality's name so short that the bars keep their room."""
    return atom.label if len(atom.key) == 1 else f"unique {shown(atom.key[1], LONGEST_ROW)}"


def draw_bar(axes: Axes, row: int, found: Estimate, colour: str) -> None:
    """Draw one quantity: its value as a bar and in figures, its interval, its null level."""
    axes.barh(row, found.value, height=0.62, color=colour, alpha=0.75)
    text = f"{found.value:z.2f}"
    if found.low is not None and found.high is not None:
        axes.plot([found.low, found.high], [row, row], **INTERVAL)
        text += f" [{found.low:z.2f}, {found.high:z.2f}]"
    if found.null is not None:
        axes.vlines(found.null, row - 0.45, row + 0.45, color=INK, linestyle=":", linewidth=1)
    axes.text(
        1.02, row, text, transform=axes.get_yaxis_transform(), va="center", ha="left",
        fontsize="small",
    )  # fmt: skip


def interval_entry() -> Entry:
    """Return the legend of intervals."""
    from matplotlib.lines import Line2D

    return Line2D([], [], **INTERVAL), "95 % interval"


def weights(probe: dict[str, Any]) -> str:
    """Return whose information it is."""
    epoch = probe["epoch"] + 1
    return f"information after epoch {epoch}" if epoch else "information before training"
