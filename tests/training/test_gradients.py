"""Accumulation, clipping, the moving average and values of one modality, on a tiny network."""

import pytest
import torch
from torch import nn

from fusion_sched.balancers.weighted import Weighted
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.runtime.distributed import SINGLE_PROCESS
from fusion_sched.training.averaging import WeightAverage
from fusion_sched.training.epoch import train_epoch
from fusion_sched.training.gradients import GradientStep
from fusion_sched.training.parameter_groups import parameter_groups
from fusion_sched.types import Batch, Stage
from tests.balancers.tiny import network, some_batch

JOINT = Stage(("m0", "m1"), joint=True)
BATCH = some_batch(samples=24)


def part(start: int, end: int) -> Batch:
    inputs = {m: x[start:end] for m, x in BATCH.inputs.items()}
    return Batch(inputs, BATCH.y[start:end], BATCH.index[start:end])


def backward(model: MultimodalNetwork, batch: Batch) -> object:
    return Weighted().backward(model, batch, {})


def trained(batches: list[Batch], **options: object) -> MultimodalNetwork:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    step = GradientStep(model, optimizer, **options)  # type: ignore[arg-type]
    train_epoch(model, batches, step, JOINT, backward)  # type: ignore[arg-type]
    return model


def assert_same_weights(first: nn.Module, second: nn.Module) -> None:
    torch.testing.assert_close(first.state_dict(), second.state_dict(), rtol=1e-5, atol=1e-7)


def test_accumulated_batches_are_one_larger_batch() -> None:
    small = [part(start, start + 4) for start in range(0, 24, 4)]
    large = [part(0, 12), part(12, 24)]
    assert_same_weights(trained(small, accumulate=3), trained(large))
    assert not torch.allclose(
        trained(small).get_parameter("heads.m0.weight"),
        trained(large).get_parameter("heads.m0.weight"),
    )


def test_batches_left_over_make_a_step_and_weigh_by_their_samples() -> None:
    small = [part(0, 4), part(4, 6), part(6, 12), part(12, 20), part(20, 24)]
    assert_same_weights(trained(small, accumulate=3), trained([part(0, 12), part(12, 24)]))


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_gradient_is_clipped_to_the_norm(accumulate: int) -> None:
    """With a rate of 1 and no momentum, a step is the gradient."""
    lengths = {}
    for norm in (None, 0.01, 1000.0):
        model = network()
        before = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        step = GradientStep(model, optimizer, clip_norm=norm, accumulate=accumulate)
        train_epoch(model, [part(0, 12)] * accumulate, step, JOINT, backward)  # type: ignore[arg-type]
        after = nn.utils.parameters_to_vector(model.parameters())
        lengths[norm] = float((after - before).norm().detach())
    assert lengths[0.01] == pytest.approx(0.01, rel=1e-3)
    assert lengths[None] == pytest.approx(lengths[1000.0]) != pytest.approx(0.01)


def test_the_average_of_the_weights_by_hand() -> None:
    """The average starts at the first weights, and training goes on with its own."""
    model, average = network(), WeightAverage(0.9)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    expected = {name: t.clone() for name, t in model.state_dict().items()}
    raw = expected
    for _ in range(2):
        with average.training_weights(model, SINGLE_PROCESS):
            average.start(model)
            assert all(torch.equal(t, raw[name]) for name, t in model.state_dict().items())
            for batch in (part(0, 12), part(12, 24)):
                step = GradientStep(model, optimizer, average=average)
                train_epoch(model, [batch], step, JOINT, backward)  # type: ignore[arg-type]
                raw = {name: t.clone() for name, t in model.state_dict().items()}
                expected = {n: 0.9 * t + 0.1 * raw[n] for n, t in expected.items()}
        torch.testing.assert_close(dict(model.state_dict()), expected)
        torch.testing.assert_close(average.others, raw)


def test_the_average_of_a_paused_modality_stays() -> None:
    model, average = network(), WeightAverage(0.5)
    average.start(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1
    model.train_only(("m0",), joint=False)
    before = {name: t.clone() for name, t in (average.others or {}).items()}
    average.update(model)
    moved = {n for n, t in (average.others or {}).items() if not torch.equal(t, before[n])}
    assert moved == {n for n in before if ".m0." in n}


def test_the_statistics_of_batch_norm_are_averaged_too() -> None:
    encoders = {"m": nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4))}
    model = MultimodalNetwork(encoders, {"m": nn.Linear(4, 3)}, nn.Identity())
    average = WeightAverage(0.75)
    average.start(model)
    model.train_only(("m",), joint=False)
    model.encode({"m": torch.randn(8, 5) + 3})
    average.update(model)
    name = "encoders.m.1.running_mean"
    others = average.others or {}
    torch.testing.assert_close(others[name], 0.25 * model.state_dict()[name])
    assert others["encoders.m.1.num_batches_tracked"] == 1


def test_values_of_one_modality_reach_its_encoder_and_head() -> None:
    model = network()
    own = {"m1": {"lr": 0.5, "weight_decay": 0.2}}
    groups = parameter_groups(model, own)
    optimizer = torch.optim.SGD(groups, lr=0.1, weight_decay=0.01)
    others, of_m1 = optimizer.param_groups
    assert (others["lr"], others["weight_decay"]) == (0.1, 0.01)
    assert (of_m1["lr"], of_m1["weight_decay"]) == (0.5, 0.2)
    names = {p: name for name, p in model.named_parameters()}
    assert {names[p] for p in of_m1["params"]} == {n for n in names.values() if ".m1." in n}
    assert len(others["params"]) + len(of_m1["params"]) == len(names)
