"""Reads `trace.jsonl` back; events of older formats are brought to the present one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion_sched.runlog.schema import START_KEYS, TRACE_FILE, upgraded

STORED, GENERALISING = "stored", "generalising"
"""Readings: diagnoses of training samples, and of samples that the encoders never trained on."""


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
        event = _event_in(line)
        if event is None:
            problems.append(f"{path} line {number} is not an event and was left out: {line[:60]!r}")
        else:
            events.append(event)
    trace = Trace(path, events, problems)
    if not trace.of("start") or not trace.start.keys() >= START_KEYS:
        raise ValueError(f"{path} has no whole start event; it is not the trace of a run")
    return trace


def _event_in(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except json.JSONDecodeError:
        return None
    if not isinstance(record, dict) or "event" not in record:
        return None
    try:
        return upgraded(record)
    except (KeyError, TypeError, ValueError):  # a probe event of format 1 that lacks a part
        return None


def inside(record: Any, *keys: str) -> Any:
    """Return what lies under these keys, ``None`` where one is absent."""
    for key in keys:
        record = record.get(key) if isinstance(record, Mapping) else None
    return record


def main_reading(start: Mapping[str, Any]) -> str:
    """Whether a run's main diagnoses are of samples that the encoders trained on, or of others."""
    others = ("held_out", "validation")
    return GENERALISING if inside(start, "config", "probe", "source") in others else STORED


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
