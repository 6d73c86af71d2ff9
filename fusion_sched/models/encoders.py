"""Encoders: one modality's input to one embedding vector.

Each takes `shape`, the input's shape without the batch axis, and `embedding`, the number of
output features, and maps `(B, *shape)` to `(B, embedding)`.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

Shape = Sequence[int]


class MLP(nn.Module):
    """Fully connected layers with ReLU on the flattened input."""

    def __init__(self, shape: Shape, embedding: int = 64, widths: Sequence[int] = (128,)) -> None:
        super().__init__()
        check_sizes(embedding, widths)
        sizes = [math.prod(shape), *widths]
        layers: list[nn.Module] = [nn.Flatten()]
        for inside, outside in pairwise(sizes):
            layers += [nn.Linear(inside, outside), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], embedding))

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, *shape)` to `(B, embedding)`."""
        if not x.is_floating_point():
            raise ValueError(
                f"MLP got integers of shape {tuple(x.shape[1:])}, such as ids of words, expected "
                "measurements; take encoder=by_modality, +encoder@encoder.NAME=text for the text, "
                "and +encoder@encoder.OTHER=by_shape for each other modality"
            )
        out: Tensor = self.layers(x)
        return out


class SmallCNN(nn.Module):
    """3 × 3 convolutions with stride 2, then one linear layer.

    For images `(channels, height, width)`; strides where a pooling layer would stand make it the
    fastest of its size on a CPU. The first convolution keeps the size of images of up to 16 pixels
    a side, which have none to spare. `pooled` averages over positions before the linear layer:
    far fewer parameters, for sounds and pictures in which the place says little.
    """

    def __init__(
        self,
        shape: Shape,
        embedding: int = 64,
        widths: Sequence[int] = (16, 32),
        pooled: bool = False,
    ) -> None:
        super().__init__()
        check_sizes(embedding, widths)
        channels, height, width = image_shape(shape, "SmallCNN")
        small = max(height, width) <= 16
        layers: list[nn.Module] = []
        for number, out in enumerate(widths):
            stride = 1 if number == 0 and small else 2
            layers += [
                nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(),
            ]
            channels, height, width = out, -(-height // stride), -(-width // stride)
        if pooled:
            layers.append(nn.AdaptiveAvgPool2d(1))
            height = width = 1
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.project = nn.Linear(channels * height * width, embedding)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, *shape)` to `(B, embedding)`."""
        out: Tensor = self.project(self.layers(x))
        return out


class ByShape(nn.Module):
    """A small CNN for images `(channels, height, width)`, an MLP for everything else."""

    def __init__(self, shape: Shape, embedding: int = 64) -> None:
        super().__init__()
        self.encoder = SmallCNN(shape, embedding) if len(shape) == 3 else MLP(shape, embedding)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, *shape)` to `(B, embedding)`."""
        out: Tensor = self.encoder(x)
        return out


def image_shape(shape: Shape, encoder: str) -> tuple[int, int, int]:
    """Return `(channels, height, width)` or say what the encoder needs."""
    if len(shape) != 3:
        raise ValueError(
            f"{encoder} got input of shape {tuple(shape)}, expected (channels, height, width); "
            "use encoder=mlp or encoder=by_shape for other shapes"
        )
    channels, height, width = shape
    return channels, height, width


def check_sizes(embedding: int, widths: Sequence[int]) -> None:
    """Raise where a layer would have no unit."""
    if embedding < 1 or any(width < 1 for width in widths):
        raise ValueError(
            f"embedding={embedding}, widths={list(widths)}: expected sizes of at least 1"
        )
