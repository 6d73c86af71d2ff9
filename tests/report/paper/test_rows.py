"""All runs in one figure."""

from html import unescape
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from fusion_sched.report.palette import FUSED_STYLE, numbered_style
from fusion_sched.report.panels import accuracy_curve
from fusion_sched.report.paper import draw_figures
from fusion_sched.report.paper.figures import draw_row, draw_rows
from fusion_sched.report.view import RunView
from fusion_sched.runlog import Trace
from tests.report.paper.conftest import with_events


def test_runs_of_one_name_are_one_row(four: list[Trace], tmp_path: Path) -> None:
    names = ["$joint$", "$joint$", "pid", "pid"]
    kept = ("start", "epoch")
    brief = [with_events(t, [e for e in t.events if e["event"] in kept]) for t in four]
    files = draw_figures(brief, tmp_path, names=names, formats=("svg",))
    assert files[-1].name == "all_runs.svg"
    text = unescape(files[-1].read_text(encoding="utf-8"))
    words = (">$joint$ (2 runs)<", ">pid (2 runs)<", ">fused validation accuracy [%]<", ">epoch<")
    assert [word for word in words if word not in text] == []


def test_without_names_each_run_is_a_row(four: list[Trace]) -> None:
    figure = draw_rows(
        [RunView.of(trace) for trace in four], [trace.start["run"] for trace in four], 3.35
    )
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["joint0", "joint1", "pid0", "pid1"]


def test_mean_and_deviation_are_over_the_epochs_that_all_runs_have() -> None:
    axes = Figure().subplots()
    draw_row(axes, [{1: 10.0, 2: 20.0, 3: 30.0}, {2: 40.0, 3: 30.0}], FUSED_STYLE, "row", 0.1)
    (line,) = axes.lines
    np.testing.assert_allclose(line.get_xydata(), [[2, 30], [3, 30]])
    (band,) = axes.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(30 - np.sqrt(200))
    assert heights.max() == pytest.approx(30 + np.sqrt(200))


def test_runs_without_a_common_epoch_say_so() -> None:
    axes = Figure().subplots()
    _, label = draw_row(axes, [{1: 10.0}, {2: 40.0}], FUSED_STYLE, "row", 0.1)
    assert label == "row (2 runs, no epoch in common)"


def test_a_run_before_its_joint_stage_is_no_row(four: list[Trace]) -> None:
    begun = with_events(four[2], four[2].events[:5])
    assert begun.of("epoch")
    views = [RunView.of(four[0]), RunView.of(begun)]
    assert accuracy_curve(views[1], "fused") == {}
    figure = draw_rows(views, ["joint", "begun"], 3.35)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["joint"]


def test_styles_of_many_rows_differ() -> None:
    assert len({(style.colour, style.dash) for style in map(numbered_style, range(36))}) == 36
