"""Events of a trace as typed records; an event that lacks what its kind needs gives `None`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NamedTuple, TypeAlias

from fusion_sched.runlog import diagnosis_from, inside
from fusion_sched.runlog.schema import BY_NAME, estimates_from
from fusion_sched.runtime.text import with_minus_signs
from fusion_sched.types import FUSED, Diagnosis, Estimate, Stage

Event: TypeAlias = Mapping[str, Any]
Cells: TypeAlias = Sequence[Sequence[int]]
"""A confusion matrix: [true class, predicted class, samples], without empty cells."""
UNTRAINED = -1
"""The epoch of what is seen and decided before the first one."""
STAGES = ("unimodal", "joint")


@dataclass(frozen=True)
class EventRecord:
    """After which epoch, counted from 0, and how many seconds after the start."""

    epoch: int
    time: float | None

    @property
    def number(self) -> int:
        """The epoch as readers count it: from 1, 0 is the untrained state."""
        return self.epoch + 1


@dataclass(frozen=True)
class EpochRecord(EventRecord):
    """An epoch: training loss in nat and validation accuracy by head."""

    stage: Stage
    loss: Mapping[str, float]
    accuracy: Mapping[str, float]
    seconds: float | None
    samples_per_second: float | None


@dataclass(frozen=True)
class ProbeRecord(EventRecord):
    """A diagnosis; `stage` is `None` where the event does not say it.

    `generalising`: that of validation samples beside it, and `difference`: by modality, the
    information of `diagnosis` less that of `generalising`, with `probe.source=both`.
    """

    stage: Stage | None
    diagnosis: Diagnosis
    generalising: Diagnosis | None = None
    difference: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def seconds(self) -> float | None:
        """What all its parts took together."""
        return sum(self.diagnosis.seconds.values()) if self.diagnosis.seconds else None

    @property
    def warnings(self) -> list[str]:
        """Of the diagnosis, and of the generalising one, which say so."""
        second = () if self.generalising is None else self.generalising.warnings
        return [*self.diagnosis.warnings, *(f"generalising reading: {text}" for text in second)]

    @property
    def cautions(self) -> list[str]:
        """The warnings of a probe that checks itself, as those do that give lower bounds."""
        return self.warnings if self.diagnosis.lower else []


@dataclass(frozen=True)
class DecisionRecord(EventRecord):
    """A decision of the controller; `before` is `None` at the start of a run.

    `restored_epoch`: the epoch whose weights came back, where any did and it is known. `fused`: the
    modalities that are fused from then on, `ensemble` and `pooled` how, where that was decided.
    """

    stage: Stage
    before: Stage | None
    reason: str
    restored: bool
    restored_epoch: int | None
    fused: tuple[str, ...] = ()
    ensemble: bool = False
    pooled: bool = False


class NoiseRecord(NamedTuple):
    """Fused test accuracy over levels of one kind of noise; `names` are the levels as written."""

    kind: str
    names: list[str]
    levels: list[float]
    accuracies: list[float]


@dataclass(frozen=True)
class RobustnessRecord:
    """Fused test accuracy without a modality and under noise, contributions, calibration.

    `missing`: `missing_mean` or `missing_zeros` → modality → accuracy; `coalitions`: accuracy with
    only these modalities; `constant`: with none.
    """

    missing: Mapping[str, Mapping[str, float]]
    noise: Mapping[str, NoiseRecord]
    ece: Mapping[str, float]
    nll_nats: float | None
    brier: float | None
    shapley: Mapping[str, float]
    coalitions: Mapping[str, float]
    constant: float | None


@dataclass(frozen=True)
class ResultRecord(EventRecord):
    """The end of a run: scores by head of the selected epoch, and what the run took.

    Parts that older versions did not write are empty or `None`.
    """

    selected_epoch: int
    validation: Mapping[str, float]
    test: Mapping[str, float]
    macro_f1: Mapping[str, float]
    best_on_test: float | None
    best_epoch: int | None
    optimism_gap: float | None
    seconds: Mapping[str, float]
    probe_share: float | None
    peak_memory_bytes: float | None
    quadrants: Mapping[str, float]
    confusion: Mapping[str, Cells]
    robustness: RobustnessRecord | None

    @property
    def accuracy(self) -> float | None:
        """Of the fused head on test, `None` without a test split."""
        return self.test.get(FUSED)

    @property
    def scored(self) -> tuple[str, float]:
        """`test`, or `validation` without a test split, and the fused head's accuracy there."""
        if self.accuracy is None:
            return "validation", self.validation[FUSED]
        return "test", self.accuracy


Record: TypeAlias = EpochRecord | ProbeRecord | DecisionRecord | ResultRecord


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _number(record: Any, *keys: str) -> float | None:
    value = inside(record, *keys)
    return value if _is_number(value) else None


def _numbers(record: Any, *keys: str) -> dict[str, float]:
    values = inside(record, *keys)
    pairs = values.items() if isinstance(values, Mapping) else ()
    return {str(name): value for name, value in pairs if _is_number(value)}


def _stage(value: Any) -> Stage | None:
    name, active = inside(value, "stage"), inside(value, "active")
    if name not in STAGES or not isinstance(active, list):
        return None
    return Stage(tuple(map(str, active)), joint=name == "joint")


def _epoch_record(event: Event) -> EpochRecord | None:
    epoch, stage = event.get("epoch"), _stage(event)
    validation = inside(event, "accuracy", "validation")
    parts = (event.get("loss"), validation)
    if not isinstance(epoch, int) or stage is None or not all(isinstance(p, dict) for p in parts):
        return None
    return EpochRecord(
        epoch, _number(event, "time"), stage, _numbers(event, "loss"), _numbers(validation),
        _number(event, "seconds"), _number(event, "samples_per_second"),
    )  # fmt: skip


