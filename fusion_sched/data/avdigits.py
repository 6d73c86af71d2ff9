"""Real audio-visual digits: spoken digits and handwritten digits of the same class.

Sources: Free Spoken Digit Dataset (3,000 recordings, 6 speakers, 8 kHz, CC BY-SA 4.0) and Optical
Recognition of Handwritten Digits (UCI: 5,620 pictures of 8 × 8, the last 1,797 by 13 writers who
wrote none of the others).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fusion_sched.data.audio import fixed_length, log_mel, read_audio
from fusion_sched.data.memory import SPLIT_NAMES, splits_from_arrays
from fusion_sched.types import Splits

RATE = 8000
SECONDS = 1.0
OTHER_WRITERS_FROM = 3823
"""First picture by the writers who are kept for test."""
RECORDINGS = Path("fsdd", "recordings")
PICTURES = Path("optdigits", "optdigits.csv")


@dataclass(frozen=True)
class AVDigits:
    """Each recording with a picture of the same digit, paired inside the splits.

    ``preset="balanced"``: every speaker in every split (recordings 0-4 of each speaker and digit
    are test, as its authors propose, 5-9 validation): both modalities are good.
    ``preset="imbalanced"``: one speaker is held out for validation and one for test, chosen by
    ``split_seed``: the voice is much the harder modality. Pictures: test from writers of their
    own; validation from the last fifth of the other writers' pictures. Modalities: ``audio``
    (1, 32, 65), a standardised log-mel spectrogram of one second, and ``image`` (1, 8, 8).
    ``root`` holds ``fsdd/recordings/*.wav`` and ``optdigits/optdigits.csv``.
    """

    root: str
    preset: str = "balanced"
    split_seed: int = 0

    def __post_init__(self) -> None:
        if self.preset not in ("balanced", "imbalanced"):
            raise ValueError(f"preset is {self.preset!r}, expected 'balanced' or 'imbalanced'")

    def load(self) -> Splits:
        """Read, split and pair.

        Raises:
            FileNotFoundError: the recordings or pictures are not under ``root``.
            ValueError: a recording whose name or content is not what the dataset's are.
        """
        clips = list_recordings(Path(self.root))
        pictures, picture_labels = read_pictures(Path(self.root))
        clip_split = self.split_of(clips)
        picture_split = split_pictures(len(pictures))
        rng = np.random.default_rng(self.split_seed)
        chosen = np.empty(len(clips), dtype=np.int64)
        labels = clips["digit"].to_numpy()
        for name in SPLIT_NAMES:
            for digit in range(10):
                to_pair = np.flatnonzero((clip_split == name) & (labels == digit))
                pool = np.flatnonzero((picture_split == name) & (picture_labels == digit))
                chosen[to_pair] = np.resize(rng.permutation(pool), len(to_pair))
        index = {name: np.flatnonzero(clip_split == name) for name in SPLIT_NAMES}
        audio = spectrograms([Path(p) for p in clips["path"]])
        audio = (audio - audio[index["train"]].mean()) / audio[index["train"]].std()
        inputs = {"audio": audio, "image": pictures[chosen]}
        return splits_from_arrays(inputs, labels, index, [str(d) for d in range(10)])

    def split_of(self, clips: pd.DataFrame) -> np.ndarray:
        """Return the split's name of each recording."""
        if self.preset == "balanced":
            number = clips["number"].to_numpy()
            return np.where(number < 5, "test", np.where(number < 10, "validation", "train"))
        speakers = sorted(clips["speaker"].unique())
        if len(speakers) < 3:
            raise ValueError(
                f"recordings of {speakers} under {self.root}, expected at least three speakers to "
                "hold two out; use dataset.preset=balanced"
            )
        rng = np.random.default_rng([self.split_seed, 1])
        validation, test = rng.permutation(speakers)[:2]
        speaker = clips["speaker"].to_numpy()
        return np.where(
            speaker == test, "test", np.where(speaker == validation, "validation", "train")
        )


def list_recordings(root: Path) -> pd.DataFrame:
    """Return path, digit, speaker and number of every recording, sorted by name."""
    folder = root / RECORDINGS
    paths = sorted(folder.glob("*.wav"))
    if not paths:
        raise FileNotFoundError(
            f"no recordings in {folder}; expected the Free Spoken Digit Dataset's "
            "DIGIT_SPEAKER_NUMBER.wav there; set dataset.root to the folder that holds fsdd/ and "
            "optdigits/"
        )
    rows = []
    for path in paths:
        parts = path.stem.split("_")
        if len(parts) != 3 or not (parts[0].isdigit() and parts[2].isdigit()):
            raise ValueError(f"{path} is not named DIGIT_SPEAKER_NUMBER.wav; rename or remove it")
        rows.append((path, int(parts[0]), parts[1], int(parts[2])))
    return pd.DataFrame(rows, columns=["path", "digit", "speaker", "number"])


def read_pictures(root: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures ``(N, 1, 8, 8)`` on a 0-1 scale and their digits ``(N,)``."""
    path = root / PICTURES
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; expected 64 pixel columns and `class`; set dataset.root to "
            "the folder that holds fsdd/ and optdigits/"
        )
    table = pd.read_csv(path)
    if table.shape[1] != 65 or len(table) <= OTHER_WRITERS_FROM:
        raise ValueError(
            f"{path} has {table.shape[0]} rows and {table.shape[1]} columns, expected 5,620 rows "
            "of 64 pixels and a class"
        )
    values = table.to_numpy()
    return values[:, :64].reshape(-1, 1, 8, 8) / 16.0, values[:, 64].astype(np.int64)


def split_pictures(count: int) -> np.ndarray:
    """Return the split's name of each picture, by its position in the file."""
    position = np.arange(count)
    validation_from = int(0.8 * OTHER_WRITERS_FROM)
    return np.where(
        position >= OTHER_WRITERS_FROM,
        "test",
        np.where(position >= validation_from, "validation", "train"),
    )


def spectrograms(paths: list[Path]) -> np.ndarray:
    """Return log-mel spectrograms ``(N, 1, 32, 65)`` of the first second of each file."""
    length = int(RATE * SECONDS)
    waves = np.stack([fixed_length(read_audio(path, RATE), length) for path in paths])
    return log_mel(torch.as_tensor(waves), RATE, n_fft=256, hop=125, bands=32).numpy()
