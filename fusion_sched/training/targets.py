"""What training losses compare logits with: label smoothing, class weights and mixup."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from fusion_sched.types import Batch


@dataclass(frozen=True)
class SoftTargets:
    """Gives a training batch targets `(B, classes)`, whose cross-entropy is the loss wanted.

    A target is the label's one-hot vector; mixed by `mixup_alpha` with another sample's, inputs
    and target alike (Zhang et al., "mixup", ICLR 2018); moved by `label_smoothing` towards equal
    shares of all classes; and multiplied class by class by `class_weights`, as the weights of
    `torch.nn.functional.cross_entropy`. The loss is the mean over samples, not over weights, so
    that batches of any size add up.

    Raises
    ------
    ValueError
        A value out of its range.
    """

    classes: int
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] = ()
    mixup_alpha: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                f"label_smoothing is {self.label_smoothing}, expected at least 0 and below 1"
            )
        if self.mixup_alpha < 0:
            raise ValueError(f"mixup_alpha is {self.mixup_alpha}, expected 0 or more")
        if self.class_weights and len(self.class_weights) != self.classes:
            raise ValueError(
                f"class_weights has {len(self.class_weights)} numbers, expected one for each of "
                f"{self.classes} classes"
            )
        if any(weight <= 0 for weight in self.class_weights):
            raise ValueError(f"class_weights is {list(self.class_weights)}, expected all above 0")

    @property
    def needed(self) -> bool:
        """Whether the targets differ from the labels."""
        return bool(self.label_smoothing or self.class_weights or self.mixup_alpha)

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the batch with its targets, and with mixed inputs where they are to be mixed."""
        soft = one_hot(batch.y, self.classes).float()
        inputs = batch.inputs
        if self.mixup_alpha:
            share, partner = self._draw_mixture(len(batch.y), generator)
            partner = partner.to(batch.y.device)
            inputs = {m: mix(x, x[partner], share) for m, x in inputs.items()}
            soft = mix(soft, soft[partner], share)
        if self.label_smoothing:
            soft = (1 - self.label_smoothing) * soft + self.label_smoothing / self.classes
        if self.class_weights:
            soft = soft * soft.new_tensor(self.class_weights)
        return batch._replace(inputs=inputs, soft=soft)

    def _draw_mixture(self, samples: int, generator: Generator) -> tuple[float, Tensor]:
        """Return the share that samples keep, and the position of each one's partner.

        The share is the larger one of the two, so that `y` stays the label of the larger part.
        """
        seed = int(torch.randint(2**62, (), generator=generator))
        share = float(np.random.default_rng(seed).beta(self.mixup_alpha, self.mixup_alpha))
        return max(share, 1 - share), torch.randperm(samples, generator=generator)


def mix(values: Tensor, others: Tensor, share: float) -> Tensor:
    """Return `share` of the values and the rest of the others."""
    return share * values + (1 - share) * others


def balanced_weights(labels: Tensor, classes: Sequence[str]) -> tuple[float, ...]:
    """Return N / (K n_c) for each of K classes with n_c of N samples; their mean over samples is 1.

    Raises
    ------
    ValueError
        A class without a sample.
    """
    counts = torch.bincount(labels, minlength=len(classes)).tolist()
    absent = [name for name, count in zip(classes, counts, strict=True) if not count]
    if absent:
        raise ValueError(
            f"class_weights=balanced needs a training sample of every class, and there is none of "
            f"{absent[:5]}; give the weights: class_weights=[…], one for each class"
        )
    return tuple(len(labels) / (len(classes) * count) for count in counts)
