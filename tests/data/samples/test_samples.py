"""Imitations: decoded again, they show what was meant, the same each time."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import soundfile

from fusion_sched.data.samples.files import write_frames, write_video, write_wav
from fusion_sched.data.samples.signals import moving_drawing, pitch_of, voiced_sound
from fusion_sched.data.samples.spec import SampleSpec, shown_class, spread_labels

RATE = 16000


def heard_pitch(wave: np.ndarray, rate: int) -> float:
    """Return the pitch in Hz at the strongest autocorrelation between 80 and 400 Hz."""
    spectrum = np.abs(np.fft.rfft(wave, 2 * len(wave))) ** 2
    correlation = np.fft.irfft(spectrum)
    lags = np.arange(rate // 400, rate // 80)
    return float(rate / lags[correlation[lags].argmax()])


def read_video(path: Path) -> np.ndarray:
    video = cv2.VideoCapture(str(path))
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1][..., ::-1])
    return np.stack(frames)


def drawing(label: int = 2, frames: int = 30, seed: int = 0) -> np.ndarray:
    return moving_drawing(label, 6, 1.0, frames, 96, 128, np.random.default_rng(seed))


def test_the_pitch_tells_the_class() -> None:
    for label in range(6):
        for seed in range(3):
            wave = voiced_sound(label, 6, 1.0, 1.5, RATE, np.random.default_rng([label, seed]))
            assert wave.dtype == np.float32
            assert wave.shape == (24000,)
            assert 0.2 < np.abs(wave).max() <= 1
            assert heard_pitch(wave, RATE) == pytest.approx(pitch_of((label + 0.5) / 6), rel=0.1)


@pytest.mark.parametrize("rate", [8000, 22050])
def test_sound_at_other_rates(rate: int) -> None:
    wave = voiced_sound(5, 6, 1.0, 1.0, rate, np.random.default_rng(0))
    assert heard_pitch(wave, rate) == pytest.approx(pitch_of(5.5 / 6), rel=0.1)


def test_colour_and_motion_tell_the_class() -> None:
    colours, motions = [], []
    for label in range(6):
        pictures = drawing(label, frames=2)
        figure = pictures.max(axis=-1) > 230  # brighter than any background
        assert figure[0].sum() > 200
        colours.append(np.median(pictures[0][figure[0]], axis=0))
        grey = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in pictures]
        flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*grey, None)
        moved = np.median(flow[figure[0]], axis=0)
        motions.append(moved / np.linalg.norm(moved))
    for values in (np.array(colours) / 255, np.array(motions)):
        distance = np.linalg.norm(values[:, None] - values[None], axis=-1) + 9 * np.eye(6)
        assert distance.min() > 0.2


def test_strength_is_the_share_of_clips_that_show_their_class() -> None:
    rng = np.random.default_rng(0)
    assert {shown_class(3, 6, 1.0, rng) for _ in range(100)} == {3}
    nothing = np.bincount([shown_class(3, 6, 0.0, rng) for _ in range(6000)], minlength=6)
    assert nothing.min() > 850
    assert nothing.max() < 1150
    half = np.mean([shown_class(3, 6, 0.5, rng) == 3 for _ in range(6000)])
    assert half == pytest.approx(0.5 + 0.5 / 6, abs=0.03)
    assert SampleSpec(strength={"audio": 0.3}).strength_of("audio") == 0.3
    assert SampleSpec(strength={"audio": 0.3}).strength_of("visual") == 0.8


def test_the_same_seed_gives_the_same_media() -> None:
    for make in (
        drawing,
        lambda seed: voiced_sound(1, 6, 0.5, 0.5, RATE, np.random.default_rng(seed)),
    ):
        assert np.array_equal(make(seed=4), make(seed=4))
        assert not np.array_equal(make(seed=4), make(seed=5))


def test_many_classes_can_be_drawn_and_heard() -> None:
    rng = np.random.default_rng(0)
    pictures = [moving_drawing(k, 309, 1.0, 1, 48, 64, rng)[0] for k in (0, 100, 308)]
    assert len({p.tobytes() for p in pictures}) == 3
    pitches = [heard_pitch(voiced_sound(k, 309, 1.0, 1.0, RATE, rng), RATE) for k in (0, 154, 308)]
    assert pitches == pytest.approx([pitch_of(0), pitch_of(0.5), pitch_of(1)], rel=0.1)


@pytest.mark.parametrize("suffix", [".flv", ".mp4", ".avi"])
@pytest.mark.parametrize("sound", [False, True])
def test_videos_decode_to_what_was_drawn(tmp_path: Path, suffix: str, sound: bool) -> None:
    path = tmp_path / "videos" / f"a{suffix}"
    wave = voiced_sound(2, 6, 1.0, 1.0, RATE, np.random.default_rng(1))
    pictures = drawing(frames=25)
    write_video(path, pictures, 25, wave if sound else None, RATE if sound else None)
    found = read_video(path)
    assert abs(len(found) - 25) <= 2
    for number in (0, 12, 22):
        assert np.abs(found[number].astype(int) - pictures[number]).mean() < 8
        assert np.abs(found[number].astype(int) - pictures[number][..., ::-1]).mean() > 16
    with av.open(str(path)) as container:
        assert len(container.streams.audio) == sound
        if sound:
            heard = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
            assert len(heard) == pytest.approx(RATE, rel=0.1)
            assert heard_pitch(heard, RATE) == pytest.approx(heard_pitch(wave, RATE), rel=0.03)


def test_unusable_requests_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'\.webm', expected one of"):
        write_video(tmp_path / "a.webm", drawing(frames=1), 25)
    with pytest.raises(ValueError, match="even height and width"):
        write_video(tmp_path / "a.avi", drawing(frames=1)[:, 1:], 25)
    with pytest.raises(ValueError, match="without its rate"):
        write_video(tmp_path / "a.avi", drawing(frames=1), 25, np.zeros(100, np.float32))


def test_frames_and_waves_are_written_where_asked(tmp_path: Path) -> None:
    pictures = drawing(frames=3)
    write_frames(tmp_path / "clip", pictures)
    assert sorted(p.name for p in (tmp_path / "clip").iterdir()) == [
        "00001.jpg", "00002.jpg", "00003.jpg",
    ]  # fmt: skip
    found = cv2.imread(str(tmp_path / "clip" / "00003.jpg"))
    assert np.abs(found[..., ::-1].astype(int) - pictures[2]).mean() < 8
    write_frames(tmp_path / "other", pictures, pattern="frame_{:05d}.jpg", first=0)
    assert (tmp_path / "other" / "frame_00000.jpg").is_file()
    wave = voiced_sound(0, 6, 1.0, 0.5, RATE, np.random.default_rng(0))
    write_wav(tmp_path / "sounds" / "a.wav", wave, RATE)
    found, rate = soundfile.read(tmp_path / "sounds" / "a.wav")
    assert rate == RATE
    assert np.abs(found - wave).max() < 1e-4


@pytest.mark.parametrize(("clips", "classes"), [(120, 6), (100, 28), (50, 309)])
def test_labels_are_spread_evenly(clips: int, classes: int) -> None:
    labels = spread_labels(clips, classes, np.random.default_rng(0))
    counts = np.bincount(labels, minlength=classes)
    assert counts.sum() == clips
    assert counts.max() - counts.min() <= 1
    assert labels != sorted(labels)
    assert labels == spread_labels(clips, classes, np.random.default_rng(0))
