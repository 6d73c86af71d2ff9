"""Pictures out of a video file, a folder of frames, or a single picture file.

A video is read from its beginning, never by seeking, and the frame count in its header does not
decide what is chosen: in flv and avi it is off by one or two, in an mp4 cut without re-encoding by
hundreds.
"""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusion_sched.data.clips.audio import VIDEO_SUFFIXES, check_reach
from fusion_sched.data.clips.files import check_present
from fusion_sched.data.clips.types import ReadError
from fusion_sched.data.opencv import cv2

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

Choice = Callable[[np.ndarray], Sequence[int]]
"""Frames' times, ascending, at least one → positions among them, in any order, repeated or not."""


def read_pictures(
    path: Path, choose: Choice, start: float = 0.0, seconds: float | None = None
) -> list[np.ndarray]:
    """Return the chosen pictures, each RGB, uint8 `(H, W, 3)`.

    `choose` is shown the times of a video's frames from `start` on, for `seconds` (`None`:
    to the end). A folder of frames, `.jpg`, `.jpeg` or `.png`, is taken whole, in the order
    of the numbers in their names, one unit of time apart; a picture file is one frame.

    Raises
    ------
    ReadError
        "missing", "git-lfs pointer", "empty file"; "unreadable"; "truncated", a video that ends
        long before its header says; "no frames", where there are none, or none in the part.
    """
    if _is_video(path):
        return _read_video(path, choose, start, seconds)
    files = list_frames(path)
    return [read_picture(files[position]) for position in choose(np.arange(float(len(files))))]


def count_frames(path: Path, start: float = 0.0, seconds: float | None = None) -> int:
    """Return how many pictures `read_pictures` can choose from; nothing is decoded."""
    if _is_video(path):
        return len(times_inside(packet_times(path), start, seconds))
    return len(list_frames(path))


def _is_video(path: Path) -> bool:
    """Say whether a path is, or by its name was to be, a video file."""
    if path.is_dir():
        return False
    suffix = path.suffix.lower()
    return suffix in VIDEO_SUFFIXES or (path.is_file() and suffix not in PICTURE_SUFFIXES)


def list_frames(path: Path) -> list[Path]:
    """Return a folder's pictures in the order of the numbers in their names, or the one file."""
    if path.suffix.lower() in PICTURE_SUFFIXES and not path.is_dir():
        return [path]
    names = os.listdir(path) if path.is_dir() else []
    frames = [path / name for name in names if Path(name).suffix.lower() in PICTURE_SUFFIXES]
    if not frames:
        raise ReadError(
            "no frames",
            f"{path} is no folder with .jpg, .jpeg or .png files, expected the frames of a clip; "
            "extract them again",
        )
    return sorted(frames, key=number_key)


