"""A controller on a stored trace, without training."""

from pathlib import Path

import pytest

from fusion_sched.analysis.replay import recorded_stages, replay_trace
from fusion_sched.controllers.fixed import Fixed
from fusion_sched.controllers.joint import Joint
from fusion_sched.controllers.pid import PID
from fusion_sched.runlog import read_trace


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
