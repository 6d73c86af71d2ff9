"""On-the-fly gradient modulation: the encoder of the dominant modality learns more slowly."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fusion_sched.balancers import BalancerState, EvalPasses
from fusion_sched.balancers.contributions import (
    check_two,
    class_probabilities,
    contributions,
    ratios,
)
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import FUSED, Batch, StepOutput, losses_of


@dataclass(frozen=True)
class OGM:
    """OGM and, with `noise`, OGM-GE (Peng et al., CVPR 2022).

    Descend the fused loss. A modality's score is Σ_i softmax(φ_m)_{y_i} over the batch, where φ_m
    is its share of the fused logits; ρ_m is its score over the other's; its encoder's gradient is
    multiplied by k_m = 1 - tanh(`alpha` ρ_m) where ρ_m > 1, else by 1 (the paper's Equation 10).
    Generalisation enhancement adds, to each of the encoders' tensors, Gaussian noise with the
    standard deviation of its gradient before the multiplication.

    `first_epoch` and `last_epoch`, counted from 0 and over joint epochs alone, bound the
    modulation. 0 to 50 are the authors' defaults; `alpha` is BalanceBenchmark's.

    Where we differ: the paper splits one linear layer by hand, we take Shapley shares, which are
    the same for it and exist for any fusion; the paper has two modalities, with more ρ_m is the
    score over the mean of the others'; the authors' code touches convolutions alone, we modulate
    all of an encoder, which may have none.
    """

    alpha: float = 0.3
    noise: bool = False
    first_epoch: int = 0
    last_epoch: int = 50

    def __post_init__(self) -> None:
        if self.alpha < 0:
            raise ValueError(f"alpha is {self.alpha}, expected 0 or more")
        if not 0 <= self.first_epoch <= self.last_epoch:
            raise ValueError(
                f"first_epoch is {self.first_epoch}, last_epoch {self.last_epoch}; expected "
                "0 <= first_epoch <= last_epoch"
            )

    def check(self, model: MultimodalNetwork) -> None:
        """Refuse a single modality."""
        check_two(model, "ogm")

    def start_epoch(
        self, model: MultimodalNetwork, passes: EvalPasses, state: BalancerState
    ) -> BalancerState:
        """Count joint epochs."""
        return {"epoch": state["epoch"] + 1 if state else 0}

    def backward(self, model: MultimodalNetwork, batch: Batch, state: BalancerState) -> StepOutput:
        """Descend the fused loss, then modulate the encoders' gradients."""
        outputs = model(batch.inputs)
        logits = outputs.by_head()
        losses = losses_of(logits, batch.targets)
        losses[FUSED].backward()  # type: ignore[no-untyped-call]
        if self.first_epoch <= state["epoch"] <= self.last_epoch:
            with torch.no_grad():
                factors = self.factors(contributions(model, outputs), batch.y)
            for name, factor in factors.items():
                self.modulate(model.encoders[name], factor)
        return StepOutput.of(logits, losses)

    def factors(self, shares: Mapping[str, Tensor], y: Tensor) -> dict[str, Tensor]:
        """Return k of each modality from its share `(B, classes)` of the fused logits."""
        return {
            name: torch.where(ratio > 1, 1 - torch.tanh(self.alpha * ratio), 1.0)
            for name, ratio in ratios(class_probabilities(shares, y)).items()
        }

    def modulate(self, encoder: nn.Module, factor: Tensor) -> None:
        """Multiply an encoder's gradients and add the noise."""
        for parameter in encoder.parameters():
            if parameter.grad is None:
                continue
            gradient = parameter.grad
            parameter.grad = factor * gradient
            if self.noise:
                deviation = gradient.std(correction=0)  # of one number too: 0
                parameter.grad += deviation * torch.randn_like(gradient)
