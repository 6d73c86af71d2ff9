"""The types of what an event holds, held against each line of a trace as it is read.

A field that is not named here may hold anything. What reads an event says itself which fields it
needs: events of older versions lack some.
"""

import math
import types
import typing
from typing import Annotated, Any, Literal, NotRequired, TypedDict, get_args, get_origin

Share = Annotated[float, (0.0, 1.0)]
Count = Annotated[int, (0, 2**53)]
Epoch = Annotated[int, (-1, 2**53)]
ByName = dict[str, float]

StageName = Literal["unimodal", "joint"]


class EstimateFields(TypedDict):
    """An estimated quantity."""

    value: float
    low: NotRequired[float | None]
    high: NotRequired[float | None]
    se: NotRequired[float | None]
    null: NotRequired[float | None]
    p: NotRequired[Share | None]


Estimates = dict[str, EstimateFields]


class StageFields(TypedDict):
    """A stage and the modalities that train in it."""

    stage: StageName
    active: list[str]


class StartEvent(TypedDict):
    """The setting of a run."""

    event: Literal["start"]
    run: str
    modalities: dict[str, list[Count]]
    classes: list[str]
    split_sizes: NotRequired[dict[str, Count]]
    fingerprint: dict[str, str]
    protocol: NotRequired[dict[str, Any]]
    protocol_hash: str
    facts: NotRequired[dict[str, Any]]
    seed: Count
    parameters: NotRequired[Count]
    device: NotRequired[str]
    versions: NotRequired[dict[str, str]]
    git: NotRequired[str | None]
    config: dict[str, Any]
    time: NotRequired[float]


class AccuracyFields(TypedDict, total=False):
    """Accuracy by modality or `fused`."""

    train: dict[str, Share]
    validation: dict[str, Share]


class EpochEvent(TypedDict, total=False):
    """A trained epoch."""

    event: Literal["epoch"]
    epoch: Count
    step: Count
    stage: StageName
    active: list[str]
    loss: ByName
    accuracy: AccuracyFields
    lr: float
    samples_per_second: float
    seconds: float
    stopped: str
    time: float


class DecisionEvent(TypedDict, total=False):
    """A change of stage."""

    event: Literal["decision"]
    epoch: Epoch
    step: Count
    to: StageFields
    restored: bool
    fused: list[str]
    ensemble: bool
    pooled: bool
    reason: str
    controller: dict[str, Any]
    time: float


class DiagnosisFields(TypedDict, total=False):
    """A diagnosis."""

    unique_bits: Estimates
    mi_bits: Estimates
    ecs: Estimates
    log_ratio: Estimates
    difference_bits: Estimates
    ecs_log_ratio: Estimates
    change: Estimates
    redundancy_bits: EstimateFields
    synergy_bits: EstimateFields
    joint_mi_bits: EstimateFields
    label_entropy_bits: float
    gap_bits: float | None
    samples: Count
    clusters: dict[str, Count]
    samples_per_cell: float
    union_mi_bits: float
    quadrants: dict[str, Share]
    class_unique_bits: dict[str, ByName]
    winner: str | None
    lower_bits: ByName
    models: dict[str, str]
    checks: str | None
    pairs: dict[str, Estimates]
    warnings: list[str]


class ProbeEvent(DiagnosisFields, total=False):
    """A diagnosis after an epoch, and a second one of samples that no encoder trained on."""

    event: Literal["probe"]
    epoch: Epoch
    step: Count
    stage: StageName
    active: list[str]
    seconds: ByName
    generalising: DiagnosisFields
    stored_minus_generalising_bits: Estimates
    time: float


class HeldOutEvent(TypedDict, total=False):
    """What heads and ensembles of them tell of validation samples."""

    event: Literal["held_out"]
    epoch: Epoch
    step: Count
    stage: StageName
    active: list[str]
    moment: Literal["epoch", "hand-over", "end"]
    information_bits: Estimates
    gain_bits: Estimates
    accuracy: dict[str, Share]
    samples: Count
    generalising: DiagnosisFields
    time: float


class ScoreFields(TypedDict, total=False):
    """How well a head does on test."""

    accuracy: Share
    macro_f1: Share


class BestOnTest(TypedDict, total=False):
    """The epoch that is best on test."""

    accuracy: Share
    epoch: Count


class ResultEvent(TypedDict, total=False):
    """The end of a run."""

    event: Literal["result"]
    epoch: Count
    selected_epoch: Count
    unimodal_epochs: Count
    validation: dict[str, Share]
    test: dict[str, ScoreFields]
    best_on_test: BestOnTest
    optimism_gap: float
    confusion: dict[str, list[list[Count]]]
    quadrants: dict[str, Share]
    robustness: dict[str, Any]
    seconds: ByName
    peak_memory_bytes: Count | None
    probe_share: Share
    time: float


EVENTS: dict[str, Any] = {
    "start": StartEvent, "epoch": EpochEvent, "probe": ProbeEvent, "held_out": HeldOutEvent,
    "decision": DecisionEvent, "result": ResultEvent,
}  # fmt: skip


def fault_of(event: dict[str, Any]) -> str | None:
    """Return what is wrong with an event, in words that name the field, or `None`."""
    kind = event.get("event")
    if not isinstance(kind, str):
        return f"event is {_shown(kind)}, expected one of {', '.join(EVENTS)}"
    return _fault(event, EVENTS[kind], "") if kind in EVENTS else None  # of a newer version


def _fault(value: Any, hint: Any, field: str) -> str | None:
    """Return what is wrong with the value of a field, or `None`."""
    if typing.is_typeddict(hint):
        return _fault_of_record(value, hint, field)
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (typing.Union, types.UnionType):
        faults = [_fault(value, part, field) for part in parts]
        return None if None in faults else faults[0]
    if origin is Annotated:
        low, high = parts[1]
        wrong = _fault(value, parts[0], field)
        if wrong is None and not low <= value <= high:
            return f"{field} is {_shown(value)}, expected {low} to {high}"
        return wrong
    if origin is Literal:
        expected = f", expected one of {', '.join(parts)}"
        return None if value in parts else f"{field} is {_shown(value)}{expected}"
    if origin is dict:
        return _fault_within(value, dict, parts[1], field)
    if origin is list:
        return _fault_within(value, list, parts[0], field)
    if hint is Any or _is_plain(value, hint):
        return None
    name = "nothing" if hint is types.NoneType else hint.__name__
    return f"{field} is {_shown(value)}, expected {name}"


def _fault_of_record(value: Any, hint: Any, field: str) -> str | None:
    if not isinstance(value, dict):
        return f"{field} is {_shown(value)}, expected an object"
    for name, inner in typing.get_type_hints(hint, include_extras=True).items():
        place = f"{field}.{name}" if field else name
        if name not in value:
            if name in hint.__required_keys__:
                return f"{place} is not there"
            continue
        inner = get_args(inner)[0] if get_origin(inner) is NotRequired else inner
        wrong = _fault(value[name], inner, place)
        if wrong is not None:
            return wrong
    return None


def _fault_within(value: Any, kind: Any, inner: Any, field: str) -> str | None:
    if not isinstance(value, kind):
        return f"{field} is {_shown(value)}, expected {'an object' if kind is dict else 'a list'}"
    items: Any = value.items() if kind is dict else enumerate(value)
    faults = (_fault(item, inner, f"{field}.{name}") for name, item in items)
    return next((fault for fault in faults if fault is not None), None)


def _is_plain(value: Any, hint: Any) -> bool:
    if hint is float:
        return type(value) is int or (type(value) is float and math.isfinite(value))
    return value is None if hint is types.NoneType else type(value) is hint


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
