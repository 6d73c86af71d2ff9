"""Macro-F1 and confusion, by hand."""

import pytest
import torch

from fusion_sched.evaluation.metrics import Evaluation

EVALUATION = Evaluation({"fused": torch.tensor([0, 0, 1, 1, 2])}, torch.tensor([0, 1, 1, 1, 0]))


def test_macro_f1() -> None:
    # class 0: 2·1/(2+2); class 1: 2·2/(2+3); class 2 is predicted, never right
    assert EVALUATION.macro_f1()["fused"] == pytest.approx((0.5 + 0.8 + 0.0) / 3)


def test_confusion_has_the_cells_that_hold_samples() -> None:
    assert EVALUATION.confusion()["fused"] == [[0, 0, 1], [0, 2, 1], [1, 0, 1], [1, 1, 2]]


def test_classes_that_no_sample_has_do_not_count() -> None:
    """Classes keep their numbers: 7 is not the third class."""
    evaluation = Evaluation({"a": torch.tensor([7, 3])}, torch.tensor([7, 7]))
    assert evaluation.confusion()["a"] == [[7, 3, 1], [7, 7, 1]]
    assert evaluation.macro_f1()["a"] == pytest.approx((2 / 3 + 0) / 2)
    assert evaluation.accuracy() == {"a": 0.5}
