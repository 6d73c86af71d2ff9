"""LFM: modalities are matched first and fitted to the labels later."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import exp

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from fusion_sched.balancers import BalancerState, EvalPasses
from fusion_sched.balancers.contributions import check_two, shared_size
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import FUSED, Batch, StepOutput, losses_of

LEAST, MOST = 0.05, 0.95
"""Limits of the weight of the matching loss, as in the authors' code."""


@dataclass(frozen=True)
class LFM:
    """Dynamically learning the modality gap (Yang et al., NeurIPS 2024, and the authors' code).

    Modalities fit labels at different paces, so the labels come in gradually: in joint epoch t,
    counted from 0, descend

        α_t L_match + (1 - α_t) L_fused   with   α_t = exp(-`decay` t), from 0.95 down to 0.05.

    L_match is contrastive: among the embeddings of b in the batch, each embedding of a is to find
    that of its own sample, by the cross-entropy of their cosines over `temperature`, and the other
    way round; it is the mean of both directions and of all pairs of modalities. Embeddings must be
    of equal size. `decay` and `temperature` are the authors'; they fuse by the mean of the
    modalities' logits: `fusion=average`.

    Where we differ: this is the heuristic one of the paper's two strategies, with the decay of the
    authors' code, which trains so for 20 epochs from a pre-trained model; summaries of the paper
    give 1 - exp(-1 / t) in its place. The other strategy learns α by bilevel optimisation; the
    derivative in their code is not that of its objective, and so it is left out. Their code has
    several matching losses; the contrastive one is the paper's.

    With several processes each matches the samples of its own share of the batch.
    """

    decay: float = 0.3
    temperature: float = 0.07

    def __post_init__(self) -> None:
        if self.decay < 0 or self.temperature <= 0:
            raise ValueError(
                f"decay={self.decay}, temperature={self.temperature}: expected a decay of 0 or "
                "more and a temperature above 0"
            )

    def check(self, model: MultimodalNetwork) -> None:
        """Refuse a single modality, and embeddings that cannot be compared."""
        check_two(model, "lfm")
        shared_size(model, "lfm compares embeddings")

    def start_epoch(
        self, model: MultimodalNetwork, passes: EvalPasses, state: BalancerState
    ) -> BalancerState:
        """Count joint epochs."""
        return {"epoch": state["epoch"] + 1 if state else 0}

    def backward(self, model: MultimodalNetwork, batch: Batch, state: BalancerState) -> StepOutput:
        """Descend the weighted sum of the matching and the fused loss."""
        outputs = model(batch.inputs)
        logits = outputs.by_head()
        losses = losses_of(logits, batch.targets)
        share = self.matching_share(state["epoch"])
        loss = share * self.matching(outputs.embeddings) + (1 - share) * losses[FUSED]
        loss.backward()  # type: ignore[no-untyped-call]
        return StepOutput.of(logits, losses)

    def matching_share(self, epoch: int) -> float:
        """Return α of a joint epoch."""
        return min(max(exp(-self.decay * epoch), LEAST), MOST)

    def matching(self, embeddings: Mapping[str, Tensor]) -> Tensor:
        """Return the contrastive loss of embeddings `(B, size)`, a mean over pairs of modalities.

        Both directions count half.
        """
        unit = [normalize(values, dim=1) for values in embeddings.values()]
        own = torch.arange(len(unit[0]), device=unit[0].device)
        parts = []
        for first, second in combinations(unit, 2):
            similarity = first @ second.T / self.temperature
            parts += [cross_entropy(similarity, own), cross_entropy(similarity.T, own)]
        return torch.stack(parts).mean()
