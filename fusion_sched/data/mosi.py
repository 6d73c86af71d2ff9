"""CMU-MOSI and CMU-MOSEI: what people say of films and products, in words, voice and face.

Zadeh et al. 2016, "MOSI: Multimodal Corpus of Sentiment Intensity and Subjectivity Analysis in
Online Opinion Videos"; Zadeh et al. 2018, "Multimodal Language Analysis in the Wild: CMU-MOSEI
Dataset and Interpretable Dynamic Fusion Graph". Both as features, in the files of MMSA.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fusion_sched.data.clips.check import count_classes
from fusion_sched.data.clips.source import Source, not_there
from fusion_sched.data.clips.types import Report
from fusion_sched.data.folds import Folded
from fusion_sched.data.listed import check_choice
from fusion_sched.data.mosi_features import RULES, list_features, load_features
from fusion_sched.data.samples.mosi import write_features
from fusion_sched.data.samples.spec import SampleSpec
from fusion_sched.types import Splits

__all__ = ["MOSEI", "MOSI"]


def _source(name: str, title: str, size: str, counts: dict[str, int]) -> Source:
    return Source(
        name=name,
        title=title,
        modalities=("text", "audio", "vision"),
        address="https://github.com/thuiar/MMSA",
        size=size,
        licence="none is named with the features; the videos are of their authors",
        layout=(
            "Processed/aligned_50.pkl    (each word with the sound and pictures it was said in)",
            "Processed/unaligned_50.pkl  (only for dataset.alignment=unaligned)",
        ),
        how="Follow the links in MMSA's readme file, and set dataset.root to the folder of the "
        "dataset.",
        counts={"negative_nonnegative": counts},
    )


@dataclass(frozen=True)
class MOSI(Folded):
    """Modalities `text`, `audio` and `vision`, each `(frames, features)`; two classes.

    Frames of zeros are padding and stay zeros. Audio values of minus infinity become 0, as in
    MMSA's own loader; the trace says how many.

    Parameters
    ----------
    root : folder of the dataset
    alignment : `"aligned"` (50 frames, one a word) or `"unaligned"` (more frames of sound and face)
    binary : `"negative_nonnegative"` (a score of 0 counts as nonnegative; papers call it Has0) or
        `"negative_positive"` (samples of score 0 are left out of every split; Non0): results by
        the two are not comparable
    standardise : take out each feature's mean and deviation over the training frames
    """

    root: str
    alignment: str = "aligned"
    binary: str = "negative_nonnegative"
    standardise: bool = True

    source: ClassVar[Source] = _source(
        "mosi", "CMU-MOSI", "some 0.4 GB aligned", {"train": 1284, "validation": 229, "test": 686}
    )

    def __post_init__(self) -> None:
        check_choice("alignment", self.alignment, ("aligned", "unaligned"))
        check_choice("binary", self.binary, RULES)

    def load(self) -> Splits:
        return load_features(self._file, self.binary, self.standardise, self)

    def check(self) -> Report:
        """Read everything and report what is wrong or odd."""
        listing = list_features(self._file, self.binary, self)
        known = {} if self.folded else self.source.counts.get(self.binary, {})
        return Report(count_classes(listing), listing.issues, known)

    @staticmethod
    def write_sample(out: Path, spec: SampleSpec) -> None:
        """Write sample data with features of MOSI's sizes."""
        write_features(out, spec, {"text": 768, "audio": 5, "vision": 20}, audio_frames=375)

    @property
    def _file(self) -> Path:
        """The file of features; `FileNotFoundError` with where to get it."""
        path = Path(self.root) / "Processed" / f"{self.alignment}_50.pkl"
        if not path.is_file():
            raise not_there(self.source, path)
        return path


@dataclass(frozen=True)
class MOSEI(MOSI):
    """As `MOSI` in everything, with more than ten times the samples.

    The aligned features are 4 GB in memory, and twice that while they are read.
    """

    source: ClassVar[Source] = _source(
        "mosei", "CMU-MOSEI", "some 4 GB aligned",
        {"train": 16326, "validation": 1871, "test": 4659},
    )  # fmt: skip

    @staticmethod
    def write_sample(out: Path, spec: SampleSpec) -> None:
        """Write sample data with features of MOSEI's sizes."""
        write_features(out, spec, {"text": 768, "audio": 74, "vision": 35}, audio_frames=500)
