"""Checkpoints are written whole or not at all, and are read without unpickling anything."""

import random
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


def test_no_flipped_bit_is_read_as_other_weights(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    content = {"weights": torch.arange(1000.0), "step": 3}
    checkpoint.save(path, content)
    whole, rng = path.read_bytes(), random.Random(0)
    outcomes = []
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            back = checkpoint.load(path, CPU)
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017
            outcomes.append("refused")
        else:  # a bit between the parts, which holds nothing
            assert torch.equal(back["weights"], content["weights"])
            assert back["step"] == 3
            outcomes.append("equal")
    assert outcomes.count("refused") > 100
