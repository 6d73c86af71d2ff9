"""The published state machine: the traces that its description scripts."""

import pytest

from fusion_sched.controllers.fixed import Fixed
from fusion_sched.controllers.joint import Joint
from fusion_sched.controllers.pid_published import PublishedPID
from fusion_sched.types import Diagnosis, Observation
from tests.controllers import seen


def stages(
    controller: PublishedPID | Fixed, diagnoses: dict[int, Diagnosis], epochs: int
) -> list[str]:
    """Return the stage after each of ``epochs`` epochs; diagnoses stay until the next one."""
    state, _ = controller.init(["a", "b"])
    latest, found = None, []
    for epoch in range(epochs):
        latest = diagnoses.get(epoch, latest)
        observation = Observation(epoch, latest, epoch in diagnoses, {}, False)
        state, decision = controller.step(state, observation)
        found.append("joint" if decision.stage.joint else "".join(decision.stage.active))
        if decision.stage.joint:
            break
    return found


def test_without_an_event_stage_1_goes_on() -> None:
    diagnoses = {e: seen((0.5, 0.4), 0.3) for e in range(4, 200, 5)}
    assert stages(PublishedPID(), diagnoses, 200) == ["ab"] * 200


def test_the_second_switch_starts_joint_training_at_once() -> None:
    diagnoses = {4: seen((0.8, 0.2)), 9: seen((0.2, 1.0))}
    assert stages(PublishedPID(), diagnoses, 20) == ["ab"] * 4 + ["b"] * 5 + ["joint"]


def test_a_solo_does_not_end_when_the_ratio_is_back() -> None:
    diagnoses = {4: seen((0.8, 0.2)), 9: seen((0.5, 0.5)), 14: seen((0.8, 0.2))}
    assert stages(PublishedPID(), diagnoses, 20) == ["ab"] * 4 + ["b"] * 16


def test_the_first_drop_of_synergy_hands_over_without_restoring() -> None:
    diagnoses = {4: seen(synergy=1.0), 9: seen(synergy=0.81), 14: seen(synergy=0.79)}
    assert stages(PublishedPID(), diagnoses, 20) == ["ab"] * 14 + ["joint"]
    controller = PublishedPID()
    state, _ = controller.init(["a", "b"])
    state, _ = controller.step(state, Observation(4, seen(synergy=1.0), True, {}, False))
    _, decision = controller.step(state, Observation(9, seen(synergy=0.7), True, {}, False))
    assert (decision.stage.joint, decision.keep, decision.restore) == (True, False, False)


def test_the_untrained_diagnosis_counts_for_nothing_while_it_is_the_last() -> None:
    controller = PublishedPID()
    state, _ = controller.init(["a", "b"])
    untrained = seen((0.9, 0.1), 1.0)
    for epoch in (-1, 0, 3):
        state, decision = controller.step(
            state, Observation(epoch, untrained, epoch < 0, {}, False)
        )
        assert decision.reason == "no diagnosis yet"
    state, decision = controller.step(state, Observation(4, seen(synergy=0.1), True, {}, False))
    assert state["best_synergy"] == 0.1
    assert not decision.stage.joint


def test_both_events_in_one_epoch() -> None:
    diagnoses = {4: seen((0.8, 0.2), 1.0), 9: seen((0.2, 0.8), 0.1)}
    assert stages(PublishedPID(), diagnoses, 20)[-1] == "joint"


@pytest.mark.parametrize("unique", [(1.0, 0.1), (0.9, 0.0), (0.9, -1e-9)])
def test_sentinels_stop_every_action(unique: tuple[float, float]) -> None:
    diagnoses = {4: seen((0.5, 0.5), 1.0), 9: seen(unique, 0.1)}
    assert stages(PublishedPID(), diagnoses, 12) == ["ab"] * 12


def test_no_uniqueness_of_the_first_favours_the_second() -> None:
    assert stages(PublishedPID(), {4: seen((0.0, 0.5))}, 6) == ["ab"] * 4 + ["a"] * 2


def test_the_untrained_state_is_not_looked_at() -> None:
    controller = PublishedPID()
    state, _ = controller.init(["a", "b"])
    _, decision = controller.step(state, Observation(-1, seen((0.9, 0.1)), True, {}, False))
    assert decision.stage.active == ("a", "b")


def test_two_modalities_only() -> None:
    with pytest.raises(ValueError, match="exactly two"):
        PublishedPID().init("abc")


def test_fixed_hands_over_after_its_epochs() -> None:
    assert stages(Fixed(epochs=3), {}, 9) == ["ab", "ab", "joint"]
    with pytest.raises(ValueError, match="controller=joint"):
        Fixed(epochs=0)


def test_joint_starts_joint() -> None:
    _, decision = Joint().init("abc")
    assert decision.stage.joint
    assert decision.stage.active == ("a", "b", "c")
