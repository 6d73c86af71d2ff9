"""How every figure looks: fonts, colours, legends, names from outside, and the bytes written."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion_sched.report.palette import HEX, LineStyle
from fusion_sched.runtime.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

    Entry = tuple[Artist, str]

INK, GREY, PALE = HEX["ink"], HEX["muted"], "#EFEFEF"
DASHES: dict[str, Any] = {
    "solid": "-", "dash": (0, (5, 1.5)), "dot": (0, (1.5, 1.5)), "dashdot": (0, (6, 1.5, 1, 1.5)),
    "longdash": (0, (9, 2)), "longdashdot": (0, (9, 1.5, 1, 1.5)),
}  # fmt: skip
MARKED = 16
"""A line of at most so many points shows each of them."""
MOST_COLUMNS = 6
LONGEST = 28
"""Characters of a name that a legend shows."""

Settings = dict[str, Any]

COMMON: Settings = {
    "font.family": "DejaVu Sans",  # comes with Matplotlib, so the same on every machine
    "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "axes.grid.axis": "y", "axes.axisbelow": True, "grid.color": "#DDDDDD",
    "legend.frameon": False,
}  # fmt: skip
PAPER: Settings = {
    **COMMON,
    "figure.dpi": 300, "savefig.dpi": 300,
    "font.size": 8, "axes.labelsize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7,
    "legend.fontsize": 7, "axes.linewidth": 0.6, "grid.linewidth": 0.4, "lines.linewidth": 1.2,
    "lines.markersize": 3, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "xtick.major.size": 2.5, "ytick.major.size": 2.5, "hatch.linewidth": 0.5,
    "pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "fusion-sched",
}  # fmt: skip
SCREEN: Settings = {
    **COMMON,
    "figure.dpi": 120, "savefig.dpi": 120, "legend.fontsize": 9, "lines.linewidth": 1.6,
    "lines.markersize": 4, "hatch.linewidth": 0.8,
}  # fmt: skip
# Matplotlib would write the time; without it the same trace gives the same bytes.
METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
    "png": {},
}


def line_settings(style: LineStyle) -> dict[str, Any]:
    """What `Axes.plot` takes."""
    return {"color": HEX[style.colour], "linestyle": DASHES[style.dash]}


@contextmanager
def drawing_style(settings: Settings) -> Iterator[None]:
    """Draw in this style and no other: not in the user's either, which could change the bytes."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        # A script that the font lacks becomes boxes in PDF and PNG; an SVG holds the text itself.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)  # type: ignore[arg-type]  # plain keys
        yield


def drawable(name: str, longest: int = LONGEST) -> str:
    """A name as text that Matplotlib draws as it is: no mathematics, nothing unprintable.

    A name that is too long loses its middle, as names mostly differ at their ends.
    """
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    if len(clean) > longest:
        half = longest // 2
        clean = clean[: longest - half - 1] + "…" + clean[-half:]
    return clean.replace("$", r"\$")


def sparse_marker(points: Sequence[Any]) -> str:
    """A marker that is drawn only where points stand apart."""
    return "." if len(points) <= MARKED else ""


def paper_figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def legend_above(figure: Figure, entries: Sequence[Entry]) -> None:
    """Put the legend above the axes, in as many columns as fit; the figure grows by its height."""
    width, height = figure.get_size_inches()
    for columns in range(min(len(entries), MOST_COLUMNS), 0, -1):
        legend = figure.legend(
            **_unlabelled(entries), loc="outside upper left", ncols=columns, columnspacing=1.2,
            handlelength=2.2, borderaxespad=0.2, borderpad=0.2,
        )  # fmt: skip
        _set_labels(legend, entries)
        box = legend.get_window_extent()
        if box.width <= width * figure.dpi or columns == 1:
            figure.set_size_inches(width, height + box.height / figure.dpi)
            return
        legend.remove()


def _unlabelled(entries: Sequence[Entry]) -> dict[str, Any]:
    """Handles with stand-ins for their labels: Matplotlib drops labels that begin by _."""
    return {"handles": [handle for handle, _ in entries], "labels": ["·"] * len(entries)}


def _set_labels(legend: Any, entries: Sequence[Entry]) -> None:
    for text, (_, label) in zip(legend.get_texts(), entries, strict=True):
        text.set_text(label)


def write_figure(figure: Figure, folder: Path, stem: str, formats: Sequence[str]) -> list[Path]:
    """Write a figure once per format."""
    # Laid out once: so every format shows the same, and the second costs half.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    files = [folder / f"{stem}.{suffix}" for suffix in formats]
    for file, suffix in zip(files, formats, strict=True):
        with atomic_write(file) as whole:
            figure.savefig(whole, format=suffix, metadata=METADATA[suffix])
    return files


def panel_height(width: float) -> float:
    """The height of a panel for a paper, both in inches."""
    return min(0.55 * width, 2.6)
