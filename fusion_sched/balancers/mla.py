"""Alternating unimodal adaptation: no fused loss, one head for all modalities."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fusion_sched.balancers import BalancerState, EvalPasses
from fusion_sched.balancers.contributions import check_untrained, shared_size
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import Batch, StepOutput, losses_of

SHARED = "mla shares one linear head"


@dataclass(frozen=True)
class MLA:
    """Multimodal learning with alternating unimodal adaptation (Zhang et al., CVPR 2024).

    Modality after modality descends its own cross-entropy through a head that all of them share.
    To keep what the head has learnt from the others, its gradient G_m `(classes, size)`
    becomes G_m P, where P is nearly blind to the directions that mean embeddings have had so far:
    it begins as the identity and after modality m, with h the mean of its embeddings over the
    batch, follows the recursive least squares of orthogonal weight modification,

        P ← P - P h hᵀ P / (`alpha` + hᵀ P h),   then   P ← P / |P|_F.

    The bias follows its plain gradient. There is no fused loss: fuse by `fusion=entropy`, the
    paper's way, or by `fusion=average`.

    One head out of a network with a head per modality: all start from the mean of their weights
    and get the same gradients from then on, so they stay equal. This is meant for untrained heads
    (`controller=joint`); the mean of heads that a unimodal stage has trained fits no encoder
    well. Embeddings must be of equal size; any number of modalities.

    Where we differ:

    * The authors take an optimizer step after each modality, here one step goes along the sum of
      the modalities' gradients. Encoders share no weights and move as they would; the head of a
      later modality has not yet moved with the earlier ones, a difference of second order in the
      learning rate. P changes in between, as in the paper. Letting each batch train one modality
      would be closer in form, but leave every encoder a share of the steps that others get.
    * P learns of a modality's embeddings after its gradient has been projected. The authors' code
      does so before, which takes a modality's own mean out of its own gradient.
    * The denominator is a number, as in the recursion; in the authors' code it is a matrix, from
      a product the other way round.
    * Their `alpha` falls from 0.1 to 0.01 within each epoch, ours is constant.

    With several processes each has a P of its own share of the data.
    """

    alpha: float = 0.1

    def __post_init__(self) -> None:
        if self.alpha <= 0:
            raise ValueError(f"alpha is {self.alpha}, expected more than 0")

    def check(self, model: MultimodalNetwork) -> None:
        """Refuse heads that cannot be shared and a fusion that would stay untrained."""
        shared_size(model, SHARED)
        check_untrained(model.fusion, "mla")

    def start_epoch(
        self, model: MultimodalNetwork, passes: EvalPasses, state: BalancerState
    ) -> BalancerState:
        """Before the first epoch, make the heads one and begin P."""
        if state:
            return state
        size = shared_size(model, SHARED)
        with torch.no_grad():
            for same in counterparts(model):
                mean = torch.stack(same).mean(dim=0)
                for parameter in same:
                    parameter.copy_(mean)
        device = next(model.parameters()).device
        return {"projection": torch.eye(size, dtype=torch.float64, device=device)}

    def backward(self, model: MultimodalNetwork, batch: Batch, state: BalancerState) -> StepOutput:
        """Descend each modality's own loss, its head's gradient projected; go on with P."""
        outputs = model(batch.inputs)
        logits = outputs.by_head()
        losses = losses_of(logits, batch.targets)
        torch.stack([losses[m] for m in outputs.unimodal]).sum().backward()  # type: ignore[no-untyped-call]
        for name, embeddings in outputs.embeddings.items():
            weight = model.get_parameter(f"heads.{name}.weight")
            weight.grad = gradient_of(weight) @ state["projection"].to(weight.dtype)
            mean = embeddings.detach().double().mean(dim=0)
            state["projection"] = narrowed(state["projection"], mean, self.alpha)
        for same in counterparts(model):
            total = torch.stack([gradient_of(parameter) for parameter in same]).sum(dim=0)
            for parameter in same:
                parameter.grad = total.clone()
        return StepOutput.of(logits, losses)


def narrowed(projection: Tensor, mean: Tensor, alpha: float) -> Tensor:
    """Return the projection `(size, size)`, of norm 1, once it has seen a mean `(size,)`."""
    projected = projection @ mean
    projection = projection - torch.outer(projected, projected) / (alpha + mean @ projected)
    return projection / projection.square().sum().sqrt()


def gradient_of(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None, "every modality's loss went through its head"
    return parameter.grad


def counterparts(model: MultimodalNetwork) -> list[tuple[nn.Parameter, ...]]:
    """Return the heads' weights, then their biases."""
    return list(zip(*(head.parameters() for head in model.heads.values()), strict=True))
