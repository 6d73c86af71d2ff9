"""The trace: one event per line, nothing that is not a number, damage named."""

import json
from pathlib import Path
from typing import Any

import pytest

from fusion_sched.runlog import (
    START_KEYS,
    Trace,
    TraceWriter,
    hand_over_epoch,
    hand_over_probe,
    lock,
    read_trace,
)

START: dict[str, Any] = dict.fromkeys(START_KEYS, "")


def test_events_come_back_in_order_and_are_shown(tmp_path: Path) -> None:
    shown: list[dict[str, Any]] = []
    trace = TraceWriter(tmp_path, shown.append)
    trace.write("start", **START)
    trace.write("epoch", epoch=0, loss={"gray": 0.5})
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


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(ValueError, match="another process is training"):
        lock(tmp_path)
    lock(tmp_path).close()


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
