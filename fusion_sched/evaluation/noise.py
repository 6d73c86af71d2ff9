"""Noise in one modality's inputs, at growing levels."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import ClassVar, Protocol

import torch
from torch import Generator, Tensor

from fusion_sched.data.loading import Loader
from fusion_sched.runtime.environment import seed_for


class Noise(Protocol):
    """Noise in one modality. `kind` says what its levels count.

    What it does to a sample depends on its seed and the sample's position in the split alone: not
    on device, batch size or number of processes. All levels share one draw, so that a curve differs
    by the level only.
    """

    kind: ClassVar[str]
    levels: ClassVar[tuple[float, ...]]

    def draw(self, x: Tensor, index: Tensor) -> Iterator[tuple[float, Tensor]]:
        """Yield each level and the inputs `(B, *shape)` with that much noise."""


@dataclass(frozen=True)
class Gaussian:
    """Adds normal noise; a level counts standard deviations of the modality's values."""

    deviation: float
    seed: int
    kind: ClassVar[str] = "gaussian"
    levels: ClassVar[tuple[float, ...]] = (0.25, 0.5, 1.0, 2.0)

    def draw(self, x: Tensor, index: Tensor) -> Iterator[tuple[float, Tensor]]:
        """Yield each level and the noisy inputs."""
        noise = torch.empty(x.shape)
        for row, generator in zip(noise, generators(index, self.seed), strict=True):
            row.normal_(generator=generator)
        noise = noise.to(x)
        for level in self.levels:
            yield level, x + level * self.deviation * noise


@dataclass(frozen=True)
class Replaced:
    """Replaces tokens by those that a random sample of the split has at the same position.

    So every position keeps its distribution, padding and special tokens included; values of other
    rows at the position, such as a mask, are replaced with it. A level is the share of positions
    replaced. `pool` holds the split's inputs `(N, *shape)`; positions are the last axis.
    """

    pool: Tensor
    seed: int
    kind: ClassVar[str] = "tokens"
    levels: ClassVar[tuple[float, ...]] = (0.1, 0.25, 0.5, 0.75)

    def draw(self, x: Tensor, index: Tensor) -> Iterator[tuple[float, Tensor]]:
        """Yield each level and the inputs with tokens replaced; a higher level replaces more."""
        length = x.shape[-1] if x.ndim > 1 else 1
        chance = torch.empty(len(x), 1, length)
        donor = torch.empty(len(x), length, dtype=torch.int64)
        for number, generator in enumerate(generators(index, self.seed)):
            chance[number].uniform_(generator=generator)
            donor[number].random_(0, len(self.pool), generator=generator)
        tokens = self.pool.reshape(len(self.pool), -1, length).movedim(1, 2)
        other = tokens[donor, torch.arange(length)].movedim(2, 1).to(x)
        chance, own = chance.to(x.device), x.reshape(len(x), -1, length)
        for level in self.levels:
            yield level, other.where(chance < level, own).reshape(x.shape)


def generators(index: Tensor, seed: int) -> Iterator[Generator]:
    """Yield a CPU generator for each sample, seeded by its position."""
    generator = Generator()
    for position in index.tolist():
        yield generator.manual_seed(seed_for(seed, position))


def noises_for(loader: Loader, seed: int) -> dict[str, Noise]:
    """Return the noise that suits each modality, from one pass over a split's inputs.

    Whole numbers are ids, to which nothing can be added: their noise replaces them.
    """
    moments: dict[str, Tensor] = {}
    ids: dict[str, list[Tensor]] = {}
    index = []
    for batch in loader:
        index.append(batch.index)
        for m, x in batch.inputs.items():
            if x.is_floating_point():
                moments[m] = moments.get(m, 0) + moments_of(x)
            else:
                ids.setdefault(m, []).append(x)
    noises: dict[str, Noise] = {}
    for m, pool in loader.collect(ids, index).items():
        noises[m] = Replaced(pool, seed_for(seed, "noise", m))
    for m, sums in moments.items():
        count, first, second = loader.processes.add_up(sums).tolist()
        # Of a constant modality, rounding may leave less than nothing.
        deviation = sqrt(max(second / count - (first / count) ** 2, 0.0))
        noises[m] = Gaussian(deviation, seed_for(seed, "noise", m))
    return noises


def moments_of(x: Tensor) -> Tensor:
    wide = x.double()
    return torch.stack([wide.new_tensor(x.numel()), wide.sum(), wide.square().sum()])
