"""The diagnosis at the hand-over as bars."""

from copy import deepcopy

from matplotlib.figure import Figure

from fusion_sched.report.paper.figures import draw_handover
from fusion_sched.report.view import RunView
from fusion_sched.runlog import Trace
from fusion_sched.types import Estimate
from tests.report.paper.conftest import with_events
from tests.report.traces import without_intervals


def test_a_joint_run_hands_over_untrained_weights(four: list[Trace]) -> None:
    figure = draw_handover(RunView.of(four[0]), 3.35)
    assert isinstance(figure, Figure)
    assert figure.axes[0].get_xlabel() == "information before training [bit]"


def test_before_the_hand_over_there_is_none(pid: Trace) -> None:
    assert draw_handover(RunView.of(with_events(pid, pid.events[:3])), 3.35) is None


def test_bars_are_the_values_with_their_intervals(pid: Trace) -> None:
    view = RunView.of(pid)
    figure = draw_handover(view, 3.35)
    assert figure is not None
    axes, estimates = figure.axes[0], written(view)
    widths = [bar.get_width() for bar in axes.patches]  # type: ignore[attr-defined]
    assert widths == [estimate.value for estimate in estimates]
    ends = [list(estimate.interval) for estimate in estimates]
    assert [list(line.get_xdata()) for line in axes.lines[:4]] == ends


def written(view: RunView) -> list[Estimate]:
    """Return what the probe at the hand-over has measured, in the order of the bars."""
    assert view.hand_over_probe is not None
    diagnosis = view.hand_over_probe.diagnosis
    assert diagnosis.redundancy is not None
    assert diagnosis.synergy is not None
    return [*diagnosis.unique.values(), diagnosis.redundancy, diagnosis.synergy]


def test_without_intervals_the_values_stand_alone(pid: Trace) -> None:
    events = deepcopy(pid.events)
    for event in events:
        without_intervals(event)
    view = RunView.of(with_events(pid, events))
    figure = draw_handover(view, 3.35)
    assert figure is not None
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == [f"{e.value:z.2f}" for e in written(view)]
    assert len(axes.lines) == 1, "zero"
    assert figure.legends == []


def test_of_three_modalities_shared_parts_are_means(thirds: Trace) -> None:
    figure = draw_handover(RunView.of(thirds), 3.35)
    assert figure is not None
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels[-2:] == ["redundancy (mean)", "synergy (mean)"]
