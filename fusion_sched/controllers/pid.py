"""The PID controller: balances modalities by uniqueness, starts joint training at peak synergy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import hypot, inf, log

from fusion_sched.controllers import NORMAL_95, clear_difference, jointly, unimodal
from fusion_sched.types import ControllerState, Decision, Diagnosis, Estimate, Observation, Stage

NO_ERROR = 1e-12


@dataclass(frozen=True)
class PID:
    """Pauses a modality with much higher uniqueness; starts joint training at peak synergy.

    arXiv 2509.20840 balances modalities by monitoring uniqueness and starts joint training at
    peak synergy; no thresholds are known from its text, so these rules are ours:

    * Balance. A modality is paused once its uniqueness is more than ``threshold`` times the
      smallest one, both counted as at least ``floor_bits``, below which a difference is not worth
      a decision. It trains again when another has caught up with it. The diagnosis before epoch 1
      can pause a modality too.
    * Peak. Among the states in which no modality is paused, the one with the highest synergy is
      kept. They count from epoch `min_epochs` on, because synergy is often highest in the
      untrained state, or as soon as another modality has caught up with a paused one.
    * Hand-over. Once synergy has been below ``drop`` times that peak for ``patience`` diagnoses in
      a row, the kept state is restored and joint training starts. Where it never falls that far,
      the last epoch of stage 1 hands over from where it is.

    With `evidence`, a ratio counts only if the interval of ln(U_a / U_b) excludes 0. A new peak or
    a drop counts only if the interval of its difference from the peak excludes 0. Without, point
    estimates decide.
    """

    threshold: float = 2.0
    drop: float = 0.8
    patience: int = 2
    min_epochs: int = 5
    floor_bits: float = 0.02
    evidence: bool = True

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
            "peak": None, "peak_error": None, "peak_epoch": None, "below": 0,
        }  # fmt: skip
        return state, Decision(unimodal(modalities), "every modality alone")

    def step(
        self, state: ControllerState, observation: Observation
    ) -> tuple[ControllerState, Decision]:
        """Follow the rules above; without a fresh diagnosis nothing changes."""
        if observation.diagnosis is None or not observation.fresh:
            return state, self._stay_or_end(state, observation, "no new diagnosis")
        state, reason = self._balance(state, observation.diagnosis)
        state, keep = self._track_peak(state, observation.diagnosis.synergy, observation.epoch)
        if state["below"] >= self.patience:
            reason = self._past_peak(state, observation.diagnosis.synergy)
            return state, Decision(jointly(state["modalities"]), reason, restore=True)
        decision = self._stay_or_end(state, observation, reason)
        distance = self._threshold_distance(state, observation.diagnosis)
        return state, replace(decision, keep=keep, threshold_distance=distance)

    def _balance(self, state: ControllerState, diagnosis: Diagnosis) -> tuple[ControllerState, str]:
        """Pause who is ahead by the threshold, wake whom another has caught up with."""
        names = state["modalities"]
        level = {m: max(diagnosis.unique[m].value, self.floor_bits) for m in names}
        weakest = min(names, key=level.__getitem__)
        paused = set(names) - set(state["active"])
        ahead = {
            m for m in names
            if level[m] > self.threshold * level[weakest] and self._sure(diagnosis, m, weakest)
        }  # fmt: skip
        training = max(level[o] for o in state["active"])
        still = {m for m in paused if level[m] > training}
        woken = paused - still - ahead
        active = [m for m in names if m not in ahead | still]
        kept = sorted(paused - woken)
        reason = self._why(diagnosis, sorted(ahead - paused), sorted(woken), weakest, kept)
        caught_up = state["caught_up"] or bool(woken)
        return {**state, "active": active, "caught_up": caught_up}, reason

    def _threshold_distance(self, state: ControllerState, diagnosis: Diagnosis) -> float:
        """Of a pause, of the end of one, or of the drop of synergy, whichever is nearest."""
        level = {m: max(diagnosis.unique[m].value, self.floor_bits) for m in state["modalities"]}
        weakest = min(level, key=level.__getitem__)
        strongest = max(state["active"], key=level.__getitem__)
        distances = [self._distance_of_drop(state, diagnosis.synergy)]
        for m in level:
            paused = m not in state["active"]
            other = strongest if paused else weakest
            if m == other:
                continue
            ratio, gap = diagnosis.log_ratio_of(m, other), log(level[m] / level[other])
            missing = [abs(gap)] if paused else [log(self.threshold) - gap, 0.0]
            if self.evidence and not paused:
                missing.append(-ratio.interval[0])
            distances.append(max(missing) / max(ratio.standard_error, NO_ERROR))
        return float(min(distances))

    def _distance_of_drop(self, state: ControllerState, synergy: Estimate | None) -> float:
        balanced = len(state["active"]) == len(state["modalities"])
        if synergy is None or state["peak"] is None or not balanced:
            return inf
        error = max(hypot(state["peak_error"], synergy.standard_error), NO_ERROR)
        missing = [0.0, (synergy.value - self.drop * state["peak"]) / error]
        if self.evidence:
            missing.append(NORMAL_95 - (state["peak"] - synergy.value) / error)
        return float(max(missing))

    def _sure(self, diagnosis: Diagnosis, ahead: str, behind: str) -> bool:
        return not self.evidence or diagnosis.log_ratio_of(ahead, behind).interval[0] > 0

    def _why(
        self,
        diagnosis: Diagnosis,
        ahead: Sequence[str],
        woken: Sequence[str],
        weakest: str,
        kept: Sequence[str],
    ) -> str:
        numbers = ", ".join(f"{m} {u.value:.3f}" for m, u in diagnosis.unique.items())
        parts = []
        for m in ahead:
            ratio = diagnosis.log_ratio_of(m, weakest)
            parts.append(
                f"pause {m}: uniqueness more than {self.threshold:g} × that of {weakest}, log "
                f"ratio {ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
            )
        if woken:
            parts.append(f"{', '.join(woken)} has been caught up with")
        if kept:
            parts.append(f"{', '.join(kept)} stays paused")
        what = "; ".join(parts) or f"uniquenesses within a ratio of {self.threshold:g}"
        return f"{what} (unique bits: {numbers})"

    def _track_peak(
        self, state: ControllerState, synergy: Estimate | None, epoch: int
    ) -> tuple[ControllerState, bool]:
        balanced = len(state["active"]) == len(state["modalities"])
        early = epoch + 1 < self.min_epochs and not state["caught_up"]
        if synergy is None or not balanced or early:
            return state, False
        peak = state["peak"]
        if peak is None or self._higher(synergy, peak, state["peak_error"]):
            return {
                **state, "peak": synergy.value, "peak_error": synergy.standard_error,
                "peak_epoch": epoch, "below": 0,
            }, True  # fmt: skip
        fallen = synergy.value < self.drop * peak and (
            not self.evidence or clear_difference(synergy, peak, state["peak_error"])
        )
        return {**state, "below": state["below"] + 1 if fallen else 0}, False

    def _higher(self, synergy: Estimate, peak: float, error: float) -> bool:
        return synergy.value > peak and (
            not self.evidence or clear_difference(synergy, peak, error)
        )

    def _past_peak(self, state: ControllerState, synergy: Estimate | None) -> str:
        now = "" if synergy is None else (
            f"{synergy.value:.3f} [{synergy.low:.3f}, {synergy.high:.3f}] bit "
        )  # fmt: skip
        return (
            f"synergy {now}is below {self.drop:g} × its peak of {state['peak']:.3f} ± "
            f"{1.96 * state['peak_error']:.3f} bit for {state['below']} diagnoses in a row: joint "
            f"training starts from the weights of that peak, after epoch {state['peak_epoch'] + 1}"
        )

    def _stay_or_end(
        self, state: ControllerState, observation: Observation, reason: str
    ) -> Decision:
        if not observation.last:
            return Decision(Stage(tuple(state["active"])), reason)
        peak = "no peak of synergy was looked for or seen"
        if state["peak"] is not None:
            peak = (
                f"synergy was highest, {state['peak']:.3f} bit, after epoch "
                f"{state['peak_epoch'] + 1} and has not clearly fallen for {self.patience} "
                "diagnoses in a row"
            )
        return Decision(jointly(state["modalities"]), f"stage 1 has taken its epochs; {peak}")
