"""Sound files of every kind, whole and damaged, written here and read back."""

import struct
import sys
import tempfile
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from fusion_sched.data.clips.audio import (
    audio_warnings,
    log_mel,
    log_spectrogram,
    padded,
    read_audio,
)
from fusion_sched.data.clips.files import LFS_HEADER
from fusion_sched.data.clips.types import ReadError


def tone(frequency: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)


def loudest(wave: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(wave)).argmax() * rate / len(wave))


def write_container(
    path: Path, codec: str, wave: np.ndarray, rate: int, video: str | None = None, **options: str
) -> None:
    """Write mono sound, with two seconds of grey pictures where `video` names a codec."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w", options=options) as container:
        pictures = container.add_stream(video, rate=10) if video else None
        sound = container.add_stream(codec, rate=rate, layout="mono")
        if pictures is not None:
            pictures.width, pictures.height, pictures.pix_fmt = 32, 32, "yuv420p"
            for _ in range(20):
                grey = np.full((32, 32, 3), 90, np.uint8)
                container.mux(pictures.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            container.mux(pictures.encode())
        for begin in range(0, len(wave), 1024):
            part = np.round(wave[None, begin : begin + 1024] * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, begin, Fraction(1, rate)
            container.mux(sound.encode(frame))
        container.mux(sound.encode())


def kind_of(path: Path) -> str:
    with pytest.raises(ReadError) as caught:
        read_audio(path, 8000)
    assert str(path) in str(caught.value)
    return caught.value.kind


@given(
    found=st.sampled_from([4000, 8000, 11025, 16000, 44100]),
    rate=st.sampled_from([8000, 16000, 22050]),
    samples=st.integers(1, 20000),
    channels=st.integers(1, 3),
)
def test_length_follows_from_duration_and_rate_alone(
    found: int, rate: int, samples: int, channels: int
) -> None:
    wave = np.repeat(tone(200, found, samples / found)[:, None], channels, axis=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        soundfile.write(path, wave, found)
        read = read_audio(path, rate)
    assert read.dtype == np.float32
    assert len(read) == ceil(len(wave) * rate / found)


@given(
    start=st.floats(0, 0.9), seconds=st.floats(0.01, 2.0), channels=st.integers(1, 2)
)  # fmt: skip
def test_a_part_is_what_the_whole_has_there(start: float, seconds: float, channels: int) -> None:
    noise = np.random.default_rng(0).uniform(-0.9, 0.9, (8000, channels))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        soundfile.write(path, noise, 8000, subtype="FLOAT")
        part = read_audio(path, 8000, start, seconds)
    expected = noise.mean(axis=1)[round(8000 * start) : round(8000 * (start + seconds))]
    np.testing.assert_allclose(part, expected, atol=1e-6)


def test_channels_are_averaged_not_chosen(tmp_path: Path) -> None:
    left, right = tone(300, 8000), tone(700, 8000)
    soundfile.write(tmp_path / "a.flac", np.stack([left, right], axis=1), 8000)
    np.testing.assert_allclose(read_audio(tmp_path / "a.flac", 8000), (left + right) / 2, atol=1e-3)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_sound_files_keep_their_pitch(tmp_path: Path, suffix: str) -> None:
    soundfile.write(tmp_path / f"a.{suffix}", tone(440, 16000, 2.0), 16000)
    wave = read_audio(tmp_path / f"a.{suffix}", 22050)
    assert len(wave) == pytest.approx(44100, abs=2500)  # codecs pad their frames
    assert loudest(wave, 22050) == pytest.approx(440, abs=1)


@pytest.mark.parametrize(
    ("suffix", "codec", "video"),
    [
        ("flv", "libmp3lame", "flv"),
        ("mp4", "aac", "mpeg4"),
        ("mov", "pcm_s16le", "mpeg4"),
        ("avi", "libmp3lame", "mpeg4"),
        ("mkv", "aac", "mpeg4"),
        ("webm", "libopus", "libvpx"),
    ],
)
def test_sound_of_videos_keeps_its_pitch_and_place(
    tmp_path: Path, suffix: str, codec: str, video: str
) -> None:
    rate = 48000 if codec == "libopus" else 44100
    path = tmp_path / f"a.{suffix}"
    halves = np.concatenate([tone(300, rate), tone(900, rate)])
    write_container(path, codec, halves, rate, video)
    whole = read_audio(path, 16000)
    assert len(whole) == pytest.approx(32000, abs=1600)
    first, second = read_audio(path, 16000, 0.0, 0.9), read_audio(path, 16000, 1.1, 0.8)
    assert (len(first), len(second)) == (14400, pytest.approx(12800, abs=2))
    assert loudest(first, 16000) == pytest.approx(300, abs=2)
    assert loudest(second, 16000) == pytest.approx(900, abs=2)


def test_files_that_hold_nothing_are_named(tmp_path: Path) -> None:
    assert kind_of(tmp_path / "absent.wav") == "missing"
    (tmp_path / "pointer.wav").write_bytes(LFS_HEADER + b"\noid sha256:00\nsize 605900\n")
    assert kind_of(tmp_path / "pointer.wav") == "git-lfs pointer"
    (tmp_path / "empty.flv").write_bytes(b"")
    assert kind_of(tmp_path / "empty.flv") == "empty file"
    soundfile.write(tmp_path / "header.wav", np.zeros(0), 8000)
    assert kind_of(tmp_path / "header.wav") == "no audio"


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "flv", "mp4", "avi"])
def test_noise_in_the_place_of_sound_is_unreadable(tmp_path: Path, suffix: str) -> None:
    if suffix in ("flv", "mp4", "avi"):
        pytest.importorskip("av")
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    assert kind_of(path) == "unreadable"


@pytest.mark.parametrize(
    ("suffix", "kinds"),
    [
        ("wav", {"truncated"}),
        ("mp3", {"truncated"}),
        ("flac", {"unreadable"}),
        ("ogg", {"unreadable", "no audio"}),  # libsndfile opens some of them and finds 0 samples
    ],
)
def test_half_a_sound_file_is_damaged(tmp_path: Path, suffix: str, kinds: set[str]) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 24000), 8000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert kind_of(path) in kinds


@pytest.mark.parametrize(
    ("suffix", "codec", "video", "kind"),
    [
        ("flv", "libmp3lame", "flv", "truncated"),
        ("mkv", "aac", "mpeg4", "truncated"),
        ("mp4", "aac", "mpeg4", "unreadable"),  # its index was to come at the end
    ],
)
def test_half_a_video_is_damaged(
    tmp_path: Path, suffix: str, codec: str, video: str, kind: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    write_container(path, codec, tone(300, 44100, 3.0), 44100, video)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert kind_of(path) == kind


def with_size(path: Path, size: int) -> None:
    """Overwrite the size of a wav file's data chunk."""
    data = path.read_bytes()
    place = data.index(b"data") + 4
    path.write_bytes(data[:place] + struct.pack("<I", size) + data[place + 4 :])


