"""The picture of docs/diagnosis.md: k-means cells and cells of similar posterior.

python scripts/draw_diagnosis.py       writes docs/diagnosis.svg
"""

import numpy as np
from draw_concepts import DOCS, FIRST, INK, SECOND, save
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.cluster import KMeans
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_predict

SAMPLES, CELLS = 140, 4
SHADES = ("#f1f1f1", "#d9d9d9", "#bdbdbd", "#969696")


def main() -> None:
    save(draw(), DOCS / "diagnosis.svg")


def embeddings() -> tuple[np.ndarray, np.ndarray]:
    """Two classes along the vertical axis, and a stronger nuisance along the other."""
    rng = np.random.default_rng(0)
    y = np.arange(SAMPLES) % 2
    nuisance = rng.integers(0, 4, SAMPLES)
    x = np.stack([2.5 * nuisance, 1.6 * y], axis=1) + 0.45 * rng.normal(size=(SAMPLES, 2))
    return x - x.mean(0), y


def information(cell: np.ndarray, y: np.ndarray) -> float:
    """I(cell; Y) of the histogram, in bits."""
    table = np.histogram2d(cell, y, bins=(CELLS, 2))[0] / len(y)
    independent = table.sum(1, keepdims=True) * table.sum(0, keepdims=True)
    used = table > 0
    return float((table[used] * np.log2(table[used] / independent[used])).sum())


def draw() -> Figure:
    x, y = embeddings()
    clusters = KMeans(CELLS, n_init=5, random_state=0).fit_predict(x)
    model = LinearDiscriminantAnalysis()
    posterior = cross_val_predict(model, x, y, cv=5, method="predict_proba")[:, 1]
    alike = np.digitize(posterior, (0.1, 0.5, 0.9))
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 0.7))
    draw_cells(left, "k-means cells", x, y, clusters)
    draw_cells(middle, "cells of similar posterior", x, y, alike)
    table = np.histogram2d(alike, y, bins=(CELLS, 2))[0]
    right.imshow(table, cmap="Greys", vmin=0, vmax=2 * table.max(), aspect="auto")
    for (row, column), count in np.ndenumerate(table):
        right.text(column, row, f"{count:.0f}", ha="center", va="center", color=INK)
    right.set(xticks=(0, 1), xlabel="class y", yticks=range(CELLS), ylabel="cell")
    right.set_title("counts of cell and class", fontsize=10)
    return figure


def draw_cells(axes: Axes, title: str, x: np.ndarray, y: np.ndarray, cell: np.ndarray) -> None:
    """Draw each class in its colour on the shade of the cell."""
    shades = [SHADES[c] for c in cell]
    axes.scatter(*np.round(x.T, 2), s=90, c=shades, linewidths=0)
    for label, colour, mark in ((0, FIRST, "o"), (1, SECOND, "s")):
        axes.scatter(*np.round(x[y == label].T, 2), s=7, color=colour, marker=mark,
                     label=f"y = {label}")  # fmt: skip
    axes.set(xticks=(), yticks=(), xlabel="nuisance", ylabel="signal", ylim=(-2.4, 3.2))
    axes.set_title(f"{title}: {information(cell, y):.2f} bit", fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="upper right", ncols=2)


if __name__ == "__main__":
    main()
