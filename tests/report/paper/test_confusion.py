"""The confusion matrix: percent of each true class, and names only where they are legible."""

from itertools import product

import numpy as np
import pytest
from matplotlib.figure import Figure

from fusion_sched.report.panels import confusion_shares
from fusion_sched.report.paper.figures import draw_confusion
from fusion_sched.report.paper.style import PAPER, drawing_style


def texts_of(figure: Figure) -> list[str]:
    axes = figure.axes[0]
    labels = [text.get_text() for text in (*axes.get_xticklabels(), *axes.texts)]
    return [*labels, axes.get_xlabel(), axes.get_ylabel()]


def test_rows_are_percent_of_the_true_class() -> None:
    shares = confusion_shares([[0, 0, 3], [0, 1, 1], [2, 2, 5]], 3)
    expected = [[75, 25, 0], [np.nan] * 3, [0, 0, 100]]
    np.testing.assert_allclose(shares, expected)


def test_few_classes_are_named_and_their_shares_written() -> None:
    with drawing_style(PAPER):
        figure = draw_confusion([[0, 0, 3], [0, 1, 1], [1, 1, 4]], ["$cat$", "_dog"], 3.35)
    texts = texts_of(figure)
    assert {r"\$cat\$", "_dog", "75", "25", "100", "predicted class", "true class"} <= set(texts)


@pytest.mark.parametrize(("classes", "named"), [(10, True), (20, True), (30, False), (101, False)])
def test_many_classes_are_numbered(classes: int, named: bool) -> None:
    cells = [[i, j, 1] for i, j in product(range(classes), repeat=2)]
    names = [f"class of number {i}" for i in range(classes)]
    with drawing_style(PAPER):
        figure = draw_confusion(cells, names, 3.35)
        figure.draw_without_rendering()
    axes = figure.axes[0]
    assert (axes.get_xlabel() == "predicted class") == named
    assert len(axes.get_xticklabels()) == classes if named else len(axes.get_xticklabels()) < 10
    assert all(text.get_fontsize() >= 6 for text in axes.get_xticklabels())
    assert bool(axes.texts) == (classes == 10)
