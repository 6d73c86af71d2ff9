"""Encoded media files of sample data: wav, pictures, and videos with or without sound."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

from fusion_sched.data.opencv import cv2

CODECS = {
    ".flv": (2, "flv", "aac"),  # 2 is Sorenson's tag inside FLV; OpenCV prints a warning for FLV1
    ".mp4": (cv2.VideoWriter.fourcc(*"mp4v"), "mpeg4", "aac"),
    ".avi": (cv2.VideoWriter.fourcc(*"XVID"), "mpeg4", "pcm_s16le"),
}
"""Container → OpenCV's code of a silent video; video and audio codec of one with sound."""


def write_wav(path: Path, wave: np.ndarray, rate: int) -> None:
    """Write a wave in [-1, 1], mono `(samples,)` or `(samples, channels)`, as 16-bit WAV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate, subtype="PCM_16")


def write_frames(
    folder: Path, frames: np.ndarray, pattern: str = "{:05d}.jpg", first: int = 1
) -> None:
    """Write pictures RGB uint8 `(N, H, W, 3)` into a folder, numbered from `first`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, start=first):
        path = folder / pattern.format(number)
        if not cv2.imwrite(str(path), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)):
            raise OSError(f"{path} could not be written as a picture; is the disk full?")


def write_video(
    path: Path, frames: np.ndarray, fps: float, wave: np.ndarray | None = None,
    rate: int | None = None,
) -> None:  # fmt: skip
    """Write pictures RGB uint8 `(N, H, W, 3)`, with a mono wave `(samples,)` as sound track.

    The container follows the suffix: `.flv`, `.mp4` or `.avi`. Height and width are even.
    """
    if path.suffix not in CODECS:
        raise ValueError(f"{path.name} ends in {path.suffix!r}, expected one of {sorted(CODECS)}")
    if frames.shape[1] % 2 or frames.shape[2] % 2:
        raise ValueError(f"pictures are {frames.shape[1:3]}, expected even height and width")
    path.parent.mkdir(parents=True, exist_ok=True)
    if wave is None:
        write_silent(path, frames, fps)
    elif rate is None:
        raise ValueError("a wave came without its rate; pass rate in Hz")
    else:
        write_with_sound(path, frames, fps, wave, rate)


def write_silent(path: Path, frames: np.ndarray, fps: float) -> None:
    """Write a video without sound track, by OpenCV."""
    code = CODECS[path.suffix][0]
    writer = cv2.VideoWriter(str(path), code, fps, (frames.shape[2], frames.shape[1]))
    if not writer.isOpened():
        raise OSError(f"OpenCV cannot write {path}; is the folder writable?")
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()


def write_with_sound(
    path: Path, frames: np.ndarray, fps: float, wave: np.ndarray, rate: int
) -> None:
    """Write a video with sound track, by PyAV."""
    try:
        import av
    except ImportError as error:
        raise ImportError(
            f"{path} takes a sound track, which PyAV writes and which is not installed; run: "
            'pip install "fusion-sched[media]"'
        ) from error
    _, video_codec, audio_codec = CODECS[path.suffix]
    with av.open(str(path), "w") as container:
        video = container.add_stream(video_codec, rate=Fraction(fps).limit_denominator(1001))
        audio = container.add_stream(audio_codec, rate=rate, layout="mono")
        assert isinstance(video, av.VideoStream)
        assert isinstance(audio, av.AudioStream)
        video.height, video.width = frames.shape[1:3]
        video.pix_fmt = "yuv420p"
        video.bit_rate = 800_000
        for frame in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(video.encode())
        samples = np.round(np.clip(wave, -1, 1) * 32767).astype(np.int16)[None]
        sound = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        sound.sample_rate = rate
        container.mux(audio.encode(sound))
        container.mux(audio.encode())
