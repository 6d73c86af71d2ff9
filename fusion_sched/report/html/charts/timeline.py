"""The whole run over its epochs: stages and decisions, accuracy, loss, information."""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any

from fusion_sched.report import panels
from fusion_sched.report.html.charts.style import (
    INK,
    MUTED,
    AxisPanel,
    EndLabel,
    Trace,
    curve,
    error_bars,
    over_epochs,
    panel_stack,
    points,
    ribbon,
    rows_axis,
    theme_colour,
    wrapped,
)
from fusion_sched.report.html.document import Chart, Table, plain
from fusion_sched.report.palette import NULL_LEVEL, head_style
from fusion_sched.report.panels import Panel, Series
from fusion_sched.report.records import DecisionRecord
from fusion_sched.report.view import RunView, StageSpan
from fusion_sched.report.words import (
    diagnosed_samples,
    fixed,
    sentence_case,
    stage_words,
    timeline_summary,
)
from fusion_sched.types import Estimate

MARKED_PROBES = 60
HOVERS = {"%": "%{y:.1f} %", "nat": "%{y:.3f}"}
"""By unit; of all others an interval is shown too."""
HOVER_INTERVAL = "%{y:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}]"
ROW_PIXELS, BAR_PIXELS, MARK_PIXELS = 20, 9, 16
ACCURACY_PIXELS, SMALL_PIXELS = 150, 140
PADDING = 0.06
"""Share of the values' span that an axis goes beyond them."""
FAR_APART = 0.2
"""Share of the epochs between two diagnoses beyond which they are not joined by a solid line."""
KEPT = "kept weights"
MOST_LINES = 30
"""Changes of stage beyond which lines through all panels would hide the data."""
ROOM_FOR_NAME = 0.16
"""Share of the axis below which the name of a stage does not fit into its span."""


def schedule(view: RunView) -> Chart | None:
    """Who trains, decisions and accuracy; `None` where a run has neither epoch nor probe."""
    if not view.epochs and not view.probes:
        return None
    strip, accuracy = stages_panel(view), panels.accuracy_panel(view)
    stack = [strip] if strip else []
    stack += [panel_of(view, accuracy, ACCURACY_PIXELS)] if accuracy else []
    name = "Stages, decisions and accuracy over the epochs"
    return Chart(name, _over_epochs(view, stack), timeline_summary(view), epoch_numbers(view))


def information_charts(view: RunView) -> list[Chart]:
    """Information of each modality over the epochs, both readings on one scale, and the losses."""
    samples = sentence_case(diagnosed_samples(view))
    second = any(p.generalising is not None for p in view.probes)
    rising = " Where only this one rises, the encoders memorise them." if second else ""
    made = [
        (panels.information_panel(view), f"{samples}.{rising}"),
        (panels.generalising_panel(view), "Validation samples, which no encoder trains on."),
    ]
    known = [(panel, text) for panel, text in made if panel is not None]
    ends = [end for panel, _ in known for end in _ends(view, panel)]
    reach = _range(ends, from_zero=True) if ends else None
    charts = [_small(view, panel, text, reach) for panel, text in known]
    loss = panels.loss_panel(view)
    return charts + ([_small(view, loss, "Mean over the batches of an epoch.")] if loss else [])


def part_charts(view: RunView) -> list[Chart]:
    """Unique information, redundancy and synergy over the epochs, a chart for each."""
    made = (panels.unique_panel, panels.redundancy_panel, panels.synergy_panel)
    text = "Ribbons: 95\u00a0% intervals; dotted: shuffled labels."
    return [_small(view, panel, text) for make in made if (panel := make(view))]


def _small(
    view: RunView, panel: Panel, text: str, reach: Sequence[float] | None = None
) -> Chart:  # fmt: skip
    """One panel, whose title is that of the chart."""
    axes = panel_of(view, panel, SMALL_PIXELS, reach)._replace(title="")
    return Chart(sentence_case(panel.title), _over_epochs(view, [axes]), text)


def _over_epochs(view: RunView, stack: Sequence[AxisPanel]) -> Trace:
    return panel_stack(stack, over_epochs(view.last_epoch_seen), list(tints(view, len(stack))))


def _drawn(view: RunView, value: Estimate) -> Estimate:
    """An estimate whose interval ends at 0 and at H(Y): information is never beyond them."""
    if value.low is None or value.high is None:
        return value
    entropy = max((p.diagnosis.label_entropy for p in view.probes), default=value.high)
    low, high = max(value.low, min(0.0, value.value)), min(value.high, max(entropy, value.value))
    return value._replace(low=low, high=high)


def _ends(view: RunView, panel: Panel) -> list[float]:
    """All numbers of a panel that its axis has to hold."""
    values = [_drawn(view, v) for series in panel.series for _, v in series.known]
    sides = [end for v in values for end in (v.value, v.low, v.high) if end is not None]
    if panel.nulls:
        sides += [v.null for v in values if v.null is not None]
    return [*sides, *([panel.selected[1]] if panel.selected else [])]


