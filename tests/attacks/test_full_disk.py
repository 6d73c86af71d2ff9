"""A disk that gets full: a message with the file and the remedy, and the work goes on afterwards.

A limit on the size of files makes the same calls fail, for one process and without a mount.
"""

import resource
import shutil
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from fusion_sched.runlog.writer import TraceWriter
from tests.conftest import check_message, make_parts, run_once
from tests.processes import Answer, Forked
from tests.training.test_resume import Options, assert_same_run, interrupted_after

QUICK = ("probe=kmeans", "controller=pid", "fusion=concat", "encoder=mlp", "stage1.epochs=2",
         "stage2.epochs=2", "probe.resamples=5", "robustness=false")  # fmt: skip


def _call_limited(limit: int, *arguments: str) -> None:
    from fusion_sched.commands import cli

    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    sys.argv = ["fusion-sched", *arguments]
    cli.main()


def limited(folder: Path, limit: int, *arguments: str) -> Answer:
    """Run a command in `folder`, none of whose files may have more bytes than this."""
    return Forked(folder, _call_limited, limit, *arguments).wait()


@pytest.fixture(scope="module")
def options(small_digits: Path) -> Options:
    return ("dataset=arrays", f"dataset.root={small_digits}", *QUICK)


@pytest.fixture(scope="module")
def uninterrupted(options: Options, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    run_once(folder, *options)
    return folder


@pytest.mark.parametrize(
    ("limit", "file"), [(500, "config.yaml"), (2_500, "hydra.yaml"), (60_000, "last.pt")]
)
def test_training_names_the_file_and_can_be_begun_again(
    options: Options, uninterrupted: Path, tmp_path: Path, limit: int, file: str
) -> None:
    run = tmp_path / "run"
    arguments = ("train", *options, f"hydra.run.dir={run}")
    check_message(limited(tmp_path, limit, *arguments), 1, [file, "ake room"])
    begun = (run / ".hydra").exists()
    again = ("train", f"resume={run}") if begun else arguments
    answer = limited(tmp_path, resource.RLIM_INFINITY, *again)
    assert answer.code == 0, answer.err
    assert_same_run(run, uninterrupted)


def test_a_line_of_the_trace_that_does_not_fit(tmp_path: Path) -> None:
    """A part of it is written; the next one to write the trace leaves it out."""
    lines = _lines_that_fit(tmp_path)
    assert 0 < lines < 50
    content = (tmp_path / "trace.jsonl").read_bytes()
    assert not content.endswith(b"\n")
    with closing(TraceWriter(tmp_path, lambda _: None, keep_lines=lines)):
        assert (tmp_path / "trace.jsonl").read_bytes() == content[: content.rindex(b"\n") + 1]


def _lines_that_fit(folder: Path) -> int:
    """Write a trace until a limit of 1,000 bytes; return the number of lines."""
    answer = Forked(folder, _write_trace, folder, 1_000).wait()
    check_message(answer, 1, ["trace.jsonl cannot be written", "make room"])
    return int(answer.out)


def _write_trace(folder: Path, limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    with closing(TraceWriter(folder, lambda _: None)) as trace:
        try:
            while True:
                trace.write("epoch", epoch=trace.lines)
        except OSError as error:
            print(trace.lines)
            sys.exit(str(error))


def test_a_resumed_run_goes_on_from_the_last_good_checkpoint(
    options: Options, uninterrupted: Path, tmp_path: Path
) -> None:
    """The limit is that of the checkpoint that is there: the next trace lines and files fail."""
    run = tmp_path / "run"
    arguments = (*options, f"hydra.run.dir={run}")
    small = (uninterrupted / "checkpoint" / "last.pt").stat().st_size // 2
    assert limited(tmp_path, small, "train", *arguments).code == 1
    interrupted_after(run, options, 7)
    before = (run / "checkpoint" / "last.pt").read_bytes()
    stopped = limited(tmp_path, small, "train", f"resume={run}")
    check_message(stopped, 1, [".pt", "ake room"])
    assert "stopped; go on by: fusion-sched train resume=run" in stopped.out
    assert (run / "checkpoint" / "last.pt").read_bytes() == before
    answer = limited(tmp_path, resource.RLIM_INFINITY, "train", f"resume={run}")
    assert answer.code == 0, answer.err
    assert_same_run(run, uninterrupted)


@pytest.mark.parametrize("limit", [2_000, 40_000])
def test_preparing_goes_on_afterwards(cremad_root: Path, tmp_path: Path, limit: int) -> None:
    root = Path(shutil.copytree(cremad_root, tmp_path / "cremad"))
    shutil.rmtree(root / ".fusion_sched", ignore_errors=True)
    arguments = ("data", "prepare", "cremad", "dataset.size=16", "dataset.audio_size=[16,16]",
                 "--root", str(root), "--workers", "1")  # fmt: skip
    check_message(limited(tmp_path, limit, *arguments), 1, [".fusion_sched", "ake room"])
    answer = limited(tmp_path, resource.RLIM_INFINITY, *arguments)
    assert answer.code == 0, answer.err
    assert answer.out.startswith("72 clips, ")


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (("report", "RUN", "--output", "page.html"), "page.html"),
        (("report", "RUN", "--output", "/dev/null/page.html"), "/dev/null"),
        (("compare", "RUN", "--format", "json", "--output", "table.json"), "table.json"),
        (("export", "RUN", "--format", "safetensors", "--out", "out"), "model.safetensors"),
        (("export", "RUN", "--format", "torch", "--out", "out"), "model.pt2"),
        (("predict", "RUN", "new.npz", "--out", "table.csv"), "table.csv"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_what_is_written_of_a_run_is_whole_or_not_there(
    uninterrupted: Path, small_digits: Path, tmp_path: Path, arguments: tuple[str, ...], file: str
) -> None:
    with np.load(small_digits) as arrays:
        np.savez(tmp_path / "new.npz", **{n: v for n, v in arrays.items() if n != "y"})
    before = sorted(tmp_path.rglob("*"))
    given = [str(uninterrupted) if a == "RUN" else a for a in arguments]
    check_message(limited(tmp_path, 1_000, *given), 1, [file])
    left = [path for path in sorted(tmp_path.rglob("*")) if path not in before and path.is_file()]
    assert left == []


def test_a_run_in_memory_is_that_of_the_command(options: Options, uninterrupted: Path) -> None:
    """Otherwise the comparisons above would be of other runs."""
    assert make_parts(*options).config["seed"] == 0
    assert (uninterrupted / "model" / "model.safetensors").is_file()
