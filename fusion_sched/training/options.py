"""The options of training that are off by default, in one object."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Generator

from fusion_sched.training.early_stopping import EarlyStopping
from fusion_sched.training.parameter_groups import OwnValues
from fusion_sched.training.targets import SoftTargets
from fusion_sched.types import Batch

BatchTransform = Callable[[Batch, Generator], Batch]


@dataclass(frozen=True)
class TrainingOptions:
    """How training departs from plain steps along each batch's cross-entropy.

    `until_memorised`: a stage ends once every training sample is right; `profile_steps`: so many
    steps of each stage are profiled.

    Raises
    ------
    ValueError
        A value out of its range.
    """

    early_stopping: EarlyStopping | None = None
    gradient_clip_norm: float | None = None
    accumulate_batches: int = 1
    ema_decay: float | None = None
    targets: SoftTargets | None = None
    modality_optimizers: OwnValues = field(default_factory=dict)
    until_memorised: bool = False
    profile_steps: int = 0

    def __post_init__(self) -> None:
        if self.gradient_clip_norm is not None and self.gradient_clip_norm <= 0:
            raise ValueError(
                f"gradient_clip_norm is {self.gradient_clip_norm}, expected a number above 0, or "
                "null"
            )
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise ValueError(
                f"ema_decay is {self.ema_decay}, expected a number between 0 and 1, or null"
            )

    def batch_transform(self, augment: BatchTransform | None) -> BatchTransform | None:
        """Return what changes a training batch: the dataset's augmentation, then the targets."""
        targets = self.targets
        if targets is None or not targets.needed:
            return augment
        if augment is None:
            return targets

        def both(batch: Batch, generator: Generator) -> Batch:
            return targets(augment(batch, generator), generator)

        return both
