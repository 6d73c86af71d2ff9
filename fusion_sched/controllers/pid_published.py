"""The state machine of the paper's published code, kept for comparison."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fusion_sched.controllers import jointly, unimodal
from fusion_sched.types import ControllerState, Decision, Observation, Stage


@dataclass(frozen=True)
class PublishedPID:
    """As published with arXiv 2509.20840, quirks included; two modalities only.

    * Both modalities train alone until U1/U2 leaves [1/``threshold``, ``threshold``]; then only
      the weaker one trains, and it does so until the opposite imbalance: the second switch starts
      joint training at once.
    * Synergy below ``drop`` times its highest value starts joint training from the present
      weights, at the first diagnosis that shows it; the peak state is not restored.
    * The rules are applied after every epoch, with the last diagnosis however old.
    * U1 exactly 1 counts as "no diagnosis yet", and nothing is decided while U2 ≤ 0.
    * The untrained state is not looked at.

    One difference: U1 = 0 divides by zero in the published code and ends the program; here the
    ratio is then infinitely in favour of the second modality.
    """

    threshold: float = 3.0
    drop: float = 0.8

    def __post_init__(self) -> None:
        if self.threshold <= 1:
            raise ValueError(
                f"threshold is {self.threshold}, expected a ratio of uniquenesses above 1"
            )
        if not 0 < self.drop <= 1:
            raise ValueError(f"drop is {self.drop}, expected a share of the peak in (0, 1]")

    def init(self, modalities: Sequence[str]) -> tuple[ControllerState, Decision]:
        """Begin with both modalities alone.

        Raises:
            ValueError: more or fewer than two modalities.
        """
        if len(modalities) != 2:
            raise ValueError(
                f"controller=pid_published takes exactly two modalities, got {list(modalities)}; "
                "use controller=pid, which takes any number"
            )
        state = {
            "modalities": list(modalities), "solo": None, "best_synergy": -1.0, "switches": 0,
            "diagnosed": False,
        }  # fmt: skip
        return state, Decision(unimodal(modalities), "both modalities alone")

    def step(
        self, state: ControllerState, observation: Observation
    ) -> tuple[ControllerState, Decision]:
        """Apply the published rules to the last diagnosis."""
        both = state["modalities"]
        # The diagnosis of the untrained state stays the last one until the first in training.
        state = {
            **state,
            "diagnosed": state["diagnosed"] or (observation.fresh and observation.epoch >= 0),
        }
        if (
            not state["diagnosed"]
            or observation.diagnosis is None
            or observation.diagnosis.synergy is None
        ):
            return state, Decision(self._stage(state), "no diagnosis yet")
        first, second = (observation.diagnosis.unique[m].value for m in both)
        if first == 1.0 or second <= 0:
            return state, Decision(
                self._stage(state), f"published rule: no action at uniquenesses {first}, {second}"
            )
        ratio = first / second
        inverse = second / first if first != 0 else math.inf
        synergy = observation.diagnosis.synergy.value
        state = {**state, "best_synergy": max(state["best_synergy"], synergy)}
        weaker = (
            both[1] if ratio > self.threshold else both[0] if inverse > self.threshold else None
        )
        if weaker is not None and weaker != state["solo"]:
            state = {**state, "solo": weaker, "switches": state["switches"] + 1}
        numbers = f"U1/U2 = {first:.4f}/{second:.4f} = {ratio:.3g}"
        if state["switches"] == 2:
            return state, Decision(jointly(both), f"second switch: {numbers}")
        best = state["best_synergy"]
        if best > 0 and synergy < self.drop * best:
            return state, Decision(
                jointly(both), f"synergy {synergy:.4f} bit is below {self.drop:g} × {best:.4f}"
            )
        return state, Decision(self._stage(state), numbers)

    @staticmethod
    def _stage(state: ControllerState) -> Stage:
        return unimodal([state["solo"]] if state["solo"] else state["modalities"])
