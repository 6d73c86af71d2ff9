"""Audio files to mono waves, and waves to spectrograms."""

import os
import struct
import warnings
from math import ceil, gcd
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import torch
from scipy.signal import resample_poly
from torch import Tensor

from fusion_sched.data.clips.files import check_present
from fusion_sched.data.clips.types import Clip, Issue, ReadError, ReadWarning

SOUND_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3"})
VIDEO_SUFFIXES = frozenset({".flv", ".mp4", ".mov", ".avi", ".mkv", ".webm"})
SILENT_PEAK = 1e-3
"""-60 dBFS: a 16-bit recording that never leaves its lowest six bits."""
SHORT_SECONDS = 0.5
INTEGER_PEAK = 127.0
"""Largest value of 8-bit samples: floats that reach it are integers without a scale."""
STREAMED = 0x7FFF0000
"""Sizes from here on are what programs write that do not know how much will follow."""


class Recording(NamedTuple):
    """Decoded sound: float32 `(samples, channels)`, its rate in Hz, and whether the file holds
    8-bit samples or floats.
    """

    samples: np.ndarray
    rate: int
    eight_bit: bool
    floats: bool = False


def read_audio(
    path: Path, rate: int, start: float = 0.0, seconds: float | None = None
) -> np.ndarray:
    """Return a mono wave, float32 in about [-1, 1], at `rate` Hz: the mean of all channels.

    wav, flac, ogg and mp3 are read by libsndfile, the sound of flv, mp4, mov, avi, mkv and webm by
    PyAV. `start` and `seconds` cut a part out before it is resampled (`None`: to the end). What is
    shorter comes back shorter.

    Raises
    ------
    ReadError
        "missing", "git-lfs pointer", "empty file"; "unreadable"; "truncated", where the header
        promises more than there is; "no audio", where no sample, or no sound track, is in the file
        or in the part; "not finite", where samples are NaN or infinite; "integer scale", where
        floats are integers that were not divided by their range.
    ImportError
        Sound in a video container, and PyAV is not installed.

    Warns
    -----
    ReadWarning
        "outside ±1": floats that are above 1, which spectrograms cut off.
    """
    recording = _decode_audio(path, None if seconds is None else start + seconds)
    mono = _mono_part(path, recording, start, seconds)
    odd = _outside_one(path, recording, mono)
    if odd is not None:
        warnings.warn(odd, stacklevel=2)
    if recording.rate != rate:
        common = gcd(recording.rate, rate)
        mono = resample_poly(mono, rate // common, recording.rate // common)
    return np.asarray(mono, dtype=np.float32)


def sound_issues(clip: Clip, modality: str, rate: int, used: float | None) -> list[Issue]:
    """Return what `audio_warnings` says of a clip's sound, of which `used` seconds are taken."""
    odd = audio_warnings(clip.files[modality], rate, clip.start, clip.seconds, used=used)
    return [Issue(kind, clip.id, modality, message, fatal=False) for kind, message in odd]


def audio_warnings(
    path: Path, rate: int, start: float = 0.0, seconds: float | None = None,
    used: float | None = None,
) -> list[tuple[str, str]]:  # fmt: skip
    """Return kind and message of what is odd, though readable; arguments as in `read_audio`.

    `used`: the seconds after which the wave is cut, `None` where it is not.
    """
    recording = _decode_audio(path, None if seconds is None else start + seconds)
    mono = _mono_part(path, recording, start, seconds)
    channels = recording.samples.shape[1]
    peak = float(np.abs(mono).max())
    length = len(mono) / recording.rate
    odd = []
    if peak < SILENT_PEAK:
        odd.append(("silent", f"{path} peaks at {peak:.1e} of full scale, below -60 dBFS"))
    if length < SHORT_SECONDS:
        odd.append(("short", f"{path} gives {length:.2f} s, less than {SHORT_SECONDS} s"))
    if used is not None and length > used + 0.05:
        odd.append(("cut", f"{path} gives {length:.2f} s, of which the first {used:g} are used"))
    outside = _outside_one(path, recording, mono)
    if outside is not None:
        odd.append((outside.kind, str(outside)))
    if channels > 1:
        odd.append(("stereo", f"{path} has {channels} channels; their mean is used"))
    if recording.rate < rate:
        odd.append(
            ("sample rate", f"{path} has {recording.rate} Hz, upsampled to {rate} Hz: nothing "
             f"above {recording.rate // 2} Hz")
        )  # fmt: skip
    if recording.eight_bit:
        odd.append(("8-bit", f"{path} has 8-bit samples: noise at about -50 dBFS"))
    return odd


def _outside_one(path: Path, recording: Recording, mono: np.ndarray) -> ReadWarning | None:
    """Return the warning of floats above 1; integers cannot be, but for what resampling adds."""
    peak = float(np.abs(mono).max())
    if not recording.floats or peak <= 1:
        return None
    return ReadWarning(
        "outside ±1",
        f"{path} holds floats up to {peak:.3g}, expected at most 1: what is above is cut off; "
        "divide the wave by its peak",
    )


def _mono_part(path: Path, recording: Recording, start: float, seconds: float | None) -> np.ndarray:
    """Return the part from `start` on, `(samples,)`, as the mean of all channels."""
    samples, rate = recording.samples, recording.rate
    stop = len(samples) if seconds is None else round((start + seconds) * rate)
    part = samples[round(start * rate) : stop]
    if len(part) == 0:
        raise ReadError(
            "no audio",
            f"{path} holds no audio sample from {start:g} s on (it holds "
            f"{len(samples) / rate:.2f} s), expected at least one; fetch it again",
        )
    mono: np.ndarray = part.mean(axis=1)
    if not np.isfinite(mono).all():
        raise ReadError("not finite", f"{path} holds NaN or infinite samples; encode it again")
    if recording.floats and (peak := float(np.abs(mono).max())) >= INTEGER_PEAK:
        raise ReadError(
            "integer scale",
            f"{path} holds floats up to {peak:g}, expected -1 to 1: integers that were not divided "
            "by their range (32768 for 16 bits); divide them and write it again",
        )
    return mono


def _decode_audio(path: Path, stop: float | None) -> Recording:
    """Return the sound of a file up to `stop` seconds, or all of it."""
    check_present(path)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        recording = _decode_track(path, stop)
    else:
        _check_wav_length(path)
        recording = _decode_file(path, stop)
    if not 1000 <= recording.rate <= 768000:
        raise ReadError(
            "unreadable",
            f"{path} cannot be read as audio: its header gives {recording.rate} samples per "
            "second, expected 1000 to 768000; fetch the file again",
        )
    return recording


def _decode_file(path: Path, stop: float | None) -> Recording:
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            promised = file.frames
            if stop is not None:
                promised = min(promised, ceil(stop * file.samplerate) + 1)
            samples = file.read(promised, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ReadError(
            "unreadable",
            f"{path} cannot be read as audio: {error.error_string} Fetch the file again",
        ) from error
    check_reach(path, len(samples) / file.samplerate, promised / file.samplerate)
    eight_bit = file.subtype in ("PCM_U8", "PCM_S8")
    return Recording(samples, file.samplerate, eight_bit, file.subtype in ("FLOAT", "DOUBLE"))


def _check_wav_length(path: Path) -> None:
    """Raise where a wav file's data chunk is longer than what is left of the file.

    libsndfile takes what there is and reports nothing. A size of 0xFFFFFFFF and the like is what a
    program writes that cannot go back to its header: the rest of the file is meant. A size of 0
    with bytes behind it is a recording that was never closed.
    """
    with path.open("rb") as stream:
        head = stream.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return
        while len(chunk := stream.read(8)) == 8:
            name, size = struct.unpack("<4sI", chunk)
            if name == b"data":
                held = path.stat().st_size - stream.tell()
                break
            stream.seek(size + size % 2, 1)
        else:
            return
    if size == 0 and held > 0:
        raise ReadError(
            "no audio",
            f"{path} holds no audio by its header, though {held} bytes follow: a recording that "
            "was not closed; repair it (`ffmpeg -i OLD.wav NEW.wav`) or fetch it again",
        )
    # Some programs count the header in: a few dozen bytes are not reported.
    if size < STREAMED and size - held > max(0.01 * size, 64):
        raise ReadError(
            "truncated",
            f"{path} holds {held} bytes of sound of the {size} that its header promises; fetch it "
            "again",
        )


def check_reach(path: Path, reached: float, promised: float) -> None:
    """Raise where what decodes ends more than half a second, and a tenth, before its promise."""
    if promised - reached > max(0.5, 0.1 * promised):
        raise ReadError(
            "truncated",
            f"{path} ends after {reached:.2f} s of the {promised:.2f} s that its header promises; "
            "fetch it again",
        )


def _decode_track(path: Path, stop: float | None) -> Recording:
    try:
        import av
    except ImportError as error:
        raise ImportError(
            f"{path} holds its sound in a video container, which PyAV reads and which is not "
            'installed; run: pip install "fusion-sched[media]"'
        ) from error
    try:
        return _read_track(path, stop)
    except ReadError:
        raise
    except (av.FFmpegError, ValueError) as error:
        raise ReadError(
            "unreadable",
            f"the sound of {path} cannot be read: {error}; fetch the file again, or convert it "
            "(`ffmpeg -i OLD NEW.wav`)",
        ) from error


def _read_track(path: Path, stop: float | None) -> Recording:
    """Return the first sound track of a file that PyAV opens."""
    import av

    pieces: list[np.ndarray] = []
    rate, held, reached = 0, 0, 0.0
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise ReadError(
                "no audio", f"{path} holds no audio track, expected one; fetch it again"
            )
        stream = container.streams.audio[0]
        to_float = av.AudioResampler(format="fltp")
        for packet in container.demux():
            if packet.pts is not None:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                reached = max(reached, float(end))
            if packet.stream.index != stream.index:
                continue
            for frame in stream.decode(packet):
                pieces += [piece.to_ndarray() for piece in to_float.resample(frame)]
                rate, held = frame.sample_rate, held + frame.samples
            if stop is not None and held > ceil(stop * rate):
                break
        else:
            # All tracks together reach as far as the container says, or it was cut off.
            check_reach(path, reached, (container.duration or 0) / 1e6)
        eight_bit = stream.codec_context.format.name in ("u8", "u8p")
    if not pieces:
        raise ReadError("no audio", f"{path} holds no audio sample, expected at least one")
    return Recording(np.concatenate(pieces, axis=1).T, rate, eight_bit)


def padded(wave: np.ndarray, samples: int) -> np.ndarray:
    """Return the wave cut, or padded with silence at its end, to `samples` samples."""
    return np.pad(wave[:samples], (0, max(samples - len(wave), 0)))


def log_spectrogram(waves: Tensor, n_fft: int, hop: int, centre: bool = True) -> Tensor:
    """Return log(|STFT| + 1e-7) of waves `(N, samples)`: `(N, n_fft // 2 + 1, frames)`.

    Periodic Hann window; with `centre` the wave is padded with `n_fft // 2` zeros at either
    end, so that frames = 1 + samples // hop, without it 1 + (samples - n_fft) // hop. Equal to
    librosa's `log(abs(stft(...)) + 1e-7)`.
    """
    # In float64 inside, as librosa's: float32 rounding is as large as the quietest bins, and the
    # logarithm makes 0.7 of it.
    spectrum = torch.stft(
        waves.double(),
        n_fft,
        hop,
        window=torch.hann_window(n_fft, dtype=torch.float64, device=waves.device),
        center=centre,
        pad_mode="constant",
        return_complex=True,
    )
    return torch.log(spectrum.abs() + 1e-7).to(waves.dtype)


def mel_filters(rate: int, n_fft: int, bands: int) -> Tensor:
    """Return triangular filters `(bands, n_fft // 2 + 1)`, evenly spaced on the mel scale.

    mel = 2595 log10(1 + f / 700), f in Hz (O'Shaughnessy 1987), from 0 Hz to half the rate.
    """
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    frequencies = np.linspace(0, rate / 2, n_fft // 2 + 1)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    return torch.as_tensor(np.clip(np.minimum(rising, falling), 0, None), dtype=torch.float32)


def log_mel(waves: Tensor, rate: int, n_fft: int, hop: int, bands: int) -> Tensor:
    """Return natural-log mel magnitudes `(N, 1, bands, frames)` of waves `(N, samples)`."""
    spectrum = torch.stft(
        waves, n_fft, hop, window=torch.hann_window(n_fft), pad_mode="constant", return_complex=True
    )
    mel = mel_filters(rate, n_fft, bands) @ spectrum.abs()
    # 1e-3 of full scale is below 8-bit noise: quieter than that there is nothing to hear.
    return torch.log(mel + 1e-3)[:, None]
