"""Reads `trace.jsonl` back; events of older formats are brought to the present one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion_sched.runlog.events import fault_of
from fusion_sched.runlog.schema import TRACE_FILE, upgraded

LONGEST_LINE = 50_000_000
"""Bytes; the result of a run with thousands of classes has some megabytes."""

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
        return next(record for record in self.events if record["event"] == "start")

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
    events: list[dict[str, Any]] = []
    problems: list[str] = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            event = _event_in(line)
            _check_classes(event, events)
            events.append(event)
        except ValueError as error:
            problems.append(f"{path} line {number} was left out: {error}")
    trace = Trace(path, events, problems)
    if not trace.of("start"):
        reason = f" ({problems[0]})" if problems else ""
        raise ValueError(f"{path} has no whole start event; it is not the trace of a run{reason}")
    return trace


def _check_classes(event: dict[str, Any], earlier: list[dict[str, Any]]) -> None:
    """Raise `ValueError` where a result counts classes that the run has not."""
    classes = next((e["classes"] for e in earlier if e["event"] == "start" and "classes" in e), ())
    for head, cells in event.get("confusion", {}).items() if event["event"] == "result" else ():
        if any(len(cell) != 3 for cell in cells):
            raise ValueError(f"its confusion of {head} has cells that are not three numbers")
        most = max((max(cell[:2]) for cell in cells), default=-1)
        if most >= len(classes):
            raise ValueError(
                f"its confusion of {head} names class {most}, but the run has {len(classes)} "
                "classes, counted from 0"
            )


def _event_in(line: bytes) -> dict[str, Any]:
    """Return the event of a line, in the present format; a `ValueError` says what is wrong."""
    if len(line) > LONGEST_LINE:
        raise ValueError(f"it has {len(line)} bytes, expected at most {LONGEST_LINE}")
    try:
        record = json.loads(line, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError as error:
        start = line[:40].decode(errors="replace")
        raise ValueError(f"it is not JSON: {error}: {start!r}") from error
    if not isinstance(record, dict):
        raise ValueError(f"it is {type(record).__name__}, expected an object")
    try:
        event = upgraded(record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"it lacks a part of a probe event of format 1: {error!r}") from error
    fault = fault_of(event)
    if fault is not None:
        raise ValueError(fault)
    return event


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


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
