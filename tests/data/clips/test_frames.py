"""Frames of clips: which are taken, and what a network gets of them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fusion_sched.data.clips.frames import Frames, choose_frames
from fusion_sched.data.clips.types import Clip, ReadError, Views
from fusion_sched.data.clips.views import crop_and_flip, draw_views
from fusion_sched.types import IMAGENET_MEAN, IMAGENET_STD

COLOURS = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250), (250, 0, 250)]


def clip_of(path: Path, start: float = 0.0, seconds: float | None = None) -> Clip:
    return Clip("clip", 0, "train", {"visual": path}, start=start, seconds=seconds)


def write_folder(folder: Path, count: int = 6) -> Path:
    """Write pictures of the colours above, one after another."""
    folder.mkdir()
    for number, colour in enumerate(COLOURS[:count]):
        picture = np.full((30, 40, 3), colour[::-1], np.uint8)
        cv2.imwrite(str(folder / f"{number:05d}.png"), picture)
    return folder


def write_video(path: Path) -> Path:
    """Write six seconds, each of one of the colours above, ten frames per second."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (40, 30))
    for colour in COLOURS:
        for _ in range(10):
            writer.write(np.full((30, 40, 3), colour[::-1], np.uint8))
    writer.release()
    return path


def colours_of(value: np.ndarray) -> list[int]:
    """Return which colour each picture has."""
    distance = np.abs(value[:, 3, 3, None].astype(int) - np.array(COLOURS)).sum(axis=-1)
    assert distance.min(axis=1).max() < 30
    return [int(i) for i in distance.argmin(axis=1)]


@given(
    steps=st.lists(st.floats(0, 2), max_size=40),
    count=st.integers(1, 12),
    how=st.sampled_from(["spread", "first", "middle"]),
    start=st.floats(0, 100),
)
def test_chosen_frames_exist_and_are_in_order(
    steps: list[float], count: int, how: str, start: float
) -> None:
    times = start + np.cumsum([0.0, *steps])
    positions = choose_frames(times, count, how)
    assert len(positions) == count
    assert positions == sorted(positions)
    assert positions[0] >= 0
    assert positions[-1] < len(times)


@given(frames=st.integers(1, 60), count=st.integers(1, 60), fps=st.floats(1, 120))
def test_frames_at_one_rate_are_spread_evenly(frames: int, count: int, fps: float) -> None:
    positions = choose_frames(np.arange(frames) / fps, count, "spread")
    exact = (np.arange(count) + 0.5) / count * frames
    # Where an exact position is a whole number, rounding may go either way.
    off = np.abs(np.array(positions) - np.floor(exact))
    assert ((off == 0) | (np.abs(exact - np.round(exact)) < 1e-3 * frames)).all()
    if frames >= count:
        assert len(set(positions)) == count


@pytest.mark.parametrize(
    ("count", "how", "expected"),
    [
        (1, "spread", [5]),
        (2, "spread", [2, 7]),
        (3, "first", [0, 1, 2]),
        (1, "middle", [5]),
        (4, "middle", [3, 4, 5, 6]),
        (10, "middle", list(range(10))),
        (12, "first", [*range(10), 9, 9]),
    ],
)
def test_choices_among_ten_frames(count: int, how: str, expected: list[int]) -> None:
    assert choose_frames(np.arange(10.0), count, how) == expected


def test_frames_are_spread_by_time_where_they_come_unevenly() -> None:
    times = np.array([0.0, 0.1, 0.2, 0.3, 9.0])
    assert choose_frames(times, 2, "spread") == [3, 3]  # 3 is shown from 0.3 to 9 s


@pytest.mark.parametrize(
    ("choose", "count", "expected"),
    [("spread", 3, [1, 3, 5]), ("first", 2, [0, 0]), ("middle", 1, [3])],
)
def test_frames_of_a_video(tmp_path: Path, choose: str, count: int, expected: list[int]) -> None:
    modality = Frames(count=count, size=16, choose=choose)
    value = modality.read(clip_of(write_video(tmp_path / "a.avi")))
    assert value.shape == modality.stored_shape == (count, 16, 16, 3)
    assert value.dtype == np.dtype(modality.dtype) == np.uint8
    assert colours_of(value) == expected


