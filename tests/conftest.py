"""What tests share: a composed configuration, a run in memory, and the command line in process."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

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

os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)
register()

# Short stages, seldom probed: enough for every event of a run to occur.
SHORT = ["stage1.epochs=2", "stage2.epochs=2"]


def make_config(*overrides: str) -> Any:
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
    return {
        name: value
        for name, value in event.items()
        if name
        not in ("time", "seconds", "samples_per_second", "run", "probe_share", "peak_memory_bytes")
    }


def read_events(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "trace.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


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
    quick = (
        "stage1.epochs=3",
        "stage2.epochs=2",
        "probe=kmeans",
        "probe.resamples=20",
        "probe.shuffles=2",
    )
    for controller in ("joint", "pid"):
        for seed in (0, 1):
            run_once(folder / f"{controller}{seed}", f"controller={controller}", f"seed={seed}",
                     *quick)  # fmt: skip
    return folder


class Answer:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


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
