"""Ablation: each modality's mutual information in place of the decomposition."""

from collections.abc import Sequence
from dataclasses import dataclass

from fusion_sched.controllers import clear_difference, jointly, unimodal
from fusion_sched.types import ControllerState, Decision, Diagnosis, Observation, Stage


@dataclass(frozen=True)
class MutualInformation:
    """Pauses the modality with the higher information; hands over when joint information rests.

    The paper compares its controller with one on mutual information and names no rule for it; this
    definition is our choice, as near to ``controller=pid`` as marginal information allows:

    * a modality is paused once I(X_m; Y) is more than ``threshold`` times the smallest, and clearly
      so (95 %), until another has caught up with it;
    * joint training starts from the present weights once I(X_1, …, X_M; Y) has not clearly risen
      above its highest value for ``patience`` diagnoses, after ``min_epochs`` epochs.
    """

    threshold: float = 1.25
    patience: int = 2
    min_epochs: int = 5

    def __post_init__(self) -> None:
        if self.threshold <= 1 or self.patience < 1 or self.min_epochs < 0:
            raise ValueError(
                f"threshold={self.threshold}, patience={self.patience}, min_epochs="
                f"{self.min_epochs}: expected a ratio above 1, at least 1 diagnosis and 0 or more "
                "epochs"
            )

    def init(self, modalities: Sequence[str]) -> tuple[ControllerState, Decision]:
        """Begin with every modality alone."""
        state = {"modalities": list(modalities), "active": list(modalities), "best": None,
                 "best_error": None, "resting": 0}  # fmt: skip
        return state, Decision(unimodal(modalities), "every modality alone")

    def step(
        self, state: ControllerState, observation: Observation
    ) -> tuple[ControllerState, Decision]:
        """Balance by information and wait for the plateau of the joint information."""
        if observation.diagnosis is None or not observation.fresh:
            return state, Decision(Stage(tuple(state["active"])), "no new diagnosis")
        joint = observation.diagnosis.joint_mi
        risen = state["best"] is None or (
            joint.value > state["best"]
            and clear_difference(joint, state["best"], state["best_error"])
        )
        if risen:
            state = {**state, "best": joint.value, "best_error": joint.standard_error, "resting": 0}
        else:
            state = {**state, "resting": state["resting"] + 1}
        if state["resting"] >= self.patience and observation.epoch + 1 >= self.min_epochs:
            return state, Decision(
                jointly(state["modalities"]),
                f"joint information {joint.value:.3f} [{joint.low:.3f}, {joint.high:.3f}] bit has "
                f"not clearly risen above {state['best']:.3f} bit for {state['resting']} diagnoses",
            )
        active, reason = self._balanced(state, observation.diagnosis)
        return {**state, "active": active}, Decision(Stage(tuple(active)), reason)

    def _balanced(self, state: ControllerState, diagnosis: Diagnosis) -> tuple[list[str], str]:
        names, mi = state["modalities"], diagnosis.mi
        weakest = min(names, key=lambda m: mi[m].value)
        ahead = {
            m for m in names
            if mi[m].value > self.threshold * max(mi[weakest].value, 1e-3)
            and clear_difference(mi[m], mi[weakest].value, mi[weakest].standard_error)
        }  # fmt: skip
        paused = set(names) - set(state["active"])
        training = max(mi[o].value for o in state["active"])
        still = {m for m in paused if mi[m].value > training}
        active = [m for m in names if m not in ahead | still]
        numbers = ", ".join(f"{m} {value.value:.3f}" for m, value in mi.items())
        return active, f"train {', '.join(active)} (information in bits: {numbers})"
