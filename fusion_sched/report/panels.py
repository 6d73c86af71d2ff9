"""What is drawn of a run, in plain data: quantities, series and panels.

The page renders the panels; the figures and the terminal take the same quantities and series.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fusion_sched.report.palette import (
    ALL_TOGETHER,
    ATOMS,
    LABEL_ENTROPY,
    REDUNDANCY,
    SYNERGY,
    LineStyle,
    head_style,
)
from fusion_sched.report.records import Cells, EpochRecord, ProbeRecord
from fusion_sched.report.view import RunView
from fusion_sched.types import FUSED, Diagnosis, Estimate

NOISE_AXES = {
    "gaussian": ("noise [SD]", 1.0, "levels in standard deviations of the values"),
    "tokens": ("tokens replaced [%]", 100.0, "levels as share of the tokens"),
}
"""By kind of noise: the title of its axis, what levels are multiplied by there, what they are."""


class Quantity(NamedTuple):
    """A quantity of a diagnosis: `label` names it by itself, `legend` in a panel of its kind."""

    kind: str
    label: str
    legend: str
    style: LineStyle
    of: Callable[[Diagnosis], Estimate | None]

    @property
    def atom_colour(self) -> str:
        """Where parts of a decomposition stand beside each other: that of the part."""
        return self.kind if self.kind in ATOMS else self.style.colour


class Series(NamedTuple):
    """Values over epochs as readers count them, 0 for the untrained state; `None`: a gap."""

    label: str
    style: LineStyle
    epochs: list[int]
    values: list[Estimate | None]

    @property
    def known(self) -> list[tuple[int, Estimate]]:
        """The points without the gaps."""
        pairs = zip(self.epochs, self.values, strict=True)
        return [(epoch, value) for epoch, value in pairs if value is not None]


class Panel(NamedTuple):
    """Series on one axis.

    `title`: that of the axis, with its unit; `nulls`: whether levels under shuffled labels are
    drawn; `from_zero`: whether the axis begins at 0; `selected`: the epoch that was selected, and
    its value.
    """

    title: str
    series: list[Series]
    nulls: bool = False
    from_zero: bool = False
    selected: tuple[int, float] | None = None


def shared_name(name: str, modalities: int) -> str:
    """Redundancy or synergy of more than two modalities is a mean, and says so."""
    return f"{name} (mean)" if modalities > 2 else name


def _named(kind: str, name: str) -> Callable[[Diagnosis], Estimate | None]:
    """The estimate of this name among those of a kind, which is a field of a diagnosis."""
    return lambda diagnosis: getattr(diagnosis, kind).get(name)


def _by_modality(view: RunView, kind: str, label: str) -> list[Quantity]:
    return [
        Quantity(kind, label.format(m), m, head_style(m, view.modalities), _named(kind, m))
        for m in view.modalities
    ]


def unique_quantities(view: RunView) -> list[Quantity]:
    return _by_modality(view, "unique", "unique {}")


def shared_quantities(view: RunView) -> list[Quantity]:
    redundancy, synergy = (
        shared_name(name, len(view.modalities)) for name in ("redundancy", "synergy")
    )
    return [
        Quantity("redundancy", redundancy, redundancy, REDUNDANCY, lambda d: d.redundancy),
        Quantity("synergy", synergy, synergy, SYNERGY, lambda d: d.synergy),
    ]


JOINT_INFORMATION = Quantity(
    "joint_mi", "I(all; Y)", "all modalities", ALL_TOGETHER, lambda d: d.joint_mi
)


def information_quantities(view: RunView) -> list[Quantity]:
    """What each modality tells about the label, and all together, where there are several."""
    alone = _by_modality(view, "mi", "I({}; Y)")
    return [*alone, JOINT_INFORMATION] if len(alone) > 1 else alone


def decomposition_quantities(view: RunView) -> list[Quantity]:
    """All that a diagnosis tells about the label; of one modality there is nothing to decompose."""
    if len(view.modalities) == 1:
        return information_quantities(view)
    return [*unique_quantities(view), *shared_quantities(view), *information_quantities(view)]


def estimates_at(
    probe: ProbeRecord, quantities: Sequence[Quantity]
) -> list[tuple[Quantity, Estimate]]:
    """The quantities that a probe has measured."""
    pairs = [(quantity, quantity.of(probe.diagnosis)) for quantity in quantities]
    return [(quantity, value) for quantity, value in pairs if value is not None]


def series_of(
    view: RunView, quantities: Sequence[Quantity], own: bool = False, second: bool = False
) -> list[Series]:
    """Quantities over the probes, those that were measured.

    `own`: named each by itself; `second`: of the generalising diagnoses.
    """
    read = [(p.number, p.generalising if second else p.diagnosis) for p in view.probes]
    made = []
    for quantity in quantities:
        values = [(epoch, quantity.of(d)) for epoch, d in read if d is not None]
        known = [(epoch, value) for epoch, value in values if value is not None]
        if known:
            label = quantity.label if own else quantity.legend
            made.append(Series(label, quantity.style, [e for e, _ in known], [v for _, v in known]))
    return made


def _by_head(
    view: RunView, title: str, of: Callable[[EpochRecord], Mapping[str, float]], scale: float
) -> Panel | None:
    epochs = [e.number for e in view.epochs]
    columns = {
        head: [Estimate(scale * of(e)[head]) if head in of(e) else None for e in view.epochs]
        for head in view.heads
    }
    series = [
        Series(head, head_style(head, view.modalities), epochs, values)
        for head, values in columns.items()
        if any(value is not None for value in values)
    ]
    return Panel(title, series) if series else None


def accuracy_panel(view: RunView) -> Panel | None:
    panel = _by_head(view, "validation accuracy [%]", lambda e: e.accuracy, 100)
    result = view.result
    if panel is None or result is None:
        return panel
    return panel._replace(selected=(result.selected_epoch + 1, 100 * result.validation[FUSED]))


def loss_panel(view: RunView) -> Panel | None:
    return _by_head(view, "training loss [nat]", lambda e: e.loss, 1)


def unique_panel(view: RunView) -> Panel | None:
    """`None` for one modality: it has nothing to be unique against."""
    series = series_of(view, unique_quantities(view))
    several = len(view.modalities) > 1
    return Panel("unique information U [bit]", series, nulls=True) if series and several else None


def redundancy_panel(view: RunView) -> Panel | None:
    series = series_of(view, shared_quantities(view)[:1])
    return Panel("redundancy R [bit]", series, nulls=True) if series else None


def synergy_panel(view: RunView) -> Panel | None:
    series = series_of(view, shared_quantities(view)[1:])
    return Panel("synergy S [bit]", series, nulls=True) if series else None


def label_entropy(view: RunView) -> Series:
    values: list[Estimate | None] = [Estimate(p.diagnosis.label_entropy) for p in view.probes]
    epochs = [p.number for p in view.probes]
    return Series("H(Y)", LABEL_ENTROPY, epochs, values)


def information_panel(view: RunView) -> Panel | None:
    series = series_of(view, information_quantities(view))
    if not series:
        return None
    second = any(p.generalising is not None for p in view.probes)
    title = f"{'stored ' if second else ''}information I(X; Y) [bit]"
    return Panel(title, [*series, label_entropy(view)], nulls=True, from_zero=True)


def generalising_panel(view: RunView) -> Panel | None:
    """As `information_panel`, of samples that the encoders never trained on."""
    series = series_of(view, information_quantities(view), second=True)
    if not series:
        return None
    title = "generalising information I(X; Y) [bit]"
    return Panel(title, [*series, label_entropy(view)], nulls=True, from_zero=True)


def accuracy_curve(view: RunView, head: str) -> dict[int, float]:
    """Validation accuracy of a head in percent by epoch, from 1, where it was evaluated."""
    return {e.number: 100 * e.accuracy[head] for e in view.epochs if head in e.accuracy}


class NoiseSeries(NamedTuple):
    """Fused test accuracy in percent over the level of noise in one modality, from none on."""

    modality: str
    style: LineStyle
    levels: list[float]
    percents: list[float]


def noise_panels(view: RunView) -> dict[str, list[NoiseSeries]]:
    """By kind of noise; empty where the run was not examined."""
    result = view.result
    if result is None or result.robustness is None or result.accuracy is None:
        return {}
    panels: dict[str, list[NoiseSeries]] = {}
    for name in view.modalities:
        curve = result.robustness.noise.get(name)
        if curve is not None:
            scale = NOISE_AXES[curve.kind][1] if curve.kind in NOISE_AXES else 1.0
            levels = [0.0, *(scale * level for level in curve.levels)]
            percents = [100 * share for share in (result.accuracy, *curve.accuracies)]
            style = head_style(name, view.modalities)
            panels.setdefault(curve.kind, []).append(NoiseSeries(name, style, levels, percents))
    return panels


def confusion_shares(cells: Cells, classes: int) -> np.ndarray:
    """Percent of each true class `(classes, classes)`; NaN where test has none of it."""
    counts = np.zeros((classes, classes))
    for true, predicted, samples in cells:
        counts[true, predicted] = samples
    totals = counts.sum(axis=1, keepdims=True)
    shares: np.ndarray = np.divide(
        100 * counts, totals, out=np.full_like(counts, np.nan), where=totals > 0
    )
    return shares


def seconds_by_purpose(view: RunView) -> dict[str, float]:
    """Training, diagnoses and, once the run has ended, the rest."""
    seconds = {} if view.result is None else view.result.seconds
    if seconds.keys() >= {"train", "probe", "total"}:
        train, probe = seconds["train"], seconds["probe"]
        rest = max(0.0, seconds["total"] - train - probe)
        return {"training": train, "diagnoses": probe, "everything else": rest}
    return {
        "training": sum(e.seconds or 0.0 for e in view.epochs),
        "diagnoses": sum(p.seconds or 0.0 for p in view.probes),
    }


def spread_labels(places: Sequence[float], gap: float, top: float) -> list[float]:
    """Places of labels on a line from 0 to `top`, at least `gap` apart, near where they belong."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = list(places)
    lowest = 0.0
    for i in order:
        moved[i] = lowest = max(moved[i], lowest)
        lowest += gap
    highest = top
    for i in reversed(order):
        moved[i] = highest = min(moved[i], highest)
        highest -= gap
    return moved
