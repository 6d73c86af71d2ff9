"""From what a user has in Python to arrays by modality."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

LABEL = "y"
"""Key of the label in a sample or batch that is one dict."""
SINGLE = "x"
"""Name of the modality that one array is."""

Arrays = dict[str, np.ndarray]


def names_modalities(data: Any) -> bool:
    """Whether the data is by modality; some sparse arrays of scipy are dicts, too."""
    return isinstance(data, Mapping | Dataset | DataLoader) and not hasattr(data, "shape")


def arrays_of(data: Any) -> tuple[Arrays, np.ndarray | None]:
    """Return modality → array `(N, ...)`, and the labels `(N,)` where the data holds them.

    Parameters
    ----------
    data : dict of arrays or tensors; a torch `Dataset` of dicts, or of pairs of a dict and a label;
        or a `DataLoader` of batches of such

    Raises
    ------
    ValueError
        Other data, or none.
    """
    if isinstance(data, Mapping):
        return {str(name): _array(values) for name, values in data.items()}, None
    if isinstance(data, DataLoader):
        return _joined(data, np.concatenate)
    if isinstance(data, IterableDataset):
        return _joined(data, np.stack)
    if isinstance(data, Dataset):
        size = len(data)  # type: ignore[arg-type]  # torch's own loader asks for it, too
        return _joined((data[number] for number in range(size)), np.stack)
    raise ValueError(
        f"got {type(data).__name__}, expected a dict of arrays by modality, one array (N, "
        "features), or a torch Dataset or DataLoader of dicts"
    )


def _array(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)


def _joined(parts: Iterable[Any], join: Any) -> tuple[Arrays, np.ndarray | None]:
    """Join samples, or batches, of one dict each or of pairs of a dict and labels."""
    columns: dict[str, list[np.ndarray]] = {}
    for part in parts:
        sample, *labels = part if isinstance(part, tuple | list) else (part,)
        if not isinstance(sample, Mapping) or len(labels) > 1:
            raise ValueError(
                f"the dataset yields {type(part).__name__}, expected a dict by modality with the "
                f"label as {LABEL!r}, or a pair of a dict and the label"
            )
        for name, values in {**sample, **({LABEL: labels[0]} if labels else {})}.items():
            columns.setdefault(str(name), []).append(_array(values))
    if not columns:
        raise ValueError("the dataset is empty, expected at least one sample")
    counts = {name: len(values) for name, values in columns.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"keys of the dataset differ between samples: {counts}")
    arrays = {name: join(values) for name, values in columns.items()}
    return arrays, arrays.pop(LABEL, None)
