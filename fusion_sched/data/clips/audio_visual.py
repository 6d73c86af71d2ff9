"""What video clips with sound have in common: where they lie, which are listed twice or not there,
and how a small imitation is laid out.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from fusion_sched.data.clips.files import carve_validation
from fusion_sched.data.clips.frames import Frames
from fusion_sched.data.clips.imitation import (
    SampleSpec,
    moving_drawing,
    spread_labels,
    voiced_sound,
    write_video,
)
from fusion_sched.data.clips.source import Source, not_there
from fusion_sched.data.clips.spectrogram import Spectrogram
from fusion_sched.data.clips.types import Clip, Issue, Modality

SECONDS = 10
"""Length of a clip in each of these datasets."""
SAMPLE_RATE_HZ = 16000
SAMPLE_FPS = 3
SAMPLE_HEIGHT, SAMPLE_WIDTH = 48, 64


@dataclass(frozen=True)
class MediaPaths:
    """Where sound and pictures of a clip lie under ``root``: patterns with fields in braces.

    ``audio`` leads to a video with sound or to an audio file, ``visual`` to a video or to a folder
    of frames.
    """

    root: Path
    audio: str
    visual: str

    def of(self, fields: Mapping[str, object]) -> dict[str, Path]:
        """Return the two files of the clip that has these fields."""
        audio = self.root / self.audio.format(**fields)
        alike = self.visual == self.audio
        return {
            "audio": audio,
            "visual": audio if alike else self.root / self.visual.format(**fields),
        }


class Settings(Protocol):
    """How a dataset wants its sound and pictures."""

    @property
    def rate(self) -> int:
        """Return Hz."""

    @property
    def seconds(self) -> float:
        """Return the length of a clip."""

    @property
    def n_fft(self) -> int:
        """Return the samples of a window."""

    @property
    def hop(self) -> int:
        """Return the samples between windows."""

    @property
    def standardise(self) -> bool:
        """Say whether each spectrogram gets mean 0 and deviation 1."""

    @property
    def frames(self) -> int:
        """Return the pictures of a clip."""

    @property
    def size(self) -> int:
        """Return the pixels of a side."""

    @property
    def frame_encoding(self) -> str:
        """Return how the store keeps pictures."""


def spectrogram_and_frames(of: Settings) -> dict[str, Modality]:
    """Return the two modalities of a video with sound: windows without padding, frames spread."""
    return {
        "audio": Spectrogram(
            name="audio", rate=of.rate, seconds=of.seconds, n_fft=of.n_fft, hop=of.hop,
            standardise=of.standardise, centre=False, short="tile",
        ),
        "visual": Frames(
            name="visual", count=of.frames, size=of.size, encoding=of.frame_encoding
        ),
    }  # fmt: skip


def check_pattern(knob: str, pattern: str, example: Mapping[str, object]) -> None:
    """Raise ``ValueError`` where a pattern of a path uses other fields than the example has."""
    fields = ", ".join(f"{{{name}}}" for name in example)
    try:
        pattern.format(**example)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{knob} is {pattern!r}, which cannot be filled in ({error!r}); expected a path under "
            f"root with fields of {fields}"
        ) from error
    if "{video" not in pattern:
        raise ValueError(
            f"{knob} is {pattern!r}, the same file for every clip; expected {{video}} in it, and "
            f"whichever else it takes of {fields}"
        )


def check_choice(knob: str, value: str, choices: Sequence[str]) -> None:
    """Raise ``ValueError`` where a knob has a value that it does not know."""
    if value not in choices:
        raise ValueError(f"{knob} is {value!r}, expected one of {list(choices)}")


def check_size(knob: str, size: Sequence[int] | None) -> None:
    """Raise ``ValueError`` where a size is neither two whole numbers above 0 nor ``None``."""
    if size is not None and (len(size) != 2 or not all(type(n) is int and n > 0 for n in size)):
        raise ValueError(
            f"{knob} is {list(size)}, expected two whole numbers above 0, as in [224, 224], or null"
        )


def list_path(source: Source, path: Path) -> Path:
    """Return the path of a list, or raise ``FileNotFoundError`` with where to get the data."""
    if not path.is_file():
        raise not_there(source, path)
    return path


def broken_row(place: str, row: Sequence[str], delimiter: str, expected: str) -> Issue:
    """Return the fault of a row that is not what rows of its list are."""
    return Issue(
        "broken row", place, "",
        f"{place} is {delimiter.join(row)!r}, expected {expected}; mend it or take it off the list",
    )  # fmt: skip


def unknown_label(place: str, label: str, classes: Sequence[str]) -> Issue:
    """Return the fault of a row whose class is not one of the dataset's."""
    return Issue(
        "unknown label", place, "",
        f"{place} has the label {label!r}, expected one of the {len(classes)} classes, such as "
        f"{classes[0]!r}; mend it or take it off the list",
    )  # fmt: skip


