"""Figures for a paper, of all runs at or below some paths."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fusion_sched.report.html.many import row_names
from fusion_sched.report.paper import draw_figures
from fusion_sched.report.writing import gather


class Drawn(NamedTuple):
    """The files, and in words what was left out."""

    files: list[Path]
    notes: list[str]


def figures_of(paths: Sequence[Path], folder: Path) -> Drawn:
    """Draw each run, and all together, as PDF and SVG; runs that differ by seed share a name.

    A single run is named as its folder.

    Raises:
        FileNotFoundError: a path that does not exist or holds no run.
        ValueError: no trace that could be read.
    """
    found = gather(paths)
    names = row_names(found.stories) if len(found.stories) > 1 else None
    files = draw_figures([story.trace for story in found.stories], folder, names=names)
    return Drawn(files, found.notes)
