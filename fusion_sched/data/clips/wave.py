"""Sound as a wave, for networks that take it as it is."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from fusion_sched.data.clips.audio import padded, read_audio, sound_issues
from fusion_sched.data.clips.spectrogram import LONGEST_SECONDS
from fusion_sched.data.clips.types import Clip, Issue, Views


@dataclass(frozen=True)
class Wave:
    """`seconds` of sound `(1, samples)`, mono at `rate` Hz, from the file `clip.files[name]`.

    `short`: `"tile"` repeats a shorter sound, `"silence"` pads it at its end. `standardise` takes
    out the clip's own mean and divides by its deviation.
    """

    name: str = "audio"
    rate: int = 16000
    seconds: float = 3.0
    short: str = "tile"
    standardise: bool = True

    dtype: ClassVar[str] = "float32"
    jpeg: ClassVar[bool] = False
    augmented: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.short not in ("tile", "silence"):
            raise ValueError(f"short is {self.short!r}, expected 'tile' or 'silence'")
        if self.rate < 1 or not 1 / self.rate <= self.seconds <= LONGEST_SECONDS:
            raise ValueError(
                f"rate is {self.rate} and seconds {self.seconds:g}, expected at least one sample "
                f"and at most {LONGEST_SECONDS} s: a clip is held in memory"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """(1, samples)."""
        return (1, round(self.seconds * self.rate))

    stored_shape = shape

    def read(self, clip: Clip) -> np.ndarray:
        """Return the wave; raise `ReadError` as `read_audio` does."""
        wave = read_audio(clip.files[self.name], self.rate, clip.start, clip.seconds)
        lengthen = np.resize if self.short == "tile" else padded
        wave = lengthen(wave, self.shape[1])
        if self.standardise:
            wave = (wave - wave.mean()) / (wave.std() + 1e-7)
        return wave[None]

    def warnings(self, clip: Clip) -> list[Issue]:
        """Say where the sound is silent, short, cut, stereo, upsampled or 8-bit."""
        return sound_issues(clip, self.name, self.rate, self.seconds)

    def finish(self, values: Tensor) -> Tensor:
        return values.to(torch.float32)

    def augment(self, values: Tensor, views: Views) -> Tensor:
        return values
