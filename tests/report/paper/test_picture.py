"""The picture of a trace, and its strip of stages."""

from copy import deepcopy
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from fusion_sched.report import PICTURE, draw_trace
from fusion_sched.report.panels import accuracy_panel, unique_panel
from fusion_sched.report.paper.epochs import draw_panel, narrow_joint_stage
from fusion_sched.report.paper.stages import broken_bar, draw_stages
from fusion_sched.report.view import RunView
from fusion_sched.runlog import Trace
from tests.report.paper.conftest import renamed, with_events


def test_every_stretch_of_a_run_is_drawn(pid: Trace, tmp_path: Path) -> None:
    sizes = {1: (1200, 474), 6: (1200, 954), len(pid.events): (1200, 954)}
    for end in sizes:
        draw_trace(with_events(pid, pid.events[:end]), tmp_path / PICTURE)
        with Image.open(tmp_path / PICTURE) as picture:
            assert (picture.format, picture.size) == ("PNG", sizes[end])


def test_drawing_leaves_global_settings_alone(pid: Trace, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    draw_trace(renamed(pid, "gray", r"_$\frac"), tmp_path / PICTURE)
    assert dict(matplotlib.rcParams) == before


def test_the_strip_has_a_row_per_modality_filled_where_it_trains(thirds: Trace) -> None:
    alone = switching(thirds, [["upper"], ["middle", "lower"], ["upper"]])
    strip, panel = Figure().subplots(2)
    entries = draw_stages(strip, [panel], RunView.of(alone))
    assert [text.get_text() for text in strip.get_yticklabels()] == ["upper", "middle", "lower"]
    # Per row: where it could train, where it does, and where all do.
    filled = [spans(bars) for bars in strip.collections[1::3]]
    assert filled == [[(0.5, 1.5), (2.5, 3.5)], [(1.5, 2.5)], [(1.5, 2.5)]]
    assert [label for _, label in entries] == ["trains alone", "decision"]


def test_each_epoch_of_decisions_has_one_line(pid: Trace) -> None:
    strip, panel = Figure().subplots(2)
    draw_stages(strip, [panel], RunView.of(pid))
    places = sorted({decision["epoch"] + 1.5 for decision in pid.of("decision")})
    assert [line.get_xdata()[0] for line in panel.lines] == places


def test_a_joint_run_is_hatched_from_its_first_epoch(four: list[Trace]) -> None:
    view = RunView.of(four[0])
    (span,) = view.spans
    assert span.stage.joint
    assert broken_bar(span) == (0.5, 5)
    strip, panel = Figure().subplots(2)
    entries = draw_stages(strip, [panel], view)
    assert [label for _, label in entries] == ["trains jointly", "decision"]
    assert {bars.get_hatch() for bars in strip.collections if spans(bars)} == {"////"}


def test_lines_break_where_weights_were_restored(pid: Trace) -> None:
    events = deepcopy(pid.events)
    for event in events:
        if event["event"] == "decision":
            event["restored"] = False
    whole = with_events(pid, events)
    restored = deepcopy(events)
    last = [event for event in restored if event["event"] == "decision"][-1]
    last |= {"restored": True, "epoch": 1}
    last["controller"]["peak_epoch"] = 0
    for trace, gaps in ((whole, 0), (with_events(pid, restored), 1)):
        axes = Figure().subplots()
        view = RunView.of(trace)
        for panel in (accuracy_panel(view), unique_panel(view)):
            assert panel is not None
            draw_panel(axes, view, panel)
        lines = [line for line in axes.lines if len(line.get_xdata()) > 1]
        assert {int(np.isnan(line.get_ydata()).sum()) for line in lines} == {gaps}
    strip, panel = Figure().subplots(2)
    entries = draw_stages(strip, [panel], RunView.of(with_events(pid, restored)))
    assert entries[-1][1] == "restored weights"


def test_decisions_are_numbered_in_their_order(pid: Trace) -> None:
    strip, panel = Figure().subplots(2)
    view = RunView.of(pid)
    draw_stages(strip, [panel], view)
    last = strip.texts[-1].get_text().split("–")[-1]
    assert (strip.texts[0].get_text()[0], last) == ("1", str(len(view.decisions)))


def test_a_long_joint_stage_takes_no_more_than_its_share(thirds: Trace) -> None:
    view = RunView.of(long_joint_stage(thirds, alone=5, joint=60))
    axes = Figure().subplots()
    axes.set_xlim(0.5, 65.5)
    narrow_joint_stage(axes, view)
    places = axes.transData.transform([(x, 0) for x in (0.5, 5.5, 65.5)])[:, 0]
    assert (places[2] - places[1]) / (places[1] - places[0]) == pytest.approx(0.66)
    assert "joint stage 18.2 times narrower" in axes.get_xlabel()


def long_joint_stage(trace: Trace, alone: int, joint: int) -> Trace:
    epoch = deepcopy(trace.of("epoch")[0])
    names = list(trace.start["modalities"])
    epochs = [
        {**epoch, "epoch": i, "stage": "unimodal" if i < alone else "joint", "active": names}
        for i in range(alone + joint)
    ]
    return with_events(trace, [trace.start, *epochs])


def switching(trace: Trace, stages: list[list[str]]) -> Trace:
    """Return the trace's beginning with these modalities in training, epoch by epoch."""
    epoch = deepcopy(trace.of("epoch")[0])
    begin = [trace.start, trace.of("decision")[0]]
    epochs = [{**epoch, "epoch": i, "stage": "unimodal", "active": a} for i, a in enumerate(stages)]
    return with_events(trace, [*begin, *epochs])


def spans(bars: object) -> list[tuple[float, float]]:
    """Return where each bar of one ``broken_barh`` begins and ends."""
    found = [path.get_extents() for path in bars.get_paths()]  # type: ignore[attr-defined]
    return [(box.x0, box.x1) for box in found]
