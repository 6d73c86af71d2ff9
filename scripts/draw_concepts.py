"""The pictures and tables of docs/concepts.md: every number in them is computed.

python scripts/draw_concepts.py        writes docs/pid_*.svg, and the tables between their marks
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from concepts import (
    CLUSTERS,
    GATES,
    REDUNDANCIES,
    SAMPLES,
    SERIES,
    compared,
    decisions,
    gate,
    masked,
)
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

DOCS = Path(__file__).parents[1] / "docs"
DOCUMENT = DOCS / "concepts.md"

# Okabe and Ito's palette: distinguishable with every common colour vision.
FIRST, SECOND, BOTH, TOGETHER = "#0072B2", "#D55E00", "#CC79A7", "#009E73"
UNIMODAL, JOINT = "#dfe8f3", "#f6e7d3"
INK, GRID = "#222222", "#dddddd"
JOINT_EPOCHS = 5
"""Drawn of the joint stage."""


def main() -> None:
    for name, figure in pictures().items():
        save(figure, DOCS / name)
    DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8"), tables()), encoding="utf-8")


def pictures() -> dict[str, Figure]:
    """Return every picture by its file name."""
    return {
        "pid_gates.svg": draw_gates(),
        "pid_masking.svg": draw_masking(),
        "pid_bias.svg": draw_bias(),
        "pid_schedule.svg": draw_schedule(),
    }


def tables() -> dict[str, str]:
    """Return every table by its mark."""
    return {
        "gates": gates_table(),
        "masking": masking_table(),
        "bias": bias_table(),
        "schedule": schedule_table(),
    }


def save(figure: Figure, path: Path) -> None:
    """Write the picture: letters as outlines, and nothing in it of the clock or of chance."""
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": path.name}):
        figure.savefig(path, metadata={"Date": None, "Creator": None})


def filled(text: str, found: Mapping[str, str]) -> str:
    """Return the document with each table between its marks."""
    for mark, table in found.items():
        begin, end = f"<!-- {mark}:begin -->", f"<!-- {mark}:end -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", flags=re.S)
        if not pattern.search(text):
            raise ValueError(f"{DOCUMENT.name} has no {begin} … {end}; put the marks back")
        text = pattern.sub(lambda _, new=f"{begin}\n{table}\n{end}": new, text)
    return text


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def gates_table() -> str:
    header = ["gate", "label", "redundancy", "unique x1", "unique x2", "synergy", "I(x1; y)",
              "I(x2; y)", "I(x1, x2; y)"]  # fmt: skip
    rows = []
    for name, (formula, cases) in GATES.items():
        a = gate(cases)
        values = (a.redundancy, a.unique1, a.unique2, a.synergy, a.mi1, a.mi2, a.joint_mi)
        rows.append([name, f"`{formula}`", *(f"{value:.3f}" for value in values)])
    return markdown(header, rows)


def masking_table() -> str:
    header = ["redundancy", "I(x1; y)", "I(x2; y)", "I(x1; y) / I(x2; y)", "U1 / U2"]
    rows = [
        [f"{a.redundancy:.2f}", f"{a.mi1:.2f}", f"{a.mi2:.2f}", f"{a.mi1 / a.mi2:.2f}",
         f"{a.unique1 / a.unique2:.2f}"] for a in masked()
    ]  # fmt: skip
    return markdown(header, rows)


def bias_table() -> str:
    header = ["labels", "samples", f"histogram, {CLUSTERS} × {CLUSTERS} clusters", "fusion-sched",
              "95 % interval", "its clusters"]  # fmt: skip
    rows = [
        ["shuffled" if c.shuffled else "true", f"{c.samples:,}", f"{c.histogram:.2f}",
         f"{c.ours.value:.2f}", f"{c.ours.low:.2f} … {c.ours.high:.2f}",
         f"{c.clusters} × {c.clusters}"] for c in compared()
    ]  # fmt: skip
    return markdown(header, rows)


def schedule_table() -> str:
    header = ["after epoch", "U easy", "U hard", "synergy", "trains next", "reason"]
    rows, before = [], None
    for epoch, (row, decision) in enumerate(zip(SERIES, decisions(), strict=True)):
        words = decision.reason if decision.stage != before else "no change"
        kept = "; the weights are kept" if decision.keep else ""
        trains = "both, jointly" if decision.stage.joint else ", ".join(decision.stage.active)
        when = "untrained" if epoch == 0 else str(epoch)
        rows.append([when, *(f"{value:.2f}" for value in row), trains, words + kept])
        before = decision.stage
    return markdown(header, rows)


def draw_gates() -> Figure:
    figure = Figure(figsize=(11, 2.3), layout="constrained")
    key, *others = figure.subplots(1, 1 + len(GATES))
    words = ("unique\nx1", "redun-\ndancy", "unique\nx2", "synergy")
    draw_map(key, "what is known of y", words, (0.4, 0.4, 0.4, 0.4))
    for axes, (name, (formula, cases)) in zip(others, GATES.items(), strict=True):
        a = gate(cases)
        bits = (a.unique1, a.redundancy, a.unique2, a.synergy)
        draw_map(axes, f"{name}:  {formula}", [f"{value:.3g}" for value in bits], bits)
    return figure


def draw_map(axes: Axes, title: str, words: Sequence[str], bits: Sequence[float]) -> None:
    """Draw two circles in a box: what x1 tells, what x2 tells, and what only both tell together.

    The more bits an area has, the stronger its colour.
    """
    axes.set(xlim=(0, 10), ylim=(0, 9), aspect="equal")
    axes.set_title(title, fontsize=11)
    axes.axis("off")
    box = FancyBboxPatch((0.5, 0.5), 9, 8, boxstyle="round,pad=0.2")
    left, right = Circle((3.7, 5.3), 2.6), Circle((6.3, 5.3), 2.6)
    for shape, colour, strength in (
        (box, TOGETHER, bits[3]), (left, FIRST, bits[0]), (right, SECOND, bits[2]),
        (right, BOTH, bits[1]),
    ):  # fmt: skip
        within = left if colour == BOTH else None
        for paint, alpha in (("white", 1.0), (colour, 0.75 * min(strength, 1.0))):
            add_copy(axes, shape, within, facecolor=paint, alpha=alpha, edgecolor="none")
    for shape in (box, left, right):
        add_copy(axes, shape, None, fill=False, edgecolor=INK, linewidth=0.8)
    for word, place in zip(words, ((2.3, 5.3), (5, 5.3), (7.7, 5.3), (5, 1.4)), strict=True):
        axes.text(*place, word, ha="center", va="center", fontsize=8, color=INK)


def add_copy(
    axes: Axes, shape: Circle | FancyBboxPatch, within: Circle | None, **look: Any
) -> None:
    """Draw the shape, or the part of it that lies within another."""
    if isinstance(shape, Circle):
        copy = Circle(shape.center, shape.radius, **look)
    else:
        corner = (shape.get_x(), shape.get_y())
        style = shape.get_boxstyle()
        copy = FancyBboxPatch(corner, shape.get_width(), shape.get_height(), style, **look)
    axes.add_patch(copy)
    if within is not None:
        copy.set_clip_path(Circle(within.center, within.radius, transform=axes.transData))


def plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=GRID)
    axes.set_axisbelow(True)


def draw_masking() -> Figure:
    figure = Figure(figsize=(6.4, 2.8), layout="constrained")
    axes = figure.subplots()
    plain(axes)
    unique = [a.unique1 / a.unique2 for a in masked()]
    information = [a.mi1 / a.mi2 for a in masked()]
    axes.plot(REDUNDANCIES, np.round(unique, 3), "o-", color=TOGETHER, label="U1 / U2")
    axes.plot(REDUNDANCIES, np.round(information, 3), "s-", color=BOTH, label="I(x1; y) / I(x2; y)")
    axes.axhline(1, color=INK, linewidth=0.8, linestyle=":")
    axes.text(0.0, 1.06, "alike", fontsize=9, color=INK)
    axes.set(xlabel="redundancy (bit)", ylabel="first : second", ylim=(0.8, 4.3))
    axes.legend(frameon=False, loc="center right")
    return figure


def draw_bias() -> Figure:
    figure = Figure(figsize=(9, 3), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    titles = ("shuffled labels: nothing is there to be found", "true labels")
    for axes, title, shuffled in zip(panels, titles, (True, False), strict=True):
        found = [c for c in compared() if c.shuffled == shuffled]
        ends = np.round([(c.ours.low, c.ours.high) for c in found], 2).T
        plain(axes)
        axes.plot(SAMPLES, np.round([c.histogram for c in found], 2), "s--", color=SECOND,
                  label=f"histogram of {CLUSTERS} × {CLUSTERS} clusters")  # fmt: skip
        axes.plot(SAMPLES, np.round([c.ours.value for c in found], 2), "o-", color=FIRST,
                  label="fusion-sched, 95 % interval")  # fmt: skip
        axes.vlines(SAMPLES, *ends, color=FIRST, linewidth=4, alpha=0.35)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set(xlabel="samples", xticks=SAMPLES)
        axes.set_title(title, fontsize=11)
    panels[0].set_ylabel("synergy (bit)")
    panels[1].legend(frameon=False)
    return figure


def draw_schedule() -> Figure:
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(1, 2, 2))
    epochs = range(len(SERIES))
    easy, hard, synergy = zip(*SERIES, strict=True)
    for axes, named, ylabel in (
        (middle, {"easy": (SECOND, easy), "hard": (FIRST, hard)}, "uniqueness (bit)"),
        (bottom, {"synergy": (TOGETHER, synergy)}, "synergy (bit)"),
    ):
        plain(axes)
        for name, (colour, values) in named.items():
            axes.plot(epochs, values, "o-", color=colour, label=name)
            axes.vlines(epochs, *np.add.outer((-0.04, 0.04), values), color=colour, alpha=0.35,
                        linewidth=4)  # fmt: skip
        axes.set(ylabel=ylabel, ylim=(0, 0.65))
    middle.legend(frameon=False, loc="upper right")
    bottom.set_xlabel("epochs trained")
    draw_stages(top)
    mark_events(middle, bottom)
    return figure


def draw_stages(axes: Axes) -> None:
    """Draw who trains in which epoch, in a row for each modality and one for the fusion."""
    answers = decisions()
    rows = ("easy", "hard", "fusion")
    for begin, decision in enumerate(answers):
        joint = decision.stage.joint
        width = JOINT_EPOCHS if joint else 1
        active = rows if joint else decision.stage.active
        for place, name in enumerate(rows):
            if name in active:
                colour = JOINT if joint else UNIMODAL
                axes.barh(-place, width, 0.8, begin, color=colour, edgecolor=INK, linewidth=0.5)
            elif name == "easy":
                axes.text(begin + 0.5, -place, "pause", ha="center", va="center", fontsize=8)
    axes.set(yticks=[0, -1, -2], yticklabels=rows)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title("stage 1: each alone" + " " * 62 + "stage 2: jointly", loc="left", fontsize=11)


def mark_events(unique: Axes, synergy: Axes) -> None:
    """Mark the catching up, the peak that is kept, and the hand-over from it."""
    answers = decisions()
    caught = next(n for n, d in enumerate(answers) if n and len(d.stage.active) == 2)
    peak = max(n for n, d in enumerate(answers) if d.keep)
    handover = len(answers) - 1
    for axes in (unique, synergy):
        axes.axvline(caught, color=INK, linewidth=0.8, linestyle=":")
        axes.axvline(handover, color=INK, linewidth=0.8)
    unique.text(caught + 0.1, 0.58, "caught up: both train", fontsize=9)
    synergy.text(peak + 0.1, SERIES[peak][2] + 0.06, "peak: weights are kept", fontsize=9)
    synergy.annotate(
        "", (peak + 0.05, SERIES[peak][2] - 0.05), (handover - 0.1, SERIES[handover][2] - 0.04),
        arrowprops={"arrowstyle": "->", "connectionstyle": "arc3,rad=-0.35", "color": INK},
    )  # fmt: skip
    words = "below 0.8 × the peak twice: joint training\nstarts from the weights of the peak"
    synergy.text(handover + 0.2, SERIES[handover][2], words, fontsize=9, va="center")


if __name__ == "__main__":
    main()
