"""What the heads get right, by class and by each other."""

from collections.abc import Mapping, Sequence
from typing import Any

from fusion_sched.report.html.charts.style import (
    BELOW_PIXELS,
    MUTED,
    X_EPOCHS,
    Trace,
    figure,
    points,
    rows_axis,
    short,
    theme_colour,
)
from fusion_sched.report.html.document import Chart, Table, plain
from fusion_sched.report.palette import head_style
from fusion_sched.report.records import Cells, ProbeRecord
from fusion_sched.report.view import RunView, epoch_words
from fusion_sched.report.words import (
    ALL_RIGHT,
    NONE_RIGHT,
    NOTHING,
    in_percent,
    quadrant_words,
    quadrants_summary,
    sentence_case,
)
from fusion_sched.types import FUSED

MOST_ROWS, MOST_TICKS, MOST_CELL_TEXTS, MOST_GAPS = 40, 24, 16, 60
"""Classes listed one by one; ticks of a matrix; classes of one whose cells hold numbers, and are
apart."""
ROW_PIXELS, MATRIX_PIXELS, OPACITY, MARKER_PIXELS = 22, 560, 0.55, 9
PATTERNS = ("/", "\\", "-", "|", "+", "x")


def quadrants(view: RunView) -> Chart | None:
    """Whose heads are right over the epochs, and on test as a bar at the end."""
    probes = [p for p in view.probes if p.diagnosis.quadrants]
    tested = {} if view.result is None else view.result.quadrants
    if not probes and not tested:
        return None
    names = list(dict.fromkeys(name for p in probes for name in p.diagnosis.quadrants))
    data = [_area(probes, name, _quadrant_fill(name, view)) for name in names]
    layout: dict[str, Any] = {"hovermode": "x unified", "barmode": "stack"}
    x_axis: dict[str, Any] = dict(X_EPOCHS)
    if tested:
        data += [_test_bar(tested, name, _quadrant_fill(name, view), not probes) for name in tested]
        x_axis["domain"] = [0, 0.86 if probes else 0]
        layout["xaxis2"] = {
            "domain": [0.91, 1] if probes else [0, 1], "anchor": "y", "showgrid": False,
            "tickvals": [0], "ticktext": ["test"], "fixedrange": True, "zeroline": False,
        }  # fmt: skip
    y_axis = {"title": {"text": "samples [%]"}, "range": [0, 100], "zeroline": False}
    made = figure(data, 340, x_axis, y_axis, **layout)
    return Chart("Whose head is right", made, quadrants_summary(view), _quadrant_numbers(view))


def _quadrant_fill(name: str, view: RunView) -> tuple[str, str]:
    """Colour and pattern of an area: those of the one modality that is right."""
    modality = name.removeprefix("only ")
    if name == ALL_RIGHT:
        return "@redundancy", ""
    if name == NONE_RIGHT:
        return MUTED, "."
    if modality in view.modalities:
        pattern = PATTERNS[view.modalities.index(modality) % len(PATTERNS)]
        return theme_colour(head_style(modality, view.modalities)), pattern
    return "@redundancy", "+"


def _area(probes: Sequence[ProbeRecord], name: str, fill: tuple[str, str]) -> Trace:
    colour, pattern = fill
    return {
        "type": "scatter", "mode": "lines", "stackgroup": "heads", "xaxis": "x", "yaxis": "y",
        "x": [p.number for p in probes],
        "y": [100 * p.diagnosis.quadrants.get(name, 0) for p in probes],
        "name": plain(quadrant_words(name)), "legendgroup": plain(name),
        "line": {"width": 1, "color": colour}, "fillcolor": f"{colour}/{OPACITY}",
        "fillpattern": {
            "shape": pattern, "fgcolor": "@surface", "bgcolor": f"{colour}/{OPACITY}", "size": 7,
            "solidity": 0.25,
        },
        "hovertemplate": "%{y:.1f} %",
    }  # fmt: skip


def _test_bar(tested: Mapping[str, float], name: str, fill: tuple[str, str], legend: bool) -> Trace:
    colour, pattern = fill
    return {
        "type": "bar", "xaxis": "x2", "yaxis": "y", "x": [0], "y": [100 * tested[name]],
        "width": 0.9, "name": plain(quadrant_words(name)), "legendgroup": plain(name),
        "showlegend": legend,
        "marker": {
            "color": f"{colour}/{OPACITY}", "line": {"color": colour, "width": 1},
            "pattern": {"shape": pattern, "fgcolor": "@surface", "size": 7, "solidity": 0.25,
                        "fillmode": "overlay"},
        },
        "hovertemplate": "%{y:.1f} %",
    }  # fmt: skip


