"""G-Blending: weights from losses at two checkpoints, when they are measured, what they do."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fusion_sched.balancers import BalancerState, EvalPasses
from fusion_sched.balancers.gblending import GBlending, blend, head_losses
from fusion_sched.types import Outputs, Predictions
from tests.balancers.tiny import (
    assert_close,
    balanced,
    gradients,
    joint_losses,
    network,
    passes_of,
    plain,
    predictions_of,
    some_batch,
    train_whole_and_resumed,
)

BEFORE = {"train": {"a": 2.0, "b": 2.0, "fused": 2.0},
          "validation": {"a": 2.1, "b": 2.2, "fused": 2.1},
          "weights": {"a": 0.5, "b": 0.3, "fused": 0.2}}  # fmt: skip


def test_weights_by_hand() -> None:
    """G = 0.5, 0.2, 0.8; O grows from 0.1 to 0.3, 0.2 to 0.3, 0.1 to 0.5: G / O² = 12.5, 20, 5."""
    now = {"train": {"a": 1.3, "b": 1.7, "fused": 0.8},
           "validation": {"a": 1.6, "b": 2.0, "fused": 1.3}}  # fmt: skip
    assert blend(BEFORE, now) == pytest.approx({"a": 1 / 3, "b": 8 / 15, "fused": 2 / 15})


def test_the_weights_are_best_in_the_sense_of_the_paper() -> None:
    """Of all blends with <∇L*, Σ w v> = 1, w has the least E(Σ w error)²."""
    now = {"train": {"a": 1.3, "b": 1.7, "fused": 0.8},
           "validation": {"a": 1.6, "b": 2.0, "fused": 1.3}}  # fmt: skip
    gain, spread = np.array([0.5, 0.2, 0.8]), np.array([0.2, 0.1, 0.4])
    found = np.array(list(blend(BEFORE, now).values()))
    found = found / (found @ gain)
    rng = np.random.default_rng(0)
    for others in rng.normal(size=(2000, 3)):
        other = others / (others @ gain)
        assert (found**2 @ spread**2) <= (other**2 @ spread**2) + 1e-12


def test_a_head_that_gets_worse_has_no_weight() -> None:
    now = {"train": {"a": 1.3, "b": 1.7, "fused": 0.8},
           "validation": {"a": 2.2, "b": 2.0, "fused": 1.3}}  # fmt: skip
    assert blend(BEFORE, now) == pytest.approx({"a": 0.0, "b": 0.8, "fused": 0.2})


def test_if_all_get_worse_the_weights_stay() -> None:
    now = {"train": dict(BEFORE["train"]), "validation": dict.fromkeys(BEFORE["train"], 3.0)}
    assert blend(BEFORE, now) == BEFORE["weights"]


def test_heads_that_do_not_overfit_share_the_weight() -> None:
    before = {"train": {"a": 2.0, "b": 2.0}, "validation": {"a": 2.5, "b": 2.5}, "weights": {}}
    now = {"train": {"a": 1.5, "b": 1.0}, "validation": {"a": 2.0, "b": 2.0}}
    assert blend(before, now) == {"a": 1.0, "b": 0.0}


def test_losses_are_means_over_the_splits() -> None:
    model = network()
    batches = [some_batch(seed=seed) for seed in (1, 2)]
    passes = EvalPasses(*(lambda batch=b: predictions_of(model, batch) for b in batches))
    found = head_losses(passes)
    for split, batch in zip(("train", "validation"), batches, strict=True):
        logits = predictions_of(model, batch).logits["m1"].numpy()
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        expected = -logs[np.arange(len(logits)), batch.y].mean()
        assert found[split]["m1"] == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("modalities", [1, 2, 3])
def test_weights_are_equal_first_and_estimated_every_so_many_epochs(modalities: int) -> None:
    model = network(modalities)
    train, validation = (some_batch(modalities, seed=seed) for seed in (1, 2))
    looks: list[int] = []
    weights: list[dict[str, float]] = []

    def seen() -> Predictions:
        looks.append(len(weights))
        return predictions_of(model, train)

    look, balancer = EvalPasses(seen, lambda: predictions_of(model, validation)), GBlending(every=2)
    state: BalancerState = {}
    for _ in range(5):
        state = balancer.start_epoch(model, look, state)
        weights.append(state["weights"])
        with torch.no_grad():  # no step of training: any other weights will do
            for parameter in model.parameters():
                parameter.mul_(0.8)
    assert looks == [0, 2, 4]
    equal = dict.fromkeys((*model.modalities, "fused"), 1 / (modalities + 1))
    assert weights[0] == weights[1] == equal
    assert weights[2] == weights[3] != weights[1]
    assert all(sum(w.values()) == pytest.approx(1) for w in weights)


def weighted_loss(weights: dict[str, float]) -> object:
    def loss(outputs: Outputs, y: Tensor) -> Tensor:
        logits = outputs.by_head()
        return torch.stack([w * cross_entropy(logits[m], y) for m, w in weights.items()]).sum()

    return loss


def test_a_step_descends_the_weighted_sum() -> None:
    model, batch = network(3), some_batch(3)
    weights = {"m0": 0.1, "m1": 0.2, "m2": 0.3, "fused": 0.4}
    expected = plain(model, batch, weighted_loss(weights))
    found = balanced(GBlending(), model, batch, {"weights": weights})
    for name, gradient in expected.items():
        assert_close(found[name], gradient)


def test_a_head_without_weight_is_left_alone() -> None:
    model, batch = network(), some_batch()
    GBlending().backward(model, batch, {"weights": {"m0": 0.0, "m1": 0.4, "fused": 0.6}})
    still = {name for name, gradient in gradients(model).items() if gradient is None}
    assert still == {"heads.m0.weight", "heads.m0.bias"}


def test_errors() -> None:
    with pytest.raises(ValueError, match="every is 0"):
        GBlending(every=0)


def test_the_first_epoch_begins_with_a_look() -> None:
    model, batch = network(), some_batch()
    state = GBlending().start_epoch(model, passes_of(model, batch), {})
    assert state["epoch"] == 0
    assert set(state["train"]) == {"m0", "m1", "fused"}


def test_it_trains_and_resumes(tmp_path: Path) -> None:
    losses = joint_losses(
        train_whole_and_resumed(tmp_path, "balancer=gblending", "balancer.every=1")
    )
    assert losses[-1] < losses[0]
