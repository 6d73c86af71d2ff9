"""What the heads get right, by class and by each other."""

from collections.abc import Mapping, Sequence
from typing import Any

from fusion_sched.report.html.charts.style import (
    BELOW_PIXELS,
    INK,
    MUTED,
    Trace,
    figure,
    look,
    rows_axis,
    short,
)
from fusion_sched.report.html.document import Chart, Table, plain
from fusion_sched.report.story import Event, Story, number, numbers, told_epoch
from fusion_sched.report.words import (
    ALL_RIGHT,
    NONE_RIGHT,
    NOTHING,
    percent,
    quadrant_words,
    quadrants_summary,
)
from fusion_sched.runlog import inside
from fusion_sched.types import FUSED

MOST_ROWS, MOST_TICKS, MOST_CELL_TEXTS, MOST_GAPS = 40, 24, 16, 60
"""Classes listed one by one; ticks of a matrix; classes of one whose cells hold numbers, and are
apart."""
ROW_PIXELS, MATRIX_PIXELS, OPACITY = 22, 560, 0.55


def quadrants(story: Story) -> Chart | None:
    """Return whose heads are right over the epochs, and on test as a bar at the end."""
    seen = [p for p in story.probes if numbers(p, "quadrants")]
    tested = numbers(story.result, "quadrants")
    if not seen and not tested:
        return None
    names = list(dict.fromkeys(name for p in seen for name in numbers(p, "quadrants")))
    data = [area(seen, name, quadrant_fill(name, story)) for name in names] if seen else []
    layout: dict[str, Any] = {"hovermode": "x unified", "barmode": "stack"}
    x_axis: dict[str, Any] = {"title": {"text": "epoch (0: untrained)"}, "zeroline": False}
    if tested:
        data += [test_bar(tested, name, quadrant_fill(name, story), not seen) for name in tested]
        x_axis["domain"] = [0, 0.86 if seen else 0]
        layout["xaxis2"] = {
            "domain": [0.91, 1] if seen else [0, 1], "anchor": "y", "showgrid": False,
            "tickvals": [0], "ticktext": ["test"], "fixedrange": True, "zeroline": False,
        }  # fmt: skip
    y_axis = {"title": {"text": "samples [%]"}, "range": [0, 100], "zeroline": False}
    made = figure(data, 340, x_axis, y_axis, **layout)
    return Chart("Whose head is right", made, quadrants_summary(story), quadrant_numbers(story))


def quadrant_fill(name: str, story: Story) -> tuple[str, str]:
    """Return colour and pattern of an area: that of the one modality that is right."""
    modality = name.removeprefix("only ")
    if name == ALL_RIGHT:
        return "@3", ""
    if name == NONE_RIGHT:
        return MUTED, "."
    if modality in story.modalities:
        place = story.modalities.index(modality)
        return look(modality, story.modalities)[0], ("/", "\\", "-", "|", "+", "x")[place % 6]
    return "@5", "+"


def area(seen: Sequence[Event], name: str, fill: tuple[str, str]) -> Trace:
    """Return the area of one kind of sample."""
    colour, pattern = fill
    return {
        "type": "scatter", "mode": "lines", "stackgroup": "heads", "xaxis": "x", "yaxis": "y",
        "x": [p["epoch"] + 1 for p in seen],
        "y": [100 * (number(p, "quadrants", name) or 0) for p in seen],
        "name": plain(quadrant_words(name)), "legendgroup": plain(name),
        "line": {"width": 1, "color": colour}, "fillcolor": f"{colour}/{OPACITY}",
        "fillpattern": {
            "shape": pattern, "fgcolor": "@surface", "bgcolor": f"{colour}/{OPACITY}", "size": 7,
            "solidity": 0.25,
        },
        "hovertemplate": "%{y:.1f} %",
    }  # fmt: skip


def test_bar(tested: Mapping[str, float], name: str, fill: tuple[str, str], legend: bool) -> Trace:
    """Return one part of the bar of the test split."""
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


def quadrant_numbers(story: Story) -> Table:
    """Return the shares as a table."""
    told = [(told_epoch(p["epoch"]), numbers(p, "quadrants")) for p in story.probes]
    told.append(("test", numbers(story.result, "quadrants")))
    seen = [(when, found) for when, found in told if found]
    names = list(dict.fromkeys(name for _, found in seen for name in found))
    rows = [
        [when, *(percent(found[name]) if name in found else NOTHING for name in names)]
        for when, found in seen
    ]
    header = ["", *map(quadrant_words, names)]
    return Table(header, rows, "Shares of samples by whose own head is right.")


