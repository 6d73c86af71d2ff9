"""Real recordings and handwriting, where they are present; readers on files made here."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from fusion_sched.data.avdigits import AVDigits, list_recordings, read_written_digits
from fusion_sched.data.clips.audio import log_mel, mel_filters, padded, read_audio
from fusion_sched.data.samples.spec import SampleSpec

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(
    not (DATA / "fsdd").is_dir(), reason=f"the recordings are not in {DATA}"
)


def tone(frequency: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_U8", "FLOAT"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 22050])
def test_audio_is_mono_at_the_wanted_rate(
    tmp_path: Path, subtype: str, channels: int, rate: int
) -> None:
    wave = np.repeat(tone(440, rate)[:, None], channels, axis=1)
    soundfile.write(tmp_path / "a.wav", wave, rate, subtype=subtype)
    found = read_audio(tmp_path / "a.wav", 8000)
    assert found.shape == (8000,)
    inside = slice(200, -200)  # the resampling filter's edges
    error = np.abs(found - tone(440, 8000))[inside].max()
    assert error < (0.02 if subtype == "PCM_U8" else 0.005)


def test_damaged_audio_is_named(tmp_path: Path) -> None:
    (tmp_path / "header.wav").write_bytes(b"RIFF\x00\x00")
    with pytest.raises(ValueError, match=r"header\.wav cannot be read"):
        read_audio(tmp_path / "header.wav", 8000)
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 8000)
    with pytest.raises(ValueError, match=r"empty\.wav holds no audio"):
        read_audio(tmp_path / "empty.wav", 8000)


def test_waves_are_cut_and_padded_to_length() -> None:
    assert padded(np.arange(3.0), 5).tolist() == [0, 1, 2, 0, 0]
    assert padded(np.arange(9.0), 5).tolist() == [0, 1, 2, 3, 4]


def test_a_tone_lights_its_mel_band() -> None:
    filters = mel_filters(8000, 256, 32)
    assert filters.shape == (32, 129)
    for frequency in (500.0, 1500.0, 3000.0):
        wave = torch.as_tensor(tone(frequency, 8000), dtype=torch.float32)[None]
        spectrum = log_mel(wave, 8000, 256, 125, 32)
        assert spectrum.shape == (1, 1, 32, 65)
        loudest = int(spectrum[0, 0, :, 30].argmax())
        centre = float((filters[loudest] * torch.linspace(0, 4000, 129)).sum() /
                       filters[loudest].sum())  # fmt: skip
        assert abs(centre - frequency) < 200


def test_missing_data_and_odd_names_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"(?s)recordings/\*\.wav does not exist.*dataset\.root"
    ):
        AVDigits(root=str(tmp_path)).load()
    (tmp_path / "fsdd" / "recordings").mkdir(parents=True)
    soundfile.write(tmp_path / "fsdd" / "recordings" / "five_theo.wav", np.zeros(9), 8000)
    with pytest.raises(ValueError, match="DIGIT_SPEAKER_NUMBER"):
        list_recordings(tmp_path)
    with pytest.raises(ValueError, match="preset is 'easy'"):
        AVDigits(root=".", preset="easy")


def test_sample_data_loads_checks_and_says_what_is_odd(tmp_path: Path) -> None:
    AVDigits.write_sample(tmp_path, SampleSpec(clips=120))
    data = AVDigits(root=str(tmp_path))
    splits = data.load()
    assert [len(s) for s in (splits.train, splits.validation, splits.test)] == [60, 30, 30]
    assert not data.check().issues
    folder = tmp_path / "fsdd" / "recordings"
    soundfile.write(folder / "1_anna_0.wav", np.zeros((4000, 2)), 8000)
    (folder / "2_anna_0.wav").write_bytes(b"RIFF")
    found = {(f.kind, f.clip, f.fatal) for f in data.check().issues}
    assert found == {
        ("silent", "1_anna_0", False), ("stereo", "1_anna_0", False),
        ("unreadable", "2_anna_0", True),
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"2_anna_0\.wav"):
        data.load()
    assert AVDigits(root=str(tmp_path), preset="imbalanced").check().recognised == ""


def test_a_digit_without_pictures_is_an_error(tmp_path: Path) -> None:
    AVDigits.write_sample(tmp_path, SampleSpec(clips=120))
    path = tmp_path / "optdigits" / "optdigits.tes"
    path.write_text("".join(r + "\n" for r in path.read_text().split() if not r.endswith(",3")))
    with pytest.raises(ValueError, match="no picture of a 3 in test"):
        AVDigits(root=str(tmp_path)).load()


@needs_data
def test_the_published_files_are_the_same_pictures(tmp_path: Path) -> None:
    lines = (DATA / "optdigits" / "optdigits.csv").read_text().splitlines(keepends=True)[1:]
    (tmp_path / "optdigits").mkdir()
    for part, name in ((lines[:3823], "optdigits.tra"), (lines[3823:], "optdigits.tes")):
        (tmp_path / "optdigits" / name).write_text("".join(part))
        known = next(d.sha256 for d in AVDigits.source.downloads if d.path.endswith(name))
        assert hashlib.sha256((tmp_path / "optdigits" / name).read_bytes()).hexdigest() == known
    for one, other in zip(read_written_digits(tmp_path), read_written_digits(DATA), strict=True):
        np.testing.assert_array_equal(one, other)


@needs_data
def test_the_real_recordings_are_recognised() -> None:
    report = AVDigits(root=str(DATA)).check()
    assert report.recognised == "balanced"
    assert {s: sum(c.values()) for s, c in report.counts.items()} == dict(report.expected)
    assert not [issue for issue in report.issues if issue.fatal]


@needs_data
def test_recordings_and_pictures_pair_by_class_inside_disjoint_splits() -> None:
    splits = AVDigits(root=str(DATA)).load()
    assert [len(s) for s in (splits.train, splits.validation, splits.test)] == [2400, 300, 300]
    assert splits.shapes == {"audio": (1, 32, 65), "image": (1, 8, 8)}
    seen = {}
    for name in ("train", "validation", "test"):
        pictures = getattr(splits, name).inputs["image"].numpy()
        seen[name] = {picture.tobytes() for picture in pictures}
    assert not seen["train"] & seen["test"]
    assert not seen["validation"] & seen["test"]


@needs_data
def test_held_out_speakers_are_in_one_split_only() -> None:
    data = AVDigits(root=str(DATA), preset="imbalanced")
    clips = list_recordings(DATA)
    split, _ = data.split_of(clips)
    speakers = {n: set(clips["speaker"][split == n]) for n in ("train", "validation", "test")}
    assert [len(speakers[n]) for n in ("train", "validation", "test")] == [4, 1, 1]
    assert not speakers["train"] & (speakers["validation"] | speakers["test"])
