"""The trace: one event per line, nothing that is not a number, damage named."""

import json
from pathlib import Path
from typing import Any

import pytest

from fusion_sched.runlog import (
    Trace,
    TraceWriter,
    hand_over_epoch,
    hand_over_probe,
    read_trace,
)
from fusion_sched.runlog.schema import diagnosis_fields, diagnosis_from, estimates_from
from fusion_sched.types import Estimate

START: dict[str, Any] = {
    "run": "run", "modalities": {"gray": [1, 8, 8]}, "classes": ["0"], "fingerprint": {},
    "protocol_hash": "hash", "seed": 0, "config": {},
}  # fmt: skip
EPOCH: dict[str, Any] = {
    "epoch": 0, "step": 0, "stage": "unimodal", "active": ["gray"], "loss": {"gray": 0.5},
    "accuracy": {"train": {"gray": 0.5}, "validation": {}}, "lr": 0.1, "samples_per_second": 1.0,
    "seconds": 1.0,
}  # fmt: skip


def test_events_come_back_in_order_and_are_shown(tmp_path: Path) -> None:
    shown: list[dict[str, Any]] = []
    trace = TraceWriter(tmp_path, shown.append)
    trace.write("start", **START)
    trace.write("epoch", **EPOCH)
    trace.close()
    back = read_trace(tmp_path)
    assert back.events == shown
    assert [e["event"] for e in back.events] == ["start", "epoch"]
    assert back.problems == []
    assert back.result is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_stops_the_run(tmp_path: Path, value: float) -> None:
    trace = TraceWriter(tmp_path, lambda event: None)
    trace.write("start", **START)
    with pytest.raises(ValueError, match="not finite"):
        trace.write("epoch", loss={"gray": value})
    trace.close()
    assert len(read_trace(tmp_path).events) == 1


def test_damaged_lines_are_left_out_and_named(tmp_path: Path) -> None:
    start = json.dumps({"event": "start", **START})
    (tmp_path / "trace.jsonl").write_bytes(start.encode() + b'\nnonsense \xff\n[1]\n{"event": "ep')
    trace = read_trace(tmp_path)
    assert [e["event"] for e in trace.events] == ["start"]
    assert [f"line {n}" in p for n, p in zip((2, 3, 4), trace.problems, strict=True)] == [True] * 3


def test_a_folder_without_a_trace_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"trace\.jsonl"):
        read_trace(tmp_path)
    (tmp_path / "trace.jsonl").write_text('{"event": "epoch"}\n')
    with pytest.raises(ValueError, match="no whole start event"):
        read_trace(tmp_path)


def decided(epoch: int, stage: str, **more: Any) -> dict[str, Any]:
    return {"event": "decision", "epoch": epoch, "to": {"stage": stage, "active": []}, **more}


def probed(*epochs: int) -> list[dict[str, Any]]:
    return [{"event": "probe", "epoch": epoch} for epoch in epochs]


BACK = {"restored": True, "controller": {"peak_epoch": 1}}


@pytest.mark.parametrize(
    ("events", "epoch", "diagnosed"),
    [
        ([*probed(-1, 0), decided(-1, "unimodal")], None, None),
        ([decided(-1, "joint"), *probed(-1, 3)], -1, -1),
        ([*probed(-1, 0, 1, 2), decided(2, "joint"), *probed(3)], 2, 2),
        ([*probed(0, 2, 4), decided(5, "joint"), *probed(6)], 5, 4),
        ([*probed(0, 1, 2), decided(2, "joint", **BACK)], 1, 1),
        ([*probed(0, 1, 2), decided(2, "joint", **{**BACK, "restored": False})], 2, 2),
        ([*probed(0, 1, 2), decided(2, "joint", restored=True)], 2, 2),
        ([*probed(0, 1), decided(1, "joint"), decided(2, "unimodal"), *probed(3),
          decided(3, "joint")], 1, 1),
        ([decided(2, "joint"), *probed(3)], 2, None),
    ],
    ids=["not yet", "scratch", "plain", "seldom", "back", "kept", "nowhere", "twice", "unseen"],
)  # fmt: skip
def test_the_hand_over_is_the_last_diagnosis_of_its_weights(
    events: list[dict[str, Any]], epoch: int | None, diagnosed: int | None
) -> None:
    trace = Trace(Path("trace.jsonl"), events, [])
    found = hand_over_probe(trace)
    assert hand_over_epoch(trace) == epoch
    assert (None if found is None else found["epoch"]) == diagnosed


