"""Fused test accuracy under noise in one modality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusion_sched.report.figures.panels import panel_height
from fusion_sched.report.figures.style import Look, legend_above, looks_of, paper_figure, shown
from fusion_sched.trace import Trace
from fusion_sched.types import FUSED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fusion_sched.report.figures.style import Entry

AXES = {"gaussian": ("noise [standard deviations]", 1.0), "tokens": ("tokens replaced [%]", 100.0)}
"""By kind of noise: what its levels are called, and what they are multiplied by."""
MARKERS = "osD^vP"


def draw_noise(trace: Trace, width: float) -> Figure:
    """Return a curve per modality, in a panel per kind of noise; level 0 is the plain test."""
    assert trace.result is not None, "only a run that has ended was examined"
    curves = trace.result["robustness"]["noise"]
    kinds = [kind for kind in AXES if any(c["kind"] == kind for c in curves.values())]
    figure = paper_figure(width, panel_height(width) + 0.45)
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    entries: list[Entry] = []
    plain = trace.result["test"][FUSED]["accuracy"]
    for number, (name, curve) in enumerate(curves.items()):
        axes = panels[kinds.index(curve["kind"])]
        marker = MARKERS[number % len(MARKERS)]
        line = draw_curve(axes, curve, plain, looks_of(trace)[name], marker)
        entries.append((line, f"noise in {shown(name)}"))
    for axes, kind in zip(panels, kinds, strict=True):
        axes.set_xlabel(AXES[kind][0])
        axes.set_ylim(0, 102)
    panels[0].set_ylabel("fused test accuracy [%]")
    legend_above(figure, entries)
    return figure


def draw_curve(axes: Axes, curve: dict[str, Any], plain: float, look: Look, marker: str) -> Any:
    """Draw accuracy over levels of noise."""
    scale = AXES[curve["kind"]][1]
    levels = [0.0, *(scale * float(level) for level in curve["accuracy"])]
    values = [100 * value for value in (plain, *curve["accuracy"].values())]
    (line,) = axes.plot(levels, values, **look.line, marker=marker)
    return line
