"""Ablation: each modality's validation accuracy in place of the decomposition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fusion_sched.controllers import jointly, unimodal
from fusion_sched.types import ControllerState, Decision, Observation, Stage


@dataclass(frozen=True)
class Accuracy:
    """Pauses the modality whose head is ahead on validation; hands over when they stop rising.

    The simplest rule, as close to `controller=mi` as accuracies allow, so that the two differ only
    in the quantity they compare:

    * a modality is paused once its validation accuracy is more than ``threshold`` (a share of
      samples: 0.05 is five points) above the lowest, until another has caught up with it;
    * joint training starts from the present weights once the mean of the modalities' validation
      accuracies has not risen above its highest value for ``patience`` epochs, after
      ``min_epochs`` epochs.

    It acts after every epoch, on point estimates: accuracies come without intervals. Diagnoses are
    not looked at, nor is the fused head, which does not train in stage 1.
    """

    threshold: float = 0.05
    patience: int = 3
    min_epochs: int = 5

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1 or self.patience < 1 or self.min_epochs < 0:
            raise ValueError(
                f"threshold={self.threshold}, patience={self.patience}, min_epochs="
                f"{self.min_epochs}: expected a share of samples in (0, 1), at least 1 epoch and 0 "
                "or more epochs"
            )

    def init(self, modalities: Sequence[str]) -> tuple[ControllerState, Decision]:
        """Begin with every modality alone."""
        state = {"modalities": list(modalities), "active": list(modalities), "best": None,
                 "resting": 0}  # fmt: skip
        return state, Decision(unimodal(modalities), "every modality alone")

    def step(
        self, state: ControllerState, observation: Observation
    ) -> tuple[ControllerState, Decision]:
        """Balance by accuracy and wait for the plateau of the mean."""
        if not observation.validation:  # before the first epoch
            return state, Decision(Stage(tuple(state["active"])), "no validation accuracy yet")
        accuracy = {m: observation.validation[m] for m in state["modalities"]}
        mean = sum(accuracy.values()) / len(accuracy)
        if state["best"] is None or mean > state["best"]:
            state = {**state, "best": mean, "resting": 0}
        else:
            state = {**state, "resting": state["resting"] + 1}
        if state["resting"] >= self.patience and observation.epoch + 1 >= self.min_epochs:
            return state, Decision(
                jointly(state["modalities"]),
                f"mean validation accuracy {mean:.4f} has not risen above {state['best']:.4f} for "
                f"{state['resting']} epochs ({numbers(accuracy)})",
            )
        active, reason = self._balanced(state, accuracy)
        return {**state, "active": active}, Decision(Stage(tuple(active)), reason)

    def _balanced(
        self, state: ControllerState, accuracy: Mapping[str, float]
    ) -> tuple[list[str], str]:
        """Pause who is ahead by the threshold, wake whom another has caught up with."""
        weakest = min(accuracy, key=lambda m: accuracy[m])
        paused = set(accuracy) - set(state["active"])
        ahead = [m for m, a in accuracy.items() if a > accuracy[weakest] + self.threshold]
        training = max(accuracy[m] for m in state["active"])
        still = [m for m in paused if accuracy[m] > training]
        active = [m for m in accuracy if m not in ahead and m not in still]
        parts = [
            f"pause {m}: more than {self.threshold:g} above {weakest}"
            for m in ahead if m not in paused
        ]  # fmt: skip
        parts += [f"{m} has been caught up with" for m in accuracy if m in paused and m in active]
        what = "; ".join(parts) or f"train {', '.join(active)}"
        return active, f"{what} (validation accuracy: {numbers(accuracy)})"


def numbers(accuracy: Mapping[str, float]) -> str:
    """Return the accuracies as a reason shows them."""
    return ", ".join(f"{m} {value:.4f}" for m, value in accuracy.items())
