"""CREMA-D: 91 actors say twelve sentences in six emotions; voice and face.

Cao et al. 2014, "CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset", IEEE Transactions on
Affective Computing 5(4). 7,442 clips of a few seconds, named ACTOR_SENTENCE_EMOTION_LEVEL. The
authors name no split. Those in use: 6,698 to train and 744 to test of Peng et al. 2022 (OGM-GE),
and the same with 744 of the 6,698 kept for validation of Wei et al. 2024 (Diagnosing &
Re-learning). Both have all 91 actors in every part.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from fusion_sched.data.clips.audio_visual import (
    broken_row,
    check_choice,
    check_size,
    keep_unique,
    unknown_label,
)
from fusion_sched.data.clips.check import check_clips
from fusion_sched.data.clips.files import carve_validation, read_rows
from fusion_sched.data.clips.frames import Frames
from fusion_sched.data.clips.imitation import (
    SampleSpec,
    moving_drawing,
    voiced_sound,
    write_video,
    write_wav,
)
from fusion_sched.data.clips.load import load_clips
from fusion_sched.data.clips.source import Source, not_there
from fusion_sched.data.clips.spectrogram import Spectrogram
from fusion_sched.data.clips.types import Clip, Issue, Listing, Modality, Report
from fusion_sched.data.cremad_source import CLASSES, SOURCE
from fusion_sched.types import Splits

AUDIO = "AudioWAV"
NAME = re.compile(r"\d{4}_[A-Z]{3}_[A-Z]{3}_[A-Z]{2}")
MISNAMED = {"1040_ITH_SAD_X": "1040_ITH_SAD_XX"}
"""The name of one file in some copies, and that of its clip in every list."""
SENTENCES = ("DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI")
LISTS: Mapping[str, Mapping[str, str]] = {
    "ogm": {"train": "train.csv", "test": "test.csv"},
    "dr": {"train": "my_train.csv", "validation": "val.csv", "test": "test.csv"},
    "actor": {},
}
"""Way to split → split → its list; without lists, whole actors are drawn."""
TEST_ACTORS = 0.1


class Row(NamedTuple):
    """One row of a list: clip and emotion, where it is a sound one."""

    split: str
    cells: Sequence[str]
    origin: str


class Media(NamedTuple):
    """The files of one modality by clip; a clip without one is expected in ``folder``."""

    folder: Path
    suffix: str
    paths: Mapping[str, Path]

    def of(self, name: str) -> Path:
        """Return where the clip's file is, or would be."""
        return self.paths.get(name, self.folder / f"{name}{self.suffix}")


