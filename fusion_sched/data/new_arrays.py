"""Arrays of new samples, made inputs of a trained network."""

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fusion_sched.data.array_files import plain_array
from fusion_sched.types import InputFormat

NEAR = 0.75
"""Similarity, from 0 to 1, from which on a name is taken for another one misspelt."""


def array_names(expected: InputFormat) -> dict[str, list[str]]:
    """Return the names of the arrays that each modality is made of."""
    return {m: expected.preprocessing.get(m, {}).get("columns", [m]) for m in expected.shapes}


def check_near_names(
    names: Mapping[str, Sequence[str]], given: Collection[str], idle: Collection[str]
) -> None:
    """Raise where a modality is absent and an idle name is so near that it is meant.

    `names`: modality → what it is made of; `given`: all names there are; `idle`: those of them that
    nothing is read from.
    """
    nearest = {name.lower(): name for name in idle}
    for modality, own in names.items():
        for name in own:
            near = get_close_matches(name.lower(), nearest, n=1, cutoff=NEAR)
            if near and not set(own) & set(given):
                raise ValueError(
                    f"got {nearest[near[0]]!r}, which is nothing of the model, and no {name!r} of "
                    f"modality {modality!r}; did you mean {name!r}? Rename it, or leave it out"
                )


def array_with_gaps(values: Any, name: str) -> np.ndarray:
    """Return the array of `plain_array`; an empty number of a table is NaN."""
    if isinstance(values, pd.Series) and pd.api.types.is_numeric_dtype(values):
        values = values.to_numpy(dtype=np.float64, na_value=np.nan) if values.hasnans else values
    return plain_array(values, name)


def new_input(
    modality: str, values: np.ndarray, count: int, expected: InputFormat
) -> tuple[Tensor, Tensor]:
    """Return a modality's inputs `(N, *shape)`, and whether each sample has it `(N,)`.

    A sample without it is NaN throughout; its input is 0.
    """
    shape = expected.shapes[modality]
    values = values[:, None] if values.ndim == 1 else values
    if values.shape != (count, *shape):
        raise ValueError(
            f"array {modality!r} has shape {values.shape}, expected {(count, *shape)}: as many "
            "samples as the others, of the shape that the model was trained on"
        )
    if values.dtype.kind not in "biuf":
        raise ValueError(f"array {modality!r} has dtype {values.dtype}, expected real numbers")
    values = values.astype(np.float64)
    flat = values.reshape(count, -1)
    present = ~np.isnan(flat).all(axis=1)
    scale = expected.preprocessing.get(modality, {})
    if "mean" in scale:
        values = standardised(values, np.asarray(scale["mean"]), np.asarray(scale["deviation"]))
    within = np.abs(values.reshape(count, -1)) <= np.finfo(np.float32).max
    broken = present & ~(np.isfinite(flat).all(axis=1) & within.all(axis=1))
    if broken.any():
        raise ValueError(
            f"array {modality!r} holds NaN, infinity or values beyond single precision in "
            f"{int(broken.sum())} sample(s), the first is row {int(np.argmax(broken))}; a sample "
            "that lacks the modality is NaN throughout"
        )
    values[~present] = 0
    dtype = getattr(torch, expected.dtypes[modality])
    return torch.as_tensor(values).to(dtype), torch.as_tensor(present)


def moments(values: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the training split's mean and deviation, which broadcast; 0 of a constant feature."""
    values = values.astype(np.float64)
    axes = {2: (0,), 4: (0, 2, 3)}.get(values.ndim, tuple(range(values.ndim)))
    with np.errstate(over="ignore"):  # what overflows is refused below
        mean = values[train].mean(axis=axes, keepdims=True)
        deviation = values[train].std(axis=axes, keepdims=True)
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
        raise ValueError(
            f"values up to {np.abs(values).max():.3g} overflow when they are standardised; rescale "
            "the array, or set dataset.standardise=false"
        )
    return mean, np.where(deviation <= 1e-9 * np.abs(mean), 0.0, deviation)


def standardised(values: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return values with mean and deviation taken out.

    A constant feature carries nothing: it becomes 0, not its rounding error over itself.
    """
    scaled: np.ndarray = (values.astype(np.float64) - mean) / np.where(deviation > 0, deviation, 1)
    return np.where(deviation > 0, scaled, 0.0)
