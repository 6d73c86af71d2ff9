"""Samples held in memory, and the split that makes three of them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusion_sched.types import NO_LABEL, Batch, Splits

SPLIT_NAMES = ("train", "validation", "test")


@dataclass(frozen=True)
class InMemory:
    """A split whose modalities are tensors `(N, *shape)`, float32, and labels `(N,)`."""

    inputs: Mapping[str, Tensor]
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitems__(self, indices: list[int]) -> Batch:
        index = torch.as_tensor(indices, dtype=torch.int64)
        inputs = {name: values[index] for name, values in self.inputs.items()}
        return Batch(inputs, self.labels[index], index)

    def fingerprint(self) -> str:
        """Return a SHA-256 over names, shapes and every byte of the split."""
        tensors = {**dict(sorted(self.inputs.items())), "y": self.labels}
        return digest_arrays({name: values.numpy() for name, values in tensors.items()})


def digest_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """Return 16 digits of a SHA-256 over names, shapes and every byte, in the given order."""
    digest = hashlib.sha256()
    for name, values in arrays.items():
        digest.update(f"{name}{tuple(values.shape)}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()[:16]


def stratified_split(
    labels: np.ndarray, validation: float, test: float, seed: int
) -> dict[str, np.ndarray]:
    """Return disjoint sorted indices of train, validation and test, each with every class.

    `labels` has shape `(N,)`; `validation` and `test` are shares of all samples in (0, 1).
    """
    if seed < 0:
        raise ValueError(f"split_seed is {seed}, expected 0 or more")
    for name, share in (("validation", validation), ("test", test)):
        if not 0 < share < 1:
            raise ValueError(f"share of {name} samples is {share}, expected a number in (0, 1)")
    if validation + test >= 1:
        raise ValueError(
            f"validation and test take {validation + test:g} of all samples, expected less than 1 "
            "so that something is left to train on"
        )
    check_class_sizes(labels, validation, test)
    from sklearn.model_selection import train_test_split  # takes a second

    everything = np.arange(len(labels))
    rest, test_index = train_test_split(
        everything, test_size=test, stratify=labels, random_state=seed
    )
    train_index, validation_index = train_test_split(
        rest, test_size=validation / (1 - test), stratify=labels[rest], random_state=seed
    )
    parts = (train_index, validation_index, test_index)
    return {name: np.sort(index) for name, index in zip(SPLIT_NAMES, parts, strict=True)}


def least_per_class(validation: float, test: float) -> int:
    """Return how many samples of a class give one to each split."""
    return int(np.ceil(1 / min(validation, test, 1 - validation - test)))


def check_class_sizes(labels: np.ndarray, validation: float, test: float) -> None:
    """Raise where the smallest class cannot put one sample into each split."""
    classes, counts = np.unique(labels, return_counts=True)
    needed = least_per_class(validation, test)
    if counts.min() < needed:
        scarce = {str(c): int(n) for c, n in zip(classes, counts, strict=True) if n < needed}
        raise ValueError(
            f"too few samples for a stratified split: {scarce} (class number, from 0: samples), "
            f"expected at least {needed} of each class for validation={validation:g} and "
            f"test={test:g}; add samples, "
            "drop the class, or raise the shares"
        )


def class_ids(labels: Iterable[str], classes: Sequence[str]) -> np.ndarray:
    """Return the ids of class names `(N,)`; `NO_LABEL` where a name is empty.

    Raises
    ------
    ValueError
        A name that is no class.
    """
    known = {"": NO_LABEL, **{name: number for number, name in enumerate(classes)}}
    names = [str(label) for label in labels]
    unknown = sorted(set(names) - known.keys())
    if unknown:
        raise ValueError(
            f"labels {unknown[:6]} are no classes of the model, expected some of {list(classes)}; "
            "correct them, or leave the labels out"
        )
    return np.array([known[name] for name in names], dtype=np.int64)


def splits_from_arrays(
    inputs: Mapping[str, np.ndarray],
    labels: np.ndarray,
    index: Mapping[str, np.ndarray],
    classes: Sequence[str],
    facts: Mapping[str, Any] | None = None,
    preprocessing: Mapping[str, Mapping[str, Any]] | None = None,
) -> Splits:
    """Cut modality arrays `(N, *shape)` and labels `(N,)` by the three index arrays."""
    largest = np.finfo(np.float32).max
    for name, values in inputs.items():
        if np.abs(values).max(initial=0) > largest:
            raise ValueError(
                f"array {name!r} holds values up to {np.abs(values).max():.3g}, more than single "
                f"precision can hold ({largest:.3g}); rescale it"
            )
    parts = {
        name: InMemory(
            {m: torch.as_tensor(values[index[name]], dtype=torch.float32)
             for m, values in inputs.items()},
            torch.as_tensor(labels[index[name]], dtype=torch.int64),
        )
        for name in SPLIT_NAMES
    }  # fmt: skip
    return Splits(
        train=parts["train"],
        validation=parts["validation"],
        test=parts["test"],
        plain_train=parts["train"],
        shapes={m: tuple(values.shape[1:]) for m, values in inputs.items()},
        classes=tuple(classes),
        facts=facts or {},
        preprocessing=preprocessing or {},
    )
