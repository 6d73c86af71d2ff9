"""Sixty damages of a trace: `compare` leaves out the line or the run, and says which and why."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from fusion_sched.analysis import compare
from fusion_sched.report import write_report
from tests.conftest import read_events

DAMAGES: list[tuple[str, str, Any]] = [
    ("start", "seed", "zero"), ("start", "seed", -1), ("start", "seed", 0.5),
    ("start", "seed", None), ("start", "modalities", []), ("start", "modalities", {"a": "wide"}),
    ("start", "classes", 10), ("start", "classes", [1, 2]), ("start", "fingerprint", "abc"),
    ("start", "fingerprint", {"x": 3}), ("start", "protocol_hash", 7), ("start", "protocol", []),
    ("start", "config", "plain"), ("start", "config", None), ("start", "device", 0),
    ("start", "versions", [1]), ("start", "parameters", -4), ("start", "facts", "none"),
    ("start", "split_sizes", {"test": -1}), ("start", "time", "noon"), ("epoch", "epoch", -7),
    ("epoch", "epoch", "first"), ("epoch", "epoch", 1.5), ("epoch", "stage", "third"),
    ("epoch", "active", "all"), ("epoch", "loss", 0.5), ("epoch", "loss", {"fused": "low"}),
    ("epoch", "accuracy", {"validation": {"fused": 7.0}}),
    ("epoch", "accuracy", {"validation": [0.5]}), ("epoch", "lr", "small"),
    ("epoch", "seconds", True), ("epoch", "step", -1), ("probe", "epoch", -2),
    ("probe", "mi_bits", {"grey": 0.5}), ("probe", "mi_bits", [1.0]),
    ("probe", "joint_mi_bits", "much"), ("probe", "joint_mi_bits", {"low": 0.1}),
    ("probe", "synergy_bits", {"value": "x"}), ("probe", "samples", -3),
    ("probe", "clusters", {"a": -1}), ("probe", "gap_bits", "none"),
    ("probe", "warnings", "careful"), ("probe", "winner", 3),
    ("probe", "quadrants", {"all": 1.5}), ("probe", "class_unique_bits", {"grey": 3}),
    ("probe", "unique_bits", {"grey": {"value": 0.1, "p": 2.0}}), ("decision", "to", "joint"),
    ("decision", "to", {"stage": "joint"}), ("decision", "to", {"stage": "none", "active": []}),
    ("decision", "epoch", "last"), ("decision", "restored", "yes"),
    ("decision", "reason", ["because"]), ("result", "test", {"fused": {"accuracy": 1.5}}),
    ("result", "test", {"fused": 0.5}), ("result", "test", None),
    ("result", "validation", {"fused": "high"}), ("result", "selected_epoch", -1),
    ("result", "optimism_gap", "none"), ("result", "seconds", {"total": "long"}),
    ("result", "probe_share", 2), ("result", "confusion", {"fused": [["a"]]}),
    ("result", "peak_memory_bytes", -1), ("result", "unimodal_epochs", -1),
    ("result", "best_on_test", {"epoch": -1}),
]  # fmt: skip
NOT_JSON = {
    "NaN": b'{"event": "epoch", "lr": NaN}', "cut": b'{"event": "epo', "a list": b"[1, 2]",
    "deep": b"[" * 5000, "zero bytes": b"\0" * 40, "no event": b'{"epoch": 1}',
    "an event of a number": b'{"event": 4}', "another encoding": b'{"event": "\xff\xfe"}',
}  # fmt: skip


@pytest.fixture(scope="module")
def pair(short_runs: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return read_events(short_runs / "pid0"), read_events(short_runs / "pid1")


def write(folder: Path, lines: list[bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trace.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return folder


def lines_of(events: list[dict[str, Any]]) -> list[bytes]:
    return [json.dumps(event).encode() for event in events]


@pytest.mark.parametrize(("event", "field", "value"), DAMAGES, ids=str)
def test_a_field_is_named(
    pair: tuple[Any, Any], tmp_path: Path, event: str, field: str, value: Any
) -> None:
    """Beside a whole run, so that there is a table."""
    events = deepcopy(pair[0])
    number, damaged = next((n, e) for n, e in enumerate(events, 1) if e["event"] == event)
    damaged[field] = value
    bad = write(tmp_path / "bad", lines_of(events))
    write(tmp_path / "whole", lines_of(pair[1]))
    notes = " ".join(compare([tmp_path]).notes)
    assert str(bad / "trace.jsonl") in notes, notes
    assert f"line {number}" in notes or "no whole start event" in notes
    assert field in notes


@pytest.mark.parametrize("name", NOT_JSON)
def test_a_line_is_named(pair: tuple[Any, Any], tmp_path: Path, name: str) -> None:
    lines = lines_of(pair[0])
    bad = write(tmp_path / "bad", [*lines[:3], NOT_JSON[name], *lines[3:]])
    (note,) = compare([bad]).notes
    assert f"{bad / 'trace.jsonl'} line 4 was left out" in note
    assert any("line 4" in note for note in write_report([bad], tmp_path / "page.html"))
