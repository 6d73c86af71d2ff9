"""A sweep gives the same on every engine, and, killed and resumed, trains only what is missing."""

import hashlib
import importlib.util
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from joblib.externals.loky import get_reusable_executor

from fusion_sched.commands.sweep import find_run, has_ended
from fusion_sched.runtime import checkpoint
from fusion_sched.runtime.files import lock
from tests.conftest import of, read_events, timeless
from tests.processes import Answer, Forked, start_command

Command = Callable[..., Answer]
Key = tuple[int, str]

TINY = ("stage1.epochs=1", "stage2.epochs=1", "probe=kmeans", "probe.resamples=5",
        "probe.shuffles=2", "probe.samples=200", "encoder=mlp", "tracker=none",
        "robustness=false")  # fmt: skip
SIX = ("seed=0,1,2", "controller=pid,joint")
FOUR = ("seed=0,1", "controller=pid,joint")
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
needs_joblib = pytest.mark.skipif(
    importlib.util.find_spec("hydra_plugins.hydra_joblib_launcher") is None,
    reason="needs the extra `joblib`",
)


def start(folder: Path, *overrides: str) -> Forked:
    """Start a sweep in `folder`."""
    arguments = ["train", "-m", *overrides, *TINY, f"hydra.sweep.dir={folder.name}"]
    return start_command(folder.parent, *arguments)


def run_folders(sweep: Path) -> dict[Key, Path]:
    """Return the folder of each run of a sweep that has begun, by its seed and controller."""
    found = {}
    for trace in sweep.rglob("trace.jsonl"):
        config = of(read_events(trace.parent), "start")[0]["config"]
        key = (config["seed"], config["controller"]["_target_"].rsplit(".")[-1])
        assert key not in found, "two folders hold the same run"
        found[key] = trace.parent
    return found


def weights_hash(folder: Path) -> str:
    """Return a hash of the last weights and of the selected ones."""
    digest = hashlib.sha256()
    last = checkpoint.load(folder / "checkpoint" / "last.pt", torch.device("cpu"))
    best = checkpoint.load(folder / "checkpoint" / last["state"]["best"], torch.device("cpu"))
    for content in (last, best):
        for name, values in content["model"].items():
            digest.update(name.encode() + values.numpy().tobytes())
    return digest.hexdigest()


def results(sweep: Path) -> dict[Key, tuple[str, list[dict[str, Any]]]]:
    """Return weights and trace of each run, without what depends on the clock."""
    return {
        key: (weights_hash(folder), [timeless(event) for event in read_events(folder)])
        for key, folder in run_folders(sweep).items()
    }


