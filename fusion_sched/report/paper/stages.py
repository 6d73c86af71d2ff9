"""Who trains when: a strip with a row per modality, and marks in the panels below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fusion_sched.report.palette import HEX, head_style
from fusion_sched.report.paper.style import GREY, INK, PALE, drawable
from fusion_sched.report.view import RunView, StageSpan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fusion_sched.report.paper.style import Entry

JOINT, JOINT_SHADE = "#E3E3E3", "#F5F5F5"
HATCH = "////"
LONGEST_ROW = 14
"""Characters of a modality's name beside its row."""


def broken_bar(span: StageSpan) -> tuple[float, float]:
    """Where a span begins and how long it is; epoch k lies from k - 1/2 to k + 1/2."""
    return span.first - 0.5, span.last - span.first + 1


def draw_stages(strip: Axes, panels: Sequence[Axes], view: RunView) -> list[Entry]:
    """Draw the strip, and in every panel the joint stage and each decision; return the legend."""
    for axes in panels:
        for begin, length in (broken_bar(s) for s in view.spans if s.stage.joint):
            axes.axvspan(begin, begin + length, color=JOINT_SHADE, linewidth=0, zorder=0)
    for axes in (strip, *panels):
        for epoch in sorted({decision.number for decision in view.decisions}):
            axes.axvline(epoch + 0.5, color=INK, linewidth=0.6, linestyle=":", zorder=1.5)
    _draw_strip(strip, view)
    _number_decisions(strip, view)
    return [*_strip_entries(view), *_draw_restored(strip, view)]


def _draw_strip(axes: Axes, view: RunView) -> None:
    """Draw a row per modality, filled where it trains alone; hatched where all train jointly."""
    names = view.modalities
    joint = [broken_bar(span) for span in view.spans if span.stage.joint]
    unimodal = [span for span in view.spans if not span.stage.joint]
    for row, name in enumerate(names):
        alone = [broken_bar(span) for span in unimodal if name in span.stage.active]
        around = (row - 0.38, 0.76)
        colour = HEX[head_style(name, names).colour]
        axes.broken_barh([broken_bar(span) for span in unimodal], around, facecolor=PALE)
        axes.broken_barh(alone, around, facecolor=colour)
        axes.broken_barh(joint, around, facecolor=JOINT, edgecolor=GREY, hatch=HATCH, linewidth=0)
    axes.set_yticks(range(len(names)), [drawable(name, LONGEST_ROW) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="both", length=0, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)


def _number_decisions(axes: Axes, view: RunView) -> None:
    """Write the numbers of the decisions above their lines."""
    by_epoch: dict[int, list[int]] = {}
    for number, decision in enumerate(view.decisions, start=1):
        by_epoch.setdefault(decision.number, []).append(number)
    for epoch, numbers in by_epoch.items():
        text = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}–{numbers[-1]}"
        axes.annotate(
            text, (epoch + 0.5, 1.02), xycoords=("data", "axes fraction"), ha="center",
            va="bottom", fontsize="small", annotation_clip=False,
        )  # fmt: skip


def _strip_entries(view: RunView) -> list[Entry]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.path import Path

    entries: list[Entry] = []
    if any(not span.stage.joint for span in view.spans):
        entries.append((Patch(facecolor=GREY), "trains alone"))
    if any(span.stage.joint for span in view.spans):
        jointly = Patch(facecolor=JOINT, edgecolor=GREY, hatch=HATCH, linewidth=0)
        entries.append((jointly, "trains jointly"))
    if view.decisions:
        ends = [(0, -1), (0, -0.7), (0, -0.15), (0, 0.15), (0, 0.7), (0, 1)]
        marker = Path(ends, 3 * [Path.MOVETO, Path.LINETO])  # like the upright dotted lines
        dotted = Line2D([], [], color=INK, linestyle="none", marker=marker, markersize=9)
        entries.append((dotted, "decision"))
    return entries


def _draw_restored(axes: Axes, view: RunView) -> list[Entry]:
    """Mark the epoch whose weights joint training began from, where it went back to one."""
    if view.restoring is None or view.restoring.restored_epoch is None:
        return []
    middle = (len(view.modalities) - 1) / 2
    (line,) = axes.plot(
        view.restoring.restored_epoch + 1.5, middle, "D", color="white", markeredgecolor=INK,
        markersize=4, clip_on=False, zorder=3,
    )  # fmt: skip
    return [(line, "restored weights")]
