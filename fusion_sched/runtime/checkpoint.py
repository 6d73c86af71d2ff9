"""Atomic save and load of everything a run needs to go on."""

import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any, cast

import torch

from fusion_sched.runtime.files import atomic_write, remove_leftovers

CHECKPOINT_DIR = "checkpoint"
LAST = "last.pt"


def save(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain values, all of them or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:  # torch's word for a write that failed
            raise OSError(
                f"{path} could not be written: {str(error).splitlines()[0]}; is the disk full? "
                "Make room; what was saved before is untouched"
            ) from error


def load(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a checkpoint; only tensors and plain values, nothing is unpickled.

    Raises
    ------
    FileNotFoundError
        No such file.
    ValueError
        The file is truncated, a bit of it has changed, or it is no checkpoint.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist, expected a checkpoint file")
    try:
        _check_sums(path)
        content = torch.load(path, map_location=device, weights_only=True)
    except (
        RuntimeError, EOFError, OSError, ValueError, NotImplementedError, pickle.UnpicklingError,
        zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"{path} ({path.stat().st_size} bytes) is truncated, damaged or not a checkpoint: "
            f"{reason}; "
            "nothing was changed: restore the file from a copy, or start a new run"
        ) from error
    return cast(dict[str, Any], content)


def _check_sums(path: Path) -> None:
    """Hold every part of the file against its checksum, which torch itself does not do."""
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"the checksum of its part {damaged} is wrong")


def remove_others(folder: Path, keep: set[str]) -> None:
    """Delete the weights in `folder` that no checkpoint refers to, and half-written ones."""
    remove_leftovers(folder)
    for path in folder.glob("*.pt"):
        if path.name not in keep:
            path.unlink()
