"""Picture, closing table, replay and what is printed while a run goes on."""

from pathlib import Path

import pytest
from rich.console import Console

from fusion_sched.controllers.fixed import Fixed
from fusion_sched.controllers.joint import Joint
from fusion_sched.controllers.pid import PID
from fusion_sched.display import Display
from fusion_sched.replay import recorded_stages, replay
from fusion_sched.report import draw_trace, result_table
from fusion_sched.trace import Trace, read_trace

from .conftest import read_events, run_once

QUICK = ("stage1.epochs=3", "stage2.epochs=2", "probe.resamples=20", "probe.shuffles=2")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for controller in ("joint", "pid"):
        for seed in (0, 1):
            run_once(folder / f"{controller}{seed}", f"controller={controller}", f"seed={seed}",
                     *QUICK)  # fmt: skip
    return folder


def text_of(renderable: object) -> str:
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(renderable)
    return console.export_text()


def test_the_closing_table_holds_the_results(runs: Path) -> None:
    trace = read_trace(runs / "pid0")
    assert trace.result is not None
    shown = text_of(result_table(trace))
    assert f"{trace.result['test']['fused']['accuracy']:.1%}" in shown
    assert "selected on validation" in shown


def test_a_run_under_way_draws_and_has_no_table(runs: Path, tmp_path: Path) -> None:
    whole = read_trace(runs / "pid0")
    begun = Trace(whole.path, whole.events[:6], [])
    draw_trace(begun, tmp_path / "trace.png")
    assert (tmp_path / "trace.png").stat().st_size > 10_000
    with pytest.raises(ValueError, match="has not ended"):
        result_table(begun)


def test_warnings_of_the_probe_are_shown_once(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = read_events(runs / "pid0")
    for event in events:
        if event["event"] == "probe":
            event["warnings"] = ["few samples [per cell]"]
    with Display(Console(width=120)) as display:
        for event in events:
            display.show(event)
    assert capsys.readouterr().out.count("note: few samples [per cell]") == 1


@pytest.mark.parametrize("seed", [0, 1])
def test_replay_of_the_same_controller_decides_the_same(runs: Path, seed: int) -> None:
    trace = read_trace(runs / f"pid{seed}")
    steps = replay(trace, PID())
    mine = [(s.epoch, s.decision.stage.name, list(s.decision.stage.active)) for s in steps]
    assert mine == [(e, to["stage"], to["active"]) for e, to in recorded_stages(trace)]


def test_replay_of_other_controllers(runs: Path) -> None:
    trace = read_trace(runs / "pid0")
    steps = replay(trace, Fixed(epochs=2))
    assert [(s.epoch, s.decision.stage.joint) for s in steps] == [(-1, False), (1, True)]
    assert len(replay(trace, Joint())) == 1
    overruled = replay(trace, Fixed(epochs=50))
    assert (overruled[-1].epoch, overruled[-1].decision.stage.joint) == (2, True)


@pytest.mark.parametrize("terminal", [True, False])
def test_events_are_shown(runs: Path, terminal: bool, capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(width=120, force_terminal=terminal)
    with Display(console) as display:
        for event in read_events(runs / "pid0"):
            display.show(event)
    shown = capsys.readouterr().out
    for word in ("gray", "pause", "epoch", "synergy", "joint"):
        assert word in shown
    if not terminal:
        assert "\x1b" not in shown
        assert shown.count("| validation") == 5
