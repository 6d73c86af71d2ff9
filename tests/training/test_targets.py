"""Soft targets: their cross-entropy is the loss of label smoothing, class weights and mixup."""

import pytest
import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy, one_hot

from fusion_sched.config.instantiate import make
from fusion_sched.config.schema import config_dir
from fusion_sched.training.epoch import unimodal_backward
from fusion_sched.training.targets import SoftTargets, balanced_weights
from fusion_sched.types import Batch, Stage, losses_of
from tests.balancers.test_lfm import level
from tests.balancers.tiny import CLASSES, gradients, network, passes_of, some_batch
from tests.conftest import make_config

WEIGHTS = (0.5, 1.0, 3.0)


def with_targets(batch: Batch, **options: object) -> Batch:
    return SoftTargets(CLASSES, **options)(batch, Generator().manual_seed(0))  # type: ignore[arg-type]


def logits_of(batch: Batch) -> Tensor:
    return network()(batch.inputs).logits


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [(), WEIGHTS])
def test_the_loss_is_that_of_torch(smoothing: float, weights: tuple[float, ...]) -> None:
    batch = some_batch()
    logits = logits_of(batch)
    soft = with_targets(batch, label_smoothing=smoothing, class_weights=weights)
    expected = cross_entropy(
        logits, batch.y, weight=torch.tensor(weights) if weights else None, reduction="none",
        label_smoothing=smoothing,
    ).mean()  # fmt: skip
    torch.testing.assert_close(losses_of({"x": logits}, soft.targets)["x"], expected)


def test_mixup_mixes_inputs_and_targets_alike() -> None:
    batch = some_batch()
    inputs = {**batch.inputs, "picture": torch.randn(12, 3, 4, 4)}
    mixed = with_targets(batch._replace(inputs=inputs), mixup_alpha=0.7)
    assert mixed.soft is not None
    assert torch.equal(mixed.y, batch.y)
    # The share and the partners, read off the targets and one modality, explain the rest.
    share = float(mixed.soft[mixed.soft < 1].max())
    assert 0.5 <= share < 1
    others = (mixed.inputs["m0"] - share * inputs["m0"]) / (1 - share)
    partner = torch.cdist(others, inputs["m0"]).argmin(dim=1)
    assert sorted(partner.tolist()) == list(range(12))
    for m, values in inputs.items():
        torch.testing.assert_close(mixed.inputs[m], share * values + (1 - share) * values[partner])
    labels = one_hot(batch.y, CLASSES).float()
    torch.testing.assert_close(mixed.soft, share * labels + (1 - share) * labels[partner])


def test_mixtures_are_drawn_anew_from_the_generator() -> None:
    targets, generator = SoftTargets(CLASSES, mixup_alpha=1.0), Generator().manual_seed(0)
    first, second = (targets(some_batch(), generator) for _ in range(2))
    again = targets(some_batch(), Generator().manual_seed(0))
    assert torch.equal(first.inputs["m0"], again.inputs["m0"])
    assert not torch.equal(first.inputs["m0"], second.inputs["m0"])


def test_balanced_weights_give_every_class_the_same_part() -> None:
    weights = balanced_weights(torch.tensor([0, 0, 0, 1, 2, 2]), "abc")
    assert weights == pytest.approx((6 / 9, 6 / 3, 6 / 6))
    with pytest.raises(ValueError, match="none of \\['b'\\]; give the weights"):
        balanced_weights(torch.tensor([0, 2]), "abc")


@pytest.mark.parametrize("balancer", sorted(p.stem for p in config_dir().glob("balancer/*.yaml")))
def test_every_balancer_trains_on_the_soft_targets(balancer: str) -> None:
    """One that took the labels would have the same gradients with and without smoothing."""
    method = make(make_config(f"balancer={balancer}"), "balancer")
    batch, found = some_batch(), []
    for data in (batch, with_targets(batch, label_smoothing=0.3)):
        model = level(2) if balancer == "lfm" else network(1 if balancer == "mla" else 2)
        state = method.start_epoch(model, passes_of(model, batch), {})
        method.backward(model, data, state)
        found.append(gradients(model))
    moved = {name for name, gradient in found[0].items() if gradient is not None}
    assert moved
    assert all(not torch.equal(found[0][n], found[1][n]) for n in moved)  # type: ignore[arg-type]


def test_stage_1_trains_on_the_soft_targets() -> None:
    batch, model = some_batch(), network()
    soft = with_targets(batch, label_smoothing=0.3)
    output = unimodal_backward(model, soft, Stage(("m0",)).active)
    logits = model.unimodal_logits(model.encode({"m0": batch.inputs["m0"]}))["m0"]
    expected = cross_entropy(logits, batch.y, label_smoothing=0.3)
    torch.testing.assert_close(output.losses["m0"], expected.detach())
