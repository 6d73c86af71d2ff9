"""Adaptive gradient modulation: each modality's share of the fused logits has its own pace."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fusion_sched.balancers import BalancerState, EvalPasses
from fusion_sched.balancers.contributions import check_two, contributions
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import Batch, StepOutput, losses_of

LARGEST_GAP = 10.0
"""At most this much does τ - r count, as in the authors' code: exp(alpha * 10) is a lot."""


@dataclass(frozen=True)
class AGM:
    """Adaptive gradient modulation (Li et al., ICCV 2023, and the authors' code).

    The fused logits are the sum of Shapley shares φ_m. With s_m the cross-entropy of softmax(φ_m)
    on the batch, the discrepancy ratio is r_m = exp(mean over the others of s_j - s_m), above 1
    for a modality that is ahead. τ_m is the same of the running means of s over all earlier joint
    steps, which are 0 before the first. What flows back through φ_m is multiplied by
    κ_m = exp(-`alpha` (r_m - τ_m)): a modality that is further ahead than
    usual learns more slowly.

    Where we differ: embeddings, not inputs, are set to zero to find the shares, and the running
    mean counts every step (the authors' counter takes the batch size for an epoch's length). Their
    code also clips gradients, which is left out. They tune `alpha` for each dataset.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        if self.alpha < 0:
            raise ValueError(f"alpha is {self.alpha}, expected 0 or more")

    def check(self, model: MultimodalNetwork) -> None:
        """Refuse a single modality."""
        check_two(model, "agm")

    def start_epoch(
        self, model: MultimodalNetwork, passes: EvalPasses, state: BalancerState
    ) -> BalancerState:
        """Begin the running means."""
        if state:
            return state
        device = next(model.parameters()).device
        zero = torch.zeros((), dtype=torch.float64, device=device)
        return {"steps": 0, "means": {name: zero.clone() for name in model.modalities}}

    def backward(self, model: MultimodalNetwork, batch: Batch, state: BalancerState) -> StepOutput:
        """Descend the fused loss, each share at its own pace; go on with the running means."""
        outputs = model(batch.inputs)
        logits = outputs.by_head()
        shares = contributions(model, outputs)
        losses = {m: s.detach().double() for m, s in losses_of(shares, batch.targets).items()}
        factors = self.factors(losses, state["means"])
        parts = [slowed(share, factors[name].to(share.dtype)) for name, share in shares.items()]
        loss = cross_entropy(torch.stack(parts).sum(dim=0), batch.targets)
        loss.backward()  # type: ignore[no-untyped-call]
        state["steps"] += 1
        for name, mean in state["means"].items():
            state["means"][name] = mean + (losses[name] - mean) / state["steps"]
        return StepOutput.of(logits, losses_of(logits, batch.targets))

    def factors(
        self, losses: Mapping[str, Tensor], means: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return κ of each modality from its loss on the batch and its running mean."""
        now, usual = discrepancies(losses), discrepancies(means)
        return {
            name: torch.exp(self.alpha * (usual[name] - now[name]).clamp(max=LARGEST_GAP))
            for name in losses
        }


def discrepancies(losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return exp of how much lower each loss is than the mean of the others."""
    total, others = torch.stack(list(losses.values())).sum(), len(losses) - 1
    return {name: torch.exp((total - loss) / others - loss) for name, loss in losses.items()}


def slowed(values: Tensor, factor: Tensor) -> Tensor:
    """Return the values, with `factor` times their gradient."""
    return factor * values + ((1 - factor) * values).detach()
