"""What is drawn over epochs: accuracy, decomposition, information."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fusion_sched.report.paper.stages import restoring
from fusion_sched.report.paper.style import INK, REDUNDANCY, SYNERGY, Look, looks_of, mark, shown
from fusion_sched.report.story import estimate, number, shared_name
from fusion_sched.runlog import Trace
from fusion_sched.types import FUSED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fusion_sched.report.paper.style import Entry

Key = tuple[str, ...]


class Atom(NamedTuple):
    """A quantity of the decomposition: where a probe event holds it, and what it is called."""

    key: Key
    label: str
    look: Look


def uniquenesses(trace: Trace) -> list[Atom]:
    """Return each modality's uniqueness."""
    return [
        Atom(("unique_bits", name), f"unique {shown(name)}", look)
        for name, look in looks_of(trace).items()
        if name != FUSED
    ]


def synergy(trace: Trace) -> Atom:
    """Return the synergy of all modalities."""
    label = shared_name("synergy", len(trace.start["modalities"]))
    return Atom(("synergy_bits",), label, SYNERGY)


def redundancy(trace: Trace) -> Atom:
    """Return the redundancy of all modalities."""
    label = shared_name("redundancy", len(trace.start["modalities"]))
    return Atom(("redundancy_bits",), label, REDUNDANCY)


def panel_height(width: float) -> float:
    """Return the height of a panel for a paper, both in inches."""
    return min(0.55 * width, 2.6)


def number_epochs(axes: Axes, records: Sequence[dict[str, Any]] = ()) -> None:
    """Name the axis of epochs, keep its ticks whole, and let it end where the records do."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.set_xlabel("epoch")
    epochs = [record["epoch"] + 1 for record in records]
    if epochs:
        axes.set_xlim(min(epochs) - 0.7, max(epochs) + 0.7)


def interrupted(trace: Trace, *columns: Sequence[float | None]) -> list[np.ndarray]:
    """Return columns, the first of epochs, with a gap where remembered weights came back.

    A line across it would show a course that training did not take.
    """
    arrays = [np.asarray(column, dtype=float) for column in columns]
    decision = restoring(trace)
    if decision is None:
        return arrays
    after = decision["epoch"] + 1.5
    place = int(np.searchsorted(arrays[0], after))
    return [np.insert(arrays[0], place, after), *(np.insert(a, place, np.nan) for a in arrays[1:])]


def draw_accuracy(axes: Axes, trace: Trace) -> list[Entry]:
    """Draw validation accuracy by modality and fused, and the selected epoch."""
    entries: list[Entry] = []
    for name, look in looks_of(trace).items():
        shares = [(e, number(e, "accuracy", "validation", name)) for e in trace.of("epoch")]
        known = [(e["epoch"] + 1, 100 * share) for e, share in shares if share is not None]
        if known:
            course = interrupted(trace, *zip(*known, strict=True))
            (line,) = axes.plot(*course, **look.line, marker=mark(known))
            entries.append((line, shown(name)))
    if trace.result is not None:
        (point,) = axes.plot(
            trace.result["selected_epoch"] + 1, 100 * trace.result["validation"][FUSED], "o",
            color=INK, markersize=7, fillstyle="none",
        )  # fmt: skip
        entries.append((point, "selected epoch"))
    axes.set_ylabel("validation accuracy [%]")
    axes.set_ylim(0, 102)
    return entries


def draw_atoms(
    axes: Axes, trace: Trace, atoms: Sequence[Atom], *, nulls: bool = False
) -> list[Entry]:
    """Draw quantities in bits with their 95 % intervals, with ``nulls`` also their null levels."""
    entries = [entry for atom in atoms for entry in draw_atom(axes, trace, atom, nulls)]
    if not entries:
        axes.text(0.5, 0.5, "no diagnosis", transform=axes.transAxes, ha="center")
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    return entries


def draw_atom(axes: Axes, trace: Trace, atom: Atom, nulls: bool) -> list[Entry]:
    """Draw one quantity of the probe events, with a ribbon for its interval."""
    known = [(p["epoch"] + 1, e) for p in trace.of("probe") if (e := estimate(p, *atom.key))]
    if not known:
        return []
    columns = zip(*((epoch, e.value, e.low, e.high) for epoch, e in known), strict=True)
    x, middle, bottom, top = interrupted(trace, *columns)
    (line,) = axes.plot(x, middle, **atom.look.line, marker=mark(known))
    if np.isfinite(bottom).any():  # older versions wrote no intervals
        axes.fill_between(x, bottom, top, color=atom.look.colour, alpha=0.15, linewidth=0)
    if nulls:
        levels = [(epoch, e.null) for epoch, e in known if e.null is not None]
        draw_null(axes, trace, levels, atom.look.colour)
    return [(line, atom.label)]


def draw_null(axes: Axes, trace: Trace, known: Sequence[tuple[int, float]], colour: str) -> None:
    """Draw the level that a quantity has under shuffled labels, where the probe measured it."""
    if known:
        course = interrupted(trace, *zip(*known, strict=True))
        axes.plot(*course, color=colour, linestyle=":", linewidth=0.8)


def null_entries(probes: Sequence[dict[str, Any]]) -> list[Entry]:
    """Return the legend of null levels, where there are any."""
    from matplotlib.lines import Line2D

    line = Line2D([], [], color=INK, linestyle=":", linewidth=0.8)
    return [(line, "labels shuffled")] if any(_has_null(probe) for probe in probes) else []


def _has_null(probe: dict[str, Any]) -> bool:
    return any("null" in numbers for numbers in probe["mi_bits"].values())


def draw_information(axes: Axes, trace: Trace) -> list[Entry]:
    """Draw each modality's and the joint information and the redundancy, in bits."""
    alone = [
        Atom(("mi_bits", name), f"I({shown(name)}; Y)", look)
        for name, look in looks_of(trace).items()
        if name != FUSED
    ]
    # With one modality the whole is the same as its only part.
    whole = [Atom(("joint_mi_bits",), "I(all; Y)", Look(INK, "-"))] if len(alone) > 1 else []
    entries = draw_atoms(axes, trace, [*alone, *whole, redundancy(trace)])
    probes = trace.of("probe")
    entropy = number(probes[0], "label_entropy_bits") if probes else None
    if entropy is not None:
        axes.axhline(entropy, color=INK, linewidth=0.8, linestyle=":")
        axes.annotate(
            "H(Y)", (1, entropy), xycoords=("axes fraction", "data"), ha="right", va="bottom"
        )
        axes.set_ylim(top=1.1 * axes.get_ylim()[1])
    axes.set_ylabel("information [bit]")
    return entries