def _probe_record(event: Event) -> ProbeRecord | None:
    epoch = event.get("epoch")
    try:
        diagnosis, second = diagnosis_from(event), event.get("generalising")
        generalising = None if second is None else diagnosis_from(second)
        difference = estimates_from(event.get("stored_minus_generalising_bits", {}))
        sound = _holds_numbers(diagnosis, difference)
        sound = sound and (generalising is None or _holds_numbers(generalising))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    if not isinstance(epoch, int) or not sound:
        return None
    time, stage = _number(event, "time"), _stage(event)
    return ProbeRecord(epoch, time, stage, diagnosis, generalising, difference)


def _holds_numbers(diagnosis: Diagnosis, beside: Mapping[str, Estimate] | None = None) -> bool:
    """`diagnosis_from` takes whatever stands where a number belongs."""
    by_name = [beside or {}, *(getattr(diagnosis, name) for name in BY_NAME.values())]
    single = (diagnosis.redundancy, diagnosis.synergy, diagnosis.joint_mi)
    estimates = [e for group in (*by_name, *diagnosis.pairs.values()) for e in group.values()]
    estimates += [e for e in single if e is not None]
    plain = [diagnosis.clusters, diagnosis.quadrants, diagnosis.lower, diagnosis.seconds]
    numbers = [n for group in (*plain, *diagnosis.class_unique.values()) for n in group.values()]
    numbers += [diagnosis.label_entropy, *(e.value for e in estimates)]
    sides = [n for e in estimates for n in e if n is not None]
    return all(map(_is_number, [*numbers, *sides]))


def _decision_record(event: Event) -> DecisionRecord | None:
    epoch, reason, stage = event.get("epoch"), event.get("reason"), _stage(event.get("to"))
    before = _stage(event.get("from"))
    if not isinstance(epoch, int) or stage is None or not isinstance(reason, str):
        return None
    if "from" in event and before is None:
        return None
    restored, kept = bool(event.get("restored")), inside(event, "controller", "peak_epoch")
    fused = event.get("fused")
    return DecisionRecord(
        epoch, _number(event, "time"), stage, before, with_minus_signs(reason), restored,
        kept if restored and isinstance(kept, int) else None,
        tuple(map(str, fused)) if isinstance(fused, list) else (),
        bool(event.get("ensemble")), bool(event.get("pooled")),
    )  # fmt: skip


def _result_record(event: Event) -> ResultRecord | None:
    tested = inside(event, "test")
    heads = tested if isinstance(tested, dict) else {}
    test = {h: a for h in heads if (a := _number(heads, h, "accuracy")) is not None}
    validation, selected = _numbers(event, "validation"), event.get("selected_epoch")
    if tested is not None and FUSED not in test:
        return None
    if FUSED not in validation or not isinstance(selected, int):
        return None
    confusion, best = event.get("confusion"), inside(event, "best_on_test", "epoch")
    last = event.get("epoch")
    return ResultRecord(
        last if isinstance(last, int) else selected,
        _number(event, "time"),
        selected,
        validation,
        test,
        macro_f1={h: f for h in heads if (f := _number(heads, h, "macro_f1")) is not None},
        best_on_test=_number(event, "best_on_test", "accuracy"),
        best_epoch=best if isinstance(best, int) else None,
        optimism_gap=_number(event, "optimism_gap"),
        seconds=_numbers(event, "seconds"),
        probe_share=_number(event, "probe_share"),
        peak_memory_bytes=_number(event, "peak_memory_bytes"),
        quadrants=_numbers(event, "quadrants"),
        confusion={
            head: cells
            for head, cells in (confusion.items() if isinstance(confusion, dict) else ())
            if isinstance(cells, list) and cells
        },
        robustness=_robustness_record(event.get("robustness")),
    )


def _robustness_record(value: Any) -> RobustnessRecord | None:
    if not isinstance(value, dict) or not value:
        return None
    noise = value.get("noise")
    curves = {m: _noise_curve(c) for m, c in noise.items()} if isinstance(noise, dict) else {}
    return RobustnessRecord(
        missing={key: _numbers(value, key) for key in ("missing_mean", "missing_zeros")},
        noise={m: curve for m, curve in curves.items() if curve is not None},
        ece=_numbers(value, "calibration", "ece"),
        nll_nats=_number(value, "calibration", "nll_nats"),
        brier=_number(value, "calibration", "brier"),
        shapley=_numbers(value, "contribution", "shapley"),
        coalitions=_numbers(value, "contribution", "coalitions"),
        constant=_number(value, "contribution", "constant"),
    )


def _noise_curve(curve: Any) -> NoiseRecord | None:
    """Levels without a number are left out; `None` where nothing is left."""
    kind, points = inside(curve, "kind"), []
    for text, accuracy in _numbers(curve, "accuracy").items():
        try:
            points.append((text, float(text), accuracy))
        except ValueError:
            continue
    if not isinstance(kind, str) or not points:
        return None
    names, levels, accuracies = (list(column) for column in zip(*points, strict=True))
    return NoiseRecord(kind, names, levels, accuracies)


PARSERS: dict[str, Callable[[Event], Record | None]] = {
    "epoch": _epoch_record,
    "probe": _probe_record,
    "decision": _decision_record,
    "result": _result_record,
}
"""By kind of event."""
