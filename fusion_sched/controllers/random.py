"""Decisions at random times, as a control experiment."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fusion_sched.controllers import jointly, unimodal
from fusion_sched.types import ControllerState, Decision, Observation, Stage


@dataclass(frozen=True)
class Random:
    """As many decisions as ``controller=pid`` usually takes, at random times.

    Drawn from ``seed``: one modality is paused from a random epoch to another, and joint training
    starts after a random one of the first ``latest`` epochs. Diagnoses are not looked at.
    """

    seed: int = 0
    latest: int = 15

    def __post_init__(self) -> None:
        if self.latest < 1 or self.seed < 0:
            raise ValueError(
                f"latest={self.latest}, seed={self.seed}: expected at least 1 epoch and a seed of "
                "0 or more"
            )

    def init(self, modalities: Sequence[str]) -> tuple[ControllerState, Decision]:
        """Draw the whole schedule."""
        rng = np.random.default_rng([self.seed, 7])
        handover = int(rng.integers(1, self.latest + 1))
        begin, end = sorted(int(e) for e in rng.integers(0, handover + 1, 2))
        paused = str(rng.choice(list(modalities))) if len(modalities) > 1 else None
        state = {"modalities": list(modalities), "paused": paused, "begin": begin, "end": end,
                 "handover": handover}  # fmt: skip
        return state, Decision(self._stage(state, 0), self._plan(state))

    def step(
        self, state: ControllerState, observation: Observation
    ) -> tuple[ControllerState, Decision]:
        """Follow the schedule."""
        return state, Decision(self._stage(state, observation.epoch + 1), self._plan(state))

    def _stage(self, state: ControllerState, done: int) -> Stage:
        names = state["modalities"]
        if done >= state["handover"]:
            return jointly(names)
        pausing = state["begin"] <= done < state["end"]
        return unimodal([m for m in names if not (pausing and m == state["paused"])])

    def _plan(self, state: ControllerState) -> str:
        pause = "nobody paused, "
        if state["paused"] is not None and state["begin"] < state["end"]:
            pause = f"{state['paused']} paused from epoch {state['begin'] + 1} to {state['end']}, "
        return f"drawn at random: {pause}joint training after epoch {state['handover']}"
