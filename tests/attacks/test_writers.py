"""Every writer refuses what is not a file, and writes through a link to what the link names."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fusion_sched.runtime.files import atomic_write
from tests.conftest import Answer, check_message

Command = Callable[..., Answer]
WRITERS = {
    "report": ["report", "{run}", "--output", "{out}.html"],
    "compare": ["compare", "{run}", "--format", "csv", "--output", "{out}.csv"],
    "pointwise": ["pid", "{table}", "--pointwise", "{out}.csv", "--overwrite"],
}


@pytest.fixture
def arguments(short_runs: Path, tmp_path: Path) -> Callable[[str, Path], list[str]]:
    """Return the arguments of a writing command, by its name, that write to a path."""
    table = tmp_path / "table.csv"
    table.write_text("a,b,y\n" + "0,0,0\n0,1,0\n1,0,0\n1,1,1\n" * 20)

    def fill(name: str, out: Path) -> list[str]:
        given = {"run": short_runs / "joint0", "table": table, "out": out.with_suffix("")}
        return [part.format(**given) for part in WRITERS[name]]

    return fill


Fill = Callable[[str, Path], Sequence[str]]


def _output(name: str, tmp_path: Path) -> Path:
    return tmp_path / f"output{'.html' if name == 'report' else '.csv'}"


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_not_a_file_is_refused(
    command: Command, arguments: Fill, tmp_path: Path, name: str, kind: str
) -> None:
    out = _output(name, tmp_path)
    os.mkfifo(out) if kind == "pipe" else out.mkdir()
    check_message(command(*arguments(name, out)), 1, [str(out)])
    assert out.is_fifo() if kind == "pipe" else out.is_dir()


@pytest.mark.parametrize("name", WRITERS)
def test_a_link_stays_and_its_file_changes(
    command: Command, arguments: Fill, tmp_path: Path, name: str
) -> None:
    out, target = _output(name, tmp_path), tmp_path / "target"
    target.write_text("old")
    out.symlink_to(target)
    answer = command(*arguments(name, out))
    assert answer.code == 0, answer.err
    assert out.is_symlink()
    assert target.read_text() != "old"


def test_a_full_disk_is_named_with_the_file(tmp_path: Path) -> None:
    out = tmp_path / "file"
    out.write_text("old")

    def write() -> None:
        with atomic_write(out) as file:
            os.dup2(full.fileno(), file.fileno())  # a device on which every write fails
            file.write(b"new")

    message = f"{out} cannot be written: No space left"
    with Path("/dev/full").open("wb") as full, pytest.raises(OSError, match=message):
        write()
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
