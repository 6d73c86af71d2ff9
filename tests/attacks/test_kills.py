"""Killed at random moments by any signal, everything goes on and ends as if nothing had happened.

`make kills` kills a hundred times; the suite eight times.
"""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.test_sweep import results, start
from tests.conftest import of, read_events, run_once
from tests.data.clips.test_store import CHUNK, content, make, make_clips, make_store_of
from tests.processes import Forked, start_command
from tests.training.test_resume import Options, assert_same_run

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("KILLS", "8"))
SHARE = {"train": 0.5, "sweep": 0.25, "prepare": 0.125, "export": 0.125}
"""Of the kills, by what is killed."""
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
QUICK = ("probe=kmeans", "controller=pid", "fusion=concat", "encoder=mlp", "stage1.epochs=2",
         "stage2.epochs=2", "probe.resamples=5", "robustness=false")  # fmt: skip
TWO = ("seed=0,1", "controller=joint")


class Killer:
    """Kills what it starts, each time by another signal, after a random part of its duration."""

    def __init__(self, kind: str, seconds: float) -> None:
        self.left = max(1, round(KILLS * SHARE[kind]))
        self._seconds = seconds
        self._random = random.Random(kind)

    def kills(self, begin: Callable[[], Forked]) -> bool:
        """Start it, wait, and send the signal; return whether that came before the end."""
        number = SIGNALS[self.left % len(SIGNALS)]
        process = begin()
        time.sleep(self._random.uniform(0, self._seconds))  # the moment is what is random
        in_time = process.kill(number)
        self.left -= 1
        assert "Traceback" not in process.wait().err
        return in_time


def seconds_of(begin: Callable[[], Forked]) -> float:
    started = time.perf_counter()
    answer = begin().wait()
    assert answer.code == 0, answer.err
    return time.perf_counter() - started


@pytest.fixture(scope="module")
def options(small_digits: Path) -> Options:
    return ("dataset=arrays", f"dataset.root={small_digits}", *QUICK)


@pytest.fixture(scope="module")
def whole_run(options: Options, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    run_once(folder, *options)
    return folder


@pytest.fixture(scope="module")
def whole_sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "sweep"
    assert start(folder, *TWO).wait().code == 0
    return folder


def test_trainings_and_resumed_trainings(options: Options, whole_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def begin() -> Forked:
        begun = (folder / ".hydra" / "config.yaml").exists()
        arguments = (f"resume={folder}",) if begun else (*options, f"hydra.run.dir={folder}")
        return start_command(tmp_path, "train", *arguments)

    killer = Killer("train", seconds_of(begin))
    while killer.left:
        shutil.rmtree(folder)
        for _ in range(min(killer.left, 4)):
            if not killer.kills(begin):
                break
        seconds_of(begin)
        assert_same_run(folder, whole_run)


def test_sweeps(whole_sweep: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"

    def begin() -> Forked:
        return start(folder, *TWO, "sweep.resume=true")

    killer = Killer("sweep", seconds_of(begin))
    while killer.left:
        shutil.rmtree(folder)
        for _ in range(min(killer.left, 4)):
            if not killer.kills(begin):
                break
        seconds_of(begin)
        assert results(folder) == results(whole_sweep)


def test_preparations(tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "raw", 6 * CHUNK)
    whole = content(make(tmp_path / "whole", clips))

    def begin() -> Forked:
        return Forked(tmp_path, make_store_of, tmp_path / "raw", tmp_path / "cut", 1)

    killer = Killer("prepare", seconds_of(begin))
    while killer.left:
        shutil.rmtree(tmp_path / "cut")
        killer.kills(begin)
        assert content(make(tmp_path / "cut", clips)) == whole


def test_exports(whole_run: Path, tmp_path: Path) -> None:
    def begin() -> Forked:
        return start_command(
            tmp_path, "export", str(whole_run), "--format", "torch", "--out", "out"
        )

    killer = Killer("export", seconds_of(begin))
    size = (tmp_path / "out" / "model.pt2").stat().st_size
    while killer.left:
        shutil.rmtree(tmp_path / "out")
        killer.kills(begin)
        left = [p.stat().st_size for p in tmp_path.glob("out/model.pt2")]
        assert left in ([], [size])
        seconds_of(begin)


def test_two_processes_on_one_sweep(whole_sweep: Path, tmp_path: Path) -> None:
    """Each job runs once; who finds that another process trains a run says so."""
    folder = tmp_path / "sweep"
    processes = [start(folder, *TWO, "sweep.resume=true") for _ in range(2)]
    answers = [process.wait() for process in processes]
    assert min(answer.code for answer in answers) == 0, [answer.err for answer in answers]
    for answer in answers:
        assert "Traceback" not in answer.err
        assert answer.code == 0 or "another process is training in" in answer.err
    assert results(folder) == results(whole_sweep)
    for trace in folder.rglob("trace.jsonl"):
        assert len(of(read_events(trace.parent), "start")) == 1
