"""Published numbers, and why each may or may not stand beside ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import yaml

from fusion_sched.analysis.naming import short_value

REGISTRY = "published.yaml"
SELECTIONS = ("validation", "test", "unknown")
OWN_LIST = "official"
"""The split of a dataset that has one list for everybody."""


@dataclass(frozen=True)
class Published:
    """What one source reports on one dataset, under one protocol.

    ``values``: method → percent, or percent and deviation. ``dataset`` and ``encoder`` are names
    of classes here; ``split`` is a value of ``dataset.split``, or what else it was; ``None``
    stands for what the source does not say. ``remarks`` are further reasons not to compare.
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


@dataclass(frozen=True)
class Judged:
    """A source, and the reasons why its numbers cannot stand beside a table's, if any."""

    published: Published
    reasons: tuple[str, ...]

    @property
    def comparable(self) -> bool:
        """Say whether the numbers may stand beside the table's."""
        return not self.reasons


def load_registry() -> list[Published]:
    """Return every entry of the registry that travels in the package."""
    text = resources.files(__package__).joinpath(REGISTRY).read_text(encoding="utf-8")
    return [Published(**entry) for entry in yaml.safe_load(text)]


def published_for(dataset: str, start: Mapping[str, Any]) -> list[Judged]:
    """Return the sources on a dataset, judged against the setting of our runs."""
    return [
        Judged(entry, tuple(reasons_against(entry, start)))
        for entry in load_registry()
        if entry.dataset == dataset
    ]


def reasons_against(entry: Published, start: Mapping[str, Any]) -> list[str]:
    """Return why an entry is not comparable with runs that begin with this start event."""
    found = [reason_of_selection(entry), reason_of_split(entry, start), reason_of_seeds(entry)]
    found += [reason_of_samples(entry, start), reason_of_encoder(entry, start), *entry.remarks]
    if not entry.first_hand:
        found.append(f"{entry.evidence}, not checked in the paper")
    return [reason for reason in found if reason is not None]


def reason_of_selection(entry: Published) -> str | None:
    """Return what speaks against how its epoch was selected."""
    reasons = {"test": "epoch selected on test", "unknown": "how the epoch was selected is unknown"}
    return reasons.get(entry.selection)


def reason_of_split(entry: Published, start: Mapping[str, Any]) -> str | None:
    """Return how its split differs from ours."""
    ours = str(start["config"]["dataset"].get("split", OWN_LIST))
    if entry.split is None:
        return "split not stated"
    if entry.split != ours:
        return f"other split ({entry.split}, ours: {ours})"
    return None


def reason_of_samples(entry: Published, start: Mapping[str, Any]) -> str | None:
    """Return how its denominator differs from ours, where it is known."""
    tested = start["split_sizes"]["test"]
    if entry.test_samples in (None, tested):
        return None
    return f"tested on {entry.test_samples:,} samples, ours on {tested:,}"


def reason_of_seeds(entry: Published) -> str | None:
    """Return what is wanting in its number of runs."""
    if entry.seeds is None:
        return "number of seeds not stated"
    return "single run" if entry.seeds == 1 else None


def reason_of_encoder(entry: Published, start: Mapping[str, Any]) -> str | None:
    """Return how its encoders, or the weights they start from, differ from ours."""
    if entry.encoder is None:
        return "encoder not stated"
    encoder = start["config"]["encoder"]
    nodes = [encoder] if "_target_" in encoder else list(encoder.values())
    ours = list(dict.fromkeys(short_value(node["_target_"]) for node in nodes))
    if entry.encoder not in ours or len(ours) > 1:
        return f"other encoder ({entry.encoder}, ours: {' and '.join(ours)})"
    if entry.initial is None:
        return "initial weights not stated"
    return None if entry.initial == "scratch" else f"starts from {entry.initial}"
