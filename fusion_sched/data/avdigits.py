"""Real audio-visual digits: spoken digits and handwritten digits of the same class.

Sources: Free Spoken Digit Dataset (3,000 recordings, 6 speakers, 8 kHz, CC BY-SA 4.0) and Optical
Recognition of Handwritten Digits (UCI: 5,620 pictures of 8 × 8, the last 1,797 by 13 writers who
wrote none of the others).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import torch

from fusion_sched.data.clips.audio import audio_remarks, fixed_length, log_mel, read_audio
from fusion_sched.data.clips.imitation import SampleSpec, voiced_sound, write_wav
from fusion_sched.data.clips.source import Download, Source, not_there
from fusion_sched.data.clips.types import Issue, ReadError, Report
from fusion_sched.data.memory import SPLIT_NAMES, splits_from_arrays
from fusion_sched.data.opencv import cv2
from fusion_sched.types import Splits

RATE = 8000
SECONDS = 1.0
OTHER_WRITERS_FROM = 3823
"""First picture by the writers who are kept for test, where one file holds all pictures."""
RECORDINGS = Path("fsdd", "recordings")
PICTURES = Path("optdigits", "optdigits.csv")
TRAINING_PICTURES, TEST_PICTURES = (
    Path("optdigits", "optdigits.tra"), Path("optdigits", "optdigits.tes"),
)  # fmt: skip
SPOKEN = "https://github.com/Jakobovski/free-spoken-digit-dataset"
WRITTEN = "https://archive.ics.uci.edu/ml/machine-learning-databases/optdigits"

SOURCE = Source(
    name="avdigits",
    title="Audio-visual digits (Free Spoken Digit Dataset v1.0.10, Optdigits)",
    modalities=("audio", "image"),
    address=f"{SPOKEN} and {WRITTEN}",
    size="17 MB",
    licence="CC BY-SA 4.0 (speech), CC BY 4.0 (pictures)",
    layout=(
        "fsdd/recordings/DIGIT_SPEAKER_NUMBER.wav    3,000 recordings of 6 speakers",
        "optdigits/optdigits.tra and optdigits.tes   3,823 and 1,797 rows of 64 pixels and a class",
        "  or optdigits/optdigits.csv                the same rows in this order, with a header",
    ),
    how="Fetch it by `fusion-sched data fetch avdigits --root FOLDER`.",
    counts={"balanced": {"train": 2400, "validation": 300, "test": 300}},
    # The checksums are those that others have recorded for these files.
    downloads=(
        Download(
            f"{SPOKEN}/archive/refs/tags/v1.0.10.zip",
            "c680098f5d2355ba7cc4bd8b0ca9e0a24c00ebe3b4c552208889a4d28d4fbc2b",
            str(RECORDINGS),
            member="free-spoken-digit-dataset-1.0.10/recordings",
        ),
        Download(
            f"{WRITTEN}/optdigits.tra",
            "e1b683cc211604fe8fd8c4417e6a69f31380e0c61d4af22e93cc21e9257ffedd",
            str(TRAINING_PICTURES),
        ),
        Download(
            f"{WRITTEN}/optdigits.tes",
            "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8",
            str(TEST_PICTURES),
        ),
    ),
)


@dataclass(frozen=True)
class AVDigits:
    """Each recording with a picture of the same digit, paired inside the splits.

    ``preset="balanced"``: every speaker in every split (recordings 0-4 of each speaker and digit
    are test, as its authors propose, 5-9 validation): both modalities are good.
    ``preset="imbalanced"``: one speaker is held out for validation and one for test, chosen by
    ``split_seed``: the voice is much the harder modality. Pictures: test from writers of their
    own; validation from the last fifth of the other writers' pictures. Modalities: ``audio``
    (1, 32, 65), a standardised log-mel spectrogram of one second, and ``image`` (1, 8, 8).
    """

    root: str
    preset: str = "balanced"
    split_seed: int = 0
    source: ClassVar[Source] = SOURCE

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
        pictures, picture_labels, written_split = read_pictures(Path(self.root))
        split = self.split_of(clips)
        labels = clips["digit"].to_numpy()
        rng = np.random.default_rng(self.split_seed)
        chosen = np.empty(len(clips), dtype=np.int64)
        for name in SPLIT_NAMES:
            for digit in range(10):
                to_pair = np.flatnonzero((split == name) & (labels == digit))
                pool = np.flatnonzero((written_split == name) & (picture_labels == digit))
                if len(to_pair) and not len(pool):
                    raise ValueError(f"no picture of a {digit} in {name}; fetch optdigits anew")
                chosen[to_pair] = np.resize(rng.permutation(pool), len(to_pair))
        index = {name: np.flatnonzero(split == name) for name in SPLIT_NAMES}
        for name in SPLIT_NAMES:
            if not len(index[name]):
                raise ValueError(
                    f"no recording in {name}: {len(clips)} recordings in {self.root}, expected "
                    "numbers below 5, from 5 to 9 and above (preset=balanced)"
                )
        audio = spectrograms([Path(p) for p in clips["path"]])
        audio = (audio - audio[index["train"]].mean()) / audio[index["train"]].std()
        inputs = {"audio": audio, "image": pictures[chosen]}
        return splits_from_arrays(inputs, labels, index, [str(d) for d in range(10)])

    def check(self) -> Report:
        """Read every recording and picture."""
        clips = list_recordings(Path(self.root))
        read_pictures(Path(self.root))
        split = self.split_of(clips)
        counts = {
            name: {str(d): int(((split == name) & (clips["digit"] == d)).sum()) for d in range(10)}
            for name in SPLIT_NAMES
        }
        faults = [fault for path in clips["path"] for fault in recording_faults(path)]
        complete = sum(map(sum, (c.values() for c in counts.values()))) == 3000
        known = self.preset if complete and self.preset in SOURCE.counts else ""
        return Report(counts, faults, SOURCE.counts.get(known, {}), known)

    @staticmethod
    def write_sample(out: Path, plan: SampleSpec) -> None:
        """Write spoken and written digits of three speakers; 120 recordings fill every split."""
        rng = np.random.default_rng(plan.seed)
        (out / RECORDINGS).mkdir(parents=True)
        for digit, speaker, number in islice(recording_names(), plan.clips):
            strength = plan.strength_of("audio")
            wave = voiced_sound(digit, 10, strength, rng.uniform(0.3, 0.8), RATE, rng)
            write_wav(out / RECORDINGS / f"{digit}_{speaker}_{number}.wav", wave, RATE)
        (out / PICTURES).parent.mkdir()
        for path, rows in ((TRAINING_PICTURES, 400), (TEST_PICTURES, 100)):
            digits = [row % 10 for row in range(rows)]
            drawn = np.stack([draw_digit(d, plan.strength_of("image"), rng) for d in digits])
            table = np.column_stack([drawn.reshape(rows, 64), digits])
            pd.DataFrame(table).to_csv(out / path, header=False, index=False)

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
        raise not_there(SOURCE, folder / "*.wav")
    rows = []
    for path in paths:
        parts = path.stem.split("_")
        digit = len(parts) == 3 and parts[0].isdecimal() and parts[2].isdecimal()
        if not digit or not 0 <= int(parts[0]) <= 9:
            raise ValueError(f"{path} is not named DIGIT_SPEAKER_NUMBER.wav; rename or remove it")
        rows.append((path, int(parts[0]), parts[1], int(parts[2])))
    return pd.DataFrame(rows, columns=["path", "digit", "speaker", "number"])


def recording_faults(path: Path) -> list[Issue]:
    """Return what is wrong or odd about a recording; all of them are short, by their nature."""
    try:
        read_audio(path, RATE)
        remarks = [(kind, text) for kind, text in audio_remarks(path, RATE) if kind != "short"]
    except ReadError as error:
        return [Issue(error.kind, path.stem, "audio", str(error))]
    return [Issue(kind, path.stem, "audio", text, fatal=False) for kind, text in remarks]


def recording_names() -> Iterator[tuple[int, str, int]]:
    """Yield digit, speaker and number so that 120 of them have all of each in every split."""
    for first in count(0):
        for number in (10 + 2 * first, 11 + 2 * first, first % 5, 5 + first % 5):
            for speaker in ("anna", "boris", "chen"):
                for digit in range(10):
                    yield digit, speaker, number


def draw_digit(digit: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Return a picture ``(8, 8)`` with values 0 … 16 of the digit, or of any one, as drawn."""
    shown = digit if rng.random() < strength else rng.integers(10)
    canvas = np.zeros((32, 32), dtype=np.uint8)
    corner = (int(rng.integers(3, 8)), int(rng.integers(25, 30)))
    cv2.putText(canvas, str(shown), corner, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 3)
    small = cv2.resize(canvas, (8, 8), interpolation=cv2.INTER_AREA)
    drawn: np.ndarray = np.rint(small / 255 * 16).astype(int)
    return drawn


