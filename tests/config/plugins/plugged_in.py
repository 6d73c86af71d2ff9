"""A dataset, an encoder and a controller from outside the package."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from fusion_sched.controllers import jointly, unimodal
from fusion_sched.data.memory import splits_from_arrays, stratified_split
from fusion_sched.types import ControllerState, Decision, Observation, Splits


@dataclass(frozen=True)
class Blobs:
    """Two noisy vectors per sample, one blob per class."""

    samples: int = 120

    def load(self) -> Splits:
        rng = np.random.default_rng(0)
        labels = np.arange(self.samples) % 3
        inputs = {m: rng.normal(size=(3, 5))[labels] + 0.3 * rng.normal(size=(self.samples, 5))
                  for m in ("left", "right")}  # fmt: skip
        index = stratified_split(labels, 0.2, 0.2, seed=0)
        return splits_from_arrays(inputs, labels, index, ["a", "b", "c"])


class Linear(nn.Module):
    def __init__(self, shape: Sequence[int], size: int) -> None:
        super().__init__()
        self.layer = nn.Linear(shape[0], size)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x)
        return out


@dataclass(frozen=True)
class Alternate:
    """Trains one modality at a time, then all."""

    rounds: int = 1

    def init(self, modalities: Sequence[str]) -> tuple[ControllerState, Decision]:
        state = {"modalities": list(modalities)}
        return state, Decision(unimodal(modalities[:1]), "first alone")

    def step(
        self, state: ControllerState, observation: Observation
    ) -> tuple[ControllerState, Decision]:
        names = state["modalities"]
        done = observation.epoch + 1
        if done >= self.rounds * len(names):
            return state, Decision(jointly(names), "everyone had a turn")
        return state, Decision(unimodal([names[done % len(names)]]), "next in turn")
