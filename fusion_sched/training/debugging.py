"""Runs on few samples: to see the whole pipeline in seconds, or whether a network can memorise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fusion_sched.runtime.files import json_digest
from fusion_sched.training.components import stratified_choice
from fusion_sched.types import Batch, Samples, Splits


@dataclass(frozen=True)
class Subset:
    """Some samples of a split, by their positions in it."""

    samples: Samples
    positions: Sequence[int]

    def __len__(self) -> int:
        return len(self.positions)

    def __getitems__(self, indices: list[int]) -> Batch:
        batch = self.samples.__getitems__([self.positions[i] for i in indices])
        return batch._replace(index=torch.as_tensor(indices, dtype=torch.int64))

    @property
    def labels(self) -> Tensor:
        return self.samples.labels[torch.as_tensor(self.positions)]

    def fingerprint(self) -> str:
        return json_digest([self.samples.fingerprint(), list(self.positions)])[:16]


def few_samples(splits: Splits, count: int, seed: int) -> Splits:
    """Return at most `count` samples of each split, each class in its share."""

    def choose(samples: Samples) -> list[int]:
        return stratified_choice(samples.labels.numpy(), count, seed)

    of_train = choose(splits.train)
    return replace(
        splits,
        train=Subset(splits.train, of_train),
        plain_train=Subset(splits.plain_train, of_train),
        validation=Subset(splits.validation, choose(splits.validation)),
        test=Subset(splits.test, choose(splits.test)),
        facts=_with_note(splits, f"at most {count} samples of each split"),
    )


def samples_to_memorise(splits: Splits, count: int, seed: int) -> Splits:
    """Return `count` training samples without augmentation, as every one of the splits."""
    samples = Subset(
        splits.plain_train, stratified_choice(splits.train.labels.numpy(), count, seed)
    )
    return replace(
        splits, train=samples, plain_train=samples, validation=samples, test=samples, augment=None,
        facts=_with_note(
            splits, f"{count} training samples, which are validation and test as well: accuracies "
            "say what is memorised"
        ),
    )  # fmt: skip


def _with_note(splits: Splits, what: str) -> dict[str, object]:
    return {**splits.facts, "notes": [*splits.facts.get("notes", []), f"debug.samples: {what}"]}
