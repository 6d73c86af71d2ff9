"""Evidence: pauses by held-out information, chooses a branch, chooses what is deployed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from fusion_sched.controllers.evidence import Evidence
from fusion_sched.types import (
    DEPLOYABLE,
    ControllerState,
    Decision,
    Diagnosis,
    Estimate,
    HeldOut,
    Observation,
)
from tests.controllers import known, seen


def heads(**bits: float) -> HeldOut:
    """What heads tell of validation samples."""
    return HeldOut({m: known(value) for m, value in bits.items()}, dict.fromkeys(bits, 0.5))


def measured(gain_of_b: float, gain_of_a: float = 1.0) -> HeldOut:
    """What two heads and their ensemble tell at the hand-over."""
    return replace(
        heads(**{"a": 1.0, "b": 0.5, "a+b": 1.0 + gain_of_b}),
        gain={"a+b/a": known(gain_of_b), "a+b/b": known(gain_of_a)},
    )


def with_synergy(
    low: float, value: float, high: float, unique: Sequence[float], joint: float = 2.0
) -> Diagnosis:
    return replace(seen(unique, joint=joint), synergy=Estimate(value, low, high, 0.1))


def play(
    rule: Evidence, readings: Sequence[HeldOut | None], stored: Diagnosis, last: int = 99
) -> tuple[ControllerState, list[Decision]]:
    """Step through epochs 0, 1, …; the generalising diagnosis says nothing in stage 1."""
    state, _ = rule.init(["a", "b"])
    decisions = []
    for epoch, held_out in enumerate(readings):
        observation = Observation(
            epoch, stored, held_out is not None, {}, epoch == last, seen(), held_out
        )
        state, decision = rule.step(state, observation)
        decisions.append(decision)
        if decision.measure:
            break
    return state, decisions


def at_hand_over(rule: Evidence, diagnosis: Diagnosis, held_out: HeldOut) -> Decision:
    state, decisions = play(rule, [heads(a=1.0, b=0.5)], seen(), last=0)
    assert decisions[-1].measure
    observation = Observation(0, seen(), True, {}, True, diagnosis, held_out)
    return rule.step(state, observation)[1]


RISING = [heads(a=1.0, b=0.1 * n) for n in range(1, 8)]


def test_a_modality_without_a_rise_is_paused_at_its_best() -> None:
    readings = [heads(a=a, b=0.1 * n) for n, a in enumerate([0.5, 1.0, 0.9, 0.8, 0.7], start=1)]
    state, decisions = play(Evidence(patience=3), readings, seen((1.0, 0.4)))
    assert [d.keep_only for d in decisions] == [("a", "b"), ("a", "b"), ("b",), ("b",), ("b",)]
    assert [d.stage.active for d in decisions] == [("a", "b")] * 4 + [("b",)]
    assert "pause a" in decisions[-1].reason
    assert "after epoch 2, with 1.00 bit, is kept" in decisions[-1].reason
    assert state["best_epoch"] == {"a": 1, "b": 4}


def test_a_rise_that_is_too_small_does_not_count_but_is_kept() -> None:
    readings = [heads(a=1.0 + 0.004 * n, b=0.1 * n) for n in range(4)]
    _, decisions = play(Evidence(patience=2), readings, seen((1.0, 0.4)))
    assert [d.stage.active for d in decisions[1:3]] == [("a", "b"), ("b",)]
    assert decisions[2].keep_only == ("a", "b")


@pytest.mark.parametrize(("stored_bits", "paused_after"), [(1.9, 3), (1.05, 5)])
def test_memorising_shortens_the_patience(stored_bits: float, paused_after: int) -> None:
    """2 bits of labels: what is stored must be more than 0.2 bit ahead, with its error."""
    _, decisions = play(Evidence(), RISING, seen((stored_bits, 0.4)))
    active = [d.stage.active for d in decisions]
    assert active.index(("b",)) + 1 == paused_after
    assert ("it memorises" in decisions[paused_after - 1].reason) == (paused_after == 3)


def test_stage_1_ends_when_all_are_paused_or_with_its_last_epoch() -> None:
    _, decisions = play(Evidence(patience=2), [heads(a=1.0, b=1.0)] * 9, seen())
    assert [d.measure for d in decisions] == [False, False, True]
    assert decisions[-1].restore
    _, decisions = play(Evidence(), RISING, seen(), last=1)
    assert [d.measure for d in decisions] == [False, True]


def test_between_diagnoses_nothing_changes() -> None:
    state, decisions = play(Evidence(patience=1), [heads(a=1.0, b=1.0), None, None], seen())
    assert all(d.stage.active == ("a", "b") and not d.keep_only for d in decisions[1:])
    assert state["resting"] == {"a": 0, "b": 0}


def test_the_last_epoch_ends_stage_1_without_a_diagnosis_of_its_own() -> None:
    state, decisions = play(Evidence(), [heads(a=1.0, b=0.5), None], seen(), last=1)
    assert decisions[-1].measure
    assert decisions[-1].restore
    observation = Observation(1, seen(), False, {}, True, seen(joint=2.0), measured(0.1))
    assert Evidence().step(state, observation)[1].stage.joint


def test_nothing_is_restored_where_nothing_was_kept() -> None:
    _, decisions = play(Evidence(), [None, None], seen(), last=1)
    assert decisions[-1].measure
    assert not decisions[-1].restore


HAND_OVERS: Mapping[str, tuple[Diagnosis, HeldOut, tuple[str, ...], bool]] = {
    "adds next to nothing": (with_synergy(0, 0.0, 0.02, (0.5, 0.01)), measured(0.1), ("a",), True),
    "the ensemble loses by it": (
        with_synergy(0, 0.0, 0.05, (0.5, 0.3)), measured(-0.01), ("a",), True
    ),
    "no synergy": (with_synergy(0, 0.02, 0.09, (0.5, 0.3)), measured(0.1), ("a", "b"), True),
    "synergy that the ensemble holds": (
        with_synergy(0.1, 0.3, 0.5, (0.5, 0.3), joint=1.15), measured(0.1), ("a", "b"), True
    ),
    "synergy": (with_synergy(0.1, 0.3, 0.5, (0.5, 0.3)), measured(0.1), ("a", "b"), False),
    "synergy that no ensemble sees": (
        with_synergy(0.1, 0.9, 1.2, (0.0, 0.0)), measured(-0.1), ("a", "b"), False
    ),
    "undecided": (with_synergy(0, 0.1, 0.4, (0.5, 0.3)), measured(-0.1), ("a", "b"), False),
}  # fmt: skip


@pytest.mark.parametrize("case", HAND_OVERS)
def test_the_hand_over(case: str) -> None:
    diagnosis, held_out, fused, ensemble = HAND_OVERS[case]
    decision = at_hand_over(Evidence(), diagnosis, held_out)
    assert (decision.fused, decision.ensemble) == (fused, ensemble)
    assert decision.stage.joint
    assert decision.stage.active == (() if ensemble else fused)
    assert decision.reason.startswith("stage 1 ends (")
    assert "a of epoch 1, b of epoch 1" in decision.reason


def test_a_lead_of_uniqueness_stays_paused_in_joint_training() -> None:
    diagnosis = with_synergy(0.1, 0.3, 0.5, (0.9, 0.1))
    assert at_hand_over(Evidence(), diagnosis, measured(0.1)).stage.active == ("a", "b")
    leading = at_hand_over(Evidence(lead_ratio=2.0), diagnosis, measured(0.1))
    assert leading.stage.active == ("b",)
    assert leading.fused == ("a", "b")


def test_two_of_three_may_remain() -> None:
    names = "abc"
    diagnosis = replace(
        seen((0.5, 0.4, 0.0), names=names), synergy=Estimate(0.0, 0.0, 0.04, 0.02),
        pairs={"a/b": {"synergy": Estimate(0.3, 0.2, 0.4, 0.05), "joint_mi": known(2.0)}},
    )  # fmt: skip
    gains = {"a+b+c/a+b": -0.01, "a+b+c/a+c": 0.4, "a+b+c/b+c": 0.4, "a+b/a": 0.2, "a+b/b": 0.2}
    held_out = replace(
        heads(**{"a+b": 1.2, "a+b+c": 1.2}), gain={pair: known(g) for pair, g in gains.items()}
    )
    rule = Evidence()
    state, _ = rule.init(list(names))
    state = {**state, "next": "hand-over"}
    _, decision = rule.step(state, Observation(0, seen(), True, {}, True, diagnosis, held_out))
    assert decision.fused == ("a", "b")
    assert decision.stage.active == ("a", "b")
    assert "c is left out" in decision.reason


@pytest.mark.parametrize(
    ("bits", "restore", "ensemble", "pooled"),
    [
        ({"fused": 1.2, "fused+heads": 1.1, "kept": 1.0, "pool": 1.1}, False, False, False),
        ({"fused": 1.2, "fused+heads": 1.3, "kept": 1.0, "pool": 1.1}, False, True, False),
        ({"fused": 1.2, "fused+heads": 1.1, "kept": 1.3, "pool": 1.1}, True, True, False),
        ({"fused": 1.2, "fused+heads": 1.1, "kept": 1.1, "pool": 1.3}, False, False, True),
    ],
)
def test_the_branch_of_highest_likelihood_is_deployed(
    bits: dict[str, float], restore: bool, ensemble: bool, pooled: bool
) -> None:
    rule = Evidence()
    state = {**rule.init(["a", "b"])[0], "next": "joint"}
    _, decision = rule.step(state, Observation(9, None, False, {}, True, None, heads(**bits)))
    deployed = (decision.restore, decision.ensemble, decision.pooled)
    assert deployed == (restore, ensemble, pooled)
    assert decision.reason.startswith(f"{DEPLOYABLE[max(bits, key=bits.__getitem__)]} is deployed")


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"patience": 0}, "at least 1 diagnosis"),
        ({"near_zero": 1.5}, "shares of H"),
        ({"rise_bits": -1.0}, "0 or more bits"),
    ],
)
def test_impossible_knobs(knobs: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Evidence(**knobs)  # type: ignore[arg-type]


def test_a_probe_of_training_samples_is_refused() -> None:
    with pytest.raises(ValueError, match=r"probe\.source=train reads training samples alone"):
        Evidence().check_source("train")
    Evidence().check_source("validation")
