"""The time left, from the times of hand-made events."""

import pytest

from fusion_sched.report.live.remaining import (
    Pace,
    Plan,
    Remaining,
    clock,
    multiples_between,
    rough_duration,
)
from fusion_sched.report.records import DecisionRecord, EpochRecord, ProbeRecord, Record
from fusion_sched.types import Diagnosis, Estimate, Stage

PLAN = Plan(stage1=4, stage2=3, equal_budget=True, every=1, joint_every=1)


DIAGNOSIS = Diagnosis({}, {}, {}, Estimate(0.0), 1.0, 9, {}, 1.0, 0.0)


def event(kind: str, epoch: int, time: float, stage: str = "unimodal") -> Record:
    trained = Stage(("a",), joint=stage == "joint")
    if kind == "epoch":
        return EpochRecord(epoch, time, trained, {}, {}, None, None)
    if kind == "probe":
        return ProbeRecord(epoch, time, trained, DIAGNOSIS)
    return DecisionRecord(epoch, time, trained, None, "", False, None)


def after(*records: Record) -> Pace:
    pace = Pace()
    for record in records:
        pace.note(record)
    return pace


def epochs(
    first: int, last: int, start: float, stage: str = "unimodal", train: float = 2, probe: float = 1
) -> list[Record]:
    """Return the records of some epochs, one after the other."""
    found, time = [], start
    for epoch in range(first, last + 1):
        found += [event("epoch", epoch, time + train, stage),
                  event("probe", epoch, time + train + probe, stage)]  # fmt: skip
        time += train + probe
    return found


BEFORE = [event("decision", -1, 0.0), event("probe", -1, 10.0)]
"""A slow first diagnosis."""


def test_nothing_is_known_before_the_first_epoch() -> None:
    assert after().left(PLAN) is None
    assert after(*BEFORE).left(PLAN) is None


def test_the_first_epoch_stands_for_all_and_says_so() -> None:
    waiting = after(event("decision", -1, 0.0), event("probe", -1, 1.0), event("epoch", 0, 3.0))
    assert waiting.left(PLAN) == Remaining(6 * 2 + 7 * 1, assumed=True)
    whole = after(event("decision", -1, 0.0), event("probe", -1, 1.0), *epochs(0, 0, 1.0))
    assert whole.left(PLAN) == Remaining(6 * 3, assumed=True)


def test_one_slow_diagnosis_counts_little() -> None:
    assert after(*BEFORE, *epochs(0, 1, 10.0)).left(PLAN) == Remaining(5 * 3, assumed=True)


def test_only_the_last_epochs_count() -> None:
    long = Plan(stage1=50, stage2=0, equal_budget=True, every=1, joint_every=1)
    slow, fast = epochs(0, 9, 10.0, train=100), epochs(10, 14, 1040.0, train=1)
    assert after(*BEFORE, *slow, *fast).left(long) == Remaining(35 * 2, assumed=False)


def test_diagnoses_come_as_often_as_configured() -> None:
    sparse = Plan(stage1=10, stage2=7, equal_budget=True, every=4, joint_every=3)
    trained = [event("probe", -1, 1.0), event("epoch", 0, 3.0), event("epoch", 1, 5.0)]
    # Stage 1 diagnoses after epochs 4 and 8, the joint stage after 12 and 15.
    assert after(event("decision", -1, 0.0), *trained).left(sparse) == Remaining(15 * 2 + 4, True)
    assert multiples_between(0, 10, 4) == 2
    assert multiples_between(10, 17, 3) == 2
    assert multiples_between(5, 3, 1) == 0


def test_the_joint_stage_is_timed_by_itself() -> None:
    change = event("decision", 1, 16.0, "joint")
    begun = [*BEFORE, *epochs(0, 1, 10.0), change]
    assert after(*begun).left(PLAN) == Remaining(5 * 3, assumed=True)
    first = event("epoch", 2, 26.0, "joint")
    assert after(*begun, first).left(PLAN) == Remaining(4 * 10 + 5 * 1, assumed=True)
    whole = event("probe", 2, 28.0, "joint")
    assert after(*begun, first, whole).left(PLAN) == Remaining(4 * 12, assumed=False)


def test_without_an_equal_budget_a_short_first_stage_shortens_the_run() -> None:
    plan = Plan(stage1=4, stage2=3, equal_budget=False, every=1, joint_every=1)
    pace = after(*BEFORE, *epochs(0, 1, 10.0))
    assert plan.total(pace.joint_from) == 7
    pace.note(event("decision", 1, 16.0, "joint"))
    assert plan.total(pace.joint_from) == 5
    assert pace.left(plan) == Remaining(3 * 3, assumed=True)


def test_joint_training_from_scratch() -> None:
    pace = after(event("decision", -1, 0.0, "joint"), event("probe", -1, 1.0, "joint"))
    assert pace.left(PLAN) is None
    pace.note(event("epoch", 0, 6.0, "joint"))
    assert pace.left(PLAN) == Remaining(6 * 5 + 7 * 1, assumed=False)


def test_nothing_is_left_after_the_last_epoch() -> None:
    pace = after(*BEFORE, *epochs(0, 3, 10.0), event("decision", 3, 22.0, "joint"),
                 *epochs(4, 6, 22.0, "joint"))  # fmt: skip
    assert pace.left(PLAN) == Remaining(0.0, assumed=False)


def test_a_resumed_run_repeats_what_came_after_its_checkpoint() -> None:
    """Its time goes back to the checkpoint's; costs stay positive and the joint stage undone."""
    lost = [event("decision", 2, 19.0, "joint"), *epochs(3, 3, 19.0, "joint", train=500)]
    pace = after(*BEFORE, *epochs(0, 2, 10.0), *lost)
    pace.note(event("epoch", 2, 18.5))
    assert pace.joint_from is None
    left = pace.left(PLAN)
    assert left is not None
    # Epochs 3 and, as it is the next to be repeated, the diagnosis of epoch 2; then the joint one,
    # which was timed before the run was interrupted.
    assert left.seconds == 1 * 2 + 2 * 1 + 3 * (500 + 1)
    pace.note(event("probe", 2, 19.5))
    again = pace.left(PLAN)
    assert again is not None
    assert again.seconds == left.seconds - 1


def test_a_plan_is_read_from_the_configuration() -> None:
    config = {"stage1": {"epochs": 4}, "stage2": {"epochs": 3}, "equal_budget": True}
    probe = {"every": 2, "joint_every": 5}
    assert Plan.of({"config": {**config, "probe": probe}}) == Plan(4, 3, True, 2, 5)
    assert Plan.of({"config": {**config, "probe": {}}}) == PLAN


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (99.4, "99 s"), (119, "2 min"), (5900, "98 min"), (6000, "1 h 40 min"),
     (7260, "2 h 01 min"), (200_000, "2 d 7 h")],
)  # fmt: skip
def test_lengths_of_time_in_words(seconds: float, text: str) -> None:
    assert rough_duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(5.9, "0:05"), (754, "12:34"), (11045, "3:04:05")])
def test_lengths_of_time_as_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
