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
from typing import ClassVar

import numpy as np

from fusion_sched.data.clips.files import carve_validation, read_rows
from fusion_sched.data.clips.frames import Frames
from fusion_sched.data.clips.source import Download, Source, not_there
from fusion_sched.data.clips.spectrogram import Spectrogram
from fusion_sched.data.clips.types import Clip, Issue, Listing, Modality
from fusion_sched.data.listed import (
    Entry,
    ListedDataset,
    ListRow,
    broken_row,
    check_choice,
    list_rows,
    unknown_label,
)
from fusion_sched.data.samples.cremad import write_cremad
from fusion_sched.data.samples.spec import SampleSpec

__all__ = ["CLASSES", "SOURCE", "CremaD"]

CLASSES = ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")
"""In the order of OGM-GE's class ids. MMPareto and Diagnosing & Re-learning sort them by name."""
AUDIO = "AudioWAV"
NAME = re.compile(r"\d{4}_[A-Z]{3}_[A-Z]{3}_[A-Z]{2}")
MISNAMED = {"1040_ITH_SAD_X": "1040_ITH_SAD_XX"}
"""The name of one file in some copies, and that of its clip in every list."""
LISTS: Mapping[str, Mapping[str, str]] = {
    "ogm": {"train": "train.csv", "test": "test.csv"},
    "dr": {"train": "my_train.csv", "validation": "val.csv", "test": "test.csv"},
    "actor": {},
}
"""Way to split → split → its list; without lists, whole actors are drawn."""
TEST_ACTORS = 0.1
# OGM-GE's train.csv and test.csv as PMR (Fan et al. 2023) keeps them.
PMR = (
    "https://raw.githubusercontent.com/fanyunfeng-bit/Modal-Imbalance-PMR/"
    "1e5c79b645ad0980c145f016e52a31b935d0d7fc/data/CREMAD"
)
DR = (
    "https://raw.githubusercontent.com/GeWu-Lab/Diagnosing_Relearning_ECCV2024/"
    "59b5787137b113fb8df6bbb5a6ebc88068f57b70/code/dataset/cremad"
)
SHA256 = {
    f"{PMR}/train.csv": "7b95d291b847eac9c1447bb9fb63b47176d182987ac74fe041e4dd493c6d0abd",
    f"{PMR}/test.csv": "959a667af66a01dc439b12d6ec9dc57b36a88e947f48ad63531a4b91f769394f",
    f"{DR}/my_train.csv": "eaf4d9332c743a8e0a0538e53f15f86552fb961858a8347588f6ffc09071b232",
    f"{DR}/val.csv": "ecbd82453caca8a7126df010d67b33813387af3cbe32efe5eb5a94ed2d161291",
}
SOURCE = Source(
    name="cremad",
    title="CREMA-D (7,442 clips, 91 actors, 6 emotions)",
    modalities=("audio", "visual"),
    address=(
        "https://github.com/CheyneyComputerScience/CREMA-D or its mirror "
        "https://gitlab.com/cs-cooper-lab/crema-d-mirror"
    ),
    size="AudioWAV 606 MB, VideoFlash 2.4 GB",
    licence="Open Database License 1.0, contents: Database Contents License 1.0",
    layout=(
        "AudioWAV/1001_DFA_ANG_XX.wav …",
        "VideoFlash/1001_DFA_ANG_XX.flv …   or Image-01-FPS/1001_DFA_ANG_XX/00001.jpg … with",
        "                                   dataset.visual=Image-01-FPS",
        "train.csv, test.csv                for dataset.split=ogm: rows CLIP,EMOTION",
        "my_train.csv, val.csv, test.csv    for dataset.split=dr",
    ),
    how=(
        "Its media are in git-lfs: `git lfs install`, clone, `git lfs pull`; where GitHub's quota "
        "is used up, take the mirror. The lists are OGM-GE's and Diagnosing & Re-learning's: "
        "`fusion-sched data fetch cremad`, or where they are on disk already, "
        "dataset.lists=FOLDER; dataset.split=actor needs none. Known to be damaged: "
        "1076_MTI_SAD_XX (no sound), 1076_MTI_NEU_XX (video), 1064_TIE_SAD_XX (no duration), "
        "1064_IEO_DIS_MD (a minute of all emotions); dataset.on_error=skip leaves out what cannot "
        "be read."
    ),
    counts={"ogm/dr": {"train": 6698, "test": 744}},
    fingerprints={"ogm/dr": "2a5837cebb2d8380"},
    downloads=[Download(url, sha256, url.rpartition("/")[2]) for url, sha256 in SHA256.items()],
)


