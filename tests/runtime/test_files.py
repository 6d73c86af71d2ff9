"""Whole writes, and locks that the end of a process releases."""

import subprocess
import sys
from pathlib import Path

import pytest

from fusion_sched.runtime.files import atomic_write, json_digest, lock, remove_leftovers


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")

    def write_half() -> None:
        with atomic_write(path) as file:
            file.write(b"half")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_half()
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"result.json": "old"}
    with atomic_write(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"result.json": "new"}


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from fusion_sched.runtime.files import atomic_write\n"
        "with atomic_write(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    remove_leftovers(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_a_lock_is_held_until_it_is_left_or_its_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    code = (
        "import sys; from pathlib import Path\n"
        "from fusion_sched.runtime.files import lock\n"
        "with lock(Path(sys.argv[1]), blocking=True):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(BlockingIOError, match="locked by another process"):
        lock(path, blocking=False)
    holder.kill()
    holder.communicate()
    with lock(path, blocking=False), pytest.raises(BlockingIOError):
        lock(path, blocking=False)
    with lock(path, blocking=False):
        pass


def test_the_order_of_keys_does_not_count() -> None:
    assert json_digest({"a": 1, "b": 2}) == json_digest({"b": 2, "a": 1}) != json_digest({"a": 1})
