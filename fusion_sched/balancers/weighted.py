"""No balancing: a weighted sum of the fused and the unimodal losses."""

from dataclasses import dataclass

import torch

from fusion_sched.balancers import BalancerState, EvalPasses
from fusion_sched.balancers.contributions import check_untrained
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import FUSED, Batch, StepOutput, losses_of


@dataclass(frozen=True)
class Weighted:
    """Descend `fused_weight` times the fused cross-entropy plus `unimodal_weight` times each
    modality's own.

    0.6 for each modality is the weight of FastPID's published code; 1 for all of them is known as
    multi-loss or uniform weights; without the fused loss each modality trains alone.
    """

    fused_weight: float = 1.0
    unimodal_weight: float = 0.6

    def __post_init__(self) -> None:
        if min(self.fused_weight, self.unimodal_weight) < 0:
            raise ValueError(
                f"fused_weight is {self.fused_weight}, unimodal_weight {self.unimodal_weight}; "
                "expected 0 or more"
            )
        if self.fused_weight == self.unimodal_weight == 0:
            raise ValueError("both weights are 0: there would be no loss; raise one of them")

    def check(self, model: MultimodalNetwork) -> None:
        """Refuse a fusion that would stay untrained, where there is no fused loss."""
        if not self.fused_weight:
            check_untrained(model.fusion, "unimodal")

    def start_epoch(
        self, model: MultimodalNetwork, passes: EvalPasses, state: BalancerState
    ) -> BalancerState:
        return state

    def backward(self, model: MultimodalNetwork, batch: Batch, state: BalancerState) -> StepOutput:
        outputs = model(batch.inputs)
        logits = outputs.by_head()
        losses = losses_of(logits, batch.targets)
        weights = dict.fromkeys(outputs.unimodal, self.unimodal_weight)
        weights[FUSED] = self.fused_weight
        # A weight of 0 leaves its part of the network without gradient, so that nothing moves it.
        parts = [weights[name] * loss for name, loss in losses.items() if weights[name]]
        torch.stack(parts).sum().backward()  # type: ignore[no-untyped-call]
        return StepOutput.of(logits, losses)
