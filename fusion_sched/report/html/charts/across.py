"""Several runs in one chart: rows with their seeds, and curves laid over each other."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from fusion_sched.analysis.rows import ResultRow
from fusion_sched.analysis.statistics import mean_over_seeds
from fusion_sched.analysis.tables import ResultTable
from fusion_sched.report.html.charts.style import (
    COLOURS,
    DASHES,
    INK,
    MARKERS,
    Look,
    Trace,
    figure,
    line,
    rows_axis,
)
from fusion_sched.report.html.document import Chart, plain
from fusion_sched.report.story import Event, Story, number, shared_name
from fusion_sched.types import FUSED

ROW_PIXELS, MOST_CURVES, ROW_NAME_CHARACTERS = 32, 12, 28
BELOW = 0.25
"""How far below its mean a row's seeds lie: on its interval they would be hidden."""


def dots(table: ResultTable) -> Chart:
    """Return a row's seeds, their mean and its interval."""
    rows = table.rows
    names = [m.name for m in rows]
    data = [seed_dots(rows), mean_points(rows)]
    axis = {"title": {"text": "fused test accuracy [%]"}, "zeroline": False}
    vertical = {**rows_axis(names), "showgrid": True}
    vertical["ticktext"] = [plain(shortened(name)) for name in names]
    best = rows[0]
    mean, low, high = mean_over_seeds(best.fused)[:3]
    width = "" if low is None else f" ({low:.1f} to {high:.1f})"
    return Chart(
        f"Rows of {table.dataset}",
        figure(data, ROW_PIXELS * len(rows) + 70, axis, vertical),
        f"{len(rows)} row{'s' * (len(rows) > 1)}, best first: {best.name} has "
        f"{mean:.1f} %{width} on test.",
    )


def shortened(name: str) -> str:
    """Return a row's name so that it fits beside its dots."""
    if len(name) <= ROW_NAME_CHARACTERS:
        return name
    return f"{name[: ROW_NAME_CHARACTERS - 1]}…"


def seed_dots(rows: Sequence[ResultRow]) -> Trace:
    """Return one dot per row and seed."""
    found = [
        (place, m.name, seed, value)
        for place, m in enumerate(rows)
        for seed, value in m.fused.items()
    ]
    return {
        "type": "scatter", "mode": "markers", "name": "one seed",
        "x": [value for *_, value in found], "y": [place + BELOW for place, *_ in found],
        "marker": {"symbol": "circle-open", "size": 8, "color": "@1"},
        "customdata": [[plain(name), seed] for _, name, seed, _ in found],
        "hovertemplate": "%{customdata[0]}, seed %{customdata[1]}: %{x:.1f} %<extra></extra>",
    }  # fmt: skip


def mean_points(rows: Sequence[ResultRow]) -> Trace:
    """Return each row's mean and interval."""
    means = [mean_over_seeds(row.fused) for row in rows]
    return {
        "type": "scatter", "mode": "markers", "name": "mean, 95 % interval",
        "x": [mean.value for mean in means], "y": list(range(len(rows))),
        "error_x": {
            "type": "data", "symmetric": False, "color": INK, "thickness": 1.5, "width": 5,
            "array": [0 if high is None else high - mean for mean, _, high, *_ in means],
            "arrayminus": [0 if low is None else mean - low for mean, low, *_ in means],
        },
        "marker": {"symbol": "diamond", "size": 9, "color": INK},
        "customdata": [plain(m.name) for m in rows],
        "hovertemplate": "%{customdata}: %{x:.1f} % on average<extra></extra>",
    }  # fmt: skip


Curve = tuple[list[float], list[float]]


