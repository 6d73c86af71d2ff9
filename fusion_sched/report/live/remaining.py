"""How long a run will still take, from how long its last epochs and diagnoses took."""

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

REMEMBERED = 5
"""How many epochs, and how many diagnoses, of each stage count."""


@dataclass(frozen=True)
class Plan:
    """Epochs of both stages and after how many of them each diagnosis comes, as configured."""

    stage1: int
    stage2: int
    equal_budget: bool
    every: int
    joint_every: int

    @classmethod
    def of(cls, start: Mapping[str, Any]) -> "Plan":
        """Return the plan that a start event holds.

        A probe of one's own may have no such knob, and is taken to diagnose after every epoch.
        """
        config = start["config"]
        probe = {"every": 1, "joint_every": 1, **config["probe"]}
        return cls(
            config["stage1"]["epochs"], config["stage2"]["epochs"], config["equal_budget"],
            probe["every"], probe["joint_every"],
        )  # fmt: skip

    def total(self, joint_from: int | None) -> int:
        """Return the epochs over both stages: at most, while the joint stage has not begun."""
        used = self.stage1 if joint_from is None or self.equal_budget else joint_from
        return used + self.stage2


class Remaining(NamedTuple):
    """Seconds that a run will still take.

    ``assumed``: no joint epoch or diagnosis has been timed, so those of the first stage stand in.
    """

    seconds: float
    assumed: bool


class Pace:
    """What epochs and diagnoses of each stage have taken, from the times of a run's events.

    An epoch's cost is the time from the event before it to its own, a diagnosis's likewise: so
    evaluation, checkpoints and decisions are all in one of them. Of each stage the median of the
    last few counts. Where the time goes back, because a resumed run repeats what came after its
    last checkpoint, the difference says nothing and is left out.
    """

    def __init__(self) -> None:
        self.joint_from: int | None = None
        self._before: float | None = None
        self._trained = 0
        self._diagnosed = 0
        self._costs: dict[tuple[str, str], deque[float]] = defaultdict(
            lambda: deque(maxlen=REMEMBERED)
        )

    def note(self, event: Mapping[str, Any]) -> None:
        """Take in the next event of the run."""
        kind, cost = event["event"], None
        if self._before is not None and event["time"] >= self._before:
            cost = event["time"] - self._before
        self._before = event["time"]
        if kind == "epoch":
            self._trained = event["epoch"] + 1
            self._diagnosed = min(self._diagnosed, event["epoch"])  # this one's is still to come
            if event["stage"] == "unimodal":
                self.joint_from = None
        elif kind == "probe":
            self._diagnosed = event["epoch"] + 1
        elif kind == "decision":
            joint = event["to"]["stage"] == "joint"
            self.joint_from = event["epoch"] + 1 if joint else None
        if kind in ("epoch", "probe") and cost is not None:
            self._costs[event["stage"], kind].append(cost)

    def left(self, plan: Plan) -> Remaining | None:
        """Return what is left, ``None`` while that is not known."""
        end = plan.total(self.joint_from)
        joint_from = plan.stage1 if self.joint_from is None else self.joint_from
        # A stage that is over has nothing left; diagnoses may be one epoch behind.
        parts = [
            ("unimodal", "epoch", count(self._trained, joint_from, 1)),
            ("unimodal", "probe", count(self._diagnosed, joint_from, plan.every)),
            ("joint", "epoch", count(max(self._trained, joint_from), end, 1)),
            ("joint", "probe", count(max(self._diagnosed, joint_from), end, plan.joint_every)),
        ]
        seconds, assumed = 0.0, False
        for stage, kind, times in parts:
            if times == 0:
                continue
            timed = stage if self._costs[stage, kind] else "unimodal"
            if not self._costs[timed, kind]:
                return None
            assumed = assumed or timed != stage
            seconds += times * median(self._costs[timed, kind])
        return Remaining(seconds, assumed)


def count(first: int, end: int, every: int) -> int:
    """Return how many of the epochs from ``first`` to before ``end`` are an ``every``-th one."""
    return max(0, end // every - first // every)


def duration(seconds: float) -> str:
    """Return a length of time in words, to about two digits."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24} d {hours % 24} h"


def clock(seconds: float) -> str:
    """Return a length of time as hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
