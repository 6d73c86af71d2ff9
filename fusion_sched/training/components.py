"""A run: its parts, what changes while it goes on, and the checkpoint that holds it all."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fusion_sched.balancers import Balancer, BalancerState
from fusion_sched.data.loading import EpochOrder, Loader
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.pid import Solver
from fusion_sched.runlog import (
    NullTraceWriter,
    TraceWriter,
)
from fusion_sched.runlog.trackers import Tracker
from fusion_sched.runtime import checkpoint
from fusion_sched.runtime.distributed import Processes
from fusion_sched.runtime.environment import seed_for
from fusion_sched.training.schedules import Schedule
from fusion_sched.types import (
    Controller,
    ControllerState,
    Diagnosis,
    ProbeInputs,
    Samples,
    Splits,
    Stage,
)

EventSink = Callable[[dict[str, Any]], None]


class Probe(Protocol):
    """When to diagnose, on which samples, and how."""

    every: int
    joint_every: int
    samples: int
    source: str

    def diagnose(
        self, seen: ProbeInputs, solver: Solver, memory: dict[str, Tensor]
    ) -> tuple[Diagnosis, dict[str, Tensor]]:
        """Estimate what the embeddings say of the label; take and return its memory."""


@dataclass(frozen=True)
class StagePlan:
    """How a stage trains: its longest length, its optimizer and its learning-rate schedule."""

    epochs: int
    optimizer: Callable[..., Optimizer]
    schedule: Schedule


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
    config: dict[str, Any]


@dataclass
class State:
    """What changes while a run goes on, besides weights and optimizer: a checkpoint holds it all.

    ``epoch`` and ``step`` are the next ones; ``memory`` is the probe's, ``balance`` the balancer's;
    ``peak`` and ``best`` name
    weights in the checkpoint folder, by the number of epochs they have; ``test_predictions`` holds
    the fused predictions of every joint epoch, not yet scored.
    """

    stage: Stage
    controller: ControllerState
    epoch: int = 0
    step: int = 0
    unimodal_epochs: int = 0
    diagnosis: Diagnosis | None = None
    memory: dict[str, Tensor] = field(default_factory=dict)
    peak: str | None = None
    best: str | None = None
    best_epoch: int = -1
    best_validation: dict[str, float] = field(default_factory=dict)
    test_predictions: list[Tensor] = field(default_factory=list)
    balance: BalancerState = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "probe": 0.0})


@dataclass
class Loaders:
    """One loader per purpose; only ``train`` is shuffled and augmented."""

    train: Loader
    plain_train: Loader
    validation: Loader
    test: Loader
    probe: Loader
    order: EpochOrder


@dataclass
class Run:
    """A run under way."""

    parts: RunComponents
    folder: Path
    state: State
    loaders: Loaders
    trace: TraceWriter | NullTraceWriter
    optimizer: Optimizer
    scheduler: LRScheduler

    @property
    def total_epochs(self) -> int:
        """Number of epochs over both stages, were stage 2 to start now."""
        plan = self.parts
        used = plan.stage1.epochs if plan.equal_budget else self.state.unimodal_epochs
        return used + plan.stage2.epochs

    @property
    def weights(self) -> Path:
        """Folder of the weights and of the last checkpoint."""
        return self.folder / checkpoint.CHECKPOINT_DIR


def make_loaders(parts: RunComponents) -> Loaders:
    """Return the loaders; the probe's samples are a fixed, class-stratified choice."""
    splits, size = parts.splits, parts.batch_size
    source, chosen = choose_probe_samples(splits, parts.probe, parts.seed)
    held_out = set(chosen) if parts.probe.source == "held_out" else set()
    order = EpochOrder([i for i in range(len(splits.train)) if i not in held_out], parts.seed)
    make = partial(
        Loader, device=parts.device, processes=parts.processes, workers=parts.workers,
        finish=splits.finish,
    )  # fmt: skip
    return Loaders(
        train=make(splits.train, size, order, augment=splits.augment),
        plain_train=make(splits.plain_train, size, sorted(order.positions)),
        validation=make(splits.validation, size),
        test=make(splits.test, size),
        probe=make(source, size, chosen),
        order=order,
    )


def choose_probe_samples(splits: Splits, probe: Probe, seed: int) -> tuple[Samples, list[int]]:
    """Return the split that the probe looks at, and which of its samples.

    Raises:
        ValueError: a held-out slice that leaves too little to train on.
    """
    if probe.source == "prefix":
        return splits.train, list(range(min(probe.samples, len(splits.train))))
    source = splits.validation if probe.source == "validation" else splits.plain_train
    if probe.source == "held_out" and probe.samples > len(source) // 2:
        raise ValueError(
            f"probe.source=held_out takes probe.samples={probe.samples} of {len(source)} training "
            "samples away, expected at most half of them; lower probe.samples"
        )
    return source, stratified_choice(source.labels.numpy(), probe.samples, seed)


def stratified_choice(labels: np.ndarray, count: int, seed: int) -> list[int]:
    """Return at most ``count`` sorted positions, each class in its share."""
    if count >= len(labels):
        return list(range(len(labels)))
    rng = np.random.default_rng(seed_for(seed, "probe"))
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    # Every k-th of the samples sorted by class: shares are right to within one sample.
    picked = by_class[np.floor(np.arange(count) * len(labels) / count).astype(int)]
    return sorted(picked.tolist())


def make_optimizer(parts: RunComponents, state: State) -> tuple[Optimizer, LRScheduler]:
    """Return the stage's own optimizer and schedule, over all parameters.

    A frozen parameter has no gradient, and torch's optimizers leave such a parameter and its
    state alone.
    """
    parts.model.requires_grad_(True)
    if not state.stage.joint:
        plan, epochs = parts.stage1, parts.stage1.epochs
    else:
        plan = parts.stage2
        spare = parts.stage1.epochs - state.unimodal_epochs if parts.equal_budget else 0
        epochs = plan.epochs + spare
    optimizer = plan.optimizer(parts.model.parameters())
    return optimizer, plan.schedule(optimizer, epochs)
