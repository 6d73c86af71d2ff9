"""A trace as the page tells it: events that are whole, and in words what is not."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from fusion_sched.runlog import Trace, hand_over_epoch, hand_over_probe, inside, read_trace
from fusion_sched.types import FUSED

Event = Mapping[str, Any]
UNTRAINED = -1
"""The epoch of what is seen and decided before the first one."""
STAGES = ("unimodal", "joint")
HAND_OVER = "at the hand-over"
LACKING = "of kind {!r}, of which a field is missing"
UNKNOWN = "of kind {!r}, which this version does not know"


class Estimate(NamedTuple):
    """One number of a probe, its 95 % interval and its level under shuffled labels."""

    value: float
    low: float | None
    high: float | None
    null: float | None


class Moment(NamedTuple):
    """A probe that matters, and what it is called."""

    name: str
    probe: Event


@dataclass(frozen=True)
class Story:
    """One run: its whole events, and its folder as a reader may find it."""

    trace: Trace
    shown: str

    @cached_property
    def epochs(self) -> list[dict[str, Any]]:
        """Return the events of epochs."""
        return self.trace.of("epoch")

    @cached_property
    def probes(self) -> list[dict[str, Any]]:
        """Return the diagnoses."""
        return self.trace.of("probe")

    @cached_property
    def decisions(self) -> list[dict[str, Any]]:
        """Return the decisions of the controller."""
        return self.trace.of("decision")

    @cached_property
    def result(self) -> dict[str, Any] | None:
        """Return the result, ``None`` while the run has not ended."""
        return self.trace.result

    @property
    def problems(self) -> list[str]:
        """Return what could not be read, in words."""
        return self.trace.problems

    @property
    def start(self) -> Event:
        """Return the start event."""
        return self.trace.start

    @property
    def config(self) -> Event:
        """Return the configuration."""
        config: Event = self.start["config"]
        return config

    @property
    def modalities(self) -> list[str]:
        """Return the names of the modalities."""
        return list(self.start["modalities"])

    @property
    def heads(self) -> list[str]:
        """Return the modalities and ``fused``."""
        return [*self.modalities, FUSED]

    @property
    def classes(self) -> list[str]:
        """Return the names of the classes."""
        return [str(name) for name in self.start["classes"]]

    @property
    def method(self) -> str:
        """Return the method's tag, or else the class of the controller."""
        target = str(inside(self.config, "controller", "_target_") or "unknown controller")
        return str(self.config.get("method") or target.rsplit(".", 1)[-1])

    @property
    def dataset(self) -> str:
        """Return the class of the dataset."""
        target = str(inside(self.config, "dataset", "_target_") or "unknown dataset")
        return target.rsplit(".", 1)[-1]

    @property
    def longest(self) -> int | None:
        """Return the number of epochs over both stages, at most."""
        counts = [inside(self.config, stage, "epochs") for stage in ("stage1", "stage2")]
        return sum(counts) if all(isinstance(count, int) for count in counts) else None

    @property
    def test_samples(self) -> int | None:
        """Return the number of samples in the test split."""
        count = inside(self.start, "split_sizes", "test")
        return count if isinstance(count, int) else None

    @cached_property
    def hand_over(self) -> Event | None:
        """Return the decision that began joint training after a unimodal stage."""
        joint = [d for d in self.decisions if d["to"]["stage"] == "joint"]
        return joint[0] if joint and "from" in joint[0] else None

    @property
    def handed_over_epoch(self) -> int | None:
        """Return after which epoch's weights joint training began."""
        return hand_over_epoch(self.trace)

    @cached_property
    def moments(self) -> list[Moment]:
        """Return the probes of the untrained state, the hand-over and the last one, each once."""
        if not self.probes:
            return []
        first, last = self.probes[0], self.probes[-1]
        named = [("untrained", first)] if first["epoch"] == UNTRAINED else []
        handed = hand_over_probe(self.trace)
        if handed is not None:
            named.append((HAND_OVER, handed))
        named.append(("last", last))
        names: dict[int, list[str]] = {}
        for name, probe in named:
            names.setdefault(probe["epoch"], []).append(name)
        probes = {probe["epoch"]: probe for _, probe in named}
        return [
            Moment(f"{' and '.join(names[at])} ({told_epoch(at)})", probes[at])
            if at != UNTRAINED
            else Moment(" and ".join(names[at]), probes[at])
            for at in names
        ]

    @property
    def main_moment(self) -> Moment:
        """Return the moment of the hand-over, or else the last one."""
        handed = [m for m in self.moments if HAND_OVER in m.name]
        return handed[0] if handed else self.moments[-1]