def test_sizes_that_streams_write_are_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(300, 8000), 8000, subtype="PCM_16")
    for size in (0xFFFFFFFF, 0x7FFFFFFF, 16000 + 44):  # unknown, unknown, with its header
        with_size(path, size)
        assert len(read_audio(path, 8000)) == 8000
    with_size(path, 17000)
    assert kind_of(path) == "truncated"
    with_size(path, 0)
    with pytest.raises(ReadError, match="16000 bytes follow: a recording that was not closed"):
        read_audio(path, 8000)


def test_chunks_before_the_sound_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(300, 8000), 8000, subtype="PCM_16")
    data = path.read_bytes()
    note = b"LIST" + struct.pack("<I", 5) + b"INFO!\x00"  # odd sizes are padded
    path.write_bytes(data[:12] + note + data[12:])
    assert len(read_audio(path, 8000)) == 8000
    path.write_bytes(path.read_bytes()[:9000])
    assert kind_of(path) == "truncated"


def test_a_video_without_sound_and_a_part_without_samples_are_named(tmp_path: Path) -> None:
    write_container(tmp_path / "a.mkv", "aac", tone(300, 16000, 0.5), 16000)
    with pytest.raises(ReadError, match=r"no audio sample from 3 s on \(it holds 0\.5\d s\)"):
        read_audio(tmp_path / "a.mkv", 16000, start=3.0, seconds=1.0)
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "b.mp4"), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        grey = np.full((32, 32, 3), 90, np.uint8)
        container.mux(video.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(video.encode())
    assert kind_of(tmp_path / "b.mp4") == "no audio"


def test_values_that_no_network_survives_are_damage(tmp_path: Path) -> None:
    wave = tone(300, 8000)
    wave[17] = np.nan
    soundfile.write(tmp_path / "a.wav", wave, 8000, subtype="FLOAT")
    assert kind_of(tmp_path / "a.wav") == "not finite"
    path = tmp_path / "b.wav"
    soundfile.write(path, tone(300, 8000), 8000, subtype="PCM_16")
    data = path.read_bytes()
    path.write_bytes(data[:24] + struct.pack("<I", 2_000_000_000) + data[28:])
    assert kind_of(path) == "unreadable"


def test_a_missing_package_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.flv").write_bytes(b"FLV\x01")
    monkeypatch.setitem(sys.modules, "av", None)  # what Python does where there is none
    with pytest.raises(ImportError, match=r'pip install "fusion-sched\[media\]"'):
        read_audio(tmp_path / "a.flv", 8000)


def test_remarks_name_what_is_odd(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"

    def kinds(wave: np.ndarray, rate: int, subtype: str = "PCM_16") -> list[str]:
        soundfile.write(path, wave, rate, subtype=subtype)
        return [kind for kind, _ in audio_warnings(path, 16000)]

    assert kinds(tone(300, 16000), 16000) == []
    assert kinds(tone(300, 44100), 44100) == []
    assert kinds(0.001 * tone(300, 16000), 16000) == ["silent"]
    assert kinds(tone(300, 16000, 0.3), 16000) == ["short"]
    assert kinds(np.stack([tone(300, 16000)] * 2, axis=1), 16000) == ["stereo"]
    assert kinds(tone(300, 16000), 16000, "PCM_U8") == ["8-bit"]
    # Channels that cancel each other are silent once averaged.
    wave = tone(300, 16000)
    assert kinds(np.stack([wave, -wave], axis=1), 16000) == ["silent", "stereo"]
    assert kinds(tone(300, 8000), 8000) == ["sample rate"]
    assert "8000 Hz, upsampled to 16000 Hz" in audio_warnings(path, 16000)[0][1]


def test_remarks_are_of_the_clip_not_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.concatenate([np.zeros(16000), tone(300, 16000)]), 16000)
    assert [kind for kind, _ in audio_warnings(path, 16000, 0.0, 0.9)] == ["silent"]
    assert audio_warnings(path, 16000, 1.0, 0.9) == []


def test_floats_outside_one_are_reported_and_integers_among_them_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, 8 * tone(300, 16000), 16000, subtype="FLOAT")
    ((kind, message),) = audio_warnings(path, 16000)
    assert kind == "outside ±1"
    assert "floats up to 4, expected at most 1" in message
    soundfile.write(path, 32767 * tone(300, 16000), 16000, subtype="FLOAT")
    with pytest.raises(
        ReadError, match=r"16383.*expected -1 to 1: integers that were not"
    ) as caught:
        read_audio(path, 16000)
    assert caught.value.kind == "integer scale"