def keep_unique(clips: Sequence[Clip]) -> tuple[list[Clip], list[Issue]]:
    """Return the first clip of each id, and a fault for each further one."""
    first: dict[str, Clip] = {}
    faults = []
    for clip in clips:
        known = first.setdefault(clip.id, clip)
        if known is not clip:
            faults.append(
                Issue(
                    "listed twice", clip.id, "",
                    f"{clip.id} is listed twice, as class {known.label} in {known.split} and as "
                    f"class {clip.label} in {clip.split}; take one row off the list",
                )
            )  # fmt: skip
    return list(first.values()), faults


def keep_present(source: Source, clips: Sequence[Clip]) -> tuple[list[Clip], list[Issue]]:
    """Return the clips whose files all lie on disk, and one harmless fault that counts the others.

    Every folder is read once; files are not looked at.

    Raises:
        FileNotFoundError: not one clip is there.
    """
    folders: dict[str, set[str]] = {}
    present = [
        clip
        for clip in clips
        if all(is_listed(os.fspath(path), folders) for path in clip.files.values())
    ]
    if not present:
        raise not_there(source, clips[0].files["visual"].parent if clips else source.title)
    missing = len(clips) - len(present)
    if not missing:
        return present, []
    message = (
        f"{missing} of {len(clips)} listed clips are not on disk and are left out "
        "(dataset.listed=present); results are not comparable with those on other copies"
    )
    return present, [Issue("not on disk", "", "", message, fatal=False)]


def is_listed(path: str, folders: dict[str, set[str]]) -> bool:
    """Say whether a name is in its folder; ``folders`` keeps what each folder holds."""
    folder, name = os.path.split(path)
    if folder not in folders:
        folders[folder] = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    return name in folders[folder]


def draw_validation(name: str, clips: Sequence[Clip], share: float, seed: int) -> list[Clip]:
    """Return the clips with a stratified share of the training ones made validation.

    Raises:
        ValueError: the list ``name`` has no training clip, or too few of a class.
    """
    if not any(clip.split == "train" for clip in clips):
        raise ValueError(f"no row of {name} is a clip to train on; look at the list")
    return carve_validation(clips, share, seed)


class SampleClip(NamedTuple):
    """One clip of an imitation: name of eleven characters as video sites give them, number of its
    class among those shown, class id, and what split it goes to.
    """

    name: str
    shown: int
    label: int
    split: str


def plan_sample(
    plan: SampleSpec, classes: int, per_class: int, splits: Sequence[str]
) -> list[SampleClip]:
    """Return the clips of an imitation with ``per_class`` or more of each class that it shows.

    As many classes as the plan's clips permit, spread over the dataset's; the clips of each go to
    ``splits`` in turn.

    Raises:
        ValueError: fewer clips than two classes need.
    """
    if plan.clips < 2 * per_class:
        raise ValueError(
            f"{plan.clips} clips are too few for an imitation, expected at least {2 * per_class}: "
            "two classes with every split in each"
        )
    shown = min(classes, plan.clips // per_class)
    ids = np.linspace(0, classes - 1, shown).round().astype(int)
    seen: Counter[int] = Counter()
    clips = []
    rng = np.random.default_rng([plan.seed, 0])
    for number, one in enumerate(spread_labels(plan.clips, shown, rng)):
        split = splits[seen[one] % len(splits)]
        clips.append(SampleClip(f"sample{number:05d}", one, int(ids[one]), split))
        seen[one] += 1
    return clips


def write_sample_video(path: Path, clip: SampleClip, classes: int, plan: SampleSpec) -> None:
    """Write ten seconds of video whose sound and drawing tell one of ``classes`` shown classes."""
    rng = np.random.default_rng([plan.seed, 1, int(clip.name[-5:])])
    sound = voiced_sound(
        clip.shown, classes, plan.strength_of("audio"), SECONDS, SAMPLE_RATE_HZ, rng
    )
    pictures = moving_drawing(
        clip.shown, classes, plan.strength_of("visual"), SECONDS * SAMPLE_FPS,
        SAMPLE_HEIGHT, SAMPLE_WIDTH, rng,
    )  # fmt: skip
    write_video(path, pictures, SAMPLE_FPS, sound, SAMPLE_RATE_HZ)
