"""The command line: help, exit codes, and one readable message for every bad input."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Answer, check_message, read_events

Command = Callable[..., Answer]
SHORT = ("stage1.epochs=1", "stage2.epochs=1", "probe=kmeans", "probe.samples=200",
         "controller=pid", "robustness=false", "encoder=mlp", "tracker=none")  # fmt: skip


@pytest.fixture
def run(command: Command, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of a run that has ended."""
    ended = tmp_path_factory.getbasetemp() / "ended_run"
    if not ended.exists():
        command("train", f"hydra.run.dir={ended}", *SHORT)
    return Path(shutil.copytree(ended, tmp_path / "run"))


def test_help_imports_neither_torch_nor_hydra() -> None:
    """What keeps ``--help`` quick: no import that takes seconds."""
    heavy = "{'torch', 'hydra', 'sklearn'}"
    code = f"import sys, fusion_sched.commands.cli; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_train_help_lists_every_choice(command: Command) -> None:
    shown = command("train", "--help")
    assert shown.code == 0
    for word in ("digits_cg", "pid_published", "fastpid_published", "resume=", "-m seed"):
        assert word in shown.out


def test_version_and_unknown_command(command: Command) -> None:
    assert "fusion-sched 0." in command("--version").out
    assert command("trian").code == 2


def test_config_is_printed_and_nothing_trains(command: Command, tmp_path: Path) -> None:
    shown = command("train", "--cfg", "job", "controller=fixed")
    assert shown.code == 0
    assert "fusion_sched.controllers.fixed.Fixed" in shown.out
    assert list(tmp_path.iterdir()) == []


USAGE_ERRORS = [
    (["stge1.epochs=3"], ["stge1"]),
    (["dataset.jiter=3"], ["dataset.jiter"]),
    (["stage1.epochs=many"], ["stage1.epochs", "many"]),
    (["dataset=mnist3"], ["mnist3", "digits_cg"]),
    (["+experiment=nothing"], ["nothing"]),
    (["seed"], ["seed"]),
    (["--epochs", "3"], ["--epochs"]),
]
FAILURES = [
    (["controller=pid", "controller.threshold=0"], ["threshold is 0", "above 1"]),
    (["controller=pid", "controller.threshold=high"], ["controller.threshold", "'high'", "float"]),
    (["controller=pid", "+controller.treshold=2"], ["controller.treshold", "threshold"]),
    (["probe=kmeans", "probe.clusters=1"], ["clusters is 1", "at least 2"]),
    (["probe=kmeans", "probe.clusters=some"], ["clusters", "some"]),
    (["probe.every=0"], ["every=0"]),
    (["probe=posterior", "probe.checks_every=0"], ["checks_every=0"]),
    (["probe=posterior", "probe.solver=mine"], ["solver is 'mine'", "own"]),
    (["probe.source=test"], ["source is 'test'", "validation"]),
    (["batch_size=0"], ["batch_size is 0"]),
    (["threads=0"], ["threads is 0"]),
    (["role=jont"], ["role is 'jont'", "'joint'"]),
    (["stage2.epochs=0"], ["stage2.epochs is 0"]),
    (["balancer.unimodal_weight=-1"], ["unimodal_weight", "expected 0 or more"]),
    (["stage1.optimizer.lr=-1"], ["stage1.optimizer", "learning rate"]),
    (["dataset.jitter_variance=-1"], ["jitter_variance is -1"]),
    (["dataset.colour_follows=2"], ["colour_follows is 2"]),
    (["dataset.validation=0"], ["validation", "(0, 1)"]),
    (["dataset.validation=0.6", "dataset.test=0.5"], ["less than 1"]),
    (["dataset.test=0.001"], ["too few samples"]),
    (["dataset=digits_thirds", "fusion=film"], ["film", "two modalities", "concat"]),
    (["dataset=digits_thirds", "controller=pid_published"], ["two modalities"]),
    (["dataset=arrays"], ["dataset.root=VALUE"]),
    (["dataset=arrays", "dataset.root=none.npz"], ["none.npz", "does not exist"]),
    (["dataset=arrays", "dataset.root=none.csv"], ["none.csv", ".npz"]),
    (["dataset._target_=nowhere.Dataset"], ["nowhere.Dataset", "dataset"]),
    (["encoder=by_modality"], ["encoder", "gray"]),
    (["dataset=synthetic", "encoder=small_cnn"], ["SmallCNN", "(16,)", "by_shape"]),
    (["device=cuda:99"], ["device='cuda:99'", "device=cpu"]),
    (["device=tpu3"], ["tpu3"]),
    (["stage1.optimizer.lr=1e30", *SHORT], ["not finite", "learning rate"]),
    (["controller=pid", "controller.threshold=nan"], ["controller.threshold is nan", "finite"]),
    (["stage1.optimizer.lr=inf"], ["stage1.optimizer.lr is inf"]),
    (["probe=kmeans", "probe.seed=-1"], ["seed is -1"]),
    (["probe.seed=-1"], ["seed is -1"]),
    (["dataset.split_seed=-1"], ["split_seed is -1"]),
    (["batch_size=99999999999999"], ["batch_size is 99999999999999"]),
    (["encoder=mlp", "encoder.widths=5"], ["encoder.widths is 5"]),
    (["stage1.optimizer.lr=abc"], ["stage1.optimizer.lr", "'abc'"]),
    (
        [
            "dataset=synthetic",
            "dataset.samples=90",
            "dataset.validation=0.4",
            "dataset.unique=[1,0]",
            "dataset.redundancy=0",
            "dataset.synergy=0",
            "probe.source=held_out",
        ],
        ["probe.source=held_out can take 7 of 36", "at least 12"],
    ),
    (
        [
            "encoder=by_modality",
            "+encoder@encoder.gray=mlp",
            "+encoder@encoder.colored=mlp",
            "+encoder@encoder.sound=mlp",
        ],
        ["['sound']", "gray"],
    ),
    (["resume=nowhere"], ["nowhere", "not the folder of a run"]),
    (["resume=nowhere", "seed=2"], ["no other override", "seed=2"]),
]