def test_what_is_cut_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(300, 16000), 16000)
    assert audio_warnings(path, 16000, used=1.0) == []
    ((kind, message),) = audio_warnings(path, 16000, used=0.7)
    assert kind == "cut"
    assert message.endswith("a.wav gives 1.00 s, of which the first 0.7 are used")


def test_waves_are_padded_to_length() -> None:
    assert padded(np.arange(9.0), 5).tolist() == [0, 1, 2, 3, 4]
    assert padded(np.arange(3.0), 5).tolist() == [0, 1, 2, 0, 0]


def test_spectrogram_of_silence_is_the_floor_and_of_a_tone_its_bin() -> None:
    assert torch.equal(
        log_spectrogram(torch.zeros(1, 2048), 512, 128), torch.full((1, 257, 17), np.log(1e-7))
    )
    wave = torch.as_tensor(tone(16000 / 512 * 40, 16000), dtype=torch.float32)[None]
    spectrum = log_spectrogram(wave, 512, 160, centre=False)
    assert spectrum.shape == (1, 257, 1 + (16000 - 512) // 160)
    assert (spectrum[0].argmax(dim=0) == 40).all()
    # A periodic Hann window sums to 256; a sine of amplitude 0.5 has half of it on either side.
    np.testing.assert_allclose(spectrum[0, 40], np.log(0.5 * 256 / 2), atol=1e-4)


def test_log_mel_is_of_the_published_shape() -> None:
    assert log_mel(torch.zeros(2, 8000), 8000, 256, 125, 32).shape == (2, 1, 32, 65)
