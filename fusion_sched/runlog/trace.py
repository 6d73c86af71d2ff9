"""trace.jsonl: one JSON object per line, flushed; the source of truth of a run."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion_sched.runtime.files import atomic_write
from fusion_sched.types import Diagnosis, Measure, Stage

TRACE_FILE = "trace.jsonl"
START_KEYS = {"run", "modalities", "classes", "fingerprint", "protocol_hash", "seed", "config"}
"""What every start event holds."""


class TraceWriter:
    """Appends events and passes each on to ``show``.

    ``keep_lines`` cuts an older file back to that many lines first; ``elapsed`` is the number of
    seconds the run had taken before this process.
    """

    def __init__(
        self,
        run_dir: Path,
        show: Callable[[dict[str, Any]], None],
        keep_lines: int = 0,
        elapsed: float = 0.0,
    ) -> None:
        self.path = run_dir / TRACE_FILE
        self._show = show
        self.lines = keep_lines
        self._started = time.perf_counter() - elapsed
        kept = self._first_lines(keep_lines)
        with atomic_write(self.path) as file:
            file.write("".join(kept).encode())
        self._file = self.path.open("a", encoding="utf-8")

    def _first_lines(self, count: int) -> list[str]:
        if count == 0:
            return []
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        if len(lines) < count:
            raise ValueError(
                f"{self.path} has {len(lines)} lines but the checkpoint was made after {count}; "
                "the trace was cut or replaced, so the run cannot go on: start a new one"
            )
        return lines[:count]

    @property
    def elapsed(self) -> float:
        """Seconds since the run started, over all its processes."""
        return time.perf_counter() - self._started

    def write(self, event: str, **fields: Any) -> None:
        """Append one event; a NaN or infinity in it raises ``ValueError``."""
        record = {"event": event, **fields, "time": round(self.elapsed, 3)}
        try:
            line = json.dumps(record, allow_nan=False)
        except ValueError as error:
            raise ValueError(
                f"{event} event holds a number that is not finite: {record}"
            ) from error
        self._file.write(line + "\n")
        self._file.flush()
        self.lines += 1
        self._show(record)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class NullTraceWriter:
    """In the place of a trace's writer in every process of a training but the first."""

    def __init__(self, lines: int = 0, elapsed: float = 0.0) -> None:
        self.lines = lines
        self._started = time.perf_counter() - elapsed

    @property
    def elapsed(self) -> float:
        """Seconds since the run started."""
        return time.perf_counter() - self._started

    def write(self, event: str, **fields: Any) -> None:
        """Write nothing."""

    def close(self) -> None:
        """Close nothing."""


@dataclass(frozen=True)
class Trace:
    """A trace read back: its events in order, and what could not be read, in words."""

    path: Path
    events: list[dict[str, Any]]
    problems: list[str]

    def of(self, event: str) -> list[dict[str, Any]]:
        """Return the events of one kind."""
        return [record for record in self.events if record["event"] == event]

    @property
    def start(self) -> dict[str, Any]:
        """Return the start event."""
        return self.of("start")[0]

    @property
    def result(self) -> dict[str, Any] | None:
        """Return the result event, ``None`` while the run has not ended."""
        results = self.of("result")
        return results[-1] if results else None


def read_trace(run_dir: Path) -> Trace:
    """Read the trace of a run folder; lines that are no event are left out and named.

    Raises:
        FileNotFoundError: the folder holds no trace.
        ValueError: no line of it is a start event.
    """
    path = run_dir / TRACE_FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{run_dir} holds no {TRACE_FILE}; expected the folder of a `fusion-sched train` run"
        )
    events, problems = [], []
    text = path.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            record = json.loads(line)
            known = isinstance(record, dict) and "event" in record
        except json.JSONDecodeError:
            known = False
        if known:
            events.append(record)
        else:
            problems.append(f"{path} line {number} is not an event and was left out: {line[:60]!r}")
    trace = Trace(path, events, problems)
    if not trace.of("start") or not trace.start.keys() >= START_KEYS:
        raise ValueError(f"{path} has no whole start event; it is not the trace of a run")
    return trace


def inside(record: Any, *keys: str) -> Any:
    """Return what lies under these keys, ``None`` where one is absent."""
    for key in keys:
        record = record.get(key) if isinstance(record, Mapping) else None
    return record


def hand_over_epoch(trace: Trace) -> int | None:
    """Return the epoch whose weights joint training began from, ``None`` before it has begun.

    That is the remembered one where the controller went back to it, and -1 where training was
    joint from the first epoch on.
    """
    for decision in trace.of("decision"):
        if decision["to"]["stage"] == "joint":
            kept = inside(decision, "controller", "peak_epoch")
            restored = decision.get("restored") and isinstance(kept, int)
            return int(kept if restored else decision["epoch"])
    return None


