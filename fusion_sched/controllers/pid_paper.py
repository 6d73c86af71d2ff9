"""The two rules of arXiv 2509.20840's abstract, on bias-corrected diagnoses."""

from collections.abc import Sequence
from dataclasses import dataclass

from fusion_sched.controllers import clear_difference, jointly, unimodal
from fusion_sched.types import ControllerState, Decision, Diagnosis, Observation, Stage


@dataclass(frozen=True)
class PaperPID:
    """Balances by uniqueness and starts joint training at peak synergy, from the first epoch on.

    arXiv 2509.20840, abstract: the controller "balances modalities by monitoring uniqueness" and
    "locates the ideal initial state to start joint training by tracking peak synergy". A modality
    is paused while its uniqueness is more than ``threshold`` times the smallest; synergy that is
    clearly below ``drop`` times its peak restores the peak's state and starts joint training. The
    thresholds are those of the published code; that the peak is restored is our reading. On
    bias-corrected diagnoses synergy is often highest in the first epochs, and this rule then hands
    over at once.
    """

    threshold: float = 3.0
    drop: float = 0.8
    floor_bits: float = 0.02

    def __post_init__(self) -> None:
        if self.threshold <= 1 or not 0 < self.drop <= 1 or self.floor_bits <= 0:
            raise ValueError(
                f"threshold={self.threshold}, drop={self.drop}, floor_bits={self.floor_bits}: "
                "expected a ratio above 1, a share of the peak in (0, 1] and more than 0 bits"
            )

    def init(self, modalities: Sequence[str]) -> tuple[ControllerState, Decision]:
        """Begin with every modality alone."""
        state = {"modalities": list(modalities), "active": list(modalities),
                 "peak": None, "peak_error": None, "peak_epoch": None}  # fmt: skip
        return state, Decision(unimodal(modalities), "every modality alone")

    def step(
        self, state: ControllerState, observation: Observation
    ) -> tuple[ControllerState, Decision]:
        """Pause, track, hand over; the untrained state is not looked at."""
        names = state["modalities"]
        if observation.diagnosis is None or not observation.fresh or observation.epoch < 0:
            return state, Decision(Stage(tuple(state["active"])), "no new diagnosis")
        synergy = observation.diagnosis.synergy
        keep = synergy is not None and (state["peak"] is None or synergy.value > state["peak"])
        if synergy is not None and keep:
            state = {**state, "peak": synergy.value, "peak_error": synergy.standard_error,
                     "peak_epoch": observation.epoch}  # fmt: skip
        elif (
            synergy is not None
            and synergy.value < self.drop * state["peak"]
            and clear_difference(synergy, state["peak"], state["peak_error"])
        ):
            return state, Decision(
                jointly(names),
                f"synergy {synergy.value:.3f} [{synergy.low:.3f}, {synergy.high:.3f}] bit is below "
                f"{self.drop:g} × its peak of {state['peak']:.3f} bit: joint training starts from "
                f"the weights of that peak, after epoch {state['peak_epoch'] + 1}",
                restore=True,
            )
        active, reason = self._balanced(names, observation.diagnosis)
        state = {**state, "active": active}
        return state, Decision(Stage(tuple(active)), reason, keep=keep)

    def _balanced(self, names: Sequence[str], diagnosis: Diagnosis) -> tuple[list[str], str]:
        level = {m: max(diagnosis.unique[m].value, self.floor_bits) for m in names}
        weakest = min(names, key=level.__getitem__)
        ahead = [
            m for m in names
            if level[m] > self.threshold * level[weakest]
            and diagnosis.log_ratio_of(m, weakest).interval[0] > 0
        ]  # fmt: skip
        numbers = ", ".join(f"{m} {u.value:.3f}" for m, u in diagnosis.unique.items())
        what = f"pause {', '.join(ahead)}" if ahead else "balanced"
        return [m for m in names if m not in ahead], f"{what} (unique bits: {numbers})"
