"""Held-out information of heads and ensembles, fitted on other samples than it is scored on."""

import pytest
import torch
from torch import Tensor

from fusion_sched.evaluation.held_out import leaving_one_out, measure_held_out, subsets

SAMPLES, CLASSES = 400, 4


def head(strength: float, seed: int) -> Tensor:
    y = torch.arange(SAMPLES) % CLASSES
    logits = torch.randn(SAMPLES, CLASSES, generator=torch.Generator().manual_seed(seed))
    logits[torch.arange(SAMPLES), y] += strength
    return logits


Y = torch.arange(SAMPLES) % CLASSES


def test_subsets_and_their_pairs() -> None:
    assert subsets("ab") == [("a",), ("b",), ("a", "b")]
    assert set(leaving_one_out("abc")) == {
        ("a+b", "a"), ("a+b", "b"), ("a+c", "a"), ("a+c", "c"), ("b+c", "b"), ("b+c", "c"),
        ("a+b+c", "a+b"), ("a+b+c", "a+c"), ("a+b+c", "b+c"),
    }  # fmt: skip


def test_information_of_heads_and_of_their_ensemble() -> None:
    logits = {"good": head(2.0, 0), "noise": 5 * head(0.0, 1)}
    predictors = {"good": ("good",), "noise": ("noise",), "good+noise": ("good", "noise")}
    held_out = measure_held_out(logits, Y, predictors, [("good+noise", "good")])
    assert held_out.samples == SAMPLES
    assert 0.5 < held_out.information["good"].value < 2.0
    assert held_out.information["noise"].value == pytest.approx(0.0, abs=0.02)
    gain = held_out.gain["good+noise/good"]
    difference = held_out.information["good+noise"].value - held_out.information["good"].value
    assert gain.value == pytest.approx(difference)
    assert abs(gain.value) < 0.02
    assert gain.standard_error < held_out.information["good"].standard_error / 5


def test_two_independent_heads_gain_by_each_other() -> None:
    logits = {"a": head(1.5, 0), "b": head(1.5, 1)}
    held_out = measure_held_out(logits, Y, {"a": ("a",), "a+b": ("a", "b")}, [("a+b", "a")])
    assert held_out.gain["a+b/a"].interval[0] > 0
    assert held_out.accuracy["a+b"] > held_out.accuracy["a"]


def test_confidence_costs_nothing_once_it_is_calibrated() -> None:
    logits = {"a": head(1.5, 0), "sure": 50 * head(1.5, 0)}
    held_out = measure_held_out(logits, Y, {"a": ("a",), "sure": ("sure",)}, [("a", "sure")])
    assert held_out.gain["a/sure"].value == pytest.approx(0.0, abs=1e-3)
