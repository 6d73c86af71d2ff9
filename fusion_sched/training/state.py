"""A run under way: what a checkpoint holds of it, and what stands around that."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fusion_sched.balancers import BalancerState
from fusion_sched.runlog import NullTraceWriter, TraceWriter
from fusion_sched.runtime import checkpoint
from fusion_sched.training.averaging import WeightAverage
from fusion_sched.training.components import Loaders, RunComponents
from fusion_sched.training.parameter_groups import parameter_groups
from fusion_sched.types import ControllerState, Diagnosis, Stage

BEFORE = -1
"""The epoch of what is observed and decided before the first one."""


@dataclass
class RunState:
    """What changes while a run goes on, besides weights and optimizer: it is in the checkpoint.

    `epoch` and `step` are the next ones. `peak`, `best` and `hand_over` name files of weights in
    the checkpoint folder, `kept` one per modality; `deployed`: `best` is what the controller chose.
    `best_heads` has for each modality the `epoch`, `score` and `weights` of its best one, with
    `select=heads`. `threshold_distance` is that of the last decision on a fresh diagnosis.
    `test_predictions` holds the fused predictions of every joint epoch, not yet scored. `stopping`
    is the memory of early stopping in this stage, `stopped_after` the number of epochs after which
    the stage was ended.
    """

    stage: Stage
    controller: ControllerState
    epoch: int = 0
    step: int = 0
    unimodal_epochs: int = 0
    diagnosis: Diagnosis | None = None
    probe_state: dict[str, Tensor] = field(default_factory=dict)
    generalising: Diagnosis | None = None
    generalising_state: dict[str, Tensor] = field(default_factory=dict)
    threshold_distance: float | None = None
    balancer_state: BalancerState = field(default_factory=dict)
    peak: str | None = None
    kept: dict[str, str] = field(default_factory=dict)
    hand_over: str | None = None
    deployed: bool = False
    best: str | None = None
    best_epoch: int = -1
    best_validation: dict[str, float] = field(default_factory=dict)
    best_heads: dict[str, dict[str, Any]] = field(default_factory=dict)
    stopping: dict[str, Any] = field(default_factory=dict)
    stopped_after: int | None = None
    test_predictions: list[Tensor] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "probe": 0.0})


@dataclass
class Run:
    parts: RunComponents
    folder: Path
    state: RunState
    loaders: Loaders
    trace: TraceWriter | NullTraceWriter
    optimizer: Optimizer
    scheduler: LRScheduler
    average: WeightAverage | None = field(init=False)

    def __post_init__(self) -> None:
        decay = self.parts.options.ema_decay
        self.average = None if decay is None else WeightAverage(decay)

    @property
    def total_epochs(self) -> int:
        """Number of epochs over both stages, were stage 2 to start now."""
        plan = self.parts
        if self.state.stage.joint and not self.state.stage.active:
            return self.state.epoch
        if self.state.stage.joint and self.state.stopped_after is not None:
            return self.state.stopped_after
        used = plan.stage1.epochs if plan.equal_budget else self.state.unimodal_epochs
        return used + plan.stage2.epochs

    @property
    def checkpoint_dir(self) -> Path:
        """Folder of the weights and of the last checkpoint."""
        return self.folder / checkpoint.CHECKPOINT_DIR

    def keep_weights(self, purpose: str) -> str:
        """Save the present weights under a name of their own; return it."""
        name = f"{purpose}-{self.state.epoch + 1:04d}.pt"
        if self.parts.processes.first:
            checkpoint.save(self.checkpoint_dir / name, {"model": self.parts.model.state_dict()})
        self.parts.processes.wait()
        return name

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Count the seconds of a block as those of diagnoses."""
        started = time.perf_counter()
        yield
        self.state.seconds["probe"] += time.perf_counter() - started

    def restore_weights(self, name: str) -> None:
        """Load weights that `keep_weights` has saved."""
        self.parts.model.load_state_dict(self.read_weights(name))
        self.restart_average()

    def read_weights(self, name: str) -> dict[str, Tensor]:
        """Return weights that `keep_weights` has saved."""
        content = checkpoint.load(self.checkpoint_dir / name, self.parts.device)
        weights: dict[str, Tensor] = content["model"]
        return weights

    def restore_modality(self, modality: str, name: str) -> None:
        """Load encoder and head of one modality from weights that `keep_weights` has saved."""
        own = (f"encoders.{modality}.", f"heads.{modality}.")
        weights = {
            key: value for key, value in self.read_weights(name).items() if key.startswith(own)
        }
        self.parts.model.load_state_dict(weights, strict=False)
        self.restart_average()

    def restart_average(self) -> None:
        """Train on from the weights that the network holds, and average from there."""
        if self.average is not None:
            self.average.restart()


def make_optimizer(parts: RunComponents, state: RunState) -> tuple[Optimizer, LRScheduler]:
    """Return the stage's own optimizer and scheduler, over all parameters.

    A frozen parameter has no gradient, and torch's optimizers leave such a parameter and its
    state alone.
    """
    parts.model.train_only(parts.model.modalities, joint=True)
    if not state.stage.joint:
        plan, epochs = parts.stage1, parts.stage1.epochs
    else:
        plan = parts.stage2
        spare = parts.stage1.epochs - state.unimodal_epochs if parts.equal_budget else 0
        epochs = plan.epochs + spare
    optimizer = plan.optimizer(parameter_groups(parts.model, parts.options.modality_optimizers))
    return optimizer, plan.scheduler(optimizer, epochs)
