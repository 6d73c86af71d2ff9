"""PMR against its equations: prototypes, prototypical cross-entropy, entropy, their weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fusion_sched.balancers.pmr import PMR, closeness, prototypes
from fusion_sched.models.entropy_weighted import entropies
from fusion_sched.types import FUSED, Batch, Predictions
from tests.balancers.tiny import (
    CLASSES,
    assert_close,
    balanced,
    fused_loss,
    joint_losses,
    network,
    passes_of,
    plain,
    predictions_of,
    some_batch,
    train_whole_and_resumed,
)


def softmax(values: np.ndarray) -> np.ndarray:
    parts = np.exp(values)
    return parts / parts.sum(axis=1, keepdims=True)


def by_numpy(near: dict[str, np.ndarray], y: np.ndarray) -> dict[str, tuple[float, float, float]]:
    """Return each modality's (score over the others' mean, PCE, entropy)."""
    chances = {m: softmax(values) for m, values in near.items()}
    right = {m: p[np.arange(len(y)), y] for m, p in chances.items()}
    found = {}
    for m, p in chances.items():
        others = np.mean([right[o].mean() for o in right if o != m])
        pce = -np.log(right[m]).mean()
        found[m] = (right[m].mean() / others, pce, -(p * np.log(p)).sum(axis=1).mean())
    return found


def test_prototypes_are_class_means() -> None:
    model, batch = network(), some_batch()
    seen = predictions_of(model, batch)
    for name, found in prototypes(seen).items():
        embedding = seen.embeddings[name].numpy()
        means = [embedding[batch.y.numpy() == c].mean(axis=0) for c in range(CLASSES)]
        np.testing.assert_allclose(found, means, atol=1e-6)


def test_a_share_of_the_last_prototypes_is_kept() -> None:
    model, batch, balancer = network(), some_batch(), PMR(momentum=0.25)
    look = passes_of(model, batch)
    state = balancer.start_epoch(model, look, {})
    first = prototypes(predictions_of(model, batch))
    assert state["epoch"] == 0
    assert_close(state["prototypes"]["m1"], first["m1"])
    with torch.no_grad():
        model.encoders["m1"].weight.mul_(2)
    now = prototypes(predictions_of(model, batch))
    state = balancer.start_epoch(model, look, state)
    assert state["epoch"] == 1
    assert not torch.equal(now["m1"], first["m1"])
    assert_close(state["prototypes"]["m1"], 0.75 * now["m1"] + 0.25 * first["m1"])


def test_closeness_is_minus_the_distance() -> None:
    embeddings = {"a": torch.tensor([[3.0, 4.0], [0.0, 0.0]])}
    found = closeness(embeddings, {"a": torch.tensor([[0.0, 0.0], [3.0, 0.0]])})
    assert_close(found["a"], torch.tensor([[-5.0, -4.0], [0.0, -3.0]]))


def test_entropy_by_hand() -> None:
    logits = torch.tensor([[0.5, 0.5], [0.9, 0.1]]).log()
    assert float(entropies(logits).mean()) == pytest.approx((0.693147 + 0.325083) / 2, abs=1e-5)


def some_closeness(spread: dict[str, float]) -> tuple[dict[str, Tensor], Tensor]:
    """The larger a modality's spread, the surer it is of the right class."""
    generator = torch.Generator().manual_seed(4)
    y = torch.arange(9) % 3
    noise = {m: torch.randn(9, 3, generator=generator) for m in spread}
    return {m: s * torch.eye(3)[y] - 3 + 0.2 * noise[m] for m, s in spread.items()}, y


@pytest.mark.parametrize("spread", [
    {"a": 1.5, "b": 0.8}, {"a": 0.8, "b": 1.5}, {"a": 4.0, "b": 0.0},
    {"a": 1.5, "b": 0.5, "c": 0.9},
])  # fmt: skip
@pytest.mark.parametrize("epoch", [1, 2])
def test_what_is_added_to_the_fused_loss(spread: dict[str, float], epoch: int) -> None:
    near, y = some_closeness(spread)
    balancer = PMR(alpha=0.7, entropy_weight=0.3, entropy_epochs=2)
    expected, slow = 0.0, 0
    for ratio, pce, uncertainty in by_numpy(
        {m: v.numpy() for m, v in near.items()}, y.numpy()
    ).values():
        expected += 0.7 * np.clip(1 / ratio - 1, 0, 1) * pce
        if epoch < 2:
            expected -= 0.3 * np.clip(ratio - 1, 0, 1) * uncertainty
        slow += ratio < 1
    assert 0 < slow < len(spread)
    assert float(balancer.rebalance(near, Batch({}, y, y), epoch)) == pytest.approx(
        expected, abs=1e-5
    )


