"""What the events of `trace.jsonl` hold, and how a diagnosis is written into one.

Format 2: every estimated quantity is one object `{"value", "low", "high", "se", "null", "p"}`; what
does not apply is absent. In format 1 (no `format` in the start event) the value stood alone and the
other numbers under the same key in `interval`, `error`, `null` and `p_value`.
"""

from collections.abc import Mapping
from typing import Any

from fusion_sched.types import Diagnosis, Estimate, HeldOut, Stage

TRACE_FILE = "trace.jsonl"
FORMAT = 2
"""Written into the start event as `format`."""
BY_NAME = {
    "unique_bits": "unique", "mi_bits": "mi", "ecs": "ecs", "log_ratio": "log_ratio",
    "difference_bits": "difference", "ecs_log_ratio": "ecs_log_ratio", "change": "change",
}  # fmt: skip
"""Keys of estimates by modality, by pair or by quantity, and their names in a diagnosis."""
SINGLE = {"redundancy_bits": "redundancy", "synergy_bits": "synergy", "joint_mi_bits": "joint_mi"}
PLAIN = {
    "label_entropy_bits": "label_entropy", "gap_bits": "gap", "samples": "samples",
    "clusters": "clusters", "samples_per_cell": "samples_per_cell", "union_mi_bits": "union_mi",
    "quadrants": "quadrants", "class_unique_bits": "class_unique", "winner": "winner",
    "lower_bits": "lower", "models": "models", "checks": "checks", "seconds": "seconds",
}  # fmt: skip
AFTER_EPOCH, AT_HAND_OVER, AT_END = "epoch", "hand-over", "end"
"""Moments of a held_out event."""
SIDES_1 = {"error": "se", "null": "null", "p_value": "p"}
"""Fields beside a value in format 1, and their names in an estimate."""


def stage_fields(stage: Stage) -> dict[str, Any]:
    """Return a stage as the trace writes it."""
    return {"stage": stage.name, "active": list(stage.active)}


def diagnosis_fields(diagnosis: Diagnosis) -> dict[str, Any]:
    """The fields of a probe event; what does not apply is absent."""
    fields: dict[str, Any] = {
        key: {name: e.to_json() for name, e in getattr(diagnosis, attribute).items()}
        for key, attribute in BY_NAME.items()
    }
    for key, attribute in SINGLE.items():
        estimate = getattr(diagnosis, attribute)
        fields[key] = None if estimate is None else estimate.to_json()
    fields |= {key: getattr(diagnosis, attribute) for key, attribute in PLAIN.items()}
    fields["pairs"] = {
        pair: {name: e.to_json() for name, e in atoms.items()}
        for pair, atoms in diagnosis.pairs.items()
    }
    fields["warnings"] = list(diagnosis.warnings)
    return {key: value for key, value in fields.items() if value not in (None, {}, [])}


def diagnosis_from(event: Mapping[str, Any]) -> Diagnosis:
    """The diagnosis that a probe event of the present format holds."""
    fields: dict[str, Any] = {
        attribute: estimates_from(event.get(key, {})) for key, attribute in BY_NAME.items()
    }
    fields |= {a: estimate_from(event[key]) for key, a in SINGLE.items() if key in event}
    fields |= {a: event[key] for key, a in PLAIN.items() if key in event}
    return Diagnosis(
        **fields,
        pairs={pair: estimates_from(atoms) for pair, atoms in event.get("pairs", {}).items()},
        warnings=tuple(event.get("warnings", ())),
    )


def held_out_fields(held_out: HeldOut) -> dict[str, Any]:
    """The fields of a held_out event."""
    return {
        "information_bits": {name: e.to_json() for name, e in held_out.information.items()},
        "gain_bits": {pair: e.to_json() for pair, e in held_out.gain.items()},
        "accuracy": dict(held_out.accuracy),
        "samples": held_out.samples,
    }


def held_out_from(event: Mapping[str, Any]) -> HeldOut:
    """What a held_out event holds."""
    return HeldOut(
        information=estimates_from(event["information_bits"]),
        accuracy=event["accuracy"],
        gain=estimates_from(event["gain_bits"]),
        samples=event["samples"],
    )


def estimates_from(objects: Mapping[str, Any]) -> dict[str, Estimate]:
    return {name: estimate_from(numbers) for name, numbers in objects.items()}


def estimate_from(numbers: Mapping[str, Any]) -> Estimate:
    """The estimate of a JSON object; fields of other versions are left out."""
    return Estimate(**{name: numbers[name] for name in Estimate._fields if name in numbers})


def upgraded(event: dict[str, Any]) -> dict[str, Any]:
    """A probe event of format 1 in the present format; every other event as it is."""
    if event.get("event") != "probe" or not isinstance(event.get("interval"), Mapping):
        return event
    ends = event["interval"]
    sides = {new: event.get(old, {}) for old, new in SIDES_1.items()}
    fields = {k: v for k, v in event.items() if k != "interval" and k not in SIDES_1}
    for key in ends:
        columns = {new: side.get(key) for new, side in sides.items()}
        if isinstance(fields[key], Mapping):
            fields[key] = {
                name: _object(value, ends[key][name],
                              {new: (c or {}).get(name) for new, c in columns.items()})
                for name, value in fields[key].items()
            }  # fmt: skip
        else:
            fields[key] = _object(fields[key], ends[key], columns)
    fields["change"] = {n: _nested(e) for n, e in event.get("change", {}).items()}
    fields["pairs"] = {
        pair: {n: _nested(e) for n, e in atoms.items()}
        for pair, atoms in event.get("pairs", {}).items()
    }
    return {key: value for key, value in fields.items() if value != {}}


def _nested(record: Mapping[str, Any]) -> dict[str, Any]:
    sides = {new: record.get(old) for old, new in SIDES_1.items()}
    return _object(record["value"], record["interval"], sides)


def _object(value: float, ends: list[float], sides: Mapping[str, Any]) -> dict[str, Any]:
    low, high = ends
    return Estimate(float(value), float(low), float(high), **sides).to_json()