def content(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an uninterrupted sweep of six runs, one after another in one process."""
    folder = tmp_path_factory.mktemp("whole") / "six"
    answer = start(folder, *SIX).wait()
    assert answer.code == 0, answer.err
    assert sorted(f.name for f in run_folders(folder).values()) == list("012345")
    return folder


@pytest.fixture
def copy(six: Path, tmp_path: Path) -> Path:
    """Return a copy of the six runs that a test may change."""
    return Path(shutil.copytree(six, tmp_path / "copy"))


def assert_same(sweep: Path, whole: Path, count: int) -> None:
    mine, theirs = results(sweep), results(whole)
    assert len(mine) == count
    assert mine == {key: theirs[key] for key in mine}


@needs_joblib
def test_joblib_gives_the_same_as_one_process_and_names_failed_jobs(
    command: Command, six: Path, tmp_path: Path
) -> None:
    get_reusable_executor().shutdown(wait=True)  # workers of another test are in its folder
    answer = command(
        "train", "-m", "seed=-1,0,1", *FOUR[1:], *TINY, *JOBLIB, "hydra.sweep.dir=four"
    )
    assert_same(tmp_path / "four", six, 4)
    assert "sweep: four" in answer.out
    assert answer.code == 1
    assert "Traceback" not in answer.err
    for number, controller in enumerate(("pid", "joint")):
        assert f"job {number} (controller={controller}" in answer.err
    assert answer.err.count("seed is -1, expected at least 0") == 2
    names = {path.name for path in (tmp_path / "four").iterdir()}
    assert names == {"2", "3", "4", "5", "jobs.jsonl", "multirun.yaml"}


def test_submitit_gives_the_same_as_one_process(six: Path, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="needs the extra `slurm`")
    answer = start(tmp_path / "four", *FOUR, "hydra/launcher=submitit_local").wait()
    assert answer.code == 0, answer.err
    assert_same(tmp_path / "four", six, 4)


def kill_in_the_middle(process: Forked, sweep: Path) -> None:
    """Kill a sweep once two runs have ended and another has trained."""
    while process.running():
        texts = [trace.read_text() for trace in sweep.glob("*/trace.jsonl")]
        ended = sum('"event": "result"' in text for text in texts)
        trained = sum('"event": "epoch"' in text for text in texts)
        if ended >= 2 and trained > ended and all(texts):
            break
        time.sleep(0.002)
    assert process.kill(), process.wait().err


def test_killed_and_resumed_trains_only_what_is_missing(
    command: Command, six: Path, tmp_path: Path
) -> None:
    sweep = tmp_path / "killed"
    kill_in_the_middle(start(sweep, *SIX), sweep)
    ended = [folder for folder in run_folders(sweep).values() if has_ended(folder)]
    assert 2 <= len(ended) < 6
    before = {folder: (folder / "trace.jsonl").read_bytes() for folder in ended}
    answer = command("train", "-m", *SIX, *TINY, "hydra.sweep.dir=killed", "sweep.resume=true")
    assert answer.code == 0, answer.err
    assert answer.out.count("has already ended") == len(ended)
    assert {folder: (folder / "trace.jsonl").read_bytes() for folder in ended} == before
    for folder in run_folders(sweep).values():
        assert len(of(read_events(folder), "start")) == 1
        assert len(of(read_events(folder), "epoch")) == 2
    assert_same(sweep, six, 6)
    assert " 3 " in answer.out.split("sweep: killed")[1], "three seeds in the table"


def test_reordered_and_extended_only_new_runs_train(command: Command, copy: Path) -> None:
    before = {key: (folder, content(folder)) for key, folder in run_folders(copy).items()}
    answer = command(
        "train", "-m", *TINY[::-1], "controller=joint,pid", "seed=3,2,1,0",
        "hydra.sweep.dir=copy", "sweep.resume=true",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    after = run_folders(copy)
    assert set(after) - set(before) == {(3, "Joint"), (3, "PID")}
    assert {key: (after[key], content(after[key])) for key in before} == before
    assert answer.out.count("has already ended") == 6
    assert sorted(f.name for f in copy.iterdir() if f.is_dir()) == list("01234567")


def test_runs_that_began_go_on_where_they_lie(command: Command, six: Path, copy: Path) -> None:
    """One was killed before its first event, one before its result: jobs have other numbers now."""
    folders = run_folders(copy)
    unbegun, unfinished = folders[0, "Joint"], folders[2, "PID"]
    for path in unbegun.iterdir():
        if path.name != ".hydra":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    trace = unfinished / "trace.jsonl"
    trace.write_text("".join(trace.read_text().splitlines(keepends=True)[:-1]))
    answer = command(
        "train", "-m", "seed=2,1,0", *SIX[1:], *TINY, "hydra.sweep.dir=copy", "sweep.resume=true"
    )
    assert answer.code == 0, answer.err
    assert answer.out.count("has already ended") == 4
    assert run_folders(copy) == folders
    assert_same(copy, six, 6)


def test_two_sweeps_at_once_share_a_folder(six: Path, tmp_path: Path) -> None:
    """Their jobs have the same numbers; the choice of a folder lets none take another's."""
    (tmp_path / "both").mkdir()
    both = [
        start(tmp_path / "both", f"seed={seed}", "controller=pid,joint", "sweep.resume=true")
        for seed in (0, 1)
    ]
    for answer in [sweep.wait() for sweep in both]:
        assert answer.code == 0, answer.err
    assert_same(tmp_path / "both", six, 4)


def test_a_run_in_training_is_left_alone(command: Command, copy: Path) -> None:
    folder = run_folders(copy)[1, "Joint"]
    trace = folder / "trace.jsonl"
    trace.write_text("".join(trace.read_text().splitlines(keepends=True)[:-1]))
    before = trace.read_text()
    with lock(folder / ".lock", blocking=False):
        answer = command(
            "train", "-m", "seed=1", "controller=joint,pid", *TINY, "hydra.sweep.dir=copy",
            "sweep.resume=true",
        )  # fmt: skip
    assert answer.code == 1
    assert "job 0 (controller=joint" in answer.err
    assert f"another process is training in {folder}" in answer.err
    assert trace.read_text() == before


@needs_joblib
def test_a_launcher_that_stops_says_how_to_go_on(command: Command, tmp_path: Path) -> None:
    answer = command(
        "train", "-m", *FOUR, *TINY, "hydra.sweep.dir=none", JOBLIB[0], "hydra.launcher.n_jobs=0"
    )
    assert answer.code == 1
    assert "the launcher stopped" in answer.err
    assert "n_jobs == 0" in answer.err
    assert "hydra.sweep.dir=none sweep.resume=true" in answer.err


def test_without_resume_nothing_is_overwritten(command: Command, copy: Path) -> None:
    before = content(copy / "0")
    answer = command("train", "-m", "seed=0", "controller=pid", *TINY, "hydra.sweep.dir=copy")
    assert answer.code == 1
    assert "sweep.resume=true" in answer.err
    assert content(copy / "0") == before


def test_the_hash_is_of_the_configuration(six: Path) -> None:
    first = six / "0" / ".hydra" / "config.yaml"
    wanted = first.read_text().splitlines()[0].split()[-1]
    assert find_run(six, wanted) == six / "0"
    assert find_run(six, wanted[::-1]) is None


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["-m", "sweep.resume=true"], "hydra.sweep.dir=FOLDER"),
        (["-m", "sweep.resume=yes", "hydra.sweep.dir=a"], "'yes', expected true or false"),
        (["sweep.resume=true", "hydra.sweep.dir=a", "hydra.run.dir=run"], "resume=FOLDER"),
    ],
    ids=str,
)
def test_a_misused_resume_is_named(
    command: Command, tmp_path: Path, arguments: list[str], word: str
) -> None:
    answer = command("train", *arguments)
    assert answer.code == 1
    assert word in answer.err
    assert list(tmp_path.iterdir()) == []


PRESETS = {"slurm": "slurm", "submitit_local": "slurm", "ray_cluster": "ray"}
PLUGINS = {"slurm": "hydra_submitit_launcher", "ray": "hydra_ray_launcher"}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_composes_or_names_its_extra(command: Command, preset: str) -> None:
    extra = PRESETS[preset]
    installed = importlib.util.find_spec(f"hydra_plugins.{PLUGINS[extra]}") is not None
    answer = command("train", "--cfg", "hydra", f"hydra/launcher={preset}")
    if installed:
        assert "_target_: hydra_plugins." in answer.out, answer.err
    else:
        assert answer.code == 1
        assert f'pip install "fusion-sched[{extra}]"' in answer.err


def test_a_combination_that_cannot_train_is_refused_before_the_first_job(
    command: Command, tmp_path: Path
) -> None:
    answer = command(
        "train", "-m", "controller=fixed", "balancer=none,mla", *TINY, "hydra.sweep.dir=refused"
    )
    assert answer.code == 1
    assert "no job of the sweep was started:" in answer.err
    assert "controller=fixed balancer=mla" in answer.err
    assert "balancer=mla has no fused loss, and Hidden" in answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "refused").exists()
