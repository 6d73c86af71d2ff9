"""Files of new samples, read as those that a network was trained on."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusion_sched.data.clips.frames import Frames
from fusion_sched.data.clips.load import Finish, some_lines
from fusion_sched.data.clips.numbers import Numbers, Standardise
from fusion_sched.data.clips.spectrogram import Spectrogram
from fusion_sched.data.clips.store import short_hash
from fusion_sched.data.clips.text import PretrainedTokens, Tokens
from fusion_sched.data.clips.types import Clip, Modality, ReadError
from fusion_sched.data.clips.wave import Wave
from fusion_sched.data.kinds import ModalitySpec, value_of
from fusion_sched.data.memory import class_ids
from fusion_sched.data.new_arrays import check_near_names
from fusion_sched.data.tables import (
    FOLD,
    GROUP,
    LABEL,
    SPLIT,
    TABLES,
    Table,
    read_folder,
    read_table,
)
from fusion_sched.runtime.files import absent
from fusion_sched.types import ID, NO_LABEL, Batch, InputFormat, NewSamples

READERS: Mapping[str, type[Any]] = {
    reader.__name__: reader
    for reader in (Spectrogram, Wave, Frames, Numbers, Tokens, PretrainedTokens)
}


def describe_modality(
    spec: ModalitySpec, reader: Modality, moments: tuple[Tensor, Tensor] | None
) -> dict[str, Any]:
    """Return JSON values from which `read_new_files` reads a modality of new samples."""
    settings = {field.name: getattr(reader, field.name) for field in fields(reader)}  # type: ignore[arg-type]
    if isinstance(reader, PretrainedTokens):  # new samples need no other file
        settings["serialized"] = reader.serialize()
    described = {"kind": spec.kind, "columns": list(spec.columns),
                 "reader": type(reader).__name__, "settings": settings}  # fmt: skip
    if moments is not None:
        mean, deviation = moments
        described |= {"mean": mean.tolist(), "deviation": deviation.tolist()}
    return described


@dataclass(frozen=True)
class NewClips:
    """Samples whose files are read when they are asked for; a missing modality is 0."""

    clips: Sequence[Clip]
    readers: Mapping[str, Modality]
    labels: Tensor

    def __len__(self) -> int:
        return len(self.clips)

    def __getitems__(self, indices: list[int]) -> Batch:
        """Return stored values, not yet finished; raise `ReadError` where files are unreadable."""
        index = torch.as_tensor(indices, dtype=torch.int64)
        try:
            inputs = {
                m: torch.as_tensor(np.stack([self._value(m, self.clips[i]) for i in indices]))
                for m in self.readers
            }
        except ReadError as error:
            raise ReadError(error.kind, _refusal(list(self._damage()), len(self))) from error
        return Batch(inputs, self.labels[index], index)

    def _damage(self) -> Iterator[str]:
        """Read every file, and yield what is wrong with a sample."""
        for clip in self.clips:
            try:
                for modality in self.readers:
                    self._value(modality, clip)
            except ReadError as error:
                yield str(error)

    def _value(self, modality: str, clip: Clip) -> np.ndarray:
        reader = self.readers[modality]
        if not has_modality(clip, modality):
            return np.zeros(reader.stored_shape, dtype=reader.dtype)
        return reader.read(clip).astype(reader.dtype)  # as a store of training keeps it

    def fingerprint(self) -> str:
        """Return a hash of the ids."""
        return short_hash([clip.id for clip in self.clips])


def has_modality(clip: Clip, modality: str) -> bool:
    return any(modality in values for values in (clip.files, clip.text, clip.numbers))


def read_new_files(
    data: Path,
    label: str,
    suffixes: Mapping[str, str],
    expected: InputFormat,
    *,
    allow_outside_root: bool,
) -> NewSamples:
    """Read a table of files, a folder of classes, or a folder of files alone.

    Raises
    ------
    FileNotFoundError
        There is no such table or folder.
    ValueError
        No column is a modality of the network, a row is broken, or a label is no class.
    """
    table, root, label_column = _open(data, label, suffixes)
    broken = [issue.message for issue in table.issues if issue.fatal]
    if broken:
        raise ValueError(_refusal(broken, len(table.rows) + len(broken)))
    specs = {
        m: ModalitySpec(m, how["kind"], tuple(how["columns"]), {})
        for m, how in expected.preprocessing.items()
    }
    used = {label_column, SPLIT, FOLD, GROUP, ID}.union(*(spec.columns for spec in specs.values()))
    check_near_names(
        {m: spec.columns for m, spec in specs.items()}, table.columns, {*table.columns} - used
    )
    there = [spec for spec in specs.values() if set(spec.columns) <= set(table.columns)]
    if not there or not table.rows:
        raise ValueError(
            f"{data} has {len(table.rows)} rows of {list(table.columns)}, expected at least one "
            "modality of the model: "
            + "; ".join(f"{m} is {', '.join(spec.columns)}" for m, spec in specs.items())
        )
    rows = [dict(zip(table.columns, row.cells, strict=True)) for row in table.rows]
    places = [row.place for row in table.rows]
    names = places if data.is_dir() else _first_files(rows, places, there)
    clips, errors = [], []
    for cells, name, place in zip(rows, names, places, strict=True):
        try:
            clips.append(_new_clip(cells, name, there, root, allow_outside_root))
        except ReadError as error:
            errors.append(f"{place} has {error}")
    if errors:
        raise ValueError(_refusal(errors, len(rows)))
    labels = np.full(len(clips), NO_LABEL)
    if label_column in table.columns:
        labels = class_ids(table.cells(label_column), expected.classes)
    readers = {m: _reader(how) for m, how in expected.preprocessing.items()}
    return NewSamples(
        NewClips(clips, readers, torch.as_tensor(labels, dtype=torch.int64)),
        [clip.id for clip in clips],
        {m: torch.tensor([has_modality(clip, m) for clip in clips]) for m in specs},
        Standardise(Finish(readers), _moments(expected)),
    )


def _open(data: Path, label: str, suffixes: Mapping[str, str]) -> tuple[Table, Path, str]:
    """Return the rows, the folder of their paths, and the column of labels, empty for none."""
    expected = "a folder of files, or a table of them that ends in .csv, .tsv or .parquet"
    if not data.exists():
        raise FileNotFoundError(absent(data, f"expected {expected}"))
    if data.is_file() and data.suffix.lower() not in TABLES:
        raise ValueError(
            f"{data} is a single file, expected {expected}; put it into a folder, and give that"
        )
    if not data.is_dir():
        return read_table(data), data.parent, label
    with os.scandir(data) as entries:
        flat = any(entry.is_file() and not entry.name.startswith(".") for entry in entries)
    return read_folder(data, suffixes, flat=flat), data, "" if flat else LABEL


def _first_files(
    rows: Sequence[Mapping[str, str]], places: Sequence[str], specs: Sequence[ModalitySpec]
) -> list[str]:
    """Return the first file of each row, or its place; with the place where rows share a file."""
    columns = [spec.columns[0] for spec in specs if spec.kind not in ("numbers", "text")]
    names = [
        next(filter(None, (cells[column] for column in columns)), place)
        for cells, place in zip(rows, places, strict=True)
    ]
    times = Counter(names)
    return [
        f"{name} ({place})" if times[name] > 1 else name
        for name, place in zip(names, places, strict=True)
    ]


def _new_clip(
    cells: Mapping[str, str],
    name: str,
    specs: Sequence[ModalitySpec],
    root: Path,
    allow_outside_root: bool,
) -> Clip:
    values: dict[str, Path | str | tuple[float, ...]] = {}
    for spec in specs:
        if not any(cells[column] for column in spec.columns):
            continue
        values[spec.name] = value_of(spec, cells, root, allow_outside_root)
    files = {m: value for m, value in values.items() if isinstance(value, Path)}
    return Clip(
        cells.get(ID) or name, NO_LABEL, "", files,
        text={m: value for m, value in values.items() if isinstance(value, str)},
        numbers={m: value for m, value in values.items() if isinstance(value, tuple)},
    )  # fmt: skip


def _refusal(errors: Sequence[str], samples: int) -> str:
    return (
        f"{len(errors)} of {samples} samples cannot be used:\n{some_lines(errors)}\n"
        "correct them, or take them out"
    )


def _reader(described: Mapping[str, Any]) -> Modality:
    if described["reader"] not in READERS:
        raise ValueError(
            f"the model reads a modality by {described['reader']!r}, expected one of "
            f"{list(READERS)}"
        )
    settings = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in described["settings"].items()
    }
    reader: Modality = READERS[described["reader"]](**settings)
    return reader


def _moments(expected: InputFormat) -> dict[str, tuple[Tensor, Tensor]]:
    return {
        m: (torch.tensor(how["mean"]), torch.tensor(how["deviation"]))
        for m, how in expected.preprocessing.items()
        if "mean" in how
    }
