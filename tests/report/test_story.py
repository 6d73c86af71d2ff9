"""What a page takes from a trace, and what it leaves out and says so."""

from pathlib import Path
from typing import Any

import pytest

from fusion_sched.report.html.run_page import run_sections
from fusion_sched.report.story import UNTRAINED, estimate
from tests.report.traces import events_of, story_of, write_run


def decision(epoch: int, stage: str, before: str | None = None, **more: Any) -> dict[str, Any]:
    made = {"event": "decision", "epoch": epoch, "reason": "", "restored": False, "controller": {},
            "to": {"stage": stage, "active": ["gray"]}}  # fmt: skip
    origin = {"from": {"stage": before, "active": ["gray"]}} if before else {}
    return {**made, **origin, **more}


def probe(epoch: int) -> dict[str, Any]:
    return {"event": "probe", "epoch": epoch, "mi_bits": {"gray": 1.0}}


@pytest.fixture
def start(short_runs: Path) -> dict[str, Any]:
    return events_of(short_runs / "pid0")[0]


def test_unknown_and_incomplete_events_are_left_out_and_named(
    short_runs: Path, tmp_path: Path
) -> None:
    events = events_of(short_runs / "pid0")
    more = [{"event": "surprise"}, {"event": "epoch", "epoch": 9}, {"event": "result"}]
    story = story_of(write_run(tmp_path / "run", [*events, *more], '{"event": "epo'))
    assert len(story.epochs) == 5
    assert story.result is not None
    told = " ".join(story.problems)
    assert "1 event left out, of kind 'surprise', which this version does not know" in told
    assert "1 event left out, of kind 'epoch', of which a field is missing" in told
    assert "of kind 'result', of which" in told
    assert "is not an event and was left out" in told


@pytest.mark.parametrize("odd", [{"stage": "joint"}, {"active": []}, None, "joint"])
def test_a_decision_from_nowhere_is_left_out_and_named(
    start: dict[str, Any], tmp_path: Path, odd: Any
) -> None:
    change = decision(2, "joint", "unimodal")
    events = [start, decision(-1, "unimodal"), change, {**change, "from": odd}]
    story = story_of(write_run(tmp_path / "run", events))
    assert len(story.decisions) == 2
    assert "1 event left out, of kind 'decision', of which a field is missing" in story.problems[0]
    run_sections(story)


def test_moments_are_untrained_hand_over_and_last(start: dict[str, Any], tmp_path: Path) -> None:
    change = decision(2, "joint", "unimodal")
    events = [start, decision(-1, "unimodal"), probe(-1), probe(1), change, probe(4)]
    story = story_of(write_run(tmp_path / "run", events))
    assert [moment.name for moment in story.moments] == [
        "untrained", "at the hand-over (epoch 2)", "last (epoch 5)"
    ]  # fmt: skip
    assert story.main_moment.probe["epoch"] == 1


def test_joint_training_counts_from_where_it_first_began(
    start: dict[str, Any], tmp_path: Path
) -> None:
    changes = [decision(1, "joint", "unimodal"), probe(2), decision(2, "unimodal", "joint"),
               probe(3), decision(3, "joint", "unimodal")]  # fmt: skip
    events = [start, decision(-1, "unimodal"), probe(-1), probe(1), *changes, probe(4)]
    story = story_of(write_run(tmp_path / "run", events))
    assert story.main_moment.probe["epoch"] == 1
    assert story.hand_over == changes[0]


def test_joint_training_from_scratch_takes_over_from_the_untrained_network(
    start: dict[str, Any], tmp_path: Path
) -> None:
    story = story_of(write_run(tmp_path / "run", [start, decision(-1, "joint"), probe(-1)]))
    assert story.handed_over_epoch == UNTRAINED
    assert [m.name for m in story.moments] == ["untrained and at the hand-over and last"]


def test_numbers_that_are_none_are_not_made_up(short_runs: Path) -> None:
    probed = story_of(short_runs / "pid0").probes[0]
    found = estimate(probed, "unique_bits", "gray")
    assert found is not None
    assert found.value == probed["unique_bits"]["gray"]
    assert [found.low, found.high] == probed["interval"]["unique_bits"]["gray"]
    assert estimate(probed, "unique_bits", "nobody") is None
    bare = {"unique_bits": {"gray": 0.5}}
    assert estimate(bare, "unique_bits", "gray") == (0.5, None, None, None)
    open_ended = {**bare, "interval": {"unique_bits": {"gray": [None, 0.7]}}}
    assert estimate(open_ended, "unique_bits", "gray") == (0.5, None, None, None)
    assert estimate({"unique_bits": {"gray": float("nan")}}, "unique_bits", "gray") is None
