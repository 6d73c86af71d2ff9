"""OGM and OGM-GE against their equations; the shares of the fused logits they are built on."""

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fusion_sched.balancers.contributions import class_probabilities, contributions, ratios
from fusion_sched.balancers.ogm_ge import OGM
from fusion_sched.models.fusion import Average, Concat, FiLM, Gated, Sum
from fusion_sched.models.network import MultimodalNetwork
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

FUSIONS = [(2, Concat), (2, Sum), (2, Average), (2, FiLM), (2, Gated),
           (3, Concat), (3, Sum), (3, Average)]  # fmt: skip


class Product(nn.Module):
    """Multiplies the modalities, so that none of them has a part of its own."""

    def __init__(self, sizes: Mapping[str, int], classes: int) -> None:
        super().__init__()
        self.linear = nn.ModuleDict({m: nn.Linear(size, classes) for m, size in sizes.items()})

    def forward(self, embeddings: Mapping[str, Tensor], logits: Mapping[str, Tensor]) -> Tensor:
        parts = [layer(embeddings[name]) for name, layer in self.linear.items()]
        return torch.stack(parts).prod(dim=0)


class Normalised(Concat):
    """Has running statistics."""

    def __init__(self, sizes: Mapping[str, int], classes: int) -> None:
        super().__init__(sizes, classes)
        self.norm = nn.BatchNorm1d(classes)

    def forward(self, embeddings: Mapping[str, Tensor], logits: Mapping[str, Tensor]) -> Tensor:
        out: Tensor = self.norm(super().forward(embeddings, logits))
        return out


@torch.no_grad()
def shares_of(model: MultimodalNetwork, modalities: int) -> tuple[dict[str, Tensor], Tensor]:
    outputs = model(some_batch(modalities).inputs)
    return contributions(model, outputs), outputs.logits


@pytest.mark.parametrize("modalities", [2, 3])
def test_of_one_linear_layer_the_shares_are_the_split_made_by_hand(modalities: int) -> None:
    model = network(modalities)
    found, _ = shares_of(model, modalities)
    embeddings = model(some_batch(modalities).inputs).embeddings
    weights = model.fusion.linear.weight.split([e.shape[1] for e in embeddings.values()], dim=1)
    for (name, embedding), weight in zip(embeddings.items(), weights, strict=True):
        by_hand = embedding @ weight.T + model.fusion.linear.bias / modalities
        assert_close(found[name], by_hand.detach())


@pytest.mark.parametrize(("modalities", "fusion"), [*FUSIONS, (3, Product), (4, Product)])
def test_shares_are_means_over_all_orders_and_sum_to_the_logits(
    modalities: int, fusion: Callable[..., nn.Module]
) -> None:
    """Independently: what each modality changes when it enters, over all orders of entry."""
    model = network(modalities, fusion)
    found, logits = shares_of(model, modalities)
    embeddings = {m: e.detach() for m, e in model(some_batch(modalities).inputs).embeddings.items()}

    def value(present: tuple[str, ...]) -> np.ndarray:
        kept = {m: e if m in present else 0 * e for m, e in embeddings.items()}
        out = model.fusion(kept, {m: model.heads[m](e) for m, e in kept.items()})
        return out.detach().numpy() if present else np.zeros_like(out.detach().numpy())

    orders = list(itertools.permutations(embeddings))
    for name in embeddings:
        changes = [value(o[: o.index(name) + 1]) - value(o[: o.index(name)]) for o in orders]
        np.testing.assert_allclose(found[name], np.mean(changes, axis=0), atol=1e-6)
    assert_close(torch.stack(list(found.values())).sum(dim=0), logits)


def test_blanked_embeddings_stay_out_of_running_statistics() -> None:
    model = network(fusion=Normalised)
    outputs = model(some_batch().inputs)
    before = model.fusion.norm.running_mean.clone()
    contributions(model, outputs)
    assert torch.equal(model.fusion.norm.running_mean, before)
    assert model.fusion.training
    assert model.heads.training


def test_factors_of_two_modalities_by_hand() -> None:
    """Probabilities of the right class: 0.8 and 0.4 for a, 0.3 and 0.1 for b; rho = 1.2 / 0.4."""
    y = torch.tensor([0, 1])
    shares = {"a": torch.tensor([[0.8, 0.2], [0.6, 0.4]]).log(),
              "b": torch.tensor([[0.3, 0.7], [0.9, 0.1]]).log()}  # fmt: skip
    assert {
        m: float(r) for m, r in ratios(class_probabilities(shares, y)).items()
    } == pytest.approx({"a": 3, "b": 1 / 3})
    found = OGM(alpha=0.3).factors(shares, y)
    assert float(found["a"]) == pytest.approx(1 - np.tanh(0.9))
    assert float(found["b"]) == 1


