"""How a step of joint training shares out its gradients: one file per method.

A balancer is knobs only. What it has to remember between epochs is a memory of plain values and
tensors that the run keeps and checkpoints.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import Batch, Predictions, StepOutput

BalancerState = dict[str, Any]
"""Tensors, numbers, texts, and lists and dicts of them: it goes into the checkpoint."""


class EvalPasses(NamedTuple):
    """What a balancer may look at before an epoch; each call runs the model over the split.

    ``train`` is the training split without augmentation. Nobody looks at test.
    """

    train: Callable[[], Predictions]
    validation: Callable[[], Predictions]


class Balancer(Protocol):
    """One step of joint training."""

    def start_epoch(
        self, model: MultimodalNetwork, look: EvalPasses, memory: BalancerState
    ) -> BalancerState:
        """Prepare an epoch of joint training; return what its steps and the next epoch need.

        ``memory`` is empty before the first one. The model's weights may be changed here.

        Raises:
            ValueError: a network, or a number of modalities, that the method cannot take.
        """

    def backward(self, model: MultimodalNetwork, batch: Batch, memory: BalancerState) -> StepOutput:
        """Put a batch's gradients into the parameters, which have none; return what was seen."""
