"""What the modalities tell about the label, at the moments that matter."""

from collections.abc import Mapping

from fusion_sched.report.html.charts.style import (
    INK,
    MUTED,
    Trace,
    error_bars,
    figure,
    level_line,
    points,
    rows_axis,
)
from fusion_sched.report.html.document import Chart, Table, plain
from fusion_sched.report.panels import decomposition_quantities
from fusion_sched.report.view import RunView
from fusion_sched.report.words import diagnosed_samples, estimate_words, fixed, sentence_case
from fusion_sched.runlog import inside

MOMENT_MARKERS = ("circle-open", "square-open", "diamond")
ROW_PIXELS, DODGE = 32, 0.2
"""Pixels of a row, and how far apart in it the moments lie."""
PAIR_PARTS = {
    "redundancy": "R", "unique1": "U of the first", "unique2": "U of the second",
    "synergy": "S", "joint_mi": "I(both; Y)",
}  # fmt: skip


def decomposition(view: RunView) -> Chart | None:
    """Every part at every moment with its interval, `None` without a probe."""
    moments = view.moments
    if not moments:
        return None
    labels = [quantity.label for quantity in decomposition_quantities(view)]
    data = [_moment_points(view, place) for place in range(len(moments))]
    entropy = moments[-1].probe.diagnosis.label_entropy
    data.append(level_line(entropy, len(labels), "H(Y)", "longdash",
                           "H(Y): %{x:.3f} bit<extra></extra>", showlegend=False))  # fmt: skip
    planted = _planted(view)
    data += planted
    axis = {"title": {"text": "information [bit]"}, "rangemode": "tozero", "zeroline": True}
    stripes = [
        {"type": "rect", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": row - 0.5,
         "y1": row + 0.5, "fillcolor": "@muted/0.07", "line": {"width": 0}, "layer": "below"}
        for row in range(0, len(labels), 2)
    ]  # fmt: skip
    pixels = ROW_PIXELS * len(labels) + 60
    return Chart(
        "Decomposition",
        figure(data, pixels, axis, rows_axis(labels), shapes=stripes),
        f"{sentence_case(diagnosed_samples(view))}, 95\u00a0% intervals; dashed: H(Y)"
        f"{'; dotted: planted in the data' if planted else ''}.",
        moment_numbers(view),
    )


def _planted(view: RunView) -> list[Trace]:
    """The exact decomposition of the data as an upright dotted line in each row, where known."""
    rows = []
    for row, quantity in enumerate(decomposition_quantities(view)):
        bits = inside(view.start, "facts", "exact_pid", f"{quantity.kind}_bits")
        value = bits.get(quantity.legend) if isinstance(bits, Mapping) else bits
        if isinstance(value, float):
            rows.append((row, value))
    if not rows:
        return []
    return [
        {
            "type": "scatter", "mode": "lines", "name": "planted", "showlegend": False,
            "x": [x for _, value in rows for x in (value, value, None)],
            "y": [y for row, _ in rows for y in (row - 0.5, row + 0.5, None)],
            "line": {"color": INK, "dash": "dot", "width": 2},
            "hovertemplate": "planted: %{x:.3f} bit<extra></extra>",
        }
    ]  # fmt: skip


def _moment_points(view: RunView, place: int) -> Trace:
    moment, count = view.moments[place], len(view.moments)
    symbol = MOMENT_MARKERS[place]
    shift = DODGE * (place - (count - 1) / 2)
    rows = [
        (row, quantity, estimate)
        for row, quantity in enumerate(decomposition_quantities(view))
        if (estimate := quantity.of(moment.probe.diagnosis)) is not None
    ]
    colours = [f"@{q.atom_colour}" for _, q, _ in rows]
    marker = {"color": colours, "symbol": symbol, "size": 9,
              "line": {"color": colours, "width": 2}}  # fmt: skip
    return points(
        [e.value for *_, e in rows], [row + shift for row, *_ in rows], moment.name, marker,
        "%{customdata[0]}: %{customdata[1]} bit<extra>%{fullData.name}</extra>",
        error_x=error_bars([e for *_, e in rows], MUTED),
        customdata=[[plain(q.label), estimate_words(e)] for _, q, e in rows],
    )  # fmt: skip


def moment_numbers(view: RunView) -> Table:
    """The chart's numbers, with the level under shuffled labels of the last moment."""
    rows = []
    for quantity in decomposition_quantities(view):
        estimates = [quantity.of(moment.probe.diagnosis) for moment in view.moments]
        last = next((e for e in reversed(estimates) if e is not None), None)
        rows.append(
            [quantity.label, *map(estimate_words, estimates), fixed(last.null if last else None)]
        )
    return Table(
        ["bit", *(moment.name for moment in view.moments), "shuffled labels, last"],
        rows,
        "Estimates with 95 % intervals, and what an estimate is where labels are shuffled.",
    )


def pairs_table(view: RunView) -> Table | None:
    """Each pair's own decomposition, at the last moment; `None` without pairs."""
    pairs = view.moments[-1].probe.diagnosis.pairs if view.moments else {}
    if not pairs:
        return None
    rows = [
        [pair.replace("/", " and "), *(estimate_words(atoms.get(name)) for name in PAIR_PARTS)]
        for pair, atoms in pairs.items()
    ]
    return Table(
        ["pair", *PAIR_PARTS.values()],
        rows,
        f"Each pair decomposed on its own, in bits: {view.moments[-1].name}. The parts of a "
        "modality against all others together, above, do not add up from these.",
    )
