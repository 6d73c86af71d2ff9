"""What a run is made of: model, data, probe, controller, balancer and the plans of its stages."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Generator, Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fusion_sched.balancers import Balancer
from fusion_sched.data.loading import EpochOrder, Loader
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.pid import Solver
from fusion_sched.runlog.protocol import protocol_of
from fusion_sched.runlog.trackers import Tracker
from fusion_sched.runtime.distributed import Processes
from fusion_sched.runtime.environment import describe_device, git_revision, seed_for, versions
from fusion_sched.training.features import compute_features, feature_facts
from fusion_sched.training.options import TrainingOptions
from fusion_sched.types import Batch, Controller, Diagnosis, ProbeInputs, Samples, Splits

EventSink = Callable[[dict[str, Any]], None]
HELD_OUT_PART = 5
"""One in so many training samples is held out for the probe at most."""
LEAST_HELD_OUT = 12


class Probe(Protocol):
    """When to diagnose, on which samples, and how.

    `on_device`: its inputs stay on the device of the run; `last_epoch`: the last joint epoch is
    diagnosed whatever `joint_every`.
    """

    on_device: ClassVar[bool]
    last_epoch: ClassVar[bool]
    every: int
    joint_every: int
    samples: int
    source: str

    def diagnose(
        self, inputs: ProbeInputs, solver: Solver, state: dict[str, Tensor], /
    ) -> tuple[Diagnosis, dict[str, Tensor]]:
        """Return the information of embeddings about the label, and the state for the next one."""


@dataclass(frozen=True)
class StagePlan:
    """How a stage trains: at most `epochs` epochs, its optimizer and its learning rate.

    `scheduler` takes the optimizer and the number of epochs, which for the joint stage is known
    only when it starts, and returns a scheduler that is stepped after each epoch.
    """

    epochs: int
    optimizer: Callable[..., Optimizer]
    scheduler: Callable[[Optimizer, int], LRScheduler]


@dataclass(frozen=True)
class RunComponents:
    """Everything a run is made of."""

    splits: Splits
    model: MultimodalNetwork
    probe: Probe
    solver: Solver
    controller: Controller
    stage1: StagePlan
    stage2: StagePlan
    balancer: Balancer
    equal_budget: bool
    batch_size: int
    seed: int
    device: torch.device
    processes: Processes
    tracker: Tracker
    robustness: bool
    workers: int
    select: str
    config: dict[str, Any]
    options: TrainingOptions = field(default_factory=TrainingOptions)

    def start_fields(self) -> dict[str, Any]:
        """Return what a reader of the trace must know of the run."""
        splits = self.splits
        fingerprint = splits.fingerprints()
        fields = {
            "modalities": {m: list(shape) for m, shape in splits.shapes.items()},
            "classes": list(splits.classes),
            "split_sizes": {name: len(split) for name, split in splits.by_name().items()},
            "fingerprint": fingerprint,
            **protocol_of(self.config, fingerprint, splits.facts),
            "facts": {**splits.facts, **feature_facts(splits, self.model)},
            "seed": self.seed,
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "device": describe_device(self.device),
            "versions": versions(),
            "git": git_revision(),
            "config": self.config,
        }
        if self.probe.source == "both" and (note := few_held_out(len(splits.validation))):
            fields["facts"]["notes"] = [*fields["facts"].get("notes", []), note]
        return {name: value for name, value in fields.items() if value is not None}


def few_held_out(samples: int) -> str | None:
    """What validation samples are too few for; `None` where there are enough."""
    if samples >= LEAST_HELD_OUT:
        return None
    return (
        f"validation has {samples} samples, fewer than {LEAST_HELD_OUT}: there is no diagnosis of "
        "what generalises; raise dataset.validation for one"
    )


@dataclass
class Loaders:
    """One loader per purpose; only `train` is shuffled and augmented.

    Batches hold features in place of the inputs of frozen encoders, but those of `test_inputs`.
    """

    train: Loader
    plain_train: Loader
    validation: Loader
    test: Loader
    test_inputs: Loader
    probe: Loader
    generalising: Loader | None
    order: EpochOrder


def make_loaders(parts: RunComponents) -> Loaders:
    """Return the loaders; the probe's samples are a fixed, class-stratified choice."""
    splits, size = parts.splits, parts.batch_size
    source, chosen = choose_probe_samples(splits, parts.probe, parts.seed)
    held_out = set(chosen) if parts.probe.source == "held_out" else set()
    order = EpochOrder([i for i in range(len(splits.train)) if i not in held_out], parts.seed)
    cache = compute_features(splits, parts.model, parts.device)
    plain = partial(
        Loader, device=parts.device, processes=parts.processes, workers=parts.workers,
    )  # fmt: skip

    def make(
        samples: Samples,
        batch_size: int,
        order: Collection[int] | None = None,
        augment: Callable[[Batch, Generator], Batch] | None = None,
    ) -> Loader:
        read, finish = cache.source(samples, augmented=augment is not None)
        return plain(read, batch_size, order, finish=finish, augment=augment)

    return Loaders(
        train=make(
            splits.train, size, order, augment=parts.options.batch_transform(splits.augment)
        ),
        plain_train=make(splits.plain_train, size, sorted(order.positions)),
        validation=make(splits.validation, size),
        test=make(splits.test, size),
        test_inputs=plain(splits.test, size, finish=splits.finish),
        probe=make(source, size, chosen),
        generalising=_validation_loader(parts, make),
        order=order,
    )


def _validation_loader(parts: RunComponents, make: Callable[..., Loader]) -> Loader | None:
    """Return the loader of the generalising diagnosis; `None` with too few validation samples."""
    split = parts.splits.validation
    if parts.probe.source != "both" or len(split) < LEAST_HELD_OUT:
        return None
    chosen = stratified_choice(split.labels.numpy(), parts.probe.samples, parts.seed)
    return make(split, parts.batch_size, chosen)


def choose_probe_samples(splits: Splits, probe: Probe, seed: int) -> tuple[Samples, list[int]]:
    """Return the split that the probe looks at, and which of its samples.

    Held out is at most a fifth of the training samples.

    Raises
    ------
    ValueError
        So few training samples that a fifth of them says nothing.
    """
    if probe.source == "prefix":
        return splits.train, list(range(min(probe.samples, len(splits.train))))
    source, count = splits.plain_train, probe.samples
    if probe.source == "validation":
        source = splits.validation
    elif probe.source == "held_out":
        count = min(count, len(source) // HELD_OUT_PART)
        if count < LEAST_HELD_OUT:
            raise ValueError(
                f"probe.source=held_out can take {count} of {len(source)} training samples, a "
                f"fifth of them; expected at least {LEAST_HELD_OUT}: set probe.source=validation"
            )
    return source, stratified_choice(source.labels.numpy(), count, seed)


def stratified_choice(labels: np.ndarray, count: int, seed: int) -> list[int]:
    """Return at most `count` sorted positions, each class in its share."""
    if count >= len(labels):
        return list(range(len(labels)))
    rng = np.random.default_rng(seed_for(seed, "probe"))
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    # Every k-th of the samples sorted by class: shares are right to within one sample.
    picked = by_class[np.floor(np.arange(count) * len(labels) / count).astype(int)]
    return sorted(picked.tolist())
