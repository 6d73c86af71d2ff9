"""Sentences hold the numbers of the trace, and no others."""

from pathlib import Path

import pytest

from fusion_sched.report.words import (
    accuracy_interval,
    ago,
    headline,
    stage_words,
    state_words,
    wilson,
)
from fusion_sched.types import Stage
from tests.report.traces import events_of, view_of, write_run


def test_the_interval_of_the_accuracy_is_wilsons(short_runs: Path) -> None:
    view = view_of(short_runs / "pid0")
    assert view.result is not None
    share, n, z = view.result.accuracy, 360, 1.959964
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5 / (1 + z**2 / n)
    ends = f"{100 * (centre - half):.1f} to {100 * (centre + half):.1f}"
    assert accuracy_interval(view) == f"{ends}\u00a0%"


def test_intervals_of_proportions_stay_between_0_and_1() -> None:
    for right in (0, 1, 9, 10):
        interval = wilson(right / 10, 10)
        assert 0 <= interval.low <= right / 10 <= interval.high + 1e-12 <= 1 + 2e-12


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-1, "just before"), (59, "just before"), (60, "1 minute before"), (7300, "2 hours before"),
     (90_000, "1 day before")],
)  # fmt: skip
def test_time_since_the_last_event(seconds: float, told: str) -> None:
    assert ago(seconds).startswith(told)


def test_stages_are_named_by_who_trains() -> None:
    assert stage_words(Stage(("a",))) == "a alone"
    assert stage_words(Stage(("a", "b"))) == "a and b, each alone"
    assert stage_words(Stage(("a", "b", "c"), joint=True)) == "joint training of a, b and c"


def test_a_run_under_way_has_no_result(short_runs: Path, tmp_path: Path) -> None:
    whole = view_of(short_runs / "pid0")
    begun = view_of(write_run(tmp_path / "begun", events_of(short_runs / "pid0")[:5]))
    assert headline(whole).count("Why (decision ") == 1
    assert state_words(whole, 0) == "ended after 5 epochs"
    done = begun.epochs[-1].number
    assert state_words(begun, 0).startswith(f"not ended: epoch {done} of at most 5; last event")
