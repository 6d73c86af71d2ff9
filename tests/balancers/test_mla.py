"""MLA against its recursion: the projection, the shared head's gradient, one round per step."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fusion_sched.balancers.mla import MLA, narrowed
from fusion_sched.models.entropy_weighted import EntropyWeighted
from fusion_sched.models.fusion import Average, Concat
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.runtime import checkpoint
from fusion_sched.types import Batch
from tests.balancers.tiny import balanced, passes_of, some_batch, train_whole_and_resumed
from tests.conftest import of

CLASSES, SIZE = 3, 4


def network(modalities: int = 2, fusion: type[nn.Module] = EntropyWeighted) -> MultimodalNetwork:
    torch.manual_seed(0)
    names = [f"m{i}" for i in range(modalities)]
    encoders = {m: nn.Linear(5, SIZE) for m in names}
    heads = {m: nn.Linear(SIZE, CLASSES) for m in names}
    sizes = dict.fromkeys(names, SIZE)
    return MultimodalNetwork(encoders, heads, fusion(sizes=sizes, classes=CLASSES))


def weights_of(model: MultimodalNetwork, name: str) -> tuple[np.ndarray, ...]:
    """Return an encoder's and a head's weights and biases."""
    parts = (*model.encoders[name].parameters(), *model.heads[name].parameters())
    return tuple(p.detach().double().numpy() for p in parts)


def by_numpy(model: MultimodalNetwork, batch: Batch, name: str) -> tuple[np.ndarray, ...]:
    """Return a modality's mean embedding and its own loss's gradients: head, bias, encoder."""
    encoder, shift, head, bias = weights_of(model, name)
    x = batch.inputs[name].double().numpy()
    embedding = x @ encoder.T + shift
    logits = embedding @ head.T + bias
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    slope = (share - np.eye(CLASSES)[batch.y]) / len(batch.y)
    return embedding.mean(axis=0), slope.T @ embedding, slope.sum(axis=0), (slope @ head).T @ x


def test_the_projection_by_hand() -> None:
    """h = (3, 0), α = 1: diag(1 - 9 / 10, 1), to norm 1."""
    found = narrowed(torch.eye(2), torch.tensor([3.0, 0.0]), alpha=1.0)
    expected = torch.tensor([[0.1, 0.0], [0.0, 1.0]]) / 1.01**0.5
    torch.testing.assert_close(found, expected)


def test_the_projection_is_the_inverse_that_least_squares_asks_for() -> None:
    """Woodbury: P - P h hᵀ P / (α + hᵀ P h) = (P⁻¹ + h hᵀ / α)⁻¹, over many means."""
    rng = np.random.default_rng(0)
    found, expected = torch.eye(SIZE, dtype=torch.float64), np.eye(SIZE)
    for h in rng.normal(size=(20, SIZE)):
        found = narrowed(found, torch.from_numpy(h), alpha=0.1)
        expected = np.linalg.inv(np.linalg.inv(expected) + np.outer(h, h) / 0.1)
        expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("modalities", [1, 2, 3])
def test_the_shared_head_gets_the_sum_of_projected_gradients(modalities: int) -> None:
    """Over three batches, the first gradient plain and each later one past all means before it."""
    model, balancer = network(modalities), MLA(alpha=0.3)
    batches = [some_batch(modalities, seed=seed) for seed in range(3)]
    state = balancer.start_epoch(model, passes_of(model, batches[0]), {})
    projection = np.eye(SIZE)
    for number, batch in enumerate(batches):
        if number == 2:  # an epoch may end in between
            state = balancer.start_epoch(model, passes_of(model, batch), state)
        weight, bias, encoders = np.zeros((CLASSES, SIZE)), np.zeros(CLASSES), {}
        for name in model.modalities:
            h, own, own_bias, encoders[name] = by_numpy(model, batch, name)
            weight, bias = weight + own @ projection, bias + own_bias
            seen = projection @ h
            projection = projection - np.outer(seen, seen) / (0.3 + h @ seen)
            projection /= np.sqrt((projection**2).sum())
        found = balanced(balancer, model, batch, state)
        for name in model.modalities:
            for key, value in (
                (f"heads.{name}.weight", weight),
                (f"heads.{name}.bias", bias),
                (f"encoders.{name}.weight", encoders[name]),
            ):
                gradient = found[key]
                assert gradient is not None
                np.testing.assert_allclose(gradient.numpy(), value, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(state["projection"].numpy(), projection, rtol=1e-4, atol=1e-6)


def test_what_the_head_says_of_the_other_modality_hardly_changes() -> None:
    """The point of P: along the projected gradient the answer to a mean seen before stays."""
    model, batch = network(), some_batch()
    model.encoders["m0"].get_parameter("bias").data += 2  # a mean worth protecting
    MLA().start_epoch(model, passes_of(model, batch), {})
    h, _, _, _ = by_numpy(model, batch, "m0")
    _, own, _, _ = by_numpy(model, batch, "m1")
    projection = narrowed(torch.eye(SIZE, dtype=torch.float64), torch.from_numpy(h), 0.1).numpy()
    assert np.linalg.norm(own @ projection @ h) < 0.02 * np.linalg.norm(own @ h)
    assert np.linalg.norm(own @ projection) > 0.1 * np.linalg.norm(own)


def alternate(model: MultimodalNetwork, batch: Batch, rate: float) -> Tensor:
    """Take the authors' round, a step of descent after each modality; return the head."""
    projection = torch.eye(SIZE, dtype=torch.float64)
    head = model.heads["m0"]
    for name in model.modalities:
        model.zero_grad()
        embedding = model.encoders[name](batch.inputs[name])
        nn.functional.cross_entropy(head(embedding), batch.y).backward()
        for parameter in (*model.encoders[name].parameters(), *head.parameters()):
            assert parameter.grad is not None
            step = parameter.grad
            if parameter is head.weight:
                step = step @ projection.float()
            parameter.data -= rate * step
        projection = narrowed(projection, embedding.detach().double().mean(dim=0), 0.1)
    return head.get_parameter("weight").detach()


