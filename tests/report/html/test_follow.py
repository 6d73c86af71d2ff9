"""The page of runs under way."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fusion_sched.report import follow
from tests.conftest import Answer
from tests.report.traces import events_of, write_run

SOON, LATE = 0.02, 30


def waiting(condition: Callable[[], bool], told: threading.Event) -> None:
    """Wait until a condition holds after some sentence; fail rather than wait for ever."""
    while not condition():
        assert told.wait(LATE), "nothing was written"
        told.clear()


def is_running(page: Path) -> bool:
    return "data-running" in page.read_text(encoding="utf-8")[:200]


def watched(paths: list[Path], output: Path) -> tuple[threading.Thread, list[str], threading.Event]:
    """Follow runs in a thread; return it, what it says, and what tells that it has."""
    said: list[str] = []
    told = threading.Event()

    def show(sentence: str) -> None:
        said.append(sentence)
        told.set()

    watcher = threading.Thread(
        target=follow, args=(paths, output), kwargs={"every_seconds": SOON, "show": show}
    )
    watcher.start()
    return watcher, said, told


def test_the_page_follows_a_run_to_its_end(short_runs: Path, tmp_path: Path) -> None:
    events, output = events_of(short_runs / "pid0"), tmp_path / "page.html"
    run = write_run(tmp_path / "run", events[:6])
    watcher, said, told = watched([run], output)
    waiting(lambda: len(said) >= 1, told)
    assert is_running(output)
    assert "1 not ended" in said[0]
    write_run(run, events[:9])
    waiting(lambda: len(said) >= 2, told)
    epochs = sum(event["event"] == "epoch" for event in events[:9])
    assert said[-1].endswith(f"{epochs} epochs")
    assert is_running(output)
    write_run(run, events)
    watcher.join(LATE)
    assert not watcher.is_alive()
    assert not is_running(output)
    assert said[-1].endswith("1 run, 0 not ended, 5 epochs")


@pytest.mark.parametrize("beside", [[], ["pid1"]], ids=["alone", "beside one that has ended"])
def test_a_run_that_has_not_written_its_start_is_waited_for(
    short_runs: Path, tmp_path: Path, beside: list[str]
) -> None:
    events, output = events_of(short_runs / "pid0"), tmp_path / "page.html"
    run = write_run(tmp_path / "run", [])
    watcher, said, told = watched([run, *(short_runs / name for name in beside)], output)
    waiting(lambda: len(said) >= 1, told)
    assert said[0].endswith("1 trace without a whole start event")
    assert output.exists() == bool(beside)
    assert not beside or is_running(output)
    write_run(run, events)
    watcher.join(LATE)
    assert not watcher.is_alive()
    assert not is_running(output)
    assert said[-1].endswith(f"{1 + len(beside)} run{'s' * len(beside)}, 0 not ended, "
                             f"{5 + 5 * len(beside)} epochs")  # fmt: skip


def test_an_interrupted_wait_for_a_first_event_leaves_no_page(tmp_path: Path) -> None:
    output = tmp_path / "page.html"

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow([write_run(tmp_path / "run", [])], output, every_seconds=SOON, show=interrupt)
    assert not output.exists()


def test_the_command_prints_the_notes_of_a_watched_page(
    command: Callable[..., Answer], short_runs: Path, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "run", events_of(short_runs / "pid0"), "garbage\n")
    watched_page = command("report", str(run), "--watch")
    assert watched_page.code == 0
    assert "note: " in watched_page.err
    assert "was left out: it is not JSON" in watched_page.err
    assert watched_page.err == command("report", str(run)).err


def test_what_has_ended_is_written_once(short_runs: Path, tmp_path: Path) -> None:
    said: list[str] = []
    notes = follow([short_runs], tmp_path / "p.html", every_seconds=LATE, show=said.append)
    assert len(said) == 1
    assert notes == []


def test_an_interrupted_watch_leaves_a_page_that_stands_still(
    short_runs: Path, tmp_path: Path
) -> None:
    output = tmp_path / "page.html"
    run = write_run(tmp_path / "run", events_of(short_runs / "pid0")[:6])

    def interrupt(_: str) -> None:
        assert is_running(output)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow([run], output, every_seconds=SOON, show=interrupt)
    assert not is_running(output)


def test_no_time_between_two_looks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="every_seconds is 0, expected more than 0"):
        follow([tmp_path], tmp_path / "page.html", every_seconds=0, show=print)
