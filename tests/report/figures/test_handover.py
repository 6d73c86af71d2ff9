"""Which diagnosis is that of the hand-over."""

from copy import deepcopy

from matplotlib.figure import Figure

from fusion_sched.report.figures.handover import draw_handover, handed_over
from fusion_sched.trace import Trace

from .conftest import with_events


def handing_over(trace: Trace, **change: object) -> Trace:
    """Return the trace with its last decision changed."""
    events = deepcopy(trace.events)
    decision = [event for event in events if event["event"] == "decision"][-1]
    decision |= change
    return with_events(trace, events)


def epoch_of(trace: Trace) -> int:
    probe = handed_over(trace)
    assert probe is not None
    return int(probe["epoch"])


def test_it_is_that_of_the_weights_joint_training_began_from(pid: Trace) -> None:
    kept = {"epoch": 1, "restored": False, "controller": {"peak_epoch": 0}}
    assert epoch_of(handing_over(pid, **kept)) == 1
    assert epoch_of(handing_over(pid, **{**kept, "restored": True})) == 0
    assert epoch_of(handing_over(pid, **{**kept, "restored": True, "controller": {}})) == 1


def test_a_joint_run_hands_over_untrained_weights(four: list[Trace]) -> None:
    assert epoch_of(four[0]) == -1
    figure = draw_handover(four[0], 3.35)
    assert isinstance(figure, Figure)
    assert figure.axes[0].get_xlabel() == "information before training [bit]"


def test_before_the_hand_over_there_is_none(pid: Trace) -> None:
    assert draw_handover(with_events(pid, pid.events[:3]), 3.35) is None


def test_bars_are_the_values_with_their_intervals(pid: Trace) -> None:
    probe = handed_over(pid)
    figure = draw_handover(pid, 3.35)
    assert probe is not None
    assert figure is not None
    axes = figure.axes[0]
    expected = [*probe["unique_bits"].values(), probe["redundancy_bits"], probe["synergy_bits"]]
    assert [bar.get_width() for bar in axes.patches] == expected  # type: ignore[attr-defined]
    intervals = probe["interval"]
    ends = [*intervals["unique_bits"].values(), intervals["redundancy_bits"],
            intervals["synergy_bits"]]  # fmt: skip
    assert [list(line.get_xdata()) for line in axes.lines[:4]] == ends
