"""Accuracy under noise."""

from copy import deepcopy

import numpy as np
import pytest
from matplotlib.figure import Figure

from fusion_sched.report.paper.figures import draw_noise
from fusion_sched.report.view import RunView
from fusion_sched.runlog import Trace
from tests.report.paper.conftest import with_events

ODD: list[object] = [
    {"kind": "salt", "accuracy": {"1": 0.5}}, {"kind": "gaussian", "accuracy": {}},
    {"kind": "gaussian"}, {"accuracy": {"1": 0.5}}, None,
]  # fmt: skip


def changed(trace: Trace, curves: dict[str, object]) -> Trace:
    """Return the trace with some of its curves changed."""
    events = deepcopy(trace.events)
    events[-1]["robustness"]["noise"] |= curves
    return with_events(trace, events)


def drawn(trace: Trace, curves: dict[str, object]) -> Figure:
    figure = draw_noise(RunView.of(changed(trace, curves)), 3.35)
    assert figure is not None
    return figure


def test_curves_begin_at_the_accuracy_without_noise(pid: Trace) -> None:
    assert pid.result is not None
    (axes,) = drawn(pid, {}).axes
    plain = 100 * pid.result["test"]["fused"]["accuracy"]
    assert [line.get_ydata()[0] for line in axes.lines] == pytest.approx([plain, plain])
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [0, 0.25, 0.5, 1, 2])


def test_each_kind_of_noise_has_a_panel(pid: Trace) -> None:
    tokens_of_gray = {"kind": "tokens", "accuracy": {"0.1": 0.5, "0.75": 0.2}}
    gaussian, tokens = drawn(pid, {"gray": tokens_of_gray}).axes
    assert gaussian.get_xlabel() == "noise [SD]"
    assert tokens.get_xlabel() == "tokens replaced [%]"
    np.testing.assert_allclose(tokens.lines[0].get_xdata(), [0, 10, 75])


@pytest.mark.parametrize("curve", ODD, ids=str)
def test_a_curve_that_cannot_be_drawn_is_left_out(pid: Trace, curve: object) -> None:
    figure = drawn(pid, {"gray": curve})
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["noise in colored"]
    assert draw_noise(RunView.of(changed(pid, {"gray": curve, "colored": curve})), 3.35) is None


def test_a_level_without_a_number_is_left_out(pid: Trace) -> None:
    accuracy = {"0.5": None, "1": 0.4, "much": 0.3, "2": 0.2}
    (axes,) = drawn(pid, {"gray": {"kind": "gaussian", "accuracy": accuracy}}).axes
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [0, 1, 2])
