"""Random crops and flips: geometry against torch's own operations, and where they are drawn."""

import math

import pytest
import torch
from torch.nn.functional import interpolate

from fusion_sched.data.clips.types import Views
from fusion_sched.data.clips.views import crop_and_flip, draw_views


def views_of(*rows: tuple[float, float, float, float, bool]) -> Views:
    """Return views of (top, left, height, width, flip)."""
    columns = list(zip(*rows, strict=True))
    return Views(*(torch.tensor(column) for column in columns))


def pictures(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


WHOLE = (0.0, 0.0, 1.0, 1.0, False)


def test_the_whole_picture_comes_back() -> None:
    given = pictures(2, 3, 33, 40)
    torch.testing.assert_close(
        crop_and_flip(given, views_of(WHOLE, WHOLE)), given, atol=1e-5, rtol=0
    )


def test_a_flip_mirrors_left_and_right() -> None:
    given = pictures(2, 3, 32, 40)
    seen = crop_and_flip(given, views_of((0.0, 0.0, 1.0, 1.0, True), WHOLE))
    torch.testing.assert_close(seen[0], given[0].flip(-1), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen[1], given[1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("top", "left"), [(0.0, 0.0), (0.5, 0.0), (0.25, 0.5)])
def test_a_quarter_is_that_quarter_enlarged(top: float, left: float, flip: bool) -> None:
    given = pictures(1, 3, 32, 32)
    y, x = int(32 * top), int(32 * left)
    quarter = given[:, :, y : y + 16, x : x + 16]
    expected = interpolate(quarter, size=[32, 32], mode="bilinear")
    if flip:
        expected = expected.flip(-1)
    seen = crop_and_flip(given, views_of((top, left, 0.5, 0.5, flip)))
    # At its edge torch repeats the quarter's last pixel, a crop sees the picture's next one.
    inside = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(seen[inside], expected[inside], atol=1e-5, rtol=0)


def test_height_and_width_are_not_confused() -> None:
    given = pictures(1, 1, 16, 64)
    seen = crop_and_flip(given, views_of((0.0, 0.25, 1.0, 0.5, False)))
    expected = interpolate(given[..., 16:48], size=[16, 64], mode="bilinear")
    torch.testing.assert_close(seen[..., 1:-1], expected[..., 1:-1], atol=1e-5, rtol=0)


def test_all_frames_of_a_sample_are_treated_alike_and_samples_are_not() -> None:
    one = pictures(1, 1, 3, 24, 24)
    clips = one.expand(4, 5, 3, 24, 24)
    seen = crop_and_flip(clips, draw_views(4, torch.Generator().manual_seed(1)))
    assert seen.shape == clips.shape
    for sample in seen:
        for frame in sample:
            assert torch.equal(frame, sample[0])
    assert not torch.equal(seen[0], seen[1])


def test_frames_are_treated_as_single_pictures_are() -> None:
    given = pictures(3, 4, 3, 20, 20)
    views = draw_views(3, torch.Generator().manual_seed(2))
    seen = crop_and_flip(given, views)
    for frame in range(4):
        torch.testing.assert_close(seen[:, frame], crop_and_flip(given[:, frame], views))


def test_a_seed_gives_its_views() -> None:
    first, again, other = (draw_views(8, torch.Generator().manual_seed(s)) for s in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.top, other.top)


def test_views_lie_in_the_picture_and_in_the_published_ranges() -> None:
    views = draw_views(20000, torch.Generator().manual_seed(5))
    area, ratio = views.height * views.width, views.width / views.height
    assert area.min() + 1e-6 >= 0.08
    assert area.max() <= 1
    assert ratio.min() + 1e-6 >= 3 / 4
    assert ratio.max() <= 4 / 3 + 1e-6
    assert views.top.min() >= 0
    assert (views.top + views.height).max() <= 1 + 1e-6
    assert views.left.min() >= 0
    assert (views.left + views.width).max() <= 1 + 1e-6
    assert views.flip.float().mean() == pytest.approx(0.5, abs=0.02)
    assert ratio.log().mean() == pytest.approx(0.0, abs=0.005)
    for corner, room in ((views.top, 1 - views.height), (views.left, 1 - views.width)):
        assert (corner / room.clamp(min=1e-6)).mean() == pytest.approx(0.5, abs=0.02)


def test_areas_are_those_of_drawing_one_after_another() -> None:
    generator = torch.Generator().manual_seed(6)
    areas = []
    while len(areas) < 5000:
        area, turn = torch.rand(2, generator=generator).tolist()
        area, ratio = 0.08 + 0.92 * area, math.exp(math.log(4 / 3) * (2 * turn - 1))
        if math.sqrt(area * ratio) <= 1 and math.sqrt(area / ratio) <= 1:
            areas.append(area)
    views = draw_views(20000, torch.Generator().manual_seed(7))
    expected = torch.tensor(areas)
    assert (views.height * views.width).mean() == pytest.approx(float(expected.mean()), abs=0.015)
    assert (views.height * views.width).std() == pytest.approx(float(expected.std()), abs=0.015)


@pytest.mark.gpu
def test_a_seed_gives_the_same_pictures_on_a_gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    given = pictures(8, 3, 64, 64)
    views = draw_views(8, torch.Generator().manual_seed(8))
    torch.testing.assert_close(
        crop_and_flip(given.cuda(), views).cpu(), crop_and_flip(given, views), atol=1e-4, rtol=0
    )
