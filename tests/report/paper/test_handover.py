"""The diagnosis at the hand-over as bars."""

from copy import deepcopy

from matplotlib.figure import Figure

from fusion_sched.report.paper.handover import draw_handover
from fusion_sched.runlog import Trace, hand_over_probe
from tests.report.paper.conftest import with_events


def test_a_joint_run_hands_over_untrained_weights(four: list[Trace]) -> None:
    figure = draw_handover(four[0], 3.35)
    assert isinstance(figure, Figure)
    assert figure.axes[0].get_xlabel() == "information before training [bit]"


def test_before_the_hand_over_there_is_none(pid: Trace) -> None:
    assert draw_handover(with_events(pid, pid.events[:3]), 3.35) is None


def test_bars_are_the_values_with_their_intervals(pid: Trace) -> None:
    probe = hand_over_probe(pid)
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


def test_without_intervals_the_values_stand_alone(pid: Trace) -> None:
    events = deepcopy(pid.events)
    for event in events:
        event.pop("interval", None)
        event.pop("null", None)
    probe = hand_over_probe(pid)
    figure = draw_handover(with_events(pid, events), 3.35)
    assert probe is not None
    assert figure is not None
    (axes,) = figure.axes
    values = [*probe["unique_bits"].values(), probe["redundancy_bits"], probe["synergy_bits"]]
    assert [text.get_text() for text in axes.texts] == [f"{value:z.2f}" for value in values]
    assert len(axes.lines) == 1, "zero"
    assert figure.legends == []


def test_of_three_modalities_shared_parts_are_means(thirds: Trace) -> None:
    figure = draw_handover(thirds, 3.35)
    assert figure is not None
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels[-2:] == ["redundancy (mean)", "synergy (mean)"]
