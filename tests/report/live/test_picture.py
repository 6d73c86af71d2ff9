"""The live picture at every size of the terminal, and what it says."""

import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fusion_sched.report.live.picture import Picture, left_of
from fusion_sched.report.view import RunView
from tests.conftest import read_events
from tests.report.live.screen import Screen, console_on, until, words

NOW = datetime(2026, 11, 24, 14, 0)
Events = list[dict[str, Any]]


@pytest.fixture
def events(short_runs: Path) -> Events:
    return read_events(short_runs / "pid0")


def view_of(events: Any) -> RunView:
    view = RunView(events[0])
    for event in events:
        view.add(event)
    return view


def drawn(events: Any, width: int = 80, height: int = 60, console: Console | None = None) -> str:
    console = console or console_on(Screen(height), width, height)
    lines = Picture(view_of(events), NOW).lines(console, width, height)
    return "\n".join(line.plain.rstrip() for line in lines)


def decisions(events: Any) -> list[str]:
    return [e["reason"] for e in events if e["event"] == "decision"]


@pytest.mark.parametrize("width", [1, 7, 20, 40, 60, 80, 109, 110, 120, 200])
@pytest.mark.parametrize("height", [0, 1, 3, 6, 10, 15, 23, 60])
def test_every_state_fits_every_terminal(events: Events, width: int, height: int) -> None:
    console = console_on(Screen(height), width, height)
    for count in range(1, len(events) + 1):
        lines = Picture(view_of(events[:count]), NOW).lines(console, width, height)
        assert len(lines) <= height
        assert all(line.cell_len <= width for line in lines)


def test_a_wide_terminal_has_the_parts_over_the_diagnoses(events: Events) -> None:
    shown = until(events, 3)
    left = [line[: left_of(140)] for line in drawn(shown, 140, 40).splitlines()]
    (row,) = [line for line in left if line.startswith("unique gray")]
    values = [e["unique_bits"]["gray"]["value"] for e in shown if e["event"] == "probe"]
    assert f"{min(values):.2f} to {max(values):.2f}".replace("-0.00", "0.00") in row
    assert "▁" in row
    assert "▇" in row


def test_decisions_are_left_to_the_lines_that_stay(events: Events) -> None:
    shown = until(events, 4)
    assert not any(reason in words(drawn(shown)) for reason in decisions(shown))


def test_what_matters_less_is_left_out_first(events: Events) -> None:
    kept = [drawn(until(events, 4), 80, height) for height in range(60, 0, -1)]
    gone = {
        name: next(i for i, text in enumerate(kept) if sign not in text)
        for name, sign in (
            ("legend", "labels shuffled"), ("information", "I(gray; Y)"), ("synergy", "synergy   "),
            ("scores", "accuracy"),
        )
    }  # fmt: skip
    assert list(gone.values()) == sorted(gone.values())
    assert len(set(gone.values())) == 4
    assert "epoch 5 of 5" in kept[-3]


def test_numbers_and_marks_of_a_diagnosis(events: Events) -> None:
    shown = until(events, 1)
    probe = [e for e in shown if e["event"] == "probe"][-1]
    text = drawn(shown)
    for name, estimate in (
        ("unique gray", probe["unique_bits"]["gray"]),
        ("I(colored; Y)", probe["mi_bits"]["colored"]),
        ("redundancy", probe["redundancy_bits"]),
        ("I(all; Y)", probe["joint_mi_bits"]),
    ):
        row = next(line for line in text.splitlines() if line.startswith(name))
        value, low, high = (estimate[side] for side in ("value", "low", "high"))
        assert f"{value:.2f} [{low:.2f}, {high:.2f}]".replace("-0.00", "0.00") in row
        assert "╋" in row
    assert f"{probe['label_entropy_bits']:.2f} bit = H(Y)" in text
    assert "after epoch 2, 95% intervals" in text


def without_null(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "null"}


def test_without_a_level_under_shuffled_labels_none_is_marked(events: Events) -> None:
    bare = json.loads(json.dumps(events), object_hook=without_null)
    text = drawn(until(bare, 1))
    assert "╋" not in text
    assert "labels shuffled" not in text
    assert "│" in text


