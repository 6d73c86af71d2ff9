"""The sections of the live picture laid out in whatever room there is."""

from datetime import datetime
from itertools import zip_longest

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from fusion_sched.report.live import sections
from fusion_sched.report.live.sections import Canvas, Line
from fusion_sched.report.view import RunView

WIDEST = 150
"""Columns beyond which the picture grows no more: bars that long are no easier to read."""
SIDE_BY_SIDE = 110
"""Columns from which on the decomposition stands beside the rest."""
BETWEEN = 4
"""Columns between the two."""
LEFT_OUT = (
    "gap",
    "older notes",
    "courses",
    "legend",
    "mi",
    "readings",
    "axis",
    "note",
    "atoms",
    "scores",
)
"""Parts in the order in which they are left out where the terminal is too low for all."""
GAP = Line("gap", Text())


class Picture:
    """The state of a run at a moment of the clock, drawn anew for each size of the terminal."""

    def __init__(self, view: RunView, now: datetime) -> None:
        self.view = view
        self.now = now

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # One line less than there are: the cursor's, where the shell goes on.
        for text in self.lines(console, options.max_width, options.max_height - 1):
            yield from text.render(console, end="\n")

    def lines(self, console: Console, width: int, height: int) -> list[Text]:
        """At most `height` lines of at most `width` cells."""
        width = min(width, WIDEST)
        head = sections.head(self.view, self.now, Canvas(console, width))
        parts = [[*head, GAP], *self._columns(console, width)]
        for count in range(len(LEFT_OUT) + 1):
            kept = [[line for line in p if line.part not in LEFT_OUT[:count]] for p in parts]
            if len(kept[0]) + max(map(len, kept[1:])) <= height:
                break
        texts = [line.text for line in (*kept[0], *beside(kept[1:], width))][: max(height, 0)]
        for text in texts:
            text.truncate(width, overflow="crop")
        return texts

    def _columns(self, console: Console, width: int) -> list[list[Line]]:
        """The sections below the head, in one column or in two."""
        two = width >= SIDE_BY_SIDE
        left = Canvas(console, left_of(width) if two else width)
        right = Canvas(console, width - left.width - BETWEEN if two else width)
        scores = sections.score_lines(self.view, left)
        bars = sections.diagnosis(self.view, right)
        courses, notes = sections.courses(self.view, left), sections.notes(self.view, left)
        if two:
            return [apart(scores, courses, notes), bars]
        return [apart(scores, bars, courses, notes)]


class LastDiagnosis:
    """The bars of the last diagnosis and what came before it, which stay when a run has ended.

    Not the readings: the closing lines hold those of the hand-over.
    """

    def __init__(self, view: RunView) -> None:
        self.view = view

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        canvas = Canvas(console, min(options.max_width, WIDEST))
        parts = [sections.diagnosis(self.view, canvas), sections.courses(self.view, canvas)]
        for line in apart(*([x for x in part if x.part != "readings"] for part in parts)):
            line.text.truncate(canvas.width, overflow="crop")
            yield from line.text.render(console, end="\n")


def left_of(width: int) -> int:
    """How many columns the left one of two takes, the one without bars."""
    return (width - BETWEEN) * 9 // 20


def apart(*parts: list[Line]) -> list[Line]:
    """The sections that are not empty, one below the other with gaps between."""
    separated = [line for section in parts if section for line in (GAP, *section)]
    return separated[1:]


def beside(columns: list[list[Line]], width: int) -> list[Line]:
    """One column as it is, of two each line of the left one with one of the right one."""
    if len(columns) == 1:
        return columns[0]
    lines = []
    for left, right in zip_longest(*columns, fillvalue=GAP):
        text = left.text.copy()
        text.truncate(left_of(width) + BETWEEN, overflow="crop", pad=True)
        lines.append(Line("both", text.append_text(right.text)))
    return lines
