"""Real audio-visual digits: spoken digits and handwritten digits of the same class.

Sources: Free Spoken Digit Dataset (3,000 recordings, 6 speakers, 8 kHz, CC BY-SA 4.0) and Optical
Recognition of Handwritten Digits (UCI: 5,620 pictures of 8 × 8, the last 1,797 by 13 writers who
wrote none of the others).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch

from fusion_sched.data.clips.audio import audio_warnings, log_mel, padded, read_audio
from fusion_sched.data.clips.source import Download, Source, not_there
from fusion_sched.data.clips.types import Issue, ReadError, Report
from fusion_sched.data.folds import Folded, fold_splits
from fusion_sched.data.listed import check_choice
from fusion_sched.data.memory import SPLIT_NAMES, splits_from_arrays
from fusion_sched.data.samples.digits import write_avdigits
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.types import Splits

RATE = 8000
SECONDS = 1.0
OTHER_WRITERS_FROM = 3823
"""First picture by the writers who are kept for test, where one file holds all pictures."""
RECORDINGS = Path("fsdd", "recordings")
PICTURES = Path("optdigits", "optdigits.csv")
TRAINING_PICTURES = Path("optdigits", "optdigits.tra")
TEST_PICTURES = Path("optdigits", "optdigits.tes")
SPOKEN = "https://github.com/Jakobovski/free-spoken-digit-dataset"
WRITTEN = "https://archive.ics.uci.edu/ml/machine-learning-databases/optdigits"
# The checksums are those that others have recorded for these files.
SHA256 = {
    TRAINING_PICTURES: "e1b683cc211604fe8fd8c4417e6a69f31380e0c61d4af22e93cc21e9257ffedd",
    TEST_PICTURES: "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8",
}

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
    downloads=[
        Download(
            f"{SPOKEN}/archive/refs/tags/v1.0.10.zip",
            "c680098f5d2355ba7cc4bd8b0ca9e0a24c00ebe3b4c552208889a4d28d4fbc2b",
            str(RECORDINGS),
            member="free-spoken-digit-dataset-1.0.10/recordings",
        ),
        *(Download(f"{WRITTEN}/{path.name}", sha256, str(path)) for path, sha256 in SHA256.items()),
    ],
)


@dataclass(frozen=True)
class AVDigits(Folded):
    """Each recording with a picture of the same digit, paired inside the splits.

    Modalities: `audio` (1, 32, 65), a standardised log-mel spectrogram of one second, and `image`
    (1, 8, 8). Pictures for test are from writers of their own, those for validation the last fifth
    of the other writers' pictures.

    Parameters
    ----------
    root : folder of the dataset
    preset : `"balanced"`: every speaker in every split (recordings 0-4 of each speaker and digit
        are test, as its authors propose, 5-9 validation): both modalities are good;
        `"imbalanced"`: one speaker is held out for validation and one for test: the voice is much
        the harder modality
    split_seed : seed that chooses those speakers and pairs recordings with pictures
    """

    root: str
    preset: str = "balanced"
    split_seed: int = 0
    source: ClassVar[Source] = SOURCE

    def __post_init__(self) -> None:
        check_choice("preset", self.preset, ("balanced", "imbalanced"))

    def load(self) -> Splits:
        """Read, split and pair.

        Raises
        ------
        FileNotFoundError
            The recordings or pictures are not under `root`.
        ValueError
            A recording whose name or content is not what the dataset's are.
        """
        clips = list_recordings(Path(self.root))
        pictures, picture_labels, written_split = read_written_digits(Path(self.root))
        split, facts = self.split_of(clips)
        if self.folded:  # pictures have folds of their own, so that none is in two splits
            assert self.fold is not None, "split_of has asked for it"
            written_split = fold_splits(picture_labels, self.folds, self.fold, seed=self.split_seed)
        labels = clips["digit"].to_numpy()
        rng = np.random.default_rng(self.split_seed)
        chosen = np.empty(len(clips), dtype=np.int64)
        for name in SPLIT_NAMES:
            for digit in range(10):
                to_pair = np.flatnonzero((split == name) & (labels == digit))
                pool = np.flatnonzero((written_split == name) & (picture_labels == digit))
                if len(to_pair) and not len(pool):
                    raise ValueError(f"no picture of a {digit} in {name}; fetch optdigits again")
                chosen[to_pair] = np.resize(rng.permutation(pool), len(to_pair))
        index = {name: np.flatnonzero(split == name) for name in SPLIT_NAMES}
        for name in SPLIT_NAMES:
            if not len(index[name]):
                raise ValueError(
                    f"no recording in {name}: {len(clips)} recordings in {self.root}, expected "
                    "numbers below 5, from 5 to 9 and above (preset=balanced)"
                )
        audio = _spectrograms([Path(p) for p in clips["path"]])
        audio = (audio - audio[index["train"]].mean()) / audio[index["train"]].std()
        inputs = {"audio": audio, "image": pictures[chosen]}
        return splits_from_arrays(inputs, labels, index, [str(d) for d in range(10)], facts)

    def check(self) -> Report:
        """Read every recording and picture."""
        clips = list_recordings(Path(self.root))
        read_written_digits(Path(self.root))
        split, _ = self.split_of(clips)
        counts = {
            name: {str(d): int(((split == name) & (clips["digit"] == d)).sum()) for d in range(10)}
            for name in SPLIT_NAMES
        }
        issues = [issue for path in clips["path"] for issue in _recording_issues(path)]
        complete = sum(map(sum, (c.values() for c in counts.values()))) == 3000
        known = self.preset if complete and not self.folded and self.preset in SOURCE.counts else ""
        return Report(counts, issues, SOURCE.counts.get(known, {}), known)

    @staticmethod
    def write_sample(out: Path, spec: SampleSpec) -> None:
        """Write sample data: spoken and written digits of three speakers."""
        write_avdigits(out, spec, RATE, RECORDINGS, (TRAINING_PICTURES, TEST_PICTURES))

    def split_of(self, clips: pd.DataFrame) -> tuple[np.ndarray, dict[str, Any]]:
        """Return the split of each recording `(N,)`, and facts for the trace."""
        if self.folded:
            names = np.array([path.name for path in clips["path"]])
            return self.draw_fold(
                clips["digit"].to_numpy(), {"names": names},
                groups={"speaker": clips["speaker"].to_numpy(dtype=str)}, published=True,
            )  # fmt: skip
        if self.preset == "balanced":
            number = clips["number"].to_numpy()
            return np.where(number < 5, "test", np.where(number < 10, "validation", "train")), {}
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
        ), {}


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


def _recording_issues(path: Path) -> list[Issue]:
    """Return what is wrong or odd about a recording; all of them are short, by their nature."""
    try:
        read_audio(path, RATE)
        warnings = [(kind, text) for kind, text in audio_warnings(path, RATE) if kind != "short"]
    except ReadError as error:
        return [Issue(error.kind, path.stem, "audio", str(error))]
    return [Issue(kind, path.stem, "audio", text, fatal=False) for kind, text in warnings]


def read_written_digits(root: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pictures `(N, 1, 8, 8)` on a 0-1 scale, their digits and their splits' names."""
    training, test, both = root / TRAINING_PICTURES, root / TEST_PICTURES, root / PICTURES
    if training.is_file() and test.is_file():
        parts = [_read_table(path, header=None) for path in (training, test)]
    elif both.is_file():
        table = _read_table(both, header=0)
        parts = [table[:OTHER_WRITERS_FROM], table[OTHER_WRITERS_FROM:]]
    else:
        raise not_there(SOURCE, training)
    values = np.concatenate(parts)
    pictures = values[:, :64].reshape(-1, 1, 8, 8) / 16.0
    return pictures, values[:, 64].astype(np.int64), _split_pictures(*map(len, parts))


