"""Built-in real data: shapes, splits, and where the colour follows the class."""

import numpy as np
import pytest
import torch

from fusion_sched.data.digits import COLOURS, ColoredGrayDigits, DigitParts, NoisyDigits
from fusion_sched.data.memory import InMemory, stratified_split


def samples(split: object) -> InMemory:
    assert isinstance(split, InMemory)
    return split


def nearest_colour(pictures: torch.Tensor) -> np.ndarray:
    """Return the class whose colour is nearest to the brightest pixel's hue."""
    flat = pictures.flatten(2).numpy()
    brightest = flat.sum(axis=1).argmax(axis=1)
    pixel = flat[np.arange(len(flat)), :, brightest]
    unit = pixel / np.linalg.norm(pixel, axis=1, keepdims=True)
    known = COLOURS / np.linalg.norm(COLOURS, axis=1, keepdims=True)
    return (unit @ known.T).argmax(axis=1)


def test_colour_follows_the_class_in_training_only() -> None:
    splits = ColoredGrayDigits(jitter_variance=0.0).load()
    train, test = samples(splits.train), samples(splits.test)
    assert splits.shapes == {"gray": (1, 8, 8), "colored": (3, 8, 8)}
    followed = (nearest_colour(train.inputs["colored"]) == train.labels.numpy()).mean()
    elsewhere = (nearest_colour(test.inputs["colored"]) == test.labels.numpy()).mean()
    assert followed > 0.99
    assert elsewhere < 0.2


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_the_share_that_follows_is_a_parameter(share: float) -> None:
    train = samples(ColoredGrayDigits(jitter_variance=0.0, colour_follows=share).load().train)
    followed = (nearest_colour(train.inputs["colored"]) == train.labels.numpy()).mean()
    assert abs(followed - (share + (1 - share) / 10)) < 0.06


def test_grey_and_coloured_view_show_the_same_digit() -> None:
    train = samples(ColoredGrayDigits().load().train)
    gray, colored = train.inputs["gray"], train.inputs["colored"].sum(dim=1, keepdim=True)
    correlation = np.corrcoef(gray[5].flatten(), colored[5].flatten())[0, 1]
    assert correlation > 0.999


def test_noisy_digits_have_their_noise_and_a_plain_patch() -> None:
    train = samples(NoisyDigits(noise=0.5).load().train)
    patch = train.inputs["patch"]
    assert torch.equal(patch, patch[:, :, :1, :1].expand_as(patch))
    clean = samples(NoisyDigits(noise=0.0).load().train)
    noise = train.inputs["gray"] - clean.inputs["gray"]
    assert abs(float(noise.std()) - 0.5) < 0.01


@pytest.mark.parametrize(("parts", "heights"), [(2, [4, 4]), (3, [3, 2, 3])])
def test_parts_put_together_are_the_digit(parts: int, heights: list[int]) -> None:
    splits = DigitParts(parts=parts).load()
    assert [shape[1] for shape in splits.shapes.values()] == heights
    whole = torch.cat(list(samples(splits.train).inputs.values()), dim=2)
    gray = samples(ColoredGrayDigits().load().train).inputs["gray"]
    assert torch.equal(whole, gray)


@pytest.mark.parametrize(
    "dataset", [ColoredGrayDigits(), NoisyDigits(), DigitParts(), DigitParts(parts=3)]
)
def test_splits_are_stratified_and_reproducible(dataset: ColoredGrayDigits) -> None:
    splits, again = dataset.load(), dataset.load()
    sizes = [len(s) for s in (splits.train, splits.validation, splits.test)]
    assert sizes == [1077, 360, 360]
    for one, other in ((splits.train, again.train), (splits.test, again.test)):
        assert one.fingerprint() == other.fingerprint()
        shares = np.bincount(one.labels, minlength=10) / len(one)
        assert abs(shares - 0.1).max() < 0.01


def test_split_indices_are_disjoint_and_complete() -> None:
    labels = np.repeat(np.arange(4), 25)
    index = stratified_split(labels, 0.3, 0.2, seed=1)
    together = np.sort(np.concatenate(list(index.values())))
    assert together.tolist() == list(range(100))
    other = stratified_split(labels, 0.3, 0.2, seed=2)
    assert other["test"].tolist() != index["test"].tolist()


def test_a_batch_holds_what_was_asked_for() -> None:
    train = samples(DigitParts().load().train)
    batch = train.__getitems__([7, 3])
    assert batch.index.tolist() == [7, 3]
    assert torch.equal(batch.inputs["upper"][1], train.inputs["upper"][3])
    assert batch.y.tolist() == [int(train.labels[7]), int(train.labels[3])]
