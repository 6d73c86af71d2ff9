"""PID: tables of diagnoses → stages, reasons with their numbers, purity."""

import copy
from collections.abc import Sequence
from math import hypot, log

import pytest

from fusion_sched.controllers.pid import PID
from fusion_sched.types import Controller, Decision, Diagnosis, Observation
from tests.controllers import seen


def play(
    controller: Controller, diagnoses: Sequence[Diagnosis | None], modalities: Sequence[str] = "ab",
    last: int = 99,
) -> list[Decision]:  # fmt: skip
    """Return one decision per diagnosis, the first made before the first epoch."""
    state, _ = controller.init(modalities)
    decisions = []
    for epoch, diagnosis in enumerate(diagnoses, start=-1):
        observation = Observation(epoch, diagnosis, diagnosis is not None, {}, epoch >= last)
        untouched = copy.deepcopy(state)
        following, decision = controller.step(state, observation)
        assert state == untouched, "a controller must not change the state it is given"
        assert controller.step(state, observation) == (following, decision), "nor depend on more"
        decisions.append(decision)
        state = following
        if decision.stage.joint:
            break
    return decisions


def active(decisions: Sequence[Decision]) -> list[str]:
    return ["joint" if d.stage.joint else "".join(d.stage.active) for d in decisions]


def test_who_runs_ahead_pauses_until_caught_up_with() -> None:
    """A pause lasts until parity, not only until the ratio is back within the threshold."""
    unique = [(0.5, 0.4), (0.9, 0.4), (0.9, 0.6), (0.9, 0.95), (0.9, 0.95)]
    decisions = play(PID(threshold=2.0), [seen(u) for u in unique])
    assert active(decisions) == ["ab", "b", "b", "ab", "ab"]
    assert "pause a" in decisions[1].reason
    assert "0.900" in decisions[1].reason
    assert "0.400" in decisions[1].reason
    assert "caught up" in decisions[3].reason


def test_the_pause_may_turn_round() -> None:
    unique = [(0.9, 0.3), (0.9, 2.0), (1.0, 1.5), (1.6, 1.5)]
    assert active(play(PID(), [seen(u) for u in unique])) == ["b", "a", "a", "ab"]


def test_differences_below_the_floor_do_not_count() -> None:
    unique = [(0.015, 0.0012), (0.015, -0.004)]
    diagnoses = [seen(u, error=1e-4) for u in unique]
    assert active(play(PID(floor_bits=0.02), diagnoses)) == ["ab", "ab"]
    assert active(play(PID(floor_bits=0.002), diagnoses)) == ["b", "b"]


def test_evidence_is_asked_for_before_a_pause() -> None:
    """A ratio of 3 whose interval holds 1 pauses nobody, unless point estimates decide."""
    vague = [seen((0.3, 0.1), error=0.1)] * 2
    assert active(play(PID(), vague)) == ["ab", "ab"]
    assert active(play(PID(evidence=False), vague)) == ["b", "b"]
    sure = [seen((0.3, 0.1), error=0.005)] * 2
    assert active(play(PID(), sure)) == ["b", "b"]


def test_evidence_is_asked_for_before_a_new_peak_and_before_a_drop() -> None:
    """Of states that cannot be told apart the earliest is kept, and noise is no drop."""
    synergy = [0.30, 0.33, 0.20, 0.20, 0.20]
    vague = [seen(synergy=s, error=0.1) for s in synergy]
    decisions = play(PID(min_epochs=0), vague)
    assert [d.keep for d in decisions] == [True, False, False, False, False]
    assert "joint" not in active(decisions)
    pointed = play(PID(min_epochs=0, evidence=False), vague)
    assert [d.keep for d in pointed] == [True, True, False, False]
    assert active(pointed)[-1] == "joint"


def test_the_peak_is_kept_and_restored_after_patience() -> None:
    synergy = [0.1, 0.2, 0.5, 0.3, 0.45, 0.3, 0.3]
    decisions = play(PID(min_epochs=0, patience=2), [seen(synergy=s) for s in synergy])
    assert [d.keep for d in decisions] == [True, True, True, False, False, False, False]
    assert active(decisions)[-1] == "joint"
    assert decisions[-1].restore
    for number in ("0.300", "0.500", "after epoch 2"):
        assert number in decisions[-1].reason


def test_a_drop_must_last_for_the_patience() -> None:
    synergy = [0.5, 0.3, 0.45, 0.3, 0.45]
    assert "joint" not in active(play(PID(min_epochs=0), [seen(synergy=s) for s in synergy]))


def test_early_states_are_no_peaks() -> None:
    synergy = [0.9, 0.8, 0.3, 0.35, 0.2, 0.2]
    decisions = play(PID(min_epochs=2), [seen(synergy=s) for s in synergy])
    assert [d.keep for d in decisions] == [False, False, True, True, False, False]
    assert decisions[-1].restore


