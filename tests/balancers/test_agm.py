"""AGM against its equations: discrepancy ratios, running means, coefficients, gradients."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fusion_sched.balancers.agm import AGM
from fusion_sched.balancers.contributions import contributions
from fusion_sched.models.fusion import Average, Concat, FiLM, Gated, Sum
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import Batch
from tests.balancers.tiny import (
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


def doubles(values: dict[str, float]) -> dict[str, Tensor]:
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}


def share_losses(model: MultimodalNetwork, batch: Batch) -> dict[str, float]:
    """Mean of -ln softmax(share) at the label, by numpy."""
    with torch.no_grad():
        shares = contributions(model, model(batch.inputs))
    found = {}
    for name, share in shares.items():
        values = share.double().numpy()
        logs = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
        found[name] = -float(logs[np.arange(len(values)), batch.y].mean())
    return found


def test_factors_of_two_modalities_by_hand() -> None:
    """r = exp(s_other - s): a is ahead by 0.5 now and was by 0.2, so it is slowed and b is not."""
    found = AGM(alpha=0.4).factors(doubles({"a": 1.0, "b": 1.5}), doubles({"a": 1.2, "b": 1.4}))
    assert float(found["a"]) == pytest.approx(np.exp(0.4 * (np.exp(0.2) - np.exp(0.5))))
    assert float(found["b"]) == pytest.approx(np.exp(0.4 * (np.exp(-0.2) - np.exp(-0.5))))
    assert found["a"] < 1 < found["b"]


def test_factors_of_three_modalities_are_those_of_the_authors_code() -> None:
    """There r = exp((mean over all three - s) 3 / 2)."""
    losses, means = {"a": 0.4, "b": 1.0, "c": 2.2}, {"a": 0.9, "b": 1.1, "c": 1.0}
    found = AGM(alpha=0.8).factors(doubles(losses), doubles(means))
    for name in losses:
        now, usual = (np.exp(1.5 * (np.mean(list(s.values())) - s[name])) for s in (losses, means))
        assert float(found[name]) == pytest.approx(np.exp(0.8 * (usual - now)))


def test_a_factor_has_an_upper_limit() -> None:
    found = AGM(alpha=0.5).factors(doubles({"a": 9.0, "b": 0.0}), doubles({"a": 0.0, "b": 9.0}))
    assert float(found["a"]) == pytest.approx(np.exp(0.5 * 10))
    assert float(found["b"]) == pytest.approx(0)


@pytest.mark.parametrize("modalities", [2, 3])
def test_of_one_linear_layer_each_encoder_gets_kappa_times_its_gradient(modalities: int) -> None:
    model, batch, balancer = network(modalities), some_batch(modalities), AGM(alpha=0.7)
    expected = plain(model, batch, fused_loss)
    losses = share_losses(model, batch)
    factors = balancer.factors(doubles(losses), doubles(dict.fromkeys(losses, 0.0)))
    assert max(factors.values()) > 1 > min(factors.values())
    found = balanced(balancer, model, batch)
    for name in losses:
        for kind in ("weight", "bias"):
            key = f"encoders.{name}.{kind}"
            assert_close(found[key], factors[name].float() * expected[key])
    # The layer's own gradient: column by column κ of the modality, and their mean for the bias.
    sizes = [encoder.out_features for encoder in model.encoders.values()]
    kappa = torch.stack(list(factors.values())).float()
    columns = kappa.repeat_interleave(torch.tensor(sizes))
    key = "fusion.linear"
    assert_close(found[f"{key}.weight"], columns * expected[f"{key}.weight"])
    assert_close(found[f"{key}.bias"], kappa.mean() * expected[f"{key}.bias"])


@pytest.mark.parametrize(("modalities", "fusion"), [(2, FiLM), (2, Gated), (2, Sum), (3, Average)])
def test_of_any_fusion_gradients_are_those_through_each_share_times_kappa(
    modalities: int, fusion: Callable[..., nn.Module]
) -> None:
    """Independently: dL/dlogits is pulled back through one share at a time."""
    model, batch, balancer = network(modalities, fusion), some_batch(modalities), AGM(alpha=0.7)
    losses = share_losses(model, batch)
    factors = balancer.factors(doubles(losses), doubles(dict.fromkeys(losses, 0.0)))
    found = balanced(balancer, model, batch)
    outputs = model(batch.inputs)
    slope = (outputs.logits.softmax(1) - torch.eye(3)[batch.y]).detach() / len(batch.y)
    total = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for name, share in contributions(model, outputs).items():
        pulled = torch.autograd.grad(
            share, list(model.parameters()), slope, retain_graph=True, materialize_grads=True
        )
        for key, gradient in zip(total, pulled, strict=True):
            total[key] += factors[name].float() * gradient
    for key, gradient in total.items():
        assert_close(torch.zeros_like(gradient) if found[key] is None else found[key], gradient)


def test_the_running_mean_is_that_of_all_steps_and_each_step_sees_the_earlier_ones() -> None:
    model, balancer = network(), AGM(alpha=0.7)
    batches = [some_batch(seed=seed) for seed in range(3)]
    losses = [share_losses(model, batch) for batch in batches]
    state = balancer.start_epoch(model, passes_of(model, batches[0]), {})
    for number, batch in enumerate(batches):
        if number == 2:  # an epoch may end in between
            state = balancer.start_epoch(model, passes_of(model, batch), state)
        past = {m: float(np.mean([s[m] for s in losses[:number]] or [0])) for m in losses[0]}
        expected = balancer.factors(doubles(losses[number]), doubles(past))
        raw = plain(model, batch, fused_loss)
        found = balanced(balancer, model, batch, state)
        key = "encoders.m0.weight"
        assert_close(found[key], expected["m0"].float() * raw[key])
    means = {m: float(mean) for m, mean in state["means"].items()}
    assert means == pytest.approx({m: np.mean([s[m] for s in losses]) for m in means}, abs=1e-6)
    assert state["steps"] == 3


def test_alpha_0_is_plain_joint_training() -> None:
    model, batch = network(fusion=Concat), some_batch()
    expected = plain(model, batch, fused_loss)
    for name, gradient in balanced(AGM(alpha=0), model, batch).items():
        assert_close(gradient, expected[name])


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"alpha is -0\.1"):
        AGM(alpha=-0.1)
    model = network(1)
    with pytest.raises(ValueError, match="balancer=agm compares modalities"):
        AGM().check(model)


def test_it_trains_and_resumes(tmp_path: Path) -> None:
    losses = joint_losses(train_whole_and_resumed(tmp_path, "balancer=agm"))
    assert losses[-1] < losses[0]
