"""A damaged list of a sweep's jobs: whole lines are used, the others named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fusion_sched.analysis.runs import JOBS_FILE, note_job
from tests.conftest import Answer

Command = Callable[..., Answer]
DAMAGES: dict[str, bytes] = {
    "torn": b'{"job": 1, "folder": "pi',
    "not UTF-8": b'{"job": 1, "folder": "\xff\xfe", "overrides": [], "configuration": "b"}',
    "deep": b"[" * 100_000,
    "another type": b"17",
    "a part is missing": b'{"job": 1, "folder": "pid0"}',
    "a part of another type": b'{"job": 1, "folder": [], "overrides": [], "configuration": "b"}',
    "overrides of another type": b'{"job": 1, "folder": "a", "overrides": [[]],'
    b' "configuration": "b"}',
    "outside the sweep": b'{"job": 1, "folder": "../x", "overrides": [], "configuration": "b"}',
    "a folder of zero bytes": b'{"job": 1, "folder": "\\u0000", "overrides": [],'
    b' "configuration": "b"}',
    "empty": b"",
}


def _sweep(tmp_path: Path, short_runs: Path) -> Path:
    sweep = tmp_path / "sweep"
    shutil.copytree(short_runs / "joint0", sweep / "joint0")
    note_job(sweep, 0, sweep / "joint0", ["seed=0"], "a")
    return sweep


@pytest.mark.parametrize("name", DAMAGES)
def test_whole_lines_are_used_and_the_others_named(
    command: Command, tmp_path: Path, short_runs: Path, name: str
) -> None:
    sweep = _sweep(tmp_path, short_runs)
    with (sweep / JOBS_FILE).open("ab") as file:
        file.write(DAMAGES[name] + b"\n")
    note_job(sweep, 2, sweep / "lost", ["seed=2"], "c")
    answer = command("compare", "sweep", "--wide")
    assert answer.code == 0, answer.err
    shown = " ".join(answer.out.split())
    assert f"{JOBS_FILE} line 2 was left out" in shown
    assert "failed before their first event: 2 (seed=2)" in shown


def test_a_job_is_not_written_behind_part_of_a_line(tmp_path: Path) -> None:
    note_job(tmp_path, 0, tmp_path / "a", [], "a")
    with (tmp_path / JOBS_FILE).open("ab") as file:
        file.write(DAMAGES["torn"])
    note_job(tmp_path, 2, tmp_path / "b", [], "c")
    lines = (tmp_path / JOBS_FILE).read_bytes().splitlines()
    assert lines[1] == DAMAGES["torn"]
    assert json.loads(lines[2])["job"] == 2
