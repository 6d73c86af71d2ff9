"""Who trains when: a strip with a row per modality, and marks in the panels below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fusion_sched.report.paper.style import GREY, INK, PALE, looks_of, shown
from fusion_sched.report.story import number
from fusion_sched.runlog import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fusion_sched.report.paper.style import Entry

JOINT = "#E3E3E3"
JOINT_SHADE = "#F5F5F5"
HATCH = "////"
LONGEST_ROW = 14
"""Characters of a modality's name beside its row."""


class Stretch(NamedTuple):
    """Successive epochs of one stage, counted from 1; epoch k lies from k - 1/2 to k + 1/2."""

    first: int
    last: int
    joint: bool
    active: tuple[str, ...]

    @property
    def span(self) -> tuple[float, float]:
        """Return where it begins and how long it is, as ``Axes.broken_barh`` takes it."""
        return self.first - 0.5, self.last - self.first + 1


def stretches(trace: Trace) -> list[Stretch]:
    """Return the run so far, stage by stage."""
    found: list[Stretch] = []
    for record in trace.of("epoch"):
        number = record["epoch"] + 1
        joint, active = record["stage"] == "joint", tuple(record["active"])
        if found and (found[-1].joint, found[-1].active) == (joint, active):
            found[-1] = found[-1]._replace(last=number)
        else:
            found.append(Stretch(number, number, joint, active))
    return found


def restoring(trace: Trace) -> dict[str, Any] | None:
    """Return the decision that brought remembered weights back, if one did."""
    found = [decision for decision in trace.of("decision") if decision.get("restored")]
    return found[-1] if found else None


def restored_epoch(trace: Trace) -> int | None:
    """Return the epoch, from 1, whose weights came back; 0 for those before training."""
    decision = restoring(trace)
    peak = number(decision, "controller", "peak_epoch")
    return None if peak is None else int(peak) + 1


def draw_stages(strip: Axes, panels: Sequence[Axes], trace: Trace) -> list[Entry]:
    """Draw the strip, and in every panel the joint stage and each decision; return the legend."""
    parts = stretches(trace)
    for axes in panels:
        for begin, length in (part.span for part in parts if part.joint):
            axes.axvspan(begin, begin + length, color=JOINT_SHADE, linewidth=0, zorder=0)
    for axes in (strip, *panels):
        for epoch in sorted({decision["epoch"] for decision in trace.of("decision")}):
            axes.axvline(epoch + 1.5, color=INK, linewidth=0.6, linestyle=":", zorder=1.5)
    return [*draw_strip(strip, parts, trace), *draw_restored(strip, trace)]


def draw_strip(axes: Axes, parts: Sequence[Stretch], trace: Trace) -> list[Entry]:
    """Draw a row per modality, filled where it trains alone; hatched where all train jointly."""
    names = list(trace.start["modalities"])
    joint = [part.span for part in parts if part.joint]
    for row, name in enumerate(names):
        alone = [p.span for p in parts if not p.joint and name in p.active]
        around = (row - 0.38, 0.76)
        axes.broken_barh([p.span for p in parts if not p.joint], around, facecolor=PALE)
        axes.broken_barh(alone, around, facecolor=looks_of(trace)[name].colour)
        axes.broken_barh(joint, around, facecolor=JOINT, edgecolor=GREY, hatch=HATCH, linewidth=0)
    axes.set_yticks(range(len(names)), [shown(name, LONGEST_ROW) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="both", length=0, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    return strip_entries(parts, trace)


def strip_entries(parts: Sequence[Stretch], trace: Trace) -> list[Entry]:
    """Return the legend of what the strip shows."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    alone = Patch(facecolor=GREY)
    jointly = Patch(facecolor=JOINT, edgecolor=GREY, hatch=HATCH, linewidth=0)
    decided = Line2D([], [], color=INK, linestyle="none", marker=dotted(), markersize=9)
    entries: list[Entry] = []
    if any(not part.joint for part in parts):
        entries.append((alone, "trains alone"))
    if any(part.joint for part in parts):
        entries.append((jointly, "trains jointly"))
    if trace.of("decision"):
        entries.append((decided, "decision"))
    return entries


def dotted() -> Any:
    """Return a marker like the upright dotted lines."""
    from matplotlib.path import Path

    ends = [(0, -1), (0, -0.7), (0, -0.15), (0, 0.15), (0, 0.7), (0, 1)]
    return Path(ends, 3 * [Path.MOVETO, Path.LINETO])


def draw_restored(axes: Axes, trace: Trace) -> list[Entry]:
    """Mark the epoch whose weights joint training began from, where it went back to one."""
    epoch = restored_epoch(trace)
    if epoch is None:
        return []
    middle = (len(trace.start["modalities"]) - 1) / 2
    (line,) = axes.plot(
        epoch + 0.5, middle, "D", color="white", markeredgecolor=INK, markersize=4, clip_on=False,
        zorder=3,
    )  # fmt: skip
    return [(line, "restored weights")]
