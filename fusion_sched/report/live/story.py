"""What has happened in a run so far, as far as the live picture needs it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fusion_sched.report.live.bars import Estimate
from fusion_sched.report.live.remaining import Pace, Plan
from fusion_sched.runlog import read_trace

Record = Mapping[str, Any]


class Quantity(NamedTuple):
    """One measure of a probe: its key in the trace, its name in words, and its estimate."""

    key: str
    name: str
    estimate: Estimate


class Story:
    """Takes in a run's events one by one; the first, its start, says what there is to show."""

    def __init__(self) -> None:
        self._start: Record | None = None
        self.present: Record | None = None
        self.probe: Record | None = None
        self.decision: Record | None = None
        self.last_epoch: Record | None = None
        self.accuracy: dict[int, dict[str, float]] = {}
        self.warnings: dict[str, None] = {}
        self.seconds = 0.0
        self.pace = Pace()

    def add(self, event: Record) -> None:
        """Take in the next event."""
        self.pace.note(event)
        self.seconds = event["time"]
        kind = event["event"]
        if kind == "start":
            self._start = event
            return
        if kind == "result":
            return
        self.present = event
        for warning in event.get("warnings", ()):
            self.warnings.pop(warning, None)  # to the end: the last one is the newest
            self.warnings[warning] = None
        if kind == "epoch":
            self.last_epoch = event
            # A resumed run may repeat what it had traced beyond its last checkpoint.
            kept = {e: a for e, a in self.accuracy.items() if e < event["epoch"]}
            self.accuracy = {**kept, event["epoch"]: event["accuracy"]["validation"]}
        elif kind == "probe":
            self.probe = event
        elif kind == "decision":
            self.decision = event

    @property
    def start(self) -> Record:
        """The run's start event."""
        assert self._start is not None, "it is a run's first event"
        return self._start

    @property
    def plan(self) -> Plan:
        """The run's plan."""
        return Plan.of(self.start)

    @property
    def trained(self) -> int:
        """Number of epochs that are done."""
        return 0 if self.last_epoch is None else self.last_epoch["epoch"] + 1

    @property
    def modalities(self) -> list[str]:
        """Names of the modalities."""
        return list(self.start["modalities"])

    @property
    def paused(self) -> list[str]:
        """Modalities that do not train at present."""
        active = self.present["active"] if self.present else self.modalities
        return [m for m in self.modalities if m not in active]


def told(folder: Path) -> list[Record]:
    """Return what a run that is to go on has traced so far; nothing where it has not begun."""
    try:
        return list(read_trace(folder).events)
    except (FileNotFoundError, ValueError):  # killed before its first event was whole
        return []


def quantities(probe: Record) -> list[Quantity]:
    """Return what a probe has measured: uniquenesses, redundancy, synergy, informations, joint.

    With three or more modalities redundancy and synergy are means over them, and say so.
    """
    mean = " (mean)" if len(probe["mi_bits"]) > 2 else ""
    names = [
        *(("unique_bits", m, f"unique {m}") for m in probe.get("unique_bits", {})),
        ("redundancy_bits", None, f"redundancy{mean}"),
        ("synergy_bits", None, f"synergy{mean}"),
        *(("mi_bits", m, f"mi {m}") for m in probe["mi_bits"]),
        ("joint_mi_bits", None, "joint mi"),
    ]
    return [Quantity(key, name, estimate(probe, key, m)) for key, m, name in names if key in probe]


def estimate(probe: Record, key: str, modality: str | None) -> Estimate:
    """Return one measure of a probe, of one modality where it is measured for each."""
    numbers = probe[key] if modality is None else probe[key][modality]
    value = numbers["value"]
    return Estimate(
        value, numbers.get("low", value), numbers.get("high", value), numbers.get("null")
    )
