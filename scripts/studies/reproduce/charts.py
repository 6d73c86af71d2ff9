"""How curves and bars of the report look: they differ by more than colour."""

from typing import Any

from fusion_sched.report.html.charts.style import figure as panel
from fusion_sched.report.palette import COLOURS, DASHES, MARKERS


def line_style(number: int, size: int = 7) -> dict[str, Any]:
    """Return line and marker of the curve of this number."""
    colour = f"@{COLOURS[number % len(COLOURS)]}"
    return {
        "line": {"color": colour, "dash": DASHES[number % len(DASHES)], "width": 2},
        "marker": {"color": colour, "symbol": MARKERS[number % len(MARKERS)], "size": size},
    }


def bar(number: int) -> dict[str, Any]:
    """Return the marker of the bars of this number."""
    return {"marker": {"color": f"@{COLOURS[number % len(COLOURS)]}"}}


def figure(
    data: list[dict[str, Any]],
    x: str | dict[str, Any],
    y: str | dict[str, Any],
    pixels: int = 380,
    **layout: Any,
) -> dict[str, Any]:
    """Return a figure; an axis is its name, or a plotly axis with `title` as plain text."""
    axes = []
    for description in (x, y):
        axis = {"title": description} if isinstance(description, str) else dict(description)
        text = axis.pop("title")
        axes.append({"title": {"text": text, "standoff": 12}, "automargin": True, **axis})
    return panel(data, pixels, *axes, **layout)
