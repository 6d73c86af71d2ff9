"""What datasets of ten-second videos with sound share: AVE, Kinetics-Sounds and VGGSound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fusion_sched.data.clips.frames import Frames
from fusion_sched.data.clips.spectrogram import Spectrogram
from fusion_sched.data.clips.types import Clip, Issue, Listing, Modality
from fusion_sched.data.listed import (
    ListedDataset,
    check_choice,
    check_pattern,
    draw_validation,
    keep_present,
)

__all__ = ["OnlineVideos", "VideoDataset"]


@dataclass(frozen=True)
class VideoDataset(ListedDataset):
    """Modalities `audio` (1, 257, 1004) and `visual` (frames, 3, size, size).

    Audio: ten seconds at 16 kHz, windows of 512 samples every 159 without padding, repeated where
    it is shorter and standardised per clip, as OGM-GE (Peng et al., CVPR 2022) prepares it; there
    it is the logarithm of power, with a higher floor, here that of magnitude. Pictures are spread
    over the clip.

    Parameters
    ----------
    audio_files, visual_files : patterns of paths under `root`, with the fields of `example` in
        braces: of the videos themselves, or of what was extracted from them, such as
        `audio/{video}.wav` and a folder of frames `frames/{video}`
    rate : samples of sound per second
    seconds : length of a clip
    n_fft, hop : samples of a window, and from one window to the next
    standardise : give each spectrogram mean 0 and deviation 1
    frames, size : pictures of a clip, and pixels a side
    frame_encoding : `"raw"`, or `"jpeg"` to have the store keep pictures as JPEG
    """

    audio_files: str = "{video}.mp4"
    visual_files: str = "{video}.mp4"
    rate: int = 16000
    seconds: float = 10.0
    n_fft: int = 512
    hop: int = 159
    standardise: bool = True
    frames: int = 3
    size: int = 224
    frame_encoding: str = "raw"

    grouped_by: ClassVar[str] = "video"
    example: ClassVar[Mapping[str, object]]
    """The fields of a path, with values of one clip."""

    def __post_init__(self) -> None:
        check_pattern("audio_files", self.audio_files, self.example)
        check_pattern("visual_files", self.visual_files, self.example)

    def files(self, **fields: object) -> dict[str, Path]:
        """Return the two files of the clip that has these fields."""
        audio = Path(self.root) / self.audio_files.format(**fields)
        if self.visual_files == self.audio_files:  # one object: VGGSound has 200,000 clips
            return {"audio": audio, "visual": audio}
        return {"audio": audio, "visual": Path(self.root) / self.visual_files.format(**fields)}

    def readers(self, listing: Listing) -> dict[str, Modality]:
        audio = Spectrogram(
            name="audio", rate=self.rate, seconds=self.seconds, n_fft=self.n_fft, hop=self.hop,
            standardise=self.standardise, centre=False, short="tile",
        )  # fmt: skip
        visual = Frames(
            name="visual", count=self.frames, size=self.size, encoding=self.frame_encoding
        )
        return {"audio": audio, "visual": visual}


@dataclass(frozen=True)
class OnlineVideos(VideoDataset):
    """Videos that everybody has to fetch, of which some are online no longer.

    Parameters
    ----------
    listed : `"all"`: each listed clip that is not on disk is an error; `"present"`: they are left
        out before validation is drawn, and counted in a message
    validation : share of the training clips that is kept for validation, stratified
    split_seed : seed that draws it
    """

    listed: str = "all"
    validation: float = 0.1
    split_seed: int = 0

    training_list: ClassVar[str]

    def __post_init__(self) -> None:
        check_choice("listed", self.listed, ("all", "present"))
        super().__post_init__()

    def select(
        self, clips: Sequence[Clip], classes: Sequence[str]
    ) -> tuple[Sequence[Clip], Sequence[Issue]]:
        """Leave out what is not on disk, where that is asked for, and draw validation."""
        issues: Sequence[Issue] = []
        if self.listed == "present":
            clips, issues = keep_present(self.source, clips)
        name = self.training_list
        return draw_validation(name, clips, self.validation, self.split_seed), issues
