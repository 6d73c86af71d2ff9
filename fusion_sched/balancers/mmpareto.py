"""MMPareto: in each encoder, a direction that helps both the fused and the modality's own loss."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fusion_sched.balancers import BalancerState, EvalPasses
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import FUSED, Batch, StepOutput, losses_of


@dataclass(frozen=True)
class MMPareto:
    """MMPareto (Wei & Hu, ICML 2024, and the authors' code).

    Descend the fused loss plus each modality's own. In each encoder, let g be the gradient of the
    fused loss and u that of the modality's own. Where they agree (g·u >= 0) the gradient stays
    g + u. In conflict it takes the direction of the shortest vector a g + (1 - a) u, 0 <= a <= 1,
    along which both losses fall, at the length of g + u. Either way it is multiplied by `gamma`,
    which strengthens the noise of stochastic descent; 1.5 is the authors' value.

    Heads and fusion module follow their plain gradients. Any fusion, any number of modalities.

    Where we differ: the length is that of an encoder's whole gradient; the authors' code
    compares lengths tensor by tensor, which turns the direction again. The shortest of two vectors'
    combinations has a closed form, so there is no iterative solver.
    """

    gamma: float = 1.5

    def __post_init__(self) -> None:
        if self.gamma <= 0:
            raise ValueError(f"gamma is {self.gamma}, expected more than 0")

    def check(self, model: MultimodalNetwork) -> None:
        """Any network will do."""

    def start_epoch(
        self, model: MultimodalNetwork, passes: EvalPasses, state: BalancerState
    ) -> BalancerState:
        return state

    def backward(self, model: MultimodalNetwork, batch: Batch, state: BalancerState) -> StepOutput:
        """Descend the sum of all losses, with the encoders' gradients reconciled."""
        outputs = model(batch.inputs)
        logits = outputs.by_head()
        losses = losses_of(logits, batch.targets)
        torch.stack(list(losses.values())).sum().backward(retain_graph=True)  # type: ignore[no-untyped-call]
        trained = [p for p in model.encoders.parameters() if p.grad is not None]
        # A fusion module may leave a modality out, and its encoder without a fused gradient.
        gradients = torch.autograd.grad(
            losses[FUSED], trained, allow_unused=True, materialize_grads=True
        )
        fused = dict(zip(trained, gradients, strict=True))
        for encoder in model.encoders.values():
            own = [p for p in encoder.parameters() if p.grad is not None]
            totals = [p.grad for p in own if p.grad is not None]
            merged = reconcile([fused[p] for p in own], totals)
            for parameter, gradient in zip(own, merged, strict=True):
                parameter.grad = self.gamma * gradient
        return StepOutput.of(logits, losses)


def reconcile(fused: Sequence[Tensor], total: Sequence[Tensor]) -> list[Tensor]:
    """Return g + u where g and u agree, else the shortest a g + (1 - a) u at the length of g + u.

    `fused` holds g, tensor by tensor, and `total` g + u. Directly opposed vectors have no
    common direction: zero.
    """
    own = [whole - part for whole, part in zip(total, fused, strict=True)]
    product, fused_square, own_square = dot(fused, own), dot(fused, fused), dot(own, own)
    conflict = product < 0
    # The least of |a g + (1 - a) u|² is where a = (u·u - g·u) / |g - u|²: inside (0, 1) as g·u < 0.
    share = (own_square - product) / (fused_square + own_square - 2 * product)
    shortest = [share * g + (1 - share) * u for g, u in zip(fused, own, strict=True)]
    length = dot(shortest, shortest).sqrt()
    # Of directly opposed vectors only rounding is left: no direction to stretch.
    rounding = 4 * torch.finfo(length.dtype).eps * torch.minimum(fused_square, own_square).sqrt()
    scale = torch.where(length > rounding, dot(total, total).sqrt() / length, 0.0)
    return [
        torch.where(conflict, scale * direction, whole)
        for direction, whole in zip(shortest, total, strict=True)
    ]


def dot(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    return torch.stack([(a * b).sum() for a, b in zip(first, second, strict=True)]).sum()