def test_frames_of_a_part_of_a_video(tmp_path: Path) -> None:
    clip = clip_of(write_video(tmp_path / "a.avi"), start=2.0, seconds=3.0)
    assert colours_of(Frames(count=3, size=16).read(clip)) == [2, 3, 4]
    assert colours_of(Frames(size=16, choose="first").read(clip)) == [2]


def test_frames_of_a_folder_and_of_a_picture(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "frames")
    assert colours_of(Frames(count=6, size=16).read(clip_of(folder))) == [0, 1, 2, 3, 4, 5]
    assert colours_of(Frames(count=2, size=16).read(clip_of(folder))) == [1, 4]
    assert colours_of(Frames(size=16).read(clip_of(folder / "00002.png"))) == [2]
    with pytest.raises(ReadError, match="expected the frames of a clip"):
        Frames().read(clip_of(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("count", "shape"), [(1, (3, 20, 20)), (2, (2, 3, 20, 20))]
)  # fmt: skip
def test_inputs_are_standardised_channel_by_channel(count: int, shape: tuple[int, ...]) -> None:
    modality = Frames(count=count, size=20)
    assert modality.shape == shape
    stored = torch.randint(0, 256, (5, count, 20, 20, 3), dtype=torch.uint8)
    before = stored.clone()
    finished = modality.finish(stored)
    assert finished.shape == (5, *shape)
    assert finished.dtype == torch.float32
    assert finished.is_contiguous()
    expected = (stored / 255 - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD)
    expected = expected.permute(0, 1, 4, 2, 3).reshape(5, *shape)
    torch.testing.assert_close(finished, expected, atol=1e-5, rtol=0)
    assert torch.equal(stored, before)


def test_training_crops_where_it_is_asked_to() -> None:
    values = torch.rand(4, 2, 3, 20, 20)
    views = draw_views(4, torch.Generator().manual_seed(0))
    assert torch.equal(Frames(count=2).augment(values, views), crop_and_flip(values, views))
    assert torch.equal(Frames(count=2, augmented=False).augment(values, views), values)
    nothing = Views(*(torch.full((4,), v) for v in (0.0, 0.0, 1.0, 1.0)), torch.zeros(4).bool())
    torch.testing.assert_close(Frames().augment(values, nothing), values, atol=1e-5, rtol=0)


def test_too_few_frames_are_remarked(tmp_path: Path) -> None:
    clip = clip_of(write_folder(tmp_path / "frames", count=3))
    assert Frames(count=3).warnings(clip) == []
    (warning,) = Frames(count=4).warnings(clip)
    assert (warning.kind, warning.clip, warning.modality) == ("few frames", "clip", "visual")
    assert not warning.fatal
    assert "has 3 frame(s), 4 are wanted" in warning.message
    video = clip_of(write_video(tmp_path / "a.avi"), seconds=0.5)
    assert [r.kind for r in Frames(count=6).warnings(video)] == ["few frames"]
    assert colours_of(Frames(count=6, size=16).read(video)) == [0] * 6


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="encoding is 'png', expected 'raw' or 'jpeg'"):
        Frames(encoding="png")
    with pytest.raises(ValueError, match="choose is 'random', expected one of"):
        Frames(choose="random")
    with pytest.raises(ValueError, match="count 0, size 224"):
        Frames(count=0)
    assert Frames(encoding="jpeg").jpeg
    assert not Frames().jpeg


def test_only_what_changes_the_stored_frames_is_in_the_repr() -> None:
    assert repr(Frames()) == repr(Frames(augmented=False, mean=(0.5, 0.5, 0.5)))
    assert repr(Frames()) != repr(Frames(choose="middle"))


@pytest.mark.gpu
def test_inputs_are_the_same_on_a_gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    stored = torch.randint(0, 256, (4, 2, 20, 20, 3), dtype=torch.uint8)
    modality = Frames(count=2, size=20)
    torch.testing.assert_close(
        modality.finish(stored.cuda()).cpu(), modality.finish(stored), atol=1e-5, rtol=0
    )
