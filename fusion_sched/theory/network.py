"""Two-layer networks of smoothed ReLUs, one for each modality, fused by summation.

Weights of B worlds are ``(B, 2, d, K·m)``: column j·m + l is the l-th of m neurons of class j.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

BLOCK = {"cpu": 2**19, "cuda": 2**27}
"""Activations that are held at once: on a CPU they should stay in its cache."""
LEAST_BLOCK = 128
"""Fewer samples in a block make its matrix products slow."""


def value_and_slope(z: Tensor, power: int, threshold: float) -> tuple[Tensor, Tensor]:
    """Return the smoothed ReLU σ and its derivative; ``z`` is used up.

    σ(z) = 0 below 0, z^q / (q β^(q-1)) up to β, z - (1 - 1/q) β above (reconstructed from Huang et
    al., 2022): with u = z/β cut off at 0 and 1, σ' = u^(q-1) and σ = β u^q / q + (z - β)₊.
    """
    u = (z / threshold).clamp_(0, 1)
    slope = u * u if power == 3 else u ** (power - 1)
    value = z.sub_(threshold).relu_().add_(u.mul_(slope), alpha=threshold / power)
    return value, slope


class Gradient(NamedTuple):
    """Gradient of the mean loss, and Σ over a class's samples of 1 - p_y, ``(B, nets, K)``.

    Trained jointly there is one net, the fused one; otherwise two.
    """

    weights: Tensor
    missing: Tensor


@dataclass(frozen=True)
class Network:
    """What the networks of all worlds of a batch have in common."""

    classes: int
    power: int
    threshold: float

    def responses(self, x: Tensor, weights: Tensor) -> Tensor:
        """Return each modality's class scores ``(B, 2, n, K)``; the fused ones are their sum."""
        return torch.cat([self._scores(part, weights)[0] for part in self._blocks(x, weights)], 2)

    def gradient(self, x: Tensor, y: Tensor, weights: Tensor, joint: bool) -> Gradient:
        """Return the gradient of cross-entropy, mean over the samples.

        ``joint``: of the fused scores; otherwise the sum of both modalities' own losses, in which
        neither modality feels the other.
        """
        total = torch.zeros_like(weights)
        missing = weights.new_zeros(len(x), 1 if joint else x.shape[1], self.classes)
        start = 0
        for part in self._blocks(x, weights):
            scores, slope = self._scores(part, weights)
            labels = y[:, None, start : start + part.shape[2]].expand(-1, missing.shape[1], -1)
            error = (scores.sum(1, keepdim=True) if joint else scores).softmax(-1)
            error.scatter_add_(
                -1, labels[..., None], error.new_full((1,), -1).expand_as(labels)[..., None]
            )
            missing.scatter_add_(2, labels, -error.gather(-1, labels[..., None])[..., 0])
            slope.unflatten(-1, (self.classes, -1)).mul_(error[..., None])
            total += part.transpose(-1, -2) @ slope
            start += part.shape[2]
        return Gradient(total / x.shape[2], missing)

    def _scores(self, x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        value, slope = value_and_slope(x @ weights, self.power, self.threshold)
        return value.unflatten(-1, (self.classes, -1)).sum(-1), slope

    def _blocks(self, x: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        one_sample = weights.shape[0] * weights.shape[1] * weights.shape[3]
        return x.split(max(LEAST_BLOCK, BLOCK[x.device.type] // one_sample), dim=2)
