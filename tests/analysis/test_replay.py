"""A controller on a stored trace, without training."""

from pathlib import Path
from typing import Any

import pytest

from fusion_sched.analysis.replay import recorded_stages, replay_trace
from fusion_sched.controllers.fixed import Fixed
from fusion_sched.controllers.joint import Joint
from fusion_sched.controllers.pid import PID
from fusion_sched.runlog import read_trace
from tests.report.traces import changed, events_of, with_second_reading, write_run


@pytest.mark.parametrize("seed", [0, 1])
def test_replay_of_the_same_controller_decides_the_same(short_runs: Path, seed: int) -> None:
    trace = read_trace(short_runs / f"pid{seed}")
    steps = replay_trace(trace, PID())
    mine = [(s.epoch, s.decision.stage.name, list(s.decision.stage.active)) for s in steps]
    assert mine == [(e, to["stage"], to["active"]) for e, to in recorded_stages(trace)]


def test_replay_of_other_controllers(short_runs: Path) -> None:
    trace = read_trace(short_runs / "pid0")
    steps = replay_trace(trace, Fixed(epochs=2))
    assert [(s.epoch, s.decision.stage.joint) for s in steps] == [(-1, False), (1, True)]
    assert len(replay_trace(trace, Joint())) == 1
    overruled = replay_trace(trace, Fixed(epochs=50))
    assert (overruled[-1].epoch, overruled[-1].decision.stage.joint) == (2, True)


def test_replay_decides_on_the_reading_that_is_asked_for(short_runs: Path, tmp_path: Path) -> None:
    """In the second reading gray has ten times the uniqueness of colored from the start."""

    def ahead(event: dict[str, Any]) -> None:
        with_second_reading(event)
        if event["event"] == "probe":
            second = event["generalising"]
            for name, value in (("gray", 1.0), ("colored", 0.1)):
                second["unique_bits"][name] = {"value": value}
            second["log_ratio"] = {"gray/colored": {"value": 2.3, "low": 2, "high": 3, "se": 0.2}}

    trace = read_trace(write_run(tmp_path, changed(events_of(short_runs / "pid0"), ahead)))
    main = replay_trace(trace, PID())
    assert replay_trace(trace, PID(), "stored") == main
    other = replay_trace(trace, PID(), "generalising")
    assert "pause gray" in other[1].decision.reason
    assert other[1].decision.reason != main[1].decision.reason


@pytest.mark.parametrize(
    ("source", "reading", "held"),
    [("train", "generalising", "stored"), ("held_out", "stored", "generalising")],
)
def test_a_reading_that_the_trace_lacks_is_named(
    short_runs: Path, tmp_path: Path, source: str, reading: str, held: str
) -> None:
    def looked_at(event: dict[str, Any]) -> None:
        if event["event"] == "start":
            event["config"]["probe"]["source"] = source

    trace = read_trace(write_run(tmp_path, changed(events_of(short_runs / "pid0"), looked_at)))
    replay_trace(trace, PID(), held)
    with pytest.raises(ValueError, match=rf"no {reading} reading.*{source}.*probe.source=both"):
        replay_trace(trace, PID(), reading)
