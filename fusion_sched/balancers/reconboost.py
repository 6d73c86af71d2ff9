"""ReconBoost: modalities train in turns, each on what the others get wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fusion_sched.balancers import BalancerState, EvalPasses
from fusion_sched.balancers.contributions import check_two, check_untrained
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import Batch, StepOutput, losses_of


@dataclass(frozen=True)
class ReconBoost:
    """Boosting that reconciles modalities (Hua et al., ICML 2024, and the authors' code).

    The prediction is the softmax of the sum of the modalities' logits. In turn one modality m
    trains alone for `alternating` joint epochs, on each sample by

        (1 - `reconcilement` q) (-ln p_m),

    p_m being the probability of the right class by its own head and q that by the sum of the other
    modalities' logits, which is held: what the others already tell counts less. Then all train
    on the cross-entropy of the sum, the paper's global rectification, for `rectifying` epochs, and
    the next modality's turn begins. Both lengths are the authors'; `reconcilement` is the ratio of
    their two weights, 0.25 on five of their six datasets and 0.2 on CREMA-D.

    Where we differ: the factor before their loss, their larger weight over the number of classes,
    is left to the learning rate. Their memory consolidation, the distance to the former modality's
    prediction, is left out: in their code it has no gradient. Each modality has its own head, where
    theirs share a hidden layer and a head; the sum has no trained factor; momentum is not
    forgotten at the beginning of a turn. The authors recommend pre-trained unimodal models:
    `controller=fixed`.
    """

    alternating: int = 4
    rectifying: int = 4
    reconcilement: float = 0.25

    def __post_init__(self) -> None:
        if self.alternating < 1 or self.rectifying < 0 or not 0 <= self.reconcilement <= 1:
            raise ValueError(
                f"alternating={self.alternating}, rectifying={self.rectifying}, reconcilement="
                f"{self.reconcilement}: expected at least 1 epoch, 0 or more epochs, and a number "
                "from 0 to 1"
            )

    def check(self, model: MultimodalNetwork) -> None:
        """Refuse a single modality, and a fusion that would stay untrained."""
        check_two(model, "reconboost")
        check_untrained(model.fusion, "reconboost")

    def start_epoch(
        self, model: MultimodalNetwork, passes: EvalPasses, state: BalancerState
    ) -> BalancerState:
        """Count joint epochs."""
        return {"epoch": state["epoch"] + 1 if state else 0}

    def backward(self, model: MultimodalNetwork, batch: Batch, state: BalancerState) -> StepOutput:
        """Descend the loss of the modality whose turn it is, or that of the sum."""
        outputs = model(batch.inputs)
        logits = outputs.by_head()
        turn = self.turn(trained(model), state["epoch"])
        if turn is None:
            total = torch.stack(list(outputs.unimodal.values())).sum(dim=0)
            loss = cross_entropy(total, batch.targets)
        else:
            loss = self.boosting(outputs.unimodal, turn, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        return StepOutput.of(logits, losses_of(logits, batch.targets))

    def turn(self, modalities: Sequence[str], epoch: int) -> str | None:
        """Return the modality that trains alone in this joint epoch; `None`: all do."""
        turns, within = divmod(epoch, self.alternating + self.rectifying)
        return modalities[turns % len(modalities)] if within < self.alternating else None

    def boosting(self, unimodal: Mapping[str, Tensor], turn: str, batch: Batch) -> Tensor:
        """Return the loss of one modality's head, given the logits `(B, classes)` of all."""
        others = torch.stack([z.detach() for m, z in unimodal.items() if m != turn]).sum(dim=0)
        known = others.softmax(dim=1).gather(1, batch.y[:, None]).squeeze(1)
        own = cross_entropy(unimodal[turn], batch.targets, reduction="none")
        return ((1 - self.reconcilement * known) * own).mean()


def trained(model: MultimodalNetwork) -> list[str]:
    """Return the modalities that the controller does not leave out or pause in joint training."""
    return [m for m in model.modalities if next(model.heads[m].parameters()).requires_grad]
