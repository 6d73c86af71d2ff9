"""Events as lines of plain text: what is printed where there is no terminal to draw on."""

from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]


def line(record: Record) -> str:
    """Return an event as one line of plain text."""
    return LINES[record["event"]](record)


def _start_line(record: Record) -> str:
    sizes = ", ".join(f"{name} {count}" for name, count in record["split_sizes"].items())
    return (
        f"{record['run']}: {len(record['classes'])} classes, modalities "
        f"{', '.join(record['modalities'])}; samples: {sizes}; seed {record['seed']}; "
        f"{record['parameters']:,} parameters on {record['device']}"
    )


def _decision_line(record: Record) -> str:
    active = ", ".join(record["to"]["active"])
    return f"  → {record['to']['stage']} ({active}): {record['reason']}"


def _epoch_line(record: Record) -> str:
    loss = " ".join(f"{m} {value:.3f}" for m, value in record["loss"].items())
    accuracy = " ".join(f"{m} {v:.1%}" for m, v in record["accuracy"]["validation"].items())
    return (
        f"epoch {record['epoch'] + 1:3d} {record['stage']:8s} loss {loss} | validation {accuracy}"
    )


def _probe_line(record: Record) -> str:
    unique = " ".join(f"{m} {_estimate(numbers)}" for m, numbers in record["unique_bits"].items())
    atoms = "".join(
        f" | {title} {_estimate(record[key])}"
        for title, key in (
            ("redundancy", "redundancy_bits"),
            ("synergy", "synergy_bits"),
            ("joint", "joint_mi_bits"),
        )
        if key in record
    )
    return f"      bits: unique {unique}{atoms}"


def _estimate(numbers: Mapping[str, float]) -> str:
    interval = f" [{numbers['low']:.2f}, {numbers['high']:.2f}]" if "low" in numbers else ""
    return f"{numbers['value']:.2f}{interval}"


LINES = {
    "start": _start_line,
    "decision": _decision_line,
    "epoch": _epoch_line,
    "probe": _probe_line,
}
