"""Diagnosing and re-learning: purity, how far back encoders go, when, and what stays."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fusion_sched.balancers import BalancerState, EvalPasses
from fusion_sched.balancers.relearning import Relearning, majority, mix, purity, purity_gaps
from fusion_sched.balancers.weighted import Weighted
from fusion_sched.models.fusion import Concat
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import FUSED, Predictions
from tests.balancers.tiny import (
    assert_close,
    balanced,
    joint_losses,
    network,
    passes_of,
    some_batch,
    train_whole_and_resumed,
)

Y = np.arange(60) % 3
CENTRES = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])


def blobs(ids: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return points around one of three centres each."""
    return CENTRES[ids] + np.random.default_rng(seed).normal(scale=0.3, size=(len(ids), 2))


def seen(embeddings: dict[str, np.ndarray], y: np.ndarray = Y) -> Predictions:
    logits = {FUSED: torch.zeros(len(y), 3)}
    tensors = {m: torch.from_numpy(e).float() for m, e in embeddings.items()}
    return Predictions(logits, tensors, torch.from_numpy(y))


def mixed_up(share: int) -> np.ndarray:
    """Return the classes, every ``share``-th sample's replaced by the next class."""
    return np.where(np.arange(60) % share == 0, (Y + 1) % 3, Y)


def test_majority_by_hand() -> None:
    """Clusters 0, 0, 1 | 2, 2, 0 | 1: two, two and one of seven."""
    found = majority(np.array([0, 0, 0, 1, 1, 1, 2]), np.array([0, 0, 1, 2, 2, 0, 1]))
    assert found == pytest.approx(5 / 7)


def test_purity_of_clusters_that_are_plain_to_see() -> None:
    assert purity(blobs(Y), Y, 3) == 1
    ids = mixed_up(4)  # who lies with the next class is in the minority there
    assert purity(blobs(ids), Y, 3) == pytest.approx(np.mean(ids == Y)) == pytest.approx(0.75)


def test_purity_does_not_depend_on_the_scale_of_a_feature() -> None:
    stretched = blobs(Y) * [1.0, 1e-3] + [0.0, 5.0]
    assert purity(stretched, Y, 3) == 1


def test_gaps_are_taken_per_modality_and_have_no_sign() -> None:
    train = seen({"a": blobs(Y), "b": blobs(mixed_up(2)), "c": blobs(Y)})
    validation = seen({"a": blobs(mixed_up(4), 1), "b": blobs(Y, 1), "c": blobs(Y, 1)})
    assert purity_gaps(train, validation) == pytest.approx({"a": 0.25, "b": 0.5, "c": 0.0})


def test_mixing_by_hand() -> None:
    encoder = nn.Linear(1, 2)
    nn.init.constant_(encoder.weight, 5.0)
    nn.init.constant_(encoder.bias, -1.0)
    mix(encoder, {"weight": torch.ones(2, 1), "bias": torch.zeros(2)}, 0.25)
    torch.testing.assert_close(encoder.weight.detach(), torch.full((2, 1), 4.0))
    torch.testing.assert_close(encoder.bias.detach(), torch.full((2,), -0.75))


def normed_network() -> MultimodalNetwork:
    """Three modalities whose encoders have statistics too."""
    torch.manual_seed(0)
    sizes = {"a": 2, "b": 3, "c": 4}
    encoders = {m: nn.Sequential(nn.Linear(5, s), nn.BatchNorm1d(s)) for m, s in sizes.items()}
    heads = {m: nn.Linear(s, 3) for m, s in sizes.items()}
    return MultimodalNetwork(encoders, heads, Concat(sizes, 3))


def state_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_encoders_go_back_by_their_gap_and_nothing_else_does() -> None:
    """Gaps 0.25, 0.5 and 0: θ ← tanh(2 g) θ(initial) + (1 - tanh(2 g)) θ."""
    model, balancer = normed_network(), Relearning(every=1, strength=2.0)
    train = seen({"a": blobs(Y), "b": blobs(mixed_up(2)), "c": blobs(Y)})
    validation = seen({"a": blobs(mixed_up(4), 1), "b": blobs(Y, 1), "c": blobs(Y, 1)})
    look = EvalPasses(lambda: train, lambda: validation)
    state, initial = balancer.start_epoch(model, look, {}), state_of(model)
    with torch.no_grad():
        for value in model.state_dict().values():
            value.copy_(3 * value + 1)  # an epoch of training
    trained = state_of(model)
    balancer.start_epoch(model, look, state)
    parameters = dict(model.named_parameters())
    for name, found in model.state_dict().items():
        gap = {"a": 0.25, "b": 0.5}.get(name.split(".")[1], 0.0)
        mixed = name.startswith("encoders.") and name in parameters
        weight = np.tanh(2 * gap) if mixed else 0.0
        expected = weight * initial[name] + (1 - weight) * trained[name]
        torch.testing.assert_close(found.double(), expected.double(), rtol=1e-5, atol=1e-6)
    assert not torch.equal(
        model.state_dict()["encoders.a.0.weight"], trained["encoders.a.0.weight"]
    )


def test_it_diagnoses_every_so_many_epochs_so_many_times() -> None:
    model = network()
    looks: list[int] = []
    epochs: list[BalancerState] = []
    state: BalancerState = {}
    ids = seen({"m0": blobs(Y), "m1": blobs(Y)})

    def train() -> Predictions:
        looks.append(len(epochs))
        return ids

    balancer = Relearning(every=2, times=2)
    for _ in range(9):
        state = balancer.start_epoch(model, EvalPasses(train, lambda: ids), state)
        epochs.append(state)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(1.0)
    assert looks == [2, 4]
    before = state["initial"]["m0"]["weight"]
    # No gap, no way back: nine epochs on, the weights of the beginning are remembered unchanged.
    torch.testing.assert_close(before + 9, model.encoders["m0"].get_parameter("weight").detach())


@pytest.mark.parametrize("modalities", [1, 2, 3])
def test_a_step_is_that_of_weighted(modalities: int) -> None:
    model, batch = network(modalities), some_batch(modalities)
    for knobs in ((1.0, 0.0), (0.5, 0.7)):
        expected = balanced(Weighted(*knobs), model, batch)
        balancer = Relearning(fused_weight=knobs[0], unimodal_weight=knobs[1])
        for name, gradient in balanced(balancer, model, batch).items():
            assert_close(gradient, expected[name])
    assert balanced(Relearning(), model, batch)["heads.m0.weight"] is None


def test_errors() -> None:
    with pytest.raises(ValueError, match="every=0"):
        Relearning(every=0)
    with pytest.raises(ValueError, match="strength=-1"):
        Relearning(strength=-1)
    with pytest.raises(ValueError, match="both weights are 0"):
        Relearning(fused_weight=0)
    with pytest.raises(ValueError, match="split of 2 samples cannot form 3 clusters"):
        purity(blobs(Y)[:2], Y[:2], 3)


def test_the_first_epoch_looks_at_nothing() -> None:
    model, batch = network(), some_batch()
    state = Relearning().start_epoch(model, passes_of(model, batch), {})
    assert state["epoch"] == 0
    assert set(state["initial"]) == set(model.modalities)


def test_it_trains_and_resumes(tmp_path: Path) -> None:
    options = ("balancer=relearning", "balancer.every=1", "encoder=small_cnn",
               "probe.joint_every=9")  # fmt: skip
    losses = joint_losses(train_whole_and_resumed(tmp_path, *options))
    assert all(np.isfinite(losses))
    assert losses[-1] < losses[0]
