"""G-Blending: each head's loss weighs by how much it generalises and how little it overfits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from fusion_sched.balancers import BalancerState, EvalPasses
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import FUSED, Batch, Predictions, StepOutput, losses_of

Losses = Mapping[str, float]


@dataclass(frozen=True)
class GBlending:
    """Gradient blending, online (Wang et al., CVPR 2020).

    Descend Σ_k w_k L_k over the modalities' own heads and the fused one. Between two checkpoints
    head k generalises by ΔG_k = L*_k(before) - L*_k(now), L* being the validation loss, and
    overfits by ΔO_k, the change of L*_k - L_k with L the training loss. The weights, which
    sum to 1, are w_k ∝ ΔG_k / ΔO_k²: the least ratio of overfitting to generalisation. They are
    estimated anew every `every` joint epochs, and are equal before the first estimate.

    A head with ΔG_k <= 0 gets no weight, since a negative one would have its loss rise; if all of
    them are such, the weights stay. A head that generalises without any overfitting has the best
    ratio there is: such heads share the weight.

    Where we differ: the paper looks ahead, training each modality and the joint model for some
    epochs from the present weights, only to estimate; we look back at the run's own last
    `every` epochs, which costs two passes over train and validation and no training.
    Validation losses thus steer the weights: a run's validation accuracy is no clean estimate
    here, test is untouched.
    """

    every: int = 5

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every is {self.every}, expected 1 or more")

    def check(self, model: MultimodalNetwork) -> None:
        """Any network will do."""

    def start_epoch(
        self, model: MultimodalNetwork, passes: EvalPasses, state: BalancerState
    ) -> BalancerState:
        """Measure the losses where it is time to, and weigh anew."""
        if not state:
            heads = (*model.modalities, FUSED)
            weights = {name: 1 / len(heads) for name in heads}
            return {"epoch": 0, "weights": weights, **head_losses(passes)}
        epoch = state["epoch"] + 1
        if epoch % self.every:
            return {**state, "epoch": epoch}
        measured = head_losses(passes)
        return {"epoch": epoch, "weights": blend(state, measured), **measured}

    def backward(self, model: MultimodalNetwork, batch: Batch, state: BalancerState) -> StepOutput:
        outputs = model(batch.inputs)
        logits = outputs.by_head()
        losses = losses_of(logits, batch.targets)
        weights = state["weights"]
        # A weight of 0 leaves its part of the network without gradient, so that nothing moves it.
        parts = [weights[name] * loss for name, loss in losses.items() if weights[name]]
        torch.stack(parts).sum().backward()  # type: ignore[no-untyped-call]
        return StepOutput.of(logits, losses)


def head_losses(passes: EvalPasses) -> dict[str, Losses]:
    """Return every head's mean loss on train and on validation."""
    return {"train": mean_losses(passes.train()), "validation": mean_losses(passes.validation())}


def mean_losses(predictions: Predictions) -> Losses:
    """Return every head's mean cross-entropy over a split."""
    losses = losses_of(predictions.logits, predictions.y)
    return {name: float(loss) for name, loss in losses.items()}


def blend(before: Mapping[str, Any], now: Mapping[str, Losses]) -> dict[str, float]:
    """Return the weights from `train` and `validation` losses at two checkpoints.

    `before` also holds the `weights` so far.
    """
    old, new = before["validation"], now["validation"]
    gains = {name: old[name] - new[name] for name in old}
    gaps = {
        name: (new[name] - now["train"][name]) - (old[name] - before["train"][name]) for name in old
    }
    better = [name for name in old if gains[name] > 0]
    if not better:
        return dict(before["weights"])
    free = [name for name in better if gaps[name] == 0]
    if free:
        return {name: 1 / len(free) if name in free else 0.0 for name in old}
    parts = {name: gains[name] / gaps[name] ** 2 if name in better else 0.0 for name in old}
    return {name: part / sum(parts.values()) for name, part in parts.items()}