def test_both_weights_end_at_1() -> None:
    """a is right with 0.998, b with 1/3 of certainty: the ratio is 3, its excess 2."""
    y = torch.zeros(1, dtype=torch.long)
    near = {"a": torch.tensor([[8.0, 0.0, 0.0]]), "b": torch.zeros(1, 3)}
    found = PMR(alpha=1, entropy_weight=1, entropy_epochs=1).rebalance(near, Batch({}, y, y), 0)
    assert float(found) == pytest.approx(np.log(3) - float(entropies(near["a"]).mean()), abs=1e-6)


@pytest.mark.parametrize("modalities", [2, 3])
def test_only_the_encoders_that_lag_are_drawn_to_their_prototypes(modalities: int) -> None:
    model, batch = network(modalities), some_batch(modalities)
    balancer = PMR(entropy_weight=0)
    expected = plain(model, batch, fused_loss)
    state = balancer.start_epoch(model, passes_of(model, batch), {})
    seen = predictions_of(model, batch)
    near = closeness(seen.embeddings, state["prototypes"])
    found = balanced(balancer, model, batch, state)
    behind = {m for m, (ratio, _, _) in
              by_numpy({m: v.numpy() for m, v in near.items()}, batch.y.numpy()).items()
              if ratio < 1}  # fmt: skip
    assert 0 < len(behind) < modalities
    for name, gradient in expected.items():
        part, modality = name.split(".")[:2]
        if part == "encoders" and modality in behind:
            assert not torch.allclose(found[name], gradient, atol=1e-5)
        else:
            assert_close(found[name], gradient)


def test_the_gradient_is_that_of_the_loss_with_fixed_weights() -> None:
    """Weights and prototypes are constants; the derivative is taken by small differences."""
    model, batch, balancer = network(), some_batch(), PMR(alpha=0.7, entropy_weight=0.3)
    state = balancer.start_epoch(model, passes_of(model, batch), {})
    found = balanced(balancer, model, batch, state)
    y = batch.y.numpy()
    centres = {m: c.double().numpy() for m, c in state["prototypes"].items()}

    def near_of(embedding: np.ndarray, name: str) -> np.ndarray:
        return -np.linalg.norm(embedding[:, None] - centres[name][None], axis=2)

    seen = predictions_of(model, batch)
    near = {m: near_of(e.double().numpy(), m) for m, e in seen.embeddings.items()}
    fixed = {m: ratio for m, (ratio, _, _) in by_numpy(near, y).items()}

    def added(name: str, shift: float) -> float:
        encoder = model.encoders[name]
        weight = encoder.weight.detach().double().numpy().copy()
        weight[1, 2] += shift
        embedding = (
            batch.inputs[name].double().numpy() @ weight.T + encoder.bias.detach().double().numpy()
        )
        chances = softmax(near_of(embedding, name))
        pce = -np.log(chances[np.arange(len(y)), y]).mean()
        uncertainty = -(chances * np.log(chances)).sum(axis=1).mean()
        return float(0.7 * np.clip(1 / fixed[name] - 1, 0, 1) * pce
                     - 0.3 * np.clip(fixed[name] - 1, 0, 1) * uncertainty)  # fmt: skip

    raw = plain(model, batch, fused_loss)
    for name in model.modalities:
        slope = (added(name, 1e-5) - added(name, -1e-5)) / 2e-5
        key = f"encoders.{name}.weight"
        assert abs(slope) > 1e-4
        assert float(found[key][1, 2] - raw[key][1, 2]) == pytest.approx(slope, abs=1e-5)


def test_a_sample_on_its_prototype_has_a_finite_gradient() -> None:
    embedding = torch.zeros(2, 4, requires_grad=True)
    near = closeness({"a": embedding}, {"a": torch.stack([torch.zeros(4), torch.ones(4)])})["a"]
    near.sum().backward()
    assert embedding.grad is not None
    assert embedding.grad.isfinite().all()


def test_errors() -> None:
    with pytest.raises(ValueError, match="alpha is -1"):
        PMR(alpha=-1)
    with pytest.raises(ValueError, match="momentum is 1"):
        PMR(momentum=1)
    model = network(1)
    with pytest.raises(ValueError, match="balancer=pmr compares modalities"):
        PMR().check(model)
    with pytest.raises(ValueError, match=r"no training sample has class \[1\]"):
        prototypes(
            Predictions({FUSED: torch.zeros(2, 3)}, {"a": torch.ones(2, 4)}, torch.tensor([0, 2]))
        )


def test_it_trains_and_resumes(tmp_path: Path) -> None:
    losses = joint_losses(
        train_whole_and_resumed(tmp_path, "balancer=pmr", "balancer.momentum=0.9")
    )
    assert losses[-1] < losses[0]
