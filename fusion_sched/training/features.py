"""Features of frozen pretrained encoders: computed once per sample, and read in every epoch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from fusion_sched.data.clips.features import stored_features
from fusion_sched.data.clips.load import Augment, progress_bar
from fusion_sched.data.clips.store import short_hash
from fusion_sched.data.loading import Loader
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.models.pretrained import Pretrained
from fusion_sched.types import Batch, Samples, Splits

BATCH = 64
"""Samples in a forward pass; always the same, so that equal inputs have equal features."""


@dataclass(frozen=True)
class LabelsOnly:
    """A split of which no input is read: all modalities have their features."""

    samples: Samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitems__(self, indices: list[int]) -> Batch:
        index = torch.as_tensor(indices, dtype=torch.int64)
        return Batch({}, self.samples.labels[index], index)

    @property
    def labels(self) -> Tensor:
        return self.samples.labels

    def fingerprint(self) -> str:
        return self.samples.fingerprint()


@dataclass(frozen=True)
class WithFeatures:
    """Finishes a batch, and puts features in the place of the inputs that have them."""

    finish: Callable[[Batch], Batch]
    features: Mapping[str, Tensor]

    def __call__(self, batch: Batch) -> Batch:
        ready = self.finish(batch) if batch.inputs else batch
        own = {m: values[batch.index].to(batch.y.device) for m, values in self.features.items()}
        return ready._replace(inputs={**ready.inputs, **own})


@dataclass(frozen=True)
class FeatureCache:
    """What a loader reads of a split: features of frozen encoders, or inputs.

    `by_split`: identity of a split → modality → features `(N, size)`.
    """

    splits: Splits
    by_split: Mapping[int, Mapping[str, Tensor]]

    def source(
        self, samples: Samples, augmented: bool = False
    ) -> tuple[Samples, Callable[[Batch], Batch]]:
        """Return the split to read, and how its batches are finished.

        With `augmented`, inputs that change at random are read in place of their features.
        """
        features = {
            m: values
            for m, values in self.by_split.get(id(samples), {}).items()
            if not (augmented and is_augmented(self.splits, m))
        }
        if not features:
            return samples, self.splits.finish
        every = features.keys() == self.splits.shapes.keys()
        return LabelsOnly(samples) if every else samples, WithFeatures(self.splits.finish, features)


def frozen_encoders(model: MultimodalNetwork) -> dict[str, Pretrained]:
    """Return the encoders whose features never change."""
    return {m: e for m, e in model.encoders.items() if isinstance(e, Pretrained) and e.frozen}


def is_augmented(splits: Splits, modality: str) -> bool:
    """Say whether training changes the modality's inputs at random."""
    if isinstance(splits.augment, Augment):
        return splits.augment.changes(modality)
    return splits.augment is not None


def compute_features(
    splits: Splits, model: MultimodalNetwork, device: torch.device
) -> FeatureCache:
    """Compute the features of every split, or read them where they are stored.

    Raises
    ------
    ValueError
        Stored features that are damaged, or features that are not finite.
    """
    encoders = frozen_encoders(model)
    digests = {m: encoder.digest() for m, encoder in encoders.items()}
    by_split: dict[int, dict[str, Tensor]] = {}
    for name, samples in _unchanging(splits).items() if encoders else ():
        # The moments that standardise a modality may be those of training.
        content = [samples.fingerprint(), splits.plain_train.fingerprint()]
        for m, encoder in encoders.items():
            where = [device.type, model.precision, str(splits.shapes[m])]
            loader = Loader(samples, BATCH, device=device, finish=splits.finish)
            key = short_hash([m, digests[m], *where, *content])
            own = by_split.setdefault(id(samples), {})
            with progress_bar(f"features of {m}, {name}") as progress:
                work = partial(_encode_split, encoder, m, loader, model.precision, progress)
                own[m] = work() if splits.store is None else stored_features(
                    splits.store, m, key, work
                )  # fmt: skip
    return FeatureCache(splits, by_split)


def _unchanging(splits: Splits) -> dict[str, Samples]:
    """Return the splits whose samples are the same in every epoch."""
    return {"train": splits.plain_train, "validation": splits.validation, "test": splits.test}


@torch.no_grad()
def _encode_split(
    encoder: Pretrained,
    modality: str,
    loader: Loader,
    precision: str,
    progress: Callable[[int, int], None],
) -> Tensor:
    parts: list[Tensor] = []
    encoder.eval()
    for batch in loader:
        with torch.autocast(loader.device.type, torch.bfloat16, enabled=precision == "bf16"):
            parts.append(encoder.features(batch.inputs[modality]).float().cpu())
        progress(sum(map(len, parts)), len(loader.order))
    features = torch.cat(parts)
    broken = int((~features.isfinite()).any(dim=1).sum())
    if broken:
        raise ValueError(
            f"the features of {modality} are not finite for {broken} of {len(features)} samples; "
            "look for extreme values in the data, or take another network"
        )
    return features


def feature_facts(splits: Splits, model: MultimodalNetwork) -> dict[str, Any]:
    """Return what the trace holds of pretrained encoders, by modality: nothing without any."""
    pretrained = {m: e for m, e in model.encoders.items() if isinstance(e, Pretrained)}
    if not pretrained:
        return {}
    changed = [m for m, e in pretrained.items() if e.frozen and not _cached_train(splits, m)]
    notes = [
        f"{m}: training changes its inputs at random, so that the frozen encoder runs on each "
        "training batch; where the dataset has it, dataset.augmented=false lets the features be "
        "computed once"
        for m in changed
    ]
    facts: dict[str, Any] = {
        "pretrained": {m: _facts_of(splits, m, e) for m, e in pretrained.items()}
    }
    return {**facts, "notes": [*splits.facts.get("notes", []), *notes]} if notes else facts


def _facts_of(splits: Splits, modality: str, encoder: Pretrained) -> dict[str, Any]:
    cached = [
        name for name in splits.by_name()
        if encoder.frozen and (name != "train" or _cached_train(splits, modality))
    ]  # fmt: skip
    place = "memory, for this run" if splits.store is None else "folder of prepared data"
    return {
        "model": encoder.name, "sha256": encoder.digest(), "unfrozen": encoder.unfrozen,
        "cached": cached, "kept_in": place if cached else "",
    }  # fmt: skip


def _cached_train(splits: Splits, modality: str) -> bool:
    """Say whether training reads the features of a frozen encoder."""
    return splits.train is splits.plain_train and not is_augmented(splits, modality)
