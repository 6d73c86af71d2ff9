"""Optical flow: of videos whose motion is known, and of stored fields."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from fusion_sched.data.clips.flow import Flow
from fusion_sched.data.clips.types import Clip, ReadError, Views
from fusion_sched.data.clips.views import draw_views


def clip_of(**files: Path) -> Clip:
    return Clip("clip", 0, "train", files)


def texture(height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def write_panning(path: Path, right: int, down: int, frames: int = 8) -> Path:
    """Write a video, 128 × 96, of which all moves by whole pixels per frame."""
    whole = np.repeat(texture(192, 256)[..., None], 3, axis=2)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (128, 96))
    for n in range(frames):
        y, x = 48 - down * n, 64 - right * n
        writer.write(whole[y : y + 96, x : x + 128])
    writer.release()
    return path


def write_arrays(folder: Path, vectors: list[tuple[float, float]], size: int = 32) -> Path:
    folder.mkdir()
    for number, vector in enumerate(vectors):
        np.save(folder / f"flow_{number}.npy", np.full((size, 2 * size, 2), vector, np.float32))
    return folder


def in_pixels(modality: Flow, value: np.ndarray) -> np.ndarray:
    finished = modality.finish(torch.as_tensor(value)[None])[0]
    return finished.numpy() * modality.bound


@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, 2), (-2, 1)])
def test_flow_of_a_video_is_its_motion(tmp_path: Path, right: int, down: int) -> None:
    modality = Flow(count=2, size=64)
    value = modality.read(clip_of(flow=write_panning(tmp_path / "a.avi", right, down)))
    assert value.shape == modality.stored_shape == modality.shape == (2, 2, 64, 64)
    assert value.dtype == np.dtype(modality.dtype) == np.int8
    middle = np.median(in_pixels(modality, value)[..., 16:48, 16:48], axis=(2, 3))
    # Stored pixels: 128 × 96 became 64 × 64. Steps are 20 / 127 = 0.16 of them.
    np.testing.assert_allclose(middle, [[right * 64 / 128, down * 64 / 96]] * 2, atol=0.16)


def test_flow_of_a_folder_of_frames_is_its_motion(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    whole = texture(192, 256)
    for n in range(4):
        picture = whole[48:112, 64 - 2 * n : 128 - 2 * n]
        cv2.imwrite(str(tmp_path / "frames" / f"{n}.png"), picture)
    modality = Flow(count=3, size=64)
    value = modality.read(clip_of(flow=tmp_path / "frames"))
    middle = np.median(in_pixels(modality, value)[..., 16:48, 16:48], axis=(2, 3))
    np.testing.assert_allclose(middle, [[2, 0]] * 3, atol=0.16)


def test_one_frame_has_no_flow(tmp_path: Path) -> None:
    path = write_panning(tmp_path / "a.avi", 1, 0, frames=1)
    with pytest.raises(ReadError, match=r"a\.avi shows one frame, expected two or more"):
        Flow().read(clip_of(flow=path))


def test_stored_fields_are_scaled_with_their_size(tmp_path: Path) -> None:
    vectors = [(1.0, 2.0), (3.0, -4.0), (5.0, 6.0), (90.0, -90.0)]
    folder = write_arrays(tmp_path / "flow", vectors, size=32)  # 32 × 64, stored 16 × 16
    modality = Flow(count=4, size=16)
    found = in_pixels(modality, modality.read(clip_of(flow=folder)))
    expected = np.clip(np.array(vectors) * (16 / 64, 16 / 32), -20, 20)
    np.testing.assert_allclose(found.mean(axis=(2, 3)), expected, atol=0.08)
    chosen = Flow(count=2, size=16, choose="first").read(clip_of(flow=folder))
    np.testing.assert_allclose(
        in_pixels(modality, chosen).mean(axis=(2, 3)), expected[:2], atol=0.08
    )


def test_grey_pictures_are_read_by_their_bound(tmp_path: Path) -> None:
    for part, levels in (("u", (128, 255)), ("v", (0, 64))):
        (tmp_path / part).mkdir()
        for number, level in enumerate(levels):
            picture = np.full((32, 64), level, np.uint8)
            cv2.imwrite(str(tmp_path / part / f"frame_{number}.jpg"), picture)
    clip = clip_of(flow_u=tmp_path / "u", flow_v=tmp_path / "v")
    modality = Flow(count=2, size=16)
    found = in_pixels(modality, modality.read(clip)).mean(axis=(2, 3))
    expected = [[0.08 / 4, -20 / 2], [20 / 4, (64 / 127.5 - 1) * 20 / 2]]
    np.testing.assert_allclose(found, expected, atol=0.12)
    assert modality.warnings(clip) == []
    assert [r.kind for r in Flow(count=3).warnings(clip)] == ["few frames"]
    (tmp_path / "v" / "frame_1.jpg").unlink()
    with pytest.raises(ReadError, match=r"u has 2 pictures and .*v has 1"):
        modality.read(clip)


def test_damaged_fields_are_named(tmp_path: Path) -> None:
    def kind_of() -> str:
        with pytest.raises(ReadError, match=r"flow_0\.npy") as caught:
            Flow(count=1).read(clip_of(flow=folder))
        return caught.value.kind

    folder = write_arrays(tmp_path / "flow", [(1.0, 0.0)])
    path = folder / "flow_0.npy"
    np.save(path, np.array([{"u": 1}], dtype=object))
    assert kind_of() == "unreadable"  # never unpickled
    np.save(path, np.zeros((2, 32, 32), np.float32))
    assert kind_of() == "unreadable"
    np.save(path, np.full((32, 32, 2), np.nan, np.float32))
    assert kind_of() == "not finite"
    np.save(path, np.zeros((32, 32, 2), np.float32))
    path.write_bytes(path.read_bytes()[:500])
    assert kind_of() == "unreadable"
    path.write_bytes(b"")
    assert kind_of() == "empty file"
    with pytest.raises(ReadError) as caught:
        Flow().read(clip_of(flow=tmp_path / "absent"))
    assert caught.value.kind == "no frames"


def test_too_few_fields_are_remarked(tmp_path: Path) -> None:
    stored = clip_of(flow=write_arrays(tmp_path / "flow", [(1.0, 0.0)] * 2))
    assert Flow(count=2).warnings(stored) == []
    (warning,) = Flow(count=3).warnings(stored)
    assert (warning.kind, warning.modality, warning.fatal) == ("few frames", "flow", False)
    computed = clip_of(flow=write_panning(tmp_path / "a.avi", 1, 0, frames=3))
    assert Flow(count=2).warnings(computed) == []
    assert "has 2 field(s) of flow, 3 are wanted" in Flow(count=3).warnings(computed)[0].message


def views_of(top: float, left: float, height: float, width: float, flip: bool) -> Views:
    return Views(*(torch.tensor([value]) for value in (top, left, height, width, flip)))


def test_a_flip_turns_motion_to_the_other_side() -> None:
    values = torch.rand(1, 3, 2, 20, 20)
    seen = Flow().augment(values, views_of(0.0, 0.0, 1.0, 1.0, True))
    expected = values.flip(-1) * torch.tensor([-1.0, 1.0])[:, None, None]
    torch.testing.assert_close(seen, expected, atol=1e-5, rtol=0)


def test_a_crop_magnifies_motion() -> None:
    values = torch.rand(1, 3, 2, 20, 20)
    seen = Flow().augment(values, views_of(0.0, 0.5, 1.0, 0.5, False))
    enlarged = interpolate(values[0, ..., 10:], size=[20, 20], mode="bilinear")
    expected = enlarged * torch.tensor([2.0, 1.0])[:, None, None]
    inside = (..., slice(1, -1))
    torch.testing.assert_close(seen[0][inside], expected[inside], atol=1e-5, rtol=0)


def test_motion_of_a_changed_video_is_the_changed_motion() -> None:
    # Points at x move to x + u(x); cropped and flipped, they move by what augment says.
    height, width, top, left = 0.5, 0.25, 0.25, 0.5
    u, v = 0.02, -0.01  # shares of the picture
    start = np.array([left + 0.3 * width, top + 0.4 * height])
    moved = start + np.array([u, v])

    def seen(point: np.ndarray) -> np.ndarray:
        across, down = (point - (left, top)) / (width, height)
        return np.array([1 - across, down])

    field = torch.tensor([u, v])[:, None, None].expand(1, 1, 2, 16, 16)
    found = Flow(count=1).augment(field, views_of(top, left, height, width, True))
    np.testing.assert_allclose(found[0, 0, :, 8, 8], seen(moved) - seen(start), atol=1e-6)


def test_training_changes_nothing_where_it_is_not_asked_to() -> None:
    values = torch.rand(4, 3, 2, 20, 20)
    views = draw_views(4, torch.Generator().manual_seed(0))
    assert torch.equal(Flow(augmented=False).augment(values, views), values)
    assert not torch.equal(Flow().augment(values, views), values)


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="method is 'farneback', expected 'dis' or 'tvl1'"):
        Flow(method="farneback")
    with pytest.raises(ValueError, match="choose is 'any'"):
        Flow(choose="any")
    with pytest.raises(ValueError, match="bound 0; expected"):
        Flow(bound=0.0)
    assert repr(Flow()) == repr(Flow(augmented=False))
    assert not Flow().jpeg


def test_tvl1_needs_the_other_opencv(tmp_path: Path) -> None:
    clip = clip_of(flow=write_panning(tmp_path / "a.avi", 2, 0))
    modality = Flow(count=1, size=64, method="tvl1")
    if "optflow" in dir(cv2):
        middle = np.median(in_pixels(modality, modality.read(clip))[..., 16:48, 16:48], axis=(2, 3))
        np.testing.assert_allclose(middle, [[1, 0]], atol=0.2)
        return
    with pytest.raises(ImportError, match=r"use method='dis', or put opencv-contrib-python"):
        modality.read(clip)
