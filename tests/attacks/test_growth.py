"""Time grows as the input does: four times the epochs or runs take less than ten times as long."""

import json
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from fusion_sched.analysis.rows import name_rows
from fusion_sched.report.view import RunView
from fusion_sched.runlog import Trace
from tests.conftest import read_events

pytestmark = pytest.mark.slow
TIMES = 4


def cpu_seconds(work: Callable[[], object]) -> float:
    """The least of three: other processes only ever add."""
    seconds = []
    for _ in range(3):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


def with_epochs(events: list[dict[str, Any]], count: int) -> Trace:
    first, epoch, probe = (
        next(e for e in events if e["event"] == kind) for kind in ("start", "epoch", "probe")
    )
    longer = [first]
    for number in range(count):
        longer.append({**epoch, "epoch": number})
        longer.append({**probe, "epoch": number, "warnings": [f"that of epoch {number}"]})
    return Trace(Path("trace.jsonl"), longer, [])


def test_epochs(short_runs: Path) -> None:
    events = read_events(short_runs / "pid0")
    small, large = with_epochs(events, 1000), with_epochs(events, 1000 * TIMES)
    assert RunView.of(large).trained == 1000 * TIMES
    ratio = cpu_seconds(lambda: RunView.of(large)) / cpu_seconds(lambda: RunView.of(small))
    assert ratio < 2.5 * TIMES


def test_runs_without_a_tag(short_runs: Path) -> None:
    (start,) = read_events(short_runs / "pid0")[:1]

    def runs(count: int) -> list[Trace]:
        made = []
        for number in range(count):
            event = deepcopy(start)
            event["seed"] = event["config"]["seed"] = number % 10
            event["config"]["method"] = ""
            event["config"]["controller"]["drop"] = 0.5 + (number // 10) / 1000
            made.append(Trace(Path(str(number)), [json.loads(json.dumps(event))], []))
        return made

    small, large = runs(50), runs(50 * TIMES)
    assert len(set(name_rows(large))) == 5 * TIMES
    ratio = cpu_seconds(lambda: name_rows(large)) / cpu_seconds(lambda: name_rows(small))
    assert ratio < 2.5 * TIMES