def _range(values: Sequence[float], from_zero: bool = False) -> list[float]:
    low, high = min(values), max(values)
    pad = PADDING * (high - low) or 0.5
    return [min(0.0, low) if from_zero else low - pad, high + pad]


def panel_of(
    view: RunView, panel: Panel, pixels: int, reach: Sequence[float] | None = None
) -> AxisPanel:  # fmt: skip
    """For each series its ribbon, its curve, its name and its level under shuffled labels."""
    unit = panel.title[panel.title.rindex("[") + 1 : -1]
    ribbons: list[Trace] = []
    curves: list[Trace] = []
    for series in panel.series:
        within = [(x, v) for x, v in series.known if v.low is not None and v.high is not None]
        drawn = [_drawn(view, v) for _, v in within]
        curves.append(_curve_of(series, unit))
        if within and _far_apart(view, series):
            colour = theme_colour(series.style)
            curves[-1] |= {"mode": "lines+markers", "error_y": error_bars(drawn, colour, 1.2)}
            curves[-1]["line"] |= {"dash": "dot", "width": 0.8}
        elif within:
            low, high = [v.low or 0.0 for v in drawn], [v.high or 0.0 for v in drawn]
            epochs = [x for x, _ in within]
            ribbons.append(ribbon(epochs, low, high, series.label, theme_colour(series.style)))
        levels = [(x, v.null) for x, v in series.known if v.null is not None]
        if panel.nulls and levels:
            epochs, nulls = map(list, zip(*levels, strict=True))
            null = curve(epochs, nulls, "level under shuffled labels", NULL_LEVEL, hover=None,
                         hoverinfo="skip", showlegend=False, meta={"of": series.label})  # fmt: skip
            null["line"]["width"] = 1.2
            curves.append(null)
    if panel.selected is not None:
        curves.append(_selected_mark(*panel.selected))
    span = list(reach or _range(_ends(view, panel), panel.from_zero))
    labels = [
        EndLabel(series.label, min(max(series.known[-1][1].value, span[0]), span[1]),
                 theme_colour(series.style))
        for series in panel.series if series.known
    ]  # fmt: skip
    return AxisPanel(
        panel.title, ribbons + curves, pixels, {"range": span, "zeroline": False}, labels
    )


def _selected_mark(epoch: int, value: float) -> Trace:
    marker = {"symbol": "circle-open", "size": 13, "color": MUTED, "line": {"width": 2}}
    hover = "selected on validation<extra></extra>"
    return points([epoch], [value], "selected epoch", marker, hover, showlegend=False)


def _far_apart(view: RunView, series: Series) -> bool:
    """Whether epochs without a diagnosis are a large part of the run."""
    gaps = [b - a for (a, _), (b, _) in pairwise(series.known)]
    return max(gaps, default=0) > max(1, FAR_APART * view.last_epoch_seen)


def _curve_of(series: Series, unit: str) -> Trace:
    """The line of a series, which is named at its end and not in the legend."""
    values = [None if v is None else v.value for v in series.values]
    settings: dict[str, Any] = {"hover": "%{y:.3f}", "showlegend": False}
    if unit in HOVERS:
        settings |= {"hover": HOVERS[unit], "markers": len(series.known) == 1}
    elif any(v.low is not None for _, v in series.known):
        settings |= {
            "hover": HOVER_INTERVAL, "customdata": [[v.low, v.high] for _, v in series.known],
            "markers": len(values) <= MARKED_PROBES,
        }  # fmt: skip
    return curve(series.epochs, values, series.label, series.style, **settings)


def stages_panel(view: RunView) -> AxisPanel | None:
    names = view.modalities
    traces = _stage_names(view)
    for row, name in enumerate(names, start=1):
        for joint in (False, True):
            x = [
                v for s in view.spans if s.stage.joint == joint and name in s.stage.active
                for v in (s.first - 0.5, s.last + 0.5, None)
            ]  # fmt: skip
            if x:
                colour = theme_colour(head_style(name, names)) + ("~0.45" if joint else "")
                traces.append({
                    "type": "scatter", "mode": "lines", "x": x,
                    "y": [None if v is None else row for v in x],
                    "line": {"color": colour, "width": BAR_PIXELS},
                    "name": plain(f"{name} in training"), "hoverinfo": "skip", "showlegend": False,
                })  # fmt: skip
    traces += _decision_marks(view, len(names) + 1)
    if not traces:
        return None
    rows = ["stage", *names, "decision", *([KEPT] if kept_epoch(view) is not None else [])]
    return AxisPanel("modalities in training", traces, ROW_PIXELS * len(rows), rows_axis(rows, 12))


def _stages(view: RunView) -> list[StageSpan]:
    """The spans of one stage, whoever trains in it."""
    groups = [list(group) for _, group in groupby(view.spans, key=lambda s: s.stage.joint)]
    return [StageSpan(g[0].first, g[-1].last, g[0].stage) for g in groups]


