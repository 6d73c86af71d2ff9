"""UMT: the distance from teachers by hand, what a teacher is, and the gradients of a step."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fusion_sched.balancers.umt import UMT
from fusion_sched.models.fusion import Concat
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import Outputs
from tests.balancers.tiny import (
    CLASSES,
    assert_close,
    balanced,
    fused_loss,
    joint_losses,
    network,
    passes_of,
    plain,
    some_batch,
    train_whole_and_resumed,
)


@torch.no_grad()
def drift(model: MultimodalNetwork) -> None:
    """Move all weights, as training would."""
    generator = torch.Generator().manual_seed(7)
    for parameter in model.parameters():
        parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))


@pytest.mark.parametrize("modalities", [1, 2, 3])
def test_a_step_descends_the_fused_loss_and_the_distances(modalities: int) -> None:
    model, batch, balancer = network(modalities), some_batch(modalities), UMT(weight=3.0)
    taught = {m: e.detach() for m, e in model(batch.inputs).embeddings.items()}
    state = balancer.start_epoch(model, passes_of(model, batch), {})
    drift(model)
    assert balancer.start_epoch(model, passes_of(model, batch), state) is state

    def total(outputs: Outputs, y: Tensor) -> Tensor:
        distances = [((e - taught[m]) ** 2).mean() for m, e in outputs.embeddings.items()]
        return fused_loss(outputs, y) + 3.0 * torch.stack(distances).sum()

    expected, raw = plain(model, batch, total), plain(model, batch, fused_loss)
    for name, gradient in balanced(balancer, model, batch, state).items():
        assert_close(gradient, expected[name])
        if name.startswith("encoders"):
            assert not torch.allclose(gradient, raw[name])


def test_the_distance_by_hand() -> None:
    """Weights 1 and a shift of the bias by 2: the squared distance is 4, its slope 2 · 2 / size."""
    model, batch = network(1), some_batch(1)
    balancer = UMT(weight=1.0)
    state = balancer.start_epoch(model, passes_of(model, batch), {})
    with torch.no_grad():
        model.encoders["m0"].bias.add_(2.0)
    raw = plain(model, batch, fused_loss)["encoders.m0.bias"]
    gradient = balanced(balancer, model, batch, state)["encoders.m0.bias"]
    np.testing.assert_allclose((gradient - raw).numpy(), np.full(4, 2 * 2.0 / 4), atol=1e-5)


def test_before_anything_moves_it_is_joint_training() -> None:
    model, batch = network(), some_batch()
    expected = plain(model, batch, fused_loss)
    for name, gradient in balanced(UMT(weight=9.0), model, batch).items():
        assert_close(gradient, expected[name])


def test_a_teacher_keeps_its_statistics_and_the_student_moves_its_own() -> None:
    torch.manual_seed(0)
    sizes = {"m0": 4, "m1": 4}
    encoders = {
        m: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)) for m in sizes
    }
    heads = {m: nn.Linear(4, CLASSES) for m in sizes}
    model = MultimodalNetwork(encoders, heads, Concat(sizes=sizes, classes=CLASSES))
    batch = some_batch()
    model.train_only(["m0"], joint=True)  # m1 is paused and in evaluation mode
    state = UMT().start_epoch(model, passes_of(model, batch), {})
    before = {name: value.clone() for name, value in state["teachers"].items()}
    modes = {name: part.training for name, part in model.named_modules()}
    UMT().backward(model, batch, state)
    assert all(torch.equal(state["teachers"][name], before[name]) for name in before)
    key = "encoders.m0.1.num_batches_tracked"
    assert int(model.state_dict()[key]) == 1, "the student's own pass, and no other"
    assert {name: part.training for name, part in model.named_modules()} == modes


def test_errors() -> None:
    with pytest.raises(ValueError, match="weight is -1"):
        UMT(weight=-1)


def test_it_trains_and_resumes(tmp_path: Path) -> None:
    options = ("+method=umt", "controller.epochs=1", "encoder=small_cnn", "balancer.weight=10")
    losses = joint_losses(train_whole_and_resumed(tmp_path, *options))
    assert losses[-1] < losses[0]
