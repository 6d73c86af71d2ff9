"""Checks of what a probe is given."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

SOURCES = ("train", "held_out", "validation", "both")


def checked_labels(name: str, values: Any) -> np.ndarray:
    """Return integer labels ``(N,)`` or say what came instead."""
    labels = np.asarray(values)
    if labels.ndim != 1 or len(labels) < 2 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"{name} has shape {labels.shape} and dtype {labels.dtype}, expected at least two "
            "integer labels in one dimension; number the classes"
        )
    if labels.min() < 0:
        raise ValueError(
            f"{name}[{int(labels.argmin())}] is {labels.min()}, expected 0 or more; number the "
            "classes from 0, and drop samples without a label"
        )
    return labels.astype(np.int64)


def checked_array(name: str, values: Any, samples: int) -> np.ndarray:
    """Return labels ``(N,)`` or embeddings ``(N, features)``, one row per sample."""
    array = np.asarray(values)
    if array.ndim == 1:
        array = checked_labels(name, array)
    elif array.ndim != 2 or not np.issubdtype(array.dtype, np.floating):
        raise ValueError(
            f"{name} has shape {array.shape} and dtype {array.dtype}, expected integer labels (N,) "
            "or float embeddings (N, features)"
        )
    if len(array) != samples:
        raise ValueError(f"{name} has {len(array)} rows but y has {samples} labels")
    return array


def check_embeddings(embeddings: Mapping[str, Tensor], y: Tensor) -> None:
    """Raise where the arrays do not fit together."""
    for name, values in embeddings.items():
        if values.ndim not in (1, 2) or len(values) != len(y):
            raise ValueError(
                f"embeddings of {name!r} have shape {tuple(values.shape)}, expected "
                f"({len(y)}, features): one row per label"
            )
        broken = ~torch.isfinite(values.reshape(len(values), -1)).all(dim=1)
        if broken.any():
            raise ValueError(
                f"embeddings of {name!r} hold NaN or infinity in {int(broken.sum())} row(s), first "
                f"in row {int(broken.int().argmax())}"
            )


def check_schedule(every: int, joint_every: int, samples: int, source: str) -> None:
    """Raise where a probe's schedule or samples are impossible."""
    if every < 1 or joint_every < 1 or samples < 2:
        raise ValueError(
            f"every={every}, joint_every={joint_every}, samples={samples}: expected a diagnosis "
            "every 1 or more epochs from at least 2 samples"
        )
    if source not in SOURCES:
        raise ValueError(f"source is {source!r}, expected one of {list(SOURCES)}")


def check_seed(seed: int) -> None:
    """Raise where k-means cannot take the seed."""
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed}, expected 0 or more and below 2^32")
