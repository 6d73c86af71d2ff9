"""Accuracy: tables of validation accuracies → stages, reasons with their numbers, purity."""

import copy
from collections.abc import Sequence
from pathlib import Path

import pytest

from fusion_sched.analysis.replay import recorded_stages, replay_trace
from fusion_sched.controllers.accuracy import Accuracy
from fusion_sched.runlog import read_trace, stage_fields
from fusion_sched.types import Decision, Observation
from tests.balancers.tiny import train_whole_and_resumed
from tests.controllers import seen
from tests.controllers.test_pid import active


def play(
    controller: Accuracy, table: Sequence[Sequence[float]], modalities: Sequence[str] = "ab"
) -> list[Decision]:
    """Return one decision per row of accuracies; there is none before the first epoch."""
    state, first = controller.init(modalities)
    assert active([first]) == ["".join(modalities)]
    rows = [{}, *({**dict(zip(modalities, row, strict=True)), "fused": 0.1} for row in table)]
    decisions = []
    for epoch, validation in enumerate(rows, start=-1):
        observation = Observation(epoch, None, False, validation, False)
        untouched = copy.deepcopy(state)
        following, decision = controller.step(state, observation)
        assert state == untouched, "a controller must not change the state it is given"
        assert controller.step(state, observation) == (following, decision), "nor depend on more"
        state = following
        if epoch >= 0:
            decisions.append(decision)
        if decision.stage.joint:
            break
    return decisions


@pytest.mark.parametrize(
    ("names", "table", "stages"),
    [
        # Within five points nobody is paused.
        ("ab", [(0.50, 0.46), (0.60, 0.56)], ["ab", "ab"]),
        # A pause lasts until parity, not only until the gap is back within the threshold.
        ("ab", [(0.50, 0.40), (0.50, 0.47), (0.50, 0.49), (0.50, 0.51)], ["b", "b", "b", "ab"]),
        ("ab", [(0.30, 0.50), (0.60, 0.50), (0.60, 0.62)], ["a", "b", "ab"]),
        # All who are ahead of the weakest pause, and wake one by one.
        ("abc", [(0.9, 0.2, 0.5), (0.9, 0.52, 0.5), (0.9, 0.6, 0.7), (0.9, 0.71, 0.7),
                 (0.9, 0.91, 0.92)], ["b", "bc", "b", "bc", "abc"]),
        ("a", [(0.5,), (0.6,)], ["a", "a"]),
    ],
)  # fmt: skip
def test_who_is_ahead_pauses_until_caught_up_with(
    names: str, table: list[tuple[float, ...]], stages: list[str]
) -> None:
    assert active(play(Accuracy(patience=9), table, names)) == stages


def test_joint_training_starts_once_the_mean_rests() -> None:
    """A rise of one modality that costs another as much is none; neither is coming close."""
    table = [(0.50, 0.50), (0.53, 0.51), (0.52, 0.52), (0.54, 0.51), (0.53, 0.51), (0.52, 0.51),
             (0.60, 0.60)]  # fmt: skip
    decisions = play(Accuracy(patience=2, min_epochs=0), table)
    assert active(decisions) == ["ab"] * 5 + ["joint"]
    assert not decisions[-1].restore
    expected = (
        "mean validation accuracy 0.5150 has not risen above 0.5250 for 2 epochs "
        "(a 0.5200, b 0.5100)"
    )
    assert decisions[-1].reason == expected


def test_it_is_not_before_min_epochs() -> None:
    table = [(0.5, 0.5)] * 8
    assert active(play(Accuracy(patience=2, min_epochs=5), table)) == ["ab"] * 4 + ["joint"]
    assert active(play(Accuracy(patience=2, min_epochs=0), table)) == ["ab"] * 2 + ["joint"]


def test_reasons_hold_names_and_numbers() -> None:
    first, second, third = play(Accuracy(patience=9), [(0.5, 0.4), (0.5, 0.45), (0.5, 0.6)])
    assert first.reason == (
        "pause a: more than 0.05 above b (validation accuracy: a 0.5000, b 0.4000)"
    )
    assert second.reason == "train b (validation accuracy: a 0.5000, b 0.4500)"
    assert third.reason.startswith("pause b: more than 0.05 above a; a has been caught up with (")


def test_diagnoses_are_not_looked_at() -> None:
    controller = Accuracy()
    state, _ = controller.init("ab")
    validation = {"a": 0.6, "b": 0.5}
    without = controller.step(state, Observation(3, None, False, validation, False))
    assert controller.step(state, Observation(3, seen(), True, validation, False)) == without


@pytest.mark.parametrize(
    "knobs", [{"threshold": 0}, {"threshold": 5}, {"patience": 0}, {"min_epochs": -1}]
)
def test_impossible_knobs_are_named(knobs: dict[str, int]) -> None:
    name, value = next(iter(knobs.items()))
    with pytest.raises(ValueError, match=f"{name}={value}.*expected a share"):
        Accuracy(**knobs)


def test_a_run_resumes_and_replays(tmp_path: Path) -> None:
    knobs = {"threshold": 0.02, "patience": 1, "min_epochs": 2}
    options = ["controller=accuracy", "stage1.epochs=4", "probe.every=9", "probe.joint_every=9"]
    options += [f"controller.{name}={value}" for name, value in knobs.items()]
    train_whole_and_resumed(tmp_path, *options)
    trace = read_trace(tmp_path / "whole")
    again = replay_trace(trace, Accuracy(threshold=0.02, patience=1, min_epochs=2))
    stages = [(step.epoch, stage_fields(step.decision.stage)) for step in again]
    assert stages == recorded_stages(trace)
    assert len(stages) > 2
