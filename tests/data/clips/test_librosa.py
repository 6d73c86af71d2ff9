"""Spectrograms against librosa's, which the published code uses.

Librosa compiles numba functions, up to 40 s of CPU time. Therefore `librosa.npy` keeps some bins of
what librosa 0.11.0 computed, written by `python -m tests.data.clips.test_librosa`, and librosa
itself is called only where `SLOW_ORACLES=1` is set.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from fusion_sched.data.clips.audio import log_spectrogram, read_audio

REFERENCE = Path(__file__).parent / "librosa.npy"
RECORDINGS = Path(__file__).parents[4] / "shared" / "data" / "fsdd" / "recordings"
CASES = [
    (hop, centre, samples, dtype)
    for hop, centre, samples in [(353, True, 66150), (159, False, 160000)]
    for dtype in ("float32", "float64")
]
Case = tuple[int, bool, int, str]

calls_librosa = pytest.mark.skipif(
    os.environ.get("SLOW_ORACLES") != "1", reason="set SLOW_ORACLES=1 to call librosa"
)


def published(wave: np.ndarray, hop: int, centre: bool) -> np.ndarray:
    """Return what OGM-GE's loader of CREMA-D computes."""
    librosa = pytest.importorskip("librosa", reason="needs the extra `oracles`")
    stft = librosa.stft(wave, n_fft=512, hop_length=hop, center=centre, pad_mode="constant")
    return np.log(np.abs(stft) + 1e-7)


def ours(wave: np.ndarray, hop: int, centre: bool) -> np.ndarray:
    return log_spectrogram(torch.as_tensor(wave)[None], 512, hop, centre)[0].numpy()


def chirp_in_noise_and_silence(samples: int, dtype: str) -> np.ndarray:
    time = np.arange(samples) / 22050
    wave = 0.5 * np.sin(2 * np.pi * (100 * time + 1500 * time**2))
    wave += np.random.default_rng(0).normal(0, 0.01, samples)
    wave[samples // 2 :] *= 1e-4  # bins of all sizes, down to below the 1e-7
    wave[-samples // 8 :] = 0
    return wave.astype(dtype)


def some_bins(spectrogram: np.ndarray) -> np.ndarray:
    """Every second frequency of eight frames, the first and the last among them."""
    frames = np.linspace(0, spectrogram.shape[1] - 1, 8).round().astype(int)
    return spectrogram[::2, frames].astype(np.float32)


@pytest.mark.parametrize(("number", "case"), list(enumerate(CASES)), ids=str)
def test_chirp_in_noise_and_silence(number: int, case: Case) -> None:
    hop, centre, samples, dtype = case
    computed = some_bins(ours(chirp_in_noise_and_silence(samples, dtype), hop, centre))
    np.testing.assert_allclose(computed, np.load(REFERENCE)[number], atol=1e-4)


def published_bins() -> np.ndarray:
    """Shape `(cases, frequencies, frames)`."""
    return np.stack([
        some_bins(published(chirp_in_noise_and_silence(samples, dtype), hop, centre))
        for hop, centre, samples, dtype in CASES
    ])  # fmt: skip


@calls_librosa
@pytest.mark.oracle
def test_the_kept_bins_are_librosas() -> None:
    np.testing.assert_allclose(published_bins(), np.load(REFERENCE), atol=1e-5)


@calls_librosa
@pytest.mark.oracle
@pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"no recordings in {RECORDINGS}")
def test_real_speech() -> None:
    for path in sorted(RECORDINGS.glob("*.wav"))[::300]:
        wave = np.clip(np.resize(read_audio(path, 22050), 66150), -1, 1)
        expected = published(wave, 353, True)
        assert expected.shape == (257, 188)
        np.testing.assert_allclose(ours(wave, 353, True), expected, atol=1e-4)


if __name__ == "__main__":
    np.save(REFERENCE, published_bins())