def test_catching_up_ends_the_waiting() -> None:
    diagnoses = [seen((0.9, 0.3), 0.9), seen((0.9, 1.0), 0.5), seen((0.9, 1.0), 0.1),
                 seen((0.9, 1.0), 0.1)]  # fmt: skip
    decisions = play(PID(min_epochs=50), diagnoses)
    assert active(decisions) == ["b", "ab", "ab", "joint"]
    assert [d.keep for d in decisions] == [False, True, False, False]


def test_an_unbalanced_state_is_no_peak() -> None:
    diagnoses = [seen((0.9, 0.3), 0.9), seen((0.9, 0.5), 0.8)]
    assert not any(d.keep for d in play(PID(min_epochs=0), diagnoses))


def test_the_last_epoch_hands_over_from_where_it_is() -> None:
    decisions = play(PID(min_epochs=0), [seen(synergy=0.5)] * 4, last=2)
    assert active(decisions) == ["ab", "ab", "ab", "joint"]
    assert not decisions[-1].restore
    assert "0.500" in decisions[-1].reason


def test_without_a_fresh_diagnosis_nothing_changes() -> None:
    assert active(play(PID(), [seen((0.9, 0.1)), None, None, seen((0.9, 0.95))])) == [
        "b", "b", "b", "ab",
    ]  # fmt: skip


def test_three_modalities_pause_all_who_run_ahead() -> None:
    controller = PID()
    state, _ = controller.init("abc")
    diagnosis = seen((0.9, 0.2, 0.5), names="abc")
    _, decision = controller.step(state, Observation(0, diagnosis, True, {}, False))
    assert decision.stage.active == ("b",)


def test_a_paused_modality_waits_for_one_that_trains() -> None:
    """Of two paused modalities the weaker is not caught up with by the stronger."""
    unique = [(0.9, 0.2, 0.5), (0.9, 0.3, 0.5), (0.9, 0.6, 0.5), (0.9, 1.0, 0.5)]
    decisions = play(PID(), [seen(u, names="abc") for u in unique], "abc")
    assert active(decisions) == ["b", "b", "bc", "abc"]


def test_one_modality_trains_to_the_end() -> None:
    diagnosis = seen((0.9,), None, names="a")
    decisions = play(PID(min_epochs=0), [diagnosis] * 4, modalities="a", last=2)
    assert active(decisions) == ["a", "a", "a", "joint"]


@pytest.mark.parametrize(
    "knobs",
    [{"threshold": 1}, {"drop": 0}, {"drop": 1.1}, {"patience": 0}, {"min_epochs": -1},
     {"floor_bits": 0}],
)  # fmt: skip
def test_impossible_knobs_are_named(knobs: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(knobs))):
        PID(**knobs)  # type: ignore[arg-type]


def distances(controller: Controller, diagnoses: Sequence[Diagnosis]) -> list[float]:
    """How far each decision says that its nearest threshold is."""
    made = [d.threshold_distance for d in play(controller, diagnoses)]
    assert all(distance is not None for distance in made)
    return [float(distance) for distance in made if distance is not None]


def test_a_ratio_says_how_far_it_is_from_a_pause_in_standard_errors() -> None:
    """The log ratio of these uniquenesses has the standard error 0.01 (1 / a + 1 / 0.4)."""
    far, near = distances(PID(), [seen((0.5, 0.4)), seen((0.79, 0.4))])
    assert far == pytest.approx(log(2 * 0.4 / 0.5) / (0.01 * (1 / 0.5 + 1 / 0.4)))
    assert near == pytest.approx(log(2 * 0.4 / 0.79) / (0.01 * (1 / 0.79 + 1 / 0.4)))


def test_a_ratio_beyond_the_threshold_is_as_far_as_its_evidence() -> None:
    unsure = seen((0.3, 0.1), error=0.1)
    ratio = unsure.log_ratio["a/b"]
    assert ratio.low is not None
    assert ratio.low < 0
    assert distances(PID(), [unsure])[0] == pytest.approx(-ratio.low / ratio.standard_error)
    # At once a pause; its end is then as far as the parity of both.
    ended = log(3.0) / ratio.standard_error
    assert distances(PID(evidence=False), [unsure])[0] == pytest.approx(ended)


def test_synergy_says_how_far_it_is_from_its_drop() -> None:
    values = [0.3, 0.3, 0.24, 0.2]
    controller = PID(min_epochs=0, patience=2)
    peak, risen, lower, fallen = distances(controller, [seen(synergy=s) for s in values])
    error = hypot(0.01, 0.01)
    assert risen == pytest.approx((0.3 - 0.8 * 0.3) / error)
    assert lower == pytest.approx(0, abs=1e-9), "0.24 is 0.8 of the peak"
    assert fallen == 0, "it is below, and the next one may start stage 2"
    assert peak > 0
