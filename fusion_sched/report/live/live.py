"""What a user sees while a run goes on: a live picture on a terminal, plain lines elsewhere."""

from collections.abc import Iterable
from datetime import datetime
from types import TracebackType

from rich.console import Console
from rich.live import Live

from fusion_sched.report.live.glyphs import shown
from fusion_sched.report.live.lines import line
from fusion_sched.report.live.picture import Picture
from fusion_sched.report.live.story import Record, Story


class Display:
    """Shows trace events as they come; to be used as a context manager.

    On a terminal the present state is drawn anew with every event, below the lines that stay. It
    disappears at the end, and stays where an exception or Ctrl-C ends the run. ``earlier`` are the
    events of the run that an earlier process has shown, where it is resumed.
    """

    def __init__(self, console: Console, earlier: Iterable[Record] = ()) -> None:
        self.console = console
        self._story = Story()
        for event in earlier:
            self._story.add(event)
        self._warned: set[str] = set()
        self._draws = console.is_terminal and console.is_interactive
        # No thread that refreshes: one that holds a lock while a loader forks can hang its workers.
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> "Display":
        if self._draws:
            self._live.start()
            if self._story.present is not None:
                self._live.update(Picture(self._story, datetime.now()), refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.transient = kind is None
        self._live.stop()

    def show(self, record: Record) -> None:
        """Show one event."""
        self._story.add(record)
        draw = self._draws and record["event"] != "result"
        if draw:
            self._live.update(Picture(self._story, datetime.now()))
        # Printing draws the picture below what is printed; it need not be drawn twice.
        if not self._print(record) and draw:
            self._live.refresh()

    def _print(self, record: Record) -> bool:
        """Print what stays of an event; say whether that was anything."""
        kept = ("start", "decision") if self._draws else ("start", "decision", "epoch", "probe")
        texts = [line(record)] if record["event"] in kept else []
        for warning in record.get("warnings", []):
            if warning not in self._warned:
                self._warned.add(warning)
                texts.append(f"note: {warning}")
        if texts:
            safe = "\n".join(shown(text, self.console.encoding) for text in texts)
            # A terminal's own wrapping breaks numbers; in a file a line stays a line.
            self.console.print(
                safe, soft_wrap=not self._draws, highlight=False, markup=False, emoji=False
            )
        return bool(texts)
