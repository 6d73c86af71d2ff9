"""Sparse-coded samples of two modalities: the data of the tractable model.

Huang et al., "Modality Competition: What Makes Joint Training of Multi-modal Network Fail in Deep
Learning? (Provably)", 2022 (arXiv 2203.12221). The setting is reconstructed, not quoted, and so are
the constants: the theory asks for orders of magnitude only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from fusion_sched.runtime.environment import seed_for

MODALITIES = 2
LEAST = 1.0
"""Least strength of the own class's feature in a sufficient sample."""
OFF_CLASS = 0.3
"""ρ: an off-class feature that is present has a strength in [ρ/2, ρ]."""
OFF_CLASS_FEATURES = 3.0
"""s: each off-class feature is present with probability s/K, whatever K is."""
WEAK = 0.05
"""γ: the own class's feature of an insufficient sample has a strength in [γ/2, γ]."""
NOISE = 0.01
"""σ_g: standard deviation of the noise in every dimension."""
DIMENSIONS_PER_CLASS = 1.25
"""More dimensions than features: noise has room outside of their span."""


@dataclass(frozen=True)
class Setting:
    """One world and the networks that learn in it.

    `insufficient`: μ_r, the probability that a sample is insufficient in modality r;
    `strongest`: C_r, sufficient samples have strengths uniform in [1, C_r]; `initial_scale`:
    σ_0; `neurons`: m per class and modality; `rate_per_class`: the learning rate is this times
    K, because a class has 1/K of the samples; `power` and `threshold`: q and β of the smoothed
    ReLU.
    """

    classes: int
    insufficient: tuple[float, float]
    strongest: tuple[float, float]
    initial_scale: float
    neurons: int = 24
    samples_per_class: int = 30
    rate_per_class: float = 0.4
    power: int = 3
    threshold: float = 1.0

    def __post_init__(self) -> None:
        least = {"classes": 4, "neurons": 1, "samples_per_class": 1, "power": 3}
        for name, lowest in least.items():
            if getattr(self, name) < lowest:
                raise ValueError(f"{name}={getattr(self, name)}; expected {lowest} or more")
        for name in ("initial_scale", "rate_per_class", "threshold"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)}; expected a number above 0")
        if not all(0 <= mu < 1 for mu in self.insufficient):
            raise ValueError(f"insufficient={self.insufficient}; expected two shares in [0, 1)")
        if not all(top >= LEAST for top in self.strongest):
            raise ValueError(f"strongest={self.strongest}; expected two numbers of {LEAST} or more")

    @property
    def samples(self) -> int:
        """How many training samples there are."""
        return self.samples_per_class * self.classes

    @property
    def dimensions(self) -> int:
        """Of each modality."""
        return round(DIMENSIONS_PER_CLASS * self.classes)

    @property
    def learning_rate(self) -> float:
        """Of full-batch gradient descent."""
        return self.rate_per_class * self.classes

    @property
    def shape(self) -> tuple[int, int, int, int, float]:
        """What must be the same for settings that are computed side by side."""
        return self.classes, self.neurons, self.samples_per_class, self.power, self.threshold


class Samples(NamedTuple):
    """Samples of B worlds.

    `x`: inputs `(B, 2, n, d)`; `z`: strengths of the features `(B, 2, n, K)`; `y`: class
    ids `(B, n)`; `insufficient`: whether they are `(B, 2, n)`.
    """

    x: Tensor
    z: Tensor
    y: Tensor
    insufficient: Tensor

    def to(self, device: torch.device) -> "Samples":
        """Return the same samples on a device."""
        return Samples(*(part.to(device) for part in self))


def draw(setting: Setting, count: int, generator: Generator) -> Samples:
    """Draw `count` samples of one world, with a batch axis of 1, on the CPU.

    X^r = M^r z^r + ξ^r with M^r the first K axes. That is no loss of generality: noise and initial
    weights have the same distribution after any rotation, and gradient descent turns with them.
    """
    y = torch.randint(setting.classes, (count,), generator=generator)
    shape = (MODALITIES, count)
    insufficient = (
        torch.rand(shape, generator=generator) < torch.tensor(setting.insufficient)[:, None]
    )
    position = torch.rand(shape, generator=generator)
    room = torch.tensor(setting.strongest)[:, None] - LEAST
    own = torch.where(insufficient, WEAK * (1 + position) / 2, LEAST + room * position)
    # One uniform number does for both: given that it is below s/K, it is uniform in [0, s/K].
    chance = min(OFF_CLASS_FEATURES / setting.classes, 1.0)
    uniform = torch.rand((*shape, setting.classes), generator=generator)
    z = torch.where(uniform < chance, OFF_CLASS * (1 + uniform / chance) / 2, 0.0)
    z.scatter_(2, y.expand(shape)[..., None], own[..., None])
    x = NOISE * torch.randn((*shape, setting.dimensions), generator=generator)
    x[..., : setting.classes] += z
    return Samples(x[None], z[None], y[None], insufficient[None])


def draw_all(settings: Sequence[Setting], generators: Sequence[Generator], count: int) -> Samples:
    """Draw `count` samples of each world, each from its own generator."""
    each = [draw(s, count, g) for s, g in zip(settings, generators, strict=True)]
    return Samples(*(torch.cat(parts) for parts in zip(*each, strict=True)))


def generator_for(setting: Setting, seed: int, purpose: str) -> Generator:
    """Return a generator on the CPU for one purpose: worlds of equal K and seed share it."""
    return Generator().manual_seed(seed_for(seed, "theory", purpose, setting.classes))
