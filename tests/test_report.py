"""Picture, closing table, comparison, replay and what is printed while a run goes on."""

from pathlib import Path

import pytest
from rich.console import Console

from fusion_sched.compare import compare, find_runs, name_rows
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


def test_compare_means_over_seeds_and_leaves_nothing_out_silently(runs: Path) -> None:
    results = {s: read_trace(runs / f"joint{s}").result for s in (0, 1)}
    fused = [100 * r["test"]["fused"]["accuracy"] for r in results.values() if r]
    table, notes = compare([runs])
    shown = text_of(table)
    assert f"{sum(fused) / 2:.1f}" in shown
    assert "controller=Joint" in shown
    assert "controller=PID" in shown
    assert notes == []


def test_compare_names_runs_that_have_not_ended(runs: Path, tmp_path: Path) -> None:
    lines = (runs / "pid0" / "trace.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "trace.jsonl").write_text("".join(lines[:-1]))
    _, notes = compare([runs, tmp_path])
    assert len(notes) == 1
    assert "open has not ended" in notes[0]
    with pytest.raises(ValueError, match="none of the 1 runs has ended"):
        compare([tmp_path])
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty"):
        find_runs([tmp_path / "empty"])


def test_a_run_counts_once_and_a_seed_inside_a_controller_makes_no_row(runs: Path) -> None:
    assert len(find_runs([runs, runs / "pid0", runs / "." / "pid0"])) == 4

    def trace(seed: int) -> Trace:
        controller = {"_target_": "x.Random", "seed": seed}
        start = {"event": "start", "config": {"seed": seed, "controller": controller}}
        return Trace(Path("x"), [start], [])

    assert name_rows([trace(0), trace(1)]) == ["all runs", "all runs"]


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


def test_rows_are_named_by_what_differs() -> None:
    def trace(**controller: object) -> Trace:
        start = {"event": "start", "config": {"seed": 1, "a": 1, "controller": controller}}
        return Trace(Path("x"), [start], [])

    rows = [trace(_target_="x.PID", drop=0.8), trace(_target_="x.PID", drop=0.5),
            trace(_target_="x.Joint")]  # fmt: skip
    assert name_rows(rows) == [
        "controller=PID controller.drop=0.8", "controller=PID controller.drop=0.5",
        "controller=Joint",
    ]  # fmt: skip
    assert name_rows(rows[:1] * 2) == ["all runs", "all runs"]


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
