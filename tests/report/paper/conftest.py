"""Real traces, and what the tests change about them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fusion_sched.runlog import Trace, read_trace
from tests.conftest import run_once

Changed = Callable[..., Trace]


def with_events(trace: Trace, events: list[dict[str, Any]]) -> Trace:
    return Trace(trace.path, events, [])


def renamed(trace: Trace, old: str, new: str) -> Trace:
    """Return the trace as if a modality had another name."""
    text = json.dumps(trace.events)
    # Between quotes of JSON: as a whole name, or as part of one, such as gray/colored.
    return with_events(trace, json.loads(text.replace(old, json.dumps(new)[1:-1])))


@pytest.fixture
def pid(short_runs: Path) -> Trace:
    return read_trace(short_runs / "pid0")


@pytest.fixture
def four(short_runs: Path) -> list[Trace]:
    return [read_trace(short_runs / name) for name in ("joint0", "joint1", "pid0", "pid1")]


@pytest.fixture(scope="session")
def thirds(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """Return a short run with three modalities."""
    folder = tmp_path_factory.mktemp("runs") / "thirds"
    run_once(
        folder, "dataset=digits_thirds", "stage1.epochs=2", "stage2.epochs=1",
        "probe=kmeans", "probe.resamples=10", "probe.shuffles=2",
    )  # fmt: skip
    return read_trace(folder)
