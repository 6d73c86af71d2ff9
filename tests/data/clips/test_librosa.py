"""Spectrograms against librosa's, which the published code uses."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fusion_sched.data.clips.audio import log_spectrogram, read_audio

pytestmark = pytest.mark.oracle
librosa = pytest.importorskip("librosa")

RECORDINGS = Path(__file__).parents[4] / "shared" / "data" / "fsdd" / "recordings"


def published(wave: np.ndarray, hop: int, centre: bool) -> np.ndarray:
    """Return what OGM-GE's loader of CREMA-D computes."""
    stft = librosa.stft(wave, n_fft=512, hop_length=hop, center=centre, pad_mode="constant")
    return np.log(np.abs(stft) + 1e-7)


def ours(wave: np.ndarray, hop: int, centre: bool) -> np.ndarray:
    return log_spectrogram(torch.as_tensor(wave)[None], 512, hop, centre)[0].numpy()


@pytest.mark.parametrize(("hop", "centre", "samples"), [(353, True, 66150), (159, False, 160000)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_chirp_in_noise_and_silence(hop: int, centre: bool, samples: int, dtype: str) -> None:
    time = np.arange(samples) / 22050
    wave = 0.5 * np.sin(2 * np.pi * (100 * time + 1500 * time**2))
    wave += np.random.default_rng(0).normal(0, 0.01, samples)
    wave[samples // 2 :] *= 1e-4  # bins of all sizes, down to below the 1e-7
    wave[-samples // 8 :] = 0
    expected = published(wave.astype(dtype), hop, centre)
    np.testing.assert_allclose(ours(wave.astype(dtype), hop, centre), expected, atol=1e-4)


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"no recordings in {RECORDINGS}")
def test_real_speech() -> None:
    for path in sorted(RECORDINGS.glob("*.wav"))[::300]:
        wave = np.clip(np.resize(read_audio(path, 22050), 66150), -1, 1)
        expected = published(wave, 353, True)
        assert expected.shape == (257, 188)
        np.testing.assert_allclose(ours(wave, 353, True), expected, atol=1e-4)