@dataclass(frozen=True)
class CremaD(ListedDataset):
    """Modalities `audio`, a log-spectrogram of the voice, and `visual`, frames of the face.

    Parameters
    ----------
    split : `"ogm"` (train.csv and test.csv), `"dr"` (my_train.csv, val.csv, test.csv), or
        `"actor"` (no actor is in two splits; a tenth of the actors test)
    validation : with `"ogm"` the share of train kept for validation, with `"actor"` the share of
        the actors; `split_seed` draws it
    lists : folder of the lists; `None`: `root`
    visual : folder under `root` with a video or a folder of frames per clip
    rate, seconds : samples of sound per second, and length; shorter clips are repeated
    n_fft, hop : samples of a window, and from one window to the next
    audio_size : resize spectrograms `(n_fft / 2 + 1, frames)` to `(bands, frames)`
    standardise : take out each spectrogram's mean and deviation
    frames, choose, size : how many pictures, which ones, and their pixels a side
    frame_encoding : `"raw"`, or `"jpeg"` to have the store keep pictures as JPEG
    """

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

    source: ClassVar[Source] = SOURCE
    grouped_by: ClassVar[str] = "actor"

    def __post_init__(self) -> None:
        check_choice("split", self.split, LISTS)
        size = self.audio_size
        if size is not None and (len(size) != 2 or not all(type(n) is int and n > 0 for n in size)):
            raise ValueError(
                f"audio_size is {list(size)}, expected two whole numbers above 0, as in "
                "[224, 224], or null"
            )

    def entries(self) -> tuple[Sequence[str], Sequence[Entry]]:
        """Read the lists, or the names of the files where the split has no list."""
        media = {"audio": self._media(AUDIO), "visual": self._media(self.visual)}
        names = sorted(media["audio"].keys() | media["visual"].keys())
        rows = self._listed_rows() if LISTS[self.split] else self._actor_rows(names)
        return CLASSES, [self._entry(row, media) for row in rows]

    def select(
        self, clips: Sequence[Clip], classes: Sequence[str]
    ) -> tuple[Sequence[Clip], Sequence[Issue]]:
        if self.split == "ogm" and any(clip.split == "train" for clip in clips):
            clips = carve_validation(clips, self.validation, self.split_seed)
        return clips, check_order(self._list_folder / "stat.csv")

    def readers(self, listing: Listing) -> dict[str, Modality]:
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

    @staticmethod
    def write_sample(out: Path, spec: SampleSpec) -> None:
        """Write sample data: sounds, small videos, the lists of both published splits."""
        write_cremad(out, spec, CLASSES)

    @property
    def _list_folder(self) -> Path:
        return Path(self.root if self.lists is None else self.lists)

    def _media(self, folder: str) -> dict[str, Path]:
        """Return clip → its file, or folder of frames, of one modality."""
        path = Path(self.root) / folder
        if not path.is_dir():
            raise not_there(SOURCE, path)
        named = ((MISNAMED.get(entry.stem, entry.stem), entry) for entry in path.iterdir())
        return {name: entry for name, entry in named if NAME.fullmatch(name)}

    def _listed_rows(self) -> list[ListRow]:
        rows = []
        for split, name in LISTS[self.split].items():
            path = self._list_folder / name
            if not path.is_file():
                raise FileNotFoundError(
                    f"{path} does not exist, a list that dataset.split={self.split} needs; set "
                    "dataset.lists to the folder of the lists, or take dataset.split=actor, which "
                    f"needs none.\n{not_there(SOURCE, path)}"
                )
            # Diagnosing & Re-learning's train.csv and test.csv begin with a row `name,label`.
            rows += [r for r in list_rows(SOURCE, path, split) if r.cells[1:] != ["label"]]
        return rows

    def _actor_rows(self, names: Sequence[str]) -> list[ListRow]:
        """Return a row per clip, split by actor; the name says the emotion."""
        split_of = split_actors({name[:4] for name in names}, self.validation, self.split_seed)
        return [ListRow((name, emotion_of(name)), split_of[name[:4]], AUDIO) for name in names]

    def _entry(self, row: ListRow, media: Mapping[str, Mapping[str, Path]]) -> Entry:
        name = row.cells[0]
        if len(row.cells) != 2 or not NAME.fullmatch(name):
            return broken_row(row, ",", "CLIP,EMOTION like 1001_DFA_ANG_XX,ANG")
        label = row.cells[1]
        if label not in CLASSES:
            return unknown_label(f"{name} in {row.place}", label, CLASSES)
        if label != emotion_of(name):
            message = (
                f"{row.place} has the label {label} for {name}, whose name says "
                f"{emotion_of(name)}; correct it or take it off the list"
            )
            return Issue("label disagrees", name, "", message)
        # A clip without a file is expected under its own name.
        expected = {"audio": f"{AUDIO}/{name}.wav", "visual": f"{self.visual}/{name}.flv"}
        files = {m: media[m].get(name, Path(self.root) / path) for m, path in expected.items()}
        return Clip(name, CLASSES.index(label), row.split, files, group=name[:4])


def emotion_of(name: str) -> str:
    return name.split("_")[2]


def check_order(path: Path) -> list[Issue]:
    """Return an issue where OGM-GE's list of classes is there and is not in our order."""
    if not path.is_file():
        return []
    listed = tuple(cell for row in read_rows(path) for cell in row)
    if listed == CLASSES:
        return []
    message = (
        f"{path} orders the classes as {', '.join(listed)}; class ids here are those of "
        f"{', '.join(CLASSES)}: take this into account where ids are compared"
    )
    return [Issue("class order", "", "", message, fatal=False)]


def split_actors(actors: set[str], validation: float, seed: int) -> dict[str, str]:
    if not 0 < validation < 1:
        raise ValueError(f"validation is {validation}, expected a share of the actors in (0, 1)")
    tested = max(1, round(TEST_ACTORS * len(actors)))
    validated = max(1, round(validation * len(actors)))
    if tested + validated >= len(actors):
        raise ValueError(
            f"clips of {len(actors)} actor(s), {tested} of them for test and {validated} for "
            "validation, expected one or more to train on; fetch more clips or lower validation"
        )
    order = np.random.default_rng(seed).permutation(sorted(actors))
    names = ["test"] * tested + ["validation"] * validated
    names += ["train"] * (len(actors) - len(names))
    return dict(zip(map(str, order), names, strict=True))
