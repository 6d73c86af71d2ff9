"""Who trains when, and the decisions: a panel of its own, and tints behind all others."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from fusion_sched.report.html.charts.style import (
    INK,
    MUTED,
    Panel,
    Trace,
    look,
    rows_axis,
    wrapped,
)
from fusion_sched.report.html.document import plain
from fusion_sched.report.story import Event, Story
from fusion_sched.report.words import stage_words
from fusion_sched.runlog import inside

ROW_PIXELS, BAR_PIXELS, MARK_PIXELS = 22, 9, 10
MOST_LINES = 30
"""Changes of stage beyond which lines through all panels would hide the data."""
ROOM_FOR_NAME = 0.16
"""Share of the axis below which the name of a stage does not fit into its stretch."""


class Stretch(NamedTuple):
    """Epochs without a change, as readers count them: ``first`` to ``last``."""

    first: int
    last: int
    stage: str
    active: tuple[str, ...]


def stretches(story: Story) -> list[Stretch]:
    """Return the stretches of one stage and one set of modalities in training."""

    def setting(event: Event) -> tuple[str, tuple[str, ...]]:
        return event["stage"], tuple(event["active"])

    found = []
    for (stage, active), group in groupby(story.epochs, key=setting):
        numbers = [event["epoch"] + 1 for event in group]
        found.append(Stretch(numbers[0], numbers[-1], stage, active))
    return found


def stages(story: Story) -> list[Stretch]:
    """Return the stretches of one stage, whoever trains in it."""
    found = []
    for stage, group in groupby(stretches(story), key=lambda s: s.stage):
        parts = list(group)
        found.append(Stretch(parts[0].first, parts[-1].last, stage, ()))
    return found


def stages_panel(story: Story) -> Panel | None:
    """Return who trains when, and the decisions."""
    names = story.modalities
    traces = stage_names(story)
    for place, name in enumerate(names, start=1):
        for stage in ("unimodal", "joint"):
            x = [
                v for s in stretches(story) if s.stage == stage and name in s.active
                for v in (s.first - 0.5, s.last + 0.5, None)
            ]  # fmt: skip
            if x:
                colour = look(name, names)[0] if stage == "unimodal" else INK
                traces.append(bar(x, place, colour, f"{name} in training"))
    traces += decision_marks(story, len(names) + 1)
    if not traces:
        return None
    rows = ["stage", *names, "decision"]
    return Panel("modalities in training", traces, ROW_PIXELS * len(rows), rows_axis(rows, 12))


def stage_names(story: Story) -> list[Trace]:
    """Return the names of the stages, each in its stretch where it fits."""
    found = stages(story)
    if not found:
        return []
    length = found[-1].last - found[0].first + 1
    fitting = [s for s in found if s.last - s.first + 1 >= ROOM_FOR_NAME * length]
    return [
        {
            "type": "scatter", "mode": "text", "hoverinfo": "skip", "showlegend": False,
            "x": [(s.first + s.last) / 2 for s in fitting], "y": [0] * len(fitting),
            "text": [s.stage for s in fitting], "textfont": {"color": INK, "size": 11},
            "name": "stage",
        }
    ]  # fmt: skip


def bar(x: Sequence[float | None], row: int, colour: str, name: str) -> Trace:
    """Return thick lines in one row."""
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": [None if v is None else row for v in x],
        "line": {"color": colour, "width": BAR_PIXELS}, "name": plain(name), "hoverinfo": "skip",
        "showlegend": False,
    }  # fmt: skip


def decision_marks(story: Story, row: int) -> list[Trace]:
    """Return a mark for each epoch with decisions, whose label is their sentences, and one for
    the weights that were kept.
    """
    by_epoch: dict[int, list[Event]] = {}
    for decision in story.decisions:
        by_epoch.setdefault(decision["epoch"], []).append(decision)
    traces: list[Trace] = []
    if by_epoch:
        told = ["<br>".join(sentence(d) for d in found) for found in by_epoch.values()]
        at = [epoch + 1 for epoch in by_epoch]
        traces.append(marks(at, row, "diamond", "decision", told) | {"showlegend": False})
    change = story.hand_over
    kept = inside(change, "controller", "peak_epoch")
    if change is not None and change.get("restored") and isinstance(kept, int):
        text = wrapped(f"joint training began from the weights of epoch {kept + 1}")
        traces.append(marks([kept + 1], row, "star-open", "weights that were kept", [text]))
    return traces


def sentence(decision: Event) -> str:
    """Return a decision as its label has it."""
    return wrapped(f"{stage_words(decision['to'])}: {decision['reason']}")


def marks(x: Sequence[float], row: int, symbol: str, name: str, texts: list[str]) -> Trace:
    """Return marks in one row, each with a text."""
    return {
        "type": "scatter", "mode": "markers", "x": x, "y": [row] * len(x), "name": name,
        "marker": {"symbol": symbol, "size": MARK_PIXELS, "color": INK}, "hovertext": texts,
        "hovertemplate": "%{hovertext}<extra></extra>", "cliponaxis": False,
    }  # fmt: skip


def tints(story: Story, axes: int) -> Iterator[Trace]:
    """Yield, for each panel, a tint behind each stage and a line at each change."""
    changes = [s.last + 0.5 for s in stretches(story)[:-1]]
    for position in range(1, axes + 1):
        panel: dict[str, Any] = {
            "xref": "x", "yref": f"y{'' if position == 1 else position} domain", "y0": 0, "y1": 1,
            "layer": "below",
        }  # fmt: skip
        for found in stages(story):
            yield panel | {
                "type": "rect", "x0": found.first - 0.5, "x1": found.last + 0.5,
                "line": {"width": 0}, "fillcolor": f"@{found.stage}",
            }  # fmt: skip
        for x in changes if len(changes) <= MOST_LINES else []:
            line = {"color": MUTED, "width": 1, "dash": "dot"}
            yield panel | {"type": "line", "x0": x, "x1": x, "line": line}
