"""How a step of joint training shares out its gradients: one file per method.

A balancer holds settings only. What it remembers between epochs is its state: plain values and
tensors that the run keeps and checkpoints.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import Batch, Predictions, StepOutput

BalancerState = dict[str, Any]
"""Tensors, numbers, texts, and lists and dicts of them: it goes into the checkpoint."""


class EvalPasses(NamedTuple):
    """What a balancer may evaluate before an epoch; each call runs the model over the split.

    `train` is the training split without augmentation. The test split is not among them.
    """

    train: Callable[[], Predictions]
    validation: Callable[[], Predictions]


class Balancer(Protocol):
    """One step of joint training."""

    def check(self, model: MultimodalNetwork) -> None:
        """Refuse, before anything trains, a network that the method cannot train.

        Raises
        ------
        ValueError
            A network, or a number of modalities, that the method cannot take.
        """

    def start_epoch(
        self, model: MultimodalNetwork, passes: EvalPasses, state: BalancerState
    ) -> BalancerState:
        """Prepare an epoch of joint training; return what its steps and the next epoch need.

        `state` is empty before the first one. The model's weights may be changed here.
        """

    def backward(self, model: MultimodalNetwork, batch: Batch, state: BalancerState) -> StepOutput:
        """Put a batch's gradients into the parameters, which have none; return its logits and
        losses."""
