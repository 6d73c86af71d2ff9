"""How long a run will still take, from how long its last epochs and diagnoses took."""

from collections import defaultdict, deque
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from fusion_sched.report.records import (
    DecisionRecord,
    EpochRecord,
    Event,
    ProbeRecord,
    Record,
)
from fusion_sched.report.view import RunView

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
    def of(cls, start: Event) -> "Plan":
        """The plan that a start event holds.

        A probe of one's own may have no such knob, and is taken to diagnose after every epoch.
        """
        config = start["config"]
        probe = {"every": 1, "joint_every": 1, **config["probe"]}
        return cls(
            config["stage1"]["epochs"], config["stage2"]["epochs"], config["equal_budget"],
            probe["every"], probe["joint_every"],
        )  # fmt: skip

    def total(self, joint_from: int | None) -> int:
        """The epochs over both stages: at most, while the joint stage has not begun."""
        used = self.stage1 if joint_from is None or self.equal_budget else joint_from
        return used + self.stage2


class Remaining(NamedTuple):
    """Seconds that a run will still take.

    `assumed`: no joint epoch or diagnosis has been timed, so those of the first stage stand in.
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
        self._before = 0.0  # the start event's
        self._trained = 0
        self._diagnosed = 0
        self._costs: dict[tuple[str, str], deque[float]] = defaultdict(
            lambda: deque(maxlen=REMEMBERED)
        )

    @classmethod
    def of(cls, view: RunView) -> "Pace":
        pace = cls()
        for record in view.records:
            pace.note(record)
        return pace

    def note(self, record: Record) -> None:
        cost = None
        if record.time is not None and record.time >= self._before:
            cost = record.time - self._before
        self._before = self._before if record.time is None else record.time
        match record:
            case EpochRecord():
                self._trained = record.number
                self._diagnosed = min(self._diagnosed, record.epoch)  # its own is still to come
                if not record.stage.joint:
                    self.joint_from = None
                kind = "epoch"
            case ProbeRecord():
                self._diagnosed = record.number
                kind = "probe"
            case DecisionRecord():
                self.joint_from = record.number if record.stage.joint else None
                return
            case _:
                return
        if cost is not None and record.stage is not None:
            self._costs[record.stage.name, kind].append(cost)

    def left(self, plan: Plan) -> Remaining | None:
        """What is left, `None` while that is not known."""
        end = plan.total(self.joint_from)
        joint_from = plan.stage1 if self.joint_from is None else self.joint_from
        # A stage that is over has nothing left; diagnoses may be one epoch behind.
        parts = [
            ("unimodal", "epoch", multiples_between(self._trained, joint_from, 1)),
            ("unimodal", "probe", multiples_between(self._diagnosed, joint_from, plan.every)),
            ("joint", "epoch", multiples_between(max(self._trained, joint_from), end, 1)),
            (
                "joint",
                "probe",
                multiples_between(max(self._diagnosed, joint_from), end, plan.joint_every),
            ),
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


def multiples_between(first: int, end: int, every: int) -> int:
    """How many of the epochs from `first` to before `end` are an `every`-th one."""
    return max(0, end // every - first // every)


def rough_duration(seconds: float) -> str:
    """A length of time in words, to about two digits."""
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
    """A length of time as hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