def curves(named: Sequence[tuple[str, Story]], row_order: Sequence[str]) -> tuple[Chart, list[str]]:
    """Return the runs' curves over each other, a quantity at a time, and which are left out.

    ``named``: the row's name with each run. Up to ``MOST_CURVES`` runs are drawn one by one, in
    the colour and dash of their row; of more, the mean of each row over its runs.
    """
    order = [*dict.fromkeys([*row_order, *(name for name, _ in named)])]
    by_row = {row: [s for name, s in named if name == row] for row in order}
    by_row = {row: found for row, found in by_row.items() if found}
    shown = list(by_row)[:MOST_CURVES]
    one_by_one = len(named) <= MOST_CURVES
    choices = quantities([story for _, story in named])
    data: list[Trace] = []
    for title, keys, kind in choices:
        for place, row in enumerate(shown):
            found = [curve(story, keys, kind) for story in by_row[row]]
            drawn = found if one_by_one else [mean_curve(found)]
            seeds = [s.start["seed"] for s in by_row[row]] if one_by_one else [None]
            data += [
                curve_trace(xy, row, seed, title, place)
                for xy, seed in zip(drawn, seeds, strict=True)
                if xy[0]
            ]
    axis = {"title": {"text": "epoch (0: untrained)"}, "zeroline": False}
    left_out = list(by_row)[MOST_CURVES:]
    what = "each run" if one_by_one else "the mean of each row over its runs, where all have one"
    beyond = f"; {len(left_out)} more rows are not drawn" if left_out else ""
    made = figure(data, 420, axis, {"title": {"text": ""}, "zeroline": False})
    made["layout"]["meta"] = {"choice_axis": "yaxis"}
    made["layout"]["margin"]["l"] = 56
    summary = f"Over the epochs: {what}, in the colour and dash of its row{beyond}."
    return Chart("Curves of all runs", made, summary), left_out


def quantities(stories: Sequence[Story]) -> list[tuple[str, tuple[str, ...], str]]:
    """Return what can be chosen: title with unit, keys, and the kind of event that holds it."""
    modalities = list(dict.fromkeys(m for story in stories for m in story.modalities))
    fewest = min(len(story.modalities) for story in stories)
    heads = [FUSED, *modalities]
    wanted = [
        *((f"validation accuracy, {m} [%]", ("accuracy", "validation", m), "epoch") for m in heads),
        *((f"unique {m} [bit]", ("unique_bits", m), "probe") for m in modalities),
        (f"{shared_name('redundancy', fewest)} [bit]", ("redundancy_bits",), "probe"),
        (f"{shared_name('synergy', fewest)} [bit]", ("synergy_bits",), "probe"),
        ("information of all [bit]", ("joint_mi_bits",), "probe"),
    ]
    return [q for q in wanted if any(curve(story, q[1], q[2])[0] for story in stories)]


def curve(story: Story, keys: tuple[str, ...], kind: str) -> Curve:
    """Return a quantity of a run over its epochs."""
    events: Sequence[Event] = story.epochs if kind == "epoch" else story.probes
    scale = 100 if kind == "epoch" else 1
    found = [(e["epoch"] + 1, scale * v) for e in events if (v := number(e, *keys)) is not None]
    return [x for x, _ in found], [y for _, y in found]


def mean_curve(found: Sequence[Curve]) -> Curve:
    """Return the mean at the epochs that all of the curves have."""
    by_epoch: list[Mapping[float, float]] = [dict(zip(*xy, strict=True)) for xy in found]
    common = sorted(set(by_epoch[0]).intersection(*by_epoch[1:]))
    return common, [fmean(values[x] for values in by_epoch) for x in common]


def curve_trace(xy: Curve, row: str, seed: Any, choice: str, place: int) -> Trace:
    """Return one curve, to be seen when its quantity is chosen."""
    style: Look = (
        COLOURS[place % len(COLOURS)], DASHES[(place + place // len(COLOURS)) % len(DASHES)],
        MARKERS[place % len(MARKERS)],
    )  # fmt: skip
    made = line(*xy, row, style, hover="%{meta.run}: %{y:.2f}<extra></extra>")
    run = row if seed is None else f"{row}, seed {seed}"
    return {**made, "meta": {"choice": plain(choice), "run": plain(run)}, "opacity": 0.9}
