"""What is printed while a run goes on, and at its end."""

from pathlib import Path

import pytest
from rich.console import Console

from fusion_sched.report.live import Display, result_table
from fusion_sched.runlog import Trace, read_trace
from tests.conftest import read_events


def text_of(renderable: object) -> str:
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(renderable)
    return console.export_text()


def test_the_closing_table_holds_the_results(short_runs: Path) -> None:
    trace = read_trace(short_runs / "pid0")
    assert trace.result is not None
    shown = text_of(result_table(trace))
    assert f"{trace.result['test']['fused']['accuracy']:.1%}" in shown
    assert "selected on validation" in shown


def test_a_run_under_way_has_no_closing_table(short_runs: Path) -> None:
    whole = read_trace(short_runs / "pid0")
    with pytest.raises(ValueError, match="has not ended"):
        result_table(Trace(whole.path, whole.events[:6], []))


def test_warnings_of_the_probe_are_shown_once(
    short_runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = read_events(short_runs / "pid0")
    for event in events:
        if event["event"] == "probe":
            event["warnings"] = ["few samples [per cell]"]
    with Display(Console(width=120)) as display:
        for event in events:
            display.show(event)
    assert capsys.readouterr().out.count("note: few samples [per cell]") == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_events_are_shown(
    short_runs: Path, terminal: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console(width=120, force_terminal=terminal)
    with Display(console) as display:
        for event in read_events(short_runs / "pid0"):
            display.show(event)
    shown = capsys.readouterr().out
    for word in ("gray", "pause", "epoch", "synergy", "joint"):
        assert word in shown
    if not terminal:
        assert "\x1b" not in shown
        assert shown.count("| validation") == 5