def class_uniqueness(story: Story) -> Chart | None:
    """Return what each modality alone tells about each class, at the moments that matter."""
    moments = {m.name: found for m in story.moments if (found := by_class(m.probe, story))}
    if not moments:
        return None
    main = story.main_moment.name if story.main_moment.name in moments else list(moments)[-1]
    shown = moments[main]
    order = sorted(range(len(story.classes)), key=lambda c: -largest(shown, c))[:MOST_ROWS]
    if len(story.classes) <= MOST_ROWS:
        order.sort()
    data = [
        class_points(found[name], name, order, story, moment)
        for moment, found in moments.items()
        for name in found
    ]
    left_out = len(story.classes) - len(order)
    beyond = f" The {left_out} classes with the least are left out." if left_out else ""
    most = max(range(len(story.classes)), key=lambda c: largest(shown, c))
    axis = {"title": {"text": "unique information [bit per sample]"}}
    vertical = {**rows_axis([story.classes[c] for c in order]), "showgrid": True}
    made = figure(data, ROW_PIXELS * len(order) + 60, axis, vertical)
    made["layout"]["meta"] = {"choice": main}
    summary = (
        f"{main[:1].upper()}{main[1:]}: one modality alone tells most of "
        f"class {story.classes[most]}, {largest(shown, most):.2f} bit per sample.{beyond} Not "
        "corrected for the number of samples."
    )
    return Chart("Unique information by class", made, summary)


def by_class(probe: Event, story: Story) -> dict[str, dict[str, float]]:
    """Return the uniqueness of each class by modality."""
    found = {name: numbers(probe, "class_unique_bits", name) for name in story.modalities}
    return {name: values for name, values in found.items() if values}


def largest(by_modality: Mapping[str, Mapping[str, float]], class_id: int) -> float:
    """Return the largest uniqueness that a class has."""
    return max(found.get(str(class_id), 0.0) for found in by_modality.values())


def class_points(
    found: Mapping[str, float], name: str, order: Sequence[int], story: Story, moment: str
) -> Trace:
    """Return a modality's uniqueness of each class, at one of the moments to choose from."""
    colour, _, marker = look(name, story.modalities)
    known = [(row, c) for row, c in enumerate(order) if str(c) in found]
    return {
        "type": "scatter", "mode": "markers", "name": plain(name), "meta": {"choice": moment},
        "x": [found[str(c)] for _, c in known], "y": [row for row, _ in known],
        "marker": {"color": colour, "symbol": marker, "size": 9},
        "customdata": [plain(story.classes[c]) for _, c in known],
        "hovertemplate": "class %{customdata}: %{x:.3f} bit<extra>%{fullData.name}</extra>",
    }  # fmt: skip


