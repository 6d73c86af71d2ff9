"""The sections of the live picture, each as lines that know which part of it they belong to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from fusion_sched.report.live import bars, glyphs
from fusion_sched.report.live.remaining import Pace, Plan, clock, rough_duration
from fusion_sched.report.palette import HEX, head_style
from fusion_sched.report.panels import (
    Quantity,
    decomposition_quantities,
    estimates_at,
    series_of,
)
from fusion_sched.report.readings import joint_model_words, readings_words, source_readings
from fusion_sched.report.records import ProbeRecord
from fusion_sched.report.view import RunView
from fusion_sched.types import FUSED, Estimate

LONGEST_NAME = 18
"""Cells that a modality's name may take before its middle is left out."""
WIDEST_STEP = 3
"""Cells that a diagnosis may take in a sparkline."""
NOTES = 3
"""How many of the last warnings are shown."""


class Line(NamedTuple):
    """One line of the picture; lines of the same part are left out together."""

    part: str
    text: Text


@dataclass(frozen=True)
class Canvas:
    """Where a section is drawn: a console, and how many of its columns."""

    console: Console
    width: int

    @property
    def glyphs(self) -> glyphs.Glyphs:
        return glyphs.glyphs_for(self.console.encoding)

    def printable(self, text: str) -> str:
        """Text from outside as one line that the console can show."""
        return glyphs.printable(text, self.console.encoding)

    def name(self, text: str, longest: int = LONGEST_NAME) -> str:
        """A name of at most so many cells; too long a one loses its middle."""
        text = self.printable(text)
        if cell_len(text) <= longest:
            return text
        tail = text[-(longest // 2) :]
        while cell_len(tail) > longest // 2:
            tail = tail[1:]
        more = self.glyphs.more
        return set_cell_size(text, longest - cell_len(tail) - len(more)).rstrip() + more + tail

    def names(self, names: Iterable[str]) -> str:
        return ", ".join(map(self.name, names))

    def wrapped(self, part: str, text: Text) -> list[Line]:
        return [Line(part, line) for line in text.wrap(self.console, self.width)]


def head(view: RunView, now: datetime, canvas: Canvas) -> list[Line]:
    """Draw what trains, how far it is and how long it will take."""
    text = Text()
    text.append(canvas.name(view.start["run"], 40), "bold").append("  ")
    if view.stage is not None:
        text.append(f" {view.stage.name} ", "bold reverse")
        text.append(f"  training: {canvas.names(view.stage.active)}")
    if view.paused:
        text.append(f"   paused: {canvas.names(view.paused)}", "italic")
    return [
        *canvas.wrapped("head", text), *_progress(view, now, canvas), *_caution(view, canvas)
    ]  # fmt: skip


def _caution(view: RunView, canvas: Canvas) -> list[Line]:
    """The first warning of the last diagnosis, where the probe checks itself."""
    text = Text()
    for caution in _cautions(view)[:1]:
        text = Text.assemble(("caution: ", "bold"), canvas.printable(caution))
    return canvas.wrapped("head", text) if text else []


def _cautions(view: RunView) -> list[str]:
    return view.probes[-1].cautions if view.probes else []


def _progress(view: RunView, now: datetime, canvas: Canvas) -> list[Line]:
    pace, plan = Pace.of(view), Plan.of(view.start)
    total = plan.total(pace.joint_from)
    exact = plan.equal_budget or pace.joint_from is not None
    done = f"epoch {view.trained}" if view.trained else "before epoch 1"
    done = f"{done} of {'' if exact else 'at most '}{total}"
    left = "all epochs done" if view.trained >= total else _left(pace, plan, now)
    times = f"{clock(view.seconds or 0.0)} elapsed, {left}"
    room = canvas.width - len(done) - 2
    beside = room - len(times) - 2
    length = beside if beside >= 20 else room
    line = bars.progress(view.trained, total, max(length, 5), pace.joint_from, canvas.glyphs)
    text = Text(f"{done}  {line}")
    if length == beside:
        return [Line("head", text.append(f"  {times}"))]
    return [Line("head", text), *canvas.wrapped("head", Text(times))]


def _left(pace: Pace, plan: Plan, now: datetime) -> str:
    """Say how long the rest will take, as far as that is known."""
    left = pace.left(plan)
    if left is None:
        return "time left unknown before the first epoch is done"
    text = f"about {rough_duration(left.seconds)} left"
    if left.seconds >= 120:
        end = now + timedelta(seconds=left.seconds)
        text += f" (until {end:%H:%M})" if end.date() == now.date() else f" (until {end:%a %H:%M})"
    return text + (", if joint epochs take as long" if left.assumed else "")


def score_lines(view: RunView, canvas: Canvas) -> list[Line]:
    if not view.epochs:
        return []
    last = view.epochs[-1]
    column = max(cell_len(canvas.name(head)) for head in view.heads)
    every = [share for epoch in view.epochs for share in epoch.accuracy.values()]
    ends, room = (min(every), max(every)), canvas.width - column - 20
    titles = f"{'':{column}}{'loss':>8}{'accuracy':>10}  "
    lines = [Line("scores", Text.assemble((titles + _scale(ends, room, canvas), "bold")))]
    for head in view.heads:
        loss, accuracy = last.loss.get(head), last.accuracy.get(head)
        missing = "paused" if head in view.paused else canvas.glyphs.none
        text = f"{missing if loss is None else format(loss, '.3f'):>8}"
        text += f"{canvas.glyphs.none if accuracy is None else format(accuracy, '.1%'):>10}"
        values = [epoch.accuracy.get(head) for epoch in view.epochs]
        line = bars.sparkline(values, ends, max(room, 0), canvas.glyphs)
        name = set_cell_size(canvas.name(head), column)
        # Fused has no colour of its own here: black on a light background, white on a dark one.
        colour = "default" if head == FUSED else HEX[head_style(head, view.modalities).colour]
        lines.append(Line("scores", Text.assemble((name, colour), text, "  ", (line, colour))))
    return lines


def _scale(ends: tuple[float, float], room: int, canvas: Canvas) -> str:
    """What the lowest and the highest step of a sparkline mean, as far as there is room."""
    low, high = canvas.glyphs.steps[0], canvas.glyphs.steps[-1]
    text = f"validation, {low} {ends[0]:.1%} to {high} {ends[1]:.1%}"
    shorter = f"validation {low} {ends[0]:.0%} {high} {ends[1]:.0%}"
    return next((t for t in (text, shorter) if len(t) <= room), "validation")


def diagnosis(view: RunView, canvas: Canvas) -> list[Line]:
    """Draw the last diagnosis as bars with intervals, all on the scale from 0 to H(Y)."""
    if not view.probes:
        return []
    probe = view.probes[-1]
    rows = estimates_at(probe, decomposition_quantities(view))
    entropy = probe.diagnosis.label_entropy
    labels = [canvas.name(quantity.label, LONGEST_NAME + 7) for quantity, _ in rows]
    numbers = [_interval_text(estimate) for _, estimate in rows]
    label, number = max(map(cell_len, labels)), max(map(len, numbers))
    room = max(canvas.width - label - number - 4, 5)
    title = f"bits about the label Y {_after(probe.epoch)}, 95% intervals"
    lines = canvas.wrapped("atoms", Text.assemble((title, "bold")))
    for (quantity, estimate), name, value in zip(rows, labels, numbers, strict=True):
        drawn = bars.interval_bar(estimate, entropy, room, canvas.glyphs)
        text = Text(f"{set_cell_size(name, label)}  {value:<{number}}  ")
        part = "mi" if quantity.kind == "mi" else "atoms"
        lines.append(Line(part, text.append(drawn, HEX[quantity.atom_colour])))
    end = f"{entropy:.2f} bit = H(Y)"
    scale = " " * (label + number + 4) + bars.axis(end, room, canvas.glyphs)
    beside = _readings(view, probe, canvas)
    return [*lines, Line("axis", Text(scale)), *_legend(rows, canvas), *beside]


def _readings(view: RunView, probe: ProbeRecord, canvas: Canvas) -> list[Line]:
    """What each source stores and what generalises, with lower bounds, and the joint model."""
    sentences = readings_words(source_readings(view, probe))
    model = joint_model_words(probe)
    if model is not None:
        sentences.append(model)
    texts = [Text(canvas.printable(sentence)) for sentence in sentences]
    return [line for text in texts for line in canvas.wrapped("readings", text)]


def courses(view: RunView, canvas: Canvas) -> list[Line]:
    """Draw the parts over the diagnoses as sparklines, each from its lowest to its highest."""
    quantities = [*decomposition_quantities(view)]
    series = series_of(view, quantities, own=True)
    known = {one.label: [v.value for _, v in one.known] for one in series if len(one.known) > 1}
    if not known:
        return []
    names = {label: canvas.name(label, LONGEST_NAME + 7) for label in known}
    ends = {label: f"{min(v):.2f} to {max(v):.2f}" for label, v in known.items()}
    column, last = max(map(cell_len, names.values())), max(map(len, ends.values()))
    room = max(canvas.width - column - last - 4, 0)
    lines = [Line("courses", Text("bits over the diagnoses, each on its own scale", "bold"))]
    colours = {quantity.label: HEX[quantity.atom_colour] for quantity in quantities}
    for label, values in known.items():
        wide = [v for v in values for _ in range(min(room // len(values), WIDEST_STEP) or 1)]
        drawn = bars.sparkline(wide, (min(values), max(values)), room, canvas.glyphs)
        name = set_cell_size(names[label], column)
        text = Text.assemble(f"{name}  {ends[label]:<{last}}  ", (drawn, colours[label]))
        lines.append(Line("courses", text))
    return lines


def _interval_text(estimate: Estimate) -> str:
    ends = (estimate.value, estimate.value) if estimate.low is None else estimate.interval
    # Rounded before 0 is added, which makes -0.00 a plain 0.00.
    value, low, high = (round(number, 2) + 0.0 for number in (estimate.value, *ends))
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _legend(rows: list[tuple[Quantity, Estimate]], canvas: Canvas) -> list[Line]:
    marks = canvas.glyphs
    text = f"{marks.likely}{marks.possible} 95% interval, estimate between"
    if any(estimate.null is not None for _, estimate in rows):
        text += f"  {marks.level} labels shuffled"
    return canvas.wrapped("legend", Text(text))


def notes(view: RunView, canvas: Canvas) -> list[Line]:
    lines: list[Line] = []
    warnings = [text for text in reversed(view.warnings) if text not in _cautions(view)[:1]]
    for number, warning in enumerate(warnings[:NOTES]):
        text = Text.assemble(("note: ", "bold"), canvas.printable(warning))
        lines += canvas.wrapped("older notes" if number else "note", text)
    return lines


def _after(epoch: int) -> str:
    return "before the first epoch" if epoch < 0 else f"after epoch {epoch + 1}"
