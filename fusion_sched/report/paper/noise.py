"""Fused test accuracy under noise in one modality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusion_sched.report.noise import NoiseCurve, noise_curves
from fusion_sched.report.paper.panels import panel_height
from fusion_sched.report.paper.style import Look, legend_above, looks_of, paper_figure, shown
from fusion_sched.report.story import number
from fusion_sched.runlog import Trace
from fusion_sched.types import FUSED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fusion_sched.report.paper.style import Entry

AXES = {"gaussian": ("noise [standard deviations]", 1.0), "tokens": ("tokens replaced [%]", 100.0)}
"""By kind of noise: what its levels are called, and what they are multiplied by."""
MARKERS = "osD^vP"


def draw_noise(trace: Trace, width: float) -> Figure | None:
    """Return a curve per modality, in a panel per kind of noise; level 0 is the plain test.

    ``None`` where the run was not examined, or under kinds of noise that are not known alone.
    """
    looks, plain = looks_of(trace), number(trace.result, "test", FUSED, "accuracy")
    found = noise_curves(trace.result)
    curves = {m: c for m, c in found.items() if m in looks and c.kind in AXES}
    if not curves or plain is None:
        return None
    kinds = [kind for kind in AXES if any(c.kind == kind for c in curves.values())]
    figure = paper_figure(width, panel_height(width) + 0.45)
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    entries: list[Entry] = []
    for place, (name, curve) in enumerate(curves.items()):
        axes = panels[kinds.index(curve.kind)]
        line = draw_curve(axes, curve, plain, looks[name], MARKERS[place % len(MARKERS)])
        entries.append((line, f"noise in {shown(name)}"))
    for axes, kind in zip(panels, kinds, strict=True):
        axes.set_xlabel(AXES[kind][0])
        axes.set_ylim(0, 102)
    panels[0].set_ylabel("fused test accuracy [%]")
    legend_above(figure, entries)
    return figure


def draw_curve(axes: Axes, curve: NoiseCurve, plain: float, look: Look, marker: str) -> Any:
    """Draw accuracy over levels of noise."""
    levels = [0.0, *(AXES[curve.kind][1] * level for level in curve.levels)]
    values = [100 * value for value in (plain, *curve.shares)]
    (line,) = axes.plot(levels, values, **look.line, marker=marker)
    return line
