"""Checks of what a probe is given."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

SOURCES = ("train", "held_out", "validation", "both")
LEAST_DISTINCT = 12
"""Samples from which integers that are all distinct are an index or measurements."""


def checked_symbols(name: str, values: Any) -> Tensor:
    """Number the symbols (integers or strings) of ``(N,)`` from 0 in their order."""
    array = _plain(name, values)
    if array.ndim != 1 or len(array) < 2 or array.dtype.kind not in "biuU":
        raise ValueError(
            f"{name} has shape {array.shape} and dtype {array.dtype}, expected at least two "
            "integers or strings in one dimension"
        )
    if array.dtype.kind == "i" and array.min() < 0:
        raise ValueError(
            f"{name}[{int(array.argmin())}] is {array.min()}, expected 0 or more; number the "
            "classes from 0, and drop samples without a label"
        )
    return torch.as_tensor(np.unique(array, return_inverse=True)[1]).long()


def checked_array(name: str, values: Any, samples: int) -> tuple[Tensor, str]:
    """Return symbols ``(N,)`` as numbers or measurements ``(N, features)``, and a remark or ''.

    Integers that are all distinct are no symbols: they are measurements of one dimension.
    """
    remark = ""
    array = values.detach() if isinstance(values, Tensor) else _plain(name, values)
    if array.ndim in (1, 2) and _is_floating(array):
        array = _measurements(array)
    elif array.ndim != 1:
        raise ValueError(
            f"{name} has shape {tuple(array.shape)} and dtype {array.dtype}, expected integers or "
            "strings (N,), which are symbols, or floats (N,) or (N, features), which are "
            "measurements"
        )
    else:
        array, remark = _symbols(name, array)
    if len(array) != samples:
        raise ValueError(f"{name} has {len(array)} rows but y has {samples} labels")
    return array, remark


def _symbols(name: str, values: Any) -> tuple[Tensor, str]:
    plain = _plain(name, values)
    if LEAST_DISTINCT <= len(plain) == len(np.unique(plain)):
        if plain.dtype.kind in "iu":
            remark = f"the integers of {name} are all distinct, as in an index: taken as measured"
            return _measurements(plain), remark
        remark = f"every value of {name} occurs once: as symbols they tell nothing of others"
        return checked_symbols(name, plain), remark
    return checked_symbols(name, plain), ""


def _is_floating(array: Any) -> bool:
    if isinstance(array, Tensor):
        return array.is_floating_point()
    return bool(array.dtype.kind == "f")


def _measurements(array: Any) -> Tensor:
    if isinstance(array, np.ndarray) and array.dtype not in (np.float16, np.float32):
        array = array.astype(np.float64)
    tensor = torch.as_tensor(array)
    if tensor.dtype in (torch.float16, torch.bfloat16):
        tensor = tensor.float()
    return tensor if tensor.ndim == 2 else tensor[:, None]


def _plain(name: str, values: Any) -> np.ndarray:
    """An array of numbers or strings, also from columns of Python objects."""
    if isinstance(values, Tensor):
        return values.detach().cpu().numpy()
    array = np.asarray(values)
    if array.dtype != object or array.ndim != 1:
        return array
    from pandas import isna  # takes a tenth of a second

    missing = isna(array)
    if missing.any():
        raise ValueError(f"{name} has no value in {rows_text(missing)}; fill or drop them")
    return np.asarray(array.tolist())


def rows_text(marked: np.ndarray) -> str:
    """Name the marked rows ``(N,)``, counted from 0."""
    rows = np.flatnonzero(marked)
    more = f" and {len(rows) - 5:,} more" if len(rows) > 5 else ""
    named = ", ".join(str(row) for row in rows[:5])
    return f"{len(rows):,} row(s), counted from 0: {named}{more}"


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
