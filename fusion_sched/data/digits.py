"""Handwritten digits that scikit-learn installs, seen through two or three modalities.

Source of the images: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI
Machine Learning Repository, 1998: 1,797 images of 8 × 8 pixels, ten classes.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits

from fusion_sched.data.folds import DrawnSplit
from fusion_sched.data.memory import splits_from_arrays
from fusion_sched.types import Splits

CLASSES = tuple("0123456789")

# Ten colours that are far from one another in RGB, on a 0-1 scale.
COLOURS = np.array(
    [
        [0.86, 0.08, 0.24], [0.00, 0.50, 0.50], [0.99, 0.91, 0.00], [0.00, 0.72, 1.00],
        [0.93, 0.57, 0.13], [0.80, 0.10, 0.90], [0.18, 0.55, 0.24], [0.14, 0.16, 0.80],
        [0.77, 0.74, 0.78], [0.53, 0.26, 0.12],
    ]
)  # fmt: skip


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """Return images `(1797, 1, 8, 8)` on a 0-1 scale and labels `(1797,)`."""
    data = load_digits()
    return data.images[:, None] / 16.0, data.target.astype(np.int64)


def jittered_colours(
    colour_class: np.ndarray, variance: float, rng: np.random.Generator
) -> np.ndarray:
    """Return one colour `(N, 3)` per sample: the class colour plus Gaussian jitter, clipped."""
    noise = rng.normal(0.0, np.sqrt(variance), (len(colour_class), 3))
    colours: np.ndarray = np.clip(COLOURS[colour_class] + noise, 0.0, 1.0)
    return colours


def painted(
    pictures: np.ndarray, colour_class: np.ndarray, variance: float, rng: np.random.Generator
) -> np.ndarray:
    """Return pictures `(N, 3, 28, 28)`, float32 from 0 to 255, each in its class's colour."""
    colour = jittered_colours(colour_class, variance, rng).astype(np.float32)
    return pictures[:, None] * colour[:, :, None, None]


def check_variance(name: str, value: float) -> None:
    """Raise where a variance is negative."""
    if value < 0:
        raise ValueError(f"{name} is {value}, expected a variance of 0 or more")


@dataclass(frozen=True)
class ColoredGrayDigits(DrawnSplit):
    """A grey and a coloured view of the same digit: the small sibling of colored-and-gray MNIST.

    In training the colour follows the class for a share `colour_follows` of the samples; in
    validation and test it is random. The colour is the easy modality: it wins the competition and
    is worth nothing later. Modalities: `gray` (1, 8, 8) and `colored` (3, 8, 8).
    """

    jitter_variance: float = 0.03
    colour_follows: float = 1.0

    def __post_init__(self) -> None:
        check_variance("jitter_variance", self.jitter_variance)
        if not 0 <= self.colour_follows <= 1:
            raise ValueError(
                f"colour_follows is {self.colour_follows}, expected a share between 0 and 1"
            )

    def load(self) -> Splits:
        images, labels = read_digits()
        index, facts = self.draw_index(labels, {"images": images})
        rng = np.random.default_rng(self.split_seed)
        colour_class = rng.integers(0, len(CLASSES), len(labels))
        follows = np.zeros(len(labels), dtype=bool)
        follows[index["train"]] = rng.random(len(index["train"])) < self.colour_follows
        colour_class[follows] = labels[follows]
        colour = jittered_colours(colour_class, self.jitter_variance, rng)
        inputs = {"gray": images, "colored": images * colour[:, :, None, None]}
        return splits_from_arrays(inputs, labels, index, CLASSES, facts)


@dataclass(frozen=True)
class NoisyDigits(DrawnSplit):
    """A noisy grey digit and a plain patch of its class's jittered colour, alike in all splits.

    Ordinary competition between two imperfect modalities. `noise` is the standard deviation on a
    0-1 scale. Modalities: `gray` (1, 8, 8) and `patch` (3, 8, 8).
    """

    noise: float = 0.5
    jitter_variance: float = 0.05

    def __post_init__(self) -> None:
        check_variance("jitter_variance", self.jitter_variance)
        if self.noise < 0:
            raise ValueError(f"noise is {self.noise}, expected a standard deviation of 0 or more")

    def load(self) -> Splits:
        images, labels = read_digits()
        index, facts = self.draw_index(labels, {"images": images})
        rng = np.random.default_rng(self.split_seed)
        gray = images + rng.normal(0.0, self.noise, images.shape)
        colour = jittered_colours(labels, self.jitter_variance, rng)
        patch = np.broadcast_to(colour[:, :, None, None], (len(labels), 3, 8, 8))
        return splits_from_arrays({"gray": gray, "patch": patch}, labels, index, CLASSES, facts)


@dataclass(frozen=True)
class DigitParts(DrawnSplit):
    """Horizontal bands of the same digit, one modality each: views that help one another.

    `parts=2` gives `upper` and `lower` (1, 4, 8); `parts=3` gives `upper` (1, 3, 8),
    `middle` (1, 2, 8) and `lower` (1, 3, 8).
    """

    parts: int = 2

    def __post_init__(self) -> None:
        if self.parts not in (2, 3):
            raise ValueError(f"parts is {self.parts}, expected 2 (halves) or 3 (thirds)")

    def load(self) -> Splits:
        images, labels = read_digits()
        index, facts = self.draw_index(labels, {"images": images})
        names = ("upper", "lower") if self.parts == 2 else ("upper", "middle", "lower")
        cuts = [4] if self.parts == 2 else [3, 5]
        bands = np.split(images, cuts, axis=2)
        inputs = dict(zip(names, bands, strict=True))
        return splits_from_arrays(inputs, labels, index, CLASSES, facts)