def _read_table(path: Path, header: int | None) -> np.ndarray:
    """Return rows of 64 pixels, 0 … 16, and a digit."""
    try:
        values = pd.read_csv(path, header=header).to_numpy()
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as a table: {error}; fetch it again") from error
    if values.ndim != 2 or values.shape[1] != 65 or not np.issubdtype(values.dtype, np.integer):
        raise ValueError(
            f"{path} has {values.shape[0]} rows and {values.shape[1]} columns of {values.dtype}, "
            "expected rows of 64 whole numbers and a class; fetch it again"
        )
    if values.min(initial=0) < 0 or values[:, :64].max(initial=0) > 16 or values[:, 64].max() > 9:
        raise ValueError(f"{path} holds pixels outside 0 … 16 or classes outside 0 … 9")
    return values


def _split_pictures(training: int, test: int) -> np.ndarray:
    """Return the split's name of each picture: the last fifth of the training ones validates."""
    held_out = training - int(0.8 * training)
    return np.repeat(["train", "validation", "test"], [training - held_out, held_out, test])


def _spectrograms(paths: list[Path]) -> np.ndarray:
    """Return log-mel spectrograms `(N, 1, 32, 65)` of the first second of each file."""
    length = int(RATE * SECONDS)
    waves = np.stack([padded(read_audio(path, RATE), length) for path in paths])
    return log_mel(torch.as_tensor(waves), RATE, n_fft=256, hop=125, bands=32).numpy()