def test_with_three_modalities_the_others_mean_is_the_measure() -> None:
    y = torch.zeros(1, dtype=torch.long)
    probabilities = {"a": 0.6, "b": 0.5, "c": 0.1}
    shares = {m: torch.tensor([[p, 1 - p]]).log() for m, p in probabilities.items()}
    found = {m: float(k) for m, k in OGM(alpha=0.5).factors(shares, y).items()}
    assert found == pytest.approx(
        {"a": 1 - np.tanh(0.5 * 0.6 / 0.3), "b": 1 - np.tanh(0.5 * 0.5 / 0.35), "c": 1}
    )


@pytest.mark.parametrize(("modalities", "fusion"), FUSIONS)
def test_encoders_get_k_times_their_plain_gradient(
    modalities: int, fusion: Callable[..., nn.Module]
) -> None:
    model, batch, balancer = network(modalities, fusion), some_batch(modalities), OGM(alpha=0.7)
    expected = plain(model, batch, fused_loss)
    found = balanced(balancer, model, batch)
    factors = balancer.factors(shares_of(model, modalities)[0], batch.y)
    assert min(factors.values()) < 1, "somebody must be ahead for this test to mean anything"
    for name, gradient in expected.items():
        part, _, rest = name.partition(".")
        factor = factors[rest.split(".")[0]] if part == "encoders" else 1
        assert_close(found[name], None if gradient is None else factor * gradient)


def test_noise_is_as_large_as_the_gradient_and_repeats_with_the_seed() -> None:
    model, batch = network(features=3000), some_batch(features=3000)
    without = balanced(OGM(), model, batch)
    raw = plain(model, batch, fused_loss)
    found = []
    for _ in range(2):
        torch.manual_seed(3)
        found.append(balanced(OGM(noise=True), model, batch))
    for name, gradient in without.items():
        if gradient is None:
            continue
        assert torch.equal(found[0][name], found[1][name])
        noise = found[0][name] - gradient
        if name in ("encoders.m0.weight", "encoders.m1.weight"):  # 12,000 and 9,000 numbers
            assert float(noise.std() / raw[name].std()) == pytest.approx(1, abs=0.05)
            assert abs(float(noise.mean())) < 0.05 * float(raw[name].std())
            assert torch.corrcoef(torch.stack([noise.flatten(), gradient.flatten()]))[0, 1] < 0.05
        elif not name.startswith("encoders"):
            assert not noise.any()


def test_only_the_chosen_epochs_are_modulated() -> None:
    model, batch = network(), some_batch()
    balancer = OGM(alpha=0.7, first_epoch=1, last_epoch=2)
    expected = plain(model, batch, fused_loss)
    state, modulated = {}, []
    for _ in range(4):
        state = balancer.start_epoch(model, passes_of(model, batch), state)
        found = balanced(balancer, model, batch, state)
        modulated.append(
            any(not torch.equal(found[n], g) for n, g in expected.items() if g is not None)
        )
    assert modulated == [False, True, True, False]


def test_errors() -> None:
    with pytest.raises(ValueError, match="alpha is -1"):
        OGM(alpha=-1)
    with pytest.raises(ValueError, match="first_epoch is 3, last_epoch 2"):
        OGM(first_epoch=3, last_epoch=2)
    model = network(1)
    with pytest.raises(ValueError, match=r"balancer=ogm compares .* got \['m0'\]"):
        OGM().check(model)


def test_a_step_tells_the_losses_without_gradients() -> None:
    model, batch = network(), some_batch()
    step = OGM().backward(model, batch, {"epoch": 0})
    assert set(step.losses) == set(step.logits) == {"m0", "m1", "fused"}
    assert step.logits["fused"].shape == (12, CLASSES)
    assert float(step.losses["fused"]) == pytest.approx(
        fused_loss(model(batch.inputs), batch.y).item()
    )
    assert not any(t.requires_grad for t in (*step.losses.values(), *step.logits.values()))


@pytest.mark.parametrize("choice", ["ogm", "ogm_ge"])
def test_it_trains_and_resumes(tmp_path: Path, choice: str) -> None:
    """The last modulated epoch is the first: who forgets to count modulates again."""
    events = train_whole_and_resumed(tmp_path, f"balancer={choice}", "balancer.last_epoch=0")
    losses = joint_losses(events)
    assert losses[-1] < losses[0]