def confusion(story: Story) -> Chart | None:
    """Return the confusion matrix of each head to choose from; ``None`` in older traces."""
    matrices = matrices_of(story)
    if not matrices:
        return None
    count = len(story.classes)
    data = [matrix(name, cells, story) for name, cells in matrices.items()]
    step = -(-count // MOST_TICKS)
    angle = 0 if all(len(name) <= 2 for name in story.classes) else -90
    ticks = list(range(0, count, step))
    axis = {
        "tickmode": "array", "tickvals": ticks, "showgrid": False, "zeroline": False,
        "ticktext": [short(story.classes[c], 14) for c in ticks], "automargin": True,
    }  # fmt: skip
    made = figure(
        data, MATRIX_PIXELS,
        {**axis, "title": {"text": "predicted class"}, "range": [-0.5, count - 0.5],
         "tickangle": angle},
        {**axis, "title": {"text": "true class"}, "range": [count - 0.5, -0.5]},
        margin={"l": 56, "r": 8, "t": 8, "b": BELOW_PIXELS},
    )  # fmt: skip
    return Chart("Confusion on test", made, confusion_summary(story, matrices),
                 mistakes(story, matrices))  # fmt: skip


def matrices_of(story: Story) -> dict[str, list[list[int]]]:
    """Return the cells of each head's matrix, fused first."""
    found = {name: inside(story.result, "confusion", name) for name in [FUSED, *story.modalities]}
    return {name: cells for name, cells in found.items() if isinstance(cells, list) and cells}


def matrix(name: str, cells: Sequence[Sequence[int]], story: Story) -> Trace:
    """Return a heat map; the page fills in the cells, of which only those not empty are listed."""
    gaps = {"xgap": 1, "ygap": 1} if len(story.classes) <= MOST_GAPS else {}
    trace: Trace = {
        "type": "heatmap", "name": plain(name), "showscale": False, "zmin": 0, "zmax": 100,
        "colorscale": [[0, "@surface"], [0.005, "@1~0.14"], [1, "@1"]], "hoverinfo": "text",
        "sparse": {"classes": [plain(c) for c in story.classes], "cells": cells},
        "meta": {"choice": plain(f"{name} head")}, **gaps,
    }  # fmt: skip
    if len(story.classes) <= MOST_CELL_TEXTS:
        trace["texttemplate"] = "%{text}"
    return trace


def confusion_summary(story: Story, matrices: Mapping[str, Sequence[Sequence[int]]]) -> str:
    """Return the most frequent mistake of the fused head."""
    name, cells = next(iter(matrices.items()))
    wrong = [cell for cell in cells if cell[0] != cell[1]]
    shown = "; numbers: samples" if len(story.classes) <= MOST_CELL_TEXTS else ""
    rule = f"Colour: share of the true class{shown}."
    if not wrong:
        return f"The {name} head makes no mistake on test. {rule}"
    true, predicted, count = max(wrong, key=lambda cell: cell[2])
    samples = sum(cell[2] for cell in cells if cell[0] == true)
    return (
        f"Most often the {name} head takes {story.classes[true]} for {story.classes[predicted]}: "
        f"{count} of {samples} samples. {rule}"
    )


def mistakes(story: Story, matrices: Mapping[str, Sequence[Sequence[int]]]) -> Table:
    """Return the most frequent mistakes of each head."""
    rows = []
    for name, cells in matrices.items():
        wrong = sorted((cell for cell in cells if cell[0] != cell[1]), key=lambda cell: -cell[2])
        rows += [
            [name, story.classes[true], story.classes[predicted], str(count)]
            for true, predicted, count in wrong[:10]
        ]
    header = ["head", "true class", "predicted class", "samples"]
    return Table(header, rows, "The ten most frequent mistakes of each head.", words=(1, 2))


def recall(story: Story) -> Chart | None:
    """Return how many samples of each class each head finds."""
    found = {name: recalls(cells) for name, cells in matrices_of(story).items()}
    if not found:
        return None
    reference = found.get(FUSED) or next(iter(found.values()))
    order = sorted(reference, key=lambda c: (reference[c], c))
    shown = order[:MOST_ROWS]
    data = [recall_points(name, shown, found[name], story) for name in reversed(found)]
    axis = {"title": {"text": "recall [%]"}, "range": [-3, 103], "zeroline": False}
    left_out = len(order) - len(shown)
    beyond = f" The {left_out} easier classes stand in the numbers." if left_out else ""
    best, worst = story.classes[order[-1]], story.classes[order[0]]
    summary = (
        f"Of {worst} the fewest samples are found ({percent(reference[order[0]])}), of {best} the "
        f"most ({percent(reference[order[-1]])}), hardest class first.{beyond}"
    )
    rows = [[story.classes[c], *(percent(found[name].get(c)) for name in found)] for c in order]
    return Chart(
        "Recall by class on test",
        figure(data, ROW_PIXELS * len(shown) + 60, axis,
               {**rows_axis([story.classes[c] for c in shown]), "showgrid": True}),
        summary,
        Table(["class", *found], rows, "Share of each class's samples that a head finds."),
    )  # fmt: skip


def recall_points(
    name: str, shown: Sequence[int], found: Mapping[int, float], story: Story
) -> Trace:
    """Return one head's recalls."""
    colour, _, marker = look(name, story.modalities)
    return {
        "type": "scatter", "mode": "markers", "name": plain(name),
        "x": [100 * found[c] if c in found else None for c in shown],
        "y": list(range(len(shown))),
        "marker": {"color": INK if name == FUSED else colour, "symbol": marker, "size": 9},
        "customdata": [plain(story.classes[c]) for c in shown],
        "hovertemplate": "%{customdata}: %{x:.1f} %<extra>%{fullData.name}</extra>",
    }  # fmt: skip


def recalls(cells: Sequence[Sequence[int]]) -> dict[int, float]:
    """Return the recall of each class that has samples."""
    samples: dict[int, int] = {}
    right: dict[int, int] = {}
    for true, predicted, count in cells:
        samples[true] = samples.get(true, 0) + count
        right[true] = right.get(true, 0) + (count if true == predicted else 0)
    return {c: right[c] / samples[c] for c in samples if samples[c]}
