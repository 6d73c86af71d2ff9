"""Accuracy under noise."""

from copy import deepcopy

import numpy as np
import pytest

from fusion_sched.report.figures.noise import draw_noise
from fusion_sched.trace import Trace

from .conftest import with_events


def test_curves_begin_at_the_accuracy_without_noise(pid: Trace) -> None:
    assert pid.result is not None
    (axes,) = draw_noise(pid, 3.35).axes
    plain = 100 * pid.result["test"]["fused"]["accuracy"]
    assert [line.get_ydata()[0] for line in axes.lines] == pytest.approx([plain, plain])
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [0, 0.25, 0.5, 1, 2])


def test_each_kind_of_noise_has_a_panel(pid: Trace) -> None:
    events = deepcopy(pid.events)
    noise = events[-1]["robustness"]["noise"]
    noise["gray"] = {"kind": "tokens", "accuracy": {"0.1": 0.5, "0.75": 0.2}}
    gaussian, tokens = draw_noise(with_events(pid, events), 3.35).axes
    assert gaussian.get_xlabel() == "noise [standard deviations]"
    assert tokens.get_xlabel() == "tokens replaced [%]"
    np.testing.assert_allclose(tokens.lines[0].get_xdata(), [0, 10, 75])
