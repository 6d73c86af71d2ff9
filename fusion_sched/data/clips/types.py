"""What datasets on disk are made of: clips, issues with them, and how a modality is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from fusion_sched.data.clips.source import Source
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.types import Splits


@dataclass(frozen=True)
class Clip:
    """One sample on disk.

    Parameters
    ----------
    id : unique in its dataset
    label : id of its class
    split : `"train"`, `"validation"` or `"test"`
    files : modality → a file, or a folder of frames
    text : modality → what a list gives in words
    numbers : modality → what a list gives in numbers
    group : whom two splits should not share, such as an actor or a video
    start, seconds : the part of its files that is the clip; `seconds=None`: to the end
    fold : the fold in which it tests, where a list names it
    """

    id: str
    label: int
    split: str
    files: Mapping[str, Path]
    text: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    group: str = ""
    start: float = 0.0
    seconds: float | None = None
    fold: str = ""


@dataclass(frozen=True)
class Issue:
    """Something wrong with a clip or with a row of a list.

    Parameters
    ----------
    kind : a short name that issues of one sort share ("missing", "git-lfs pointer", "unreadable",
        "no frames", "silent", "stereo", "unknown label", …)
    clip, modality : what it is about, empty where it is about more than one
    message : names the file, what came and what was expected
    fatal : the clip cannot be trained on; the others are worth knowing
    samples : how many samples it leaves out, where that is more than `clip`
    """

    kind: str
    clip: str
    modality: str
    message: str
    fatal: bool = True
    samples: int = 0


class ReadError(ValueError):
    """A file that cannot be used; `kind` is the kind of the issue it becomes."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class ReadWarning(UserWarning):
    """A file that is used though it is odd; `kind` is the kind of the issue it becomes."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Listing:
    """What a dataset's lists and folders say.

    Parameters
    ----------
    clips : with their splits
    classes : names of the classes in the order of their ids
    group : what `Clip.group` stands for
    issues : what could not become a clip, and what is odd
    facts : what the trace holds of the fold that tests, where there is one
    """

    clips: Sequence[Clip]
    classes: Sequence[str]
    group: str = ""
    issues: Sequence[Issue] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """The result of `fusion-sched data check`.

    Parameters
    ----------
    counts : split → class → number of clips
    issues : what is wrong or odd
    expected : split → known number of clips, empty where none is known
    recognised : name of the known split whose clip ids these are, or empty
    modalities : name → what it is read by, and the shape of a network's input
    """

    counts: Mapping[str, Mapping[str, int]]
    issues: Sequence[Issue]
    expected: Mapping[str, int] = field(default_factory=dict)
    recognised: str = ""
    modalities: Mapping[str, str] = field(default_factory=dict)


class Views(NamedTuple):
    """One random crop and flip per sample, shared by every picture of the sample.

    `top`, `left`, `height`, `width`: shares of the picture, each `(B,)`; `flip`: bool `(B,)`.
    """

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor
    flip: Tensor


class Modality(Protocol):
    """How one modality of a clip is read once, stored, and made a network's input each time.

    A frozen dataclass: its fields are the settings, and its `repr` is part of a store's
    fingerprint.
    """

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """Shape of one stored value."""

    @property
    def dtype(self) -> str:
        """Numpy dtype of stored values."""

    @property
    def jpeg(self) -> bool:
        """Whether stored values are pictures `(frames, H, W, 3)`, uint8, kept as JPEG."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one network input, after `finish`."""

    def read(self, clip: Clip) -> np.ndarray:
        """Return one stored value; raise `ReadError` where a file cannot be used."""

    def warnings(self, clip: Clip) -> list[Issue]:
        """Return what is odd, though readable, about the clip's files (not fatal)."""

    def finish(self, values: Tensor) -> Tensor:
        """Turn stored values `(B, *stored_shape)` into inputs, on whatever device they are."""

    def augment(self, values: Tensor, views: Views) -> Tensor:
        """Turn inputs `(B, *shape)` into randomly changed ones; only in training."""


@runtime_checkable
class OnDisk(Protocol):
    """A dataset on disk under `root`: what `fusion-sched data` works with."""

    source: ClassVar[Source]

    @property
    def root(self) -> str:
        """Folder of the dataset."""

    def load(self) -> Splits:
        """Return the splits."""

    def check(self) -> Report:
        """Read every file and report what is wrong or odd."""

    @staticmethod
    def write_sample(out: Path, spec: SampleSpec) -> None:
        """Write a small generated dataset in the real one's layout into the empty folder `out`."""


@runtime_checkable
class ClipDataset(Protocol):
    """A dataset of one or more files per clip, decoded once into a store."""

    source: ClassVar[Source]

    @property
    def root(self) -> str:
        """Folder of the dataset."""

    @property
    def store(self) -> str | None:
        """Folder of prepared data (`None`: `.fusion_sched` under `root`)."""

    @property
    def on_error(self) -> str:
        """`"raise"`, or `"skip"` to leave out clips that cannot be read."""

    def listing(self) -> Listing:
        """Read lists and folders, no media; raise `FileNotFoundError` where they are not there."""

    def readers(self, listing: Listing) -> dict[str, Modality]:
        """Return how each modality is read, in the network's order."""
