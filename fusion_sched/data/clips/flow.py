"""Optical flow: how far each pixel moves from one frame to the next."""

from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from fusion_sched.data.clips.frames import CHOICES, choose_frames
from fusion_sched.data.clips.numbers import read_npy
from fusion_sched.data.clips.types import Clip, Issue, ReadError, Views
from fusion_sched.data.clips.video import (
    Choice,
    count_frames,
    list_frames,
    number_key,
    read_picture,
    read_pictures,
    resized,
)
from fusion_sched.data.clips.views import crop_and_flip
from fusion_sched.data.opencv import cv2


@dataclass(frozen=True)
class Flow:
    """`count` fields of optical flow, `size` × `size`, in units of `bound` pixels.

    From `clip.files[name]`: a folder of `.npy` files (H, W, 2), in pixels; or a video or a
    folder of frames, whose flow is computed at each chosen frame to the one after it, by OpenCV's
    dense inverse search (`method="dis"`) or by TV-L1 (`"tvl1"`, only in opencv-contrib-python).
    Or from `clip.files[name + "_u"]` and `[name + "_v"]`: two folders of grey pictures, whose
    0 … 255 stand for -`bound` … `bound` pixels, as in the archives of UCF101's TV-L1 flow.

    A vector is in pixels of the stored field: where a field is resized, its vectors are scaled
    alike; frames are resized before their flow is computed. `choose` as in `Frames`. Stored as
    int8, in steps of `bound` / 127, larger vectors cut at `bound`: half of float16's space and
    as fine as the published 8-bit archives. The views of training (`augmented`) move vectors with
    the pixels: a flip negates u, a crop magnifies both (temporal segment networks' published code
    does the first only).
    """

    name: str = "flow"
    count: int = 3
    size: int = 224
    bound: float = 20.0
    method: str = "dis"
    choose: str = "spread"
    # Not in repr: it does not change what is stored, so the store need not be made again.
    augmented: bool = field(default=True, repr=False)

    dtype: ClassVar[str] = "int8"
    jpeg: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.method not in ("dis", "tvl1"):
            raise ValueError(f"method is {self.method!r}, expected 'dis' or 'tvl1'")
        if self.choose not in CHOICES:
            raise ValueError(f"choose is {self.choose!r}, expected one of {list(CHOICES)}")
        if self.count < 1 or self.size < 16 or not self.bound > 0:
            raise ValueError(
                f"count {self.count}, size {self.size}, bound {self.bound:g}; expected a count of "
                "1 or more, a size of 16 or more, a bound above 0"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """(count, 2, size, size)."""
        return (self.count, 2, self.size, self.size)

    stored_shape = shape

    def read(self, clip: Clip) -> np.ndarray:
        """Return the flow; raise `ReadError` where a file cannot be used."""
        steps = np.rint(np.stack(self._fields(clip)) * (127 / self.bound)).clip(-127, 127)
        return steps.astype(np.int8).transpose(0, 3, 1, 2)

    def _fields(self, clip: Clip) -> list[np.ndarray]:
        """Return the chosen fields in pixels, each `(size, size, 2)`."""
        choose = partial(choose_frames, count=self.count, how=self.choose)
        if self.name + "_u" in clip.files:
            pairs = _list_grey(clip.files[self.name + "_u"], clip.files[self.name + "_v"])
            chosen = choose(np.arange(float(len(pairs))))
            return [_read_grey(*pairs[i], self.bound, self.size) for i in chosen]
        path = clip.files[self.name]
        if arrays := _list_arrays(path):
            chosen = choose(np.arange(float(len(arrays))))
            return [_read_array(arrays[i], self.size) for i in chosen]
        pictures = read_pictures(
            path, partial(choose_pairs, path, choose), clip.start, clip.seconds
        )
        return estimate_flow(pictures, self.method, self.size)

    def warnings(self, clip: Clip) -> list[Issue]:
        """Say where there are fewer fields than are wanted."""
        grey = self.name + "_u" in clip.files
        path = clip.files[self.name + "_u" if grey else self.name]
        if grey:
            fields = count_frames(path)
        else:
            fields = len(_list_arrays(path)) or count_frames(path, clip.start, clip.seconds) - 1
        if fields >= self.count:
            return []
        message = (
            f"{path} has {fields} field(s) of flow, {self.count} are wanted: some are repeated"
        )
        return [Issue("few frames", clip.id, self.name, message, fatal=False)]

    def finish(self, values: Tensor) -> Tensor:
        """Return float32, 1 being `bound` pixels."""
        return values.to(torch.float32) / 127

    def augment(self, values: Tensor, views: Views) -> Tensor:
        """Return the fields cropped and flipped, their vectors turned and magnified alike."""
        if not self.augmented:
            return values
        left_right = torch.where(views.flip, -1.0, 1.0) / views.width
        scale = torch.stack([left_right, 1 / views.height], dim=1).to(values.device)
        return crop_and_flip(values, views) * scale[:, None, :, None, None]


def choose_pairs(path: Path, choose: Choice, times: np.ndarray) -> list[int]:
    """Return each chosen frame and the one after it."""
    if len(times) < 2:
        raise ReadError("no frames", f"{path} shows one frame, expected two or more for their flow")
    return [i for first in choose(times[:-1]) for i in (first, first + 1)]


def estimate_flow(pictures: list[np.ndarray], method: str, size: int) -> list[np.ndarray]:
    """Return the flow from each even picture to the one after it, `(size, size, 2)`."""
    grey = [cv2.cvtColor(resized(picture, size), cv2.COLOR_RGB2GRAY) for picture in pictures]
    estimator = _flow_estimator(method)
    return [estimator.calc(*pair, None) for pair in zip(grey[::2], grey[1::2], strict=True)]


def _flow_estimator(method: str) -> Any:
    if method == "dis":
        return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    try:
        optflow = import_module("cv2.optflow")
    except ImportError as error:
        raise ImportError(
            "TV-L1 flow is not in this OpenCV; use method='dis', or put opencv-contrib-python in "
            "the place of opencv-python"
        ) from error
    return optflow.DualTVL1OpticalFlow_create()


def _list_arrays(path: Path) -> list[Path]:
    """Return the `.npy` files of a folder in the order of the numbers in their names."""
    return sorted(path.glob("*.npy"), key=number_key)


def _read_array(path: Path, size: int) -> np.ndarray:
    """Return a stored field `(H, W, 2)`, resized, its vectors with it."""
    vectors = read_npy(path)
    if vectors.ndim != 3 or vectors.shape[2] != 2:
        raise ReadError(
            "unreadable",
            f"{path} holds {vectors.dtype} of shape {vectors.shape}, expected numbers (H, W, 2)",
        )
    height, width = vectors.shape[:2]
    scale = np.array([size / width, size / height], dtype=np.float32)
    return resized(vectors.astype(np.float32), size) * scale


def _list_grey(folder_u: Path, folder_v: Path) -> list[tuple[Path, Path]]:
    """Return the pictures of u, each with that of v."""
    pictures_u, pictures_v = list_frames(folder_u), list_frames(folder_v)
    if len(pictures_u) != len(pictures_v):
        raise ReadError(
            "unequal folders",
            f"{folder_u} has {len(pictures_u)} pictures and {folder_v} has {len(pictures_v)}, "
            "expected one of each per field; extract them again",
        )
    return list(zip(pictures_u, pictures_v, strict=True))


def _read_grey(path_u: Path, path_v: Path, bound: float, size: int) -> np.ndarray:
    """Return the field of two grey pictures, resized, its vectors with it."""
    parts = []
    for axis, path in ((1, path_u), (0, path_v)):
        grey = read_picture(path)[..., 0].astype(np.float32)
        pixels = (grey / 127.5 - 1) * bound
        parts.append(resized(pixels, size) * (size / grey.shape[axis]))
    return np.stack(parts, axis=-1)
