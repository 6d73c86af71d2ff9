"""Bars with intervals, sparklines and progress, drawn out of characters of one cell each."""

import math
from collections.abc import Callable, Sequence

from fusion_sched.report.live.glyphs import Glyphs
from fusion_sched.types import Estimate


def interval_bar(estimate: Estimate, scale: float, width: int, glyphs: Glyphs) -> str:
    """A bar of exactly `width` characters, the first of them the axis at 0.

    It is `sure` up to the interval's lower end, `likely` from there to the estimate and
    `possible` to the upper end, the interval rounded outwards to whole cells, and ends in spaces.
    The level under shuffled labels is marked where there is one, which is on the axis if it is
    about 0. What lies outside the scale, as estimates corrected for bias may, is drawn at its
    nearer end. A point estimate is its own interval.
    """
    room = width - 1
    ends = (estimate.value, estimate.value) if estimate.low is None else estimate.interval
    low = _filled_cells(ends[0], scale, room, math.floor)
    high = max(low, _filled_cells(ends[1], scale, room, math.ceil))
    value = min(max(_filled_cells(estimate.value, scale, room, round), low), high)
    cells = [glyphs.axis, *glyphs.sure * low, *glyphs.likely * (value - low)]
    cells += [*glyphs.possible * (high - value), *" " * (room - high)]
    if estimate.null is not None:
        cells[_filled_cells(estimate.null, scale, room, round)] = glyphs.level
    return "".join(cells)


def _filled_cells(value: float, scale: float, width: int, rounding: Callable[[float], int]) -> int:
    """How many of the cells a value fills; none where the scale has no length."""
    share = value / scale if scale > 0 else 0.0
    return rounding(min(max(share, 0.0), 1.0) * width)


def axis(end: str, width: int, glyphs: Glyphs) -> str:
    """A scale of exactly `width` characters from 0 to what its end is called."""
    rule = glyphs.rule * (width - len(end) - 3)
    return f"0 {rule} {end}" if rule else " " * width


def sparkline(
    values: Sequence[float | None], ends: tuple[float, float], width: int, glyphs: Glyphs
) -> str:
    """Values as characters that rise from `ends[0]` to `ends[1]`, gaps as spaces.

    More values than `width` are thinned out evenly; the last one is always among those drawn.
    """
    columns = min(width, len(values))
    picked = [values[(c + 1) * len(values) // columns - 1] for c in range(columns)]
    low, high = ends
    top = len(glyphs.steps) - 1
    step = [
        None if v is None else round(top * (v - low) / (high - low)) if high > low else top // 2
        for v in picked
    ]
    return "".join(" " if s is None else glyphs.steps[s] for s in step)


def progress(done: int, total: int, width: int, joint_from: int | None, glyphs: Glyphs) -> str:
    """A line of exactly `width` characters, and where the joint stage began in it."""
    filled = _filled_cells(done, total, width, math.floor)
    cells = list(glyphs.done * filled + glyphs.ahead * (width - filled))
    if joint_from is not None and 0 < joint_from < total:
        cells[min(_filled_cells(joint_from, total, width, math.floor), width - 1)] = glyphs.boundary
    return "".join(cells)
