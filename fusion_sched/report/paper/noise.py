"""Fused test accuracy under noise in one modality."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusion_sched.report.panels import NOISE_AXES, noise_panels
from fusion_sched.report.paper.style import (
    drawable,
    legend_above,
    line_settings,
    panel_height,
    paper_figure,
)
from fusion_sched.report.view import RunView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fusion_sched.report.paper.style import Entry

MARKERS = "osD^vP"


def draw_noise(view: RunView, width: float) -> Figure | None:
    """A curve per modality, in a panel per kind of noise; level 0 is the plain test.

    `None` where the run was not examined, or under kinds of noise that are not known alone.
    """
    panels = noise_panels(view)
    kinds = [kind for kind in NOISE_AXES if kind in panels]
    if not kinds:
        return None
    figure = paper_figure(width, panel_height(width) + 0.45)
    rows = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    entries: dict[str, Entry] = {}
    for axes, kind in zip(rows, kinds, strict=True):
        for series in panels[kind]:
            marker = MARKERS[view.modalities.index(series.modality) % len(MARKERS)]
            (line,) = axes.plot(
                series.levels, series.percents, **line_settings(series.style), marker=marker
            )
            entries[series.modality] = (line, f"noise in {drawable(series.modality)}")
        axes.set_xlabel(NOISE_AXES[kind][0])
        axes.set_ylim(0, 102)
    rows[0].set_ylabel("fused test accuracy [%]")
    legend_above(figure, [entries[m] for m in view.modalities if m in entries])
    return figure
