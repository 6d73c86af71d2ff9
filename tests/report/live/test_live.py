"""Events on a terminal: what stays, what is drawn over, and how the terminal is left."""

import io
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fusion_sched.report.live import Display, past_events
from fusion_sched.report.live.lines import record_line, start_line
from fusion_sched.report.view import RunView
from tests.conftest import of, read_events
from tests.report.live.screen import Screen, console_on, until, words

Events = list[dict[str, Any]]


def line(event: dict[str, Any]) -> str:
    """Return what is printed of an event."""
    if event["event"] == "start":
        return start_line(event)
    record = RunView({}).add(event)
    assert record is not None
    return record_line(record)  # type: ignore[arg-type]


@pytest.fixture
def events(short_runs: Path) -> Events:
    return read_events(short_runs / "pid0")


def show(screen: Screen, events: Any, width: int = 80) -> None:
    with Display(console_on(screen, width, screen.height, colours=False)) as display:
        for event in events:
            display.show(event)


@pytest.mark.parametrize(("width", "height"), [(60, 10), (80, 24), (120, 24), (200, 50)])
def test_start_decisions_and_the_last_diagnosis_stay(
    events: Events, width: int, height: int
) -> None:
    screen = Screen(height)
    show(screen, events, width)
    permanent = [line(e) for e in events if e["event"] in ("start", "decision")]
    before, bits, after = words(screen.text()).partition("bits about the label Y after epoch 5")
    assert before.strip() == words(" ".join(permanent))
    assert bits
    assert "synergy" in after
    assert screen.cursor_shown


def test_the_picture_is_drawn_over_with_every_event(events: Events) -> None:
    screen = Screen(24)
    with Display(console_on(screen, 80, 24, colours=False)) as display:
        for event in until(events, 4):
            display.show(event)
            if event["event"] == "epoch":
                text = screen.text()
                assert text.count(f"epoch {event['epoch'] + 1} of 5") == 1
                assert text.count(" elapsed, ") == 1
        assert not screen.cursor_shown


@pytest.mark.parametrize("error", [KeyboardInterrupt, FloatingPointError])
def test_an_exception_leaves_the_terminal_clean(events: Events, error: type[BaseException]) -> None:
    screen, before = Screen(24), (sys.stdout, sys.stderr)

    def fail_under_way() -> None:
        with Display(console_on(screen, 80, 24, colours=False)) as display:
            for event in until(events, 1):
                display.show(event)
            raise error

    with pytest.raises(error):
        fail_under_way()
    assert (sys.stdout, sys.stderr) == before
    assert screen.cursor_shown
    assert screen.x == 0
    assert screen.text().count("epoch 2 of 5") == 1  # where it ended stays to be read
    assert screen.rows[screen.y] == ""


def test_a_resumed_run_goes_on_with_what_was_shown_earlier(events: Events) -> None:
    earlier = until(events, 2)
    screen = Screen(24)
    rest = [e for e in events if e.get("epoch", -2) in (2, 3)]  # epoch 2 comes again
    with Display(console_on(screen, 80, 24, colours=False), earlier) as display:
        assert "epoch 3 of 5" in screen.text()
        for event in rest:
            display.show(event)
        assert "epoch 4 of 5" in screen.text()
        assert "unknown" not in screen.text()
        assert screen.text().count(line(events[0])[:40]) == 0


def test_what_a_run_to_be_resumed_has_told(short_runs: Path, tmp_path: Path) -> None:
    assert past_events(short_runs / "pid0") == read_events(short_runs / "pid0")
    assert past_events(tmp_path) == []
    (tmp_path / "trace.jsonl").touch()
    assert past_events(tmp_path) == []


def test_notes_stay_and_come_once(events: Events) -> None:
    for event in of(events, "probe"):
        event["warnings"] = ["few samples [per cell] :fire:"]
    screen = Screen(40)
    show(screen, events)
    assert screen.text().count("note: few samples [per cell] :fire:") == 1


def test_colours_are_left_out_where_nobody_wants_them(events: Events) -> None:
    for wanted in (True, False):
        file = io.StringIO()
        console = Console(
            file=file, width=80, height=24, force_terminal=True, color_system="truecolor",
            no_color=not wanted, _environ={"TERM": "xterm-256color"},
        )  # fmt: skip
        with Display(console) as display:
            for event in events:
                display.show(event)
        codes = {c for found in re.findall(r"\x1b\[([\d;]+)m", file.getvalue())
                 for c in found.split(";")}  # fmt: skip
        assert (codes <= {"0", "1", "3", "7"}) != wanted  # bold, italic and reverse are no colours


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {}])
def test_elsewhere_every_event_is_a_line(events: Events, environment: dict[str, str]) -> None:
    file = io.StringIO()
    console = Console(
        file=file, width=80, force_terminal=bool(environment) or None, _environ=environment,
        color_system=None,
    )  # fmt: skip
    with Display(console) as display:
        for event in events:
            display.show(event)
    assert file.getvalue().splitlines() == [line(e) for e in events if e["event"] != "result"]


def test_a_log_that_is_not_unicode(events: Events) -> None:
    raw = io.BytesIO()
    with Display(Console(file=io.TextIOWrapper(raw, encoding="ascii"), width=80)) as display:
        for event in events:
            display.show(event)
        display.console.file.flush()
    assert b"  -> unimodal (gray" in raw.getvalue()
