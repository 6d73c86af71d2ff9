"""Prototypical modal rebalance: the slower modality is drawn to its class prototypes."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from fusion_sched.balancers import BalancerState, EvalPasses
from fusion_sched.balancers.contributions import check_two, class_probabilities, ratios
from fusion_sched.models.entropy_weighted import entropies
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import FUSED, Batch, Predictions, StepOutput, losses_of


@dataclass(frozen=True)
class PMR:
    """Prototypical modal rebalance (Fan et al., CVPR 2023).

    A modality's prototype of a class is the mean of its embeddings of that class over the training
    split, before each epoch, of which `momentum` is kept from the last ones. The softmax of
    minus the Euclidean distances to them classifies an embedding: PCE is its cross-entropy, H its
    entropy, and ρ_m the modality's mean probability of the right class over the other's. Descend

        L_fused + alpha Σ_m clip(1/ρ_m - 1, 0, 1) PCE_m - entropy_weight Σ_m clip(ρ_m - 1, 0, 1) H_m

    the entropies in the first `entropy_epochs` joint epochs alone: the slow modality is drawn to
    its prototypes and the fast one is kept from settling early.

    `alpha` and `momentum` are the authors' defaults. The entropy's weight and epochs are ours:
    their code has no such term, and a constant `alpha` in place of the clipped ratio.

    Where we differ: prototypes come from all training samples without augmentation (the authors
    take the first tenth of the batches); the entropy is a mean over the batch, as PCE is; with more
    than two modalities ρ_m is the probability over the mean of the others'.
    """

    alpha: float = 1.0
    momentum: float = 0.2
    entropy_weight: float = 0.01
    entropy_epochs: int = 5

    def __post_init__(self) -> None:
        if min(self.alpha, self.entropy_weight, self.entropy_epochs) < 0:
            raise ValueError(
                f"alpha is {self.alpha}, entropy_weight {self.entropy_weight}, entropy_epochs "
                f"{self.entropy_epochs}; expected 0 or more"
            )
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum is {self.momentum}, expected at least 0 and less than 1")

    def check(self, model: MultimodalNetwork) -> None:
        """Refuse a single modality."""
        check_two(model, "pmr")

    def start_epoch(
        self, model: MultimodalNetwork, passes: EvalPasses, state: BalancerState
    ) -> BalancerState:
        """Find the prototypes; refuse a class without samples."""
        device = next(model.parameters()).device
        centres = {m: c.to(device) for m, c in prototypes(passes.train()).items()}
        if not state:
            return {"epoch": 0, "prototypes": centres}
        last = state["prototypes"]
        mixed = {m: (1 - self.momentum) * c + self.momentum * last[m] for m, c in centres.items()}
        return {"epoch": state["epoch"] + 1, "prototypes": mixed}

    def backward(self, model: MultimodalNetwork, batch: Batch, state: BalancerState) -> StepOutput:
        """Descend the fused loss and what the prototypes add to it."""
        outputs = model(batch.inputs)
        logits = outputs.by_head()
        losses = losses_of(logits, batch.targets)
        near = closeness(outputs.embeddings, state["prototypes"])
        loss = losses[FUSED] + self.rebalance(near, batch, state["epoch"])
        loss.backward()  # type: ignore[no-untyped-call]
        return StepOutput.of(logits, losses)

    def rebalance(self, near: Mapping[str, Tensor], batch: Batch, epoch: int) -> Tensor:
        """Return what is added to the fused loss, from minus the distances `(B, classes)`."""
        with torch.no_grad():
            ratio = ratios(class_probabilities(near, batch.y))
        attraction = losses_of(near, batch.targets)
        added = [self.alpha * (1 / ratio[m] - 1).clamp(0, 1) * attraction[m] for m in near]
        if epoch < self.entropy_epochs:
            added += [
                -self.entropy_weight * (ratio[m] - 1).clamp(0, 1) * entropies(near[m]).mean()
                for m in near
            ]
        return torch.stack(added).sum()


def prototypes(train: Predictions) -> dict[str, Tensor]:
    """Return each modality's mean embedding of every class, `(classes, size)`."""
    members = one_hot(train.y, train.logits[FUSED].shape[1]).float()
    counts = members.sum(dim=0)
    if not counts.all():
        absent = (counts == 0).nonzero().flatten().tolist()
        raise ValueError(
            f"no training sample has class {absent}, so there is no prototype of it; balancer=pmr "
            "needs every class among the training samples"
        )
    return {m: members.T @ e / counts[:, None] for m, e in train.embeddings.items()}


def closeness(
    embeddings: Mapping[str, Tensor], prototypes: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return minus the distance of every embedding to every prototype, `(B, classes)`."""
    # Without the matrix product, which loses digits where an embedding is near a prototype.
    mode = "donot_use_mm_for_euclid_dist"
    return {m: -torch.cdist(e, prototypes[m], compute_mode=mode) for m, e in embeddings.items()}
