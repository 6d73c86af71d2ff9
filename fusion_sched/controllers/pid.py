"""The schedule that reads the decomposition: balance by uniqueness, start at peak synergy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fusion_sched.controllers import jointly, unimodal
from fusion_sched.types import ControllerState, Decision, Diagnosis, Observation, Stage


@dataclass(frozen=True)
class PID:
    """Pauses a modality whose uniqueness runs ahead; hands over once synergy has passed its peak.

    arXiv 2509.20840 balances modalities by monitoring uniqueness and starts joint training at
    peak synergy; the paper's text gives no thresholds, so these rules are ours:

    * a modality is paused while its uniqueness is more than ``threshold`` times the smallest one,
      both counted as at least ``floor_bits``, below which a difference is not worth a decision;
      it trains again as soon as the ratio is back;
    * the state with the highest synergy is kept; once synergy has been below ``drop`` times that
      peak for ``patience`` diagnoses in a row, the kept state is restored and joint training
      starts. Neither happens in the first ``min_epochs`` epochs: the peak is looked for after
      them, because synergy of untrained embeddings is mostly sampling noise;
    * where synergy never falls that far, the last epoch of stage 1 hands over from where it is.
    """

    threshold: float = 3.0
    drop: float = 0.8
    patience: int = 2
    min_epochs: int = 5
    floor_bits: float = 0.02

    def __post_init__(self) -> None:
        if self.threshold <= 1:
            raise ValueError(
                f"threshold is {self.threshold}, expected a ratio of uniquenesses above 1"
            )
        if not 0 < self.drop <= 1:
            raise ValueError(f"drop is {self.drop}, expected a share of the peak in (0, 1]")
        if self.patience < 1 or self.min_epochs < 0:
            raise ValueError(
                f"patience={self.patience}, min_epochs={self.min_epochs}: expected a patience of "
                "at least 1 diagnosis and 0 or more epochs"
            )
        if self.floor_bits <= 0:
            raise ValueError(f"floor_bits is {self.floor_bits}, expected more than 0 bits")

    def init(self, modalities: Sequence[str]) -> tuple[ControllerState, Decision]:
        """Begin with every modality alone."""
        state = {
            "modalities": list(modalities), "active": list(modalities),
            "peak": None, "peak_epoch": None, "below": 0,
        }  # fmt: skip
        return state, Decision(unimodal(modalities), "every modality alone")

    def step(
        self, state: ControllerState, seen: Observation
    ) -> tuple[ControllerState, Decision]:
        """Follow the rules above; without a fresh diagnosis nothing changes."""
        if seen.diagnosis is None or not seen.fresh:
            return self._stay_or_end(state, seen, "no new diagnosis")
        state, keep = self._track_peak(state, seen.diagnosis, seen.epoch)
        if state["below"] >= self.patience:
            return state, Decision(
                jointly(state["modalities"]), self._past_peak(state, seen.diagnosis), restore=True
            )
        active, reason = self._balance(state["modalities"], seen.diagnosis.unique)
        state = {**state, "active": active}
        state, decision = self._stay_or_end(state, seen, reason)
        return state, Decision(decision.stage, decision.reason, keep=keep)

    def _track_peak(
        self, state: ControllerState, diagnosis: Diagnosis, epoch: int
    ) -> tuple[ControllerState, bool]:
        synergy, peak = diagnosis.synergy, state["peak"]
        if synergy is None or epoch + 1 < self.min_epochs:
            return state, False
        if peak is None or synergy > peak:
            return {**state, "peak": synergy, "peak_epoch": epoch, "below": 0}, True
        below = state["below"] + 1 if synergy < self.drop * peak else 0
        return {**state, "below": below}, False

    def _past_peak(self, state: ControllerState, diagnosis: Diagnosis) -> str:
        return (
            f"synergy {diagnosis.synergy:.3f} bit is below {self.drop:g} × its peak of "
            f"{state['peak']:.3f} bit (epoch {state['peak_epoch']}) for {state['below']} diagnoses "
            f"in a row: joint training starts from the weights of epoch {state['peak_epoch']}"
        )

    def _balance(
        self, modalities: Sequence[str], unique: Mapping[str, float]
    ) -> tuple[list[str], str]:
        floored = {m: max(unique[m], self.floor_bits) for m in modalities}
        weakest = min(modalities, key=floored.__getitem__)
        ahead = [m for m in modalities if floored[m] > self.threshold * floored[weakest]]
        numbers = ", ".join(f"{m} {unique[m]:.3f}" for m in modalities)
        if not ahead:
            return list(modalities), f"uniquenesses within a ratio of {self.threshold:g} ({numbers})"
        return [m for m in modalities if m not in ahead], (
            f"pause {', '.join(ahead)}: uniqueness more than {self.threshold:g} × that of "
            f"{weakest}, in bits: {numbers}"
        )

    def _stay_or_end(
        self, state: ControllerState, seen: Observation, reason: str
    ) -> tuple[ControllerState, Decision]:
        if seen.last:
            peak = "no peak was seen" if state["peak"] is None else (
                f"its peak {state['peak']:.3f} bit (epoch {state['peak_epoch']}) has not been lost"
            )  # fmt: skip
            return state, Decision(
                jointly(state["modalities"]),
                f"stage 1 has reached its last epoch and synergy has not fallen: {peak}",
            )
        return state, Decision(Stage(tuple(state["active"])), reason)
