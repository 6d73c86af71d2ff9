"""The nouns of datasets on disk: clips, what is wrong with them, and how a modality is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from fusion_sched.data.clips.imitation import SampleSpec
from fusion_sched.data.clips.source import Source
from fusion_sched.types import Splits


@dataclass(frozen=True)
class Clip:
    """One sample as it lies on disk.

    ``id`` is unique in its dataset; ``files`` maps a modality to a file or to a folder of frames;
    ``text`` holds what a list gives in words; ``group`` names whom two splits should not share (an
    actor, a video); ``start`` and ``seconds`` cut the clip out of its files (seconds; ``None``: to
    the end).
    """

    id: str
    label: int
    split: str
    files: Mapping[str, Path]
    text: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    start: float = 0.0
    seconds: float | None = None


@dataclass(frozen=True)
class Issue:
    """Something wrong with a clip or with a row of a list.

    ``kind`` is a short name that faults of one sort share ("missing", "git-lfs pointer",
    "unreadable", "no frames", "silent", "stereo", "unknown label", …); ``message`` names the file,
    what came and what was expected. A fatal fault keeps the clip from being trained on; the others
    are worth knowing.
    """

    kind: str
    clip: str
    modality: str
    message: str
    fatal: bool = True


class ReadError(ValueError):
    """A file that cannot be used; ``kind`` is the kind of the fault it becomes."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Listing:
    """What a dataset's lists and folders say: clips with their splits, class names in the order of
    their ids, what ``group`` stands for, and what could not become a clip.
    """

    clips: Sequence[Clip]
    classes: Sequence[str]
    group: str = ""
    faults: Sequence[Issue] = ()


@dataclass(frozen=True)
class Report:
    """What ``fusion-sched data check`` found.

    ``counts``: split → class → number of clips; ``expected``: split → known number of clips, empty
    where none is known; ``recognised``: name of the split whose clip ids these are, or empty.
    """

    counts: Mapping[str, Mapping[str, int]]
    faults: Sequence[Issue]
    expected: Mapping[str, int] = field(default_factory=dict)
    recognised: str = ""


class Views(NamedTuple):
    """One random crop and flip per sample, shared by every picture of the sample.

    ``top``, ``left``, ``height``, ``width``: shares of the picture, each ``(B,)``; ``flip``: bool
    ``(B,)``.
    """

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor
    flip: Tensor


class Modality(Protocol):
    """How one modality of a clip is read once, stored, and made a network's input each time.

    A frozen dataclass: its fields are the settings, and its ``repr`` is part of a store's
    fingerprint.
    """

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """Return the shape of one stored value."""

    @property
    def dtype(self) -> str:
        """Return the numpy dtype of stored values."""

    @property
    def jpeg(self) -> bool:
        """Say whether stored values are pictures ``(frames, H, W, 3)``, uint8, kept as JPEG."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of one network input, after ``finish``."""

    def read(self, clip: Clip) -> np.ndarray:
        """Return one stored value; raise ``ReadError`` where a file cannot be used."""

    def remarks(self, clip: Clip) -> list[Issue]:
        """Return what is odd, though readable, about the clip's files (not fatal)."""

    def finish(self, values: Tensor) -> Tensor:
        """Turn stored values ``(B, *stored_shape)`` into inputs, on whatever device they are."""

    def augment(self, values: Tensor, views: Views) -> Tensor:
        """Turn inputs ``(B, *shape)`` into randomly changed ones; only in training."""


@runtime_checkable
class OnDisk(Protocol):
    """A dataset that lies on disk under ``root``: what ``fusion-sched data`` works with."""

    source: ClassVar[Source]

    @property
    def root(self) -> str:
        """Return the folder it lies in."""

    def load(self) -> Splits:
        """Return the splits."""

    def check(self) -> Report:
        """Read every file and report what is wrong or odd."""

    @staticmethod
    def write_sample(out: Path, plan: SampleSpec) -> None:
        """Write a small imitation in the dataset's layout; ``out`` exists and is empty."""


@runtime_checkable
class ClipDataset(OnDisk, Protocol):
    """A dataset of one or more files per clip, decoded once into a store.

    ``store`` is the folder of prepared data (``None``: ``.fusion_sched`` under ``root``);
    ``on_error`` is ``"raise"`` or ``"skip"``.
    """

    @property
    def store(self) -> str | None:
        """Return the folder of prepared data."""

    @property
    def on_error(self) -> str:
        """Return what to do with damaged clips."""

    def listing(self) -> Listing:
        """Read lists and folders, no media; raise ``FileNotFoundError`` where they are not."""

    def modalities(self, listing: Listing) -> dict[str, Modality]:
        """Return how each modality is read, in the network's order."""