@pytest.mark.parametrize(("arguments", "words"), USAGE_ERRORS, ids=str)
def test_wrong_usage_is_named_and_exits_with_2(
    command: Command, arguments: list[str], words: list[str]
) -> None:
    check_message(command("train", *arguments), 2, words)


@pytest.mark.parametrize(("arguments", "words"), FAILURES, ids=str)
def test_impossible_values_are_named_and_exit_with_1(
    command: Command, arguments: list[str], words: list[str], tmp_path: Path
) -> None:
    check_message(command("train", "hydra.run.dir=run", *arguments)
                  if not arguments[0].startswith("resume") else command("train", *arguments),
                  1, words)  # fmt: skip
    if arguments[-1] not in SHORT:  # nothing trained: nothing is left behind
        assert not (tmp_path / "run").exists()


GOOD = {"sound": np.zeros((60, 4)), "picture": np.zeros((60, 1, 8, 8)), "y": np.arange(60) % 3}
BAD_ARRAYS = {
    "no labels": ({"y": None}, ["no `y`"]),
    "no modality": ({"sound": None, "picture": None}, ["no modality"]),
    "other length": ({"sound": np.zeros((59, 4))}, ["'sound'", "(59, 4)", "60"]),
    "float labels": ({"y": np.arange(60) / 7}, ["float64", "integer"]),
    "two-dimensional labels": ({"y": np.zeros((60, 2), int)}, ["(60, 2)"]),
    "one class": ({"y": np.zeros(60, int)}, ["at least two"]),
    "NaN": ({"sound": np.full((60, 4), np.nan)}, ["'sound'", "NaN", "row 0"]),
    "infinity": ({"picture": np.full((60, 1, 8, 8), np.inf)}, ["'picture'", "infinity"]),
    "text": ({"sound": np.full((60, 4), "a")}, ["'sound'", "real numbers"]),
    "scarce class": ({"y": np.array([0] * 58 + [1] * 2)}, ["too few samples", "'1': 2"]),
    "objects": ({"sound": np.array([{}] * 60, dtype=object)}, ["without objects"]),
    "unknown split": ({"split": np.array(["dev"] * 60)}, ["'dev'", "validation"]),
    "class outside train": (
        {"split": np.array(["train"] * 20 + ["validation"] * 20 + ["test"] * 20),
         "y": np.repeat([0, 1, 2], 20)},
        ["never occur in the train split"],
    ),
    "reserved name": ({"keys": np.zeros((60, 4))}, ["'keys'", "rename"]),
    "slash in a name": ({"sound/left": np.zeros((60, 4))}, ["'sound/left'", "rename"]),
    "values beyond standardising": ({"sound": np.full((60, 4), 1e300) * np.arange(60)[:, None]},
                                    ["overflow", "rescale"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_unusable_arrays_are_named(command: Command, tmp_path: Path, name: str) -> None:
    change, words = BAD_ARRAYS[name]
    arrays = {n: v for n, v in (GOOD | change).items() if v is not None}
    np.savez(tmp_path / "mine.npz", **arrays)
    check_message(command("train", "dataset=arrays", "dataset.root=mine.npz"), 1, words)


def test_a_file_that_is_no_archive_is_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.npz").write_bytes(b"PK not really")
    check_message(command("train", "dataset=arrays", "dataset.root=mine.npz"), 1, ["mine.npz"])


def test_a_full_run_folder_is_left_alone(command: Command, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("dear")
    check_message(
        command("train", "hydra.run.dir=run", *SHORT), 1, ["already holds thesis.tex", "choose"]
    )
    assert (tmp_path / "run" / "thesis.tex").read_text() == "dear"
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["thesis.tex"]


@pytest.mark.slow
def test_train_replay_compare_and_resume_of_an_ended_run(command: Command, tmp_path: Path) -> None:
    first = command("train", "hydra.run.dir=run", *SHORT)
    assert first.code == 0, first.err
    for word in ("fused", "test", "older papers", "trace.png"):
        assert word in first.out
    assert (tmp_path / "run" / "trace.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    saved = {p.name for p in (tmp_path / "run" / ".hydra").iterdir()}
    assert saved == {"config.yaml", "overrides.yaml", "hydra.yaml"}

    same = command("replay", "run")
    assert (same.code, "same decisions" in same.out) == (0, True), same.err
    assert "stored reading" in same.out
    missing = command("replay", "run", "--reading", "generalising")
    check_message(missing, 1, ["no generalising reading", "probe.source=both"])
    usage = command("replay", "--help").out
    assert "[controller=CHOICE] [controller.KEY=VALUE" in usage
    other = command("replay", "run", "controller=fixed", "controller.epochs=1")
    assert "1 of 1 unimodal epochs done" in other.out
    check_message(command("replay", "run", "seed=2"), 1, ["controller only", "seed=2"])
    check_message(command("replay", "nowhere"), 1, ["nowhere", "trace.jsonl"])

    table = command("compare", "run")
    assert table.code == 0
    assert "all runs" in table.out
    before = read_events(tmp_path / "run")
    assert "already ended" in command("train", "resume=run").out
    assert read_events(tmp_path / "run") == before


def test_a_truncated_checkpoint_is_named_and_kept(command: Command, run: Path) -> None:
    trace = run / "trace.jsonl"
    trace.write_text("".join(trace.read_text().splitlines(keepends=True)[:-1]))
    last = run / "checkpoint" / "last.pt"
    half = last.read_bytes()[: last.stat().st_size // 2]
    last.write_bytes(half)
    check_message(
        command("train", "resume=run"), 1, ["last.pt", "truncated", "nothing was changed"]
    )
    assert last.read_bytes() == half


@pytest.mark.slow
def test_a_sweep_ends_with_a_table_and_survives_a_bad_job(command: Command, tmp_path: Path) -> None:
    answer = command(
        "train", "-m", "seed=0,1", "controller.threshold=0.5,2", "hydra.sweep.dir=sweep", *SHORT
    )
    assert answer.code == 1
    assert answer.err.count("threshold is 0.5") == 2
    assert "job 0" in answer.err
    assert "job 2" in answer.err
    assert "mean ± deviation" in answer.out
    assert sorted(p.parent.name for p in (tmp_path / "sweep").glob("*/trace.png")) == ["1", "3"]
    good = command("train", "-m", "seed=0,1", "hydra.sweep.dir=good", *SHORT)
    assert good.code == 0, good.err
    assert "mean ± deviation" in good.out
    assert "fused" in good.out


def test_full_error_shows_the_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ValueError, match="batch_size is 0"):
        command("train", "batch_size=0")


@pytest.mark.slow
@pytest.mark.parametrize(
    "own", [["controller=random", "seed=3"], ["++controller.threshold=7"], ["controller=mi"]]
)
def test_replay_begins_from_the_runs_own_controller(command: Command, own: list[str]) -> None:
    assert command("train", "hydra.run.dir=run", *own, *SHORT).code == 0
    shown = command("replay", "run")
    assert "same decisions" in shown.out, shown.out + shown.err


@pytest.mark.slow
def test_a_run_resumes_from_another_folder(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", **(GOOD | {"sound": rng.normal(size=(60, 4))}))
    data = ["dataset=arrays", "dataset.root=mine.npz"]
    assert command("train", "hydra.run.dir=run", *data, *SHORT[:2]).code == 0
    trace = tmp_path / "run" / "trace.jsonl"
    whole = read_events(tmp_path / "run")
    trace.write_text("".join(trace.read_text().splitlines(keepends=True)[:-1]))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    resumed = command("train", "resume=../run")
    assert resumed.code == 0, resumed.err
    assert read_events(tmp_path / "run")[-1]["test"] == whole[-1]["test"]


def test_an_edited_configuration_stops_the_resume(command: Command, run: Path) -> None:
    trace = run / "trace.jsonl"
    trace.write_text("".join(trace.read_text().splitlines(keepends=True)[:-1]))
    config = run / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace("batch_size: 64", "batch_size: 32"))
    check_message(command("train", "resume=run"), 1, ["batch_size", "config.yaml"])
    config.write_text("a: [")
    check_message(command("train", "resume=run"), 1, ["config.yaml is damaged"])


@pytest.mark.parametrize("line", ['{"event": "start"}', "nonsense", ""])
def test_a_trace_that_is_none_is_named(command: Command, tmp_path: Path, line: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "trace.jsonl").write_text(line)
    for arguments in (["compare", "run"], ["replay", "run"]):
        check_message(command(*arguments), 1, ["trace.jsonl", "start event"])


def interrupted(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Press Ctrl-C until it is heard: Python loses one that falls into a destructor."""
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    return process.communicate()


@pytest.fixture
def ctrl_c_reaches_children() -> Iterator[None]:
    """A process that ignores SIGINT, as one in a shell's background does, has children that do."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_reaches_children")
def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path) -> None:
    """Ctrl-C: a word on the terminal, exit code 130, and a run that resumes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fusion_sched.commands.cli", "train", "hydra.run.dir=run",
         "stage1.epochs=500", "probe.every=500", "controller=fixed", "controller.epochs=500"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch   2"):
            break
    out, errors = interrupted(process)
    assert process.returncode == 130, errors
    assert "resume=run" in out
    assert "Traceback" not in errors
    assert (tmp_path / "run" / "checkpoint" / "last.pt").exists()
