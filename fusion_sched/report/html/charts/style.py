"""Plotly's JSON for what all charts share: lines, points, bars, axes, and panels in a stack."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fusion_sched.report.html.document import plain
from fusion_sched.report.palette import LineStyle
from fusion_sched.report.panels import spread_labels
from fusion_sched.types import Estimate

INK, MUTED = "@ink", "@muted"
RIBBON = 0.16
LINE_PIXELS, HOVER_CHARACTERS, LABEL_CHARACTERS = 2, 56, 16
HEADING_PIXELS, ABOVE_PIXELS, BELOW_PIXELS, LEFT_PIXELS, RIGHT_PIXELS = 34, 12, 44, 46, 12
LABEL_PIXELS, LABEL_GAP = 7, 15
"""Pixels of a letter of a label at a line's end, and between the middles of two labels."""
X_EPOCHS = {"title": {"text": "epoch (0: untrained)"}, "zeroline": False}

Trace = dict[str, Any]


def theme_colour(style: LineStyle) -> str:
    """As the page resolves it for light and dark."""
    return f"@{style.colour}"


def wrapped(text: str) -> str:
    """A sentence in lines that fit into a hover label, as plotly reads it."""
    return "<br>".join(plain(line) for line in textwrap.wrap(text, HOVER_CHARACTERS))


def short(name: str, length: int = LABEL_CHARACTERS) -> str:
    """A name that fits beside an axis, as plotly reads it; both ends of it stay."""
    if len(name) <= length:
        return plain(name)
    tail = length // 3
    return plain(f"{name[: length - tail - 1]}…{name[-tail:]}")


def curve(
    x: Sequence[float],
    y: Sequence[float | None],
    name: str,
    style: LineStyle,
    *,
    markers: bool = False,
    hover: str | None = "%{y:.1f} %",
    **more: Any,
) -> Trace:
    """A line; a gap where a value is `None`."""
    colour = theme_colour(style)
    return {
        "type": "scatter", "x": x, "y": y, "name": plain(name), "legendgroup": plain(name),
        "mode": "lines+markers" if markers else "lines", "connectgaps": False,
        "line": {"color": colour, "dash": style.dash, "width": LINE_PIXELS},
        "marker": {"color": colour, "symbol": style.marker, "size": 6},
        "hovertemplate": hover, **more,
    }  # fmt: skip


def ribbon(
    x: Sequence[float], low: Sequence[float], high: Sequence[float], name: str, colour: str
) -> Trace:
    """The area between both ends of intervals; it comes and goes with its curve."""
    return {
        "type": "scatter", "x": [*x, *reversed(x)], "y": [*high, *reversed(low)], "mode": "lines",
        "line": {"width": 0}, "fill": "toself", "fillcolor": f"{colour}/{RIBBON}",
        "legendgroup": plain(name), "showlegend": False, "hoverinfo": "skip",
        "name": plain(name),
    }  # fmt: skip


def points(
    x: Sequence[float | None], y: Sequence[float], name: str, marker: Trace, hover: str,
    **more: Any,
) -> Trace:  # fmt: skip
    return {
        "type": "scatter", "mode": "markers", "name": plain(name), "x": x, "y": y,
        "marker": marker, "hovertemplate": hover, **more,
    }  # fmt: skip


def level_line(x: float, rows: int, name: str, dash: str, hover: str, **more: Any) -> Trace:
    """One value as an upright line through all rows."""
    return {
        "type": "scatter", "mode": "lines", "x": [x, x], "y": [-0.5, rows - 0.5], "name": name,
        "line": {"color": MUTED, "dash": dash, "width": 1.5}, "hovertemplate": hover, **more,
    }  # fmt: skip


def error_bars(estimates: Sequence[Estimate], colour: str, thickness: float = 2) -> Trace:
    """Intervals as plotly's distances from the values."""
    return {
        "type": "data", "symmetric": False, "color": colour, "thickness": thickness, "width": 4,
        "array": [0 if e.high is None else e.high - e.value for e in estimates],
        "arrayminus": [0 if e.low is None else e.value - e.low for e in estimates],
    }  # fmt: skip


class EndLabel(NamedTuple):
    """The name of a line, written where the line ends."""

    text: str
    value: float
    colour: str


class AxisPanel(NamedTuple):
    """One of several charts over the same axis; `title`: that of this chart, or empty.

    Lines with `labels` are named at their ends; the axis then needs a range.
    """

    title: str
    traces: Sequence[Trace]
    pixels: int = 136
    axis: Mapping[str, Any] = {}
    labels: Sequence[EndLabel] = ()


