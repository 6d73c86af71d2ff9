"""Audio files to mono waves, and waves to log-mel spectrograms."""

from math import gcd
from pathlib import Path

import numpy as np
import soundfile
import torch
from scipy.signal import resample_poly
from torch import Tensor


def read_audio(path: Path, rate: int) -> np.ndarray:
    """Return a mono wave, float32 in [-1, 1], at ``rate`` Hz.

    Raises:
        ValueError: a file that cannot be decoded, or that holds no sample.
    """
    try:
        wave, found = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{path} cannot be read as audio: {error}; fetch the file anew") from error
    if len(wave) == 0:
        raise ValueError(f"{path} holds no audio sample, expected at least one; fetch it anew")
    mono = wave.mean(axis=1)
    if found != rate:
        common = gcd(found, rate)
        mono = resample_poly(mono, rate // common, found // common)
    return np.asarray(mono, dtype=np.float32)


def fixed_length(wave: np.ndarray, samples: int) -> np.ndarray:
    """Return the wave cut, or padded with silence at its end, to ``samples`` samples."""
    return np.pad(wave[:samples], (0, max(samples - len(wave), 0)))


def mel_filters(rate: int, n_fft: int, bands: int) -> Tensor:
    """Return triangular filters ``(bands, n_fft // 2 + 1)``, evenly spaced on the mel scale.

    mel = 2595 log10(1 + f / 700), f in Hz (O'Shaughnessy 1987), from 0 Hz to half the rate.
    """
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    frequencies = np.linspace(0, rate / 2, n_fft // 2 + 1)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    return torch.as_tensor(np.clip(np.minimum(rising, falling), 0, None), dtype=torch.float32)


def log_mel(waves: Tensor, rate: int, n_fft: int, hop: int, bands: int) -> Tensor:
    """Return natural-log mel magnitudes ``(N, 1, bands, frames)`` of waves ``(N, samples)``."""
    spectrum = torch.stft(
        waves, n_fft, hop, window=torch.hann_window(n_fft), pad_mode="constant", return_complex=True
    )
    mel = mel_filters(rate, n_fft, bands) @ spectrum.abs()
    # 1e-3 of full scale is below 8-bit noise: quieter than that there is nothing to hear.
    return torch.log(mel + 1e-3)[:, None]
