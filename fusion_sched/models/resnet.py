"""ResNet-18 (He et al., CVPR 2016), parameter names as in torchvision's state dict."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

CLASSIFIER, BATCH_COUNT = "fc.", "num_batches_tracked"
SHOWN = 3
"""Names of weights that an error shows."""


class BasicBlock(nn.Module):
    """Two 3 × 3 convolutions and a shortcut."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.downsample = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, inside, H, W)` to `(B, outside, H / stride, W / stride)`."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        result: Tensor = self.relu(out + shortcut)
        return result


class ResNet18(nn.Module):
    """ResNet-18 for pictures or spectrograms with any number of channels, and for short clips.

    `shape` is `(channels, height, width)` or `(frames, channels, height, width)`; frames are
    folded into the batch and their features averaged over time. `fc` gives the embedding, so
    that with `embedding=1000` and 3 channels the state dict is that of torchvision
    (11,689,512 parameters). `width` is the first stage's number of channels.

    `weights` is a file of pretrained weights by torchvision's names, `.safetensors`, or `.pt` and
    `.pth` without pickled objects. They train on; those of its classifier `fc` are left out.
    """

    def __init__(
        self,
        shape: Sequence[int],
        embedding: int = 64,
        width: int = 64,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        if len(shape) not in (3, 4):
            raise ValueError(
                f"ResNet18 got input of shape {tuple(shape)}, expected (channels, height, width) "
                "or (frames, channels, height, width)"
            )
        if embedding < 1 or width < 1:
            raise ValueError(f"embedding={embedding}, width={width}: expected at least 1")
        self.conv1 = nn.Conv2d(shape[-3], width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._stage(width, width, 1)
        self.layer2 = self._stage(width, 2 * width, 2)
        self.layer3 = self._stage(2 * width, 4 * width, 2)
        self.layer4 = self._stage(4 * width, 8 * width, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * width, embedding)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if weights is not None:
            self._load_weights(Path(weights))

    def _load_weights(self, path: Path) -> None:
        """Take all weights and statistics but those of the last layer from a file."""
        given = {n: t for n, t in _read_weights(path).items() if not n.startswith(CLASSIFIER)}
        own = {n: t for n, t in self.state_dict().items() if not n.startswith(CLASSIFIER)}
        # Files of early versions of torch do not count batches; no result depends on the count.
        missing = sorted(n for n in own.keys() - given.keys() if not n.endswith(BATCH_COUNT))
        unknown = sorted(given.keys() - own.keys())
        shapes = [
            f"{n} {tuple(given[n].shape)}, expected {tuple(t.shape)}"
            for n, t in own.items()
            if n in given and given[n].shape != t.shape
        ]
        if missing or unknown or shapes:
            raise ValueError(
                f"{path} does not fit this ResNet-18: without {missing[:SHOWN]} "
                f"({len(missing)}), unknown {unknown[:SHOWN]} ({len(unknown)}), of another shape "
                f"{shapes[:SHOWN]} ({len(shapes)}); expected torchvision's names, width=64 and "
                "pictures of 3 channels"
            )
        self.load_state_dict(given, strict=False)

    def saved_arguments(self) -> dict[str, Any]:
        """Arguments in place of the configured ones, for a model that lies with its weights."""
        return {"weights": None}

    @staticmethod
    def _stage(inside: int, outside: int, stride: int) -> nn.Sequential:
        return nn.Sequential(BasicBlock(inside, outside, stride), BasicBlock(outside, outside, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, C, H, W)` or `(B, frames, C, H, W)` to `(B, embedding)`."""
        pictures = x.flatten(0, 1) if x.ndim == 5 else x
        out = self.maxpool(self.relu(self.bn1(self.conv1(pictures))))
        out = self.layer4(self.layer3(self.layer2(self.layer1(out))))
        features = self.avgpool(out).flatten(1)
        if x.ndim == 5:
            features = features.unflatten(0, x.shape[:2]).mean(dim=1)
        result: Tensor = self.fc(features)
        return result


def _read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by name; nothing but tensors is unpickled."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(
            f"{path} is not readable as weights alone: {str(error).splitlines()[0]}; expected "
            "tensors by name, as .safetensors, .pt or .pth"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(t, Tensor) for t in content.values()):
        raise ValueError(f"{path} holds no tensors by name; save the network's state_dict()")
    return content
