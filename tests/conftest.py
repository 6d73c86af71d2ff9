"""What tests share: a composed configuration, a run in memory, and the command line in process."""

import copy
import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

from fusion_sched.commands import cli
from fusion_sched.config.build import build
from fusion_sched.config.schema import config_dir, register
from fusion_sched.data.cremad import CremaD
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.training.components import RunComponents
from fusion_sched.training.trainer import train
from tests.processes import Answer

os.environ.setdefault("OMP_NUM_THREADS", "1")
# To start processes that decode takes longer than to decode the little that tests have.
os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")
torch.set_num_threads(1)
register()

SLOW_FIXTURES = {"browser", "cremad_root", "short_runs", "site", "six", "uninterrupted", "original"}
"""Fixtures that take seconds to make: each test that asks for one is marked `slow`."""
SLOW_TESTS = set(Path(__file__).with_name("slow_tests.txt").read_text(encoding="utf-8").split())
"""Test functions that took more than half a second, by `pytest -n 2 --durations=0`."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        needs_time = SLOW_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if needs_time or item.nodeid.partition("[")[0] in SLOW_TESTS:
            item.add_marker(pytest.mark.slow)


BROWSER_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Launch Chromium once: a second driver in the same process would fail."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    with sync_api.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=found, args=BROWSER_FLAGS)
        yield launched
        launched.close()


# Short stages, seldom probed: enough for every event of a run to occur.
SHORT = ["stage1.epochs=2", "stage2.epochs=2"]


QUICK = ("probe=kmeans", "controller=pid", "fusion=concat")
"""Choices of tests that name none: a diagnosis by k-means takes a tenth of the time."""


def make_config(*overrides: str) -> Any:
    composed = any(o.startswith(("+method", "+experiment")) for o in overrides)
    named = {o.partition("=")[0] for o in overrides}
    quick = [o for o in QUICK if o.partition("=")[0] not in named and not composed]
    return copy.deepcopy(_compose((*quick, *overrides)))


@cache
def _compose(overrides: tuple[str, ...]) -> Any:
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("train", overrides=list(overrides))


def make_parts(*overrides: str) -> RunComponents:
    return build(make_config(*overrides))


def run_once(folder: Path, *overrides: str) -> list[dict[str, Any]]:
    """Train in ``folder`` and return the events."""
    folder.mkdir(parents=True, exist_ok=True)
    events: list[dict[str, Any]] = []
    train(make_parts(*overrides), folder, events.append)
    return events


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


OF_THE_CLOCK = {
    "time", "seconds", "samples_per_second", "run", "probe_share", "peak_memory_bytes"
}  # fmt: skip


def timeless(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event without what depends on the clock."""
    return {name: value for name, value in event.items() if name not in OF_THE_CLOCK}


def read_events(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "trace.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def write_small_digits(path: Path) -> Path:
    """Write 300 of the digits, grey and coloured, as an `.npz`: a fifth of the dataset."""
    split = make_parts().splits.train
    batch = split.__getitems__(list(range(300)))
    arrays = {name: values.numpy() for name, values in batch.inputs.items()}
    np.savez(path, y=batch.y.numpy(), **arrays)
    return path


@pytest.fixture(scope="session")
def small_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_digits(tmp_path_factory.mktemp("digits") / "small.npz")


@pytest.fixture(scope="session")
def cremad_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return sample data in the layout of CREMA-D, for tests that leave it as it is."""
    out = tmp_path_factory.mktemp("cremad")
    CremaD.write_sample(out, SampleSpec(clips=72))
    return out


@pytest.fixture(scope="session")
def short_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of four short runs: controllers joint and pid, seeds 0 and 1."""
    folder = tmp_path_factory.mktemp("runs")
    quick = ("stage1.epochs=3", "stage2.epochs=2", "probe=kmeans", "probe.resamples=20",
             "probe.shuffles=2", "encoder=mlp")  # fmt: skip
    for controller in ("joint", "pid"):
        for seed in (0, 1):
            run_once(folder / f"{controller}{seed}", f"controller={controller}", f"seed={seed}",
                     *quick)  # fmt: skip
    return folder


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """Call the command line in this process, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr("sys.argv", ["fusion-sched", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        out, err = capfd.readouterr()
        code = leaving.value.code
        return Answer(0 if code is None else int(code), out, err)

    return call


def check_message(answer: Answer, code: int, words: list[str]) -> None:
    """Check that a command ended with this exit code and one message that holds these words."""
    assert answer.code == code, answer.err
    assert "Traceback" not in answer.err + answer.out
    for word in words:
        assert word in answer.err, answer.err
