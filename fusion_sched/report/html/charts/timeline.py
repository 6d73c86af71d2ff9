"""The whole run over its epochs: stages and decisions, accuracy, loss, information."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from fusion_sched.report.html.charts.stages import stages_panel, tints
from fusion_sched.report.html.charts.style import (
    DASHES,
    INK,
    MUTED,
    REDUNDANCY,
    SYNERGY,
    Look,
    Panel,
    Trace,
    line,
    look,
    ribbon,
    stacked,
)
from fusion_sched.report.html.document import Chart, Table
from fusion_sched.report.story import Event, Story, estimate, number, shared_name
from fusion_sched.report.words import timeline_summary
from fusion_sched.runlog import inside
from fusion_sched.types import FUSED

JOINT_LOOK: Look = (INK, "solid", "star-diamond")
NULL_LOOK: Look = (MUTED, "dot", "circle")
MARKED_PROBES = 60
HOVER_BITS = "%{y:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}]"
LARGEST_SHOWN_RATIO = 2.0
"""How far beyond its values the axis of a log ratio goes: intervals may reach to ±7."""


class Quantity(NamedTuple):
    """What a curve shows of every probe, and how."""

    label: str
    keys: tuple[str, ...]
    look: Look


def timeline(story: Story) -> Chart | None:
    """Return the aligned charts of a run, ``None`` where it has neither epoch nor probe."""
    if not story.epochs and not story.probes:
        return None
    panels = [panel for make in PANELS if (panel := make(story)) is not None]
    ends = [e["epoch"] + 1 for e in (*story.epochs, *story.probes)]
    axis = {
        "title": {"text": "epoch (0: untrained)"}, "range": [-0.5, max(ends) + 0.6],
        "zeroline": False, "showgrid": False, "unifiedhovertitle": {"text": "epoch %{x}"},
    }  # fmt: skip
    return Chart(
        "Stages, accuracy and information over the epochs",
        stacked(panels, axis, list(tints(story, len(panels)))),
        timeline_summary(story),
        epoch_numbers(story),
    )


def by_head(
    story: Story, title: str, of: Callable[[Event, str], float | None], hover: str
) -> Panel | None:
    """Return a curve per head of a number of every epoch."""
    x = [e["epoch"] + 1 for e in story.epochs]
    curves = {name: [of(event, name) for event in story.epochs] for name in story.heads}
    traces = [
        line(x, y, name, look(name, story.modalities), hover=hover,
             markers=sum(v is not None for v in y) == 1)
        for name, y in curves.items()
        if any(value is not None for value in y)
    ]  # fmt: skip
    return Panel(title, traces) if traces else None


def accuracy_panel(story: Story) -> Panel | None:
    """Return validation accuracy, and the epoch that was selected."""

    def percent(event: Event, name: str) -> float | None:
        value = number(event, "accuracy", "validation", name)
        return None if value is None else 100 * value

    panel = by_head(story, "validation accuracy [%]", percent, "%{y:.1f} %")
    if panel is None or story.result is None:
        return panel
    chosen = {
        "type": "scatter", "mode": "markers", "x": [story.result["selected_epoch"] + 1],
        "y": [100 * story.result["validation"][FUSED]], "name": "selected epoch",
        "marker": {"symbol": "circle-open", "size": 13, "color": INK, "line": {"width": 2}},
        "hovertemplate": "selected on validation<extra></extra>",
    }  # fmt: skip
    return Panel(panel.title, [*panel.traces, chosen], 190)


def loss_panel(story: Story) -> Panel | None:
    """Return the training loss."""
    return by_head(
        story, "training loss [nat]", lambda e, name: number(e, "loss", name), "%{y:.3f}"
    )


def estimates(
    story: Story, quantities: Iterable[Quantity], hover: str, null: bool = True
) -> list[Trace]:
    """Return for each quantity a curve, its 95 % ribbon and its level under shuffled labels."""
    curves: list[Trace] = []
    ribbons: list[Trace] = []
    for label, keys, style in quantities:
        points = [
            (p["epoch"] + 1, found)
            for p in story.probes
            if (found := estimate(p, *keys)) is not None
        ]
        if not points:
            continue
        x = [epoch for epoch, _ in points]
        ends = [[e.low, e.high] for _, e in points]
        curves.append(
            line(x, [e.value for _, e in points], label, style, hover=hover, customdata=ends,
                 markers=len(points) <= MARKED_PROBES)
        )  # fmt: skip
        within = [(at, e.low, e.high) for at, e in points
                  if e.low is not None and e.high is not None]  # fmt: skip
        if within:
            at, low, high = zip(*within, strict=True)
            ribbons.append(ribbon(at, low, high, label, style[0]))
        levels = [(at, e.null) for at, e in points if e.null is not None]
        if null and levels:
            curves.append(null_line(levels, label))
    return ribbons + curves


def null_line(levels: Sequence[tuple[int, float]], label: str) -> Trace:
    """Return the level of a quantity under shuffled labels; all of them share a legend entry."""
    x, y = zip(*levels, strict=True)
    made = line(x, y, "level under shuffled labels", NULL_LOOK, hoverinfo="skip")
    made["line"]["width"] = 1.2
    return {**made, "hovertemplate": None, "meta": {"of": label}}


def unique_panel(story: Story) -> Panel | None:
    """Return the uniqueness of each modality."""
    names = story.modalities
    if len(names) == 1:  # nothing to be unique against
        return None
    wanted = [Quantity(m, ("unique_bits", m), look(m, names)) for m in names]
    traces = estimates(story, wanted, HOVER_BITS)
    return Panel("unique information U [bit]", traces, 160) if traces else None


def shared_panel(story: Story) -> Panel | None:
    """Return redundancy and synergy."""
    count = len(story.modalities)
    wanted = [
        Quantity(shared_name("redundancy", count), ("redundancy_bits",), REDUNDANCY),
        Quantity(shared_name("synergy", count), ("synergy_bits",), SYNERGY),
    ]
    traces = estimates(story, wanted, HOVER_BITS)
    return Panel("redundancy R and synergy S [bit]", traces, 160) if traces else None


def information_panel(story: Story) -> Panel | None:
    """Return what each modality and all together tell about the label, and what there is to."""
    names = story.modalities
    wanted = [Quantity(m, ("mi_bits", m), look(m, names)) for m in names]
    if len(names) > 1:
        wanted.append(Quantity("all modalities", ("joint_mi_bits",), JOINT_LOOK))
    traces = estimates(story, wanted, HOVER_BITS)
    known = [(p["epoch"] + 1, h) for p in story.probes
             if (h := number(p, "label_entropy_bits")) is not None]  # fmt: skip
    if not traces:
        return None
    if known:
        x, y = zip(*known, strict=True)
        traces.append(line(x, y, "H(Y), all there is to know", (MUTED, "longdash", "circle"),
                           hover="%{y:.3f}"))  # fmt: skip
    return Panel("information about the label I(X; Y) [bit]", traces, 160,
                 {"rangemode": "tozero"})  # fmt: skip


def strength_panel(story: Story) -> Panel | None:
    """Return the proxy of effective competitive strength."""
    names = story.modalities
    wanted = [Quantity(m, ("ecs", m), look(m, names)) for m in names]
    traces = estimates(story, wanted, HOVER_BITS, null=False)
    title = "competitive strength, I(X; Y) / H(Y) [share]"
    return Panel(title, traces, axis={"rangemode": "tozero"}) if traces and names[1:] else None


def ratio_panel(story: Story) -> Panel | None:
    """Return the log ratios of uniquenesses, which controllers look at."""
    known = {f"{a}/{b}": f"ln(U {a} / U {b})" for a in story.modalities for b in story.modalities}
    pairs = dict.fromkeys(pair for p in story.probes for pair in inside(p, "log_ratio") or {})
    wanted = [
        Quantity(known.get(pair, pair), ("log_ratio", pair), ratio_look(place))
        for place, pair in enumerate(pairs)
    ]
    traces = estimates(story, wanted, HOVER_BITS, null=False)
    if not traces:
        return None
    values = [e.value for p in story.probes for q in wanted if (e := estimate(p, *q.keys))]
    reach = max(LARGEST_SHOWN_RATIO, *(abs(v) + 0.5 for v in values))
    axis = {"range": [-reach, reach], "zeroline": True}
    return Panel("log ratio of unique information [1]", traces, axis=axis)


def ratio_look(place: int) -> Look:
    """Return the look of a pair of modalities; those of the first eighteen differ."""
    colour = RATIO_COLOURS[(place + place // len(DASHES)) % len(RATIO_COLOURS)]
    return colour, DASHES[place % len(DASHES)], RATIO_MARKERS[place % len(RATIO_MARKERS)]


RATIO_COLOURS = (INK, MUTED, "@6")
RATIO_MARKERS = ("hexagon", "pentagon", "bowtie")
PANELS: tuple[Callable[[Story], Panel | None], ...] = (
    stages_panel, accuracy_panel, loss_panel, unique_panel, shared_panel, information_panel,
    strength_panel, ratio_panel,
)  # fmt: skip


def epoch_numbers(story: Story) -> Table:
    """Return the epochs as a table."""

    def cell(value: Any, digits: int) -> str:
        return "–" if value is None else f"{value:.{digits}f}"

    rows = [
        [
            str(e["epoch"] + 1), e["stage"], ", ".join(e["active"]),
            *(cell(number(e, "accuracy", "validation", name), 4) for name in story.heads),
            *(cell(number(e, "loss", name), 4) for name in story.heads),
        ]
        for e in story.epochs
    ]  # fmt: skip
    header = [
        "epoch", "stage", "in training", *(f"accuracy {name}" for name in story.heads),
        *(f"loss {name}" for name in story.heads),
    ]  # fmt: skip
    caption = "Validation accuracy (share) and training loss (nat) of every epoch."
    return Table(header, rows, caption, words=(1, 2))
