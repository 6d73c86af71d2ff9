"""Several runs in one chart: rows with their seeds, and curves laid over each other."""

from collections.abc import Callable, Sequence
from functools import partial
from statistics import fmean

from fusion_sched.analysis.rows import ResultRow
from fusion_sched.analysis.statistics import mean_accuracy
from fusion_sched.analysis.tables import ResultTable
from fusion_sched.report.html.charts.style import (
    INK,
    MUTED,
    X_EPOCHS,
    Trace,
    curve,
    figure,
    points,
    rows_axis,
)
from fusion_sched.report.html.document import Chart, plain
from fusion_sched.report.palette import numbered_style
from fusion_sched.report.panels import (
    JOINT_INFORMATION,
    Quantity,
    accuracy_curve,
    series_of,
    shared_quantities,
    unique_quantities,
)
from fusion_sched.report.view import RunView
from fusion_sched.types import FUSED

ROW_PIXELS, MOST_CURVES, ROW_NAME_CHARACTERS = 32, 12, 28
BELOW = 0.25
"""How far below its mean a row's seeds lie: on its interval they would be hidden."""

Curve = dict[int, float]
"""Value by epoch as readers count."""


def row_dots(table: ResultTable) -> Chart:
    """A row's seeds, their mean and its interval."""
    rows = table.rows
    axis = {"title": {"text": "fused test accuracy [%]"}, "zeroline": False}
    names = [m.name for m in rows]
    vertical = {**rows_axis(names), "showgrid": True}
    vertical["ticktext"] = [
        plain(n if len(n) <= ROW_NAME_CHARACTERS else f"{n[: ROW_NAME_CHARACTERS - 1]}…")
        for n in names
    ]
    best = rows[0]
    mean, low, high = mean_accuracy(best.fused)[:3]
    width = "" if low is None else f" ({low:.1f} to {high:.1f})"
    return Chart(
        f"Rows of {table.dataset}",
        figure([_seed_dots(rows), _means(rows)], ROW_PIXELS * len(rows) + 70, axis, vertical),
        f"{len(rows)} row{'s' * (len(rows) > 1)}, best first: {best.name} has "
        f"{mean:.1f} %{width} on test.",
    )


def _seed_dots(rows: Sequence[ResultRow]) -> Trace:
    dots = [
        (place, m.name, seed, value)
        for place, m in enumerate(rows)
        for seed, value in m.fused.items()
    ]
    return points(
        [value for *_, value in dots], [place + BELOW for place, *_ in dots], "one seed",
        {"symbol": "circle-open", "size": 8, "color": MUTED},
        "%{customdata[0]}, seed %{customdata[1]}: %{x:.1f} %<extra></extra>",
        customdata=[[plain(name), seed] for _, name, seed, _ in dots],
    )  # fmt: skip


def _means(rows: Sequence[ResultRow]) -> Trace:
    means = [mean_accuracy(m.fused) for m in rows]
    bars = {
        "type": "data", "symmetric": False, "color": INK, "thickness": 1.5, "width": 5,
        "array": [0 if m.high is None else m.high - m.value for m in means],
        "arrayminus": [0 if m.low is None else m.value - m.low for m in means],
    }  # fmt: skip
    return points(
        [m.value for m in means], list(range(len(rows))), "mean, 95 % interval",
        {"symbol": "diamond", "size": 9, "color": INK},
        "%{customdata}: %{x:.1f} % on average<extra></extra>",
        error_x=bars, customdata=[plain(m.name) for m in rows],
    )  # fmt: skip


def curves_of_all(
    named: Sequence[tuple[str, RunView]], row_order: Sequence[str]
) -> tuple[Chart, list[str]]:
    """The runs' curves over each other, a quantity at a time, and which rows are left out.

    `named`: the row's name with each run. Up to `MOST_CURVES` runs are drawn one by one, in the
    colour and dash of their row; of more, the mean of each row over its runs.
    """
    order = [*dict.fromkeys([*row_order, *(name for name, _ in named)])]
    by_row = {row: [view for name, view in named if name == row] for row in order}
    by_row = {row: views for row, views in by_row.items() if views}
    left_out = list(by_row)[MOST_CURVES:]
    one_by_one = len(named) <= MOST_CURVES
    data: list[Trace] = []
    for title, of in _choices([view for _, view in named]).items():
        for place, row in enumerate(list(by_row)[:MOST_CURVES]):
            curves = [of(view) for view in by_row[row]]
            names = [f"{row}, seed {view.seed}" for view in by_row[row]]
            if not one_by_one:
                curves, names = [_mean_curve(curves)], [row]
            data += [
                _run_curve(values, name, row, title, place)
                for values, name in zip(curves, names, strict=True)
                if values
            ]
    first = next(iter(_choices([view for _, view in named])), None)
    drawn = {trace["name"] for trace in data if trace["meta"]["choice"] == plain(first)}
    absent = [row for row in list(by_row)[:MOST_CURVES] if plain(row) not in drawn]
    what = "each run" if one_by_one else "the mean of each row over its runs, where all have one"
    beyond = f"; {len(left_out)} more rows are not drawn" if left_out else ""
    made = figure(data, 420, X_EPOCHS, {"title": {"text": ""}, "zeroline": False})
    made["layout"]["meta"] = {"choice_axis": "yaxis"}
    made["layout"]["margin"]["l"] = 56
    summary = f"Over the epochs: {what}, in the colour and dash of its row{beyond}."
    if first is not None and absent:
        summary += f" Without a curve of {first.partition(' [')[0]}: {', '.join(absent)}."
    return Chart("Curves of all runs", made, summary), left_out


def _choices(views: Sequence[RunView]) -> dict[str, Callable[[RunView], Curve]]:
    """What can be chosen, by its title with unit: of what at least one run has."""
    heads = [FUSED, *dict.fromkeys(m for view in views for m in view.modalities)]
    fewest = min(views, key=lambda view: len(view.modalities))
    quantities = {q.label: q for view in views for q in unique_quantities(view)}
    quantities |= {q.label: q for q in shared_quantities(fewest)}
    quantities["information of all"] = JOINT_INFORMATION
    curves: dict[str, Callable[[RunView], Curve]] = {
        f"validation accuracy, {head} [%]": partial(accuracy_curve, head=head) for head in heads
    }
    curves |= {
        f"{label} [bit]": partial(_quantity_curve, quantity=q) for label, q in quantities.items()
    }
    return {title: of for title, of in curves.items() if any(map(of, views))}


def _quantity_curve(view: RunView, quantity: Quantity) -> Curve:
    return {epoch: v.value for s in series_of(view, [quantity]) for epoch, v in s.known}


def _mean_curve(curves: Sequence[Curve]) -> Curve:
    """The mean at the epochs that all of the curves have."""
    common = sorted(set(curves[0]).intersection(*curves[1:]))
    return {epoch: fmean(values[epoch] for values in curves) for epoch in common}


def _run_curve(values: Curve, run: str, row: str, choice: str, place: int) -> Trace:
    made = curve(
        list(values), list(values.values()), row, numbered_style(place),
        hover="%{meta.run}: %{y:.2f}<extra></extra>",
    )  # fmt: skip
    return {**made, "meta": {"choice": plain(choice), "run": plain(run)}, "opacity": 0.9}
