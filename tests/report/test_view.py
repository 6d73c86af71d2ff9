"""What a page takes from a trace, and what it leaves out and says so."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from fusion_sched.report.html.run_page import run_sections
from fusion_sched.report.records import UNTRAINED
from fusion_sched.report.view import RunView
from fusion_sched.runlog import read_trace
from fusion_sched.runlog.schema import BY_NAME, SINGLE
from tests.report.traces import events_of, view_of, write_run


def decision(epoch: int, stage: str, before: str | None = None, **more: Any) -> dict[str, Any]:
    made = {"event": "decision", "epoch": epoch, "reason": "", "restored": False, "controller": {},
            "to": {"stage": stage, "active": ["gray"]}}  # fmt: skip
    origin = {"from": {"stage": before, "active": ["gray"]}} if before else {}
    return {**made, **origin, **more}


def probe(epoch: int) -> dict[str, Any]:
    return {
        "event": "probe", "epoch": epoch, "mi_bits": {"gray": {"value": 1.0}}, "clusters": {},
        "joint_mi_bits": {"value": 1.0}, "label_entropy_bits": 2.0, "gap_bits": 0.0, "samples": 9,
        "samples_per_cell": 1.0,
    }  # fmt: skip


@pytest.fixture
def start(short_runs: Path) -> dict[str, Any]:
    return events_of(short_runs / "pid0")[0]


def test_unknown_and_incomplete_events_are_left_out_and_named(
    short_runs: Path, tmp_path: Path
) -> None:
    events = events_of(short_runs / "pid0")
    more = [{"event": "surprise"}, {"event": "epoch", "epoch": 9}, {"event": "result"}]
    view = view_of(write_run(tmp_path / "run", [*events, *more], '{"event": "epo'))
    assert len(view.epochs) == 5
    assert view.result is not None
    problems = " ".join(view.problems)
    assert "1 event left out, of kind 'surprise', which this version does not know" in problems
    assert "1 event left out, of kind 'epoch', of which a field is missing" in problems
    assert "of kind 'result', of which" in problems
    assert "was left out: it is not JSON" in problems


@pytest.mark.parametrize("odd", [{"stage": "joint"}, {"active": []}, None, "joint"])
def test_a_decision_from_nowhere_is_left_out_and_named(
    start: dict[str, Any], tmp_path: Path, odd: Any
) -> None:
    change = decision(2, "joint", "unimodal")
    events = [start, decision(-1, "unimodal"), change, {**change, "from": odd}]
    view = view_of(write_run(tmp_path / "run", events))
    assert len(view.decisions) == 2
    assert "1 event left out, of kind 'decision', of which a field is missing" in view.problems[0]
    run_sections(view)


def test_moments_are_untrained_hand_over_and_last(start: dict[str, Any], tmp_path: Path) -> None:
    change = decision(2, "joint", "unimodal")
    events = [start, decision(-1, "unimodal"), probe(-1), probe(1), change, probe(4)]
    view = view_of(write_run(tmp_path / "run", events))
    assert [moment.name for moment in view.moments] == [
        "untrained", "at the end of stage 1 (epoch 2)", "last (epoch 5)"
    ]  # fmt: skip
    assert view.main_moment.probe.epoch == 1


def test_joint_training_counts_from_where_it_first_began(
    start: dict[str, Any], tmp_path: Path
) -> None:
    changes = [decision(1, "joint", "unimodal"), probe(2), decision(2, "unimodal", "joint"),
               probe(3), decision(3, "joint", "unimodal")]  # fmt: skip
    events = [start, decision(-1, "unimodal"), probe(-1), probe(1), *changes, probe(4)]
    view = view_of(write_run(tmp_path / "run", events))
    assert view.main_moment.probe.epoch == 1
    assert view.hand_over is not None
    assert view.hand_over.epoch == 1


def test_joint_training_from_scratch_takes_over_from_the_untrained_network(
    start: dict[str, Any], tmp_path: Path
) -> None:
    view = view_of(write_run(tmp_path / "run", [start, decision(-1, "joint"), probe(-1)]))
    assert view.hand_over_epoch == UNTRAINED
    assert [m.name for m in view.moments] == ["untrained and before joint training and last"]


def test_an_estimate_is_that_of_the_trace(short_runs: Path) -> None:
    (written, *_) = [e for e in events_of(short_runs / "pid0") if e["event"] == "probe"]
    estimate = view_of(short_runs / "pid0").probes[0].diagnosis.unique["gray"]
    assert estimate.to_json() == written["unique_bits"]["gray"]


@pytest.mark.parametrize("odd", [None, "?", True, float("nan"), [1.0], {}], ids=str)
@pytest.mark.parametrize(
    "path",
    [("unique_bits", "gray", "value"), ("mi_bits", "gray", "low"), ("quadrants", "all"),
     ("class_unique_bits", "gray", "0"), ("seconds", "embed"), ("label_entropy_bits",),
     ("unique_bits",), ("quadrants",), ("class_unique_bits", "gray"), ("joint_mi_bits",)],
    ids=".".join,
)  # fmt: skip
def test_a_probe_that_holds_no_number_where_one_belongs_is_left_out_and_named(
    short_runs: Path, path: tuple[str, ...], odd: Any
) -> None:
    trace = read_trace(short_runs / "pid0")
    spoilt = deepcopy(next(e for e in trace.events if e["event"] == "probe"))
    inner = spoilt
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = odd
    view = RunView(trace.start)
    record = view.add(spoilt)
    # Of `low` and of whole groups, absence is no damage.
    assert (record is None) == bool(view.problems)
    if record is not None:
        assert odd in (None, {})
        assert path[-1] in ("low", "unique_bits", "quadrants", "gray")


def test_a_trace_of_format_1_is_viewed_like_one_of_format_2(
    short_runs: Path, tmp_path: Path
) -> None:
    events = events_of(short_runs / "pid0")
    old = view_of(write_run(tmp_path / "old", map(in_format_1, events)))
    new = view_of(short_runs / "pid0")
    assert old.problems == []
    for one, other in zip(old.probes, new.probes, strict=True):
        assert one.diagnosis.unique == other.diagnosis.unique
        assert one.diagnosis.joint_mi == other.diagnosis.joint_mi
    run_sections(old)


def in_format_1(event: dict[str, Any]) -> dict[str, Any]:
    """Return a probe event as format 1 had it: numbers alone, the rest of them beside."""
    if event["event"] != "probe":
        return event
    old = {key: value for key, value in event.items() if key not in ("change", "pairs")}
    sides: dict[str, dict[str, Any]] = {"interval": {}, "error": {}, "null": {}, "p_value": {}}
    for key, value in event.items():
        if key in BY_NAME and key != "change":
            columns = {name: split(estimate) for name, estimate in value.items()}
            old[key] = {name: column.pop("value") for name, column in columns.items()}
            for side in sides:
                kept = {name: c[side] for name, c in columns.items() if side in c}
                sides[side] |= {key: kept} if kept else {}
        elif key in SINGLE:
            column = split(value)
            old[key] = column.pop("value")
            for side in sides:
                sides[side] |= {key: column[side]} if side in column else {}
    return {**old, **sides}


def split(estimate: dict[str, float]) -> dict[str, Any]:
    names = {"se": "error", "null": "null", "p": "p_value"}
    column = {names[name]: n for name, n in estimate.items() if name in names}
    return {**column, "value": estimate["value"], "interval": [estimate["low"], estimate["high"]]}
