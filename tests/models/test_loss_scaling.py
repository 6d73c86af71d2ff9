"""Gradients inside encoders are scaled and come out as they were; an overflow skips the step."""

import pytest
import torch
from torch import Tensor, nn

from fusion_sched.balancers.weighted import Weighted
from fusion_sched.models.loss_scaling import GROWTH_STEPS, LossScale
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.training.gradients import GradientStep
from tests.balancers.tiny import gradients, network, some_batch


def as_fp16(model: MultimodalNetwork) -> MultimodalNetwork:
    """Return a network with the same parts and weights; on a CPU it computes in float32."""
    return MultimodalNetwork(dict(model.encoders), dict(model.heads), model.fusion, "fp16")


def test_gradients_are_scaled_inside_encoders_alone() -> None:
    inside: dict[str, Tensor] = {}

    def watch(name: str, model: MultimodalNetwork) -> MultimodalNetwork:
        def note(module: nn.Module, inputs: object, output: Tensor) -> None:
            output.retain_grad()
            inside[name] = output

        model.encoders["m0"].register_forward_hook(note)
        return model

    plain, scaled = watch("plain", network()), watch("scaled", as_fp16(network()))
    scaled.train_only((), joint=False)  # freezing and thawing leaves the scaling in place
    scaled.requires_grad_(True)
    for model in (plain, scaled):
        Weighted().backward(model, some_batch(), {})
    expected = gradients(plain)
    for name, gradient in gradients(scaled).items():
        assert torch.equal(gradient, expected[name]), name  # type: ignore[arg-type]
    of_plain, of_scaled = (inside[name].grad for name in ("plain", "scaled"))
    assert of_plain is not None
    assert of_scaled is not None
    assert torch.equal(of_scaled, 2**16 * of_plain)


def test_an_overflow_skips_the_step_and_halves_the_scale() -> None:
    model = as_fp16(network())
    assert model.loss_scale is not None
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    Weighted().backward(model, some_batch(), {})
    weight = model.get_parameter("encoders.m0.weight")
    assert weight.grad is not None
    weight.grad[0, 0] = torch.inf
    GradientStep(model, optimizer).add(12)
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert model.loss_scale.scale == 2.0**15


def test_the_scale_grows_after_many_steps() -> None:
    scale, parameter = LossScale(), nn.Parameter(torch.zeros(1))
    parameter.grad = torch.ones(1)
    assert all(scale.adapt([parameter]) for _ in range(GROWTH_STEPS))
    assert scale.scale == 2.0**17
    other = LossScale()
    other.load_state_dict(scale.state_dict())
    assert (other.scale, other.steps) == (scale.scale, 0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="float16 trains on CUDA alone")
def test_small_gradients_survive_in_float16() -> None:
    batch = some_batch()
    device = torch.device("cuda")
    inputs = {m: x.to(device) for m, x in batch.inputs.items()}
    y = batch.y.to(device)
    found = {}
    for precision, model in (("float32", network()), ("fp16", as_fp16(network()))):
        model.to(device)
        loss = 1e-6 * nn.functional.cross_entropy(model(inputs).logits, y)
        loss.backward()  # type: ignore[no-untyped-call]
        found[precision] = gradients(model)["encoders.m0.weight"]
    torch.testing.assert_close(found["fp16"], found["float32"], rtol=0.02, atol=1e-10)
