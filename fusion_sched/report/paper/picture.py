"""The picture that every run leaves beside its trace."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fusion_sched.report import panels
from fusion_sched.report.paper.epochs import draw_panel, narrow_joint_stage, number_epochs
from fusion_sched.report.paper.stages import draw_stages
from fusion_sched.report.paper.style import SCREEN, drawable, drawing_style
from fusion_sched.report.view import RunView
from fusion_sched.report.words import decision_words
from fusion_sched.runlog import Trace
from fusion_sched.runtime.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE = "trace.png"
PANELS = (
    panels.accuracy_panel, panels.unique_panel, panels.information_panel,
    panels.generalising_panel, panels.redundancy_panel, panels.synergy_panel,
)  # fmt: skip
"""In reading order, two beside each other: the stored reading is beside the generalising one."""
WIDTH, PANEL_HEIGHT, ROW_HEIGHT = 10.0, 2.0, 0.2
"""Inches."""
TOP, BOTTOM = 1.0, 0.55
"""Inches above the strips and below the last panels."""


def draw_trace(trace: Trace, path: Path) -> None:
    """Draw stages, decisions, accuracy and information over epochs, to a PNG.

    Parameters
    ----------
    trace
        A finished or running trace; events that cannot be read are left out.
    path
        The file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.image import imsave

    view = RunView.of(trace)
    made = [panel for make in PANELS if (panel := make(view)) is not None]
    rows = max((len(made) + 1) // 2, 1)
    strip_height = ROW_HEIGHT * len(view.modalities)
    height = TOP + strip_height + rows * PANEL_HEIGHT + BOTTOM
    with drawing_style(SCREEN):
        figure = Figure(figsize=(WIDTH, height))
        strips, axes = _axes(figure, rows, strip_height)
        for unused in axes[max(len(made), 2) :]:
            unused.remove()
        axes = axes[: max(len(made), 2)]
        for column, strip in enumerate(strips):
            below = axes[column::2]
            entries = draw_stages(strip, below, view)
            for place in below[:-1]:
                place.tick_params(labelbottom=False)
            number_epochs(below[-1], [r.number for r in (*view.epochs, *view.probes)])
            narrow_joint_stage(below[-1], view)
        for letter, place, panel in zip("abcdef", axes, made, strict=False):
            draw_panel(place, view, panel)
            place.set_title(f"{letter}  {drawable(panel.title, 60)}", loc="left", fontsize=9)
        for unused in axes[len(made) :]:
            unused.set_visible(False)
        figure.legend(
            [handle for handle, _ in entries], [label for _, label in entries],
            loc="upper right", ncols=len(entries) or 1, fontsize=8, handlelength=1.8,
        )  # fmt: skip
        figure.suptitle(_title(view), x=0.01, ha="left", fontsize=11)
        figure.text(0.011, 1 - 0.5 / height, _decisions(view), va="center", fontsize=8)
        # One pass: `savefig` would draw everything twice.
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        with atomic_write(path) as whole:
            imsave(whole, pixels, format="png", dpi=figure.dpi)


def _title(view: RunView) -> str:
    end = "not ended"
    if view.result is not None:
        split, accuracy = view.result.scored
        end = f"fused {split} accuracy {accuracy:.1%}"
    return f"{drawable(view.method)} on {drawable(view.dataset)}, seed {view.seed}: {end}"


def _decisions(view: RunView) -> str:
    """The numbered decisions in words, in two lines at most."""
    text = "   ".join(f"{n}: {words}" for n, words in enumerate(decision_words(view), start=1))
    return "\n".join(textwrap.wrap(drawable(text, 360), 190, max_lines=2, placeholder=" …"))


def _axes(figure: Figure, rows: int, strip_height: float) -> tuple[list[Axes], list[Axes]]:
    """A strip of stages above each of two columns, and the panels row by row.

    At fixed places: a layout engine would draw every text several times.
    """
    height = figure.get_figheight()
    places = figure.add_gridspec(
        rows + 1, 2, height_ratios=[strip_height, *rows * [PANEL_HEIGHT]], left=0.075, right=0.9,
        wspace=0.42, hspace=0.3, top=1 - TOP / height, bottom=BOTTOM / height,
    )  # fmt: skip
    strips = [figure.add_subplot(places[0, column]) for column in range(2)]
    axes = [
        figure.add_subplot(places[row, column], sharex=strips[column])
        for row in range(1, rows + 1)
        for column in range(2)
    ]
    return strips, axes