def _quadrant_numbers(view: RunView) -> Table:
    shares = {epoch_words(p.epoch): p.diagnosis.quadrants for p in view.probes}
    shares["test"] = {} if view.result is None else view.result.quadrants
    shares = {when: values for when, values in shares.items() if values}
    names = list(dict.fromkeys(name for values in shares.values() for name in values))
    rows = [
        [when, *(in_percent(values[name]) if name in values else NOTHING for name in names)]
        for when, values in shares.items()
    ]
    header = ["", *map(quadrant_words, names)]
    return Table(header, rows, "Shares of samples by whose own head is right.")


ByClass = Mapping[str, Mapping[str, float]]
"""Modality → class id → bits."""


def uniqueness_by_class(view: RunView) -> Chart | None:
    """What each modality alone tells about each class, at the moments that matter."""
    moments: dict[str, ByClass] = {
        m.name: {n: v for n in view.modalities if (v := m.probe.diagnosis.class_unique.get(n))}
        for m in view.moments
    }
    moments = {name: by_class for name, by_class in moments.items() if by_class}
    if not moments:
        return None
    main = view.main_moment.name if view.main_moment.name in moments else list(moments)[-1]
    count = len(view.classes)
    largest = [max(bits.get(str(c), 0.0) for bits in moments[main].values()) for c in range(count)]
    order = sorted(range(count), key=lambda c: -largest[c])[:MOST_ROWS]
    most = order[0]
    if count <= MOST_ROWS:
        order.sort()
    data = [
        _class_points(bits, name, order, view, moment)
        for moment, by_class in moments.items()
        for name, bits in by_class.items()
    ]
    left_out = count - len(order)
    beyond = f" The {left_out} classes with the least are left out." if left_out else ""
    axis = {"title": {"text": "unique information [bit per sample]"}}
    vertical = {**rows_axis([view.classes[c] for c in order]), "showgrid": True}
    made = figure(data, ROW_PIXELS * len(order) + 60, axis, vertical)
    made["layout"]["meta"] = {"choice": main}
    summary = (
        f"{sentence_case(main)}: one modality alone tells most of class {view.classes[most]}, "
        f"{largest[most]:.2f} bit per sample.{beyond} Not corrected for the number of samples."
    )
    return Chart("Unique information by class", made, summary)


def _class_points(
    bits: Mapping[str, float], name: str, order: Sequence[int], view: RunView, moment: str
) -> Trace:
    """A modality's uniqueness of each class, at one of the moments to choose from."""
    known = [(row, c) for row, c in enumerate(order) if str(c) in bits]
    return points(
        [bits[str(c)] for _, c in known], [row for row, _ in known], name, _marker(name, view),
        "class %{customdata}: %{x:.3f} bit<extra>%{fullData.name}</extra>",
        meta={"choice": moment}, customdata=[plain(view.classes[c]) for _, c in known],
    )  # fmt: skip


def _marker(head: str, view: RunView) -> Trace:
    style = head_style(head, view.modalities)
    return {"color": theme_colour(style), "symbol": style.marker, "size": MARKER_PIXELS}