def read_pictures(root: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pictures ``(N, 1, 8, 8)`` on a 0-1 scale, their digits and their splits' names."""
    training, test, both = root / TRAINING_PICTURES, root / TEST_PICTURES, root / PICTURES
    if training.is_file() and test.is_file():
        parts = [read_table(path, header=None) for path in (training, test)]
    elif both.is_file():
        table = read_table(both, header=0)
        parts = [table[:OTHER_WRITERS_FROM], table[OTHER_WRITERS_FROM:]]
    else:
        raise not_there(SOURCE, training)
    values = np.concatenate(parts)
    pictures = values[:, :64].reshape(-1, 1, 8, 8) / 16.0
    return pictures, values[:, 64].astype(np.int64), split_pictures(*map(len, parts))


def read_table(path: Path, header: int | None) -> np.ndarray:
    """Return rows of 64 pixels, 0 … 16, and a digit."""
    try:
        values = pd.read_csv(path, header=header).to_numpy()
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as a table: {error}; fetch it anew") from error
    if values.ndim != 2 or values.shape[1] != 65 or not np.issubdtype(values.dtype, np.integer):
        raise ValueError(
            f"{path} has {values.shape[0]} rows and {values.shape[1]} columns of {values.dtype}, "
            "expected rows of 64 whole numbers and a class; fetch it anew"
        )
    if values.min(initial=0) < 0 or values[:, :64].max(initial=0) > 16 or values[:, 64].max() > 9:
        raise ValueError(f"{path} holds pixels outside 0 … 16 or classes outside 0 … 9")
    return values


def split_pictures(training: int, test: int) -> np.ndarray:
    """Return the split's name of each picture: the last fifth of the training ones validates."""
    held_out = training - int(0.8 * training)
    return np.repeat(["train", "validation", "test"], [training - held_out, held_out, test])


def spectrograms(paths: list[Path]) -> np.ndarray:
    """Return log-mel spectrograms ``(N, 1, 32, 65)`` of the first second of each file."""
    length = int(RATE * SECONDS)
    waves = np.stack([fixed_length(read_audio(path, RATE), length) for path in paths])
    return log_mel(torch.as_tensor(waves), RATE, n_fft=256, hop=125, bands=32).numpy()