def test_one_modality_has_no_redundancy(events: Events) -> None:
    alone = json.loads(json.dumps(events))
    alone[0]["modalities"].pop("colored")
    for event in alone:
        event.pop("redundancy_bits", None)
        event.pop("synergy_bits", None)
        for key in ("unique_bits", "mi_bits", "loss"):
            event.get(key, {}).pop("colored", None)
    text = drawn(until(alone, 1))
    assert "redundancy" not in text
    assert "I(gray; Y)" in text


def test_three_modalities_say_that_redundancy_is_a_mean(events: Events) -> None:
    for event in events:
        for key in ("modalities", "unique_bits", "mi_bits"):
            if key in event:
                event[key]["sound"] = event[key]["gray"]
    text = drawn(until(events, 1))
    assert "redundancy (mean)" in text
    assert "synergy (mean)" in text
    assert "unique sound" in text


def test_the_head_says_who_trains_and_who_is_paused(events: Events) -> None:
    unimodal = next(e for e in events if e["event"] == "epoch" and len(e["active"]) == 1)
    (active,) = unimodal["active"]
    paused = "colored" if active == "gray" else "gray"
    at = events.index(unimodal)
    text = drawn(events[: at + 1])
    assert f"training: {active}   paused: {paused}" in text
    assert "unimodal" in text.splitlines()[0]
    row = next(line for line in text.splitlines() if line.startswith(f"{paused} "))
    assert "paused" in row
    assert " joint " in drawn(until(events, 4)).splitlines()[0]


def test_the_time_left_is_unknown_until_it_is_known(events: Events) -> None:
    assert "time left unknown before the first epoch is done" in words(drawn(until(events, -1)))
    shown = words(drawn(until(events, 1)))
    assert "epoch 2 of 5" in shown
    assert " s left, if joint epochs take as long" in shown
    assert "all epochs done" in drawn(until(events, 4))


def test_without_an_equal_budget_the_length_is_an_upper_bound(events: Events) -> None:
    events[0]["config"]["equal_budget"] = False
    assert "epoch 2 of at most 5" in drawn(until(events, 1))
    assert "epoch 5 of 5" in drawn(until(events, 4))


def test_a_long_run_says_until_when(events: Events) -> None:
    for between, said in ((600, "60 min left (until 15:00)"),
                          (9000, "15 h 00 min left (until Wed 05:00)")):  # fmt: skip
        for number, event in enumerate(events):
            event["time"] = between * number
        assert f"about {said}" in words(drawn(until(events, 1)))


def test_epochs_that_a_resumed_run_repeats_are_drawn_once(events: Events) -> None:
    view = view_of([*until(events, 3), *(e for e in events if e.get("epoch") in (2, 3))])
    assert [epoch.epoch for epoch in view.epochs] == [0, 1, 2, 3]
    assert view.trained == 4


def test_names_from_outside_are_shown_literally(events: Events) -> None:
    text = json.dumps(events).replace('"gray"', '"[red]g[/] :fire:"')
    renamed = json.loads(text)
    shown = drawn(until(renamed, 1), 80)
    assert "unique [red]g[/] :fire:" in shown


def test_a_long_name_keeps_its_ends(events: Events) -> None:
    name = "optical_flow_of_the_left_camera"
    shown = drawn(json.loads(json.dumps(until(events, 1)).replace('"gray"', f'"{name}"')))
    assert "optical_…ft_camera" in shown
    assert name not in shown


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_unicode(events: Events, encoding: str) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = console_on(file, 80, 60)
    for count in range(1, len(events)):
        drawn(events[:count], console=console).encode("ascii", "strict" if encoding == "ascii"
                                                      else "ignore")  # fmt: skip
    text = drawn(until(events, 4), console=console)
    assert "|" in text
    assert "###" in text
    text.encode(encoding)


def test_the_last_warnings_once_each_the_newest_first(events: Events) -> None:
    said = iter(["few [samples]", "many classes", "few [samples]", "old", "new", "newest"])
    for event in events:
        if event["event"] == "probe":
            event["warnings"] = [next(said)]
    text = drawn(until(events, 2))
    assert text.count("few [samples]") == 1
    notes = [line for line in text.splitlines() if line.startswith("note: ")]
    assert notes == ["note: old", "note: few [samples]", "note: many classes"]
