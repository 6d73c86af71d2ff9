"""trace.jsonl: one JSON object per line, flushed; the source of truth of a run."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion_sched.types import Diagnosis, Stage

TRACE_FILE = "trace.jsonl"


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
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text("".join(kept), encoding="utf-8")
        os.replace(temporary, self.path)
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
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
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
    if not trace.of("start"):
        raise ValueError(f"{path} has no start event; it is not the trace of a run")
    return trace


def stage_fields(stage: Stage) -> dict[str, Any]:
    """Return a stage as the trace writes it."""
    return {"stage": stage.name, "active": list(stage.active)}


def diagnosis_fields(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return a diagnosis as a probe event writes it; what does not apply is absent."""
    fields = {
        "unique_bits": dict(diagnosis.unique),
        "redundancy_bits": diagnosis.redundancy,
        "synergy_bits": diagnosis.synergy,
        "mi_bits": dict(diagnosis.mi),
        "joint_mi_bits": diagnosis.joint_mi,
        "label_entropy_bits": diagnosis.label_entropy,
        "ecs": dict(diagnosis.ecs),
        "gap_bits": diagnosis.gap,
        "samples": diagnosis.samples,
        "clusters": dict(diagnosis.clusters),
        "seconds": dict(diagnosis.seconds),
    }
    return {name: value for name, value in fields.items() if value is not None}


def diagnosis_from(record: dict[str, Any]) -> Diagnosis:
    """Return the diagnosis that a probe event holds."""
    return Diagnosis(
        unique=record["unique_bits"],
        mi=record["mi_bits"],
        ecs=record["ecs"],
        joint_mi=record["joint_mi_bits"],
        label_entropy=record["label_entropy_bits"],
        samples=record["samples"],
        clusters=record["clusters"],
        redundancy=record.get("redundancy_bits"),
        synergy=record.get("synergy_bits"),
        gap=record.get("gap_bits"),
        seconds=record["seconds"],
    )
