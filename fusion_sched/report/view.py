"""A run, read once: its events as typed records, and in words what could not be read.

What an event needs is checked here and nowhere else: one that lacks it, or holds something else
than finite numbers where numbers belong, is left out and named in `RunView.problems`.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from fusion_sched.analysis.choices import component_name, dataset_name
from fusion_sched.report.records import (
    PARSERS,
    UNTRAINED,
    DecisionRecord,
    EpochRecord,
    Event,
    ProbeRecord,
    Record,
    ResultRecord,
)
from fusion_sched.runlog import Trace, inside, read_trace
from fusion_sched.types import DEPLOYABLE, FUSED, KEPT, POOL, WITH_HEADS, Stage

HAND_OVER = "at the end of stage 1"
FROM_SCRATCH = "before joint training"
NOT_SHOWN = ("start", "held_out")
"""Kinds of events without a record: what is held out stands in the reasons of decisions."""
UNKNOWN = "of kind {!r}, which this version does not know"
LACKING = "of kind {!r}, of which a field is missing"


class Moment(NamedTuple):
    """A probe that matters, and what it is called."""

    name: str
    probe: ProbeRecord


class StageSpan(NamedTuple):
    """Successive epochs without a change, counted from 1: `first` to `last`."""

    first: int
    last: int
    stage: Stage


class RunView:
    """One run, from its trace or fed event by event.

    `start`: the start event; `path`: the trace's file, and `shown` its folder as a reader may find
    it, where it was read from one; `stage`: that of the last event; `seconds`: when that was,
    since the start; `warnings`: of the probes, once each, the newest last; `records`: all of them,
    in order.
    """

    def __init__(self, start: Event, path: Path = Path(), shown: str = "") -> None:
        self.start, self.path, self.shown = start, path, shown
        self.epochs: list[EpochRecord] = []
        self.probes: list[ProbeRecord] = []
        self.decisions: list[DecisionRecord] = []
        self.result: ResultRecord | None = None
        self.stage: Stage | None = None
        self.seconds: float | None = None
        self.records: list[Record] = []
        self._kept = [dict(start)]
        self._unread: list[str] = []
        self._left_out: Counter[str] = Counter()
        self._warnings: dict[str, None] = {}
        self._latest = UNTRAINED

    @classmethod
    def of(cls, trace: Trace, shown: str = "") -> "RunView":
        view = cls(trace.start, trace.path, shown)
        view._unread = list(trace.problems)
        for event in trace.events:
            view.add(event)
        return view

    def add(self, event: Event) -> Record | None:
        """Take in the next event; return its record, `None` where it has none."""
        kind = str(event["event"])
        if kind in NOT_SHOWN:
            return None
        record = PARSERS[kind](event) if kind in PARSERS else None
        if record is None:
            self._left_out[(LACKING if kind in PARSERS else UNKNOWN).format(kind)] += 1
            return None
        self.records.append(record)
        self._kept.append(dict(event))
        self.seconds = record.time
        match record:
            case EpochRecord():
                self._forget_from(record.epoch)
                self.epochs.append(record)
            case ProbeRecord():
                self.probes.append(record)
                for warning in record.warnings:
                    self._warnings.pop(warning, None)
                    self._warnings[warning] = None
            case DecisionRecord():
                self.decisions.append(record)
            case ResultRecord():
                self.result = record
                return record
        self.stage = record.stage or self.stage
        self._latest = max(self._latest, record.epoch)
        return record

    def _forget_from(self, epoch: int) -> None:
        """A resumed run may repeat what it had traced beyond its last checkpoint."""
        if epoch > self._latest:
            return
        self._latest = epoch
        self.epochs = [e for e in self.epochs if e.epoch < epoch]
        self.probes = [p for p in self.probes if p.epoch < epoch]
        self.decisions = [d for d in self.decisions if d.epoch < epoch]

    @property
    def warnings(self) -> list[str]:
        """Of the diagnoses, each once, in the order of their last occurrence."""
        return list(self._warnings)

    @property
    def trace(self) -> Trace:
        """The start event and the events that have a record."""
        return Trace(self.path, self._kept, self.problems)

    @property
    def problems(self) -> list[str]:
        """What could not be read, in words."""
        return self._unread + [
            f"{self.path}: {count} event{'s' * (count > 1)} left out, {kind}"
            for kind, count in self._left_out.items()
        ]

    @property
    def config(self) -> Event:
        config: Event = self.start["config"]
        return config

    @property
    def seed(self) -> int:
        return int(self.start["seed"])

    @property
    def modalities(self) -> list[str]:
        return list(self.start["modalities"])

    @property
    def heads(self) -> list[str]:
        return [*self.modalities, FUSED]

    @property
    def classes(self) -> list[str]:
        return [str(name) for name in self.start["classes"]]

    @property
    def controller(self) -> str:
        """The choice of the controller, or the class of one's own."""
        return component_name("controller", self.config)

    @property
    def method(self) -> str:
        """The method's tag, or else the controller as typed."""
        return str(self.config.get("method") or self.controller)

    @property
    def dataset(self) -> str:
        """The dataset as typed, with the folder or file of one's own."""
        return dataset_name(self.config)

    @property
    def most_epochs(self) -> int | None:
        """The number of epochs over both stages, at most."""
        counts = [inside(self.config, stage, "epochs") for stage in ("stage1", "stage2")]
        return sum(counts) if all(isinstance(count, int) for count in counts) else None

    @property
    def split_sizes(self) -> Mapping[str, Any]:
        sizes = self.start.get("split_sizes")
        return sizes if isinstance(sizes, Mapping) else {}

    @property
    def probe_source(self) -> str | None:
        """The samples of the main diagnosis; with two readings those of train."""
        source = inside(self.config, "probe", "source")
        return {"both": "train"}.get(source, source) if isinstance(source, str) else None

    @property
    def cautions(self) -> list[str]:
        """Warnings of the self-checks of the main moment, which a reader must know first."""
        return self.main_moment.probe.cautions if self.probes else []

    @property
    def trained(self) -> int:
        """Number of epochs that are done."""
        return self.epochs[-1].number if self.epochs else 0

    @property
    def paused(self) -> list[str]:
        return [m for m in self.modalities if self.stage and m not in self.stage.active]

    @property
    def last_epoch_seen(self) -> int:
        """The last epoch of which there is a record, as readers count."""
        return max((r.number for r in (*self.epochs, *self.probes)), default=0)

    @property
    def spans(self) -> list[StageSpan]:
        groups = [list(g) for _, g in groupby(self.epochs, key=lambda e: e.stage)]
        return [StageSpan(g[0].number, g[-1].number, g[0].stage) for g in groups]

    @property
    def to_joint(self) -> DecisionRecord | None:
        """The first decision for joint training."""
        return next((d for d in self.decisions if d.stage.joint), None)

    @property
    def hand_over(self) -> DecisionRecord | None:
        """The decision that began joint training after a unimodal stage."""
        change = self.to_joint
        return None if change is None or change.before is None else change

    @property
    def main_decision(self) -> int | None:
        """The number, from 1, of the decision that began joint training, or of the last one."""
        if self.hand_over is not None:
            return self.decisions.index(self.hand_over) + 1
        return len(self.decisions) or None

    @property
    def deployed(self) -> str | None:
        """What the controller chose to deploy, in words; `None` where it chose nothing."""
        last = self.decisions[-1] if self.decisions else None
        if last is None or not last.fused or self.result is None:
            return None
        if not last.stage.active:
            names = " and ".join(last.fused)
            return f"the head of {names}" if len(last.fused) == 1 else f"the ensemble of {names}"
        if last.before is None or not last.before.joint:
            return None
        of_heads = KEPT if last.restored else WITH_HEADS
        return DEPLOYABLE[POOL if last.pooled else of_heads if last.ensemble else FUSED]

    @property
    def hand_over_epoch(self) -> int | None:
        """The epoch whose weights joint training began from; `None` before it has begun.

        That is the remembered one where the controller went back to it.
        """
        change = self.to_joint
        if change is None:
            return None
        return change.epoch if change.restored_epoch is None else change.restored_epoch

    @property
    def hand_over_words(self) -> str:
        """What the moment of `hand_over_epoch` is called."""
        return FROM_SCRATCH if self.hand_over is None else HAND_OVER

    @property
    def hand_over_probe(self) -> ProbeRecord | None:
        """The last probe at or before `hand_over_epoch`."""
        epoch = self.hand_over_epoch
        before = [p for p in self.probes if epoch is not None and p.epoch <= epoch]
        return before[-1] if before else None

    @property
    def restoring(self) -> DecisionRecord | None:
        """The last decision that brought remembered weights back."""
        return next((d for d in reversed(self.decisions) if d.restored), None)

    @property
    def moments(self) -> list[Moment]:
        """The probes of the untrained state, the hand-over and the last one, each once."""
        if not self.probes:
            return []
        named = [("untrained", self.probes[0])] if self.probes[0].epoch == UNTRAINED else []
        if self.hand_over_probe is not None:
            named.append((self.hand_over_words, self.hand_over_probe))
        named.append(("last", self.probes[-1]))
        names: dict[int, list[str]] = {}
        for name, probe in named:
            names.setdefault(probe.epoch, []).append(name)
        probes = {probe.epoch: probe for _, probe in named}
        return [
            Moment(
                " and ".join(names[epoch])
                + ("" if epoch == UNTRAINED else f" ({epoch_words(epoch)})"),
                probe,
            )
            for epoch, probe in probes.items()
        ]

    @property
    def main_moment(self) -> Moment:
        """The moment of the hand-over, or else the last one."""
        return next((m for m in self.moments if self.hand_over_words in m.name), self.moments[-1])


def epoch_words(epoch: int) -> str:
    """An epoch as readers count it, from 1."""
    return "untrained" if epoch == UNTRAINED else f"epoch {epoch + 1}"


def read_run(folder: Path, shown: str = "") -> RunView:
    """Read a run's trace.

    Raises:
        FileNotFoundError: the folder holds no trace.
        ValueError: no line of it is a start event.
    """
    return RunView.of(read_trace(folder), shown)
