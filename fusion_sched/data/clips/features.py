"""Features of a frozen encoder, kept beside the prepared data in the form of a store."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import Tensor

from fusion_sched.data.clips.prepare import make_folder, write_json
from fusion_sched.data.clips.store import (
    FORMAT,
    INDEX,
    ISSUES,
    META,
    Store,
    array_path,
    checksum,
    is_complete,
    sums_path,
)
from fusion_sched.runtime.files import lock


def stored_features(folder: Path, modality: str, key: str, compute: Callable[[], Tensor]) -> Tensor:
    """Return features `(N, size)` of the samples of a split, computed where they are not there.

    Parameters
    ----------
    folder : of prepared data
    key : of all that the features depend on
    compute : returns them, float32

    Raises
    ------
    ValueError
        Stored features that are no longer what was written.
    """
    final = folder / f"features-{modality}-{key}"
    if not is_complete(Store(final)):
        make_folder(folder)
        with lock(final.with_name(final.name + ".lock"), blocking=True):
            if not is_complete(Store(final)):  # another process may have made them meanwhile
                _write(final, modality, compute().numpy())
    store = Store(final)
    return store.read(modality, np.arange(len(store.rows)))


def _write(final: Path, modality: str, values: np.ndarray) -> None:
    """Write a store of one array; it appears under its name in one rename."""
    building = final.with_name(final.name + ".new")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    np.save(array_path(building, modality), values)
    sums = np.array([checksum([row]) for row in values], dtype=np.uint32)
    np.save(sums_path(building, modality), sums)
    write_json(building / ISSUES, [])
    write_json(building / INDEX, [str(position) for position in range(len(values))])
    facts = {"shape": list(values.shape[1:]), "dtype": str(values.dtype), "jpeg": False}
    meta = {"format": FORMAT, "clips": len(values), "modalities": {modality: facts}}
    write_json(building / META, meta)
    shutil.rmtree(final, ignore_errors=True)  # what is not complete
    building.rename(final)
