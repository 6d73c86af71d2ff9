"""The whole run over its epochs: stages and decisions, accuracy, loss, information."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from fusion_sched.report import panels
from fusion_sched.report.html.charts.style import (
    INK,
    MUTED,
    AxisPanel,
    EndLabel,
    Trace,
    curve,
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
from fusion_sched.report.words import fixed, sentence_case, stage_words, timeline_summary

MARKED_PROBES = 60
HOVERS = {"%": "%{y:.1f} %", "nat": "%{y:.3f}"}
"""By unit; of all others an interval is shown too."""
HOVER_INTERVAL = "%{y:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}]"
SCHEDULE = ((panels.accuracy_panel, 190),)
REST = (
    (panels.unique_panel, 150), (panels.redundancy_panel, 120), (panels.synergy_panel, 120),
    (panels.loss_panel, 120), (panels.strength_panel, 120), (panels.ratio_panel, 120),
)  # fmt: skip
"""Each with its height in pixels."""
ROW_PIXELS, BAR_PIXELS, MARK_PIXELS, INFORMATION_PIXELS = 22, 9, 16, 190
PADDING = 0.06
"""Share of the values' span that an axis goes beyond them."""
KEPT = "kept weights"
MOST_LINES = 30
"""Changes of stage beyond which lines through all panels would hide the data."""
ROOM_FOR_NAME = 0.16
"""Share of the axis below which the name of a stage does not fit into its span."""


def schedule(view: RunView) -> Chart | None:
    """Who trains, decisions and accuracy; `None` where a run has neither epoch nor probe."""
    if not view.epochs and not view.probes:
        return None
    strip = stages_panel(view)
    stack = [*([strip] if strip else []), *_panels(view, SCHEDULE)]
    name = "Stages, decisions and accuracy over the epochs"
    return Chart(name, _over_epochs(view, stack), timeline_summary(view), epoch_numbers(view))


def information_charts(view: RunView) -> list[Chart]:
    """What each source tells of the label over the epochs; both readings on the same scale."""
    made = [panels.information_panel(view), panels.generalising_panel(view)]
    known = [panel for panel in made if panel is not None]
    if not known:
        return []
    reach = _range([v for panel in known for v in _ends(panel)], from_zero=True)
    words = {
        0: "Of the samples of the diagnosis. Ribbons are 95\u00a0% intervals.",
        1: "Of validation samples, which the encoders never trained on; the same scale.",
    }
    charts = []
    for place, panel in enumerate(made):
        if panel is None:
            continue
        stack = [panel_of(panel, INFORMATION_PIXELS, reach)]
        name = panel.title.removesuffix(" I(X; Y) [bit]")
        charts.append(Chart(sentence_case(name), _over_epochs(view, stack), words[place]))
    return charts


def remaining_quantities(view: RunView) -> Chart | None:
    """Every other quantity over the epochs."""
    stack = _panels(view, REST)
    if not stack:
        return None
    text = "Redundancy and synergy have an axis of their own. Ribbons are 95\u00a0% intervals."
    return Chart("More over the epochs", _over_epochs(view, stack), text)


def _panels(
    view: RunView, makers: Sequence[tuple[Callable[[RunView], Panel | None], int]]
) -> list[AxisPanel]:
    return [panel_of(panel, pixels) for make, pixels in makers if (panel := make(view))]


def _over_epochs(view: RunView, stack: Sequence[AxisPanel]) -> Trace:
    made = panel_stack(stack, over_epochs(view.last_epoch_seen), list(tints(view, len(stack))))
    made["layout"]["meta"] = {"direct": True}
    return made


def _ends(panel: Panel) -> list[float]:
    """All numbers of a panel that its axis has to hold."""
    values = [v for series in panel.series for _, v in series.known]
    sides = [end for v in values for end in (v.value, v.low, v.high) if end is not None]
    if panel.nulls:
        sides += [v.null for v in values if v.null is not None]
    return [*sides, *([panel.selected[1]] if panel.selected else [])]


def _range(values: Sequence[float], from_zero: bool = False) -> list[float]:
    low, high = min(values), max(values)
    pad = PADDING * (high - low) or 0.5
    return [min(0.0, low) if from_zero else low - pad, high + pad]


def panel_of(panel: Panel, pixels: int, reach: Sequence[float] | None = None) -> AxisPanel:
    """For each series its ribbon, its curve, its name and its level under shuffled labels."""
    unit = panel.title[panel.title.rindex("[") + 1 : -1]
    ribbons: list[Trace] = []
    curves: list[Trace] = []
    for series in panel.series:
        within = [(x, v.low, v.high) for x, v in series.known
                  if v.low is not None and v.high is not None]  # fmt: skip
        if within:
            x, low, high = zip(*within, strict=True)
            ribbons.append(ribbon(x, low, high, series.label, theme_colour(series.style)))
        curves.append(_curve_of(series, unit))
        levels = [(x, v.null) for x, v in series.known if v.null is not None]
        if panel.nulls and levels:
            epochs, nulls = zip(*levels, strict=True)
            # All of them share a legend entry.
            null = curve(epochs, nulls, "level under shuffled labels", NULL_LEVEL, hover=None,
                         hoverinfo="skip", meta={"of": series.label})  # fmt: skip
            null["line"]["width"] = 1.2
            curves.append(null)
    if panel.selected is not None:
        epoch, value = panel.selected
        marker = {"symbol": "circle-open", "size": 13, "color": MUTED, "line": {"width": 2}}
        hover = "selected on validation<extra></extra>"
        curves.append(points(
            [epoch], [value], "selected epoch", marker, hover, showlegend=False,
            mode="markers+text", text=["selected"], textposition="bottom left",
            textfont={"color": MUTED, "size": 12},
        ))  # fmt: skip
    span = list(reach or _range(_ends(panel), panel.from_zero))
    if panel.reach is not None:
        span = [-panel.reach, panel.reach]
    axis: Trace = {"range": span, "zeroline": panel.reach is not None}
    labels = [
        EndLabel(series.label, min(max(series.known[-1][1].value, span[0]), span[1]),
                 theme_colour(series.style))
        for series in panel.series if series.known
    ]  # fmt: skip
    return AxisPanel(panel.title, ribbons + curves, pixels, axis, labels)


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
            "x": [(s.first + s.last) / 2 for s in fitting], "y": [0] * len(fitting),
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
