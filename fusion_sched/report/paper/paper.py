"""Figures for a paper: one set per run, and one figure of all runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fusion_sched.report.paper.confusion import draw_confusion
from fusion_sched.report.paper.handover import draw_handover
from fusion_sched.report.paper.noise import draw_noise
from fusion_sched.report.paper.panels import (
    draw_accuracy,
    draw_atoms,
    null_entries,
    number_epochs,
    panel_height,
    redundancy,
    synergy,
    uniquenesses,
)
from fusion_sched.report.paper.rows import draw_rows, fused_curve
from fusion_sched.report.paper.stages import draw_stages
from fusion_sched.report.paper.style import (
    METADATA,
    PAPER,
    legend_above,
    paper_figure,
    style,
    write,
)
from fusion_sched.report.story import whole
from fusion_sched.runlog import Trace, inside
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

    Per run ``NAME-``: ``accuracy`` and ``decomposition`` over epochs, decomposition at the
    ``handover``, ``confusion`` on test, accuracy under ``noise``; what a trace does not hold (yet)
    is left out. ``names`` holds one name per trace; runs of the same name are the seeds of one row
    of ``all_runs``. Without it each run is a row of its own, named as its folder. 3.35 inches fit
    a column, 6.9 a page. Events that lack a field, as those of older versions may, are left out.
    The same traces give the same bytes, with the same Matplotlib.

    Raises:
        ValueError: no traces, another number of names, an unknown format, an unusable width.
    """
    check(traces, names, formats, width_inches)
    traces = [whole(trace) for trace in traces]
    known = list(names) if names is not None else distinct([t.start["run"] for t in traces])
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    with style(PAPER):
        for trace, stem in zip(traces, stems(traces, known), strict=True):
            for kind, figure in figures_of(trace, width_inches):
                files += write(figure, folder, f"{stem}-{kind}", formats)
        if len(traces) > 1 and any(map(fused_curve, traces)):
            figure = draw_rows(traces, known, width_inches)
            files += write(figure, folder, ALL_RUNS, formats)
    return files


def check(
    traces: Sequence[Trace], names: Sequence[str] | None, formats: Sequence[str], width: float
) -> None:
    """Refuse what cannot be drawn."""
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


def figures_of(trace: Trace, width: float) -> Iterator[tuple[str, Figure]]:
    """Yield the figures that a trace has the numbers for, each with what it shows."""
    if trace.of("epoch"):
        yield "accuracy", accuracy_figure(trace, width)
    if trace.of("probe"):
        yield "decomposition", decomposition_figure(trace, width)
    handover = draw_handover(trace, width)
    if handover is not None:
        yield "handover", handover
    cells = inside(trace.result, "confusion", FUSED)
    if cells:
        yield "confusion", draw_confusion(cells, trace.start["classes"], width)
    noise = draw_noise(trace, width)
    if noise is not None:
        yield "noise", noise


def accuracy_figure(trace: Trace, width: float) -> Figure:
    """Return validation accuracies over epochs."""
    figure, strip, (panel,) = over_epochs(trace, width, [panel_height(width)])
    number_epochs(panel, trace.of("epoch"))
    entries = draw_accuracy(panel, trace) + draw_stages(strip, [panel], trace)
    legend_above(figure, entries)
    return figure


def decomposition_figure(trace: Trace, width: float) -> Figure:
    """Return uniquenesses and synergy over epochs, and below them redundancy on its own scale."""
    several = len(trace.start["modalities"]) > 1
    height = panel_height(width)
    heights = [height, 0.6 * height] if several else [height]
    figure, strip, panels = over_epochs(trace, width, heights)
    number_epochs(panels[-1], [*trace.of("epoch"), *trace.of("probe")])
    entries = draw_atoms(panels[0], trace, [*uniquenesses(trace), synergy(trace)], nulls=True)
    panels[0].set_ylabel("unique, synergy [bit]" if several else "unique [bit]")
    if several:
        entries += draw_atoms(panels[1], trace, [redundancy(trace)], nulls=True)
        panels[1].set_ylabel("redundancy [bit]")
    entries += null_entries(trace.of("probe"))
    legend_above(figure, [*entries, *draw_stages(strip, panels, trace)])
    return figure


def over_epochs(
    trace: Trace, width: float, heights: Sequence[float]
) -> tuple[Figure, Axes, list[Axes]]:
    """Return a figure, its strip of stages, and one panel per height below it, in inches."""
    strip_height = 0.13 * len(trace.start["modalities"])
    figure = paper_figure(width, strip_height + sum(heights) + 0.4)
    strip, *panels = figure.subplots(
        1 + len(heights), 1, sharex=True, height_ratios=[strip_height, *heights]
    )
    figure.align_ylabels(panels)
    return figure, strip, panels


def stems(traces: Sequence[Trace], names: Sequence[str]) -> list[str]:
    """Return a file name per run, without what a file system could stumble over."""
    shared = Counter(names)
    return distinct(
        [
            stem(name if shared[name] == 1 else f"{name}-seed{trace.start['seed']}")
            for trace, name in zip(traces, names, strict=True)
        ]
    )


def stem(name: str) -> str:
    """Return a name in letters, digits and ``. _ -``, that begins by no dot."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)[-LONGEST_STEM:].lstrip(".") or "run"


def distinct(names: Sequence[str]) -> list[str]:
    """Return the names, a number after each that came before; case does not tell files apart."""
    taken: set[str] = set()
    found: list[str] = []
    for name in names:
        candidate, number = name, 2
        while candidate.casefold() in taken:
            candidate, number = f"{name}-{number}", number + 1
        taken.add(candidate.casefold())
        found.append(candidate)
    return found
