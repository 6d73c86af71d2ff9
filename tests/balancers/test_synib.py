"""SynIB: the penalty by hand and by numpy, what a mask replaces, and the gradients of a step."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fusion_sched.balancers.synib import SynIB, confidence
from fusion_sched.models.fusion import Average, Concat, FiLM, Hidden
from tests.balancers.tiny import (
    assert_close,
    balanced,
    fused_loss,
    joint_losses,
    network,
    plain,
    some_batch,
    train_whole_and_resumed,
)


def divergence(logits: Tensor) -> float:
    """Mean over the batch of KL(softmax ‖ uniform), term by term."""
    values = logits.detach().double().numpy()
    chances = np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)
    return float((chances * np.log(chances * chances.shape[1])).sum(axis=1).mean())


def test_the_penalty_by_hand() -> None:
    """A sure prediction of one of three classes costs ln 3, an even one nothing."""
    model, batch = network(2, Average), some_batch(2, samples=4)
    outputs = model(batch.inputs)
    with torch.no_grad():
        for head in model.heads.values():
            head.weight.zero_()
            head.bias.zero_()
    assert float(confidence(model, outputs, outputs.embeddings).detach()) == pytest.approx(
        0, abs=1e-6
    )
    with torch.no_grad():
        for head in model.heads.values():
            head.bias[0] = 100.0
    sure = confidence(model, outputs, outputs.embeddings)
    assert float(sure.detach()) == pytest.approx(2 * np.log(3))


def test_a_mask_replaces_features_by_those_of_other_samples() -> None:
    torch.manual_seed(0)
    embeddings = torch.arange(4000.0).reshape(1000, 4)  # a value says its sample and its feature
    masked = SynIB(probability=0.3).masked(embeddings)
    assert torch.equal(masked % 4, embeddings % 4), "each feature stays in its place"
    share = float((masked != embeddings).double().mean())
    assert share == pytest.approx(0.3, abs=0.03)
    whole = SynIB(probability=1.0).masked(embeddings)
    assert torch.equal(whole.sort(dim=0).values, embeddings), "whole samples change places"
    assert not torch.equal(whole, embeddings)


@pytest.mark.parametrize(
    ("modalities", "fusion"), [(2, Concat), (3, Concat), (2, FiLM), (3, Hidden), (2, Average)]
)
def test_a_step_descends_the_fused_loss_and_the_penalty_of_each_modality(
    modalities: int, fusion: Callable[..., nn.Module]
) -> None:
    model, batch, balancer = network(modalities, fusion), some_batch(modalities), SynIB(weight=0.7)

    def penalty(outputs: object) -> Tensor:
        total = torch.zeros(())
        for name, embeddings in outputs.embeddings.items():  # type: ignore[attr-defined]
            logits = model.fuse({**outputs.embeddings, name: balancer.masked(embeddings)}).logits  # type: ignore[attr-defined]
            logs = logits.log_softmax(1)
            total = total + (logs.exp() * (logs + np.log(3))).sum(1).mean()
        return total

    def masked_penalty(outputs: object, y: Tensor) -> Tensor:
        torch.manual_seed(5)
        return penalty(outputs)

    expected, raw = plain(model, batch, masked_penalty), plain(model, batch, fused_loss)
    torch.manual_seed(5)
    gradients = balanced(balancer, model, batch)
    moved = 0.0
    for name, gradient in gradients.items():
        parts = [g for g in (raw[name], expected[name]) if g is not None]
        assert (gradient is None) == (not parts)
        if raw[name] is not None:
            assert expected[name] is not None
            assert_close(gradient, raw[name] + 0.7 * expected[name])
            moved += float(expected[name].abs().sum())
    assert moved > 1e-3, "the masks do something"


def test_the_penalty_of_a_batch_by_numpy() -> None:
    model, batch = network(2, Hidden), some_batch()
    outputs = model(batch.inputs)
    torch.manual_seed(3)
    masked = {m: SynIB(probability=0.5).masked(e) for m, e in outputs.embeddings.items()}
    expected = sum(
        divergence(model.fuse({**outputs.embeddings, m: e}).logits) for m, e in masked.items()
    )
    assert float(confidence(model, outputs, masked).detach()) == pytest.approx(expected, abs=1e-5)


def test_without_weight_it_is_joint_training() -> None:
    model, batch = network(), some_batch()
    expected = plain(model, batch, fused_loss)
    for name, gradient in balanced(SynIB(weight=0), model, batch).items():
        if expected[name] is not None:
            assert_close(gradient, expected[name])


def test_errors() -> None:
    with pytest.raises(ValueError, match="weight=-1"):
        SynIB(weight=-1)
    with pytest.raises(ValueError, match="probability=0"):
        SynIB(probability=0)
    with pytest.raises(ValueError, match="balancer=synib compares modalities"):
        SynIB().check(network(1))


def test_it_trains_and_resumes(tmp_path: Path) -> None:
    losses = joint_losses(
        train_whole_and_resumed(tmp_path, "balancer=synib", "balancer.weight=0.1", "fusion=hidden")
    )
    assert losses[-1] < losses[0]