def test_a_step_is_a_round_of_alternation_to_first_order() -> None:
    batch, gaps, moves = some_batch(3), [], []
    for rate in (0.2, 0.1):
        model = network(3)
        MLA().start_epoch(model, passes_of(model, batch), {})
        before = model.heads["m0"].get_parameter("weight").detach().clone()
        expected = alternate(copy.deepcopy(model), batch, rate)
        gradient = balanced(MLA(), model, batch)["heads.m0.weight"]
        assert gradient is not None
        gaps.append(float((before - rate * gradient - expected).norm()))
        moves.append(float((rate * gradient).norm()))
    assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.1)
    assert gaps[1] < 0.05 * moves[1]


def test_heads_become_their_mean_once() -> None:
    model, batch = network(3), some_batch(3)
    parts = [weights_of(model, m)[2:] for m in model.modalities]
    state = MLA().start_epoch(model, passes_of(model, batch), {})
    for name in model.modalities:
        for found, own in zip(weights_of(model, name)[2:], zip(*parts, strict=True), strict=True):
            np.testing.assert_allclose(found, np.mean(own, axis=0), rtol=1e-6)
    assert MLA().start_epoch(model, passes_of(model, batch), state) is state


def test_errors() -> None:
    with pytest.raises(ValueError, match="alpha is 0"):
        MLA(alpha=0)
    with_fusion = network(fusion=Concat)
    with pytest.raises(ValueError, match=r"Concat has parameters.*fusion=entropy"):
        MLA().check(with_fusion)
    encoders = {"m0": nn.Linear(5, 4), "m1": nn.Linear(5, 3)}
    sizes = {"m0": 4, "m1": 3}
    heads: dict[str, nn.Module] = {m: nn.Linear(size, CLASSES) for m, size in sizes.items()}
    unequal = MultimodalNetwork(encoders, heads, Average(sizes, CLASSES))
    with pytest.raises(ValueError, match=r"equal size, got \{'m0': 4, 'm1': 3\}; give all"):
        MLA().check(unequal)
    heads["m1"] = nn.Sequential(nn.Linear(3, CLASSES))
    deep = MultimodalNetwork(encoders, heads, Average(sizes, CLASSES))
    with pytest.raises(ValueError, match=r"one linear head.*'m1': 'Sequential'"):
        MLA().check(deep)


@pytest.mark.parametrize("dataset", ["digits_cg", "digits_thirds"])
def test_it_trains_and_resumes_with_one_head(tmp_path: Path, dataset: str) -> None:
    options = ("balancer=mla", "fusion=entropy", "controller=joint", "probe.joint_every=9")
    events = train_whole_and_resumed(tmp_path, *options, f"dataset={dataset}")
    epochs = of(events, "epoch")
    assert all(epochs[-1]["loss"][m] < epochs[0]["loss"][m] for m in epochs[0]["loss"])
    last = checkpoint.load(tmp_path / "whole" / "checkpoint" / "last.pt", torch.device("cpu"))
    heads = [w for key, w in last["model"].items() if key.startswith("heads.") and "weight" in key]
    assert len(heads) == len(of(events, "start")[0]["modalities"])
    assert all(torch.equal(head, heads[0]) for head in heads)