def hand_over_probe(trace: Trace) -> dict[str, Any] | None:
    """Return the last diagnosis at or before the epoch whose weights joint training began from.

    ``None`` before joint training has begun, and where nothing had been diagnosed by then.
    """
    epoch = hand_over_epoch(trace)
    before = [p for p in trace.of("probe") if epoch is not None and p["epoch"] <= epoch]
    return before[-1] if before else None


def stage_fields(stage: Stage) -> dict[str, Any]:
    """Return a stage as the trace writes it."""
    return {"stage": stage.name, "active": list(stage.active)}


PER_MODALITY = {
    "unique_bits": "unique", "mi_bits": "mi", "ecs": "ecs", "log_ratio": "log_ratio",
    "difference_bits": "difference", "ecs_log_ratio": "ecs_log_ratio",
}  # fmt: skip
"""Keys of measures by modality or by pair of modalities, and their names in a diagnosis."""
SINGLE = {"redundancy_bits": "redundancy", "synergy_bits": "synergy", "joint_mi_bits": "joint_mi"}
PLAIN = {
    "label_entropy_bits": "label_entropy", "gap_bits": "gap", "samples": "samples",
    "clusters": "clusters", "samples_per_cell": "samples_per_cell", "union_mi_bits": "union_mi",
    "quadrants": "quadrants", "class_unique_bits": "class_unique", "winner": "winner",
    "seconds": "seconds",
}  # fmt: skip
ASPECTS: dict[str, Callable[[Measure], Any]] = {
    "interval": lambda m: [m.low, m.high],
    "error": lambda m: m.error,
    "null": lambda m: m.null,
    "p_value": lambda m: m.p_value,
}


def diagnosis_fields(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return a diagnosis as a probe event writes it; what does not apply is absent.

    ``interval`` (95 %), ``error`` (standard), ``null`` (level under shuffled labels) and
    ``p_value`` have the same keys as the values they belong to.
    """
    groups = {key: dict(getattr(diagnosis, name)) for key, name in PER_MODALITY.items()}
    singles = {key: getattr(diagnosis, name) for key, name in SINGLE.items()}
    measures = {**groups, **{key: m for key, m in singles.items() if m is not None}}
    fields = {key: picked(m, lambda one: one.value) for key, m in measures.items()}
    fields |= {key: getattr(diagnosis, name) for key, name in PLAIN.items()}
    for aspect, of in ASPECTS.items():
        fields[aspect] = {key: picked(m, of) for key, m in measures.items()}
        fields[aspect] = {key: value for key, value in fields[aspect].items() if value is not None}
    fields["change"] = {name: measure_fields(m) for name, m in diagnosis.change.items()}
    fields["pairs"] = {
        pair: {name: measure_fields(m) for name, m in atoms.items()}
        for pair, atoms in diagnosis.pairs.items()
    }
    fields["warnings"] = list(diagnosis.warnings)
    return {name: value for name, value in fields.items() if value not in (None, {}, [])}


def picked(measures: Any, of: Callable[[Measure], Any]) -> Any:
    """Return one aspect of a measure, or of each in a dict; ``None`` where none has it."""
    if isinstance(measures, Measure):
        return of(measures)
    values = {name: of(m) for name, m in measures.items()}
    return {name: value for name, value in values.items() if value is not None} or None


def measure_fields(m: Measure) -> dict[str, Any]:
    """Return a measure as an object of its own."""
    fields = {"value": m.value, **{aspect: of(m) for aspect, of in ASPECTS.items()}}
    return {name: value for name, value in fields.items() if value is not None}


def diagnosis_from(record: Mapping[str, Any]) -> Diagnosis:
    """Return the diagnosis that a probe event holds."""

    def one(key: str, *inside: str) -> Measure:
        def aspect(name: str) -> Any:
            found = record.get(name, {}).get(key)
            return found.get(inside[0]) if inside and found is not None else found

        value = record[key][inside[0]] if inside else record[key]
        low, high = aspect("interval")
        return Measure(value, low, high, aspect("error"), aspect("null"), aspect("p_value"))

    fields: dict[str, Any] = {
        name: {m: one(key, m) for m in record.get(key, {})} for key, name in PER_MODALITY.items()
    }
    fields |= {name: one(key) for key, name in SINGLE.items() if key in record}
    fields |= {name: record[key] for key, name in PLAIN.items() if key in record}
    return Diagnosis(
        **fields,
        change={name: measure_from(m) for name, m in record.get("change", {}).items()},
        pairs={
            pair: {name: measure_from(m) for name, m in atoms.items()}
            for pair, atoms in record.get("pairs", {}).items()
        },
        warnings=tuple(record.get("warnings", ())),
    )


def measure_from(fields: Mapping[str, Any]) -> Measure:
    """Return the measure that ``measure_fields`` has written."""
    low, high = fields["interval"]
    return Measure(
        fields["value"], low, high, fields["error"], fields.get("null"), fields.get("p_value")
    )
