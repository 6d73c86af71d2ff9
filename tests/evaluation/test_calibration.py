"""Calibration against the definitions in numpy, and by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from fusion_sched.evaluation import calibration_error, calibration_of


def numpy_calibration_error(logits: Tensor, y: Tensor) -> float:
    """Take the definition word for word: bins, then shares, then gaps."""
    exponentials = np.exp(logits.double().numpy())
    p = exponentials / exponentials.sum(axis=1, keepdims=True)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y.numpy()
    error = 0.0
    for number in range(15):
        inside = (confidence > number / 15) & (confidence <= (number + 1) / 15)
        if inside.any():
            gap = abs(right[inside].mean() - confidence[inside].mean())
            error += inside.mean() * gap
    return float(error)


@given(st.integers(2, 8), st.integers(1, 200), st.floats(0.1, 5), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_calibration_agrees_with_numpy(classes: int, count: int, scale: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(count, classes, generator=generator)
    y = torch.randint(classes, (count,), generator=generator)
    found = calibration_of({"fused": logits, "a": 2 * logits}, y)
    assert found.ece["fused"] == pytest.approx(numpy_calibration_error(logits, y), abs=1e-9)
    assert found.ece["a"] == pytest.approx(numpy_calibration_error(2 * logits, y), abs=1e-9)
    p = np.exp(logits.double().numpy())
    p /= p.sum(axis=1, keepdims=True)
    of_label = p[np.arange(count), y.numpy()]
    assert found.nll_nats == pytest.approx(-np.log(of_label).mean())
    assert found.brier == pytest.approx(((p - np.eye(classes)[y.numpy()]) ** 2).sum(1).mean())


def test_calibration_of_known_cases() -> None:
    y = torch.tensor([0, 1, 2, 0])
    sure = 1000.0 * nn.functional.one_hot(y, 3)
    assert calibration_error(sure, y) == 0
    wrong = calibration_of({"fused": sure}, (y + 1) % 3)
    assert wrong.ece["fused"] == 1
    assert wrong.brier == 2
    assert wrong.nll_nats == 1000
    blank = calibration_of({"fused": torch.zeros(3, 3)}, torch.tensor([0, 1, 2]))
    assert blank.nll_nats == pytest.approx(np.log(3))
    assert blank.brier == pytest.approx(2 / 3)
    assert blank.ece["fused"] == pytest.approx(0, abs=1e-12)  # a third sure, a third right


def test_confidences_that_hold_are_calibrated() -> None:
    """Labels drawn from the network's own probabilities: what is left falls like 1 / √N."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(40_000, 4, generator=generator)
    y = torch.multinomial(logits.softmax(dim=1), 1, generator=generator).squeeze(1)
    assert calibration_error(logits, y) < 0.01
    assert calibration_error(3 * logits, y) > 0.1
