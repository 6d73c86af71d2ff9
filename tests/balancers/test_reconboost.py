"""ReconBoost: turns, the loss of a turn by hand, and what trains in each phase."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fusion_sched.balancers.reconboost import ReconBoost
from fusion_sched.models.fusion import Average
from fusion_sched.types import Batch, Outputs
from tests.balancers.tiny import (
    assert_close,
    balanced,
    joint_losses,
    network,
    passes_of,
    plain,
    some_batch,
    train_whole_and_resumed,
)


def labelled(classes: list[int]) -> Batch:
    y = torch.tensor(classes)
    return Batch({}, y, torch.arange(len(y)))


def test_modalities_take_turns_and_all_train_after_each() -> None:
    names = ("a", "b", "c")
    turns = [ReconBoost(alternating=2, rectifying=1).turn(names, epoch) for epoch in range(11)]
    assert turns == ["a", "a", None, "b", "b", None, "c", "c", None, "a", "a"]
    alone = [ReconBoost(alternating=1, rectifying=0).turn(names, epoch) for epoch in range(4)]
    assert alone == ["a", "b", "c", "a"]


def test_the_loss_of_a_turn_by_hand() -> None:
    """The others give the right class 3/4 and 1/2; own probabilities of it are 1/2 and 1/4."""
    logits = {
        "a": torch.tensor([[0.0, 0.0], [np.log(3), 0.0]]),
        "b": torch.tensor([[np.log(1.5), 0.0], [1.0, 0.0]]),
        "c": torch.tensor([[np.log(2.0), 0.0], [-1.0, 0.0]]),
    }
    loss = ReconBoost(reconcilement=0.4).boosting(logits, "a", labelled([0, 1]))
    expected = ((1 - 0.4 * 0.75) * np.log(2) + (1 - 0.4 * 0.5) * np.log(4)) / 2
    assert float(loss) == pytest.approx(expected)


def test_the_loss_is_that_of_the_authors_code_over_a_factor() -> None:
    """-5 y log p + 1.25 y q log p, a mean over the classes, is 5 / classes times ours."""
    generator = torch.Generator().manual_seed(0)
    logits = {m: torch.randn(7, 3, generator=generator) for m in "ab"}
    y = torch.arange(7) % 3
    target = torch.eye(3)[y]
    own, others = logits["a"].log_softmax(1), logits["b"].softmax(1)
    theirs = (-5 * target * own + 1.25 * target * others * own).mean(dim=1).mean()
    ours = ReconBoost(reconcilement=0.25).boosting(logits, "a", labelled(y.tolist()))
    assert float(theirs) == pytest.approx(float(ours) * 5 / 3)


@pytest.mark.parametrize("modalities", [2, 3])
def test_in_its_turn_one_modality_trains_alone(modalities: int) -> None:
    model, batch = network(modalities, Average), some_batch(modalities)

    def own_loss(outputs: Outputs, y: Tensor) -> Tensor:
        others = torch.stack([z for m, z in outputs.unimodal.items() if m != "m1"]).sum(dim=0)
        known = others.detach().softmax(1)[torch.arange(len(y)), y]
        return (
            (1 - 0.25 * known) * cross_entropy(outputs.unimodal["m1"], y, reduction="none")
        ).mean()

    expected = plain(model, batch, own_loss)
    gradients = balanced(ReconBoost(alternating=1, rectifying=0), model, batch, {"epoch": 1})
    for name, gradient in gradients.items():
        assert (gradient is None) == (".m1." not in name)
        if gradient is not None:
            assert_close(gradient, expected[name])


@pytest.mark.parametrize("modalities", [2, 3])
def test_rectification_descends_the_loss_of_the_sum(modalities: int) -> None:
    model, batch = network(modalities, Average), some_batch(modalities)

    def of_sum(outputs: Outputs, y: Tensor) -> Tensor:
        return cross_entropy(modalities * outputs.logits, y)

    expected = plain(model, batch, of_sum)
    gradients = balanced(ReconBoost(alternating=1, rectifying=1), model, batch, {"epoch": 1})
    for name, gradient in gradients.items():
        assert_close(gradient, expected[name])


def test_a_modality_that_is_paused_in_joint_training_has_no_turn() -> None:
    model, batch = network(3, Average), some_batch(3)
    model.train_only(["m0", "m2"], joint=True)
    for epoch, turn in enumerate(["m0", "m2", "m0"]):
        gradients = balanced(ReconBoost(1, 0), model, batch, {"epoch": epoch})
        assert {name.split(".")[1] for name, g in gradients.items() if g is not None} == {turn}


def test_epochs_are_counted() -> None:
    model, batch = network(2, Average), some_batch()
    balancer, state = ReconBoost(), {}
    for epoch in range(3):
        state = balancer.start_epoch(model, passes_of(model, batch), state)
        assert state == {"epoch": epoch}


def test_errors() -> None:
    with pytest.raises(ValueError, match="alternating=0"):
        ReconBoost(alternating=0)
    with pytest.raises(ValueError, match="reconcilement=2"):
        ReconBoost(reconcilement=2)
    with pytest.raises(ValueError, match="balancer=reconboost compares modalities"):
        ReconBoost().check(network(1, Average))
    with pytest.raises(ValueError, match="Concat has parameters"):
        ReconBoost().check(network())


def test_it_trains_and_resumes(tmp_path: Path) -> None:
    options = ("+method=reconboost", "controller=fixed", "controller.epochs=1")
    losses = joint_losses(train_whole_and_resumed(tmp_path, *options))
    assert losses[-1] < losses[0]
