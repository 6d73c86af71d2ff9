"""What is left without a modality or under noise, whether probabilities can be believed."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fusion_sched.report.html.charts.style import (
    INK,
    Trace,
    figure,
    line,
    look,
    rows_axis,
)
from fusion_sched.report.html.document import Chart, Table, plain
from fusion_sched.report.noise import NoiseCurve, noise_curves
from fusion_sched.report.story import Event, Story, number, numbers
from fusion_sched.report.words import bits, listed, percent
from fusion_sched.runlog import inside
from fusion_sched.types import FUSED

ROW_PIXELS = 52
KINDS = {
    "gaussian": ("noise [SD]", "levels in standard deviations of the values"),
    "tokens": ("replaced [share]", "levels as share of the tokens"),
}
"""By kind of noise: the title of its axis, which must fit beside another, and what a level is."""


class Way(NamedTuple):
    """A way to be missing: what it is called, its marker and its colour."""

    name: str
    symbol: str
    colour: str


MEAN = "missing_mean"
WAYS = {
    MEAN: Way("embedding replaced by its mean", "circle", "@1"),
    "missing_zeros": Way("input set to zero", "square-open", "@2"),
}
"""By the key of the result."""


def examined(story: Story) -> Event:
    """Return what the result holds under ``robustness``; empty in older traces."""
    found = inside(story.result, "robustness")
    return found if isinstance(found, dict) else {}


def whole(story: Story) -> float | None:
    """Return the fused test accuracy with everything there."""
    return number(story.result, "test", FUSED, "accuracy")


def missing(story: Story) -> Chart | None:
    """Return the fused accuracy by the modality that is missing, in either way."""
    found, everything = examined(story), whole(story)
    ways = {key: numbers(found, key) for key in WAYS}
    names = [m for m in story.modalities if any(m in by for by in ways.values())]
    if not names or everything is None:
        return None
    data = [missing_points(key, by, names) for key, by in ways.items()]
    data.append(level_line(everything, len(names), "nothing missing", "solid"))
    constant = number(found, "contribution", "constant")
    if constant is not None:
        data.append(level_line(constant, len(names), "everything missing", "dot"))
    axis: Trace = {
        "title": {"text": "fused test accuracy [%]"}, "zeroline": False,
        "range": frame([x for trace in data for x in trace["x"] if x is not None]),
    }  # fmt: skip
    told = [f"without {m} {percent(ways[MEAN][m])}" for m in names if m in ways[MEAN]]
    parts = f"; with its embedding replaced by the training mean: {listed(told)}" if told else ""
    rows = [[m, *(percent(by.get(m)) for by in ways.values())] for m in names]
    return Chart(
        "A modality is missing",
        figure(data, ROW_PIXELS * len(names) + 70, axis, rows_axis(names)),
        f"Fused test accuracy is {percent(everything)} with everything there{parts}.",
        Table(["missing", *(way.name for way in WAYS.values())], rows, "Fused test accuracy."),
    )


def missing_points(key: str, by_modality: Mapping[str, float], names: list[str]) -> Trace:
    """Return the accuracies where each modality is missing in one way."""
    name, symbol, colour = WAYS[key]
    return {
        "type": "scatter", "mode": "markers", "name": name, "y": list(range(len(names))),
        "x": [100 * by_modality[m] if m in by_modality else None for m in names],
        "marker": {
            "symbol": symbol, "color": colour, "size": 11, "line": {"color": colour, "width": 2},
        },
        "hovertemplate": "%{x:.1f} %<extra>%{fullData.name}</extra>",
    }  # fmt: skip


def frame(percents: Sequence[float]) -> list[float]:
    """Return a range with some room around the values: lines would lie on its edge."""
    room = 0.05 * (max(percents) - min(percents)) + 1
    return [min(percents) - room, max(percents) + room]


def level_line(share: float, rows: int, name: str, dash: str) -> Trace:
    """Return an accuracy as a line through all rows."""
    return {
        "type": "scatter", "mode": "lines", "x": [100 * share] * 2, "y": [-0.5, rows - 0.5],
        "name": name, "line": {"color": INK, "dash": dash, "width": 1.5},
        "hovertemplate": "%{x:.1f} %<extra>%{fullData.name}</extra>",
    }  # fmt: skip


def noise(story: Story) -> Chart | None:
    """Return the fused accuracy over the level of noise in one modality; a panel per kind."""
    found, everything = noise_curves(story.result), whole(story)
    curves = {m: found[m] for m in story.modalities if m in found}
    if not curves or everything is None:
        return None
    kinds = list(dict.fromkeys(curve.kind for curve in curves.values()))
    axes = {f"x{place + 1 if place else ''}": kind for place, kind in enumerate(kinds)}
    data = [
        {**noise_line(story, m, curve, everything), "xaxis": axis, "yaxis": "y"}
        for axis, kind in axes.items()
        for m, curve in curves.items()
        if curve.kind == kind
    ]
    layout: dict[str, Any] = {
        axis.replace("x", "xaxis"): level_axis(kind, place, len(kinds))
        for place, (axis, kind) in enumerate(axes.items())
    }
    told = listed([f"{m} {percent(c.shares[-1])} (level {c.names[-1]})" for m, c in curves.items()])
    levels = "; ".join(KINDS[kind][1] for kind in kinds if kind in KINDS)
    rule = f" ({levels})" if levels else ""
    vertical = {"title": {"text": "fused test accuracy [%]"}, "zeroline": False}
    rows = [
        [m, curve.kind, level, percent(share)]
        for m, curve in curves.items()
        for level, share in zip(curve.names, curve.shares, strict=True)
    ]
    return Chart(
        "Noise in one modality",
        figure(data, 320, layout.pop("xaxis"), vertical, **layout, hovermode="x unified"),
        f"From {percent(everything)} without noise, the strongest noise leaves: {told}{rule}.",
        Table(["modality", "kind", "level", "accuracy"], rows, "Fused test accuracy.", words=(1,)),
    )


def level_axis(kind: str, place: int, count: int) -> dict[str, Any]:
    """Return the axis of one kind of noise, beside those of the others."""
    gap = 0.03 if place else 0.0
    return {
        "title": {"text": axis_title(kind)}, "anchor": "y",
        "domain": [place / count + gap, (place + 1) / count], "rangemode": "tozero",
        "zeroline": False,
    }  # fmt: skip


def axis_title(kind: str) -> str:
    """Return the title of the axis of a kind of noise."""
    return KINDS[kind][0] if kind in KINDS else f"{plain(kind)} [level]"


def noise_line(story: Story, name: str, curve: NoiseCurve, everything: float) -> Trace:
    """Return one modality's curve, from no noise on."""
    shares = [100 * share for share in (everything, *curve.shares)]
    return line([0.0, *curve.levels], shares, name, look(name, story.modalities), markers=True)


