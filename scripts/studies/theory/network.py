"""Two-layer networks of smoothed ReLUs, one for each modality, fused by summation.

Weights of B worlds are `(B, 2, d, K·m)`: column j·m + l is the l-th of m neurons of class j.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

BLOCK, BLOCK_ON_CPU = 2**27, 2**18
"""Activations that are held at once: on a CPU they should stay in its cache."""
LEAST_BLOCK = 128
"""Fewer samples in a block make its matrix products slow."""


def value_and_slope(
    z: Tensor, room: Tensor, slope: Tensor, power: int, threshold: float
) -> tuple[Tensor, Tensor]:
    """Return σ(z), the smoothed ReLU, and its derivative; all three tensors are written over.

    σ(z) is 0 below 0, z^q / (q β^(q-1)) up to β and z - (1 - 1/q) β above (reconstructed from Huang
    et al., 2022). With u = z/β cut off at 0 and 1: σ' = u^(q-1) and σ = β u^q / q + (z - β)₊. New
    tensors of this size would cost a CPU more time than the arithmetic.
    """
    u = torch.div(z, threshold, out=room).clamp_(0, 1)
    torch.mul(u, u, out=slope)
    for _ in range(power - 3):
        slope.mul_(u)
    value = z.sub_(threshold).relu_().add_(u.mul_(slope), alpha=threshold / power)
    return value, slope


class Gradient(NamedTuple):
    """Gradient of the mean loss, and Σ over a class's samples of 1 - p_y, `(B, nets, K)`.

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
        """Return each modality's class scores `(B, 2, n, K)`; the fused ones are their sum."""
        return torch.cat([scores for _, scores, _ in self._blocks(x, weights)], dim=2)

    def gradient(self, x: Tensor, y: Tensor, weights: Tensor, joint: bool) -> Gradient:
        """Return the gradient of cross-entropy, mean over the samples.

        `joint`: of the fused scores; otherwise the sum of both modalities' own losses, in which
        neither modality feels the other.
        """
        total = torch.zeros_like(weights)
        missing = weights.new_zeros(len(x), 1 if joint else x.shape[1], self.classes)
        start = 0
        for part, scores, slope in self._blocks(x, weights):
            labels = y[:, None, start : start + part.shape[2]].expand(-1, missing.shape[1], -1)
            error = (scores.sum(1, keepdim=True) if joint else scores).softmax(-1)
            here = labels[..., None]
            error.scatter_add_(-1, here, error.new_full((1,), -1).expand_as(here))
            missing.scatter_add_(2, labels, -error.gather(-1, here)[..., 0])
            slope.view(*scores.shape, -1).mul_(error[..., None])
            total.flatten(0, 1).baddbmm_(part.flatten(0, 1).mT, slope.flatten(0, 1))
            start += part.shape[2]
        return Gradient(total.div_(x.shape[2]), missing)

    def _blocks(self, x: Tensor, weights: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield blocks of samples, their scores, and slopes that the next block writes over."""
        worlds, modalities, _, neurons = weights.shape
        block = BLOCK_ON_CPU if x.device.type == "cpu" else BLOCK
        size = max(LEAST_BLOCK, block // (worlds * modalities * neurons))
        rooms = weights.new_empty(3, worlds * modalities * min(size, x.shape[2]) * neurons)
        for start in range(0, x.shape[2], size):
            part = x[:, :, start : start + size]
            shape = (worlds, modalities, part.shape[2], neurons)
            z, room, slope = (r[: torch.Size(shape).numel()].view(shape) for r in rooms)
            torch.matmul(part, weights, out=z)
            value_and_slope(z, room, slope, self.power, self.threshold)
            yield part, z.view(*shape[:-1], self.classes, -1).sum(-1), slope