def confusion_matrices(view: RunView) -> Chart | None:
    matrices = _matrices(view)
    if not matrices:
        return None
    count = len(view.classes)
    step = -(-count // MOST_TICKS)
    angle = 0 if all(len(name) <= 2 for name in view.classes) else -90
    ticks = list(range(0, count, step))
    axis = {
        "tickmode": "array", "tickvals": ticks, "showgrid": False, "zeroline": False,
        "ticktext": [short(view.classes[c], 14) for c in ticks], "automargin": True,
    }  # fmt: skip
    made = figure(
        [_matrix(head, cells, view) for head, cells in matrices.items()], MATRIX_PIXELS,
        {**axis, "title": {"text": "predicted class"}, "range": [-0.5, count - 0.5],
         "tickangle": angle},
        {**axis, "title": {"text": "true class"}, "range": [count - 0.5, -0.5]},
        margin={"l": 56, "r": 8, "t": 8, "b": BELOW_PIXELS},
    )  # fmt: skip
    rows = [
        [head, view.classes[true], view.classes[predicted], str(samples)]
        for head, cells in matrices.items()
        for true, predicted, samples in sorted(_mistakes(cells), key=lambda c: -c[2])[:10]
    ]
    header = ["head", "true class", "predicted class", "samples"]
    caption = "The ten most frequent mistakes of each head."
    return Chart("Confusion on test", made, _confusion_summary(view, matrices),
                 Table(header, rows, caption, words=(1, 2)))  # fmt: skip


def _matrices(view: RunView) -> dict[str, Cells]:
    confusion = {} if view.result is None else view.result.confusion
    return {h: confusion[h] for h in [FUSED, *view.modalities] if h in confusion}


def _mistakes(cells: Cells) -> list[Sequence[int]]:
    return [cell for cell in cells if cell[0] != cell[1]]


def _matrix(head: str, cells: Cells, view: RunView) -> Trace:
    """A heat map; the page fills in the cells, of which only those not empty are listed."""
    gaps = {"xgap": 1, "ygap": 1} if len(view.classes) <= MOST_GAPS else {}
    colour = theme_colour(head_style(head, view.modalities))
    trace: Trace = {
        "type": "heatmap", "name": plain(head), "showscale": False, "zmin": 0, "zmax": 100,
        "colorscale": [[0, "@surface"], [0.005, f"{colour}~0.14"], [1, colour]],
        "hoverinfo": "text",
        "sparse": {"classes": [plain(c) for c in view.classes], "cells": cells},
        "meta": {"choice": plain(f"{head} head")}, **gaps,
    }  # fmt: skip
    if len(view.classes) <= MOST_CELL_TEXTS:
        trace["texttemplate"] = "%{text}"
    return trace


def _confusion_summary(view: RunView, matrices: Mapping[str, Cells]) -> str:
    head, cells = next(iter(matrices.items()))
    numbers = "; numbers: samples" if len(view.classes) <= MOST_CELL_TEXTS else ""
    rule = f"Colour: share of the true class{numbers}."
    if not _mistakes(cells):
        return f"The {head} head makes no mistake on test. {rule}"
    true, predicted, count = max(_mistakes(cells), key=lambda cell: cell[2])
    samples = sum(cell[2] for cell in cells if cell[0] == true)
    return (
        f"Most often the {head} head takes {view.classes[true]} for {view.classes[predicted]}: "
        f"{count} of {samples} samples. {rule}"
    )


def recall(view: RunView) -> Chart | None:
    """How many samples of each class each head finds."""
    recalls = {head: _recalls(cells) for head, cells in _matrices(view).items()}
    if not recalls:
        return None
    reference = recalls.get(FUSED) or next(iter(recalls.values()))
    order = sorted(reference, key=lambda c: (reference[c], c))
    drawn = order[:MOST_ROWS]
    data = [
        points(
            [100 * recalls[head][c] if c in recalls[head] else None for c in drawn],
            list(range(len(drawn))), head, _marker(head, view),
            "%{customdata}: %{x:.1f} %<extra>%{fullData.name}</extra>",
            customdata=[plain(view.classes[c]) for c in drawn],
        )
        for head in reversed(recalls)
    ]  # fmt: skip
    axis = {"title": {"text": "recall [%]"}, "range": [-3, 103], "zeroline": False}
    left_out = len(order) - len(drawn)
    beyond = f" The {left_out} easier classes stand in the numbers." if left_out else ""
    best, worst = view.classes[order[-1]], view.classes[order[0]]
    summary = (
        f"Of {worst} the fewest samples are found ({in_percent(reference[order[0]])}), of {best} "
        f"the most ({in_percent(reference[order[-1]])}), hardest class first.{beyond}"
    )
    rows = [[view.classes[c], *(in_percent(recalls[h].get(c)) for h in recalls)] for c in order]
    return Chart(
        "Recall by class on test",
        figure(data, ROW_PIXELS * len(drawn) + 60, axis,
               {**rows_axis([view.classes[c] for c in drawn]), "showgrid": True}),
        summary,
        Table(["class", *recalls], rows, "Share of each class's samples that a head finds."),
    )  # fmt: skip


def _recalls(cells: Cells) -> dict[int, float]:
    samples: dict[int, int] = {}
    right: dict[int, int] = {}
    for true, predicted, count in cells:
        samples[true] = samples.get(true, 0) + count
        right[true] = right.get(true, 0) + (count if true == predicted else 0)
    return {c: right[c] / samples[c] for c in samples if samples[c]}
