"""The user's own arrays (what is refused is tested through the command line)."""

from pathlib import Path

import numpy as np
import pytest

from fusion_sched.data.arrays import Arrays


def save(folder: Path, **arrays: np.ndarray) -> Arrays:
    np.savez(folder / "mine.npz", **arrays)
    return Arrays(root=str(folder / "mine.npz"))


def test_vectors_are_standardised_by_train_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(200) % 4
    sound = rng.normal(5, 3, (200, 6))
    sound[:, 2] = 0.1  # its deviation is a rounding error, not 0
    sound[190:, 2] = 5.0
    split = np.repeat(["train", "validation", "test"], [100, 50, 50])
    splits = save(tmp_path, sound=sound, y=y, split=split).load()
    train = splits.train.inputs["sound"]  # type: ignore[attr-defined]
    assert train.mean(dim=0).abs().max() < 1e-5
    deviation = train.std(dim=0, unbiased=False)
    assert deviation[2] == 0
    assert deviation[[0, 1, 3, 4, 5]].numpy() == pytest.approx(np.ones(5), abs=1e-5)
    test = splits.test.inputs["sound"]  # type: ignore[attr-defined]
    assert test[:, 2].abs().max() == 0
    assert test.mean(dim=0).abs().max() > 1e-3


def test_labels_may_be_any_integers(tmp_path: Path) -> None:
    y = np.tile([7, -3, 1000], 40)
    splits = save(tmp_path, sound=np.random.default_rng(0).normal(size=(120, 2)), y=y).load()
    assert splits.classes == ("-3", "7", "1000")
    assert set(splits.train.labels.tolist()) == {0, 1, 2}


def test_the_files_own_split_is_used(tmp_path: Path) -> None:
    y = np.tile([0, 1], 50)
    split = np.array(["train"] * 60 + ["validation"] * 20 + ["test"] * 20)
    pictures = np.random.default_rng(0).normal(size=(100, 3, 5, 5))
    splits = save(tmp_path, picture=pictures, y=y, split=split).load()
    assert [len(s) for s in (splits.train, splits.validation, splits.test)] == [60, 20, 20]
    assert splits.shapes == {"picture": (3, 5, 5)}


def test_a_flat_array_is_one_feature(tmp_path: Path) -> None:
    y = np.tile([0, 1], 50)
    assert save(tmp_path, age=np.arange(100), y=y).load().shapes == {"age": (1,)}


def test_values_that_single_precision_cannot_hold_are_named(tmp_path: Path) -> None:
    y = np.tile([0, 1], 50)
    np.savez(tmp_path / "mine.npz", sound=np.full((100, 2), 1e200), y=y)
    with pytest.raises(ValueError, match="single precision"):
        Arrays(root=str(tmp_path / "mine.npz"), standardise=False).load()