@dataclass(frozen=True)
class CremaD:
    """Modalities ``audio``, a log-spectrogram of the voice, and ``visual``, frames of the face.

    ``split``: ``"ogm"`` (train.csv and test.csv; ``validation`` is the share of train kept for
    validation), ``"dr"`` (my_train.csv, val.csv, test.csv), or ``"actor"`` (nobody is in two
    splits; a tenth of the actors test, ``validation`` is the share that validates). Whatever is
    drawn follows ``split_seed``. ``lists`` is the folder of the lists, ``root`` where it is
    ``None``. ``visual`` is the folder under ``root`` with a video or a folder of frames per clip.

    Sound: ``seconds`` at ``rate`` Hz, shorter clips repeated; ``audio_size`` resizes spectrograms
    ``(n_fft / 2 + 1, frames)`` to ``(bands, frames)``; ``standardise`` takes each one's mean and
    deviation out. Pictures: ``frames`` of ``size`` pixels a side; ``choose`` says which ones.
    """

    root: str
    split: str = "ogm"
    validation: float = 0.1
    split_seed: int = 0
    lists: str | None = None
    visual: str = "VideoFlash"
    rate: int = 22050
    seconds: float = 3.0
    n_fft: int = 512
    hop: int = 353
    audio_size: tuple[int, int] | None = (224, 224)
    standardise: bool = True
    frames: int = 1
    choose: str = "spread"
    size: int = 224
    frame_encoding: str = "raw"
    store: str | None = None
    on_error: str = "raise"

    source: ClassVar[Source] = SOURCE

    def __post_init__(self) -> None:
        check_choice("split", self.split, list(LISTS))
        check_size("audio_size", self.audio_size)

    def listing(self) -> Listing:
        """Return the clips of the lists, or of the folders where the split has no list.

        Raises:
            FileNotFoundError: the sounds, the pictures or a list are not there.
            ValueError: a list that is not text; too few actors or clips to split.
        """
        media = {"audio": self.media(AUDIO, ".wav"), "visual": self.media(self.visual, ".flv")}
        names = sorted({name for found in media.values() for name in found.paths})
        rows = self.listed_rows() if LISTS[self.split] else self.actor_rows(names)
        found = [clip_or_fault(row, media) for row in rows]
        clips, twice = keep_unique([clip for clip in found if isinstance(clip, Clip)])
        faults = [fault for fault in found if isinstance(fault, Issue)]
        listed = {row.split for row in rows}
        if "validation" not in listed and any(clip.split == "train" for clip in clips):
            clips = carve_validation(clips, self.validation, self.split_seed)
        order = check_order(self.list_folder)
        return Listing(clips, CLASSES, "actor", [*faults, *twice, *order])

    def modalities(self, listing: Listing) -> dict[str, Modality]:
        """Return how sound and pictures are read."""
        audio = Spectrogram(
            name="audio", rate=self.rate, seconds=self.seconds, n_fft=self.n_fft, hop=self.hop,
            size=None if self.audio_size is None else (self.audio_size[0], self.audio_size[1]),
            standardise=self.standardise,
        )  # fmt: skip
        visual = Frames(
            name="visual", count=self.frames, size=self.size, encoding=self.frame_encoding,
            choose=self.choose,
        )  # fmt: skip
        return {"audio": audio, "visual": visual}

    def load(self) -> Splits:
        """Return the splits, from the store, which is made where it is missing."""
        return load_clips(self)

    def check(self) -> Report:
        """Read every file and report what is wrong or odd."""
        return check_clips(self)

    @property
    def list_folder(self) -> Path:
        """Where the lists lie."""
        return Path(self.root if self.lists is None else self.lists)

    def media(self, folder: str, suffix: str) -> Media:
        """Return the files or folders of one modality, by clip."""
        path = Path(self.root) / folder
        if not path.is_dir():
            raise not_there(SOURCE, path)
        paths = {}
        for entry in path.iterdir():
            name = MISNAMED.get(entry.stem, entry.stem)
            if NAME.fullmatch(name):
                paths[name] = entry
        return Media(path, suffix, paths)

    def listed_rows(self) -> list[Row]:
        """Return the rows of the split's lists."""
        rows = []
        for split, name in LISTS[self.split].items():
            path = self.list_folder / name
            if not path.is_file():
                raise FileNotFoundError(
                    f"{path} does not exist, a list that dataset.split={self.split} needs; set "
                    "dataset.lists to the folder of the lists, or take dataset.split=actor, which "
                    f"needs none.\n{not_there(SOURCE, path)}"
                )
            # Diagnosing & Re-learning's train.csv and test.csv begin with a row `name,label`.
            rows += [Row(split, cells, name) for cells in read_rows(path) if cells[1:] != ["label"]]
        return rows

    def actor_rows(self, names: Sequence[str]) -> list[Row]:
        """Return a row per clip, split by actor; the name tells the emotion."""
        split_of = split_actors({name[:4] for name in names}, self.validation, self.split_seed)
        return [Row(split_of[name[:4]], (name, emotion_of(name)), AUDIO) for name in names]

    @staticmethod
    def write_sample(out: Path, plan: SampleSpec) -> None:
        """Write an imitation: sounds of 1.5 to 3.5 s, small videos, lists of both splits.

        Raises:
            ValueError: fewer than 72 clips, too few to keep a tenth of each class for validation.
        """
        if plan.clips < 72:
            raise ValueError(
                f"{plan.clips} clips are too few for an imitation, expected 72 or more"
            )
        actors = range(1001, 1001 + max(12, -(-plan.clips // (len(SENTENCES) * len(CLASSES)))))
        names = [
            f"{actor}_{sentence}_{emotion}_XX"
            for sentence in SENTENCES
            for actor in actors
            for emotion in CLASSES
        ][: plan.clips]
        for number, name in enumerate(names):
            write_clip(out, name, plan, np.random.default_rng([plan.seed, number]))
        write_lists(out, names, np.random.default_rng(plan.seed))


def emotion_of(name: str) -> str:
    """Return the emotion in a clip's name."""
    return name.split("_")[2]


def clip_or_fault(row: Row, media: Mapping[str, Media]) -> Clip | Issue:
    """Return the clip that a row names, or what is wrong with the row."""
    name = row.cells[0]
    if len(row.cells) != 2 or not NAME.fullmatch(name):
        return broken_row(row.origin, row.cells, ",", "CLIP,EMOTION like 1001_DFA_ANG_XX,ANG")
    label = row.cells[1]
    if label not in CLASSES:
        return unknown_label(f"{name} in {row.origin}", label, CLASSES)
    if label != emotion_of(name):
        message = (
            f"{row.origin} has the label {label} for {name}, whose name says {emotion_of(name)}; "
            "mend it or take it off the list"
        )
        return Issue("label disagrees", name, "", message)
    files = {modality: found.of(name) for modality, found in media.items()}
    return Clip(name, CLASSES.index(label), row.split, files, group=name[:4])


def check_order(folder: Path) -> list[Issue]:
    """Return a fault where OGM-GE's list of classes is there and is not in our order."""
    path = folder / "stat.csv"
    if not path.is_file():
        return []
    found = tuple(cell for row in read_rows(path) for cell in row)
    if found == CLASSES:
        return []
    message = (
        f"{path} orders the classes as {', '.join(found)}; class ids here are those of "
        f"{', '.join(CLASSES)}: mind it where ids are compared"
    )
    return [Issue("class order", "", "", message, fatal=False)]


def split_actors(actors: set[str], validation: float, seed: int) -> dict[str, str]:
    """Return each actor's split."""
    if not 0 < validation < 1:
        raise ValueError(f"validation is {validation}, expected a share of the actors in (0, 1)")
    tested = max(1, round(TEST_ACTORS * len(actors)))
    validated = max(1, round(validation * len(actors)))
    if tested + validated >= len(actors):
        raise ValueError(
            f"clips of {len(actors)} actor(s), of whom {tested} would test and {validated} "
            "validate, expected somebody to train on; fetch more clips or lower validation"
        )
    order = np.random.default_rng(seed).permutation(sorted(actors))
    names = ["test"] * tested + ["validation"] * validated
    names += ["train"] * (len(actors) - len(names))
    return dict(zip(map(str, order), names, strict=True))


def write_clip(out: Path, name: str, plan: SampleSpec, rng: np.random.Generator) -> None:
    """Write one clip's sound and video, whose lengths agree."""
    label, classes = CLASSES.index(emotion_of(name)), len(CLASSES)
    seconds = rng.uniform(1.5, 3.5)
    wave = voiced_sound(label, classes, plan.strength_of("audio"), seconds, 16000, rng)
    write_wav(out / AUDIO / f"{name}.wav", wave, 16000)
    frames = round(15 * seconds)
    drawn = moving_drawing(label, classes, plan.strength_of("visual"), frames, 96, 128, rng)
    write_video(out / "VideoFlash" / f"{name}.flv", drawn, 15)


def write_lists(out: Path, names: Sequence[str], rng: np.random.Generator) -> None:
    """Write the lists: of each class a sixth tests and a sixth validates."""
    parts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for emotion in CLASSES:
        same = [str(name) for name in rng.permutation(names) if emotion_of(name) == emotion]
        sixth = len(same) // 6
        parts["test"] += same[:sixth]
        parts["validation"] += same[sixth : 2 * sixth]
        parts["train"] += same[2 * sixth :]
    # Marks and line ends as in the originals.
    write_list(out / "train.csv", [*parts["train"], *parts["validation"]], "\r\n")
    write_list(out / "test.csv", parts["test"], "\r\n")
    write_list(out / "my_train.csv", parts["train"], "\n")
    write_list(out / "val.csv", parts["validation"], "\n")
    (out / "stat.csv").write_bytes(("\ufeff" + "".join(f"{c}\r\n" for c in CLASSES)).encode())


def write_list(path: Path, names: Sequence[str], line_end: str) -> None:
    """Write rows CLIP,EMOTION."""
    rows = (f"{name},{emotion_of(name)}{line_end}" for name in names)
    path.write_bytes("".join(rows).encode())
