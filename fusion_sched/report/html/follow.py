"""The page of runs that are under way, written again whenever a trace has grown."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fusion_sched.analysis import find_runs
from fusion_sched.report.html.document import check_output
from fusion_sched.report.writing import GatheredRuns, PageRequest, read_begun_runs, write_runs
from fusion_sched.runlog import TRACE_FILE

State = tuple[tuple[Path, int, int], ...]
"""Every trace with its size in bytes and when it was written, in nanoseconds."""


def follow(
    paths: Sequence[Path],
    output: Path,
    *,
    every_seconds: float,
    show: Callable[[str], None],
    title: str | None = None,
    reference: str | None = None,
    mix: bool = False,
) -> list[str]:
    """Write the page again whenever a trace has changed, until all runs have ended.

    Traces are looked at every so many seconds, and the page reloads itself as often. New runs
    below the paths are taken up. A run that was interrupted is waited for, and one whose trace
    cannot be read (yet), until Ctrl-C; then, as after the last run's end, the page is written once
    more, so that it no longer reloads itself. `show` gets a sentence after each look at something
    new. Returns the notes of the last page.

    Raises:
        FileNotFoundError: a path that does not exist or holds no run.
        ValueError: seconds that are not above 0, or a reference that is no row.
    """
    if every_seconds <= 0:
        raise ValueError(f"every_seconds is {every_seconds}, expected more than 0")
    check_output(output)
    request = PageRequest(paths, title, reference, mix)
    written: State | None = None
    try:
        while True:
            state = _state_of(paths)
            if state != written:
                runs = read_begun_runs(paths)
                waiting = runs.unended + runs.unread > 0
                notes = runs.notes
                if runs.views:
                    notes = write_runs(request, runs, output, every_seconds if waiting else None)
                show(_progress_words(runs, output))
                if not waiting:
                    return notes
                written = state
            time.sleep(every_seconds)
    except KeyboardInterrupt:
        runs = read_begun_runs(paths)
        if runs.views:
            write_runs(request, runs, output)
        raise


def _state_of(paths: Sequence[Path]) -> State:
    traces = [(run / TRACE_FILE, (run / TRACE_FILE).stat()) for run in find_runs(paths)]
    return tuple((path, stat.st_size, stat.st_mtime_ns) for path, stat in traces)


def _progress_words(runs: GatheredRuns, output: Path) -> str:
    """What the page holds now, and what is waited for."""
    count, unread = len(runs.views), runs.unread
    without = f"{unread} trace{'s' * (unread != 1)} without a whole start event"
    if count == 0:
        return f"{output}: not written yet, {without}"
    epochs = sum(len(view.epochs) for view in runs.views)
    words = f"{count} run{'s' * (count != 1)}, {runs.unended} not ended, {epochs} epochs"
    return f"{output}: {words}, {without}" if unread else f"{output}: {words}"