def test_a_trace_of_format_1_is_read_as_one_of_format_2(tmp_path: Path) -> None:
    text = Path(__file__).with_name("trace_format_1.jsonl").read_text(encoding="utf-8")
    (tmp_path / "trace.jsonl").write_text(text, encoding="utf-8")
    old = json.loads(text.splitlines()[1])
    trace = read_trace(tmp_path)
    assert trace.problems == []
    diagnosis = diagnosis_from(trace.of("probe")[0])
    assert diagnosis.unique["upper"] == (
        old["unique_bits"]["upper"], *old["interval"]["unique_bits"]["upper"],
        old["error"]["unique_bits"]["upper"], old["null"]["unique_bits"]["upper"],
        old["p_value"]["unique_bits"]["upper"],
    )  # fmt: skip
    assert diagnosis.synergy is not None
    assert diagnosis.synergy.interval == tuple(old["interval"]["synergy_bits"])
    assert diagnosis.log_ratio["upper/middle"].null is None
    change, step = diagnosis.change["unique lower"], old["change"]["unique lower"]
    assert (change.value, change.se) == (step["value"], step["error"])
    pair = diagnosis.pairs["upper/lower"]["mi1"]
    assert pair.p == old["pairs"]["upper/lower"]["mi1"]["p_value"]
    assert diagnosis_from(diagnosis_fields(diagnosis)) == diagnosis


@pytest.mark.parametrize("key", ["unique_bits", "synergy_bits", "change", "pairs"])
def test_a_damaged_event_of_format_1_is_left_out_and_named(tmp_path: Path, key: str) -> None:
    text = Path(__file__).with_name("trace_format_1.jsonl").read_text(encoding="utf-8")
    start, probe = (json.loads(line) for line in text.splitlines())
    probe[key] = {"upper": {"mi1": {}} if key == "pairs" else {}}
    lines = "".join(json.dumps(event) + "\n" for event in (start, probe))
    (tmp_path / "trace.jsonl").write_text(lines, encoding="utf-8")
    trace = read_trace(tmp_path)
    assert trace.of("probe") == []
    assert "line 2" in trace.problems[0]


BROKEN = {
    "an epoch that is text": ({"epoch": "3"}, "epoch is '3', expected int"),
    "an accuracy above 1": (
        {"accuracy": {"train": {"gray": 1.5}, "validation": {}}},
        "accuracy.train.gray is 1.5, expected 0.0 to 1.0",
    ),
    "a stage that there is not": ({"stage": "third"}, "expected one of unimodal, joint"),
    "a list for an object": ({"loss": []}, "loss is [], expected an object"),
    "true for a number": ({"lr": True}, "lr is True, expected float"),
    "no step": ({"step": None}, "step is None"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_field_of_the_wrong_type_is_named(tmp_path: Path, name: str) -> None:
    change, expected = BROKEN[name]
    events = [{"event": "start", **START}, {"event": "epoch", "time": 1.0, **EPOCH, **change}]
    (tmp_path / "trace.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    trace = read_trace(tmp_path)
    assert len(trace.events) == 1
    assert expected in trace.problems[0]
    assert f"{tmp_path / 'trace.jsonl'} line 2" in trace.problems[0]


LINES = {
    "not UTF-8": b'{"event": "\xff"}',
    "nested": b"[" * 100_000 + b"]" * 100_000,
    "a number of 5,000 digits": b'{"event": "epoch", "epoch": ' + b"9" * 5000 + b"}",
    "NaN": b'{"event": "epoch", "epoch": NaN}',
    "torn": b'{"event": "epoch", "epo',
}


@pytest.mark.parametrize("name", LINES)
def test_a_line_that_is_no_event_is_named(tmp_path: Path, name: str) -> None:
    start = json.dumps({"event": "start", **START}).encode()
    (tmp_path / "trace.jsonl").write_bytes(start + b"\n" + LINES[name])
    trace = read_trace(tmp_path)
    assert len(trace.events) == 1
    assert "line 2 was left out" in trace.problems[0]


def test_a_torn_line_is_not_counted(tmp_path: Path) -> None:
    trace = TraceWriter(tmp_path, lambda event: None)
    trace.write("start", **START)
    trace.close()
    path = tmp_path / "trace.jsonl"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ValueError, match="0 whole lines"):
        TraceWriter(tmp_path, lambda event: None, keep_lines=1)


def test_a_folder_that_vanishes_stops_the_run(tmp_path: Path) -> None:
    trace = TraceWriter(tmp_path, lambda event: None)
    trace.write("start", **START)
    (tmp_path / "trace.jsonl").unlink()
    with pytest.raises(OSError, match="was deleted"):
        trace.write("epoch", **EPOCH)
    trace.close()


def test_a_field_of_another_version_in_an_estimate_is_left_out() -> None:
    assert estimates_from({"a": {"value": 1.0, "later": 2.0}}) == {"a": Estimate(1.0)}


def test_a_result_that_counts_unknown_classes_is_left_out(tmp_path: Path) -> None:
    lines = [
        {"event": "start", "format": 2, "time": 0.0, **START, "classes": ["a", "b"]},
        {"event": "result", "confusion": {"fused": [[0, 2, 5]]}},
    ]
    (tmp_path / "trace.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    trace = read_trace(tmp_path)
    assert trace.result is None
    assert "line 2 was left out: its confusion of fused names class 2" in trace.problems[0]