def panel_stack(
    panels: Sequence[AxisPanel], x_axis: Mapping[str, Any], shapes: Sequence[Trace] = ()
) -> Trace:
    """One figure of panels above each other that share the axis below them.

    The name of a panel's own axis stands above it, where it can be read and takes no width.
    """
    above = HEADING_PIXELS if panels and panels[0].title else ABOVE_PIXELS
    inner = sum(p.pixels for p in panels) + HEADING_PIXELS * (len(panels) - 1)
    data: list[Trace] = []
    layout: Trace = {
        "height": inner + above + BELOW_PIXELS,
        "margin": {
            "l": LEFT_PIXELS, "r": RIGHT_PIXELS, "t": above, "b": BELOW_PIXELS,
        },
        "hovermode": "x unified", "annotations": [], "shapes": list(shapes),
    }  # fmt: skip
    longest = max((len(label.text) for p in panels for label in p.labels), default=0)
    layout["margin"]["r"] += min(longest, LABEL_CHARACTERS) * LABEL_PIXELS
    top = float(inner)
    for position, panel in enumerate(panels, start=1):
        axis = "y" if position == 1 else f"y{position}"
        bottom = top - panel.pixels
        key = axis.replace("y", "yaxis")
        domain = [max(0.0, bottom / inner), top / inner]
        layout[key] = {"domain": domain, "anchor": "x", **panel.axis}
        if panel.title:
            layout["annotations"].append({
                "text": panel.title, "showarrow": False, "xref": "paper", "yref": "paper", "x": 0,
                "y": top / inner, "xanchor": "left", "yanchor": "bottom", "yshift": 5,
                "xshift": -LEFT_PIXELS + 8, "align": "left", "font": {"size": 13, "color": INK},
            })  # fmt: skip
        layout["annotations"] += _end_labels(panel, bottom, inner)
        data += [{**trace, "xaxis": "x", "yaxis": axis} for trace in panel.traces]
        top = bottom - HEADING_PIXELS
    last = "y" if len(panels) == 1 else f"y{len(panels)}"
    layout["xaxis"] = {"anchor": last, **x_axis}
    return {"data": data, "layout": layout}


def _end_labels(panel: AxisPanel, bottom: float, inner: float) -> list[Trace]:
    """The names of a panel's lines at its right edge, apart from each other."""
    if not panel.labels:
        return []
    low, high = panel.axis["range"]
    places = [panel.pixels * (label.value - low) / (high - low) for label in panel.labels]
    apart = spread_labels(places, LABEL_GAP, panel.pixels)
    return [
        {
            # Plotly takes %{…} in an annotation for a template.
            "text": short(label.text).replace("%{", "%&#123;"), "showarrow": False,
            "xref": "paper", "yref": "paper", "x": 1, "y": (bottom + place) / inner,
            "xanchor": "left", "yanchor": "middle", "xshift": 4,
            "font": {"size": 12, "color": label.colour},
        }
        for label, place in zip(panel.labels, apart, strict=True)
    ]  # fmt: skip


def over_epochs(last: int) -> Trace:
    """The axis of epochs that panels share, up to the last one."""
    return {**X_EPOCHS, "range": [-0.5, last + 0.6], "showgrid": False,
            "unifiedhovertitle": {"text": "epoch %{x}"}}  # fmt: skip


def rows_axis(names: Sequence[str], length: int = LABEL_CHARACTERS) -> Trace:
    """A vertical axis with a name at each whole number, the first at the top.

    Positions are numbers: names like "10" and "9" would be put in order as numbers otherwise.
    """
    return {
        "tickmode": "array", "tickvals": list(range(len(names))),
        "ticktext": [short(name, length) for name in names], "range": [len(names) - 0.5, -0.5],
        "zeroline": False, "showgrid": False, "automargin": True,
    }  # fmt: skip


def figure(
    data: Sequence[Trace], pixels: int, x_axis: Mapping[str, Any], y_axis: Mapping[str, Any],
    **layout: Any,
) -> Trace:  # fmt: skip
    margin = {"l": LEFT_PIXELS, "r": RIGHT_PIXELS, "t": 12, "b": BELOW_PIXELS}
    return {
        "data": list(data),
        "layout": {
            "height": pixels, "margin": margin, "xaxis": dict(x_axis), "yaxis": dict(y_axis),
            **layout,
        },
    }  # fmt: skip
