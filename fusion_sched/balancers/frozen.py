"""Train the fusion module on encoders that stay as they are."""

from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from fusion_sched.balancers import BalancerState, EvalPasses
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import FUSED, Batch, StepOutput


@dataclass(frozen=True)
class Frozen:
    """Unimodal pre-training, then only the fusion module learns: no modality can dominate.

    A reference row of leak-free comparisons (MCR, NeurIPS 2025, reports 72.4 % on CREMA-D for it).
    """

    def check(self, model: MultimodalNetwork) -> None:
        """Refuse a fusion module that has nothing to train."""
        if not list(model.fusion.parameters()):
            raise ValueError(
                f"{type(model.fusion).__name__} has no parameter to train; balancer=frozen needs "
                "another fusion, such as fusion=concat"
            )

    def start_epoch(
        self, model: MultimodalNetwork, passes: EvalPasses, state: BalancerState
    ) -> BalancerState:
        return state

    def backward(self, model: MultimodalNetwork, batch: Batch, state: BalancerState) -> StepOutput:
        """Descend the fused loss in the fusion module's parameters alone."""
        for name in model.modalities:
            model.encoders[name].eval()
            model.heads[name].eval()
        with torch.no_grad():
            embeddings = model.encode(batch.inputs)
            unimodal = model.unimodal_logits(embeddings)
        fused = model.fuse(embeddings, unimodal).logits
        loss = cross_entropy(fused, batch.targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return StepOutput.of({FUSED: fused}, {FUSED: loss})
