"""Videos and folders of frames, written here: which pictures are read, and what damage is called.

Each frame tells its number in six large black or white blocks, which every codec keeps.
"""

import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fusion_sched.data.clips.files import LFS_HEADER
from fusion_sched.data.clips.types import ReadError
from fusion_sched.data.clips.video import (
    check_boxes,
    count_frames,
    decode_frames,
    packet_times,
    read_picture,
    read_pictures,
    resized,
)

FRAMES = 45
FPS = 15


def everything(times: np.ndarray) -> Sequence[int]:
    return range(len(times))


def numbers_of(pictures: Sequence[np.ndarray]) -> list[int]:
    return [
        sum(
            int(picture[8:40, 16 * bit + 4 : 16 * bit + 12].mean() > 128) << bit for bit in range(6)
        )
        for picture in pictures
    ]


def drawn(number: int) -> np.ndarray:
    """Return a picture (64, 96, 3) of a number, over noise that takes up room in a file."""
    blocks = np.repeat([number >> bit & 1 for bit in range(6)], 16) * 200 + 20
    noise = np.random.default_rng(number).integers(0, 256, (16, 96, 3))
    flat = np.broadcast_to(blocks[None, :, None], (48, 96, 3))
    return np.concatenate([flat, noise]).astype(np.uint8)


def write_by_opencv(path: Path, pictures: Sequence[np.ndarray], fps: float = FPS) -> None:
    """Write RGB pictures; no sound."""
    codes = {".flv": 2, ".mp4": cv2.VideoWriter.fourcc(*"mp4v")}
    code = codes.get(path.suffix, cv2.VideoWriter.fourcc(*"MJPG"))
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), code, fps, (width, height))
    assert writer.isOpened()
    for picture in pictures:
        writer.write(picture[..., ::-1])
    writer.release()


