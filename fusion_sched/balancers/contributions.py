"""What each modality adds to the fused logits, for any fusion, and how modalities compare."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.models.shapley import coalitions, shapley_values
from fusion_sched.types import Outputs


def contributions(model: MultimodalNetwork, outputs: Outputs) -> dict[str, Tensor]:
    """Return each modality's share φ_m of the fused logits, `(B, classes)`; they sum to them.

    φ_m is the Shapley value of m among all modalities (AGM: Li et al., ICCV 2023) in
    the game whose value v(S) is the fused logits with every embedding outside of S set to zero and
    v(∅) = 0.

    For one linear layer on concatenated embeddings φ_m = W_m z_m + b / k: the split that OGM and
    PMR make by hand. AGM's code sets inputs to zero, which costs a run of every encoder; here the
    encoders run once and the fusion module 2^k - 1 times.
    """
    empty, *partial, full = coalitions(model.modalities)
    values = {empty: torch.zeros_like(outputs.logits), full: outputs.logits}
    with evaluation_mode(model.fusion, model.heads):
        for present in partial:
            kept = {
                m: e if m in present else torch.zeros_like(e) for m, e in outputs.embeddings.items()
            }
            values[present] = model.fuse(kept).logits
    return shapley_values(model.modalities, values)


@contextmanager
def evaluation_mode(*parts: nn.Module) -> Iterator[None]:
    """Keep passes that are not the step's own out of the statistics of a part that has any."""
    training = [(module, module.training) for part in parts for module in part.modules()]
    for part in parts:
        part.eval()
    try:
        yield
    finally:
        for module, mode in training:
            module.training = mode


def class_probabilities(logits: Mapping[str, Tensor], y: Tensor) -> dict[str, Tensor]:
    """Return the mean probability that each set of logits gives to the right class."""
    return {
        name: values.softmax(dim=1).gather(1, y[:, None]).mean() for name, values in logits.items()
    }


def ratios(scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return each modality's score over the mean of the others' (with two: over the other's)."""
    total = torch.stack(list(scores.values())).sum()
    return {name: (len(scores) - 1) * s / (total - s) for name, s in scores.items()}


def check_two(model: MultimodalNetwork, method: str) -> None:
    """Raise where there is no other modality to compare with."""
    if len(model.modalities) < 2:
        raise ValueError(
            f"balancer={method} compares modalities and needs two or more, got "
            f"{list(model.modalities)}; use balancer=none"
        )
    if model.modality_dropout:
        raise ValueError(
            f"balancer={method} compares what modalities add to the fused logits, and "
            f"modality_dropout={model.modality_dropout} hides them at random; set "
            "modality_dropout=0 or use balancer=none"
        )


def shared_size(model: MultimodalNetwork, purpose: str) -> int:
    """Return the size of all embeddings; raise where it differs, or heads are not linear layers."""
    sizes = {m: h.in_features for m, h in model.heads.items() if isinstance(h, nn.Linear)}
    if len(sizes) < len(model.heads) or len(set(sizes.values())) > 1:
        kinds = {m: sizes.get(m, type(head).__name__) for m, head in model.heads.items()}
        raise ValueError(
            f"balancer={purpose}, expected embeddings of equal size, got {kinds}; "
            "give all encoders the same embedding=SIZE"
        )
    return next(iter(sizes.values()))


def check_untrained(fusion: nn.Module, method: str) -> None:
    """Raise where a method without a fused loss would leave parameters of a fusion untrained."""
    if list(fusion.parameters()):
        raise ValueError(
            f"balancer={method} has no fused loss, and {type(fusion).__name__} has parameters "
            "that would stay untrained; use fusion=entropy or fusion=average"
        )
