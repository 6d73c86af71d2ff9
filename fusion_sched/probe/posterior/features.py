"""Feature maps that depend on distances alone: no rotation, scale or offset changes them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

LANDMARKS = 160
WIDTHS = (0.4, 1.0)  # kernel widths, in median distances
COMPONENTS = 96  # of a kernel map
LINEAR = 256  # principal components at most
LEVELS = (4, 8, 16, 32)  # k-means cells, coarse to fine
CLUSTERED = 32  # principal components that k-means looks at
STEPS = 4  # of Lloyd's algorithm
NEGLIGIBLE = 1e-10


class ModalityFeatures:
    """One modality's principal components (N, d), and what is made of them on demand.

    `order` is a random order of the samples, whose first ones are the landmarks.
    """

    def __init__(self, x: Tensor, order: Tensor, generator: torch.Generator) -> None:
        self.components = principal_components(x)
        self._landmarks = order[:LANDMARKS]
        self._generator = generator
        self._kernels: dict[float, Tensor] = {}
        self._cells: dict[int, Tensor] = {}

    @cached_property
    def distances(self) -> Tensor:
        """Squared distances (N, landmarks) in units of their median."""
        distances = squared_distances(self.components, self.components[self._landmarks])
        middle = distances[self._landmarks].median()
        if float(middle) <= 0:
            middle = distances.mean().clamp(min=1e-300)
        return distances / middle

    def kernel(self, width: float) -> Tensor:
        """Scores of the modality's kernel map."""
        if width not in self._kernels:
            self._kernels[width] = kernel_scores(self.distances, width)
        return self._kernels[width]

    @cached_property
    def _leading(self) -> Tensor:
        return self.components[:, :CLUSTERED].float()

    @cached_property
    def _centres(self) -> Tensor:
        return seeds(self._leading, max(LEVELS), self._generator, starts=2)

    def cells(self, count: int) -> Tensor:
        """The number (N,) of each sample's k-means cell, of so many."""
        if count not in self._cells:
            self._cells[count] = k_means(self._leading, self._centres[:, :count])
        return self._cells[count]


def principal_components(x: Tensor, most: int = LINEAR) -> Tensor:
    """Scores (N, k) in order of variance, components without variance left out."""
    wide = x.shape[1] > len(x)
    values, vectors = torch.linalg.eigh(x @ x.mT if wide else x.mT @ x)
    kept = max(1, min(most, int((values > NEGLIGIBLE * values[-1]).sum())))
    values, vectors = values[-kept:].flip(0), vectors[:, -kept:].flip(1)
    scores: Tensor = vectors * values.clamp(min=0).sqrt() if wide else x @ vectors
    return scores


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """|a - b|^2, (len(a), len(b))."""
    product = (a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.mT
    return product.clamp_(min=0.0)


def kernel_scores(distances: Tensor, width: float) -> Tensor:
    """Principal components (N, k) of the Gaussian kernel to the landmarks."""
    if width >= 1.0:  # a smooth kernel needs fewer landmarks
        distances = distances[:, : LANDMARKS // 2]
    kernel = torch.exp(-distances / (2 * width * width))
    return principal_components(kernel - kernel.mean(0), COMPONENTS)


def joint_kernel(modalities: Sequence[ModalityFeatures], width: float) -> Tensor:
    """Scores of the kernel map of several modalities, each with the same weight."""
    return kernel_scores(torch.stack([m.distances for m in modalities]).mean(0), width)


def with_radius(x: Tensor) -> Tensor:
    """Components with their length and its square, centred."""
    square = (x * x).sum(1, keepdim=True)
    wider = torch.cat([x, square, square.sqrt()], 1)
    return wider - wider.mean(0)


def whitened(scores: Tensor, count: int) -> Tensor:
    """The leading principal components, each with unit variance."""
    leading = scores[:, :count]
    return leading / leading.std(0).clamp(min=1e-150)


def seeds(x: Tensor, count: int, generator: torch.Generator, starts: int = 1) -> Tensor:
    """Centres (starts, count, d) far apart (k-means++); the first ones serve fewer cells."""
    square = (x * x).sum(1)
    pick = torch.randint(len(x), (starts,), generator=generator).to(x.device)
    centres = x[pick].unsqueeze(1)
    draws = torch.rand(count, starts, 1, generator=generator, dtype=torch.float64).to(x)
    nearest = torch.full((starts, len(x)), torch.inf, dtype=x.dtype, device=x.device)
    for number in range(1, count):
        last = centres[:, -1]
        own = (last * last).sum(-1, keepdim=True)
        distance = torch.addmm(square + own, last, x.mT, alpha=-2)
        nearest = torch.minimum(nearest, distance.clamp_(min=0.0))
        upto = nearest.cumsum(1)
        pick = torch.searchsorted(upto, draws[number] * upto[:, -1:]).clamp_(max=len(x) - 1)
        centres = torch.cat([centres, x[pick]], 1)
    return centres


def k_means(x: Tensor, centres: Tensor) -> Tensor:
    """Cell (N,) of each row after some of Lloyd's steps from the best of the starts."""
    for _ in range(STEPS):
        _, cell = _assign(x, centres)
        one_hot = x.new_zeros(*cell.shape, centres.shape[1]).scatter_(2, cell.unsqueeze(2), 1.0)
        sizes = one_hot.sum(1).unsqueeze(-1)
        centres = torch.where(sizes > 0, one_hot.mT @ x / sizes.clamp(min=1.0), centres)
    loss, cell = _assign(x, centres)
    return cell[loss.argmin()]


def _assign(x: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    square = (centres * centres).sum(-1).unsqueeze(1)
    distance = torch.baddbmm(square, x.expand(len(centres), -1, -1), centres.mT, alpha=-2)
    nearest, cell = distance.min(-1)
    return nearest.sum(1), cell
