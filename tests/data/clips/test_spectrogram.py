"""Spectrograms of clips: shapes that published networks take, short clips, what is stored."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from fusion_sched.data.clips.spectrogram import Spectrogram
from fusion_sched.data.clips.types import Clip, ReadError
from fusion_sched.data.clips.views import draw_views


def clip_of(path: Path, start: float = 0.0, seconds: float | None = None) -> Clip:
    return Clip("clip", 0, "train", {"audio": path}, start=start, seconds=seconds)


def write_speechlike(path: Path, rate: int, seconds: float) -> np.ndarray:
    """Write a chirp under noise that swells and fades."""
    time = np.arange(round(rate * seconds)) / rate
    noise = np.random.default_rng(0).normal(0, 0.05, len(time))
    wave = np.sin(np.pi * time / seconds) * (0.5 * np.sin(300 * time * (1 + time)) + noise)
    soundfile.write(path, wave, rate, subtype="PCM_16")
    return wave


@pytest.mark.parametrize(
    ("modality", "shape"),
    [
        (Spectrogram(), (1, 257, 188)),
        (Spectrogram(size=(224, 224), standardise=True), (1, 224, 224)),
        (Spectrogram(rate=16000, seconds=10.0, hop=159, centre=False), (1, 257, 1004)),
    ],
    ids=["CREMA-D, OGM-GE", "CREMA-D, resized", "AVE"],
)
def test_shapes_are_the_published_ones(
    tmp_path: Path, modality: Spectrogram, shape: tuple[int, ...]
) -> None:
    write_speechlike(tmp_path / "a.wav", 16000, 2.5)
    value = modality.read(clip_of(tmp_path / "a.wav"))
    assert value.shape == modality.stored_shape == modality.shape == shape
    assert value.dtype == np.dtype(modality.dtype) == np.float16
    assert np.isfinite(value).all()
    finished = modality.finish(torch.as_tensor(value)[None])
    assert finished.dtype == torch.float32
    assert finished.shape == (1, *shape)
    views = draw_views(1, torch.Generator().manual_seed(0))
    assert torch.equal(modality.augment(finished, views), finished)


def test_short_clips_are_repeated_or_followed_by_silence(tmp_path: Path) -> None:
    write_speechlike(tmp_path / "a.wav", 22050, 1.0)
    tiled = Spectrogram(hop=441, centre=False).read(clip_of(tmp_path / "a.wav"))
    np.testing.assert_array_equal(tiled[:, :, :48], tiled[:, :, 50:98])  # one second later
    silent = Spectrogram(hop=441, centre=False, short="silence").read(clip_of(tmp_path / "a.wav"))
    np.testing.assert_array_equal(silent[:, :, :48], tiled[:, :, :48])
    np.testing.assert_allclose(silent[:, :, 51:], np.log(1e-7), atol=0.01)


def test_a_clip_is_cut_out_of_its_file(tmp_path: Path) -> None:
    wave = write_speechlike(tmp_path / "a.wav", 22050, 3.0)
    soundfile.write(tmp_path / "part.wav", wave[22050:44100], 22050, subtype="PCM_16")
    modality = Spectrogram(seconds=1.0)
    np.testing.assert_array_equal(
        modality.read(clip_of(tmp_path / "a.wav", 1.0, 1.0)),
        modality.read(clip_of(tmp_path / "part.wav")),
    )


def test_standardising_makes_mean_0_and_deviation_1(tmp_path: Path) -> None:
    write_speechlike(tmp_path / "a.wav", 22050, 2.0)
    value = Spectrogram(standardise=True).read(clip_of(tmp_path / "a.wav")).astype(np.float64)
    assert value.mean() == pytest.approx(0, abs=1e-3)
    assert value.std() == pytest.approx(1, abs=1e-3)


def test_half_precision_is_off_by_less_than_a_hundredth(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(22050), 22050)
    loud = np.sign(np.sin(np.arange(66150) * 0.05))
    soundfile.write(tmp_path / "loud.wav", 4 * loud, 22050, subtype="FLOAT")  # is clipped to 1
    silence = Spectrogram().read(clip_of(tmp_path / "silence.wav"))
    np.testing.assert_allclose(silence, np.log(1e-7), atol=0.008)
    assert 4 < Spectrogram().read(clip_of(tmp_path / "loud.wav")).max() < 5.6
    # A silent clip has nothing to divide by.
    flat = Spectrogram(standardise=True).read(clip_of(tmp_path / "silence.wav"))
    np.testing.assert_allclose(flat, 0, atol=1e-3)


def test_damage_and_remarks_name_the_clip(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"absent\.wav does not exist"):
        Spectrogram().read(clip_of(tmp_path / "absent.wav"))
    write_speechlike(tmp_path / "a.wav", 16000, 2.0)
    (warning,) = Spectrogram().warnings(clip_of(tmp_path / "a.wav"))
    assert (warning.kind, warning.clip, warning.modality) == ("sample rate", "clip", "audio")
    assert not warning.fatal
    assert Spectrogram(rate=16000).warnings(clip_of(tmp_path / "a.wav")) == []


def test_settings_that_make_no_spectrogram_are_refused() -> None:
    with pytest.raises(ValueError, match="short is 'loop', expected 'tile' or 'silence'"):
        Spectrogram(short="loop")
    with pytest.raises(ValueError, match="hop are 22050, 512 and 0"):
        Spectrogram(hop=0)
    with pytest.raises(ValueError, match=r"0\.01 s at 22050 Hz are 220 samples"):
        Spectrogram(seconds=0.01)


def test_mel_bands(tmp_path: Path) -> None:
    write_speechlike(tmp_path / "a.wav", 16000, 2.0)
    modality = Spectrogram(rate=16000, seconds=2.0, hop=160, bands=40)
    value = modality.read(clip_of(tmp_path / "a.wav"))
    assert value.shape == modality.shape == (1, 40, 201)
    assert np.isfinite(value).all()
    with pytest.raises(ValueError, match="bands is 40 with centre=False"):
        Spectrogram(bands=40, centre=False)


def test_settings_are_told_apart_by_their_repr() -> None:
    assert repr(Spectrogram()) == repr(Spectrogram())
    assert "bands" not in repr(Spectrogram())  # stores of before have names without it
    assert repr(Spectrogram()) != repr(Spectrogram(bands=64))
    assert repr(Spectrogram()) != repr(Spectrogram(standardise=True))
