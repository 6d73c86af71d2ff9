"""The bandit: rewards, bounds and regret by hand; every arm is tried; it always ends."""

from collections.abc import Sequence
from copy import deepcopy
from io import StringIO
from math import log, sqrt
from pathlib import Path
from random import Random

import pytest
from rich.console import Console

from fusion_sched.commands.replay import print_replay
from fusion_sched.controllers import within_stage1
from fusion_sched.controllers.bandit import Bandit, arms_of, regrets
from fusion_sched.types import ControllerState, Decision, Observation
from tests.conftest import of, read_events, run_once
from tests.controllers import seen
from tests.training.test_resume import assert_same_run, interrupted_after


def play(
    controller: Bandit, levels: Sequence[float | None], names: str = "ab", last: int = 99
) -> tuple[list[Decision], list[ControllerState]]:
    """One decision and state per reading of the joint information, from before the first epoch."""
    state, _ = controller.init(names)
    decisions, states = [], []
    for epoch, level in enumerate(levels, start=-1):
        reading = None if level is None else seen([0.5] * len(names), names=names, joint=level)
        observation = Observation(
            epoch, reading, reading is not None, {}, epoch >= last, generalising=reading
        )
        untouched = deepcopy(state)
        following, decision = within_stage1(controller, state, observation, names)
        assert state == untouched, "a controller must not change the state it is given"
        decisions.append(decision)
        states.append(following)
        state = following
        if decision.stage.joint:
            break
    return decisions, states


def arms(decisions: Sequence[Decision]) -> list[str]:
    return ["joint" if d.stage.joint else "".join(d.stage.active) for d in decisions]


def test_arms_are_all_apart_and_each_alone() -> None:
    assert arms_of(["a"]) == [("a",)]
    assert arms_of(["a", "b"]) == [("a", "b"), ("a",), ("b",)]
    assert arms_of("abc") == [("a", "b", "c"), ("a",), ("b",), ("c",)]


def test_the_reward_is_the_gain_over_epochs_times_modalities() -> None:
    """From 0.1 to 0.5 bit in two epochs of two modalities: 0.1 each; then 0.2 in one epoch of a."""
    _, states = play(Bandit(), [0.1, None, 0.5, 0.7])
    assert states[-1]["rounds"] == [
        {"arm": ["a", "b"], "bits_per_epoch": pytest.approx(0.1)},
        {"arm": ["a"], "bits_per_epoch": pytest.approx(0.2)},
    ]


@pytest.mark.parametrize("names", ["a", "ab", "abc"])
def test_each_arm_is_tried_once_before_any_is_chosen(names: str) -> None:
    count = len(arms_of(names))
    decisions, states = play(Bandit(), [0.3 * i for i in range(count + 1)], names)
    tried = [tuple(r["arm"]) for r in states[-1]["rounds"]]
    assert tried == arms_of(names)
    assert all("first try" in d.reason for d in decisions[:count])


def test_means_and_bounds_by_hand() -> None:
    """Rewards 0.3 of a, 0.1 of b, 0.2 of a, with discount 1/2: weights 1/4, 1/2 and 1."""
    rounds = [{"arm": [m], "bits_per_epoch": r} for m, r in (("a", 0.3), ("b", 0.1), ("a", 0.2))]
    means, weights = Bandit(discount=0.5).discounted_means(rounds)
    assert weights == {("a",): 1.25, ("b",): 0.5}
    assert means[("a",)] == pytest.approx((0.3 / 4 + 0.2) / 1.25)
    assert means[("b",)] == pytest.approx(0.1)


def test_the_arm_of_the_highest_bound_trains() -> None:
    """Gains per modality and epoch: apart 0.1, a 0.4, b 0.2; with H(Y) = 2 bit."""
    levels = [0.0, 0.2, 0.6, 0.8]
    decisions, _ = play(Bandit(discount=0.5, exploration=0.0), levels)
    assert arms(decisions) == ["ab", "a", "b", "a"]
    favours_little_tried, _ = play(Bandit(discount=0.5, exploration=1.0), levels)
    assert arms(favours_little_tried)[-1] == "ab"
    weight, total = 0.25, 1.75
    bound = 0.1 + 1.0 * 2.0 * sqrt(log(total) / weight)
    assert f"highest bound {bound:.4f}" in favours_little_tried[-1].reason


