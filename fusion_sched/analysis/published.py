"""Published numbers, and why each may or may not stand beside ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import yaml

from fusion_sched.analysis.choices import TARGET, choices_of
from fusion_sched.analysis.rows import short_value
from fusion_sched.runlog import inside

REGISTRY = "published.yaml"
SELECTIONS = ("validation", "test", "unknown")
OWN_LIST = "official"
"""The split of a dataset that has one list for everybody."""


@dataclass(frozen=True)
class PublishedResult:
    """What one source reports on one dataset, under one protocol.

    `values`: method → percent, or percent and deviation. `dataset` is a choice of `dataset=`,
    `encoder` the name of a class here; `split` is a value of `dataset.split`, or what else it was;
    `None` stands for what the source does not say. `remarks` are further reasons not to compare.
    """

    dataset: str
    source: str
    year: int | None
    evidence: str
    selection: str
    split: str | None
    seeds: int | None
    encoder: str | None
    initial: str | None
    values: Mapping[str, float | list[float]]
    metric: str = "accuracy"
    first_hand: bool = True
    test_samples: int | None = None
    remarks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.selection not in SELECTIONS:
            raise ValueError(
                f"{self.source}: selection is {self.selection!r}, expected one of {SELECTIONS}"
            )

    @property
    def citation(self) -> str:
        """The source, its year and how its numbers were read."""
        year = "year unknown" if self.year is None else self.year
        return f"{self.source} ({year}; {self.evidence})"

    @property
    def shown_values(self) -> dict[str, str]:
        """Method → percent, with its deviation where there is one."""
        return {
            method: " ± ".join(map(str, value)) if isinstance(value, list) else str(value)
            for method, value in self.values.items()
        }


@dataclass(frozen=True)
class JudgedResult:
    """A source, and the reasons why its numbers cannot stand beside a table's, if any."""

    published: PublishedResult
    reasons: tuple[str, ...]

    @property
    def comparable(self) -> bool:
        return not self.reasons


def load_registry() -> list[PublishedResult]:
    """Return every entry of the registry that travels in the package."""
    text = resources.files(__package__).joinpath(REGISTRY).read_text(encoding="utf-8")
    return [PublishedResult(**entry) for entry in yaml.safe_load(text)]


def published_for(start: Mapping[str, Any]) -> list[JudgedResult]:
    """Return the sources on the dataset of our runs, in any setting, judged against ours."""
    ours = start["config"]["dataset"][TARGET]
    return [
        JudgedResult(entry, tuple(reasons_against(entry, start)))
        for entry in load_registry()
        if choices_of("dataset")[entry.dataset][TARGET] == ours
    ]


def reasons_against(entry: PublishedResult, start: Mapping[str, Any]) -> list[str]:
    """Return why an entry is not comparable with runs that begin with this start event."""
    split = str(start["config"]["dataset"].get("split", OWN_LIST))
    tested = start["split_sizes"]["test"]
    checks = [
        (
            inside(start, "facts", "cross_validation") is not None,
            "ours are folds of all samples, not a published split",
        ),
        (entry.selection == "test", "epoch selected on test"),
        (entry.selection == "unknown", "how the epoch was selected is unknown"),
        (entry.split is None, "split not stated"),
        (entry.split not in (None, split), f"other split ({entry.split}, ours: {split})"),
        (entry.seeds is None, "number of seeds not stated"),
        (entry.seeds == 1, "single run"),
        (
            entry.test_samples not in (None, tested),
            f"tested on {entry.test_samples or 0:,} samples, ours on {tested:,}",
        ),
    ]
    reasons = [reason for applies, reason in checks if applies]
    reasons += [*_reasons_of_encoder(entry, start["config"]["encoder"]), *entry.remarks]
    if not entry.first_hand:
        reasons.append(f"{entry.evidence}, not checked in the paper")
    return reasons


def _reasons_of_encoder(entry: PublishedResult, encoder: Mapping[str, Any]) -> list[str]:
    """Return how its encoders, or the weights they start from, differ from ours."""
    if entry.encoder is None:
        return ["encoder not stated"]
    nodes = [encoder] if "_target_" in encoder else list(encoder.values())
    ours = list(dict.fromkeys(short_value(node["_target_"]) for node in nodes))
    if ours != [entry.encoder]:
        return [f"other encoder ({entry.encoder}, ours: {' and '.join(ours)})"]
    if entry.initial is None:
        return ["initial weights not stated"]
    return [] if entry.initial == "scratch" else [f"starts from {entry.initial}"]
