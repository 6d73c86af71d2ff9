"""Events as lines of plain text: what is printed where there is no terminal to draw on."""

from fusion_sched.report.records import DecisionRecord, EpochRecord, Event, ProbeRecord
from fusion_sched.types import Estimate


def start_line(start: Event) -> str:
    """The start event; one that `fusion-sched train` writes has all of this."""
    sizes = ", ".join(f"{name} {count}" for name, count in start["split_sizes"].items())
    return (
        f"{start['run']}: {len(start['classes'])} classes, modalities "
        f"{', '.join(start['modalities'])}; samples: {sizes}; seed {start['seed']}; "
        f"{start['parameters']:,} parameters on {start['device']}"
    )


def record_line(record: DecisionRecord | EpochRecord | ProbeRecord) -> str:
    match record:
        case DecisionRecord(stage=stage, reason=reason):
            name = f"{stage.name} ({', '.join(stage.active)})" if stage.active else "heads alone"
            return f"  → {name}: {reason}"
        case EpochRecord(stage=stage):
            loss = " ".join(f"{m} {value:.3f}" for m, value in record.loss.items())
            accuracy = " ".join(f"{m} {share:.1%}" for m, share in record.accuracy.items())
            return f"epoch {record.number:3d} {stage.name:8s} loss {loss} | validation {accuracy}"
        case ProbeRecord(diagnosis=diagnosis):
            unique = " ".join(f"{m} {_bit_text(e)}" for m, e in diagnosis.unique.items())
            atoms = "".join(
                f" | {title} {_bit_text(estimate)}"
                for title, estimate in (
                    ("redundancy", diagnosis.redundancy),
                    ("synergy", diagnosis.synergy),
                    ("joint", diagnosis.joint_mi),
                )
                if estimate is not None
            )
            return f"      bits: unique {unique}{atoms}{_generalising_text(record)}"


def _generalising_text(record: ProbeRecord) -> str:
    if record.generalising is None:
        return ""
    stored, generalising = record.diagnosis.mi, record.generalising.mi
    readings = " ".join(f"{m} {stored[m].value:.2f}/{e.value:.2f}" for m, e in generalising.items())
    return f" | stored/generalising {readings}"


def _bit_text(estimate: Estimate) -> str:
    ends = "" if estimate.low is None else f" [{estimate.low:.2f}, {estimate.high:.2f}]"
    # Rounded before 0 is added, which makes -0.00 a plain 0.00.
    return f"{round(estimate.value, 2) + 0.0:.2f}{ends}"
