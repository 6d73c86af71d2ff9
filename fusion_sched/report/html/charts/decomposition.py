"""What the modalities tell about the label, at the moments that matter."""

from collections.abc import Sequence
from typing import Any

from fusion_sched.report.html.charts.style import INK, MUTED, Trace, figure, rows_axis
from fusion_sched.report.html.document import Chart, Table, plain
from fusion_sched.report.story import Estimate, Event, Moment, Story, estimate, number, shared_name
from fusion_sched.report.words import NOTHING, bits, decomposition_summary

MOMENT_LOOKS = ((MUTED, "circle-open"), ("@1", "square"), ("@2", "diamond"))
ROW_PIXELS, DODGE = 46, 0.2
PAIR_PARTS = {
    "redundancy": "R", "unique1": "U of the first", "unique2": "U of the second",
    "synergy": "S", "joint_mi": "I(both; Y)",
}  # fmt: skip


def quantities(story: Story) -> list[tuple[str, tuple[str, ...]]]:
    """Return the rows of the chart: what each is called, and where a probe holds it."""
    names = story.modalities
    if len(names) == 1:
        return [(f"I({names[0]}; Y)", ("mi_bits", names[0]))]
    return [
        (shared_name("redundancy R", len(names)), ("redundancy_bits",)),
        *((f"unique {m}", ("unique_bits", m)) for m in names),
        (shared_name("synergy S", len(names)), ("synergy_bits",)),
        *((f"I({m}; Y)", ("mi_bits", m)) for m in names),
        ("I(all; Y)", ("joint_mi_bits",)),
    ]


def decomposition(story: Story) -> Chart | None:
    """Return every part at every moment with its interval, ``None`` without a probe."""
    moments = story.moments
    if not moments:
        return None
    wanted = quantities(story)
    data = [points(moment, wanted, place, len(moments)) for place, moment in enumerate(moments)]
    entropy = number(moments[-1].probe, "label_entropy_bits")
    if entropy is not None:
        data.append(entropy_line(entropy, len(wanted)))
    labels = [name for name, _ in wanted]
    axis = {"title": {"text": "information [bit]"}, "rangemode": "tozero", "zeroline": True}
    pixels = ROW_PIXELS * len(labels) + 60
    return Chart(
        "Decomposition at the moments that matter",
        figure(data, pixels, axis, rows_axis(labels), shapes=stripes(len(labels))),
        decomposition_summary(moments),
        numbers(story),
    )


def points(
    moment: Moment, wanted: Sequence[tuple[str, tuple[str, ...]]], place: int, count: int
) -> Trace:
    """Return one moment's estimates, a little above or below those of the others."""
    colour, symbol = MOMENT_LOOKS[place]
    shift = DODGE * (place - (count - 1) / 2)
    found = [
        (row, e) for row, (_, keys) in enumerate(wanted) if (e := estimate(moment.probe, *keys))
    ]
    return {
        "type": "scatter", "mode": "markers", "name": plain(moment.name),
        "x": [e.value for _, e in found], "y": [row + shift for row, _ in found],
        "error_x": error_bars([e for _, e in found], colour),
        "marker": {
            "color": colour, "symbol": symbol, "size": 9, "line": {"color": colour, "width": 2},
        },
        "customdata": [[plain(wanted[row][0]), told(e)] for row, e in found],
        "hovertemplate": "%{customdata[0]}: %{customdata[1]} bit<extra>%{fullData.name}</extra>",
    }  # fmt: skip


def error_bars(found: Sequence[Estimate], colour: str) -> dict[str, Any]:
    """Return intervals as plotly's distances from the values."""
    return {
        "type": "data", "symmetric": False, "color": colour, "thickness": 2, "width": 4,
        "array": [0 if e.high is None else e.high - e.value for e in found],
        "arrayminus": [0 if e.low is None else e.value - e.low for e in found],
    }  # fmt: skip


def told(found: Estimate) -> str:
    """Return an estimate with its interval."""
    if found.low is None or found.high is None:
        return bits(found.value)
    return f"{bits(found.value)} [{bits(found.low)}, {bits(found.high)}]"


def entropy_line(entropy: float, rows: int) -> Trace:
    """Return H(Y) as a line through all rows."""
    return {
        "type": "scatter", "mode": "lines", "x": [entropy, entropy], "y": [-0.5, rows - 0.5],
        "name": "H(Y), all there is to know", "line": {"color": INK, "dash": "dot", "width": 1.5},
        "hovertemplate": "H(Y): %{x:.3f} bit<extra></extra>",
    }  # fmt: skip


def stripes(rows: int) -> list[Trace]:
    """Return a tint behind every second row."""
    return [
        {"type": "rect", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": row - 0.5,
         "y1": row + 0.5, "fillcolor": "@muted/0.07", "line": {"width": 0}, "layer": "below"}
        for row in range(0, rows, 2)
    ]  # fmt: skip


def numbers(story: Story) -> Table:
    """Return the chart's numbers, with the level under shuffled labels of the last moment."""
    moments = story.moments
    rows = []
    for name, keys in quantities(story):
        found = [estimate(moment.probe, *keys) for moment in moments]
        levels = [e.null for e in found if e is not None]
        rows.append(
            [name, *(NOTHING if e is None else told(e) for e in found),
             bits(levels[-1] if levels else None)]
        )  # fmt: skip
    return Table(
        ["bit", *(moment.name for moment in moments), "shuffled labels, last"],
        rows,
        "Estimates with 95 % intervals, and what an estimate is where labels are shuffled.",
    )


def pairs_table(story: Story) -> Table | None:
    """Return each pair's own decomposition, at the last moment; ``None`` without pairs."""
    found: Event = story.moments[-1].probe.get("pairs", {}) if story.moments else {}
    if not found:
        return None
    rows = [
        [pair.replace("/", " and "), *(part(atoms, name) for name in PAIR_PARTS)]
        for pair, atoms in found.items()
    ]
    return Table(
        ["pair", *PAIR_PARTS.values()],
        rows,
        f"Each pair decomposed on its own, in bits: {story.moments[-1].name}. The parts of a "
        "modality against all others together, above, do not add up from these.",
    )


def part(atoms: Event, name: str) -> str:
    """Return one part of a pair's decomposition with its interval."""
    known = estimate(atoms, name)
    return NOTHING if known is None else told(known._replace(null=None))