def write_by_pyav(
    path: Path, codec: str, first: int = 0, b_frames: int = 0, **options: str
) -> None:
    """Write the numbered frames; those before `first` get negative times."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w", options=options) as container:
        video = container.add_stream(codec, rate=FPS)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        video.codec_context.max_b_frames = b_frames
        video.codec_context.gop_size = FRAMES
        packets = []
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(drawn(number), format="rgb24")
            packets += video.encode(frame)
        for packet in [*packets, *video.encode()]:
            shift = round(first / FPS / packet.time_base)
            packet.pts -= shift
            packet.dts -= shift
            container.mux(packet)


def halve(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def kind_of(path: Path, choose: Callable[[np.ndarray], Sequence[int]] = everything) -> str:
    with pytest.raises(ReadError) as caught:
        read_pictures(path, choose)
    assert str(path) in str(caught.value)
    return caught.value.kind


@pytest.mark.parametrize("suffix", ["flv", "mp4", "avi"])
def test_every_frame_is_read_in_order(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    write_by_opencv(path, [drawn(n) for n in range(FRAMES)])
    seen: list[np.ndarray] = []

    def all_of(times: np.ndarray) -> Sequence[int]:
        seen.append(times)
        return range(len(times))

    pictures = read_pictures(path, all_of)
    assert numbers_of(pictures) == list(range(FRAMES))
    np.testing.assert_allclose(seen[-1], np.arange(FRAMES) / FPS, atol=1e-3)
    assert pictures[0].shape == (64, 96, 3)
    assert pictures[0].dtype == np.uint8
    assert count_frames(path) == FRAMES
    assert numbers_of(read_pictures(path, lambda times: [40, 2, 2])) == [40, 2, 2]


@pytest.mark.parametrize(
    ("suffix", "codec", "b_frames"),
    [("mp4", "libx264", 3), ("mkv", "libx264", 3), ("avi", "mpeg4", 2), ("webm", "libvpx", 0)],
)
def test_frames_that_are_stored_out_of_order_are_read_in_order(
    tmp_path: Path, suffix: str, codec: str, b_frames: int
) -> None:
    path = tmp_path / f"a.{suffix}"
    write_by_pyav(path, codec, b_frames=b_frames)
    assert numbers_of(read_pictures(path, everything)) == list(range(FRAMES))


def test_the_colours_are_red_green_blue(tmp_path: Path) -> None:
    orange = np.full((48, 64, 3), (220, 120, 20), np.uint8)
    write_by_opencv(tmp_path / "a.avi", [orange] * 3)
    cv2.imwrite(str(tmp_path / "a.png"), orange[..., ::-1])
    for path in (tmp_path / "a.avi", tmp_path / "a.png"):
        (picture,) = read_pictures(path, lambda times: [0])
        np.testing.assert_allclose(picture[20, 20], (220, 120, 20), atol=6)


@pytest.mark.parametrize(
    ("start", "seconds", "expected"),
    [
        (0.0, 1.0, range(15)),
        (1.0, 1.0, range(15, 30)),
        (1.01, 0.2, range(16, 19)),  # at 1.067, 1.133 and 1.2 s
        (2.0, None, range(30, 45)),
        (2.0, 99.0, range(30, 45)),
    ],
)
@pytest.mark.parametrize("suffix", ["flv", "avi"])
def test_a_part_is_cut_by_time(
    tmp_path: Path, suffix: str, start: float, seconds: float | None, expected: range
) -> None:
    path = tmp_path / f"a.{suffix}"
    write_by_opencv(path, [drawn(n) for n in range(FRAMES)])
    assert numbers_of(read_pictures(path, everything, start, seconds)) == list(expected)
    assert count_frames(path, start, seconds) == len(expected)


def test_a_part_beyond_the_end_has_no_frames(tmp_path: Path) -> None:
    write_by_opencv(tmp_path / "a.avi", [drawn(n) for n in range(FRAMES)])
    with pytest.raises(ReadError, match="shows no frame from 5 s on"):
        read_pictures(tmp_path / "a.avi", everything, start=5.0, seconds=1.0)


def test_only_chosen_frames_are_kept(tmp_path: Path) -> None:
    write_by_opencv(tmp_path / "a.avi", [drawn(n) for n in range(FRAMES)])
    kept, times = decode_frames(tmp_path / "a.avi", [3, 9], start=0.0, seconds=None)
    assert sorted(kept) == [3, 9]
    assert len(times) == FRAMES


def test_a_cut_without_encoding_shows_less_than_it_holds(tmp_path: Path) -> None:
    # As `ffmpeg -ss 1 -c copy` leaves it: an edit list hides what comes before the first second.
    path = tmp_path / "a.mp4"
    write_by_pyav(path, "libx264", first=15, b_frames=2)
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == FRAMES
    assert len(packet_times(path)) > 30  # hidden ones, too
    assert numbers_of(read_pictures(path, everything)) == list(range(15, FRAMES))
    assert numbers_of(read_pictures(path, lambda times: [len(times) - 1])) == [44]


@pytest.mark.parametrize("suffix", ["flv", "avi"])
def test_half_a_video_is_truncated(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    write_by_opencv(path, [drawn(n) for n in range(FRAMES)])
    halve(path)
    assert kind_of(path) == "truncated"
    with pytest.raises(ReadError, match=r"ends after \d\.\d\d s of the [23]\.\d\d s"):
        count_frames(path)


def test_half_an_mp4_is_truncated_or_unreadable(tmp_path: Path) -> None:
    write_by_opencv(tmp_path / "late.mp4", [drawn(n) for n in range(FRAMES)])
    assert kind_of(halve(tmp_path / "late.mp4")) == "unreadable"  # its index was to come last
    write_by_pyav(tmp_path / "early.mp4", "libx264", movflags="faststart")
    assert kind_of(halve(tmp_path / "early.mp4")) == "truncated"


def test_a_video_without_known_length_is_read(tmp_path: Path) -> None:
    write_by_pyav(tmp_path / "a.mkv", "libx264", live="1")
    assert numbers_of(read_pictures(tmp_path / "a.mkv", everything)) == list(range(FRAMES))


@pytest.mark.parametrize("suffix", ["flv", "mp4", "avi", "mkv"])
def test_what_is_no_video_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    assert kind_of(path) == "missing"
    path.write_bytes(b"")
    assert kind_of(path) == "empty file"
    path.write_bytes(LFS_HEADER + b"\noid sha256:00\nsize 300000\n")
    assert kind_of(path) == "git-lfs pointer"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    assert kind_of(path) == "unreadable"
    path.write_text("<html><body>404 Not Found</body></html>" * 50)
    assert kind_of(path) == "unreadable"


def test_a_video_of_which_nothing_decodes_has_no_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    write_by_opencv(path, [drawn(n) for n in range(FRAMES)])
    data = bytearray(path.read_bytes())
    place = data.index(b"movi")
    while (place := data.find(b"00dc", place + 4)) > 0 and place + 8 < len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        data[place + 8 : place + 8 + min(size, 400)] = bytes(min(size, 400))
    path.write_bytes(data)
    assert kind_of(path) == "no frames"


def test_damage_is_told_once_and_by_us(tmp_path: Path) -> None:
    write_by_pyav(tmp_path / "a.mp4", "libx264", movflags="faststart")
    halve(tmp_path / "a.mp4")
    (tmp_path / "b.flv").write_bytes(np.random.default_rng(0).bytes(5000))
    script = """
