"""What a user sees while a run goes on: a live picture on a terminal, plain lines elsewhere."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.live import Live

from fusion_sched.report.live.glyphs import printable
from fusion_sched.report.live.lines import left_out_lines, record_line, start_line
from fusion_sched.report.live.picture import LastDiagnosis, Picture
from fusion_sched.report.records import (
    DecisionRecord,
    EpochRecord,
    Event,
    ProbeRecord,
    Record,
    ResultRecord,
)
from fusion_sched.report.view import RunView
from fusion_sched.runlog import read_trace


class Display:
    """Shows trace events as they come; to be used as a context manager.

    On a terminal the present state is drawn anew with every event, below the lines that stay. At
    the end its last diagnosis stays; where an exception or Ctrl-C ends the run, all of it.

    Parameters
    ----------
    console
        Where to.
    earlier
        The events of the run that an earlier process has shown, where it is resumed.
    """

    def __init__(self, console: Console, earlier: Iterable[Event] = ()) -> None:
        self.console = console
        self._view: RunView | None = None
        for event in earlier:
            self._add(event)
        self._warned: set[str] = set()
        self._draws = console.is_terminal and console.is_interactive
        # No thread that refreshes: one that holds a lock while a loader forks can hang its workers.
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def _add(self, event: Event) -> Record | None:
        """Take in an event; a run's first one is its start."""
        if self._view is None:
            self._view = RunView(event)
            return None
        return self._view.add(event)

    def __enter__(self) -> "Display":
        if self._draws:
            self._live.start()
            if self._view is not None and self._view.stage is not None:
                if self._view.decisions:
                    self._print_lines([record_line(self._view.decisions[-1])])
                self._live.update(Picture(self._view, datetime.now()), refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.transient = kind is None
        self._live.stop()
        if self._draws and kind is None and self._view is not None and self._view.result:
            self.console.print(LastDiagnosis(self._view))

    def show(self, event: Event) -> None:
        """Show one event.

        Parameters
        ----------
        event
            As the trace holds it.
        """
        record = self._add(event)
        draw = self._draws and self._view is not None and not isinstance(record, ResultRecord)
        if draw and self._view is not None:
            self._live.update(Picture(self._view, datetime.now()))
        # Printing draws the picture below what is printed; it need not be drawn twice.
        if not self._print(event, record) and draw:
            self._live.refresh()

    def _print(self, event: Event, record: Record | None) -> bool:
        """Print what stays of an event; say whether that was anything."""
        texts = [start_line(event), *left_out_lines(event)] if event["event"] == "start" else []
        if isinstance(record, DecisionRecord) or (
            isinstance(record, EpochRecord | ProbeRecord) and not self._draws
        ):
            texts.append(record_line(record))
        if isinstance(record, ProbeRecord):
            new = [w for w in record.warnings if w not in self._warned]
            self._warned.update(new)
            mark = "caution" if record.cautions else "note"
            texts += [f"{mark}: {warning}" for warning in new]
        if texts:
            self._print_lines(texts)
        return bool(texts)

    def _print_lines(self, texts: Iterable[str]) -> None:
        safe = "\n".join(printable(text, self.console.encoding) for text in texts)
        # A terminal's own wrapping breaks numbers; in a file a line stays a line.
        self.console.print(
            safe, soft_wrap=not self._draws, highlight=False, markup=False, emoji=False
        )


def past_events(folder: Path) -> list[Event]:
    """What a run that is to go on has traced so far.

    Parameters
    ----------
    folder
        The run's.

    Returns
    -------
    list of events
        None where the run has not begun.
    """
    try:
        return list(read_trace(folder).events)
    except (FileNotFoundError, ValueError):  # killed before its first event was whole
        return []
