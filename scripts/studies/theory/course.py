"""The course of training of several worlds side by side, and what is measured on the way."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from scripts.studies.theory.network import Network
from scripts.studies.theory.problem import MODALITIES, Setting, draw_all, generator_for
from scripts.studies.theory.strength import (
    competitive_strength,
    learned_strength,
    signal_strength,
)

LEARNED = 0.3
"""Both modalities of a class are learned where min Γ > 0.3 max Γ."""
DECIDED = 0.5
"""A class is decided when 1 - p_y, mean over its samples, is below this share of 1 - 1/K."""
TEST_BLOCK = 4096
NEURONS_TOGETHER, NEURONS_TOGETHER_ON_CPU = 2**18, 2**11
"""Neurons of a modality that are computed side by side, over all worlds of a batch."""


class Errors(NamedTuple):
    """Wrong answers among `samples` fresh samples: `fused` `(B,)`, `alone` `(B, 2)`."""

    fused: Tensor
    alone: Tensor
    samples: int


class Course:
    """Worlds in training by full-batch gradient descent, each from its own seed.

    `decided_step` `(B, K)`: the joint step at which a class was decided, -1 before;
    `decided_strength` `(B, 2, K)`: Γ at that moment, 0 before. Worlds do not touch each other:
    a world alone takes the same course.
    """

    def __init__(
        self, settings: Sequence[Setting], seeds: Sequence[int], device: torch.device
    ) -> None:
        assert len({setting.shape for setting in settings}) == 1
        first = settings[0]
        self.settings, self.seeds, self.device = tuple(settings), tuple(seeds), device
        self.network = Network(first.classes, first.power, first.threshold)
        pairs = list(zip(settings, seeds, strict=True))
        generators = [generator_for(setting, seed, "train") for setting, seed in pairs]
        samples = draw_all(settings, generators, first.samples).to(device)
        self.x, self.y = samples.x, samples.y
        self.signal = signal_strength(samples.z, samples.y, first.power, first.threshold)
        labels = torch.nn.functional.one_hot(samples.y, first.classes)
        self.per_class = labels.sum(1)
        self.weights = torch.stack([initial_weights(*pair) for pair in pairs]).to(device)
        rates = torch.tensor([s.learning_rate for s in settings], device=device)
        self.rates = rates[:, None, None, None]
        self.step = 0
        self.decided_step = torch.full_like(self.per_class, -1)
        self.decided_strength = torch.zeros_like(self.signal)

    @property
    def learned(self) -> Tensor:
        """Γ `(B, 2, K)` as it is."""
        return learned_strength(self.weights, self.network.classes)

    @property
    def strength(self) -> Tensor:
        """ECS `(B, 2, K)` as it is."""
        return competitive_strength(self.learned, self.signal, self.network.power)

    def advance(self, steps: int, joint: bool) -> None:
        """Take steps of gradient descent; one step moves both modalities, jointly or not."""
        for _ in range(steps):
            gradient, missing = self.network.gradient(self.x, self.y, self.weights, joint)
            if joint:
                self._note_decided(missing[:, 0] / self.per_class)
            self.weights -= self.rates * gradient
            self.step += 1

    def _note_decided(self, missing: Tensor) -> None:
        """Remember Γ of the classes whose common factor 1 - p_y has just fallen."""
        limit = DECIDED * (1 - 1 / self.network.classes)
        fresh = (missing < limit) & (self.decided_step < 0)
        if fresh.any():  # waits for the device
            self.decided_step[fresh] = self.step
            self.decided_strength = torch.where(fresh[:, None], self.learned, self.decided_strength)

    def errors(self, count: int) -> Errors:
        """Return the wrong answers among at least `count` fresh samples of each world.

        They are the same for every course of the same setting and seed.
        """
        generators = [
            generator_for(setting, seed, "test")
            for setting, seed in zip(self.settings, self.seeds, strict=True)
        ]
        fused = torch.zeros(len(self.seeds), dtype=torch.long, device=self.device)
        alone = fused.new_zeros(len(self.seeds), MODALITIES)
        blocks = -(-count // TEST_BLOCK)
        for _ in range(blocks):
            samples = draw_all(self.settings, generators, TEST_BLOCK).to(self.device)
            scores = self.network.responses(samples.x, self.weights)
            fused += (scores.sum(1).argmax(-1) != samples.y).sum(-1)
            alone += (scores.argmax(-1) != samples.y[:, None]).sum(-1)
        return Errors(fused, alone, blocks * TEST_BLOCK)


def initial_weights(setting: Setting, seed: int) -> Tensor:
    """Draw w ~ N(0, σ_0² I) `(2, d, K·m)`."""
    shape = (MODALITIES, setting.dimensions, setting.classes * setting.neurons)
    drawn = torch.randn(shape, generator=generator_for(setting, seed, "weights"))
    return setting.initial_scale * drawn


def both_learned(learned: Tensor) -> Tensor:
    """Return whether min_r Γ > 0.3 max_r Γ `(B, K)` of Γ `(B, 2, K)`."""
    return learned.amin(1) > LEARNED * learned.amax(1)


def groups(seeds: Sequence[int], setting: Setting, device: torch.device) -> list[Sequence[int]]:
    """Split seeds into those that are computed side by side."""
    one = setting.classes * setting.neurons
    most = NEURONS_TOGETHER_ON_CPU if device.type == "cpu" else NEURONS_TOGETHER
    size = max(1, most // one)
    return [seeds[i : i + size] for i in range(0, len(seeds), size)]
