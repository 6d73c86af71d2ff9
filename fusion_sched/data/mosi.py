"""CMU-MOSI and CMU-MOSEI: what people say of films and products, in words, voice and face.

Zadeh et al. 2016, "MOSI: Multimodal Corpus of Sentiment Intensity and Subjectivity Analysis in
Online Opinion Videos"; Zadeh et al. 2018, "Multimodal Language Analysis in the Wild: CMU-MOSEI
Dataset and Interpretable Dynamic Fusion Graph". Both as features, in the files of MMSA.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fusion_sched.data.clips.audio_visual import check_choice
from fusion_sched.data.clips.check import count_classes
from fusion_sched.data.clips.imitation import SampleSpec
from fusion_sched.data.clips.source import Source, not_there
from fusion_sched.data.clips.types import Report
from fusion_sched.data.mosi_features import RULES, list_features, load_features
from fusion_sched.data.mosi_sample import write_features
from fusion_sched.types import Splits

LAYOUT = (
    "Processed/aligned_50.pkl    (each word with the sound and pictures it was said in)",
    "Processed/unaligned_50.pkl  (only for dataset.alignment=unaligned)",
)
ADDRESS = "https://github.com/thuiar/MMSA"
HOW = "Follow the links in MMSA's readme file, and set dataset.root to the folder of the dataset."
LICENCE = "none is named with the features; the videos are of their authors"
ALIGNMENTS = ("aligned", "unaligned")


@dataclass(frozen=True)
class MOSI:
    """Modalities ``text``, ``audio`` and ``vision``, each ``(frames, features)``; two classes.

    ``alignment``: ``"aligned"`` (50 frames, one a word) or ``"unaligned"`` (more frames of sound
    and face). ``binary``: ``"negative_nonnegative"`` (a score of 0 counts as nonnegative; papers
    call it Has0) or ``"negative_positive"`` (samples of score 0 are left out of every split; Non0):
    results by the two are not comparable. ``standardise`` takes out each feature's mean and
    deviation over the training frames. Frames of zeros are padding and stay zeros. Audio values of
    minus infinity become 0, as in MMSA's own loader; the trace says how many.
    """

    root: str
    alignment: str = "aligned"
    binary: str = "negative_nonnegative"
    standardise: bool = True

    source: ClassVar[Source] = Source(
        name="mosi",
        title="CMU-MOSI",
        modalities=("text", "audio", "vision"),
        address=ADDRESS,
        size="some 0.4 GB aligned",
        licence=LICENCE,
        layout=LAYOUT,
        how=HOW,
        counts={"negative_nonnegative": {"train": 1284, "validation": 229, "test": 686}},
    )

    def __post_init__(self) -> None:
        check_choice("alignment", self.alignment, ALIGNMENTS)
        check_choice("binary", self.binary, list(RULES))

    def load(self) -> Splits:
        """Return the splits; for errors see ``load_features``."""
        path = features_file(self.source, self.root, self.alignment)
        return load_features(path, self.binary, self.standardise)

    def check(self) -> Report:
        """Read everything and report what is wrong or odd."""
        path = features_file(self.source, self.root, self.alignment)
        return report(self.source, path, self.binary)

    @staticmethod
    def write_sample(out: Path, plan: SampleSpec) -> None:
        """Write an imitation with features of MOSI's sizes."""
        write_features(out, plan, {"text": 768, "audio": 5, "vision": 20}, audio_frames=375)


@dataclass(frozen=True)
class MOSEI:
    """As ``MOSI`` in everything, with more than ten times the samples.

    The aligned features are 4 GB in memory, and twice that while they are read.
    """

    root: str
    alignment: str = "aligned"
    binary: str = "negative_nonnegative"
    standardise: bool = True

    source: ClassVar[Source] = Source(
        name="mosei",
        title="CMU-MOSEI",
        modalities=("text", "audio", "vision"),
        address=ADDRESS,
        size="some 4 GB aligned",
        licence=LICENCE,
        layout=LAYOUT,
        how=HOW,
        counts={"negative_nonnegative": {"train": 16326, "validation": 1871, "test": 4659}},
    )

    def __post_init__(self) -> None:
        check_choice("alignment", self.alignment, ALIGNMENTS)
        check_choice("binary", self.binary, list(RULES))

    def load(self) -> Splits:
        """Return the splits; for errors see ``load_features``."""
        path = features_file(self.source, self.root, self.alignment)
        return load_features(path, self.binary, self.standardise)

    def check(self) -> Report:
        """Read everything and report what is wrong or odd."""
        path = features_file(self.source, self.root, self.alignment)
        return report(self.source, path, self.binary)

    @staticmethod
    def write_sample(out: Path, plan: SampleSpec) -> None:
        """Write an imitation with features of MOSEI's sizes."""
        write_features(out, plan, {"text": 768, "audio": 74, "vision": 35}, audio_frames=500)


def features_file(source: Source, root: str, alignment: str) -> Path:
    """Return the file of features, or raise ``FileNotFoundError`` with where to get it."""
    path = Path(root) / "Processed" / f"{alignment}_50.pkl"
    if not path.is_file():
        raise not_there(source, path)
    return path


def report(source: Source, path: Path, binary: str) -> Report:
    """Return the report on a file of features."""
    listing = list_features(path, binary)
    return Report(count_classes(listing), listing.faults, source.counts.get(binary, {}))
