"""Sentences hold the numbers of the trace, and no others."""

from pathlib import Path

import pytest
from scipy.stats import binomtest

from fusion_sched.report.words import ago, atoms_words, headline, stage_words, state_words, wilson
from tests.report.traces import events_of, story_of, write_run


@pytest.mark.parametrize(("right", "samples"), [(0, 10), (310, 360), (360, 360), (1, 3)])
def test_the_interval_is_wilsons(right: int, samples: int) -> None:
    known = binomtest(right, samples).proportion_ci(method="wilson")
    assert wilson(right, samples) == pytest.approx((known.low, known.high), abs=1e-6)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-1, "just before"), (59, "just before"), (60, "1 minute before"), (7300, "2 hours before"),
     (90_000, "1 day before")],
)  # fmt: skip
def test_time_since_the_last_event(seconds: float, told: str) -> None:
    assert ago(seconds).startswith(told)


def test_stages_are_named_by_who_trains() -> None:
    assert stage_words({"stage": "unimodal", "active": ["a"]}) == "a alone"
    assert stage_words({"stage": "unimodal", "active": ["a", "b"]}) == "a and b, each alone"
    joint = {"stage": "joint", "active": ["a", "b", "c"]}
    assert stage_words(joint) == "joint training of a, b and c"


def test_a_run_under_way_has_no_result(short_runs: Path, tmp_path: Path) -> None:
    whole = story_of(short_runs / "pid0")
    begun = story_of(write_run(tmp_path / "begun", events_of(short_runs / "pid0")[:5]))
    assert "points" in headline(whole)
    assert state_words(whole, 0) == "ended after 5 epochs"
    assert headline(begun).startswith("No result yet.")
    done = begun.epochs[-1]["epoch"] + 1
    assert state_words(begun, 0).startswith(f"not ended: epoch {done} of at most 5; last event")


def test_two_modalities_are_told_as_a_sum_and_three_are_not() -> None:
    parts = {"redundancy_bits": 1.87, "synergy_bits": 0.06, "unique_bits": {"a": 0.4, "b": 0.2}}
    two = {**parts, "joint_mi_bits": 2.53, "mi_bits": {"a": 1.0, "b": 1.0}}
    assert atoms_words(two) == (
        "redundancy 1.87, synergy 0.06, unique to a 0.40 and unique to b 0.20 bit, of 2.53 bit in "
        "all"
    )
    three = {**two, "joint_mi_bits": 3.25, "mi_bits": {"a": 1.0, "b": 1.0, "c": 1.0}}
    told = atoms_words(three)
    assert told.startswith("redundancy (mean) 1.87, synergy (mean) 0.06, unique to a 0.40 ")
    assert told.endswith(" bit; all together tell 3.25 bit")
