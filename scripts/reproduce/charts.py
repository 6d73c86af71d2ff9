"""How curves and bars of the report look: never told apart by colour alone."""

from typing import Any

from fusion_sched.report.charts.style import COLOURS, DASHES, MARKERS


def look(number: int, size: int = 7, **line: Any) -> dict[str, Any]:
    """Return line and marker of the curve of this number."""
    colour = COLOURS[number % len(COLOURS)]
    return {
        "line": {"color": colour, "dash": DASHES[number % len(DASHES)], "width": 2, **line},
        "marker": {"color": colour, "symbol": MARKERS[number % len(MARKERS)], "size": size},
    }


def bar(number: int) -> dict[str, Any]:
    """Return the marker of the bars of this number."""
    return {"marker": {"color": COLOURS[number % len(COLOURS)]}}
