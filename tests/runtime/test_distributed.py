"""Two processes on one machine train as one does."""

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

SETTINGS = (
    "encoder=mlp", "stage1.epochs=3", "stage2.epochs=2", "probe.samples=300",
    "probe=kmeans", "probe.resamples=20", "probe.shuffles=5", "seed=1", "device=cpu",
)  # fmt: skip
PROGRAM = """
import sys
from pathlib import Path
from tests.conftest import make_parts
from fusion_sched.training.trainer import train
folder, *settings = sys.argv[1:]
Path(folder).mkdir(parents=True, exist_ok=True)
train(make_parts(*settings), Path(folder), lambda event: None)
"""


def torchrun(folder: Path, processes: int, *settings: str) -> None:
    """Train in ``folder`` with some processes."""
    root = Path(__file__).parents[2]
    program = folder.parent / "program.py"
    program.write_text(PROGRAM)
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone",
        f"--nproc_per_node={processes}", str(program), str(folder), *settings,
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of the same run by one process and by two."""
    folder = tmp_path_factory.mktemp("distributed")
    run_once(folder / "one", *SETTINGS)
    torchrun(folder / "two", 2, *SETTINGS)
    return folder / "one", folder / "two"


def decisions(folder: Path) -> list[tuple[int, Any]]:
    return [(e["epoch"], e["to"]) for e in of(read_events(folder), "decision")]


def test_the_decisions_are_the_same(runs: tuple[Path, Path]) -> None:
    one, two = runs
    assert decisions(one) == decisions(two)
    assert len(decisions(one)) > 1


def test_diagnoses_see_every_sample(runs: tuple[Path, Path]) -> None:
    for mine, theirs in zip(*(of(read_events(run), "probe") for run in runs), strict=True):
        assert mine["samples"] == theirs["samples"] == 300
        for name, bits in mine["mi_bits"].items():
            assert bits == pytest.approx(theirs["mi_bits"][name], abs=1e-3)


def test_the_first_process_alone_writes(runs: tuple[Path, Path]) -> None:
    _, two = runs
    events = read_events(two)
    assert [e["event"] for e in events].count("start") == 1
    assert len(of(events, "epoch")) == len(of(read_events(runs[0]), "epoch"))
    assert events[-1]["event"] == "result"


def test_weights_after_an_epoch_are_those_of_one_process(tmp_path: Path) -> None:
    settings = [*SETTINGS[:1], "controller=joint", "stage1.epochs=1", "stage2.epochs=1",
                "equal_budget=false", *SETTINGS[3:]]  # fmt: skip
    run_once(tmp_path / "one", *settings)
    torchrun(tmp_path / "two", 2, *settings)
    one, two = (
        checkpoint.load(tmp_path / name / "checkpoint" / "last.pt", torch.device("cpu"))["model"]
        for name in ("one", "two")
    )
    assert set(one) == set(two)
    for name, weights in one.items():
        assert float((weights - two[name]).abs().max()) < 1e-5, name


class Stop(Exception):
    pass


def test_a_run_of_one_goes_on_with_two(tmp_path: Path, runs: tuple[Path, Path]) -> None:
    """The checkpoint does not know how many processes wrote it."""

    def stop(event: dict[str, Any]) -> None:
        if event["event"] == "epoch" and event["epoch"] == 2:
            raise Stop

    folder = tmp_path / "run"
    folder.mkdir()
    with pytest.raises(Stop):
        train(make_parts(*SETTINGS), folder, stop)
    torchrun(folder, 2, *SETTINGS)
    assert decisions(folder) == decisions(runs[0])
    epochs = [[e["loss"] for e in of(read_events(run), "epoch")] for run in (folder, runs[0])]
    for mine, theirs in zip(*epochs, strict=True):
        assert mine == {name: pytest.approx(loss, rel=1e-3) for name, loss in theirs.items()}


def test_normalised_layers_evaluate_alike_in_both_processes(tmp_path: Path) -> None:
    """BatchNorm's statistics are averaged, so that no half of the test split sees others."""
    settings = ("encoder=small_cnn", "controller=fixed", *SETTINGS[1:])
    torchrun(tmp_path / "two", 2, *settings)
    run_once(tmp_path / "one", *settings)
    two, one = (of(read_events(tmp_path / name), "result")[0] for name in ("two", "one"))
    assert two["test"]["fused"]["accuracy"] == pytest.approx(
        one["test"]["fused"]["accuracy"], abs=0.1
    )


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("samples", [12, 13, 17, 16])
def test_shares_are_disjoint_whole_and_never_a_single_sample(count: int, samples: int) -> None:
    shares = [list(Batches(range(samples), 8, Processes(rank, count))) for rank in range(count)]
    assert sorted(i for share in shares for batch in share for i in batch) == list(range(samples))
    assert {len(share) for share in shares} == {
        len(Batches(range(samples), 8, Processes(0, count)))
    }
    assert min(len(batch) for share in shares for batch in share) >= 2