def told_epoch(epoch: int) -> str:
    """Return an epoch as readers count it, from 1."""
    return "untrained" if epoch == UNTRAINED else f"epoch {epoch + 1}"


def tell(folder: Path, shown: str) -> Story:
    """Read a run's trace; events that lack what their kind needs are left out and named.

    Raises:
        FileNotFoundError: the folder holds no trace.
        ValueError: no line of it is a start event.
    """
    return Story(whole(read_trace(folder)), shown)


def whole(trace: Trace) -> Trace:
    """Return the trace without the events that lack what their kind needs; its problems say so."""
    kept: list[dict[str, Any]] = []
    broken: Counter[str] = Counter()
    for event in trace.events:
        kind = str(event["event"])
        if kind == "start" or (kind in WHOLE and WHOLE[kind](event)):
            kept.append(event)
        else:
            why = LACKING if kind in WHOLE else UNKNOWN
            broken[why.format(kind)] += 1
    problems = [
        f"{trace.path}: {count} event{'s' * (count > 1)} left out, {kind}"
        for kind, count in broken.items()
    ]
    return Trace(trace.path, kept, trace.problems + problems)


def number(record: Any, *keys: str) -> float | None:
    """Return the finite number under these keys, ``None`` where there is none."""
    value = inside(record, *keys)
    if isinstance(value, Mapping):  # an estimate
        value = value.get("value")
    return value if is_number(value) else None


def numbers(record: Any, *keys: str) -> dict[str, float]:
    """Return the numbers by name under these keys; what is none is left out."""
    found = inside(record, *keys)
    names = found if isinstance(found, Mapping) else ()
    return {name: value for name in names if (value := number(found, name)) is not None}


def shared_name(name: str, modalities: int) -> str:
    """Return what redundancy or synergy is called: of more than two modalities it is a mean."""
    return f"{name} (mean)" if modalities > 2 else name


def is_number(value: Any) -> bool:
    """Say whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def estimate(probe: Event, *keys: str) -> Estimate | None:
    """Return one number of a probe with what belongs to it."""
    value = number(probe, *keys)
    if value is None:
        return None
    low, high, null = (number(probe, *keys, part) for part in ("low", "high", "null"))
    if low is None or high is None:
        low = high = None
    return Estimate(value, low, high, null)


def _whole_epoch(event: Event) -> bool:
    return (
        _in_stage(event)
        and isinstance(event.get("loss"), dict)
        and isinstance(inside(event, "accuracy", "validation"), dict)
    )


def _in_stage(event: Event) -> bool:
    return isinstance(event.get("epoch"), int) and _is_stage(event)


def _whole_probe(event: Event) -> bool:
    return isinstance(event.get("epoch"), int) and isinstance(event.get("mi_bits"), dict)


def _whole_decision(event: Event) -> bool:
    return (
        isinstance(event.get("epoch"), int)
        and _is_stage(event.get("to"))
        and ("from" not in event or _is_stage(event["from"]))
        and isinstance(event.get("reason"), str)
    )


def _is_stage(value: Any) -> bool:
    return inside(value, "stage") in STAGES and isinstance(inside(value, "active"), list)


def _whole_result(event: Event) -> bool:
    return (
        number(event, "test", FUSED, "accuracy") is not None
        and isinstance(event.get("selected_epoch"), int)
        and number(event, "validation", FUSED) is not None
    )


WHOLE: dict[str, Callable[[Event], bool]] = {
    "epoch": _whole_epoch,
    "probe": _whole_probe,
    "decision": _whole_decision,
    "result": _whole_result,
}
"""Kinds of events that the page reads, and whether one has what the page needs of it."""
