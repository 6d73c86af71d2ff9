"""What each source tells of the label: stored and generalising, with lower bounds; in words."""

from collections.abc import Sequence
from typing import NamedTuple

from fusion_sched.report.palette import LineStyle
from fusion_sched.report.panels import JOINT_INFORMATION, information_quantities
from fusion_sched.report.records import ProbeRecord
from fusion_sched.report.view import RunView
from fusion_sched.report.words import estimate_words, fixed
from fusion_sched.runlog import GENERALISING, main_reading
from fusion_sched.types import Estimate


class Reading(NamedTuple):
    """I(source; Y) of the samples of one kind; `lower`: its held-out bound, `model`: of labels."""

    name: str
    estimate: Estimate
    lower: float | None
    model: str | None


class SourceReadings(NamedTuple):
    """The readings of one modality or of all; `difference`: stored less generalising."""

    label: str
    style: LineStyle
    readings: list[Reading]
    difference: Estimate | None


ALL_SOURCES = "all"
"""Key of all modalities together among lower bounds and label models."""


def source_readings(view: RunView, probe: ProbeRecord) -> list[SourceReadings]:
    """By source; empty where the probe has neither lower bounds nor a second reading."""
    named = [(main_reading(view.start), probe.diagnosis), (GENERALISING, probe.generalising)]
    diagnoses = [(name, diagnosis) for name, diagnosis in named if diagnosis is not None]
    if not any(diagnosis.lower for _, diagnosis in diagnoses) and len(diagnoses) < 2:
        return []
    sources = []
    for quantity in information_quantities(view):
        key = ALL_SOURCES if quantity.kind == JOINT_INFORMATION.kind else quantity.legend
        readings = [
            Reading(name, estimate, diagnosis.lower.get(key), diagnosis.models.get(key))
            for name, diagnosis in diagnoses
            if (estimate := quantity.of(diagnosis)) is not None
        ]
        difference = probe.difference.get(key)
        sources.append(SourceReadings(quantity.legend, quantity.style, readings, difference))
    return sources


def readings_words(sources: Sequence[SourceReadings], digits: int = 2) -> list[str]:
    """A sentence for each source: every reading with its lower bound, and their difference."""
    sentences = []
    for source in sources:
        parts = [_reading_words(reading, digits) for reading in source.readings]
        if source.difference is not None:
            parts.append(f"difference {estimate_words(source.difference, digits)}")
        sentences.append(f"{source.label}: {', '.join(parts)}")
    return sentences


def _reading_words(reading: Reading, digits: int) -> str:
    # A bound below 0 says no more than 0 does.
    bound = "" if reading.lower is None else f" (at least {fixed(max(0.0, reading.lower), digits)})"
    return f"{reading.name} {fixed(reading.estimate.value, digits)}{bound}"


def joint_model_words(probe: ProbeRecord) -> str | None:
    """Which joint label model synergy rests on; `None` where the probe names none."""
    model = probe.diagnosis.models.get(ALL_SOURCES)
    if model is None:
        return None
    second = None if probe.generalising is None else probe.generalising.models.get(ALL_SOURCES)
    beside = "" if second is None else f" (generalising: {second})"
    return f"joint label model behind synergy: {model}{beside}"
