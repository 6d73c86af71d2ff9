"""What all charts share: who has which colour, dash and marker, and how panels are stacked."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fusion_sched.report.html.document import plain
from fusion_sched.types import FUSED

# Never colour alone: each modality has a dash and a marker too.
COLOURS = ("@1", "@2", "@3", "@4", "@5", "@6")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MARKERS = ("circle", "square", "triangle-up", "diamond", "cross", "x")
INK, MUTED = "@ink", "@muted"
REDUNDANCY, SYNERGY = ("@4", "dashdot", "diamond"), ("@5", "longdash", "star")
RIBBON = 0.16
LINE_PIXELS, HOVER_CHARACTERS, LABEL_CHARACTERS = 2, 56, 16
HEADING_PIXELS, BELOW_PIXELS, LEFT_PIXELS, RIGHT_PIXELS = 34, 44, 46, 12

Trace = dict[str, Any]
Look = tuple[str, str, str]


def look(name: str, names: Sequence[str]) -> Look:
    """Return colour, dash and marker of a modality, by its place, or of ``fused``."""
    if name == FUSED:
        return INK, "solid", "star-diamond"
    place = list(names).index(name) % len(COLOURS)
    return COLOURS[place], DASHES[place], MARKERS[place]


def wrapped(text: str) -> str:
    """Return a sentence in lines that fit into a hover label, as plotly reads it."""
    return "<br>".join(plain(line) for line in textwrap.wrap(text, HOVER_CHARACTERS))


def short(name: str, length: int = LABEL_CHARACTERS) -> str:
    """Return a name that fits beside an axis, as plotly reads it; both ends of it stay."""
    if len(name) <= length:
        return plain(name)
    tail = length // 3
    return plain(f"{name[: length - tail - 1]}…{name[-tail:]}")


def line(
    x: Sequence[float],
    y: Sequence[float | None],
    name: str,
    style: Look,
    *,
    markers: bool = False,
    hover: str = "%{y:.1f} %",
    **more: Any,
) -> Trace:
    """Return a curve; a gap where a value is ``None``."""
    colour, dash, marker = style
    return {
        "type": "scatter", "x": x, "y": y, "name": plain(name), "legendgroup": plain(name),
        "mode": "lines+markers" if markers else "lines", "connectgaps": False,
        "line": {"color": colour, "dash": dash, "width": LINE_PIXELS},
        "marker": {"color": colour, "symbol": marker, "size": 6},
        "hovertemplate": hover, **more,
    }  # fmt: skip


def ribbon(
    x: Sequence[float], low: Sequence[float], high: Sequence[float], name: str, colour: str
) -> Trace:
    """Return the area between both ends of intervals; it comes and goes with its curve."""
    return {
        "type": "scatter", "x": [*x, *reversed(x)], "y": [*high, *reversed(low)], "mode": "lines",
        "line": {"width": 0}, "fill": "toself", "fillcolor": f"{colour}/{RIBBON}",
        "legendgroup": plain(name), "showlegend": False, "hoverinfo": "skip",
        "name": plain(name),
    }  # fmt: skip


@dataclass(frozen=True)
class Panel:
    """One of several charts over the same axis; ``title`` is that of its own axis, with unit."""

    title: str
    traces: Sequence[Trace]
    pixels: int = 136
    axis: Mapping[str, Any] = field(default_factory=dict)


def stacked(
    panels: Sequence[Panel], x_axis: Mapping[str, Any], shapes: Sequence[Trace] = ()
) -> dict[str, Any]:
    """Return one figure of panels above each other that share the axis below them.

    The name of a panel's own axis stands above it, where it can be read and takes no width.
    """
    inner = sum(p.pixels for p in panels) + HEADING_PIXELS * (len(panels) - 1)
    data: list[Trace] = []
    layout: dict[str, Any] = {
        "height": inner + HEADING_PIXELS + BELOW_PIXELS,
        "margin": {
            "l": LEFT_PIXELS, "r": RIGHT_PIXELS, "t": HEADING_PIXELS, "b": BELOW_PIXELS,
        },
        "hovermode": "x unified", "annotations": [], "shapes": list(shapes),
    }  # fmt: skip
    top = float(inner)
    for position, panel in enumerate(panels, start=1):
        axis = "y" if position == 1 else f"y{position}"
        bottom = top - panel.pixels
        key = axis.replace("y", "yaxis")
        domain = [max(0.0, bottom / inner), top / inner]
        layout[key] = {"domain": domain, "anchor": "x", **panel.axis}
        layout["annotations"].append(heading(panel.title, top / inner))
        data += [{**trace, "xaxis": "x", "yaxis": axis} for trace in panel.traces]
        top = bottom - HEADING_PIXELS
    last = "y" if len(panels) == 1 else f"y{len(panels)}"
    layout["xaxis"] = {"anchor": last, **x_axis}
    return {"data": data, "layout": layout}


def heading(title: str, top: float) -> Trace:
    """Return the name of a panel's axis above its left end."""
    return {
        "text": title, "showarrow": False, "xref": "paper", "yref": "paper", "x": 0, "y": top,
        "xanchor": "left", "yanchor": "bottom", "yshift": 5, "xshift": -LEFT_PIXELS + 8,
        "align": "left", "font": {"size": 13, "color": INK},
    }  # fmt: skip


def rows_axis(names: Sequence[str], length: int = LABEL_CHARACTERS) -> dict[str, Any]:
    """Return a vertical axis with a name at each whole number, the first at the top.

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
) -> dict[str, Any]:  # fmt: skip
    """Return a figure of one panel."""
    margin = {"l": LEFT_PIXELS, "r": RIGHT_PIXELS, "t": 12, "b": BELOW_PIXELS}
    return {
        "data": list(data),
        "layout": {
            "height": pixels, "margin": margin, "xaxis": dict(x_axis), "yaxis": dict(y_axis),
            **layout,
        },
    }  # fmt: skip