import sys
from pathlib import Path
from fusion_sched.data.clips.types import ReadError
from fusion_sched.data.clips.video import decode_frames, read_pictures
decode_frames(Path("a.mp4"), [], 0.0, None)
for name in ("a.mp4", "b.flv"):
    try:
        read_pictures(Path(name), lambda times: [0])
    except ReadError as error:
        print(error.kind)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["truncated", "unreadable"]
    assert done.stderr == ""


def test_missing_window_libraries_are_named_with_two_ways_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)  # an import of cv2 now raises ImportError
    monkeypatch.delitem(sys.modules, "fusion_sched.data.opencv")
    with pytest.raises(ImportError, match=r"libgl1.*opencv-python-headless"):
        import_module("fusion_sched.data.opencv")


def write_folder(folder: Path, names: Sequence[str]) -> Path:
    folder.mkdir()
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), drawn(number))
    return folder


@pytest.mark.parametrize(
    "names",
    [
        [f"{n:05d}.jpg" for n in range(1, 13)],
        [f"frame_{n}.jpg" for n in range(1, 13)],  # frame_10 comes after frame_2
        [f"img_{n:03d}.PNG" for n in range(12)],
        [f"a{n}.jpeg" for n in range(12)],
    ],
    ids=["zeros", "no zeros", "png", "jpeg"],
)
def test_a_folder_is_read_in_the_order_of_its_numbers(tmp_path: Path, names: list[str]) -> None:
    folder = write_folder(tmp_path / "frames", names)
    (folder / "Thumbs.db").write_bytes(b"no picture")
    assert numbers_of(read_pictures(folder, everything)) == list(range(12))
    # A clip's start and length are those of its video, not of its pictures.
    assert numbers_of(read_pictures(folder, everything, start=5.0, seconds=1.0)) == list(range(12))
    assert count_frames(folder) == 12


def test_a_folder_without_pictures_has_no_frames(tmp_path: Path) -> None:
    assert kind_of(tmp_path / "1001_DFA_ANG_XX") == "no frames"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("none")
    assert kind_of(tmp_path / "empty") == "no frames"


def test_a_damaged_picture_is_named_where_it_is_chosen(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "frames", [f"{n}.jpg" for n in range(4)])
    halve(folder / "2.jpg")
    with pytest.raises(ReadError, match=r"2\.jpg cannot be decoded") as caught:
        read_pictures(folder, everything)
    assert caught.value.kind == "unreadable"
    assert numbers_of(read_pictures(folder, lambda times: [0, 3])) == [0, 3]
    (folder / "3.jpg").write_bytes(b"")
    with pytest.raises(ReadError, match=r"3\.jpg holds 0 bytes"):
        read_picture(folder / "3.jpg")


def test_a_single_picture_is_one_frame(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "naïve name.jpg"), drawn(7))
    assert numbers_of(read_pictures(tmp_path / "naïve name.jpg", everything)) == [7]
    assert count_frames(tmp_path / "naïve name.jpg") == 1
    assert kind_of(tmp_path / "absent.png") == "missing"


def test_shrinking_averages_and_enlarging_interpolates() -> None:
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 200
    fine = np.repeat(checks[..., None], 3, axis=2).astype(np.uint8)
    np.testing.assert_array_equal(resized(fine, 16), np.full((16, 16, 3), 100))
    ramp = np.repeat(np.arange(4, dtype=np.uint8)[None, :] * 60, 4, axis=0)
    enlarged: Any = resized(ramp, 16)
    assert (np.diff(enlarged[0].astype(int)) >= 0).all()
    assert len(np.unique(enlarged)) > 8
    assert resized(np.zeros((10, 40, 2), np.float32), 16).shape == (16, 16, 2)


@pytest.mark.parametrize("wide", [False, True])
def test_an_mp4_ends_with_its_media_data(tmp_path: Path, wide: bool) -> None:
    length = 16 + 1000
    head = (b"\0\0\0\1mdat" + length.to_bytes(8, "big")) if wide else b"\0\0\3\xf8mdat"
    media = head + bytes(length - len(head)) if wide else head + bytes(length - 8)
    whole = b"\0\0\0\x10ftypisom\0\0\0\0" + media
    (tmp_path / "a.mp4").write_bytes(whole + b"\0\0\0\x10freeNothing.")
    check_boxes(tmp_path / "a.mp4")
    (tmp_path / "a.mp4").write_bytes(whole[:-300])
    with pytest.raises(ReadError, match="300 before its media data does"):
        check_boxes(tmp_path / "a.mp4")
