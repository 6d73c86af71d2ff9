"""What the heads get right: by each other, and which classes they take for which."""

from collections.abc import Mapping, Sequence

import numpy as np

from fusion_sched.report.html.charts.style import (
    BELOW_PIXELS,
    MUTED,
    Trace,
    figure,
    rows_axis,
    short,
    theme_colour,
)
from fusion_sched.report.html.document import Chart, Table, plain
from fusion_sched.report.palette import head_style
from fusion_sched.report.panels import confusion_shares
from fusion_sched.report.records import Cells
from fusion_sched.report.view import RunView, epoch_words
from fusion_sched.report.words import (
    ALL_RIGHT,
    NONE_RIGHT,
    NOTHING,
    diagnosed_samples,
    in_percent,
    quadrant_words,
)
from fusion_sched.types import FUSED

MOST_TICKS, MOST_CELL_TEXTS, MOST_GAPS, MOST_LEVEL_LETTERS = 24, 16, 60, 32
"""Ticks of a matrix; classes of one whose cells hold numbers, and are apart; letters below it."""
CLASS_PIXELS, LEAST_PIXELS, MATRIX_PIXELS, BAR_PIXELS, OPACITY = 20, 170, 560, 34, 0.55
"""What a matrix grows by with each class, from the least to the most; that of a bar."""
PATTERNS = ("/", "\\", "-", "|", "+", "x")


def quadrants(view: RunView) -> Chart | None:
    """Whose own heads are right: at the moments that matter, and on test."""
    samples = diagnosed_samples(view).removesuffix(" samples")
    shares = {
        f"{samples}, {epoch_words(m.probe.epoch)}": m.probe.diagnosis.quadrants
        for m in view.moments
    }
    if view.result is not None:
        shares["test, selected weights"] = view.result.quadrants
    shares = {when: values for when, values in shares.items() if values}
    if not shares:
        return None
    names = list(dict.fromkeys(name for values in shares.values() for name in values))
    data = [_bars(list(shares.values()), name, _quadrant_fill(name, view)) for name in names]
    axis = {"title": {"text": "samples [%]"}, "range": [0, 100], "zeroline": False}
    made = figure(data, BAR_PIXELS * len(shares) + 60, axis, rows_axis(list(shares), 26),
                  barmode="stack")  # fmt: skip
    caption = "Heads of the modalities; fused is not counted."
    return Chart("Whose head is right", made, caption, _quadrant_numbers(view))


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


def _bars(shares: Sequence[Mapping[str, float]], name: str, fill: tuple[str, str]) -> Trace:
    colour, pattern = fill
    return {
        "type": "bar", "orientation": "h", "name": plain(quadrant_words(name)), "width": 0.7,
        "x": [100 * values.get(name, 0) for values in shares], "y": list(range(len(shares))),
        "marker": {
            "color": f"{colour}~{OPACITY}", "line": {"color": colour, "width": 1},
            "pattern": {"shape": pattern, "fgcolor": "@surface", "size": 7, "solidity": 0.25,
                        "fillmode": "overlay"},
        },
        "hovertemplate": "%{x:.1f} %<extra>%{fullData.name}</extra>",
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


def confusion_matrices(view: RunView) -> Chart | None:
    matrices = _matrices(view)
    if not matrices:
        return None
    count = len(view.classes)
    step = -(-count // MOST_TICKS)
    angle = 0 if count * max(map(len, view.classes)) <= MOST_LEVEL_LETTERS else -90
    ticks = list(range(0, count, step))
    axis = {
        "tickmode": "array", "tickvals": ticks, "showgrid": False, "zeroline": False,
        "ticktext": [short(view.classes[c], 14) for c in ticks], "automargin": True,
    }  # fmt: skip
    made = figure(
        [_matrix(head, cells, view) for head, cells in matrices.items()],
        min(MATRIX_PIXELS, LEAST_PIXELS + CLASS_PIXELS * count),
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
    """The class of which the first head finds the smallest share."""
    head, cells = next(iter(matrices.items()))
    shares = np.diag(confusion_shares(cells, len(view.classes)))
    worst = int(np.nanargmin(shares))
    return (
        f"Worst class of the {head} head: {view.classes[worst]}, {shares[worst]:.1f}\u00a0% right. "
        "Colour: share of the true class."
    )
