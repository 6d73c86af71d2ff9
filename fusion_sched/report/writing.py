"""Paths → runs → one page, or the figures of a paper."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fusion_sched.analysis import Comparison, find_runs
from fusion_sched.analysis.runs import failed_jobs, split_by_completeness
from fusion_sched.analysis.studies import study_notes
from fusion_sched.analysis.tables import compare_traces
from fusion_sched.report.html.document import check_output, write_page
from fusion_sched.report.html.many import (
    many_facts,
    many_lead,
    many_sections,
    name_runs,
    row_names,
)
from fusion_sched.report.html.run_page import run_about, run_facts, run_sections
from fusion_sched.report.paper import draw_figures
from fusion_sched.report.view import RunView, read_run
from fusion_sched.report.words import INTERVALS, accuracy_interval, headline
from fusion_sched.runtime.environment import shown_path


@dataclass(frozen=True)
class PageRequest:
    """What the page is about: runs at or below `paths`, and how they are put into tables."""

    paths: Sequence[Path]
    title: str | None = None
    reference: str | None = None
    mix: bool = False


@dataclass(frozen=True)
class GatheredRuns:
    """Runs that could be read, and in words what could not; `unread`: how many runs."""

    views: list[RunView]
    notes: list[str]
    unread: int = 0

    @property
    def unended(self) -> int:
        return sum(view.result is None for view in self.views)


class DrawnFigures(NamedTuple):
    """The files, and in words what was left out."""

    files: list[Path]
    notes: list[str]


def write_report(
    paths: Sequence[Path],
    output: Path,
    *,
    title: str | None = None,
    reference: str | None = None,
    mix: bool = False,
) -> list[str]:
    """Write one HTML page about the runs at or below the paths, which may be patterns.

    Parameters
    ----------
    paths
        Folders of runs, folders above them, or patterns of such.
    output
        The HTML file.
    title
        The page's title instead of one made from the runs.
    reference, mix
        The row that others are compared with, and whether there is one table even where protocols
        differ; as in `fusion_sched.analysis.compare`.

    Returns
    -------
    list of str
        What was left out, in words; it also stands on the page.

    Raises
    ------
    FileNotFoundError
        A path that does not exist or holds no run.
    ValueError
        No trace that could be read, or a reference that is no row.
    """
    check_output(output)
    return write_runs(PageRequest(paths, title, reference, mix), read_runs(paths), output)


def figures_of(paths: Sequence[Path], folder: Path) -> DrawnFigures:
    """Draw each run at or below the paths, and all together, as PDF and SVG.

    Parameters
    ----------
    paths
        As for `write_report`.
    folder
        Where the files go. Runs that differ by seed share a name; a single run is named as its
        folder.

    Returns
    -------
    DrawnFigures
        The files, and in words what was left out.

    Raises
    ------
    FileNotFoundError
        A path that does not exist or holds no run.
    ValueError
        No trace that could be read.
    """
    runs = read_runs(paths)
    names = row_names(runs.views) if len(runs.views) > 1 else None
    files = draw_figures([view.trace for view in runs.views], folder, names=names)
    return DrawnFigures(files, runs.notes)


def read_runs(paths: Sequence[Path]) -> GatheredRuns:
    """Read every run at or below the paths; `ValueError` where none could be read."""
    runs = read_begun_runs(paths)
    if not runs.views:
        raise ValueError("; ".join(runs.notes))
    return runs


def read_begun_runs(paths: Sequence[Path]) -> GatheredRuns:
    """As `read_runs`, also where no run has written its start event yet."""
    views, notes = [], []
    folders = find_runs(paths)
    for folder in folders:
        try:
            views.append(read_run(folder, shown_path(folder)))
        except (ValueError, OSError) as error:
            notes.append(f"left out: {error}")
    problems = [problem for view in views for problem in view.problems]
    return GatheredRuns(views, [*study_notes(folders), *notes, *problems], unread=len(notes))


def write_runs(
    request: PageRequest, runs: GatheredRuns, output: Path, reload_seconds: float | None = None
) -> list[str]:
    """Write the page of one run, or of several; return every note on it."""
    if len(runs.views) > 1:
        return _write_several(request, runs, output, reload_seconds)
    if request.reference is not None:
        raise ValueError(
            f"reference is {request.reference!r}, but there is one run and nothing to test "
            "against; name more runs, or leave out --reference"
        )
    view = runs.views[0]
    name = f"{view.method} on {view.dataset}, seed {view.seed}"
    write_page(
        output, request.title or name, headline(view), run_sections(view), about=run_about(view),
        facts=run_facts(view), footnote=INTERVALS if accuracy_interval(view) else "",
        cautions=view.cautions, notes=runs.notes, reload_seconds=reload_seconds,
    )  # fmt: skip
    return runs.notes


def _write_several(
    request: PageRequest, runs: GatheredRuns, output: Path, reload_seconds: float | None
) -> list[str]:
    named = name_runs(runs.views, request.mix)
    comparison, unfit = compare_runs(request, runs)
    sections, left_out = many_sections(named, comparison)
    beside = () if comparison is None else comparison.notes
    cautions = [f"{view.shown}: {text}" for view in runs.views for text in view.cautions]
    notes = [*cautions, *runs.notes, *unfit, *beside, *left_out]
    datasets = ", ".join(dict.fromkeys(view.dataset for view in runs.views))
    write_page(
        output, request.title or f"{len(named)} runs on {datasets}", many_lead(named, comparison),
        sections, facts=many_facts(named, comparison), notes=notes, reload_seconds=reload_seconds,
    )  # fmt: skip
    return notes


def compare_runs(request: PageRequest, runs: GatheredRuns) -> tuple[Comparison | None, list[str]]:
    """The tables, `None` where no run can be in one, and what is not in them."""
    fit, unfit = split_by_completeness(view.trace for view in runs.views)
    if all(trace.result is None for trace in fit):
        return None, unfit
    comparison = compare_traces(fit, reference=request.reference, mix=request.mix)
    failed = failed_jobs(request.paths, [view.path.parent for view in runs.views])
    return comparison, [*unfit, *failed]
