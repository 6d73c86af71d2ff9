"""Joints from labels, hard and soft, and plain informations."""

import math

import numpy as np
import pytest
import torch

from fusion_sched.pid import joint_from_labels, soft_joint
from fusion_sched.pid.information import entropy, mutual_information
from tests.pid.problems import GATES, dirichlet


def test_counts_of_labels() -> None:
    p = joint_from_labels([0, 0, 2], np.array([1, 1, 0]), torch.tensor([0, 0, 1]))
    assert p.shape == (3, 2, 2)
    assert p.dtype == torch.float64
    assert float(p[0, 1, 0]) == pytest.approx(2 / 3)
    assert float(p[2, 0, 1]) == pytest.approx(1 / 3)
    assert float(p.sum()) == pytest.approx(1)


def test_sizes_keep_absent_symbols_in_place() -> None:
    p = joint_from_labels([0, 1], [0, 0], [3, 1], sizes=(4, 2, 6))
    assert p.shape == (4, 2, 6)
    assert float(p[0, 0, 3]) == 0.5
    assert joint_from_labels([0], [1], [2], [3]).shape == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("labels", "sizes", "error", "message"),
    [
        (([0.5, 1.0], [0, 1], [0, 1]), None, TypeError, r"labels\[0\] has dtype torch.float32"),
        (([0, 1], [0, -1], [0, 1]), None, ValueError, r"labels\[1\] holds -1; expected 0, 1, 2"),
        (([0, 1], [0], [0, 1]), None, ValueError, r"lengths \[2, 1, 2\]; expected one length"),
        (([], [], []), None, ValueError, r"lengths \[0, 0, 0\]"),
        (([0, 1],), None, ValueError, "got 1 label array"),
        (([[0, 1]], [0, 1], [0, 1]), None, ValueError, r"labels\[0\] has shape \(1, 2\)"),
        (([0, 5], [0, 1], [0, 1]), (3, 2, 2), ValueError, r"reaches 5; sizes\[0\]=3 allows 0 to 2"),
        (([0, 1], [0, 1]), (2, 2, 2), ValueError, "names 3 axes for 2 label arrays"),
    ],
)
def test_bad_labels(labels, sizes, error, message) -> None:
    with pytest.raises(error, match=message):
        joint_from_labels(*labels, sizes=sizes)


def test_soft_joint_of_hard_assignments_counts() -> None:
    rng = np.random.default_rng(0)
    x1, x2, y = (rng.integers(n, size=50) for n in (4, 3, 2))
    hard = joint_from_labels(x1, x2, y, sizes=(4, 3, 2))
    one_hot = [torch.eye(n)[torch.from_numpy(x)] for x, n in ((x1, 4), (x2, 3), (y, 2))]
    torch.testing.assert_close(soft_joint(*one_hot), hard)
    torch.testing.assert_close(soft_joint(*one_hot[:2], torch.from_numpy(y), classes=2), hard)


def test_soft_joint_refuses_what_are_not_distributions() -> None:
    good, labels = torch.full((5, 2), 0.5), torch.zeros(5, dtype=torch.int64)
    with pytest.raises(ValueError, match="the sum of a row of assignments2 is off one by 1;"):
        soft_joint(good, 2 * good, labels)
    with pytest.raises(ValueError, match="4, 5 and 5 rows"):
        soft_joint(good[:4], good, labels)


def test_informations_of_known_joints() -> None:
    p = GATES["xor"][0]
    assert float(entropy(p, axes=3)) == pytest.approx(2)
    assert float(mutual_information(p.sum(0))) == pytest.approx(0, abs=1e-15)


def test_informations_are_batched_and_agree_with_their_definition() -> None:
    p = dirichlet(3, 4, seed=1, batch=(2, 5))
    apart = p.sum(-1, keepdim=True) * p.sum(-2, keepdim=True)
    expected = (p * (p / apart).log2()).sum((-2, -1))
    torch.testing.assert_close(mutual_information(p), expected)
    assert float(entropy(torch.full((8,), 0.125))) == pytest.approx(3)
    assert float(entropy(torch.tensor([1.0, 0.0]))) == 0
    assert math.isclose(float(mutual_information(torch.eye(4) / 4)), 2)
