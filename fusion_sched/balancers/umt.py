"""Uni-modal teacher: encoders stay near what unimodal training has taught them."""

from dataclasses import dataclass

import torch
from torch.func import functional_call
from torch.nn.functional import mse_loss

from fusion_sched.balancers import BalancerState, EvalPasses
from fusion_sched.balancers.contributions import evaluation_mode
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import FUSED, Batch, Outputs, StepOutput, losses_of


@dataclass(frozen=True)
class UMT:
    """Uni-modal teacher (Du et al., arXiv 2106.11059 and ICML 2023).

    Descend the fused loss plus `weight` times, for each modality, the mean squared difference of
    its embedding from its teacher's. A teacher is the encoder that unimodal training has made, in
    evaluation mode: the state at the beginning of joint training, so that this is a method for
    runs with a stage 1, `controller=fixed`. Any fusion, any number of modalities.

    Where we differ: the joint model begins with the teachers' own weights, since these are what
    stage 1 hands over; in the paper it begins anew. The first steps therefore hold embeddings where
    they are, in place of drawing them there. The authors' code was not found: the form of the loss
    is that of the paper as a third party's benchmark has it, and the paper's weights are not known
    here, so that `weight` is ours.
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise ValueError(f"weight is {self.weight}, expected 0 or more")

    def check(self, model: MultimodalNetwork) -> None:
        """Any network will do."""

    def start_epoch(
        self, model: MultimodalNetwork, passes: EvalPasses, state: BalancerState
    ) -> BalancerState:
        """Keep the teachers' weights before the first epoch."""
        if state:
            return state
        weights = model.encoders.state_dict(prefix="encoders.")
        return {"teachers": {name: value.detach().clone() for name, value in weights.items()}}

    def backward(self, model: MultimodalNetwork, batch: Batch, state: BalancerState) -> StepOutput:
        """Descend the fused loss and the distances from the teachers."""
        with torch.no_grad(), evaluation_mode(model):
            taught: Outputs = functional_call(model, state["teachers"], (batch.inputs,))
        outputs = model(batch.inputs)
        logits = outputs.by_head()
        losses = losses_of(logits, batch.targets)
        distances = [mse_loss(e, taught.embeddings[m]) for m, e in outputs.embeddings.items()]
        loss = losses[FUSED] + self.weight * torch.stack(distances).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return StepOutput.of(logits, losses)
