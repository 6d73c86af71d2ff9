"""MMPareto: the shortest combination against brute force, and the gradients of a whole step."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fusion_sched.balancers.mmpareto import MMPareto, reconcile
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import Outputs
from tests.balancers.tiny import (
    SHORT,
    assert_close,
    balanced,
    fused_loss,
    joint_losses,
    network,
    plain,
    some_batch,
)
from tests.conftest import run_once


def flat(pieces: list[Tensor]) -> np.ndarray:
    return np.concatenate([piece.numpy().ravel() for piece in pieces])


def two_vectors(seed: int, pull: float) -> tuple[list[Tensor], list[Tensor]]:
    """Two vectors in two pieces; the second is the first times ``pull`` plus something else."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [(3, 2), (4,)]
    first = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
    other = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
    return first, [pull * a + 0.5 * b for a, b in zip(first, other, strict=True)]


@pytest.mark.parametrize("pull", [-1.0, -2.0, -5.0])
@pytest.mark.parametrize("seed", range(4))
def test_in_conflict_the_shortest_combination_at_the_length_of_the_sum(
    seed: int, pull: float
) -> None:
    fused, own = two_vectors(seed, pull)
    g, u = flat(fused), flat(own)
    assert g @ u < 0
    found = flat(reconcile(fused, [a + b for a, b in zip(fused, own, strict=True)]))
    best = minimize_scalar(
        lambda a: np.sum((a * g + (1 - a) * u) ** 2), bounds=(0, 1), method="bounded",
        options={"xatol": 1e-12},
    ).x  # fmt: skip
    shortest = best * g + (1 - best) * u
    expected = shortest / np.linalg.norm(shortest) * np.linalg.norm(g + u)
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.linalg.norm(g + u))
    assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(g + u))
    assert min(found @ g, found @ u) > 0, "both losses fall along it"


def test_of_two_vectors_by_hand() -> None:
    """g = (2, 0), u = (-1, 1): the line between them is nearest to 0 at (0.2, 0.6)."""
    g, u = torch.tensor([2.0, 0.0]), torch.tensor([-1.0, 1.0])
    found = reconcile([g], [g + u])[0]
    expected = torch.tensor([0.2, 0.6]) / np.sqrt(0.4) * np.sqrt(2.0)
    assert_close(found, expected)


@pytest.mark.parametrize("own", [[1.0, 3.0], [0.0, 3.0], [0.0, 0.0]])
def test_in_agreement_the_sum(own: list[float]) -> None:
    g, u = torch.tensor([2.0, 0.0]), torch.tensor(own)
    assert torch.equal(reconcile([g], [g + u])[0], g + u)


@pytest.mark.parametrize("part", [0.5, 0.3, 1.0, 7.0])
def test_opposed_vectors_have_no_common_direction(part: float) -> None:
    g = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(reconcile([g], [g - part * g])[0], torch.zeros(1000))


def own_loss(outputs: Outputs, y: Tensor) -> Tensor:
    return torch.stack([cross_entropy(v, y) for v in outputs.unimodal.values()]).sum()


def at_odds(modalities: int) -> MultimodalNetwork:
    """The first modality's head says nearly the contrary of its part of the fusion layer."""
    model = network(modalities)
    sizes = [encoder.out_features for encoder in model.encoders.values()]
    weights = model.fusion.linear.weight.detach().split(sizes, dim=1)
    for number, (name, weight) in enumerate(zip(model.modalities, weights, strict=True)):
        sign = -1.0 if number == 0 else 1.0
        head = model.heads[name].weight.data
        head.copy_(sign * weight + 0.3 * head)
    return model


@pytest.mark.parametrize("modalities", [2, 3])
def test_a_step_reconciles_each_encoder_alone(modalities: int) -> None:
    model, batch = at_odds(modalities), some_batch(modalities)
    fused, own = plain(model, batch, fused_loss), plain(model, batch, own_loss)
    found = balanced(MMPareto(gamma=1.5), model, batch)
    conflicts = []
    for name in model.modalities:
        keys = [f"encoders.{name}.weight", f"encoders.{name}.bias"]
        g, u = (flat([gradients[key] for key in keys]) for gradients in (fused, own))
        conflicts.append(bool(g @ u < 0))
        expected = g + u
        if g @ u < 0:
            share = (u @ u - g @ u) / ((g - u) @ (g - u))
            direction = share * g + (1 - share) * u
            expected = direction * np.linalg.norm(g + u) / np.linalg.norm(direction)
        np.testing.assert_allclose(flat([found[key] for key in keys]), 1.5 * expected, atol=1e-6)
    assert conflicts == [True, *[False] * (modalities - 1)]
    for key in found:
        if key.startswith("heads"):
            assert_close(found[key], own[key])
        if key.startswith("fusion"):
            assert_close(found[key], fused[key])


class OnlyTheFirst(nn.Module):
    """Leaves the other modalities out."""

    def __init__(self, sizes: Mapping[str, int], classes: int) -> None:
        super().__init__()
        self.first = next(iter(sizes))
        self.linear = nn.Linear(sizes[self.first], classes)

    def forward(self, embeddings: Mapping[str, Tensor], logits: Mapping[str, Tensor]) -> Tensor:
        out: Tensor = self.linear(embeddings[self.first])
        return out


def test_an_encoder_that_the_fusion_leaves_out_follows_its_own_loss() -> None:
    model, batch = network(2, OnlyTheFirst), some_batch()
    own = plain(model, batch, own_loss)
    found = balanced(MMPareto(gamma=2), model, batch)
    for key in ("encoders.m1.weight", "encoders.m1.bias"):
        assert_close(found[key], 2 * own[key])


def test_one_modality_is_enough() -> None:
    model, batch = at_odds(1), some_batch(1)
    assert balanced(MMPareto(), model, batch)["encoders.m0.weight"] is not None


def test_errors() -> None:
    with pytest.raises(ValueError, match="gamma is 0"):
        MMPareto(gamma=0)


def test_it_trains(tmp_path: Path) -> None:
    losses = joint_losses(run_once(tmp_path, *SHORT, "balancer=mmpareto"))
    assert losses[-1] < losses[0]
