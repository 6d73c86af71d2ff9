"""The schedule that reads the decomposition: balance by uniqueness, start at peak synergy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fusion_sched.controllers import jointly, unimodal
from fusion_sched.types import ControllerState, Decision, Diagnosis, Observation, Stage


@dataclass(frozen=True)
class PID:
    """Pauses a modality whose uniqueness runs ahead; then starts joint training at peak synergy.

    arXiv 2509.20840 balances modalities by monitoring uniqueness and starts joint training at
    peak synergy; no thresholds are known from its text, so these rules are ours:

    * Balance. A modality is paused once its uniqueness is more than ``threshold`` times the
      smallest one, both counted as at least ``floor_bits``, below which a difference is not worth
      a decision. It trains again when another has caught up with it. The untrained state counts
      too: the competition is decided by the state it begins from.
    * Peak. Among balanced states, where nobody is paused, the one with the highest synergy is
      kept. They are looked at from epoch ``min_epochs`` on, since honest synergy is often highest
      in the untrained state, which is no state to start from; or as soon as a paused modality has
      been caught up with.
    * Hand-over. Once synergy has been below ``drop`` times that peak for ``patience`` diagnoses in
      a row, the kept state is restored and joint training starts. Where it never falls that far,
      the last epoch of stage 1 hands over from where it is.
    """

    threshold: float = 2.0
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
            "modalities": list(modalities), "active": list(modalities), "caught_up": False,
            "peak": None, "peak_epoch": None, "below": 0,
        }  # fmt: skip
        return state, Decision(unimodal(modalities), "every modality alone")

    def step(self, state: ControllerState, seen: Observation) -> tuple[ControllerState, Decision]:
        """Follow the rules above; without a fresh diagnosis nothing changes."""
        if seen.diagnosis is None or not seen.fresh:
            return state, self._stay_or_end(state, seen, "no new diagnosis")
        state, reason = self._balance(state, seen.diagnosis.unique)
        state, keep = self._track_peak(state, seen.diagnosis, seen.epoch)
        if state["below"] >= self.patience:
            return state, Decision(
                jointly(state["modalities"]), self._past_peak(state, seen.diagnosis), restore=True
            )
        decision = self._stay_or_end(state, seen, reason)
        return state, Decision(decision.stage, decision.reason, keep=keep)

    def _balance(
        self, state: ControllerState, unique: Mapping[str, float]
    ) -> tuple[ControllerState, str]:
        """Pause who is ahead by the threshold, wake whom another has caught up with."""
        names = state["modalities"]
        level = {m: max(unique[m], self.floor_bits) for m in names}
        weakest = min(names, key=level.__getitem__)
        paused = set(names) - set(state["active"])
        ahead = {m for m in names if level[m] > self.threshold * level[weakest]}
        still = {m for m in paused if level[m] > max(level[o] for o in names if o != m)}
        woken = paused - still - ahead
        active = [m for m in names if m not in ahead | still]
        numbers = ", ".join(f"{m} {unique[m]:.3f}" for m in names)
        reason = f"uniquenesses within a ratio of {self.threshold:g} (bits: {numbers})"
        if ahead - paused:
            reason = (
                f"pause {', '.join(sorted(ahead - paused))}: uniqueness more than "
                f"{self.threshold:g} × that of {weakest} (bits: {numbers})"
            )
        elif woken:
            reason = f"{', '.join(sorted(woken))} has been caught up with (bits: {numbers})"
        caught_up = state["caught_up"] or bool(woken)
        return {**state, "active": active, "caught_up": caught_up}, reason

    def _track_peak(
        self, state: ControllerState, diagnosis: Diagnosis, epoch: int
    ) -> tuple[ControllerState, bool]:
        synergy, peak = diagnosis.synergy, state["peak"]
        balanced = len(state["active"]) == len(state["modalities"])
        early = epoch + 1 < self.min_epochs and not state["caught_up"]
        if synergy is None or not balanced or early:
            return state, False
        if peak is None or synergy > peak:
            return {**state, "peak": synergy, "peak_epoch": epoch, "below": 0}, True
        below = state["below"] + 1 if synergy < self.drop * peak else 0
        return {**state, "below": below}, False

    def _past_peak(self, state: ControllerState, diagnosis: Diagnosis) -> str:
        done = state["peak_epoch"] + 1
        return (
            f"synergy {diagnosis.synergy:.3f} bit is below {self.drop:g} × its peak of "
            f"{state['peak']:.3f} bit for {state['below']} diagnoses in a row: joint training "
            f"starts from the weights of that peak, after epoch {done}"
        )

    def _stay_or_end(self, state: ControllerState, seen: Observation, reason: str) -> Decision:
        if not seen.last:
            return Decision(Stage(tuple(state["active"])), reason)
        peak = "no balanced state was seen"
        if state["peak"] is not None:
            peak = f"it has kept near its peak of {state['peak']:.3f} bit"
        return Decision(
            jointly(state["modalities"]), f"stage 1 has taken its epochs; synergy: {peak}"
        )
