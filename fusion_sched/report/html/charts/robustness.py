"""What is left without a modality or under noise, and what each modality contributes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fusion_sched.report.html.charts.style import (
    INK,
    Trace,
    curve,
    figure,
    level_line,
    points,
    rows_axis,
    theme_colour,
)
from fusion_sched.report.html.document import Chart, Table, plain
from fusion_sched.report.palette import head_style
from fusion_sched.report.panels import NOISE_AXES, noise_panels
from fusion_sched.report.records import RobustnessRecord
from fusion_sched.report.view import RunView
from fusion_sched.report.words import in_percent

ROW_PIXELS = 44
HOVER = "%{x:.1f} %<extra>%{fullData.name}</extra>"


class Replacement(NamedTuple):
    """What stands for a missing modality, and how its accuracies are drawn."""

    name: str
    symbol: str
    colour: str


MEAN = "missing_mean"
REPLACEMENTS = {
    MEAN: Replacement("its embedding's mean", "circle", INK),
    "missing_zeros": Replacement("zeros", "square-open", INK),
}


def missing(view: RunView) -> Chart | None:
    """The fused accuracy by the modality that is missing, in either way."""
    result, robustness = view.result, _robustness(view)
    if result is None or robustness is None:
        return None
    columns = {key: robustness.missing[key] for key in REPLACEMENTS}
    names = [m for m in view.modalities if any(m in column for column in columns.values())]
    if not names:
        return None
    data = [_missing_points(key, column, names) for key, column in columns.items()]
    for share, name, dash in ((result.accuracy, "nothing missing", "solid"),
                              (robustness.constant, "everything missing", "dot")):  # fmt: skip
        if share is not None:
            data.append(level_line(100 * share, len(names), name, dash, HOVER))
    values = [x for trace in data for x in trace["x"] if x is not None]
    margin = 0.05 * (max(values) - min(values)) + 1  # lines would lie on the edge
    axis: Trace = {
        "title": {"text": "fused test accuracy [%]"}, "zeroline": False,
        "range": [min(values) - margin, max(values) + margin],
    }  # fmt: skip
    rows = [[m, *(in_percent(column.get(m)) for column in columns.values())] for m in names]
    header = ["missing", *(replacement.name for replacement in REPLACEMENTS.values())]
    return Chart(
        "A modality is missing",
        figure(data, ROW_PIXELS * len(names) + 70, axis, rows_axis(names)),
        "Fused test accuracy without one modality.",
        Table(header, rows, "Fused test accuracy."),
    )


def _robustness(view: RunView) -> RobustnessRecord | None:
    return None if view.result is None else view.result.robustness


def _missing_points(key: str, by_modality: Mapping[str, float], names: list[str]) -> Trace:
    name, symbol, colour = REPLACEMENTS[key]
    marker = {"symbol": symbol, "color": colour, "size": 11, "line": {"color": colour, "width": 2}}
    x = [100 * by_modality[m] if m in by_modality else None for m in names]
    return points(x, list(range(len(names))), name, marker, HOVER)


def noise(view: RunView) -> Chart | None:
    """The fused accuracy over the level of noise in one modality; a panel per kind."""
    panels, robustness = noise_panels(view), _robustness(view)
    if view.result is None or robustness is None or not panels:
        return None
    data, layout = [], {}
    for place, (kind, series) in enumerate(panels.items()):
        axis = f"x{place + 1 if place else ''}"
        data += [
            {**curve(s.levels, s.percents, s.modality, s.style, markers=True), "xaxis": axis,
             "yaxis": "y"}
            for s in series
        ]  # fmt: skip
        layout[axis.replace("x", "xaxis")] = _level_axis(kind, place, len(panels))
    curves = {m: robustness.noise[m] for m in view.modalities if m in robustness.noise}
    levels = "; ".join(NOISE_AXES[kind][2] for kind in panels if kind in NOISE_AXES)
    vertical = {"title": {"text": "fused test accuracy [%]"}, "zeroline": False}
    rows = [
        [m, c.kind, level, in_percent(share)]
        for m, c in curves.items()
        for level, share in zip(c.names, c.accuracies, strict=True)
    ]
    return Chart(
        "Noise in one modality",
        figure(data, 190, layout.pop("xaxis"), vertical, **layout, hovermode="x unified"),
        f"Fused test accuracy{'; ' if levels else ''}{levels}.",
        Table(["modality", "kind", "level", "accuracy"], rows, "Fused test accuracy.", words=(1,)),
    )


def _level_axis(kind: str, place: int, count: int) -> dict[str, Any]:
    """The axis of one kind of noise, beside those of the others."""
    title = NOISE_AXES[kind][0] if kind in NOISE_AXES else f"{plain(kind)} [level]"
    gap = 0.03 if place else 0.0
    return {
        "title": {"text": title}, "anchor": "y", "rangemode": "tozero", "zeroline": False,
        "domain": [place / count + gap, (place + 1) / count],
    }  # fmt: skip


def _horizontal_bars(
    view: RunView, names: list[str], values: Sequence[float], hover: str
) -> list[Trace]:
    colours = [theme_colour(head_style(name, view.modalities)) for name in names]
    return [
        {
            "type": "bar", "orientation": "h", "x": values, "y": list(range(len(names))),
            "width": 0.5, "showlegend": False, "name": "", "marker": {"color": colours},
            "hovertemplate": f"{hover}<extra></extra>",
        }
    ]  # fmt: skip


def contribution(view: RunView) -> Chart | None:
    """How much accuracy each modality adds on average, its Shapley value."""
    robustness = _robustness(view)
    shapley = {} if robustness is None else robustness.shapley
    names = [m for m in view.modalities if m in shapley]
    if robustness is None or not names:
        return None
    values = [100 * shapley[m] for m in names]
    axis = {"title": {"text": "Shapley value [points of accuracy]"}, "zeroline": True}
    constant = in_percent(robustness.constant)
    rows = [["nothing", constant]] + [
        [name.replace("/", " and "), in_percent(share)]
        for name, share in robustness.coalitions.items()
    ]
    bars = _horizontal_bars(view, names, values, "%{x:+.1f} points")
    return Chart(
        "Contribution of each modality",
        figure(bars, ROW_PIXELS * len(names) + 60, axis, rows_axis(names)),
        f"Above {constant} with everything masked: what the network uses, not what the data offer.",
        Table(["with only", "accuracy"], rows, "Fused test accuracy with all others masked."),
    )
