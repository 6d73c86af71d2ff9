"""Fusion weighted by entropy: a more certain prediction of a sample gets a larger weight."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class EntropyWeighted(nn.Module):
    """The modalities' own logits, each weighed by how sure its prediction of the sample is.

    The test-time fusion of MLA (Zhang et al., CVPR 2024, "test-time dynamic modality fusion"): with
    e_m the entropy of softmax(logits_m) for a sample, in nats, the weights are

        w_m = exp(max_k e_k - e_m) / Σ_j exp(max_k e_k - e_j),

    which is the softmax of -e over the modalities. No parameters, any number of modalities.

    No gradient passes through the weights: they are meant for the test, and a fused loss must not
    make a modality sure of itself for the sake of a larger weight.

    Where we differ: the authors' code takes one entropy over the numbers of a whole batch, so that
    a sample's prediction depends on its neighbours; the paper's is per sample, and so is ours.
    """

    def __init__(self, sizes: Mapping[str, int], classes: int) -> None:
        super().__init__()
        self.names = tuple(sizes)

    def forward(self, embeddings: Mapping[str, Tensor], logits: Mapping[str, Tensor]) -> Tensor:
        own = torch.stack([logits[name] for name in self.names])
        weights = torch.softmax(-entropies(own.detach()), dim=0)
        return (weights[:, :, None] * own).sum(dim=0)


def entropies(logits: Tensor) -> Tensor:
    """Return the entropy, in nats, of the softmax over the last axis."""
    logs = logits.log_softmax(dim=-1)
    return -(logs.exp() * logs).sum(dim=-1)
