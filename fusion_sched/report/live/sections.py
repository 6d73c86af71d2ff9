"""The sections of the live picture, each as lines that know which part of it they belong to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from fusion_sched.report.live import bars, glyphs
from fusion_sched.report.live.remaining import Plan, clock, duration
from fusion_sched.report.live.story import Quantity, Story, quantities
from fusion_sched.types import FUSED

STAGE_COLOURS = {"unimodal": glyphs.BLUE, "joint": glyphs.VERMILLION}
COLOURS = {
    "unique_bits": glyphs.BLUE, "redundancy_bits": glyphs.GREEN, "synergy_bits": glyphs.VERMILLION,
    "mi_bits": glyphs.PURPLE,
}  # fmt: skip
LONGEST_NAME = 18
"""Cells that a modality's name may take before its middle is left out."""
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
        """Characters that the console can show."""
        return glyphs.glyphs_for(self.console.encoding)

    def shown(self, text: str) -> str:
        """Return text from outside as one line that the console can show."""
        return glyphs.shown(text, self.console.encoding)

    def name(self, text: str, longest: int = LONGEST_NAME) -> str:
        """Return a name of at most so many cells; too long a one loses its middle."""
        text = self.shown(text)
        if cell_len(text) <= longest:
            return text
        tail = text[-(longest // 2) :]
        while cell_len(tail) > longest // 2:
            tail = tail[1:]
        more = self.glyphs.more
        return set_cell_size(text, longest - cell_len(tail) - len(more)).rstrip() + more + tail

    def names(self, found: Iterable[str]) -> str:
        """Return names, separated by commas."""
        return ", ".join(self.name(m) for m in found)

    def wrapped(self, part: str, text: Text) -> list[Line]:
        """Return a text as lines of at most the width."""
        return [Line(part, line) for line in text.wrap(self.console, self.width)]


def head(story: Story, now: datetime, canvas: Canvas) -> list[Line]:
    """Draw what trains, how far it is and how long it will take."""
    text = Text()
    text.append(canvas.name(story.start["run"], 40), "bold").append("  ")
    if story.present is not None:
        stage = story.present["stage"]
        text.append(f" {stage} ", f"bold #ffffff on {STAGE_COLOURS[stage]}")
        text.append(f"  training: {canvas.names(story.present['active'])}")
    if story.paused:
        text.append(f"   paused: {canvas.names(story.paused)}", "italic")
    return [*canvas.wrapped("head", text), *_progress(story, now, canvas)]


def _progress(story: Story, now: datetime, canvas: Canvas) -> list[Line]:
    done, times = _done(story), _times(story, now)
    plan = story.plan
    room = canvas.width - len(done) - 2
    beside = room - len(times) - 2
    length = beside if beside >= 20 else room
    joint_from = story.pace.joint_from
    line = bars.progress(
        story.trained, plan.total(joint_from), max(length, 5), joint_from, canvas.glyphs
    )
    text = Text.assemble(f"{done}  ", (line, glyphs.GREEN))
    if length == beside:
        return [Line("head", text.append(f"  {times}"))]
    return [Line("head", text), *canvas.wrapped("head", Text(times))]


def _done(story: Story) -> str:
    """Say how many epochs are done, and of how many."""
    plan, joint_from = story.plan, story.pace.joint_from
    done = f"epoch {story.trained}" if story.trained else "before epoch 1"
    exact = plan.equal_budget or joint_from is not None
    return f"{done} of {'' if exact else 'at most '}{plan.total(joint_from)}"


def _times(story: Story, now: datetime) -> str:
    return f"{clock(story.seconds)} elapsed, {_left(story, story.plan, now)}"


def _left(story: Story, plan: Plan, now: datetime) -> str:
    """Say how long the rest will take, as far as that is known."""
    if story.trained >= plan.total(story.pace.joint_from):
        return "all epochs done"
    left = story.pace.left(plan)
    if left is None:
        return "time left unknown before the first epoch is done"
    text = f"about {duration(left.seconds)} left"
    if left.seconds >= 120:
        end = now + timedelta(seconds=left.seconds)
        text += f" (until {end:%H:%M})" if end.date() == now.date() else f" (until {end:%a %H:%M})"
    return text + (", if joint epochs take as long" if left.assumed else "")


def scores(story: Story, canvas: Canvas) -> list[Line]:
    """Draw the last losses and accuracies, and the accuracy of every epoch."""
    epoch = story.last_epoch
    if epoch is None:
        return []
    names = [*story.modalities, FUSED]
    column = max(cell_len(canvas.name(m)) for m in names)
    seen = [a for accuracy in story.accuracy.values() for a in accuracy.values()]
    ends, room = (min(seen), max(seen)), canvas.width - column - 20
    titles = f"{'':{column}}{'loss':>8}{'accuracy':>10}  "
    found = [Line("scores", Text.assemble((titles + _scale(ends, room, canvas), "bold")))]
    for m in names:
        loss = epoch["loss"].get(m)
        missing = "paused" if m in story.paused else canvas.glyphs.none
        text = f"{missing if loss is None else format(loss, '.3f'):>8}"
        accuracy = epoch["accuracy"]["validation"].get(m)
        text += f"{canvas.glyphs.none if accuracy is None else format(accuracy, '.1%'):>10}"
        values = [a.get(m) for a in story.accuracy.values()]
        line = bars.sparkline(values, ends, max(room, 0), canvas.glyphs)
        found.append(
            Line("scores", Text(set_cell_size(canvas.name(m), column) + f"{text}  {line}"))
        )
    return found


def _scale(ends: tuple[float, float], room: int, canvas: Canvas) -> str:
    """Return what the lowest and the highest step of a sparkline mean, as far as there is room."""
    low, high = canvas.glyphs.steps[0], canvas.glyphs.steps[-1]
    text = f"validation, {low} {ends[0]:.1%} to {high} {ends[1]:.1%}"
    shorter = f"validation {low} {ends[0]:.0%} {high} {ends[1]:.0%}"
    return next((t for t in (text, shorter) if len(t) <= room), "validation")


def decomposition(story: Story, canvas: Canvas) -> list[Line]:
    """Draw the last diagnosis as bars with intervals, all on the scale from 0 to H(Y)."""
    probe = story.probe
    if probe is None:
        return []
    found, entropy = quantities(probe), probe["label_entropy_bits"]
    labels = [canvas.name(q.name, LONGEST_NAME + 7) for q in found]
    numbers = [_numbers(q) for q in found]
    label, number = max(map(cell_len, labels)), max(map(len, numbers))
    room = max(canvas.width - label - number - 4, 5)
    title = f"bits about the label Y {_after(probe['epoch'])}, 95% intervals"
    lines = canvas.wrapped("atoms", Text.assemble((title, "bold")))
    for quantity, name, value in zip(found, labels, numbers, strict=True):
        drawn = bars.bar(quantity.estimate, entropy, room, canvas.glyphs)
        text = Text(f"{set_cell_size(name, label)}  {value:<{number}}  ")
        part = "mi" if quantity.key == "mi_bits" else "atoms"
        lines.append(Line(part, text.append(drawn, COLOURS.get(quantity.key, "default"))))
    end = f"{entropy:.2f} bit = H(Y)"
    scale = " " * (label + number + 4) + bars.axis(end, room, canvas.glyphs)
    return [*lines, Line("axis", Text(scale)), *_legend(found, canvas)]


def _numbers(quantity: Quantity) -> str:
    value, low, high, _ = quantity.estimate
    # Rounded before 0 is added, which makes -0.00 a plain 0.00.
    value, low, high = (round(number, 2) + 0.0 for number in (value, low, high))
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _legend(found: list[Quantity], canvas: Canvas) -> list[Line]:
    marks = canvas.glyphs
    text = f"{marks.likely}{marks.possible} 95% interval, estimate between"
    if any(q.estimate.null is not None for q in found):
        text += f"  {marks.level} labels shuffled"
    return canvas.wrapped("legend", Text(text))


def decision(story: Story, canvas: Canvas) -> list[Line]:
    """Draw the last decision's sentence, whole, and when it was taken."""
    if story.decision is None:
        return []
    title = f"decision {_after(story.decision['epoch'])}: "
    text = Text.assemble((title, "bold"), canvas.shown(story.decision["reason"]))
    return canvas.wrapped("decision", text)


def notes(story: Story, canvas: Canvas) -> list[Line]:
    """Draw the last warnings, the newest first."""
    found = []
    for number, warning in enumerate([*reversed(story.warnings)][:NOTES]):
        text = Text.assemble(("note: ", f"bold {glyphs.VERMILLION}"), canvas.shown(warning))
        found += canvas.wrapped("older notes" if number else "note", text)
    return found


def _after(epoch: int) -> str:
    return "before the first epoch" if epoch < 0 else f"after epoch {epoch + 1}"
