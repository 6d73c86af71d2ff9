"""ResNet-18 (He et al., CVPR 2016), parameter names as in torchvision's state dict."""

from collections.abc import Sequence

from torch import Tensor, nn


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
    """

    def __init__(self, shape: Sequence[int], embedding: int = 64, width: int = 64) -> None:
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
