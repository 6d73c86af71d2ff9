"""What each modality adds to the fused logits, for any fusion, and how modalities compare."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations
from math import factorial

import torch
from torch import Tensor

from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import Outputs


def contributions(model: MultimodalNetwork, outputs: Outputs) -> dict[str, Tensor]:
    """Return each modality's share φ_m of the fused logits, ``(B, classes)``; they sum to them.

    φ_m is the Shapley value of m among all modalities (AGM: Li et al., ICCV 2023) in
    the game whose value v(S) is the fused logits with every embedding outside of S set to zero and
    v(∅) = 0: φ_m = Σ_{S ∌ m} |S|! (k - |S| - 1)! / k! · (v(S ∪ m) - v(S)).

    For one linear layer on concatenated embeddings φ_m = W_m z_m + b / k: the split that OGM and
    PMR make by hand. AGM's code sets inputs to zero, which costs a run of every encoder; here the
    encoders run once and the fusion module 2^k - 1 times.
    """
    names = model.modalities
    values = {frozenset(names): outputs.logits}
    with evaluation(model):
        for size in range(1, len(names)):
            for present in combinations(names, size):
                values[frozenset(present)] = with_only(model, outputs.embeddings, present)
    values[frozenset()] = torch.zeros_like(outputs.logits)
    return {name: shapley(values, name, len(names)) for name in names}


def shapley(values: Mapping[frozenset[str], Tensor], name: str, players: int) -> Tensor:
    """Return a player's Shapley value from the values of all coalitions."""
    parts = []
    for others in (coalition for coalition in values if name not in coalition):
        weight = factorial(len(others)) * factorial(players - len(others) - 1) / factorial(players)
        parts.append(weight * (values[others | {name}] - values[others]))
    return torch.stack(parts).sum(dim=0)


def with_only(
    model: MultimodalNetwork, embeddings: Mapping[str, Tensor], present: Collection[str]
) -> Tensor:
    """Return the fused logits when all other embeddings are zero."""
    with model.arithmetic(embeddings):
        kept = {m: e if m in present else torch.zeros_like(e) for m, e in embeddings.items()}
        unimodal = {m: model.heads[m](e).float() for m, e in kept.items()}
        out: Tensor = model.fusion(kept, unimodal).float()
    return out


@contextmanager
def evaluation(model: MultimodalNetwork) -> Iterator[None]:
    """Keep blanked embeddings out of the statistics of a fusion module that has any."""
    training = [(part, part.training) for part in (model.fusion, model.heads)]
    for part, _ in training:
        part.eval()
    try:
        yield
    finally:
        for part, mode in training:
            part.train(mode)


def scores(logits: Mapping[str, Tensor], y: Tensor) -> dict[str, Tensor]:
    """Return the mean probability that each set of logits gives to the right class."""
    return {
        name: values.softmax(dim=1).gather(1, y[:, None]).mean() for name, values in logits.items()
    }


def ratios(scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return each modality's score over the mean of the others' (with two: over the other's)."""
    total = torch.stack(list(scores.values())).sum()
    return {name: (len(scores) - 1) * s / (total - s) for name, s in scores.items()}


def check_two(model: MultimodalNetwork, method: str) -> None:
    """Raise where there is nobody to compare a modality with."""
    if len(model.modalities) < 2:
        raise ValueError(
            f"balancer={method} compares modalities and needs two or more, got "
            f"{list(model.modalities)}; use balancer=none"
        )
