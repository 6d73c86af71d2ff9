"""Figures for a paper: one set per run, and one figure of all runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fusion_sched.report.panels import (
    Panel,
    accuracy_curve,
    accuracy_panel,
    information_panel,
    redundancy_panel,
    synergy_panel,
    unique_panel,
)
from fusion_sched.report.paper.epochs import (
    draw_panel,
    narrow_joint_stage,
    null_entries,
    number_epochs,
)
from fusion_sched.report.paper.figures import (
    draw_confusion,
    draw_handover,
    draw_noise,
    draw_rows,
)
from fusion_sched.report.paper.readings import draw_readings
from fusion_sched.report.paper.stages import draw_stages
from fusion_sched.report.paper.style import (
    METADATA,
    PAPER,
    drawing_style,
    legend_above,
    panel_height,
    paper_figure,
    write_figure,
)
from fusion_sched.report.view import RunView
from fusion_sched.runlog import Trace
from fusion_sched.types import FUSED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NARROWEST, WIDEST = 2.0, 20.0
LONGEST_STEM = 60
ALL_RUNS = "all_runs"


def draw_figures(
    traces: Sequence[Trace],
    folder: Path,
    *,
    names: Sequence[str] | None = None,
    formats: tuple[str, ...] = ("pdf", "svg"),
    width_inches: float = 3.35,
) -> list[Path]:
    """Draw each run's figures, and for several runs their accuracies in one; return the files.

    Per run `NAME-`: `accuracy` and `decomposition` over epochs, decomposition at the `handover`,
    stored and generalising `readings` there, `confusion` on test, accuracy under `noise`; what a
    trace does not hold (yet) is left out. `names` holds one name per trace; runs of the same name
    are the seeds of one row of `all_runs`. Without it each run is a row of its own, named as its
    folder. 3.35 inches fit a column, 6.9 a page. Events that lack a field, as those of older
    versions may, are left out.
    The same traces give the same bytes, with the same Matplotlib.

    Raises:
        ValueError: no traces, another number of names, an unknown format, an unusable width.
    """
    _check(traces, names, formats, width_inches)
    views = [RunView.of(trace) for trace in traces]
    known = list(names) if names is not None else distinct([v.start["run"] for v in views])
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    with drawing_style(PAPER):
        for view, stem in zip(views, stems(views, known), strict=True):
            for kind, figure in _figures(view, width_inches):
                files += write_figure(figure, folder, f"{stem}-{kind}", formats)
        if len(views) > 1 and any(accuracy_curve(view, FUSED) for view in views):
            figure = draw_rows(views, known, width_inches)
            files += write_figure(figure, folder, ALL_RUNS, formats)
    return files


def _check(
    traces: Sequence[Trace], names: Sequence[str] | None, formats: Sequence[str], width: float
) -> None:
    if not traces:
        raise ValueError("no traces came, expected one or more; name the folders of runs")
    if names is not None and len(names) != len(traces):
        raise ValueError(
            f"{len(names)} names came for {len(traces)} traces; give one name per trace, "
            "the same one to runs that differ by their seed"
        )
    unknown = [suffix for suffix in formats if suffix not in METADATA]
    if unknown or not formats:
        raise ValueError(f"formats are {list(formats)}, expected some of {', '.join(METADATA)}")
    if not NARROWEST <= width <= WIDEST:
        raise ValueError(
            f"width_inches is {width:g}, expected {NARROWEST:g} to {WIDEST:g}: "
            "3.35 fits a column, 6.9 a page"
        )


def _figures(view: RunView, width: float) -> Iterator[tuple[str, Figure]]:
    if view.epochs:
        yield "accuracy", _accuracy_figure(view, width)
    if view.probes:
        yield "decomposition", _decomposition_figure(view, width)
    handover = draw_handover(view, width)
    if handover is not None:
        yield "handover", handover
    readings = draw_readings(view, width)
    if readings is not None:
        yield "readings", readings
    cells = view.result.confusion.get(FUSED) if view.result else None
    if cells:
        yield "confusion", draw_confusion(cells, view.classes, width)
    noise = draw_noise(view, width)
    if noise is not None:
        yield "noise", noise


def _accuracy_figure(view: RunView, width: float) -> Figure:
    panel = accuracy_panel(view)
    return _panel_figure(view, width, [] if panel is None else [(panel, 1.0)])


def _decomposition_figure(view: RunView, width: float) -> Figure:
    """Uniquenesses over epochs, and redundancy and synergy, each on a scale of its own."""
    makers = ((unique_panel, 1.0), (redundancy_panel, 0.6), (synergy_panel, 0.6))
    known = [(panel, share) for make, share in makers if (panel := make(view)) is not None]
    alone = information_panel(view)
    return _panel_figure(view, width, known or ([] if alone is None else [(alone, 1.0)]))


def _panel_figure(view: RunView, width: float, shares: Sequence[tuple[Panel, float]]) -> Figure:
    """Panels below the strip of stages, each with its share of a panel's height."""
    heights = [share * panel_height(width) for _, share in shares]
    figure, strip, axes = _aligned_axes(view, width, heights)
    entries = draw_stages(strip, axes, view)
    for place, (panel, _) in zip(axes, shares, strict=True):
        draw_panel(place, view, panel)
        place.set_ylabel(panel.title.replace(" information", ""))
    number_epochs(axes[-1], [r.number for r in (*view.epochs, *view.probes)])
    narrow_joint_stage(axes[-1], view)
    levels = [series for panel, _ in shares if panel.nulls for series in panel.series]
    legend_above(figure, [*entries, *null_entries(levels)])
    return figure


def _aligned_axes(
    view: RunView, width: float, heights: Sequence[float]
) -> tuple[Figure, Axes, list[Axes]]:
    """A figure, its strip of stages, and one panel per height below it, in inches."""
    strip_height = 0.13 * len(view.modalities)
    figure = paper_figure(width, strip_height + sum(heights) + 0.4)
    strip, *panels = figure.subplots(
        1 + len(heights), 1, sharex=True, height_ratios=[strip_height, *heights]
    )
    figure.align_ylabels(panels)
    return figure, strip, panels


def stems(views: Sequence[RunView], names: Sequence[str]) -> list[str]:
    """A file name per run, without what a file system could stumble over."""
    shared = Counter(names)
    return distinct(
        [
            _stem(name if shared[name] == 1 else f"{name}-seed{view.seed}")
            for view, name in zip(views, names, strict=True)
        ]
    )


def _stem(name: str) -> str:
    """A name in letters, digits and `. _ -`, that begins by no dot."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)[-LONGEST_STEM:].lstrip(".") or "run"


def distinct(names: Sequence[str]) -> list[str]:
    """The names, a number after each that came before; case does not tell files apart."""
    taken: set[str] = set()
    unique: list[str] = []
    for name in names:
        candidate, number = name, 2
        while candidate.casefold() in taken:
            candidate, number = f"{name}-{number}", number + 1
        taken.add(candidate.casefold())
        unique.append(candidate)
    return unique