def number_key(path: Path) -> list[tuple[int, str]]:
    """Return what sorts frame_2 before frame_10."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(p), "") if p.isdigit() else (-1, p) for p in parts]


def read_picture(path: Path) -> np.ndarray:
    """Return a picture file, RGB, uint8 `(H, W, 3)`."""
    check_present(path)
    data = path.read_bytes()
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    # Some versions of OpenCV fill the rest of half a JPEG with grey: its end marker shows that.
    ends = data[:2] != b"\xff\xd8" or data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
    if pixels is None or not ends:
        raise ReadError(
            "unreadable", f"{path} cannot be decoded as a whole picture; fetch it again"
        )
    picture: np.ndarray = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    return picture


def resized(picture: np.ndarray, size: int) -> np.ndarray:
    """Return a picture `(H, W, …)` squashed to `(size, size, …)`.

    The mean over areas where it shrinks in both directions, else bilinear.
    """
    shrinks = min(picture.shape[:2]) >= size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    square: np.ndarray = cv2.resize(picture, (size, size), interpolation=how)
    return square


def _read_video(
    path: Path, choose: Choice, start: float, seconds: float | None
) -> list[np.ndarray]:
    """Return the chosen frames of a video.

    Which frames there are is known for sure only when all have been decoded. Their packets, which
    cost next to nothing to read, nearly always say the same: so the file is decoded once, keeping
    what the packets' times make us choose, and a second time only where the decoded times differ.
    """
    expected = times_inside(packet_times(path), start, seconds)
    kept, times = decode_frames(path, choose(expected) if len(expected) else [], start, seconds)
    shown = times_inside(times, start, seconds)
    if len(shown) == 0:
        raise ReadError(
            "no frames",
            f"{path} shows no frame from {start:g} s on, expected at least one; fetch it again, or "
            "correct the clip's start",
        )
    wanted = [int(position) for position in choose(shown)]
    if not kept.keys() >= set(wanted):
        kept, _ = decode_frames(path, wanted, start, seconds)
    return [kept[position] for position in wanted]


def times_inside(times: np.ndarray, start: float, seconds: float | None) -> np.ndarray:
    """Return the times inside the clip; a tenth of a millisecond is rounding."""
    inside = times >= start - 1e-4
    if seconds is not None:
        inside &= times < start + seconds - 1e-4
    kept: np.ndarray = times[inside]
    return kept


def packet_times(path: Path) -> np.ndarray:
    """Return the times in seconds of a video's packets, ascending, without decoding them."""
    capture = _open_video(path)
    fps = capture.get(cv2.CAP_PROP_FPS)
    promised = capture.get(cv2.CAP_PROP_FRAME_COUNT) / fps if fps > 0 else 0.0
    capture.set(cv2.CAP_PROP_FORMAT, -1)  # packets as they are
    times = []
    while capture.grab():
        times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    capture.release()
    if not times:
        raise ReadError(
            "no frames", f"{path} holds no frame, expected at least one; fetch it again"
        )
    if _is_mp4(path):
        check_boxes(path)
    else:
        check_reach(path, max(times) + 1 / fps if fps > 0 else max(times), promised)
    return np.sort(times)


def _is_mp4(path: Path) -> bool:
    """Say whether a file is built of boxes, as mp4 and mov are."""
    with path.open("rb") as stream:
        return stream.read(8)[4:] in (b"ftyp", b"moov", b"mdat", b"wide")


def check_boxes(path: Path) -> None:
    """Raise where an mp4's media data is longer than what is left of the file.

    Its frame count does not show it: it includes those that an edit list hides, as in files cut
    without re-encoding. A box is its length in 4 bytes (1: in the 8 bytes behind its name; 0: to
    the end of the file), its name in 4, and what it holds (ISO/IEC 14496-12, section 4.2).
    """
    size = path.stat().st_size
    place = 0
    with path.open("rb") as stream:
        while len(head := stream.read(16)) == 16:
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:], "big")
            if head[4:8] == b"mdat" and place + length > size:
                raise ReadError(
                    "truncated",
                    f"{path} ends after {size} bytes, {place + length - size} before its media "
                    "data does; fetch it again",
                )
            if length < 8:
                return
            place += length
            stream.seek(place)


def decode_frames(
    path: Path, positions: Sequence[int], start: float, seconds: float | None
) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Return the frames at these positions, counted from the clip's first, and all times."""
    capture = _open_video(path)
    wanted, kept = set(positions), {}
    times: list[float] = []
    inside = 0
    while capture.grab():
        # Frames come in their order; where one has no time of its own, 0 stands in its place.
        time = max(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, times[-1] if times else 0.0)
        times.append(time)
        if seconds is not None and time >= start + seconds - 1e-4:
            break
        if time < start - 1e-4:
            continue
        if inside in wanted:
            kept[inside] = _retrieve(path, capture)
        inside += 1
    capture.release()
    return kept, np.array(times)


def _retrieve(path: Path, capture: Any) -> np.ndarray:
    """Return the frame that was grabbed last, RGB."""
    decoded, frame = capture.retrieve()
    if not decoded:
        raise ReadError("unreadable", f"{path} has a frame that cannot be decoded; fetch it again")
    picture: np.ndarray = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    return picture


def _open_video(path: Path) -> Any:
    check_present(path)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    if not capture.isOpened():
        raise ReadError(
            "unreadable",
            f"{path} cannot be opened as a video: broken, cut off before its index, or without "
            "pictures; fetch it again",
        )
    return capture
