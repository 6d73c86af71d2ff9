"""Sound as a log spectrogram."""

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fusion_sched.data.clips.audio import (
    log_mel,
    log_spectrogram,
    padded,
    read_audio,
    sound_issues,
)
from fusion_sched.data.clips.types import Clip, Issue, Views

LONGEST_SECONDS = 3600


@dataclass(frozen=True)
class Spectrogram:
    """log(|STFT| + 1e-7) of `seconds` of sound, from the file `clip.files[name]`.

    The clip's wave, mono at `rate` Hz, is made `seconds` long (`short="tile"` repeats a
    shorter one, as OGM-GE's recipe for CREMA-D does, `"silence"` pads it at its end) and clipped
    to [-1, 1]. `centre`: frames centred on their time, with zeros before and behind the wave.
    `size`: (height, width) to resize the spectrogram to, bilinear with anti-aliasing, as
    torchvision's `Resize` does with tensors. `standardise` then takes out the clip's own mean
    and divides by its deviation + 1e-7. With `bands` it is `log_mel` instead. Stored as float16:
    values lie in [-17, 7], and are off by at most 0.008.
    """

    name: str = "audio"
    rate: int = 22050
    seconds: float = 3.0
    n_fft: int = 512
    hop: int = 353
    size: tuple[int, int] | None = None
    standardise: bool = False
    centre: bool = True
    short: str = "tile"
    bands: int | None = None

    dtype: ClassVar[str] = "float16"
    jpeg: ClassVar[bool] = False
    augmented: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.short not in ("tile", "silence"):
            raise ValueError(f"short is {self.short!r}, expected 'tile' or 'silence'")
        if self.bands is not None and (self.bands < 1 or not self.centre):
            raise ValueError(
                f"bands is {self.bands} with centre={self.centre}, expected 1 or more, and "
                "centred frames"
            )
        if min(self.rate, self.hop) < 1 or self.n_fft < 2:
            raise ValueError(
                f"rate, n_fft and hop are {self.rate}, {self.n_fft} and {self.hop}, expected at "
                "least 1, 2 and 1"
            )
        if not self.seconds <= LONGEST_SECONDS:
            raise ValueError(
                f"seconds is {self.seconds:g}, expected at most {LONGEST_SECONDS}: a clip is held "
                "in memory"
            )
        if self.samples < self.n_fft:
            raise ValueError(
                f"{self.seconds:g} s at {self.rate} Hz are {self.samples} samples, expected at "
                f"least n_fft = {self.n_fft}"
            )

    def __repr__(self) -> str:
        # `bands` came later: without it, a store keeps the name that it had.
        given = [f.name for f in fields(self) if f.name != "bands" or self.bands is not None]
        return f"Spectrogram({', '.join(f'{name}={getattr(self, name)!r}' for name in given)})"

    @property
    def samples(self) -> int:
        """Length of the wave."""
        return round(self.seconds * self.rate)

    @property
    def shape(self) -> tuple[int, ...]:
        """(1, bands, frames)."""
        if self.size is not None:
            return (1, *self.size)
        outside = 0 if self.centre else self.n_fft
        return (1, self.bands or self.n_fft // 2 + 1, 1 + (self.samples - outside) // self.hop)

    stored_shape = shape

    def read(self, clip: Clip) -> np.ndarray:
        """Return the spectrogram; raise `ReadError` as `read_audio` does."""
        wave = read_audio(clip.files[self.name], self.rate, clip.start, clip.seconds)
        lengthen = np.resize if self.short == "tile" else padded
        wave = np.clip(lengthen(wave, self.samples), -1, 1)
        # float64 to the end: what is divided by a silent clip's 1e-7 must be 0, not rounding.
        waves = torch.as_tensor(wave, dtype=torch.float64)[None]
        if self.bands is None:
            spectrum = log_spectrogram(waves, self.n_fft, self.hop, self.centre)
        else:
            spectrum = log_mel(waves.float(), self.rate, self.n_fft, self.hop, self.bands)[0]
        if self.size is not None:
            spectrum = interpolate(
                spectrum[None], size=list(self.size), mode="bilinear", antialias=True
            )[0]
        if self.standardise:
            spectrum = (spectrum - spectrum.mean()) / (spectrum.std() + 1e-7)
        return spectrum.numpy().astype(np.float16)

    def warnings(self, clip: Clip) -> list[Issue]:
        """Say where the sound is silent, short, cut, stereo, upsampled or 8-bit."""
        return sound_issues(clip, self.name, self.rate, self.seconds)

    def finish(self, values: Tensor) -> Tensor:
        return values.to(torch.float32)

    def augment(self, values: Tensor, views: Views) -> Tensor:
        """Return the spectrograms as they are: a crop would cut pitch and time."""
        return values
