"""Pictures: frames of a video, of a folder, or a picture file."""

from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from fusion_sched.data.clips.types import Clip, Issue, Views
from fusion_sched.data.clips.video import count_frames, read_pictures, resized
from fusion_sched.data.clips.views import crop_and_flip
from fusion_sched.types import IMAGENET_MEAN, IMAGENET_STD

CHOICES = ("spread", "first", "middle")


def choose_frames(times: np.ndarray, count: int, how: str) -> list[int]:
    """Return `count` positions among frames at `times` (ascending, at least one).

    `"spread"`: the frames shown at (k + 0.5) / count of the clip, k = 0 … count - 1, whose end is
    one mean interval after its last frame. `"first"` and `"middle"`: consecutive frames at its
    beginning and in its middle. Where there are too few, some are taken repeatedly.
    """
    last = len(times) - 1
    if how == "spread":
        interval = (times[-1] - times[0]) / last if last else 0.0
        wanted = times[0] + (np.arange(count) + 0.5) / count * (times[-1] - times[0] + interval)
        # The frame shown at a time is the last that does not come after it.
        return [int(i) for i in np.searchsorted(times, wanted + 1e-6, side="right") - 1]
    begin = 0 if how == "first" else max((len(times) - count + 1) // 2, 0)
    return [min(begin + k, last) for k in range(count)]


@dataclass(frozen=True)
class Frames:
    """`count` frames of `clip.files[name]`, squashed to `size` × `size`.

    The file is a video, a folder of frames (taken whole: `clip.start` and `clip.seconds` cut
    videos only) or one picture. `choose`: `"spread"` over the clip, the `"first"` or the
    `"middle"` ones. Shrinking takes the mean over areas, enlarging is bilinear; published code
    (OGM-GE and its followers) squashes to 224 × 224 at test in the same way, with the bilinear
    filter of torchvision's `Resize`. In training (`augmented`) it crops at random from the
    frame in full size, here from the stored one, and all frames of a clip alike. `mean` and
    `std` of each channel, on a 0-1 scale, are taken out: ImageNet's. `encoding="jpeg"` has the
    store keep frames as JPEG, in about a fifth of the space.
    """

    name: str = "visual"
    count: int = 1
    size: int = 224
    encoding: str = "raw"
    choose: str = "spread"
    # Not in repr: these do not change what is stored, so the store need not be made again.
    augmented: bool = field(default=True, repr=False)
    mean: tuple[float, float, float] = field(default=IMAGENET_MEAN, repr=False)
    std: tuple[float, float, float] = field(default=IMAGENET_STD, repr=False)

    dtype: ClassVar[str] = "uint8"

    def __post_init__(self) -> None:
        if self.encoding not in ("raw", "jpeg"):
            raise ValueError(f"encoding is {self.encoding!r}, expected 'raw' or 'jpeg'")
        if self.choose not in CHOICES:
            raise ValueError(f"choose is {self.choose!r}, expected one of {list(CHOICES)}")
        if self.count < 1 or self.size < 1:
            raise ValueError(f"count {self.count}, size {self.size}; expected 1 or more of each")

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """(count, size, size, 3)."""
        return (self.count, self.size, self.size, 3)

    @property
    def jpeg(self) -> bool:
        """Whether the store keeps JPEG."""
        return self.encoding == "jpeg"

    @property
    def shape(self) -> tuple[int, ...]:
        """(3, size, size), or (count, 3, size, size) for more than one frame."""
        picture = (3, self.size, self.size)
        return picture if self.count == 1 else (self.count, *picture)

    def read(self, clip: Clip) -> np.ndarray:
        """Return the frames, RGB; raise `ReadError` as `read_pictures` does."""
        choose = partial(choose_frames, count=self.count, how=self.choose)
        pictures = read_pictures(clip.files[self.name], choose, clip.start, clip.seconds)
        return np.stack([resized(picture, self.size) for picture in pictures])

    def warnings(self, clip: Clip) -> list[Issue]:
        """Say where there are fewer frames than are wanted."""
        path = clip.files[self.name]
        frames = count_frames(path, clip.start, clip.seconds)
        if frames >= self.count:
            return []
        message = f"{path} has {frames} frame(s), {self.count} are wanted: some are used repeatedly"
        return [Issue("few frames", clip.id, self.name, message, fatal=False)]

    def finish(self, values: Tensor) -> Tensor:
        """Return float32 with mean and deviation taken out, channels before height and width."""
        # Bytes are put in order before they become four times as many.
        planes = values.permute(0, 1, 4, 2, 3).contiguous().to(torch.float32)
        mean = torch.tensor(self.mean, device=values.device).view(3, 1, 1) * 255
        std = torch.tensor(self.std, device=values.device).view(3, 1, 1) * 255
        return planes.sub_(mean).div_(std).reshape(len(values), *self.shape)

    def augment(self, values: Tensor, views: Views) -> Tensor:
        """Return the frames cropped and flipped, where `augmented`."""
        return crop_and_flip(values, views) if self.augmented else values
