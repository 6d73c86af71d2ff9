"""Acts on information that generalises, and chooses at the hand-over what is trained and fused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot

from fusion_sched.controllers import NORMAL_95, check_generalising, jointly, unimodal
from fusion_sched.types import (
    DEPLOYABLE,
    KEPT,
    POOL,
    WITH_HEADS,
    ControllerState,
    Decision,
    Diagnosis,
    Estimate,
    HeldOut,
    Observation,
    Stage,
)

ALONE, HAND_OVER, JOINT = "alone", "hand-over", "joint"
"""What the controller is asked next: a pause, a branch, or the branch that is deployed."""


@dataclass(frozen=True)
class Evidence:
    """Stage 1 by information that generalises; a choice of branch at the hand-over.

    Stage 1. Each modality trains alone and is kept at the state whose head tells most of validation
    samples: H(Y) minus cross-entropy, calibrated on others. It is paused after ``patience``
    diagnoses without a rise of ``rise_bits``; a modality whose stored information, that of training
    samples, is clearly (95 %) more than ``ahead`` of H(Y) above it is memorising and is paused
    after ``memorising_patience``.
    Stage 1 ends when all are paused; the kept states are restored and measured.

    Hand-over, in this order:

    * Leave out. A modality goes where the upper ends of U + S, what it tells beyond the others, are
      below ``near_zero`` of H(Y), or where no interaction is missed and the ensemble of heads does
      not gain by it. None is missed where the upper end of S, or that of the joint information
      above what the ensemble tells, is below ``near_zero`` of H(Y).
    * Ensemble. With one modality left, or where no interaction is missed, the calibrated and
      weighted ensemble of the heads is deployed and nothing trains jointly.
    * Joint. Else joint training starts from the kept states: S is shown to be above 0, or
      validation samples are too few to show that it is not. With ``lead_ratio`` above 0 and S above
      0, a modality whose uniqueness is more than that many times the smallest, with an interval of
      the log ratio above 0, stays paused in it.

    After joint training the model, alone and with its own heads, the ensemble of the kept heads and
    the mean of the three are compared over the same validation samples, and the one of highest
    likelihood is deployed.
    """

    patience: int = 4
    memorising_patience: int = 2
    rise_bits: float = 0.01
    ahead: float = 0.1
    near_zero: float = 0.05
    lead_ratio: float = 0.0

    def __post_init__(self) -> None:
        if self.patience < 1 or self.memorising_patience < 1:
            raise ValueError(
                f"patience={self.patience}, memorising_patience={self.memorising_patience}: "
                "expected at least 1 diagnosis each"
            )
        shares = {"ahead": self.ahead, "near_zero": self.near_zero}
        sound = all(0 <= share <= 1 for share in shares.values())
        if self.rise_bits < 0 or self.lead_ratio < 0 or not sound:
            raise ValueError(
                f"rise_bits={self.rise_bits}, lead_ratio={self.lead_ratio}, {shares}: expected 0 "
                "or more bits, a ratio of 0 or more, and shares of H(Y) in [0, 1]"
            )

    def check_source(self, source: str) -> None:
        """Raise where a probe of this source tells nothing of samples that are not trained on."""
        check_generalising(source, "evidence")

    def init(self, modalities: Sequence[str]) -> tuple[ControllerState, Decision]:
        """Begin with every modality alone."""
        state = {
            "modalities": list(modalities), "active": list(modalities), "next": ALONE,
            "best": {}, "best_epoch": {}, "reference": {}, "resting": dict.fromkeys(modalities, 0),
            "fused": list(modalities),
        }  # fmt: skip
        return state, Decision(unimodal(modalities), "every modality alone")

    def step(
        self, state: ControllerState, observation: Observation
    ) -> tuple[ControllerState, Decision]:
        """Follow the rules above; between diagnoses nothing changes."""
        held_out = observation.held_out
        if held_out is None:
            return self._go_on(state, observation, "no new diagnosis", ())
        if state["next"] == HAND_OVER:
            return self._hand_over(state, observation.generalising, held_out)
        if state["next"] == JOINT:
            return self._deploy(state, held_out)
        state, reason, risen = self._pause(
            state, observation.diagnosis, held_out, observation.epoch
        )
        return self._go_on(state, observation, reason, risen)

    def _pause(
        self, state: ControllerState, stored: Diagnosis | None, held_out: HeldOut, epoch: int
    ) -> tuple[ControllerState, str, tuple[str, ...]]:
        """Pause whose information no longer rises; return also whose is the highest so far."""
        best, best_epoch = dict(state["best"]), dict(state["best_epoch"])
        reference, resting = dict(state["reference"]), dict(state["resting"])
        parts, risen = [], []
        for m in state["active"]:
            now = held_out.information[m]
            if m not in best or now.value > best[m]:
                best[m], best_epoch[m] = now.value, epoch
                risen.append(m)
            rises = m not in reference or now.value > reference[m] + self.rise_bits
            resting[m] = 0 if rises else resting[m] + 1
            reference[m] = now.value if rises else reference[m]
            patience, memorising = self._patience(stored, m, now)
            if resting[m] >= patience:
                parts.append(
                    f"pause {m}: for {resting[m]} diagnoses the information of its head about "
                    f"validation samples, now {_words(now)}, has not risen by {self.rise_bits:g} "
                    f"bit{memorising}; its state after epoch {best_epoch[m] + 1}, with "
                    f"{best[m]:.2f} bit, is kept"
                )
        active = [m for m in state["active"] if not any(p.startswith(f"pause {m}:") for p in parts)]
        reason = "; ".join(parts) or "the information of every active modality still rises"
        state = {**state, "active": active, "best": best, "best_epoch": best_epoch,
                 "reference": reference, "resting": resting}  # fmt: skip
        return state, reason, tuple(risen)

    def _patience(self, stored: Diagnosis | None, m: str, now: Estimate) -> tuple[int, str]:
        """How many diagnoses without a rise a modality may take, and why they are fewer."""
        if stored is None:
            return self.patience, ""
        gap = stored.mi[m].value - now.value
        error = NORMAL_95 * hypot(stored.mi[m].standard_error, now.standard_error)
        if gap - error <= self.ahead * stored.label_entropy:
            return self.patience, ""
        return min(self.memorising_patience, self.patience), (
            f", and it memorises: about training samples it has {gap:.2f} "
            f"[{gap - error:.2f}, {gap + error:.2f}] bit more"
        )

    def _go_on(
        self,
        state: ControllerState,
        observation: Observation,
        reason: str,
        risen: tuple[str, ...],
    ) -> tuple[ControllerState, Decision]:
        """Keep what has risen; end stage 1 after its last epoch or with nothing left to train."""
        stage = Stage(tuple(state["active"]))
        if stage.active and not observation.last:
            return state, Decision(stage, reason, keep_only=risen)
        return {**state, "next": HAND_OVER}, Decision(
            stage, reason, keep_only=risen, restore=bool(state["best"]), measure=True
        )

    def _hand_over(
        self, state: ControllerState, diagnosis: Diagnosis | None, held_out: HeldOut
    ) -> tuple[ControllerState, Decision]:
        fused: list[str] = list(state["modalities"])
        parts: list[str] = []
        if diagnosis is not None:
            fused, parts = self._left_in(fused, diagnosis, held_out)
        kept = ", ".join(f"{m} of epoch {e + 1}" for m, e in state["best_epoch"].items())
        why = "its epochs are over" if state["active"] else "all are paused"
        parts.insert(0, f"stage 1 ends ({why}), back to the states of most information: {kept}")
        state = {**state, "fused": fused, "next": JOINT}
        ensemble = held_out.information["+".join(fused)]
        missed, why = True, "validation samples are too few for a diagnosis"
        if diagnosis is not None:
            missed, why = self._misses_interaction(fused, diagnosis, ensemble)
        if len(fused) > 1 and missed:
            leading = self._leading(diagnosis, fused) if diagnosis is not None else []
            parts += [f"{m} has much more unique information and stays paused" for m in leading]
            parts.append(f"joint training of {', '.join(fused)}: {why}")
            stage = Stage(tuple(m for m in fused if m not in leading), joint=True)
            return state, Decision(stage, "; ".join(parts), fused=tuple(fused))
        what = f"the calibrated head of {fused[0]} is deployed"
        if len(fused) > 1:
            what = f"the weighted ensemble of {', '.join(fused)} is deployed: {why}"
        parts.append(f"{what}; it has {_words(ensemble)} about validation samples")
        decision = Decision(
            Stage((), joint=True), "; ".join(parts), fused=tuple(fused), ensemble=True
        )
        return state, decision

    def _left_in(
        self, names: Sequence[str], diagnosis: Diagnosis, held_out: HeldOut
    ) -> tuple[list[str], list[str]]:
        """Leave modalities out one by one, whichever the ensemble gains least by first."""
        fused, parts = list(names), []
        while len(fused) > 1:
            gains = {m: held_out.gain[_without(fused, m)] for m in fused}
            weakest = min(gains, key=lambda m: gains[m].value)
            ensemble = held_out.information["+".join(fused)]
            missed, why = self._misses_interaction(fused, diagnosis, ensemble)
            reason = self._adds_nothing(weakest, fused, diagnosis)
            if not reason and not missed and gains[weakest].value <= 0:
                reason = f"it changes the ensemble by {_words(gains[weakest])}, and {why}"
            if not reason:
                break
            parts.append(f"{weakest} is left out: {reason}")
            fused.remove(weakest)
        return fused, parts

    def _adds_nothing(self, m: str, fused: Sequence[str], diagnosis: Diagnosis) -> str:
        """Say that the upper ends of U and S are near zero, or nothing."""
        synergy, limit = _of(diagnosis, fused, "synergy"), self.near_zero * diagnosis.label_entropy
        if synergy is None:
            return ""
        most = diagnosis.unique[m].interval[1] + synergy.interval[1]
        if most > limit:
            return ""
        return f"it adds at most {most:.2f} bit to the others (limit {limit:.2f})"

    def _misses_interaction(
        self, fused: Sequence[str], diagnosis: Diagnosis, ensemble: Estimate
    ) -> tuple[bool, str]:
        """Whether joint training may tell more than the ensemble, and the numbers that say so."""
        synergy, joint = _of(diagnosis, fused, "synergy"), _of(diagnosis, fused, "joint_mi")
        limit = self.near_zero * diagnosis.label_entropy
        if synergy is None or joint is None:
            return True, "their synergy was not estimated"
        if synergy.interval[1] <= limit:
            return False, f"synergy {_words(synergy)} is below the limit of {limit:.2f}"
        missed = joint.interval[1] - ensemble.value
        if missed <= limit:
            return False, (
                f"the joint information {_words(joint)} is at most {missed:.2f} bit more than that "
                f"of the ensemble (limit {limit:.2f})"
            )
        shown = "is above 0" if synergy.interval[0] > 0 else f"may be above {limit:.2f}"
        return True, (
            f"synergy {_words(synergy)} {shown}, and the ensemble may lack up to {missed:.2f} bit"
        )

    def _leading(self, diagnosis: Diagnosis, fused: Sequence[str]) -> list[str]:
        synergy = _of(diagnosis, fused, "synergy")
        if self.lead_ratio == 0 or synergy is None or synergy.interval[0] <= 0:
            return []
        weakest = min(fused, key=lambda m: diagnosis.unique[m].value)
        return [
            m for m in fused
            if m != weakest
            and diagnosis.unique[m].value > self.lead_ratio * diagnosis.unique[weakest].value
            and diagnosis.log_ratio_of(m, weakest).interval[0] > 0
        ]  # fmt: skip

    def _deploy(
        self, state: ControllerState, held_out: HeldOut
    ) -> tuple[ControllerState, Decision]:
        """Choose by validation likelihood: the fine-tuned model, the kept ensemble, or the mean."""
        fused = tuple(state["fused"])
        best = max(held_out.information, key=lambda name: held_out.information[name].value)
        others = ", ".join(
            f"{DEPLOYABLE[name]} {_words(e)}"
            for name, e in held_out.information.items() if name != best
        )  # fmt: skip
        reason = (
            f"{DEPLOYABLE[best]} is deployed: it has the most information about validation "
            f"samples, {_words(held_out.information[best])} ({others})"
        )
        return state, Decision(
            jointly(fused),
            reason,
            restore=best == KEPT,
            fused=fused,
            ensemble=best in (WITH_HEADS, KEPT),
            pooled=best == POOL,
        )


def _without(fused: Sequence[str], m: str) -> str:
    return f"{'+'.join(fused)}/{'+'.join(o for o in fused if o != m)}"


def _words(estimate: Estimate) -> str:
    low, high = estimate.interval
    return f"{estimate.value:.2f} [{low:.2f}, {high:.2f}] bit"


def _of(diagnosis: Diagnosis, fused: Sequence[str], quantity: str) -> Estimate | None:
    """Synergy or joint information of these modalities, `None` where it was not estimated."""
    if len(fused) == len(diagnosis.unique):
        value: Estimate | None = getattr(diagnosis, quantity)
        return value
    pair: Mapping[str, Estimate] = diagnosis.pairs.get("/".join(fused), {})
    return pair.get(quantity)
