"""The user's own arrays, from files."""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusion_sched.data.array_files import Columns, plain_array, read_files
from fusion_sched.data.folds import DrawnSplit
from fusion_sched.data.memory import SPLIT_NAMES, InMemory, class_ids, splits_from_arrays
from fusion_sched.data.new_arrays import (
    array_names,
    array_with_gaps,
    check_near_names,
    moments,
    new_input,
    standardised,
)
from fusion_sched.runtime.files import naming
from fusion_sched.types import ID, NO_LABEL, InputFormat, NewSamples, Splits

LAYOUTS = ("auto", "channels_first", "channels_last")
MOST_CHANNELS = 4
"""Channels of a picture: grey, colours, and transparency."""
MOST_MODALITIES = 8
"""Arrays of one number per sample that are modalities without being named."""

Named = dict[str, np.ndarray]


@dataclass(frozen=True)
class Arrays(DrawnSplit):
    """One array or column per modality by name, and labels.

    Modalities are numeric and finite, `(N, ...)`; they are standardised with the training split's
    mean and deviation (per feature for vectors, per channel for images `(N, channels, height,
    width)`, one pair for other shapes). Nothing in a file is unpickled.

    Besides modalities and labels there may be `split`, strings `train`, `validation`, and `test`
    unless no sample tests;
    `group`, ids of what is kept in one split as a whole, such as speakers; and `fold`, the fold
    in which a sample tests. Without `split`, and without a fold asked for, a stratified split of
    whole groups is drawn.

    Parameters
    ----------
    root : an .npz, .pt (dict of tensors), .parquet or .csv; a folder of .npy files, one per name;
        or a list of such files
    target : name of the labels `(N,)`: integers or strings, each distinct value is a class
    columns : modality → pattern of names of columns that are put side by side, `audio_*`; `None`:
        every array or column is a modality
    layout : of pictures: `"channels_first"`, `"channels_last"`, or `"auto"`, which takes `(N,
        height, width, channels)` of up to four channels for channels last
    standardise : whether to
    """

    root: str | Sequence[str]
    target: str = "y"
    columns: Mapping[str, str] | None = None
    layout: str = "auto"
    standardise: bool = True

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ValueError(f"layout is {self.layout!r}, expected one of {list(LAYOUTS)}")

    def load(self) -> Splits:
        """Read the files.

        Raises
        ------
        FileNotFoundError
            No such file.
        ValueError
            A file, its labels, its split or one of its arrays is unusable.
        """
        with naming(Path(str(self.root))):
            return self._load()

    def _load(self) -> Splits:
        arrays = {name: plain_array(v, name) for name, v in read_files(self.root).items()}
        labels, classes = check_labels(arrays, self.target)
        group = self.group or ("group" if "group" in arrays else None)
        reserved = {self.target, "split", "fold", group}
        of_samples = {name: arrays[name] for name in reserved if name in arrays}
        named = {name: values for name, values in arrays.items() if name not in reserved}
        return replace(self, group=group).splits_of(named, labels, classes, of_samples)

    def splits_of(
        self, arrays: Named, labels: np.ndarray, classes: Sequence[str], of_samples: Named
    ) -> Splits:
        """Return the splits of arrays that are in memory already.

        Parameters
        ----------
        arrays : what the modalities are made of, by name, each `(N, ...)`
        labels : class ids `(N,)`
        classes : name of each class
        of_samples : `split`, `fold` and the array called `group`, each `(N,)`, where there are any

        Raises
        ------
        ValueError
            An array, or a split, that is unusable.
        """
        for name, values in of_samples.items():
            check_length(name, values, labels, str(self.root))
        names = self._columns_of(arrays)
        inputs, notes = self._modalities(arrays, names, len(labels))
        split = of_samples.get("split")
        index, facts = self.draw_index(
            labels,
            inputs,
            groups={n: v for n, v in of_samples.items() if n == self.group},
            given=of_samples.get("fold"),
            own=None if split is None else
            lambda: index_from_split(split, labels, str(self.root)),
        )  # fmt: skip
        if "fold" in of_samples and self.fold is None:
            notes.append("the folds that the data names are not used; dataset.fold=0 asks for one")
        preprocessing: dict[str, dict[str, Any]] = {m: {"columns": names[m]} for m in inputs}
        if self.standardise:
            for m, values in inputs.items():
                mean, deviation = moments(values, index["train"])
                inputs[m] = standardised(values, mean, deviation)
                preprocessing[m] |= {"mean": mean.tolist(), "deviation": deviation.tolist()}
        facts = {**facts, "notes": [*notes, *facts.get("notes", [])]}
        return splits_from_arrays(
            inputs, labels, index, classes, facts if any(facts.values()) else {}, preprocessing
        )

    def _columns_of(self, arrays: Named) -> dict[str, list[str]]:
        """The names of the arrays that each modality is made of, in their order."""
        if self.columns is None:
            flat = [name for name, values in arrays.items() if values.ndim == 1]
            if len(flat) > MOST_MODALITIES:
                raise ValueError(
                    f"{self.root} holds {len(flat)} columns of one number per sample, such as "
                    f"{flat[:3]}; say which are one modality, as in "
                    f"\"dataset.columns={{audio: 'audio_*', video: 'AU*'}}\""
                )
            return {name: [name] for name in arrays}
        return {m: fitting_names(arrays, pattern) for m, pattern in self.columns.items()}

    def _modalities(
        self, arrays: Named, names: Mapping[str, list[str]], samples: int
    ) -> tuple[Named, list[str]]:
        """Return the modalities, ready but for their scale, and what is worth knowing of them."""
        joined = {m: join_columns(arrays, own) for m, own in names.items()}
        inputs = check_inputs(joined, samples, str(self.root))
        notes = [
            f"{name!r} holds running numbers, as an index does, and is a modality; leave it out of "
            "the file, or name the modalities by dataset.columns"
            for name, values in inputs.items()
            if values.dtype.kind in "iu" and values.shape[1:] == (1,)
            and (np.diff(values[:, 0].astype(np.int64)) == 1).all()
        ]  # fmt: skip
        for name, values in inputs.items():
            if self._has_channels_last(values):
                inputs[name] = np.moveaxis(values, 3, 1)
                notes.append(
                    f"{name!r} {values.shape} is taken for pictures with channels last, and used "
                    f"as {inputs[name].shape}; dataset.layout=channels_first leaves it as it is"
                )
        return inputs, notes

    def _has_channels_last(self, values: np.ndarray) -> bool:
        return values.ndim == 4 and (
            self.layout == "channels_last"
            or (self.layout == "auto" and values.shape[3] <= MOST_CHANNELS < min(values.shape[1:3]))
        )

    def read_new(self, expected: InputFormat) -> NewSamples:
        """Read samples for a trained network; the labels may be absent.

        Raises
        ------
        FileNotFoundError
            No such file.
        ValueError
            No modality of the network is there, or one of another shape, or with broken values.
        """
        return self.new_samples(read_files(self.root), expected)

    def new_samples(self, columns: Columns, expected: InputFormat) -> NewSamples:
        """Return samples for a trained network from arrays that are in memory; as `read_new`."""
        arrays = {name: array_with_gaps(v, name) for name, v in columns.items()}
        names = array_names(expected)
        used = {self.target, ID, "split", "fold", self.group or "group"}
        idle = sorted(arrays.keys() - used.union(*names.values()))
        check_near_names(names, arrays, idle)
        inputs, present = self._new_inputs(arrays, expected)
        count = len(next(iter(present.values())))
        labels = np.full(count, NO_LABEL)
        if self.target in arrays:
            check_length(self.target, arrays[self.target], labels, str(self.root))
            labels = class_ids(arrays[self.target].astype(str), expected.classes)
        ids = np.arange(count)
        if ID in arrays and ID not in inputs:
            check_length(ID, arrays[ID], labels, str(self.root))
            ids = arrays[ID]
        samples = InMemory(inputs, torch.as_tensor(labels, dtype=torch.int64))
        notes = [f"{self.root} holds {', '.join(idle)}, which the model does not use"]
        return NewSamples(samples, ids.astype(str).tolist(), present, notes=notes if idle else [])

    def _new_inputs(
        self, arrays: Named, expected: InputFormat
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return inputs of the network, and which samples have them."""
        names = array_names(expected)
        joined: Named = {}
        for m, own in names.items():
            absent = [name for name in own if name not in arrays]
            if not absent:
                joined[m] = join_columns(arrays, own)
            elif len(absent) < len(own):
                raise ValueError(f"{self.root} lacks {absent} of modality {m!r}; add them")
        if not joined:
            raise ValueError(
                f"{self.root} holds {sorted(arrays)}, expected at least one modality of the model: "
                + "; ".join(f"{m} is {', '.join(own)}" for m, own in names.items())
            )
        count = max(len(np.atleast_1d(values)) for values in joined.values())
        if count == 0:
            raise ValueError(f"{self.root} holds no sample: {sorted(joined)} have no rows")
        inputs, present = {}, {}
        for m, shape in expected.shapes.items():
            values = joined.get(m, np.full((count, *shape), np.nan))
            if self._has_channels_last(values) and values.shape[1:] != shape:
                values = np.moveaxis(values, 3, 1)
            inputs[m], present[m] = new_input(m, values, count, expected)
        return inputs, present


def fitting_names(arrays: Named, pattern: str) -> list[str]:
    """Return the names that fit a pattern of `columns`."""
    names = [name for name in arrays if fnmatch.fnmatchcase(name, pattern)]
    if not names:
        raise ValueError(f"no column fits {pattern!r} of dataset.columns; there are {list(arrays)}")
    return names


def join_columns(arrays: Named, names: Sequence[str]) -> np.ndarray:
    """Return the arrays of these names, one as it is or several side by side (N, features)."""
    if len(names) == 1:
        return arrays[names[0]]
    parts = [arrays[n][:, None] if arrays[n].ndim == 1 else arrays[n] for n in names]
    shapes = {n: arrays[n].shape for n in names}
    if any(part.ndim != 2 or len(part) != len(parts[0]) for part in parts):
        raise ValueError(
            f"one of dataset.columns fits arrays of shapes {shapes}, which cannot stand side by "
            "side; expected (N,) or (N, features)"
        )
    return np.concatenate(parts, axis=1)


def check_labels(arrays: Named, target: str) -> tuple[np.ndarray, list[str]]:
    """Return labels as 0 … classes-1 and the class names."""
    if target not in arrays:
        raise ValueError(
            f"the file holds {sorted(arrays)} but no `{target}`; save the labels under the name "
            f"{target}, or name them by dataset.target"
        )
    y = arrays[target]
    if y.ndim != 1 or y.dtype.kind not in "iubU":
        raise ValueError(
            f"{target} has dtype {y.dtype} and shape {y.shape}, expected one integer or string per "
            "sample; convert floats to integer ids first"
        )
    if y.dtype.kind == "U" and (y == "").any():
        raise ValueError(f"{target} is empty in row {int(np.argmax(y == ''))}; name its class")
    values, labels = np.unique(y, return_inverse=True)
    if len(values) < 2:
        raise ValueError(
            f"{target} holds {len(values)} class(es), expected at least two to classify"
        )
    return labels.astype(np.int64), [str(v) for v in values]


def check_length(name: str, values: np.ndarray, labels: np.ndarray, root: str) -> None:
    """Raise where what is said of each sample is not one value for each."""
    if values.shape != labels.shape:
        raise ValueError(
            f"{name} in {root} has shape {values.shape}, expected {len(labels)} values, one per "
            "label"
        )


def check_inputs(arrays: Named, samples: int, root: str) -> Named:
    if not arrays:
        raise ValueError(f"{root} holds no modality, expected at least one array besides y")
    for name, values in arrays.items():
        if len(values.shape) == 0 or len(values) != samples:
            raise ValueError(
                f"array {name!r} has shape {values.shape} but y has {samples} labels; "
                "every modality needs one row per sample"
            )
        if not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
            raise ValueError(
                f"array {name!r} has dtype {values.dtype}, expected real numbers; if it is no "
                "modality, name those by dataset.columns"
            )
        if values.size == 0:
            raise ValueError(f"array {name!r} has shape {values.shape}, no values; leave it out")
        broken = ~np.isfinite(values.reshape(samples, -1)).all(axis=1)
        if broken.any():
            raise ValueError(
                f"array {name!r} holds NaN or infinity in {int(broken.sum())} sample(s), the first "
                f"is row {int(np.argmax(broken))}; remove or impute them"
            )
    return {n: v[:, None] if v.ndim == 1 else v for n, v in arrays.items()}


def index_from_split(split: np.ndarray, labels: np.ndarray, root: str) -> Named:
    """Return the three index arrays that the file's own `split` names."""
    names = set(map(str, np.unique(split)))
    if names not in (set(SPLIT_NAMES), set(SPLIT_NAMES[:2])):
        raise ValueError(
            f"split in {root} has shape {split.shape} and values {sorted(names)[:6]}, expected "
            f"{len(labels)} strings that use each of {list(SPLIT_NAMES)}; where none is test, "
            "results are those on validation"
        )
    index = {name: np.flatnonzero(split == name) for name in SPLIT_NAMES}
    unseen = sorted(set(labels) - set(labels[index["train"]]))
    if unseen:
        raise ValueError(
            f"class id(s) {unseen[:6]} never occur in the train split of {root}; "
            "put at least one sample of each class into train"
        )
    return index