def _stage_names(view: RunView) -> list[Trace]:
    """The names of the stages, each in its span where it fits."""
    spans = _stages(view)
    if not spans:
        return []
    length = spans[-1].last - spans[0].first + 1
    fitting = [s for s in spans if s.last - s.first + 1 >= ROOM_FOR_NAME * length]
    return [
        {
            "type": "scatter", "mode": "text", "hoverinfo": "skip", "showlegend": False,
            # The first from its beginning on: in its middle it would be cut off on a phone.
            "x": [s.first - 0.5 if s is spans[0] else (s.first + s.last) / 2 for s in fitting],
            "y": [0] * len(fitting),
            "textposition": [
                "middle right" if s is spans[0] else "middle center" for s in fitting
            ],
            "text": [s.stage.name for s in fitting], "textfont": {"color": INK, "size": 11},
            "name": "stage",
        }
    ]  # fmt: skip


def _decision_marks(view: RunView, row: int) -> list[Trace]:
    """The numbers of the decisions after each epoch, whose label is their sentences, and below
    them a mark for the weights that were kept.
    """
    by_epoch: dict[int, list[tuple[int, DecisionRecord]]] = {}
    for number, decision in enumerate(view.decisions, start=1):
        by_epoch.setdefault(decision.number, []).append((number, decision))
    traces: list[Trace] = []
    if by_epoch:
        texts = [
            "<br>".join(wrapped(f"{n}. {stage_words(d.stage)}: {d.reason}") for n, d in decisions)
            for decisions in by_epoch.values()
        ]
        # A decision on the whole run comes after its last epoch.
        places = [min(epoch, view.last_epoch_seen or epoch) + 0.5 for epoch in by_epoch]
        traces.append(_marks(places, row, "circle", "decision", texts))
        traces[-1]["marker"] |= {
            "color": "@surface", "line": {"color": MUTED, "width": 1},
            "size": [MARK_PIXELS * (1.0 if len(d) == 1 else 1.6) for d in by_epoch.values()],
        }  # fmt: skip
        numbers = [
            str(d[0][0]) if len(d) == 1 else f"{d[0][0]}–{d[-1][0]}" for d in by_epoch.values()
        ]
        traces[-1] |= {
            "mode": "markers+text", "text": numbers, "textposition": "middle center",
            "textfont": {"color": INK, "size": 11}, "showlegend": False,
        }  # fmt: skip
    epoch = kept_epoch(view)
    if epoch is not None:
        text = wrapped(f"joint training began from the weights of epoch {epoch}")
        traces.append(_marks([epoch], row + 1, "star-open", KEPT, [text]) | {"showlegend": False})
    return traces


def kept_epoch(view: RunView) -> int | None:
    """The epoch, from 1, whose weights joint training began from, where it went back to them."""
    kept = None if view.hand_over is None else view.hand_over.restored_epoch
    return None if kept is None else kept + 1


def _marks(x: Sequence[float], row: int, symbol: str, name: str, texts: list[str]) -> Trace:
    marker = {"symbol": symbol, "size": MARK_PIXELS, "color": MUTED}
    return points(x, [row] * len(x), name, marker, "%{hovertext}<extra></extra>",
                  hovertext=texts, cliponaxis=False)  # fmt: skip


def tints(view: RunView, axes: int) -> Iterator[Trace]:
    """For each panel, a tint behind each stage and a line at each change."""
    changes = [s.last + 0.5 for s in view.spans[:-1]]
    for position in range(1, axes + 1):
        panel: dict[str, Any] = {
            "xref": "x", "yref": f"y{'' if position == 1 else position} domain", "y0": 0, "y1": 1,
            "layer": "below",
        }  # fmt: skip
        for span in _stages(view):
            yield panel | {
                "type": "rect", "x0": span.first - 0.5, "x1": span.last + 0.5,
                "line": {"width": 0}, "fillcolor": f"@{span.stage.name}",
            }  # fmt: skip
        for x in changes if len(changes) <= MOST_LINES else []:
            line = {"color": MUTED, "width": 1, "dash": "dot"}
            yield panel | {"type": "line", "x0": x, "x1": x, "line": line}


def epoch_numbers(view: RunView) -> Table:
    rows = [
        [
            str(e.number), e.stage.name, ", ".join(e.stage.active),
            *(fixed(e.accuracy.get(head), 4) for head in view.heads),
            *(fixed(e.loss.get(head), 4) for head in view.heads),
        ]
        for e in view.epochs
    ]  # fmt: skip
    header = [
        "epoch", "stage", "in training", *(f"accuracy {head}" for head in view.heads),
        *(f"loss {head}" for head in view.heads),
    ]  # fmt: skip
    caption = "Validation accuracy (share) and training loss (nat) of every epoch."
    return Table(header, rows, caption, words=(1, 2))
