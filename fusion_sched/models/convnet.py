"""The convolutional network of coloured-and-gray MNIST."""

from collections.abc import Sequence

from torch import Tensor, nn

from fusion_sched.models.encoders import check_sizes, image_shape


class ConvNet(nn.Module):
    """Four convolutions for small pictures, such as 28 × 28, and two linear layers.

    As in the code published with arXiv 2509.20840: normalised input; 5 × 5 convolution to 32
    channels; maximum over 3 × 3 with stride 2; 3 × 3 to 32; 3 × 3 with stride 2 to 64; 3 × 3 to 64;
    mean over the picture; 64 → 512 → `embedding`. ReLU after each convolution, none between the
    linear layers. Kaiming's initialisation goes by the inputs of a convolution, where that code
    goes by its outputs: drawn digits are learnt in a third of the steps.
    """

    def __init__(self, shape: Sequence[int], embedding: int = 64) -> None:
        super().__init__()
        check_sizes(embedding, [])
        channels, _, _ = image_shape(shape, "ConvNet")
        self.layers = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(64, 512), nn.Linear(512, embedding),
        )  # fmt: skip
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, channels, height, width)` to `(B, embedding)`."""
        out: Tensor = self.layers(x)
        return out
