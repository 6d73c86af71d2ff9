"""Random crops and flips of a batch of pictures, alike for all pictures of a sample.

The crops are those of torchvision's `RandomResizedCrop` with its defaults, as shares of the
picture: an area of 8 to 100 %, a ratio of width to height from 3/4 to 4/3, even on a log scale;
half of them are flipped.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from fusion_sched.data.clips.types import Views

LEAST_AREA = 0.08
LARGEST_RATIO = 4 / 3
ATTEMPTS = 10
"""Crops drawn until one fits; where none does (less than one in a million) all is shown."""


def draw_views(count: int, generator: torch.Generator) -> Views:
    """Return a random crop and flip for each of `count` samples, on the CPU.

    `generator` is a CPU generator: one seed gives the same views whatever device they are used
    on.
    """
    area = LEAST_AREA + (1 - LEAST_AREA) * torch.rand(count, ATTEMPTS, generator=generator)
    log_ratio = math.log(LARGEST_RATIO) * (2 * torch.rand(count, ATTEMPTS, generator=generator) - 1)
    width = (area * log_ratio.exp()).sqrt()
    height = (area / log_ratio.exp()).sqrt()
    fits = (width <= 1) & (height <= 1)
    first = fits.int().argmax(dim=1, keepdim=True)
    fitted = fits.any(dim=1)
    width = torch.where(fitted, width.gather(1, first)[:, 0], 1.0)
    height = torch.where(fitted, height.gather(1, first)[:, 0], 1.0)
    corner = torch.rand(2, count, generator=generator)
    flip = torch.rand(count, generator=generator) < 0.5
    return Views(corner[0] * (1 - height), corner[1] * (1 - width), height, width, flip)


def crop_and_flip(pictures: Tensor, views: Views) -> Tensor:
    """Return `pictures` `(B, [frames,] channels, H, W)`, float, cropped, flipped and resized
    to (H, W) by bilinear interpolation; a sample's frames are all treated alike.

    No anti-aliasing is needed: a crop is never larger than the picture, so nothing shrinks. At its
    edges a crop looks at the pixels beside it, where there are any.
    """
    batch, height, width = len(pictures), pictures.shape[-2], pictures.shape[-1]
    top, left, share_y, share_x, flip = (v.to(pictures.device) for v in views)
    across = (torch.arange(width, device=pictures.device) + 0.5) / width
    down = (torch.arange(height, device=pictures.device) + 0.5) / height
    across = torch.where(flip[:, None], across.flip(0), across)
    grid = torch.empty(batch, height, width, 2, dtype=pictures.dtype, device=pictures.device)
    # grid_sample's coordinates run from -1 to 1 between the picture's edges.
    grid[..., 0] = (2 * (left[:, None] + share_x[:, None] * across) - 1)[:, None, :]
    grid[..., 1] = (2 * (top[:, None] + share_y[:, None] * down) - 1)[:, :, None]
    channels = pictures.reshape(batch, -1, height, width)
    cropped = grid_sample(channels, grid, padding_mode="border", align_corners=False)
    return cropped.reshape(pictures.shape)
