"""Checkpoints are written whole or not at all, and are read without unpickling anything."""

from pathlib import Path

import pytest
import torch

from fusion_sched.runtime import checkpoint

CPU = torch.device("cpu")


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    checkpoint.save(path, {"step": 1})
    with pytest.raises((AttributeError, TypeError, RuntimeError)):
        checkpoint.save(path, {"step": (x for x in range(3))})  # cannot be pickled
    assert checkpoint.load(path, CPU) == {"step": 1}


class Malicious:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("code in a checkpoint ran",))


def test_code_in_a_checkpoint_does_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"state": Malicious()}, tmp_path / "last.pt")
    with pytest.raises(ValueError, match="not a checkpoint"):
        checkpoint.load(tmp_path / "last.pt", CPU)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_truncated_file_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "last.pt"
    checkpoint.save(path, {"weights": torch.arange(1000.0)})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"last\.pt .* truncated"):
        checkpoint.load(path, CPU)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"best-0001\.pt"):
        checkpoint.load(tmp_path / "best-0001.pt", CPU)
