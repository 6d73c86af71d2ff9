"""The network of coloured-and-gray MNIST, layer by layer."""

import pytest
import torch
from torch import nn

from fusion_sched.models.convnet import ConvNet


@pytest.mark.parametrize("channels", [1, 3])
def test_sizes_are_those_of_the_published_network(channels: int) -> None:
    model = ConvNet((channels, 28, 28), embedding=64)
    by_hand = 2 * channels + (25 * channels + 1) * 32 + (9 * 32 + 1) * 32 + (9 * 32 + 1) * 64
    by_hand += (9 * 64 + 1) * 64 + 65 * 512 + 513 * 64
    assert sum(p.numel() for p in model.parameters()) == by_hand
    assert model(torch.randn(2, channels, 28, 28)).shape == (2, 64)


def test_the_mean_is_over_seven_by_seven() -> None:
    model = ConvNet((3, 28, 28))
    pooling = next(i for i, m in enumerate(model.layers) if isinstance(m, nn.AdaptiveAvgPool2d))
    assert model.layers[:pooling](torch.randn(2, 3, 28, 28)).shape == (2, 64, 7, 7)


def test_other_shapes_are_named_and_other_sizes_taken() -> None:
    assert ConvNet((1, 8, 8), embedding=5)(torch.randn(2, 1, 8, 8)).shape == (2, 5)
    with pytest.raises(ValueError, match=r"ConvNet got input of shape \(40,\)"):
        ConvNet((40,))
