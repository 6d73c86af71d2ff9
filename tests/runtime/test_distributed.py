"""Two processes on one machine train as one does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from fusion_sched.data.loading import Batches
from fusion_sched.runtime import checkpoint
from fusion_sched.runtime.distributed import Processes
from fusion_sched.training.trainer import train
from tests.conftest import make_parts, of, read_events, run_once

pytest.importorskip("accelerate", reason="needs the extra `distributed`")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SETTINGS = (
    "controller=pid", "encoder=mlp", "stage1.epochs=3", "stage2.epochs=2", "probe.samples=150",
    "probe=kmeans", "probe.resamples=20", "probe.shuffles=5", "seed=1", "device=cpu",
    "robustness=false", "fusion=concat",
)  # fmt: skip
JOINT = (
    "encoder=mlp", "controller=joint", "stage1.epochs=1", "stage2.epochs=1", "equal_budget=false",
    *SETTINGS[4:],
)  # fmt: skip
NORMALISED = ("encoder=small_cnn", "controller=fixed", *SETTINGS[2:])
PROGRAM = """
import json, sys
from pathlib import Path
from hydra import compose, initialize_config_dir
from fusion_sched.config.build import build
from fusion_sched.config.schema import config_dir, register
from fusion_sched.training.trainer import train
register()
for folder, settings in json.loads(sys.argv[1]).items():
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        parts = build(compose("train", overrides=settings))
    Path(folder).mkdir(parents=True, exist_ok=True)
    train(parts, Path(folder), lambda event: None)
"""


def torchrun(program: Path, trainings: dict[Path, tuple[str, ...]]) -> None:
    """Train in each folder with two processes: one start of both serves all."""
    program.write_text(PROGRAM)
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2",
        str(program), json.dumps({str(folder): options for folder, options in trainings.items()}),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without CUDA")
def test_the_documented_command_is_one_training(tmp_path: Path, small_digits: Path) -> None:
    """As in the README, with the default `device=auto`."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m",
        "fusion_sched.commands.cli", "train", "dataset=arrays", f"dataset.root={small_digits}",
        "encoder=mlp", "controller=joint", "stage1.epochs=1", "stage2.epochs=1", "probe=kmeans",
        "probe.samples=150", "equal_budget=false", "robustness=false", "tracker=none",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (trace,) = tmp_path.rglob("trace.jsonl")
    events = read_events(trace.parent)
    assert [len(of(events, kind)) for kind in ("start", "result")] == [1, 1]
    assert len(list(tmp_path.glob("outputs/train/*/*"))) == 1


class Stop(Exception):
    pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_digits: Path) -> Path:
    """Folders `one` and `two` of the same run by one process and by two, and those of others."""
    folder = tmp_path_factory.mktemp("distributed")
    data = ("dataset=arrays", f"dataset.root={small_digits}")
    settings, joint = (*data, *SETTINGS), (*data, *JOINT)
    for name, options in (("one", settings), ("joint_one", joint), ("normal_one", NORMALISED)):
        run_once(folder / name, *options)

    def stop(event: dict[str, Any]) -> None:
        if event["event"] == "epoch" and event["epoch"] == 2:
            raise Stop

    (folder / "resumed").mkdir()
    with pytest.raises(Stop):
        train(make_parts(*settings), folder / "resumed", stop)
    torchrun(
        folder / "program.py",
        {folder / "two": settings, folder / "joint_two": joint, folder / "resumed": settings,
         folder / "normal_two": NORMALISED},
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def runs(folder: Path) -> tuple[Path, Path]:
    return folder / "one", folder / "two"


def decisions(folder: Path) -> list[tuple[int, Any]]:
    return [(e["epoch"], e["to"]) for e in of(read_events(folder), "decision")]


def test_the_decisions_are_the_same(runs: tuple[Path, Path]) -> None:
    one, two = runs
    assert decisions(one) == decisions(two)
    assert len(decisions(one)) > 1


def test_diagnoses_see_every_sample(runs: tuple[Path, Path]) -> None:
    for mine, theirs in zip(*(of(read_events(run), "probe") for run in runs), strict=True):
        assert mine["samples"] == theirs["samples"] == 150
        for name, bits in mine["mi_bits"].items():
            assert bits == pytest.approx(theirs["mi_bits"][name], abs=1e-3)


def test_the_first_process_alone_writes(runs: tuple[Path, Path]) -> None:
    _, two = runs
    events = read_events(two)
    assert [e["event"] for e in events].count("start") == 1
    assert len(of(events, "epoch")) == len(of(read_events(runs[0]), "epoch"))
    assert events[-1]["event"] == "result"


def test_weights_after_an_epoch_are_those_of_one_process(folder: Path) -> None:
    one, two = (
        checkpoint.load(folder / name / "checkpoint" / "last.pt", torch.device("cpu"))["model"]
        for name in ("joint_one", "joint_two")
    )
    assert set(one) == set(two)
    for name, weights in one.items():
        assert float((weights - two[name]).abs().max()) < 1e-5, name


def test_a_run_of_one_goes_on_with_two(folder: Path) -> None:
    """The checkpoint does not know how many processes wrote it."""
    resumed, one = folder / "resumed", folder / "one"
    assert decisions(resumed) == decisions(one)
    epochs = [[e["loss"] for e in of(read_events(run), "epoch")] for run in (resumed, one)]
    for mine, theirs in zip(*epochs, strict=True):
        assert mine == {name: pytest.approx(loss, rel=1e-3) for name, loss in theirs.items()}


def test_normalised_layers_evaluate_alike_in_both_processes(folder: Path) -> None:
    """BatchNorm's statistics are averaged, so that no half of the test split sees others."""
    two, one = (
        of(read_events(folder / name), "result")[0]["test"]["fused"]["accuracy"]
        for name in ("normal_two", "normal_one")
    )
    assert two == pytest.approx(one, abs=0.1)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("samples", [12, 13, 17, 16])
def test_shares_are_disjoint_whole_and_never_a_single_sample(count: int, samples: int) -> None:
    shares = [list(Batches(range(samples), 8, Processes(rank, count))) for rank in range(count)]
    assert sorted(i for share in shares for batch in share for i in batch) == list(range(samples))
    assert {len(share) for share in shares} == {
        len(Batches(range(samples), 8, Processes(0, count)))
    }
    assert min(len(batch) for share in shares for batch in share) >= 2
