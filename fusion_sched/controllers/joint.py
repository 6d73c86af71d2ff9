"""No unimodal stage: joint training from scratch, the baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

from fusion_sched.controllers import jointly
from fusion_sched.types import ControllerState, Decision, Observation


@dataclass(frozen=True)
class Joint:
    """Starts joint training at once."""

    def init(self, modalities: Sequence[str]) -> tuple[ControllerState, Decision]:
        """Return the joint stage."""
        decision = Decision(jointly(modalities), "joint training from scratch, no unimodal stage")
        return {"modalities": list(modalities)}, decision

    def step(
        self, state: ControllerState, observation: Observation
    ) -> tuple[ControllerState, Decision]:
        """Stay in the joint stage."""
        return state, Decision(jointly(state["modalities"]), "joint training from scratch")
