"""A unimodal stage of fixed length, without diagnosis."""

from collections.abc import Sequence
from dataclasses import dataclass

from fusion_sched.controllers import jointly, unimodal
from fusion_sched.types import ControllerState, Decision, Observation


@dataclass(frozen=True)
class Fixed:
    """Trains every modality alone for ``epochs`` epochs, then hands over."""

    epochs: int = 15

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(
                f"epochs is {self.epochs}, expected at least 1; use controller=joint for no "
                "unimodal stage"
            )

    def init(self, modalities: Sequence[str]) -> tuple[ControllerState, Decision]:
        """Return the unimodal stage of all modalities."""
        reason = f"every modality alone for {self.epochs} epochs"
        return {"modalities": list(modalities)}, Decision(unimodal(modalities), reason)

    def step(
        self, state: ControllerState, observation: Observation
    ) -> tuple[ControllerState, Decision]:
        """Hand over after the last of the epochs."""
        done = observation.epoch + 1
        if done >= self.epochs:
            return state, Decision(
                jointly(state["modalities"]), f"{done} of {self.epochs} unimodal epochs done"
            )
        return state, Decision(unimodal(state["modalities"]), f"{done} of {self.epochs} done")
