"""A bandit over modalities: train what has lately gained most held-out information per epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Any

from fusion_sched.controllers import check_generalising, jointly, unimodal
from fusion_sched.types import ControllerState, Decision, Observation, Stage

Arm = tuple[str, ...]
"""The modalities that train, each alone."""
Round = Mapping[str, Any]
"""`arm`: a list of modalities; `bits_per_epoch`: the reward of training them."""


@dataclass(frozen=True)
class Bandit:
    """Chooses by discounted upper confidence bounds what trains from one diagnosis to the next.

    Summaries of arXiv 2509.20840 name reinforcement learning as future work, without a rule; this
    controller is ours. Its arms are all modalities apart, each modality alone, and jointly.

    * Reward: the change of the generalising joint information I(X_1, …, X_M; Y) between two
      diagnoses, over the cost: epochs times modalities that trained. An epoch has the same samples
      for every modality, so the cost counts samples, not seconds, and a resumed run decides the
      same; a slow and a fast encoder cost alike.
    * Each arm is tried once. Then the arm of the highest bound trains (discounted UCB: Garivier and
      Moulines, ALT 2011). A reward that is s rounds old weighs `discount` to the power s, as gains
      fade in training. With N_i the weights of an arm's rewards and n those of all, the bound is
      their mean + `exploration` H(Y) sqrt(ln n / N_i). No random number is drawn.
    * Jointly ends stage 1 and is never left, so that its reward cannot be tried: its reward is
      taken to be `joint_rate` H(Y). It is chosen once the discounted mean of no other arm
      is above that, and after the last epoch of stage 1 in any case.
    """

    discount: float = 0.8
    exploration: float = 0.01
    joint_rate: float = 0.005

    def __post_init__(self) -> None:
        if not 0 < self.discount <= 1 or self.exploration < 0 or not 0 <= self.joint_rate <= 1:
            raise ValueError(
                f"discount={self.discount}, exploration={self.exploration}, joint_rate="
                f"{self.joint_rate}: expected a discount above 0 and at most 1, and shares of "
                "H(Y), of 0 or more, of which joint_rate is at most 1"
            )

    def check_source(self, source: str) -> None:
        """Raise where a probe of this source tells nothing of samples that are not trained on."""
        check_generalising(source, "bandit")

    def init(self, modalities: Sequence[str]) -> tuple[ControllerState, Decision]:
        """Begin with every modality alone."""
        state = {"modalities": list(modalities), "active": list(modalities), "bits": None,
                 "epoch": None, "rounds": []}  # fmt: skip
        return state, Decision(unimodal(modalities), "every modality alone")

    def step(
        self, state: ControllerState, observation: Observation
    ) -> tuple[ControllerState, Decision]:
        """Note the reward of what has trained, and choose; without a new diagnosis go on."""
        reading = observation.generalising
        if not observation.fresh:
            return state, Decision(Stage(tuple(state["active"])), "no new diagnosis")
        if reading is None:
            raise ValueError(
                "controller=bandit decides by the generalising diagnosis, and there is none: the "
                "probe reads training samples alone, or validation samples are too few for it; "
                "set probe=posterior probe.source=both and validate on more samples, or take "
                "another controller"
            )
        bits, rounds = reading.joint_mi.value, state["rounds"]
        if state["bits"] is not None:
            cost = (observation.epoch - state["epoch"]) * len(state["active"])
            gain = {"arm": state["active"], "bits_per_epoch": (bits - state["bits"]) / cost}
            rounds = [*rounds, gain]
        state = {**state, "bits": bits, "epoch": observation.epoch, "rounds": rounds}
        arm, reason = self._choose(state["modalities"], rounds, reading.label_entropy)
        if not arm:
            return state, Decision(jointly(state["modalities"]), reason)
        return {**state, "active": list(arm)}, Decision(Stage(arm), reason)

    def _choose(
        self, modalities: Sequence[str], rounds: Sequence[Round], label_entropy: float
    ) -> tuple[Arm, str]:
        """Return the arm that trains next, none for jointly, and why."""
        arms = arms_of(modalities)
        tried = {tuple(r["arm"]) for r in rounds}
        for arm in arms:
            if arm not in tried:
                return arm, f"first try of {name_of(arm)}"
        means, weights = self.discounted_means(rounds)
        numbers = ", ".join(f"{name_of(a)} {means[a]:.4f}" for a in arms)
        least = self.joint_rate * label_entropy
        if max(means.values()) <= least:
            return (), f"no arm gains more than {least:.4f} bit per modality and epoch: {numbers}"
        total = log(sum(weights.values()))
        bounds = {
            a: means[a] + self.exploration * label_entropy * sqrt(total / weights[a]) for a in arms
        }
        best = max(arms, key=bounds.__getitem__)
        return best, (
            f"train {name_of(best)}, of the highest bound {bounds[best]:.4f} (mean gains in bit "
            f"per modality and epoch: {numbers})"
        )

    def discounted_means(
        self, rounds: Sequence[Round]
    ) -> tuple[dict[Arm, float], dict[Arm, float]]:
        """Return the discounted mean reward of each arm tried, and the sum of its weights."""
        sums: dict[Arm, float] = {}
        weights: dict[Arm, float] = {}
        for age, past in enumerate(reversed(rounds)):
            arm, weight = tuple(past["arm"]), self.discount**age
            sums[arm] = sums.get(arm, 0.0) + weight * past["bits_per_epoch"]
            weights[arm] = weights.get(arm, 0.0) + weight
        return {arm: sums[arm] / weights[arm] for arm in sums}, weights


def arms_of(modalities: Sequence[str]) -> list[Arm]:
    """Return all modalities apart, then each alone; one modality is one arm."""
    return list(dict.fromkeys([tuple(modalities), *((m,) for m in modalities)]))


def name_of(arm: Sequence[str]) -> str:
    return arm[0] if len(arm) == 1 else f"{' and '.join(arm)} apart"


def regrets(rounds: Sequence[Round]) -> tuple[Arm, list[float]]:
    """Return the arm of the highest mean reward in hindsight, and what each round is below it.

    The mean is over the rounds in which the arm was taken, without a discount. A negative regret is
    a round that gained more than that mean.
    """
    rewards: dict[Arm, list[float]] = {}
    for past in rounds:
        rewards.setdefault(tuple(past["arm"]), []).append(past["bits_per_epoch"])
    means = {arm: sum(values) / len(values) for arm, values in rewards.items()}
    best = max(means, key=means.__getitem__)
    return best, [means[best] - past["bits_per_epoch"] for past in rounds]