def calibration(story: Story) -> Chart | None:
    """Return the expected calibration error of each head."""
    found = inside(examined(story), "calibration")
    errors = numbers(found, "ece")
    names = [name for name in story.heads if name in errors]
    if not names:
        return None
    data = horizontal_bars(story, names, [100 * errors[name] for name in names], "%{x:.1f} points")
    axis = {"title": {"text": "expected calibration error [points]"}, "rangemode": "tozero"}
    told = listed([f"{name} {100 * errors[name]:.1f}" for name in names])
    summary = (
        f"Average distance of confidence from accuracy, in points: {told}. The fused head's "
        f"negative log-likelihood is {bits(number(found, 'nll_nats'))} nat, its Brier score "
        f"{bits(number(found, 'brier'))}. Biased upwards for few samples."
    )
    pixels = ROW_PIXELS * len(names) + 60
    return Chart("Calibration on test", figure(data, pixels, axis, rows_axis(names)), summary)


def horizontal_bars(story: Story, names: list[str], values: list[float], hover: str) -> list[Trace]:
    """Return one bar per head."""
    return [
        {
            "type": "bar", "orientation": "h", "x": values, "y": list(range(len(names))),
            "width": 0.5, "showlegend": False, "name": "",
            "marker": {"color": [look(name, story.modalities)[0] for name in names]},
            "hovertemplate": f"{hover}<extra></extra>",
        }
    ]  # fmt: skip


def contribution(story: Story) -> Chart | None:
    """Return how much accuracy each modality adds on average, its Shapley value."""
    found = inside(examined(story), "contribution")
    values = numbers(found, "shapley")
    names = [m for m in story.modalities if m in values]
    if not names:
        return None
    data = horizontal_bars(story, names, [100 * values[m] for m in names], "%{x:+.1f} points")
    axis = {"title": {"text": "Shapley value [points of accuracy]"}, "zeroline": True}
    told = listed([f"{m} {100 * values[m]:+.1f}" for m in names])
    constant = percent(number(found, "constant"))
    rows = [["nothing", constant]] + [
        [plain_coalition(name), percent(share)]
        for name, share in numbers(found, "coalitions").items()
    ]
    pixels = ROW_PIXELS * len(names) + 60
    return Chart(
        "Contribution of each modality",
        figure(data, pixels, axis, rows_axis(names)),
        f"Above {constant} with everything masked, the modalities add {told} points. It says what "
        "the network uses, not what the data offers.",
        Table(["with only", "accuracy"], rows, "Fused test accuracy with all others masked."),
    )


def plain_coalition(name: str) -> str:
    """Return ``a/b`` as words."""
    return name.replace("/", " and ")
