"""Modality dropout: in joint training the fusion module does not see every modality."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def drop_modalities(
    embeddings: Mapping[str, Tensor], share: float, fused: Tensor | None = None
) -> dict[str, Tensor]:
    """Return the embeddings `(B, size)`, each set to 0 for a random `share` of the samples.

    Modalities are drawn independently; a sample that would lose all k of them keeps all. What is
    kept is divided by the probability that it is, 1 - share + share^k, so that the mean stays.
    With `fused` `(modalities,)`, modalities of 0 are not among the k: the fusion never sees them.
    """
    first = next(iter(embeddings.values()))
    kept = torch.rand(len(embeddings), len(first), device=first.device) >= share
    included = torch.ones(len(embeddings), device=first.device) if fused is None else fused
    kept |= ~(kept & (included > 0)[:, None]).any(dim=0)
    factors = kept / (1 - share + share ** included.sum())
    return {
        m: values * factor[:, None].to(values.dtype)
        for (m, values), factor in zip(embeddings.items(), factors, strict=True)
    }


def check_modality_dropout(share: float, modalities: int, fusion: nn.Module) -> None:
    """Raise where modalities cannot be dropped in this share, or not in front of this fusion."""
    if not 0 <= share < 1:
        raise ValueError(f"modality_dropout is {share}, expected at least 0 and below 1")
    if not share:
        return
    if modalities < 2:
        raise ValueError(
            f"modality_dropout is {share}, and there is a single modality, which is never dropped; "
            "set modality_dropout=0"
        )
    if not list(fusion.parameters()):
        raise ValueError(
            f"modality_dropout hides embeddings from a fusion that trains, and "
            f"{type(fusion).__name__} has no parameter; use fusion=concat or modality_dropout=0"
        )
