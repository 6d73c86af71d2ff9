"""Files that declare more values than they hold, or unpack to far more than they weigh."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.lib import format as npy

from fusion_sched.data import array_files
from fusion_sched.data.array_files import read_arrays
from tests.conftest import Answer, check_message

Command = Callable[..., Answer]
MIB = 2**20


def _header(path: Path, shape: tuple[int, ...]) -> None:
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
        file.write(bytes(8))


def _lying_npy(path: Path) -> None:
    _header(path, (10**12,))


def _lying_npz(path: Path) -> None:
    _header(path.with_name("x.npy"), (10**12,))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path.with_name("x.npy"), "x.npy")


def _bomb_npz(path: Path) -> None:
    np.savez_compressed(path, x=np.zeros(8 * MIB, dtype=np.uint8), y=np.arange(3))


def _bomb_pt(path: Path) -> None:
    torch.save({"x": torch.zeros(8 * MIB, dtype=torch.uint8)}, path.with_name("stored.pt"))
    with (
        zipfile.ZipFile(path.with_name("stored.pt")) as stored,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for name in stored.namelist():
            archive.writestr(name, stored.read(name))


FILES = {
    "lying.npy": _lying_npy, "lying.npz": _lying_npz, "bomb.npz": _bomb_npz, "bomb.pt": _bomb_pt,
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_more_than_a_file_can_mean_is_refused_before_it_is_read(
    command: Command, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(array_files, "UNPACKED_UNCHECKED", MIB)  # so that small bombs are enough
    path = tmp_path / name
    FILES[name](path)
    assert path.stat().st_size < MIB / 4
    check_message(command("pid", name), 1, [name, "bytes"])


def test_arrays_of_few_values_are_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(8 * MIB, dtype=np.uint8))
    assert len(read_arrays(tmp_path / "a.npz", "x")["x"]) == 8 * MIB
