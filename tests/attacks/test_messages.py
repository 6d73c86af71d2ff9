"""Messages with the right remedy, on any terminal, for files of any name."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Answer, check_message

Command = Callable[..., Answer]


def test_a_missing_value_is_named_once(command: Command) -> None:
    answer = command("train", "dataset=arrays")
    check_message(answer, 1, ["set dataset.root=VALUE"])
    assert "dataset.dataset" not in answer.err


def test_a_key_that_a_choice_lacks_is_not_to_be_added(command: Command) -> None:
    answer = command("train", "dataset.root=x")
    check_message(answer, 2, ["dataset.root", "keys of dataset with dataset=digits_cg"])
    assert "use +dataset.root" not in answer.err


def test_a_value_with_an_equals_sign_needs_quotes(command: Command) -> None:
    check_message(command("train", "dataset=arrays", "dataset.root=a=b.npz"), 2, ["'a=b'"])
    answer = command("train", "dataset=arrays", "dataset.root='a=b.npz'")
    check_message(answer, 1, ["a=b.npz", "does not exist"])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_sweep_may_be_asked_for_anywhere(command: Command, place: int) -> None:
    arguments = ["stge1=1", "seed=0"]
    arguments.insert(place, "-m")
    check_message(command("train", *arguments), 2, ["stge1"])


def test_links_that_lead_to_each_other_are_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for name in ("compare", "report"):
        check_message(command(name, "a"), 1, ["a holds no trace.jsonl"])


def test_a_folder_that_is_not_utf8_is_shown(
    command: Command, short_runs: Path, tmp_path: Path
) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/run\xff")
    shutil.copytree(short_runs / "pid0", folder)
    for name in ("compare", "report", "replay"):
        answer = command(name, folder)
        assert answer.code == 0, answer.err


def _run(arguments: list[str], stdout: int, encoding: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "fusion_sched.commands.cli", *arguments], stdout=stdout,
        stderr=subprocess.PIPE, text=True, env=environment, check=False,
    )  # fmt: skip


def test_a_terminal_of_ascii_and_a_closed_pipe(short_runs: Path) -> None:
    shown = _run(["compare", str(short_runs)], subprocess.PIPE, "ascii")
    assert shown.returncode == 0, shown.stderr
    reading, writing = os.pipe()
    os.close(reading)
    closed = _run(["compare", str(short_runs)], writing, "utf-8")
    os.close(writing)
    assert "Traceback" not in closed.stderr
    assert "Broken pipe" not in closed.stderr
