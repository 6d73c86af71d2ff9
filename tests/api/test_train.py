"""`train` and `load`: a run as the command makes it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import fusion_sched
from fusion_sched.api import RunResult
from fusion_sched.commands.train import launch
from tests.conftest import Answer

QUICK = ("stage1.epochs=1", "stage2.epochs=1", "probe=kmeans", "controller=joint", "tracker=none",
         "probe.resamples=2", "probe.shuffles=2", "encoder=mlp", "robustness=false")  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("train")
    return fusion_sched.train([*QUICK, f"hydra.run.dir={folder / 'run'}"])


def test_the_run_is_that_of_the_command(
    run: RunResult, tmp_path: Path, command: Callable[..., Answer]
) -> None:
    launch([*QUICK, f"hydra.run.dir={tmp_path / 'run'}"])
    theirs = load_file(tmp_path / "run" / "model" / "model.safetensors")
    ours = load_file(run.folder / "model" / "model.safetensors")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    files = {path.relative_to(tmp_path / "run") for path in (tmp_path / "run").rglob("*")}
    assert {path.relative_to(run.folder) for path in run.folder.rglob("*")} == files
    assert (run.folder / ".hydra" / "config.yaml").read_bytes() == (
        tmp_path / "run" / ".hydra" / "config.yaml"
    ).read_bytes()
    assert command("evaluate", str(run.folder)).code == 0


def test_the_result_holds_scores_trace_and_model(run: RunResult) -> None:
    assert run.test == run.trace.result["test"]
    assert run.validation == run.trace.result["validation"]
    assert run.diagnosis is not None
    assert set(run.model.modalities) == {"gray", "colored"}
    assert run.model.classes_.tolist() == [str(digit) for digit in range(10)]


def test_a_loaded_model_predicts(run: RunResult) -> None:
    model = fusion_sched.load(run.folder)
    X = {m: np.zeros((3, *shape)) for m, shape in model.modalities.items()}
    assert model.predict_proba(X).shape == (3, 10)
    assert set(model.predict(X)) <= set(model.classes_)
    assert model.embed(X)["gray"].shape == (3, 64)


def test_what_only_the_command_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got -m, expected overrides of one run"):
        fusion_sched.train(["-m", "seed=0,1"])
    with pytest.raises(ValueError, match=r"expected a list of strings: \['seed=1'\]"):
        fusion_sched.train("seed=1")
    folder = tmp_path / "run"
    with pytest.raises(ValueError, match="batch_size is 1"):
        fusion_sched.train([*QUICK, "batch_size=1", f"hydra.run.dir={folder}"])
    assert not folder.exists()
    folder.mkdir()
    (folder / "notes.txt").touch()
    with pytest.raises(FileExistsError, match=r"already holds notes\.txt"):
        fusion_sched.train([*QUICK, f"hydra.run.dir={folder}"])


def test_it_prints_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*QUICK, "dataset=arrays", f"dataset.root={tmp_path / 'arrays.npz'}"]
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "arrays.npz", y=np.arange(60) % 2, a=rng.normal(size=(60, 2)))
    fusion_sched.train([*words, f"hydra.run.dir={tmp_path / 'run'}"], verbose=True)
    assert "selected on validation" in capsys.readouterr().out
