"""Numbers of a fixed shape, from a `.npy` file per clip or from columns of a list."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from fusion_sched.data.array_files import read_arrays
from fusion_sched.data.clips.files import check_present
from fusion_sched.data.clips.load import Stored
from fusion_sched.data.clips.types import Clip, Issue, ReadError, Views
from fusion_sched.types import Batch, Splits

ROWS = 512
"""Stored rows that are in memory at a time."""


@dataclass(frozen=True)
class Numbers:
    """Real numbers `shape` of `clip.numbers[name]`, or of the file `clip.files[name]`."""

    name: str
    shape: tuple[int, ...]

    dtype: ClassVar[str] = "float32"
    jpeg: ClassVar[bool] = False
    augmented: ClassVar[bool] = False

    @property
    def stored_shape(self) -> tuple[int, ...]:
        return self.shape

    def read(self, clip: Clip) -> np.ndarray:
        """Return the numbers; raise `ReadError` as `read_npy` does, or for another shape."""
        if self.name in clip.numbers:
            return np.array(clip.numbers[self.name], dtype=np.float32)
        path = clip.files[self.name]
        values = read_npy(path)
        if values.shape != self.shape:
            raise ReadError(
                "other shape",
                f"{path} has shape {values.shape}, expected {self.shape} as the first file has; "
                "make all of one shape",
            )
        return values.astype(np.float32)

    def warnings(self, clip: Clip) -> list[Issue]:
        return []

    def finish(self, values: Tensor) -> Tensor:
        return values

    def augment(self, values: Tensor, views: Views) -> Tensor:
        return values


def read_npy(path: Path) -> np.ndarray:
    """Return the array of a file; nothing is unpickled.

    Raises
    ------
    ReadError
        "missing", "git-lfs pointer", "empty file"; "unreadable", also where it holds no real
        number; "not finite", also where a value is beyond single precision.
    """
    check_present(path)
    try:
        values: np.ndarray = read_arrays(path, "values")["values"]
    except ValueError as error:
        raise ReadError("unreadable", str(error)) from error
    if values.dtype.kind not in "biuf" or not values.size:
        raise ReadError(
            "unreadable",
            f"{path} holds {values.dtype} of shape {values.shape}, expected real numbers",
        )
    if not (np.abs(values.astype(np.float64)) <= np.finfo(np.float32).max).all():
        raise ReadError(
            "not finite",
            f"{path} holds NaN, infinity, or values beyond single precision; compute it again",
        )
    return np.atleast_1d(values)


@dataclass(frozen=True)
class Standardise:
    """Runs `finish`, then takes out the mean and divides by the deviation of some modalities."""

    finish: Callable[[Batch], Batch]
    moments: Mapping[str, tuple[Tensor, Tensor]]

    def __call__(self, batch: Batch) -> Batch:
        batch = self.finish(batch)
        inputs = dict(batch.inputs)
        for name, (mean, deviation) in self.moments.items():
            values = inputs[name]
            inputs[name] = (values - mean.to(values.device)) / deviation.to(values.device)
        return batch._replace(inputs=inputs)


def standardise_numbers(splits: Splits, names: list[str]) -> Splits:
    """Return the splits with these modalities standardised by the training clips.

    Per feature for vectors, per channel for `(channels, height, width)`, one pair for other shapes.
    """
    train = splits.train
    assert isinstance(train, Stored), "made by `load_clips`"
    moments = {name: _moments(train, name) for name in names}
    return replace(splits, finish=Standardise(splits.finish, moments)) if names else splits


def _moments(train: Stored, name: str) -> tuple[Tensor, Tensor]:
    """Return mean and deviation that broadcast over a batch, float32; deviation 1 of constants."""
    axes = {1: (0,), 3: (0, 2, 3)}
    total, squares, count = 0.0, 0.0, 0
    shift: np.ndarray | float = 0.0
    for start in range(0, len(train), ROWS):
        values = train.store.read(name, train.rows[start : start + ROWS]).numpy().astype(np.float64)
        over = axes.get(values.ndim - 1, tuple(range(values.ndim)))
        if start == 0:  # squares of what lies around 0 lose no digits
            shift = values.mean(axis=over, keepdims=True)
        total = total + (values - shift).sum(axis=over, keepdims=True)
        squares = squares + ((values - shift) ** 2).sum(axis=over, keepdims=True)
        count += values.size // np.size(total)
    offset = np.asarray(total) / count
    mean = shift + offset
    deviation = np.sqrt(np.maximum(np.asarray(squares) / count - offset**2, 0))
    deviation = np.where(deviation <= 1e-6 * np.abs(mean), 1.0, deviation)
    deviation = np.where(deviation > 0, deviation, 1.0)
    return torch.as_tensor(mean, dtype=torch.float32), torch.as_tensor(deviation).float()