def test_it_trains_jointly_once_no_arm_gains_more_than_the_rate() -> None:
    """The rate is 0.005 of 2 bit: 0.01. Apart gains 0.03, then 0: a mean of 0.03 / 8 over 9 / 8."""
    controller = Bandit(discount=0.5, joint_rate=0.005, exploration=0.0)
    decisions, _ = play(controller, [1.0, 1.06, 1.061, 1.062, 1.062, 1.062])
    assert arms(decisions) == ["ab", "a", "b", "ab", "joint"]
    assert "a and b apart 0.0033" in decisions[-1].reason
    assert "no arm gains more than 0.0100 bit" in decisions[-1].reason


@pytest.mark.parametrize("names", ["a", "ab", "abc"])
@pytest.mark.parametrize("seed", range(5))
def test_it_always_ends_and_decides_the_same_again(names: str, seed: int) -> None:
    random = Random(seed)
    levels = [random.uniform(0, 2) if random.random() < 0.8 else None for _ in range(30)]
    first, again = (play(Bandit(), levels, names, last=20) for _ in range(2))
    assert first == again
    decisions, states = first
    assert decisions[-1].stage.joint
    assert len(decisions) <= 22
    for decision, state in zip(decisions[:-1], states, strict=False):
        assert list(decision.stage.active) == state["active"]


def test_regret_by_hand() -> None:
    """a gained 0.1 and 0.3, a mean of 0.2; b gained 0.05."""
    rounds = [{"arm": [m], "bits_per_epoch": r} for m, r in (("a", 0.1), ("b", 0.05), ("a", 0.3))]
    best, regret = regrets(rounds)
    assert best == ("a",)
    assert regret == pytest.approx([0.1, 0.15, -0.1])
    assert sum(regret) == pytest.approx(3 * 0.2 - 0.45)


def test_errors() -> None:
    for wrong in ({"discount": 0}, {"discount": 1.1}, {"exploration": -1}, {"joint_rate": 2}):
        with pytest.raises(ValueError, match=r"expected a discount.*shares of H\(Y\)"):
            Bandit(**wrong)
    with pytest.raises(ValueError, match="controller=bandit decides by information that general"):
        Bandit().check_source("train")
    Bandit().check_source("both")
    state, _ = Bandit().init("ab")
    blind = Observation(-1, seen(), True, {}, False)
    with pytest.raises(ValueError, match="generalising diagnosis, and there is none"):
        Bandit().step(state, blind)


RUN = ("+method=bandit", "dataset=synthetic", "dataset.samples=200", "stage1.epochs=4",
       "stage2.epochs=1", "robustness=false", "tracker=none", "probe.checks_every=99",
       "controller.joint_rate=0.0")  # fmt: skip


def replayed(folder: Path, *arguments: str) -> str:
    text = StringIO()
    print_replay([str(folder), *arguments], Console(file=text, width=200))
    return text.getvalue()


def test_a_run_resumes_bit_for_bit_and_its_replay_prints_the_regret(tmp_path: Path) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "resumed"
    run_once(whole, *RUN)
    assert not interrupted_after(folder, RUN, 12)
    assert interrupted_after(folder, RUN, 10**6)
    assert_same_run(folder, whole)

    events = read_events(whole)
    levels = [e["generalising"]["joint_mi_bits"]["value"] for e in of(events, "probe")]
    rounds = of(events, "decision")[-1]["controller"]["rounds"]
    assert [r["arm"] for r in rounds[:3]] == [["x1", "x2"], ["x1"], ["x2"]]
    for before, after, taken in zip(levels, levels[1:], rounds, strict=False):
        gain = (after - before) / len(taken["arm"])
        assert taken["bits_per_epoch"] == pytest.approx(gain)
    shown = replayed(whole)
    assert "the same decisions as in the run itself" in shown
    assert f"{sum(regrets(rounds)[1]):.4f}" in shown
    other = replayed(whole, "controller.joint_rate=1")
    assert "no regret: the run did not train these arms" in other
