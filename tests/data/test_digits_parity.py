"""Planted synergy on real pictures: the stated decomposition, and what a model can learn of it."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from fusion_sched.data.digits_parity import VIEWS, DigitsParity
from fusion_sched.data.memory import InMemory
from fusion_sched.pid import decompose


@pytest.mark.parametrize("synergy", [0.0, 0.3, 1.0])
def test_the_planted_atoms_are_those_of_the_solver(synergy: float) -> None:
    data = DigitsParity(synergy=synergy)
    facts = data.facts()
    assert facts["synergy_bits"] == pytest.approx(synergy)
    assert facts["redundancy_bits"] == pytest.approx(1 - synergy)
    assert facts["unique_bits"] == pytest.approx({"left": 0, "right": 0})
    assert facts["joint_mi_bits"] == pytest.approx(1)
    exact = decompose(data.joint())
    assert float(exact.synergy) == pytest.approx(synergy, abs=1e-5)


def test_samples_follow_the_stated_distribution() -> None:
    data = DigitsParity(synergy=0.4)
    left, right, label = data._draw(50_000, np.random.default_rng(0))
    counts = np.zeros((10, 10, 2))
    np.add.at(counts, (left, right, label), 1)
    np.testing.assert_allclose(counts / counts.sum(), data.joint(), atol=0.005)
    assert (np.minimum(left, right) >= 4).sum() == 20_000


def arrays(split: InMemory) -> dict[str, np.ndarray]:
    views = {view: split.inputs[view].flatten(1).numpy() for view in VIEWS}
    return {**views, "both": np.hstack(list(views.values())), "y": split.labels.numpy()}


def test_both_pictures_tell_what_one_cannot() -> None:
    splits = DigitsParity(synergy=1.0, samples=4000).load()
    assert isinstance(splits.train, InMemory)
    assert isinstance(splits.test, InMemory)
    train, test = arrays(splits.train), arrays(splits.test)
    scores = {
        view: KNeighborsClassifier(1).fit(train[view], train["y"]).score(test[view], test["y"])
        for view in (*VIEWS, "both")
    }
    assert scores["both"] > 0.8
    assert max(scores["left"], scores["right"]) < 0.6


def test_no_picture_is_in_two_splits() -> None:
    splits = DigitsParity(samples=500).load()
    assert {name: len(split) for name, split in splits.by_name().items()} == {
        "train": 300, "validation": 100, "test": 100
    }  # fmt: skip
    pictures = []
    for split in splits.by_name().values():
        assert isinstance(split, InMemory)
        views = [split.inputs[view].numpy() for view in VIEWS]
        pictures.append({picture.tobytes() for view in views for picture in view})
    assert not pictures[0] & pictures[1] | pictures[0] & pictures[2] | pictures[1] & pictures[2]


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"synergy is 1\.5"):
        DigitsParity(synergy=1.5)
    with pytest.raises(ValueError, match="samples is 3"):
        DigitsParity(samples=3)
